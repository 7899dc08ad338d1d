//! The machine.

use std::collections::VecDeque;

use syncline_model::id::{ClientId, Position};

use super::queue::{PushLimits, Queue, Ready};
use super::view::View;
use super::{
    ACK_PARTS, ACK_WAIT_MS_MAX, CONNECT_MS_MAX, Connection, LASTED_MS, LATER_MS_MAX, Lost,
    OPERATIONS_HELD_MAX, OPERATIONS_URGENT_MAX, PUSH_BYTES, Priority, Store,
};
use crate::cursor::StreamCursor;
use crate::holdings::Holdings;
use crate::limits::{
    BATCH_OPERATIONS, BATCH_WINDOW_MS_MAX, HEARTBEAT_MS, HELLO_MS_MAX, PROTOCOL_VERSION,
    PUSH_OPERATIONS_MAX, PUSHES_UNANSWERED, PUSHES_UNANSWERED_MAX, RETRY_MS_FIRST, RETRY_MS_MAX,
    WINDOW_MAX,
};
use crate::message::{ClientMessage, Coding, Follow, Hello, HubMessage, Page, PushAnswer, Welcome};
use crate::operation::Operation;
use crate::outcome::{Outcome, Status};
use crate::problem::Problem;
use crate::session::fault::{Fault, is_planted};

/// The client's end of a live connection, and of those that follow it.
///
/// See the [module](super) for the order of calls.
#[derive(Debug)]
pub struct Session {
    client: ClientId,
    accept: Vec<Coding>,
    window: u32,
    views: Vec<View>,
    state: State,
    is_online: bool,
    needs_access_token: bool,
    was_welcome: bool,
    /// Failures in a row.
    failures: u32,
    queue: Queue,
    /// Counters of the unanswered pushes, oldest first.
    pushes: VecDeque<Vec<u64>>,
    settled: VecDeque<Store>,
    pages: VecDeque<Store>,
    /// Messages with changes of this connection that are not acknowledged.
    unacknowledged: usize,
    problem: Option<Problem>,
    /// Whether it was said since the last connection began that operations wait for an operator.
    is_hold_told: bool,
    /// Up to where the hub is backed up, if that has moved.
    backed_up: Option<Position>,
    /// Since when something is to be acknowledged.
    ack_since_ms: Option<u64>,
    /// What is to be said of checksums.
    checks: VecDeque<ClientMessage>,
}

/// How the connection stands.
#[derive(Debug)]
enum State {
    Disconnected { until_ms: u64 },
    Connecting { since_ms: u64 },
    Greeting { since_ms: u64, is_said: bool },
    Open(Open),
    Closing { code: u16, is_said: bool, lasted: bool, comes_back: bool },
}

#[derive(Debug)]
struct Open {
    since_ms: u64,
    heard_ms: u64,
    welcome: Welcome,
}

/// The code of what waits until an operator of the hub allows it.
const HELD: &str = "PUSH_HELD";

/// The codes of what was said too shortly: it is said in full at once.
const SHORT: [&str; 2] = ["BASE_SHORT", "DELTA_DOES_NOT_FIT"];

/// Messages about checksums that wait to be sent.
const CHECKS_MAX: usize = 64;

/// The codes of a WebSocket that a client ends a connection with.
mod close {
    pub(super) const DONE: u16 = 1000;
    pub(super) const GOING_AWAY: u16 = 1001;
    pub(super) const VIOLATION: u16 = 1002;
}

impl Session {
    /// A session of a client that follows `views`, each from its stored cursor on.
    ///
    /// - `accept`: codings that the shell can read.
    /// - `window`: messages with changes that may be unacknowledged.
    pub fn new(client: ClientId, accept: Vec<Coding>, window: u32, views: Vec<Follow>) -> Self {
        Self {
            client,
            accept,
            window: window.clamp(1, WINDOW_MAX),
            views: views.into_iter().map(View::new).collect(),
            state: State::Disconnected { until_ms: 0 },
            is_online: true,
            needs_access_token: false,
            was_welcome: false,
            failures: 0,
            queue: Queue::default(),
            pushes: VecDeque::new(),
            settled: VecDeque::new(),
            pages: VecDeque::new(),
            unacknowledged: 0,
            problem: None,
            is_hold_told: false,
            backed_up: None,
            ack_since_ms: None,
            checks: VecDeque::new(),
        }
    }

