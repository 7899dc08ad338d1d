//! What is signed and verified with. No secret is ever shown unless somebody asks for just that.

use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use thiserror::Error;
use zeroize::Zeroizing;

use super::base64;
use crate::limits::{
    WEBHOOK_PLAIN_SECRET_BYTES_MAX, WEBHOOK_SECRET_BYTES_MAX, WEBHOOK_SECRET_BYTES_MIN,
};

const SYMMETRIC_PREFIX: &str = "whsec_";
const SIGNING_PREFIX: &str = "whsk_";
const VERIFYING_PREFIX: &str = "whpk_";
/// Length of an Ed25519 seed and of a public key, in bytes.
const ED25519_BYTES: usize = 32;

/// A secret of an endpoint or a receiver, of one of four kinds.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    kind: SecretKind,
    /// The key itself: random bytes, the seed of a key pair, a public key, or the plain text.
    key: Zeroizing<Vec<u8>>,
}

/// What a secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecretKind {
    /// `whsec_`: signs and verifies `v1`, HMAC-SHA256.
    Symmetric,
    /// `whsk_`: signs `v1a`, Ed25519, and verifies it.
    Signing,
    /// `whpk_`: verifies `v1a` and signs nothing.
    Verifying,
    /// Any text: signs and verifies spec 004's `x-webhook-signature`.
    Plain,
}

/// Why a text is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The text begins with none of the known prefixes.
    #[error("a secret begins with `whsec_`, `whsk_` or `whpk_`")]
    Prefix,
    /// What stands behind the prefix is not base64.
    #[error("what stands behind the prefix of a secret is base64")]
    Base64,
    /// The key is too short or too long.
    #[error("the secret has {found} bytes, expected {min} to {max}")]
    Length {
        /// Length of the key, in bytes.
        found: usize,
        /// Least length, in bytes.
        min: usize,
        /// Greatest length, in bytes.
        max: usize,
    },
    /// The two halves of a signing key do not belong together.
    #[error("the two halves of the signing key are not a key pair")]
    KeyPair,
    /// A secret that only verifies was given to sign with.
    #[error("a `whpk_` secret verifies and signs nothing")]
    SignsNothing,
    /// There are more secrets than one endpoint or receiver has.
    #[error("{found} secrets given, at most {max} are used")]
    TooMany {
        /// How many there are.
        found: usize,
        /// Most that are used.
        max: usize,
    },
}

impl SecretError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Prefix
            | Self::Base64
            | Self::Length { .. }
            | Self::KeyPair
            | Self::SignsNothing
            | Self::TooMany { .. } => "WEBHOOK_SECRET_INVALID",
        }
    }
}

impl Secret {
    /// Reads a secret with a prefix: `whsec_`, `whsk_` or `whpk_`, then base64.
    ///
    /// A signing key is a seed of 32 bytes, or the seed and the public key behind it (64 bytes).
    ///
    /// # Errors
    ///
    /// [`SecretError`]; it says what would have been right and nothing of the text.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let prefixes = [
            (SYMMETRIC_PREFIX, SecretKind::Symmetric),
            (SIGNING_PREFIX, SecretKind::Signing),
            (VERIFYING_PREFIX, SecretKind::Verifying),
        ];
        let found = prefixes
            .into_iter()
            .find_map(|(prefix, kind)| Some((kind, text.strip_prefix(prefix)?)));
        let (kind, encoded) = found.ok_or(SecretError::Prefix)?;
        let (min, max) = match kind {
            SecretKind::Symmetric => (WEBHOOK_SECRET_BYTES_MIN, WEBHOOK_SECRET_BYTES_MAX),
            SecretKind::Signing => (ED25519_BYTES, 2 * ED25519_BYTES),
            SecretKind::Verifying | SecretKind::Plain => (ED25519_BYTES, ED25519_BYTES),
        };
        let length = |found| SecretError::Length { found, min, max };
        if encoded.len() > max.div_ceil(3) * 4 {
            return Err(length(encoded.len() / 4 * 3));
        }
        let mut key = Zeroizing::new(base64::decode(encoded).ok_or(SecretError::Base64)?);
        if !(min..=max).contains(&key.len()) {
            return Err(length(key.len()));
        }
        if kind == SecretKind::Signing {
            key = seed(&key).ok_or(match key.len() {
                ED25519_BYTES | 64 => SecretError::KeyPair,
                found => length(found),
            })?;
        }
        Ok(Self { kind, key })
    }

    /// Takes any text as a plain secret of spec 004; its bytes are the key.
    ///
    /// # Errors
    ///
    /// [`SecretError::Length`] if it is empty or too long.
    pub fn plain(text: &str) -> Result<Self, SecretError> {
        let (found, max) = (text.len(), WEBHOOK_PLAIN_SECRET_BYTES_MAX);
        if !(1..=max).contains(&found) {
            return Err(SecretError::Length { found, min: 1, max });
        }
        Ok(Self { kind: SecretKind::Plain, key: Zeroizing::new(text.as_bytes().to_vec()) })
    }

    /// Makes a `whsec_` secret of random bytes.
    pub fn symmetric(random: [u8; 32]) -> Self {
        Self { kind: SecretKind::Symmetric, key: Zeroizing::new(random.to_vec()) }
    }

    /// Makes a `whsk_` secret of random bytes.
    pub fn signing(random: [u8; 32]) -> Self {
        Self { kind: SecretKind::Signing, key: Zeroizing::new(random.to_vec()) }
    }

    /// Returns what the secret is for.
    pub const fn kind(&self) -> SecretKind {
        self.kind
    }

    /// Returns the text of the secret itself, to be shown once or kept sealed. [`parse`](Self::parse), or
    /// [`plain`](Self::plain) for a plain one, reads it back. It is wiped from memory when it is dropped.
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(match self.kind {
            SecretKind::Symmetric => with_prefix(SYMMETRIC_PREFIX, &self.key),
            SecretKind::Signing => {
                let public = self.public_key().unwrap_or_default();
                let pair = Zeroizing::new([self.key.as_slice(), &public].concat());
                with_prefix(SIGNING_PREFIX, &pair)
            }
            SecretKind::Verifying => with_prefix(VERIFYING_PREFIX, &self.key),
            SecretKind::Plain => String::from_utf8_lossy(&self.key).into_owned(),
        })
    }

    /// Returns the public half of a key pair, for receivers; nothing of other kinds.
    pub fn verifying(&self) -> Option<Self> {
        let key = Zeroizing::new(self.public_key()?);
        Some(Self { kind: SecretKind::Verifying, key })
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    pub(super) fn key_pair(&self) -> Option<Ed25519KeyPair> {
        let is_pair = self.kind == SecretKind::Signing;
        is_pair.then(|| Ed25519KeyPair::from_seed_unchecked(&self.key).ok()).flatten()
    }

    /// Returns the public key of a secret that verifies `v1a`.
    pub fn public_key(&self) -> Option<Vec<u8>> {
        match self.kind {
            SecretKind::Verifying => Some(self.key.to_vec()),
            SecretKind::Signing => self.key_pair().map(|pair| pair.public_key().as_ref().to_vec()),
            SecretKind::Symmetric | SecretKind::Plain => None,
        }
    }
}

