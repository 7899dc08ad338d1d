//! Deliveries as a whole, through the machine's public parts.

use std::collections::BTreeMap;
use std::sync::Arc;

use syncline_engine::deliver::limits::{CUT_OFF_MAX, HOST_FLYING_MAX, HOST_UNPROVEN_MAX};
use syncline_engine::deliver::{
    Backlog, BreakerSettings, BreakerState, DeliveryState, DisableReason, Failure, Filter, Load,
    Notice, Outcome, Rate, Refusal, Replay, Report, Schedule, Settings, limits,
};
use syncline_engine::rows::{Batch, Key};
use syncline_merge::fault::{Fault, with_fault};
use syncline_model::id::Position;

use crate::delivery_world::{Random, World, endpoint, ok, status};

const HOUR: u64 = 3_600_000;

fn settings() -> Settings {
    Settings::new("https://example.org/hook")
}

fn waits(waits_ms: &[u64]) -> Settings {
    Settings { schedule: Schedule::new(waits_ms).unwrap(), ..settings() }
}

fn any_settings(random: &mut Random) -> Settings {
    let mut settings = match random.below(4) {
        0 => waits(&[0]),
        1 => waits(&[0, 100, 1_000]),
        2 => Settings::anywheredoor("https://example.org/hook"),
        _ => waits(&[0, 5_000, 30_000, 120_000, 600_000]),
    };
    settings.block_ms = [0, 2_000, 300_000][random.below(3) as usize];
    settings.disable_after_ms = None;
    if random.chance(30) {
        settings.filter = Filter::new(["tasks.*"]).unwrap();
    }
    if random.chance(30) {
        settings.condition = Some("event.sequence % 3 != 0".into());
    }
    if random.chance(30) {
        let of = |number| std::num::NonZeroU32::new(number).unwrap();
        settings.rate = Some(Rate { per_second: of(50), burst: of(3) });
    }
    if random.chance(30) {
        settings.breaker.failures_in_a_row = 2;
    }
    settings
}

fn any_outcome(random: &mut Random, good_percent: u64) -> Outcome {
    if random.chance(good_percent) {
        return ok();
    }
    match random.below(6) {
        0 if random.chance(2) => status(410),
        0 => Outcome::Failed(Failure::Timeout),
        1 => Outcome::Failed(Failure::BodyInvalid),
        2 => Outcome::Answered { status: 503, retry_after_ms: Some(random.below(20_000)) },
        3 => status(429),
        4 => status(404),
        _ => status(500),
    }
}

/// How many lives are lived: enough for each planted fault to be met by some.
const LIVES: u64 = 800;

/// One life of a hub: events, outcomes, crashes, replays; then everything works.
fn life(seed: u64) {
    let mut world = World::new(seed);
    let mut random = Random::new(seed ^ 0xa5a5);
    for index in 0..1 + random.below(4) {
        let settings = any_settings(&mut random);
        world.add(&format!("e{index}"), settings);
    }
    let (records, good, crashes) = (1 + random.below(6), random.below(101), random.below(12));
    let burst = if random.chance(10) { 120 } else { 12 };
    world.waits_percent = if seed.is_multiple_of(4) { [20, 60][seed as usize / 4 % 2] } else { 0 };
    for _ in 0..60 + random.below(200) {
        match random.below(10) {
            0..3 => {
                for _ in 0..random.below(burst) {
                    let event_type = ["tasks.created", "notes.created"][random.below(2) as usize];
                    world.emit(event_type, &format!("r{}", random.below(records)));
                }
                world.tell_end();
            }
            3..6 => {
                let crash = if random.chance(crashes) { 1 + random.below(2) } else { 0 };
                world.pump(1 + random.below(20) as usize, crash);
            }
            6..8 => {
                for _ in 0..random.below(8).min(world.flying.len() as u64) {
                    let index = random.below(world.flying.len() as u64) as usize;
                    world.report(index, any_outcome(&mut random, good));
                }
                if random.chance(crashes) {
                    if random.chance(30) { world.fail() } else { world.crash() }
                }
            }
            8 => {
                let names: Vec<_> = world.endpoints.keys().cloned().collect();
                let name = names[random.below(names.len() as u64) as usize].clone();
                let position = Position(1 + random.below(world.end().0));
                world.commit();
                if random.chance(50) {
                    world.replay(&name, position);
                } else if random.chance(20) {
                    let row = world.row(&name, position);
                    let (now, batch) = (world.now, &mut world.batch);
                    let _ = world.dispatch.handle_cancelled(now, &name, position, row, batch);
                } else {
                    let batch = &mut world.batch;
                    let _ = world.dispatch.handle_retry(world.now, &name, position, batch);
                }
            }
            _ if random.chance(5) => world.enable_all(),
            _ if random.chance(20) => somebody_changes_something(&mut world, &mut random),
            _ => match world.dispatch.poll_due() {
                Some(due_ms) if random.chance(50) => world.now = world.now.max(due_ms),
                _ => world.now += random.below(3_000),
            },
        }
    }
    world.enable_all();
    world.settle();
    world.check_settled();
}

/// An endpoint is disabled, moved to another address, or otherwise settled.
fn somebody_changes_something(world: &mut World, random: &mut Random) {
    let names: Vec<_> = world.endpoints.keys().cloned().collect();
    let name = names[random.below(names.len() as u64) as usize].clone();
    if random.chance(30) {
        let batch = &mut world.batch;
        assert_eq!(world.dispatch.handle_disabled(world.now, &name, batch), Ok(()));
        return world.commit();
    }
    let mut settings = Settings::clone(&world.endpoints[&name]);
    settings.in_flight_max = std::num::NonZeroU32::new(1 + random.below(70) as u32).unwrap();
    if random.chance(50) {
        settings.url = format!("https://h{}.example.org/hook", random.below(3)).into();
    }
    if random.chance(50) {
        settings.rate = None;
    }
    world.settle_anew(&name, settings);
}

/// Goal: whatever receivers do and wherever the hub ends, every event is delivered or given up, in the order
/// of its lane, with no attempt more than its schedule has. Method: random lives; each send is compared with
/// what was committed.
#[test]
fn every_event_comes_to_its_end_in_order_whatever_happens() {
    for seed in 1..=LIVES {
        let lived = std::panic::catch_unwind(|| life(seed));
        assert!(lived.is_ok(), "seed {seed}");
    }
}

/// Proof that these checks see: each planted fault is caught by some life.
#[test]
fn planted_faults_of_deliveries_are_caught() {
    let faults = [
        Fault::ClaimedCountsAsFresh,
        Fault::WaitingNotInCursor,
        Fault::SentBeforeCounted,
        Fault::AttemptsUnbounded,
        Fault::CutOffCountsAsLast,
        Fault::FailedLeavesLane,
        Fault::DueForgotten,
        Fault::ParkedWithoutFirst,
        Fault::NextWithoutRow,
        Fault::CountedGoesOut,
        Fault::PutBackStaysCounted,
        Fault::PauseForgotten,
        Fault::RestForgotten,
    ];
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let missed: Vec<_> = faults
        .into_iter()
        .filter(|fault| {
            let lives = || with_fault(*fault, || (1..=LIVES).for_each(life));
            std::panic::catch_unwind(lives).is_ok()
        })
        .collect();
    std::panic::set_hook(hook);
    assert_eq!(missed, [], "not caught");
}

