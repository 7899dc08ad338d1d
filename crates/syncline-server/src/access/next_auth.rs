//! Sessions of an application's own sign-in: the cookie of NextAuth 4 and of Auth.js 5, which is a token that is
//! encrypted with their secret.
//!
//! Only what says that its bearer is an admin counts, and only where the environment of the server has the secret.
//! Sessions that an application keeps in a database are not known here.
//!
//! # Source
//!
//! `next-auth` 4.24.15, `jwt/index.js`; `@auth/core` 0.41.3, `jwt.js`; RFC 7516 (JWE, compact form), RFC 7518 §5.2
//! and §5.3.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{constant_time, hmac};
use axum::http::{HeaderMap, header};
use syncline_model::base64url;
use syncline_model::json::{Json, Object, parse};

use crate::limits::{APP_SESSION_BYTES_MAX, APP_SESSION_PARTS_MAX};

/// The cookies, the encrypted ones' names first, and which library has given them.
const COOKIES: [(&str, Library); 4] = [
    ("__Secure-next-auth.session-token", Library::Four),
    ("next-auth.session-token", Library::Four),
    ("__Secure-authjs.session-token", Library::Five),
    ("authjs.session-token", Library::Five),
];
/// What the role of an admin is called, in whatever letters.
const ADMIN: &str = "admin";
/// How far the clocks of sign-in and hub may be apart, in seconds. Source: both libraries.
const TOLERANCE_S: u64 = 15;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Library {
    Four,
    Five,
}

/// Returns whether a request has a cookie of a sign-in.
pub(crate) fn is_sent(headers: &HeaderMap) -> bool {
    cookie(headers).is_some()
}

/// Returns whether whoever asks is signed in as an admin.
pub(crate) fn is_admin(headers: &HeaderMap, secret: &str, now_ms: u64) -> bool {
    let Some((name, library, value)) = cookie(headers) else { return false };
    let value = value.as_str();
    let claims = match library {
        Library::Four => {
            opened_by_gcm(value, &key(secret, b"", "NextAuth.js Generated Encryption Key"))
        }
        Library::Five => {
            let info = format!("Auth.js Generated Encryption Key ({name})");
            opened_by_cbc(value, &key(secret, name.as_bytes(), &info))
        }
    };
    claims.is_some_and(|claims| is_good(&claims, now_ms) && has_role(&claims))
}

/// Returns the cookie of a sign-in, if there is one.
///
/// A session that is too long for one cookie is in several, whose names end with `.0`, `.1` and so on; both libraries
/// join them by these numbers.
fn cookie(headers: &HeaderMap) -> Option<(&'static str, Library, String)> {
    let sent = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs: Vec<(&str, &str)> = sent
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(_, value)| value.len() <= APP_SESSION_BYTES_MAX)
        .collect();
    COOKIES.into_iter().find_map(|(name, library)| {
        let whole = pairs.iter().find(|(sent, _)| *sent == name);
        let value = match whole {
            Some((_, value)) => (*value).to_owned(),
            None => joined(name, &pairs)?,
        };
        Some((name, library, value))
    })
}

/// Joins the parts of a cookie, of which the first is needed; the next one that is not there ends it.
fn joined(name: &str, pairs: &[(&str, &str)]) -> Option<String> {
    let part = |number: usize| {
        let found = pairs.iter().find(|(sent, _)| {
            let behind = sent.strip_prefix(name).and_then(|rest| rest.strip_prefix('.'));
            behind.is_some_and(|behind| behind == number.to_string())
        });
        found.map(|(_, value)| *value)
    };
    let parts: Vec<&str> = (0..APP_SESSION_PARTS_MAX).map_while(part).collect();
    (!parts.is_empty()).then(|| parts.concat())
}

/// The length of a key of HKDF, in bytes.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// Returns 64 bytes that are made of a secret; the first ones are those of a shorter key.
fn key(secret: &str, salt: &[u8], info: &str) -> [u8; 64] {
    let mut key = [0; 64];
    let made = Salt::new(HKDF_SHA256, salt).extract(secret.as_bytes());
    let info = [info.as_bytes()];
    let filled = made.expand(&info, Length(key.len())).and_then(|made| made.fill(&mut key));
    filled.expect("invariant: HKDF gives up to 255 hashes");
    key
}

