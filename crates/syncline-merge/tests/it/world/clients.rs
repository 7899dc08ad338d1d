//! Clients that roam between hubs with a token and a queue of operations on it, people who settle
//! conflicts, and strangers who write without having read.

use syncline_merge::commit::operate;
use syncline_merge::conflict::{Conflict, ConflictKind, Decision, conflicts, settle};
use syncline_merge::dots::Dots;
use syncline_merge::error::Refusal;
use syncline_merge::fault::{Fault, is_planted};
use syncline_merge::operation::{Effect, FieldOperation, Operation};
use syncline_merge::text::ot::TextOperation;
use syncline_merge::token::{Context, Token};
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{SiteId, Writer};
use syncline_model::json::{Leaf, Number};
use syncline_model::path::Path;

use super::random::Random;
use super::seeing::Seeing;
use super::{RECORDS, World};
use crate::oracle::mirror::{self, Writing};
use crate::oracle::set::Set;
use crate::oracle::{Change, Drop, ELEMENTS, GROUPS, Item, KEYS, Reach, Seen, Slot, intern};

/// Somebody who reads at one hub and writes at another.
pub(crate) struct Client {
    pub(crate) name: Writer,
    at: usize,
    /// What it was given of each record, and what it wrote on it since.
    pub(crate) given: Vec<Option<Given>>,
    /// An operation that was sent and not answered.
    pending: Option<Pending>,
}

/// A record as a client holds it.
pub(crate) struct Given {
    pub(crate) seeing: Seeing,
    /// The hub that gave it.
    pub(crate) hub: usize,
    pub(crate) expired: bool,
    own: Vec<Stamp>,
    own_set: Set,
    blind: bool,
    /// Whether the client sees no record.
    sees_none: bool,
}

/// What a hub answers to an operation: until it arrives, the client has seen nothing of its change.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) stamp: Stamp,
    /// The client's token, with what it has added by the change.
    pub(crate) token: Token,
}

struct Pending {
    id: u64,
    record: usize,
    site: SiteId,
    operation: Operation,
}

/// One operation as it reaches a hub.
struct Request<'a> {
    record: usize,
    seeing: &'a Seeing,
    own: &'a [Stamp],
    own_set: Set,
    creates: bool,
    operation: &'a Operation,
    repeated: bool,
}

impl Client {
    pub(crate) fn new(index: usize, at: usize) -> Self {
        let name = Writer::new(&format!("client-{index}")).unwrap();
        Self { name, at, given: (0..RECORDS).map(|_| None).collect(), pending: None }
    }
}

impl World {
    pub(super) fn client_roams(&mut self, random: &mut Random) -> Result<(), String> {
        let (client, hub) = (random.below(self.clients.len()), random.below(self.hubs.len()));
        self.clients[client].at = hub;
        self.note(|| format!("client {client} roams to hub {hub}"));
        Ok(())
    }

    pub(super) fn token_expires(&mut self, random: &mut Random) -> Result<(), String> {
        let (client, record) = (random.below(self.clients.len()), random.below(RECORDS));
        if let Some(given) = &mut self.clients[client].given[record] {
            given.expired = true;
        }
        Ok(())
    }

    pub(super) fn tokens_expire(&mut self, record: usize) {
        let given = self.clients.iter_mut().filter_map(|client| client.given[record].as_mut());
        given.for_each(|given| given.expired = true);
    }