/// Returns a world with one endpoint and its events of so many records emitted.
fn one(settings: Settings, events: u64, records: u64) -> World {
    let mut world = World::new(1);
    world.add("shop", settings);
    for index in 0..events {
        world.emit("tasks.created", &format!("r{}", index % records));
    }
    world.tell_end();
    world
}

/// Goes on for some time; every attempt ends as `outcome` says.
fn go_on(world: &mut World, until_ms: u64, outcome: impl Fn(&World, usize) -> Option<Outcome>) {
    while world.now < until_ms {
        world.pump(1_000, 0);
        let before = world.flying.len();
        for index in (0..before).rev() {
            if let Some(outcome) = outcome(world, index) {
                world.report(index, outcome);
            }
        }
        let is_idle = world.flying.len() == before;
        world.commit();
        if is_idle {
            let next = world.dispatch.poll_due().unwrap_or(until_ms);
            world.now = next.min(until_ms).max(world.now + 1);
        }
    }
}

#[test]
fn a_first_attempt_costs_one_row_for_many_before_and_one_each_after() {
    let mut world = one(settings(), 8, 8);
    world.written = 0;
    world.pump(SENDS_MAX, 0);
    assert_eq!((world.flying.len(), world.written), (8, 1), "one cursor for all");
    while !world.flying.is_empty() {
        world.report(0, ok());
    }
    world.commit();
    assert_eq!(world.written, 1 + 8, "one delivery each");
    assert_eq!(world.dispatch.poll_due(), None);
    let loads = world.loads;
    world.pump(SENDS_MAX, 0);
    assert_eq!((world.loads, world.written), (loads, 9), "idle: nothing is read or written");
}

#[test]
fn a_retry_is_counted_before_it_is_sent() {
    let mut world = one(waits(&[0, 1_000]), 1, 1);
    world.pump(1, 0);
    world.report(0, status(500));
    world.pump(1, 0);
    world.now = world.dispatch.poll_due().unwrap();
    world.pump(1, 0);
    let row = world.row(&endpoint("shop"), Position(1)).unwrap();
    assert_eq!((row.tries, row.state), (2, DeliveryState::Sending));
    assert_eq!(row.attempts[0].status, Some(500));
    assert_eq!(&*row.attempts[0].code, "status");
}

/// A schedule of one attempt: the hub ends after it was counted, and nobody knows whether it was made.
#[test]
fn what_the_end_of_the_hub_cuts_off_is_sent_once_more_and_not_for_ever() {
    let mut world = one(waits(&[0]), 1, 1);
    world.pump(1, 2);
    world.pump(1, 0);
    assert_eq!(world.flying.len(), 1, "it is not given up for what may never have been sent");
    world.report(0, status(500));
    world.settle();
    world.check_settled();
    let row = |world: &World| world.row(&endpoint("shop"), Position(1)).unwrap();
    assert_eq!((row(&world).state, row(&world).tries), (DeliveryState::Dead, 2));
    let mut world = one(waits(&[0]), 1, 1);
    for _ in 0..100 {
        world.pump(1, 2);
    }
    world.settle();
    world.check_settled();
    let tries = u32::try_from(CUT_OFF_MAX).unwrap();
    assert_eq!((row(&world).state, row(&world).tries), (DeliveryState::Dead, tries));
}

/// Adds endpoints at hosts of their own, all of which may be sent much at once.
fn more(world: &mut World, endpoints: usize) {
    for index in 0..endpoints {
        let mut settings = Settings::new(&format!("https://h{index}.example.org/hook"));
        settings.in_flight_max = std::num::NonZeroU32::new(1_024).unwrap();
        world.add(&format!("e{index}"), settings);
    }
}

/// As much as a sender takes.
const SENDS_MAX: usize = 1_024;

/// Has turns until nothing more is sent of itself.
fn fill(world: &mut World) {
    for _ in 0..100 {
        world.pump(SENDS_MAX - world.flying.len(), 0);
        world.commit();
    }
}

/// Everything that is under way is answered.
fn answer_all(world: &mut World) {
    while !world.flying.is_empty() {
        world.report(0, ok());
    }
    fill(world);
}

#[test]
fn endpoints_that_hang_leave_room_for_the_others() {
    let is_sent =
        |world: &World, name: &str| world.flying.iter().any(|send| send.endpoint == endpoint(name));
    for hanging in [1, 2, 16, 60, 600] {
        let mut world = World::new(1);
        world.add("good", settings());
        world.emit("tasks.created", "first");
        world.tell_end();
        fill(&mut world);
        answer_all(&mut world);
        more(&mut world, hanging);
        (0..400).for_each(|number| world.emit("tasks.created", &format!("r{number}")));
        world.tell_end();
        fill(&mut world);
        assert!(is_sent(&world, "good"), "{hanging}: the one that has shown that it answers");
        if hanging * 8 >= SENDS_MAX / 2 {
            continue;
        }
        world.add("new", Settings::new("https://new.example.org/hook"));
        world.emit("tasks.created", "new");
        world.tell_end();
        fill(&mut world);
        assert!(is_sent(&world, "new"), "{hanging}: one that is new");
    }
    // Those that have answered, and then hang all together, leave some of the rest.
    let mut world = World::new(1);
    more(&mut world, 40);
    world.emit("tasks.created", "first");
    world.tell_end();
    fill(&mut world);
    answer_all(&mut world);
    (0..400).for_each(|number| world.emit("tasks.created", &format!("s{number}")));
    world.tell_end();
    fill(&mut world);
    assert!((900..SENDS_MAX).contains(&world.flying.len()), "{}", world.flying.len());
    world.settle();
    world.check_settled();
}

#[test]
fn endpoints_of_one_host_share_what_it_may_have() {
    let mut world = World::new(1);
    for index in 0..20 {
        world.add(&format!("e{index}"), Settings::new("https://Example.org/hook"));
    }
    (0..200).for_each(|number| world.emit("tasks.created", &format!("r{number}")));
    world.tell_end();
    fill(&mut world);
    assert_eq!(world.flying.len(), HOST_UNPROVEN_MAX as usize, "until it answers");
    answer_all(&mut world);
    let most = HOST_FLYING_MAX as usize;
    assert!((most - most / 10..=most).contains(&world.flying.len()), "{}", world.flying.len());
    let told: std::collections::BTreeSet<_> =
        world.flying.iter().map(|send| &send.endpoint).collect();
    assert_eq!(told.len(), 20, "each has its turn");
    world.settle();
    world.check_settled();
}

