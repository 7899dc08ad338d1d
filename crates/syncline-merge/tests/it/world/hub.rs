//! A hub: records, a log, what it knows as a whole; its crashes, its clock, and forgetting.

use std::collections::BTreeMap;
use std::rc::Rc;

use syncline_merge::commit::{Capped, Site};
use syncline_merge::exchange::Knowledge;
use syncline_merge::fault::{Fault, is_planted};
use syncline_merge::rules::EntityRules;
use syncline_merge::state::Record;
use syncline_merge::token::Token;
use syncline_model::clock::Clock;
use syncline_model::id::SiteId;
use syncline_model::version::Version;

use super::clients::Answer;
use super::random::Random;
use super::{RECORDS, World};
use crate::oracle::expect::{contents, difference, expected, lost_letters};
use crate::oracle::set::Set;
use crate::oracle::{Change, Drop, Item, Known, Reach, Slot, intern};

/// Most hubs of a world, with those that join late.
const HUBS_MAX: usize = 7;

/// One hub.
#[derive(Clone)]
pub(crate) struct Hub {
    pub(crate) site: SiteId,
    pub(crate) clock: Clock,
    /// How far its wall clock is from the truth, in milliseconds.
    pub(crate) skew_ms: i64,
    pub(crate) records: Vec<Option<Record>>,
    pub(crate) known: Vec<Known>,
    /// The records that changed, in order.
    pub(crate) log: Vec<usize>,
    pub(crate) knowledge: Knowledge,
    /// What was known before each entry of the log.
    pub(crate) earlier: Vec<Rc<Knowledge>>,
    pub(crate) peers: Vec<Peer>,
    /// The answer to each operation.
    pub(crate) results: BTreeMap<u64, Answer>,
    pub(crate) rules: EntityRules,
    pub(crate) backup: Option<Rc<Hub>>,
}

/// What a hub knows of another one's log.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) site: SiteId,
    pub(crate) cursor: usize,
    /// Whether the log is read from the start: after a restore, by a hub that joins late, and once no
    /// record is withheld any more.
    pub(crate) anew: bool,
    /// Whether records were withheld since the log was read from the start.
    pub(crate) keeps: bool,
}

impl Peer {
    const UNREAD: Self = Self { site: SiteId(0), cursor: 0, anew: false, keeps: false };
}

impl Hub {
    pub(crate) fn new(site: SiteId, hubs: usize, rules: EntityRules) -> Self {
        Self {
            site,
            clock: Clock::default(),
            skew_ms: 0,
            records: vec![None; RECORDS],
            known: vec![Known::default(); RECORDS],
            log: vec![],
            knowledge: Knowledge::default(),
            earlier: vec![],
            peers: vec![Peer::UNREAD; hubs],
            results: BTreeMap::new(),
            rules,
            backup: None,
        }
    }

    pub(crate) fn now_ms(&self, world_ms: u64) -> u64 {
        world_ms.saturating_add_signed(self.skew_ms)
    }

    /// Takes note that a record changed.
    pub(crate) fn log(&mut self, record: usize) {
        self.earlier.push(Rc::new(self.knowledge.clone()));
        self.log.push(record);
    }

    /// Lends what a commit needs, and the record.
    pub(crate) fn desk<'a>(
        &'a mut self,
        record: usize,
        world_ms: u64,
        lost: &'a [SiteId],
    ) -> (Option<Record>, EntityRules, Site<'a>) {
        let now_ms = self.now_ms(world_ms);
        let (real, rules) = (self.records[record].clone(), self.rules.clone());
        let (id, clock, floor) = (self.site, &mut self.clock, &self.knowledge.floor);
        (real, rules, Site { id, clock, now_ms, floor, lost })
    }
}

impl World {
    /// Keeps a committed record, and checks it against the oracle.
    pub(super) fn keep(
        &mut self,
        hub: usize,
        record: usize,
        real: Record,
        change: usize,
        capped: &[Capped],
    ) -> Result<(), String> {
        let at = &mut self.hubs[hub];
        at.known[record].note(change);
        let stamp = self.oracle.changes[change].stamp;
        at.log(record);
        at.knowledge.known.observe(stamp);
        at.records[record] = Some(real);
        self.cap(hub, record, capped);
        self.check(hub, record)
    }

