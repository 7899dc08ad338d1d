//! Clients: they look at records, write operations, and send again what was not answered.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use syncline_merge::conflict::{Conflict, ConflictKind, Decision, conflicts};
use syncline_merge::display::visible;
use syncline_merge::dots::Dots;
use syncline_merge::operation::{Effect, FieldOperation, Operation};
use syncline_merge::token::{Context, Token};
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{ClientId, OperationId, RecordId, Writer};
use syncline_model::json::{Leaf, Number};

use super::files::FIELDS;
use super::{EPOCH_MS, Event, World};
use crate::check;
use crate::history::{Did, FieldDid, RecordKey, Seen, ShownStamps, Stamps, Written};
use crate::lineage::Deletion;
use crate::network::Endpoint;
use crate::random::Random;
use crate::schema::{field, path};
use crate::server::{Answer, Effects, Fail, Pull, Reply, Request, Settlement};

/// How long a client waits for an answer before it sends again, in milliseconds.
const RETRY_MS: u64 = 3_000;

/// What travels over the network.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// A client asks for a record.
    Look { number: u64, key: RecordKey },
    /// What it gets.
    Looked { number: u64, key: RecordKey, view: Rc<View> },
    /// A client sends an operation.
    Operate { request: Rc<Request>, written: Rc<Written> },
    /// What became of it.
    Answered { id: OperationId, answer: Answer },
    /// A hub asks a peer.
    Pull(Pull),
    /// What the peer answers.
    Reply(Sent),
}

/// A peer's answer, with what the world knows about it.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) reply: Rc<Reply>,
    /// By state: the exact set of changes in it.
    pub(crate) seen: Vec<Rc<Stamps>>,
}

/// What a client has seen of a record.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    token: Option<Token>,
    looked: Rc<Stamps>,
    conflicts: Vec<Conflict>,
    exists: bool,
}

impl View {
    /// Returns what a writer had seen that looked at this and made the changes `own`: as it tells
    /// the hub, and as the world knows it.
    fn seen_with(&self, own: Stamps, creates: bool) -> (Context, Seen) {
        let context = Context {
            base: self.token.clone(),
            own: own.iter().copied().collect::<Dots>(),
            creates,
        };
        let looked = match &self.token {
            Some(_) => Rc::clone(&self.looked),
            None => Rc::default(),
        };
        let shown = ShownStamps::of(self.token.as_ref());
        let seen = Seen { looked, own, shown, creates };
        (context, seen)
    }
}

/// What a client is waiting for.
#[derive(Clone, Debug)]
struct Waiting {
    request: Rc<Request>,
    written: Rc<Written>,
    site: usize,
}

/// One client.
#[derive(Debug)]
pub(crate) struct Client {
    index: usize,
    id: ClientId,
    home: usize,
    counter: u64,
    look_next: u64,
    views: BTreeMap<RecordKey, (u64, Rc<View>)>,
    own: BTreeMap<RecordKey, Stamps>,
    waiting: Option<Waiting>,
    pub(crate) offset_ms: i64,
}

impl Client {
    pub(crate) fn new(index: usize, sites: usize) -> Self {
        Self {
            index,
            id: ClientId::new(&format!("client-{index}")).expect("invariant: a word is a name"),
            home: index % sites,
            counter: 0,
            look_next: 1,
            views: BTreeMap::new(),
            own: BTreeMap::new(),
            waiting: None,
            offset_ms: 0,
        }
    }

    /// Returns whether nothing is unanswered.
    pub(crate) const fn is_idle(&self) -> bool {
        self.waiting.is_none()
    }

    fn edited(&self, now_ms: u64) -> Clock {
        Clock::new((EPOCH_MS + now_ms).saturating_add_signed(self.offset_ms), 0)
    }
}

