//! A world, its history, and what is left of a history that failed.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Whether files are not shown some parts.
    pub(super) hides: bool,
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
    pub(crate) hides: bool,
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
            hides: false,
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

    pub(super) fn is_full(&self) -> bool {
        self.oracle.changes.len() + CHANGES_SPARE > CHANGES_MAX
    }
}

/// What to do with a history.
#[derive(Default)]
pub(crate) struct Wish<'a> {
    /// Actions to leave out.
    pub(crate) without: Option<&'a BTreeSet<usize>>,
    /// Whether to write down what happens.
    pub(crate) traced: bool,
    /// Whether to keep the states that are met.
    pub(crate) keeps: bool,
    /// Whether files are not shown some parts. It is no kind of action, so that histories without it
    /// stay as they were.
    pub(crate) hides: bool,
}

/// Plays the history of a seed and heals it in the end.
pub(crate) fn play(seed: u64, wish: &Wish<'_>) -> Result<World, Failure> {
    let rates = Rates::of(seed);
    let mut world = World::new(seed);
    world.trace = wish.traced.then(Vec::new);
    world.kept = wish.keeps.then(Vec::new);
    if wish.hides {
        world.hide(&mut Random::new(seed, 3));
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
            act(&mut world, &mut random)
        };
        if let Err(what) = done {
            let trace = world.trace.take().unwrap_or_default();
            return Err(Failure { seed, hides: wish.hides, action, what, trace });
        }
    }
    Ok(world)
}

/// Finds a failing history with as few actions as can be, and what it does.
pub(crate) fn minimised(failure: Failure) -> Failure {
    let mut without: BTreeSet<usize> = BTreeSet::new();
    let (seed, hides) = (failure.seed, failure.hides);
    let mut least = failure;
    for size in [16, 8, 4, 2, 1, 1] {
        let mut start = 0;
        while start < least.action.max(1) {
            let mut fewer = without.clone();
            fewer.extend(start..start + size);
            let wish = Wish { without: Some(&fewer), traced: true, keeps: false, hides };
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
        let Self { seed, action, what, .. } = self;
        let hides = if self.hides { " with hidden fields" } else { "" };
        writeln!(f, "history {seed}{hides} fails at action {action}:\n{what}")?;
        self.trace.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}