#[test]
fn waits_keep_a_tenth_of_their_step_and_never_more_than_it() {
    let schedule = Schedule::new(&[0, 1_000, 30_000]).unwrap();
    let mut random = Random::new(3);
    for (tries, step) in [(1, 1_000), (2, 30_000)] {
        let waits: Vec<u64> =
            (0..2_000).map(|_| schedule.wait_ms(tries, random.next()).unwrap()).collect();
        let (least, most) = (*waits.iter().min().unwrap(), *waits.iter().max().unwrap());
        assert!(least >= step / 10 && least < step / 8, "{least} of {step}");
        assert!(most <= step && most > step - step / 50, "{most} of {step}");
    }
    assert_eq!(schedule.wait_ms(0, u64::MAX), Some(0), "the first attempt is made at once");
    assert_eq!(schedule.wait_ms(3, 1), None);
    let hours = Schedule::default().waits_ms().iter().sum::<u64>() / HOUR;
    assert_eq!((Schedule::default().attempts_max(), hours), (12, 75));
}

/// Requirement H9.
#[test]
fn an_endpoint_that_asks_for_a_pause_gets_it_as_a_whole() {
    let hour = Some(HOUR);
    #[rustfmt::skip]
    let cases = [
        // name                     outcome                                               pause
        ("429 with a time",         Outcome::Answered { status: 429, retry_after_ms: hour }, HOUR),
        ("503 with a time",         Outcome::Answered { status: 503, retry_after_ms: hour }, HOUR),
        ("502 with a time",         Outcome::Answered { status: 502, retry_after_ms: hour }, HOUR),
        ("504 with a time",         Outcome::Answered { status: 504, retry_after_ms: hour }, HOUR),
        ("more than a day",         Outcome::Answered { status: 429, retry_after_ms: Some(u64::MAX) },
            limits::RETRY_AFTER_MS_MAX),
        ("429 without a time",      status(429),                                          limits::THROTTLED_MS),
        ("500 with a time",         Outcome::Answered { status: 500, retry_after_ms: hour }, 0),
        ("503 without a time",      status(503),                                          0),
    ];
    for (name, outcome, pause_ms) in cases {
        let mut world = one(settings(), 1, 1);
        world.pump(10, 0);
        world.report(0, outcome);
        world.commit();
        world.emit("tasks.created", "other");
        world.tell_end();
        world.pump(10, 0);
        if pause_ms == 0 {
            assert_eq!(world.flying.len(), 1, "case: {name}");
            continue;
        }
        assert_eq!(world.flying.len(), 0, "case: {name}");
        let start = world.now;
        assert_eq!(world.dispatch.poll_due(), Some(start + pause_ms), "case: {name}");
        world.now = start + pause_ms - 1;
        world.pump(10, 0);
        assert_eq!(world.flying.len(), 0, "case: {name}");
        world.now += 1;
        world.pump(10, 0);
        assert_eq!(world.flying.len(), 1, "case: {name}: one first, then more");
        world.settle();
        world.check_settled();
    }
}

/// Requirement H9. That the check of every send sees it is shown by the planted fault.
#[test]
fn a_pause_that_was_asked_for_outlasts_the_end_of_the_hub() {
    for (clock_back_ms, left_ms) in [(0, HOUR), (9 * 24 * HOUR, limits::RETRY_AFTER_MS_MAX)] {
        let mut world = one(settings(), 40, 40);
        world.pump(4, 0);
        world.report(0, Outcome::Answered { status: 503, retry_after_ms: Some(HOUR) });
        world.commit();
        world.now -= clock_back_ms;
        for _ in 0..3 {
            world.crash();
            world.pump(10, 0);
            assert_eq!(world.flying.len(), 0);
        }
        assert_eq!(world.dispatch.poll_due(), Some(world.now + left_ms), "a day at most");
        world.now += HOUR + clock_back_ms;
        world.pump(10, 0);
        assert_eq!(world.flying.len(), 1, "one first, then more");
        world.settle();
        world.check_settled();
    }
}

/// Returns a world whose endpoint has failed until it was left alone, with so many records that wait.
fn left_alone(records: u64) -> World {
    let mut world = one(settings(), records, records);
    for _ in 0..BreakerSettings::default().failures_in_a_row {
        world.pump(1, 0);
        world.report(0, status(500));
    }
    world
}

fn breaker(world: &World) -> BreakerState {
    world.dispatch.facts(&endpoint("shop")).unwrap().breaker
}

/// Requirement H10. That the check of every send sees it is shown by the planted fault.
#[test]
fn an_endpoint_that_is_left_alone_is_so_over_the_end_of_the_hub_and_one_probe_decides() {
    let BreakerSettings { rest_ms, rest_ms_max, .. } = BreakerSettings::default();
    for (clock_back_ms, left_ms) in [(0, rest_ms), (9 * 24 * HOUR, rest_ms_max)] {
        let mut world = left_alone(40);
        world.commit();
        world.now -= clock_back_ms;
        for _ in 0..3 {
            world.crash();
            world.pump(10, 0);
            assert_eq!(world.flying.len(), 0);
        }
        let until_ms = world.now + left_ms;
        assert_eq!(breaker(&world), BreakerState::Open { until_ms });
        assert_eq!(world.dispatch.poll_due(), Some(until_ms), "ten minutes at most");
        world.now = until_ms + clock_back_ms;
        world.pump(10, 0);
        assert_eq!((world.flying.len(), breaker(&world)), (1, BreakerState::HalfOpen));
        // The end of the hub cuts the probe off: another one is made, and no more.
        for _ in 0..3 {
            world.crash();
            world.pump(10, 0);
            assert_eq!(world.flying.len(), 1);
        }
        world.report(0, status(500));
        world.commit();
        world.crash();
        let until_ms = world.now + 2 * rest_ms;
        assert_eq!(breaker(&world), BreakerState::Open { until_ms }, "twice as long");
        world.now = until_ms;
        world.pump(10, 0);
        world.report(0, ok());
        world.commit();
        world.crash();
        assert_eq!(breaker(&world), BreakerState::Closed, "it works again");
        world.settle();
        world.check_settled();
    }
}

/// Requirement H10. A test that fails changes nothing; one that arrives brings the probe forward, also over a crash.
#[test]
fn an_endpoint_that_is_left_alone_is_tried_at_once_after_a_test_that_has_reached_it() {
    for (tested, is_tried) in
        [(status(500), false), (status(401), false), (ok(), true), (status(422), true)]
    {
        let mut world = left_alone(40);
        world.commit();
        let until_ms = world.now + BreakerSettings::default().rest_ms;
        assert_eq!(breaker(&world), BreakerState::Open { until_ms });
        world.dispatch.handle_test(world.now, &endpoint("shop"), tested, &mut world.batch).unwrap();
        if is_tried {
            world.moved(&endpoint("shop"));
        }
        world.commit();
        world.crash();
        world.pump(10, 0);
        assert_eq!(world.flying.len(), usize::from(is_tried), "{tested:?}");
        if is_tried {
            assert_eq!(breaker(&world), BreakerState::HalfOpen);
            world.report(0, ok());
            assert_eq!(breaker(&world), BreakerState::Closed, "{tested:?}");
        }
    }
}

