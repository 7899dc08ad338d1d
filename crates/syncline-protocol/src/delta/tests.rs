use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::session::fault::with_fault;

/// Bytes that nothing compresses.
fn noise(count: usize, mut seed: u64) -> Vec<u8> {
    let mut byte = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed.to_be_bytes()[0]
    };
    (0..count).map(|_| byte()).collect()
}

fn leaf(kind: Kind, bytes: &[u8]) -> Leaf {
    Leaf::string(&kind.encode(bytes.to_vec()).unwrap())
}

#[test]
fn what_is_put_into_base64_takes_its_own_length_and_little_more() {
    let sizes =
        [(Kind::Base64, 3 << 20, 1), (Kind::Base64, 8 << 10, 4), (Kind::Base64Url, 1 << 19, 2)];
    for (kind, size, count) in sizes {
        let before = noise(size, 7);
        for put_in in [&b"x"[..], b"xy", b"xyz", b""].into_iter().take(count) {
            let at = size / 2 + 1;
            let mut after = before.clone();
            after.splice(at..at, put_in.iter().copied());
            after[17] ^= 1;
            let (base, result) = (leaf(kind, &before), leaf(kind, &after));
            let delta = Delta::between(&base, &result).unwrap();
            // A frame has a block for each 128 KiB.
            let most = 300 + size / 4_096;
            assert!(delta.frame.len() < most, "{} of {size} bytes", delta.frame.len());
            assert_eq!(delta.apply(&base), Ok(result));
        }
    }
}

#[test]
fn what_is_short_or_all_new_or_no_text_is_told_as_it_is() {
    let text = |size, seed| leaf(Kind::Base64, &noise(size, seed));
    assert_eq!(Delta::between(&text(60_000, 1), &text(60_000, 2)), None, "all new");
    let short = Leaf::string(&"a".repeat(1_000));
    assert_eq!(Delta::between(&short, &short), None, "short");
    let array = Leaf::parse(&format!("[{}1]", "1,".repeat(9_000))).unwrap();
    assert_eq!(Delta::between(&array, &array), None, "no text");
    let delta = Delta::between(&text(60_000, 1), &text(60_000, 1)).unwrap();
    assert_eq!(delta.apply(&array), Err(Unfit { bytes: delta.bytes }));
}

#[test]
fn a_text_has_one_form_as_base64_or_none() {
    for text in ["", "Zg==", "Zm8=", "Zm9v", "+/+/"] {
        let bytes = Kind::Base64.decode(text).unwrap();
        assert_eq!(Kind::Base64.encode(bytes).as_deref(), Some(text));
    }
    for text in ["Zg", "Zg=", "Zm8==", "Zm9v=", "Zm9v====", "-_-_", "Zh==", "Zm 9", "===="] {
        assert_eq!(Kind::Base64.decode(text), None, "{text}");
    }
}

/// A delta, the value that it was made against and the one that it makes.
fn example() -> (Delta, Leaf, Leaf) {
    let (base, mut bytes) = (noise(50_000, 3), noise(50_000, 3));
    bytes.splice(20_000..20_000, *b"put in!");
    let (base, result) = (leaf(Kind::Base64, &base), leaf(Kind::Base64, &bytes));
    (Delta::between(&base, &result).unwrap(), base, result)
}

#[test]
fn what_is_damaged_cut_or_made_against_another_value_makes_nothing() {
    let (delta, base, result) = example();
    let unfit = |delta: &Delta, base: &Leaf, name: &str| {
        let error = delta.apply(base).expect_err(name);
        assert_eq!((error.code(), error.bytes), ("DELTA_DOES_NOT_FIT", delta.bytes), "{name}");
    };
    unfit(&delta, &leaf(Kind::Base64, &noise(50_000, 4)), "another value");
    unfit(&delta, &Leaf::string("short"), "a short value");
    unfit(&delta, &Leaf::null(), "no text");
    unfit(&Delta { digest: delta.digest ^ 1, ..delta.clone() }, &base, "another digest");
    unfit(&Delta { kind: Kind::Text, ..delta.clone() }, &base, "another kind");
    for (bytes, name) in [(delta.bytes - 1, "too short"), (delta.bytes + 1, "too long"), (0, "0")] {
        unfit(&Delta { bytes, ..delta.clone() }, &base, name);
    }
    for end in 0..delta.frame.len() {
        unfit(&Delta { frame: delta.frame[..end].into(), ..delta.clone() }, &base, "cut");
    }
    let longer = [&*delta.frame, &[0]].concat().into();
    unfit(&Delta { frame: longer, ..delta.clone() }, &base, "more behind it");
    for at in 0..delta.frame.len() {
        let mut frame = delta.frame.clone();
        frame[at] ^= 1;
        // Some bits of a frame mean nothing; none makes another text.
        let made = Delta { frame, ..delta.clone() }.apply(&base);
        assert!(made.is_err() || made.as_ref() == Ok(&result), "altered at {at}");
    }
    assert_eq!(delta.apply(&result), Ok(result), "it is there already");
}

#[test]
fn what_grows_without_end_ends_where_it_says() {
    let bytes = vec![b'a'; MESSAGE_BYTES_MAX];
    let (_, base, _) = example();
    let bomb = compress(b"", &bytes).unwrap()[4..].into();
    let bomb = Delta { kind: Kind::Text, bytes: 1_000, digest: 0, frame: bomb };
    assert_eq!(bomb.apply(&base), Err(Unfit { bytes: 1_000 }));
    let bytes = MESSAGE_BYTES_MAX + 1;
    assert_eq!(Delta { bytes, ..bomb }.apply(&base), Err(Unfit { bytes }));
}

/// Without the digest another value would come out: the test above sees it.
#[test]
fn planted_a_digest_that_nobody_looks_at_lets_another_text_through() {
    let (delta, base, result) = example();
    let mut other = base.as_string().unwrap().into_owned();
    other.replace_range(0..4, "AAAA");
    let other = Leaf::string(&other);
    assert!(delta.apply(&other).is_err());
    with_fault(Fault::DeltaUnchecked, || assert_ne!(delta.apply(&other), Ok(result)));
    with_fault(Fault::DeltaUnchecked, || assert!(delta.apply(&other).is_ok()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_is_changed_comes_back_exactly(
        kind in select(Kind::ALL.to_vec()),
        size in 4_000..20_000_usize,
        seed in any::<u64>(),
        is_plain in any::<bool>(),
        edits in vec((any::<Index>(), 0..30_usize, vec(any::<u8>(), 0..40)), 1..5),
    ) {
        let mut after = match is_plain {
            true => "Größe \"quoted\"\n".repeat(size / 10).into_bytes(),
            false => noise(size, seed),
        };
        let before = after.clone();
        for (at, drop, put_in) in edits {
            let at = at.index(after.len());
            let end = (at + drop).min(after.len());
            after.splice(at..end, put_in);
        }
        let leaf = |bytes: &[u8]| match kind {
            Kind::Text => Leaf::string(&String::from_utf8_lossy(bytes)),
            kind => leaf(kind, bytes),
        };
        let (base, result) = (leaf(&before), leaf(&after));
        match Delta::between(&base, &result) {
            Some(delta) => {
                prop_assert_eq!(delta.apply(&base), Ok(result));
                prop_assert!(delta.frame.len() * DELTA_PART <= 4 * after.len());
            }
            None => prop_assert!(!is_large(&base) || !is_large(&result) || kind == Kind::Text),
        }
    }
}
