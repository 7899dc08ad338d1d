//! A turn: what has happened is taken in, what is needed is read, what is decided is committed, and what is to
//! be sent is answered.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use syncline_engine::deliver::{
    Delivery, Dispatch, EndpointRow, EventRef, Failure, LaneRead, Load, LogRead, Notice, Pause,
    RowsRead, Sending,
};
use syncline_engine::log::LogEntry;
use syncline_engine::rows::{Batch, Key, Scan};
use syncline_model::codec::DecodeError;
use syncline_model::id::{EndpointId, Position};
use syncline_store::Read;

use super::super::{ServeError, Served};
use super::choosing::event_at;
use super::content::Content;
use super::damage::Damage;
use super::notices::{Noticed, commit, gathered};
use super::removing::Removal;
use super::replays::ReplayRow;
use super::under_way::UnderWay;
use crate::error::HubError;
use crate::limits::{
    CLOCK_BACK_MS_MAX, DELIVERY_ENTRIES_BYTES_MAX, DELIVERY_LOADS_MAX, DELIVERY_PAGE_BYTES_MAX,
};
use crate::runs::decode_entry;

/// What happens to the events of one hub. See the [module](super).
pub struct Deliveries {
    pub(super) served: Served,
    pub(super) dispatch: Dispatch,
    pub(super) endpoints: BTreeMap<EndpointId, Arc<EndpointRow>>,
    /// What is to be made again, and what was, by id.
    pub(super) replays: BTreeMap<Box<str>, ReplayRow>,
    /// Endpoints that were removed, and of which something is left.
    pub(super) removing: BTreeMap<EndpointId, Removal>,
    /// Attempts that were counted, and what they hold.
    pub(super) under_way: UnderWay,
    /// Entries of the log that were read last, by their places, with how long they are there: what is read is
    /// soon to be sent.
    pub(super) entries: BTreeMap<Position, (Arc<LogEntry>, usize)>,
    /// How long they are together, in bytes.
    pub(super) entries_bytes: usize,
    /// The latest time that a turn was told: it must not go back.
    pub(super) now_ms: u64,
    /// Endpoints of which a row cannot be read.
    pub(super) damaged: BTreeMap<EndpointId, Damage>,
    /// What is to be told with the next turn.
    pub(super) noticed: Vec<Notice>,
    /// Entries of the log that cannot be read, of which somebody was told.
    pub(super) entries_damaged: BTreeSet<Position>,
    /// Whom the life before has left alone, or was about to, as far as no turn has taken it in yet.
    pub(super) paused: Vec<(EndpointId, Pause)>,
    /// Whether something was decided that may not be on disk.
    pub(super) is_astray: bool,
}

/// What a turn answers.
#[derive(Debug, Default)]
pub struct Turn {
    /// Attempts to be made, each counted on disk.
    pub parcels: Vec<Parcel>,
    /// What an operator should know.
    pub notices: Vec<Noticed>,
    /// Whether there is more to do at once.
    pub is_unfinished: bool,
}

/// One attempt to be made.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// Which event, to which endpoint, for which time.
    pub sending: Sending,
    /// The endpoint as it is settled now.
    pub endpoint: Arc<EndpointRow>,
    /// What the event says; otherwise why it cannot be sent.
    pub content: Result<Arc<Content>, Failure>,
}

impl Deliveries {
    /// Returns the machine, for looking at.
    pub const fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    /// Returns whether something was decided that may not be on disk: begin anew with [`Deliveries::start`].
    pub const fn is_astray(&self) -> bool {
        self.is_astray
    }

    /// Returns when the next turn is due if nothing happens before; never, if nothing is said.
    pub fn due(&self) -> Option<u64> {
        self.dispatch.poll_due()
    }

    /// Returns the endpoints that are left alone for a while, and how. What was decided of that may not be on disk.
    pub fn pauses(&self) -> Vec<(EndpointId, Pause)> {
        self.dispatch.pauses(self.now_ms).chain(self.paused.iter().cloned()).collect()
    }

    /// A life before, whose store has failed, has left endpoints alone or was about to: so does this one from its first
    /// turn on, which writes that.
    pub fn handle_pauses(&mut self, pauses: Vec<(EndpointId, Pause)>) {
        self.paused = pauses;
    }