/// Requirements H9 and H10: what came of attempts cannot be written.
#[test]
fn whom_the_machine_left_alone_is_left_alone_though_its_commit_has_failed() {
    let mut world = left_alone(40);
    world.fail();
    world.pump(10, 0);
    assert_eq!(world.flying.len(), 0, "it fails");
    let until_ms = world.now + BreakerSettings::default().rest_ms;
    world.crash();
    assert_eq!(breaker(&world), BreakerState::Open { until_ms }, "it was written since");

    let mut world = one(settings(), 40, 40);
    world.pump(4, 0);
    world.report(0, Outcome::Answered { status: 429, retry_after_ms: Some(HOUR) });
    world.fail();
    world.pump(10, 0);
    world.crash();
    world.pump(10, 0);
    assert_eq!(world.flying.len(), 0, "it has asked for a pause");
    assert_eq!(world.dispatch.poll_due(), Some(world.now + HOUR));
    world.settle();
    world.check_settled();
}

#[test]
fn an_endpoint_that_has_another_address_is_tried_at_once() {
    let mut world = left_alone(40);
    world.commit();
    let shop = endpoint("shop");
    world.settle_anew(&shop, Settings { block_ms: 1, ..settings() });
    world.pump(10, 0);
    assert_eq!(world.flying.len(), 0, "it is the same one");
    let url = "https://other.example.org/hook".into();
    world.settle_anew(&shop, Settings { url, ..settings() });
    world.crash();
    world.pump(10, 0);
    assert!(!world.flying.is_empty());
    world.settle();
    world.check_settled();
}

/// Requirements H9 and H11.
#[test]
fn an_endpoint_that_is_gone_is_disabled_and_comes_back_only_tested() {
    let mut world = one(settings(), 3, 3);
    let shop = endpoint("shop");
    world.pump(1, 0);
    world.report(0, status(410));
    world.pump(10, 0);
    assert_eq!(world.flying.len(), 0);
    let gone = Notice::Disabled { endpoint: shop.clone(), reason: DisableReason::Gone };
    assert_eq!(world.dispatch.poll_notice(), Some(gone));
    for _ in 0..2 {
        let facts = world.dispatch.facts(&shop).unwrap();
        assert_eq!(facts.disabled.unwrap().reason, DisableReason::Gone);
        assert_eq!(world.dispatch.poll_due(), None, "nothing is to be done");
        world.crash();
        world.pump(10, 0);
    }
    let (now, mut batch) = (world.now, Batch::new());
    let dispatch = &mut world.dispatch;
    let enable = |dispatch: &mut syncline_engine::deliver::Dispatch, now, batch: &mut Batch| {
        dispatch.handle_enabled(now, &endpoint("shop"), Backlog::Deliver, batch)
    };
    assert!(matches!(enable(dispatch, now, &mut batch), Err(Refusal::NotTested { .. })));
    dispatch.handle_test(now, &shop, status(500), &mut batch).unwrap();
    assert!(matches!(enable(dispatch, now, &mut batch), Err(Refusal::NotTested { .. })));
    dispatch.handle_test(now, &shop, ok(), &mut batch).unwrap();
    let late = now + limits::TEST_MS_MAX + 1;
    assert!(matches!(enable(dispatch, late, &mut batch), Err(Refusal::NotTested { .. })));
    assert!(enable(dispatch, now, &mut batch).is_ok());
    assert_eq!(enable(dispatch, now, &mut batch), Err(Refusal::NotDisabled));
    world.batch.append(batch);
    world.settle();
    world.check_settled();
}

#[test]
fn the_backlog_of_a_disabled_endpoint_can_be_left_out_and_replayed() {
    let mut world = one(settings(), 5, 2);
    let shop = endpoint("shop");
    world.pump(1, 0);
    world.report(0, status(410));
    world.commit();
    for _ in 0..4 {
        world.emit("tasks.created", "late");
    }
    world.crash();
    world.pump(9, 0);
    world.dispatch.handle_test(world.now, &shop, ok(), &mut world.batch).unwrap();
    let (now, to) = (world.now, world.end());
    let backlog = Backlog::Skip { to };
    let skipped = world.dispatch.handle_enabled(now, &shop, backlog, &mut world.batch);
    assert_eq!(skipped, Ok((Position(5), Position(9))));
    world.commit();
    world.crash();
    world.settle();
    let row = |world: &World, at| world.row(&shop, Position(at)).map(|row| row.state);
    for at in 1..=5 {
        assert_eq!(row(&world, at), Some(DeliveryState::Delivered), "{at} was in memory already");
    }
    for at in 6..=9 {
        assert_eq!(row(&world, at), None, "{at} was left out");
    }
    let replays = (6..=9).map(|at| Replay { event: world.log[at - 1].clone().unwrap(), row: None });
    let replays = replays.collect();
    let taken = world.dispatch.handle_replay(world.now, &shop, replays, &mut world.batch);
    assert_eq!(taken.map(|taken| (taken.looked_at, taken.taken)), Ok((4, 4)));
    for at in 6..=9 {
        world.seen.entry((shop.clone(), Position(at))).or_default().replays = 1;
    }
    world.settle();
    world.check_settled();
}

/// Requirement H11.
#[test]
fn an_endpoint_that_only_fails_is_warned_of_and_then_disabled() {
    let mut world = one(settings(), 1, 1);
    let start = world.now;
    let day = 24 * HOUR;
    let mut notices = Vec::new();
    while world.dispatch.facts(&endpoint("shop")).unwrap().disabled.is_none() {
        world.emit("tasks.created", &format!("r{}", world.end().0));
        world.tell_end();
        let until = world.now + HOUR;
        go_on(&mut world, until, |_, _| Some(status(500)));
        notices.extend(std::iter::from_fn(|| world.dispatch.poll_notice()));
        if world.end().0 == 80 {
            let facts = world.dispatch.facts(&endpoint("shop")).unwrap();
            assert_eq!(facts.disable_at_ms, Some(start + 5 * day));
            world.crash();
        }
        assert!(world.now < start + 6 * day, "it goes on for ever");
    }
    assert!(world.now >= start + 5 * day, "too early");
    let warned: Vec<_> = notices
        .iter()
        .filter_map(|notice| match notice {
            Notice::WillDisable { percent, disable_at_ms, .. } => Some((*percent, *disable_at_ms)),
            _ => None,
        })
        .collect();
    assert_eq!(warned, [50, 70, 90].map(|percent| (percent, start + 5 * day)));
    let disabled = Notice::Disabled { endpoint: endpoint("shop"), reason: DisableReason::Failing };
    assert!(notices.contains(&disabled));
}

