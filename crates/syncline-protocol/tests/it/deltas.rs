//! Large texts told by what differs: `fixtures/protocol/v1/deltas.json`.

use syncline_model::json::{Json, Leaf, parse};
use syncline_protocol::long::read_operation;

use crate::folder;

#[expect(clippy::disallowed_methods, reason = "this test reads fixtures; the crate does not")]
fn cases() -> Vec<Json> {
    let text = std::fs::read(folder().join("deltas.json")).unwrap();
    parse(&text).unwrap().as_array().unwrap().to_vec()
}

#[test]
fn deltas_make_the_texts_of_the_fixture_and_no_others() {
    let cases = cases();
    assert!(cases.len() >= 6);
    for case in cases {
        let case = case.as_object().unwrap();
        let text = |name: &str| case.get(name).and_then(Json::as_str);
        let name = text("name").unwrap();
        let delta = case.get("delta").unwrap().to_compact_string();
        let operation = format!(
            r#"{{"op":1,"entity":"e","id":"i","at":"2026-11-20T10:00:00Z","delta":{{"/f":{delta}}}}}"#
        );
        let operation = read_operation(operation.as_bytes()).unwrap();
        let (_, delta) = &operation.deltas[0];
        let made = delta.apply(&Leaf::string(text("held").unwrap())).ok();
        assert_eq!(made, text("text").map(Leaf::string), "{name}");
    }
}
