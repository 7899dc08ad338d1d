//! Writes the seeds of the targets that read stored forms: `cargo run -p syncline-fuzz --example
//! seeds`. The other seeds are written by hand.

use std::path::{Path, PathBuf};

use syncline_domains::files::disk::{Digest, Staged, journal};
use syncline_engine::audit::{
    Actor, AuditEntry, BatchFacts, Details, Salt, Shreddable, inner_root,
};
use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_engine::index::{DomainIndex, ItemNames};
use syncline_engine::log::{ChangeKind, LogEntry};
use syncline_engine::sync::{Naming, Rename};
use syncline_merge::codec::{encode_base, encode_record};
use syncline_merge::commit::Site;
use syncline_merge::conflict::conflicts;
use syncline_merge::plain::{Base, Reading, take};
use syncline_merge::rules::{EntityRules, FieldRules, Rule, Shape};
use syncline_merge::state::Record;
use syncline_merge::text::crdt::TextState;
use syncline_merge::text::ot::TextOperation;
use syncline_model::clock::{Clock, Stamp};
use syncline_model::cursor::{Cursor, Incarnation};
use syncline_model::id::{EntityName, PartitionId, Position, RecordId, RunId, SiteId, Writer};
use syncline_model::json::fields::flatten;
use syncline_model::path::{self, Pattern};
use syncline_model::version::Version;
use syncline_protocol::compress::Compressor;
use syncline_protocol::message::Coding;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let (record, base, rules) = every_shape()?;
    write("record_state", "every-shape", &encode_record(&record))?;
    write("record_state", "base", &encode_base(&base))?;
    let (entity, id) = (EntityName::new("contacts")?, RecordId::new("contact-001")?);
    let conflict = conflicts(&record, &rules).into_iter().next().ok_or("a conflict")?;
    let found = Some(RunId::new("019a-1")?);
    let row = ConflictRow {
        entity: entity.clone(),
        id: id.clone(),
        conflict,
        status: Status::Settled,
        base: None,
        found,
        decision: None,
    };
    write("conflict_row", "values", &row.encode())?;
    let fields = flatten(br#"{"name":"Ann","n":{"a":1.0}}"#)?;
    let entry = LogEntry {
        stamp: Stamp::new(Clock::new(1_768_212_330_000, 3), SiteId(7)),
        kind: ChangeKind::Write,
        entity,
        id: id.clone(),
        origin: Writer::new("personal")?,
        run: Some(RunId::new("019a-1")?),
        at_ms: 1_768_212_330_000,
        hops: vec![SiteId(9)],
        schema_version: 2,
        before: None,
        after: Some(fields),
        salt: Salt::new([5; 32]),
    };
    write("log_entry", "created", &entry.encode())?;
    let mut index = DomainIndex {
        file: Some([3; 32]),
        bytes: 4_096,
        rules: [4; 16],
        position: Position(17),
        names: ItemNames::default(),
        items: vec![(id, [6; 16])],
    };
    let renames =
        vec![Rename { hub: path::Path::parse("/phone")?, domain: path::Path::parse("/tel")? }];
    let naming = Naming { renames, beside: Vec::new() };
    index.set_names(|_| &naming);
    write("domain_index", "one-record", &index.encode())?;
    let digest = Digest::of(b"new");
    let staged = Staged { target: "/d/contacts.json".into(), path: "/d/.contacts".into(), digest };
    let noted = journal::Entry {
        staged,
        old: Some(Digest::of(b"old")),
        keep: Some("/k".into()),
        records: vec![RecordId::new("1")?],
        note: Some(b"names".to_vec()),
    };
    write("journal", "replacement", &noted.encode())?;
    write("audit_entry", "run", &audit_entry()?)?;
    let mut text = TextState::new();
    let stamp = |clock| Stamp::new(Clock(clock), SiteId(1));
    text.apply_operation(&TextOperation::from_diff("", "Milk, bread")?, stamp(1))?;
    text.apply_operation(&TextOperation::from_diff("Milk, bread", "Milk and bread")?, stamp(2))?;
    write("text_state", "two-edits", &text.to_bytes())?;
    let mut cursor = Cursor::new(Incarnation(7));
    cursor.advance(PartitionId(0), Position(41))?;
    write("cursor", "one-partition", cursor.to_string().as_bytes())?;
    compressed_messages()
}

fn compressed_messages() -> Result<(), Failure> {
    let text =
        br#"["c",0,[[0,"t1","AQAZq_gcsAADxk2mQfZ0b1Q",812,[["=",1,"Call back"]]]],812]"#.repeat(5);
    for coding in Coding::ALL {
        let message = Compressor::new(coding).compress(&text).ok_or("it pays")?;
        write("compressed_message", coding.as_str(), &message)?;
    }
    Ok(())
}

fn write(target: &str, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    std::fs::create_dir_all(&folder)?;
    Ok(std::fs::write(folder.join(name), bytes)?)
}

/// Returns a record with every shape and a conflict, the base of one writer, and the rules.
fn every_shape() -> Result<(Record, Base, EntityRules), Failure> {
    let shapes = [
        ("/sum", Shape::Sum { minimum: None }),
        ("/tags", Shape::Union),
        ("/phones", Shape::Keyed { key: "kind".into() }),
        ("/calls", Shape::Append { keep: 10 }),
        ("/notes", Shape::Text),
    ];
    let mut rules = EntityRules::default();
    for (pattern, shape) in shapes {
        let (pattern, rule) = (Pattern::parse(pattern)?, Rule::Latest);
        rules.fields.push(FieldRules { pattern, shape, rule });
    }
    let texts: [&[u8]; 2] = [
        br#"{"name":"Ann","sum":3,"tags":["a","b"],"phones":[{"kind":"home","n":1}],"calls":[1],"notes":"x"}"#,
        br#"{"name":"Anne","sum":5,"tags":["c"],"phones":[{"kind":"work","n":2}],"calls":[2],"notes":"y"}"#,
    ];
    let (mut record, mut base, mut clock) = (None, None, Clock::default());
    for (writer, text) in ["personal", "business"].into_iter().zip(texts) {
        let fields = flatten(text)?;
        let writer = Writer::new(writer)?;
        let edited = Clock::new(1_000, 0);
        let reading =
            Reading { fields: Some(&fields), writer: &writer, edited, timed: true, written: None };
        let floor = Version::new();
        let mut site =
            Site { id: SiteId(7), clock: &mut clock, now_ms: 1_000, floor: &floor, lost: &[] };
        let taken = take(record.take(), None, &reading, &rules, &mut site)?;
        (record, base) = (taken.record, taken.base);
    }
    Ok((record.ok_or("a record")?, base.ok_or("a base")?, rules))
}

fn audit_entry() -> Result<Vec<u8>, Failure> {
    let facts = BatchFacts {
        at_ms: 1_768_212_330_000,
        category: "CROSS_DOMAIN".into(),
        action: "DATA_SYNC".into(),
        origin: "personal".into(),
        run: Some("019a-1".into()),
        record_count: 0,
        inner_root: inner_root(&[]),
    };
    let actor = Shreddable::open(Salt::new([1; 32]), Actor::new(Some("ann"), Some("s1"))?);
    let details = Shreddable::open(Salt::new([2; 32]), Details::new(r#"{"n":1}"#)?);
    Ok(AuditEntry::new(0, facts, actor, details)?.encode())
}
