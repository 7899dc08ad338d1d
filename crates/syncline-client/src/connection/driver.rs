//! What the thread of the connection does: it asks the machine what to do next, and does it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use syncline_merge::display::Fields;
use syncline_model::cursor::Incarnation;
use syncline_model::id::{ClientId, Position};
use syncline_protocol::checksum::Checksum;
use syncline_protocol::cursor::StreamCursor;
use syncline_protocol::limits::WINDOW_DEFAULT;
use syncline_protocol::message::{Follow, Page};
use syncline_protocol::operation::Operation;
use syncline_protocol::session::client::{Connection, Lost, Priority, Session, Store};
use tokio::sync::Notify;

use super::form::CODINGS;
use super::socket::{Heard, Socket};
use crate::error::StoreError;
use crate::limits::CHECK_MS;
use crate::machine::{self, Moment};
use crate::options::{Options, Strategy};
use crate::state::{Shared, State};
use crate::status::{Network, Notice};
use crate::store::{Differs, Key, Queued, Settled};

/// Operations that are read from the queue at once.
const OPERATIONS_READ: usize = 1_000;

/// How long to wait after the disk said no, in milliseconds.
const STORE_RETRY_MS: u64 = 1_000;

/// Longest sleep, in milliseconds: clocks of devices that slept jump.
const SLEEP_MS_MAX: u64 = 30_000;

/// How often the time between comparisons doubles, while they show a difference: up to a day or so.
const DIFFERENCES_MAX: u32 = 7;

/// The code of a WebSocket that is not needed any more.
const CLOSE_DONE: u16 = 1000;

/// What the thread is given.
pub(super) struct Facts {
    pub(super) shared: Arc<Shared>,
    pub(super) address: String,
    pub(super) token: Arc<Mutex<String>>,
    pub(super) wake: Arc<Notify>,
    pub(super) options: Options,
}

/// Runs until the client is closed.
pub(super) async fn drive(facts: Facts) {
    let facts = Arc::new(facts);
    let began = Moment::now();
    let mut plan = Plan::new(facts.options.strategy);
    while !facts.shared.lock().closed {
        let done = match Driver::new(&facts, began, plan) {
            Ok(mut driver) => {
                let done = driver.run().await;
                plan = driver.plan;
                done
            }
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            facts.tell_store_failed(&error);
            let wait = Duration::from_millis(STORE_RETRY_MS);
            let _ = tokio::time::timeout(wait, facts.wake.notified()).await;
        }
    }
}

impl Facts {
    pub(super) fn tell_store_failed(&self, error: &StoreError) {
        let mut state = self.shared.lock();
        state.network = Network::Offline;
        let (code, detail) = (error.code().into(), error.to_string().into());
        state.notices.push(Notice::Problem { code, detail });
        drop(state);
        self.shared.tell();
    }

    /// Returns what the hub has confirmed of a record. What cannot be read is as good as nothing: texts are
    /// sent whole.
    pub(super) fn confirmed(&self, key: &Key) -> Option<Fields> {
        let state = self.shared.lock();
        state.store.rows().confirmed(key).ok().flatten()?.fields
    }

    fn token(&self) -> String {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fetches a new access token; answers whether there is one.
    fn refresh(&self, refused: &str) -> bool {
        if let Some(token) = self.options.refresh.as_ref().and_then(|refresh| refresh()) {
            *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
            return true;
        }
        self.token() != refused
    }
}

/// When the client is connected, and when edits are sent.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    strategy: Strategy,
    /// When the next sync begins, for a client that is not connected all the time.
    next_ms: u64,
    /// The sync that is under way: how many had been asked for when it began.
    under_way: Option<u64>,
    /// Since when edits wait for company.
    waits_since_ms: Option<u64>,
    /// When to compare with the hub next, and how often in a row that showed a difference.
    check_at_ms: u64,
    differences: u32,
}

impl Plan {
    pub(super) const fn new(strategy: Strategy) -> Self {
        Self {
            strategy,
            next_ms: 0,
            under_way: None,
            waits_since_ms: None,
            check_at_ms: 0,
            differences: 0,
        }
    }

    /// Returns whether the client is to be connected now.
    fn wants_connection(&mut self, state: &State, now_ms: u64) -> bool {
        if state.stays_offline {
            return false;
        }
        let is_due = match self.strategy {
            Strategy::Immediate | Strategy::Batch { .. } => return true,
            Strategy::Scheduled(_) => now_ms >= self.next_ms,
            Strategy::EventDriven => false,
        };
        if self.under_way.is_none() && (is_due || state.syncs_asked > state.syncs_done) {
            self.under_way = Some(state.syncs_asked);
        }
        self.under_way.is_some()
    }

