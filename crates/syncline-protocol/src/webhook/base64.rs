//! Base64 with the ordinary alphabet and padding. Source: RFC 4648 §4.

use syncline_model::base64url;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends the text of `bytes`, with padding.
pub(crate) fn encode_into(bytes: &[u8], text: &mut String) {
    text.reserve(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group
            .iter()
            .zip([16, 8, 0])
            .fold(0u32, |word, (&byte, shift)| word | u32::from(byte) << shift);
        for (place, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let sextet = (word >> shift) & 0x3f;
            let is_padding = place > group.len();
            text.push(if is_padding { '=' } else { char::from(ALPHABET[sextet as usize]) });
        }
    }
}

/// Returns the text of `bytes`, with padding.
#[cfg(test)]
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    encode_into(bytes, &mut text);
    text
}

/// Returns the bytes of `text`, whose padding is whole or not there at all. Bytes have these two texts
/// and no others.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let bare = text.trim_end_matches('=');
    let padding = text.len() - bare.len();
    if padding > 0 && (padding > 2 || !text.len().is_multiple_of(4)) {
        return None;
    }
    if bare.contains(['-', '_']) {
        return None;
    }
    base64url::decode(&bare.replace('+', "-").replace('/', "_")).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_vectors_of_the_rfc_hold_with_padding_and_without() {
        let cases: [(&[u8], &str); 8] = [
            (b"", ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg=="),
            (b"fooba", "Zm9vYmE="),
            (b"foobar", "Zm9vYmFy"),
            (&[0xfb, 0xff, 0xfe], "+//+"),
        ];
        for (bytes, text) in cases {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text).as_deref(), Some(bytes), "case: {text}");
            assert_eq!(decode(text.trim_end_matches('=')).as_deref(), Some(bytes), "case: {text}");
        }
        for odd in
            ["Zg=", "Zg===", "=", "====", "Zm9v====", "Z=g=", "-_-_", "Zh==", "Zm 9", "Zm9vY", "é"]
        {
            assert_eq!(decode(odd), None, "case: {odd}");
        }
    }

    proptest! {
        #[test]
        fn bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }
}
