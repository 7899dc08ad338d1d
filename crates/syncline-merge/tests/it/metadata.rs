//! What a state costs beside its values.

use syncline_merge::codec::encode_record;
use syncline_merge::commit::{Site, operate};
use syncline_merge::operation::{Effect, FieldOperation, Operation};
use syncline_merge::rules::EntityRules;
use syncline_merge::state::Record;
use syncline_merge::token::{Context, Token};
use syncline_model::clock::Clock;
use syncline_model::id::{SiteId, Writer};
use syncline_model::json::Leaf;
use syncline_model::path::Path;
use syncline_model::version::Version;

/// A record of `fields` fields, written whole at one site and then edited field by field in turn
/// at `sites` sites; returns the bytes of its state beyond paths and values.
fn overhead(fields: usize, sites: u64, edited: usize) -> usize {
    let path = |index: usize| Path::parse(&format!("/field-{index}")).unwrap();
    let value = |index: usize| Leaf::string(&format!("value {index}"));
    let set = |index| FieldOperation::Set { path: path(index), value: value(index) };
    let mut record = write(None, 1, 0, (0..fields).map(set).collect());
    for turn in 0..edited {
        let site = 1 + turn as u64 % sites;
        record = write(Some(record), site, 1 + turn as u64, vec![set(turn % fields)]);
    }
    let plain: usize =
        (0..fields).map(|index| path(index).as_str().len() + value(index).as_str().len()).sum();
    encode_record(&record).len() - plain
}

fn write(record: Option<Record>, site: u64, turn: u64, fields: Vec<FieldOperation>) -> Record {
    let rules = EntityRules::default();
    let base = record.as_ref().map(|record| Token::of(record, &rules, None, &[]));
    let now_ms = 1_700_000_000_000 + turn * 5_000;
    let writer = Writer::new(&format!("domain-{site}")).unwrap();
    let edited = Clock::new(now_ms, 0);
    let operation = Operation { effect: Effect::Write(fields), writer, edited, timed: true };
    let context = Context { base, ..Context::default() };
    let (floor, mut clock) = (Version::new(), Clock::default());
    let id = SiteId(site << 48);
    let mut site = Site { id, clock: &mut clock, now_ms, floor: &floor, lost: &[] };
    operate(record, &operation, &context, &rules, &mut site).unwrap().record
}

#[test]
fn the_state_of_a_record_costs_few_bytes_beside_its_values() {
    // Fields, sites, edits after the first write, and the most bytes allowed.
    let cases = [
        (1, 1, 0, 56),
        (10, 1, 0, 104),
        (100, 1, 0, 560),
        (1, 3, 3, 110),
        (10, 3, 10, 300),
        (100, 3, 100, 2_400),
    ];
    let mut table = String::from("fields sites edits bytes bytes/field\n");
    for (fields, sites, edits, most) in cases {
        let bytes = overhead(fields, sites, edits);
        table += &format!("{fields:6} {sites:5} {edits:5} {bytes:5} {:5}\n", bytes / fields);
        assert!(bytes <= most, "{fields} fields, {sites} sites, {edits} edits: {bytes} bytes");
    }
    // `cargo test -- --nocapture few_bytes` shows the table.
    std::io::Write::write_all(&mut std::io::stderr(), table.as_bytes()).unwrap();
}