    /// Takes note that everything was sent and fetched.
    fn handle_synced(&mut self, state: &mut State, now_ms: u64) {
        let Some(asked) = self.under_way.take() else { return };
        state.syncs_done = state.syncs_done.max(asked);
        if let Strategy::Scheduled(every) = self.strategy {
            let every_ms = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
            self.next_ms = now_ms.saturating_add(every_ms);
        }
    }

    /// Returns whether edits are to be sent, given how many wait.
    fn sends(&mut self, pending: u64, now_ms: u64) -> bool {
        let Strategy::Batch { operations, within } = self.strategy else { return true };
        if pending == 0 {
            self.waits_since_ms = None;
            return false;
        }
        let since_ms = *self.waits_since_ms.get_or_insert(now_ms);
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let is_enough = pending >= operations as u64;
        let is_over = now_ms.saturating_sub(since_ms) >= within_ms;
        if is_enough || is_over {
            self.waits_since_ms = None;
        }
        is_enough || is_over
    }

    /// Returns whether to ask the hub now what the records add up to.
    const fn checks(&mut self, now_ms: u64) -> bool {
        let is_time = self.check_at_ms <= now_ms;
        if is_time {
            self.check_at_ms = now_ms.saturating_add(CHECK_MS);
        }
        is_time
    }

    /// Takes note of what a comparison showed. Where reading all records anew does not help it is done more
    /// and more rarely.
    fn handle_compared(&mut self, is_equal: bool, now_ms: u64) {
        self.differences = if is_equal { 0 } else { (self.differences + 1).min(DIFFERENCES_MAX) };
        self.check_at_ms = now_ms.saturating_add(CHECK_MS << self.differences);
    }

    /// Returns when to look again, whatever else happens.
    fn deadline_ms(&self) -> Option<u64> {
        match self.strategy {
            Strategy::Batch { within, .. } => {
                let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
                self.waits_since_ms.map(|since_ms| since_ms.saturating_add(within_ms))
            }
            Strategy::Scheduled(_) if self.under_way.is_none() => Some(self.next_ms),
            _ => None,
        }
    }
}

/// The machine and its socket, for operations of one name of the client.
pub(super) struct Driver {
    facts: Arc<Facts>,
    pub(super) plan: Plan,
    began: Moment,
    pub(super) session: Session,
    client: ClientId,
    socket: Option<Socket>,
    is_connected: bool,
    /// The last operation that was read from the queue.
    read_to: i64,
    /// Records whose texts are edited by operations that were handed in and are not answered.
    texts_under_way: BTreeSet<Key>,
    /// Whether the incarnation was taken note of on this connection, and on any.
    is_greeted: bool,
    was_greeted: bool,
    /// Up to where the hub of this connection is backed up; `None` if it is not.
    backed_up: Option<Position>,
    /// Whether the records are to be read anew, because they are not those that the hub shows.
    is_different: bool,
    token_refused: Option<String>,
    /// Whether the app, and its plan, want a connection.
    is_wanted: bool,
}

impl Driver {
    pub(super) fn new(facts: &Arc<Facts>, began: Moment, plan: Plan) -> Result<Self, StoreError> {
        let state = facts.shared.lock();
        let rows = state.store.rows();
        let client = rows.oldest_client()?.unwrap_or_else(|| state.store.client().clone());
        let follows = follows(&state, &facts.options)?;
        let session = Session::new(client.clone(), CODINGS.to_vec(), WINDOW_DEFAULT, follows);
        drop(state);
        Ok(Self {
            facts: Arc::clone(facts),
            plan,
            began,
            session,
            client,
            socket: None,
            is_connected: false,
            read_to: 0,
            texts_under_way: BTreeSet::new(),
            is_greeted: false,
            was_greeted: false,
            backed_up: None,
            is_different: false,
            token_refused: None,
            is_wanted: true,
        })
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.began.elapsed_ms()
    }

    /// Runs until the client is closed, or until operations of another name are to be sent.
    async fn run(&mut self) -> Result<(), StoreError> {
        loop {
            if self.facts.shared.lock().closed {
                return self.leave().await;
            }
            if self.begin_turn()? {
                self.hang_up().await;
            }
            if self.take_turn()? {
                return self.leave().await;
            }
            if self.change_connection().await || self.say().await {
                continue;
            }
            if self.mend()? {
                continue;
            }
            self.tell_network();
            self.sleep().await;
        }
    }