    pub(super) fn client_acts(&mut self, random: &mut Random) -> Result<(), String> {
        let client = random.below(self.clients.len());
        if self.clients[client].pending.is_some() {
            return self.client_tries_again(client);
        }
        let record = random.below(RECORDS);
        let hub = self.clients[client].at;
        let expired = self.clients[client].given[record].as_ref().is_some_and(|g| g.expired);
        // What is expired may still arrive somewhere: that hub has to answer by itself.
        if (expired && random.chance(60)) || random.chance(30) {
            self.clients[client].given[record] = None;
        }
        if self.clients[client].given[record].is_none() {
            self.client_reads(client, hub, record, random)?;
        }
        let (name, now_ms) = (self.clients[client].name.clone(), self.now_ms);
        let Some(given) = &self.clients[client].given[record] else {
            return Ok(());
        };
        let effect = self.effect(given, random);
        let edited = claimed(now_ms, random);
        let operation = Operation { effect, writer: name, edited, timed: true };
        self.operations += 1;
        let id = self.operations;
        self.client_sends(client, Pending { id, record, site: SiteId(0), operation }, random)
    }

    fn client_reads(
        &mut self,
        client: usize,
        hub: usize,
        record: usize,
        random: &mut Random,
    ) -> Result<(), String> {
        let name = self.clients[client].name.clone();
        let hidden: Vec<usize> =
            if random.chance(8) { vec![1 + random.below(GROUPS - 1)] } else { vec![] };
        let seeing = self.show(hub, record, &name, &hidden)?;
        let blind = seeing.is_none() || random.chance(15);
        let seeing = seeing.filter(|_| !blind).unwrap_or_default();
        self.note(|| format!("client {client} reads record {record} at hub {hub}, blind: {blind}"));
        let (own, own_set, expired) = (vec![], Set::default(), false);
        let sees_none = seeing.token.invisible;
        self.clients[client].given[record] =
            Some(Given { seeing, hub, expired, own, own_set, blind, sees_none });
        Ok(())
    }

    fn client_tries_again(&mut self, client: usize) -> Result<(), String> {
        let hub = self.clients[client].at;
        let site = self.hubs[hub].site;
        let Some(pending) = self.clients[client].pending.take() else {
            return Ok(());
        };
        if pending.site != site && !is_planted(Fault::RetriedElsewhere) {
            // It is retried where it was sent, or given up once that site is lost.
            if !self.lost.contains(&pending.site) {
                self.clients[client].pending = Some(pending);
            }
            return Ok(());
        }
        if let Some(answer) = self.hubs[hub].results.get(&pending.id).cloned() {
            self.note(|| format!("client {client} tries again and is told {:?}", answer.stamp));
            self.client_is_answered(client, &pending, answer);
            return Ok(());
        }
        self.client_sends(client, pending, &mut Random::new(0, 3))
    }

    fn client_is_answered(&mut self, client: usize, pending: &Pending, answer: Answer) {
        let change = self.oracle.by_stamp(answer.stamp);
        let Some(given) = &mut self.clients[client].given[pending.record] else {
            return;
        };
        given.own.push(answer.stamp);
        given.seeing.token = answer.token;
        if let Some(change) = change {
            given.own_set.insert(change);
        }
        given.sees_none = matches!(pending.operation.effect, Effect::Delete);
        remember(&mut given.seeing, &pending.operation);
    }

    fn client_sends(
        &mut self,
        client: usize,
        pending: Pending,
        random: &mut Random,
    ) -> Result<(), String> {
        let hub = self.clients[client].at;
        let Some(given) = self.clients[client].given[pending.record].take() else {
            return Ok(());
        };
        let repeated = self.hubs.iter().any(|hub| hub.results.contains_key(&pending.id));
        let request = Request {
            record: pending.record,
            seeing: &given.seeing,
            own: &given.own,
            own_set: given.own_set,
            creates: given.sees_none,
            operation: &pending.operation,
            repeated,
        };
        // Nothing waits for what is expired: other hubs may have forgotten the record. Whether this
        // one has, it must tell by itself; where it has not, it answers what it would then.
        let deleted =
            self.hubs[hub].records[pending.record].as_ref().is_some_and(|r| r.live.is_empty());
        let said = if given.expired && deleted {
            Err(Refusal::Rebase)
        } else {
            self.commit(hub, &request)?
        };
        self.note(|| {
            let Pending { record, operation, .. } = &pending;
            let said = said.as_ref().map(|answer| answer.stamp).map_err(Refusal::code);
            format!(
                "client {client} at hub {hub}, record {record}: {:?} → {said:?}",
                operation.effect
            )
        });
        self.count(said.as_ref().err().map_or("operations", Refusal::code));
        let keeps = !matches!(said, Err(Refusal::Rebase | Refusal::TextEdit { .. }));
        self.clients[client].given[pending.record] = keeps.then_some(given);
        if let Ok(answer) = said {
            self.hubs[hub].results.insert(pending.id, answer.clone());
            if random.chance(20) {
                let site = self.hubs[hub].site;
                self.clients[client].pending = Some(Pending { site, ..pending });
                self.note(|| format!("client {client} is not answered"));
            } else {
                self.client_is_answered(client, &pending, answer);
            }
        }
        Ok(())
    }

