//! The machine.

use std::collections::VecDeque;
use std::sync::Arc;

use syncline_model::id::{ClientId, EntityName, Position, RecordId};

use super::told::Told;
use super::view::{Results, Surroundings, View};
use super::{
    Close, Greeting, Live, Outgoing, PINGS_UNANSWERED_MAX, PageFailure, PageRequest, SessionError,
};
use crate::checksum::Checksum;
use crate::cursor::StreamCursor;
use crate::limits::{
    HEARTBEAT_MS, HELLO_MS_MAX, MESSAGE_BYTES_MAX, PROTOCOL_VERSION, PUSH_OPERATIONS_MAX,
    PUSHES_UNANSWERED_MAX, VIEW_ENTITIES_MAX, VIEWS_MAX, WINDOW_MAX,
};
use crate::message::{
    ClientMessage, Follow, Hello, HubMessage, Keeping, Page, PushAnswer, Sent, Unreadable, Welcome,
};
use crate::operation::Operation;
use crate::outcome::{Outcome, Shown, Status};
use crate::problem::Problem;
use crate::session::fault::{Fault, is_planted};

/// The hub's end of one live connection.
///
/// See the [module](super) for the order of calls. `E` is what the shell keeps with ready-made
/// changes.
#[derive(Debug)]
pub struct Session<E = ()> {
    greeting: Greeting,
    state: State,
    hello: Option<Hello>,
    views: Vec<View<E>>,
    /// The view whose turn it is, to be sent changes and to have pages read.
    turn: usize,
    window: usize,
    /// Messages with changes that were not acknowledged.
    unacknowledged: usize,
    /// Pushes that the shell has not taken yet.
    pushes: VecDeque<Vec<Sent>>,
    /// What the pushes were about that the shell has taken, oldest first.
    unanswered: VecDeque<Vec<Result<Target, Unreadable>>>,
    /// How many pushes the shell has taken, and how many of them are answered.
    taken: u64,
    answered: u64,
    /// Welcome, results, problem: what no credit holds up.
    outbox: VecDeque<HubMessage>,
    told: Told,
    ping_ms: u64,
    pings_unanswered: u32,
    /// Up to where results told that something was applied, and up to where the client knows that it is
    /// backed up.
    applied: Position,
    backed_up: Position,
    /// Where the log ends, as far as is known.
    end: Position,
    /// What clients said of checksums, and the shell has not taken.
    checked: Option<(u32, bool)>,
}

/// Which record an operation is about.
#[derive(Debug)]
struct Target {
    counter: u64,
    entity: EntityName,
    id: RecordId,
}

/// How the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Greeting {
        since_ms: u64,
    },
    Open,
    /// It ends once all is sent; if it `waits`, what was taken is answered before.
    Ending {
        close: Close,
        waits: bool,
    },
    Ended,
}

impl<E> Session<E> {
    /// A connection was accepted.
    pub fn new(greeting: Greeting, now_ms: u64) -> Self {
        Self {
            greeting,
            state: State::Greeting { since_ms: now_ms },
            hello: None,
            views: Vec::new(),
            turn: 0,
            window: 0,
            unacknowledged: 0,
            pushes: VecDeque::new(),
            unanswered: VecDeque::new(),
            taken: 0,
            answered: 0,
            // Seldom more than one: there are many connections.
            outbox: VecDeque::with_capacity(1),
            told: Told::default(),
            ping_ms: now_ms + HEARTBEAT_MS,
            pings_unanswered: 0,
            applied: Position(0),
            backed_up: Position(0),
            end: Position(0),
            checked: None,
        }
    }

    /// Returns what the client said first, but for its views; `None` as long as it has not.
    pub const fn hello(&self) -> Option<&Hello> {
        self.hello.as_ref()
    }

    /// Returns what the client follows, view by view; nothing as long as it has not said it.
    pub fn follows(&self) -> impl Iterator<Item = &Follow> {
        self.views.iter().map(View::follow)
    }

