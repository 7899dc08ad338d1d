//! The rule `custom`: an expression makes one value of the concurrent ones.

use serde_json::json;

use crate::desk::Desk;

/// Returns a desk where both sides agree on one contact and its status is under an expression.
fn agreed(expression: &str) -> Desk {
    let desk = Desk::new();
    let rule = format!("{{ rule = \"custom\", expression = \"{expression}\" }}");
    desk.put("syncline.toml", format!("[entities.contacts.fields]\n\"/v\" = {rule}\n").as_bytes());
    for domain in ["personal", "business"] {
        desk.contacts(
            domain,
            &json!([{ "id": "a", "v": 0, "lastModified": "2026-01-01T00:00:00Z" }]),
        );
    }
    desk.run("sync").exits(0);
    desk
}

/// Edits the contact on both sides: here later, there earlier.
fn edit(desk: &Desk, later: serde_json::Value, earlier: serde_json::Value) {
    desk.contacts(
        "personal",
        &json!([{ "id": "a", "v": later, "lastModified": "2026-01-03T00:00:00Z" }]),
    );
    desk.contacts(
        "business",
        &json!([{ "id": "a", "v": earlier, "lastModified": "2026-01-02T00:00:00Z" }]),
    );
}

#[test]
fn an_expression_is_given_the_values_in_the_order_of_their_edits() {
    let desk = agreed("string(values[0]) + ' then ' + string(values[1])");
    edit(&desk, json!(2), json!(1));
    desk.run("sync").exits(0);
    for domain in ["personal", "business"] {
        assert_eq!(desk.read(domain)["a"]["v"], "1 then 2", "{domain}");
    }
    let files = desk.files("data");
    desk.run("sync").exits(0);
    assert_eq!(desk.files("data"), files, "a second run changes nothing");
    desk.run("conflicts list").exits(0);
}

#[test]
fn an_expression_without_an_answer_leaves_the_decision_to_a_person() {
    let desk = agreed("values[0] + values[1]");
    edit(&desk, json!("x"), json!(7));
    desk.run("sync").exits(5);
    assert_eq!(desk.read("personal")["a"]["v"], "x");
    assert_eq!(desk.read("business")["a"]["v"], 7);
    let listed = desk.run("conflicts list --json").json();
    let id = listed["conflicts"][0]["conflict"].as_str().unwrap().to_owned();
    desk.run(&format!("conflicts resolve {id} --take target")).exits(0);
    desk.run("sync").exits(0);
    assert_eq!(desk.read("personal")["a"]["v"], 7);
}

#[test]
fn another_expression_shows_another_value_at_once() {
    let desk = agreed("values[0]");
    edit(&desk, json!(2), json!(1));
    desk.run("sync").exits(0);
    assert_eq!(desk.read("personal")["a"]["v"], 1);
    let rule =
        "[entities.contacts.fields]\n\"/v\" = { rule = \"custom\", expression = \"values[1]\" }\n";
    desk.put("syncline.toml", rule.as_bytes());
    desk.run("sync").exits(0);
    for domain in ["personal", "business"] {
        assert_eq!(desk.read(domain)["a"]["v"], 2, "{domain}");
    }
}

#[test]
fn an_expression_that_is_none_or_too_dear_is_refused_with_its_place() {
    let dear = "values.map(a, values.map(b, values.map(c, values.map(d, d))))";
    for (expression, said) in
        [("values[", "no expression"), ("now()", "calls `now`"), (dear, "steps")]
    {
        let desk = Desk::new();
        let rule = format!("{{ rule = \"custom\", expression = \"{expression}\" }}");
        desk.put(
            "syncline.toml",
            format!("[entities.contacts.fields]\n\"/v\" = {rule}\n").as_bytes(),
        );
        desk.run("check").exits(3).says(said).says("entities.contacts.fields.\"/v\".expression");
        desk.run("sync").exits(3).says("CONFIG_INVALID");
    }
}
