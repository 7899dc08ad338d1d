//! A client as `docs/protocol.md` says that one is: what it keeps, sends, and makes of answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::channel;

use syncline_hub::served::{Limits, Paged, RecordNow, ServeError, Served};
use syncline_merge::display::Fields;
use syncline_merge::operation::Effect;
use syncline_model::id::{ClientId, EntityName, Position, RecordId, Writer};
use syncline_policy::view::Sight;
use syncline_protocol::change::{Change, OpenConflict};
use syncline_protocol::checksum::Checksum;
use syncline_protocol::holdings::{Holdings, Same, Stretch};
use syncline_protocol::message::{Follow, Page, PushAnswer};
use syncline_protocol::operation::Operation;
use syncline_protocol::outcome::{Outcome, Status};
use syncline_protocol::predict::predict;
use syncline_protocol::session::hub::Anew;
use syncline_protocol::token::TokenText;

pub(crate) type RecordKey = (EntityName, RecordId);

/// The records of each stretch that a client has said to hold, and as of where each was known.
type Said = Vec<Vec<(RecordKey, Position)>>;

/// A record as the hub has confirmed it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held {
    pub(crate) fields: Option<Fields>,
    pub(crate) token: TokenText,
    pub(crate) position: Position,
    /// Those that wait for a person; `None` where a result did not say.
    pub(crate) conflicts: Option<Vec<OpenConflict>>,
    /// Whether it is known by a sum, and not by what was told: then its token may be an older one.
    pub(crate) is_summed: bool,
}

/// A client.
pub(crate) struct Client {
    pub(crate) id: ClientId,
    pub(crate) follow: Follow,
    /// What it may see and write, and follows; `None` for everything.
    pub(crate) sight: Option<Arc<Sight>>,
    pub(crate) held: BTreeMap<RecordKey, Held>,
    pub(crate) queue: Vec<Operation>,
    counter: u64,
    /// What a snapshot has shown so far, while it goes on.
    shown: BTreeSet<RecordKey>,
    /// What it has said to hold, while a snapshot goes on that need not tell that: the records of each
    /// stretch, and as of where each was known.
    pub(crate) anew: Option<(Anew, Said)>,
    /// Operations that were set aside, with the code of the reason.
    pub(crate) aside: Vec<(u64, String)>,
    /// How often something was told that did not fit what is held.
    pub(crate) unfit: usize,
}

/// Sends operations and waits for the answer.
pub(crate) fn push(
    served: &Served,
    client: &ClientId,
    operations: Vec<Operation>,
) -> Result<PushAnswer, ServeError> {
    let (tell, told) = channel();
    served.push(client, operations, Box::new(move |pushed| tell.send(pushed).unwrap()));
    told.recv().unwrap().map(|pushed| pushed.answer())
}

/// As [`push`], for a client that may not see and write everything.
pub(crate) fn push_for(
    served: &Served,
    sight: &Arc<Sight>,
    client: &ClientId,
    operations: Vec<Operation>,
) -> Result<PushAnswer, ServeError> {
    let (tell, told) = channel();
    let done = move |pushed| tell.send(pushed).unwrap();
    served.push_for(sight, client, operations, Box::new(done));
    told.recv().unwrap().map(|pushed| pushed.answer())
}

