//! One golden file per stored row and version: bytes that some store holds must be read for ever.

use std::path::PathBuf;

use syncline_engine::audit::Salt;
use syncline_engine::bases::{self, WholeEntry};
use syncline_engine::conflicts::{ConflictRow, Decided, Status};
use syncline_engine::index::{DomainIndex, ItemNames};
use syncline_engine::log::{ChangeKind, LogEntry, digest};
use syncline_engine::sync::{Naming, Rename};
use syncline_engine::undo::{Found, FoundBase};
use syncline_merge::conflict::{Conflict, ConflictKind, Side};
use syncline_merge::display::Fields;
use syncline_merge::plain::Base;
use syncline_merge::restore::Renewals;
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{DomainName, EntityName, Position, RecordId, RunId, SiteId, Writer};
use syncline_model::json::Leaf;
use syncline_model::path::Path;

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn leaf(text: &str) -> Leaf {
    Leaf::parse(text).unwrap()
}

fn stamp(clock: u64) -> Stamp {
    Stamp::new(Clock(clock), SiteId(0x0102_0304_0506_0708))
}

fn record() -> (EntityName, RecordId) {
    (EntityName::new("contacts").unwrap(), RecordId::new("contact-017").unwrap())
}

fn fields(phone: &str) -> Fields {
    vec![(path("/name"), leaf("\"Ada\"")), (path("/phone"), leaf(phone))]
}

fn run() -> Option<RunId> {
    RunId::new("sync-20261122-100530").ok()
}

fn entry(before: Option<Fields>, after: Option<Fields>) -> LogEntry {
    let (entity, id) = record();
    LogEntry {
        stamp: stamp(300),
        kind: ChangeKind::Write,
        entity,
        id,
        origin: Writer::new("personal").unwrap(),
        run: run(),
        at_ms: 1_700_000_000_000,
        hops: vec![SiteId(9)],
        schema_version: 3,
        before,
        after,
        salt: Salt::new([0xa5; 32]),
    }
}

fn base() -> Base {
    Base { rendering: Some(fields("1.50")), ..Base::default() }
}

fn conflict() -> ConflictRow {
    let (entity, id) = record();
    let side = |clock, value: Option<&str>, writer| Side {
        stamp: stamp(clock),
        value: value.map(leaf),
        edited: Clock(clock - 1),
        writer: Writer::new(writer).ok(),
    };
    let conflict = Conflict {
        path: path("/phone"),
        kind: ConflictKind::Values,
        stamps: vec![stamp(7), stamp(8)],
        sides: vec![side(7, Some("1"), "personal"), side(8, None, "business")],
        shown: Some(stamp(8)),
        open: false,
    };
    let by = Writer::new("ann").unwrap();
    let decision = Some(Decided { by, at_ms: 1_700_000_000_001, stamp: stamp(9) });
    let (status, base) = (Status::Resolved, Some(leaf("0")));
    ConflictRow { entity, id, conflict, status, base, found: run(), decision }
}

fn naming() -> Naming {
    Naming::of(&[Rename { hub: path("/phone"), domain: path("/tel") }])
}

fn found() -> Found {
    let base = |row: &[u8], written, naming| FoundBase { row: Some(row.to_vec()), written, naming };
    Found {
        record: Some(b"state".to_vec()),
        bases: [base(b"one", Some(true), Some(naming())), base(b"", None, None)],
        renewals: Renewals::from([((path("/phone"), stamp(7)), stamp(9))]),
        former: RecordId::new("b-17").ok(),
        others: vec![(DomainName::new("club").unwrap(), b"two".to_vec())],
    }
}

fn index() -> DomainIndex {
    let items = ["a", "b"].map(|id| (RecordId::new(id).unwrap(), [7; 16])).to_vec();
    let position = Position(1 << 40);
    let names = ItemNames::default();
    let mut index =
        DomainIndex { file: Some([3; 32]), bytes: 300, rules: [5; 16], position, items, names };
    let (named, plain) = (naming(), Naming::default());
    index.set_names(|id| if id.as_str() == "b" { &named } else { &plain });
    index
}

