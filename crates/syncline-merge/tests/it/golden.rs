//! One golden file per stored form: bytes that some store holds must be read for ever.

use std::path::PathBuf;

use syncline_merge::codec::{STATE_FORMAT, decode_base, decode_record, decode_token};
use syncline_merge::codec::{encode_base, encode_record, encode_token};
use syncline_merge::commit::{Site, operate};
use syncline_merge::dots::Dots;
use syncline_merge::exchange::withhold;
use syncline_merge::join::join;
use syncline_merge::operation::{Effect, FieldOperation, Operation};
use syncline_merge::plain::{Base, Intent};
use syncline_merge::rules::EntityRules;
use syncline_merge::state::{ElementId, Record};
use syncline_merge::text::ot::TextOperation;
use syncline_merge::token::{Context, Token};
use syncline_model::clock::Clock;
use syncline_model::id::{SiteId, Writer};
use syncline_model::json::fields::flatten;
use syncline_model::json::{Leaf, Number};
use syncline_model::path::Path;
use syncline_model::version::Version;

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

/// Commits one operation at a site, at a time of its own.
fn commit(record: Option<Record>, at: (u64, u64), base: bool, effect: Effect) -> Record {
    let (site, ms) = at;
    let rules = EntityRules::default();
    let seen = record.as_ref().filter(|_| base);
    let base = seen.map(|record| Token::of(record, &rules, None, &[]));
    let context = Context { base, ..Context::default() };
    let writer = Writer::new(&format!("writer-{site}")).unwrap();
    let edited = Clock::new(ms - 1, 7);
    let operation = Operation { effect, writer, edited, timed: site != 2 };
    let (floor, mut clock) = (Version::new(), Clock::default());
    let id = SiteId(site << 56 | site);
    let mut site = Site { id, clock: &mut clock, now_ms: ms, floor: &floor, lost: &[] };
    operate(record, &operation, &context, &rules, &mut site).unwrap().record
}

fn simple() -> Record {
    let set = |name: &str, value: &str| FieldOperation::Set {
        path: path(name),
        value: Leaf::parse(value).unwrap(),
    };
    let fields = vec![set("/name", "\"Ada Lovelace\""), set("/address/city", "\"London\"")];
    commit(None, (1, 1_700_000_000_000), false, Effect::Write(fields))
}

/// A record in which every shape holds something, and two sites disagree.
fn full() -> Record {
    let (by, number) = (Number::from(7_i64), Number::parse("1.50").unwrap());
    let id = Some(ElementId::Content([0xab; 16], 3));
    let inside = vec![FieldOperation::Increment { path: path("/n"), by: number.clone() }];
    let fields = |text: &str, value: i64, id| {
        let element = Leaf::from(value);
        let (value, key) = (element.clone(), Box::from("home"));
        let fields = inside.clone();
        let (keyed, list) = (path("/keyed"), path("/list"));
        vec![
            FieldOperation::Set { path: path("/name"), value: value.clone() },
            FieldOperation::Increment { path: path("/sum"), by: by.clone() },
            FieldOperation::Floor { path: path("/least"), value: number.clone() },
            FieldOperation::Add { path: path("/set"), element },
            FieldOperation::PutMember { path: keyed, key, create: false, fields },
            FieldOperation::Append { path: list, value, id },
            FieldOperation::BeginText { path: path("/text"), text: text.into() },
        ]
    };
    let start = simple();
    let left = commit(Some(start.clone()), (1, 1_700_000_001_000), true, {
        Effect::Write(fields("Grüße", 1, id))
    });
    let edit = TextOperation::from_diff("Grüße", "Viele Grüße").unwrap();
    let left = commit(Some(left), (1, 1_700_000_002_000), true, {
        Effect::Write(vec![
            FieldOperation::EditText { path: path("/text"), edit },
            FieldOperation::Reset { path: path("/sum") },
            FieldOperation::Unset { path: path("/address/city") },
        ])
    });
    let right = commit(Some(start.clone()), (2, 1_700_000_001_500), false, {
        Effect::Write(fields("Hallo", 2, None))
    });
    let deleted = commit(Some(start), (3, 1_700_000_001_700), true, Effect::Delete);
    let partial = withhold(&join(&left, &right).unwrap(), &[path("/name")]);
    join(&partial, &deleted).unwrap()
}

fn token() -> Token {
    let rules = EntityRules::default();
    Token::of(&full(), &rules, Some(&Writer::new("writer-1").unwrap()), &[path("/address")])
}

fn base() -> Base {
    let rendering = flatten(br#"{"name":"Ada","tags":[1,2]}"#).unwrap();
    let own = Dots::from_iter(full().live.as_slice().iter().copied());
    let intent = Some(Intent { rendering: None, token: token() });
    Base { rendering: Some(rendering), token: token(), own, intent }
}

#[expect(clippy::disallowed_methods, reason = "this test reads fixtures; the crate does not")]
/// Compares what is encoded now with the file; `BLESS=1` writes a file that is not there yet.
fn golden(name: &str, encoded: &[u8]) -> Vec<u8> {
    assert_eq!(STATE_FORMAT, 1, "keep the files of version 1, and add those of the new version");
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/merge/v1");
    let file = root.join(name);
    if std::env::var_os("BLESS").is_some() && !file.exists() {
        std::fs::write(&file, encoded).unwrap();
    }
    let bytes = std::fs::read(&file).unwrap();
    assert!(bytes == encoded, "bump the format version: {name}");
    bytes
}

#[test]
fn stored_forms_are_those_of_the_golden_files() {
    for (name, record) in [
        ("record-written-once.bin", simple()),
        ("record-of-every-shape-in-conflict-with-a-withheld-path.bin", full()),
        ("record-forgotten-and-begun-anew.bin", Record::begun(&full().version)),
    ] {
        let bytes = golden(name, &encode_record(&record));
        assert_eq!(decode_record(&bytes), Ok(record), "{name}");
    }
    let bytes = golden("base-with-an-open-intent.bin", &encode_base(&base()));
    assert_eq!(decode_base(&bytes), Ok(base()));
    let bytes = golden("token-with-exceptions.bin", &encode_token(&token()));
    assert_eq!(decode_token(&bytes), Ok(token()));
}
