//! Every odd file in `fixtures/files`, and what is read of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use syncline_domains::files::document::{Change, Document, DocumentError, Item, Reason};
use syncline_model::id::RecordId;
use syncline_model::json::{self, Json, Object};
use syncline_model::path::Path;

/// What is expected of a file.
enum Expected {
    /// Refused whole, with such an error.
    Refused(fn(&DocumentError) -> bool),
    /// Read: ids of the items, then index, id and reason of the rejected ones.
    Read(&'static [&'static str], &'static [(usize, &'static str, &'static str)]),
}

use Expected::{Read, Refused};

const THREE: &[&str] = &["contact-001", "contact-002", "contact-003"];
const ONE_THREE: &[&str] = &["contact-001", "contact-003"];

fn not_json(error: &DocumentError) -> bool {
    matches!(error, DocumentError::NotJson { .. })
}

/// One row per file.
#[rustfmt::skip]
const FILES: &[(&str, Expected)] = &[
    ("ordinary.json", Read(THREE, &[])),
    ("items-without-id.json", Read(ONE_THREE, &[(1, "", "no id"), (3, "", "no id")])),
    ("ids-empty-or-null.json", Read(&["contact-001"], &[(1, "", "no id"), (2, "", "no id")])),
    ("ids-of-other-types.json", Read(&["contact-001"],
        &[(1, "", "type of id"), (2, "", "type of id"), (3, "", "type of id")])),
    ("duplicate-ids-identical.json", Read(THREE, &[(2, "contact-001", "copy")])),
    ("duplicate-ids-different.json", Read(&["contact-002", "contact-003"],
        &[(0, "contact-001", "shared"), (2, "contact-001", "shared")])),
    ("id-1-and-text-1.json", Read(&["contact-003"], &[(0, "1", "shared"), (1, "1", "shared")])),
    ("item-with-duplicate-key.json", Read(ONE_THREE, &[(1, "contact-002", "broken")])),
    ("item-with-duplicate-nested-key.json", Read(ONE_THREE, &[(1, "contact-002", "broken")])),
    ("item-with-lone-surrogate.json", Read(ONE_THREE, &[(1, "contact-002", "broken")])),
    ("item-with-invalid-utf8.json", Read(ONE_THREE, &[(1, "contact-002", "broken")])),
    ("items-that-are-no-objects.json", Read(ONE_THREE,
        &[(1, "", "type"), (2, "", "type"), (3, "", "type"), (4, "", "type")])),
    ("nesting-65-levels.json", Read(ONE_THREE, &[(1, "contact-002", "broken")])),
    ("truncated-inside-a-record.json", Refused(not_json)),
    ("truncated-between-records.json", Refused(not_json)),
    ("half-written-over-an-older-file.json", Refused(not_json)),
    ("garbage-after-the-end.json", Refused(not_json)),
    ("empty.json", Refused(|error| matches!(error, DocumentError::Empty { .. }))),
    ("only-white-space.json", Refused(not_json)),
    ("utf-16.json", Refused(|error| matches!(error, DocumentError::Utf16))),
    ("array-at-the-top.json", Refused(|error| matches!(error, DocumentError::NotAnObject { .. }))),
    ("text-at-the-top.json", Refused(|error| matches!(error, DocumentError::NotAnObject { .. }))),
    ("wrong-entity-member.json", Refused(|error| matches!(error, DocumentError::NoMember { .. }))),
    ("entity-member-is-an-object.json", Refused(|error| matches!(error, DocumentError::NotAnArray { .. }))),
    ("entity-member-twice.json", Refused(not_json)),
    ("empty-list.json", Read(&[], &[])),
    ("id-zero.json", Read(&["0", "contact-002"], &[])),
    ("number-ids.json", Read(&["1", "42", "9007199254740993"], &[])),
    ("number-ids-in-odd-spelling.json", Read(&["1.0", "2e0", "3"], &[])),
    ("unknown-members-around.json", Read(THREE, &[])),
    ("crlf.json", Read(THREE, &[])),
    ("tabs.json", Read(THREE, &[])),
    ("indent-4.json", Read(THREE, &[])),
    ("minified.json", Read(THREE, &[])),
    ("one-record-per-line.json", Read(THREE, &[])),
    ("no-newline-at-the-end.json", Read(THREE, &[])),
    ("escaped-as-ascii.json", Read(THREE, &[])),
    ("byte-order-mark.json", Read(THREE, &[])),
    ("nesting-62-levels.json", Read(THREE, &[])),
    ("unicode-ids.json", Read(&["caf\u{e9}", "cafe\u{301}", "联系人-3", "👩\u{200d}🚀", " contact 005 ", "a/b~c",
        "../../etc/passwd"], &[])),
    ("numbers-beyond-a-double.json", Read(THREE, &[])),
    ("proto-key.json", Read(THREE, &[])),
    ("empty-key.json", Read(THREE, &[])),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/files")
}