/// Requirement H10: others do not notice.
#[test]
fn a_breaker_opens_probes_with_one_and_closes_and_others_go_on() {
    let mut world = World::new(1);
    world.add("bad", settings());
    world.add("good", settings());
    let bad = endpoint("bad");
    for index in 0..200 {
        world.emit("tasks.created", &format!("r{index}"));
    }
    world.tell_end();
    let fails = |world: &World, index: usize| {
        let is_bad = world.flying[index].endpoint == endpoint("bad");
        Some(if is_bad { Outcome::Failed(Failure::Connect) } else { ok() })
    };
    let until = world.now + 100;
    go_on(&mut world, until, fails);
    let facts = |world: &World, name: &str| world.dispatch.facts(&endpoint(name)).unwrap();
    let BreakerState::Open { until_ms } = facts(&world, "bad").breaker else { panic!("closed") };
    assert_eq!(facts(&world, "good").pending, 0, "all of the other's are delivered");
    let tried = world.seen.keys().filter(|(name, _)| *name == bad).count();
    assert!(tried <= 64 + HOST_UNPROVEN_MAX as usize, "{tried} attempts before it opened");
    let before = world.seen.values().map(|seen| seen.attempts).sum::<u32>();
    go_on(&mut world, until_ms - 1, fails);
    let after = world.seen.values().map(|seen| seen.attempts).sum::<u32>();
    assert_eq!(after, before, "nothing is sent while it is open");
    world.now = until_ms;
    world.pump(1_000, 0);
    assert_eq!(world.flying.len(), 1, "one probe");
    world.report(0, ok());
    world.pump(1_000, 0);
    assert_eq!(facts(&world, "bad").breaker, BreakerState::Closed);
    assert!(world.flying.len() > 10);
    world.settle();
    world.check_settled();
}

/// Requirement H7.
#[test]
fn a_record_that_fails_holds_up_only_itself() {
    let mut world = one(settings(), 3_000, 100);
    let poisoned = |world: &World, index: usize| {
        let is_poisoned = world.flying[index].event.id.as_str() == "r7";
        Some(if is_poisoned { status(400) } else { ok() })
    };
    let until = world.now + HOUR;
    go_on(&mut world, until, poisoned);
    for event in world.log.iter().flatten() {
        let row = world.row(&endpoint("shop"), event.position);
        let state = row.map(|row| row.state);
        match event.id.as_str() {
            "r7" => assert_ne!(state, Some(DeliveryState::Delivered)),
            _ => assert_eq!(state, Some(DeliveryState::Delivered), "{}", event.position.0),
        }
    }
    assert_eq!(world.dispatch.pending(), 1, "the lane is parked: only its first is in memory");
    let poisoned = world.log.iter().flatten().find(|event| event.id.as_str() == "r7").unwrap();
    let facts = world.dispatch.facts(&endpoint("shop")).unwrap();
    assert_eq!((facts.retrying, facts.oldest_ms), (1, Some(poisoned.created_ms)), "it waits");
    let parked = world.disk.keys().filter(|key| matches!(key, Key::Lane { .. })).count();
    assert_eq!(parked, 30);
    world.settle();
    world.check_settled();
}

/// Requirement H8.
#[test]
fn what_cannot_be_sent_becomes_a_dead_letter_and_the_lane_goes_on() {
    for (failure, attempts) in [(Failure::BodyInvalid, 3), (Failure::PayloadGone, 1)] {
        let mut world = one(waits(&[0, 1_000, 2_000]), 2, 1);
        let until = world.now + HOUR;
        go_on(&mut world, until, |world, index| {
            let is_first = world.flying[index].event.position == Position(1);
            Some(if is_first { Outcome::Failed(failure) } else { ok() })
        });
        let first = world.row(&endpoint("shop"), Position(1)).unwrap();
        assert_eq!((first.state, first.tries), (DeliveryState::Dead, attempts), "{failure:?}");
        assert_eq!(&*first.attempts[0].code, failure.code());
        let second = world.row(&endpoint("shop"), Position(2)).unwrap();
        assert_eq!(second.state, DeliveryState::Delivered);
        let dead = Notice::Dead { endpoint: endpoint("shop"), position: Position(1) };
        assert_eq!(world.dispatch.poll_notice(), Some(dead));
        let breaker = world.dispatch.facts(&endpoint("shop")).unwrap().breaker;
        assert_eq!(breaker, BreakerState::Closed, "it says nothing of the endpoint");
    }
}

/// Requirement S004-FILTER.
#[test]
fn what_a_filter_leaves_out_is_no_attempt_and_takes_no_place_of_what_is_sent() {
    let of = |number| std::num::NonZeroU32::new(number).unwrap();
    let rate = Some(Rate { per_second: of(1), burst: of(1) });
    let condition = Some("event.sequence % 3 != 0".into());
    let mut world = one(Settings { rate, condition, ..waits(&[0, 1_000]) }, 3, 1);
    let begun = world.now;
    for position in 1..=3 {
        world.pump(10, 0);
        while world.flying.is_empty() {
            world.now = world.dispatch.poll_due().unwrap();
            world.pump(10, 0);
        }
        assert_eq!(world.flying[0].event.position, Position(position), "in the order of the lane");
        world.report(0, ok());
        world.commit();
    }
    assert_eq!(world.now, begun + 2_000, "as fast as the rate allows");
    let state = |world: &World, at| world.row(&endpoint("shop"), Position(at)).map(|row| row.state);
    let delivered = Some(DeliveryState::Delivered);
    let left_out = Some(DeliveryState::Cancelled);
    assert_eq!([1, 2, 3].map(|at| state(&world, at)), [delivered, delivered, left_out]);
    assert_eq!(world.row(&endpoint("shop"), Position(3)).unwrap().attempts, []);
    // What is left out gives its place back at once.
    world.emit("tasks.created", "r9");
    world.tell_end();
    world.pump(10, 0);
    assert_eq!(world.flying.len(), 1, "nothing is waited for");
    world.report(0, ok());
    world.commit();
    world.crash();
    world.pump(10, 0);
    assert!(world.flying.is_empty(), "nothing is asked again");
    world.check_settled();

    // What was tried before says that it is not sent any more.
    let mut world = one(waits(&[0, 1_000]), 3, 3);
    world.pump(10, 0);
    world.report(2, Outcome::Failed(Failure::FilterFailed));
    world.commit();
    world.now += HOUR;
    let settings = Arc::new(Settings {
        condition: Some("event.sequence % 3 != 0".into()),
        ..waits(&[0, 1_000])
    });
    world.endpoints.insert(endpoint("shop"), settings);
    world.pump(10, 0);
    let again = world.flying.iter().position(|send| send.event.position == Position(3)).unwrap();
    world.report(again, ok());
    world.commit();
    let row = world.row(&endpoint("shop"), Position(3)).unwrap();
    assert_eq!((row.state, row.tries), (DeliveryState::Cancelled, 1));
    assert_eq!(&*row.attempts[0].code, "filter_failed");
    world.settle();
    world.check_settled();
}

#[test]
fn what_was_not_sent_says_nothing_of_its_host() {
    for unsent in [None, Some(Outcome::Failed(Failure::BodyInvalid))] {
        let condition = Some("event.sequence % 3 != 0".into()).filter(|_| unsent.is_none());
        let mut world = one(Settings { condition, ..settings() }, 1, 1);
        fill(&mut world);
        answer_all(&mut world);
        (2..=4).for_each(|number| world.emit("tasks.created", &format!("r{number}")));
        world.tell_end();
        fill(&mut world);
        let third = world.flying.iter().position(|send| send.event.position == Position(3));
        world.report(third.unwrap(), unsent.unwrap_or_else(ok));
        world.commit();
        (0..100).for_each(|number| world.emit("tasks.created", &format!("s{number}")));
        world.tell_end();
        fill(&mut world);
        assert!(world.flying.len() > 2 * HOST_UNPROVEN_MAX as usize, "{}", world.flying.len());
        world.settle();
        world.check_settled();
    }
}

