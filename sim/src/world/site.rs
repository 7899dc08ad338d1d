//! Hubs: starts, crashes, clocks, and the exchange between them.

use std::path::PathBuf;
use std::rc::Rc;

use syncline_engine::log::LogEntry;
use syncline_merge::conflict::{ConflictKind, conflicts};
use syncline_merge::state::Record;
use syncline_model::id::{Position, SiteId};

use super::{EPOCH_MS, Event, World};
use crate::check;
use crate::disk::{CrashKind, SimDisk};
use crate::history::{Did, RecordKey, Shadow, Stamps, Written};
use crate::network::Endpoint;
use crate::random::Random;
use crate::server::{Fail, Pull, Received, Server, ServerOptions};
use crate::world::client::{Message, Sent, may_be_saved};

/// How long a site stays down after a crash, at most, in milliseconds.
const DOWN_MS_MAX: u64 = 30_000;
/// One start in so many is checked from the first entry of the log on; the end always is.
const WHOLE_CHECK_EACH: u64 = 8;
/// One hour, in milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// One machine with a hub.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) disk: SimDisk,
    pub(crate) folder: PathBuf,
    /// The running server.
    pub(crate) server: Option<Server>,
    /// A server that runs on although another one was started.
    stale: Option<Server>,
    random: Random,
    offset_ms: i64,
    frozen_at_ms: Option<u64>,
}

impl Site {
    pub(crate) fn new(mut random: Random) -> Self {
        let disk = SimDisk::new(random.split());
        let folder = PathBuf::from("/state");
        disk.make_folder(&folder);
        Self { disk, folder, server: None, stale: None, random, offset_ms: 0, frozen_at_ms: None }
    }

    /// Returns what the machine's clock says, in milliseconds since the Unix epoch.
    pub(crate) fn wall_ms(&self, now_ms: u64) -> u64 {
        let now_ms = self.frozen_at_ms.unwrap_or(now_ms);
        EPOCH_MS.saturating_add(now_ms).saturating_add_signed(self.offset_ms)
    }

    /// Ends all faults of the machine.
    pub(crate) fn heal(&mut self) {
        if self.disk.is_stopped() {
            self.end(CrashKind::Kill);
        }
        self.disk.mend();
        (self.offset_ms, self.frozen_at_ms, self.stale) = (0, None, None);
    }

    /// Ends everything that runs on the machine.
    pub(crate) fn end(&mut self, kind: CrashKind) {
        (self.server, self.stale) = (None, None);
        self.disk.restart(kind);
    }

    /// Returns random numbers for a new process.
    pub(crate) fn split_random(&mut self) -> Random {
        self.random.split()
    }
}

impl World {
    /// Starts the server of a site, unless it runs.
    pub(crate) fn start_site(&mut self, index: usize) {
        let fault = self.fault;
        let Some(site) = self.sites.get_mut(index) else {
            return;
        };
        if site.server.is_some() {
            return;
        }
        let random = site.split_random();
        let options = ServerOptions { disk: &site.disk, folder: &site.folder, random, fault };
        match Server::open(options) {
            Ok(server) => {
                site.server = Some(server);
                self.count("start");
                self.after_start(index);
            }
            Err(Fail::Store(error)) => {
                let code = error.code();
                self.note(format_args!("s{index} does not start: {code}"));
                if code == "STORE_DAMAGED" {
                    self.history.violate(
                        "I2",
                        format!("site {index}: the store is damaged"),
                        vec![],
                    );
                }
                self.server_failed(index);
            }
            Err(Fail::Row(table)) => self.row_damaged(index, table),
        }
    }

    pub(crate) fn row_damaged(&mut self, index: usize, table: &'static str) {
        let finding = format!("site {index}: a row of {table} cannot be read");
        self.history.violate("I16", finding, vec![format!("s{index}")]);
    }