    /// Commits an operation at a hub; a refusal that the sets do not explain is a failure.
    fn commit(
        &mut self,
        hub: usize,
        request: &Request<'_>,
    ) -> Result<Result<Answer, Refusal>, String> {
        let record = request.record;
        let context = Context {
            base: Some(request.seeing.token.clone()),
            own: request.own.iter().copied().collect::<Dots>(),
            creates: request.creates,
        };
        let lost = self.lost.clone();
        let (real, rules, mut site) = self.hubs[hub].desk(record, self.now_ms, &lost);
        let now_ms = site.now_ms;
        let done = operate(real, request.operation, &context, &rules, &mut site);
        let mut seen = request.seeing.seen;
        seen.iter_mut().for_each(|part| part.add(&request.own_set));
        let seen = self.without_lost(&seen, &self.hubs[hub].known[record].seen);
        let known = self.hubs[hub].known[record].clone();
        if request.creates && done.is_ok() && known.seen[0] != Set::default() {
            self.count("creations after a deletion");
        }
        let done = match done {
            Ok(done) => done,
            Err(refusal) => {
                self.explain(hub, request, &seen, &refusal)?;
                return Ok(Err(refusal));
            }
        };
        let base = self.without_lost(&request.seeing.seen, &known.seen);
        let blind = base[0].is_empty();
        let arrived = seen[0].is_within(&known.seen[0]);
        if !arrived {
            return Err(format!("hub {hub} applied an operation before its causes"));
        }
        let writing = Writing {
            record,
            known: &known,
            seen,
            own: [request.own_set; GROUPS],
            shown: &request.seeing.shown,
            texts: &request.seeing.texts,
            blind,
            creates: request.creates,
            stamp: done.stamp,
            now_ms,
            rules: &rules,
            repeated: request.repeated,
        };
        let change = mirror::commit(&mut self.oracle, &writing, request.operation);
        let mut token = request.seeing.token.clone();
        let before = self.hubs[hub].records[record].as_ref();
        token.note_own_additions(before, &done.record, done.stamp.site);
        self.keep(hub, record, done.record, change, &done.capped)?;
        Ok(Ok(Answer { stamp: done.stamp, token }))
    }

    /// Checks that a refusal has its reason in what was seen and what has arrived.
    fn explain(
        &self,
        hub: usize,
        request: &Request<'_>,
        seen: &Seen,
        refusal: &Refusal,
    ) -> Result<(), String> {
        let known = &self.hubs[hub].known[request.record];
        let arrived = (0..GROUPS).all(|part| seen[part].is_within(&known.seen[part]));
        let held = self.hubs[hub].records[request.record].is_some();
        let explained = match refusal {
            Refusal::Behind => !arrived || self.began_earlier(hub, request),
            Refusal::Rebase => {
                let base = self.without_lost(&request.seeing.seen, &known.seen);
                if held {
                    base[0].is_within(&known.gone[0])
                } else {
                    seen[0].is_within(&known.seen[0])
                }
            }
            Refusal::TextEdit { .. } => true,
            _ => false,
        };
        if explained {
            return Ok(());
        }
        Err(format!("hub {hub} refuses without a reason: {refusal}"))
    }

