//! Virtual time, a network that fails, and what happens on it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use syncline_model::id::{EntityName, Position};

use super::model::{Model, problem};
use super::random::Random;
use super::shell::Shell;
use crate::message::{ClientMessage, Follow, HubMessage, Keeping, Page, PushAnswer};
use crate::operation::Operation;
use crate::session::client::{Connection, Lost, Store};
use crate::session::hub::{
    Close, Greeting, Live, Outgoing, PageFailure, PageRequest, Session as HubSession,
};

/// How long the network is bad and the users write, in milliseconds.
const TROUBLE_MS: u64 = 40_000;
/// How long all may take to be settled after that: a dead connection, the longest wait for the next,
/// operations to be sent later, a cursor of a quiet view.
const HEALED_MS: u64 = 600_000;
/// Messages under way in one direction before the sender has to wait.
const PIPE_MESSAGES: usize = 4;
/// Steps at one instant: more is a machine that turns on the spot.
const STEPS_MAX: usize = 2_000;

/// What a run is like.
#[derive(Clone, Debug)]
struct Climate {
    /// Changes are handed in ready-made.
    has_dispatcher: bool,
    /// Longest delay of a message, and of what the hub's threads do.
    network_ms: u64,
    hub_ms: u64,
    /// Longest time until a page is stored.
    store_ms: u64,
    /// Time from one thing that happens to the next, at most.
    quiet_ms: u64,
    /// Records often look as they did before, and the hub forgets all of its log.
    is_narrow: bool,
}

enum Event {
    ToHub {
        link: usize,
    },
    ToClient {
        link: usize,
    },
    /// Something of the hub's threads for a connection.
    Task {
        link: usize,
    },
    Connected {
        client: usize,
    },
    Ended {
        client: usize,
        link: usize,
        lost: Lost,
    },
    Stored {
        client: usize,
        life: u64,
    },
    Happening,
    Tick,
}

/// What the hub's threads bring to a connection, in order.
enum Task {
    Results(PushAnswer),
    Live(u32, Arc<Live>),
    Advanced(u64),
    Page(u32, Option<Page>),
}

enum Wire<M> {
    Message(M),
    Ping,
}

struct Link {
    client: usize,
    hub: HubSession,
    /// What is under way; dropped when the connection is cut.
    up: VecDeque<Wire<ClientMessage>>,
    down: VecDeque<Wire<HubMessage>>,
    tasks: VecDeque<Task>,
    last: [u64; 3],
    is_cut: bool,
    is_over: bool,
}

pub(super) struct World {
    now_ms: u64,
    random: Random,
    climate: Climate,
    hub: Model,
    shells: Vec<Shell>,
    /// How often each client was started.
    lives: Vec<u64>,
    /// The connection of each client, as the client knows it.
    connections: Vec<Option<usize>>,
    links: Vec<Link>,
    events: BTreeMap<(u64, u64), Event>,
    serial: u64,
    /// Per kind of view where the last stretch ended.
    dispatched: BTreeMap<Vec<EntityName>, u64>,
    ended: Ended,
}