    /// Returns how many more operations of a priority are taken in.
    pub fn room(&self, priority: Priority) -> usize {
        let most = match priority {
            Priority::Normal => OPERATIONS_HELD_MAX,
            Priority::Urgent => OPERATIONS_HELD_MAX + OPERATIONS_URGENT_MAX,
        };
        most.saturating_sub(self.queue.len() + self.settled.len())
    }

    /// Returns how many operations are held: neither answered nor set aside.
    pub fn held(&self) -> usize {
        self.queue.len()
    }

    /// Returns whether the connection is there and greeted.
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Returns what the hub said to its welcome; `None` while the connection is not open.
    pub const fn welcome(&self) -> Option<&Welcome> {
        match &self.state {
            State::Open(open) => Some(&open.welcome),
            _ => None,
        }
    }

    /// Takes up to where in the log of the present incarnation a backup has everything, if that was told
    /// and not taken yet. Operations whose results are not behind it need not be kept any longer.
    pub const fn poll_backed_up(&mut self) -> Option<Position> {
        self.backed_up.take()
    }

    /// The shell wants to know what the records of a view add up to: [`Store::Checksum`] answers, unless
    /// the connection is lost before or the hub has no time.
    pub fn handle_check(&mut self, view: u32) {
        if self.is_open() && self.checks.len() < CHECKS_MAX {
            self.checks.push_back(ClientMessage::Check { view });
        }
    }

    /// The shell has compared what it holds of a view with what the hub said that it is.
    pub fn handle_checked(&mut self, view: u32, is_equal: bool) {
        if self.is_open() && self.checks.len() < CHECKS_MAX {
            self.checks.push_back(ClientMessage::Checked { view, is_equal });
        }
    }

    /// The shell says what it holds of a view that begins anew: [`Store::Anew`] asks.
    pub fn handle_holdings(&mut self, view: u32, holdings: Holdings) {
        if self.is_open() && self.checks.len() < CHECKS_MAX {
            self.checks.push_back(ClientMessage::Holds { view, holdings });
        }
    }

    /// Takes what was wrong last, for the user to be told. That operations wait until an operator of the hub
    /// allows them is said once a connection.
    pub fn poll_problem(&mut self) -> Option<Problem> {
        self.problem.take()
    }

    /// The shell hands in an operation of its queue, after all earlier ones of its lane. One that is
    /// held already is not held twice.
    ///
    /// # Errors
    ///
    /// The operation, where there is no [`Session::room`] for it.
    pub fn handle_operation(
        &mut self,
        operation: Operation,
        priority: Priority,
        now_ms: u64,
    ) -> Result<(), Box<Operation>> {
        if self.room(priority) == 0 {
            return Err(Box::new(operation));
        }
        self.queue.add(operation, priority, !self.was_welcome, now_ms);
        Ok(())
    }

    /// After a restart the shell hands in an operation that was `asked` for, because `refused` was
    /// refused before it and the hub may have applied it all the same. See
    /// [`Store::Outcome`].
    ///
    /// # Errors
    ///
    /// As [`Session::handle_operation`].
    pub fn handle_asked(
        &mut self,
        operation: Operation,
        refused: u64,
        now_ms: u64,
    ) -> Result<(), Box<Operation>> {
        if self.room(Priority::Normal) == 0 {
            return Err(Box::new(operation));
        }
        self.queue.add_asked(operation, refused, now_ms);
        Ok(())
    }

