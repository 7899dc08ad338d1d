//! The vectors of what an operation does as far as a client can tell, and how it is corrected.

use syncline_merge::display::Fields;
use syncline_model::json::fields::flatten_json;
use syncline_model::json::{Json, Object, parse};
use syncline_protocol::long;
use syncline_protocol::outcome::Shown;
use syncline_protocol::predict::{correct, predict};

use crate::folder;

#[expect(clippy::disallowed_methods, reason = "this test reads fixtures; the crate does not")]
fn vectors(kind: &str) -> Vec<Object> {
    let text = std::fs::read_to_string(folder().join("prediction.json")).unwrap();
    let vectors = parse(text.as_bytes()).unwrap();
    let of_kind = vectors.as_object().unwrap().get(kind).unwrap().as_array().unwrap();
    assert!(!of_kind.is_empty());
    of_kind.iter().map(|vector| vector.as_object().unwrap().clone()).collect()
}

fn record(vector: &Object, name: &str) -> Option<Fields> {
    vector.get(name).unwrap().as_object().map(|object| flatten_json(object).unwrap())
}

/// Returns the members of an object of `vector` between what an operation or a change begins with.
fn with_head(vector: &Object, name: &str, head: &str) -> String {
    let text = vector.get(name).unwrap().to_compact_string();
    let members = text.strip_prefix('{').unwrap();
    format!("{{{head}{}{members}", if members == "}" { "" } else { "," })
}

fn name(vector: &Object) -> &str {
    vector.get("name").and_then(Json::as_str).unwrap()
}

/// Values with their digits, which equality does not look at.
fn exactly(record: Option<&Fields>) -> String {
    format!("{record:?}")
}

#[test]
fn predictions_are_those_of_the_vectors() {
    for vector in vectors("predictions") {
        let head = r#""op":1,"entity":"e","id":"i","at":"2026-11-20T10:00:00.000Z""#;
        let operation = long::read_operation(with_head(&vector, "operation", head).as_bytes());
        let held = record(&vector, "record");
        let predicted = predict(held.as_ref(), &operation.unwrap().effect);
        let expected = record(&vector, "predicted");
        let is_same = exactly(predicted.as_ref()) == exactly(expected.as_ref());
        assert!(is_same, "{}: {predicted:?}", name(&vector));
    }
}

#[test]
fn corrections_are_those_of_the_vectors() {
    for vector in vectors("corrections") {
        let head = r#""op":1,"status":"applied""#;
        let outcome = long::read_outcome(with_head(&vector, "result", head).as_bytes()).unwrap();
        let (predicted, shown) = (record(&vector, "predicted"), record(&vector, "shown"));
        let told = correct(predicted.as_ref(), shown.as_ref());
        assert_eq!(told, outcome.shown, "{}", name(&vector));
        let corrected = outcome.shown.apply(predicted).unwrap();
        assert_eq!(exactly(corrected.as_ref()), exactly(shown.as_ref()), "{}", name(&vector));
    }
    let none = Shown::AsPredicted.apply(None);
    assert_eq!(none, Ok(None));
}

#[test]
fn changes_are_carried_out_as_in_the_vectors() {
    for vector in vectors("changes") {
        let head = r#""entity":"e","id":"i","position":1,"version":"a""#;
        let change = long::read_change(with_head(&vector, "change", head).as_bytes()).unwrap();
        let held = change.content.apply(record(&vector, "held"));
        let name = name(&vector);
        match vector.get("shown") {
            Some(_) => {
                let shown = record(&vector, "shown");
                assert_eq!(exactly(held.unwrap().as_ref()), exactly(shown.as_ref()), "{name}");
            }
            None => assert_eq!(held.unwrap_err().code(), "CHANGE_DOES_NOT_FIT", "{name}"),
        }
    }
}
