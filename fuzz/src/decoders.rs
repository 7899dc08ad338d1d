//! Readers of bytes: whatever is accepted reads back as the same, and nothing panics.

use syncline_domains::files::disk::journal;
use syncline_domains::files::document::Document;
use syncline_engine::audit::StoredEntry;
use syncline_engine::conflicts::ConflictRow;
use syncline_engine::deliver::{
    CursorRow, DeadLetter, Delivery, EndpointRow, decode_due, encode_due,
};
use syncline_engine::index::DomainIndex;
use syncline_engine::log::LogEntry;
use syncline_merge::codec::{
    decode_base, decode_record, decode_token, encode_base, encode_record, encode_token,
};
use syncline_model::cursor::Cursor;
use syncline_model::json::{Json, Leaf, fields, parse, raw};
use syncline_model::path::{Path, Pattern};

pub(crate) fn json(bytes: &[u8]) {
    let tree = parse(bytes);
    assert_eq!(tree.is_ok(), raw::validate(bytes).is_ok(), "two readers, one verdict");
    let Ok(tree) = tree else { return };
    let canonical = tree.to_canonical_string();
    let again = parse(canonical.as_bytes()).expect("canonical text is JSON");
    assert_eq!(again, tree);
    assert_eq!(again.to_canonical_string(), canonical);
    assert_eq!(parse(tree.to_pretty_string().as_bytes()).expect("pretty text is JSON"), tree);
    let leaf = Leaf::from_raw(bytes).expect("what parses is a leaf");
    assert_eq!(leaf.to_json(), tree);
    if let Json::Object(object) = &tree
        && let Ok(flat) = fields::flatten(bytes)
    {
        let pairs = flat.iter().map(|(path, leaf)| (path, leaf));
        assert_eq!(fields::unflatten(pairs).expect("flat fields never overlap"), *object);
    }
}

pub(crate) fn path(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(path) = Path::parse(text) {
        assert_eq!(path.as_str(), text);
        let keys: Vec<String> = path.segments().map(|key| key.into_owned()).collect();
        let again = Path::from_segments(keys.iter().map(String::as_str));
        assert_eq!(again.expect("segments of a path"), path);
    }
    if let Ok(pattern) = Pattern::parse(text) {
        let _ = pattern.matches(&Path::root());
    }
}

pub(crate) fn cursor(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(cursor) = text.parse::<Cursor>() {
        assert_eq!(cursor.to_string(), text, "one cursor, one text");
    }
}

pub(crate) fn document(bytes: &[u8]) {
    let id = Path::parse("/id").expect("a path");
    let Ok(document) = Document::parse(bytes, "contacts", &id) else {
        return;
    };
    let same = document.rewrite(Vec::new()).expect("no change is always possible");
    assert_eq!(same.bytes, bytes, "without changes the bytes are the same");
    for item in document.items() {
        assert!(parse(document.raw(item)).is_ok(), "an item that is taken can be read");
    }
}

pub(crate) fn journal(bytes: &[u8]) {
    if let Some(entry) = journal::Entry::decode(bytes) {
        let stored = entry.encode();
        assert_eq!(journal::Entry::decode(&stored), Some(entry));
    }
}

pub(crate) fn record_state(bytes: &[u8]) {
    if let Ok(record) = decode_record(bytes) {
        let stored = encode_record(&record);
        assert_eq!(decode_record(&stored).expect("what was written"), record);
    }
    if let Ok(base) = decode_base(bytes) {
        let stored = encode_base(&base);
        assert_eq!(decode_base(&stored).expect("what was written"), base);
    }
    if let Ok(token) = decode_token(bytes) {
        let stored = encode_token(&token);
        assert_eq!(decode_token(&stored).expect("what was written"), token);
    }
}

pub(crate) fn log_entry(bytes: &[u8]) {
    if let Ok(entry) = LogEntry::decode(bytes) {
        let again = LogEntry::decode(&entry.encode()).expect("what was written");
        assert_eq!(again, entry);
    }
}

pub(crate) fn domain_index(bytes: &[u8]) {
    if let Ok(index) = DomainIndex::decode(bytes) {
        let again = DomainIndex::decode(&index.encode()).expect("what was written");
        assert_eq!(again, index);
    }
}

pub(crate) fn conflict_row(bytes: &[u8]) {
    if let Ok(row) = ConflictRow::decode(bytes) {
        let again = ConflictRow::decode(&row.encode()).expect("what was written");
        assert_eq!(again, row);
    }
}

pub(crate) fn delivery_row(bytes: &[u8]) {
    if let Ok(row) = EndpointRow::decode(bytes) {
        let encoded = row.encode();
        assert_eq!(EndpointRow::decode(&encoded).expect("what was written"), row);
        // A row of the first format is written in the present one.
        if bytes.first() == encoded.first() {
            assert_eq!(encoded, bytes, "one row, one encoding");
        }
    }
    let encoded = [
        CursorRow::decode(bytes).map(|row| row.encode()),
        Delivery::decode(bytes).map(|row| row.encode()),
        DeadLetter::decode(bytes).map(|row| row.encode()),
        decode_due(bytes).map(|name| encode_due(&name)),
    ];
    for encoded in encoded.into_iter().flatten() {
        assert_eq!(encoded, bytes, "one row, one encoding");
    }
}

pub(crate) fn audit_entry(bytes: &[u8]) {
    if let Ok(stored) = StoredEntry::decode(bytes)
        && stored.is_intact()
    {
        assert_eq!(stored.entry().encode(), bytes, "one entry, one encoding");
    }
}