    /// Whether the copy shown began behind changes of other records that a hub does not count as
    /// seen of this one: it has not learned yet that they were forgotten.
    fn began_earlier(&self, hub: usize, request: &Request<'_>) -> bool {
        let at = &self.hubs[hub];
        let real = at.records[request.record].as_ref();
        let floor = real.map_or(&at.knowledge.floor, |real| &real.born);
        let arrived = &at.known[request.record].seen[0];
        request.seeing.begun.iter().any(|change| {
            let stamp = self.oracle.changes[change].stamp;
            let is_covered = arrived.iter().any(|here| {
                let here = self.oracle.changes[here].stamp;
                here.site == stamp.site && here.clock >= stamp.clock
            });
            !self.lost.contains(&stamp.site) && !floor.covers(stamp) && !is_covered
        })
    }

    /// Many who have seen nothing write the same field.
    pub(super) fn strangers_write(&mut self, random: &mut Random) -> Result<(), String> {
        let (hub, record) = (random.below(self.hubs.len()), random.below(RECORDS));
        let path = Path::parse(random.pick(&["/r", "/a", "/v"])).unwrap();
        self.note(|| format!("strangers write {path} of record {record} at hub {hub}"));
        for _ in 0..20 {
            self.operations += 1;
            let value = Leaf::from(i64::try_from(self.operations).unwrap());
            let fields = vec![FieldOperation::Set { path: path.clone(), value }];
            let writer = Writer::new(&format!("stranger-{}", self.operations)).unwrap();
            let edited = claimed(self.now_ms, random);
            let operation =
                Operation { effect: Effect::Write(fields), writer, edited, timed: true };
            let request = Request {
                record,
                seeing: &Seeing::default(),
                own: &[],
                own_set: Set::default(),
                creates: false,
                operation: &operation,
                repeated: false,
            };
            if let Err(refusal) = self.commit(hub, &request)? {
                return Err(format!("a stranger is refused: {refusal}"));
            }
            self.bound(hub, record)?;
        }
        Ok(())
    }

    /// Somebody who is shown a record deletes it; where none is to be seen nothing happens.
    pub(super) fn record_is_deleted(&mut self, hub: usize, record: usize) -> Result<(), String> {
        let writer = Writer::new("cleaner").unwrap();
        let seeing = self.show(hub, record, &writer, &[])?;
        let Some(seeing) = seeing.filter(|seeing| !seeing.token.invisible) else { return Ok(()) };
        let edited = Clock::new(self.now_ms, 0);
        let operation = Operation { effect: Effect::Delete, writer, edited, timed: true };
        let request = Request {
            record,
            creates: false,
            seeing: &seeing,
            own: &[],
            own_set: Set::default(),
            operation: &operation,
            repeated: false,
        };
        self.note(|| format!("record {record} is deleted at hub {hub}"));
        match self.commit(hub, &request)? {
            Err(refusal) => Err(format!("a deletion is refused: {refusal}")),
            Ok(_) => Ok(()),
        }
    }

    /// No register grows beyond its bound.
    fn bound(&self, hub: usize, record: usize) -> Result<(), String> {
        let real = self.hubs[hub].records[record].as_ref();
        let registers = real.into_iter().flat_map(|real| real.body.registers.values());
        if registers.map(|register| register.len()).max() > Some(16) {
            return Err("a register grows without bound".into());
        }
        Ok(())
    }

