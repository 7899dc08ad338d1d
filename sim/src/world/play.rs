//! The loop: events in order of virtual time, until chaos ends and everything must be well.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::client::{Client, Message};
use super::files::Folders;
use super::site::Site;
use crate::check;
use crate::fault::PlantedFault;
use crate::history::{History, Violation};
use crate::network::{Endpoint, Network};
use crate::random::Random;
use crate::schema::Schema;
use crate::swarm::Swarm;
use crate::trace::Trace;

/// Virtual time at which every world begins: 2027-01-15, in milliseconds since the Unix epoch.
pub const EPOCH_MS: u64 = 1_800_000_000_000;
/// After the faults end, time goes on by this much first, so that clocks that were an hour ahead
/// are in the past. In milliseconds.
pub(super) const SETTLING_MS: u64 = 2 * 3_600_000;
/// Everything must be delivered this long after that, in milliseconds.
pub(super) const LIVENESS_MS: u64 = 3_600_000;
/// Most events of one world: more would be a storm.
pub(super) const EVENTS_MAX: u64 = 400_000;

/// Something that happens at a time.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A message arrives.
    Arrives { to: Endpoint, from: Endpoint, message: Box<Message> },
    /// A client does something.
    ClientActs(usize),
    /// A site asks a peer for news.
    SiteExchanges(usize),
    /// A site ends without warning.
    Crash,
    /// A site starts.
    Start(usize),
    /// A site is started although it runs.
    SecondStart,
    /// A clock jumps.
    ClockJump,
    /// The network changes.
    NetworkDisturbed,
    /// A user edits a file.
    Edit(usize),
    /// A site synchronises its folders.
    Sync(usize),
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Hash of everything that happened.
    pub hash: u64,
    /// Requirements that were not met, in order; the first one counts.
    pub violations: Vec<Violation>,
    /// Faults by kind.
    pub faults: BTreeMap<String, u64>,
    /// What was done, by kind.
    pub work: BTreeMap<&'static str, u64>,
    /// Virtual time that passed, in milliseconds.
    pub virtual_ms: u64,
    /// Lines of the trace that lead to the first violation.
    pub trace: Vec<String>,
}

/// One simulated world.
#[derive(Debug)]
pub struct World {
    pub(super) random: Random,
    pub(super) swarm: Swarm,
    pub(crate) schema: Rc<Schema>,
    pub(super) fault: Option<PlantedFault>,
    pub(super) now_ms: u64,
    pub(super) events: BTreeMap<(u64, u64), Event>,
    pub(super) event_next: u64,
    pub(super) events_done: u64,
    pub(super) healing: bool,
    pub(super) network: Network,
    pub(crate) sites: Vec<Site>,
    pub(crate) clients: Vec<Client>,
    pub(crate) folders: Vec<Folders>,
    pub(crate) history: History,
    pub(super) trace: Trace,
    pub(super) faults: BTreeMap<&'static str, u64>,
    pub(super) work: BTreeMap<&'static str, u64>,
    pub(super) value_next: u64,
    pub(super) starts: u64,
}

/// Runs the world of a seed to its end, and checks it.
pub fn run(seed: u64, fault: Option<PlantedFault>) -> Outcome {
    let mut world = World::new(seed, fault);
    world.chaos();
    world.heal();
    check::at_the_end(&mut world);
    world.outcome()
}

impl World {
    pub(super) fn new(seed: u64, fault: Option<PlantedFault>) -> Self {
        let mut random = Random::new(seed);
        let swarm = Swarm::draw(&mut random);
        let schema = Schema::draw(&mut random);
        let network = Network::new(random.split(), &swarm);
        let sites = (0..swarm.sites).map(|_| Site::new(random.split())).collect();
        let clients = (0..swarm.clients).map(|index| Client::new(index, swarm.sites)).collect();
        let folders = (0..swarm.sites).map(|_| Folders::default()).collect();
        let history = History::new(swarm.sites);
        let mut world = Self {
            random,
            swarm,
            schema: Rc::new(schema),
            fault,
            now_ms: 0,
            events: BTreeMap::new(),
            event_next: 0,
            events_done: 0,
            healing: false,
            network,
            sites,
            clients,
            folders,
            history,
            trace: Trace::new(),
            faults: BTreeMap::new(),
            work: BTreeMap::new(),
            value_next: 0,
            starts: 0,
        };
        world.begin();
        world
    }

    pub(super) fn begin(&mut self) {
        for index in 0..self.sites.len() {
            self.begin_folders(index);
            self.start_site(index);
            if let Some(site) = self.sites.get(index) {
                site.disk.set_rates(self.swarm.disk);
            }
            self.after(self.swarm.exchange_pause_ms, Event::SiteExchanges(index));
            self.after(self.swarm.edit_pause_ms, Event::Edit(index));
            self.after(self.swarm.sync_pause_ms, Event::Sync(index));
        }
        for index in 0..self.clients.len() {
            self.after(self.swarm.client_pause_ms, Event::ClientActs(index));
        }
        self.after(self.swarm.crash_pause_ms, Event::Crash);
        self.after(self.swarm.second_start_pause_ms, Event::SecondStart);
        self.after(self.swarm.clock_pause_ms, Event::ClockJump);
        self.after(self.swarm.partition_pause_ms, Event::NetworkDisturbed);
    }

