//! Small logs to damage.

use crate::audit::{
    Actor, AuditEntry, BatchFacts, Details, Frontier, Hash, RecordFacts, Salt, Shreddable,
    inner_root, tree::leaf_hash,
};

/// A hash per number, for tests that need leaves and no content.
pub(super) fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|number| leaf_hash(&number.to_be_bytes())).collect()
}

/// A salt per number; real salts are random.
pub(super) fn salt(number: u8) -> Salt {
    Salt::new([number; 32])
}

/// Returns `hash` with bit `bit` (0..256) turned over.
pub(super) fn flip(hash: Hash, bit: usize) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8] ^= 1 << (bit % 8);
    Hash::new(bytes)
}

/// A batch with its records, as a store would hold them.
pub(super) struct Batch {
    pub(super) entry: AuditEntry,
    pub(super) records: Vec<Shreddable<RecordFacts>>,
}

impl Batch {
    pub(super) fn commitments(&self) -> Vec<Hash> {
        self.records.iter().map(Shreddable::commitment).collect()
    }
}

/// The record number `number` of the batch at `index`: created by it, or edited.
pub(super) fn record(index: u64, number: u64) -> RecordFacts {
    let before = (number % 2 == 1).then(|| leaf_hash(b"before"));
    let id = format!("c{index}-{number}");
    let stamp = [index.to_be_bytes(), number.to_be_bytes()].concat();
    RecordFacts::new("contacts", &id, &stamp, before, Some(leaf_hash(b"after"))).unwrap()
}

pub(super) fn record_salt(index: u64, number: u64) -> Salt {
    salt(u8::try_from(100 + 10 * index + number).unwrap())
}

/// The batch at `index`, which has as many records.
pub(super) fn batch(index: u64) -> Batch {
    let records: Vec<_> = (0..index)
        .map(|number| Shreddable::open(record_salt(index, number), record(index, number)))
        .collect();
    let commitments: Vec<_> = records.iter().map(Shreddable::commitment).collect();
    let facts = BatchFacts {
        at_ms: 1_795_000_000_000 + index,
        category: "CROSS_DOMAIN".into(),
        action: if index == 0 { "REFUSED".into() } else { "DATA_SYNC".into() },
        origin: "crm".into(),
        run: (index % 2 == 1).then(|| "run-7".into()),
        record_count: index,
        inner_root: inner_root(&commitments),
    };
    let actor = Actor::new(Some("ann"), index.is_multiple_of(2).then_some("session-1")).unwrap();
    let details = Details::new(r#"{"contacts":{"updated":2}}"#).unwrap();
    let number = u8::try_from(index).unwrap();
    let actor = Shreddable::open(salt(number), actor);
    let details = Shreddable::open(salt(number + 50), details);
    Batch { entry: AuditEntry::new(index, facts, actor, details).unwrap(), records }
}

/// A log of `count` batches, some with forgotten parts, and the frontier over them.
pub(super) fn log(count: u64) -> (Vec<Batch>, Frontier) {
    let mut frontier = Frontier::new();
    let mut batches: Vec<_> = (0..count).map(batch).collect();
    for batch in &mut batches {
        frontier.append(batch.entry.leaf_hash());
        if batch.entry.index() % 3 == 2 {
            batch.entry.shred_actor();
            batch.entry.shred_details();
            batch.records.iter_mut().for_each(Shreddable::shred);
        }
    }
    (batches, frontier)
}