    /// The shell follows other views from now on, each from its stored cursor on. An open connection
    /// is made anew.
    pub fn handle_views(&mut self, views: Vec<Follow>, now_ms: u64) {
        self.views = views.into_iter().map(View::new).collect();
        self.pages.clear();
        if matches!(self.state, State::Greeting { is_said: true, .. } | State::Open(_)) {
            self.close(close::DONE, true, now_ms);
        }
    }

    /// Whether there is a network, and the client wants one: without it the connection ends, and with it
    /// again the next attempt does not wait. To be told the same again changes nothing.
    pub fn handle_network(&mut self, is_online: bool, now_ms: u64) {
        let was_online = std::mem::replace(&mut self.is_online, is_online);
        match &mut self.state {
            State::Disconnected { until_ms } if is_online && !was_online => {
                self.failures = 0;
                *until_ms = (*until_ms).min(now_ms);
            }
            _ if !is_online => self.close(close::DONE, false, now_ms),
            _ => {}
        }
    }

    /// The connection that [`Session::poll_connection`] asked for is there.
    pub fn handle_connected(&mut self, now_ms: u64) {
        self.needs_access_token = false;
        self.views.iter_mut().for_each(View::connect);
        self.state = State::Greeting { since_ms: now_ms, is_said: false };
    }

    /// The connection ended, or could not be made.
    ///
    /// - `random`: for the time until the next attempt.
    pub fn handle_disconnected(&mut self, lost: Lost, now_ms: u64, random: u64) {
        let (lasted, comes_back) = match &self.state {
            State::Open(open) => (now_ms.saturating_sub(open.since_ms) >= LASTED_MS, false),
            State::Closing { lasted, comes_back, .. } => (*lasted, *comes_back),
            _ => (false, false),
        };
        if lasted {
            self.failures = 0;
        }
        self.queue.lose();
        self.pushes.clear();
        self.pages.clear();
        self.checks.clear();
        self.ack_since_ms = None;
        self.unacknowledged = 0;
        self.views.iter_mut().for_each(View::lose);
        let doubled = RETRY_MS_FIRST.checked_shl(self.failures.min(16)).unwrap_or(RETRY_MS_MAX);
        let jitter = |bound_ms: u64| random % (bound_ms + 1);
        let wait_ms = match lost {
            _ if comes_back => 0,
            Lost::Restarting => jitter(RETRY_MS_FIRST),
            Lost::Later { after_ms } => after_ms.min(LATER_MS_MAX) + jitter(RETRY_MS_FIRST),
            Lost::Broken | Lost::Unauthorised => jitter(doubled.min(RETRY_MS_MAX)),
        };
        self.needs_access_token |= lost == Lost::Unauthorised;
        self.failures = self.failures.saturating_add(1);
        self.state = State::Disconnected { until_ms: now_ms.saturating_add(wait_ms) };
    }

    /// A message arrived.
    pub fn handle_message(&mut self, message: HubMessage, now_ms: u64) {
        self.handle_traffic(now_ms);
        match (message, &self.state) {
            (HubMessage::Problem(problem), _) => self.handle_problem(problem, now_ms),
            (HubMessage::Welcome(welcome), State::Greeting { is_said: true, .. }) => {
                self.handle_welcome(welcome, now_ms);
            }
            (HubMessage::Results(answer), State::Open(_)) => self.handle_results(answer, now_ms),
            (HubMessage::Changes { view, page }, State::Open(_)) => {
                self.handle_changes(view, page, now_ms);
            }
            (HubMessage::BackedUp(position), State::Open(_)) => self.backed_up = Some(position),
            (HubMessage::Checksum { view, cursor, checksum }, State::Open(_)) => {
                // One that is not wanted any more costs nothing.
                if self.pages.len() < WINDOW_MAX as usize {
                    self.pages.push_back(Store::Checksum { view, cursor, checksum });
                }
            }
            (HubMessage::Anew { view }, State::Open(_)) => {
                if self.pages.len() < 2 * WINDOW_MAX as usize {
                    self.pages.push_back(Store::Anew { view });
                }
            }
            (_, State::Closing { .. } | State::Disconnected { .. }) => {}
            _ => self.close(close::VIOLATION, false, now_ms),
        }
    }