    /// Looks at what a site found when it started.
    fn after_start(&mut self, index: usize) {
        let Some(server) = self.sites.get(index).and_then(|site| site.server.as_ref()) else {
            return;
        };
        let (position, id) = (server.position(), server.site());
        if let Some(known) = self.history.identities.get_mut(index) {
            *known = Some(id);
        }
        let end = self.history.shadows.get(index).map(Shadow::end).unwrap_or_default();
        let entries = check::log(server.rows(), end.min(position).next());
        if let Some(shadow) = self.history.shadows.get_mut(index) {
            shadow.truncate(position);
        }
        self.adopt(index, &entries);
        self.note(format_args!("s{index} starts at {}", position.0));
        self.starts += 1;
        let whole = self.starts.is_multiple_of(WHOLE_CHECK_EACH);
        check::after_start(self, index, whole);
    }

    /// Takes note of what a run over folders has brought: its log says so.
    fn adopt(&mut self, index: usize, entries: &[(Position, LogEntry)]) {
        let Some(shadow) = self.history.shadows.get_mut(index) else {
            return;
        };
        let end = shadow.end();
        for (position, entry) in entries.iter().filter(|(position, _)| *position > end) {
            let key: RecordKey = (entry.entity.clone(), entry.id.clone());
            shadow.push(*position, &key, Rc::new(Stamps::from([entry.stamp])));
            for (_, leaf) in entry.after.iter().flatten() {
                if let Some(value) = leaf.as_string() {
                    self.history.lineage.stamps.entry(value.into_owned()).or_insert(entry.stamp);
                }
            }
        }
    }

    /// A server has failed, and its process ends. If the machine has stopped, it starts anew.
    pub(crate) fn server_failed(&mut self, index: usize) {
        let healing = self.healing;
        let Some(site) = self.sites.get_mut(index) else {
            return;
        };
        site.server = None;
        if site.disk.is_stopped() {
            self.restart_machine(index);
            return;
        }
        // The operator sees a failing disk, and after a while replaces it.
        if site.random.chance(500) {
            self.restart_machine(index);
        } else {
            let pause = if healing { 10 } else { self.random.between(100, DOWN_MS_MAX) };
            self.at(self.now_ms + pause, Event::Start(index));
        }
    }

    /// Cuts the power of a machine or ends its processes, and lets it start later.
    pub(crate) fn restart_machine(&mut self, index: usize) {
        let Some(site) = self.sites.get_mut(index) else {
            return;
        };
        let kind = if site.random.chance(300) { CrashKind::Kill } else { CrashKind::PowerCut };
        site.end(kind);
        self.note(format_args!("s{index} goes down: {kind:?}"));
        self.count_fault(if kind == CrashKind::Kill {
            "process killed"
        } else {
            "machine without power"
        });
        let pause = self.random.between(1, DOWN_MS_MAX);
        self.at(self.now_ms + pause, Event::Start(index));
    }

    pub(crate) fn crash_some_site(&mut self) {
        let index = self.random.index(self.sites.len());
        if self.random.chance(self.swarm.crash_within) {
            let operations = self.random.below(20);
            if let Some(site) = self.sites.get(index) {
                site.disk.stop_after(operations);
            }
            self.note(format_args!("s{index} will stop after {operations} operations"));
        } else {
            self.restart_machine(index);
        }
        self.after(self.swarm.crash_pause_ms, Event::Crash);
    }

    /// Starts a second server where one runs; clients may still reach the first.
    pub(crate) fn second_start(&mut self) {
        let index = self.random.index(self.sites.len());
        if let Some(site) = self.sites.get_mut(index)
            && site.server.is_some()
        {
            site.stale = site.server.take();
            self.count_fault("second start");
            self.note(format_args!("s{index} is started twice"));
            self.start_site(index);
        }
        self.after(self.swarm.second_start_pause_ms, Event::SecondStart);
    }

    pub(crate) fn clock_jumps(&mut self) {
        const TEN_YEARS_MS: i64 = 10 * 365 * 24 * HOUR_MS;
        let draw = self.random.below(6);
        let index = self.random.index(self.sites.len());
        let client = self.random.index(self.clients.len());
        let now_ms = self.now_ms;
        let (offset, frozen) = match draw {
            0 => (HOUR_MS, None),
            1 => (-HOUR_MS, None),
            2 => (-TEN_YEARS_MS, None),
            3 => (0, Some(now_ms)),
            _ => (0, None),
        };
        if let Some(site) = self.sites.get_mut(index) {
            (site.offset_ms, site.frozen_at_ms) = (offset, frozen);
        }
        // A hub that is ten years ahead can never be heard again; a client can be.
        let years = [TEN_YEARS_MS, -TEN_YEARS_MS, HOUR_MS, -HOUR_MS, 0];
        let years = self.random.pick(&years).copied().unwrap_or_default();
        if let Some(client) = self.clients.get_mut(client) {
            client.offset_ms = years;
        }
        self.count_fault("clock jump");
        self.note(format_args!(
            "clock of s{index} jumps by {offset}, frozen {frozen:?}; c{client} by {years}"
        ));
        self.after(self.swarm.clock_pause_ms, Event::ClockJump);
    }

