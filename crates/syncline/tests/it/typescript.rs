//! `syncline types`: what it reads, what it writes, and that nothing is too odd for it. That the client takes what
//! it writes is tested beside the client, with its compiler.

use std::fs;

use serde_json::{Value, json};

use crate::desk::{Desk, repository};
use crate::documents::check;
use crate::serve::Serving;

/// Where the tests of the client have what is written for `fixtures/typescript`.
const WRITTEN: &str = "sdk/client/test/typescript/entities.ts";

fn desk() -> Desk {
    let desk = Desk::new();
    desk.copy_in("fixtures/typescript", "");
    desk
}

/// Returns the types of one schema, of the entity `things`.
fn types_of(desk: &Desk, schema: &Value) -> String {
    desk.put("things.json", schema.to_string().as_bytes());
    desk.run("types things.json").exits(0).stdout
}

#[test]
fn types_are_those_that_the_clients_tests_compile() {
    let desk = desk();
    let wanted = fs::read_to_string(repository(WRITTEN)).unwrap();
    let files = ["notes.json", "tasks.schema.json", "work-orders.json"];
    let written = desk.run(&format!("types {}", files.join(" "))).exits(0).stdout;
    assert_eq!(written, wanted, "as fixtures/typescript/README.md says: write {WRITTEN} again");
    let [a, b, c] = files;
    assert_eq!(desk.run(&format!("types {c} {a} {b}")).exits(0).stdout, wanted);
}

#[test]
fn types_come_from_the_latest_schemas_of_the_hub_also_while_it_is_served() {
    let desk = Desk::new();
    desk.run("types").exits(3).says("STATE_MISSING");
    let serving = Serving::start(&desk, &[]);
    desk.run("types").exits(0).says("no schema is registered").says("interface Entities {\n}");
    let register = |entity: &str, schema: Value| {
        let path = format!("/v1/schemas/{entity}");
        let (status, _) = serving.ask("PUT", &path, &schema).unwrap();
        assert_eq!(status, 201);
    };
    register("tasks", json!({ "type": "object", "properties": { "title": { "type": "string" } } }));
    register("tags", json!({ "type": "object" }));
    let properties = json!({ "title": { "type": "string" }, "done": { "type": "boolean" } });
    register("tasks", json!({ "type": "object", "properties": properties }));
    let served = desk.run("types").exits(0).stdout;
    let task = "/** The schema of `tasks`, version 2. */\nexport type Task = {\n  readonly done?: boolean;\n  readonly title?: string;\n};\n";
    assert!(served.contains(task), "{served}");
    assert!(served.contains("  readonly tags: Tag;\n  readonly tasks: Task;\n"), "{served}");
    desk.put("tasks.json", br#"{"type": "object"}"#);
    let both = desk.run("types tasks.json --state .syncline").exits(0).stdout;
    assert!(both.contains("type Task = JsonObject") && both.contains("type Tag = "), "{both}");
    assert!(!desk.run("types tasks.json").exits(0).stdout.contains("Tag"));
    drop(serving);
    assert_eq!(desk.run("types").exits(0).stdout, served);
}

#[test]
fn a_file_that_is_up_to_date_is_not_written_again() {
    let desk = desk();
    desk.run("types notes.json -o types.ts").exits(0).says("types of 1 entity");
    let path = desk.path("types.ts");
    let made = fs::metadata(&path).unwrap().modified().unwrap();
    // A file that could not be written again would be an error.
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    let answer = desk.run("types notes.json --out types.ts --json").exits(0).json();
    check(&answer);
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), made);
    assert_eq!(answer["text"].as_str().unwrap().as_bytes(), desk.bytes("types.ts"));
    assert_eq!(
        answer["entities"][0],
        json!({ "entity": "notes", "type": "Note", "version": null })
    );
}

#[test]
fn what_is_no_schema_is_refused_and_nothing_is_written() {
    let desk = desk();
    desk.put("list.json", b"[]");
    desk.put("cut.json", b"{\"type\":");
    desk.put("long.json", &vec![b' '; (4 << 20) + 1]);
    for file in ["list.json", "cut.json", "long.json"] {
        desk.run(&format!("types notes.json {file} -o types.ts")).exits(2).says("SCHEMA_MALFORMED");
    }
    desk.run("types gone.json -o types.ts").exits(3).says("FILE_UNUSABLE");
    desk.run("types notes.json notes=work-orders.json -o types.ts").exits(2).says("two files");
    assert!(!desk.path("types.ts").exists());
}

