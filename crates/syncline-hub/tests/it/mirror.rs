//! What a mirror throws out, and what of it the hub goes on to know.

use syncline_engine::conflicts::Status;
use syncline_engine::link::{Direction, Side};
use syncline_hub::{Choice, SyncOutcome};
use syncline_merge::rules::{Deletion, EntityRules, Rule};
use syncline_model::id::Writer;
use syncline_policy::Action;

use crate::desk::{Desk, entity};
use crate::hunt_kit::{agreed, keep_back, policy};
use crate::star::{Star, shaped};

/// A field of each shape, before and after somebody has typed in it; nothing where it is not there.
const EDITS: [(&str, &str, &str); 15] = [
    ("/n", r#""0""#, r#""E""#),
    ("/n", "", r#""E""#),
    ("/n", r#""0""#, ""),
    ("/o", r#"{"x":1}"#, r#"{"x":2,"y":3}"#),
    ("/o", r#"{"x":1}"#, r#""flat""#),
    ("/tags", r#"["a"]"#, r#"["a","E"]"#),
    ("/tags", r#"["a","b"]"#, r#"["a"]"#),
    ("/log", r#"["a"]"#, r#"["a","E"]"#),
    ("/log", "", r#"["E"]"#),
    ("/text", r#""some words""#, r#""some E words""#),
    ("/text", r#""some words""#, ""),
    ("/k", r#"[{"t":"m","v":"0"}]"#, r#"[{"t":"m","v":"E"}]"#),
    ("/k", r#"[{"t":"m","v":"0"}]"#, r#"[{"t":"e","v":"1"}]"#),
    ("/sum", "5", "8"),
    ("/sum", "", "8"),
];

/// A mirror, whose it is, and who is its origin.
const MIRRORS: [(Direction, &str, Side); 3] = [
    (Direction::TargetToSource, "personal", Side::Target),
    (Direction::SourceToTarget, "business", Side::Source),
    (Direction::Copy, "business", Side::Source),
];

fn item(path: &str, value: &str) -> String {
    match value {
        "" => r#"{"id":"a"}"#.to_owned(),
        value => format!(r#"{{"id":"a","{}":{value}}}"#, &path[1..]),
    }
}

/// Returns a desk where one domain has typed, and the hub knows it, while a rule of the other one's
/// policy kept it from there; then the rule goes.
fn typed_under_a_rule(
    (path, before, typed): (&str, &str, &str),
    (typist, origin): (&str, Side),
    action: Action,
) -> Desk {
    let mut desk = agreed(&[&item(path, before)]);
    desk.request.entities = vec![entity("contacts", shaped())];
    desk.sync().unwrap();
    desk.set_policy(origin, policy(&[(path, action), (&format!("{path}/**"), action)]));
    desk.contacts(typist, &[&item(path, typed)]);
    desk.sync().unwrap();
    desk.set_policy(origin, policy(&[]));
    desk
}

fn mirror(desk: &mut Desk, direction: Direction) -> SyncOutcome {
    desk.request.direction = direction;
    let outcome = desk.sync().unwrap();
    desk.request.direction = Direction::Bidirectional;
    outcome
}

#[test]
fn what_a_mirror_threw_out_stays_thrown_out() {
    for (direction, typist, origin) in MIRRORS {
        for (edit, action) in
            EDITS.into_iter().zip([Action::OutOnly, Action::Deny].into_iter().cycle())
        {
            let story = format!("{direction:?} {edit:?} {action:?}");
            let mut desk = typed_under_a_rule(edit, (typist, origin), action);
            let expected = item(edit.0, edit.1);
            mirror(&mut desk, direction);
            let agreed = (vec![expected.clone()], vec![expected]);
            assert_eq!(desk.both(), agreed, "mirrored: {story}");
            desk.sync().unwrap();
            assert_eq!(desk.both(), agreed, "afterwards: {story}");
            desk.sync_is_idle();
            // Whoever types then goes on from what is there.
            desk.contacts(typist, &[&item(edit.0, edit.2)]);
            desk.sync().unwrap();
            let typed = item(edit.0, edit.2);
            assert_eq!(desk.both(), (vec![typed.clone()], vec![typed]), "again: {story}");
        }
    }
}

/// What stands for a value is nobody's word.
#[test]
fn a_mask_overrules_nothing() {
    for (direction, typist, origin) in MIRRORS {
        let mut desk = typed_under_a_rule(EDITS[0], (typist, origin), Action::Mask);
        mirror(&mut desk, direction);
        desk.sync().unwrap();
        let typed = item("/n", EDITS[0].2);
        assert_eq!(desk.both(), (vec![typed.clone()], vec![typed]), "{direction:?}");
    }
}

#[test]
fn the_undo_of_a_mirror_brings_back_what_the_hub_knew() {
    for (direction, typist, origin) in MIRRORS {
        for edit in EDITS {
            let story = format!("{direction:?} {edit:?}");
            let mut desk = typed_under_a_rule(edit, (typist, origin), Action::OutOnly);
            let before = desk.files();
            let mut run = mirror(&mut desk, direction).report.sync_id;
            let mirrored = desk.files();
            desk.request.direction = direction;
            let mut undo = || {
                run = desk.hub().undo(&run, &desk.request, false).unwrap().report.sync_id;
                desk.files()
            };
            assert_eq!(undo(), before, "{story}");
            if edit == EDITS[0] {
                assert_eq!([undo(), undo()], [mirrored, before], "{story}");
            }
            desk.request.direction = Direction::Bidirectional;
            desk.sync().unwrap();
            let typed = item(edit.0, edit.2);
            assert_eq!(desk.both(), (vec![typed.clone()], vec![typed]), "after it: {story}");
        }
    }
}

/// What was given up by hand as well, and what was typed while the other side could not be written.
#[test]
fn a_mirror_throws_out_what_its_files_do_not_tell() {
    let [typed, first] = ["E", "0"].map(|n| item("/n", &format!("{n:?}")));
    for is_typed_back in [false, true] {
        let mut desk = agreed(&[&first]);
        desk.request.target.domain.writable = false;
        desk.contacts("personal", &[&typed]);
        desk.sync().unwrap();
        if is_typed_back {
            desk.contacts("personal", &[&first]);
        }
        mirror(&mut desk, Direction::TargetToSource);
        desk.request.target.domain.writable = true;
        desk.sync_to(&[&first]);
        desk.sync_is_idle();
    }
}

/// Both have typed, and a rule shows one of them to both.
#[test]
fn a_mirror_overrules_what_a_rule_has_settled() {
    let typed = |by: &str| item("/n", &format!("{by:?}"));
    for (direction, mirrored, origin) in MIRRORS {
        let mut desk = agreed(&[&typed("0")]);
        let rule_default = Rule::Priority([Writer::new(mirrored).unwrap()].into());
        let rules = EntityRules { rule_default, ..EntityRules::default() };
        desk.request.entities = vec![entity("contacts", rules)];
        desk.set_policy(origin, policy(&[("/n", Action::OutOnly)]));
        desk.contacts("personal", &[&typed("P")]);
        desk.contacts("business", &[&typed("B")]);
        desk.sync().unwrap();
        desk.set_policy(origin, policy(&[]));
        mirror(&mut desk, direction);
        let expected = typed(if mirrored == "personal" { "B" } else { "P" });
        let agreed = (vec![expected.clone()], vec![expected]);
        assert_eq!(desk.both(), agreed, "{direction:?}");
        desk.sync().unwrap();
        assert_eq!(desk.both(), agreed, "afterwards: {direction:?}");
        desk.sync_is_idle();
    }
}

/// Of what is kept from the origin, or from its mirror, nothing is overruled.
#[test]
fn a_mirror_overrules_nothing_that_a_policy_keeps_from_it() {
    for (direction, typist, origin) in MIRRORS {
        for edit in [0, 2, 7, 11, 13].map(|at: usize| EDITS[at]) {
            let path = edit.0;
            for (at, action) in [
                (origin, Action::Deny),
                (origin, Action::Mask),
                (origin, Action::InOnly),
                (origin.other(), Action::Deny),
                (origin.other(), Action::OutOnly),
            ] {
                let story = format!("{direction:?} {edit:?} {at:?} {action:?}");
                let mut desk = typed_under_a_rule(edit, (typist, origin), Action::OutOnly);
                desk.set_policy(at, policy(&[(path, action), (&format!("{path}/**"), action)]));
                mirror(&mut desk, direction);
                desk.set_policy(at, policy(&[]));
                desk.sync().unwrap();
                let typed = item(path, edit.2);
                assert_eq!(desk.both(), (vec![typed.clone()], vec![typed]), "{story}");
            }
        }
    }
}

#[test]
fn a_mirror_overrules_what_its_origin_is_not_shown_and_may_speak_of() {
    for (direction, typist, origin) in MIRRORS {
        for edit in EDITS {
            let path = edit.0;
            let rule = policy(&[(path, Action::OutOnly), (&format!("{path}/**"), Action::OutOnly)]);
            for drops_first in [false, true] {
                let story = format!("{direction:?} {edit:?} {drops_first}");
                let mut desk = typed_under_a_rule(edit, (typist, origin), Action::OutOnly);
                desk.set_policy(origin, rule.clone());
                mirror(&mut desk, direction);
                let first = item(path, edit.1);
                for drops in [drops_first, true] {
                    if drops {
                        desk.set_policy(origin, policy(&[]));
                    }
                    desk.sync().unwrap();
                    let both = (vec![first.clone()], vec![first.clone()]);
                    assert_eq!(desk.both(), both, "{story}");
                }
            }
        }
    }
}

/// Returns a star in which all domains hold the same of a contact, and agree on it.
fn all_holding(contact: &str) -> Star {
    let star = Star::new();
    ["personal", "business", "third"].iter().for_each(|at| star.hold(at, &[contact]));
    star.sync([1, 2]);
    star
}

/// Makes the link between home and another domain a mirror of that one, for a run.
fn mirror_of(star: &mut Star, to: usize) {
    star.desk.request.direction = Direction::TargetToSource;
    star.sync_once(to);
    star.desk.request.direction = Direction::Bidirectional;
}

#[test]
fn what_home_was_given_a_mirror_throws_out_everywhere() {
    for (path, before, typed) in EDITS {
        let [first, typed] = [before, typed].map(|value| item(path, value));
        let mut star = all_holding(&first);
        star.hold("third", &[&typed]);
        star.sync_once(2);
        assert_eq!(star.held("personal"), typed);
        mirror_of(&mut star, 1);
        star.sync([1, 2]);
        for domain in ["personal", "business", "third"] {
            assert_eq!(star.held(domain), first, "{domain}: {path}");
        }
        assert!(star.desk.listed(Status::Open).is_empty(), "{path}");
    }
}

/// Neither side of the link was ever shown it.
#[test]
fn what_a_third_has_typed_unseen_outlives_a_mirror() {
    for (path, before, typed) in EDITS {
        for edits_after in [false, true] {
            let story = format!("{path} {before} {typed} {edits_after}");
            let [first, typed] = [before, typed].map(|value| item(path, value));
            let mut star = all_holding(&first);
            star.set(0, Some((path, Action::OutOnly)));
            star.hold("third", &[&typed]);
            star.sync_once(2);
            star.set(0, None);
            mirror_of(&mut star, 1);
            assert_eq!(star.held("personal"), first, "{story}");
            if !edits_after {
                star.sync([1, 2]);
                for domain in ["personal", "business", "third"] {
                    assert_eq!(star.held(domain), typed, "{domain}: {story}");
                }
            } else if path == "/n" {
                // An edit of what was not shown is a question.
                star.hold("personal", &[&item(path, r#""P""#)]);
                star.sync([1, 2]);
                assert_eq!(star.held("third"), typed, "{story}");
                assert_eq!(star.desk.listed(Status::Open).len(), 1, "{story}");
            }
        }
    }
}

/// Records that came or went under a rule, or that the origin could not be told of.
#[test]
fn records_that_a_mirror_overruled_stay_as_its_origin_has_them() {
    const A: &str = r#"{"c":"x","id":"a","n":"0"}"#;
    const B: &str = r#"{"c":"y","id":"b"}"#;
    let private = || {
        let mut private = policy(&[]);
        keep_back(&mut private, "/c", r#""x""#);
        private
    };
    for (direction, mirrored, origin) in MIRRORS {
        for (is_removed, is_private) in [(true, true), (true, false), (false, true)] {
            // A copy removes nothing.
            if direction == Direction::Copy && !is_removed {
                continue;
            }
            let story = format!("{direction:?} {is_removed} {is_private}");
            let [first, then]: [&[&str]; 2] =
                if is_removed { [&[A, B], &[B]] } else { [&[B], &[A, B]] };
            let mut desk = agreed(first);
            match is_private {
                true => desk.set_policy(origin, private()),
                false => set_writable(&mut desk, origin, false),
            }
            desk.contacts(mirrored, then);
            desk.sync().unwrap();
            desk.set_policy(origin, policy(&[]));
            set_writable(&mut desk, origin, true);
            let before = desk.files();
            let run = mirror(&mut desk, direction);
            desk.sync_to(first);
            desk.sync_is_idle();
            desk.request.direction = direction;
            desk.hub().undo(&run.report.sync_id, &desk.request, false).unwrap();
            assert_eq!(desk.files(), before, "{story}");
        }
    }
}

fn set_writable(desk: &mut Desk, side: Side, writable: bool) {
    match side {
        Side::Source => desk.request.source.domain.writable = writable,
        Side::Target => desk.request.target.domain.writable = writable,
    }
}

/// What its domain withholds by now the origin is not shown.
#[test]
fn what_a_third_withholds_outlives_a_mirror() {
    for (path, before, typed) in [EDITS[0], EDITS[1]] {
        let [first, typed] = [before, typed].map(|value| item(path, value));
        let mut star = all_holding(&first);
        star.hold("third", &[&typed]);
        star.sync_once(2);
        star.set(2, Some((path, Action::Deny)));
        // What home holds it could hand on.
        star.hold("personal", &[&first]);
        mirror_of(&mut star, 1);
        star.set(2, None);
        star.sync([2, 1]);
        for domain in ["personal", "business", "third"] {
            assert_eq!(star.held(domain), typed, "{domain}: {path}");
        }
    }
}

#[test]
fn a_record_that_is_decided_to_go_goes_with_a_merge_and_not_with_a_mirror() {
    let (a, edited) = (r#"{"id":"a","n":"0"}"#, r#"{"id":"a","n":"1"}"#);
    for (direction, origin, other) in [
        (Direction::SourceToTarget, "personal", "business"),
        (Direction::TargetToSource, "business", "personal"),
    ] {
        let mut desk = agreed(&[a, r#"{"id":"z"}"#]);
        let rules = EntityRules { deletion: Deletion::Review, ..EntityRules::default() };
        desk.request.entities = vec![entity("contacts", rules)];
        desk.contacts(origin, &[edited, r#"{"id":"z"}"#]);
        desk.contacts(other, &[r#"{"id":"z"}"#]);
        desk.sync().unwrap();
        let conflicts = desk.hub().conflicts().unwrap();
        let open = conflicts.iter().find(|row| row.status == Status::Open).unwrap();
        let entities = [desk.request.entities[0].entity.clone()];
        let actor = desk.request.actor.clone();
        desk.hub().resolve(&open.conflict_id(), &Choice::Delete, &actor, &entities).unwrap();
        for _ in 0..2 {
            assert!(!mirror(&mut desk, direction).wrote, "{direction:?}");
            assert_eq!(desk.held(other), [edited, r#"{"id":"z"}"#], "{direction:?}");
        }
        desk.sync_to(&[r#"{"id":"z"}"#]);
        desk.sync_is_idle();
    }
}
