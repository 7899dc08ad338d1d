//! Deliveries over a real store: what the machine asks for is read there, whatever state that is in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path as Folder;
use std::sync::Arc;
use std::sync::mpsc::channel;

use syncline_engine::deliver::{
    DeliveryState, EndpointRow, Filter, Notice, Outcome, Past, Report, SecretKind, Selection,
    Settings, StoredSecret,
};
use syncline_engine::event::Event;
use syncline_engine::operate::Entities;
use syncline_engine::rows::{Batch, Key, Scan};
use syncline_hub::served::deliver::{Deliveries, DeliveryError, DeliveryRetention, Parcel, Sought};
use syncline_hub::served::{Emission, KeptRequest, Served};
use syncline_hub::{Actor, Hub, HubOptions};
use syncline_merge::operation::{Effect, FieldOperation};
use syncline_model::id::{
    ClientId, EndpointId, EntityName, EventId, EventType, Position, RecordId,
};
use syncline_model::json::{Json, Leaf};
use syncline_model::path::Path;
use syncline_policy::view::Sight;
use syncline_protocol::operation::Operation;
use syncline_store::sqlite::{Options, SqliteStore};
use syncline_store::{Read, Store};

/// Attempts that a sender has at once.
const SENDS_MAX: usize = 1_024;

pub(crate) fn endpoint(id: &str) -> EndpointId {
    EndpointId::new(id).unwrap()
}

/// A hub with deliveries, whose attempts go nowhere and all succeed.
pub(crate) struct World {
    pub(crate) served: Served,
    pub(crate) all: Deliveries,
    pub(crate) now_ms: u64,
    counter: u64,
    pub(crate) delivered: BTreeSet<(EndpointId, Position)>,
    notices: Vec<Notice>,
}

impl World {
    pub(crate) fn open(folder: &Folder) -> Self {
        let state_folder = folder.to_owned();
        let hub = Hub::open(&HubOptions { state_folder, check_store: false }).unwrap();
        let served = Served::start(hub, Entities::open(BTreeMap::new())).unwrap();
        let (now_ms, notices) = (1_700_000_000_000, Vec::new());
        let all = Deliveries::start(&served, now_ms).unwrap();
        let counter = served.position().0;
        Self { served, all, now_ms, counter, delivered: BTreeSet::new(), notices }
    }

    pub(crate) fn close(self) {
        drop(self.all);
        self.served.stop().unwrap();
    }

    pub(crate) fn add(&mut self, id: &str, types: &str) -> Result<(), DeliveryError> {
        self.add_at(id, &format!("https://{id}.example.org/"), types)
    }

    pub(crate) fn add_at(&mut self, id: &str, url: &str, types: &str) -> Result<(), DeliveryError> {
        let row = Self::row(url, types);
        self.all.create(self.now_ms, &endpoint(id), row, &Actor::default())
    }

    fn row(url: &str, types: &str) -> EndpointRow {
        let mut settings = Settings::new(url);
        settings.filter = Filter::new([types]).unwrap();
        let text = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD".into();
        let secret = StoredSecret { kind: SecretKind::Hmac, text, since_ms: 0, until_ms: None };
        EndpointRow { created_ms: 0, is_removed: false, settings, secrets: vec![secret] }
    }

    /// Returns what writes a value into a record.
    pub(crate) fn writing(&self, record: &str, path: &str, value: &str) -> Operation {
        let (path, value) = (Path::parse(path).unwrap(), Leaf::string(value));
        Operation {
            counter: 1,
            entity: EntityName::new("tasks").unwrap(),
            id: RecordId::new(record).unwrap(),
            base: None,
            effect: Effect::Write(vec![FieldOperation::Set { path, value }]),
            deltas: Vec::new(),
            edited_ms: self.now_ms,
            after: Vec::new(),
        }
    }

