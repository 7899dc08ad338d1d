//! Whether a body is the one that was sent: `Content-Digest`.
//!
//! # Source
//!
//! RFC 9530, and the dictionaries of RFC 8941 as far as it needs them.

use aws_lc_rs::{constant_time, digest};
use thiserror::Error;

use super::base64;
use crate::limits::CONTENT_DIGEST_BYTES_MAX;

/// Why a body is not the one that was sent, or cannot be told to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DigestError {
    /// The header has another form.
    #[error("the header `content-digest` is malformed")]
    Malformed,
    /// The body has another digest.
    #[error("the body has another digest than `content-digest` says")]
    Mismatch,
}

impl DigestError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "CONTENT_DIGEST_MALFORMED",
            Self::Mismatch => "CONTENT_DIGEST_MISMATCH",
        }
    }
}

/// Returns the value of `Content-Digest` for a body.
pub fn content_digest(body: &[u8]) -> String {
    let mut value = String::with_capacity(54);
    value.push_str("sha-256=:");
    base64::encode_into(digest::digest(&digest::SHA256, body).as_ref(), &mut value);
    value.push(':');
    value
}

/// Compares a body with every digest of the header that is known (`sha-256`, `sha-512`), and returns
/// whether there was one.
///
/// # Errors
///
/// - [`DigestError::Malformed`] if the header is no dictionary of byte sequences.
/// - [`DigestError::Mismatch`] if one of the digests is another.
pub fn verify_content_digest(value: &[u8], body: &[u8]) -> Result<bool, DigestError> {
    if value.len() > CONTENT_DIGEST_BYTES_MAX {
        return Err(DigestError::Malformed);
    }
    let text = std::str::from_utf8(value).map_err(|_| DigestError::Malformed)?;
    let mut is_known = false;
    for member in text.split(',') {
        let (algorithm, given) = member_of(member).ok_or(DigestError::Malformed)?;
        let algorithm = match algorithm {
            "sha-256" => &digest::SHA256,
            "sha-512" => &digest::SHA512,
            _ => continue,
        };
        is_known = true;
        let found = digest::digest(algorithm, body);
        constant_time::verify_slices_are_equal(found.as_ref(), &given)
            .map_err(|_| DigestError::Mismatch)?;
    }
    Ok(is_known)
}

/// Reads `key=:base64:`; what follows behind a `;` are parameters without a meaning here.
fn member_of(member: &str) -> Option<(&str, Vec<u8>)> {
    let (key, rest) = member.trim_matches([' ', '\t']).split_once('=')?;
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.*".contains(c);
    if key.is_empty() || !key.chars().all(is_letter) {
        return None;
    }
    let (encoded, parameters) = rest.strip_prefix(':')?.split_once(':')?;
    if !parameters.is_empty() && !parameters.starts_with(';') {
        return None;
    }
    Some((key, base64::decode(encoded)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_vectors_of_the_rfc_and_of_spec_004_hold() {
        // RFC 9530, appendix D.
        let hello = b"{\"hello\": \"world\"}\n";
        assert_eq!(content_digest(hello), "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:");
        let plain = br#"{"id":"event-123","type":"enrollment.created","resourceId":"enrollment-123","resourceType":"enrollment","data":{"status":"active"},"timestamp":"2024-01-31T12:00:00.000Z","retryCount":0,"status":"pending"}"#;
        assert_eq!(content_digest(plain), "sha-256=:DIln06Myl+486zks8O2Qi8zIxpGXLTEwdHwmTWWdk7w=:");
    }

    #[test]
    fn a_digest_is_compared_where_it_is_known() {
        let body = b"{\"hello\": \"world\"}\n";
        let good = content_digest(body);
        let sha512 = "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:";
        #[rustfmt::skip]
        let cases = [
            ("ours",                  good.clone(),                      Ok(true)),
            ("two",                   format!("{good}, {sha512}"),       Ok(true)),
            ("an unknown one",        "unixsum=:AAE=:".to_owned(),       Ok(false)),
            ("beside an unknown one", format!("unixsum=:AAE=:,{good}"),  Ok(true)),
            ("with parameters",       format!("{good};a=1"),             Ok(true)),
            ("another body's",        content_digest(b""),               Err(DigestError::Mismatch)),
            ("one of two is wrong",   format!("{good}, sha-512=:AAAA:"), Err(DigestError::Mismatch)),
            ("cut",                   "sha-256=:AAAA:".to_owned(),       Err(DigestError::Mismatch)),
            ("no colons",             "sha-256=AAAA".to_owned(),         Err(DigestError::Malformed)),
            ("no base64",             "sha-256=:*:".to_owned(),          Err(DigestError::Malformed)),
            ("something behind it",   format!("{good}x"),                Err(DigestError::Malformed)),
            ("capitals",              "SHA-256=:AAAA:".to_owned(),       Err(DigestError::Malformed)),
            ("nothing",               String::new(),                     Err(DigestError::Malformed)),
            ("far too long",          "a=:AAAA:,".repeat(1_000),         Err(DigestError::Malformed)),
        ];
        for (name, value, expected) in cases {
            assert_eq!(verify_content_digest(value.as_bytes(), body), expected, "case: {name}");
        }
    }

    proptest! {
        #[test]
        fn no_value_is_too_odd(value in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = verify_content_digest(&value, b"body");
        }
    }
}