/// The parts of a token in its compact form, with no key beside it.
struct Parts<'a> {
    head: &'a str,
    nonce: Vec<u8>,
    sealed: Vec<u8>,
    tag: Vec<u8>,
}

/// Takes a token apart that says it is encrypted in this way.
fn parts<'a>(token: &'a str, encryption: &str) -> Option<Parts<'a>> {
    let mut parts = token.split('.');
    let (head, none) = (parts.next()?, parts.next()?);
    let mut bytes = || base64url::decode(parts.next()?).ok();
    let (nonce, sealed, tag) = (bytes()?, bytes()?, bytes()?);
    let said = base64url::decode(head).ok()?;
    let said = parse(&said).ok()?;
    let says = |name, expected| {
        said.as_object().and_then(|said| said.get(name)).and_then(Json::as_str) == Some(expected)
    };
    let is_it = none.is_empty() && parts.next().is_none() && says("alg", "dir");
    (is_it && says("enc", encryption)).then_some(Parts { head, nonce, sealed, tag })
}

fn opened_by_gcm(token: &str, key: &[u8; 64]) -> Option<Object> {
    let Parts { head, nonce, sealed, tag } = parts(token, "A256GCM")?;
    let key = UnboundKey::new(&AES_256_GCM, key.get(..32)?).ok()?;
    let nonce = Nonce::try_assume_unique_for_key(&nonce).ok()?;
    let mut text = [sealed, tag].concat();
    let aad = Aad::from(head.as_bytes());
    let opened = LessSafeKey::new(key).open_in_place(nonce, aad, &mut text).ok()?;
    claims(opened)
}

fn opened_by_cbc(token: &str, key: &[u8; 64]) -> Option<Object> {
    let Parts { head, nonce, mut sealed, tag } = parts(token, "A256CBC-HS512")?;
    let (of_tag, of_text) = key.split_at(32);
    let mut signed = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA512, of_tag));
    let head_bits = (head.len() as u64) * 8;
    for part in [head.as_bytes(), &nonce, &sealed, &head_bits.to_be_bytes()] {
        signed.update(part);
    }
    let signed = signed.sign();
    constant_time::verify_slices_are_equal(signed.as_ref().get(..32)?, &tag).ok()?;
    let key = UnboundCipherKey::new(&AES_256, of_text).ok()?;
    let nonce = FixedLength::<16>::try_from(nonce.as_slice()).ok()?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).ok()?;
    let opened = key.decrypt(&mut sealed, DecryptionContext::Iv128(nonce)).ok()?;
    claims(opened)
}

fn claims(text: &[u8]) -> Option<Object> {
    match parse(text).ok()? {
        Json::Object(claims) => Some(claims),
        _ => None,
    }
}

/// Returns whether claims are of this time. They say until when.
fn is_good(claims: &Object, now_ms: u64) -> bool {
    let time = |name| {
        let seconds = claims.get(name).and_then(Json::as_number)?.to_i64()?;
        u64::try_from(seconds).ok()
    };
    let now_s = now_ms / 1_000;
    let is_ended = time("exp").is_none_or(|end| end.saturating_add(TOLERANCE_S) <= now_s);
    let is_early = time("nbf").is_some_and(|begin| begin > now_s.saturating_add(TOLERANCE_S));
    !is_ended && !is_early
}

