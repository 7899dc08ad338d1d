//! Laws of documents, against a model: JavaScript's `JSON.stringify` of the whole value.

use proptest::collection::vec;
use proptest::prelude::*;
use syncline_domains::files::document::{Change, ChangeKind, Document};
use syncline_model::id::RecordId;
use syncline_model::json::{self, Json, Object};
use syncline_model::path::Path;

fn id_path() -> Path {
    Path::parse("/id").unwrap()
}

fn scalar() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        "[ -~\u{e9}\u{1F600}\n\"\\\\]{0,12}".prop_map(Json::from),
    ]
}

fn value() -> impl Strategy<Value = Json> {
    scalar().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Json::from),
            vec(("[a-d,:{]{0,2}", inner), 0..4)
                .prop_map(|members| members.into_iter().collect::<Object>().into()),
        ]
    })
}

/// The content of a record, without its id.
type Content = Vec<(String, Json)>;

/// The number of a record and what becomes of it: removed, or given new content.
type Edit = (u64, Option<Content>);

fn content() -> impl Strategy<Value = Content> {
    vec(("[a-h]{1,3}", value()), 0..4)
}

fn record(id: &Json, content: Content) -> Object {
    let mut object = Object::new();
    object.insert("id", id.clone());
    object.extend(content.into_iter().filter(|(key, _)| key != "id"));
    object
}

fn id_text(id: &Json) -> RecordId {
    let text = id.as_str().or_else(|| id.as_number().map(|number| number.as_str()));
    RecordId::new(text.unwrap()).unwrap()
}

/// Records with ids of both types, in a mixed order, without two of the same id.
fn records() -> impl Strategy<Value = Vec<(Json, Object)>> {
    vec((0_u64..12, any::<bool>(), content()), 0..8).prop_map(|drawn| {
        let mut records: Vec<(Json, Object)> = Vec::new();
        for (number, is_number, content) in drawn {
            let id = if is_number { Json::from(number) } else { Json::from(number.to_string()) };
            if records.iter().all(|(known, _)| id_text(known) != id_text(&id)) {
                records.push((id.clone(), record(&id, content)));
            }
        }
        records
    })
}

/// Edits, each of another record.
fn changes() -> impl Strategy<Value = Vec<Edit>> {
    vec((0_u64..16, proptest::option::of(content())), 0..8).prop_map(|mut drawn| {
        let mut seen = std::collections::BTreeSet::new();
        drawn.retain(|(number, _)| seen.insert(*number));
        drawn
    })
}

fn whole(records: &[(Json, Object)]) -> Json {
    let list: Vec<Json> = records.iter().map(|(_, object)| object.clone().into()).collect();
    let mut top = Object::new();
    top.insert("note", "kept");
    top.insert("tasks", list);
    top.insert("more", Object::new());
    top.into()
}

/// Returns the changes as a document takes them, and the records after them.
fn applied(
    records: &[(Json, Object)],
    changes: Vec<Edit>,
) -> (Vec<Change<'static>>, Vec<(Json, Object)>) {
    let mut after = records.to_vec();
    let mut given = Vec::new();
    for (number, content) in changes {
        let id = RecordId::new(&number.to_string()).unwrap();
        let known = after.iter().position(|(known, _)| id_text(known) == id);
        match (content, known) {
            (None, known) => {
                known.map(|at| after.remove(at));
                given.push(Change::remove(id));
            }
            (Some(content), Some(at)) => {
                let object = record(&after[at].0.clone(), content);
                after[at].1 = object.clone();
                given.push(Change::put(id, object));
            }
            (Some(content), None) => {
                let key = Json::from(id.as_str());
                let object = record(&key, content);
                after.push((key, object.clone()));
                given.push(Change::put(id, object));
            }
        }
    }
    (given, after)
}