    /// Takes in what came of attempts, each with a random number, and answers which are to be made.
    ///
    /// - `now_ms`: milliseconds since the Unix epoch; one that goes back a little counts as the latest before.
    /// - `sends_max`: how many attempts may be made now.
    ///
    /// # Errors
    ///
    /// [`ServeError`] if the store fails, or the clock has gone back by more than some seconds: this is of no
    /// more use then, begin anew with [`Deliveries::start`]. No attempt is to be made that was not answered.
    pub fn turn(
        &mut self,
        now_ms: u64,
        reports: &[(syncline_engine::deliver::Report, u64)],
        sends_max: usize,
    ) -> Result<Turn, ServeError> {
        if self.is_astray || now_ms.saturating_add(CLOCK_BACK_MS_MAX) < self.now_ms {
            return Err(ServeError::Busy);
        }
        let now = self.at(now_ms);
        let mut batch = Batch::new();
        // Whatever fails from here on leaves the machine ahead of the store.
        self.is_astray = true;
        for (endpoint, pause) in std::mem::take(&mut self.paused) {
            self.dispatch.handle_pause(now, &endpoint, pause, &mut batch);
        }
        for (report, random) in reports {
            self.dispatch.handle_report(now, *random, report, &mut batch);
            self.under_way.land(report);
        }
        self.under_way.take_back(now, &mut self.dispatch, &mut batch);
        self.dispatch.handle_log(now, self.served.position());
        let is_loaded = !self.load(now, &mut batch)?;
        let is_replaying = self.replay_piece(now, &mut batch)?;
        self.removal_piece(&mut batch)?;
        let mut beginning = self.begin_waiting(now, sends_max)?;
        let sends = self.dispatch.poll_sends(now, beginning.left(), &mut batch);
        let mut is_unfinished =
            !is_loaded || is_replaying || self.dispatch.has_load(now) || !self.removing.is_empty();
        let mut notices = std::mem::take(&mut self.noticed);
        notices.extend(std::iter::from_fn(|| self.dispatch.poll_notice()));
        let notices = gathered(now, notices);
        commit(&self.served, batch, &notices)?;
        self.begin_counted(now, sends, &mut beginning)?;
        is_unfinished |= beginning.has_more;
        self.is_astray = false;
        Ok(Turn { parcels: beginning.parcels, notices, is_unfinished })
    }

    /// Returns a time that is not before the latest one.
    pub(super) fn at(&mut self, now_ms: u64) -> u64 {
        self.now_ms = self.now_ms.max(now_ms);
        self.now_ms
    }

    /// Reads what the machine needs, as much as one turn reads; answers whether it needs more.
    fn load(&mut self, now: u64, batch: &mut Batch) -> Result<bool, ServeError> {
        for _ in 0..DELIVERY_LOADS_MAX {
            match self.dispatch.poll_load(now) {
                None => return Ok(false),
                Some(Load::Log(read)) => {
                    let (to, events) = self.read_log(&read)?;
                    self.dispatch.handle_entries(now, &read, to, &events, batch);
                }
                Some(Load::Lane(read)) => {
                    commit(&self.served, std::mem::take(batch), &[])?;
                    match read_lane(&*self.served.reader()?, &read) {
                        Ok(rows) => self.dispatch.handle_lane(now, &read, rows, batch),
                        Err(error) => self.set_aside(&read.endpoint, error)?,
                    }
                }
                Some(Load::Rows(read)) => {
                    commit(&self.served, std::mem::take(batch), &[])?;
                    match read_rows(&*self.served.reader()?, &read) {
                        Ok(rows) => self.dispatch.handle_rows(now, &read, rows, batch),
                        Err(error) => self.set_aside(&read.endpoint, error)?,
                    }
                }
            }
        }
        Ok(true)
    }

