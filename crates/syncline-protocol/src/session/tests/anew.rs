//! When a hub asks what a client holds, from where on it tells the log after that, and what it need not read.

use std::panic::catch_unwind;

use syncline_model::id::{ClientId, EntityName, Position, RecordId};

use crate::cursor::StreamCursor;
use crate::holdings::{Holdings, Run, Same};
use crate::message::{ClientMessage, Follow, Hello, HubMessage, Keeping, Page, PushAnswer};
use crate::operation::Operation;
use crate::outcome::{Outcome, Seen, Shown, Status};
use crate::problem::Problem;
use crate::session::fault::{Fault, with_fault};
use crate::session::hub::{Greeting, Outgoing, PageFailure, Session};
use crate::token::TokenText;
use syncline_merge::operation::Effect;
use syncline_model::cursor::Incarnation;

const INCARNATION: Incarnation = Incarnation(1);

/// A session whose client follows everything from position 3 on, of a log that ends at 10.
fn open(holds: bool) -> Session {
    let greeting =
        Greeting { incarnation: "1".into(), accept: Vec::new(), keeping: Keeping::default() };
    let mut session = Session::new(greeting, 0);
    let at = StreamCursor::at_position(INCARNATION, Position(3));
    let hello = Hello {
        protocol: 1,
        client: ClientId::new("phone").unwrap(),
        views: vec![Follow { holds, ..Follow::default().at(Some(at)) }],
        accept: Vec::new(),
        window: 8,
    };
    session.handle_advanced(Position(10));
    session.handle_message(ClientMessage::Hello(hello), 0);
    assert!(matches!(said(&mut session), Some(HubMessage::Welcome(_))));
    session
}

fn said(session: &mut Session) -> Option<HubMessage> {
    match session.poll_message(0)? {
        Outgoing::Message(message) => Some(message),
        Outgoing::Live { .. } => None,
    }
}

/// The log does not reach back to the client's cursor.
fn expire(session: &mut Session) {
    let request = session.poll_page().unwrap();
    assert!(request.anew.is_none());
    let problem = Problem { code: "CURSOR_EXPIRED".into(), detail: "".into(), is_retryable: false };
    session.handle_page_failed(request.view, PageFailure::CursorUnusable(problem));
}

fn push(session: &mut Session) {
    let operation = Operation {
        counter: 1,
        entity: EntityName::new("tasks").unwrap(),
        id: RecordId::new("t1").unwrap(),
        base: None,
        effect: Effect::Delete,
        deltas: Vec::new(),
        edited_ms: 0,
        after: Vec::new(),
    };
    session.handle_message(ClientMessage::Push(vec![Ok(operation)]), 0);
    assert!(session.poll_push().is_some());
}

fn answer(session: &mut Session) {
    answer_with(session, Status::Applied, None);
}

fn answer_with(session: &mut Session, status: Status, seen: Option<Seen>) {
    let outcome = Outcome {
        counter: 1,
        status,
        seen,
        shown: Shown::AsPredicted,
        conflicts: Vec::new(),
        open: Vec::new(),
        problem: None,
    };
    session.handle_results(PushAnswer { outcomes: vec![outcome], position: Position(10) });
    assert!(matches!(said(session), Some(HubMessage::Results(_))));
}

fn hold(session: &mut Session) {
    let holdings = Holdings::default();
    session.handle_message(ClientMessage::Holds { view: 0, holdings }, 0);
}

/// What was taken may have been applied before the log stood where it goes on: its result is part of what
/// the client holds.
fn asks_behind_results() {
    let mut session = open(true);
    expire(&mut session);
    push(&mut session);
    assert!(session.poll_page().is_none(), "it is asked before anything is read");
    assert!(said(&mut session).is_none(), "not before the result");
    answer(&mut session);
    assert!(matches!(said(&mut session), Some(HubMessage::Anew { view: 0 })));
}

/// The log goes on from where it stood when the client was asked, whatever came since.
fn goes_on_from_where_it_asked() {
    let mut session = open(true);
    expire(&mut session);
    assert!(session.poll_page().is_none());
    assert!(matches!(said(&mut session), Some(HubMessage::Anew { view: 0 })));
    session.handle_advanced(Position(12));
    assert!(session.poll_page().is_none(), "it waits for the answer");
    hold(&mut session);
    let request = session.poll_page().unwrap();
    assert_eq!(request.anew.map(|anew| anew.from), Some(Position(10)));
}

