//! A world, its history, and what is left of a history that failed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use syncline_merge::state::Record;
use syncline_model::id::SiteId;

use super::clients::Client;
use super::exchange::Message;
use super::files::PlainWriter;
use super::hub::Hub;
use super::random::Random;
use crate::oracle::Oracle;
use crate::oracle::set::CHANGES_MAX;

/// Records of a world.
pub(crate) const RECORDS: usize = 2;
/// Wall time at which a world begins, in milliseconds.
pub(crate) const START_MS: u64 = 1_700_000_000_000;
/// A history ends early when fewer changes than this are left: as many may be needed to heal it.
pub(super) const CHANGES_SPARE: usize = 104;

/// Everything there is.
pub(crate) struct World {
    pub(crate) oracle: Oracle,
    pub(crate) hubs: Vec<Hub>,
    pub(super) clients: Vec<Client>,
    pub(super) writers: Vec<PlainWriter>,
    pub(super) network: Vec<Message>,
    /// Incarnations that an operator has declared lost.
    pub(super) lost: Vec<SiteId>,
    /// Incarnations that ended and are not yet declared lost.
    pub(super) ended: Vec<SiteId>,
    /// Parts withheld from one hub to another.
    pub(super) withheld: Vec<(usize, usize, usize)>,
    /// Records that one hub keeps whole from another.
    pub(super) kept_whole: Vec<(usize, usize, usize)>,
    /// What is played beside what all histories play.
    pub(super) more: Vec<More>,
    /// Whether rules fail at present that may.
    pub(super) fails: Arc<AtomicBool>,
    pub(super) now_ms: u64,
    pub(super) names: u64,
    pub(super) operations: u64,
    /// States that were met on the way, where somebody wants them.
    pub(crate) kept: Option<Vec<(usize, Record)>>,
    pub(super) trace: Option<Vec<String>>,
    /// How often the rare things happened.
    pub(crate) counts: BTreeMap<&'static str, u64>,
}

/// Why a history failed, and how to see it again.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) seed: u64,
    pub(crate) more: Vec<More>,
    pub(crate) action: usize,
    pub(crate) what: String,
    pub(crate) trace: Vec<String>,
}

/// How likely each kind of action is in one history.
pub(super) struct Rates {
    pub(super) actions: usize,
    pub(super) weights: [usize; KINDS.len()],
}

pub(super) type Action = fn(&mut World, &mut Random) -> Result<(), String>;

/// Kinds of actions, and how often each happens in the middle.
pub(super) const KINDS: [(&str, usize, Action); 19] = [
    ("client", 30, World::client_acts),
    ("edit", 14, World::writer_edits),
    ("read", 12, World::writer_is_read),
    ("write", 12, World::writer_is_written),
    ("send", 22, World::hub_sends),
    ("deliver", 22, World::network_delivers),
    ("forget", 4, World::hub_forgets),
    ("backup", 2, World::hub_is_backed_up),
    ("restore", 2, World::hub_is_restored),
    ("rules", 2, World::rules_change),
    ("settle", 6, World::somebody_settles),
    ("withhold", 2, World::policy_changes),
    ("burst", 1, World::strangers_write),
    ("roam", 5, World::client_roams),
    ("clock", 1, World::clock_jumps),
    ("lost", 1, World::site_is_declared_lost),
    ("expire", 2, World::token_expires),
    ("time", 6, World::time_passes),
    ("quiet", 4, World::quiet_time),
];

impl Rates {
    pub(super) fn of(seed: u64) -> Self {
        let mut random = Random::new(seed, 1);
        let weights = KINDS.map(|(_, weight, _)| {
            let scale = random.pick(&[0, 1, 2, 2, 2, 4]);
            weight * scale + usize::from(scale > 0 && weight < 3)
        });
        let actions = random.pick(&[15, 30, 45, 70, 110]);
        Self { actions, weights }
    }