#[expect(clippy::disallowed_methods, reason = "this test reads fixtures; the crate does not")]
/// Returns the bytes of a golden file; `BLESS=1` writes a file that is not there yet.
pub(crate) fn stored(name: &str, encoded: &[u8]) -> Vec<u8> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/engine").join(name);
    if std::env::var_os("BLESS").is_some() && !file.exists() {
        std::fs::write(&file, encoded).unwrap();
    }
    std::fs::read(&file).unwrap()
}

/// Compares what is written now with the file.
pub(crate) fn golden(name: &str, encoded: &[u8]) -> Vec<u8> {
    let bytes = stored(name, encoded);
    assert!(bytes == encoded, "bump the format version: {name}");
    bytes
}

fn entries() -> [(&'static str, LogEntry); 3] {
    [
        ("log-change.bin", entry(Some(fields("1")), Some(fields("2")))),
        ("log-creation.bin", entry(None, Some(fields("1")))),
        ("log-deletion.bin", entry(Some(fields("1")), None)),
    ]
}

#[test]
fn rows_are_those_of_the_golden_files() {
    for (name, entry) in entries() {
        let bytes = golden(&format!("v2/{name}"), &entry.encode());
        assert_eq!(LogEntry::decode(&bytes), Ok(entry), "{name}");
    }
    let bytes = golden("v2/base-whole.bin", &bases::encode(&base(), None));
    assert_eq!(bases::decode(&bytes, None, &[]), Ok(base()));
    let after = fields("1.50");
    let (coming, digest) = (entry(None, Some(after.clone())), digest(&after));
    let whole = WholeEntry { position: Position(300), after: &after, digest };
    let bytes = golden("v2/base-beside-an-entry.bin", &bases::encode(&base(), Some(whole)));
    assert_eq!(bases::decode(&bytes, Some(&coming.encode()), &[]), Ok(base()));
    let bytes = golden("v2/conflict-resolved.bin", &conflict().encode());
    assert_eq!(ConflictRow::decode(&bytes), Ok(conflict()));
    let bytes = golden("v2/undo-of-every-part.bin", &found().encode());
    assert_eq!(Found::decode(&bytes), Ok(found()));
    let bytes = golden("v1/index-with-names.bin", &index().encode());
    assert_eq!(DomainIndex::decode(&bytes), Ok(index()));
}

#[test]
fn rows_of_earlier_versions_are_still_read() {
    let old = |name: &str| stored(&format!("v1/{name}"), &[]);
    for (name, entry) in entries() {
        assert_eq!(LogEntry::decode(&old(name)), Ok(entry), "{name}");
    }
    let (whole, beside) = (old("base-whole.bin"), old("base-beside-an-entry.bin"));
    let coming = entry(None, Some(fields("1.50"))).encode();
    assert_eq!(bases::decode(&whole, None, &[]), Ok(base()));
    assert_eq!(bases::names_entry(&beside), Ok(Some(Position(300))));
    assert_eq!(bases::decode(&beside, Some(&coming), &[]), Ok(base()));
    assert_eq!(ConflictRow::decode(&old("conflict-resolved.bin")), Ok(conflict()));
    assert_eq!(Found::decode(&old("undo-of-every-part.bin")), Ok(found()));
}

#[test]
fn what_names_a_change_in_the_audit_does_not_change_with_its_stored_form() {
    let entry = entry(Some(fields("1")), Some(fields("2")));
    golden("v1/log-name-in-the-audit.bin", &entry.name_bytes());
}

#[test]
fn a_value_under_a_key_is_refused_and_not_read_as_something_else() {
    let whole = bases::encode(&base(), None);
    let sealed = [whole[0], 2, 1, b'k', 1, 0, 9, 9];
    assert_eq!(
        bases::decode(&sealed, None, &[]).unwrap_err().damage.to_string(),
        "value under a key is not acceptable here"
    );
}