impl Client {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            id: ClientId::new(name).unwrap(),
            follow: Follow::default(),
            sight: None,
            held: BTreeMap::new(),
            queue: Vec::new(),
            counter: 0,
            shown: BTreeSet::new(),
            anew: None,
            aside: Vec::new(),
            unfit: 0,
        }
    }

    /// Returns how many operations it has made.
    pub(crate) const fn made(&self) -> u64 {
        self.counter
    }

    pub(crate) fn writer(&self) -> Writer {
        Writer::from(&self.id)
    }

    /// Makes an operation and puts it into the queue.
    pub(crate) fn make(&mut self, key: &RecordKey, effect: Effect, is_blind: bool, edited_ms: u64) {
        self.counter += 1;
        let base = self.held.get(key).filter(|_| !is_blind).map(|held| held.token.clone());
        self.queue.push(Operation {
            counter: self.counter,
            entity: key.0.clone(),
            id: key.1.clone(),
            base,
            effect,
            deltas: Vec::new(),
            edited_ms,
            after: Vec::new(),
        });
    }

    /// Returns what the client shows of a record: what is confirmed, and the queue on top of it.
    pub(crate) fn view(&self, key: &RecordKey) -> Option<Fields> {
        let confirmed = self.held.get(key).and_then(|held| held.fields.clone());
        let queued = self.queue.iter().filter(|op| op.entity == key.0 && op.id == key.1);
        queued.fold(confirmed, |shown, op| predict(shown.as_ref(), &op.effect))
    }

    /// Takes in the answer to the first operations of the queue.
    pub(crate) fn take_answer(&mut self, served: &Served, answer: PushAnswer) {
        for outcome in answer.outcomes {
            self.take_outcome(served, outcome);
        }
    }

    fn take_outcome(&mut self, served: &Served, outcome: Outcome) {
        let at = self.queue.iter().position(|op| op.counter == outcome.counter).unwrap();
        if outcome.status == Status::Behind {
            return;
        }
        let operation = self.queue.remove(at);
        let key = (operation.entity.clone(), operation.id.clone());
        let Some(seen) = outcome.seen else {
            let code = outcome.problem.map(|problem| problem.code.to_string());
            self.aside.push((operation.counter, code.unwrap_or_default()));
            if outcome.status == Status::Rebase {
                self.fetch(served, &key);
            }
            return;
        };
        let held = self.held.get(&key);
        if held.is_some_and(|held| seen.position <= held.position) {
            return;
        }
        let before = held.and_then(|held| held.fields.clone());
        let told = match outcome.status {
            Status::Applied => outcome.shown.apply(predict(before.as_ref(), &operation.effect)),
            _ => outcome.shown.apply(None),
        };
        match told {
            Ok(fields) => self.hold(&key, fields, seen.version, seen.position, None),
            Err(_) => self.lost(served, &key),
        }
    }

    fn hold(
        &mut self,
        key: &RecordKey,
        fields: Option<Fields>,
        token: TokenText,
        position: Position,
        conflicts: Option<Vec<OpenConflict>>,
    ) {
        self.held
            .insert(key.clone(), Held { fields, token, position, conflicts, is_summed: false });
    }

    fn lost(&mut self, served: &Served, key: &RecordKey) {
        self.unfit += 1;
        self.fetch(served, key);
    }

    fn fetch(&mut self, served: &Served, key: &RecordKey) {
        let now = self.now(served, key);
        match now {
            Some(now) => {
                let (token, position) = (now.seen.version, now.seen.position);
                self.hold(key, now.fields, token, position, Some(now.conflicts));
            }
            None => drop(self.held.remove(key)),
        }
    }

    /// Returns a record as the hub shows it to the client.
    pub(crate) fn now(&self, served: &Served, key: &RecordKey) -> Option<RecordNow> {
        let writer = self.writer();
        let now = match &self.sight {
            Some(sight) => served.record_for(sight, &key.0, &key.1, &writer),
            None => served.record(&key.0, &key.1, &writer),
        };
        now.unwrap()
    }

    /// Sends the first operations of its queue.
    pub(crate) fn send(&self, served: &Served, count: usize) -> PushAnswer {
        let operations = self.queue[..count].to_vec();
        match &self.sight {
            Some(sight) => push_for(served, sight, &self.id, operations),
            None => push(served, &self.id, operations),
        }
        .unwrap()
    }

    /// Fetches a page.
    pub(crate) fn page(&self, served: &Served, limits: Limits) -> Result<Paged, ServeError> {
        let anew = self.anew.as_ref().map(|(anew, _)| anew);
        let Some(sight) = &self.sight else {
            return match anew {
                Some(anew) => served.page_anew(&self.follow, anew, &self.writer(), limits),
                None => served.page(&self.follow, &self.writer(), limits),
            };
        };
        let audience = served.audience((**sight).clone());
        if let Some(anew) = anew {
            let cursor = self.follow.cursor.as_ref();
            return served.page_anew_for(&audience, cursor, anew, &self.writer(), limits);
        }
        served.page_for(&audience, self.follow.cursor.as_ref(), &self.writer(), limits)
    }

    /// Fetches a page and takes it in; answers whether there is more.
    pub(crate) fn pull(&mut self, served: &Served, limits: Limits) -> Result<bool, ServeError> {
        let paged = self.page(served, limits)?;
        Ok(self.take_page(served, paged.page))
    }

    pub(crate) fn take_page(&mut self, served: &Served, page: Page) -> bool {
        let Page { changes, cursor, more, is_snapshot, begins, same } = page;
        assert_eq!(begins, is_snapshot && self.follow.cursor.is_none());
        self.take_same(same);
        for change in changes {
            let key = (change.entity.clone(), change.id.clone());
            if is_snapshot {
                self.shown.insert(key.clone());
            }
            self.take_change(served, &key, change);
        }
        if is_snapshot && cursor.snapshot.is_none() {
            let shown = std::mem::take(&mut self.shown);
            let began = cursor.position();
            self.held.retain(|key, held| shown.contains(key) || held.position > began);
            self.anew = None;
        }
        self.follow.cursor = Some(cursor);
        more
    }

    /// Takes in which of the stretches that it holds the hub holds alike.
    fn take_same(&mut self, same: Option<Same>) {
        let (Some(same), Some((_, said))) = (same, &self.anew) else { return };
        for number in same.stretches.iter().flat_map(|run| run.numbers()) {
            for (key, at) in &said[number] {
                self.shown.insert(key.clone());
                if let Some(held) = self.held.get_mut(key).filter(|held| held.position == *at) {
                    held.position = held.position.max(same.position);
                    held.conflicts = Some(Vec::new());
                    held.is_summed = true;
                }
            }
        }
    }

    fn take_change(&mut self, served: &Served, key: &RecordKey, change: Change) {
        let Change { seen, content, conflicts, .. } = change;
        let held = self.held.get_mut(key);
        if let Some(held) = held.filter(|held| seen.position <= held.position) {
            if seen.position == held.position {
                held.conflicts = Some(conflicts);
            }
            return;
        }
        let held = self.held.get(key);
        match content.apply(held.and_then(|held| held.fields.clone())) {
            Ok(fields) => self.hold(key, fields, seen.version, seen.position, Some(conflicts)),
            Err(_) => self.lost(served, key),
        }
    }

    /// Begins anew: what is held is kept until the snapshot is through.
    pub(crate) fn begin_anew(&mut self) {
        self.follow.cursor = None;
        self.shown.clear();
        // Positions of another life are older than all of this one.
        self.held.values_mut().for_each(|held| held.position = Position(0));
        self.anew = None;
    }

    /// Says what it holds, in stretches of one to three records, before a view begins anew.
    pub(crate) fn say_held(&mut self, served: &Served) {
        let mut records = Vec::new();
        for (key, held) in &self.held {
            let Some(fields) = &held.fields else { continue };
            let mut sum = Checksum::default();
            sum.add_held(&key.0, &key.1, fields, Some(&held.token));
            records.push((key.clone(), held.position, sum));
        }
        let each = 1 + records.len() % 3;
        let (mut stretches, mut said) = (Vec::new(), Vec::new());
        for of in records.chunks(each) {
            let checksum = of.iter().fold(Checksum::default(), |sum, (_, _, one)| sum.and(*one));
            stretches.push(Stretch { last: of.last().unwrap().0.clone(), checksum });
            said.push(of.iter().map(|(key, at, _)| (key.clone(), *at)).collect());
        }
        let holdings = Arc::new(Holdings::new(stretches).unwrap());
        self.anew = Some((Anew { from: served.position(), holdings }, said));
    }
}