/// What came of a run.
#[derive(Clone, Copy, Default)]
pub(super) struct Ended {
    /// Differs where anything did.
    pub(super) trace: u64,
    /// Stretches that clients held alike.
    pub(super) same: usize,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let climate = Climate {
            has_dispatcher: random.percent(60),
            network_ms: *random.pick(&[1, 30, 500]),
            hub_ms: *random.pick(&[1, 20, 200]),
            store_ms: *random.pick(&[1, 20, 5_000]),
            quiet_ms: *random.pick(&[200, 1_000]),
            is_narrow: seed.is_multiple_of(6),
        };
        let page_changes = *random.pick(&[1, 2, 100]);
        let hub = Model::new(page_changes, Random::new(random.next()));
        let entity = |name: &str| EntityName::new(name).unwrap();
        let follow = |entities: Vec<EntityName>| Follow::entities(entities);
        let mut shells = Vec::new();
        for index in 0..2 + random.below(2) {
            let mut views = match random.below(4) {
                0 => vec![follow(vec![entity("a")]), follow(vec![entity("b")])],
                1 => vec![follow(vec![entity("a")])],
                _ => vec![follow(Vec::new())],
            };
            let holds = seed.is_multiple_of(3);
            views.iter_mut().for_each(|view| view.holds = holds);
            let window = *random.pick(&[1, 2, 64]);
            shells.push(Shell::new(
                &format!("client-{index}"),
                views,
                window,
                climate.is_narrow,
                Random::new(random.next()),
            ));
        }
        let count = shells.len();
        let mut world = Self {
            now_ms: 0,
            random,
            climate,
            hub,
            shells,
            lives: vec![0; count],
            connections: vec![None; count],
            links: Vec::new(),
            events: BTreeMap::new(),
            serial: 0,
            dispatched: BTreeMap::new(),
            ended: Ended::default(),
        };
        world.after(1, Event::Happening);
        world.after(1_000, Event::Tick);
        world
    }

    /// Runs to the end and checks all that a pair has to keep.
    pub(super) fn run(mut self) -> Ended {
        let mut steps = 0;
        loop {
            self.pump();
            if self.now_ms > TROUBLE_MS {
                if self.shells.iter().all(|shell| shell.is_settled(&self.hub)) {
                    break;
                }
                assert!(self.now_ms < TROUBLE_MS + HEALED_MS, "not settled in time");
            }
            let event_ms = self.events.first_key_value().map(|((at_ms, _), _)| *at_ms);
            let next_ms = [event_ms, self.deadline_ms()].into_iter().flatten().min();
            let next_ms = next_ms.expect("there is always a tick").max(self.now_ms);
            steps = if next_ms == self.now_ms { steps + 1 } else { 0 };
            assert!(steps < STEPS_MAX, "a machine turns on the spot");
            self.now_ms = next_ms;
            if event_ms == Some(next_ms) || event_ms.is_some_and(|at_ms| at_ms < next_ms) {
                let (_, event) = self.events.pop_first().unwrap();
                self.handle(event);
            }
            let step = self.now_ms ^ self.serial;
            self.ended.trace = self.ended.trace.wrapping_mul(31).wrapping_add(step);
        }
        self.shells.iter().for_each(|shell| shell.check_settled(&self.hub));
        self.ended
    }

    fn after(&mut self, delay_ms: u64, event: Event) {
        self.serial += 1;
        self.events.insert((self.now_ms + delay_ms, self.serial), event);
    }

    /// Schedules what comes in order: not before what was scheduled last in this lane.
    fn in_order(&mut self, link: usize, lane: usize, most_ms: u64, event: Event) {
        let delay_ms = self.random.below(most_ms + 1);
        let at_ms = (self.now_ms + delay_ms).max(self.links[link].last[lane]);
        self.links[link].last[lane] = at_ms;
        self.after(at_ms - self.now_ms, event);
    }

    fn deadline_ms(&self) -> Option<u64> {
        let clients =
            self.shells.iter().filter_map(|shell| shell.machine.poll_deadline(self.now_ms));
        let open = self.links.iter().filter(|link| !link.is_over);
        clients.chain(open.filter_map(|link| link.hub.poll_deadline(self.now_ms))).min()
    }

    fn handle(&mut self, event: Event) {
        let now_ms = self.now_ms;
        match event {
            Event::ToHub { link } => match self.links[link].up.pop_front() {
                Some(_) if self.links[link].is_over => {}
                Some(Wire::Message(message)) => {
                    self.links[link].hub.handle_message(message, now_ms)
                }
                Some(Wire::Ping) => self.links[link].hub.handle_traffic(),
                None => {}
            },
            Event::ToClient { link } => self.arrive(link),
            Event::Task { link } => self.bring(link),
            Event::Connected { client } => self.connect(client),
            Event::Ended { client, link, lost } => {
                if self.connections[client] == Some(link) {
                    self.disconnect(client, lost);
                }
            }
            Event::Stored { client, life } => {
                if self.lives[client] == life {
                    self.stored(client);
                }
            }
            Event::Happening => self.happen(),
            Event::Tick => self.tick(),
        }
    }

    fn arrive(&mut self, link: usize) {
        let Some(wire) = self.links[link].down.pop_front() else { return };
        let client = self.links[link].client;
        if self.connections[client] != Some(link) {
            return;
        }
        match wire {
            Wire::Message(message) => {
                self.shells[client].arrive(message, self.now_ms);
            }
            Wire::Ping => {
                self.shells[client].machine.handle_traffic(self.now_ms);
                if !self.links[link].is_cut {
                    self.links[link].up.push_back(Wire::Ping);
                    let most_ms = self.climate.network_ms;
                    self.in_order(link, 0, most_ms, Event::ToHub { link });
                }
            }
        }
    }

    fn bring(&mut self, link: usize) {
        let Some(task) = self.links[link].tasks.pop_front() else { return };
        let hub = &mut self.links[link].hub;
        match task {
            Task::Results(answer) => hub.handle_results(answer),
            Task::Live(view, live) => hub.handle_live(view, live),
            Task::Advanced(position) => hub.handle_advanced(Position(position)),
            Task::Page(view, Some(page)) => hub.handle_page(view, page),
            Task::Page(view, None) => {
                let failure = PageFailure::CursorUnusable(problem("CURSOR_EXPIRED"));
                hub.handle_page_failed(view, failure);
            }
        }
    }

    fn connect(&mut self, client: usize) {
        if self.connections[client].is_some() {
            return;
        }
        let greeting =
            Greeting { incarnation: "1".into(), accept: Vec::new(), keeping: Keeping::default() };
        self.links.push(Link {
            client,
            hub: HubSession::new(greeting, self.now_ms),
            up: VecDeque::new(),
            down: VecDeque::new(),
            tasks: VecDeque::new(),
            last: [0; 3],
            is_cut: false,
            is_over: false,
        });
        self.connections[client] = Some(self.links.len() - 1);
        self.shells[client].machine.handle_connected(self.now_ms);
    }

    fn disconnect(&mut self, client: usize, lost: Lost) {
        if let Some(link) = self.connections[client].take() {
            self.cut(link);
        }
        let random = self.random.next();
        self.shells[client].machine.handle_disconnected(lost, self.now_ms, random);
    }

    /// What is under way is lost, both ways.
    fn cut(&mut self, link: usize) {
        let link = &mut self.links[link];
        link.is_cut = true;
        link.up.clear();
        link.down.clear();
    }

    fn stored(&mut self, client: usize) {
        let shell = &mut self.shells[client];
        if let Some(store) = shell.storing.take()
            && let Some((view, cursor)) = shell.store(store, &self.hub)
        {
            shell.machine.handle_stored(view, &cursor);
        }
    }

    /// The users write, and things go wrong.
    fn happen(&mut self) {
        if self.now_ms > TROUBLE_MS {
            self.hub.trouble = false;
            self.climate.store_ms = self.climate.store_ms.min(20);
            return;
        }
        let client = usize::try_from(self.random.below(self.shells.len() as u64)).unwrap();
        match self.random.below(100) {
            0..70 => {
                for _ in 0..=self.random.below(3) {
                    self.shells[client].edit(self.now_ms);
                }
            }
            70..80 => self.break_connection(client),
            80..84 => self.crash(client),
            84..87 => self.hub.forget(self.climate.is_narrow),
            87..90 => self.shells[client]
                .machine
                .handle_network(self.now_ms.is_multiple_of(2), self.now_ms),
            90..93 => self.stop_hub_side(client),
            _ => {}
        }
        let delay_ms = 1 + self.random.below(self.climate.quiet_ms);
        self.after(delay_ms, Event::Happening);
    }

    /// A connection breaks: one end or both or neither learn of it at once.
    fn break_connection(&mut self, client: usize) {
        let Some(link) = self.connections[client] else { return };
        self.cut(link);
        if self.random.percent(70) {
            let delay_ms = self.random.below(2_000);
            self.after(delay_ms, Event::Ended { client, link, lost: Lost::Broken });
        }
        if self.random.percent(50) {
            self.links[link].is_over = true;
        }
    }

    fn crash(&mut self, client: usize) {
        self.lives[client] += 1;
        if let Some(link) = self.connections[client].take() {
            self.cut(link);
        }
        self.shells[client].restart();
    }

    fn stop_hub_side(&mut self, client: usize) {
        if let Some(link) = self.connections[client] {
            self.links[link].hub.handle_end(Close::Stopping, None);
        }
    }

    /// Now and then every connection is told where the log ends.
    fn tick(&mut self) {
        let position = self.hub.position();
        for link in 0..self.links.len() {
            if !self.links[link].is_over {
                self.task(link, Task::Advanced(position));
            }
        }
        if self.now_ms > TROUBLE_MS {
            for client in 0..self.shells.len() {
                self.shells[client].machine.handle_network(true, self.now_ms);
            }
        }
        self.after(1_000, Event::Tick);
    }

    fn task(&mut self, link: usize, task: Task) {
        self.links[link].tasks.push_back(task);
        let most_ms = self.climate.hub_ms;
        self.in_order(link, 2, most_ms, Event::Task { link });
    }

    /// Asks every machine what to do until none has anything.
    fn pump(&mut self) {
        for client in 0..self.shells.len() {
            self.pump_client(client);
        }
        for link in 0..self.links.len() {
            if !self.links[link].is_over {
                self.pump_link(link);
            }
        }
    }

    fn pump_client(&mut self, client: usize) {
        let now_ms = self.now_ms;
        self.shells[client].machine.handle_time(now_ms);
        self.shells[client].hand_in(now_ms);
        match self.shells[client].machine.poll_connection(now_ms) {
            Some(Connection::Connect { .. }) => self.dial(client),
            Some(Connection::Close { code }) => {
                assert_ne!(code, 1002, "the hub said what must not be said");
                self.disconnect(client, Lost::Broken);
            }
            None => {}
        }
        self.pump_store(client);
        let Some(link) = self.connections[client] else { return };
        while self.links[link].up.len() < PIPE_MESSAGES {
            let Some(message) = self.shells[client].machine.poll_message(now_ms) else { break };
            self.shells[client].check_message(&message);
            if !self.links[link].is_cut {
                self.links[link].up.push_back(Wire::Message(message));
                let most_ms = self.climate.network_ms;
                self.in_order(link, 0, most_ms, Event::ToHub { link });
            }
        }
    }

    fn dial(&mut self, client: usize) {
        assert!(self.connections[client].is_none(), "one connection at a time");
        if self.now_ms < TROUBLE_MS && self.random.percent(20) {
            let lost = *self.random.pick(&[
                Lost::Unauthorised,
                Lost::Broken,
                Lost::Later { after_ms: 500 },
            ]);
            let random = self.random.next();
            self.shells[client].machine.handle_disconnected(lost, self.now_ms, random);
        } else {
            self.after(1, Event::Connected { client });
        }
    }

    fn pump_store(&mut self, client: usize) {
        while self.shells[client].storing.is_none() {
            let Some(store) = self.shells[client].machine.poll_store(self.now_ms) else { return };
            let is_page = matches!(store, Store::Page { .. });
            self.shells[client].storing = Some(store);
            if is_page {
                let delay_ms = self.random.below(self.climate.store_ms + 1);
                let life = self.lives[client];
                self.after(delay_ms, Event::Stored { client, life });
            } else {
                self.stored(client);
            }
        }
    }

    fn pump_link(&mut self, link: usize) {
        let now_ms = self.now_ms;
        self.links[link].hub.handle_time(now_ms);
        while let Some(push) = self.links[link].hub.poll_push() {
            self.push(link, &push);
        }
        while let Some(request) = self.links[link].hub.poll_page() {
            self.read(link, &request);
        }
        if self.links[link].hub.poll_ping(now_ms) {
            self.down(link, Wire::Ping);
        }
        while self.links[link].down.len() < PIPE_MESSAGES {
            let message = match self.links[link].hub.poll_message(now_ms) {
                None => break,
                Some(Outgoing::Message(message)) => message,
                Some(Outgoing::Live { view, live }) => {
                    HubMessage::Changes { view, page: live.page.clone() }
                }
            };
            self.down(link, Wire::Message(message));
        }
        if let Some(close) = self.links[link].hub.poll_close() {
            self.hang_up(link, close);
        }
    }

    fn hang_up(&mut self, link: usize, close: Close) {
        let is_bad = close == Close::Violation && !self.links[link].is_cut;
        assert!(!is_bad, "the client said what must not be said");
        self.links[link].is_over = true;
        let client = self.links[link].client;
        let lost = match close {
            Close::Stopping => Lost::Restarting,
            Close::Later => Lost::Later { after_ms: 100 },
            _ => Lost::Broken,
        };
        self.after(self.climate.network_ms + 1, Event::Ended { client, link, lost });
    }

    fn down(&mut self, link: usize, wire: Wire<HubMessage>) {
        if !self.links[link].is_cut {
            self.links[link].down.push_back(wire);
            let most_ms = self.climate.network_ms;
            self.in_order(link, 1, most_ms, Event::ToClient { link });
        }
    }

    /// Carries a push out; its results and what is told to others come later, in any order.
    fn push(&mut self, link: usize, push: &[Operation]) {
        let client = self.shells[self.links[link].client].client.clone();
        let answer = self.hub.push(&client, push);
        let results_first = self.random.percent(50);
        if results_first {
            self.task(link, Task::Results(answer));
            self.dispatch();
        } else {
            self.dispatch();
            self.task(link, Task::Results(answer));
        }
    }

    /// Tells every connection what is new in the log; sometimes one is forgotten.
    fn dispatch(&mut self) {
        let position = self.hub.position();
        let mut made: BTreeMap<Vec<EntityName>, Option<Arc<Live>>> = BTreeMap::new();
        for link in 0..self.links.len() {
            if self.links[link].is_over {
                continue;
            }
            if !self.climate.has_dispatcher {
                self.task(link, Task::Advanced(position));
                continue;
            }
            let client = self.links[link].client;
            let views: Vec<Vec<EntityName>> =
                self.shells[client].disk.views.iter().map(|view| view.entities.clone()).collect();
            for (view, entities) in (0..).zip(views) {
                let live = made.entry(entities.clone()).or_insert_with(|| {
                    let from = self.dispatched.entry(entities.clone()).or_default();
                    live(&mut self.hub, &entities, from, position)
                });
                if let Some(live) = live.clone().filter(|_| !self.random.percent(3)) {
                    self.task(link, Task::Live(view, live));
                }
            }
        }
    }

    fn read(&mut self, link: usize, request: &PageRequest) {
        let page = self.hub.page(&request.follow, request.anew.as_ref());
        let same = page.iter().filter_map(|page| page.same.as_ref());
        let runs = same.flat_map(|same| &same.stretches);
        self.ended.same += runs.map(|run| run.count as usize).sum::<usize>();
        self.task(link, Task::Page(request.view, page));
    }
}

/// Returns what is new for a kind of view, if anything is.
fn live(hub: &mut Model, entities: &[EntityName], from: &mut u64, to: u64) -> Option<Arc<Live>> {
    let follow = Follow::entities(entities.to_vec());
    let page = hub.log_page(&follow, *from, to, usize::MAX);
    if page.changes.is_empty() {
        return None;
    }
    let after = Position(std::mem::replace(from, to));
    Some(Arc::new(Live { after, page, encoded: () }))
}