    pub(super) fn somebody_settles(&mut self, random: &mut Random) -> Result<(), String> {
        let (hub, record) = (random.below(self.hubs.len()), random.below(RECORDS));
        let seen_at = if random.chance(30) { random.below(self.hubs.len()) } else { hub };
        let Some(real) = &self.hubs[seen_at].records[record] else {
            return Ok(());
        };
        let found = conflicts(real, &self.hubs[seen_at].rules);
        let found: Vec<Conflict> = found
            .into_iter()
            .filter(|conflict| {
                matches!(conflict.kind, ConflictKind::Values | ConflictKind::Deletion)
            })
            .collect();
        if found.is_empty() {
            return Ok(());
        }
        let conflict = &found[random.below(found.len())];
        let decision = match conflict.kind {
            ConflictKind::Values => {
                let side = random.below(conflict.sides.len());
                Decision::Value(conflict.sides[side].value.clone())
            }
            _ if random.chance(50) => Decision::Keep,
            _ => Decision::Delete,
        };
        self.settle(hub, record, conflict, decision)
    }

    fn settle(
        &mut self,
        hub: usize,
        record: usize,
        conflict: &Conflict,
        decision: Decision,
    ) -> Result<(), String> {
        let judge = Writer::new("judge").unwrap();
        let now = Clock::new(self.hubs[hub].now_ms(self.now_ms), 0);
        let (path, stamps) = (&conflict.path, &conflict.stamps);
        let covered = self.oracle.by_stamps(stamps);
        let known = self.hubs[hub].known[record].clone();
        let slots = match conflict.kind {
            ConflictKind::Values => vec![Slot::Register(intern(path.as_str()))],
            _ => vec![Slot::Live, Slot::Deletes],
        };
        let items: Vec<(usize, Item)> = slots
            .iter()
            .flat_map(|slot| self.oracle.items(record, &known, *slot))
            .map(|(change, item)| (change, item.clone()))
            .collect();
        let there: Set = items.iter().map(|(change, _)| *change).collect();
        let alive = !self.oracle.items(record, &known, Slot::Live).is_empty();
        let fresh =
            alive && covered.is_within(&there) && self.live_names(record, &known, &slots, stamps);
        let lost = self.lost.clone();
        let (real, _, mut site) = self.hubs[hub].desk(record, self.now_ms, &lost);
        let Some(mut real) = real else { return Ok(()) };
        let done = settle(&mut real, path, stamps, decision.clone(), &judge, &mut site);
        self.note(|| {
            format!("settle {path} of record {record} at hub {hub}: {decision:?} {done:?}")
        });
        let stamp = match done {
            Ok(stamp) if fresh => stamp,
            Err(Refusal::Stale) if !fresh => {
                self.count("stale settlements");
                return Ok(());
            }
            other => return Err(format!("settling, fresh: {fresh}, came to {other:?}")),
        };
        self.count("settlements");
        let replaced = items.iter().filter(|(change, _)| covered.has(*change));
        let after = replaced.filter_map(|(_, item)| match item {
            Item::Value { edited, .. } => Some(Clock(edited.0 + 1)),
            _ => None,
        });
        let edited = after.max().unwrap_or_default().max(now);
        let (mut change, reach) = settled(stamp, record, path, decision, edited, judge);
        let drop = |slot| Drop { reach: Reach::Slot(slot), changes: covered };
        change.dropped = reach.into_iter().map(drop).collect();
        self.oracle.changes.push(change);
        self.keep(hub, record, real, self.oracle.changes.len() - 1, &[])
    }

    /// Returns whether every stamp names an item that is there.
    fn live_names(
        &self,
        record: usize,
        known: &crate::oracle::Known,
        slots: &[Slot],
        stamps: &[Stamp],
    ) -> bool {
        stamps.iter().all(|stamp| {
            let change = self.oracle.by_stamp(*stamp);
            slots.iter().any(|slot| {
                let items = self.oracle.items(record, known, *slot);
                items.iter().any(|(there, _)| Some(*there) == change)
            })
        })
    }