    /// Tells the oracle of registers that were settled at their bound.
    pub(super) fn cap(&mut self, hub: usize, record: usize, capped: &[Capped]) {
        let Some(first) = capped.first() else { return };
        self.count("caps");
        let at = &mut self.hubs[hub];
        let index = self.oracle.changes.len();
        let mut change = Change { stamp: first.stamp, record, added: vec![], dropped: vec![] };
        for one in capped {
            let slot = Slot::Register(intern(one.path.as_str()));
            let items = self.oracle.items(record, &at.known[record], slot);
            let changes: Set = items.iter().map(|(change, _)| *change).collect();
            let edited = items.iter().filter_map(|(_, item)| match item {
                Item::Value { edited, .. } => Some(edited.0 + 1),
                _ => None,
            });
            let edited = Clock(edited.max().unwrap_or_default());
            change.dropped.push(Drop { reach: Reach::Slot(slot), changes });
            let real = at.records[record].as_ref().unwrap();
            let entry = real.body.registers.get(&one.path).and_then(|r| r.get(&one.stamp));
            let (value, writer) = match entry {
                Some(entry) => (entry.value.clone(), entry.writer.clone()),
                None => (None, one.covered.values().next().unwrap().writer.clone()),
            };
            change.added.push((slot, Item::Value { value, edited, timed: true, writer }));
        }
        self.oracle.changes.push(change);
        at.known[record].note(index);
        at.knowledge.known.observe(first.stamp);
    }

    /// Compares a hub's record with what the oracle expects.
    pub(super) fn check(&mut self, hub: usize, record: usize) -> Result<(), String> {
        let at = &self.hubs[hub];
        let real = at.records[record].as_ref().map(contents).unwrap_or_default();
        let wanted = expected(&self.oracle, record, &at.known[record]);
        if let (Some(kept), Some(real)) = (&mut self.kept, &at.records[record]) {
            kept.push((record, real.clone()));
        }
        if let Some(real) = &at.records[record] {
            let lost = lost_letters(&self.oracle, record, &at.known[record], real);
            if !lost.is_empty() {
                return Err(format!("hub {hub} record {record} has lost what was typed: {lost}"));
            }
        }
        if real == wanted {
            return Ok(());
        }
        Err(format!("hub {hub} record {record}:\n{}", difference(&real, &wanted)))
    }

    /// What a hub acknowledges: what it knows, less what a base or a token that it would still
    /// accept does not know.
    pub(super) fn acknowledge(&mut self, hub: usize) {
        let at = &self.hubs[hub];
        let mut ack = at.knowledge.known.clone();
        for (record, real) in at.records.iter().enumerate() {
            let Some(real) = real else { continue };
            for token in self.tokens_at(hub, record) {
                hold_back(&mut ack, &real.version, &token.version);
                for (path, version) in &token.exceptions {
                    hold_back(&mut ack, real.effective(path), version);
                }
            }
        }
        let at = &mut self.hubs[hub];
        at.knowledge.acks.entry(at.site).or_default().join(&ack);
    }

    /// The tokens of a record that a hub has given away, and the bases of its plain writers.
    fn tokens_at(&self, hub: usize, record: usize) -> Vec<Token> {
        let clients = self.clients.iter().filter_map(|client| {
            let given = client.given[record].as_ref()?;
            (given.hub == hub && !given.expired).then(|| given.seeing.token.clone())
        });
        let writers = self.writers.iter().filter(|writer| writer.hub == hub);
        let bases = writers.filter_map(|writer| {
            let base = writer.bases[record].as_ref()?;
            let mut token = base.token.clone();
            base.own.as_slice().iter().for_each(|stamp| token.version.observe(*stamp));
            Some(token)
        });
        clients.chain(bases).collect()
    }

    pub(super) fn hub_forgets(&mut self, random: &mut Random) -> Result<(), String> {
        let hub = random.below(self.hubs.len());
        for record in 0..RECORDS {
            self.forget(hub, record)?;
        }
        Ok(())
    }