    /// Returns the client's name; `None` as long as it has not said it.
    pub fn client(&self) -> Option<&ClientId> {
        self.hello.as_ref().map(|hello| &hello.client)
    }

    /// Returns whether another message of the client may be handed in: false while it has so many
    /// unanswered pushes that it has to wait, and once the connection ends.
    pub fn can_read(&self) -> bool {
        self.unanswered_pushes() < PUSHES_UNANSWERED_MAX
            && matches!(self.state, State::Greeting { .. } | State::Open)
    }

    /// Returns the position up to which view `view` was told everything; `None` within a snapshot.
    pub fn position(&self, view: u32) -> Option<Position> {
        self.views.get(usize::try_from(view).ok()?)?.log_position()
    }

    /// A message of the client arrived.
    pub fn handle_message(&mut self, message: ClientMessage, now_ms: u64) {
        self.handle_traffic();
        let done = match (message, self.state) {
            (ClientMessage::Hello(hello), State::Greeting { .. }) => {
                self.handle_hello(hello, now_ms)
            }
            (ClientMessage::Push(operations), State::Open) => self.handle_push(operations),
            (ClientMessage::Ack { view, cursor }, State::Open) => self.handle_ack(view, &cursor),
            (ClientMessage::Check { view }, State::Open) => self
                .view_mut(view)
                .map(View::want_checksum)
                .ok_or(SessionError::AckUnknown { view }),
            (ClientMessage::Checked { view, is_equal }, State::Open) => {
                self.checked = Some((view, is_equal));
                Ok(())
            }
            (ClientMessage::Holds { view, holdings }, State::Open) => {
                match self.view_mut(view).is_some_and(|view| view.hold(holdings)) {
                    true => Ok(()),
                    false => Err(SessionError::HoldsUnasked { view }),
                }
            }
            (_, State::Ending { .. } | State::Ended) => Ok(()),
            _ => Err(SessionError::HelloExpected),
        };
        if let Err(error) = done {
            self.refuse(error.problem(), Close::Violation);
        }
    }

    /// Something of the client arrived, if only a pong.
    pub const fn handle_traffic(&mut self) {
        self.pings_unanswered = 0;
    }

    /// The oldest push that the shell has taken was carried out, and all of it is on disk.
    ///
    /// # Panics
    ///
    /// If no push was taken: that is a fault of the shell.
    pub fn handle_results(&mut self, answer: PushAnswer) {
        let sent = self.unanswered.pop_front().expect("invariant: the shell answers what it took");
        self.answered += 1;
        let PushAnswer { outcomes, position } = answer;
        let mut outcomes = outcomes.into_iter();
        let merged: Vec<Outcome> = sent
            .into_iter()
            .filter_map(|sent| match sent {
                Ok(target) => outcomes.next().inspect(|outcome| self.note_told(target, outcome)),
                Err(unreadable) => Some(unreadable_outcome(unreadable)),
            })
            .collect();
        debug_assert!(outcomes.next().is_none(), "one outcome for each operation");
        if self.state != State::Ended {
            self.outbox.push_back(HubMessage::Results(PushAnswer { outcomes: merged, position }));
        }
    }

    /// A result tells a state of its record.
    fn note_told(&mut self, target: Target, outcome: &Outcome) {
        debug_assert_eq!(
            target.counter, outcome.counter,
            "outcomes come in the order of operations"
        );
        let seen = outcome.seen.as_ref().filter(|_| outcome.status.is_applied());
        self.applied = self.applied.max(seen.map_or(Position(0), |seen| seen.position));
        if let Some(seen) = seen.filter(|_| !self.views.is_empty()) {
            self.told.add(target.entity, target.id, seen.position);
            // What was applied before is told as of now, whoever has written last.
            if outcome.status != Status::Duplicate {
                self.told.add_entry(seen.position);
            }
        }
    }

