//! The loop: bursts of operations, with crashes within and between them.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use syncline_engine::operate::{Answer, ClientOperation};
use syncline_engine::rows::Key;
use syncline_hub::{Hub, WriterError};
use syncline_merge::codec::decode_record;
use syncline_merge::token::Token;
use syncline_model::id::{OperationId, Position, SiteId, Writer};

use super::check;
use super::client::{Client, Sent, View};
use super::desk::Desk;
use super::fault::IngestFault;
use crate::disk::{CrashKind, DiskRates};
use crate::history::Violation;
use crate::random::Random;
use crate::schema::Schema;
use crate::trace::Trace;
use crate::world::{EPOCH_MS, Outcome};

/// Most operations in one burst.
const BURST_OPERATIONS_MAX: u64 = 24;
/// Most tries until a hub must open, and every operation be answered, once all is well.
const TRIES_MAX: usize = 20;
/// An hour, in milliseconds.
const HOUR_MS: u64 = 3_600_000;

/// One world of a hub, its writer and their clients.
pub(super) struct Ingest {
    pub(super) random: Random,
    pub(super) schema: Rc<Schema>,
    pub(super) desk: Desk,
    pub(super) now_ms: u64,
    pub(super) clients: Vec<Client>,
    pub(super) sent: BTreeMap<OperationId, Sent>,
    pub(super) value_next: u64,
    /// The last place of the log that anybody was told of.
    pub(super) acknowledged: Position,
    /// Operations that were said not to be applied and were not sent again since.
    pub(super) disclaimed: BTreeSet<OperationId>,
    /// Operations of which it was once said that nobody knows whether they were applied.
    in_doubt: BTreeSet<OperationId>,
    /// A copy of the store, and how far its log went.
    backup: Option<(Vec<u8>, Position)>,
    /// Where the log ended when the store was put back, until the hub is open again.
    restored_to: Option<Position>,
    /// Every site that the hub has been.
    pub(super) sites: BTreeSet<SiteId>,
    pub(super) violations: Vec<Violation>,
    rates: DiskRates,
    crash: u64,
    restores: u64,
    trace: Trace,
    work: BTreeMap<&'static str, u64>,
}

/// Runs the world of a seed to its end, and checks it.
pub fn run(seed: u64, fault: Option<IngestFault>) -> Outcome {
    let mut world = Ingest::new(seed, fault);
    let bursts = world.random.between(8, 30);
    for _ in 0..bursts {
        world.burst();
        if !world.violations.is_empty() {
            return world.outcome();
        }
    }
    world.heal();
    world.outcome()
}

impl Ingest {
    fn new(seed: u64, fault: Option<IngestFault>) -> Self {
        let mut random = Random::new(seed).split();
        let schema = Rc::new(Schema::draw(&mut random));
        let rules = [&schema.tasks, &schema.contacts];
        let rules = rules.map(|entity| (entity.clone(), schema.rules(entity).clone()));
        let mut some = |most: u64| if random.chance(400) { 0 } else { random.below(most + 1) };
        let rates = DiskRates {
            write_error: some(20),
            sync_error: some(60),
            full: some(60),
            flip: some(100),
            ..DiskRates::default()
        };
        let crash = some(500);
        let restores = some(400);
        let clients = usize::try_from(random.between(1, 4)).unwrap_or(1);
        let desk = Desk::new(random.split(), rules.into(), fault);
        Self {
            random,
            schema,
            desk,
            now_ms: 0,
            clients: (0..clients).map(Client::new).collect(),
            sent: BTreeMap::new(),
            value_next: 0,
            acknowledged: Position(0),
            disclaimed: BTreeSet::new(),
            in_doubt: BTreeSet::new(),
            backup: None,
            restored_to: None,
            sites: BTreeSet::new(),
            violations: Vec::new(),
            rates,
            crash,
            restores,
            trace: Trace::new(),
            work: BTreeMap::new(),
        }
    }

    /// Some operations come at once; the machine may stop within.
    fn burst(&mut self) {
        self.time_passes();
        self.desk.disk.set_rates(self.rates);
        if !self.desk.is_running() && !self.start() {
            return;
        }
        if self.random.chance(self.restores) {
            self.backup_or_restore();
            if !self.desk.is_running() && !self.start() {
                return;
            }
        }
        if self.random.chance(500) {
            self.look();
        }
        let count = self.random.between(1, BURST_OPERATIONS_MAX);
        let mut operations = Vec::new();
        for _ in 0..count {
            let old = self.random.chance(350);
            let drawn = if old { self.old_operation() } else { self.new_operation() };
            operations.extend(drawn);
        }
        if self.random.chance(self.crash) {
            self.desk.disk.stop_after(self.random.below(4));
        }
        self.send(operations);
        self.desk.disk.stop_never();
        if self.desk.disk.is_stopped() || self.random.chance(self.crash / 2) {
            self.crash();
        }
    }

