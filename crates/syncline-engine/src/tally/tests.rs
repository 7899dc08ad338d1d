//! Hours, sums of them, and what is stored.

use super::*;

const HOUR_MS: u64 = 3_600_000;
/// The beginning of an hour.
const START_MS: u64 = 480_000 * HOUR_MS;

fn at(hour: u64) -> u64 {
    START_MS + hour * HOUR_MS
}

fn busy(hours: std::ops::Range<u64>) -> Tally {
    let mut tally = Tally::default();
    for hour in hours {
        tally.add(at(hour) + 5, Count::Changes, hour + 1);
        tally.took(at(hour) + 5, Took::Delivery, 1_000, 2);
    }
    tally
}

#[test]
fn a_sum_has_the_hours_that_were_asked_for_and_no_other() {
    let tally = busy(0..48);
    let sum = tally.sum(at(10), at(12));
    assert_eq!((sum.hours, sum.count(Count::Changes)), (2, 11 + 12));
    assert_eq!(sum.spread(Took::Delivery).count(), 4);
    // An hour that has begun is among them as a whole.
    assert_eq!(tally.sum(at(10) + 1, at(11) + 1).count(Count::Changes), 11 + 12);
    assert_eq!(tally.sum(at(12), at(10)), Sum::default());
    assert_eq!(tally.sum(at(100), at(200)).hours, 0);
}

#[test]
fn the_oldest_hours_go_and_a_clock_that_jumps_leaves_no_more() {
    let kept = HOURS_KEPT as u64;
    let mut tally = busy(0..kept + 10);
    let sum = |tally: &Tally| tally.sum(0, at(10 * kept)).hours;
    assert_eq!(sum(&tally), kept);
    assert_eq!(tally.sum(at(0), at(10)).hours, 0);
    // A clock that went back far writes into its own hour, and nothing grows.
    tally.touch(7 * HOUR_MS);
    assert_eq!(sum(&tally), kept);
    tally.touch(u64::MAX);
    assert_eq!(tally.sum(0, u64::MAX).hours, kept);
}

#[test]
fn the_lowest_consistency_of_all_hours_is_told() {
    let mut tally = Tally::default();
    assert_eq!(tally.sum(0, at(9)).consistency_min, None);
    tally.consistency(at(1), 1_000_000);
    tally.consistency(at(2), 998_000);
    tally.consistency(at(2), 1_000_000);
    assert_eq!(tally.sum(0, at(9)).consistency_min, Some(998_000));
    assert_eq!(tally.sum(at(1), at(2)).consistency_min, Some(1_000_000));
}

#[test]
fn what_is_stored_is_read_again_and_what_is_damaged_is_refused() {
    let mut tally = busy(0..HOURS_KEPT as u64);
    tally.consistency(at(3), 999_999);
    tally.took(at(4), Took::Operation, u64::MAX, 1);
    let stored = tally.encode();
    assert_eq!(Tally::decode(stored.as_bytes()), Ok(tally));
    let of_fewer = r#"{"form":1,"hours":[[480000,[7],[],null]]}"#;
    let known = Tally::decode(of_fewer.as_bytes()).unwrap();
    assert_eq!(known.sum(0, at(1)).count(Count::Changes), 7);
    for damaged in [
        "",
        "[]",
        r#"{"form":2,"hours":[]}"#,
        r#"{"form":1,"hours":[[1,[-1],[],null]]}"#,
        r#"{"form":1,"hours":[[1,[],[[1]],null]]}"#,
        r#"{"form":1,"hours":[[1,[],[[999999,1]],null]]}"#,
        r#"{"form":1,"hours":[[1,[]]]}"#,
        &stored[..stored.len() / 2],
    ] {
        assert_eq!(Tally::decode(damaged.as_bytes()), Err(DamagedTally), "{damaged:.40}");
    }
}
