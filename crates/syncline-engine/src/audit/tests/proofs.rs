//! Proofs of records: what holds, what does not, and what shredding leaves.

use super::sample::{Batch, flip, log, record, record_salt, salt};
use crate::audit::hash::{from_hex, to_hex};
use crate::audit::tree::leaves_only;
use crate::audit::{
    BatchLeaf, Canonical, FieldError, Hash, Head, ProofError, ProofTextError, RecordFacts,
    RecordProof, Shreddable, commit,
};

const LOG_SIZE: u64 = 7;

fn leaf_hashes(batches: &[Batch]) -> Vec<Hash> {
    batches.iter().map(|batch| batch.entry.leaf_hash()).collect()
}

/// The proof of a record under the head of the whole sample log.
fn proof(batches: &[Batch], index: u64, number: u64) -> RecordProof {
    let batch = &batches[index as usize];
    RecordProof::build(
        record_salt(index, number),
        &batch.commitments(),
        number,
        batch.entry.leaf(),
        batches.len() as u64,
        &mut leaves_only(&leaf_hashes(batches)),
    )
    .unwrap()
}

fn sample() -> (RecordProof, Head) {
    let (batches, frontier) = log(LOG_SIZE);
    (proof(&batches, 4, 1), frontier.head())
}

#[test]
fn every_record_is_proved_even_next_to_shredded_ones() {
    let (batches, frontier) = log(LOG_SIZE);
    for (index, number) in (0..LOG_SIZE).flat_map(|index| (0..index).map(move |n| (index, n))) {
        let proof = proof(&batches, index, number);
        let facts = record(index, number);
        assert_eq!(proof.verify(&facts, &frontier.head()), Ok(()), "record {number} of {index}");
        let read = RecordProof::from_json(&proof.to_json()).unwrap();
        assert_eq!(read.verify(&facts, &frontier.head()), Ok(()));
    }
}

#[test]
fn other_facts_are_not_proved() {
    let (proof, head) = sample();
    let hash = Some(Hash::new([1; 32]));
    let real = record(4, 1);
    let with = |entity, id, stamp: &[u8], before, after| {
        RecordFacts::new(entity, id, stamp, before, after).unwrap()
    };
    let (entity, id, stamp) = (real.entity(), real.id(), real.stamp());
    let cases = [
        ("entity", with("contact", id, stamp, real.before(), real.after())),
        ("id", with(entity, "c4-2", stamp, real.before(), real.after())),
        ("moved boundary", with("contactsc", "4-1", stamp, real.before(), real.after())),
        ("stamp", with(entity, id, b"", real.before(), real.after())),
        ("before", with(entity, id, stamp, None, real.after())),
        ("after", with(entity, id, stamp, real.before(), hash)),
        ("neighbour", record(4, 0)),
    ];
    for (name, facts) in cases {
        assert_eq!(proof.verify(&facts, &head), Err(ProofError::RecordDiffers), "case: {name}");
    }
}

#[test]
fn another_head_does_not_prove() {
    let (proof, head) = sample();
    let larger = Head { size: head.size + 1, ..head };
    let forged = Head { root: flip(head.root, 9), ..head };
    let differs = ProofError::SizeDiffers { proof: head.size, head: head.size + 1 };
    assert_eq!(proof.verify(&record(4, 1), &larger), Err(differs));
    assert_eq!(proof.verify(&record(4, 1), &forged), Err(ProofError::LeafDiffers));
}

#[test]
fn no_changed_character_of_a_proof_passes() {
    let (proof, head) = sample();
    let text = proof.to_json();
    for offset in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[offset] ^= 1;
        let Ok(changed) = String::from_utf8(changed) else {
            continue;
        };
        let verified = RecordProof::from_json(&changed)
            .map(|proof| proof.verify(&record(4, 1), &head).is_ok());
        assert_ne!(verified, Ok(true), "byte {offset}");
    }
}

#[test]
fn proofs_are_built_from_the_batch_own_records_only() {
    let (batches, _) = log(LOG_SIZE);
    let build = |commitments: &[Hash], number| {
        let hashes = leaf_hashes(&batches);
        let leaf = batches[3].entry.leaf();
        RecordProof::build(salt(0), commitments, number, leaf, 7, &mut leaves_only(&hashes))
    };
    let own = batches[3].commitments();
    assert_eq!(build(&own[..2], 0), Err(ProofError::RecordDiffers));
    assert_eq!(build(&batches[4].commitments(), 0), Err(ProofError::RecordDiffers));
    assert_eq!(build(&own, 3).unwrap_err().code(), "AUDIT_OUTSIDE_TREE");
}

