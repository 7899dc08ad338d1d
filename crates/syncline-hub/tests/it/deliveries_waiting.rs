//! Attempts that were counted and wait until there is room for what they say.

use syncline_engine::deliver::{Delivery, DeliveryState, Outcome, Report};
use syncline_hub::Actor;
use syncline_hub::served::deliver::{Parcel, Sought};
use syncline_merge::fault::{Fault, with_fault};

use crate::deliveries::{World, endpoint, good};

/// So large that sixteen of one endpoint are all that is in memory at once.
const LARGE_BYTES: usize = 1 << 20;

/// Attempts that a sender has at once.
const SENDS_MAX: usize = 1_024;

fn ended(parcel: &Parcel, outcome: Outcome) -> (Report, u64) {
    (Report { outcome, ..good(parcel) }, 7)
}

/// Has turns in which nothing ends, until there is nothing more to be done at once.
fn turns(world: &mut World, reports: &[(Report, u64)]) -> Vec<Parcel> {
    let mut parcels = Vec::new();
    for turn in 0..1_000 {
        world.now_ms += 1;
        let reports = if turn == 0 { reports } else { &[] };
        let turn = world.all.turn(world.now_ms, reports, SENDS_MAX).unwrap();
        parcels.extend(turn.parcels);
        if !turn.is_unfinished {
            return parcels;
        }
    }
    panic!("it never comes to rest");
}

/// Returns a world in which an endpoint has answered once, and of which much is under way and more waits.
fn crowded(folder: &std::path::Path) -> (World, Vec<Parcel>) {
    let mut world = World::open(folder);
    world.add("heavy", "tasks.created").unwrap();
    world.emit("first", "a");
    world.drain();
    let title = "x".repeat(LARGE_BYTES);
    (0..24).for_each(|number| world.emit(&format!("r{number}"), &title));
    let parcels = turns(&mut world, &[]);
    assert!((8..20).contains(&parcels.len()), "{}", parcels.len());
    (world, parcels)
}

fn rows(world: &World) -> Vec<Delivery> {
    let found =
        world.served.deliveries(&endpoint("heavy"), &Sought::default(), None, 100).unwrap().found;
    found.into_iter().map(|(_, delivery)| delivery).collect()
}

#[test]
fn what_waits_for_room_is_not_sent_once_its_endpoint_must_be_left_alone() {
    let answered = |status, retry_after_ms| Outcome::Answered { status, retry_after_ms };
    let cases = [
        ("gone", Some(answered(410, None))),
        ("asks for a pause", Some(answered(429, Some(60_000)))),
        ("fails again and again", Some(answered(500, None))),
        ("disabled by hand", None),
    ];
    for (name, outcome) in cases {
        check_left_alone(name, outcome);
    }
    // Proof that this sees it.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let sent = || with_fault(Fault::CountedGoesOut, || check_left_alone("gone", cases[0].1));
    let is_seen = std::panic::catch_unwind(sent).is_err();
    std::panic::set_hook(hook);
    assert!(is_seen);
}