    /// Writes a value into a record, and emits an event along with it.
    pub(crate) fn emit(&mut self, record: &str, value: &str) {
        self.counter += 1;
        let operation = self.writing(record, "/title", value);
        let id = EventId::new(&format!("e{}", self.counter)).unwrap();
        let event = Event::new(id, EventType::new("tasks.told").unwrap(), Json::Null).unwrap();
        let client = ClientId::new(&format!("app{}", self.counter)).unwrap();
        let (done, answered) = channel();
        let done = Box::new(move |fates| done.send(fates).unwrap());
        let emission = Emission { client, operation, event };
        self.served.emit(&Arc::new(Sight::everything(&[])), None, vec![emission], done);
        answered.recv().unwrap().unwrap()[0].as_ref().unwrap();
    }

    /// Has one turn in which the attempts that are given have ended.
    pub(crate) fn turn(&mut self, ended: &[Parcel]) -> (Vec<Parcel>, bool) {
        let reports: Vec<(Report, u64)> = ended.iter().map(|parcel| (good(parcel), 7)).collect();
        for (report, _) in &reports {
            self.delivered.insert((report.endpoint.clone(), report.position));
        }
        self.now_ms += 1;
        let turn = self.all.turn(self.now_ms, &reports, SENDS_MAX).unwrap();
        self.notices.extend(turn.notices.into_iter().map(|one| one.notice));
        (turn.parcels, turn.is_unfinished)
    }

    /// Has turns until nothing is left to be done; answers how many there were.
    pub(crate) fn drain(&mut self) -> usize {
        let mut ended = Vec::new();
        for turns in 1..100_000 {
            let (parcels, is_unfinished) = self.turn(&ended);
            if parcels.is_empty() && !is_unfinished && ended.is_empty() {
                return turns;
            }
            ended = parcels;
        }
        panic!("it never comes to an end");
    }

    pub(crate) fn count(&self, id: &str) -> usize {
        self.delivered.iter().filter(|(of, _)| *of == endpoint(id)).count()
    }
}

pub(crate) fn good(parcel: &Parcel) -> Report {
    Report {
        endpoint: parcel.sending.endpoint.clone(),
        made: parcel.sending.made,
        position: parcel.sending.event.position,
        attempt: parcel.sending.attempt,
        outcome: Outcome::Answered { status: 204, retry_after_ms: None },
        duration_ms: 3,
        excerpt: "".into(),
    }
}

/// Changes the store of a hub that is closed.
pub(crate) fn change<T>(folder: &Folder, change: impl FnOnce(&mut SqliteStore) -> T) -> T {
    let mut store = SqliteStore::open(folder, &Options::default()).unwrap();
    let changed = change(&mut store);
    Box::new(store).close().unwrap();
    changed
}

pub(crate) fn damage(folder: &Folder, keys: &[Key]) {
    let mut batch = Batch::new();
    for key in keys {
        batch.put(key.clone(), b"\xffdamaged".to_vec());
    }
    change(folder, |store| store.commit(&batch).unwrap());
}

/// Returns the places of the events of a type, in order.
fn places(folder: &Folder) -> Vec<Position> {
    let mut found = Vec::new();
    change(folder, |store| {
        store.scan(&Scan::Log { from: Position(0) }, None, usize::MAX, &mut |key, _| {
            if let Key::Log(position) = key {
                found.push(*position);
            }
            std::ops::ControlFlow::Continue(())
        })
    })
    .unwrap();
    found
}