#[test]
fn what_waits_for_room_takes_no_place_of_others_and_has_a_bound() {
    let mut world = World::new(1);
    more(&mut world, 200);
    (0..40).for_each(|number| world.emit("tasks.created", &format!("r{number}")));
    world.tell_end();
    world.waits_percent = 100;
    fill(&mut world);
    assert_eq!(world.flying.len(), 0);
    let most = limits::WAITING_MAX as usize + 200 * limits::TURN_SENDS_MAX;
    assert!((200..=most).contains(&world.waiting.len()), "{}", world.waiting.len());
    world.add("new", Settings::new("https://new.example.org/hook"));
    world.emit("tasks.created", "new");
    world.tell_end();
    fill(&mut world);
    assert!(world.waiting.iter().any(|send| send.endpoint == endpoint("new")), "it is counted");
    world.settle();
    assert_eq!((world.dispatch.pending(), world.waiting.len()), (0, 0));

    // What waited goes out no faster than the rate allows.
    let of = |number| std::num::NonZeroU32::new(number).unwrap();
    let rate = Some(Rate { per_second: of(1), burst: of(2) });
    let mut world = one(Settings { rate, ..settings() }, 6, 6);
    world.waits_percent = 100;
    fill(&mut world);
    assert_eq!(world.waiting.len(), 2);
    world.now += 60_000;
    fill(&mut world);
    world.waits_percent = 0;
    fill(&mut world);
    assert_eq!((world.flying.len(), world.waiting.len()), (2, 0));
    assert_eq!(world.dispatch.poll_due(), Some(world.now + 1_000));
    world.settle();
    world.check_settled();
}

#[test]
fn payloads_of_one_endpoint_leave_room_for_those_of_the_others() {
    let mut world = World::new(1);
    for name in ["heavy", "light"] {
        let mut settings = Settings::new(&format!("https://{name}.example.org/hook"));
        settings.in_flight_max = std::num::NonZeroU32::new(1_024).unwrap();
        settings.filter = Filter::new([format!("{name}.*").as_str()]).unwrap();
        world.add(name, settings);
        world.emit(&format!("{name}.told"), "first");
    }
    world.tell_end();
    fill(&mut world);
    answer_all(&mut world);
    for number in 0..200 {
        world.emit("heavy.told", &format!("r{number}"));
        let event = world.log.last_mut().unwrap().as_mut().unwrap();
        Arc::make_mut(event).bytes = 1 << 20;
    }
    world.tell_end();
    fill(&mut world);
    world.emit("light.told", "second");
    world.tell_end();
    fill(&mut world);
    assert!(world.flying.iter().any(|send| send.endpoint == endpoint("light")));
    world.settle();
    world.check_settled();
}

#[test]
fn memory_is_bounded_and_the_log_holds_the_rest() {
    let calm = Settings {
        breaker: BreakerSettings {
            failures_in_a_row: u32::MAX,
            attempts_min: u32::MAX,
            ..Default::default()
        },
        ..waits(&[0, HOUR, HOUR])
    };
    let events = limits::PENDING_MAX as u64 * 2;
    let mut world = one(calm, events, events);
    let bound = limits::PENDING_MAX + limits::READ_ENTRIES_MAX;
    let start = world.now;
    for _ in 0..2_000 {
        world.pump(64, 0);
        assert!(world.dispatch.pending() <= bound, "{}", world.dispatch.pending());
        while !world.flying.is_empty() {
            world.report(0, status(500));
        }
    }
    world.commit();
    let facts = world.dispatch.facts(&endpoint("shop")).unwrap();
    assert!(facts.lag > 0 && facts.pending >= limits::PENDING_MAX, "{facts:?}");
    assert_eq!(world.now, start);
    world.crash();
    assert!(world.dispatch.pending() <= bound);
    world.settle();
    world.check_settled();
}

/// One hanging attempt must not make the hub read the whole log again after a crash.
#[test]
fn what_is_read_again_after_a_crash_is_bounded() {
    let mut world = one(settings(), 40_000, 40_000);
    let hangs =
        |world: &World, index: usize| (world.flying[index].event.position != Position(1)).then(ok);
    loop {
        world.pump(64, 0);
        for index in (0..world.flying.len()).rev() {
            if let Some(outcome) = hangs(&world, index) {
                world.report(index, outcome);
            }
        }
        if world.dispatch.pending() == 1 && !world.load() {
            break;
        }
    }
    world.commit();
    let facts = world.dispatch.facts(&endpoint("shop")).unwrap();
    let span = facts.read_to.0 - facts.settled.0;
    assert_eq!((facts.in_flight, facts.lag), (1, 0));
    assert!(span <= limits::SPAN_MAX + 1_000, "{span} entries");
    let row = world.row(&endpoint("shop"), Position(1)).unwrap();
    assert_eq!((row.state, row.tries), (DeliveryState::Sending, 1));
    world.crash();
    world.settle();
    world.check_settled();
}

/// Requirement: fairness over many endpoints. Method: as many sends as can be made, few at a time.
#[test]
fn no_endpoint_starves_among_a_thousand() {
    let mut world = World::new(1);
    for index in 0..1_000 {
        world.add(&format!("e{index}"), settings());
    }
    for index in 0..24 {
        world.emit("tasks.created", &format!("r{index}"));
    }
    world.tell_end();
    let mut sends: BTreeMap<_, usize> = BTreeMap::new();
    while sends.values().sum::<usize>() < 24_000 {
        world.pump(100, 0);
        for send in &world.flying {
            *sends.entry(send.endpoint.clone()).or_default() += 1;
        }
        assert!(!world.flying.is_empty());
        while !world.flying.is_empty() {
            world.report(0, ok());
        }
        let most = sends.values().max().copied().unwrap_or(0);
        let least = if sends.len() < 1_000 { 0 } else { *sends.values().min().unwrap() };
        assert!(most - least <= 2 * limits::TURN_SENDS_MAX, "{most} and {least}");
    }
    world.settle();
    world.check_settled();
}

/// By design: what is final is never looked at again. So a claim costs the same with a million rows.
#[test]
fn a_claim_reads_no_rows_of_deliveries() {
    let mut world = one(settings(), 20_000, 50);
    world.settle();
    let (disk, loads) = (world.disk.len(), world.loads);
    assert!(disk >= 20_000);
    for index in 0..100 {
        world.emit("tasks.created", &format!("r{index}"));
    }
    world.tell_end();
    world.settle();
    let pages = world.loads - loads;
    assert!(pages <= 100, "{pages} loads, each a page of the log");
    world.check_settled();
}

