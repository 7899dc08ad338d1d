use std::fmt::Debug;

use proptest::prelude::*;
use syncline_merge::operation::{Effect, FieldOperation};
use syncline_model::id::Position;
use syncline_model::json::parse;

use super::*;
use crate::cursor::{Scope, StreamCursor};
use crate::error::Unwritable;
use crate::limits::{AFTER_MAX, COUNTER_MAX, FIELD_OPERATIONS_MAX, PUSH_OPERATIONS_MAX};
use crate::message::{ClientMessage, HubMessage, Push};
use crate::operation::Operation;
use crate::samples;

const HEAD: &str = r#""op":7,"entity":"tasks","id":"t1","at":"2026-11-20T10:00:00.000Z""#;

fn read(rest: &str) -> Result<Operation, String> {
    read_operation(format!("{{{HEAD}{rest}}}").as_bytes()).map_err(|error| error.to_string())
}

fn written(rest: &str) -> Vec<FieldOperation> {
    match read(rest).unwrap().effect {
        Effect::Write(operations) => operations,
        Effect::Delete => panic!("a deletion"),
    }
}

/// Debug output, which tells numbers with other digits apart.
fn exactly(value: &impl Debug) -> String {
    format!("{value:?}")
}

proptest! {
    #[test]
    fn an_operation_is_read_back(operation in samples::operation()) {
        let text = write_operation(&operation).unwrap();
        let back = read_operation(text.as_bytes());
        prop_assert_eq!(exactly(&back), exactly(&Ok::<_, ()>(operation)), "{}", text);
    }

    #[test]
    fn a_client_message_is_read_back(message in samples::client_message()) {
        let text = write_client_message(&message).unwrap();
        let back = read_client_message(text.as_bytes());
        prop_assert_eq!(exactly(&back), exactly(&Ok::<_, ()>(message)), "{}", text);
    }

    #[test]
    fn a_hub_message_is_read_back(message in samples::hub_message()) {
        let text = write_hub_message(&message);
        let back = read_hub_message(text.as_bytes());
        prop_assert_eq!(exactly(&back), exactly(&Ok::<_, ()>(message)), "{}", text);
    }

    #[test]
    fn bodies_are_read_back(
        operations in samples::sent(),
        answer in samples::answer(),
        page in samples::page(),
        change in samples::change(),
        outcome in samples::outcome(),
        problem in samples::problem(),
        at in 0..=COUNTER_MAX,
    ) {
        let client = syncline_model::id::ClientId::new("phone-7").unwrap();
        let push = Push { client, operations };
        prop_assert_eq!(read_push(write_push(&push).unwrap().as_bytes()), Ok(push));
        let backed_up = (at % 2 == 0).then_some(Position(at));
        let mut cursor = StreamCursor::at_position(samples::INCARNATION, answer.position);
        cursor.scope = (at % 3 == 0).then_some(Scope(*b"of a few"));
        let text = write_push_answer(&answer, &cursor, backed_up);
        prop_assert_eq!(read_push_answer(text.as_bytes()), Ok((answer, cursor, backed_up)));
        prop_assert_eq!(read_page(write_page(&page).as_bytes()), Ok(page));
        prop_assert_eq!(read_change(write_change(&change).as_bytes()), Ok(change));
        prop_assert_eq!(read_outcome(write_outcome(&outcome).as_bytes()), Ok(outcome));
        prop_assert_eq!(read_problem(write_problem(&problem).as_bytes()), Ok(problem));
    }

    #[test]
    fn a_cut_or_altered_message_is_refused_and_never_a_panic(
        message in samples::client_message(), answer in samples::hub_message(), at: usize, byte: u8,
    ) {
        let texts = [write_client_message(&message).unwrap(), write_hub_message(&answer)];
        for text in texts {
            let mut bytes = text.into_bytes();
            let at = at % bytes.len();
            let cut = &bytes[..at];
            prop_assert!(read_client_message(cut).is_err() && read_hub_message(cut).is_err());
            bytes[at] = byte;
            let _ = (read_client_message(&bytes), read_hub_message(&bytes), read_push(&bytes));
            let _ = (read_page(&bytes), read_push_answer(&bytes), read_operation(&bytes));
        }
    }
}

