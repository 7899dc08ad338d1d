//! Damage of every kind to a stored log, and the entry that the verifier names for it.

use proptest::prelude::*;

use super::sample::{Batch, flip, log};
use crate::audit::{
    Actor, AuditEntry, BatchFacts, Damage, Details, FieldError, Frontier, Hash, Head, Salt,
    Shreddable, StoredEntry, Verifier, inner_root,
};

const LOG_SIZE: u64 = 7;

fn rows(batches: &[Batch]) -> Vec<Vec<u8>> {
    batches.iter().map(|batch| batch.entry.encode()).collect()
}

fn verify(rows: &[Vec<u8>], stored: &Frontier) -> Result<Head, Damage> {
    let mut verifier = Verifier::new(stored.clone(), &stored.head())?;
    rows.iter().try_for_each(|row| verifier.handle_row(row))?;
    verifier.finish()
}

/// A batch that claims other facts, with a leaf hash to match.
fn forged(index: u64) -> AuditEntry {
    let facts = BatchFacts {
        at_ms: 0,
        category: "CROSS_DOMAIN".into(),
        action: "UNDO".into(),
        origin: "nowhere".into(),
        run: None,
        record_count: 0,
        inner_root: inner_root(&[]),
    };
    let salt = Salt::new([0; 32]);
    let actor = Shreddable::open(salt.clone(), Actor::new(None, None).unwrap());
    AuditEntry::new(index, facts, actor, Shreddable::open(salt, Details::none())).unwrap()
}

#[test]
fn an_undamaged_log_verifies_at_every_size() {
    for size in 0..=10 {
        let (batches, frontier) = log(size);
        assert_eq!(verify(&rows(&batches), &frontier), Ok(frontier.head()), "size {size}");
    }
}

#[test]
fn any_flipped_bit_of_any_row_names_that_row() {
    let (batches, frontier) = log(LOG_SIZE);
    let rows = rows(&batches);
    for (index, row) in rows.iter().enumerate() {
        let mut verifier = Verifier::new(frontier.clone(), &frontier.head()).unwrap();
        rows[..index].iter().for_each(|row| verifier.handle_row(row).unwrap());
        for bit in 0..row.len() * 8 {
            let mut damaged = row.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let damage = verifier.clone().handle_row(&damaged).unwrap_err();
            assert_eq!(damage.index(), Some(index as u64), "bit {bit} of row {index}");
            let code = damage.code();
            assert!(code.starts_with("AUDIT_DAMAGED_ROW"), "bit {bit} of row {index}: {code}");
        }
    }
}

#[test]
fn a_cut_or_grown_row_names_that_row() {
    let (batches, frontier) = log(LOG_SIZE);
    let rows = rows(&batches);
    for (index, row) in rows.iter().enumerate() {
        let cuts = (0..row.len()).map(|length| row[..length].to_vec());
        for changed in cuts.chain([[row.as_slice(), &[0]].concat()]) {
            let mut rows = rows.clone();
            rows[index] = changed;
            let damage = verify(&rows, &frontier).unwrap_err();
            assert_eq!(damage.index(), Some(index as u64));
            assert_eq!(damage.code(), "AUDIT_DAMAGED_ROW_UNREADABLE");
        }
    }
}

#[test]
fn a_cut_tail_is_named_by_its_first_entry() {
    let (batches, frontier) = log(LOG_SIZE);
    for (index, kept) in (0..LOG_SIZE).zip(0..) {
        let damage = verify(&rows(&batches[..kept]), &frontier);
        assert_eq!(damage, Err(Damage::TailMissing { index, size: LOG_SIZE }));
    }
}

#[test]
fn swapped_missing_and_repeated_rows_are_named() {
    let (batches, frontier) = log(LOG_SIZE);
    let intact = rows(&batches);
    for (first, second) in (0..7).flat_map(|second| (0..second).map(move |first| (first, second))) {
        let mut rows = intact.clone();
        rows.swap(first, second);
        let expected = Damage::SequenceBroken { index: first as u64, found: second as u64 };
        assert_eq!(verify(&rows, &frontier), Err(expected));
    }
    for gone in 0..6 {
        let mut rows = intact.clone();
        rows.remove(gone);
        let expected = Damage::SequenceBroken { index: gone as u64, found: gone as u64 + 1 };
        assert_eq!(verify(&rows, &frontier), Err(expected));
    }
    let mut rows = intact;
    rows.push(rows[6].clone());
    assert_eq!(verify(&rows, &frontier), Err(Damage::BeyondHead { index: 7, size: 7 }));
}

#[test]
fn a_row_replaced_with_a_matching_hash_is_found_in_its_subtree() {
    let (batches, frontier) = log(LOG_SIZE);
    // Seven leaves: subtrees of four, two and one.
    let ranges = [(0, 3), (0, 3), (0, 3), (0, 3), (4, 5), (4, 5), (6, 6)];
    for (index, (first, last)) in (0..).zip(ranges) {
        let mut rows = rows(&batches);
        rows[index] = forged(index as u64).encode();
        assert_eq!(verify(&rows, &frontier), Err(Damage::RootDiffers { first, last }));
    }
}

