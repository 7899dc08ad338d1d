//! Hostile bytes and texts: no decoder panics, and whatever decodes has one encoding only.

use proptest::prelude::*;

use super::sample::{batch, record};
use crate::audit::tree::{Head, HeadTextError};
use crate::audit::{
    Actor, BatchLeaf, Canonical, DecodeError, Details, Frontier, Hash, HashTextError, RecordFacts,
    RecordProof, StoredEntry, Verifier,
};

/// Runs every decoder of bytes; each must refuse, or give back exactly these bytes.
fn decode_as_everything(bytes: &[u8]) {
    let check = |name: &str, encoded: Option<Vec<u8>>| {
        assert!(encoded.is_none_or(|encoded| encoded == bytes), "{name} has two encodings");
    };
    let canonical = |facts: RecordFacts| facts.canonical();
    check("record", RecordFacts::from_canonical(bytes).ok().map(canonical));
    check("actor", Actor::from_canonical(bytes).ok().map(|actor| actor.canonical()));
    check("details", Details::from_canonical(bytes).ok().map(|details| details.canonical()));
    check("leaf", BatchLeaf::decode(bytes).ok().map(|leaf| leaf.encode()));
    check("frontier", Frontier::decode(bytes).ok().map(|frontier| frontier.encode()));
    let intact = StoredEntry::decode(bytes).ok().filter(StoredEntry::is_intact);
    check("row", intact.map(|stored| stored.entry().encode()));
    if let Ok(mut frontier) = Frontier::decode(bytes) {
        frontier.append(frontier.root());
    }
    let head = Head { size: 1, root: Hash::new([0; 32]) };
    let one = Frontier::decode(&[[1, 0, 0, 0, 0, 0, 0, 0, 1].as_slice(), &[0; 32]].concat());
    let mut verifier = Verifier::new(one.unwrap(), &head).unwrap();
    assert!(verifier.handle_row(bytes).is_err() || verifier.finish().is_err());
}

/// One valid encoding of each kind.
fn valid() -> Vec<Vec<u8>> {
    let entry = batch(3).entry;
    let mut frontier = Frontier::new();
    frontier.append_all([entry.leaf_hash(); 5]);
    vec![
        record(2, 1).canonical(),
        entry.actor().unwrap().canonical(),
        entry.details().unwrap().canonical(),
        entry.leaf().encode(),
        entry.encode(),
        frontier.encode(),
    ]
}

#[test]
fn odd_bytes_are_refused_with_their_reason() {
    let huge_size = [1, 0, 1, 0, 0, 0, 0, 0, 1];
    let text_beyond_end = [1, b'd', 0, 0, 0, 9, b'x'];
    let text_beyond_limit = [1, b'd', 0xff, 0xff, 0xff, 0xff];
    let not_utf8 = [1, b'd', 0, 0, 0, 1, 0xff];
    let frontier = |bytes: &[u8]| Frontier::decode(bytes).map(drop).unwrap_err().code();
    let details = |bytes: &[u8]| Details::from_canonical(bytes).map(drop).unwrap_err().code();
    assert_eq!(frontier(&[]), "AUDIT_BYTES_TRUNCATED");
    assert_eq!(frontier(&[2]), "AUDIT_VERSION_UNKNOWN");
    assert_eq!(frontier(&huge_size), "AUDIT_TREE_TOO_LARGE");
    assert_eq!(frontier(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 7]), "AUDIT_BYTES_TRAILING");
    assert_eq!(frontier(&[1; 3_000]), "AUDIT_BYTES_TOO_LARGE");
    assert_eq!(details(&[1, b'a']), "AUDIT_VARIANT_UNKNOWN");
    assert_eq!(details(&text_beyond_end), "AUDIT_BYTES_TRUNCATED");
    assert_eq!(details(&text_beyond_limit), "AUDIT_FIELD_TOO_LONG");
    assert_eq!(details(&not_utf8), "AUDIT_NOT_UTF8");
    let flag = DecodeError::UnknownVariant { found: 2, offset: 2 };
    assert_eq!(Actor::from_canonical(&[1, b'a', 2]), Err(flag));
}

#[test]
fn a_head_has_one_text() {
    let hex = "0".repeat(64);
    let parse = |text: String| text.parse::<Head>();
    assert!(parse(format!("sha256:{hex}@281474976710656")).is_ok());
    for size in ["", "+1", "01", "-1", " 1", "281474976710657", "99999999999999999999"] {
        assert_eq!(parse(format!("sha256:{hex}@{size}")), Err(HeadTextError::BadSize), "{size}");
    }
    assert_eq!(parse(format!("sha1:{hex}@1")), Err(HeadTextError::NotAHead));
    assert_eq!(parse(format!("sha256:{hex}")), Err(HeadTextError::NotAHead));
    let short = HeadTextError::BadRoot(HashTextError::WrongLength { found_bytes: 31 });
    assert_eq!(parse(format!("sha256:{}@1", &hex[2..])), Err(short));
    let upper = HeadTextError::BadRoot(HashTextError::NotHex { offset: 0 });
    assert_eq!(parse(format!("sha256:A{}@1", &hex[1..])), Err(upper));
    assert_eq!("abc".parse::<Hash>(), Err(HashTextError::NotHex { offset: 2 }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        decode_as_everything(&bytes);
        // Random bytes seldom pass the version; let them.
        decode_as_everything(&[&[1], bytes.as_slice()].concat());
    }

    #[test]
    fn damaged_encodings_never_panic(
        pick: prop::sample::Index, place: prop::sample::Index, byte: u8, cut: prop::sample::Index,
        tail in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut bytes = pick.get(&valid()).clone();
        *place.get_mut(&mut bytes) = byte;
        decode_as_everything(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        bytes.extend(tail);
        decode_as_everything(&bytes);
    }

    #[test]
    fn random_texts_never_panic(text in "\\PC{0,80}", json in "[{}\\[\\],:\" a-z0-9_]{0,80}") {
        for text in [&text, &json] {
            let _ = (text.parse::<Head>(), text.parse::<Hash>(), RecordProof::from_json(text));
        }
        let prefixed = format!("{{\"format\":\"syncline-audit-record/1\",\"salt\":{json}");
        prop_assert!(RecordProof::from_json(&prefixed).is_err());
        let head = format!("sha256:{text}").parse::<Head>();
        prop_assert!(head.is_err());
    }
}