impl World {
    /// A client looks, writes, or sends again.
    pub(crate) fn client_acts(&mut self, index: usize) {
        let Some(client) = self.clients.get(index) else {
            return;
        };
        if let Some(waiting) = client.waiting.clone() {
            self.send_operation(index, &waiting);
            self.after(RETRY_MS, Event::ClientActs(index));
            return;
        }
        if !self.healing {
            let key = self.draw_key();
            let site = self.draw_site(index);
            if self.random.chance(450) {
                self.look(index, site, key);
            } else {
                self.write(index, site, &key);
            }
        }
        self.after(self.swarm.client_pause_ms, Event::ClientActs(index));
    }

    fn draw_key(&mut self) -> RecordKey {
        let number = self.random.below(self.swarm.records);
        let files = self.swarm.sync_pause_ms > 0 && self.random.chance(300);
        let entity = if files { &self.schema.contacts } else { &self.schema.tasks };
        let id = RecordId::new(&format!("r{number}")).expect("invariant: a word is an id");
        (entity.clone(), id)
    }

    fn draw_site(&mut self, index: usize) -> usize {
        if self.random.chance(self.swarm.roaming) {
            return self.random.index(self.sites.len());
        }
        self.clients.get(index).map_or(0, |client| client.home)
    }

    fn look(&mut self, index: usize, site: usize, key: RecordKey) {
        let Some(client) = self.clients.get_mut(index) else {
            return;
        };
        let number = client.look_next;
        client.look_next += 1;
        self.send(Endpoint::Client(index), Endpoint::Site(site), &Message::Look { number, key });
    }

    /// Makes an operation from what the client knows, and sends it for the first time.
    fn write(&mut self, index: usize, site: usize, key: &RecordKey) {
        let blind = self.random.chance(self.swarm.blind);
        let Some(client) = self.clients.get(index) else {
            return;
        };
        let view = client.views.get(key).filter(|_| !blind);
        let view = view.map_or_else(Rc::default, |(_, view)| Rc::clone(view));
        let own = client.own.get(key).cloned().unwrap_or_default();
        let creates = view.token.as_ref().is_some_and(|token| token.invisible);
        if creates && own.iter().any(|stamp| !view.looked.contains(stamp)) {
            // It has written since it saw that nothing is there: it looks again first.
            return;
        }
        let (id, edited) = (client.id.clone(), client.edited(self.now_ms));
        let conflict = self.random.pick(&view.conflicts).cloned();
        let settles = conflict.filter(|_| self.random.chance(500));
        let (did, effect, settlement) = match settles {
            Some(conflict) => match self.draw_settlement(&conflict) {
                Some((did, settlement)) => (did, Effect::Delete, Some(settlement)),
                None => return,
            },
            None => {
                let (did, effect) = self.draw_effect(key, view.exists);
                (did, effect, None)
            }
        };
        let (context, seen) = view.seen_with(own, creates);
        let Some(client) = self.clients.get_mut(index) else {
            return;
        };
        client.counter += 1;
        let operation_id = OperationId { client: id.clone(), counter: client.counter };
        let operation = Operation { effect, writer: Writer::from(&id), edited, timed: true };
        let request = Request {
            id: operation_id.clone(),
            entity: key.0.clone(),
            record: key.1.clone(),
            operation,
            context,
            settlement,
        };
        let (key, operation) = (key.clone(), Some(operation_id.clone()));
        let written = Written { key: key.clone(), did, seen, operation, ended: Stamps::new() };
        let waiting = Waiting { request: Rc::new(request), written: Rc::new(written), site };
        client.waiting = Some(waiting.clone());
        self.history.fates.insert(operation_id.clone(), crate::history::Fate::default());
        self.note(format_args!(
            "c{index} writes {}#{} to s{site}: {} {} {:?}",
            operation_id.client, operation_id.counter, key.0, key.1, waiting.written.did
        ));
        self.send_operation(index, &waiting);
    }

    fn send_operation(&mut self, index: usize, waiting: &Waiting) {
        let (request, written) = (Rc::clone(&waiting.request), Rc::clone(&waiting.written));
        let message = Message::Operate { request, written };
        self.send(Endpoint::Client(index), Endpoint::Site(waiting.site), &message);
    }

