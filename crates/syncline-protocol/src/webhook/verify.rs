//! Verifying what came: Standard Webhooks, spec 004's signature, or both.

use std::fmt;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use aws_lc_rs::{constant_time, hmac};
use thiserror::Error;

use super::base64;
use super::event::EventId;
use super::secret::{Secret, SecretError, SecretKind};
use super::sign::{hmac_key, signed_content, standard_tag};
use crate::limits::{
    WEBHOOK_SECRETS_MAX, WEBHOOK_SIGNATURE_BYTES_MAX, WEBHOOK_SIGNATURES_MAX, WEBHOOK_TOLERANCE_S,
};

/// Names of the headers, as errors tell them.
const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";
const PLAIN_SIGNATURE: &str = "x-webhook-signature";
/// Most digits of a time in seconds: some 30,000 years.
const TIMESTAMP_DIGITS_MAX: usize = 12;
/// Length of an HMAC-SHA256, in bytes.
const TAG_BYTES: usize = 32;

/// The secrets of a receiver, made ready to verify with.
///
/// Each signature that is there must verify: of one that is good nothing follows for the other. A body with
/// none is refused. Of several secrets of a kind any one will do, so that a secret can be replaced
/// without refusing what the former one has signed.
pub struct Verifier {
    symmetric: Vec<hmac::Key>,
    public: Vec<Vec<u8>>,
    plain: Vec<hmac::Key>,
    accept: Accept,
    tolerance_s: u64,
}

/// Which signatures a receiver takes. The headers of others are not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// Standard Webhooks only.
    Standard,
    /// Spec 004's `x-webhook-signature` only. It holds no time: only what remembers event ids sees that
    /// something came before.
    Plain,
    /// Either, and both where both are there.
    Both,
}

/// What came: values of headers as they are, and the bytes of the body.
#[derive(Clone, Copy, Debug, Default)]
pub struct Received<'a> {
    /// Value of `webhook-id`.
    pub id: Option<&'a [u8]>,
    /// Value of `webhook-timestamp`.
    pub timestamp: Option<&'a [u8]>,
    /// Value of `webhook-signature`.
    pub signature: Option<&'a [u8]>,
    /// Value of `x-webhook-signature`.
    pub plain_signature: Option<&'a [u8]>,
    /// The body, before anything has read it.
    pub body: &'a [u8],
}

/// What was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Whether a signature of Standard Webhooks was, and with it id and time.
    pub is_standard: bool,
    /// Whether spec 004's was.
    pub is_plain: bool,
}

/// Why what came was refused. Nothing of it is told but the names of headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// No signature that this receiver takes is there.
    #[error("the request has no signature")]
    Unsigned,
    /// A header is lacking.
    #[error("the header `{header}` is lacking")]
    Lacking {
        /// The header.
        header: &'static str,
    },
    /// A header has another form.
    #[error("the header `{header}` is malformed")]
    Malformed {
        /// The header.
        header: &'static str,
    },
    /// What came was signed too long ago.
    #[error("the request was signed {age_s} s ago; at most {max_s} s are accepted")]
    TooOld {
        /// Its age, in seconds.
        age_s: u64,
        /// Greatest age, in seconds.
        max_s: u64,
    },
    /// What came was signed too far in the future.
    #[error(
        "the request was signed {ahead_s} s ahead of this clock; at most {max_s} s are accepted"
    )]
    TooNew {
        /// How far ahead it is, in seconds.
        ahead_s: u64,
        /// Most that is accepted, in seconds.
        max_s: u64,
    },
    /// The receiver has no secret for a signature that is there.
    #[error("there is no secret to verify the header `{header}` with")]
    NoSecret {
        /// The header.
        header: &'static str,
    },
    /// No signature of the header is one of a known secret.
    #[error("no signature in the header `{header}` was made with a known secret")]
    Signature {
        /// The header.
        header: &'static str,
    },
}

impl VerifyError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unsigned | Self::Lacking { .. } => "WEBHOOK_UNSIGNED",
            Self::Malformed { .. } => "WEBHOOK_HEADER_MALFORMED",
            Self::TooOld { .. } | Self::TooNew { .. } => "WEBHOOK_TIMESTAMP_OUTSIDE",
            Self::NoSecret { .. } => "WEBHOOK_SECRET_LACKING",
            Self::Signature { .. } => "WEBHOOK_SIGNATURE_WRONG",
        }
    }
}