/// Checks what becomes of what waits when attempts that are under way end so, or the endpoint is disabled by hand.
fn check_left_alone(name: &str, outcome: Option<Outcome>) {
    let folder = tempfile::tempdir().unwrap();
    let (mut world, parcels) = crowded(folder.path());
    let under_way = parcels.len();
    match outcome {
        Some(outcome) => {
            // The others hang: nothing else ends.
            let failing = if name.starts_with("fails") { under_way } else { 1 };
            let reports: Vec<_> =
                parcels[..failing].iter().map(|parcel| ended(parcel, outcome)).collect();
            assert_eq!(turns(&mut world, &reports).len(), 0, "{name}");
        }
        None => {
            world.all.disable(world.now_ms, &endpoint("heavy"), &Actor::default()).unwrap();
            assert_eq!(turns(&mut world, &[ended(&parcels[0], good_outcome())]).len(), 0);
        }
    }
    // Nothing of it counts, which is on disk: the hub may end.
    let facts = world.all.dispatch().facts(&endpoint("heavy")).unwrap();
    let left = if name.starts_with("fails") { 0 } else { under_way - 1 };
    assert_eq!(facts.in_flight as usize, left, "{name}");
    for row in rows(&world).iter().filter(|row| row.state == DeliveryState::Waiting) {
        assert_eq!((row.tries, row.attempts.len()), (0, 0), "{name}");
    }
    world.close();
    let mut world = World::open(folder.path());
    let heavy = endpoint("heavy");
    if world.all.endpoint(&heavy).unwrap().facts.disabled.is_some() {
        turns(&mut world, &[]);
        world.all.tested(world.now_ms, &heavy, good_outcome()).unwrap();
        world.all.enable(world.now_ms, &heavy, false, &Actor::default()).unwrap();
    }
    if matches!(outcome, Some(Outcome::Answered { retry_after_ms: Some(_), .. })) {
        world.now_ms += 50_000;
        assert_eq!(turns(&mut world, &[]).len(), 0, "{name}: and so it is after a start");
    }
    world.now_ms += 3_600_000;
    world.drain();
    let rows = rows(&world);
    assert_eq!(rows.len(), 25, "{name}");
    assert!(rows.iter().all(|row| row.state == DeliveryState::Delivered), "{name}");
    let first_tries = rows.iter().filter(|row| row.attempts.len() == 1).count();
    let delivered_before = usize::from(outcome.is_none());
    assert_eq!(
        first_tries,
        25 - under_way + delivered_before,
        "{name}: what waited was never sent before"
    );
    world.close();
}

fn good_outcome() -> Outcome {
    Outcome::Answered { status: 204, retry_after_ms: None }
}

#[test]
fn what_waits_for_a_removed_endpoint_is_never_sent_to_the_next_of_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let (mut world, parcels) = crowded(folder.path());
    world.all.remove(&endpoint("heavy"), &Actor::default()).unwrap();
    world.add("heavy", "tasks.created").unwrap();
    let reports: Vec<_> = parcels.iter().map(|parcel| ended(parcel, good_outcome())).collect();
    assert_eq!(turns(&mut world, &reports).len(), 0);
    world.emit("later", "a");
    let parcels = turns(&mut world, &[]);
    assert_eq!(parcels.len(), 1);
    assert_eq!(parcels[0].sending.event.id.as_str(), "later");
    world.close();
}

#[test]
fn endpoints_whose_contents_wait_leave_room_for_small_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::open(folder.path());
    // A sender that is nearly full, and endpoints enough for all that is left.
    (0..40).for_each(|number| world.add(&format!("heavy{number}"), "tasks.created").unwrap());
    world.emit("first", "a");
    world.drain();
    let title = "x".repeat(LARGE_BYTES);
    (0..60).for_each(|number| world.emit(&format!("r{number}"), &title));
    let parcels = turns(&mut world, &[]);
    assert!((16..64).contains(&parcels.len()), "{}", parcels.len());
    world.add("small", "tasks.told").unwrap();
    world.emit("small", "a");
    let begun = turns(&mut world, &[]);
    let to: Vec<&str> = begun.iter().map(|parcel| parcel.sending.endpoint.as_str()).collect();
    assert!(to.contains(&"small"), "{to:?}");
    world.close();
}

/// A host at which more could be sent to than may be at once, and an endpoint there of which contents wait.
///
/// What is sent to it is small but for `heavy`. Answers what is under way: that of `heavy` first.
fn crowded_host(folder: &std::path::Path) -> (World, Vec<Parcel>, Vec<Parcel>) {
    let mut world = World::open(folder);
    let url = |id: &str| format!("https://crowd.example.org/{id}");
    world.add_at("heavy", &url("heavy"), "tasks.created").unwrap();
    world.emit("first", "a");
    world.drain();
    let title = "x".repeat(LARGE_BYTES);
    (0..20).for_each(|number| world.emit(&format!("large{number}"), &title));
    let large = turns(&mut world, &[]);
    assert!((8..20).contains(&large.len()), "{}", large.len());
    for number in 0..12 {
        let id = format!("small{number}");
        world.add_at(&id, &url(&id), "tasks.told").unwrap();
    }
    (0..150).for_each(|number| world.emit(&format!("r{number}"), "a"));
    let small = turns(&mut world, &[]);
    assert!(small.len() > 400, "the host has all it may have: {}", small.len());
    (world, large, small)
}

