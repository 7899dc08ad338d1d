//! Base64 with the URL-safe alphabet and no padding. Source: RFC 4648 §5.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Returns the text of `bytes`: four characters for each three bytes, begun groups cut short.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group
            .iter()
            .zip([16, 8, 0])
            .fold(0u32, |word, (&byte, shift)| word | u32::from(byte) << shift);
        for shift in [18, 12, 6, 0].into_iter().take(group.len() + 1) {
            let sextet = (word >> shift) & 0x3f;
            text.push(char::from(ALPHABET[sextet as usize]));
        }
    }
    text
}

/// Returns the bytes of `text`, or the offset in bytes of what is not base64url: another character,
/// a last group of one character, or bits set that no byte uses (bytes have one text each).
pub fn decode(text: &str) -> Result<Vec<u8>, usize> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for (index, group) in text.as_bytes().chunks(4).enumerate() {
        let start = index * 4;
        let mut word = 0u32;
        for (place, (&character, shift)) in group.iter().zip([18, 12, 6, 0]).enumerate() {
            word |= sextet(character).ok_or(start + place)? << shift;
        }
        let count = match group.len() {
            4 => 3,
            3 => 2,
            2 => 1,
            _ => return Err(start),
        };
        let [_, decoded @ ..] = word.to_be_bytes();
        if decoded.iter().skip(count).any(|&unused| unused != 0) {
            return Err(start + group.len() - 1);
        }
        bytes.extend(decoded.iter().take(count));
    }
    Ok(bytes)
}

fn sextet(character: u8) -> Option<u32> {
    let sextet = match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    };
    Some(u32::from(sextet))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_vectors_of_the_rfc_hold_without_padding() {
        let cases: [(&[u8], &str); 8] = [
            (b"", ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg"),
            (b"fooba", "Zm9vYmE"),
            (b"foobar", "Zm9vYmFy"),
            (&[0xfb, 0xff, 0xfe], "-__-"),
        ];
        for (bytes, text) in cases {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text).as_deref(), Ok(bytes), "case: {text}");
        }
    }

    #[test]
    fn what_is_not_base64url_is_refused_with_its_place() {
        let cases = [
            ("padding", "Zg==", 2),
            ("the other alphabet", "Zm9v+/==", 4),
            ("a group of one", "Zm9vY", 4),
            ("unused bits set, two characters", "Zh", 1),
            ("unused bits set, three characters", "Zm9", 2),
            ("beyond ASCII", "Zm9é", 3),
            ("white space", "Zm 9", 2),
        ];
        for (name, text, offset) in cases {
            assert_eq!(decode(text), Err(offset), "case: {name}");
        }
    }

    proptest! {
        #[test]
        fn bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(decode(&encode(&bytes)), Ok(bytes));
        }

        #[test]
        fn an_accepted_text_is_the_only_one(text in "[A-Za-z0-9_-]{0,12}") {
            if let Ok(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
