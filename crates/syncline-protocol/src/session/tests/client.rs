//! When the client's end sends what, and when it gives a connection up.

use syncline_merge::operation::Effect;
use syncline_model::id::{ClientId, EntityName, Position, RecordId};

use crate::limits::{BATCH_OPERATIONS, BATCH_WINDOW_MS_MAX, HEARTBEAT_MS, RETRY_MS_MAX};
use crate::message::{ClientMessage, Coding, HubMessage, Keeping, PushAnswer, Welcome};
use crate::operation::Operation;
use crate::outcome::Seen;
use crate::outcome::{Outcome, Shown, Status};
use crate::problem::Problem;
use crate::session::client::{Connection, Lost, Priority, Session, Store};
use crate::token::TokenText;

fn operation(counter: u64) -> Operation {
    Operation {
        counter,
        entity: EntityName::new("tasks").unwrap(),
        id: RecordId::new(&format!("t{counter}")).unwrap(),
        base: None,
        effect: Effect::Delete,
        deltas: Vec::new(),
        edited_ms: 0,
        after: Vec::new(),
    }
}

/// A session whose connection was greeted at 0.
fn open() -> Session {
    let mut session = Session::new(ClientId::new("phone").unwrap(), Vec::new(), 8, Vec::new());
    let connect = Connection::Connect { new_access_token: false };
    assert_eq!(session.poll_connection(0), Some(connect));
    session.handle_connected(0);
    assert!(matches!(session.poll_message(0), Some(ClientMessage::Hello(_))));
    let welcome = Welcome {
        protocol: 1,
        incarnation: "1".into(),
        heartbeat_ms: HEARTBEAT_MS,
        window: 8,
        accept: Vec::new(),
        push_operations_max: 1_000,
        message_bytes_max: 8 << 20,
        keeping: Keeping::default(),
    };
    session.handle_message(HubMessage::Welcome(welcome), 0);
    session
}

fn hand_in(session: &mut Session, counter: u64, priority: Priority, now_ms: u64) {
    session.handle_operation(operation(counter), priority, now_ms).unwrap();
}

/// Returns the counters of the next push.
fn pushed(session: &mut Session, now_ms: u64) -> Option<Vec<u64>> {
    match session.poll_message(now_ms)? {
        ClientMessage::Push(sent) => {
            Some(sent.iter().map(|one| one.as_ref().unwrap().counter).collect())
        }
        other => panic!("{other:?}"),
    }
}

fn answer(session: &mut Session, counters: &[u64], status: Status, now_ms: u64) {
    answer_because(session, counters, status, None, now_ms);
}

fn answer_because(
    session: &mut Session,
    counters: &[u64],
    status: Status,
    code: Option<&str>,
    now_ms: u64,
) {
    let problem =
        |code: &str| Box::new(Problem { code: code.into(), detail: "".into(), is_retryable: true });
    let outcome = |counter: &u64| Outcome {
        counter: *counter,
        status,
        seen: None,
        shown: Shown::AsPredicted,
        conflicts: Vec::new(),
        open: Vec::new(),
        problem: code.map(problem),
    };
    let outcomes = counters.iter().map(outcome).collect();
    let answer = PushAnswer { outcomes, position: Position(1) };
    session.handle_message(HubMessage::Results(answer), now_ms);
}

#[test]
fn an_idle_connection_sends_at_once_and_a_busy_one_gathers() {
    let mut session = open();
    hand_in(&mut session, 1, Priority::Normal, 10);
    assert_eq!(pushed(&mut session, 10), Some(vec![1]));
    hand_in(&mut session, 2, Priority::Normal, 20);
    hand_in(&mut session, 3, Priority::Normal, 30);
    assert_eq!(pushed(&mut session, 30), None, "it waits for company");
    assert_eq!(session.poll_deadline(30), Some(20 + BATCH_WINDOW_MS_MAX));
    hand_in(&mut session, 4, Priority::Urgent, 40);
    assert_eq!(pushed(&mut session, 40), Some(vec![4]), "what is urgent does not");
    assert_eq!(pushed(&mut session, 20 + BATCH_WINDOW_MS_MAX), Some(vec![2, 3]));
    hand_in(&mut session, 5, Priority::Normal, 300);
    answer(&mut session, &[1], Status::Applied, 310);
    answer(&mut session, &[4], Status::Applied, 310);
    answer(&mut session, &[2, 3], Status::Applied, 310);
    assert_eq!(pushed(&mut session, 310), Some(vec![5]), "an answer ends the wait");
}

#[test]
fn enough_operations_end_the_wait() {
    let mut session = open();
    hand_in(&mut session, 1, Priority::Normal, 0);
    assert_eq!(pushed(&mut session, 0), Some(vec![1]));
    let last = 1 + BATCH_OPERATIONS as u64;
    for counter in 2..last {
        hand_in(&mut session, counter, Priority::Normal, 1);
    }
    assert_eq!(pushed(&mut session, 1), None);
    hand_in(&mut session, last, Priority::Normal, 1);
    assert_eq!(pushed(&mut session, 1), Some((2..=last).collect()));
}

#[test]
fn what_is_behind_is_sent_again_later_and_later() {
    let mut session = open();
    hand_in(&mut session, 1, Priority::Normal, 0);
    let mut now_ms = 0;
    for wait_ms in [1_000, 2_000, 4_000, 8_000, 16_000, RETRY_MS_MAX, RETRY_MS_MAX] {
        assert_eq!(pushed(&mut session, now_ms), Some(vec![1]));
        answer(&mut session, &[1], Status::Behind, now_ms);
        assert_eq!(pushed(&mut session, now_ms + wait_ms - 1), None);
        assert_eq!(session.held(), 1);
        now_ms += wait_ms;
    }
}