    pub(super) fn forget(&mut self, hub: usize, record: usize) -> Result<(), String> {
        self.acknowledge(hub);
        let held = self.writers.iter().filter(|writer| writer.hub == hub);
        if held.into_iter().any(|writer| writer.holds(record)) {
            return Ok(());
        }
        let mut sites: Vec<SiteId> = self.hubs.iter().map(|hub| hub.site).collect();
        sites.extend(&self.ended);
        let at = &mut self.hubs[hub];
        let Some(real) = &at.records[record] else {
            return Ok(());
        };
        if !at.knowledge.forget(real, &sites) {
            return Ok(());
        }
        at.records[record] = None;
        at.known[record].forget();
        for writer in self.writers.iter_mut().filter(|writer| writer.hub == hub) {
            writer.forget(record);
        }
        self.count("records forgotten");
        self.note(|| format!("hub {hub} forgets record {record}"));
        self.check(hub, record)
    }

    pub(super) fn hub_is_backed_up(&mut self, random: &mut Random) -> Result<(), String> {
        let hub = random.below(self.hubs.len());
        self.hubs[hub].backup = None;
        self.hubs[hub].backup = Some(Rc::new(self.hubs[hub].clone()));
        self.note(|| format!("hub {hub} is backed up"));
        Ok(())
    }

    /// A hub loses its disk: it begins as a new site from its backup, and reads its peers from the
    /// start. What was in its plain writers' bases says nothing any more.
    pub(super) fn hub_is_restored(&mut self, random: &mut Random) -> Result<(), String> {
        let hub = random.below(self.hubs.len());
        let Some(backup) = self.hubs[hub].backup.clone() else {
            return Ok(());
        };
        let (old, hubs) = (self.hubs[hub].site, self.hubs.len());
        let fresh = self.new_site();
        let at = &mut self.hubs[hub];
        *at = Hub { backup: Some(backup.clone()), ..(*backup).clone() };
        if !is_planted(Fault::StampsReused) {
            at.site = fresh;
            self.ended.push(old);
        }
        at.peers.resize(hubs, Peer::UNREAD);
        for peer in &mut at.peers {
            *peer = Peer { cursor: 0, anew: true, ..*peer };
        }
        for writer in self.writers.iter_mut().filter(|writer| writer.hub == hub) {
            writer.lose_bases();
        }
        self.count("restores");
        self.note(|| format!("hub {hub} is restored, site {old} is now {fresh}"));
        Ok(())
    }

    /// A hub joins that has nothing. Like one that was restored it reads its peers from the start, and
    /// learns what they have forgotten: one of them may hold what the others forgot before it came.
    pub(super) fn hub_joins_late(&mut self, random: &mut Random) -> Result<(), String> {
        if self.hubs.len() >= HUBS_MAX {
            return Ok(());
        }
        let (site, hubs) = (self.new_site(), self.hubs.len() + 1);
        let like = random.below(hubs - 1);
        let rules = self.hubs[like].rules.clone();
        let mut late = Hub::new(site, hubs, rules);
        let anew = !is_planted(Fault::LateHubNotToldWhatIsGone);
        late.peers.iter_mut().for_each(|peer| peer.anew = anew);
        self.hubs.iter_mut().for_each(|hub| hub.peers.push(Peer::UNREAD));
        self.hubs.push(late);
        self.count("hubs that joined late");
        self.note(|| format!("hub {} joins, site {site}", hubs - 1));
        if random.chance(70) { self.hub_reads(hubs - 1, like) } else { Ok(()) }
    }

    pub(super) fn site_is_declared_lost(&mut self, _: &mut Random) -> Result<(), String> {
        let ended = std::mem::take(&mut self.ended);
        self.note(|| format!("lost: {ended:?}"));
        self.lost.extend(ended);
        Ok(())
    }

    pub(super) fn clock_jumps(&mut self, random: &mut Random) -> Result<(), String> {
        const YEAR_MS: i64 = 31_556_952_000;
        let hub = random.below(self.hubs.len());
        let skew = random.pick(&[0, 0, 50_000, -50_000, 3 * YEAR_MS, -3 * YEAR_MS, 3_600_000]);
        self.hubs[hub].skew_ms = skew;
        self.note(|| format!("the clock of hub {hub} is wrong by {skew} ms"));
        Ok(())
    }

    pub(super) fn time_passes(&mut self, random: &mut Random) -> Result<(), String> {
        self.now_ms += random.pick(&[1, 10, 1_000, 100_000]);
        Ok(())
    }
}

/// Cuts an acknowledgement to what a token knows of a record, site by site.
fn hold_back(ack: &mut Version, here: &Version, seen: &Version) {
    for (site, clock) in here.entries() {
        if seen.get(*site) < *clock {
            ack.cut(*site, seen.get(*site));
        }
    }
}
