//! Operations that are under way: which of them may be sent now, and which are unanswered.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use syncline_model::id::{EntityName, RecordId};

use super::Priority;
use super::size::operation_bytes;
use crate::limits::{BATCH_OPERATIONS, RETRY_MS_FIRST, RETRY_MS_MAX};
use crate::operation::Operation;
use crate::session::fault::{Fault, is_planted};
use crate::token::TokenText;

/// The operations that the shell has handed in and that were not answered for good, by counter.
///
/// Operations of one record are a lane. None overtakes an earlier one of its lane, nor one that it
/// comes after, whatever holds that one up.
#[derive(Debug, Default)]
pub(super) struct Queue {
    held: BTreeMap<u64, Held>,
    /// Which of these are not in flight: what could be sent is found without looking at the others.
    waiting: BTreeSet<u64>,
    /// How many of those that are not in flight do not wait for company.
    urgent_waiting: usize,
    /// What is in flight.
    flight: Flight,
    /// What stands because of refusals that the shell does not know yet.
    untold: VecDeque<Untold>,
}

/// The lanes of what is in flight, each with its counters.
#[derive(Debug, Default)]
struct Flight(BTreeMap<EntityName, BTreeMap<RecordId, BTreeSet<u64>>>);

/// A refusal that the shell does not know yet, with the lanes and counters that stand because of it.
#[derive(Debug)]
struct Untold {
    counter: u64,
    lanes: BTreeSet<(EntityName, RecordId)>,
    counters: BTreeSet<u64>,
}

#[derive(Debug)]
struct Held {
    operation: Operation,
    is_urgent: bool,
    is_in_flight: bool,
    /// Whether the hub may have applied it already: it was sent, and the answer was lost.
    is_uncertain: bool,
    /// What was refused before it while it was in flight.
    refused: Option<u64>,
    /// How often it was answered "later", and until when it waits for that.
    attempts: u32,
    not_before_ms: u64,
    handed_ms: u64,
    bytes: usize,
}

/// What could be sent at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ready {
    /// How many operations.
    pub(super) count: usize,
    /// Since when the oldest waits.
    pub(super) since_ms: Option<u64>,
    /// Whether one of them does not wait for company.
    pub(super) is_urgent: bool,
    /// When an operation that was answered "later" may go.
    pub(super) next_ms: Option<u64>,
}

/// What becomes of an operation that may be sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    /// It goes.
    Goes,
    /// It does not, and holds up what comes after it.
    Stays,
    /// Nothing behind it matters.
    Enough,
}

/// The bounds of one push.
#[derive(Clone, Copy, Debug)]
pub(super) struct PushLimits {
    pub(super) operations: usize,
    pub(super) bytes: usize,
}

/// What must not be overtaken.
#[derive(Default)]
struct Stands<'q> {
    lanes: BTreeSet<(&'q EntityName, &'q RecordId)>,
    counters: BTreeSet<u64>,
}

impl<'q> Stands<'q> {
    fn add(&mut self, operation: &'q Operation) {
        self.lanes.insert((&operation.entity, &operation.id));
        self.counters.insert(operation.counter);
    }

    /// Returns whether an operation comes after one of these.
    fn hold(&self, operation: &Operation) -> bool {
        self.lanes.contains(&(&operation.entity, &operation.id))
            || operation.after.iter().any(|counter| self.counters.contains(counter))
    }
}

impl Flight {
    fn add(&mut self, operation: &Operation) {
        let Operation { entity, id, counter, .. } = operation;
        let lanes = self.0.entry(entity.clone()).or_default();
        lanes.entry(id.clone()).or_default().insert(*counter);
    }

    fn remove(&mut self, operation: &Operation) {
        let Operation { entity, id, counter, .. } = operation;
        let Some(lanes) = self.0.get_mut(entity) else { return };
        if let Some(lane) = lanes.get_mut(id) {
            lane.remove(counter);
            if lane.is_empty() {
                lanes.remove(id);
            }
        }
        if lanes.is_empty() {
            self.0.remove(entity);
        }
    }