    /// A site asks one of its peers for news.
    pub(crate) fn exchange(&mut self, index: usize) {
        let others: Vec<usize> = (0..self.sites.len()).filter(|other| *other != index).collect();
        if let Some(peer) = self.random.pick(&others).copied() {
            self.pull(index, peer);
        }
        let pause = if self.healing { 100 } else { self.swarm.exchange_pause_ms };
        self.after(pause, Event::SiteExchanges(index));
    }

    fn pull(&mut self, index: usize, peer: usize) {
        let Some(Some(peer_id)) = self.history.identities.get(peer).copied() else {
            return;
        };
        let Some(server) = self.sites.get(index).and_then(|site| site.server.as_ref()) else {
            return;
        };
        if let Ok(from) = server.cursor(peer_id) {
            let message = Message::Pull(Pull { from });
            self.send(Endpoint::Site(index), Endpoint::Site(peer), &message);
        }
    }

    pub(crate) fn handle_pull(&mut self, index: usize, from: Endpoint, pull: Pull) {
        let Some(server) = self.sites.get(index).and_then(|site| site.server.as_ref()) else {
            return;
        };
        let Ok(reply) = server.handle_pull(pull) else {
            return;
        };
        let seen = reply.states.iter().map(|sent| {
            let key = (sent.entity.clone(), sent.id.clone());
            self.history.shadows.get(index).map(|shadow| shadow.seen(&key)).unwrap_or_default()
        });
        let sent = Sent { seen: seen.collect(), reply: Rc::new(reply) };
        self.send(Endpoint::Site(index), from, &Message::Reply(sent));
    }

    pub(crate) fn handle_reply(&mut self, index: usize, from: Endpoint, sent: &Sent) {
        let now_ms = self.now_ms;
        let Some(site) = self.sites.get_mut(index) else {
            return;
        };
        let wall_ms = site.wall_ms(now_ms);
        let Some(server) = &mut site.server else {
            return;
        };
        let (outcome, received) = server.handle_reply(&sent.reply, &self.schema, wall_ms);
        let joined = received.joined.len();
        self.note(format_args!(
            "s{index} takes {}..{} of {}: {joined} joined, {:?}, {}",
            sent.reply.from.0,
            sent.reply.to.0,
            sent.reply.site,
            received.refused,
            if outcome.is_ok() { "saved" } else { "failed" },
        ));
        check::drift(self, index, &sent.reply, &received, wall_ms);
        self.check_redelivery(index, sent, &received);
        for (state, path, stamp, covered) in &received.capped {
            let Some(sent) = sent.reply.states.get(*state) else {
                continue;
            };
            let did = Did::Cap { path: path.clone(), covered: covered.iter().copied().collect() };
            let key = (sent.entity.clone(), sent.id.clone());
            self.history.written.insert(*stamp, Written::by_hub(key, did));
        }
        for (state, position) in received.joined.iter().filter(|_| may_be_saved(&outcome)) {
            self.push_joined(index, *state, *position, sent, &received.capped);
        }
        match outcome {
            Ok(()) => {
                self.count("exchange");
                self.saw_cursor(index, sent.reply.site, received.cursor);
                // More of the log is waiting.
                if received.refused.is_none() && sent.reply.to != sent.reply.from {
                    self.pull_again(index, from);
                }
            }
            Err(fail) => self.failed(index, &fail),
        }
    }