    /// Fails on purpose: a hub settles what a rule can decide, as if a person had.
    pub(super) fn settle_by_rule(&mut self, hub: usize, record: usize) -> Result<(), String> {
        if !is_planted(Fault::SettledByRule) || self.is_full() {
            return Ok(());
        }
        let Some(real) = &self.hubs[hub].records[record] else {
            return Ok(());
        };
        let found = conflicts(real, &self.hubs[hub].rules);
        for conflict in found.iter().filter(|c| c.kind == ConflictKind::Values && !c.open) {
            let side = conflict.sides.iter().find(|side| Some(side.stamp) == conflict.shown);
            // Each hub puts its own name for the value, so that the settlements differ and do not
            // grow where one answers the other.
            let value = side.and_then(|side| side.value.as_ref());
            let value = value.map(|_| Leaf::string(&format!("hub {hub}")));
            self.settle(hub, record, conflict, Decision::Value(value))?;
        }
        Ok(())
    }

    fn effect(&self, given: &Given, random: &mut Random) -> Effect {
        if random.chance(12) {
            return Effect::Delete;
        }
        let mut fields: Vec<FieldOperation> = Vec::new();
        for _ in 0..1 + random.below(3) {
            let field = self.field(given, random);
            let above = |other: &FieldOperation| {
                let (a, b) = (field.path().as_str(), other.path().as_str());
                a.starts_with(b) || b.starts_with(a)
            };
            if !fields.iter().any(above) {
                fields.push(field);
            }
        }
        Effect::Write(fields)
    }

    fn field(&self, given: &Given, random: &mut Random) -> FieldOperation {
        let path = |path: &str| Path::parse(path).unwrap();
        let seeing = &given.seeing;
        let by = Number::from(i64::try_from(random.below(9)).unwrap() - 3);
        match random.below(20) {
            0..=6 => self.register(random),
            7 => {
                let paths = ["/a", "/a/b", "/r", "/v", "/u", "/k", "/l", "/t", "/n"];
                FieldOperation::Unset { path: path(random.pick(&paths)) }
            }
            8 | 9 => FieldOperation::Increment { path: path("/n"), by },
            10 if given.blind => FieldOperation::Floor { path: path("/n"), value: by },
            10 => FieldOperation::Reset { path: path("/n") },
            11 | 12 => {
                let element = Leaf::parse(random.pick(&ELEMENTS)).unwrap();
                FieldOperation::Add { path: path("/u"), element }
            }
            13 => {
                let known = &seeing.elements;
                let element = match known.len() {
                    0 => Leaf::parse(ELEMENTS[0]).unwrap(),
                    len => known[random.below(len)].clone(),
                };
                FieldOperation::Remove { path: path("/u"), element }
            }
            14 | 15 => self.member(given, random, by),
            16 => {
                let key = random.pick(&KEYS).into();
                FieldOperation::RemoveMember { path: path("/k"), key }
            }
            17 => {
                let value = Leaf::from(random.next() % 6);
                FieldOperation::Append { path: path("/l"), value, id: None }
            }
            _ => self.text(seeing, random),
        }
    }

    fn register(&self, random: &mut Random) -> FieldOperation {
        let path = Path::parse(random.pick(&["/a", "/a/b", "/r", "/r", "/v"])).unwrap();
        FieldOperation::Set { path, value: self.value(random) }
    }

    /// A value that was never written before, now and then one that was.
    pub(super) fn value(&self, random: &mut Random) -> Leaf {
        match random.below(10) {
            0 => Leaf::parse(random.pick(&["1", "1.0", "null", "\"x\"", "true"])).unwrap(),
            1..=5 => Leaf::from(random.next() % 1_000_000),
            _ => Leaf::string(&format!("s{}", random.next() % 1_000_000)),
        }
    }