    /// Something arrived, if only a ping.
    pub const fn handle_traffic(&mut self, now_ms: u64) {
        if let State::Open(open) = &mut self.state {
            open.heard_ms = now_ms;
        }
    }

    /// The shell has stored a page that it was given; all before it of this view are stored as well.
    pub fn handle_stored(&mut self, view: u32, cursor: &StreamCursor) {
        if let Some(view) = self.view_mut(view) {
            view.store(cursor);
        }
    }

    /// What was told by what differs did not fit what is held: from now on values are told in full.
    pub fn handle_unfit(&mut self) {
        self.accept.retain(|coding| *coding != Coding::Delta);
    }

    /// The shell could not store what it was given: the view goes on from what is stored, with another
    /// connection.
    pub fn handle_not_stored(&mut self, view: u32, now_ms: u64) {
        if let Some(view) = self.view_mut(view) {
            view.forget_handed();
            self.close(close::GOING_AWAY, false, now_ms);
        }
    }

    /// Time has passed, perhaps beyond [`Session::poll_deadline`].
    pub fn handle_time(&mut self, now_ms: u64) {
        let is_over = self.timeout_ms().is_some_and(|at_ms| at_ms <= now_ms);
        if is_over {
            self.close(close::GOING_AWAY, false, now_ms);
        }
    }

    /// Returns what to do about the connection.
    pub fn poll_connection(&mut self, now_ms: u64) -> Option<Connection> {
        match &mut self.state {
            State::Disconnected { until_ms } if *until_ms <= now_ms && self.is_online => {
                if self.views.iter().any(View::is_storing) {
                    return None;
                }
                self.state = State::Connecting { since_ms: now_ms };
                Some(Connection::Connect { new_access_token: self.needs_access_token })
            }
            State::Closing { code, is_said, .. } if !*is_said => {
                *is_said = true;
                Some(Connection::Close { code: *code })
            }
            _ => None,
        }
    }

    /// Returns the next message to send. Ask only when the connection can take one.
    pub fn poll_message(&mut self, now_ms: u64) -> Option<ClientMessage> {
        if let State::Greeting { is_said, .. } = &mut self.state {
            if std::mem::replace(is_said, true) {
                return None;
            }
            return Some(ClientMessage::Hello(self.hello()));
        }
        let State::Open(open) = &self.state else { return None };
        let limits = PushLimits {
            operations: open.welcome.push_operations_max.clamp(1, PUSH_OPERATIONS_MAX),
            bytes: PUSH_BYTES.min(open.welcome.message_bytes_max / 2),
        };
        let said = self.poll_ack(now_ms).or_else(|| self.checks.pop_front());
        said.or_else(|| self.poll_push(limits, now_ms))
    }

    /// Returns the next thing to make durable. Changes wait until what may have been applied before
    /// the connection was lost is answered.
    pub fn poll_store(&mut self, now_ms: u64) -> Option<Store> {
        if let Some(settled) = self.settled.pop_front() {
            if let Store::Outcome { operation, .. } = &settled {
                self.queue.tell_refused(operation.counter);
            }
            return Some(settled);
        }
        if self.pages.is_empty() || self.queue.is_settling(now_ms) {
            return None;
        }
        let store = self.pages.pop_front()?;
        if let Store::Page { view, page, .. } = &store {
            let (view, cursor) = (*view, page.cursor.clone());
            self.view_mut(view)?.hand(cursor);
        }
        Some(store)
    }

    /// Returns when to call [`Session::handle_time`] and ask again, whatever else happens. What could
    /// be sent already, had the connection room, is no reason to wake up.
    pub fn poll_deadline(&self, now_ms: u64) -> Option<u64> {
        let send_ms = match &self.state {
            State::Disconnected { until_ms } if self.is_online => {
                (!self.views.iter().any(View::is_storing)).then_some(*until_ms)
            }
            State::Open(_) => self.send_ms(&self.queue.ready(now_ms)),
            _ => None,
        };
        let ack_ms = self.ack_since_ms.map(|since_ms| since_ms + ACK_WAIT_MS_MAX);
        let said_ms = [send_ms, ack_ms].into_iter().flatten().filter(|at_ms| *at_ms > now_ms);
        said_ms.chain(self.timeout_ms()).min()
    }

