//! What the golden messages are made of, in one number: whoever changes it changes the protocol.

use std::collections::BTreeSet;

use syncline_model::json::{Json, parse};
use syncline_protocol::compress::DICTIONARY;
use syncline_protocol::limits::PROTOCOL_VERSION;

use crate::messages;

/// The BLAKE3 of the description below.
const SCHEMA: &str = "68700f247a71ef36fdace34962526937bad29edf6791c44c89b606541398d62b";
/// The BLAKE3 of the dictionary.
const DICTIONARY_V2: &str = "ce69bd9f8186c492fa058b49b0af8852964d7182def1bb3b80eaac1f451ceaf6";

/// Describes a value: the names that lead to each part of it, and of which kind that is.
fn describe(value: &Json, place: &str, found: &mut BTreeSet<String>) {
    let kind = match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "text",
        Json::Array(elements) => {
            for element in elements {
                describe(element, &format!("{place}[]"), found);
            }
            "array"
        }
        Json::Object(members) => {
            for (name, member) in members.iter() {
                describe(member, &format!("{place}.{name}"), found);
            }
            "object"
        }
    };
    found.insert(format!("{place} {kind}"));
}

/// Describes an array of the compact form, of which places count.
fn describe_row(value: &Json, place: &str, found: &mut BTreeSet<String>) {
    match value {
        Json::Array(elements) => {
            let tag = elements.first().and_then(Json::as_str).filter(|tag| tag.len() == 1);
            let place = format!("{place}{}", tag.unwrap_or_default());
            found.insert(format!("{place} of {}", elements.len()));
            for (index, element) in elements.iter().enumerate() {
                describe_row(element, &format!("{place}[{index}]"), found);
            }
        }
        other => describe(other, place, found),
    }
}

fn description() -> String {
    let mut found = BTreeSet::new();
    for (name, text) in messages(".json") {
        describe(&parse(text.as_bytes()).unwrap(), &name, &mut found);
    }
    for (name, text) in messages(".compact.jsonl") {
        for line in text.lines() {
            describe_row(&parse(line.as_bytes()).unwrap(), &name, &mut found);
        }
    }
    found.into_iter().collect::<Vec<_>>().join("\n")
}

#[test]
fn the_messages_of_a_version_never_change() {
    assert_eq!(PROTOCOL_VERSION, 1, "keep the files of version 1, and add those of the new one");
    let found = blake3::hash(description().as_bytes()).to_string();
    assert_eq!(found, SCHEMA, "bump the protocol version");
}

#[test]
fn the_dictionary_of_a_version_never_changes() {
    let found = blake3::hash(DICTIONARY).to_string();
    assert_eq!(found, DICTIONARY_V2, "a dictionary with other bytes has another name");
}

/// Members of messages.
const MEMBERS: &[&str] = &[
    "hello",
    "push",
    "ack",
    "welcome",
    "results",
    "changes",
    "problem",
    "op",
    "entity",
    "id",
    "base",
    "at",
    "after",
    "delete",
    "set",
    "unset",
    "inc",
    "reset",
    "add",
    "remove",
    "append",
    "begin",
    "text",
    "delta",
    "put",
    "create",
    "drop",
    "status",
    "position",
    "version",
    "record",
    "conflicts",
    "open",
    "gone",
    "by",
    "path",
    "cursor",
    "more",
    "snapshot",
    "begins",
    "view",
    "views",
    "params",
    "entities",
    "accept",
    "window",
    "limits",
    "code",
    "detail",
    "retryable",
    "backed_up",
    "floor",
    "check",
    "checked",
    "equal",
    "checksum",
    "sum",
    "holds",
    "stretches",
    "anew",
    "same",
];

#[test]
fn every_member_and_every_word_is_in_a_golden_message() {
    let texts: String = messages(".json").into_iter().map(|(_, text)| text).collect();
    let words = [
        "applied",
        "merged",
        "conflict",
        "duplicate",
        "rejected",
        "behind",
        "rebase",
        "deleted",
        "unscoped",
        "zstd",
        "zstd-dict",
        "lz4",
        "deflate",
        "delta",
    ];
    for member in MEMBERS {
        assert!(texts.contains(&format!("\"{member}\":")), "{member}");
    }
    for word in words {
        assert!(texts.contains(&format!("\"{word}\"")), "{word}");
    }
}