#[test]
fn that_edits_wait_for_an_operator_is_told_once() {
    let mut session = open();
    for counter in [1, 2] {
        hand_in(&mut session, counter, Priority::Urgent, 0);
        assert_eq!(pushed(&mut session, 0), Some(vec![counter]));
    }
    answer_because(&mut session, &[1], Status::Behind, Some("OPERATION_WAITS"), 0);
    assert_eq!(session.poll_problem(), None, "nobody has to do anything about it");
    answer_because(&mut session, &[2], Status::Behind, Some("PUSH_HELD"), 0);
    assert_eq!(session.poll_problem().map(|problem| problem.code), Some("PUSH_HELD".into()));
    assert_eq!(pushed(&mut session, 1_000), Some(vec![1, 2]));
    answer_because(&mut session, &[1, 2], Status::Behind, Some("PUSH_HELD"), 1_000);
    assert_eq!((session.poll_problem(), session.held()), (None, 2));
}

#[test]
fn waits_grow_with_failures_and_a_network_that_stays_shortens_none() {
    let mut session = open();
    let mut now_ms = 1;
    for bound_ms in [1_000, 2_000, 4_000, 8_000, 16_000, RETRY_MS_MAX, RETRY_MS_MAX] {
        // The remainder of the largest wait is that wait itself.
        session.handle_disconnected(Lost::Broken, now_ms, bound_ms);
        session.handle_network(true, now_ms);
        assert_eq!(session.poll_connection(now_ms + bound_ms - 1), None);
        now_ms += bound_ms;
        assert!(session.poll_connection(now_ms).is_some());
    }
    session.handle_disconnected(Lost::Broken, now_ms, RETRY_MS_MAX);
    session.handle_network(false, now_ms);
    session.handle_network(true, now_ms);
    assert!(session.poll_connection(now_ms).is_some(), "a network that is back is tried at once");
}

#[test]
fn a_silent_connection_is_given_up_and_what_was_sent_is_sent_again() {
    let mut session = open();
    hand_in(&mut session, 1, Priority::Normal, 0);
    assert_eq!(pushed(&mut session, 0), Some(vec![1]));
    session.handle_traffic(5);
    assert_eq!(session.poll_deadline(5), Some(5 + 2 * HEARTBEAT_MS));
    session.handle_time(4 + 2 * HEARTBEAT_MS);
    assert!(session.is_open());
    session.handle_time(5 + 2 * HEARTBEAT_MS);
    assert!(matches!(session.poll_connection(100_000), Some(Connection::Close { .. })));
    session.handle_disconnected(Lost::Unauthorised, 100_000, 0);
    let connect = Connection::Connect { new_access_token: true };
    assert_eq!(session.poll_connection(100_000), Some(connect));
    assert_eq!(session.held(), 1);
}

#[test]
fn a_short_token_of_a_result_has_the_details_of_the_base() {
    let token = |text: &str| TokenText::new(text).unwrap();
    for (base, version, expected) in [
        (Some("details~one"), "~two", Some("details~two")),
        (Some("details~one"), "others~two", Some("others~two")),
        (Some("plain"), "~two", None),
        (None, "~two", None),
    ] {
        let mut session = open();
        let operation = Operation { base: base.map(token), ..operation(1) };
        session.handle_operation(operation, Priority::Normal, 10).unwrap();
        assert_eq!(pushed(&mut session, 10), Some(vec![1]));
        let outcome = Outcome {
            counter: 1,
            status: Status::Applied,
            seen: Some(Seen { position: Position(7), version: token(version) }),
            shown: Shown::AsPredicted,
            conflicts: Vec::new(),
            open: Vec::new(),
            problem: None,
        };
        let answer = PushAnswer { outcomes: vec![outcome], position: Position(7) };
        session.handle_message(HubMessage::Results(answer), 20);
        let told = session.poll_store(20).map(|store| match store {
            Store::Outcome { outcome, .. } => outcome.seen.unwrap().version,
            other => panic!("{other:?}"),
        });
        assert_eq!(told, expected.map(token));
        // What nobody can complete is no answer: the operation stays.
        assert_eq!(session.is_open(), expected.is_some());
        assert_eq!(session.held(), usize::from(expected.is_none()));
    }
}

#[test]
fn what_was_said_too_short_goes_again_at_once() {
    let cases = [
        ("BASE_SHORT", Some(vec![1])),
        ("DELTA_DOES_NOT_FIT", Some(vec![1])),
        ("OPERATION_WAITS", None),
    ];
    for (code, goes) in cases {
        let mut session = open();
        hand_in(&mut session, 1, Priority::Normal, 10);
        assert_eq!(pushed(&mut session, 10), Some(vec![1]));
        answer_because(&mut session, &[1], Status::Behind, Some(code), 20);
        assert_eq!(pushed(&mut session, 20), goes, "{code}");
    }
}

#[test]
fn who_was_told_what_does_not_fit_is_told_values_in_full_from_then_on() {
    let client = ClientId::new("phone").unwrap();
    let mut session = Session::new(client, Coding::READ.to_vec(), 8, Vec::new());
    let mut accepted = |now_ms| {
        session.poll_connection(now_ms).unwrap();
        session.handle_connected(now_ms);
        let Some(ClientMessage::Hello(hello)) = session.poll_message(now_ms) else {
            panic!("no hello")
        };
        session.handle_unfit();
        session.handle_disconnected(Lost::Broken, now_ms, 0);
        hello.accept
    };
    assert_eq!(accepted(0), Coding::READ);
    assert_eq!(accepted(10_000), Coding::ALL);
}