    /// The oldest push that the shell has taken could not be carried out now; nothing of it was. The
    /// client sends it again later.
    ///
    /// # Panics
    ///
    /// As [`Session::handle_results`].
    pub fn handle_push_refused(&mut self, problem: &Problem, position: Position) {
        let behind = |target: &Target| {
            outcome_without(target.counter, Status::Behind, Box::new(problem.clone()))
        };
        let sent = self.unanswered.front().expect("invariant: the shell answers what it took");
        let outcomes = sent.iter().flatten().map(behind).collect();
        self.handle_results(PushAnswer { outcomes, position });
    }

    /// What the hub keeps, of the client that is about to say `hello`.
    pub const fn handle_keeping(&mut self, keeping: Keeping) {
        self.greeting.keeping = keeping;
    }

    /// The backup has come so far. The client is told if it waits for that.
    pub fn handle_backed_up(&mut self, position: Position) {
        // What is behind it was perhaps told to others only, or is told with the next step.
        if self.state == State::Open && self.backed_up < self.applied && self.backed_up < position {
            self.backed_up = position;
            let is_waiting = |message: &HubMessage| matches!(message, HubMessage::BackedUp(_));
            self.outbox.retain(|message| !is_waiting(message));
            self.outbox.push_back(HubMessage::BackedUp(position));
        }
    }

    /// Here is what the records of a view add up to at the cursor of the page that is handed in next.
    pub fn handle_checksum(&mut self, view: u32, cursor: StreamCursor, checksum: Checksum) {
        if let Some(view) = self.view_mut(view) {
            view.add_checksum(cursor, checksum);
        }
    }

    /// Takes what the client said last of a checksum: of which view, and whether it holds the same.
    pub const fn poll_checked(&mut self) -> Option<(u32, bool)> {
        self.checked.take()
    }

    /// The log ends here now; what is in it up to here is read if nobody hands it in.
    pub fn handle_advanced(&mut self, position: Position) {
        self.end = self.end.max(position);
        self.views.iter_mut().for_each(|view| view.advance(position));
    }

    /// Here are the changes of a view in a stretch of the log.
    pub fn handle_live(&mut self, view: u32, live: Arc<Live<E>>) {
        let taken = self.taken;
        if let Some(view) = self.view_mut(view) {
            view.add_live(live, taken);
        }
    }

    /// Here is the page that [`Session::poll_page`] asked for.
    pub fn handle_page(&mut self, view: u32, page: Page) {
        let taken = self.taken;
        if let Some(view) = self.view_mut(view) {
            view.add_page(page, taken);
        }
    }

    /// The page that [`Session::poll_page`] asked for is not to be had. Where the cursor is to blame
    /// the view begins anew.
    pub fn handle_page_failed(&mut self, view: u32, failure: PageFailure) {
        let had_cursor = self.view_mut(view).is_some_and(View::begin_anew);
        match failure {
            PageFailure::CursorUnusable(_) if had_cursor => {}
            PageFailure::CursorUnusable(problem) | PageFailure::Failed(problem) => {
                self.refuse(problem, Close::Later);
            }
        }
    }

    /// The hub ends the connection. If it stops, what was taken is answered before; if the client is
    /// not permitted any more, nothing is said but why.
    pub fn handle_end(&mut self, close: Close, problem: Option<Problem>) {
        match (close, problem) {
            (_, Some(problem)) => self.refuse(problem, close),
            (Close::Stopping, None) => self.end(close, true),
            (_, None) => {
                self.outbox.clear();
                self.end(close, false);
            }
        }
    }

    /// Time has passed, perhaps beyond [`Session::poll_deadline`].
    pub fn handle_time(&mut self, now_ms: u64) {
        if let State::Greeting { since_ms } = self.state
            && since_ms + HELLO_MS_MAX <= now_ms
        {
            self.refuse(SessionError::HelloExpected.problem(), Close::Violation);
        }
        if self.pings_unanswered >= PINGS_UNANSWERED_MAX && self.ping_ms <= now_ms {
            self.end(Close::Done, false);
        }
    }