    fn draw_settlement(&mut self, conflict: &Conflict) -> Option<(Did, Settlement)> {
        let covered: Stamps = conflict.stamps.iter().copied().collect();
        let (did, decision) = match conflict.kind {
            ConflictKind::Values => {
                let value = self.random.pick(&conflict.sides)?.value.clone();
                let (path, decided) = (conflict.path.clone(), value.clone());
                (Did::Settle { path, value: decided, covered }, Decision::Value(value))
            }
            ConflictKind::Deletion => {
                let keep = self.random.chance(500);
                let decision = if keep { Decision::Keep } else { Decision::Delete };
                (Did::SettleExistence { keep, covered }, decision)
            }
            _ => return None,
        };
        let (path, stamps) = (conflict.path.clone(), conflict.stamps.clone());
        Some((did, Settlement { path, stamps, decision }))
    }

    fn draw_effect(&mut self, key: &RecordKey, exists: bool) -> (Did, Effect) {
        if exists && self.random.chance(120) {
            return (Did::Delete, Effect::Delete);
        }
        if key.0 == self.schema.contacts {
            let name = self.random.pick(&FIELDS).copied().unwrap_or("name");
            let (path, value) =
                (path(&format!("/{name}")), Leaf::string(&format!("v{}", self.fresh_value())));
            let did = Did::Write(vec![FieldDid::Set(path.clone(), Some(value.clone()))]);
            return (did, Effect::Write(vec![FieldOperation::Set { path, value }]));
        }
        let (mut did, mut fields) = (Vec::new(), Vec::new());
        for _ in 0..self.random.between(1, 3) {
            let fresh = self.fresh_value();
            let (one, field) = draw_field(&mut self.random, fresh);
            let taken = fields.iter().any(|other: &FieldOperation| other.path() == field.path());
            if !taken {
                did.push(one);
                fields.push(field);
            }
        }
        (Did::Write(did), Effect::Write(fields))
    }

    /// A message arrives.
    pub(crate) fn deliver(&mut self, to: Endpoint, from: Endpoint, message: Message) {
        match (to, message) {
            (Endpoint::Site(site), Message::Look { number, key }) => {
                self.show(site, from, number, key)
            }
            (Endpoint::Site(site), Message::Operate { request, written }) => {
                self.operate(site, from, &request, &written);
            }
            (Endpoint::Site(site), Message::Pull(pull)) => self.handle_pull(site, from, pull),
            (Endpoint::Site(site), Message::Reply(sent)) => self.handle_reply(site, from, &sent),
            (Endpoint::Client(client), Message::Looked { number, key, view }) => {
                let Some(client) = self.clients.get_mut(client) else {
                    return;
                };
                let known = client.views.get(&key).map_or(0, |known| known.0);
                if number > known {
                    client.views.insert(key, (number, view));
                }
            }
            (Endpoint::Client(client), Message::Answered { id, answer }) => {
                self.answered(client, &id, &answer);
            }
            _ => {}
        }
    }

    /// A site shows a record to a client.
    fn show(&mut self, index: usize, from: Endpoint, number: u64, key: RecordKey) {
        let rules = self.schema.rules(&key.0).clone();
        let Endpoint::Client(client) = from else {
            return;
        };
        let Some(writer) = self.clients.get(client).map(|client| Writer::from(&client.id)) else {
            return;
        };
        let Some(site) = self.sites.get(index) else {
            return;
        };
        let Some(server) = &site.server else { return };
        let Ok(record) = server.record(&key.0, &key.1) else {
            return;
        };
        let looked =
            self.history.shadows.get(index).map(|shadow| shadow.seen(&key)).unwrap_or_default();
        let view = record.map_or_else(View::default, |record| View {
            token: Some(Token::of(&record, &rules, Some(&writer), &[])),
            looked,
            conflicts: conflicts(&record, &rules),
            exists: visible(&record, &rules, None).is_some(),
        });
        self.count("look");
        let message = Message::Looked { number, key, view: Rc::new(view) };
        self.send(Endpoint::Site(index), from, &message);
    }

