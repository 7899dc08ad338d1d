//! The guard of pushes: a client that deletes or changes too many records of an entity within a while is
//! held, until an operator says that it may.
//!
//! A machine without a clock: the shell notes what operations are about to do with
//! [`PushGuard::handle_deed`], counts records where [`PushGuard::poll_count`] asks for it, asks
//! [`PushGuard::judge`] of each operation, and notes which records were made with
//! [`PushGuard::handle_made`]. Records count, not operations, and those that a client has made itself in
//! the same while do not.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use syncline_model::codec::{Damage, DecodeError, Reader, Writer as Bytes};
use syncline_model::id::{ClientId, EntityName, RecordId};
use thiserror::Error;

use super::Threshold;
use crate::limits::{
    COUNT_AGAIN_MS, HOLDS_MAX, PUSH_CHANGES_DEFAULT, PUSH_DELETES_DEFAULT, PUSH_RECORDS_MAX,
    PUSH_WINDOW_MS, RELEASE_MS,
};

/// The version of the stored form of holds. Bump it with every change, keep the old reader.
const HOLDS_FORMAT: u8 = 1;

/// How many records of an entity one client may touch within a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushLimits {
    /// Records that it may delete.
    pub max_delete: Threshold,
    /// Records that it may change, of those that it has not made itself.
    pub max_change: Threshold,
    /// The while, in milliseconds, from the first such record on.
    pub window_ms: u64,
}

impl PushLimits {
    /// Lets everything through.
    pub const UNLIMITED: Self = Self {
        max_delete: Threshold::UNLIMITED,
        max_change: Threshold::UNLIMITED,
        window_ms: PUSH_WINDOW_MS,
    };

    const fn threshold(&self, deed: Deed) -> Threshold {
        match deed {
            Deed::Create => Threshold::UNLIMITED,
            Deed::Change => self.max_change,
            Deed::Delete => self.max_delete,
        }
    }
}

impl Default for PushLimits {
    fn default() -> Self {
        Self {
            max_delete: PUSH_DELETES_DEFAULT,
            max_change: PUSH_CHANGES_DEFAULT,
            window_ms: PUSH_WINDOW_MS,
        }
    }
}

/// What an operation does to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// It was not there, and will be.
    Create,
    /// It is there, and becomes another one.
    Change,
    /// It is there, and goes.
    Delete,
}

impl Deed {
    /// Returns the word for it, as in lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Delete => "delete",
        }
    }

    const fn past(self) -> &'static str {
        match self {
            Self::Create => "made",
            Self::Change => "changed",
            Self::Delete => "deleted",
        }
    }
}

/// Why an operation is not carried out yet. It says nothing of how many records there are.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "this client has {} {records} records of `{entity}` within {} minutes, more than pass without an operator's word; it waits until one allows it",
    deed.past(), window_ms.div_ceil(60_000)
)]
pub struct PushHeld {
    /// The entity.
    pub entity: EntityName,
    /// What it does to them.
    pub deed: Deed,
    /// How many records the client has done that to, or would.
    pub records: u64,
    /// Within how long, in milliseconds.
    pub window_ms: u64,
}

impl PushHeld {
    /// Returns the stable code, which has a page in `docs/errors/`.
    pub const fn code(&self) -> &'static str {
        "PUSH_HELD"
    }
}

/// A client that is held, or was and may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Who.
    pub client: ClientId,
    /// Of which entity.
    pub entity: EntityName,
    /// What it did too much of.
    pub deed: Deed,
    /// Since when, in milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// How many records it had done that to by then, or would have.
    pub records: u64,
    /// How many were allowed.
    pub allowed: u64,
    /// Until when it may do as it likes, if an operator has said so.
    pub released_until_ms: Option<u64>,
}

/// How many records of an entity are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// At least so many.
    pub at_least: u64,
    /// Whether these are all.
    pub is_all: bool,
}

/// What one client did to one entity within the while.
#[derive(Debug, Default)]
struct Window {
    began_ms: u64,
    made: BTreeSet<u64>,
    changed: BTreeSet<u64>,
    deleted: BTreeSet<u64>,
    /// The group that something was noted in last, and how many deletes were before it.
    group: u64,
    settled: u64,
    /// How many of the deletes are of records that were not there any more when the entity was counted.
    uncounted: u64,
}