fn bytes_of(name: &str) -> Vec<u8> {
    fs::read(folder().join(name)).unwrap()
}

fn parse(name: &str) -> Result<Document<'static>, DocumentError> {
    Document::parse(bytes_of(name), "contacts", &Path::parse("/id").unwrap())
}

fn name_of(reason: &Reason) -> &'static str {
    match reason {
        Reason::NotAnObject { .. } => "type",
        Reason::NoId => "no id",
        Reason::IdOfOtherType { .. } => "type of id",
        Reason::IdInvalid(_) => "invalid id",
        Reason::Broken { .. } => "broken",
        Reason::Copy { .. } => "copy",
        Reason::SharedId { .. } => "shared",
        _ => "?",
    }
}

fn object_of(document: &Document<'_>, item: &Item) -> Object {
    json::parse(document.raw(item)).unwrap().as_object().unwrap().clone()
}

#[test]
fn every_file_has_a_row_and_every_row_a_file() {
    let rows: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let files: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .collect();
    assert_eq!(rows, files);
}

#[test]
fn every_file_is_read_or_refused_as_its_row_says() {
    for (name, expected) in FILES {
        match (expected, parse(name)) {
            (Refused(is_expected), Err(error)) => {
                assert!(is_expected(&error), "{name}: {error:?}");
                assert_eq!(error.code(), "DATA_FORMAT_INVALID", "{name}");
                assert!(error.offset() <= bytes_of(name).len(), "{name}");
            }
            (Read(ids, rejected), Ok(document)) => {
                let found: Vec<&str> =
                    document.items().iter().map(|item| item.id.as_str()).collect();
                assert_eq!(found, *ids, "{name}");
                let found: Vec<(usize, &str, &str)> = document
                    .rejected()
                    .iter()
                    .map(|it| {
                        let id = it.id.as_ref().map_or("", RecordId::as_str);
                        (it.index, id, name_of(&it.reason))
                    })
                    .collect();
                assert_eq!(found, *rejected, "{name}");
            }
            (_, result) => panic!("{name}: {:?}", result.map(|document| document.items().len())),
        }
    }
}

#[test]
fn a_rejected_item_is_never_taken_for_a_deleted_record() {
    let id = |text| RecordId::new(text).unwrap();
    let rows = [
        ("ordinary.json", "contact-002", true),
        ("item-with-duplicate-key.json", "contact-002", false),
        ("item-with-duplicate-key.json", "contact-009", true),
        ("duplicate-ids-different.json", "contact-001", false),
        ("duplicate-ids-identical.json", "contact-009", true),
        ("items-without-id.json", "contact-009", false),
        ("items-that-are-no-objects.json", "contact-009", false),
    ];
    for (name, record, gone) in rows {
        assert_eq!(parse(name).unwrap().is_gone(&id(record)), gone, "{name}: {record}");
    }
}

