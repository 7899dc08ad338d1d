//! A client's shell: its disk, its machine, and what it checks of both.

use std::collections::{BTreeMap, BTreeSet};

use syncline_merge::display::Fields;
use syncline_model::id::{ClientId, EntityName, RecordId};

use super::model::{self, Key, Model, follows};
use super::random::Random;
use crate::change::Change;
use crate::checksum::Checksum;
use crate::cursor::StreamCursor;
use crate::holdings::{Holdings, Same, Stretch};
use crate::message::{ClientMessage, Follow, HubMessage, Page};
use crate::operation::Operation;
use crate::outcome::{Outcome, Status};
use crate::predict::predict;
use crate::session::client::{Priority, Session, Store, dependants};
use crate::token::TokenText;

/// What outlives the client's process.
pub(super) struct Disk {
    pub(super) queue: BTreeMap<u64, Operation>,
    /// Operations that are asked for although their lane stands.
    pub(super) asked: BTreeMap<u64, u64>,
    pub(super) applied: BTreeSet<u64>,
    pub(super) refused: BTreeSet<u64>,
    pub(super) aside: BTreeSet<u64>,
    standing: BTreeSet<Key>,
    pub(super) confirmed: BTreeMap<Key, Held>,
    pub(super) views: Vec<Follow>,
    /// Per view the records that the snapshot under way has shown.
    shown: BTreeMap<u32, BTreeSet<Key>>,
    pub(super) made: u64,
}

/// What was said to be held: the records of each stretch, and as of where they were known.
type Said = Vec<Vec<(Key, u64)>>;

/// A confirmed record.
pub(super) struct Held {
    pub(super) position: u64,
    pub(super) fields: Option<Fields>,
    version: Option<TokenText>,
}

pub(super) struct Shell {
    pub(super) client: ClientId,
    pub(super) disk: Disk,
    pub(super) machine: Session,
    /// What was handed to the machine since it began.
    handed: BTreeSet<u64>,
    /// What the machine knows to be answered for good.
    answered: BTreeSet<u64>,
    /// What is being written to disk.
    pub(super) storing: Option<Store>,
    window: u32,
    random: Random,
    /// Records that there are.
    keys: Vec<Key>,
    is_narrow: bool,
    /// Per view what was said to be held, since the process began.
    said: BTreeMap<u32, Said>,
}

impl Shell {
    pub(super) fn new(
        name: &str,
        views: Vec<Follow>,
        window: u32,
        is_narrow: bool,
        random: Random,
    ) -> Self {
        let client = ClientId::new(name).unwrap();
        let key = |(entity, id): (&str, &str)| {
            (EntityName::new(entity).unwrap(), RecordId::new(id).unwrap())
        };
        let keys = [("a", "1"), ("a", "2"), ("a", "3"), ("b", "1"), ("b", "2")].map(key).to_vec();
        let disk = Disk {
            queue: BTreeMap::new(),
            asked: BTreeMap::new(),
            applied: BTreeSet::new(),
            refused: BTreeSet::new(),
            aside: BTreeSet::new(),
            standing: BTreeSet::new(),
            confirmed: BTreeMap::new(),
            views: views.clone(),
            shown: BTreeMap::new(),
            made: 0,
        };
        let machine = Session::new(client.clone(), Vec::new(), window, views);
        let (handed, answered, storing) = (BTreeSet::new(), BTreeSet::new(), None);
        let said = BTreeMap::new();
        Self {
            client,
            disk,
            machine,
            handed,
            answered,
            storing,
            window,
            random,
            keys,
            is_narrow,
            said,
        }
    }

    /// The process ends and starts again with what is on disk.
    pub(super) fn restart(&mut self) {
        self.machine =
            Session::new(self.client.clone(), Vec::new(), self.window, self.disk.views.clone());
        self.handed.clear();
        self.answered.clear();
        self.storing = None;
        self.said.clear();
    }

