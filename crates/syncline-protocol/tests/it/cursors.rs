//! What a client may read in a cursor: `fixtures/protocol/v1/cursors.json`.

use syncline_model::json::{Json, Object, parse};
use syncline_protocol::cursor::StreamCursor;

use crate::folder;

#[expect(clippy::disallowed_methods, reason = "this test reads fixtures; the crate does not")]
fn vectors(kind: &str) -> Vec<Object> {
    let vectors = parse(&std::fs::read(folder().join("cursors.json")).unwrap()).unwrap();
    let of_kind = vectors.as_object().unwrap().get(kind).unwrap().as_array().unwrap();
    assert!(of_kind.len() >= 8);
    of_kind.iter().map(|vector| vector.as_object().unwrap().clone()).collect()
}

fn text<'o>(vector: &'o Object, name: &str) -> &'o str {
    vector.get(name).and_then(Json::as_str).unwrap()
}

#[test]
fn a_cursor_stands_where_the_fixture_says() {
    for vector in vectors("cursors") {
        let name = text(&vector, "name");
        let cursor: StreamCursor = text(&vector, "cursor").parse().unwrap();
        assert_eq!(cursor.log.incarnation().to_string(), text(&vector, "incarnation"), "{name}");
        let position = vector.get("position").and_then(Json::as_number).unwrap();
        assert_eq!(position.as_str(), cursor.position().0.to_string(), "{name}");
        let is_within = vector.get("snapshot").and_then(Json::as_bool);
        assert_eq!(is_within, Some(cursor.snapshot.is_some()), "{name}");
        assert!(
            text(&vector, "cursor").contains(':') || cursor.to_string() == text(&vector, "cursor")
        );
    }
}

#[test]
fn what_is_no_cursor_is_refused() {
    for vector in vectors("refused") {
        let read = text(&vector, "cursor").parse::<StreamCursor>();
        assert!(read.is_err(), "{}", text(&vector, "name"));
    }
}
