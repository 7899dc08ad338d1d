use std::fmt::Debug;

use proptest::collection::vec;
use proptest::prelude::*;
use syncline_merge::display::Fields;
use syncline_model::id::{Position, RecordId};
use syncline_model::json::Leaf;
use syncline_model::path::Path;

use super::*;
use crate::long;
use crate::message::{ClientMessage, Coding, HubMessage, Keeping, Page, Welcome};
use crate::operation::{Operation, restore};
use crate::samples::{self, INCARNATION};

fn exactly(value: &impl Debug) -> String {
    format!("{value:?}")
}

fn welcome() -> Welcome {
    Welcome {
        protocol: 1,
        incarnation: INCARNATION.to_string().into(),
        heartbeat_ms: 30_000,
        window: 64,
        accept: vec![],
        push_operations_max: 1_000,
        message_bytes_max: 8 << 20,
        keeping: Keeping::default(),
    }
}

proptest! {
    #[test]
    fn what_a_client_says_is_read_back(
        messages in vec(samples::client_message(), 1..5), is_welcomed: bool,
    ) {
        let (mut writer, mut reader) = (ClientWriter::new(), Reader::of_hub(INCARNATION));
        if is_welcomed {
            writer.welcomed(&welcome());
        }
        for message in messages {
            let sent = writer.write(&message).unwrap();
            let (last, names) = sent.split_last().unwrap();
            for names in names {
                prop_assert_eq!(reader.read_client_message(names.as_bytes()), Ok(None));
            }
            let back = reader.read_client_message(last.as_bytes());
            prop_assert_eq!(exactly(&back), exactly(&Ok::<_, ()>(Some(message))), "{}", last);
        }
    }

    #[test]
    fn what_a_hub_says_is_read_back_by_all_who_share_its_names(
        messages in vec((samples::hub_message(), 0..3_usize), 1..8),
    ) {
        let mut names = Names::new();
        let mut ends: Vec<(HubWriter, Reader)> =
            (0..3).map(|_| (HubWriter::new(INCARNATION), Reader::of_hub(INCARNATION))).collect();
        for (message, end) in messages {
            let (writer, reader) = &mut ends[end];
            let sent = writer.write(&message, &mut names);
            let (last, introduced) = sent.split_last().unwrap();
            for names in introduced {
                prop_assert_eq!(reader.read_hub_message(names.as_bytes()), Ok(None));
            }
            let back = reader.read_hub_message(last.as_bytes());
            prop_assert_eq!(exactly(&back), exactly(&Ok::<_, ()>(Some(message))), "{}", last);
        }
    }

    #[test]
    fn a_cut_or_altered_message_is_never_a_panic(
        message in samples::client_message(), answer in samples::hub_message(), at: usize, byte: u8,
    ) {
        let mut texts = ClientWriter::new().write(&message).unwrap();
        texts.extend(HubWriter::new(INCARNATION).write(&answer, &mut Names::new()));
        for text in texts {
            let mut bytes = text.into_bytes();
            let at = at % bytes.len();
            let mut reader = Reader::of_client();
            let cut = &bytes[..at];
            prop_assert!(reader.read_client_message(cut).is_err());
            prop_assert!(reader.read_hub_message(cut).is_err());
            bytes[at] = byte;
            let _ = (reader.read_client_message(&bytes), reader.read_hub_message(&bytes));
        }
    }
}

/// A page with one change that sets one field.
fn page(entity: &str, field: &str) -> Page {
    let text = format!(
        r#"{{"entity":"{entity}","id":"t1","position":812,"version":"abc","set":{{"{field}":1}}}}"#
    );
    Page {
        changes: vec![long::read_change(text.as_bytes()).unwrap()],
        cursor: crate::cursor::StreamCursor::at_position(INCARNATION, Position(812)),
        more: false,
        is_snapshot: false,
        begins: false,
        same: None,
    }
}