/// Requirement H12: rate, ids, order.
#[test]
fn a_replay_goes_slowly_and_beside_what_is_new() {
    let of = |number| std::num::NonZeroU32::new(number).unwrap();
    let mut world = one(Settings { replays_per_second: of(10), ..settings() }, 50, 50);
    world.settle();
    let shop = endpoint("shop");
    for at in 1..=50 {
        world.replay(&shop, Position(at));
    }
    for index in 0..20 {
        world.emit("tasks.created", &format!("new{index}"));
    }
    world.tell_end();
    let start = world.now;
    let (mut replayed, mut fresh_at) = (Vec::new(), 0);
    while replayed.len() < 50 {
        world.pump(1_000, 0);
        while let Some(send) = world.flying.first().cloned() {
            if send.is_replay {
                assert_eq!(send.event.event.as_str(), format!("evt_{}", send.event.position.0));
                replayed.push(world.now);
            } else {
                fresh_at = world.now;
            }
            world.report(0, ok());
        }
        world.commit();
        world.pump(1_000, 0);
        if world.flying.is_empty() {
            world.now = world.dispatch.poll_due().unwrap_or(world.now + 1).max(world.now);
        }
    }
    assert!(fresh_at <= start + 50, "what is new does not wait");
    let took = world.now - start;
    assert!((4_800..=5_200).contains(&took), "50 replays took {took} ms");
    world.settle();
    world.check_settled();
}

#[test]
fn a_delivery_that_waits_can_be_cancelled_and_hastened() {
    let mut world = one(waits(&[0, HOUR]), 3, 1);
    let shop = endpoint("shop");
    world.pump(1, 0);
    let cancel = |world: &mut World, at| {
        let row = world.row(&endpoint("shop"), Position(at));
        let batch = &mut world.batch;
        world.dispatch.handle_cancelled(world.now, &endpoint("shop"), Position(at), row, batch)
    };
    assert_eq!(cancel(&mut world, 1), Err(Refusal::UnderWay));
    assert_eq!(cancel(&mut world, 2), Ok(()), "it waits behind the first");
    world.commit();
    assert_eq!(cancel(&mut world, 2), Err(Refusal::DeliveryUnknown), "it is final");
    assert_eq!(cancel(&mut world, 9), Err(Refusal::DeliveryUnknown), "it was never read");
    let hasten = |world: &mut World| {
        let batch = &mut world.batch;
        world.dispatch.handle_retry(world.now, &endpoint("shop"), Position(1), batch)
    };
    assert_eq!(hasten(&mut world), Err(Refusal::DeliveryUnknown), "it is under way");
    world.report(0, status(500));
    assert_eq!(hasten(&mut world), Ok(()));
    world.pump(1, 0);
    assert_eq!((world.flying[0].event.position, world.flying[0].attempt), (Position(1), 2));
    world.report(0, ok());
    world.settle();
    let states = [1, 2, 3].map(|at| world.row(&shop, Position(at)).unwrap().state);
    let expected = [DeliveryState::Delivered, DeliveryState::Cancelled, DeliveryState::Delivered];
    assert_eq!(states, expected);
}

#[test]
fn an_endpoint_gets_what_comes_after_it_was_made() {
    let mut world = one(settings(), 5, 5);
    world.settle();
    world.add("late", settings());
    for _ in 0..3 {
        world.emit("tasks.created", "r");
    }
    world.settle();
    let rows = |name: &str| {
        (1..=8)
            .filter(|at| world.row(&endpoint(name), Position(*at)).is_some())
            .collect::<Vec<u64>>()
    };
    assert_eq!(rows("late"), [6, 7, 8]);
    assert_eq!(rows("shop").len(), 8);
}

#[test]
fn what_was_read_under_a_former_filter_is_delivered_after_a_crash() {
    let mut world = one(settings(), 200, 50);
    let shop = endpoint("shop");
    world.pump(30, 0);
    world.report(0, status(500));
    world.commit();
    let filter = Filter::new(["notes.*"]).unwrap();
    let notes = Arc::new(Settings { filter, ..settings() });
    world.endpoints.insert(shop.clone(), notes.clone());
    let (now, batch) = (world.now, &mut world.batch);
    assert_eq!(world.dispatch.handle_settings(now, &shop, notes, batch), Ok(()));
    world.commit();
    for _ in 0..5 {
        world.emit("tasks.created", "later");
        world.emit("notes.created", "later");
    }
    world.crash();
    world.settle();
    let rows: Vec<u64> = (1..=210).filter(|at| world.row(&shop, Position(*at)).is_some()).collect();
    let expected: Vec<u64> = (1..=200).chain([202, 204, 206, 208, 210]).collect();
    assert_eq!(rows, expected);
    let is_done =
        |at: &u64| world.row(&shop, Position(*at)).unwrap().state == DeliveryState::Delivered;
    assert!(rows.iter().all(is_done));
}

#[test]
fn a_report_of_another_attempt_changes_nothing() {
    let mut world = one(settings(), 1, 1);
    world.pump(1, 0);
    let send = world.flying[0].clone();
    world.crash();
    world.pump(1, 0);
    assert_eq!(world.flying[0].attempt, 2);
    world.flying.push(send);
    world.commit();
    world.report(1, ok());
    assert!(world.batch.is_empty(), "it is of the life before");
    world.report(0, ok());
    assert!(!world.batch.is_empty());
    world.settle();
    world.check_settled();
}

/// The one that had the id before was removed while it hung.
#[test]
fn what_a_removed_endpoint_answers_late_is_no_answer_of_another_one_of_its_id() {
    let mut world = one(settings(), 1, 1);
    let shop = endpoint("shop");
    world.pump(1, 0);
    let former = world.flying.remove(0);
    world.dispatch.handle_removed(&shop);
    world.disk.clear();
    world.add("shop", settings());
    let replay = Replay { event: Arc::clone(&former.event), row: None };
    let (now, batch) = (world.now, &mut world.batch);
    let replayed = world.dispatch.handle_replay(now, &shop, vec![replay], batch).unwrap();
    assert_eq!(replayed.taken, 1);
    world.commit();
    let sends = world.dispatch.poll_sends(world.now, 1, &mut world.batch);
    assert_eq!((sends[0].event.position, sends[0].attempt), (Position(1), former.attempt));
    world.commit();
    let late = Report {
        endpoint: shop.clone(),
        made: former.made,
        position: Position(1),
        attempt: former.attempt,
        outcome: ok(),
        duration_ms: 5,
        excerpt: "".into(),
    };
    world.dispatch.handle_report(world.now, 1, &late, &mut world.batch);
    assert!(world.batch.is_empty(), "it says nothing of this one");
    let own = Report { made: sends[0].made, outcome: status(500), ..late };
    world.dispatch.handle_report(world.now, 1, &own, &mut world.batch);
    world.commit();
    assert_eq!(world.row(&shop, Position(1)).unwrap().state, DeliveryState::Retrying);
}