    /// Lets time pass; answers whether the connection is to end, which nobody wants any more.
    pub(super) fn begin_turn(&mut self) -> Result<bool, StoreError> {
        let now_ms = self.now_ms();
        self.session.handle_time(now_ms);
        self.connect_or_not(now_ms)
    }

    /// Stores what came in and hands in what waits; answers whether the queue is to be read anew, over
    /// another connection.
    pub(super) fn take_turn(&mut self) -> Result<bool, StoreError> {
        let now_ms = self.now_ms();
        if self.greet()? {
            // What was applied before is read from the queue again, before anything newer.
            return Ok(true);
        }
        self.store(now_ms)?;
        self.check(now_ms);
        self.hand_in(now_ms)?;
        self.is_done_with_name()
    }

    /// Has all records read again if the client was found to hold others than the hub; answers whether it
    /// was.
    pub(super) fn mend(&mut self) -> Result<bool, StoreError> {
        let is_different = std::mem::take(&mut self.is_different);
        if is_different {
            self.begin_anew(self.now_ms())?;
        }
        Ok(is_different)
    }

    /// Ends the connection.
    async fn leave(&mut self) -> Result<(), StoreError> {
        if let Some(socket) = self.socket.take() {
            socket.close(CLOSE_DONE).await;
        }
        self.set_network(Network::Offline);
        Ok(())
    }

    /// Takes note that there is a connection.
    pub(super) fn handle_connected(&mut self) {
        self.is_connected = true;
        self.session.handle_connected(self.now_ms());
        self.tell_unauthorised(false);
    }

    /// Tells the machine whether the client is to be connected; answers whether the connection is to
    /// end.
    fn connect_or_not(&mut self, now_ms: u64) -> Result<bool, StoreError> {
        let mut state = self.facts.shared.lock();
        let is_synced =
            state.network == Network::UpToDate && state.store.rows().oldest_client()?.is_none();
        if is_synced {
            self.plan.handle_synced(&mut state, now_ms);
        }
        let wants = self.plan.wants_connection(&state, now_ms);
        drop(state);
        // Told again that it is there, the machine would not wait between its attempts.
        if std::mem::replace(&mut self.is_wanted, wants) != wants {
            self.session.handle_network(wants, now_ms);
        }
        Ok(!wants && self.is_connected)
    }

    /// Ends the connection because the app, or its plan, wants none.
    async fn hang_up(&mut self) {
        if let Some(socket) = self.socket.take() {
            socket.close(CLOSE_DONE).await;
        }
        self.lose(Lost::Broken);
    }

    /// Hands operations of the queue to the machine.
    ///
    /// Edits of a text wait until those that were handed in before are answered, so that they can be
    /// made anew for what the hub answers. Whatever was edited without a connection goes as it is: the
    /// hub merges it best.
    fn hand_in(&mut self, now_ms: u64) -> Result<(), StoreError> {
        let mut state = self.facts.shared.lock();
        if std::mem::take(&mut state.lanes_moved) {
            // What stood behind a refusal may go now; what is held already is not held twice.
            self.read_to = 0;
        }
        let (pending, _) = state.store.counts();
        let held = self.session.held() as u64;
        // What may have been sent before a restart has to be asked for at once, and what is urgent takes along
        // what waits.
        let sends = self.plan.sends(pending.saturating_sub(held), now_ms)
            || (!self.was_greeted && state.store.waits_from_before(&self.client)?);
        if !sends && !state.store.rows().is_urgent_waiting(&self.client, self.read_to)? {
            return Ok(());
        }
        let is_open = self.session.is_open();
        let before = self.texts_under_way.clone();
        let mut skipped = Skipped::default();
        let mut at = self.read_to;
        loop {
            let room = match self.session.room(Priority::Normal) {
                // Only one that does not wait has room.
                0 => self.session.room(Priority::Urgent).min(1),
                room => room.min(OPERATIONS_READ),
            };
            let read = match room {
                0 => Vec::new(),
                room => state.store.rows().waiting(&self.client, at, room)?,
            };
            let mut is_any_handed = false;
            for queued in read {
                let key = || (queued.operation.entity.clone(), queued.operation.id.clone());
                let is_text_before = || is_open && !before.is_empty() && before.contains(&key());
                if skipped.holds(&queued) || is_text_before() {
                    at = queued.sequence;
                    skipped.add(queued);
                    continue;
                }
                let is_text = crate::view::texts_edited(&queued.operation.effect).next().is_some();
                let text = is_text.then(key);
                let Queued { sequence, operation, priority, .. } = queued;
                let priority = if priority { Priority::Urgent } else { Priority::Normal };
                let counter = operation.counter;
                if self.session.handle_operation(operation, priority, now_ms).is_err() {
                    break;
                }
                self.texts_under_way.extend(text);
                state.store.note_handed(&self.client, counter);
                (at, is_any_handed) = (sequence, true);
            }
            if !is_any_handed {
                break;
            }
        }
        self.read_to = skipped.first.map_or(at, |first| first - 1);
        Ok(())
    }

