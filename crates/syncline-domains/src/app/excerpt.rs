//! What is kept of an answer to be shown: short, harmless, and without what looks like a secret.

use std::fmt::Write as _;

use crate::limits::APP_EXCERPT_BYTES_MAX;

/// What stands in the place of what looks like a secret.
const REDACTED: &str = "[redacted]";
/// Shortest word that is taken for a secret because of its letters and digits alone, in bytes: longer than a UUID.
const RANDOM_BYTES_MIN: usize = 40;
/// Shortest word with a known beginning that is taken for a secret, in bytes.
const SECRET_BYTES_MIN: usize = 12;
/// What secrets begin with.
const BEGINNINGS: &[&str] =
    &["whsec_", "whsk_", "whpk_", "eyJ", "v1,", "v1a,", "sk_", "sk-", "ghp_", "xox"];
/// Words behind which a secret stands.
const NAMES: &[&str] = &[
    "authorization",
    "apikey",
    "api_key",
    "api-key",
    "basic",
    "bearer",
    "cookie",
    "passwd",
    "password",
    "secret",
    "session",
    "signature",
    "token",
];

/// Returns the beginning of an answer: at most [`APP_EXCERPT_BYTES_MAX`] bytes, one line, control characters and
/// those that change the direction of writing escaped, words that look like secrets replaced.
pub(super) fn excerpt(answer: &[u8]) -> Box<str> {
    let is_cut = answer.len() > APP_EXCERPT_BYTES_MAX;
    let beginning = answer.get(..APP_EXCERPT_BYTES_MAX).unwrap_or(answer);
    let text = String::from_utf8_lossy(beginning);
    let mut shown = String::with_capacity(text.len());
    let mut is_secret_next = false;
    let mut rest = &*text;
    while let Some(first) = rest.chars().next() {
        if is_parting(first) {
            push_escaped(first, &mut shown);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            continue;
        }
        let end = rest.find(is_parting).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        // A word that was cut may be the beginning of a secret.
        let is_begun = is_cut && behind.is_empty();
        if std::mem::take(&mut is_secret_next) && !is_name(word) || is_secret(word, is_begun) {
            shown.push_str(REDACTED);
        } else {
            is_secret_next = is_name(word);
            word.chars().for_each(|c| push_escaped(c, &mut shown));
        }
        rest = behind;
    }
    shown.truncate(shown.floor_char_boundary(APP_EXCERPT_BYTES_MAX));
    shown.into()
}

fn is_parting(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "\"'`<>()[]{}:;&?\\|".contains(c) || c == '='
}

/// Returns whether a secret stands behind a word such as `access_token`.
fn is_name(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    NAMES.iter().any(|name| word.ends_with(name))
}

fn is_secret(word: &str, is_begun: bool) -> bool {
    if word.len() >= SECRET_BYTES_MIN && BEGINNINGS.iter().any(|start| word.starts_with(start)) {
        return true;
    }
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+/_-.,=".contains(&byte);
    let is_random = word.bytes().all(is_letter)
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().any(|byte| byte.is_ascii_alphabetic());
    is_random && (word.len() >= RANDOM_BYTES_MIN || is_begun && word.len() >= SECRET_BYTES_MIN)
}

fn push_escaped(c: char, out: &mut String) {
    let turns = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{61c}');
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if c.is_control() || turns => {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
        c => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_not_kept() {
        let hex = "03af6a787cfae486312cfaaaffe53914b1422cfcbe84c1ea7e30d4161b12277c";
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc";
        #[rustfmt::skip]
        let cases = [
            ("plain words",      "no such route: /hook".to_owned(),                    "no such route: /hook"),
            ("an id",            "trace 019a3f5c-7b1e-7c3a-9d2e-0123456789ab".to_owned(), "trace 019a3f5c-7b1e-7c3a-9d2e-0123456789ab"),
            ("a secret",         "got whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD!".to_owned(), "got [redacted]"),
            ("a signature",      format!("expected {hex}"),                            "expected [redacted]"),
            ("of the standard",  "{\"webhook-signature\":\"v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=\"}".to_owned(), "{\"webhook-signature\":\"[redacted]=\"}"),
            ("a bearer",         format!("Authorization: Bearer {jwt}"),               "Authorization: Bearer [redacted]"),
            ("a short bearer",   "Authorization: Bearer abc".to_owned(),               "Authorization: Bearer [redacted]"),
            ("a password",       "{\"password\": \"hunter2\", \"n\": 1}".to_owned(),   "{\"password\": \"[redacted]\", \"n\": 1}"),
            ("a query",          "/a?access_token=xyz&b=1".to_owned(),                 "/a?access_token=[redacted]&b=1"),
            ("a cookie",         "Set-Cookie: id".to_owned(),                          "Set-Cookie: [redacted]"),
        ];
        for (name, answer, expected) in cases {
            assert_eq!(&*excerpt(answer.as_bytes()), expected, "case: {name}");
        }
    }

    #[test]
    fn what_would_harm_who_looks_at_it_is_escaped() {
        #[rustfmt::skip]
        let cases: [(&str, &[u8], &str); 6] = [
            ("lines",            b"a\r\nb\tc",                        "a\\r\\nb\\tc"),
            ("a terminal",       b"\x1b[2J\x07",                      "\\u{1b}[2J\\u{7}"),
            ("a direction",      "a\u{202e}b\u{200f}".as_bytes(),     "a\\u{202e}b\\u{200f}"),
            ("a nil",            b"a\0b",                             "a\\u{0}b"),
            ("no UTF-8",         b"a\xff",                            "a\u{fffd}"),
            ("nothing",          b"",                                 ""),
        ];
        for (name, answer, expected) in cases {
            assert_eq!(&*excerpt(answer), expected, "case: {name}");
        }
    }

    #[test]
    fn no_secret_is_kept_because_it_was_cut() {
        let secret = format!("whsec_{}", "a1B2".repeat(10));
        for before in APP_EXCERPT_BYTES_MAX - 60..APP_EXCERPT_BYTES_MAX {
            let answer = format!("{} {secret}", "x ".repeat(before / 2));
            let shown = excerpt(answer.as_bytes());
            let longest = shown.split(' ').map(str::len).max().unwrap();
            assert!(longest < SECRET_BYTES_MIN || shown.ends_with(REDACTED), "{before}: {shown}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_is_too_odd(answer in prop::collection::vec(any::<u8>(), 0..1_500)) {
            let shown = excerpt(&answer);
            prop_assert!(shown.len() <= APP_EXCERPT_BYTES_MAX);
            prop_assert!(!shown.chars().any(char::is_control));
        }
    }
}
