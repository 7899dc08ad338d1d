//! The network: loses, doubles, delays and so reorders messages; links go down one way or both.

use std::collections::BTreeMap;

use crate::random::Random;
use crate::swarm::Swarm;

/// Who sends or receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// A hub.
    Site(usize),
    /// A client.
    Client(usize),
}

/// The state of all links.
#[derive(Debug)]
pub struct Network {
    random: Random,
    loss: u64,
    duplication: u64,
    delay_ms_max: u64,
    /// Links that are down, by direction, until when.
    down_until: BTreeMap<(Endpoint, Endpoint), u64>,
    /// Links that hold everything back, until when.
    clogged_until: BTreeMap<(Endpoint, Endpoint), u64>,
    /// What has happened, by kind.
    pub faults: BTreeMap<&'static str, u64>,
}

impl Network {
    /// Returns a network with the rates of a seed.
    pub fn new(random: Random, swarm: &Swarm) -> Self {
        Self {
            random,
            loss: swarm.loss,
            duplication: swarm.duplication,
            delay_ms_max: swarm.delay_ms_max,
            down_until: BTreeMap::new(),
            clogged_until: BTreeMap::new(),
            faults: BTreeMap::new(),
        }
    }

    /// Ends all faults.
    pub fn mend(&mut self) {
        (self.loss, self.duplication, self.delay_ms_max) = (0, 0, 50);
        self.down_until.clear();
        self.clogged_until.clear();
    }

    /// Returns when copies of a message arrive; none if it is lost.
    pub fn send(&mut self, from: Endpoint, to: Endpoint, now_ms: u64) -> Vec<u64> {
        if self.down_until.get(&(from, to)).is_some_and(|until| now_ms < *until) {
            self.count("message into a partition");
            return Vec::new();
        }
        if self.random.chance(self.loss) {
            self.count("message lost");
            return Vec::new();
        }
        let mut arrivals = vec![self.arrival(from, to, now_ms)];
        if self.random.chance(self.duplication) {
            self.count("message doubled");
            arrivals.push(self.arrival(from, to, now_ms));
        }
        arrivals
    }

    fn arrival(&mut self, from: Endpoint, to: Endpoint, now_ms: u64) -> u64 {
        let held = self.clogged_until.get(&(from, to)).copied().unwrap_or_default();
        held.max(now_ms) + self.random.between(1, self.delay_ms_max.max(1))
    }

    /// Cuts a link for a while: one way, both ways, or everything that one endpoint has; or clogs it.
    pub fn disturb(&mut self, endpoints: &[Endpoint], now_ms: u64) {
        let (Some(a), Some(b)) =
            (self.random.pick(endpoints).copied(), self.random.pick(endpoints).copied())
        else {
            return;
        };
        let until = now_ms + self.random.between(1_000, 120_000);
        match self.random.below(4) {
            0 => {
                self.down_until.insert((a, b), until);
                self.count("partition one way");
            }
            1 => {
                self.down_until.insert((a, b), until);
                self.down_until.insert((b, a), until);
                self.count("partition both ways");
            }
            2 => {
                for other in endpoints {
                    self.down_until.insert((a, *other), until);
                    self.down_until.insert((*other, a), until);
                }
                self.count("endpoint cut off");
            }
            _ => {
                self.clogged_until.insert((a, b), until);
                self.count("link clogged");
            }
        }
    }

    fn count(&mut self, fault: &'static str) {
        *self.faults.entry(fault).or_default() += 1;
    }
}