impl Verifier {
    /// Makes secrets ready to verify with. What is accepted follows from their kinds; see
    /// [`accepting`](Self::accepting).
    ///
    /// # Errors
    ///
    /// - [`SecretError::TooMany`] if there are more than [`WEBHOOK_SECRETS_MAX`].
    /// - [`SecretError::KeyPair`] if a signing key has no public key.
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s Secret>) -> Result<Self, SecretError> {
        let (mut symmetric, mut public, mut plain) = (Vec::new(), Vec::new(), Vec::new());
        let mut found = 0;
        for secret in secrets {
            found += 1;
            match secret.kind() {
                SecretKind::Symmetric => symmetric.push(hmac_key(secret)),
                SecretKind::Signing | SecretKind::Verifying => {
                    public.push(secret.public_key().ok_or(SecretError::KeyPair)?);
                }
                SecretKind::Plain => plain.push(hmac_key(secret)),
            }
        }
        if found > WEBHOOK_SECRETS_MAX {
            return Err(SecretError::TooMany { found, max: WEBHOOK_SECRETS_MAX });
        }
        let is_standard = !symmetric.is_empty() || !public.is_empty();
        let accept = match (is_standard, plain.is_empty()) {
            (true, true) => Accept::Standard,
            (false, false) => Accept::Plain,
            _ => Accept::Both,
        };
        Ok(Self { symmetric, public, plain, accept, tolerance_s: WEBHOOK_TOLERANCE_S })
    }

    /// Takes other signatures than those that the kinds of the secrets say.
    #[must_use]
    pub fn accepting(self, accept: Accept) -> Self {
        Self { accept, ..self }
    }

    /// Takes another difference of clocks than five minutes, in seconds; it is allowed both ways.
    #[must_use]
    pub fn with_tolerance_s(self, tolerance_s: u64) -> Self {
        Self { tolerance_s, ..self }
    }

    /// Returns whether it takes spec 004's signature, which holds no time and covers no id.
    pub const fn takes_plain(&self) -> bool {
        !self.plain.is_empty() && !matches!(self.accept, Accept::Standard)
    }

    /// Verifies every signature that is there and accepted. Comparisons take the same time whatever differs.
    ///
    /// - `now_s`: seconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// [`VerifyError`]: the request is to be refused, with its code and nothing more.
    pub fn verify(&self, received: &Received<'_>, now_s: u64) -> Result<Verified, VerifyError> {
        let is_standard = received.signature.is_some() && self.accept != Accept::Plain;
        let is_plain = received.plain_signature.is_some() && self.accept != Accept::Standard;
        if !is_standard && !is_plain {
            return Err(VerifyError::Unsigned);
        }
        if is_standard {
            self.verify_standard(received, now_s)?;
        }
        if is_plain {
            self.verify_plain(received)?;
        }
        Ok(Verified { is_standard, is_plain })
    }

    fn verify_standard(&self, received: &Received<'_>, now_s: u64) -> Result<(), VerifyError> {
        let lacking = |header| VerifyError::Lacking { header };
        let id = received.id.ok_or(lacking(ID))?;
        let timestamp = received.timestamp.ok_or(lacking(TIMESTAMP))?;
        let signature = received.signature.ok_or(lacking(SIGNATURE))?;
        if self.symmetric.is_empty() && self.public.is_empty() {
            return Err(VerifyError::NoSecret { header: SIGNATURE });
        }
        if !std::str::from_utf8(id).is_ok_and(|text| EventId::new(text).is_ok()) {
            return Err(VerifyError::Malformed { header: ID });
        }
        self.check_time(timestamp, now_s)?;
        let signatures = signatures(signature)?;
        let is_ours = self.is_symmetric(id, timestamp, received.body, &signatures)
            || self.is_asymmetric(id, timestamp, received.body, &signatures);
        is_ours.then_some(()).ok_or(VerifyError::Signature { header: SIGNATURE })
    }

    fn check_time(&self, timestamp: &[u8], now_s: u64) -> Result<(), VerifyError> {
        let malformed = VerifyError::Malformed { header: TIMESTAMP };
        let is_number = timestamp.iter().all(u8::is_ascii_digit);
        if !is_number || !(1..=TIMESTAMP_DIGITS_MAX).contains(&timestamp.len()) {
            return Err(malformed);
        }
        let at_s = std::str::from_utf8(timestamp).ok().and_then(|text| text.parse().ok());
        let at_s: u64 = at_s.ok_or(malformed)?;
        let max_s = self.tolerance_s;
        let (age_s, ahead_s) = (now_s.saturating_sub(at_s), at_s.saturating_sub(now_s));
        match (age_s > max_s, ahead_s > max_s) {
            (true, _) => Err(VerifyError::TooOld { age_s, max_s }),
            (_, true) => Err(VerifyError::TooNew { ahead_s, max_s }),
            _ => Ok(()),
        }
    }

    fn is_symmetric(&self, id: &[u8], timestamp: &[u8], body: &[u8], found: &[Found]) -> bool {
        self.symmetric.iter().any(|key| {
            let tag = standard_tag(key, id, timestamp, body);
            let mut given = found.iter().filter(|one| !one.is_asymmetric);
            given.any(|one| is_same(tag.as_ref(), &one.bytes))
        })
    }

    fn is_asymmetric(&self, id: &[u8], timestamp: &[u8], body: &[u8], found: &[Found]) -> bool {
        if self.public.is_empty() || !found.iter().any(|one| one.is_asymmetric) {
            return false;
        }
        let content = signed_content(id, timestamp, body);
        let mut given = found.iter().filter(|one| one.is_asymmetric);
        given.any(|one| {
            let is_by = |key: &Vec<u8>| {
                UnparsedPublicKey::new(&ED25519, key).verify(&content, &one.bytes).is_ok()
            };
            self.public.iter().any(is_by)
        })
    }

    fn verify_plain(&self, received: &Received<'_>) -> Result<(), VerifyError> {
        let header = PLAIN_SIGNATURE;
        let value = received.plain_signature.ok_or(VerifyError::Lacking { header })?;
        if self.plain.is_empty() {
            return Err(VerifyError::NoSecret { header });
        }
        let given = hex_tag(value).ok_or(VerifyError::Malformed { header })?;
        let is_by = |key| is_same(hmac::sign(key, received.body).as_ref(), &given);
        let is_ours = self.plain.iter().any(is_by);
        is_ours.then_some(()).ok_or(VerifyError::Signature { header })
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("symmetric", &self.symmetric.len())
            .field("public", &self.public.len())
            .field("plain", &self.plain.len())
            .field("accept", &self.accept)
            .field("tolerance_s", &self.tolerance_s)
            .finish()
    }
}