/// Lays a pretty text out differently; nothing but white space outside of strings changes.
fn relaid(pretty: &str, layout: u8) -> Vec<u8> {
    let indented = |unit: &str, end: &str| -> String {
        let lines = pretty.lines().map(|line| {
            let text = line.trim_start_matches(' ');
            let depth = (line.len() - text.len()) / 2;
            format!("{}{text}", unit.repeat(depth))
        });
        lines.collect::<Vec<_>>().join(end)
    };
    match layout {
        0 => pretty.as_bytes().to_vec(),
        1 => indented("  ", "\r\n").into_bytes(),
        2 => indented("\t", "\n").into_bytes(),
        3 => indented("    ", "\n").into_bytes(),
        4 => indented("", "\n").into_bytes(),
        5 => [b"\xEF\xBB\xBF", pretty.as_bytes(), b"\n"].concat(),
        _ => indented("", " ").into_bytes(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a_stringified_file_stays_one(records in records(), changes in changes()) {
        let before = whole(&records);
        let (given, after) = applied(&records, changes);
        let rows = [
            (before.to_pretty_string(), whole(&after).to_pretty_string()),
            (before.to_compact_string(), whole(&after).to_compact_string()),
        ];
        for (before, expected) in rows {
            let document = Document::parse(before.as_bytes(), "tasks", &id_path()).unwrap();
            let out = document.rewrite(given.clone()).unwrap().bytes;
            prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn a_fresh_file_is_as_stringify_writes_it(records in records()) {
        let changes = records.iter().map(|(id, object)| Change::put(id_text(id), object.clone()));
        let out = Document::empty("ta\"sks", &id_path()).rewrite(changes.collect()).unwrap().bytes;
        let list: Vec<Json> = records.iter().map(|(_, object)| object.clone().into()).collect();
        let expected = Json::from([("ta\"sks", Json::from(list))].into_iter().collect::<Object>());
        prop_assert_eq!(String::from_utf8(out).unwrap(), expected.to_pretty_string());
    }

    #[test]
    fn changes_are_read_back_from_any_layout(
        records in records(), changes in changes(), layout in 0_u8..7,
    ) {
        let bytes = relaid(&whole(&records).to_pretty_string(), layout);
        let document = Document::parse(&bytes, "tasks", &id_path()).unwrap();
        prop_assert_eq!(document.rewrite(Vec::new()).unwrap().bytes, bytes.clone());
        let (given, after) = applied(&records, changes);
        let rewritten = document.rewrite(given.clone()).unwrap();
        let out = rewritten.bytes;
        let again = Document::parse(&out, "tasks", &id_path()).unwrap();
        let written = again.items().iter().filter(|item| {
            given.iter().any(|change| change.id == item.id && change.kind != ChangeKind::Remove)
        });
        let written: Vec<_> = written.map(|item| (item.id.clone(), item.digest)).collect();
        prop_assert_eq!(rewritten.written, written, "the digests are those of the new items");
        prop_assert!(again.items_by_id().map(|item| &item.id).is_sorted());
        prop_assert_eq!(again.items_by_id().count(), again.items().len());
        prop_assert!(again.items().iter().all(|item| again.item(&item.id) == Some(item)));
        let found: Vec<Json> =
            again.items().iter().map(|item| json::parse(again.raw(item)).unwrap()).collect();
        let expected: Vec<Json> = after.iter().map(|(_, object)| object.clone().into()).collect();
        prop_assert_eq!(found, expected);
        let is_touched = |id: &RecordId| given.iter().any(|change| change.id == *id);
        for item in document.items().iter().filter(|item| !is_touched(&item.id)) {
            let same = again.items().iter().find(|other| other.id == item.id).unwrap();
            prop_assert_eq!(again.raw(same), document.raw(item));
            prop_assert_eq!(same.digest, item.digest);
        }
        // What is outside of the list is untouched.
        let list_at = |bytes: &[u8]| bytes.windows(7).position(|seven| seven == b"\"tasks\"");
        let (start, start_again) = (list_at(&bytes).unwrap(), list_at(&out).unwrap());
        prop_assert_eq!(&bytes[..start], &out[..start_again]);
        let tail = |bytes: &[u8]| bytes.windows(6).rposition(|six| six == b"\"more\"").unwrap();
        prop_assert_eq!(&bytes[tail(&bytes)..], &out[tail(&out)..]);
    }

    #[test]
    fn a_copied_record_is_written_as_one_that_is_put(
        records in records(), others in records(), layout in 0_u8..7, other_layout in 0_u8..7,
    ) {
        let bytes = relaid(&whole(&records).to_pretty_string(), layout);
        let document = Document::parse(&bytes, "tasks", &id_path()).unwrap();
        let other = relaid(&whole(&others).to_pretty_string(), other_layout);
        let other = Document::parse(&other, "tasks", &id_path()).unwrap();
        let is_new = |id: &RecordId| document.items().iter().all(|item| item.id != *id);
        let new = || other.items().iter().filter(|item| is_new(&item.id));
        let put = new().map(|item| {
            let Ok(Json::Object(object)) = json::parse(other.raw(item)) else { unreachable!() };
            Change::put(item.id.clone(), object)
        });
        let copied = new().map(|item| Change::copy(item.id.clone(), other.raw(item)));
        let put = document.rewrite(put.collect()).unwrap();
        prop_assert_eq!(document.rewrite(copied.collect()).unwrap(), put);
    }

    #[test]
    fn no_damage_makes_it_panic_or_show_other_bytes(
        records in records(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
        change in content(),
    ) {
        let mut bytes = whole(&records).to_pretty_string().into_bytes();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        let Ok(document) = Document::parse(&bytes, "tasks", &id_path()) else { return Ok(()) };
        prop_assert_eq!(document.rewrite(Vec::new()).unwrap().bytes, bytes.clone());
        for item in document.items() {
            prop_assert!(json::parse(document.raw(item)).is_ok());
        }
        let kept: Vec<Vec<u8>> =
            document.rejected().iter().map(|it| document.raw_rejected(it).to_vec()).collect();
        let changes = document.items().iter().map(|item| Change {
            id: item.id.clone(),
            kind: ChangeKind::Put(change.iter().cloned().collect()),
        });
        let out = document.rewrite(changes.collect()).unwrap().bytes;
        let again = Document::parse(&out, "tasks", &id_path()).unwrap();
        prop_assert_eq!(again.items().len(), document.items().len());
        if document.rejected().iter().all(|it| it.reason.withholds()) {
            let kept_again: Vec<Vec<u8>> =
                again.rejected().iter().map(|it| again.raw_rejected(it).to_vec()).collect();
            prop_assert_eq!(kept, kept_again);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..64)) {
        let framed = [b"{\"tasks\":[{\"id\":1,", bytes.as_slice(), b"}]}"].concat();
        for bytes in [bytes, framed] {
            if let Ok(document) = Document::parse(&bytes, "tasks", &id_path()) {
                prop_assert_eq!(document.rewrite(Vec::new()).unwrap().bytes, bytes);
            }
        }
    }
}