    /// An operation is not under way any more.
    fn end_text(&mut self, operation: &Operation) {
        if !self.texts_under_way.is_empty() {
            self.texts_under_way.remove(&(operation.entity.clone(), operation.id.clone()));
        }
    }

    /// Makes durable what the machine asks for.
    fn store(&mut self, now_ms: u64) -> Result<(), StoreError> {
        if let Some(position) = self.session.poll_backed_up() {
            self.backed_up = Some(position);
            let mut state = self.facts.shared.lock();
            state.store.handle_backed_up(position)?;
            drop(state);
            self.facts.shared.tell();
        }
        let mut settled: Vec<Settled> = Vec::new();
        loop {
            match self.session.poll_store(now_ms) {
                Some(Store::Outcome { operation, outcome, asked }) => {
                    self.end_text(&operation);
                    let operation = Box::new(operation);
                    settled.push(Settled::Outcome { operation, outcome, asked });
                }
                Some(Store::SetAside { operation, because }) => {
                    let counter = operation.counter;
                    self.end_text(&operation);
                    settled.push(Settled::SetAside { counter, because });
                }
                Some(Store::Page { view, page, begins }) => {
                    self.store_settled(&mut settled, now_ms)?;
                    self.store_page(view, &page, begins, now_ms)?;
                }
                Some(Store::Checksum { view, cursor, checksum }) => {
                    self.store_settled(&mut settled, now_ms)?;
                    self.compare(view, &cursor, checksum, now_ms)?;
                }
                Some(Store::Anew { view }) => {
                    self.store_settled(&mut settled, now_ms)?;
                    let holdings = self.facts.shared.lock().store.say_holdings(view)?;
                    self.session.handle_holdings(view, holdings);
                }
                None => return self.store_settled(&mut settled, now_ms),
            }
        }
    }

    fn store_settled(&mut self, settled: &mut Vec<Settled>, now_ms: u64) -> Result<(), StoreError> {
        if settled.is_empty() {
            return Ok(());
        }
        let mut state = self.facts.shared.lock();
        let incoming = state.store.handle_settled(&self.client, settled, self.backed_up)?;
        settled.clear();
        let is_unfit = incoming.is_unfit;
        state.take_in(incoming)?;
        drop(state);
        self.facts.shared.tell();
        if is_unfit {
            self.session.handle_unfit();
            return self.begin_anew(now_ms);
        }
        Ok(())
    }

    fn store_page(
        &mut self,
        view: u32,
        page: &Page,
        begins: bool,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let mut state = self.facts.shared.lock();
        let incoming = state.store.handle_page(view, page, begins)?;
        let is_unfit = incoming.is_unfit;
        state.take_in(incoming)?;
        state.network = if page.more { Network::Online } else { Network::UpToDate };
        drop(state);
        self.facts.shared.tell();
        if is_unfit {
            self.session.handle_unfit();
            return self.begin_anew(now_ms);
        }
        self.session.handle_stored(view, &page.cursor);
        Ok(())
    }

    /// Compares what is stored with what the hub says that it shows.
    fn compare(
        &mut self,
        view: u32,
        cursor: &StreamCursor,
        checksum: Checksum,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let mut state = self.facts.shared.lock();
        let follows = follows(&state, &self.facts.options)?;
        let entities = follows.into_iter().next().unwrap_or_default().entities;
        let Some(is_equal) = state.store.is_as_shown(view, &entities, cursor, checksum)? else {
            return Ok(());
        };
        self.session.handle_checked(view, is_equal);
        self.plan.handle_compared(is_equal, now_ms);
        if is_equal {
            return Ok(());
        }
        state.store.begin_anew()?;
        let (code, detail) = (Differs.code().into(), Differs.to_string().into());
        state.notices.push(Notice::Problem { code, detail });
        drop(state);
        self.facts.shared.tell();
        // Once the hub is told.
        self.is_different = true;
        Ok(())
    }