#[test]
fn records_are_compared_with_their_row_when_supplied() {
    let (batches, frontier) = log(LOG_SIZE);
    let check = |damaged: u64, change: fn(&mut Vec<Hash>)| {
        let mut verifier = Verifier::new(frontier.clone(), &frontier.head()).unwrap();
        assert_eq!(verifier.handle_records(&[]), Ok(()), "nothing to compare yet");
        for batch in &batches {
            verifier.handle_row(&batch.entry.encode())?;
            let mut commitments = batch.commitments();
            if batch.entry.index() == damaged {
                change(&mut commitments);
            }
            verifier.handle_records(&commitments)?;
        }
        verifier.finish()
    };
    let differ = |found| Err(Damage::RecordsDiffer { index: 4, expected: 4, found });
    assert_eq!(check(4, |_| {}), Ok(frontier.head()));
    assert_eq!(check(4, |records| records[3] = flip(records[3], 200)), differ(4));
    assert_eq!(check(4, |records| records.swap(0, 1)), differ(4));
    assert_eq!(check(4, |records| records.truncate(3)), differ(3));
    assert_eq!(check(4, |records| records.push(records[0])), differ(5));
}

#[test]
fn a_stored_tree_that_contradicts_its_head_is_named() {
    let (_, frontier) = log(LOG_SIZE);
    let forged = Head { root: flip(frontier.root(), 1), size: LOG_SIZE };
    let damage = Verifier::new(frontier, &forged).unwrap_err();
    assert_eq!(damage, Damage::HeadDiffers { frontier_size: 7, head_size: 7 });
    assert_eq!((damage.code(), damage.index()), ("AUDIT_DAMAGED_HEAD", None));
}

#[test]
fn a_check_resumes_after_what_was_verified() {
    let (batches, frontier) = log(LOG_SIZE);
    let (_, verified) = log(4);
    let mut verifier =
        Verifier::resume(verified.clone(), frontier.clone(), &frontier.head()).unwrap();
    assert_eq!(verifier.next_index(), 4);
    for row in &rows(&batches)[4..] {
        verifier.handle_row(row).unwrap();
    }
    assert_eq!(verifier.seen(), &frontier);
    assert_eq!(verifier.finish(), Ok(frontier.head()));
    let shrunk = Verifier::resume(frontier, verified.clone(), &verified.head()).unwrap_err();
    assert_eq!(shrunk, Damage::TailMissing { index: 4, size: 7 });
}

#[test]
fn the_first_damage_is_final() {
    let (batches, frontier) = log(LOG_SIZE);
    let mut verifier = Verifier::new(frontier.clone(), &frontier.head()).unwrap();
    let damage = verifier.handle_row(&[]).unwrap_err();
    for row in rows(&batches) {
        assert_eq!(verifier.handle_row(&row), Err(damage));
    }
    assert_eq!(verifier.handle_records(&[]), Err(damage));
    assert_eq!(verifier.finish(), Err(damage));
}

#[test]
fn shredding_every_entry_keeps_the_log_whole() {
    let (mut batches, frontier) = log(LOG_SIZE);
    for batch in &mut batches {
        batch.entry.shred_actor();
        batch.entry.shred_details();
        let stored = StoredEntry::decode(&batch.entry.encode()).unwrap();
        assert_eq!((stored.entry().actor(), stored.entry().details()), (None, None));
        for name in [b"ann".as_slice(), b"session-1", b"contacts"] {
            assert!(!batch.entry.encode().windows(name.len()).any(|window| window == name));
        }
    }
    assert_eq!(verify(&rows(&batches), &frontier), Ok(frontier.head()));
}

#[test]
fn entries_refuse_what_cannot_be_stored() {
    let build = |change: fn(&mut BatchFacts)| {
        let mut facts = forged(0).facts().clone();
        change(&mut facts);
        let actor = Shreddable::Shredded { commitment: facts.inner_root };
        let details = Shreddable::Shredded { commitment: facts.inner_root };
        AuditEntry::new(0, facts, actor, details).map(drop)
    };
    let not_a_word = |field| Err(FieldError::NotAWord { field });
    let too_long =
        |field, found_bytes, bytes_max| Err(FieldError::TooLong { field, found_bytes, bytes_max });
    assert_eq!(build(|_| {}), Ok(()));
    assert_eq!(build(|facts| facts.category = "cross".into()), not_a_word("category"));
    assert_eq!(build(|facts| facts.action = String::new()), not_a_word("action"));
    assert_eq!(build(|facts| facts.action = "A".repeat(65)), too_long("action", 65, 64));
    assert_eq!(build(|facts| facts.origin = "o".repeat(256)), Ok(()));
    assert_eq!(build(|facts| facts.origin = "o".repeat(257)), too_long("origin", 257, 256));
    assert_eq!(build(|facts| facts.run = Some("r".repeat(129))), too_long("run", 129, 128));
    let too_many = FieldError::TooManyRecords { found: 8_000_001, records_max: 8_000_000 };
    assert_eq!(build(|facts| facts.record_count = 8_000_001), Err(too_many));
    let long = "x".repeat(17_000);
    assert!(Details::new(&long).is_err() && Actor::new(Some(&long), None).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any byte may become any other byte, in a log of any size.
    #[test]
    fn any_changed_byte_names_its_row(size in 1_u64..12, pick: u64, place: usize, change in 1_u8..) {
        let (batches, frontier) = log(size);
        let mut rows = rows(&batches);
        let index = pick % size;
        let row = &mut rows[index as usize];
        let place = place % row.len();
        row[place] ^= change;
        prop_assert_eq!(verify(&rows, &frontier).unwrap_err().index(), Some(index));
    }
}