/// A signature of a version that is known.
struct Found {
    is_asymmetric: bool,
    bytes: Vec<u8>,
}

/// Reads a list of signatures. Those of unknown versions are left out: a sender may know more than we do.
fn signatures(value: &[u8]) -> Result<Vec<Found>, VerifyError> {
    let malformed = VerifyError::Malformed { header: SIGNATURE };
    if value.len() > WEBHOOK_SIGNATURE_BYTES_MAX {
        return Err(malformed);
    }
    let text = std::str::from_utf8(value).map_err(|_| malformed)?;
    let mut found = Vec::new();
    for (index, one) in text.split(' ').filter(|one| !one.is_empty()).enumerate() {
        let (version, encoded) = one.split_once(',').ok_or(malformed)?;
        let is_asymmetric = match version {
            _ if index >= WEBHOOK_SIGNATURES_MAX => return Err(malformed),
            "v1" => false,
            "v1a" => true,
            _ => continue,
        };
        let bytes = base64::decode(encoded).ok_or(malformed)?;
        found.push(Found { is_asymmetric, bytes });
    }
    Ok(found)
}

/// Reads an HMAC in hexadecimal digits, small or capital, with or without `sha256=` in front.
fn hex_tag(value: &[u8]) -> Option<Vec<u8>> {
    let digits = value.strip_prefix(b"sha256=").unwrap_or(value);
    if digits.len() != 2 * TAG_BYTES {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    digits.chunks(2).map(pair).collect()
}

fn is_same(one: &[u8], other: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(one, other).is_ok()
}

#[cfg(test)]
mod tests;