#[test]
fn a_page_is_encoded_once_and_each_connection_is_told_the_names_that_it_lacks_and_no_others() {
    let mut names = Names::new();
    let private = EncodedPage::new(&page("salaries", "/ada"), &mut names, INCARNATION);
    let tasks = EncodedPage::new(&page("tasks", "/title"), &mut names, INCARNATION);
    let more = EncodedPage::new(&page("tasks", "/due"), &mut names, INCARNATION);
    assert_eq!(names.len(), 5);
    let mut one = HubWriter::new(INCARNATION);
    let message = r#"["c",7,[[2,"t1","abc",812,[["=",3,1]]]],812]"#;
    assert_eq!(one.write_page(7, &tasks), [r#"["n",2,["tasks","/title"]]"#, message]);
    assert_eq!(one.write_page(7, &tasks), [message]);
    assert_eq!(tasks.bytes(), message.len() - 1);
    let sent = one.write_page(0, &more);
    assert_eq!(sent[0], r#"["n",4,["/due"]]"#);
    let mut other = HubWriter::new(INCARNATION);
    other.write_page(0, &more);
    assert_eq!(other.write_page(0, &private)[0], r#"["n",0,["salaries","/ada"]]"#);
    let mut apart = HubWriter::new(INCARNATION);
    assert_eq!(apart.write_page(0, &more)[0], r#"["n",2,["tasks"],4,["/due"]]"#);
}

#[test]
fn names_beyond_the_bounds_stand_as_themselves() {
    let mut names = Names::new();
    let long = format!("/{}", "x".repeat(crate::limits::NAME_INDEXED_BYTES_MAX));
    for index in 0..crate::limits::NAMES_MAX {
        EncodedPage::new(&page("tasks", &format!("/{index}")), &mut names, INCARNATION);
    }
    for field in [long.as_str(), "/one-more"] {
        let page = page("tasks", field);
        let mut reader = Reader::of_hub(INCARNATION);
        let sent = HubWriter::new(INCARNATION)
            .write(&HubMessage::Changes { view: 0, page: page.clone() }, &mut names);
        assert_eq!(sent.len(), 2);
        assert_eq!(reader.read_hub_message(sent[0].as_bytes()), Ok(None));
        let back = reader.read_hub_message(sent[1].as_bytes());
        assert_eq!(back, Ok(Some(HubMessage::Changes { view: 0, page })));
    }
    assert_eq!(names.len(), crate::limits::NAMES_MAX);
    let mut names = Names::new();
    EncodedPage::new(&page("tasks", &long[..long.len() - 1]), &mut names, INCARNATION);
    assert_eq!(names.len(), 2, "the longest name that has an index");
}

#[test]
fn names_that_were_lost_fail_the_message_and_not_an_operation() {
    let mut reader = Reader::of_hub(INCARNATION);
    let push = br#"["p",[[1,"tasks","t1",0,0,[["=",0,1]]]]]"#;
    let error = reader.read_client_message(push).unwrap_err();
    assert_eq!(error.code(), "MESSAGE_MALFORMED");
    let cases = [
        ("an index twice", r#"["n",0,["a"],0,["b"]]"#),
        ("beyond the last index", r#"["n",4095,["a","b"]]"#),
        ("no names", r#"["n",0]"#),
        ("no index", r#"["n",["a"]]"#),
        ("too long a name", &format!(r#"["n",0,["{}"]]"#, "x".repeat(257))),
    ];
    for (name, text) in cases {
        let mut reader = Reader::of_hub(INCARNATION);
        assert!(reader.read_client_message(text.as_bytes()).is_err(), "case: {name}");
    }
}

#[test]
fn one_malformed_operation_does_not_fail_its_neighbours() {
    let good = r#"[7,"tasks","t1",0,0,0]"#;
    let bad = [
        "[8]",
        r#"[8,"tasks","t1",0,0,1]"#,
        r#"[8,"tasks","t1",0,0,[]]"#,
        r#"[8,"tasks","t1",1,0,0]"#,
        r#"[8,"tasks","t1",0,-1,0]"#,
        r#"[8,"tasks","t1",0,0,[["?","/a",1]]]"#,
        r#"[8,"tasks","t1",0,0,[["-","/a",1]]]"#,
        r#"[8,"tasks","t1",0,0,[["=","/a",1],["=","/a/b",1]]]"#,
        r#"[8,"tasks","t1",0,0,[["=","/a",{"b":1,"b":1}]]]"#,
        r#"[8,"tasks","t1",0,0,0,[9]]"#,
        r#"[8,"tasks","t1",0,0,0,[],0]"#,
    ];
    for bad in bad {
        let text = format!(r#"["p",[{good},{bad},{good}]]"#);
        let message = Reader::of_hub(INCARNATION).read_client_message(text.as_bytes());
        let Ok(Some(ClientMessage::Push(sent))) = message else { panic!("{bad}: {message:?}") };
        assert!(sent[0].is_ok() && sent[2].is_ok());
        let unreadable = sent[1].as_ref().unwrap_err();
        assert_eq!((unreadable.counter, &*unreadable.problem.code), (8, "OPERATION_MALFORMED"));
    }
    for whole in [r#"["p",[[0]]]"#, r#"["p",[{}]]"#, r#"["p",[[]]]"#, r#"["p",[],1]"#, "[]", "{}"] {
        let mut reader = Reader::of_hub(INCARNATION);
        assert!(reader.read_client_message(whole.as_bytes()).is_err(), "{whole}");
    }
}

#[test]
fn an_operation_is_bounded_in_what_it_writes() {
    let nested = |levels: usize| {
        let open = r#"[["m","/a","k",0,"#.repeat(levels);
        format!(r#"[8,"tasks","t1",0,0,{open}[]{}]"#, "]]".repeat(levels))
    };
    let elements = vec!["1"; crate::limits::FIELD_OPERATIONS_MAX / 2 + 1].join(",");
    let many = format!(r#"[8,"tasks","t1",0,0,[["a","/a",[{elements}]],["d","/a",[{elements}]]]]"#);
    let deep = format!(r#"[8,"tasks","t1",0,0,[["=","/a",{}{}]]]"#, "[".repeat(64), "]".repeat(64));
    for (operation, is_read) in
        [(nested(32), true), (nested(33), false), (many, false), (deep, false)]
    {
        let text = format!(r#"["p",[{operation}]]"#);
        let message = Reader::of_hub(INCARNATION).read_client_message(text.as_bytes());
        let Ok(Some(ClientMessage::Push(sent))) = message else { panic!("{message:?}") };
        assert_eq!(sent[0].is_ok(), is_read);
    }
}

#[test]
fn a_short_cursor_needs_an_incarnation() {
    let page = br#"["c",0,[],812]"#;
    let mut reader = Reader::of_client();
    assert!(reader.read_hub_message(page).is_err());
    let greeting =
        HubWriter::new(INCARNATION).write(&HubMessage::Welcome(welcome()), &mut Names::new());
    reader.read_hub_message(greeting[0].as_bytes()).unwrap();
    let Ok(Some(HubMessage::Changes { page, .. })) = reader.read_hub_message(page) else {
        panic!("not read");
    };
    assert_eq!(page.cursor.log.incarnation(), INCARNATION);
    assert_eq!(page.cursor.position(), Position(812));
}

/// Sizes of push, ack, result and change, each with the names that go before it, where one field of
/// a record with twelve is set to ten characters: the first time on a connection and later.
fn sizes_of_one_edit(id: &str) -> [[usize; 4]; 2] {
    let token = "A".repeat(23);
    let cursor =
        crate::cursor::StreamCursor::at_position(INCARNATION, Position(1_234_567)).to_string();
    let push = format!(
        r#"{{"push":[{{"op":123456,"entity":"contacts","id":"{id}","base":"{token}","set":{{"/address/street":"Main St. 7"}},"at":"2026-11-20T10:00:00.000Z"}}]}}"#
    );
    let ack = format!(r#"{{"ack":{{"view":0,"cursor":"{cursor}"}}}}"#);
    let result = format!(
        r#"{{"results":[{{"op":123456,"status":"applied","position":1234567,"version":"{token}"}}],"position":1234567}}"#
    );
    let change = format!(
        r#"{{"view":0,"changes":[{{"entity":"contacts","id":"{id}","position":1234567,"version":"{token}","set":{{"/address/street":"Main St. 7"}},"by":"phone-7"}}],"cursor":"{cursor}","more":false}}"#
    );
    let sent = [push, ack].map(|text| long::read_client_message(text.as_bytes()).unwrap());
    let told = [result, change].map(|text| long::read_hub_message(text.as_bytes()).unwrap());
    let (mut client, mut hub) = (ClientWriter::new(), HubWriter::new(INCARNATION));
    let mut names = Names::new();
    client.welcomed(&welcome());
    [(); 2].map(|()| {
        let [push, ack] = [0, 1].map(|at| client.write(&sent[at]).unwrap());
        let [result, change] = [0, 1].map(|at| hub.write(&told[at], &mut names));
        [push, ack, result, change].map(|messages| messages.iter().map(String::len).sum())
    })
}

#[test]
fn one_small_edit_is_at_most_300_bytes_of_text() {
    let [first, later] = sizes_of_one_edit("contact-001");
    assert_eq!((first, later), ([133, 15, 60, 149], [95, 15, 60, 101]));
    assert!(first.iter().sum::<usize>() <= 400 && later.iter().sum::<usize>() <= 300);
    let [first, later] = sizes_of_one_edit("0198c7f2-5b1e-7d3a-9c4f-2b6e8a1d0f37");
    assert_eq!((first, later), ([158, 15, 60, 174], [120, 15, 60, 126]));
}

#[test]
fn a_base_is_short_the_first_time_and_in_full_when_it_is_said_again() {
    let push = |counters: [u64; 2]| {
        let operation = |counter: u64| {
            format!(
                r#"{{"op":{counter},"entity":"tasks","id":"t1","base":"AA~BB","set":{{"/a":1}},"at":"2026-11-20T10:00:00.000Z"}}"#
            )
        };
        let text = format!(r#"{{"push":[{}]}}"#, counters.map(operation).join(","));
        long::read_client_message(text.as_bytes()).unwrap()
    };
    let mut writer = ClientWriter::new();
    let mut write = |counters| writer.write(&push(counters)).unwrap().pop().unwrap();
    let first = write([7, 8]);
    assert_eq!((first.matches("\"~BB\"").count(), first.matches("AA~BB").count()), (2, 0));
    let again = write([8, 9]);
    assert_eq!((again.matches("\"~BB\"").count(), again.matches("AA~BB").count()), (1, 1));
    let plain = ClientWriter::new().write(&push([1, 2])).unwrap();
    let mut reader = Reader::of_hub(INCARNATION);
    assert_eq!(reader.read_client_message(plain[0].as_bytes()), Ok(None));
    let read = reader.read_client_message(plain[1].as_bytes()).unwrap();
    let Some(ClientMessage::Push(sent)) = read else { panic!("not a push") };
    assert!(sent.iter().all(|sent| sent.as_ref().unwrap().base.as_ref().unwrap().is_short()));
}

/// Operations of one record that set a large text, each another one.
fn photos(counters: &[u64]) -> ClientMessage {
    let sent = counters.iter().map(|counter| {
        let text = format!(
            r#"{{"op":{counter},"entity":"tasks","id":"t1","set":{{"/photo":{}}},"at":"2026-11-20T10:00:00.000Z"}}"#,
            photo(*counter)
        );
        Ok(long::read_operation(text.as_bytes()).unwrap())
    });
    ClientMessage::Push(sent.collect())
}

fn photo(number: u64) -> Leaf {
    Leaf::string(&format!("{number}{}", "What follows is the same. ".repeat(300)))
}

fn shown(number: u64) -> Option<Fields> {
    Some(vec![(Path::parse("/photo").unwrap(), photo(number))])
}

#[test]
fn a_large_text_is_told_by_what_differs_the_first_time_and_whole_when_it_is_said_again() {
    let mut writer = ClientWriter::new();
    let said = |writer: &mut ClientWriter, counters: &[u64]| {
        let mut message = photos(counters);
        writer.shorten(&mut message, |_| shown(0));
        let read = |text: &String| {
            let mut reader = Reader::of_hub(INCARNATION);
            let names = r#"["n",0,["tasks","/photo"]]"#;
            reader.read_client_message(names.as_bytes()).unwrap();
            reader.read_client_message(text.as_bytes()).unwrap().unwrap()
        };
        let text = writer.write(&message).unwrap().pop().unwrap();
        let ClientMessage::Push(sent) = read(&text) else { panic!("{text}") };
        (text.len(), sent.into_iter().flatten().collect::<Vec<_>>())
    };
    let whole = |counters: &[u64]| photos(counters);
    let is = |operations: &[Operation], counters: &[u64]| {
        let sent = operations.iter().cloned().map(Ok).collect();
        assert_eq!(ClientMessage::Push(sent), whole(counters));
    };
    let (bytes, operations) = said(&mut writer, &[1, 2]);
    is(&operations, &[1, 2]);
    assert!(bytes > 15_000, "nobody has said that it reads deltas");
    let mut writer = ClientWriter::new();
    writer.welcomed(&Welcome { accept: vec![Coding::Delta], ..welcome() });
    let (bytes, mut operations) = said(&mut writer, &[1, 2]);
    assert!(bytes < 400 && operations.iter().all(|one| one.deltas.len() == 1), "{bytes}");
    // The second builds on the first; what the hub shows is known before it.
    restore(&mut operations, |_| shown(0));
    is(&operations, &[1, 2]);
    let (bytes, mut operations) = said(&mut writer, &[2, 3]);
    assert!((7_800..9_000).contains(&bytes), "one is whole, and what builds on it is not: {bytes}");
    restore(&mut operations, |_| None);
    let whole: Vec<bool> = operations.iter().map(|one| one.deltas.is_empty()).collect();
    assert_eq!(whole, [true, true], "the second builds on what the first says");
}

#[test]
fn deltas_that_do_not_fit_or_grow_too_much_together_stay() {
    let mut writer = ClientWriter::new();
    writer.welcomed(&Welcome { accept: vec![Coding::Delta], ..welcome() });
    let mut message = photos(&[1]);
    writer.shorten(&mut message, |_| shown(0));
    let ClientMessage::Push(sent) = message else { panic!("not a push") };
    let operation = sent.into_iter().flatten().next().unwrap();
    let restored = |operation: &Operation, held: Option<Fields>| {
        let mut operations = vec![operation.clone()];
        restore(&mut operations, |_| held.clone());
        operations.remove(0).deltas.is_empty()
    };
    assert!(restored(&operation, shown(0)));
    for held in [None, Some(Vec::new()), Some(vec![(Path::parse("/photo").unwrap(), Leaf::null())])]
    {
        assert!(!restored(&operation, held));
    }
    let mut many = vec![operation.clone(); 2];
    for (number, one) in many.iter_mut().enumerate() {
        one.id = RecordId::new(&format!("t{number}")).unwrap();
    }
    many[0].deltas[0].1.bytes = crate::limits::MESSAGE_BYTES_MAX;
    restore(&mut many, |_| shown(0));
    let whole: Vec<bool> = many.iter().map(|one| one.deltas.is_empty()).collect();
    assert_eq!(whole, [false, true], "one that says a wrong length takes no room");
    let size = operation.deltas[0].1.bytes;
    let mut many = vec![operation; 1 + crate::limits::MESSAGE_BYTES_MAX / size];
    for (number, one) in many.iter_mut().enumerate() {
        one.id = RecordId::new(&format!("t{number}")).unwrap();
    }
    restore(&mut many, |_| shown(0));
    let whole = many.iter().filter(|one| one.deltas.is_empty()).count();
    assert_eq!(whole, many.len() - 1);
}
