//! Lists that grow: what several plain writers append to the same one.

use proptest::prelude::*;
use syncline_merge::rules::{Rule, Shape};
use syncline_model::json::{Json, Leaf};

use crate::desk::{Desk, rules};

/// No list of these tests is as long.
const ALL: u32 = 1_000;

/// Where a list stands in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Alone,
    InAMember,
}

impl Place {
    fn record(self, list: &[String]) -> String {
        let list = list.join(",");
        match self {
            Self::Alone => format!(r#"{{"l":[{list}]}}"#),
            Self::InAMember => format!(r#"{{"k":[{{"l":[{list}],"t":"h"}}]}}"#),
        }
    }

    fn list(self, record: &str) -> Vec<String> {
        let Json::Object(record) = Leaf::parse(record).unwrap().to_json() else { unreachable!() };
        let member = || match record.get("k") {
            Some(Json::Array(members)) => members[0].clone(),
            other => unreachable!("{other:?} in the place of members"),
        };
        let list = match (self, member) {
            (Self::Alone, _) => record.get("l").cloned(),
            (Self::InAMember, member) => match member() {
                Json::Object(member) => member.get("l").cloned(),
                other => unreachable!("{other:?} in the place of a member"),
            },
        };
        match list {
            Some(Json::Array(list)) => list.iter().map(Json::to_canonical_string).collect(),
            _ => vec![],
        }
    }
}

fn desk(keep: u32) -> Desk {
    let append = || Shape::Append { keep };
    Desk::new(rules(&[
        ("/l", append(), Rule::Latest),
        ("/k", Shape::Keyed { key: "t".into() }, Rule::Latest),
        ("/k/*/l", append(), Rule::Latest),
    ]))
}

fn numbers(list: &str) -> Vec<String> {
    list.split_whitespace().map(str::to_owned).collect()
}

/// Reads what the writers hold, and writes to all of them what comes of it; answers that.
fn sync(desk: &mut Desk, place: Place, holds: &[(&str, Vec<String>)]) -> Vec<String> {
    for (writer, list) in holds {
        desk.read(writer, Some(&place.record(list)));
    }
    let written = holds.iter().map(|(writer, _)| place.list(&desk.write(writer).unwrap()));
    let written: Vec<Vec<String>> = written.collect();
    assert!(written.windows(2).all(|pair| pair[0] == pair[1]), "{written:?}");
    written[0].clone()
}

#[test]
fn a_list_that_comes_without_a_base_keeps_its_order() {
    let months = r#"{"l":["jan","feb","mar","apr","may","jun"]}"#;
    let last = r#"{"l":["mar","apr","may","jun"]}"#;
    let more = r#"{"l":["mar","apr","may","jun","jul"]}"#;
    let mut desk = Desk::new(rules(&[("/l", Shape::Append { keep: 10 }, Rule::Latest)]));
    desk.read("p", Some(months));
    desk.read("b", Some(months));
    assert_eq!(desk.write("b").as_deref(), Some(months));

    let mut desk = Desk::new(rules(&[("/l", Shape::Append { keep: 4 }, Rule::Latest)]));
    desk.read("p", Some(months));
    assert_eq!(desk.write("p").as_deref(), Some(last));
    desk.read("p", Some(more));
    assert_eq!(desk.write("p").as_deref(), Some(r#"{"l":["apr","may","jun","jul"]}"#));
}

#[test]
fn equal_elements_of_two_lists_without_a_base_are_the_same() {
    for (p, b, both) in [
        (r#"["9"]"#, r#"["9"]"#, r#"["9"]"#),
        (r#"["9","9","9"]"#, r#"["9","9"]"#, r#"["9","9","9"]"#),
        (r#"["1","2"]"#, r#"["2","3"]"#, r#"["1","2","3"]"#),
    ] {
        let mut desk = Desk::new(rules(&[("/l", Shape::Append { keep: 10 }, Rule::Latest)]));
        desk.read("p", Some(&format!(r#"{{"l":{p}}}"#)));
        desk.read("b", Some(&format!(r#"{{"l":{b}}}"#)));
        assert_eq!(desk.write("b"), Some(format!(r#"{{"l":{both}}}"#)), "{p} and {b}");
    }
}

#[test]
fn as_far_as_writers_begin_alike_what_they_append_is_there_once() {
    #[rustfmt::skip]
    let cases: &[(&str, u32, &str, &[&str], &str)] = &[
        ("alike",                                  ALL, "1",     &["1 2", "1 2"],               "1 2"),
        ("alike, to a full list",                  3,   "1 2 3", &["1 2 3 4", "1 2 3 4"],       "2 3 4"),
        ("alike, to a full list, cut by hand",     3,   "1 2 3", &["2 3 4", "2 3 4"],           "2 3 4"),
        ("alike, more than is kept",               2,   "1",     &["1 2 3 4", "1 2 3 4"],       "3 4"),
        ("alike, in front",                        ALL, "1",     &["0 1", "0 1"],               "1 0"),
        ("alike, twice the same",                  ALL, "1",     &["1 2 2", "1 2 2"],           "1 2 2"),
        ("one goes on",                            ALL, "1",     &["1 2", "1 2 3"],             "1 2 3"),
        ("the other goes on",                      ALL, "1",     &["1 2 3", "1 2"],             "1 2 3"),
        ("both go on",                             ALL, "1",     &["1 2 3", "1 2 4"],           "1 2 3 4"),
        ("both go on, a full list",                3,   "1 2 3", &["1 2 3 4 5", "1 2 3 4 6"],   "4 5 6"),
        ("equal behind another one",               ALL, "1",     &["1 2", "1 3 2"],             "1 2 3 2"),
        ("equal in front of another one",          ALL, "1",     &["1 3 2", "1 2"],             "1 3 2 2"),
        ("three alike",                            ALL, "1",     &["1 2", "1 2", "1 2"],        "1 2"),
        ("two alike beside another one",           ALL, "1",     &["1 9", "1 2", "1 2"],        "1 9 2"),
        ("two alike that begin as another one",    ALL, "1",     &["1 2 9", "1 2 3", "1 2 3"],  "1 2 9 3"),
        ("fed again from the beginning",           3,   "3 4 5", &["3 4 5", "1 2 3 4 5 6"],     "4 5 6"),
        ("both fed again from the beginning",      3,   "3 4 5", &["1 2 3 4 5 6", "1 2 3 4 5 6"], "4 5 6"),
        ("fed again without anything new",         3,   "3 4 5", &["3 4 5", "1 2 3 4 5"],       "3 4 5"),
        ("put in front of a list that is not full", 4,  "3 4 5", &["3 4 5", "2 3 4 5"],         "3 4 5 2"),
        ("put in front of a list without a bound", ALL, "3 4 5", &["3 4 5", "2 3 4 5"],         "3 4 5 2"),
    ];
    for (name, keep, base, sides, expected) in cases {
        for place in [Place::Alone, Place::InAMember] {
            let mut desk = desk(*keep);
            let holds = |list: &str| numbers(list);
            let writers = ["p", "b", "t"].into_iter().zip(*sides);
            let bases: Vec<_> = writers.clone().map(|(writer, _)| (writer, holds(base))).collect();
            sync(&mut desk, place, &bases);
            let sides: Vec<_> = writers.map(|(writer, list)| (writer, holds(list))).collect();
            let all = sync(&mut desk, place, &sides);
            assert_eq!(all.join(" "), *expected, "{name}, {place:?}");
        }
    }
}

#[test]
fn a_member_that_two_writers_add_alike_has_its_list_once() {
    let mut desk = desk(ALL);
    sync(&mut desk, Place::InAMember, &[("p", numbers("1")), ("b", numbers("1"))]);
    let both = r#"{"k":[{"l":[1],"t":"h"},{"l":[1,2],"t":"w"}]}"#;
    desk.read("p", Some(both));
    desk.read("b", Some(both));
    assert_eq!(desk.write("p").as_deref(), Some(both));
    assert_eq!(desk.write("b").as_deref(), Some(both));
}

#[test]
fn who_feeds_a_history_of_its_own_brings_nothing_back_that_was_cut() {
    let place = Place::Alone;
    let mut desk = desk(3);
    sync(&mut desk, place, &[("p", numbers("1 2 3")), ("b", numbers("1 2 3"))]);
    let both = [("p", numbers("1 2 3 70")), ("b", numbers("1 2 3 80"))];
    assert_eq!(sync(&mut desk, place, &both), numbers("3 70 80"));
    for (history, expected) in [
        ("1 2 3 80", "3 70 80"),
        ("1 2 3 80 70", "3 70 80"),
        ("1 2 3 80 81", "70 80 81"),
        ("1 2 3 80 81 82", "80 81 82"),
    ] {
        desk.read("b", Some(&place.record(&numbers(history))));
        assert_eq!(place.list(&desk.write("p").unwrap()), numbers(expected), "{history}");
    }
}

#[test]
fn what_two_writers_append_alike_is_kept_up_by_both() {
    let mut desk = desk(ALL);
    sync(&mut desk, Place::Alone, &[("p", numbers("1")), ("b", numbers("1"))]);
    sync(&mut desk, Place::Alone, &[("p", numbers("1 2")), ("b", numbers("1 2"))]);
    let elements = desk.record.as_ref().unwrap().body.appends.values().next().unwrap();
    let of_two = elements.values().find(|element| element.value.as_str() == "2").unwrap();
    assert_eq!(of_two.dots.len(), 2);
}

#[test]
fn who_was_not_written_to_goes_on_as_if_all_were_told_at_once() {
    let place = Place::Alone;
    let begin = |desk: &mut Desk| {
        sync(desk, place, &[("p", numbers("1")), ("b", numbers("1"))]);
    };
    #[rustfmt::skip]
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("p", "1 2"), ("p", "1 2 3"), ("b", "1 2 3 4")], "1 2 3 4"),
        (&[("b", "1 2"), ("p", "1 2 3"), ("b", "1 2 3")],   "1 2 3"),
        (&[("b", "1 3"), ("p", "1 2"), ("b", "1 3 2")],     "1 3 2 2"),
    ];
    for (readings, expected) in cases {
        let mut desk = desk(ALL);
        begin(&mut desk);
        for (writer, list) in *readings {
            desk.read(writer, Some(&place.record(&numbers(list))));
        }
        assert_eq!(place.list(&desk.write("p").unwrap()).join(" "), *expected, "{readings:?}");
    }
    // Who goes on from what the other one has appended appends to the same list.
    let mut desk = desk(ALL);
    begin(&mut desk);
    desk.read("b", Some(&place.record(&numbers("1 3"))));
    desk.write("p");
    for writer in ["p", "b"] {
        desk.read(writer, Some(&place.record(&numbers("1 3 2"))));
    }
    assert_eq!(place.list(&desk.write("p").unwrap()).join(" "), "1 3 2");
}

/// What both hold, what each appends, and how.
#[derive(Clone, Debug)]
struct Growth {
    keep: u32,
    place: Place,
    base: Vec<String>,
    appended: [Vec<String>; 2],
    /// What the second one puts in front again, if the list is full.
    cut: Vec<String>,
}

fn growth() -> impl Strategy<Value = Growth> {
    let list = |values: std::ops::Range<u32>, count| {
        prop::collection::vec(values.prop_map(|value| value.to_string()), 0..=count)
    };
    let keep = prop_oneof![Just(ALL), 3..6_u32];
    let place = prop_oneof![Just(Place::Alone), Just(Place::InAMember)];
    let lists = (list(0..3, 6), list(0..3, 3), list(0..3, 3), list(7..9, 2));
    (keep, place, lists).prop_map(|(keep, place, (base, left, right, cut))| Growth {
        keep,
        place,
        base,
        appended: [left, right],
        cut,
    })
}

fn last(keep: u32, list: &[String]) -> Vec<String> {
    list[list.len().saturating_sub(keep as usize)..].to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn lists_grow_by_what_both_append_and_a_common_beginning_counts_once(growth in growth()) {
        let Growth { keep, place, base, appended: [left, right], cut } = growth;
        let mut desk = desk(keep);
        let held = sync(&mut desk, place, &[("p", base.clone()), ("b", base.clone())]);
        prop_assert_eq!(&held, &last(keep, &base));
        let is_full = held.len() == keep as usize;
        let cut = if is_full { cut } else { vec![] };
        let holds = [[held.clone(), left.clone()].concat(), [cut, held.clone(), right.clone()].concat()];
        let alike = left.iter().zip(&right).take_while(|(left, right)| left == right).count();
        let wanted = last(keep, &[&held[..], &left, &right[alike..]].concat());
        let [left, right] = holds;
        let all = sync(&mut desk, place, &[("p", left), ("b", right)]);
        prop_assert_eq!(&all, &wanted);
        // Both hold it now: nothing is said any more.
        let before = desk.record.clone();
        prop_assert_eq!(&sync(&mut desk, place, &[("p", all.clone()), ("b", all)]), &wanted);
        prop_assert_eq!(desk.record, before);
    }

    #[test]
    fn lists_that_agree_show_nothing_twice(growth in growth()) {
        let Growth { keep, place, base, appended: [grown, front], .. } = growth;
        let mut desk = desk(keep);
        let held = sync(&mut desk, place, &[("p", base.clone()), ("b", base)]);
        let agreed = [front, held, grown].concat();
        prop_assume!(agreed.len() <= keep as usize);
        let all = sync(&mut desk, place, &[("p", agreed.clone()), ("b", agreed.clone())]);
        let sorted = |mut list: Vec<String>| {
            list.sort();
            list
        };
        prop_assert_eq!(sorted(all), sorted(agreed));
    }
}
