//! What records add up to: `fixtures/protocol/v1/checksums.json`.

use syncline_model::id::{EntityName, RecordId};
use syncline_model::json::fields::flatten_json;
use syncline_model::json::{Json, parse};
use syncline_protocol::checksum::Checksum;
use syncline_protocol::token::TokenText;

use crate::folder;

#[test]
#[expect(clippy::disallowed_methods, reason = "this test reads fixtures; the crate does not")]
fn records_add_up_to_what_the_fixture_says() {
    let vectors = parse(&std::fs::read(folder().join("checksums.json")).unwrap()).unwrap();
    let vectors = vectors.as_array().unwrap();
    assert!(vectors.len() >= 11);
    for vector in vectors {
        let vector = vector.as_object().unwrap();
        let text = |name: &str| vector.get(name).and_then(Json::as_str).unwrap();
        let (mut sum, mut held) = (Checksum::default(), Checksum::default());
        for record in vector.get("records").unwrap().as_array().unwrap() {
            let [entity, id, record, token @ ..] = record.as_array().unwrap() else { panic!() };
            let entity = EntityName::new(entity.as_str().unwrap()).unwrap();
            let id = RecordId::new(id.as_str().unwrap()).unwrap();
            let fields = flatten_json(record.as_object().unwrap()).unwrap();
            let token = token.first().map(|token| TokenText::new(token.as_str().unwrap()).unwrap());
            sum.add(&entity, &id, &fields);
            held.add_held(&entity, &id, &fields, token.as_ref());
        }
        let found = [sum.to_string(), held.to_string()];
        assert_eq!(found, [text("sum"), text("held")], "{}", text("name"));
    }
}