    /// The store is copied, or put back from a copy: what came after is lost, and nobody may take the
    /// hub for what it was.
    fn backup_or_restore(&mut self) {
        if self.random.chance(700) {
            let position = self.desk.ask(|hub| hub.position());
            self.backup = self.desk.backup().zip(position);
            return;
        }
        let Some((copy, position)) = self.backup.clone() else { return };
        drop(self.desk.stop());
        self.desk.disk.restart(CrashKind::Kill);
        self.desk.restore(&copy);
        self.note(format_args!("is put back to {}", position.0));
        self.count("restore");
        self.acknowledged = position;
        self.disclaimed.clear();
        // Hubs that cannot be opened just now are opened later, and looked at then.
        self.restored_to = Some(position);
    }

    fn time_passes(&mut self) {
        self.now_ms += self.random.below(5_000);
        let wall_ms = EPOCH_MS + self.now_ms;
        let jumps = [wall_ms, wall_ms, wall_ms, wall_ms - HOUR_MS, wall_ms + HOUR_MS];
        self.desk.clock.set(self.random.pick(&jumps).copied().unwrap_or(wall_ms));
    }

    /// Opens the hub, checks what it holds, and starts its writer; answers whether it runs.
    pub(super) fn start(&mut self) -> bool {
        match self.desk.open() {
            Ok(hub) => {
                self.count("start");
                self.note(format_args!("starts at {}", hub.position().0));
                if let Some(position) = self.restored_to.take() {
                    check::after_restore(self, &hub, position);
                }
                self.sites.insert(hub.site());
                check::after_start(self, &hub);
                self.desk.start(hub);
                true
            }
            Err(code) => {
                self.note(format_args!("does not start: {code}"));
                if code == "STORE_DAMAGED" || code == "ROW_DAMAGED" {
                    self.violate("I2", "the store is damaged".to_owned());
                }
                self.desk.disk.restart(CrashKind::PowerCut);
                false
            }
        }
    }

    /// Ends the machine without warning.
    fn crash(&mut self) {
        let kind = if self.random.chance(300) { CrashKind::Kill } else { CrashKind::PowerCut };
        // What the writer does after the machine has stopped reaches no disk.
        self.desk.disk.stop_after(0);
        drop(self.desk.stop());
        self.desk.disk.restart(kind);
        self.desk.disk.stop_never();
        self.note(format_args!("goes down: {kind:?}"));
        self.count("crash");
    }

    /// A client reads a record.
    fn look(&mut self) {
        let key = self.draw_key();
        let at = self.random.index(self.clients.len());
        let row = Key::Record { entity: key.0.clone(), id: key.1.clone() };
        let found = self.desk.ask(move |hub: &mut Hub| (hub.rows().get(&row), hub.position()));
        let (Some((Ok(Some(bytes)), looked_to)), Some(client)) = (found, self.clients.get_mut(at))
        else {
            return;
        };
        let Ok(record) = decode_record(&bytes) else { return };
        let writer = Writer::from(&client.id);
        let token = Token::of(&record, self.schema.rules(&key.0), Some(&writer), &[]);
        client.views.insert(key, View { token, looked_to, beyond: false });
        self.count("look");
    }

    /// Sends operations and takes note of the answers.
    fn send(&mut self, operations: Vec<ClientOperation>) {
        let ids: Vec<OperationId> = operations.iter().map(|sent| sent.id.clone()).collect();
        self.disclaimed.retain(|id| !ids.contains(id));
        let answers = self.desk.submit(operations);
        let is = |code| {
            let mut errors = answers.iter().filter_map(|answer| answer.as_ref().err());
            errors.any(|error| error.code() == code)
        };
        if is("OUTCOME_UNKNOWN") && is("WRITER_STOPPED") {
            self.count("cut off between groups");
        }
        let mut ended = false;
        let mut disclaimed = Vec::new();
        for (id, answer) in ids.into_iter().zip(answers) {
            match answer {
                Ok(answer) => {
                    self.count("operation answered");
                    self.answered(&id, answer);
                }
                Err(error) => {
                    let code = error.code();
                    self.count("operation not answered");
                    self.note(format_args!("{}#{}: {code}", id.client, id.counter));
                    ended |= !matches!(error, WriterError::Failed { .. });
                    if matches!(error, WriterError::OutcomeUnknown) {
                        self.in_doubt.insert(id);
                    } else {
                        disclaimed.push(id);
                    }
                }
            }
        }
        // Another time, in this burst or before, it may have been applied.
        let waits = |id: &OperationId| self.sent.get(id).is_some_and(Sent::is_waiting);
        disclaimed.retain(|id| waits(id) && !self.in_doubt.contains(id));
        self.disclaimed.extend(disclaimed);
        if ended {
            drop(self.desk.stop());
        }
    }