/// What is known of how many records of an entity are there.
#[derive(Clone, Copy, Debug)]
struct Size {
    at_least: u64,
    /// When they were counted to the last one, if they were.
    all_ms: Option<u64>,
}

type Who = (ClientId, EntityName);

/// The guard of pushes.
#[derive(Debug)]
pub struct PushGuard {
    limits: PushLimits,
    /// Which group of operations is being judged.
    group: u64,
    windows: BTreeMap<Who, Window>,
    /// How many records the windows hold.
    noted: usize,
    sizes: BTreeMap<EntityName, Size>,
    /// Who is held and was not told of yet.
    news: Vec<Hold>,
    holds: BTreeMap<(Who, Deed), Hold>,
}

impl PushGuard {
    /// Returns a guard that has seen nothing yet but what is held.
    pub fn new(limits: PushLimits, holds: Vec<Hold>) -> Self {
        let key = |hold: Hold| (((hold.client.clone(), hold.entity.clone()), hold.deed), hold);
        Self {
            limits,
            group: 0,
            windows: BTreeMap::new(),
            noted: 0,
            sizes: BTreeMap::new(),
            news: Vec::new(),
            holds: holds.into_iter().map(key).collect(),
        }
    }

    /// Returns whether it lets everything through.
    pub fn is_idle(&self) -> bool {
        let limits = &self.limits;
        [limits.max_delete, limits.max_change].iter().all(|limit| limit.percent >= 100)
            && self.holds.is_empty()
    }

    /// A new group of operations begins: what was noted before is done.
    pub fn handle_group(&mut self) {
        self.group += 1;
    }

    /// Takes note of what an operation is about to do. Noted again, or not done after all, it counts
    /// once; what is about to be made counts when it is.
    pub fn handle_deed(
        &mut self,
        who: (&ClientId, &EntityName),
        id: &RecordId,
        deed: Deed,
        now_ms: u64,
    ) {
        if deed != Deed::Create {
            self.note(who, id, deed, now_ms);
        }
    }

    /// Takes note of a record that a client has made.
    pub fn handle_made(&mut self, who: (&ClientId, &EntityName), id: &RecordId, now_ms: u64) {
        self.note(who, id, Deed::Create, now_ms);
    }

    fn note(
        &mut self,
        (client, entity): (&ClientId, &EntityName),
        id: &RecordId,
        deed: Deed,
        now_ms: u64,
    ) {
        let who = (client.clone(), entity.clone());
        let window_ms = self.limits.window_ms;
        let is_over = |window: &Window| now_ms.saturating_sub(window.began_ms) >= window_ms;
        if self.windows.get(&who).is_some_and(is_over) || self.noted >= PUSH_RECORDS_MAX {
            self.forget_old(now_ms);
        }
        let begun = Window { began_ms: now_ms, ..Window::default() };
        let window = self.windows.entry(who).or_insert(begun);
        window.settle(self.group);
        let mut hasher = DefaultHasher::new();
        id.as_str().hash(&mut hasher);
        let id = hasher.finish();
        if window.made.contains(&id) {
            return;
        }
        let is_new = match deed {
            Deed::Create => window.made.insert(id),
            Deed::Change => window.changed.insert(id),
            Deed::Delete => window.deleted.insert(id),
        };
        self.noted += usize::from(is_new);
        let size = self.sizes.get_mut(entity).filter(|_| is_new);
        match deed {
            Deed::Create => size.into_iter().for_each(|size| size.at_least += 1),
            Deed::Change => {}
            Deed::Delete => {
                window.uncounted += u64::from(is_new);
                let less = |size: &mut Size| size.at_least = size.at_least.saturating_sub(1);
                size.into_iter().for_each(less);
            }
        }
    }

    /// Forgets what is over; and where that does not make room, what began first.
    fn forget_old(&mut self, now_ms: u64) {
        let window_ms = self.limits.window_ms;
        self.windows.retain(|_, window| now_ms.saturating_sub(window.began_ms) < window_ms);
        let count =
            |window: &Window| window.made.len() + window.changed.len() + window.deleted.len();
        self.noted = self.windows.values().map(count).sum();
        while self.noted >= PUSH_RECORDS_MAX {
            let oldest = self.windows.iter().min_by_key(|(_, window)| window.began_ms);
            let Some(who) = oldest.map(|(who, _)| who.clone()) else { break };
            self.noted -= self.windows.remove(&who).map_or(0, |window| count(&window));
        }
    }