    /// A site gets an operation.
    fn operate(&mut self, index: usize, from: Endpoint, request: &Request, written: &Rc<Written>) {
        let now_ms = self.now_ms;
        let Some(wall_ms) = self.sites.get(index).map(|site| site.wall_ms(now_ms)) else {
            return;
        };
        let schema = Rc::clone(&self.schema);
        let Some(server) = self.reached(index) else {
            return;
        };
        let epoch = syncline_store::Store::epoch(server.rows()).0;
        let (outcome, effects) = server.handle_request(request, &schema, wall_ms);
        self.note(format_args!(
            "s{index}/{epoch} operates {}#{}: {outcome:?} {:?}",
            request.id.client,
            request.id.counter,
            effects.as_ref().map(|e| (e.position.0, e.stamp))
        ));
        if let Some(effects) = effects.as_ref().filter(|_| may_be_saved(&outcome)) {
            self.remember(index, written, effects, outcome.is_ok());
        }
        match outcome {
            Ok(answer) => {
                self.count("operation answered");
                let message = Message::Answered { id: request.id.clone(), answer };
                self.send(Endpoint::Site(index), from, &message);
            }
            Err(Fail::Store(error)) if error.code() == "STORE_FENCED" => self.end_stale(index),
            Err(fail) => self.failed(index, &fail),
        }
    }

    /// Takes note of a change that a site was about to save.
    fn remember(&mut self, index: usize, written: &Rc<Written>, effects: &Effects, saved: bool) {
        let key = &written.key;
        let mut stamps = Stamps::from([effects.stamp]);
        if saved {
            check::causality(self, index, written);
        }
        let ended = check::ended(self, index, written);
        self.history.written.insert(effects.stamp, Written { ended, ..(**written).clone() });
        for (path, stamp, covered) in &effects.capped {
            stamps.insert(*stamp);
            let did = Did::Cap { path: path.clone(), covered: covered.iter().copied().collect() };
            let capped = Written::by_hub(key.clone(), did);
            self.history.written.insert(*stamp, capped);
        }
        if let Some(shadow) = self.history.shadows.get_mut(index) {
            shadow.push(effects.position, key, Rc::new(stamps));
        }
        if saved {
            if let Some(acknowledged) = self.history.acknowledged.get_mut(index) {
                *acknowledged = (*acknowledged).max(effects.position);
            }
            self.observe(index, key);
        }
        if key.0 == self.schema.contacts {
            self.replaced_by_client(written, effects.stamp);
        }
    }

    /// Takes note of which values of files a client's change has replaced, and of its own.
    fn replaced_by_client(&mut self, written: &Written, stamp: Stamp) {
        let lineage = &mut self.history.lineage;
        let covers = |stamp: &Stamp| match &written.did {
            Did::Settle { covered, .. } | Did::SettleExistence { covered, .. } => {
                covered.contains(stamp)
            }
            _ => written.seen.covers(*stamp),
        };
        let of_record = lineage.stamps.iter().filter(|(value, stamp)| {
            lineage.records.get(*value) == Some(&written.key) && covers(stamp)
        });
        let known: BTreeSet<String> = of_record.map(|(value, _)| value.clone()).collect();
        let mut removed = |changes: Stamps| {
            let (key, change) = (written.key.clone(), Some(stamp));
            lineage.removed(Deletion { key, change, values: known.clone(), changes });
        };
        match &written.did {
            Did::Delete => removed(&*written.seen.looked | &written.seen.own),
            Did::SettleExistence { keep: false, covered } => removed(covered.clone()),
            Did::SettleExistence { .. } | Did::Cap { .. } => {}
            Did::Settle { .. } => lineage.replaced.extend(known),
            // Values of the record's other fields stay; that they count as replaced asks for less.
            Did::Write(fields) => {
                lineage.replaced.extend(known);
                for field in fields {
                    if let FieldDid::Set(_, Some(value)) = field
                        && let Some(value) = value.as_string()
                    {
                        lineage.records.insert(value.clone().into_owned(), written.key.clone());
                        lineage.stamps.insert(value.into_owned(), stamp);
                    }
                }
            }
        }
    }