#[test]
fn nothing_that_a_schema_says_gets_out_of_its_comment_or_its_string() {
    let desk = Desk::new();
    let evil = "*/ evil(); /*\u{2028}// \u{202e}\n*/ evil();\u{0}\"'`${evil()}\\";
    let schema = json!({
        "type": "object", "title": evil, "description": evil, "format": evil, "required": [evil],
        "properties": { evil: { "enum": [evil], "description": evil }, "to": { "$ref": format!("#/$defs/{}", "*~1 evil();") } },
        "$defs": { "*/ evil();": { "type": "object", "description": evil } },
    });
    let text = types_of(&desk, &schema);
    let mut rest = text.as_str();
    let mut code = String::new();
    while let Some((before, after)) = rest.split_once("/**") {
        code.push_str(before);
        rest = after.split_once("*/").unwrap().1;
    }
    code.push_str(rest);
    // Outside of comments it stands in strings only.
    let quoted = serde_json::to_string(evil).unwrap();
    let quoted = quoted.replace('\u{202e}', "\\u202e").replace('\u{2028}', "\\u2028");
    assert!(code.contains(&quoted), "{code}");
    assert!(!code.replace(&quoted, "").contains("evil()"), "{code}");
    assert!(!text.contains(['\u{202e}', '\u{2028}']), "{text}");
}

#[test]
fn no_schema_is_too_odd() {
    let desk = Desk::new();
    let mut deep = json!({ "type": "string" });
    for _ in 0..50 {
        deep = json!({ "type": "array", "items": deep });
    }
    let odd = [
        (json!({}), "= JsonObject;"),
        (json!({ "type": 3 }), "= JsonObject;"),
        (json!({ "$ref": "#" }), "= JsonObject;"),
        (json!({ "type": "object", "properties": [], "required": {} }), "= JsonObject;"),
        (json!({ "properties": { "a": 1 } }), "a?: Json;"),
        (json!({ "properties": { "a": { "enum": [] } }, "required": ["a"] }), "a: never;"),
        (json!({ "properties": { "a": { "type": ["string", 7] } } }), "a?: Json;"),
        (json!({ "properties": { "a": { "$ref": "#/properties/a" } } }), "type ThingA = Json;"),
        (json!({ "properties": { "a": { "$ref": "#/%zz" } } }), "a?: Json;"),
        (json!({ "properties": { "a": { "$ref": "#anchor" } } }), "a?: Json;"),
        (json!({ "properties": { "a": { "const": {} } } }), "a?: Json;"),
        (json!({ "properties": { "a": { "enum": ["x", {}] } } }), "a?: Json;"),
        (json!({ "properties": { "a": { "allOf": [{}, { "type": "null" }] } } }), "a?: null;"),
        (json!({ "properties": { "a": { "not": { "type": "null" } } } }), "a?: Json;"),
        (json!({ "properties": { "a b": { "if": {}, "type": "boolean" } } }), "\"a b\"?: boolean;"),
        (json!({ "properties": { "a": deep } }), "readonly (readonly (readonly string[])[])[]"),
    ];
    for (schema, wanted) in odd {
        let text = types_of(&desk, &schema);
        assert!(text.contains(wanted), "{schema}\n{text}");
    }
}

#[test]
fn only_numbers_that_the_platform_holds_are_numbers() {
    let desk = Desk::new();
    let whole = |low: i64, high: i64| json!({ "type": "integer", "minimum": low, "maximum": high });
    let most = (1_i64 << 53) - 1;
    #[rustfmt::skip]
    let cases = [
        (whole(0, 10), true),
        (whole(-most, most), true),
        (whole(-most - 1, 0), false),
        (whole(0, most + 1), false),
        (json!({ "type": "integer", "minimum": 0 }), false),
        (json!({ "type": "integer", "format": "int32" }), true),
        (json!({ "type": "integer", "format": "int64" }), false),
        (json!({ "type": "number", "minimum": 0, "maximum": 1 }), false),
        (json!({ "type": "number", "format": "double" }), true),
    ];
    for (schema, is_plain) in cases {
        let schema = json!({ "properties": { "n": schema } });
        let wanted = if is_plain { "n?: number;" } else { "n?: number | Decimal;" };
        assert!(types_of(&desk, &schema).contains(wanted), "{schema}");
        let plain = desk.run("types things.json --plain-numbers").exits(0).stdout;
        assert!(plain.contains("n?: number;") && !plain.contains("Decimal"), "{schema}\n{plain}");
    }
}