    /// The user writes something.
    pub(super) fn edit(&mut self, now_ms: u64) {
        let key = self.random.pick(&self.keys).clone();
        if self.disk.standing.contains(&key) && self.random.percent(50) {
            return;
        }
        self.disk.standing.remove(&key);
        self.disk.made += 1;
        let held = self.disk.confirmed.get(&key).filter(|held| held.fields.is_some());
        let open: Vec<u64> = self
            .disk
            .queue
            .keys()
            .copied()
            .filter(|one| !self.disk.asked.contains_key(one))
            .collect();
        let after = if self.random.percent(20) && !open.is_empty() {
            vec![*self.random.pick(&open)]
        } else {
            Vec::new()
        };
        let operation = Operation {
            counter: self.disk.made,
            entity: key.0.clone(),
            id: key.1.clone(),
            base: held.and_then(|held| held.version.clone()),
            effect: model::effect(&mut self.random, self.is_narrow),
            deltas: Vec::new(),
            edited_ms: now_ms,
            after,
        };
        self.disk.queue.insert(operation.counter, operation);
    }

    /// Hands what the machine has not got yet to it.
    pub(super) fn hand_in(&mut self, now_ms: u64) {
        for (counter, operation) in &self.disk.queue {
            if self.handed.contains(counter) {
                continue;
            }
            if let Some(refused) = self.disk.asked.get(counter) {
                self.machine.handle_asked(operation.clone(), *refused, now_ms).unwrap();
            } else {
                let urgent = self.random.percent(20);
                let priority = if urgent { Priority::Urgent } else { Priority::Normal };
                self.machine.handle_operation(operation.clone(), priority, now_ms).unwrap();
            }
            self.handed.insert(*counter);
        }
    }

    /// A message of the hub arrived.
    pub(super) fn arrive(&mut self, message: HubMessage, now_ms: u64) {
        if let HubMessage::Results(answer) = &message {
            let settled = answer.outcomes.iter().filter(|one| one.status != Status::Behind);
            self.answered.extend(settled.map(|one| one.counter));
        }
        self.machine.handle_message(message, now_ms);
    }

    /// Checks what the machine says to the hub.
    pub(super) fn check_message(&self, message: &ClientMessage) {
        match message {
            ClientMessage::Hello(hello) => assert_eq!(hello.views, self.disk.views, "hello"),
            ClientMessage::Ack { view, cursor } => {
                let stored = &self.disk.views[*view as usize].cursor;
                assert_eq!(stored.as_ref(), Some(cursor), "what is acknowledged is stored");
            }
            ClientMessage::Check { .. }
            | ClientMessage::Checked { .. }
            | ClientMessage::Holds { .. } => {}
            ClientMessage::Push(sent) => {
                let mut before: BTreeSet<u64> = BTreeSet::new();
                for operation in sent.iter().map(|sent| sent.as_ref().unwrap()) {
                    self.check_operation(operation, &before);
                    before.insert(operation.counter);
                }
            }
        }
    }

    fn check_operation(&self, operation: &Operation, before: &BTreeSet<u64>) {
        let counter = operation.counter;
        assert_eq!(self.disk.queue.get(&counter), Some(operation), "an operation of the queue");
        let lane = |one: &&Operation| (&one.entity, &one.id) == (&operation.entity, &operation.id);
        let is_answered =
            |one: &u64| self.answered.contains(one) || self.disk.asked.contains_key(one);
        let waits = |one: &u64| !before.contains(one) && !is_answered(one);
        let mut earlier = self.disk.queue.range(..counter).map(|(_, one)| one).filter(lane);
        let is_overtaken = earlier.any(|one| waits(&one.counter));
        assert!(!is_overtaken, "{counter} overtakes an earlier one of its lane");
        let mut named = operation.after.iter().filter(|one| self.disk.queue.contains_key(one));
        assert!(!named.any(waits), "{counter} overtakes one that it comes after");
    }

    /// Makes durable what the machine asked for. Returns what to tell it then.
    pub(super) fn store(&mut self, store: Store, hub: &Model) -> Option<(u32, StreamCursor)> {
        match store {
            Store::Outcome { operation, outcome, asked } => {
                self.store_outcome(&operation, &outcome, &asked, hub);
                None
            }
            Store::SetAside { operation, .. } => {
                assert!(self.disk.asked.remove(&operation.counter).is_some(), "it was asked for");
                assert!(self.disk.queue.remove(&operation.counter).is_some());
                assert!(self.disk.aside.insert(operation.counter));
                None
            }
            Store::Page { view, page, begins } => {
                let cursor = page.cursor.clone();
                self.store_page(view, page, begins, hub);
                Some((view, cursor))
            }
            Store::Checksum { .. } => None,
            Store::Anew { view } => {
                self.say_held(view);
                None
            }
        }
    }