    /// Checks that a client that was told of a change is told of the same one whenever it is told
    /// again: answers are lost, doubled and late.
    fn check_told(&mut self, id: &OperationId, answer: &Answer) {
        let known = self.history.fates.get(id).and_then(|fate| fate.acknowledged);
        let other = |stamp: &Stamp| known.is_some_and(|known| known != *stamp);
        let word = format!("{}#{}", id.client, id.counter);
        let (requirement, finding) = match answer {
            Answer::Applied(stamp) if other(stamp) => ("I6", "was applied again"),
            Answer::Duplicate(stamp) if other(stamp) => ("I5", "is told of another change"),
            _ => return,
        };
        self.history.violate(requirement, format!("operation {word} {finding}"), vec![word]);
    }

    /// A client is told what became of its operation.
    fn answered(&mut self, index: usize, id: &OperationId, answer: &Answer) {
        self.check_told(id, answer);
        let Some(client) = self.clients.get_mut(index) else {
            return;
        };
        let Some(waiting) = client.waiting.as_ref().filter(|waiting| waiting.request.id == *id)
        else {
            return;
        };
        let key = waiting.written.key.clone();
        let fate = self.history.fates.entry(id.clone()).or_default();
        match answer {
            Answer::Applied(stamp) | Answer::Duplicate(stamp) => {
                fate.acknowledged = Some(*stamp);
                client.own.entry(key).or_default().insert(*stamp);
                client.waiting = None;
            }
            // The site lacks what the client has seen; that arrives with the exchange.
            Answer::Refused("BEHIND") => {}
            Answer::Refused(code) => {
                fate.refused = Some(code);
                client.waiting = None;
            }
        }
        let number = client.index;
        self.note(format_args!("c{number} is told of {}#{}: {answer:?}", id.client, id.counter));
    }
}

/// Draws what a write does to one field of a task; `fresh` was never used before.
pub(crate) fn draw_field(random: &mut Random, fresh: u64) -> (FieldDid, FieldOperation) {
    let text = |text: &str| Leaf::string(&format!("{text}{fresh}"));
    let set = |at: &str, value: Leaf| {
        let path = path(at);
        (FieldDid::Set(path.clone(), Some(value.clone())), FieldOperation::Set { path, value })
    };
    match random.below(10) {
        0 => {
            let path = path(field::TITLE);
            (FieldDid::Set(path.clone(), None), FieldOperation::Unset { path })
        }
        1 | 2 => set(field::PRICE, Leaf::parse(&fresh.to_string()).expect("invariant: a number")),
        3 => set(field::STAGE, text("stage-")),
        4 | 5 => {
            let by = i64::try_from(1 + fresh % 5).unwrap_or(1);
            let path = path(field::VIEWS);
            let operation = FieldOperation::Increment { path: path.clone(), by: Number::from(by) };
            (FieldDid::Increment(path, by), operation)
        }
        6 => {
            let (path, element) = (path(field::TAGS), Leaf::string(&format!("tag-{}", fresh % 4)));
            let did = FieldDid::Add(path.clone(), element.clone());
            (did, FieldOperation::Add { path, element })
        }
        7 => {
            let (path, element) = (path(field::TAGS), Leaf::string(&format!("tag-{}", fresh % 4)));
            let did = FieldDid::Remove(path.clone(), element.clone());
            (did, FieldOperation::Remove { path, element })
        }
        8 => {
            // What an older program does not know must come back byte for byte.
            let odd = format!("[1.50, {{\"n\" : {fresh}.0e0}}, \"\\u0041\"]");
            set(field::UNKNOWN, Leaf::parse(&odd).expect("invariant: JSON"))
        }
        _ => set(field::TITLE, text("title-")),
    }
}

/// Returns whether a change is saved, or may be: only an unknown outcome leaves that open.
pub(crate) fn may_be_saved<T>(outcome: &Result<T, Fail>) -> bool {
    match outcome {
        Ok(_) => true,
        Err(Fail::Store(error)) => error.code() == "STORE_UNKNOWN",
        Err(Fail::Row(_)) => false,
    }
}