    /// Returns the next push to carry out: what could be read of it, so perhaps nothing.
    pub fn poll_push(&mut self) -> Option<Vec<Operation>> {
        let push = self.pushes.pop_front()?;
        let target = |operation: &Operation| Target {
            counter: operation.counter,
            entity: operation.entity.clone(),
            id: operation.id.clone(),
        };
        let note = |sent: &Sent| sent.as_ref().map(target).map_err(Clone::clone);
        self.unanswered.push_back(push.iter().map(note).collect());
        self.taken += 1;
        Some(push.into_iter().flatten().collect())
    }

    /// Returns the next page to read: for each view one at a time, and only if it can be sent.
    pub fn poll_page(&mut self) -> Option<PageRequest> {
        if self.state != State::Open || !self.has_credit() {
            return None;
        }
        let Self { views, told, turn, .. } = self;
        let has_views = views.len() > 1;
        let results = Results { pushed: self.taken, answered: self.answered, told, has_views };
        let asked = in_turn(views, turn, |_, view| view.ask(&results));
        let (view, (follow, is_checked, anew)) = asked?;
        Some(PageRequest { view, follow, is_checked, anew })
    }

    /// Returns the next message. Ask only when the connection can take one.
    pub fn poll_message(&mut self, now_ms: u64) -> Option<Outgoing<E>> {
        if let Some(message) = self.outbox.pop_front() {
            return Some(Outgoing::Message(message));
        }
        if self.state != State::Open || !self.has_credit() {
            return None;
        }
        let Self { views, told, turn, .. } = self;
        let client = &self.hello.as_ref()?.client;
        let answered =
            if is_planted(Fault::ChangesBeforeResults) { self.taken } else { self.answered };
        let results = Results { pushed: self.taken, answered, told, has_views: views.len() > 1 };
        let with = Surroundings { now_ms, results, client };
        let next = in_turn(views, turn, |index, view| view.next(index, &with));
        if let Some(position) = views.iter().map(View::position).min() {
            told.prune(position);
        }
        let (_, message) = next?;
        // A checksum is nothing to be stored, and neither is a question.
        let is_kept = !matches!(
            message,
            Outgoing::Message(HubMessage::Checksum { .. } | HubMessage::Anew { .. })
        );
        if is_kept {
            self.unacknowledged += 1;
        }
        Some(message)
    }

    /// Returns whether to send a ping now.
    pub const fn poll_ping(&mut self, now_ms: u64) -> bool {
        let is_due = matches!(self.state, State::Open)
            && self.ping_ms <= now_ms
            && self.pings_unanswered < PINGS_UNANSWERED_MAX;
        if is_due {
            self.pings_unanswered += 1;
            self.ping_ms = now_ms + HEARTBEAT_MS;
        }
        is_due
    }

    /// Returns how to end the connection, once all is sent that was to be sent before.
    pub fn poll_close(&mut self) -> Option<Close> {
        let State::Ending { close, waits } = self.state else { return None };
        if !self.outbox.is_empty() || (waits && !self.unanswered.is_empty()) {
            return None;
        }
        self.state = State::Ended;
        Some(close)
    }

    /// Returns when to call [`Session::handle_time`] and ask again, whatever else happens. What could
    /// be sent already, had the connection room, is no reason to wake up.
    pub fn poll_deadline(&self, now_ms: u64) -> Option<u64> {
        match self.state {
            State::Greeting { since_ms } => Some(since_ms + HELLO_MS_MAX),
            State::Open => {
                let cursors = self.views.iter().filter_map(View::cursor_due_ms);
                cursors.filter(|at_ms| *at_ms > now_ms).chain([self.ping_ms]).min()
            }
            State::Ending { .. } | State::Ended => None,
        }
    }