    /// Says what is held of a view, one or two records in each stretch.
    fn say_held(&mut self, view: u32) {
        let follow = &self.disk.views[view as usize];
        let mut records: Vec<(Key, u64, Checksum)> = Vec::new();
        for (key, held) in self.disk.confirmed.iter().filter(|(key, _)| follows(follow, key)) {
            let Some(fields) = &held.fields else { continue };
            let mut sum = Checksum::default();
            sum.add(&key.0, &key.1, fields);
            records.push((key.clone(), held.position, sum));
        }
        let each = 1 + usize::try_from(self.random.below(2)).unwrap();
        let stretch = |records: &[(Key, u64, Checksum)]| {
            let checksum = records.iter().fold(Checksum::default(), |sum, one| sum.and(one.2));
            Stretch { last: records.last().unwrap().0.clone(), checksum }
        };
        let holdings = Holdings::new(records.chunks(each).map(stretch).collect()).unwrap();
        let names = |records: &[(Key, u64, Checksum)]| -> Vec<(Key, u64)> {
            records.iter().map(|(key, at, _)| (key.clone(), *at)).collect()
        };
        self.said.insert(view, records.chunks(each).map(names).collect());
        self.machine.handle_holdings(view, holdings);
    }

    fn store_outcome(
        &mut self,
        operation: &Operation,
        outcome: &Outcome,
        asked: &[u64],
        hub: &Model,
    ) {
        let counter = operation.counter;
        assert!(self.disk.queue.remove(&counter).is_some(), "{counter} is answered once");
        self.disk.asked.remove(&counter);
        let key = (operation.entity.clone(), operation.id.clone());
        if outcome.status.is_applied() {
            assert!(self.disk.applied.insert(counter));
            let seen = outcome.seen.as_ref().unwrap();
            let held = self.disk.confirmed.get(&key);
            if held.is_none_or(|held| held.position < seen.position.0) {
                let fields = held.and_then(|held| held.fields.as_ref());
                let fields = outcome.shown.apply(predict(fields, &operation.effect)).unwrap();
                self.confirm(key, seen.position.0, fields, &seen.version, hub);
            }
            return;
        }
        assert!(matches!(outcome.status, Status::Rejected | Status::Rebase));
        assert!(self.disk.refused.insert(counter));
        let later = self.disk.queue.range(counter..).map(|(_, one)| one);
        for after in dependants(operation, later) {
            if asked.contains(&after) {
                self.disk.asked.insert(after, counter);
            } else if !self.disk.asked.contains_key(&after) {
                self.disk.queue.remove(&after);
                self.disk.aside.insert(after);
            }
        }
        self.disk.standing.insert(key);
    }

    fn store_page(&mut self, view: u32, page: Page, begins: bool, hub: &Model) {
        let follow = self.disk.views[view as usize].clone();
        let back = |last: &StreamCursor| last.position() > page.cursor.position();
        assert!(begins || !follow.cursor.as_ref().is_some_and(back), "a cursor goes back");
        let cursor = page.cursor.clone();
        if begins {
            self.disk.shown.insert(view, BTreeSet::new());
        }
        if let Some(same) = &page.same {
            self.store_same(view, same);
        }
        for change in page.changes {
            let key = (change.entity.clone(), change.id.clone());
            if page.is_snapshot {
                self.disk.shown.entry(view).or_default().insert(key.clone());
            }
            self.store_change(key, change, hub);
        }
        if page.is_snapshot && cursor.snapshot.is_none() {
            let shown = self.disk.shown.remove(&view).unwrap_or_default();
            let begun = cursor.position().0;
            self.disk.confirmed.retain(|key, held| {
                !follows(&follow, key) || shown.contains(key) || held.position > begun
            });
        }
        self.disk.views[view as usize].cursor = Some(cursor.clone());
        if cursor.snapshot.is_none() {
            self.check_no_gap(&follow, cursor.position().0, hub);
        }
    }