#[test]
fn pages_of_the_log_are_shared_by_those_who_keep_up() {
    let mut world = World::new(1);
    for index in 0..100 {
        let filter = Filter::new([format!("type{index}.*").as_str()]).unwrap();
        world.add(&format!("e{index}"), Settings { filter, ..settings() });
    }
    for round in 0..50 {
        for index in 0..20 {
            world.emit(&format!("type{}.x", (round + index) % 100), "r");
        }
        world.tell_end();
        let loads = world.loads;
        world.pump(1_000, 0);
        assert!(world.loads - loads <= 40, "{} loads for 20 entries", world.loads - loads);
        while !world.flying.is_empty() {
            world.report(0, ok());
        }
    }
    world.settle();
    world.check_settled();
    assert_eq!(world.dispatch.poll_load(world.now), None::<Load>);
}

#[test]
fn a_delivery_that_has_had_all_its_attempts_is_told_of_wherever_that_is_found() {
    let mut world = one(waits(&[0]), 1, 1);
    (0..CUT_OFF_MAX).for_each(|_| world.pump(1, 2));
    world.pump(1, 0);
    assert_eq!(world.flying.len(), 0, "nobody has ever heard the end of an attempt");
    let dead = Notice::Dead { endpoint: endpoint("shop"), position: Position(1) };
    assert_eq!(world.dispatch.poll_notice(), Some(dead));
}

#[test]
fn who_has_enough_to_send_does_not_ask_for_more_turns_at_once() {
    let mut world = World::new(1);
    more(&mut world, 40);
    (0..2_000).for_each(|number| world.emit("tasks.created", &format!("r{number}")));
    world.tell_end();
    while world.load() {}
    assert!(world.dispatch.pending() >= limits::AHEAD_MAX, "{}", world.dispatch.pending());
    let sends = world.dispatch.poll_sends(world.now, 0, &mut world.batch);
    assert_eq!(sends, []);
    assert!(
        !world.dispatch.has_load(world.now),
        "the next turn would read nothing, and so on for ever"
    );
    world.commit();
    world.settle();
    world.check_settled();
}

/// Somebody has deleted deliveries that stand in a lane behind one that fails.
#[test]
fn a_lane_goes_on_behind_deliveries_that_are_gone() {
    let events = limits::LANE_LOAD_MAX as u64 * 3;
    let mut world = one(Settings { block_ms: 0, ..waits(&[0, 1_000, 1_000]) }, events, 1);
    let first = |world: &World, index: usize| {
        let is_first = world.flying[index].event.position == Position(1);
        Some(if is_first { status(500) } else { ok() })
    };
    let until = world.now + 10;
    go_on(&mut world, until, first);
    let gone: Vec<Position> = (5..=40).chain([events]).map(Position).collect();
    for position in &gone {
        let key = Key::Delivery { endpoint: endpoint("shop"), position: *position };
        assert!(world.disk.remove(&key).is_some(), "{}", position.0);
    }
    let until = world.now + HOUR;
    go_on(&mut world, until, |_, _| Some(ok()));
    for event in world.log.iter().flatten().filter(|event| !gone.contains(&event.position)) {
        let row = world.row(&endpoint("shop"), event.position).unwrap();
        assert_eq!(row.state, DeliveryState::Delivered, "{}", event.position.0);
    }
    let told = std::iter::from_fn(|| world.dispatch.poll_notice());
    let missing = |position| Notice::RowMissing { endpoint: endpoint("shop"), position };
    assert_eq!(told.collect::<Vec<_>>(), gone.into_iter().map(missing).collect::<Vec<_>>());
    let left = |key: &&Key| matches!(key, Key::Lane { .. } | Key::Due { .. });
    assert_eq!(world.disk.keys().find(left), None, "and nothing is left to be read again");
    assert_eq!(world.dispatch.pending(), 0);
}

#[test]
fn an_endpoint_that_is_removed_gives_its_room_to_those_that_wait_for_it() {
    let mut world = World::new(1);
    let many = limits::PENDING_TOTAL_MAX / limits::PENDING_MAX + 2;
    for index in 0..many {
        let calm = Settings {
            breaker: BreakerSettings {
                failures_in_a_row: u32::MAX,
                attempts_min: u32::MAX,
                ..Default::default()
            },
            ..Settings { url: format!("https://h{index}.example.org/").into(), ..waits(&[0, HOUR]) }
        };
        world.add(&format!("e{index}"), calm);
    }
    let events = limits::PENDING_MAX as u64 + 1_000;
    (0..events).for_each(|number| world.emit("tasks.created", &format!("r{number}")));
    world.tell_end();
    let fails = |world: &mut World| {
        loop {
            world.pump(1_024, 0);
            if world.flying.is_empty() {
                break;
            }
            while !world.flying.is_empty() {
                world.report(0, status(500));
            }
        }
    };
    fails(&mut world);
    let pending = |world: &World| world.dispatch.pending();
    assert!(pending(&world) >= limits::PENDING_TOTAL_MAX, "{}", pending(&world));
    world.commit();
    let removed = endpoint("e0");
    world.dispatch.handle_removed(&removed);
    world.endpoints.remove(&removed);
    fails(&mut world);
    assert!(pending(&world) >= limits::PENDING_TOTAL_MAX, "{}", pending(&world));
}

/// Many endpoints of one host, whose events come faster than it takes them.
#[test]
fn what_waits_for_a_busy_host_is_not_read_ahead_and_costs_no_rows() {
    let mut world = World::new(1);
    for index in 0..1_000 {
        let mut settings = Settings::new("https://example.org/hook");
        settings.filter = Filter::new([format!("tasks.e{index}").as_str()]).unwrap();
        world.add(&format!("e{index}"), settings);
    }
    let emit = |world: &mut World, events: u64| {
        for number in 0..events {
            world.emit(&format!("tasks.e{}", number % 1_000), &format!("r{number}"));
        }
        world.tell_end();
    };
    emit(&mut world, 1_000);
    world.settle();
    let events = 30_000;
    emit(&mut world, events);
    world.written = 0;
    let most = limits::AHEAD_MAX + limits::READ_ENTRIES_MAX;
    while world.dispatch.pending() > 0 || world.dispatch.has_load(world.now) {
        world.pump(SENDS_MAX - world.flying.len(), 0);
        assert!(world.dispatch.pending() <= most, "{}", world.dispatch.pending());
        assert!(!world.dispatch.has_load(world.now), "it waits for an answer");
        for _ in 0..100.min(world.flying.len()) {
            world.report(0, ok());
        }
        world.commit();
        world.now += 1;
    }
    let delivered = world.disk.keys().filter(|key| matches!(key, Key::Delivery { .. })).count();
    assert_eq!(delivered as u64, 1_000 + events);
    let written = world.written as u64;
    assert!(
        written <= events * 5 / 2,
        "{written}: a cursor and an outcome each, and some cursors on the way"
    );
    // Once it hangs, the others are read for.
    world.add("other", Settings::new("https://other.example.org/hook"));
    emit(&mut world, events);
    for _ in 0..3 {
        world.pump(SENDS_MAX - world.flying.len(), 0);
    }
    assert!(world.dispatch.pending() <= most);
    world.now = world.dispatch.poll_due().expect("it is looked at again");
    world.pump(SENDS_MAX - world.flying.len(), 0);
    let told = world.dispatch.facts(&endpoint("other")).unwrap();
    assert!(world.dispatch.pending() > most && told.in_flight > 0, "{told:?}");
}
