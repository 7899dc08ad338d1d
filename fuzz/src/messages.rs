//! Messages of the protocol: whatever is accepted is written as something that reads as the same.

use std::fmt::Debug;

use syncline_merge::display::Fields;
use syncline_merge::operation::Effect;
use syncline_model::cursor::Incarnation;
use syncline_model::json::Leaf;
use syncline_model::path::Path;
use syncline_protocol::change::Content;
use syncline_protocol::compact::{ClientWriter, HubWriter, Names, Reader};
use syncline_protocol::compress::decompress;
use syncline_protocol::delta::Delta;
use syncline_protocol::long;
use syncline_protocol::message::{ClientMessage, HubMessage, Sent};
use syncline_protocol::predict::{correct, predict};
use syncline_protocol::time::{format_time, parse_time};

/// The hub whose cursors are short.
const INCARNATION: Incarnation = Incarnation(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
/// What a compressed message may grow to here, in bytes.
const GROWN_BYTES_MAX: usize = 1 << 20;

pub(crate) fn of_client(bytes: &[u8]) {
    if let Ok(message) = long::read_client_message(bytes) {
        check_client_message(&message);
    }
    if let Ok(push) = long::read_push(bytes)
        && let Ok(text) = long::write_push(&push)
    {
        assert_same(&long::read_push(text.as_bytes()), &push);
    }
    if let Ok(operation) = long::read_operation(bytes) {
        check_effect(&operation.effect);
        let text = long::write_operation(&operation).expect("what was read has a form");
        assert_same(&long::read_operation(text.as_bytes()), &operation);
    }
    // One connection, one message on each line.
    let mut reader = Reader::of_hub(INCARNATION);
    for line in bytes.split(|byte| *byte == b'\n') {
        match reader.read_client_message(line) {
            Ok(Some(message)) => check_client_message(&message),
            Ok(None) => {}
            Err(_) => return,
        }
    }
    if let Some(time_ms) = std::str::from_utf8(bytes).ok().and_then(parse_time) {
        assert_eq!(parse_time(&format_time(time_ms)), Some(time_ms));
    }
}

pub(crate) fn of_hub(bytes: &[u8]) {
    if let Ok(message) = long::read_hub_message(bytes) {
        check_hub_message(&message);
    }
    if let Ok(page) = long::read_page(bytes) {
        assert_same(&long::read_page(long::write_page(&page).as_bytes()), &page);
    }
    if let Ok((answer, cursor, backed_up)) = long::read_push_answer(bytes) {
        let text = long::write_push_answer(&answer, &cursor, backed_up);
        let back = long::read_push_answer(text.as_bytes()).expect("an answer");
        assert_eq!(back, (answer, cursor, backed_up));
    }
    if let Ok(outcome) = long::read_outcome(bytes) {
        assert_same(&long::read_outcome(long::write_outcome(&outcome).as_bytes()), &outcome);
    }
    if let Ok(change) = long::read_change(bytes) {
        assert_same(&long::read_change(long::write_change(&change).as_bytes()), &change);
        if let Content::Fields { deltas, .. } = &change.content {
            check_deltas(deltas);
        }
        check_record(change.content.apply(Some(Fields::new())).ok().flatten().as_ref());
    }
    if let Ok(problem) = long::read_problem(bytes) {
        assert_same(&long::read_problem(long::write_problem(&problem).as_bytes()), &problem);
    }
    let mut reader = Reader::of_hub(INCARNATION);
    for line in bytes.split(|byte| *byte == b'\n') {
        match reader.read_hub_message(line) {
            Ok(Some(message)) => check_hub_message(&message),
            Ok(None) => {}
            Err(_) => return,
        }
    }
}

pub(crate) fn compressed(bytes: &[u8]) {
    if let Ok(text) = decompress(bytes, GROWN_BYTES_MAX) {
        assert!(text.len() <= GROWN_BYTES_MAX);
    }
}

/// Makes a text of deltas, which say themselves how long it is.
fn check_deltas(deltas: &[(Path, Delta)]) {
    for (_, delta) in deltas {
        for held in ["", "Zm9vYmFy", "nothing else is said here"] {
            if let Ok(made) = delta.apply(&Leaf::string(held)) {
                let bytes = made.as_string().map_or(0, |text| text.len());
                assert!(bytes <= held.len().max(delta.bytes * 4 / 3 + 4));
            }
        }
    }
}

fn assert_same<T: PartialEq + Debug, E: Debug>(back: &Result<T, E>, message: &T) {
    assert_eq!(back.as_ref().expect("what was written is read"), message);
}

fn check_client_message(message: &ClientMessage) {
    if let ClientMessage::Push(operations) = message {
        operations.iter().flatten().for_each(|operation| check_effect(&operation.effect));
        operations.iter().flatten().for_each(|operation| check_deltas(&operation.deltas));
        if operations.iter().any(Sent::is_err) {
            assert!(long::write_client_message(message).is_err());
            return;
        }
    }
    let text = long::write_client_message(message).expect("what was read has a form");
    assert_same(&long::read_client_message(text.as_bytes()), message);
    let mut reader = Reader::of_hub(INCARNATION);
    let lines = ClientWriter::new().write(message).expect("what was read has a form");
    let back = lines.iter().map(|line| reader.read_client_message(line.as_bytes())).last();
    assert_eq!(back, Some(Ok(Some(message.clone()))));
}

fn check_hub_message(message: &HubMessage) {
    let text = long::write_hub_message(message);
    assert_same(&long::read_hub_message(text.as_bytes()), message);
    let mut reader = Reader::of_hub(INCARNATION);
    let lines = HubWriter::new(INCARNATION).write(message, &mut Names::new());
    let back = lines.iter().map(|line| reader.read_hub_message(line.as_bytes())).last();
    assert_eq!(back, Some(Ok(Some(message.clone()))));
}

/// Carries an effect out on no record, and on what comes of that.
fn check_effect(effect: &Effect) {
    let once = predict(None, effect);
    let twice = predict(once.as_ref(), effect);
    check_record(once.as_ref());
    check_record(twice.as_ref());
    assert_eq!(correct(once.as_ref(), twice.as_ref()).apply(once), Ok(twice));
}

fn check_record(record: Option<&Fields>) {
    let fields = record.into_iter().flatten();
    let paths: Vec<_> = fields.map(|(path, _)| path).collect();
    let is_sound = paths.windows(2).all(|pair| pair[0] < pair[1] && !pair[0].is_prefix_of(pair[1]));
    assert!(is_sound, "fields are sorted and none is above another");
}