#[test]
fn a_client_is_asked_what_it_holds_before_its_view_begins_anew() {
    asks_behind_results();
    goes_on_from_where_it_asked();
    for (fault, check) in [
        (Fault::AskedBeforeResults, asks_behind_results as fn()),
        (Fault::AnewFromLater, goes_on_from_where_it_asked),
    ] {
        assert!(with_fault(fault, || catch_unwind(check).is_err()), "{fault:?} is not found");
    }
}

#[test]
fn a_client_is_asked_whether_or_not_the_shell_has_looked_for_a_page_before() {
    let mut session = open(true);
    expire(&mut session);
    assert!(matches!(said(&mut session), Some(HubMessage::Anew { view: 0 })));
    assert!(said(&mut session).is_none(), "once");
    hold(&mut session);
    assert!(session.poll_page().unwrap().anew.is_some());
}

#[test]
fn who_cannot_say_what_it_holds_is_told_everything() {
    let mut session = open(false);
    expire(&mut session);
    let request = session.poll_page().unwrap();
    assert_eq!((request.follow.cursor, request.anew), (None, None));
}

#[test]
fn what_nobody_asked_for_ends_the_connection() {
    for is_asked in [false, true] {
        let mut session = open(true);
        if is_asked {
            expire(&mut session);
            assert!(session.poll_page().is_none());
            assert!(matches!(said(&mut session), Some(HubMessage::Anew { .. })));
            hold(&mut session);
        }
        hold(&mut session);
        let problem = |message| match message {
            HubMessage::Problem(problem) => Some(problem.code),
            _ => None,
        };
        let code = std::iter::from_fn(|| said(&mut session)).find_map(problem);
        assert_eq!(code.as_deref(), Some("HOLDS_UNASKED"), "{is_asked}");
    }
}

#[test]
fn what_the_client_holds_is_forgotten_with_the_snapshot_and_asked_for_with_the_next() {
    let mut session = open(true);
    expire(&mut session);
    assert!(session.poll_page().is_none() && said(&mut session).is_some());
    hold(&mut session);
    assert!(session.poll_page().unwrap().anew.is_some());
    let at = StreamCursor::at_position(INCARNATION, Position(10));
    let stretches = vec![Run { first: 0, count: 1 }];
    let same = Some(Same { position: Position(10), stretches });
    let page =
        Page { changes: Vec::new(), cursor: at, more: true, is_snapshot: true, begins: true, same };
    session.handle_page(0, page.clone());
    assert_eq!(said(&mut session), Some(HubMessage::Changes { view: 0, page }));
    let request = session.poll_page().unwrap();
    assert!(request.anew.is_none() && request.follow.cursor.is_some());
    let problem = Problem { code: "CURSOR_EXPIRED".into(), detail: "".into(), is_retryable: false };
    session.handle_page_failed(0, PageFailure::CursorUnusable(problem));
    assert!(session.poll_page().is_none());
    assert!(matches!(said(&mut session), Some(HubMessage::Anew { .. })));
}

/// A result of what was applied before tells the record as of now: others may have written the last entry.
#[test]
fn a_repeated_answer_steps_over_nothing() {
    for (status, is_read) in
        [(Status::Applied, false), (Status::Merged, false), (Status::Duplicate, true)]
    {
        let mut session = open(false);
        push(&mut session);
        let version = TokenText::new("v").unwrap();
        answer_with(&mut session, status, Some(Seen { position: Position(4), version }));
        assert_eq!(session.poll_page().is_some(), is_read, "{status:?}");
    }
}

/// What results have told is stepped over when messages are asked for. A shell that asks for pages behind them
/// is told at once what to read next: nothing else would happen that lets it ask again.
#[test]
fn what_results_have_told_holds_up_nothing_of_what_comes_behind_it() {
    let mut session = open(false);
    push(&mut session);
    let version = TokenText::new("v").unwrap();
    answer_with(&mut session, Status::Applied, Some(Seen { position: Position(4), version }));
    assert!(said(&mut session).is_none());
    let request = session.poll_page().expect("what others wrote behind it is read");
    assert_eq!(request.follow.cursor.unwrap().position(), Position(4));
}
