//! Signing what is sent: Standard Webhooks with every active secret, and spec 004's signature.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::Ed25519KeyPair;

use super::base64;
use super::secret::{Secret, SecretError, SecretKind};
use crate::limits::WEBHOOK_SECRETS_MAX;

/// The secrets of an endpoint, made ready to sign with.
///
/// While a secret is being replaced both are given: every one of the Standard Webhooks signs, so that a
/// receiver who knows either verifies. Spec 004's header has room for one signature; the first plain
/// secret signs it.
pub struct Signer {
    symmetric: Vec<hmac::Key>,
    pairs: Vec<Ed25519KeyPair>,
    plain: Option<hmac::Key>,
}

impl Signer {
    /// Makes secrets ready to sign with, in the order in which their signatures are to stand.
    ///
    /// # Errors
    ///
    /// - [`SecretError::SignsNothing`] if one of them only verifies.
    /// - [`SecretError::TooMany`] if there are more than [`WEBHOOK_SECRETS_MAX`].
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s Secret>) -> Result<Self, SecretError> {
        let mut signer = Self { symmetric: Vec::new(), pairs: Vec::new(), plain: None };
        let mut found = 0;
        for secret in secrets {
            found += 1;
            match secret.kind() {
                SecretKind::Symmetric => signer.symmetric.push(hmac_key(secret)),
                SecretKind::Signing => {
                    signer.pairs.push(secret.key_pair().ok_or(SecretError::KeyPair)?);
                }
                SecretKind::Verifying => return Err(SecretError::SignsNothing),
                SecretKind::Plain => {
                    signer.plain.get_or_insert_with(|| hmac_key(secret));
                }
            }
        }
        match found {
            0..=WEBHOOK_SECRETS_MAX => Ok(signer),
            _ => Err(SecretError::TooMany { found, max: WEBHOOK_SECRETS_MAX }),
        }
    }

    /// Returns whether anything is signed as Standard Webhooks says.
    pub fn is_standard(&self) -> bool {
        !self.symmetric.is_empty() || !self.pairs.is_empty()
    }

    /// Returns whether anything is signed as spec 004 says.
    pub fn is_plain(&self) -> bool {
        self.plain.is_some()
    }

    /// Returns the value of `webhook-signature`; empty without a secret of Standard Webhooks.
    ///
    /// - `id`: without a `.`, see [`EventId`](super::event::EventId).
    /// - `timestamp_s`: time of this attempt, in seconds since the Unix epoch.
    pub fn signature(&self, id: &str, timestamp_s: u64, body: &[u8]) -> String {
        let mut value = String::new();
        self.write_signature(id, timestamp_s, body, &mut value);
        value
    }

    /// Appends the value of `webhook-signature`; see [`signature`](Self::signature).
    pub fn write_signature(&self, id: &str, timestamp_s: u64, body: &[u8], value: &mut String) {
        let timestamp = timestamp_s.to_string();
        let mut is_first = true;
        let mut begin = |value: &mut String, version: &str| {
            if !std::mem::take(&mut is_first) {
                value.push(' ');
            }
            value.push_str(version);
        };
        for key in &self.symmetric {
            begin(value, "v1,");
            let tag = standard_tag(key, id.as_bytes(), timestamp.as_bytes(), body);
            base64::encode_into(tag.as_ref(), value);
        }
        if self.pairs.is_empty() {
            return;
        }
        let content = signed_content(id.as_bytes(), timestamp.as_bytes(), body);
        for pair in &self.pairs {
            begin(value, "v1a,");
            base64::encode_into(pair.sign(&content).as_ref(), value);
        }
    }

    /// Returns the value of spec 004's `x-webhook-signature`, if there is a plain secret.
    pub fn plain_signature(&self, body: &[u8]) -> Option<String> {
        let mut value = String::new();
        self.write_plain_signature(body, &mut value).then_some(value)
    }

    /// Appends the value of `x-webhook-signature` and returns true, if there is a plain secret.
    pub fn write_plain_signature(&self, body: &[u8], value: &mut String) -> bool {
        let Some(key) = &self.plain else { return false };
        let tag = hmac::sign(key, body);
        let digits = tag.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
        value.extend(digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)));
        true
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("symmetric", &self.symmetric.len())
            .field("pairs", &self.pairs.len())
            .field("plain", &self.plain.is_some())
            .finish()
    }
}

/// Makes a secret ready for HMAC-SHA256.
pub(super) fn hmac_key(secret: &Secret) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.key())
}