#[test]
fn an_entry_of_the_log_that_cannot_be_read_costs_what_it_says_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::open(folder.path());
    world.add("one", "*").unwrap();
    world.add("other", "*").unwrap();
    (0..20).for_each(|number| world.emit(&format!("r{number}"), "new"));
    world.close();
    let places = places(folder.path());
    let lost = [places[7], places[20]];
    damage(folder.path(), &lost.map(Key::Log));
    let mut world = World::open(folder.path());
    world.drain();
    for position in &places {
        let was_sent = |id: &str| world.delivered.contains(&(endpoint(id), *position));
        let expected = !lost.contains(position);
        assert_eq!((was_sent("one"), was_sent("other")), (expected, expected), "{}", position.0);
    }
    let told = |position| Notice::RowDamaged { endpoint: None, position, table: "log" };
    assert_eq!(world.notices, [told(lost[0])], "of more of one kind the first");
    world.emit("later", "new");
    world.drain();
    assert_eq!(world.count("one"), places.len() - lost.len() + 2);
    world.close();
}

#[test]
fn a_row_that_cannot_be_read_is_left_out_of_a_replay_and_its_endpoint_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::open(folder.path());
    world.add("shop", "tasks.told").unwrap();
    (0..10).for_each(|number| world.emit(&format!("r{number}"), "new"));
    world.drain();
    assert_eq!(world.count("shop"), 10);
    let places: Vec<Position> = world.delivered.iter().map(|(_, position)| *position).collect();
    world.close();
    let row = Key::Delivery { endpoint: endpoint("shop"), position: places[3] };
    damage(folder.path(), &[row, Key::Log(places[5])]);
    for past in [vec![Past::Delivered], vec![Past::Delivered, Past::Missed]] {
        let mut world = World::open(folder.path());
        let selection = Selection {
            from_ms: 0,
            to_ms: u64::MAX,
            types: Filter::new(["*"]).unwrap(),
            past: past.into_iter().collect(),
        };
        world.drain();
        let stretches = world.all.stretches(&[endpoint("shop")]).unwrap();
        let counted = world.served.count_deliveries(&selection, stretches.clone()).unwrap();
        let (now_ms, actor) = (world.now_ms, Actor::default());
        let id = format!("replay-{}", selection.past.len());
        let from = (now_ms, selection);
        world.all.begin_replay(&id, from, (stretches, &counted), (&actor, None)).unwrap();
        for _ in 0..20 {
            world.drain();
            world.now_ms += 1_000;
        }
        assert!(world.count("shop") >= 8, "{}", world.count("shop"));
        assert!(!world.delivered.contains(&(endpoint("shop"), places[3])));
        assert!(world.notices.iter().any(|notice| notice.kind() == "row_damaged"));
        assert_eq!(world.all.endpoint(&endpoint("shop")).unwrap().damaged, None);
        world.emit("later", "new");
        world.drain();
        let found =
            world.served.deliveries(&endpoint("shop"), &Sought::default(), None, 1).unwrap().found;
        assert_eq!(found[0].1.state, DeliveryState::Delivered);
        world.close();
    }
}

/// Requirement H12: whoever replays what was missed is not sent what it has had.
#[test]
fn what_was_delivered_and_is_kept_no_longer_is_not_missed() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::open(folder.path());
    (0..3).for_each(|number| world.emit(&format!("before{number}"), "new"));
    world.add("shop", "tasks.told").unwrap();
    (0..10).for_each(|number| world.emit(&format!("r{number}"), "new"));
    world.drain();
    world.emit("last", "new");
    world.drain();
    assert_eq!(world.count("shop"), 11);
    let selection = Selection {
        from_ms: 0,
        to_ms: u64::MAX,
        types: Filter::new(["*"]).unwrap(),
        past: BTreeSet::from([Past::Missed]),
    };
    let count = |world: &World| {
        let stretches = world.all.stretches(&[endpoint("shop")]).unwrap();
        let counted = world.served.count_deliveries(&selection, stretches.clone()).unwrap();
        (counted.count, counted.not_kept, stretches, counted)
    };
    assert_eq!(count(&world).0, 3, "what came before the endpoint");
    let nothing = DeliveryRetention { settled_ms: 0, dead_ms: 0 };
    // Events have the time of the machine.
    let later_ms = world.now_ms + 10 * 365 * 86_400_000;
    world.all.sweep(later_ms, &endpoint("shop"), Position(0), nothing).unwrap();
    let kept = |world: &World| {
        let sought = Sought::default();
        world.served.deliveries(&endpoint("shop"), &sought, None, 100).unwrap().found.len()
    };
    assert!(kept(&world) < 11, "rows are gone");
    let gone = 11 - kept(&world) as u64;
    // So it is after a start, too.
    for round in 0..2 {
        let (missed, not_kept, stretches, counted) = count(&world);
        assert_eq!((missed, not_kept), (if round == 0 { 3 } else { 0 }, gone));
        let (now_ms, actor) = (world.now_ms, Actor::default());
        let from = (now_ms, selection.clone());
        let id = format!("replay-{round}");
        world.all.begin_replay(&id, from, (stretches, &counted), (&actor, None)).unwrap();
        for _ in 0..20 {
            world.drain();
            world.now_ms += 1_000;
        }
        let (_, row) = world.all.replays().into_iter().find(|(known, _)| **known == *id).unwrap();
        assert_eq!((row.parts[0].taken, row.parts[0].passed), (missed, gone), "{row:?}");
        world.close();
        world = World::open(folder.path());
        world.drain();
    }
    world.close();
}

