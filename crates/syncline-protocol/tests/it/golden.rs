//! Every message in both forms: what is written now is what was written then, and reads as the same.

use syncline_model::cursor::Incarnation;
use syncline_protocol::compact::{ClientWriter, HubWriter, Names, Reader};
use syncline_protocol::long;
use syncline_protocol::message::{ClientMessage, HubMessage, Welcome};

use crate::{golden, messages};

/// The hub of the golden messages.
const INCARNATION: Incarnation = Incarnation(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);

fn check(name: &str, form: &str, written: &str, known: &str) {
    assert_eq!(written, known, "bump the protocol version: {name}, {form}");
}

/// Compares the compact form, one message on each line.
fn check_compact(name: &str, written: &[String]) -> Vec<String> {
    let file = format!("{name}.compact.jsonl");
    let known = golden(&file, &(written.join("\n") + "\n"));
    let lines: Vec<String> = known.lines().map(str::to_owned).collect();
    assert_eq!(written, lines, "bump the protocol version: {name}, compact form");
    lines
}

fn of_client(name: &str, text: &str) {
    let message = long::read_client_message(text.as_bytes()).unwrap();
    check(name, "long form", &long::write_client_message(&message).unwrap(), text);
    let mut writer = ClientWriter::new();
    writer.welcomed(&welcome());
    let lines = check_compact(name, &writer.write(&message).unwrap());
    let mut reader = Reader::of_hub(INCARNATION);
    let read = |line: &String| reader.read_client_message(line.as_bytes()).unwrap();
    let back: Vec<Option<ClientMessage>> = lines.iter().map(read).collect();
    assert_eq!(back.last(), Some(&Some(message)), "{name}");
}

fn of_hub(name: &str, text: &str) {
    let message = long::read_hub_message(text.as_bytes()).unwrap();
    check(name, "long form", &long::write_hub_message(&message), text);
    let written = HubWriter::new(INCARNATION).write(&message, &mut Names::new());
    let lines = check_compact(name, &written);
    let mut reader = Reader::of_hub(INCARNATION);
    let read = |line: &String| reader.read_hub_message(line.as_bytes()).unwrap();
    let back: Vec<Option<HubMessage>> = lines.iter().map(read).collect();
    assert_eq!(back.last(), Some(&Some(message)), "{name}");
}

fn welcome() -> Welcome {
    let text = golden("hub-welcome.json", "");
    match long::read_hub_message(text.as_bytes()) {
        Ok(HubMessage::Welcome(welcome)) => welcome,
        other => panic!("{other:?}"),
    }
}

fn body(name: &str, text: &str) {
    let bytes = text.as_bytes();
    let written = match name {
        "body-push" => long::write_push(&long::read_push(bytes).unwrap()).unwrap(),
        "body-page" => long::write_page(&long::read_page(bytes).unwrap()),
        "body-problem" => long::write_problem(&long::read_problem(bytes).unwrap()),
        "body-push-answer" | "body-push-answer-of-a-hub-that-is-backed-up" => {
            let (answer, cursor, backed_up) = long::read_push_answer(bytes).unwrap();
            long::write_push_answer(&answer, &cursor, backed_up)
        }
        _ => panic!("{name}: of which kind?"),
    };
    check(name, "long form", &written, text);
}

#[test]
fn messages_are_those_of_the_golden_files() {
    let messages = messages(".json");
    assert!(messages.len() >= 19, "golden messages are kept for ever");
    for (name, text) in &messages {
        match name.split('-').next() {
            Some("client") => of_client(name, text),
            Some("hub") => of_hub(name, text),
            _ => body(name, text),
        }
    }
    for (name, _) in crate::messages(".compact.jsonl") {
        assert!(messages.iter().any(|(known, _)| *known == name), "{name} has no long form");
    }
}
