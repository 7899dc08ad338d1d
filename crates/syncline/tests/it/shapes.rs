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
fn what_both_sides_append_alike_is_written_once() {
    let (all, three) = (r#"{ shape = "append" }"#, r#"{ shape = "append", keep = 3 }"#);
    let numbers = json!([1, 2, 3, 4]);
    #[rustfmt::skip]
    let cases = [
        (all,   json!([1]),          [json!([1, 2]), json!([1, 2])],        json!([1, 2])),
        (all,   json!([1]),          [json!([1, 2]), json!([1, 2, 3])],     json!([1, 2, 3])),
        (all,   json!([1]),          [json!([1, 2, 3]), json!([1, 2, 4])],  json!([1, 2, 3, 4])),
        (all,   json!([1]),          [json!([1, 2]), json!([1, 3, 2])],     json!([1, 2, 3, 2])),
        (three, json!([1, 2, 3]),    [numbers.clone(), numbers.clone()],    json!([2, 3, 4])),
        (three, json!([2, 3, 4]),    [json!([2, 3, 4]), json!([1, 2, 3, 4, 5])], json!([3, 4, 5])),
    ];
    for (shape, before, [personal, business], after) in cases {
        let desk = desk(Some(shape));
        hold(&desk, [&before, &before]);
        desk.run("sync").exits(0);
        hold(&desk, [&personal, &business]);
        desk.run("sync").exits(0);
        assert_eq!(held(&desk), [after.clone(), after], "{personal} {business}");
        let files = DOMAINS.map(|domain| desk.bytes(&format!("data/{domain}/contacts.json")));
        desk.run("sync").exits(0);
        assert_eq!(files, DOMAINS.map(|d| desk.bytes(&format!("data/{d}/contacts.json"))));
    }
}

#[test]
fn a_list_in_a_member_grows_alike_on_both_sides() {
    let desk = Desk::new();
    let fields =
        "\"/f\" = { shape = \"keyed\", key = \"t\" }\n\"/f/*/l\" = { shape = \"append\" }\n";
    desk.put("syncline.toml", format!("[entities.contacts.fields]\n{fields}").as_bytes());
    for members in [
        json!([{ "t": "h", "l": ["s"] }]),
        json!([{ "t": "h", "l": ["s", "n"] }]),
        json!([{ "t": "h", "l": ["s", "n"] }, { "t": "w", "l": ["a", "b"] }]),
    ] {
        hold(&desk, [&members, &members]);
        desk.run("sync").exits(0);
        assert_eq!(held(&desk), [members.clone(), members]);
    }
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