/// Changes one record, removes another and adds a third; all others have to keep their bytes.
#[test]
fn what_is_not_changed_keeps_its_bytes_in_every_file() {
    for (name, expected) in FILES {
        let Read(..) = expected else { continue };
        let document = parse(name).unwrap();
        assert_eq!(document.rewrite(Vec::new()).unwrap().bytes, document.bytes(), "{name}");
        let mut changes = Vec::new();
        let mut added = Object::new();
        added.insert("name", "Dora");
        changes.push(Change::put(RecordId::new("added").unwrap(), added));
        if let [first, .., last] = document.items() {
            let mut object = object_of(&document, first);
            object.insert("name", "Changed");
            changes.push(Change::put(first.id.clone(), object));
            changes.push(Change::remove(last.id.clone()));
        }
        let is_changed = |id: &RecordId| changes.iter().any(|change| change.id == *id);
        let kept: Vec<&[u8]> = document
            .items()
            .iter()
            .filter(|item| !is_changed(&item.id))
            .map(|item| document.raw(item))
            .collect();
        let out = document.rewrite(changes.clone()).unwrap().bytes;
        let again = Document::parse(out, "contacts", &Path::parse("/id").unwrap()).unwrap();
        let kept_again: Vec<&[u8]> = again
            .items()
            .iter()
            .filter(|item| !is_changed(&item.id))
            .map(|item| again.raw(item))
            .collect();
        assert_eq!(kept, kept_again, "{name}");
        let rejected = |document: &Document<'_>| -> Vec<Vec<u8>> {
            let all = document.rejected().iter();
            all.filter(|it| it.reason.withholds())
                .map(|it| document.raw_rejected(it).to_vec())
                .collect()
        };
        assert_eq!(rejected(&document), rejected(&again), "{name}");
        assert_eq!(again.items().last().unwrap().id.as_str(), "added", "{name}");
        assert_eq!(again.has_byte_order_mark(), document.has_byte_order_mark(), "{name}");
        assert_eq!(again.uses_crlf(), document.uses_crlf(), "{name}");
        let ends = |document: &Document<'_>| document.bytes().ends_with(b"\n");
        assert_eq!(ends(&again), ends(&document), "{name}");
    }
}

/// How a changed and a new record are laid out, seen on whole files.
#[test]
fn a_changed_record_is_laid_out_like_its_file() {
    let rows: &[(&str, &str, &str)] = &[
        (
            "four spaces",
            "{\n    \"t\": [\n        {\n            \"id\": 1\n        }\n    ]\n}\n",
            "{\n    \"t\": [\n        {\n          \"id\": 1,\n          \"x\": {\n            \"y\": 2\n          }\n        },\n        {\n          \"id\": \"n\"\n        }\n    ]\n}\n",
        ),
        (
            "tabs and CR LF",
            "{\r\n\t\"t\": [\r\n\t\t{\r\n\t\t\t\"id\": 1\r\n\t\t}\r\n\t]\r\n}",
            "{\r\n\t\"t\": [\r\n\t\t{\r\n\t\t  \"id\": 1,\r\n\t\t  \"x\": {\r\n\t\t    \"y\": 2\r\n\t\t  }\r\n\t\t},\r\n\t\t{\r\n\t\t  \"id\": \"n\"\r\n\t\t}\r\n\t]\r\n}",
        ),
        ("minified", "{\"t\":[{\"id\":1}]}", "{\"t\":[{\"id\":1,\"x\":{\"y\":2}},{\"id\":\"n\"}]}"),
        (
            "one record per line",
            "{\"t\": [\n{\"id\": 1}\n]}\n",
            "{\"t\": [\n{\"id\": 1, \"x\": {\"y\": 2}},\n{\"id\": \"n\"}\n]}\n",
        ),
        ("empty and minified", "{\"t\":[]}\n", "{\"t\":[{\"id\":\"n\"}]}\n"),
        (
            "empty and written by hand",
            "{\"t\": []}\n",
            "{\"t\": [\n  {\n    \"id\": \"n\"\n  }\n]}\n",
        ),
        (
            "empty, with lines inside the brackets",
            "{\n  \"t\": [\n  ]\n}\n",
            "{\n  \"t\": [\n    {\n      \"id\": \"n\"\n    }\n  ]\n}\n",
        ),
    ];
    for (name, before, after) in rows {
        let document =
            Document::parse(before.as_bytes(), "t", &Path::parse("/id").unwrap()).unwrap();
        let mut changes = vec![Change::put(RecordId::new("n").unwrap(), Object::new())];
        if let Some(item) = document.items().first() {
            let mut object = object_of(&document, item);
            object.insert("x", json::parse(b"{\"y\": 2}").unwrap());
            changes.push(Change::put(item.id.clone(), object));
        }
        let out = String::from_utf8(document.rewrite(changes).unwrap().bytes).unwrap();
        assert_eq!(out, *after, "case: {name}");
    }
}