/// Returns the HMAC of what Standard Webhooks signs, without putting it together.
pub(super) fn standard_tag(key: &hmac::Key, id: &[u8], timestamp: &[u8], body: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    for part in [id, b".", timestamp, b".", body] {
        context.update(part);
    }
    context.sign()
}

/// Returns what Standard Webhooks signs: `{id}.{timestamp}.{body}`.
pub(super) fn signed_content(id: &[u8], timestamp: &[u8], body: &[u8]) -> Vec<u8> {
    [id, timestamp, body].join(&b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Body of the test vector for spec 004's own signature.
    const PLAIN_BODY: &str = concat!(
        r#"{"id":"event-123","type":"enrollment.created","resourceId":"enrollment-123","#,
        r#""resourceType":"enrollment","data":{"status":"active"},"#,
        r#""timestamp":"2024-01-31T12:00:00.000Z","retryCount":0,"status":"pending"}"#
    );

    #[test]
    fn the_vector_of_standard_webhooks_holds() {
        let secret = Secret::parse("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
        let signed = Signer::new([&secret]).unwrap().signature(
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            1_649_367_553,
            br#"{"email":"test@example.com","username":"test_user"}"#,
        );
        assert_eq!(signed, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
    }

    #[test]
    fn the_vector_of_spec_004_holds() {
        let secret = Secret::plain("your-webhook-secret-here").unwrap();
        let signer = Signer::new([&secret]).unwrap();
        assert_eq!(PLAIN_BODY.len(), 204);
        assert_eq!(
            signer.plain_signature(PLAIN_BODY.as_bytes()).as_deref(),
            Some("03af6a787cfae486312cfaaaffe53914b1422cfcbe84c1ea7e30d4161b12277c")
        );
        assert_eq!(signer.signature("a", 1, b""), "");
    }

    #[test]
    fn the_vector_of_rfc_8032_is_signed_by_a_seed() {
        // RFC 8032 §7.1, test 3: the seed, and the signature of two bytes.
        let seed = [
            0xc5, 0xaa, 0x8d, 0xf4, 0x3f, 0x9f, 0x83, 0x7b, 0xed, 0xb7, 0x44, 0x2f, 0x31, 0xdc,
            0xb7, 0xb1, 0x66, 0xd3, 0x85, 0x35, 0x07, 0x6f, 0x09, 0x4b, 0x85, 0xce, 0x3a, 0x2e,
            0x0b, 0x44, 0x58, 0xf7,
        ];
        let pair = Secret::signing(seed).key_pair().unwrap();
        let signed = pair.sign(&[0xaf, 0x82]);
        assert_eq!(
            base64::encode(signed.as_ref()),
            "YpHWV97sJAJIJ+acOr4BowzlSKKEdDpEXjaA19taw6wY/5tTjRbykK5n92CYTcZZSnwV6XFu0o3AJ77O6h7ECg=="
        );
    }

    #[test]
    fn every_active_secret_signs_in_its_order() {
        let old = Secret::symmetric([1; 32]);
        let new = Secret::symmetric([2; 32]);
        let pair = Secret::signing([3; 32]);
        let of = |secrets: &[&Secret]| {
            Signer::new(secrets.iter().copied()).unwrap().signature("a", 7, b"{}")
        };
        let all = [of(&[&new]), of(&[&old]), of(&[&pair])].join(" ");
        assert_eq!(of(&[&new, &old, &pair]), all);
        assert!(all.starts_with("v1,") && all.contains(" v1,") && all.contains(" v1a,"));
        let plain = ["first", "second"].map(|text| Secret::plain(text).unwrap());
        let both = Signer::new(&plain).unwrap().plain_signature(b"{}");
        assert_eq!(both, Signer::new([&plain[0]]).unwrap().plain_signature(b"{}"));
    }

    #[test]
    fn what_cannot_sign_is_refused() {
        let public = Secret::signing([3; 32]).verifying().unwrap();
        assert_eq!(Signer::new([&public]).map(|_| ()), Err(SecretError::SignsNothing));
        let secret = Secret::symmetric([1; 32]);
        let many = Signer::new(std::iter::repeat_n(&secret, WEBHOOK_SECRETS_MAX + 1));
        assert!(matches!(many, Err(SecretError::TooMany { .. })));
        assert_eq!(
            format!("{:?}", Signer::new([&secret]).unwrap()),
            "Signer { symmetric: 1, pairs: 0, plain: false }"
        );
    }
}