    fn member(&self, given: &Given, random: &mut Random, by: Number) -> FieldOperation {
        let path = |path: &str| Path::parse(path).unwrap();
        let key = random.pick(&KEYS);
        let create = !given.blind && !given.seeing.members.contains(key);
        let mut fields = Vec::new();
        if create || given.blind {
            fields.push(FieldOperation::Set { path: path("/id"), value: Leaf::string(key) });
        }
        if random.chance(60) {
            fields.push(FieldOperation::Set { path: path("/x"), value: self.value(random) });
        }
        if random.chance(40) {
            fields.push(FieldOperation::Increment { path: path("/n"), by });
        }
        FieldOperation::PutMember { path: path("/k"), key: key.into(), create, fields }
    }

    fn text(&self, seeing: &Seeing, random: &mut Random) -> FieldOperation {
        let path = Path::parse("/t").unwrap();
        let letter = char::from_u32(0x4e00 + u32::try_from(self.operations).unwrap()).unwrap();
        let Some(old) = seeing.text.as_ref().filter(|_| random.chance(85)) else {
            return FieldOperation::BeginText { path, text: format!("{letter}.") };
        };
        let mut letters: Vec<char> = old.chars().collect();
        if !letters.is_empty() && random.chance(30) {
            letters.remove(random.below(letters.len()));
        }
        letters.insert(random.below(letters.len() + 1), letter);
        let new: String = letters.into_iter().collect();
        let edit = TextOperation::from_diff(old, &new).unwrap();
        FieldOperation::EditText { path, edit }
    }
}

/// The edit time that a writer claims: mostly now, sometimes wrong by years.
pub(crate) fn claimed(now_ms: u64, random: &mut Random) -> Clock {
    const YEARS_MS: u64 = 94_670_856_000;
    let ms = match random.below(12) {
        0 => now_ms + YEARS_MS,
        1 => now_ms - YEARS_MS,
        2 => now_ms - 1_000,
        _ => now_ms,
    };
    Clock::new(ms, 0)
}

/// What a client shows itself after its own operation.
fn remember(seeing: &mut Seeing, operation: &Operation) {
    let Effect::Write(fields) = &operation.effect else {
        seeing.text = None;
        seeing.members.clear();
        return;
    };
    for field in fields {
        match field {
            FieldOperation::BeginText { text, .. } => seeing.text = Some(text.clone()),
            FieldOperation::EditText { edit, .. } => {
                seeing.text = seeing.text.as_ref().and_then(|text| edit.apply(text).ok());
            }
            FieldOperation::Unset { path } if path.as_str() == "/t" => seeing.text = None,
            FieldOperation::Unset { path } if path.as_str() == "/k" => seeing.members.clear(),
            FieldOperation::PutMember { key, .. } => {
                let key = KEYS.into_iter().find(|known| **known == **key);
                seeing.members.extend(key);
            }
            FieldOperation::RemoveMember { key, .. } => {
                seeing.members.retain(|known| **known != **key);
            }
            _ => {}
        }
    }
}

/// What a settlement adds, and the slots in which it drops what was shown.
fn settled(
    stamp: Stamp,
    record: usize,
    path: &Path,
    decision: Decision,
    edited: Clock,
    judge: Writer,
) -> (Change, Vec<Slot>) {
    let mut reach = vec![Slot::Live, Slot::Deletes];
    let added = match decision {
        Decision::Value(value) => {
            let item = Item::Value { value, edited, timed: true, writer: judge };
            let field = Slot::Register(intern(path.as_str()));
            let member = member_of(path.as_str()).map(Slot::Member);
            reach.push(field);
            reach.extend(member);
            let mut added = vec![(field, item), (Slot::Live, Item::Dot)];
            added.extend(member.map(|member| (member, Item::Dot)));
            added
        }
        Decision::Keep => vec![(Slot::Live, Item::Dot)],
        Decision::Delete => vec![(Slot::Deletes, Item::Dot)],
    };
    let change = Change { stamp, record, added, dropped: vec![] };
    (change, reach)
}

/// The member of the keyed array that a path leads into.
fn member_of(path: &str) -> Option<&'static str> {
    path.starts_with("/k/").then(|| intern(&path[.."/k/m1".len()]))
}