    pub(super) fn draw(&self, random: &mut Random) -> usize {
        let mut at = random.below(self.weights.iter().sum());
        for (kind, weight) in self.weights.iter().enumerate() {
            if at < *weight {
                return kind;
            }
            at -= weight;
        }
        0
    }
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, 2);
        let hubs = 2 + random.below(4);
        let mut world = Self {
            oracle: Oracle::default(),
            hubs: Vec::new(),
            clients: Vec::new(),
            writers: Vec::new(),
            network: Vec::new(),
            lost: Vec::new(),
            ended: Vec::new(),
            withheld: Vec::new(),
            kept_whole: Vec::new(),
            more: Vec::new(),
            fails: Arc::default(),
            now_ms: START_MS,
            names: 0,
            operations: 0,
            kept: None,
            trace: None,
            counts: BTreeMap::new(),
        };
        let rules = super::rules::draw(&mut random);
        for _ in 0..hubs {
            let site = world.new_site();
            world.hubs.push(Hub::new(site, hubs, rules.clone()));
        }
        for index in 0..3 {
            world.clients.push(Client::new(index, random.below(hubs)));
        }
        for index in 0..2 {
            let trusted = !random.chance(15);
            world.writers.push(PlainWriter::new(index, random.below(hubs), trusted));
        }
        world
    }

    pub(super) fn new_site(&mut self) -> SiteId {
        self.names += 1;
        SiteId(self.names)
    }

    pub(super) fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(what());
        }
    }

    pub(super) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    pub(super) fn plays(&self, more: More) -> bool {
        self.more.contains(&more)
    }

    /// Plays what this history plays beside what all do.
    fn acts_more(&mut self, seed: u64, action: usize) -> Result<(), String> {
        for (at, more) in More::ALL.into_iter().enumerate() {
            let mut random = Random::new(seed, (10_000 * (at + 1) + action) as u64);
            if !self.plays(more) || self.is_full() {
                continue;
            }
            let clears = matches!(more, More::LateHubs | More::WithheldRecords);
            if clears && random.chance(5) {
                self.records_are_cleared(&mut random)?;
            }
            match more {
                More::LateHubs if random.chance(6) => self.hub_joins_late(&mut random)?,
                More::FailingRules if random.chance(10) => self.rules_fail(&mut random),
                More::Digests if random.chance(25) => self.digests_are_compared(&mut random)?,
                More::WithheldRecords if random.chance(16) => self.record_is_kept(&mut random),
                More::Approvals if random.chance(10) => {
                    self.rules_ask_for_approval(&mut random, false);
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.oracle.changes.len() + CHANGES_SPARE > CHANGES_MAX
    }
}

/// What a history may play beside what all of them do. Each is drawn from numbers of its own, so that
/// histories without it stay as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum More {
    /// Files are not shown some fields, other ones from time to time.
    HiddenFields,
    /// Hubs join that begin empty.
    LateHubs,
    /// Rules fail for some values, and at times for all.
    FailingRules,
    /// Hubs compare digests and send each other what differs.
    Digests,
    /// Hubs keep records whole from each other, and let them go again.
    WithheldRecords,
    /// Some fields show a value that waits for approval.
    Approvals,
}

impl More {
    pub(crate) const ALL: [Self; 6] = [
        Self::HiddenFields,
        Self::LateHubs,
        Self::FailingRules,
        Self::Digests,
        Self::WithheldRecords,
        Self::Approvals,
    ];
}

/// What to do with a history.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wish<'a> {
    /// Actions to leave out.
    pub(crate) without: Option<&'a BTreeSet<usize>>,
    /// Whether to write down what happens.
    pub(crate) traced: bool,
    /// Whether to keep the states that are met.
    pub(crate) keeps: bool,
    /// What to play beside what all histories play.
    pub(crate) more: &'a [More],
}

/// Plays the history of a seed and heals it in the end.
pub(crate) fn play(seed: u64, wish: &Wish<'_>) -> Result<World, Failure> {
    let rates = Rates::of(seed);
    let mut world = World::new(seed);
    world.trace = wish.traced.then(Vec::new);
    world.kept = wish.keeps.then(Vec::new);
    world.more = wish.more.to_vec();
    if world.plays(More::HiddenFields) {
        world.hide(&mut Random::new(seed, 3));
    }
    if world.plays(More::FailingRules) {
        world.rules_may_fail(&mut Random::new(seed, 5));
    }
    if world.plays(More::Approvals) {
        world.rules_ask_for_approval(&mut Random::new(seed, 6), true);
    }
    for action in 0..=rates.actions {
        let mut random = Random::new(seed, 100 + action as u64);
        let done = if action == rates.actions {
            world.note(|| format!("{action}: heal"));
            world.heal()
        } else if wish.without.is_some_and(|without| without.contains(&action)) || world.is_full() {
            Ok(())
        } else {
            let (name, _, act) = KINDS[rates.draw(&mut random)];
            world.note(|| format!("{action}: {name}"));
            act(&mut world, &mut random).and_then(|()| world.acts_more(seed, action))
        };
        if let Err(what) = done {
            let trace = world.trace.take().unwrap_or_default();
            return Err(Failure { seed, more: world.more, action, what, trace });
        }
    }
    Ok(world)
}

/// Finds a failing history with as few actions as can be, and what it does.
pub(crate) fn minimised(failure: Failure) -> Failure {
    let mut without: BTreeSet<usize> = BTreeSet::new();
    let (seed, more) = (failure.seed, failure.more.clone());
    let mut least = failure;
    for size in [16, 8, 4, 2, 1, 1] {
        let mut start = 0;
        while start < least.action.max(1) {
            let mut fewer = without.clone();
            fewer.extend(start..start + size);
            let wish = Wish { without: Some(&fewer), traced: true, keeps: false, more: &more };
            if fewer.len() > without.len()
                && let Err(found) = play(seed, &wish)
            {
                least = found;
                without = fewer;
            }
            start += size;
        }
    }
    least
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed, more, action, what, .. } = self;
        writeln!(f, "history {seed} with {more:?} fails at action {action}:\n{what}")?;
        self.trace.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}