/// Returns whether claims say that their bearer is an admin: by `role`, among `roles`, or by either of `user`.
fn has_role(claims: &Object) -> bool {
    let is_admin = |role: &Json| role.as_str().is_some_and(|role| role.eq_ignore_ascii_case(ADMIN));
    let of = |claims: &Object| {
        let roles = claims.get("roles").and_then(Json::as_array).unwrap_or_default();
        claims.get("role").is_some_and(is_admin) || roles.iter().any(is_admin)
    };
    of(claims) || claims.get("user").and_then(Json::as_object).is_some_and(of)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const SECRET: &str = "a secret of sessions for tests";
    /// Made with `next-auth` and `@auth/core` themselves, for seventy years.
    const FOUR: &str = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..esGrTW8Vms46Rjh4.nRqf4s4dINwmmBgFKM7Q0SGH7i6tR0aEK_xTm03Ro-bR3dUMyO97-hYzblRrGh1Le2OnNEWNseuYYkPUk3MLnBcXpsZH4zf-enbiHmac7_T8hXDXXVKuoh1W1gONpOtSkrzG9T9BNa7_yz_E5K1ouu3JujQl5imMN31PImIIKVt-7KY9_-VK7qMsruhiJV61hUzmZSg.yyR8HV3do_Lw69l9eH6nHw";
    const FOUR_STUDENT: &str = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..MulAhn-pkj6WD2Hw.tX8r2DC_ZWNIT5Sq2jYOumh62TiEgKsheTucaWGsV9PSw72Y5ciCAWfsYlx00HoTcZOk_rMpWVv_Bpa9FAjk1G91a5AYj7oj6_94DVkgTrJDlMRfKNrXWKsAdGJ1a5f9essklxqRuVd0woH5ta-ZEZEHB0vo13EwxzqjCC2zSDpz_18c1cKYrA3LySVYRcKbo8v64vTMCw.J5tiL_s5VG2fds0yKs8a1g";
    const FOUR_ENDED: &str = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..WakJOjY3zhxtjsw_.Atlh1YEiPl0xecIhkSqCmCTZyCgq8LKPYG9vk6U0n8dcOvPx9YrFnRFV3K60SqCQ40JIji8Z1KV2PHrqxcUhvTb_4RV7a5l047c2Uem3FDQ3xcfOaps5f9t_hmsGVimS3ZE02RSFPwp0WssezbQlwfR9klrPOQSLzCzv2gPgg7OrOFXlmH3wljDMIa8lQPChZQdy5F4._-UrKXRL1ft5HRPJMUWEzA";
    const FIVE: &str = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2Q0JDLUhTNTEyIiwia2lkIjoiR0w0STYzV2FONmZ4ZTJDVkdVcnpZRkQ1ZnZ5eGRzdC1xa3dQU0VwcWs0MjZYYTB6NkNhMTFmRm9tVXdnLWdoOFk5RG5oY3dlcTdOcFVMZG1GLU91QUEifQ..hGrCuj7P56F3ycL7KXPGwQ.Fisre6PYTIgk0iB0BAjYiG7C5cgGMILqyxPDUubmbF3LaOOEHHYzQ7swx1xylXvMSkU3wEBAl49t-NTLLdri29xMSjok1ypSLAMj-De3rx493uiIsn7Ula3mUsHE_yq6qV3IQ0XbMW70Vk2L_R7YdzUV-p2iZzEzQwU0589TbqBL2e5iP67lDKZHIbn37yeW2WrMWznC7FkQn8wT3NAqpg.Ni3YaZZPyPivziINIFgJoncpIE0zb1hT9nZGeOoCuQs";
    const FIVE_SECURE: &str = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2Q0JDLUhTNTEyIiwia2lkIjoiRTRHNXJDemFHZzBHZENPX0hWeG9XNGd4YkgteUtvN0E4ZVlyN2ZZR2tfS3pvWkhMUzlDcWJGeEZ3ZUg4NERIVHNrUGN2a3dKOVgzWTNydi0tN3hUSUEifQ..iLic7n0Tq4tJMWTHmTrgkg.W_kM4YGdk1NqAI7jTgGzSz2w54oextZ_9gKffvgGv2ziQaK-JfzR4-VkS0Md-rshlihHTGgQ0RxPk1Q5SUXWSxDvviAj3V2a4WtrdWM97LQGhEb91-ARUMmAM3zQ85krM8AEkxjRE8aPahn4qng4aga_ynKr2e_5BG8Kskrz77ngQTA2tQlWmnxtdVgGnFHG8798G7b2RdVZrHvsZi6GKg.9txnc5tz4P8GxmRT9mne9BWVTueQCi4Rq_7Myrkbdp4";
    /// A day after they were made.
    const NOW_MS: u64 = 1_795_500_000_000;

    fn judged(name: &str, value: &str, secret: &str) -> bool {
        let mut headers = HeaderMap::new();
        let cookies = HeaderValue::try_from(format!("theme=dark; {name}={value}; other=1"));
        headers.insert(header::COOKIE, cookies.unwrap());
        is_admin(&headers, secret, NOW_MS)
    }

    #[test]
    fn sessions_that_the_libraries_made_are_opened_and_only_those_of_admins_count() {
        let [secure_four, four, secure_five, five] = COOKIES.map(|(name, _)| name);
        #[rustfmt::skip]
        let cases = [
            (four,        FOUR,         SECRET,    true),
            (secure_four, FOUR,         SECRET,    true),
            (five,        FIVE,         SECRET,    true),
            (secure_five, FIVE_SECURE,  SECRET,    true),
            // The name of the cookie is part of the key.
            (secure_five, FIVE,         SECRET,    false),
            (four,        FIVE,         SECRET,    false),
            (five,        FOUR,         SECRET,    false),
            (four,        FOUR_STUDENT, SECRET,    false),
            (four,        FOUR_ENDED,   SECRET,    false),
            (four,        FOUR,         "another", false),
            (five,        FIVE,         "another", false),
            ("session",   FOUR,         SECRET,    false),
            (four,        "",           SECRET,    false),
            (four,        "a.b.c.d.e",  SECRET,    false),
        ];
        for (name, value, secret, expected) in cases {
            assert_eq!(judged(name, value, secret), expected, "{name} {:?}", value.get(..40));
        }
    }

    /// Both libraries cut at 3,936 bytes or less; where the cut is does not matter to who joins.
    #[test]
    fn a_session_that_was_cut_into_several_cookies_is_opened() {
        let asked = |pairs: &[(String, &str)]| {
            let pairs: Vec<String> =
                pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::try_from(pairs.join("; ")).unwrap());
            is_admin(&headers, SECRET, NOW_MS)
        };
        let tokens = [FOUR, FOUR, FIVE_SECURE, FIVE];
        let [secure_four, four, secure_five, five] = COOKIES.map(|(name, _)| name);
        for (name, token) in [secure_four, four, secure_five, five].into_iter().zip(tokens) {
            let part = |number: usize| format!("{name}.{number}");
            let (first, rest) = token.split_at(100);
            let (second, third) = rest.split_at(100);
            assert!(asked(&[(part(0), first), (part(1), rest)]), "{name}");
            // In whatever order a browser sends them.
            assert!(asked(&[(part(2), third), (part(0), first), (part(1), second)]), "{name}");
            assert!(!asked(&[(part(0), first), (part(2), rest)]), "{name}: one is missing");
            assert!(!asked(&[(part(1), first), (part(2), rest)]), "{name}: the first is missing");
            assert!(!asked(&[(part(0), first), (part(1), second)]), "{name}: the last is missing");
            assert!(
                !asked(&[(part(0), first), (format!("{name}.01"), rest)]),
                "{name}: an odd number"
            );
            let one_each = token.split("").filter(|one| !one.is_empty());
            let many: Vec<(String, &str)> =
                one_each.enumerate().map(|(at, one)| (part(at), one)).collect();
            assert!(!asked(&many), "{name}: more parts than there may be");
        }
    }

    #[test]
    fn a_session_of_which_one_character_is_another_opens_nothing() {
        for (name, token) in [("next-auth.session-token", FOUR), ("authjs.session-token", FIVE)] {
            for at in 0..token.len() {
                let mut bytes = token.as_bytes().to_vec();
                bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
                let changed = String::from_utf8(bytes).unwrap();
                // The last characters of a part may hold bits that mean nothing; then it is the same token.
                let decoded = |text: &str| {
                    let parts = text.split('.').map(|part| base64url::decode(part).ok());
                    parts.collect::<Vec<_>>()
                };
                let is_same = decoded(&changed) == decoded(token) && at >= token.find('.').unwrap();
                assert!(!judged(name, &changed, SECRET) || is_same, "{name} {at}");
            }
        }
    }

    #[test]
    fn the_role_is_found_where_sign_ins_put_it() {
        #[rustfmt::skip]
        let cases = [
            (r#"{"role":"ADMIN"}"#,                true),
            (r#"{"roles":["editor","admin"]}"#,    true),
            (r#"{"user":{"role":"admin"}}"#,       true),
            (r#"{"role":"administrator"}"#,        false),
            (r#"{"role":["admin"]}"#,              false),
            (r#"{"name":"admin"}"#,                false),
        ];
        for (claims, expected) in cases {
            let Ok(Json::Object(claims)) = parse(claims.as_bytes()) else { panic!("{claims}") };
            assert_eq!(has_role(&claims), expected, "{claims:?}");
        }
    }
}
