use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::limits::{ANSWER_BYTES_MAX, MESSAGE_BYTES_MAX};
use crate::long;
use crate::samples;

/// A text of so many bytes that every coding makes shorter, and none much shorter.
fn text(bytes: usize) -> Vec<u8> {
    let words = ["contacts", "{\"title\":", "\"Main St. ", "},[", "12345", "phone-7", "null,"];
    let mut state = 7_u64;
    let mut text = Vec::new();
    while text.len() < bytes {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.extend(words[usize::try_from(state >> 33).unwrap() % words.len()].bytes());
        text.push(b'a' + u8::try_from(state >> 60).unwrap());
    }
    text.truncate(bytes);
    text
}

proptest! {
    #[test]
    fn a_text_is_read_back_by_every_coding(
        coding in select(Coding::ALL.to_vec()), page in samples::page(), more in vec(any::<u8>(), 0..2_000),
    ) {
        let mut text = long::write_page(&page).into_bytes();
        text.extend(more);
        let message = Compressor::new(coding).compress(&text);
        if let Some(message) = message {
            prop_assert!(message.len() < text.len());
            prop_assert_eq!(decompress(&message, MESSAGE_BYTES_MAX), Ok(text));
        }
    }

    #[test]
    fn odd_bytes_are_refused_and_never_a_panic(bytes in vec(any::<u8>(), 0..300), first in 0..6_u8) {
        let _ = decompress(&bytes, MESSAGE_BYTES_MAX);
        let message: Vec<u8> = [first].into_iter().chain(bytes).collect();
        let _ = decompress(&message, MESSAGE_BYTES_MAX);
    }
}

#[test]
fn large_messages_are_read_back_up_to_the_bound() {
    for coding in Coding::ALL {
        let text = text(ANSWER_BYTES_MAX);
        let message = Compressor::new(coding).compress(&text).unwrap();
        assert!(decompress(&message, ANSWER_BYTES_MAX).unwrap() == text, "{coding:?}");
        let refused = decompress(&message, ANSWER_BYTES_MAX - 1).unwrap_err();
        assert_eq!(refused.code(), "MESSAGE_TOO_LARGE", "{coding:?}");
    }
}

#[test]
fn a_compressor_goes_on_with_the_next_message() {
    for coding in Coding::ALL {
        let mut compressor = Compressor::new(coding);
        for bytes in [300, 5_000, 70_000] {
            let message = compressor.compress(&text(bytes)).unwrap();
            assert_eq!(decompress(&message, MESSAGE_BYTES_MAX), Ok(text(bytes)), "{coding:?}");
        }
    }
}

#[test]
fn nothing_is_compressed_that_does_not_pay() {
    let short = vec![b'a'; COMPRESSED_BYTES_MIN - 1];
    let mut incompressible = [0; 2_000];
    blake3::Hasher::new().finalize_xof().fill(&mut incompressible);
    for coding in Coding::ALL {
        let mut compressor = Compressor::new(coding);
        let pays = coding == Coding::ZstdDict;
        assert_eq!(compressor.compress(&short).is_some(), pays, "{coding:?}");
        let shorter = &short[..COMPRESSED_BY_DICTIONARY_BYTES_MIN - 1];
        assert_eq!(compressor.compress(shorter), None, "{coding:?}");
        assert_eq!(compressor.compress(&incompressible), None, "{coding:?}");
        assert_eq!(compressor.compress(b""), None, "{coding:?}");
    }
}

/// 64 MiB of zeros, which every coding makes tiny.
#[test]
fn a_bomb_is_refused_before_it_is_held() {
    let zeros = vec![0; 64 << 20];
    for coding in Coding::ALL {
        let mut compressor = Compressor::new(coding);
        let body = compressor.body(&zeros).unwrap();
        let message: Vec<u8> = [number(coding)].into_iter().chain(body).collect();
        let refused = decompress(&message, ANSWER_BYTES_MAX).unwrap_err();
        // A frame of Zstandard says at its beginning how far it looks back, which is too far.
        let codes = ["MESSAGE_TOO_LARGE", "MESSAGE_MALFORMED"];
        assert!(codes.contains(&refused.code()), "{coding:?}: {refused}");
        assert_eq!(compressor.compress(&zeros), None, "a sender makes none: {coding:?}");
    }
}

/// Small bombs, which would stay within the absolute bound.
#[test]
fn a_message_that_grows_too_many_times_is_refused_but_for_small_ones() {
    let (large, small) = (vec![b'a'; 4 << 20], vec![b'a'; COMPRESSION_FREE_BYTES]);
    for coding in Coding::ALL {
        let mut compressor = Compressor::new(coding);
        let body = compressor.body(&large).unwrap();
        let message: Vec<u8> = [number(coding)].into_iter().chain(body).collect();
        let refused = decompress(&message, MESSAGE_BYTES_MAX).unwrap_err();
        assert_eq!(refused.code(), "MESSAGE_TOO_LARGE", "{coding:?}");
        assert_eq!(compressor.compress(&large), None, "a sender makes none: {coding:?}");
        let message = compressor.compress(&small).unwrap();
        assert_eq!(decompress(&message, MESSAGE_BYTES_MAX).as_ref(), Ok(&small), "{coding:?}");
    }
    let lz4 = decompress(&[3, 255, 255, 255, 255, 0], MESSAGE_BYTES_MAX);
    assert_eq!(lz4.unwrap_err().code(), "MESSAGE_TOO_LARGE", "a length alone allocates nothing");
}

#[test]
fn what_is_cut_or_goes_on_is_refused() {
    for coding in Coding::ALL {
        let text = text(3_000);
        let message = Compressor::new(coding).compress(&text).unwrap();
        for end in 0..message.len() {
            assert!(
                decompress(&message[..end], MESSAGE_BYTES_MAX).is_err(),
                "{coding:?} cut at {end}"
            );
        }
        let mut longer = message.clone();
        longer.extend([0, 0]);
        assert!(decompress(&longer, MESSAGE_BYTES_MAX).is_err(), "{coding:?} goes on");
    }
    for first in [0, 5, 255] {
        assert_eq!(decompress(&[first, 1, 2], 100), Err(CompressionError::CodingUnknown));
    }
}

#[test]
fn the_coding_that_saves_most_is_preferred() {
    assert_eq!(preferred(&Coding::ALL), Some(Coding::ZstdDict));
    assert_eq!(preferred(&[Coding::Lz4, Coding::Deflate]), Some(Coding::Deflate));
    assert_eq!(preferred(&[]), None);
}