    /// Asks what the records add up to, if it is time.
    fn check(&mut self, now_ms: u64) {
        let is_up_to_date = self.facts.shared.lock().network == Network::UpToDate;
        // What a view shows is not known to be what is held: a record may be there for another one.
        let is_whole = self.facts.options.views.is_empty();
        if is_whole && is_up_to_date && self.plan.checks(now_ms) {
            self.session.handle_check(0);
        }
    }

    /// Something was lost: all records are read again. Operations stay as they are.
    fn begin_anew(&mut self, now_ms: u64) -> Result<(), StoreError> {
        let state = self.facts.shared.lock();
        let follows = follows(&state, &self.facts.options)?;
        drop(state);
        self.session.handle_views(follows, now_ms);
        Ok(())
    }

    /// Returns whether nothing more of this name is to be sent, and something of another one is.
    fn is_done_with_name(&self) -> Result<bool, StoreError> {
        let state = self.facts.shared.lock();
        let oldest = state.store.rows().oldest_client()?;
        let next = oldest.unwrap_or_else(|| state.store.client().clone());
        Ok(next != self.client && self.session.held() == 0)
    }

    /// Makes or ends the connection, as the machine says; answers whether it did.
    async fn change_connection(&mut self) -> bool {
        match self.session.poll_connection(self.now_ms()) {
            None => false,
            Some(Connection::Close { code }) => {
                if let Some(socket) = self.socket.take() {
                    socket.close(code).await;
                }
                self.lose(Lost::Broken);
                true
            }
            Some(Connection::Connect { new_access_token }) => {
                self.connect(new_access_token).await;
                true
            }
        }
    }

    async fn connect(&mut self, new_access_token: bool) {
        self.is_greeted = false;
        self.set_network(Network::Connecting);
        let refused = self.token_refused.take().unwrap_or_default();
        if new_access_token && !self.facts.refresh(&refused) {
            self.token_refused = Some(refused);
            self.tell_unauthorised(true);
            return self.lose(Lost::Unauthorised);
        }
        let token = self.facts.token();
        let limit = Duration::from_millis(syncline_protocol::session::client::CONNECT_MS_MAX);
        let (address, authorities) =
            (&self.facts.address, self.facts.options.authorities.as_deref());
        let connect = tokio::time::timeout(limit, Socket::connect(address, &token, authorities));
        let stopped = async {
            loop {
                self.facts.wake.notified().await;
                let state = self.facts.shared.lock();
                if state.closed || state.stays_offline {
                    // Whoever looks next is to see it as well.
                    self.facts.wake.notify_one();
                    return;
                }
            }
        };
        let connected = tokio::select! {
            connected = connect => connected.unwrap_or(Err(Lost::Broken)),
            () = stopped => Err(Lost::Broken),
        };
        match connected {
            Ok(socket) => {
                self.socket = Some(socket);
                self.handle_connected();
            }
            Err(lost) => {
                if lost == Lost::Unauthorised {
                    self.token_refused = Some(token);
                }
                self.lose(lost);
            }
        }
    }

    pub(super) fn lose(&mut self, lost: Lost) {
        self.socket = None;
        self.is_connected = false;
        self.is_greeted = false;
        if lost == Lost::Unauthorised && self.token_refused.is_none() {
            self.token_refused = Some(self.facts.token());
        }
        // Without random numbers all clients wait equally long, which is no reason to stop.
        let random = machine::random().unwrap_or_default();
        self.session.handle_disconnected(lost, self.now_ms(), u64::from_le_bytes(random));
        self.set_network(Network::Offline);
    }

    /// Sends what the machine has to say; answers whether the connection was lost by that.
    async fn say(&mut self) -> bool {
        while let Some(socket) = &mut self.socket {
            let now_ms = self.began.elapsed_ms();
            let Some(mut message) = self.session.poll_message(now_ms) else { return false };
            socket.form.shorten(&mut message, |key| self.facts.confirmed(key));
            if let Err(lost) = socket.send(&message).await {
                self.lose(lost);
                return true;
            }
        }
        false
    }

