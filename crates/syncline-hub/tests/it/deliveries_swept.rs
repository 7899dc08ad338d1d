//! Replays of what was missed, while deliveries are deleted because they are kept no longer.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use syncline_engine::deliver::{Filter, Past, Selection};
use syncline_hub::Actor;
use syncline_hub::served::deliver::{DeliveryRetention, Sought};
use syncline_model::id::Position;

use crate::deliveries::{World, endpoint};

/// Records before the endpoint was made: more than a replay looks at ahead.
const RECORDS_BEFORE: u64 = 1_500;

/// Records after it.
const RECORDS_AFTER: u64 = 10;

const DAY_MS: u64 = 86_400_000;

/// Opens a world whose time is not before that of its events, which is the machine's.
fn open(folder: &std::path::Path) -> World {
    let mut world = World::open(folder);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    world.now_ms = now.as_millis() as u64 + 3_600_000;
    world
}

/// Has some time pass; all that is sent meanwhile is delivered.
fn pass(world: &mut World, seconds: u64) {
    for _ in 0..seconds {
        world.drain();
        world.now_ms += 1_000;
    }
}

/// Deletes all that is final and may be deleted.
fn sweep(world: &mut World, now_ms: u64) {
    let nothing = DeliveryRetention { settled_ms: 0, dead_ms: 0 };
    let mut after = Some(Position(0));
    while let Some(from) = after {
        after = world.all.sweep(now_ms, &endpoint("shop"), from, nothing).unwrap();
    }
}

fn kept(world: &World) -> usize {
    let (mut after, mut kept) = (None, 0);
    loop {
        let page = world.served.deliveries(&endpoint("shop"), &Sought::default(), after, 1_000);
        let page = page.unwrap().found;
        let Some((position, _)) = page.last() else { return kept };
        (after, kept) = (Some(*position), kept + page.len());
    }
}

/// Requirement H12: whoever asks for what was missed gets all that was counted, however long that takes, and nothing
/// that it has had.
#[test]
fn a_replay_sends_all_that_was_missed_though_deliveries_are_deleted_meanwhile() {
    // How much later it is deleted, and whether what the replay has yet to look at stays until then.
    for (later_ms, is_held) in [(1, true), (8 * DAY_MS, false)] {
        let folder = tempfile::tempdir().unwrap();
        let mut world = open(folder.path());
        (0..RECORDS_BEFORE).for_each(|number| world.emit(&format!("before{number}"), "new"));
        world.add("shop", "tasks.told").unwrap();
        (0..RECORDS_AFTER).for_each(|number| world.emit(&format!("r{number}"), "new"));
        world.drain();
        let had = world.count("shop") as u64;
        assert_eq!(had, RECORDS_AFTER);
        let selection = Selection {
            from_ms: 0,
            to_ms: i64::MAX as u64,
            types: Filter::new(["*"]).unwrap(),
            past: BTreeSet::from([Past::Missed]),
        };
        let stretches = world.all.stretches(&[endpoint("shop")]).unwrap();
        let counted = world.served.count_deliveries(&selection, stretches.clone()).unwrap();
        assert_eq!((counted.count, counted.not_kept), (RECORDS_BEFORE, 0));
        let from = (world.now_ms, selection);
        world
            .all
            .begin_replay("all", from, (stretches, &counted), (&Actor::default(), None))
            .unwrap();
        pass(&mut world, 5);
        let sent = world.count("shop") as u64 - had;
        let looked_at = world.all.replays()[0].1.parts[0].taken;
        assert!(sent >= 100 && looked_at < RECORDS_BEFORE, "it is under way: {sent}, {looked_at}");
        let before = kept(&world);
        let now_ms = world.now_ms + later_ms;
        sweep(&mut world, now_ms);
        let gone = before - kept(&world);
        assert!(gone >= 100, "what the replay has sent is not kept longer: {gone}");
        world.close();
        let mut world = open(folder.path());
        pass(&mut world, 60);
        let (_, row) = world.all.replays().remove(0);
        let part = &row.parts[0];
        assert_eq!((row.state.as_str(), part.taken), ("done", counted.count), "{row:?}");
        // What is not settled yet is not deleted.
        let passed = if is_held { 0..=0 } else { 1..=had };
        assert!(passed.contains(&part.passed), "{row:?}");
        // Once it is done nothing is kept for it.
        let now_ms = world.now_ms + 1;
        sweep(&mut world, now_ms);
        assert_eq!(kept(&world), 0);
        world.close();
    }
}