/// Returns the seed of a signing key: all of it, or the first half if the second is its public key.
fn seed(key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let seed = key.get(..ED25519_BYTES)?;
    let public = key.get(ED25519_BYTES..)?;
    if !public.is_empty() {
        Ed25519KeyPair::from_seed_and_public_key(seed, public).ok()?;
    }
    Some(Zeroizing::new(seed.to_vec()))
}

fn with_prefix(prefix: &str, key: &[u8]) -> String {
    let mut text = String::with_capacity(prefix.len() + key.len().div_ceil(3) * 4);
    text.push_str(prefix);
    base64::encode_into(key, &mut text);
    text
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({:?})", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTOR: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    fn text(prefix: &str, bytes: usize) -> String {
        with_prefix(prefix, &vec![7; bytes])
    }

    #[test]
    fn a_secret_is_of_a_known_kind_and_length_or_none() {
        let length = |found, min, max| Err(SecretError::Length { found, min, max });
        let pair = Secret::signing([7; 32]);
        let (both, public) = (pair.expose().to_string(), pair.verifying().unwrap().expose());
        let mut torn = both.clone().into_bytes();
        torn[70] = if torn[70] == b'A' { b'B' } else { b'A' };
        let torn = String::from_utf8(torn).unwrap();
        #[rustfmt::skip]
        let cases = [
            ("the vector",           VECTOR.to_owned(),               Ok(SecretKind::Symmetric)),
            ("without padding",      "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(), Ok(SecretKind::Symmetric)),
            ("the shortest",         text("whsec_", 24),              Ok(SecretKind::Symmetric)),
            ("the longest",          text("whsec_", 64),              Ok(SecretKind::Symmetric)),
            ("too short",            text("whsec_", 23),              length(23, 24, 64)),
            ("too long",             text("whsec_", 65),              length(65, 24, 64)),
            ("far too long",         text("whsec_", 1 << 20),         length((1 << 20) / 3 * 3 + 3, 24, 64)),
            ("a seed",               text("whsk_", 32),               Ok(SecretKind::Signing)),
            ("a key pair",           both,                            Ok(SecretKind::Signing)),
            ("halves of two pairs",  torn,                            Err(SecretError::KeyPair)),
            ("half a pair more",     text("whsk_", 48),               length(48, 32, 64)),
            ("a public key",         public.to_string(),              Ok(SecretKind::Verifying)),
            ("a short public key",   text("whpk_", 31),               length(31, 32, 32)),
            ("no base64",            "whsec_C2FVsBQIhrscChlQIMV-b5sSYspob7oD".to_owned(), Err(SecretError::Base64)),
            ("white space",          format!("{VECTOR}\n"),           Err(SecretError::Base64)),
            ("no prefix",            "C2FVsBQIhrscChlQIMV+b5sSYspob7oD".to_owned(), Err(SecretError::Prefix)),
            ("nothing",              String::new(),                   Err(SecretError::Prefix)),
        ];
        for (name, text, expected) in cases {
            assert_eq!(Secret::parse(&text).map(|secret| secret.kind()), expected, "case: {name}");
        }
        assert_eq!(Secret::plain("").map(|_| SecretKind::Plain), length(0, 1, 1_024));
        assert_eq!(
            Secret::plain(&"x".repeat(1_025)).map(|_| SecretKind::Plain),
            length(1_025, 1, 1_024)
        );
    }

    #[test]
    fn a_secret_that_was_asked_for_is_read_back() {
        let pair = Secret::signing([9; 32]);
        for secret in [Secret::symmetric([3; 32]), pair.clone(), pair.verifying().unwrap()] {
            assert_eq!(Secret::parse(&secret.expose()), Ok(secret));
        }
        let plain = Secret::plain("your-webhook-secret-here").unwrap();
        assert_eq!(Secret::plain(&plain.expose()), Ok(plain));
    }

    #[test]
    fn a_secret_shows_nothing_of_itself() {
        let plain = Secret::plain("canary-of-a-secret").unwrap();
        assert_eq!(format!("{plain:?}"), "Secret(Plain)");
        let secret = Secret::parse(VECTOR).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(Symmetric)");
        let error = Secret::parse("whsec_canary_of_a_secret").unwrap_err();
        assert!(!format!("{error:?} {error}").contains("canary"));
    }
}