    /// Returns when to look again, whatever else happens.
    pub(super) fn deadline_ms(&self) -> Option<u64> {
        let deadlines = [self.session.poll_deadline(self.now_ms()), self.plan.deadline_ms()];
        deadlines.into_iter().flatten().min()
    }

    /// Waits until something happens.
    async fn sleep(&mut self) {
        let now_ms = self.now_ms();
        let until_ms = self.deadline_ms().unwrap_or(u64::MAX);
        let sleep_ms = until_ms.saturating_sub(now_ms).min(SLEEP_MS_MAX);
        let sleep = tokio::time::sleep(Duration::from_millis(sleep_ms));
        let hear = async {
            match &mut self.socket {
                Some(socket) => socket.hear().await,
                None => std::future::pending().await,
            }
        };
        let heard = tokio::select! {
            heard = hear => Some(heard),
            () = self.facts.wake.notified() => None,
            () = sleep => None,
        };
        if let Some(heard) = heard {
            self.handle(heard);
        }
    }

    pub(super) fn handle(&mut self, heard: Heard) {
        let now_ms = self.now_ms();
        match heard {
            Heard::Message(message) => self.session.handle_message(message, now_ms),
            Heard::Traffic => self.session.handle_traffic(now_ms),
            Heard::Lost(lost) => self.lose(lost),
            Heard::Unreadable => self.lose(Lost::Broken),
        }
        if let Some(problem) = self.session.poll_problem() {
            let (code, detail) = (problem.code, problem.detail);
            self.facts.shared.lock().notices.push(Notice::Problem { code, detail });
            self.facts.shared.tell();
        }
    }

    /// Takes note of the hub's incarnation before anything of the connection is stored or sent; answers
    /// whether there is something to be sent again.
    fn greet(&mut self) -> Result<bool, StoreError> {
        let Some(welcome) = self.session.welcome() else { return Ok(false) };
        if !std::mem::replace(&mut self.is_greeted, true) {
            self.was_greeted = true;
            let incarnation = u128::from_str_radix(&welcome.incarnation, 16);
            if let Ok(incarnation) = incarnation {
                let keeping = welcome.keeping;
                let mut state = self.facts.shared.lock();
                let incarnation = Incarnation(incarnation);
                let store = &mut state.store;
                let is_again = store.handle_incarnation(incarnation, &self.client, keeping)?;
                self.backed_up = keeping.backed_up;
                return Ok(is_again);
            }
        }
        Ok(false)
    }

    pub(super) fn tell_network(&self) {
        let mut state = self.facts.shared.lock();
        let is_open = self.session.is_open();
        if is_open && state.network != Network::UpToDate {
            state.network = Network::Online;
            drop(state);
            self.facts.shared.tell();
        }
    }

    fn set_network(&self, network: Network) {
        self.facts.shared.lock().network = network;
        self.facts.shared.tell();
    }

    fn tell_unauthorised(&self, is_unauthorised: bool) {
        let mut state = self.facts.shared.lock();
        if is_unauthorised && !state.is_unauthorised {
            state.notices.push(Notice::Unauthorised);
        }
        state.is_unauthorised = is_unauthorised;
        drop(state);
        self.facts.shared.tell();
    }
}

/// Operations that stay in the queue for now.
#[derive(Default)]
struct Skipped {
    first: Option<i64>,
    keys: BTreeSet<Key>,
    counters: BTreeSet<u64>,
}

impl Skipped {
    /// Returns whether an operation comes after one of these.
    fn holds(&self, queued: &Queued) -> bool {
        let Queued { operation, .. } = queued;
        self.first.is_some()
            && (operation.after.iter().any(|counter| self.counters.contains(counter))
                || self.keys.contains(&(operation.entity.clone(), operation.id.clone())))
    }

    fn add(&mut self, queued: Queued) {
        self.first.get_or_insert(queued.sequence);
        self.counters.insert(queued.operation.counter);
        self.keys.insert((queued.operation.entity, queued.operation.id));
    }
}

/// Returns what the client follows, from where it stands.
fn follows(state: &State, options: &Options) -> Result<Vec<Follow>, StoreError> {
    // The names were judged when the client was opened.
    let follows = options.follows().unwrap_or_default();
    let rows = state.store.rows();
    // Of one among several nobody knows what is its own of what is held.
    let holds = follows.len() == 1;
    let at = |(view, follow): (u32, Follow)| Ok(Follow { holds, ..follow.at(rows.cursor(view)?) });
    (0..).zip(follows).map(at).collect()
}