#[test]
fn the_parts_of_an_operation_are_read_in_the_order_of_the_table() {
    let text = r#","drop":{"/m":["k"]},"put":{"/m":{"l":{"set":{"/b":1},"create":true}}},
        "text":{"/t":[5,"x",-3,2]},"begin":{"/s":"y"},"append":{"/l":[1,1]},"remove":{"/u":["a"]},
        "add":{"/u":["b","a"]},"reset":["/n"],"inc":{"/n":-0.10},"unset":["/z","/y"],
        "set":{"/q":{"d":{},"c":[1]},"/p":null},"base":"abc","after":[5,6]"#;
    let operation = read(text).unwrap();
    assert_eq!(
        write_operation(&operation).unwrap(),
        concat!(
            r#"{"op":7,"entity":"tasks","id":"t1","base":"abc","#,
            r#""set":{"/p":null,"/q/c":[1],"/q/d":{}},"unset":["/y","/z"],"inc":{"/n":-0.10},"#,
            r#""reset":["/n"],"add":{"/u":["b","a"]},"remove":{"/u":["a"]},"#,
            r#""append":{"/l":[1,1]},"begin":{"/s":"y"},"text":{"/t":[5,"x",-3,2]},"#,
            r#""put":{"/m":{"l":{"create":true,"set":{"/b":1}}}},"drop":{"/m":["k"]},"#,
            r#""after":[5,6],"at":"2026-11-20T10:00:00.000Z"}"#
        )
    );
    assert_eq!(read(r#","delete":true"#).unwrap().effect, Effect::Delete);
}

#[test]
fn a_malformed_operation_is_refused_for_what_is_wrong() {
    let many = |count: usize, one: &str| vec![one; count].join(",");
    let deep = format!(r#","set":{{"/a":{}1{}}}"#, "[".repeat(64), "]".repeat(64));
    let fields: Vec<String> =
        (0..=FIELD_OPERATIONS_MAX).map(|index| format!(r#""/{index}":1"#)).collect();
    let nested = |levels| {
        let open = r#""put":{"/a":{"k":{"#.repeat(levels);
        format!(r#",{open}"create":true{}"#, "}}}".repeat(levels))
    };
    let cases = [
        ("nothing written", String::new(), "lacking"),
        ("an empty part", r#","set":{}"#.into(), "lacking"),
        ("an unknown member", r#","sett":{"/a":1}"#.into(), "no meaning"),
        ("a deletion that writes", r#","delete":true,"set":{"/a":1}"#.into(), "delete"),
        ("no deletion", r#","delete":false"#.into(), "delete"),
        ("a path without a slash", r#","set":{"a":1}"#.into(), "begins with `/`"),
        ("the root", r#","set":{"":1}"#.into(), "not a field"),
        ("a key twice", r#","set":{"/a":1,"/a":2}"#.into(), "twice"),
        ("one value above another", r#","set":{"/a":1,"/a/b":2}"#.into(), "twice"),
        ("the same by an object", r#","set":{"/a":{"b":1},"/a/b":2}"#.into(), "twice"),
        ("unset twice", r#","unset":["/a","/a"]"#.into(), "twice"),
        ("no number", r#","inc":{"/a":"1"}"#.into(), "a number"),
        ("no array", r#","add":{"/a":1}"#.into(), "array"),
        ("no text", r#","begin":{"/a":1}"#.into(), "a text"),
        ("an edit of something else", r#","text":{"/a":[1,true]}"#.into(), "an edit"),
        ("a fraction of a character", r#","text":{"/a":[1.5]}"#.into(), "an edit"),
        ("an edit beyond texts", r#","text":{"/a":[10000001]}"#.into(), "an edit"),
        ("an unknown member inside", r#","put":{"/a":{"k":{"delete":true}}}"#.into(), "no meaning"),
        ("too deep a value", deep, "too deeply"),
        (
            "too deep an element",
            format!(r#","add":{{"/a":{}{}}}"#, "[".repeat(64), "]".repeat(64)),
            "too deeply",
        ),
        ("too many fields", format!(r#","set":{{{}}}"#, fields.join(",")), "fields written"),
        ("too many elements", format!(r#","add":{{"/a":[{}]}}"#, many(10_001, "1")), "elements"),
        ("members within members", nested(33), "levels of members"),
        ("after itself", r#","set":{"/a":1},"after":[7]"#.into(), "an earlier operation"),
        ("after 0", r#","set":{"/a":1},"after":[0]"#.into(), "from 1"),
        (
            "after too many",
            format!(r#","unset":["/a"],"after":[{}]"#, many(AFTER_MAX + 1, "1")),
            "after",
        ),
        ("no token", r#","set":{"/a":1},"base":"a b""#.into(), "base64url"),
        ("half a surrogate pair", r#","set":{"/a":"\ud800"}"#.into(), "surrogate"),
    ];
    for (name, rest, expected) in cases {
        let error = read(&rest).unwrap_err();
        assert!(error.contains(expected), "case: {name}: {error}");
    }
    let deepest = format!(r#","append":{{"/a":{}{}}}"#, "[".repeat(63), "]".repeat(63));
    assert!(read(&nested(32)).is_ok() && read(&deepest).is_ok());
    assert_eq!(written(r#","put":{"/a":{"k":{}}}"#).len(), 1, "a member may be empty");
}

#[test]
fn one_malformed_operation_does_not_fail_its_neighbours() {
    let good = format!(r#"{{{HEAD},"set":{{"/a":1}}}}"#);
    let bad = [
        r#"{"op":8}"#,
        r#"{"op":8,"op ":1}"#,
        r#"{"op":8,"set":{"/a":1,"/a":1}}"#,
        r#"{"op":8,"set":{"/a":1e99999}}"#,
        r#"{"op":8,"id":"\ud800"}"#,
    ];
    for bad in bad {
        let text = format!(r#"{{"client":"c","ops":[{good},{bad},{good}]}}"#);
        let push = read_push(text.as_bytes()).unwrap();
        let counters: Vec<Result<u64, (u64, &str)>> = push
            .operations
            .iter()
            .map(|sent| match sent {
                Ok(operation) => Ok(operation.counter),
                Err(unreadable) => Err((unreadable.counter, &*unreadable.problem.code)),
            })
            .collect();
        assert_eq!(counters, [Ok(7), Err((8, "OPERATION_MALFORMED")), Ok(7)], "{bad}");
        assert_eq!(write_push(&push), Err(Unwritable::Unread));
    }
    let whole = [
        r#"{"client":"c","ops":[{"id":"x"}]}"#,
        r#"{"client":"c","ops":[{"op":0}]}"#,
        r#"{"client":"c","ops":[{"op":9223372036854775808}]}"#,
        r#"{"client":"c","ops":[1]}"#,
        r#"{"client":"c","ops":[{"op":1}}"#,
        r#"{"client":"c","ops":[],"more":1}"#,
        r#"{"client":"","ops":[]}"#,
        r#"{"ops":[]}"#,
    ];
    for text in whole {
        assert_eq!(read_push(text.as_bytes()).unwrap_err().code(), "MESSAGE_MALFORMED", "{text}");
    }
    let ops = vec![r#"{"op":1}"#; PUSH_OPERATIONS_MAX + 1].join(",");
    let many = format!(r#"{{"client":"c","ops":[{ops}]}}"#);
    assert_eq!(read_push(many.as_bytes()).unwrap_err().code(), "MESSAGE_TOO_LARGE");
}

#[test]
fn what_is_not_known_is_ignored_in_answers_and_refused_in_what_clients_send() {
    let answers = [
        r#"{"welcome":{"protocol":1,"incarnation":"0123456789abcdef0123456789abcdef","heartbeat_ms":1,"window":2,"limits":{"push_operations":3,"message_bytes":4,"new":5},"accept":["new","lz4"],"new":{}}}"#,
        r#"{"results":[{"op":1,"status":"behind","new":1}],"position":1,"new":[]}"#,
        r#"{"problem":{"code":"A","detail":"b","title":"c","status":503},"new":1}"#,
        r#"{"changes":[{"entity":"a","id":"b","position":1,"version":"c","gone":"deleted","new":1e99999}],"view":0,"cursor":"AQAAAAAAAAAAAAAAAAAAAAAA3rVIyg","new":1}"#,
    ];
    for text in answers {
        let cursor = StreamCursor::at_position(samples::INCARNATION, Position(3)).to_string();
        let text = text.replace("AQAAAAAAAAAAAAAAAAAAAAAA3rVIyg", &cursor);
        let message = read_hub_message(text.as_bytes()).unwrap();
        let known = write_hub_message(&message);
        assert!(!known.contains("new") && parse(known.as_bytes()).is_ok());
    }
    let sent = [
        r#"{"hello":{"protocol":1,"client":"c","new":1}}"#,
        r#"{"hello":{"protocol":1,"client":"c","views":[{"new":1}]}}"#,
        r#"{"push":[],"new":1}"#,
        r#"{"new":1}"#,
        "{}",
        r#"{"ack":{"view":0,"cursor":"x","new":1}}"#,
    ];
    for text in sent {
        assert!(read_client_message(text.as_bytes()).is_err(), "{text}");
    }
    let hello =
        read_client_message(br#"{"hello":{"protocol":1,"client":"c","accept":["new","lz4"]}}"#);
    let Ok(ClientMessage::Hello(hello)) = hello else { panic!("{hello:?}") };
    assert_eq!((hello.accept.len(), hello.window, hello.views.len()), (1, 64, 0));
    let later = br#"{"hello":{"protocol":2,"client":"c","new":{"a":1}}}"#;
    let Ok(ClientMessage::Hello(hello)) = read_client_message(later) else {
        panic!("what a later client says beside the rest is for later hubs")
    };
    assert_eq!(hello.protocol, 2);
}

#[test]
fn a_view_whose_cursor_is_none_begins_anew() {
    let hello = |cursor: &str| {
        let view = format!(r#"{{"entities":["tasks"],"cursor":{cursor}}}"#);
        let hello = format!(
            r#"{{"hello":{{"protocol":1,"client":"a","views":[{view}],"accept":[],"window":8}}}}"#
        );
        read_client_message(hello.as_bytes())
    };
    let long = format!(r#""{}""#, "a".repeat(5_000));
    for cursor in [r#""""#, r#""~~~""#, r#""no cursor""#, r#""AAAA""#, &long] {
        let Ok(ClientMessage::Hello(hello)) = hello(cursor) else { panic!("{cursor}") };
        assert_eq!(hello.views[0].cursor, None, "{cursor}");
    }
    assert!(hello("7").is_err(), "it is a text");
    let good = StreamCursor::at_position(samples::INCARNATION, Position(7));
    let Ok(ClientMessage::Hello(hello)) = hello(&format!(r#""{good}""#)) else { panic!("{good}") };
    assert_eq!(hello.views[0].cursor, Some(good));
}

#[test]
fn a_record_as_deep_as_any_is_told() {
    let (open, close) = (r#"{"a":"#.repeat(64), "}".repeat(64));
    let record = format!("{open}1{close}");
    let text = format!(
        r#"{{"results":[{{"op":1,"status":"merged","position":1,"version":"a","record":{record}}}],"position":1}}"#
    );
    let Ok(HubMessage::Results(answer)) = read_hub_message(text.as_bytes()) else {
        panic!("not read");
    };
    let back = write_hub_message(&HubMessage::Results(answer));
    assert_eq!(back, text);
}

#[test]
fn depth_alone_costs_nothing() {
    for text in ["[".repeat(1 << 20), r#"{"a":"#.repeat(1 << 18), r#"{"push":["#.repeat(1 << 18)] {
        assert!(read_client_message(text.as_bytes()).is_err());
        assert!(read_hub_message(text.as_bytes()).is_err());
        assert!(read_operation(text.as_bytes()).is_err());
    }
}

#[test]
fn operations_that_have_no_form_are_not_written() {
    let path = |text| syncline_model::path::Path::parse(text).unwrap();
    let unset = |at| FieldOperation::Unset { path: path(at) };
    let reset = |at| FieldOperation::Reset { path: path(at) };
    let floor = FieldOperation::Floor { path: path("/a"), value: 1_i64.into() };
    let cases = [
        ("nothing", vec![], Err(Unwritable::Empty)),
        ("what a hub does", vec![floor], Err(Unwritable::Foreign { path: path("/a") })),
        ("twice", vec![unset("/a"), unset("/a")], Err(Unwritable::Twice { path: path("/a") })),
        (
            "in another order",
            vec![reset("/a/b"), unset("/a")],
            Err(Unwritable::Order { path: path("/a/b") }),
        ),
        ("in an order that does not matter", vec![reset("/b"), unset("/a")], Ok(())),
        ("in their order", vec![unset("/a"), reset("/a")], Ok(())),
    ];
    let operation = read(r#","delete":true"#).unwrap();
    for (name, operations, expected) in cases {
        let operation = Operation { effect: Effect::Write(operations), ..operation.clone() };
        assert_eq!(write_operation(&operation).map(drop), expected, "case: {name}");
    }
}