    /// Returns how many records of an entity have to be counted before a client can be judged; nothing if
    /// enough is known.
    pub fn poll_count(&self, client: &ClientId, entity: &EntityName, now_ms: u64) -> Option<u64> {
        let window = self.windows.get(&(client.clone(), entity.clone()))?;
        let wanted = [Deed::Change, Deed::Delete].into_iter().filter_map(|deed| {
            let done = window.done(deed);
            let threshold = self.limits.threshold(deed);
            let is_certain = done <= threshold.count || threshold.percent == 0;
            (!is_certain && !self.holds.contains_key(&((client.clone(), entity.clone()), deed)))
                .then(|| (done * 100).div_ceil(u64::from(threshold.percent)))
        });
        let wanted = wanted.max()?;
        let is_known = self.sizes.get(entity).is_some_and(|size| {
            let is_fresh = |at: u64| now_ms.saturating_sub(at) < COUNT_AGAIN_MS;
            size.at_least + window.uncounted >= wanted || size.all_ms.is_some_and(is_fresh)
        });
        // Twice as many as are needed now, so that it is not asked for each.
        (!is_known).then_some(wanted * 2)
    }

    /// Takes note of how many records of an entity are there before the group is carried out.
    pub fn handle_count(&mut self, entity: &EntityName, counted: Counted, now_ms: u64) {
        let group = self.group;
        for (_, window) in self.windows.iter_mut().filter(|((_, about), _)| about == entity) {
            window.settle(group);
            window.uncounted = window.settled;
        }
        let all_ms = counted.is_all.then_some(now_ms);
        self.sizes.insert(entity.clone(), Size { at_least: counted.at_least, all_ms });
    }

    /// Judges an operation that was noted.
    ///
    /// # Errors
    ///
    /// [`PushHeld`]: it is not carried out now; sent again, it is judged again.
    pub fn judge(
        &mut self,
        (client, entity): (&ClientId, &EntityName),
        deed: Deed,
        now_ms: u64,
    ) -> Result<(), PushHeld> {
        let window_ms = self.limits.window_ms;
        let who = (client.clone(), entity.clone());
        let held = |records| PushHeld { entity: entity.clone(), deed, records, window_ms };
        if let Some(hold) = self.holds.get(&(who.clone(), deed)) {
            match hold.released_until_ms {
                None => return Err(held(hold.records)),
                Some(until) if now_ms < until => return Ok(()),
                Some(_) => drop(self.holds.remove(&(who.clone(), deed))),
            }
        }
        let Some(window) = self.windows.get(&who) else { return Ok(()) };
        let records = window.done(deed);
        let size = self.sizes.get(entity).map_or(0, |size| size.at_least);
        // What it has deleted was there when the while began.
        let size = size + window.uncounted;
        let allowed = self.limits.threshold(deed).allowed(size);
        if deed == Deed::Create || records <= allowed {
            return Ok(());
        }
        if self.holds.len() < HOLDS_MAX {
            let (client, entity) = who.clone();
            let released_until_ms = None;
            let hold = Hold {
                client,
                entity,
                deed,
                since_ms: now_ms,
                records,
                allowed,
                released_until_ms,
            };
            self.news.push(hold.clone());
            self.holds.insert((who, deed), hold);
        }
        Err(held(records))
    }

    /// Returns who is held since this was asked last: to be stored, and told.
    pub fn take_news(&mut self) -> Vec<Hold> {
        std::mem::take(&mut self.news)
    }

    /// Forgets what was done within the while; who is held stays so.
    pub fn forget_all(&mut self) {
        self.windows.clear();
        self.noted = 0;
    }

    /// Lets a client go on that is held; answers what was held. What it had done so far counts no more.
    pub fn handle_release(
        &mut self,
        client: &ClientId,
        entity: Option<&EntityName>,
        now_ms: u64,
    ) -> Vec<Hold> {
        let mut released = Vec::new();
        for (((of, about), _), hold) in &mut self.holds {
            let is_meant = of == client && entity.is_none_or(|entity| entity == about);
            if is_meant && hold.released_until_ms.is_none() {
                hold.released_until_ms = Some(now_ms.saturating_add(RELEASE_MS));
                released.push(hold.clone());
            }
        }
        released
    }

    /// Holds those again whose release could not be stored.
    pub fn handle_not_released(&mut self, released: &[Hold]) {
        for Hold { client, entity, deed, .. } in released {
            let key = ((client.clone(), entity.clone()), *deed);
            if let Some(hold) = self.holds.get_mut(&key) {
                hold.released_until_ms = None;
            }
        }
    }