    /// Returns when the connection counts as dead.
    fn timeout_ms(&self) -> Option<u64> {
        match &self.state {
            State::Connecting { since_ms } => Some(since_ms + CONNECT_MS_MAX),
            State::Greeting { since_ms, .. } => Some(since_ms + HELLO_MS_MAX),
            State::Open(open) => {
                let heartbeat_ms = open.welcome.heartbeat_ms.clamp(1, 10 * HEARTBEAT_MS);
                Some(open.heard_ms + 2 * heartbeat_ms)
            }
            State::Disconnected { .. } | State::Closing { .. } => None,
        }
    }

    /// Returns when something is to be sent, unless an answer comes before.
    fn send_ms(&self, ready: &Ready) -> Option<u64> {
        let is_held_up = self.pushes.len() >= PUSHES_UNANSWERED;
        let gathered = ready.since_ms.filter(|_| !is_held_up);
        let gathered = gathered.map(|since_ms| since_ms + BATCH_WINDOW_MS_MAX);
        [gathered, ready.next_ms].into_iter().flatten().min()
    }

    /// Acknowledges what is stored, many messages at once: the hub needs to know before its window is
    /// full, and some day.
    fn poll_ack(&mut self, now_ms: u64) -> Option<ClientMessage> {
        let index = self.views.iter().position(View::has_ack)?;
        let since_ms = *self.ack_since_ms.get_or_insert(now_ms);
        let window = self.welcome().map_or(1, |welcome| welcome.window);
        let is_due = since_ms + ACK_WAIT_MS_MAX <= now_ms;
        if !is_due && self.unacknowledged < (window / ACK_PARTS).max(1) as usize {
            return None;
        }
        let (cursor, count) = self.views.get_mut(index)?.take_ack()?;
        self.unacknowledged = self.unacknowledged.saturating_sub(count);
        if !self.views.iter().any(View::has_ack) {
            self.ack_since_ms = None;
        }
        Some(ClientMessage::Ack { view: u32::try_from(index).ok()?, cursor })
    }

    fn poll_push(&mut self, limits: PushLimits, now_ms: u64) -> Option<ClientMessage> {
        let unanswered = self.pushes.len();
        if unanswered >= PUSHES_UNANSWERED_MAX || self.queue.len() == 0 {
            return None;
        }
        let ready = self.queue.ready(now_ms);
        let since_ms = ready.since_ms?;
        let has_gathered =
            ready.count >= BATCH_OPERATIONS || since_ms + BATCH_WINDOW_MS_MAX <= now_ms;
        let goes = unanswered == 0 || (unanswered < PUSHES_UNANSWERED && has_gathered);
        if !goes && !ready.is_urgent {
            return None;
        }
        let mut operations = self.queue.take(now_ms, limits, ready.is_urgent);
        self.pushes.push_back(operations.iter().map(|operation| operation.counter).collect());
        if is_planted(Fault::ResentWithNewCounter) {
            self.renumber(&mut operations);
        }
        Some(ClientMessage::Push(operations.into_iter().map(Ok).collect()))
    }

    /// The fault: what was sent before gets another counter.
    fn renumber(&self, operations: &mut [Operation]) {
        for operation in operations {
            if self.queue.is_uncertain(operation.counter) {
                operation.counter += 1_000_000;
            }
        }
    }

    fn hello(&self) -> Hello {
        Hello {
            protocol: PROTOCOL_VERSION,
            client: self.client.clone(),
            views: self.views.iter().map(|view| view.follow.clone()).collect(),
            accept: self.accept.clone(),
            window: self.window,
        }
    }