#[test]
fn what_waits_for_room_goes_before_what_comes_later_to_the_same_host() {
    let folder = tempfile::tempdir().unwrap();
    let (mut world, mut large, mut small) = crowded_host(folder.path());
    let (mut begun, mut ended) = (large.len(), 0);
    while begun < 20 {
        // What is large ends first, and some of what is small.
        let count = usize::min(40, small.len());
        let parcels: Vec<Parcel> = large.drain(..).chain(small.drain(..count)).collect();
        ended += parcels.len();
        assert!(ended < 500, "what waits begins before the backlog ends: {begun} of 20");
        let reports: Vec<_> = parcels.iter().map(ended_well).collect();
        for parcel in turns(&mut world, &reports) {
            let is_large = parcel.content.as_ref().unwrap().data.len() >= LARGE_BYTES;
            begun += usize::from(is_large);
            if is_large { large.push(parcel) } else { small.push(parcel) }
        }
    }
    world.close();
}

#[test]
fn what_waits_for_its_host_holds_up_no_contents_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let (mut world, large, _hangs) = crowded_host(folder.path());
    world.add("other", "tasks.updated").unwrap();
    let title = "x".repeat(20 << 10);
    (0..60).for_each(|number| world.emit(&format!("r{number}"), &title));
    for round in 0..6 {
        let title = format!("{title}{round}");
        (0..60).for_each(|number| world.emit(&format!("r{number}"), &title));
    }
    let mut reports: Vec<_> = large.iter().map(ended_well).collect();
    let mut begun = 0;
    // What is small hangs: what waits for its host has room in memory, and no place there.
    for _ in 0..1_000 {
        let parcels = turns(&mut world, &reports);
        let others = parcels.iter().filter(|parcel| parcel.sending.endpoint == endpoint("other"));
        reports = others.map(ended_well).collect();
        begun += reports.len();
        if reports.is_empty() {
            break;
        }
    }
    assert_eq!(begun, 7 * 60);
    world.close();
}

fn ended_well(parcel: &Parcel) -> (Report, u64) {
    ended(parcel, good_outcome())
}

/// Requirements H9 and H10: what a turn has decided is lost with it, but not that somebody is to be left alone.
#[test]
fn who_was_left_alone_by_a_turn_that_could_not_be_committed_is_left_alone_by_the_next_one() {
    let answered = |status, retry_after_ms| Outcome::Answered { status, retry_after_ms };
    let cases = [
        ("asks for a pause", answered(429, Some(3_600_000)), 3_600_000),
        ("fails again and again", answered(500, None), 30_000),
    ];
    for (name, outcome, left_ms) in cases {
        let folder = tempfile::tempdir().unwrap();
        let mut world = World::open(folder.path());
        world.add("shop", "tasks.told").unwrap();
        world.emit("first", "a");
        world.drain();
        (0..40).for_each(|number| world.emit(&format!("r{number}"), "b"));
        let parcels = turns(&mut world, &[]);
        let reports: Vec<_> =
            parcels.iter().take(10).map(|parcel| ended(parcel, outcome)).collect();
        world.served.stop().unwrap();
        let ended_ms = world.now_ms;
        world.all.turn(ended_ms, &reports, SENDS_MAX).unwrap_err();
        let pauses = world.all.pauses();
        assert_eq!(pauses.len(), 1, "{name}");
        drop(world);

        // The store works again, and nothing in it says so.
        let mut world = World::open(folder.path());
        world.now_ms = ended_ms;
        world.all.handle_pauses(pauses);
        assert_eq!(world.all.pauses().len(), 1, "{name}: before its first turn, too");
        assert_eq!(turns(&mut world, &[]).len(), 0, "{name}");
        world.close();
        let mut world = World::open(folder.path());
        world.now_ms = ended_ms;
        assert_eq!(turns(&mut world, &[]).len(), 0, "{name}: it was written since");
        world.now_ms = ended_ms + left_ms;
        assert_eq!(turns(&mut world, &[]).len(), 1, "{name}: one is tried first");
    }
}