/// Of an update the log says what has changed, and what is sent is the record.
/// Requirement H17.
#[test]
fn the_key_of_a_request_is_remembered_with_what_it_has_made_and_with_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::open(folder.path());
    let key = |name: &str| RecordId::new(name).unwrap();
    let kept = |name: &str| Some(KeptRequest { key: key(name), row: b"done".to_vec() });
    let row = || World::row("https://shop.example.org/", "*");
    let (now_ms, actor) = (world.now_ms, Actor::default());
    let make = |world: &mut World, name: &str| {
        world.all.create_once(now_ms, &endpoint("shop"), row(), &actor, kept(name))
    };
    make(&mut world, "k-1").unwrap();
    assert!(matches!(make(&mut world, "k-2"), Err(DeliveryError::Exists)));
    let selection = || Selection {
        from_ms: 0,
        to_ms: u64::MAX,
        types: Filter::all(),
        past: BTreeSet::from([Past::Dead]),
    };
    let stretches = world.all.stretches(&[endpoint("shop")]).unwrap();
    let counted = world.served.count_deliveries(&selection(), stretches.clone()).unwrap();
    for name in ["k-3", "k-4"] {
        let (from, of) = ((now_ms, selection()), (stretches.clone(), &counted));
        world.all.begin_replay("replay", from, of, (&actor, kept(name))).unwrap();
    }
    world.close();
    let world = World::open(folder.path());
    for (name, is_kept) in [("k-1", true), ("k-2", false), ("k-3", true), ("k-4", false)] {
        let found = world.served.kept_request(&key(name)).unwrap();
        assert_eq!(found.as_deref(), is_kept.then_some(&b"done"[..]), "{name}");
    }
    world.close();
}

