//! Fields with a shape, as a person meets them in files.

use serde_json::{Value, json};

use crate::desk::Desk;

const DOMAINS: [&str; 2] = ["personal", "business"];

/// A desk on which the field `f` has a shape; without one it is a plain value.
fn desk(shape: Option<&str>) -> Desk {
    let desk = Desk::new();
    declare(&desk, shape);
    desk
}

fn declare(desk: &Desk, shape: Option<&str>) {
    let shape = shape.map(|shape| format!("[entities.contacts.fields]\n\"/f\" = {shape}\n"));
    desk.put("syncline.toml", shape.unwrap_or_default().as_bytes());
}

fn hold(desk: &Desk, values: [&Value; 2]) {
    for (domain, value) in DOMAINS.into_iter().zip(values) {
        desk.contacts(domain, &json!([{ "id": "a", "f": value }]));
    }
}

fn held(desk: &Desk) -> [Value; 2] {
    DOMAINS.map(|domain| desk.read(domain)["a"]["f"].clone())
}

#[test]
fn files_that_agree_on_a_list_are_not_written() {
    let desk = desk(Some(r#"{ shape = "append", keep = 4 }"#));
    let months = json!(["jan", "feb", "mar", "apr"]);
    hold(&desk, [&months, &months]);
    let before = DOMAINS.map(|domain| desk.bytes(&format!("data/{domain}/contacts.json")));
    desk.run("sync").exits(0);
    assert_eq!(before, DOMAINS.map(|d| desk.bytes(&format!("data/{d}/contacts.json"))));
    hold(&desk, [&json!(["jan", "feb", "mar", "apr", "may"]), &months]);
    desk.run("sync").exits(0);
    let last = json!(["feb", "mar", "apr", "may"]);
    assert_eq!(held(&desk), [last.clone(), last]);
}

#[test]
fn equal_lists_that_are_longer_than_what_is_kept_keep_their_last_elements() {
    let desk = desk(Some(r#"{ shape = "append", keep = 4 }"#));
    let whole = json!(["jan", "feb", "mar", "apr", "may", "jun"]);
    hold(&desk, [&whole, &whole]);
    desk.run("sync").exits(0);
    let last = json!(["mar", "apr", "may", "jun"]);
    assert_eq!(held(&desk), [last.clone(), last]);
}

#[test]
fn a_value_of_another_type_is_listed_and_can_be_taken_by_an_edit() {
    for both in [json!("none"), json!(["NEW", "more"])] {
        let desk = desk(Some("\"union\""));
        let first = json!(["x", "y"]);
        hold(&desk, [&first, &first]);
        desk.run("sync").exits(0);
        hold(&desk, [&json!("none"), &json!(["x", "y", "NEW"])]);
        desk.run("sync").exits(0);
        let listed = desk.run("conflicts list --status settled --json").exits(0).json();
        let [conflict] = &listed["conflicts"].as_array().unwrap()[..] else { panic!("{listed}") };
        assert_eq!(conflict["kind"], "shapes", "{listed}");
        let said = conflict.to_string();
        assert!(said.contains("none") && said.contains("NEW"), "{said}");
        let [personal, business] = held(&desk);
        assert_eq!(personal, business);
        hold(&desk, [&both, &business]);
        desk.run("sync").exits(0);
        assert_eq!(held(&desk), [both.clone(), both]);
    }
}

#[test]
fn a_shape_that_is_declared_later_loses_nothing() {
    let desk = desk(None);
    let first = json!(["a", "b"]);
    hold(&desk, [&first, &first]);
    desk.run("sync").exits(0);
    declare(&desk, Some("\"union\""));
    desk.run("sync").exits(0);
    hold(&desk, [&json!(["a", "b", "c"]), &json!(["a", "b", "d"])]);
    desk.run("sync").exits(0);
    let all = json!(["a", "b", "c", "d"]);
    assert_eq!(held(&desk), [all.clone(), all]);
}

#[test]
fn texts_that_began_apart_are_not_said_to_be_woven_together() {
    let desk = desk(Some("\"text\""));
    hold(&desk, [&json!("AAA"), &json!("BBB")]);
    desk.run("sync").exits(0).says("what was written last").says("kept aside");
    let [personal, business] = held(&desk);
    assert_eq!(personal, business);
    let listed = desk.run("conflicts list --status settled --json").json().to_string();
    assert!(listed.contains("AAA") && listed.contains("BBB"), "{listed}");
}
