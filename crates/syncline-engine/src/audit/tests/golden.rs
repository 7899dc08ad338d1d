//! Stored forms, to the byte. If one of these fails, logs written before can no longer be read or
//! proved: do not edit the golden file, add a new version beside it.

use super::sample::{batch, record, record_salt, salt};
use crate::audit::hash::{from_hex, to_hex};
use crate::audit::tree::leaves_only;
use crate::audit::{
    BatchLeaf, Canonical, Frontier, Head, RecordFacts, RecordProof, StoredEntry, commit,
};

macro_rules! golden {
    ($name:literal) => {
        include_str!(concat!("../../../../../fixtures/audit/v1/", $name)).trim_end()
    };
}

fn bytes(golden: &str) -> Vec<u8> {
    from_hex(golden).unwrap()
}

#[test]
fn commitments_keep_their_formula() {
    let text = commit(&salt(7), b"content").to_string();
    assert_eq!(text, golden!("commitment.txt"));
}

#[test]
fn records_keep_their_bytes() {
    let cases = [
        (record(4, 0), golden!("record-created.hex")),
        (record(4, 1), golden!("record-edited.hex")),
    ];
    for (facts, golden) in cases {
        assert_eq!(to_hex(&facts.canonical()), golden);
        assert_eq!(RecordFacts::from_canonical(&bytes(golden)), Ok(facts));
    }
}

#[test]
fn leaves_and_rows_keep_their_bytes_and_hashes() {
    let mut entry = batch(4).entry;
    assert_eq!(to_hex(&entry.leaf().encode()), golden!("leaf.hex"));
    assert_eq!(BatchLeaf::decode(&bytes(golden!("leaf.hex"))), Ok(entry.leaf()));
    for golden in [golden!("entry-open.hex"), golden!("entry-shredded.hex")] {
        assert_eq!(to_hex(&entry.encode()), golden);
        let stored = StoredEntry::decode(&bytes(golden)).unwrap();
        assert!(stored.is_intact());
        assert_eq!(stored.entry(), &entry);
        assert_eq!(stored.leaf_hash(), batch(4).entry.leaf_hash());
        entry.shred_actor();
        entry.shred_details();
    }
}

#[test]
fn frontiers_keep_their_bytes() {
    let mut tree = Frontier::new();
    tree.append_all((0..5).map(|index| batch(index).entry.leaf_hash()));
    assert_eq!(to_hex(&tree.encode()), golden!("frontier-of-5.hex"));
    assert_eq!(Frontier::decode(&bytes(golden!("frontier-of-5.hex"))), Ok(tree));
}

#[test]
fn proofs_keep_their_text() {
    let sample = batch(4);
    let hashes: Vec<_> = (0..5).map(|index| batch(index).entry.leaf_hash()).collect();
    let proof = RecordProof::build(
        record_salt(4, 1),
        &sample.commitments(),
        1,
        sample.entry.leaf(),
        5,
        &mut leaves_only(&hashes),
    );
    let proof = proof.unwrap();
    assert_eq!(proof.to_json(), golden!("record-proof.json"));
    assert_eq!(RecordProof::from_json(golden!("record-proof.json")), Ok(proof));
}

#[test]
fn heads_keep_their_text() {
    let text = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855@0";
    assert_eq!(Frontier::new().head().to_string(), text);
    assert_eq!(text.parse(), Ok::<Head, _>(Frontier::new().head()));
}