#[test]
fn proof_text_may_be_pretty_printed_but_not_ambiguous() {
    let (proof, _) = sample();
    let text = proof.to_json();
    let pretty = text.replace(',', " ,\n\t").replace(':', " : ").replace("[", "[ ");
    assert_eq!(RecordProof::from_json(&pretty), Ok(proof));
    let reason = |text: &str| RecordProof::from_json(text).unwrap_err().code();
    #[rustfmt::skip]
    let cases = [
        ("empty",           String::new(),                                   "AUDIT_PROOF_SYNTAX"),
        ("surplus",         format!("{text}x"),                              "AUDIT_PROOF_SYNTAX"),
        ("leading zero",    text.replace("size\":7", "size\":07"),           "AUDIT_PROOF_SYNTAX"),
        ("negative",        text.replace("size\":7", "size\":-7"),           "AUDIT_PROOF_SYNTAX"),
        ("beyond 64 bits",  text.replace("size\":7", "size\":18446744073709551616"), "AUDIT_PROOF_SYNTAX"),
        ("escape",          text.replace("\"salt", "\"s\\u0061lt"),          "AUDIT_PROOF_SYNTAX"),
        ("repeated",        text.replace("tree_size", "record_index"),       "AUDIT_PROOF_MEMBER_UNEXPECTED"),
        ("unknown",         text.replace("tree_size", "trees"),              "AUDIT_PROOF_MEMBER_UNEXPECTED"),
        ("missing",         text.replace("\"tree_size\":7,", ""),            "AUDIT_PROOF_MEMBER_MISSING"),
        ("other version",   text.replace("record/1", "record/2"),            "AUDIT_PROOF_FORMAT_UNKNOWN"),
        ("upper case",      text.replace("leaf\":\"01", "leaf\":\"0A"),      "AUDIT_NOT_HEX"),
        ("too long",        format!("{text}{}", " ".repeat(40_000)),         "AUDIT_PROOF_TOO_LONG"),
    ];
    for (name, text, expected) in cases {
        assert_eq!(reason(&text), expected, "case: {name}");
    }
    let long = format!("{{\"tree_path\":[{}]}}", vec![format!("\"{:064}\"", 0); 129].join(","));
    let too_long = ProofTextError::PathTooLong { hashes_max: 128 };
    assert_eq!(RecordProof::from_json(&long), Err(too_long));
}

#[test]
fn a_commitment_depends_on_salt_and_content_and_survives_shredding() {
    let facts = record(1, 0);
    let mut kept = Shreddable::open(salt(1), facts.clone());
    let commitment = kept.commitment();
    assert_ne!(commitment, commit(&salt(2), &facts.canonical()));
    assert_ne!(commitment, commit(&salt(1), &record(1, 1).canonical()));
    kept.shred();
    assert_eq!(kept.value(), None);
    assert_eq!(kept, Shreddable::Shredded { commitment });
}

#[test]
fn debug_texts_show_neither_salts_nor_people() {
    let (batches, _) = log(LOG_SIZE);
    let (proof, _) = sample();
    let salt_byte = record_salt(4, 1).as_bytes()[0].to_string();
    for batch in &batches {
        let text = format!("{:?}", batch.entry);
        assert!(!text.contains("ann") && !text.contains("session-1"), "{text}");
    }
    let text = format!("{:?} {:?}", proof, record(4, 1));
    assert!(!text.contains(&format!("[{salt_byte}, {salt_byte}")));
    assert!(!text.contains(&record(4, 1).after().unwrap().to_string()));
}

#[test]
fn overlong_facts_are_refused() {
    let long = "x".repeat(20_000);
    let found = |field, bytes_max| {
        Err::<(), _>(FieldError::TooLong { field, found_bytes: 20_000, bytes_max })
    };
    let record = |entity, id, stamp: &str| {
        RecordFacts::new(entity, id, stamp.as_bytes(), None, None).map(drop)
    };
    assert_eq!(record(&long, "", ""), found("entity", 256));
    assert_eq!(record("", &long, ""), found("id", 1024));
    assert_eq!(record("", "", &long), found("stamp", 128));
}

#[test]
fn a_leaf_covers_its_place_and_every_fact() {
    let (batches, _) = log(LOG_SIZE);
    let leaf = batches[5].entry.leaf();
    let bytes = leaf.encode();
    for offset in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[offset] ^= 1;
        let same = BatchLeaf::decode(&changed).map(|changed| changed.hash() == leaf.hash());
        assert_ne!(same, Ok(true), "byte {offset}");
    }
    assert_eq!(from_hex(&to_hex(&bytes)), Ok(bytes));
}