    /// Puts an event into the heap.
    pub(crate) fn at(&mut self, at_ms: u64, event: Event) {
        self.events.insert((at_ms, self.event_next), event);
        self.event_next += 1;
    }

    /// Puts an event into the heap after a random pause; never, if its mean is 0.
    pub(crate) fn after(&mut self, mean_ms: u64, event: Event) {
        if mean_ms > 0 {
            let pause = self.random.between(1, mean_ms * 2);
            self.at(self.now_ms + pause, event);
        }
    }

    pub(super) fn chaos(&mut self) {
        self.run_until(self.swarm.chaos_ms);
    }

    /// Ends all faults and all new work, and waits until everything is delivered.
    pub(super) fn heal(&mut self) {
        self.healing = true;
        self.note(format_args!("heal"));
        self.network.mend();
        for index in 0..self.sites.len() {
            if let Some(site) = self.sites.get_mut(index) {
                site.heal();
            }
            self.start_site(index);
        }
        self.now_ms += SETTLING_MS;
        let deadline = self.now_ms + LIVENESS_MS;
        self.run_until(deadline);
        self.sync_until_still();
    }

    /// Takes events out of the heap until none is left before `until_ms`.
    pub(super) fn run_until(&mut self, until_ms: u64) {
        while self.events_done < EVENTS_MAX {
            if self.healing && self.is_quiet() {
                return;
            }
            let Some(entry) = self.events.first_entry() else {
                break;
            };
            let at_ms = entry.key().0;
            if at_ms >= until_ms {
                break;
            }
            let event = entry.remove();
            self.now_ms = self.now_ms.max(at_ms);
            self.events_done += 1;
            self.happen(event);
        }
        self.now_ms = self.now_ms.max(until_ms);
    }

    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::Arrives { to, from, message } => self.deliver(to, from, *message),
            Event::ClientActs(client) => self.client_acts(client),
            Event::SiteExchanges(site) => self.exchange(site),
            Event::Start(site) => self.start_site(site),
            _ if self.healing => {}
            Event::Crash => self.crash_some_site(),
            Event::SecondStart => self.second_start(),
            Event::ClockJump => self.clock_jumps(),
            Event::NetworkDisturbed => {
                let endpoints = self.endpoints();
                self.network.disturb(&endpoints, self.now_ms);
                self.note(format_args!("network disturbed"));
                self.after(self.swarm.partition_pause_ms, Event::NetworkDisturbed);
            }
            Event::Edit(site) => self.edit_file(site),
            Event::Sync(site) => self.sync_folders(site),
        }
    }

    pub(super) fn endpoints(&self) -> Vec<Endpoint> {
        let sites = (0..self.sites.len()).map(Endpoint::Site);
        sites.chain((0..self.clients.len()).map(Endpoint::Client)).collect()
    }

    /// Sends a message over the network.
    pub(crate) fn send(&mut self, from: Endpoint, to: Endpoint, message: &Message) {
        for at_ms in self.network.send(from, to, self.now_ms) {
            let message = Box::new(message.clone());
            self.at(at_ms, Event::Arrives { to, from, message });
        }
    }

    /// Adds a line to the trace.
    pub(crate) fn note(&mut self, line: std::fmt::Arguments<'_>) {
        self.trace.note(self.now_ms, line);
    }

    /// Counts a fault.
    pub(crate) fn count_fault(&mut self, fault: &'static str) {
        *self.faults.entry(fault).or_default() += 1;
    }

    /// Counts a piece of work.
    pub(crate) fn count(&mut self, work: &'static str) {
        *self.work.entry(work).or_default() += 1;
    }

    /// Returns a value that was never written before.
    pub(crate) const fn fresh_value(&mut self) -> u64 {
        self.value_next += 1;
        self.value_next
    }

    /// Returns whether every client has its answers and every hub has its peers' news.
    pub(crate) fn is_quiet(&self) -> bool {
        self.clients.iter().all(Client::is_idle) && self.is_exchanged()
    }

    pub(super) fn outcome(mut self) -> Outcome {
        let mut faults: BTreeMap<String, u64> = BTreeMap::new();
        let mut add = |kinds: &BTreeMap<&'static str, u64>| {
            for (kind, count) in kinds {
                *faults.entry((*kind).to_owned()).or_default() += count;
            }
        };
        add(&self.faults);
        add(&self.network.faults);
        for site in &self.sites {
            add(&site.disk.faults());
        }
        for (kind, count) in &faults {
            self.trace.mix(kind.as_bytes());
            self.trace.mix(&count.to_be_bytes());
        }
        let words = self.history.violations.first().map(|first| first.words.clone());
        Outcome {
            hash: self.trace.hash(),
            trace: words.map_or_else(Vec::new, |words| self.trace.lines_about(&words, 60)),
            violations: self.history.violations,
            faults,
            work: self.work,
            virtual_ms: self.now_ms,
        }
    }
}
