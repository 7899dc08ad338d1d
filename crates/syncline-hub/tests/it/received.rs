//! What is remembered of what was received, and forgotten with time.

use std::collections::BTreeMap;

use syncline_engine::operate::Entities;
use syncline_engine::received::ReceivedId;
use syncline_hub::served::{Message, Served};
use syncline_model::id::RecordId;
use syncline_store::memory::MemoryDisk;

use crate::writer::memory;

/// A time, in seconds since the Unix epoch.
const NOW_S: u64 = 1_763_790_000;

fn served() -> Served {
    let hub = memory(&MemoryDisk::default());
    Served::start(hub, Entities::open(BTreeMap::new())).unwrap()
}

fn message(name: &str, signed_s: u64) -> Message {
    Message { known_by: ReceivedId::of(name.as_bytes()), signed_s }
}

#[test]
fn a_message_is_known_whenever_it_was_signed_until_its_time_is_taken_no_more() {
    let served = served();
    let known = |message: Message, now_s: u64| {
        let known = served.known_message(message, now_s).unwrap();
        (known.is_taken, known.is_noted)
    };
    for signed_s in [NOW_S - 300, NOW_S - 1, NOW_S, NOW_S + 300] {
        let name = format!("signed at {signed_s}");
        assert_eq!(known(message(&name, signed_s), NOW_S), (false, false), "{name}");
        served.keep_message(message(&name, signed_s)).unwrap();
        // As it came, until its time is taken no more.
        for now_s in [NOW_S, signed_s + 300] {
            assert_eq!(known(message(&name, signed_s), now_s), (true, true), "{name} at {now_s}");
            assert!(!served.forget_messages(now_s).unwrap());
            assert_eq!(known(message(&name, signed_s), now_s), (true, true), "{name} at {now_s}");
        }
        // Signed anew, it is the same one, and is to be noted as that.
        let anew = message(&name, signed_s + 299);
        assert!(known(anew, signed_s + 299).0, "{name}");
        served.keep_message(anew).unwrap();
        assert_eq!(known(anew, signed_s + 599), (true, true), "{name}");
        assert_eq!(known(message("another", signed_s), NOW_S), (false, false), "{name}");
    }
    served.stop().unwrap();
}

#[test]
fn messages_and_requests_are_forgotten_piece_by_piece_and_nothing_else_is() {
    let served = served();
    let old = NOW_S - 3_600;
    for number in 0..1_500 {
        served.keep_message(message(&number.to_string(), old)).unwrap();
    }
    served.keep_message(message("new", NOW_S)).unwrap();
    let request = |text: &str| RecordId::new(text).unwrap();
    for number in 0..1_500 {
        let row = if number % 3 == 0 { b"young" } else { b"older" };
        served.keep_request(&request(&format!("{number:04}")), row.to_vec()).unwrap();
    }
    assert!(served.forget_messages(NOW_S).unwrap(), "there are more");
    assert!(!served.forget_messages(NOW_S).unwrap());
    assert!(!served.known_message(message("7", old), old).unwrap().is_taken);
    assert!(!served.known_message(message("1499", old), old).unwrap().is_taken);
    assert!(served.known_message(message("new", NOW_S), NOW_S).unwrap().is_noted);
    let (mut after, mut forgotten, mut pieces) = (None, 0, 0);
    loop {
        let is_over = |key: &RecordId, row: &[u8]| row == b"older" && key.as_str() != "0001";
        let found = served.forget_requests(after.as_ref(), is_over).unwrap();
        (forgotten, pieces) = (forgotten + found.keys.len(), pieces + 1);
        after = found.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((forgotten, pieces), (999, 2));
    let is_kept = |key: &str| served.kept_request(&request(key)).unwrap().is_some();
    assert!(is_kept("0000") && is_kept("0001") && !is_kept("0002") && is_kept("0003"));
    assert!(!is_kept("1498") && !is_kept("1499"));
    assert!(served.known_message(message("new", NOW_S), NOW_S).unwrap().is_noted);
    served.stop().unwrap();
}