    /// Checks that a state in which nothing is that the site had not seen has changed nothing.
    fn check_redelivery(&mut self, index: usize, sent: &Sent, received: &Received) {
        let Some(shadow) = self.history.shadows.get(index) else { return };
        let known = received.joined.iter().filter_map(|(state, _)| {
            let (state, seen) = (sent.reply.states.get(*state)?, sent.seen.get(*state)?);
            let key: RecordKey = (state.entity.clone(), state.id.clone());
            shadow.seen(&key).is_superset(seen).then_some(key)
        });
        for (entity, id) in known.collect::<Vec<_>>() {
            let finding = format!("site {index}: {entity} {id} changes by what it had seen");
            self.history.violate("I5", finding, vec![id.as_str().to_owned()]);
        }
    }

    fn pull_again(&mut self, index: usize, from: Endpoint) {
        if let Endpoint::Site(peer) = from {
            self.pull(index, peer);
        }
    }

    fn push_joined(
        &mut self,
        index: usize,
        state: usize,
        position: Position,
        sent: &Sent,
        capped: &[(
            usize,
            syncline_model::path::Path,
            syncline_model::clock::Stamp,
            Vec<syncline_model::clock::Stamp>,
        )],
    ) {
        let (Some(state_sent), Some(seen)) = (sent.reply.states.get(state), sent.seen.get(state))
        else {
            return;
        };
        let mut stamps: Stamps = (**seen).clone();
        stamps.extend(capped.iter().filter(|capped| capped.0 == state).map(|capped| capped.2));
        let key: RecordKey = (state_sent.entity.clone(), state_sent.id.clone());
        if let Some(shadow) = self.history.shadows.get_mut(index) {
            shadow.push(position, &key, Rc::new(stamps));
        }
        self.observe(index, &key);
    }

    /// Takes note of what a site shows of a record, and of its conflicts.
    pub(crate) fn observe(&mut self, index: usize, key: &RecordKey) {
        let Some(record) = self.record(index, key) else {
            return;
        };
        for conflict in conflicts(&record, self.schema.rules(&key.0)) {
            if let (ConflictKind::Values, Some(shown)) = (conflict.kind, conflict.shown) {
                self.history.observe_winner(key, &conflict.path, shown, &conflict.stamps);
            }
        }
    }

    /// Returns a record as a running site holds it.
    pub(crate) fn record(&self, index: usize, key: &RecordKey) -> Option<Record> {
        let server = self.sites.get(index)?.server.as_ref()?;
        server.record(&key.0, &key.1).ok()?
    }

    /// A server did not answer.
    pub(crate) fn failed(&mut self, index: usize, fail: &Fail) {
        match fail {
            Fail::Row(table) => self.row_damaged(index, table),
            Fail::Store(error) => {
                let code = error.code();
                self.note(format_args!("s{index} fails: {code}"));
                self.count("server failed");
                if code != "STORE_FULL" {
                    self.server_failed(index);
                }
            }
        }
    }

    /// Returns the server that a message reaches: sometimes the one that should have ended.
    pub(crate) fn reached(&mut self, index: usize) -> Option<&mut Server> {
        let site = self.sites.get_mut(index)?;
        if site.stale.is_some() && site.random.chance(500) {
            return site.stale.as_mut();
        }
        site.server.as_mut()
    }

    /// Ends the server that should have ended before.
    pub(crate) fn end_stale(&mut self, index: usize) {
        if let Some(site) = self.sites.get_mut(index) {
            site.stale = None;
        }
        self.note(format_args!("s{index}: the first server was fenced"));
    }

    /// Takes note of a cursor that a site has stored.
    pub(crate) fn saw_cursor(&mut self, index: usize, peer: SiteId, cursor: Position) {
        let last = self.history.cursors.entry((index, peer)).or_default();
        let went_back = cursor < *last;
        *last = cursor;
        if went_back {
            let finding = format!("site {index}: its cursor over {peer} went back to {}", cursor.0);
            self.history.violate("I16", finding, vec![format!("s{index}")]);
        }
    }

    /// Returns whether every site has everything that its peers have.
    pub(crate) fn is_exchanged(&self) -> bool {
        let servers: Option<Vec<&Server>> =
            self.sites.iter().map(|site| site.server.as_ref()).collect();
        let Some(servers) = servers else { return false };
        servers.iter().all(|server| {
            let others = servers.iter().filter(|other| other.site() != server.site());
            others.into_iter().all(|other| {
                server.cursor(other.site()).is_ok_and(|cursor| cursor == other.position())
            })
        })
    }
}