    /// Returns who is held, and who was and may go on.
    pub fn holds(&self) -> impl Iterator<Item = &Hold> {
        self.holds.values()
    }

    /// Encodes who is held.
    pub fn encode_holds(&self) -> Vec<u8> {
        let mut out = Bytes::with_capacity(64);
        out.u8(HOLDS_FORMAT);
        out.count(self.holds.len());
        for hold in self.holds.values() {
            out.str(hold.client.as_str());
            out.str(hold.entity.as_str());
            out.u8(hold.deed as u8);
            out.varint(hold.since_ms);
            out.varint(hold.records);
            out.varint(hold.allowed);
            out.varint(hold.released_until_ms.map_or(0, |until| until.saturating_add(1)));
        }
        out.into_bytes()
    }

    /// Decodes who was held.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] with the place of the damage.
    pub fn decode_holds(bytes: &[u8]) -> Result<Vec<Hold>, DecodeError> {
        let mut reader = Reader::new(bytes);
        reader.tag(|tag| (tag == HOLDS_FORMAT).then_some(()))?;
        let one = |reader: &mut Reader<'_>| {
            let at = reader.offset();
            let unacceptable =
                || Reader::damaged_at(at, Damage::NotAcceptable { what: "client that is held" });
            let client = ClientId::new(reader.str()?).map_err(|_| unacceptable())?;
            let entity = EntityName::new(reader.str()?).map_err(|_| unacceptable())?;
            let deeds = [Deed::Create, Deed::Change, Deed::Delete];
            let deed = reader.tag(|tag| deeds.into_iter().find(|deed| *deed as u8 == tag))?;
            let (since_ms, records, allowed) =
                (reader.varint()?, reader.varint()?, reader.varint()?);
            let released_until_ms = reader.varint()?.checked_sub(1);
            Ok(Hold { client, entity, deed, since_ms, records, allowed, released_until_ms })
        };
        let holds = (0..reader.count(6)?).map(|_| one(&mut reader)).collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(holds)
    }
}

impl Window {
    fn settle(&mut self, group: u64) {
        if self.group != group {
            (self.group, self.settled) = (group, self.deleted.len() as u64);
        }
    }