    /// Reads a page of the log; answers how far it was looked at, and the events of it.
    fn read_log(&mut self, read: &LogRead) -> Result<(Position, Vec<Arc<EventRef>>), ServeError> {
        let (mut events, mut to) = (Vec::new(), read.after);
        let (mut read_entries, mut looked_at, mut damaged) = (Vec::new(), 0, Vec::new());
        let scan = Scan::Log { from: read.after.next() };
        let rows = self.served.reader()?;
        let (mut page_bytes, mut is_cut) = (0, false);
        rows.scan(&scan, None, read.entries_max, &mut |key, bytes| {
            let Key::Log(position) = key else { return ControlFlow::Continue(()) };
            if *position > read.until {
                return ControlFlow::Break(());
            }
            is_cut = page_bytes > DELIVERY_PAGE_BYTES_MAX;
            if is_cut {
                return ControlFlow::Break(());
            }
            page_bytes += bytes.len();
            (looked_at, to) = (looked_at + 1, to.max(*position));
            match decode_entry(bytes) {
                Ok(entry) => read_entries.push((*position, entry, bytes.len())),
                // What it says is lost; were it waited for, everything behind it would be, too.
                Err(_) => damaged.push(*position),
            }
            ControlFlow::Continue(())
        })?;
        drop(rows);
        if looked_at < read.entries_max && !is_cut {
            // What is not there was forgotten, or is of another kind.
            to = read.until;
        }
        damaged.into_iter().for_each(|position| self.note_damaged_entry(position));
        for (position, entry, bytes) in read_entries {
            if let Some(event) = event_at(position, &entry, bytes) {
                events.push(event);
                self.keep(position, Arc::new(entry), bytes);
            }
        }
        Ok((to, events))
    }

    fn keep(&mut self, position: Position, entry: Arc<LogEntry>, bytes: usize) {
        let before = self.entries.insert(position, (entry, bytes));
        self.entries_bytes += bytes;
        self.entries_bytes -= before.map_or(0, |(_, bytes)| bytes);
        while self.entries_bytes > DELIVERY_ENTRIES_BYTES_MAX {
            let Some((_, (_, bytes))) = self.entries.pop_first() else { break };
            self.entries_bytes -= bytes;
        }
    }
}

pub(super) fn damaged(table: &'static str) -> impl Fn(DecodeError) -> HubError {
    move |source| HubError::Damaged { table, source }
}

/// Reads the first deliveries of a lane; `None` for each that is not there.
fn read_lane(
    rows: &dyn Read,
    read: &LaneRead,
) -> Result<Vec<(Position, Option<Delivery>)>, ServeError> {
    let (endpoint, entity, id) = (read.endpoint.clone(), read.entity.clone(), read.id.clone());
    let scan = Scan::Lane { endpoint: endpoint.clone(), entity, id };
    let mut positions = Vec::new();
    rows.scan(&scan, None, read.rows_max, &mut |key, _| {
        if let Key::Lane { position, .. } = key {
            positions.push(*position);
        }
        ControlFlow::Continue(())
    })?;
    let found = read_rows_at(rows, &endpoint, &positions)?;
    Ok(positions.into_iter().zip(found).collect())
}

fn read_rows(rows: &dyn Read, read: &RowsRead) -> Result<Vec<Option<Delivery>>, ServeError> {
    read_rows_at(rows, &read.endpoint, &read.positions)
}

/// Reads rows of deliveries of an endpoint; `None` for each that is not there.
pub(super) fn bytes_at(
    rows: &dyn Read,
    endpoint: &EndpointId,
    positions: &[Position],
) -> Result<Vec<Option<Vec<u8>>>, ServeError> {
    let key =
        |position: &Position| Key::Delivery { endpoint: endpoint.clone(), position: *position };
    let keys: Vec<Key> = positions.iter().map(key).collect();
    Ok(rows.get_many(&keys)?)
}

/// Reads deliveries of an endpoint; `None` for each that is not there.
pub(super) fn read_rows_at(
    rows: &dyn Read,
    endpoint: &EndpointId,
    positions: &[Position],
) -> Result<Vec<Option<Delivery>>, ServeError> {
    let found = bytes_at(rows, endpoint, positions)?.into_iter();
    let decoded = found.map(|bytes| bytes.map(|bytes| Delivery::decode(&bytes)).transpose());
    Ok(decoded.collect::<Result<_, _>>().map_err(damaged("deliveries"))?)
}