    fn handle_hello(&mut self, mut hello: Hello, now_ms: u64) -> Result<(), SessionError> {
        if hello.protocol == 0 {
            return Err(SessionError::ProtocolUnknown { found: hello.protocol });
        }
        let is_narrow = hello.views.iter().all(|view| view.entities.len() <= VIEW_ENTITIES_MAX);
        if hello.views.len() > VIEWS_MAX || !is_narrow {
            return Err(SessionError::ViewsTooMany);
        }
        let window = hello.window.clamp(1, WINDOW_MAX);
        self.window = window as usize;
        let follows = std::mem::take(&mut hello.views);
        self.views = follows.into_iter().map(|follow| View::new(follow, now_ms)).collect();
        self.views.iter_mut().for_each(|view| view.advance(self.end));
        self.outbox.push_back(HubMessage::Welcome(Welcome {
            protocol: hello.protocol.min(PROTOCOL_VERSION),
            incarnation: self.greeting.incarnation.clone(),
            heartbeat_ms: HEARTBEAT_MS,
            window,
            accept: self.greeting.accept.clone(),
            push_operations_max: PUSH_OPERATIONS_MAX,
            message_bytes_max: MESSAGE_BYTES_MAX,
            keeping: self.greeting.keeping,
        }));
        self.backed_up = self.greeting.keeping.backed_up.unwrap_or_default();
        self.hello = Some(hello);
        self.state = State::Open;
        self.ping_ms = now_ms + HEARTBEAT_MS;
        Ok(())
    }

    fn handle_push(&mut self, operations: Vec<Sent>) -> Result<(), SessionError> {
        let is_sized = (1..=PUSH_OPERATIONS_MAX).contains(&operations.len());
        if !is_sized || self.unanswered_pushes() >= PUSHES_UNANSWERED_MAX {
            return Err(SessionError::PushBeyondBounds);
        }
        self.pushes.push_back(operations);
        Ok(())
    }

    fn handle_ack(&mut self, view: u32, cursor: &StreamCursor) -> Result<(), SessionError> {
        let acknowledged = self.view_mut(view).and_then(|view| view.acknowledge(cursor));
        let count = acknowledged.ok_or(SessionError::AckUnknown { view })?;
        self.unacknowledged = self.unacknowledged.saturating_sub(count);
        Ok(())
    }

    /// Pushes whose results were not sent.
    fn unanswered_pushes(&self) -> usize {
        let is_results = |message: &&HubMessage| matches!(message, HubMessage::Results(_));
        let unsent = self.outbox.iter().filter(is_results).count();
        self.pushes.len() + self.unanswered.len() + unsent
    }

    fn has_credit(&self) -> bool {
        self.unacknowledged < self.window || is_planted(Fault::WindowIgnored)
    }

    fn view_mut(&mut self, view: u32) -> Option<&mut View<E>> {
        self.views.get_mut(usize::try_from(view).ok()?)
    }

    /// Says what was wrong and ends the connection.
    fn refuse(&mut self, problem: Problem, close: Close) {
        if matches!(self.state, State::Greeting { .. } | State::Open) {
            self.outbox.push_back(HubMessage::Problem(problem));
            self.end(close, false);
        }
    }

    fn end(&mut self, close: Close, waits: bool) {
        if self.state != State::Ended {
            self.state = State::Ending { close, waits };
            self.pushes.clear();
        }
    }
}

/// Asks the views one after the other, beginning with the one after that which answered last.
fn in_turn<E, T>(
    views: &mut [View<E>],
    turn: &mut usize,
    mut ask: impl FnMut(u32, &mut View<E>) -> Option<T>,
) -> Option<(u32, T)> {
    let count = views.len();
    for step in 0..count {
        let index = (*turn + step) % count;
        let number = u32::try_from(index).ok()?;
        if let Some(answer) = ask(number, views.get_mut(index)?) {
            *turn = (index + 1) % count;
            return Some((number, answer));
        }
    }
    None
}

/// An operation that could not be read is not applied, and never will be.
fn unreadable_outcome(Unreadable { counter, problem }: Unreadable) -> Outcome {
    outcome_without(counter, Status::Rejected, problem)
}

/// The outcome of an operation that was not applied.
const fn outcome_without(counter: u64, status: Status, problem: Box<Problem>) -> Outcome {
    Outcome {
        counter,
        status,
        seen: None,
        shown: Shown::AsPredicted,
        conflicts: Vec::new(),
        open: Vec::new(),
        problem: Some(problem),
    }
}