    /// What the hub holds alike is as of there, unless more is known of it since it was said.
    fn store_same(&mut self, view: u32, same: &Same) {
        let said = &self.said[&view];
        for number in same.stretches.iter().flat_map(|run| run.numbers()) {
            for (key, at) in &said[number] {
                self.disk.shown.entry(view).or_default().insert(key.clone());
                let held = self.disk.confirmed.get_mut(key);
                if let Some(held) = held.filter(|held| held.position == *at) {
                    held.position = held.position.max(same.position.0);
                }
            }
        }
    }

    fn store_change(&mut self, key: Key, change: Change, hub: &Model) {
        let position = change.seen.position.0;
        let held = self.disk.confirmed.get(&key);
        if held.is_some_and(|held| held.position >= position) {
            return;
        }
        let fields = held.and_then(|held| held.fields.clone());
        let fields = change.content.apply(fields).expect("changes fit what the client holds");
        self.confirm(key, position, fields, &change.seen.version, hub);
    }

    /// Holds a record from now on; it is exactly what the hub had there.
    fn confirm(
        &mut self,
        key: Key,
        position: u64,
        fields: Option<Fields>,
        version: &TokenText,
        hub: &Model,
    ) {
        assert_eq!(version.as_str(), format!("v{position}"), "a token goes with its state");
        assert_eq!(fields.as_ref(), hub.state_at(&key, position).1, "{key:?} at {position}");
        self.disk.confirmed.insert(key, Held { position, fields, version: Some(version.clone()) });
    }

    /// Whatever changed up to the cursor is held, and nothing is shown twice.
    fn check_no_gap(&self, follow: &Follow, position: u64, hub: &Model) {
        for key in hub.keys().filter(|key| follows(follow, key)) {
            let (changed, fields) = hub.state_at(key, position);
            match self.disk.confirmed.get(key) {
                Some(held) => assert!(held.position >= changed, "{key:?} lacks {changed}"),
                None => {
                    let is_gone = fields.is_none() || hub.was_deleted_after(key, changed);
                    assert!(is_gone, "{key:?} is not there, {changed}");
                }
            }
        }
        for (counter, operation) in &self.disk.queue {
            let key = (operation.entity.clone(), operation.id.clone());
            if let Some(Ok(at)) =
                hub.result(&self.client, *counter).filter(|_| follows(follow, &key))
            {
                assert!(at > position, "{counter} is confirmed and waits as well");
            }
        }
    }

    /// Returns whether everything is settled and as the hub has it.
    pub(super) fn is_settled(&self, hub: &Model) -> bool {
        let is_equal = |follow: &Follow| {
            let mut keys = hub.keys().filter(|key| follows(follow, key));
            keys.all(|key| {
                let held = self.disk.confirmed.get(key).and_then(|held| held.fields.as_ref());
                held == hub.state_at(key, u64::MAX).1
            })
        };
        let has_come = |follow: &Follow| {
            follow.cursor.as_ref().is_some_and(|cursor| cursor.position().0 == hub.position())
        };
        self.disk.queue.is_empty()
            && self.disk.views.iter().all(|view| is_equal(view) && has_come(view))
    }

    /// Each operation was applied, refused or set aside, and the hub knows it so.
    pub(super) fn check_settled(&self, hub: &Model) {
        for counter in 1..=self.disk.made {
            let told = [&self.disk.applied, &self.disk.refused, &self.disk.aside];
            let told = told.map(|of| of.contains(&counter));
            let expected = match hub.result(&self.client, counter) {
                Some(Ok(_)) => [true, false, false],
                Some(Err(_)) => [false, true, false],
                None => [false, false, true],
            };
            assert_eq!(told, expected, "operation {counter} of {}", self.client);
        }
        let of_others = hub.results_of(&self.client) as u64 + self.disk.aside.len() as u64;
        assert_eq!(of_others, self.disk.made, "the hub knows no operation that nobody made");
    }
}