#[test]
fn ids_are_written_as_the_file_has_them() {
    let document = parse("number-ids.json").unwrap();
    let mut changes: Vec<Change> = Vec::new();
    for (item, id) in document.items().iter().zip([Some(Json::from("1")), None, Some(5_u64.into())])
    {
        let mut object = object_of(&document, item);
        match id {
            Some(id) => drop(object.insert("id", id)),
            None => drop(object.remove("id")),
        }
        changes.push(Change::put(item.id.clone(), object));
    }
    let out = document.rewrite(changes).unwrap().bytes;
    assert_eq!(out, document.bytes());
}

#[test]
fn copies_of_a_record_are_changed_alike() {
    let document = parse("duplicate-ids-identical.json").unwrap();
    let first = &document.items()[0];
    let mut object = object_of(&document, first);
    object.insert("name", "Changed");
    let out = document.rewrite(vec![Change::put(first.id.clone(), object)]).unwrap().bytes;
    let text = String::from_utf8(out.clone()).unwrap();
    assert_eq!(text.matches("\"Changed\"").count(), 2);
    let id_path = Path::parse("/id").unwrap();
    assert_eq!(Document::parse(out, "contacts", &id_path).unwrap().rejected().len(), 1);
    let out = document.rewrite(vec![Change::remove(first.id.clone())]).unwrap().bytes;
    let left = Document::parse(out, "contacts", &id_path).unwrap();
    assert_eq!((left.items().len(), left.rejected().len()), (2, 0));
}

#[test]
fn nothing_is_written_under_a_withheld_id() {
    let document = parse("duplicate-ids-different.json").unwrap();
    let change = Change::remove(RecordId::new("contact-001").unwrap());
    assert_eq!(document.rewrite(vec![change]).unwrap_err().code(), "RECORD_WITHHELD");
    let change = Change::remove(RecordId::new("contact-002").unwrap());
    let twice = document.rewrite(vec![change.clone(), change]);
    assert_eq!(twice.unwrap_err().code(), "RECORD_CHANGED_TWICE");
}

#[test]
fn ids_may_be_deeper_and_escaped() {
    let text = br#"{"t": [{"meta": {"x": [{"k": 1}], "k\u0065y": "a\"b"}}, {"meta": 3}]}"#;
    let document = Document::parse(text, "t", &Path::parse("/meta/key").unwrap()).unwrap();
    assert_eq!(document.items()[0].id.as_str(), "a\"b");
    assert_eq!(document.rejected()[0].reason, Reason::NoId);
}

#[test]
fn an_item_with_too_long_a_path_is_told_with_its_byte() {
    let key = "k".repeat(4096);
    let text = format!(r#"{{"contacts":[{{"id":"a"}},{{"id":"b","o":{{"{key}":1}}}}]}}"#);
    for mark in ["", "\u{feff}"] {
        let bytes = format!("{mark}{text}").into_bytes();
        let at = bytes.windows(2).position(|two| two == br#""k"#).unwrap();
        let document = Document::parse(bytes, "contacts", &Path::parse("/id").unwrap()).unwrap();
        assert_eq!(document.items().len(), 1);
        let rejected = document.rejected();
        assert_eq!(rejected[0].id.as_ref().map(|id| id.as_str()), Some("b"));
        let Reason::Broken { offset, source } = &rejected[0].reason else {
            panic!("{:?}", rejected[0].reason);
        };
        assert_eq!((*offset, source.code()), (at, "JSON_PATH_TOO_LONG"));
    }
}