#[test]
fn large_records_whose_updates_are_sent_have_a_bound_in_memory_and_are_all_sent() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::open(folder.path());
    let bytes = 1 << 20;
    let title = "x".repeat(bytes);
    (0..6).for_each(|number| world.emit(&format!("large{number}"), &title));
    world.emit("small", "a");
    (0..20).for_each(|number| world.add(&format!("e{number}"), "tasks.updated").unwrap());
    let update = |world: &mut World, record: &str| {
        world.counter += 1;
        let operation = world.writing(record, "/note", "b");
        let client = ClientId::new(&format!("app{}", world.counter)).unwrap();
        let pushed = crate::served_client::push(&world.served, &client, vec![operation]).unwrap();
        assert_eq!(pushed.outcomes.len(), 1);
    };
    for number in 0..6 {
        update(&mut world, &format!("large{number}"));
    }
    update(&mut world, "small");
    // Until they have answered once, hosts are sent little.
    let (mut under_way, mut most, mut turns) = (Vec::new(), 0, 0);
    let held = |parcels: &[Parcel]| {
        let held = parcels.iter().map(|parcel| parcel.content.as_ref().unwrap().data.len());
        held.sum::<usize>()
    };
    // Who takes no more, because the hub is about to end, is given none of those that wait.
    let (mut parcels, _) = world.turn(&[]);
    let ended = vec![(good(&parcels.remove(0)), 7)];
    world.delivered.insert((ended[0].0.endpoint.clone(), ended[0].0.position));
    let turn = world.all.turn(world.now_ms, &ended, 0).unwrap();
    assert_eq!(turn.parcels.len(), 0);
    under_way.extend(parcels);
    loop {
        // One attempt ends at a time, and what it leaves is taken by the next.
        let ended: Vec<Parcel> = under_way.drain(..usize::min(1, under_way.len())).collect();
        let (parcels, is_unfinished) = world.turn(&ended);
        under_way.extend(parcels);
        (most, turns) = (most.max(held(&under_way)), turns + 1);
        if under_way.is_empty() && !is_unfinished && ended.is_empty() {
            break;
        }
        assert!(turns < 1_000, "it never comes to an end");
    }
    assert!((16 << 20..=33 << 20).contains(&most), "{} MB", most >> 20);
    assert_eq!(world.delivered.len(), 20 * 7);
    world.close();
}

#[test]
fn an_endpoint_with_many_deliveries_is_removed_at_once_and_its_rows_piece_by_piece() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::open(folder.path());
    world.add("gone", "*").unwrap();
    world.add("stays", "tasks.told").unwrap();
    (0..1_500).for_each(|number| world.emit(&format!("r{number}"), "new"));
    world.drain();
    let before = world.count("gone");
    assert_eq!(before, 3_000);
    world.all.remove(&endpoint("gone"), &Actor::default()).unwrap();
    let left = |world: &World| {
        let mut after: Option<Position> = None;
        let mut count = 0;
        loop {
            let page = world
                .served
                .deliveries(&endpoint("gone"), &Sought::default(), after, 1_000)
                .unwrap()
                .found;
            let Some((position, _)) = page.last() else { return count };
            (after, count) = (Some(*position), count + page.len());
        }
    };
    let rest = left(&world);
    assert!(rest > 0 && rest < before, "some of them: {rest}");
    assert!(world.all.endpoint(&endpoint("gone")).is_none());
    let refused = world.add("gone", "*").unwrap_err();
    assert_eq!(refused.code(), "ENDPOINT_BEING_REMOVED");
    // Nothing is sent meanwhile, and the hub may end.
    world.emit("later", "new");
    world.turn(&[]);
    let after_one = left(&world);
    assert!(after_one < rest, "{after_one} of {rest}");
    world.close();
    let mut world = World::open(folder.path());
    assert_eq!(left(&world), after_one, "a start does not wait for it");
    assert_eq!(world.add("gone", "*").unwrap_err().code(), "ENDPOINT_BEING_REMOVED");
    world.drain();
    assert_eq!((left(&world), world.count("gone"), world.count("stays")), (0, 0, 1));
    world.add("gone", "*").unwrap();
    world.emit("last", "new");
    world.drain();
    assert_eq!((world.count("gone"), world.count("stays")), (2, 2));
    world.close();
    let of_gone =
        |key: &Key| matches!(key, Key::Delivery { endpoint: of, .. } if *of == endpoint("gone"));
    let mut kept = 0;
    change(folder.path(), |store| {
        let scan = Scan::Deliveries { endpoint: endpoint("gone"), from: Position(0) };
        store.scan(&scan, None, usize::MAX, &mut |key, _| {
            kept += usize::from(of_gone(key));
            std::ops::ControlFlow::Continue(())
        })
    })
    .unwrap();
    assert_eq!(kept, 2);
}