    fn answered(&mut self, id: &OperationId, answer: Answer) {
        let word = answer.as_str();
        let stamp = answer.stamp();
        self.note(format_args!("{}#{}: {word} {stamp:?}", id.client, id.counter));
        let given_up = self.waits_for_ever(id);
        let Some(sent) = self.sent.get_mut(id) else { return };
        let (before, refused) = (sent.applied, sent.refused);
        let key = (sent.operation.entity.clone(), sent.operation.record.clone());
        let beyond = sent.beyond;
        match answer {
            Answer::Applied(applied) => {
                sent.applied = Some(applied.stamp);
                self.acknowledged = self.acknowledged.max(applied.position);
                if !applied.token.version.covers(applied.stamp) {
                    self.violate("I7", format!("{}#{} does not see itself", id.client, id.counter));
                }
                let view =
                    View { token: applied.token, looked_to: applied.position, beyond: false };
                let mut clients = self.clients.iter_mut();
                if let Some(client) = clients.find(|client| client.id == id.client) {
                    client.views.insert(key, view);
                }
                if beyond {
                    let finding = format!("{}#{} came before its causes", id.client, id.counter);
                    self.violate("I4", finding);
                }
                if before.is_some() || refused {
                    self.violate("I6", format!("{}#{} was applied again", id.client, id.counter));
                }
            }
            Answer::Duplicate(repeated) => {
                let result = repeated.result;
                sent.applied = result.fate.stamp();
                sent.refused = sent.applied.is_none();
                let same = (result.entity, result.id) == key;
                if before.is_some_and(|before| Some(before) != stamp) || !same {
                    let finding = format!("{}#{} is told something else", id.client, id.counter);
                    self.violate("I5", finding);
                }
            }
            Answer::Rejected(why) => match why.code() {
                "OPERATION_WAITS" => sent.refused = given_up,
                "OPERATION_AFTER_REFUSED" => sent.refused = true,
                // Another operation was put in its place.
                "OPERATION_COUNTER_REUSED" => {
                    let finding = format!("{}#{} is told of another one", id.client, id.counter);
                    self.violate("I5", finding);
                }
                // What it had seen was lost: its writer has to look again.
                "BEHIND" if beyond => sent.refused = true,
                code => {
                    let finding = format!("{}#{} is refused: {code}", id.client, id.counter);
                    self.violate("I2", finding);
                }
            },
        }
    }

    /// Returns whether an operation comes after one that its client has given up.
    fn waits_for_ever(&self, id: &OperationId) -> bool {
        let after = self.sent.get(id).into_iter().flat_map(|sent| &sent.operation.after);
        let mut earlier =
            after.map(|counter| OperationId { client: id.client.clone(), counter: *counter });
        earlier.any(|earlier| self.sent.get(&earlier).is_some_and(|sent| sent.refused))
    }

    /// Ends all faults: the hub must open, and everything must be answered.
    fn heal(&mut self) {
        self.desk.disk.mend();
        self.desk.clock.set(EPOCH_MS + self.now_ms + 2 * HOUR_MS);
        for _ in 0..TRIES_MAX {
            if !self.desk.is_running() && !self.start() {
                continue;
            }
            let waiting = self.sent.values().filter(|sent| sent.is_waiting());
            let waiting: Vec<ClientOperation> =
                waiting.map(|sent| sent.operation.clone()).collect();
            if waiting.is_empty() {
                break;
            }
            self.send(waiting);
        }
        let waiting = self.sent.values().filter(|sent| sent.is_waiting()).count();
        if waiting > 0 {
            self.violate("I21", format!("{waiting} operation(s) never got an answer"));
        }
        match self.desk.stop() {
            Some(hub) if self.violations.is_empty() => check::at_the_end(self, &hub),
            Some(_) => {}
            None => self.violate("I21", "the hub does not start".to_owned()),
        }
    }

    pub(super) fn violate(&mut self, requirement: &'static str, finding: String) {
        self.violations.push(Violation { requirement, finding, words: Vec::new() });
    }

    fn note(&mut self, line: std::fmt::Arguments<'_>) {
        self.trace.note(self.now_ms, line);
    }

    fn count(&mut self, work: &'static str) {
        *self.work.entry(work).or_default() += 1;
    }

    fn outcome(mut self) -> Outcome {
        drop(self.desk.stop());
        let faults = self.desk.disk.faults();
        let faults = faults.into_iter().map(|(kind, count)| (kind.to_owned(), count));
        for (work, count) in &self.work {
            self.trace.mix(work.as_bytes());
            self.trace.mix(&count.to_be_bytes());
        }
        Outcome {
            hash: self.trace.hash(),
            trace: self.trace.lines_about(&[], 200),
            violations: self.violations,
            faults: faults.collect(),
            work: self.work,
            virtual_ms: self.now_ms,
        }
    }
}