    fn handle_welcome(&mut self, welcome: Welcome, now_ms: u64) {
        let is_known = (1..=PROTOCOL_VERSION).contains(&welcome.protocol);
        if !is_known || welcome.window == 0 {
            return self.close(close::VIOLATION, false, now_ms);
        }
        self.was_welcome = true;
        self.is_hold_told = false;
        self.backed_up = welcome.keeping.backed_up;
        self.state = State::Open(Open { since_ms: now_ms, heard_ms: now_ms, welcome });
    }

    /// Whatever was wrong, operations stay: they are sent again. Where the same cannot succeed, the
    /// next attempt waits as long as after many failures.
    fn handle_problem(&mut self, problem: Problem, now_ms: u64) {
        if !problem.is_retryable {
            self.failures = u32::MAX;
        }
        self.problem = Some(problem);
        self.close(close::DONE, false, now_ms);
    }

    fn handle_results(&mut self, answer: PushAnswer, now_ms: u64) {
        let counters = answer.outcomes.iter().map(|outcome| outcome.counter);
        match self.pushes.pop_front() {
            Some(_) if is_planted(Fault::ResentWithNewCounter) => {}
            Some(push) if push.iter().copied().eq(counters) => {}
            _ => return self.close(close::VIOLATION, false, now_ms),
        }
        for mut outcome in answer.outcomes {
            if let Some(seen) = outcome.seen.as_mut() {
                let base = self.queue.base(outcome.counter);
                let Some(version) = seen.version.with_details_of(base) else {
                    return self.close(close::VIOLATION, false, now_ms);
                };
                seen.version = version;
            }
            self.handle_outcome(outcome, now_ms);
        }
    }

    fn handle_outcome(&mut self, outcome: Outcome, now_ms: u64) {
        let counter = outcome.counter;
        match outcome.status {
            Status::Behind => {
                let says =
                    |code| outcome.problem.as_ref().is_some_and(|problem| &*problem.code == code);
                let is_short = SHORT.into_iter().any(says);
                if says(HELD) && !std::mem::replace(&mut self.is_hold_told, true) {
                    self.problem = outcome.problem.map(|problem| *problem);
                }
                // It may go again at once, in full.
                for (operation, because) in self.queue.postpone(counter, !is_short, now_ms) {
                    self.settled.push_back(Store::SetAside { operation, because });
                }
            }
            Status::Rejected | Status::Rebase => {
                if let Some((operation, asked)) = self.queue.refuse(counter) {
                    self.settled.push_back(Store::Outcome { operation, outcome, asked });
                }
            }
            Status::Applied | Status::Merged | Status::Conflict | Status::Duplicate => {
                if let Some(operation) = self.queue.settle(counter) {
                    let asked = Vec::new();
                    self.settled.push_back(Store::Outcome { operation, outcome, asked });
                }
            }
        }
    }

    fn handle_changes(&mut self, view: u32, page: Page, now_ms: u64) {
        let window = self.welcome().map_or(0, |welcome| welcome.window.min(WINDOW_MAX));
        let is_in_window = self.unacknowledged < window as usize;
        let received = self.view_mut(view).and_then(|view| view.receive(&page).ok());
        match received {
            Some(begins) if is_in_window => {
                self.unacknowledged += 1;
                self.pages.push_back(Store::Page { view, page, begins });
            }
            _ => self.close(close::VIOLATION, false, now_ms),
        }
    }

    fn view_mut(&mut self, view: u32) -> Option<&mut View> {
        self.views.get_mut(usize::try_from(view).ok()?)
    }

    fn close(&mut self, code: u16, comes_back: bool, now_ms: u64) {
        let lasted = match &self.state {
            State::Closing { .. } | State::Disconnected { .. } => return,
            State::Open(open) => now_ms.saturating_sub(open.since_ms) >= LASTED_MS,
            State::Connecting { .. } | State::Greeting { .. } => false,
        };
        let lasted = lasted && self.failures != u32::MAX;
        self.state = State::Closing { code, is_said: false, lasted, comes_back };
    }
}
