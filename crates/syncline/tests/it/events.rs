//! `syncline events check`: what a change of schemas would break.

use serde_json::{Value, json};

use crate::desk::{Answer, Desk, answer};
use crate::documents::check;
use crate::serve::Serving;

fn schema(required: &[&str]) -> Value {
    json!({ "type": "object", "required": required,
        "properties": { "status": { "type": "string" }, "score": { "type": "integer" } } })
}

fn put(desk: &Desk, file: &str, event_type: &str, version: u32, schema: &Value) {
    let document = json!({ "type": event_type, "version": version, "schema": schema });
    desk.put(file, document.to_string().as_bytes());
}

fn findings(answer: Answer, exit: i32) -> Vec<String> {
    let document = answer.exits(exit).json();
    check(&document);
    let told = |one: &Value| format!("{} {} {}", one["type"], one["keyword"], one["breaks"]);
    let found = document["findings"].as_array().unwrap();
    assert_eq!(document["compatible"], found.is_empty());
    found.iter().map(|one| told(one).replace('"', "")).collect()
}

#[test]
fn what_breaks_emitters_or_receivers_is_told_with_its_place_and_fails() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.path("was")).unwrap();
    std::fs::create_dir_all(desk.path("is")).unwrap();
    put(&desk, "was/a.json", "enrollment.created", 1, &schema(&["status"]));
    put(&desk, "was/b.json", "enrollment.deleted", 1, &schema(&[]));
    put(&desk, "is/a.json", "enrollment.created", 1, &schema(&["status"]));
    put(&desk, "is/b.json", "enrollment.deleted", 1, &schema(&[]));
    let run = |more: &str| desk.run(&format!("events check is --against was --json {more}"));
    assert_eq!(findings(run(""), 0), [""; 0]);
    put(&desk, "is/a.json", "enrollment.created", 1, &schema(&["status", "score"]));
    assert_eq!(findings(run(""), 6), ["enrollment.created required older writers"]);
    put(&desk, "is/a.json", "enrollment.created", 1, &schema(&[]));
    assert_eq!(findings(run(""), 6), ["enrollment.created required older readers"]);
    assert_eq!(findings(run("--force"), 0).len(), 1);
    let mut narrower = schema(&["status"]);
    narrower["properties"]["status"] = json!({ "enum": ["active"] });
    put(&desk, "is/a.json", "enrollment.created", 1, &narrower);
    let told = desk.run("events check is --against was").exits(6);
    told.says("enrollment.created /status").says("things break").says("new version");
    put(&desk, "is/a.json", "enrollment.created", 2, &narrower);
    assert_eq!(findings(run(""), 0), [""; 0], "a new version breaks nobody");
    std::fs::remove_file(desk.path("is/b.json")).unwrap();
    assert_eq!(findings(run(""), 6), ["enrollment.deleted type older readers"]);
    desk.run("events check none --against was").exits(3).says("FILE_UNUSABLE");
    desk.put("odd.json", br#"{"type":"a.b","schema":{"type":"object","$ref":"x"}}"#);
    desk.run("events check odd.json --against was").exits(2).says("SCHEMA_MALFORMED");
}

#[test]
fn the_types_of_a_hub_that_is_served_are_what_files_are_compared_with() {
    let desk = Desk::new();
    let serving = Serving::start(&desk, &[]);
    let path = "/v1/event-types/enrollment.created";
    let (status, _) = serving.ask("PUT", path, &json!({ "schema": schema(&["status"]) })).unwrap();
    assert_eq!(status, 201);
    let run = || {
        let mut command =
            desk.command(&["events", "check", "type.json", "--against", "hub", "--json"]);
        command.env("SYNCLINE_SERVER", format!("http://{}", serving.address));
        command.env("SYNCLINE_TOKEN", &serving.token);
        answer(&command.output().unwrap())
    };
    put(&desk, "type.json", "enrollment.created", 1, &schema(&["status"]));
    assert_eq!(findings(run(), 0), [""; 0]);
    put(&desk, "type.json", "enrollment.created", 1, &schema(&["status", "score"]));
    assert_eq!(findings(run(), 6), ["enrollment.created required older writers"]);
    put(&desk, "type.json", "another.type", 1, &schema(&["status"]));
    assert_eq!(findings(run(), 0), [""; 0], "of what is new nobody expects anything");
}