    fn done(&self, deed: Deed) -> u64 {
        let records = match deed {
            Deed::Create => &self.made,
            Deed::Change => &self.changed,
            Deed::Delete => &self.deleted,
        };
        records.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct World {
        guard: PushGuard,
        there: u64,
        now_ms: u64,
    }

    impl World {
        fn new(there: u64) -> Self {
            let (max_delete, max_change) =
                (Threshold { count: 3, percent: 20 }, Threshold { count: 5, percent: 50 });
            let limits = PushLimits { max_delete, max_change, window_ms: 1_000 };
            Self { guard: PushGuard::new(limits, Vec::new()), there, now_ms: 10 }
        }

        /// Does something to records with these numbers; answers how many were held.
        fn push(&mut self, client: &str, deed: Deed, records: std::ops::Range<u32>) -> usize {
            let (client, entity) = (ClientId::new(client).unwrap(), tasks());
            let now_ms = self.now_ms;
            self.guard.handle_group();
            for record in records.clone() {
                let id = RecordId::new(&format!("r{record}")).unwrap();
                self.guard.handle_deed((&client, &entity), &id, deed, now_ms);
            }
            while let Some(wanted) = self.guard.poll_count(&client, &entity, now_ms) {
                let at_least = wanted.min(self.there);
                let counted = Counted { at_least, is_all: at_least < wanted };
                self.guard.handle_count(&entity, counted, now_ms);
            }
            let judge = |_: &u32| self.guard.judge((&client, &entity), deed, now_ms).is_err();
            let held = records.clone().filter(judge).count();
            for record in records.clone().filter(|_| deed == Deed::Create) {
                let id = RecordId::new(&format!("r{record}")).unwrap();
                self.guard.handle_made((&client, &entity), &id, now_ms);
            }
            if deed == Deed::Delete && held == 0 {
                self.there -= records.len() as u64;
            }
            held
        }
    }

    fn tasks() -> EntityName {
        EntityName::new("tasks").unwrap()
    }

    /// Boundaries in pairs: a number of records, and a share of those that are there.
    #[test]
    fn everyday_work_passes_and_a_sweep_is_held_whole() {
        #[rustfmt::skip]
        let cases = [
            ("as many deletes as always pass",  10, Deed::Delete, 0..3,   0),
            ("one more, and no share of ten",   10, Deed::Delete, 0..4,   4),
            ("a fifth of a longer list",       100, Deed::Delete, 0..20,  0),
            ("one more than a fifth",          100, Deed::Delete, 0..21, 21),
            ("changes that always pass",         5, Deed::Change, 0..5,   0),
            ("half of a longer list",          100, Deed::Change, 0..50,  0),
            ("one more than half",             100, Deed::Change, 0..51, 51),
            ("whatever is new",                  0, Deed::Create, 0..99,  0),
        ];
        for (name, there, deed, records, held) in cases {
            assert_eq!(World::new(there).push("phone", deed, records), held, "case: {name}");
        }
    }

    /// What is deleted in small pushes adds up; the same record counts once; others are not held.
    #[test]
    fn pushes_within_a_while_add_up_by_client_and_entity() {
        let mut world = World::new(100);
        for first in [0, 5, 10, 15] {
            assert_eq!(world.push("phone", Deed::Delete, first..first + 5), 0);
        }
        assert_eq!(world.push("phone", Deed::Change, 30..40), 0, "what is done otherwise is");
        assert_eq!(world.push("phone", Deed::Delete, 0..20), 0, "sent again");
        world.there += 20;
        assert_eq!(world.push("phone", Deed::Delete, 20..21), 1);
        assert_eq!(world.push("phone", Deed::Change, 40..41), 0);
        assert_eq!(world.push("desk", Deed::Delete, 20..25), 0);
        world.now_ms += 5_000;
        assert_eq!(world.push("phone", Deed::Delete, 20..21), 1, "it waits for an operator");

        let phone = ClientId::new("phone").unwrap();
        assert_eq!(world.guard.handle_release(&phone, Some(&tasks()), world.now_ms).len(), 1);
        assert_eq!(world.guard.handle_release(&phone, None, world.now_ms).len(), 0, "it was");
        assert_eq!(world.push("phone", Deed::Delete, 20..60), 0);
        world.now_ms += RELEASE_MS + 1;
        assert_eq!(world.push("phone", Deed::Delete, 60..61), 0, "a new while has begun");
        assert_eq!(world.guard.holds().count(), 0);
    }

    #[test]
    fn what_a_client_has_just_made_it_may_change_and_delete() {
        let mut world = World::new(0);
        assert_eq!(world.push("phone", Deed::Create, 0..50), 0);
        world.there = 50;
        assert_eq!(world.push("phone", Deed::Change, 0..50), 0);
        assert_eq!(world.push("phone", Deed::Delete, 0..50), 0);
    }

    #[test]
    fn who_is_held_is_still_held_after_a_restart() {
        let mut world = World::new(10);
        assert_eq!(world.push("phone", Deed::Delete, 0..9), 9);
        assert_eq!(world.push("desk", Deed::Change, 0..9), 9);
        let desk = ClientId::new("desk").unwrap();
        world.guard.handle_release(&desk, None, 10);
        let bytes = world.guard.encode_holds();
        let holds = PushGuard::decode_holds(&bytes).unwrap();
        assert_eq!(holds.iter().collect::<Vec<_>>(), world.guard.holds().collect::<Vec<_>>());
        world.guard = PushGuard::new(world.guard.limits, holds);
        assert_eq!(world.push("phone", Deed::Delete, 0..1), 1);
        assert_eq!(world.push("desk", Deed::Change, 0..1), 0);
        for end in 0..bytes.len() {
            assert!(PushGuard::decode_holds(&bytes[..end]).is_err(), "cut at {end}");
        }
    }

    /// A reader who sees few records is not told how many there are.
    #[test]
    fn what_a_client_is_told_names_its_own_deeds_only() {
        let mut world = World::new(700);
        world.push("phone", Deed::Delete, 0..141);
        let phone = ClientId::new("phone").unwrap();
        let held = world.guard.judge((&phone, &tasks()), Deed::Delete, 10).unwrap_err();
        let text = "this client has deleted 141 records of `tasks` within 1 minutes, more than pass without an operator's word; it waits until one allows it";
        assert_eq!((held.code(), held.to_string().as_str()), ("PUSH_HELD", text));
        assert_eq!(world.guard.holds().next().map(|hold| hold.allowed), Some(140));
    }
}