    /// Returns whether an earlier operation of the same lane is in flight.
    fn precedes(&self, operation: &Operation) -> bool {
        let lane = self.0.get(&operation.entity).and_then(|lanes| lanes.get(&operation.id));
        lane.and_then(BTreeSet::first).is_some_and(|first| *first < operation.counter)
    }
}

impl Untold {
    fn add(&mut self, operation: &Operation) {
        self.lanes.insert((operation.entity.clone(), operation.id.clone()));
        self.counters.insert(operation.counter);
    }

    /// Returns whether an operation comes after the refused one; what comes after that does as well.
    fn hold(&mut self, operation: &Operation) -> bool {
        let lane = (operation.entity.clone(), operation.id.clone());
        let is_held = self.lanes.contains(&lane)
            || operation.after.iter().any(|counter| self.counters.contains(counter));
        if is_held {
            self.add(operation);
        }
        is_held
    }
}

/// Returns the counters of what comes after an operation, by its lane or by name, and of what comes
/// after that.
///
/// - `later`: operations with higher counters, rising.
pub fn dependants<'q>(
    first: &'q Operation,
    later: impl IntoIterator<Item = &'q Operation>,
) -> Vec<u64> {
    let mut stands = Stands::default();
    stands.add(first);
    let mut found = Vec::new();
    for operation in later {
        if stands.hold(operation) {
            stands.add(operation);
            found.push(operation.counter);
        }
    }
    found
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Returns what the writer of an operation had seen.
    pub(super) fn base(&self, counter: u64) -> Option<&TokenText> {
        self.held.get(&counter)?.operation.base.as_ref()
    }

    /// Returns whether the hub may have applied an operation already.
    pub(super) fn is_uncertain(&self, counter: u64) -> bool {
        self.held.get(&counter).is_some_and(|held| held.is_uncertain)
    }

    /// Takes in an operation. One that is held already stays as it is; one that comes after a refusal
    /// that the shell does not know yet is not held, since the shell is about to set it aside.
    pub(super) fn add(
        &mut self,
        operation: Operation,
        priority: Priority,
        is_uncertain: bool,
        now_ms: u64,
    ) {
        if !self.untold.iter_mut().any(|untold| untold.hold(&operation)) {
            self.hold(operation, priority, is_uncertain, None, now_ms);
        }
    }

    /// Takes in an operation that the hub may have applied although one before it was refused.
    pub(super) fn add_asked(&mut self, operation: Operation, refused: u64, now_ms: u64) {
        self.hold(operation, Priority::Normal, true, Some(refused), now_ms);
    }

    fn hold(
        &mut self,
        operation: Operation,
        priority: Priority,
        is_uncertain: bool,
        refused: Option<u64>,
        now_ms: u64,
    ) {
        let counter = operation.counter;
        let held = Held {
            bytes: operation_bytes(&operation),
            is_urgent: priority == Priority::Urgent,
            is_in_flight: false,
            is_uncertain,
            refused,
            attempts: 0,
            not_before_ms: 0,
            handed_ms: now_ms,
            operation,
        };
        if let Entry::Vacant(place) = self.held.entry(counter) {
            self.urgent_waiting += usize::from(held.is_urgent);
            self.waiting.insert(counter);
            place.insert(held);
        }
    }

    /// An operation goes into flight.
    fn launch(&mut self, counter: u64) {
        if let Some(held) = self.held.get_mut(&counter).filter(|held| !held.is_in_flight) {
            held.is_in_flight = true;
            self.urgent_waiting -= usize::from(held.is_urgent);
            self.waiting.remove(&counter);
            self.flight.add(&held.operation);
        }
    }

    /// An operation is not in flight any more.
    fn land(&mut self, counter: u64) {
        if let Some(held) = self.held.get_mut(&counter).filter(|held| held.is_in_flight) {
            held.is_in_flight = false;
            self.urgent_waiting += usize::from(held.is_urgent);
            self.waiting.insert(counter);
            self.flight.remove(&held.operation);
        }
    }

    /// Holds an operation no more; returns it.
    fn let_go(&mut self, counter: u64) -> Option<Operation> {
        self.land(counter);
        let held = self.held.remove(&counter)?;
        self.urgent_waiting -= usize::from(held.is_urgent);
        self.waiting.remove(&counter);
        Some(held.operation)
    }

    /// Returns whether an operation comes after one that is in flight.
    fn is_behind_flight(&self, operation: &Operation) -> bool {
        let is_in_flight = |counter: &u64| {
            *counter < operation.counter
                && self.held.get(counter).is_some_and(|held| held.is_in_flight)
        };
        self.flight.precedes(operation) || operation.after.iter().any(is_in_flight)
    }

    /// Returns what could be sent now. Of what is more than a batch no more is counted: whatever else
    /// there is changes nothing, and thousands may wait.
    pub(super) fn ready(&self, now_ms: u64) -> Ready {
        let mut ready = Ready::default();
        let may_be_urgent = self.urgent_waiting > 0;
        ready.next_ms = self.walk(now_ms, |held| {
            ready.count += 1;
            ready.since_ms =
                Some(ready.since_ms.map_or(held.handed_ms, |since| since.min(held.handed_ms)));
            ready.is_urgent |= held.is_urgent;
            match ready.count >= BATCH_OPERATIONS && ready.is_urgent == may_be_urgent {
                true => Visit::Enough,
                false => Visit::Goes,
            }
        });
        ready
    }

    /// Returns whether the hub may have applied an operation that can be sent and was not answered.
    pub(super) fn is_settling(&self, now_ms: u64) -> bool {
        if is_planted(Fault::ChangesBeforeAnswers) {
            return false;
        }
        let mut is_settling = self.held.values().any(|held| held.is_in_flight && held.is_uncertain);
        if !is_settling && self.held.values().any(|held| held.is_uncertain) {
            self.walk(now_ms, |held| {
                is_settling |= held.is_uncertain;
                if is_settling { Visit::Enough } else { Visit::Goes }
            });
        }
        is_settling
    }

    /// Puts what may be sent into flight, in order; with `urgent` only what does not wait, and what
    /// that comes after.
    pub(super) fn take(&mut self, now_ms: u64, limits: PushLimits, urgent: bool) -> Vec<Operation> {
        let wanted = urgent.then(|| self.urgent());
        let mut taken: Vec<Operation> = Vec::new();
        let mut bytes = 0;
        let mut is_full = false;
        self.walk(now_ms, |held| {
            let is_wanted =
                wanted.as_ref().is_none_or(|wanted| wanted.contains(&held.operation.counter));
            let is_first = taken.is_empty();
            is_full |= taken.len() >= limits.operations;
            is_full |= is_wanted && !is_first && bytes + held.bytes > limits.bytes;
            if is_full {
                return Visit::Enough;
            }
            if !is_wanted {
                return Visit::Stays;
            }
            bytes += held.bytes;
            taken.push(held.operation.clone());
            Visit::Goes
        });
        for operation in &taken {
            self.launch(operation.counter);
        }
        taken
    }

    /// Walks over what may be sent now, in order; `visit` says whether an operation goes. Returns when
    /// the next one that was answered "later" may go, of those that were walked over.
    fn walk<'q>(&'q self, now_ms: u64, mut visit: impl FnMut(&'q Held) -> Visit) -> Option<u64> {
        let mut stands = Stands::default();
        let mut next_ms: Option<u64> = None;
        for held in self.waiting.iter().filter_map(|counter| self.held.get(counter)) {
            if self.is_behind_flight(&held.operation) || stands.hold(&held.operation) {
                stands.add(&held.operation);
            } else if held.not_before_ms > now_ms {
                next_ms = Some(next_ms.map_or(held.not_before_ms, |at| at.min(held.not_before_ms)));
                if !is_planted(Fault::BehindOvertaken) {
                    stands.add(&held.operation);
                }
            } else {
                match visit(held) {
                    Visit::Goes => {}
                    Visit::Stays => stands.add(&held.operation),
                    Visit::Enough => break,
                }
            }
        }
        next_ms
    }

    /// Returns what does not wait, with everything that it comes after.
    fn urgent(&self) -> BTreeSet<u64> {
        let mut wanted = BTreeSet::new();
        let mut before = Stands::default();
        let mut named: BTreeSet<u64> = BTreeSet::new();
        for counter in self.waiting.iter().rev() {
            let Some(held) = self.held.get(counter) else { continue };
            let operation = &held.operation;
            let is_wanted = held.is_urgent
                || named.contains(counter)
                || before.lanes.contains(&(&operation.entity, &operation.id));
            if is_wanted {
                wanted.insert(*counter);
                named.extend(operation.after.iter().copied());
                before.add(operation);
            }
        }
        wanted
    }

    /// An operation was answered for good; returns it.
    pub(super) fn settle(&mut self, counter: u64) -> Option<Operation> {
        self.let_go(counter)
    }

    /// An operation was answered "later". If it waits, then twice as long each time. What comes after it was not
    /// applied either; where that was asked for because of a refusal, it is held no more and returned
    /// with the counter of the refused one, as is the operation itself.
    pub(super) fn postpone(
        &mut self,
        counter: u64,
        waits: bool,
        now_ms: u64,
    ) -> Vec<(Operation, u64)> {
        let after = self.after(counter);
        self.land(counter);
        if let Some(held) = self.held.get_mut(&counter) {
            let wait_ms = RETRY_MS_FIRST.checked_shl(held.attempts.min(16)).unwrap_or(RETRY_MS_MAX);
            let wait_ms = if waits { wait_ms.min(RETRY_MS_MAX) } else { 0 };
            held.not_before_ms = now_ms.saturating_add(wait_ms);
            held.attempts += 1;
        }
        let mut aside = Vec::new();
        for counter in [counter].into_iter().chain(after) {
            let Some(held) = self.held.get_mut(&counter).filter(|held| !held.is_in_flight) else {
                continue;
            };
            held.is_uncertain = false;
            if let Some(refused) = held.refused {
                aside.extend(self.settle(counter).map(|operation| (operation, refused)));
            }
        }
        aside
    }

    /// Returns what comes after an operation, by its lane or by name, and what comes after that.
    fn after(&self, counter: u64) -> Vec<u64> {
        let Some(first) = self.held.get(&counter) else {
            return Vec::new();
        };
        let later = self.held.range(counter..).skip(1);
        dependants(&first.operation, later.map(|(_, held)| &held.operation))
    }

    /// An operation was refused; returns it, and which of those that come after it are still asked for:
    /// the hub may have applied them. The others are held no more.
    pub(super) fn refuse(&mut self, counter: u64) -> Option<(Operation, Vec<u64>)> {
        let mut asked = Vec::new();
        if is_planted(Fault::LaneGoesOn) {
            return self.settle(counter).map(|operation| (operation, asked));
        }
        let after = self.after(counter);
        let operation = self.settle(counter)?;
        let (lanes, counters) = (BTreeSet::new(), BTreeSet::new());
        let mut untold = Untold { counter, lanes, counters };
        untold.add(&operation);
        for after in after {
            let Some(held) = self.held.get_mut(&after) else { continue };
            untold.add(&held.operation);
            if held.is_in_flight || held.is_uncertain {
                held.refused = Some(counter);
                asked.push(after);
            } else {
                self.let_go(after);
            }
        }
        self.untold.push_back(untold);
        Some((operation, asked))
    }

    /// The shell is told that an operation was refused.
    pub(super) fn tell_refused(&mut self, counter: u64) {
        self.untold.retain(|untold| untold.counter != counter);
    }

    /// The connection is lost: what was in flight may have been applied, and is sent again.
    pub(super) fn lose(&mut self) {
        let in_flight = self.held.iter().filter(|(_, held)| held.is_in_flight);
        let in_flight: Vec<u64> = in_flight.map(|(counter, _)| *counter).collect();
        for counter in in_flight {
            self.land(counter);
            if let Some(held) = self.held.get_mut(&counter) {
                held.is_uncertain = true;
            }
            if is_planted(Fault::UnansweredForgotten) {
                self.let_go(counter);
            }
        }
    }
}
