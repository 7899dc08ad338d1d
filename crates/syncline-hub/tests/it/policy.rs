//! What a policy keeps from a domain is found nowhere in what the domain gets, or is told.

use syncline_engine::link::{Direction, Side};
use syncline_engine::rows::{Key, Scan};
use syncline_hub::{Hub, HubError, Silent, SyncOutcome};
use syncline_merge::rules::{EntityRules, FieldRules, Rule, Shape};
use syncline_model::id::{DomainName, EntityName, Writer};
use syncline_model::json::Json;
use syncline_model::path::Pattern;
use syncline_policy::Action;

use crate::desk::{Desk, entity};
use crate::hunt_kit::{agreed, files_below, keep_back, no_guard, policy};

const CANARY: &str = "CANARY-7f3a";

fn holds(bytes: &[u8]) -> bool {
    bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes())
}

/// Looks for the canary in all that the business side gets or is told, and in what is told to all.
fn assert_nothing_leaked(desk: &Desk, outcome: &SyncOutcome, context: &str) {
    for (name, bytes) in files_below(&desk.path("business")) {
        assert!(!holds(&bytes), "{context}: in {name}");
    }
    for (name, bytes) in files_below(&desk.path(".syncline/undo")) {
        assert!(!name.contains("business") || !holds(&bytes), "{context}: in {name}");
    }
    let report = Json::Object(outcome.report.to_json()).to_compact_string();
    assert!(!report.contains(CANARY), "{context}: in the report");
    for action in outcome.actions.iter().filter(|a| a.side == Side::Target) {
        assert!(!format!("{action:?}").contains(CANARY), "{context}: in an action");
    }
    let hub = desk.hub();
    let (domain, entity) =
        (DomainName::new("business").unwrap(), EntityName::new("contacts").unwrap());
    for scan in [Scan::Bases { domain, entity }, Scan::Journal, Scan::RunsLatest] {
        each(&hub, &scan, |key, bytes| {
            assert!(!holds(bytes), "{context}: in {key:?}");
        });
    }
    for entry in hub.audit_entries(0, 100).unwrap() {
        assert!(!format!("{entry:?}").contains(CANARY), "{context}: in the audit");
    }
}

/// Expects the undo of a run to be refused, and nothing of it to reach business.
fn assert_not_brought_back(desk: &Desk, sync_id: &str) {
    let refused = desk.hub().undo(sync_id, &desk.request, false);
    assert!(matches!(refused, Err(HubError::NotUndoable { .. })), "{refused:?}");
    assert!(!desk.files().1.contains(CANARY));
}

fn each(hub: &Hub, scan: &Scan, mut row: impl FnMut(&Key, &[u8])) {
    hub.rows()
        .scan(scan, None, usize::MAX, &mut |key, bytes| {
            row(key, bytes);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
}

fn desk_with(rules: &[(&str, Action)]) -> Desk {
    let mut desk = Desk::new();
    desk.request.guard = no_guard();
    desk.set_policy(Side::Target, policy(rules));
    desk.contacts("business", &[]);
    desk
}

fn secret(name: &str) -> String {
    format!(r#"{{"id":"1","name":"{name}","note":"{CANARY}","inner":{{"note":"{CANARY}"}}}}"#)
}

#[test]
fn a_field_that_may_not_enter_a_domain_is_found_nowhere_in_it() {
    for action in [Action::Deny, Action::Mask, Action::OutOnly] {
        let mut desk = desk_with(&[("/note", action), ("/inner/note", action)]);
        desk.contacts("personal", &[&secret("Ann")]);
        let check = |desk: &Desk, step: &str| {
            let plan = desk.hub().plan(&desk.request, &mut Silent).unwrap();
            let outcome = desk.sync().unwrap();
            let named = |outcome: &SyncOutcome| -> Vec<_> {
                outcome.actions.iter().map(|a| (a.id.clone(), a.side, a.kind)).collect()
            };
            assert_eq!(named(&plan), named(&outcome));
            let personal = desk.read("personal/contacts.json");
            assert_eq!(personal.matches(CANARY).count(), 2, "{action:?}: {step}: {personal}");
            for outcome in [&plan, &outcome] {
                assert_nothing_leaked(desk, outcome, &format!("{action:?}: {step}"));
            }
        };
        check(&desk, "added");
        desk.contacts("personal", &[&secret("Anna")]);
        check(&desk, "edited");
        let business = desk.read("business/contacts.json").replace("Anna", "Annika");
        desk.write("business/contacts.json", &business);
        check(&desk, "edited on the other side");
        assert!(desk.read("personal/contacts.json").contains("Annika"));
        desk.request.entities = vec![entity("contacts", EntityRules::default())];
        desk.contacts("personal", &[&secret("P")]);
        let business = desk.read("business/contacts.json").replace("Annika", "B");
        desk.write("business/contacts.json", &business);
        check(&desk, "in conflict");
        std::fs::remove_dir_all(desk.path(".syncline")).unwrap();
        check(&desk, "after a lost state");
    }
}

#[test]
fn what_a_domain_hides_never_leaves_it() {
    for action in [Action::Deny, Action::Mask, Action::InOnly] {
        let mut desk = Desk::new();
        desk.request.guard = no_guard();
        desk.set_policy(Side::Source, policy(&[("/note", action), ("/inner", action)]));
        desk.contacts("personal", &[&secret("Ann")]);
        desk.contacts("business", &[r#"{"id":"1","name":"Ann"}"#]);
        let outcome = desk.sync().unwrap();
        assert_nothing_leaked(&desk, &outcome, &format!("{action:?}"));
        desk.contacts("personal", &[&secret("Anna")]);
        let outcome = desk.sync().unwrap();
        assert_nothing_leaked(&desk, &outcome, &format!("{action:?}, edited"));
        let hub = desk.hub();
        for scan in [Scan::Log { from: syncline_model::id::Position(0) }, Scan::Conflicts] {
            each(&hub, &scan, |key, bytes| assert!(!holds(bytes), "{action:?}: {key:?}"));
        }
    }
}

#[test]
fn a_record_that_is_kept_back_is_found_nowhere() {
    for (side, hidden) in [(Side::Source, false), (Side::Target, false), (Side::Target, true)] {
        let mut desk = Desk::new();
        desk.request.guard = no_guard();
        // The field that decides may itself be one that the domain does not see.
        let rules: &[(&str, Action)] = if hidden { &[("/kind", Action::Deny)] } else { &[] };
        let mut closed = policy(rules);
        keep_back(&mut closed, "/kind", "\"private\"");
        desk.set_policy(side, closed);
        let private = format!(r#"{{"id":"{CANARY}","kind":"private","name":"{CANARY}"}}"#);
        desk.contacts("personal", &[&private, r#"{"id":"2","kind":"open","name":"Bob"}"#]);
        desk.contacts("business", &[]);
        let outcome = desk.sync().unwrap();
        assert_nothing_leaked(&desk, &outcome, &format!("{side:?} {hidden}"));
        assert_eq!(desk.held("business").len(), 1, "the other one crosses");
        // Released, and then kept back again: what crossed stays as it was.
        desk.contacts(
            "personal",
            &[
                r#"{"id":"1","kind":"open","name":"Ann"}"#,
                r#"{"id":"2","kind":"open","name":"Bob"}"#,
            ],
        );
        desk.sync().unwrap();
        assert_eq!(desk.held("business").len(), 2);
        let private = format!(r#"{{"id":"1","kind":"private","name":"{CANARY}"}}"#);
        desk.contacts("personal", &[&private, r#"{"id":"2","kind":"open","name":"Bob"}"#]);
        let outcome = desk.sync().unwrap();
        assert_nothing_leaked(&desk, &outcome, &format!("{side:?} {hidden}, kept back again"));
        assert_eq!(desk.held("business").len(), 2, "scope is no deletion");
        assert!(desk.read("personal/contacts.json").contains(CANARY));
        desk.sync_is_idle();
    }
}

#[test]
fn a_mask_never_comes_back_as_an_edit() {
    let real = r#"{"id":"1","name":"Ann","phone":"555"}"#;
    let mut desk = desk_with(&[("/phone", Action::Mask)]);
    desk.contacts("personal", &[real]);
    let masked = r#"{"id":"1","name":"Ann","phone":"***"}"#;
    desk.sync().unwrap();
    assert_eq!(desk.held("business"), [masked]);
    let steps: [&dyn Fn(&Desk); 3] = [
        &|desk| desk.contacts("business", &[&masked.replace("Ann", "Anna")]),
        &|desk| desk.contacts("business", &[&masked.replace("***", "666")]),
        &|desk| std::fs::remove_dir_all(desk.path(".syncline")).unwrap(),
    ];
    for step in steps {
        step(&desk);
        desk.sync().unwrap();
        assert!(desk.held("personal")[0].contains("555"), "{:?}", desk.both());
        assert!(desk.held("business")[0].contains("***"), "{:?}", desk.both());
    }
    desk.set_policy(Side::Target, policy(&[]));
    desk.sync().unwrap();
    for domain in ["personal", "business"] {
        assert!(desk.held(domain)[0].contains("555"), "{:?}", desk.both());
    }
    desk.set_policy(Side::Target, policy(&[("/phone", Action::Mask)]));
    desk.sync().unwrap();
    assert!(desk.held("business")[0].contains("***"));
    assert!(desk.held("personal")[0].contains("555"));
    desk.sync_is_idle();
}

#[test]
fn one_way_fields_go_one_way() {
    let ann =
        |name: &str, phone: &str| format!(r#"{{"id":"1","name":"{name}","phone":"{phone}"}}"#);
    for (action, personal_sees, business_sees) in [
        (Action::InOnly, "1", "1"),
        // Business never saw the other number: the source wins the conflict, and each keeps its own.
        (Action::OutOnly, "1", "2"),
        (Action::Deny, "1", "2"),
    ] {
        let mut desk = desk_with(&[]);
        desk.contacts("personal", &[&ann("Ann", "0")]);
        desk.sync().unwrap();
        desk.set_policy(Side::Target, policy(&[("/phone", action)]));
        desk.contacts("personal", &[&ann("Anna", "1")]);
        desk.sync().unwrap();
        let business = desk.held("business")[0].clone();
        assert!(business.contains("Anna"), "{action:?}");
        let expected = if action == Action::InOnly { "\"1\"" } else { "\"0\"" };
        assert!(business.contains(expected), "{action:?}: {business}");
        desk.contacts("business", &[&ann("Anna", "2")]);
        desk.sync().unwrap();
        desk.sync().unwrap();
        let (personal, business) = desk.both();
        assert_eq!(personal, [ann("Anna", personal_sees)], "{action:?}");
        assert_eq!(business, [ann("Anna", business_sees)], "{action:?}");
        let conflicts = desk.hub().conflicts().unwrap().len();
        assert_eq!(conflicts, usize::from(action == Action::OutOnly), "{action:?}");
    }
}

/// What lay in a domain while it was out of scope is an edit only where somebody edited it.
#[test]
fn a_field_that_comes_back_into_scope_is_no_edit() {
    let ann = |phone: &str| format!(r#"{{"id":"1","name":"Ann","phone":"{phone}"}}"#);
    let bob = r#"{"id":"2","name":"Bob"}"#;
    #[rustfmt::skip]
    let cases = [
        // name                       personal         business  both end with    conflicts
        ("nobody edits it",           Some(ann("0")),  "0",      Some(ann("0")),  0),
        ("personal edits it",         Some(ann("1")),  "0",      Some(ann("1")),  0),
        ("business edits it",         Some(ann("0")),  "2",      Some(ann("2")),  0),
        ("both edit it",              Some(ann("1")),  "2",      Some(ann("1")),  1),
        ("the record is removed",     None,            "0",      None,            0),
    ];
    for (name, personal, business, end, conflicts) in cases {
        let mut desk = desk_with(&[]);
        desk.contacts("personal", &[&ann("0"), bob]);
        desk.sync().unwrap();
        desk.set_policy(Side::Target, policy(&[("/phone", Action::Deny)]));
        desk.sync().unwrap();
        if personal.is_some() {
            desk.contacts("personal", &[personal.as_deref().unwrap_or(bob), bob]);
            desk.sync().unwrap();
        } else {
            desk.contacts("personal", &[bob]);
        }
        desk.contacts("business", &[&ann(business), bob]);
        desk.set_policy(Side::Target, policy(&[]));
        desk.sync().unwrap();
        let expected: Vec<String> = end.into_iter().chain([bob.to_owned()]).collect();
        assert_eq!(desk.both(), (expected.clone(), expected), "case: {name}");
        assert_eq!(desk.hub().conflicts().unwrap().len(), conflicts, "case: {name}");
        desk.sync_is_idle();
    }
}

#[test]
fn an_error_names_no_value() {
    let desk = Desk::new();
    desk.contacts("business", &[]);
    let broken = [
        format!(r#"{{"contacts": [{{"id":"1","x":"{CANARY}" "y"}}]}}"#),
        format!(r#"{{"contacts": "{CANARY}"}}"#),
        format!(
            r#"{{"contacts": ["{CANARY}", {{"id":["{CANARY}"]}}, {{"id":"\u0001{CANARY}"}}]}}"#
        ),
        format!(r#"{{"contacts": [{{"id":"1","{CANARY}":1,"{CANARY}":2}}]}}"#),
        CANARY.to_owned(),
    ];
    for text in broken {
        desk.write("personal/contacts.json", &text);
        let told = match desk.sync() {
            Ok(outcome) => format!("{:?}", outcome.report),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!told.contains(CANARY), "{told}");
    }
}

#[test]
fn a_value_that_gives_way_to_what_a_domain_receives_is_reported() {
    let ann = |phone: &str| format!(r#"{{"id":"1","name":"Ann","phone":"{phone}"}}"#);
    for (action, shown) in [(Action::Mask, "***"), (Action::InOnly, "555")] {
        let desk = desk_with(&[("/phone", action)]);
        let replaced = |context: &str| {
            let notices = desk.sync().unwrap().report.notices;
            let codes: Vec<&str> = notices.iter().map(|notice| notice.code.as_str()).collect();
            assert_eq!(desk.held("business"), [ann(shown)], "{action:?}, {context}");
            codes.iter().filter(|code| **code == "VALUE_REPLACED").count()
        };
        desk.contacts("personal", &[&ann("555")]);
        desk.contacts("business", &[&ann("777")]);
        assert_eq!(replaced("they meet"), 1, "{action:?}");
        assert_eq!(replaced("nothing has changed"), 0, "{action:?}");
        desk.contacts("business", &[&ann("888")]);
        assert_eq!(replaced("it is edited"), 1, "{action:?}");
        desk.contacts("personal", &[&ann("555").replace("Ann", "Anna")]);
        desk.contacts("business", &[&ann(shown)]);
        desk.sync().unwrap();
        assert!(desk.sync().unwrap().report.notices.is_empty(), "{action:?}");
    }
}

#[test]
fn a_value_of_its_own_stays_in_a_domain_that_receives_nothing_there() {
    let with = |phone: &str| format!(r#"{{"id":"1","name":"Ann","phone":"{phone}"}}"#);
    let without = r#"{"id":"1","name":"Ann"}"#.to_owned();
    for (action, shown) in [(Action::Mask, "***"), (Action::InOnly, "555")] {
        let desk = desk_with(&[("/phone", action)]);
        let sync = |context: &str| {
            let notices = desk.sync().unwrap().report.notices;
            notices
                .iter()
                .for_each(|notice| assert_eq!(notice.code, "VALUE_REPLACED", "{context}"));
            (desk.held("business"), notices.len())
        };
        desk.contacts("personal", &[]);
        desk.contacts("business", &[&with("own")]);
        assert_eq!(sync("it comes"), (vec![with("own")], 0), "{action:?}");
        assert_eq!(desk.held("personal"), [without.as_str()], "{action:?}");
        desk.contacts("personal", &[&without.replace("Ann", "Anna")]);
        let edited = with("own").replace("Ann", "Anna");
        assert_eq!(sync("another field"), (vec![edited], 0), "{action:?}");
        desk.contacts("personal", &[&with("555")]);
        assert_eq!(sync("home has one"), (vec![with(shown)], 1), "{action:?}");
        desk.contacts("personal", &[&without]);
        assert_eq!(sync("what was given goes"), (vec![without.clone()], 0), "{action:?}");
    }
}

#[test]
fn what_is_removed_where_it_was_not_to_be_stays_at_home() {
    let item = |id: &str, c: &str| format!(r#"{{"c":"{c}","id":"{id}"}}"#);
    let (a, z) = (item("a", "x"), item("z", "y"));
    let mut desk = desk_with(&[]);
    desk.contacts("personal", &[&a, &z]);
    desk.sync().unwrap();
    let mut private = policy(&[]);
    keep_back(&mut private, "/c", r#""x""#);
    desk.set_policy(Side::Target, private);
    for _ in 0..2 {
        desk.contacts("business", &[&z]);
        desk.sync().unwrap();
        assert_eq!(desk.both(), (vec![a.clone(), z.clone()], vec![z.clone()]));
    }
    // No more private, it comes back there: who removed it then did not delete it.
    let open = item("a", "open");
    desk.contacts("personal", &[&open, &z]);
    desk.sync().unwrap();
    desk.sync().unwrap();
    let mut business = desk.held("business");
    business.sort();
    assert_eq!((desk.held("personal"), business), (vec![open.clone(), z.clone()], vec![open, z]));
    desk.sync_is_idle();
}

#[test]
fn an_undo_obeys_the_policy_of_today() {
    let (first, secret) = (r#"{"id":"1","n":1}"#, format!(r#"{{"id":"1","n":1,"s":"{CANARY}"}}"#));
    let private = r#"{"c":"x","id":"2"}"#;
    let mut kept = policy(&[]);
    keep_back(&mut kept, "/c", r#""x""#);
    // The latest run took something from business: the undo of an edit, or the edit itself.
    for is_undo in [true, false] {
        let without_secret = [private, first];
        for (name, stricter, comes_back) in [
            ("denied", Some(policy(&[("/s", Action::Deny)])), &without_secret[..]),
            ("masked", Some(policy(&[("/s", Action::Mask)])), &without_secret),
            ("only leaves it", Some(policy(&[("/s", Action::OutOnly)])), &without_secret),
            ("private", Some(kept.clone()), &[secret.as_str()]),
            ("not writable", None, &[]),
        ] {
            let mut desk = desk_with(&[]);
            desk.contacts("personal", &[first]);
            desk.sync().unwrap();
            desk.contacts("personal", &[&secret, private]);
            let run = desk.sync().unwrap();
            let latest = if is_undo {
                desk.hub().undo(&run.report.sync_id, &desk.request, false).unwrap().report.sync_id
            } else {
                desk.contacts("personal", &[first]);
                desk.sync().unwrap().report.sync_id
            };
            let before = desk.files();
            assert!(!before.1.contains(CANARY), "{name}");
            match stricter {
                Some(policy) => desk.set_policy(Side::Target, policy),
                None => desk.request.target.domain.writable = false,
            }
            let undone = [true, false].map(|dry_run| {
                let undone = desk.hub().undo(&latest, &desk.request, dry_run);
                assert!(!dry_run || desk.files() == before, "{name}, {is_undo}");
                undone
            });
            match comes_back {
                [] => {
                    assert!(undone.iter().all(Result::is_err), "{undone:?}");
                    assert_eq!(desk.files(), before, "{name}, {is_undo}");
                }
                _ => {
                    let [dry, undone] = undone.map(Result::unwrap);
                    assert_eq!((&dry.withheld, dry.withheld.len()), (&undone.withheld, 1));
                    assert_eq!(desk.held("business"), comes_back, "{name}, {is_undo}");
                }
            }
            // Under the policy of the run all of it comes back.
            desk.set_policy(Side::Target, policy(&[]));
            desk.request.target.domain.writable = true;
            desk.hub().undo(&latest, &desk.request, false).unwrap();
            assert_eq!(desk.held("business"), [private, &secret], "{name}, {is_undo}");
        }
    }
}

#[test]
fn an_undo_does_not_bring_back_what_has_become_private() {
    let item = |p: &str, c: &str| format!(r#"{{"id":"1","p":"{p}","c":"{c}"}}"#);
    let mut desk = desk_with(&[]);
    desk.contacts("personal", &[&item("0", "y")]);
    desk.sync().unwrap();
    desk.contacts("personal", &[&item(CANARY, "x")]);
    let run = desk.sync().unwrap();
    let undone = desk.hub().undo(&run.report.sync_id, &desk.request, false).unwrap();
    let mut private = policy(&[]);
    keep_back(&mut private, "/c", r#""x""#);
    desk.set_policy(Side::Target, private);
    assert_not_brought_back(&desk, &undone.report.sync_id);
}

/// A rule that comes later, and a rule for something inside of a list, make no edit a question.
#[test]
fn an_edit_of_what_the_other_side_may_not_say_is_no_conflict_with_what_it_said() {
    let item = |n: &str| format!(r#"{{"id":"1","k":[{{"i":"m","v":"{n}"}}],"n":"{n}","t":"{n}"}}"#);
    let field = |pattern, shape| FieldRules {
        pattern: Pattern::parse(pattern).unwrap(),
        shape,
        rule: Rule::Latest,
    };
    let rules = EntityRules {
        fields: vec![field("/k", Shape::Keyed { key: "i".into() }), field("/t", Shape::Text)],
        ..EntityRules::default()
    };
    for action in [Action::Deny, Action::Mask, Action::InOnly, Action::OutOnly] {
        for (of, first) in [
            (Side::Source, "personal"),
            (Side::Source, "business"),
            (Side::Target, "personal"),
            (Side::Target, "business"),
        ] {
            for is_later in [false, true] {
                let context = format!("{action:?} at {of:?}, {first} first, {is_later}");
                let restricted = policy(&[("/n", action), ("/k/*/v", action), ("/t", action)]);
                let mut desk = agreed(&[]);
                desk.request.entities = vec![entity("contacts", rules.clone())];
                if is_later {
                    desk.contacts(first, &[&item("0")]);
                    desk.sync().unwrap();
                    desk.set_policy(of, restricted);
                } else {
                    desk.set_policy(of, restricted);
                    desk.contacts("personal", &[&item("0")]);
                    desk.contacts("business", &[&item("0")]);
                }
                desk.sync().unwrap();
                // Who may speak, if anybody may.
                let editor = match (of, action) {
                    (Side::Source, Action::OutOnly) => "personal",
                    (Side::Target, Action::OutOnly) => "business",
                    (Side::Source, _) => "business",
                    (Side::Target, _) => "personal",
                };
                for n in ["1", "2"] {
                    let held = desk.held(editor)[0].replace(['0', '1'], n);
                    desk.contacts(
                        editor,
                        &[&held.replace(&format!(r#""id":"{n}""#), r#""id":"1""#)],
                    );
                    desk.sync().unwrap();
                    let asked = desk.hub().conflicts().unwrap();
                    assert!(asked.is_empty(), "{context}: {asked:?}");
                }
            }
        }
    }
}

/// What a domain withholds by now is not given to others, although the hub knows it from before.
#[test]
fn a_rule_that_is_moved_home_keeps_back_what_the_hub_knows() {
    let first = r#"{"id":"1","p":"0"}"#;
    let secret = format!(r#"{{"h":["s","{CANARY}"],"id":"1","n":"{CANARY}","p":"0"}}"#);
    let rules = EntityRules {
        fields: vec![FieldRules {
            pattern: Pattern::parse("/h").unwrap(),
            shape: Shape::Append { keep: 10 },
            rule: Rule::Latest,
        }],
        ..EntityRules::default()
    };
    let both = |action| policy(&[("/n", action), ("/h", action)]);
    for before in [Action::Deny, Action::OutOnly, Action::Mask] {
        for now in [Action::Deny, Action::Mask, Action::InOnly] {
            for is_removed in [false, true] {
                let mut desk = agreed(&[first]);
                desk.request.entities = vec![entity("contacts", rules.clone())];
                desk.set_policy(Side::Target, both(before));
                desk.contacts("personal", &[&secret]);
                desk.sync().unwrap();
                desk.set_policy(Side::Source, both(now));
                desk.sync().unwrap();
                if is_removed {
                    desk.contacts("personal", &[first]);
                    desk.sync().unwrap();
                }
                desk.set_policy(Side::Target, policy(&[]));
                let context = format!("{before:?} {now:?} {is_removed}");
                let outcome = desk.sync().unwrap();
                assert_nothing_leaked(&desk, &outcome, &context);
                // Edits of what business has itself go on.
                let held = desk.held("business")[0].replace(r#""p":"0""#, r#""p":"1""#);
                desk.contacts("business", &[&held]);
                let outcome = desk.sync().unwrap();
                assert_nothing_leaked(&desk, &outcome, &context);
                assert!(desk.held("personal")[0].contains(r#""p":"1""#), "{context}");
                desk.sync_is_idle();
            }
        }
    }
}

/// A domain that may not have a field, or not say anything of it, says nothing by lacking it.
#[test]
fn a_mirror_keeps_the_fields_of_which_its_origin_cannot_speak() {
    let item = |p: &str, n: &str| format!(r#"{{"id":"1","n":"{n}","p":"{p}"}}"#);
    // What a mirrored domain alone may say is not taken for said either.
    for is_known in [false, true] {
        let mut desk = desk_with(&[("/n", Action::OutOnly)]);
        desk.contacts(
            "personal",
            &[if is_known { r#"{"id":"1","p":"0"}"# } else { "{\"id\":\"1\"}" }],
        );
        desk.contacts("business", &[r#"{"id":"1","p":"0"}"#]);
        desk.sync().unwrap();
        desk.contacts("business", &[&item("0", "OWN")]);
        desk.request.direction = Direction::SourceToTarget;
        desk.sync().unwrap();
        assert_eq!(desk.held("business"), [item("0", "OWN")]);
        desk.request.direction = Direction::Bidirectional;
        desk.sync().unwrap();
        assert_eq!(desk.both(), (vec![item("0", "OWN")], vec![item("0", "OWN")]));
    }
    for action in [Action::Deny, Action::Mask, Action::InOnly] {
        for is_known in [false, true] {
            let mut desk = desk_with(&[("/n", action)]);
            desk.contacts("personal", &[&item("0", "HOME")]);
            desk.contacts("business", &[r#"{"id":"1","p":"0"}"#]);
            if is_known {
                desk.sync().unwrap();
            }
            let business = desk.held("business")[0].replace(r#""p":"0""#, r#""p":"1""#);
            desk.contacts("personal", &[&item("0", "HOME2")]);
            desk.contacts("business", &[&business]);
            desk.request.direction = Direction::TargetToSource;
            desk.sync().unwrap();
            let home = item("1", "HOME2");
            assert_eq!(desk.held("personal"), [home.as_str()], "{action:?}, {is_known}");
            desk.sync_is_idle();
            // What was typed then is an edit like any other, once both directions flow.
            desk.request.direction = Direction::Bidirectional;
            desk.set_policy(Side::Target, policy(&[]));
            desk.sync().unwrap();
            assert!(desk.held("personal")[0].contains("HOME2"), "{action:?}, {is_known}");
            assert!(desk.held("business")[0].contains("HOME2"), "{action:?}, {is_known}");
        }
    }
}

/// Whoever's policy it is, and whatever a file says that no run has read yet.
#[test]
fn an_undo_obeys_the_policy_of_the_domain_that_a_value_comes_from() {
    let item = |p: &str, c: &str| format!(r#"{{"id":"1","p":"{p}","c":"{c}"}}"#);
    let mut private = policy(&[]);
    keep_back(&mut private, "/c", r#""x""#);
    let denied = policy(&[("/p", Action::Deny)]);
    let masked = policy(&[("/p", Action::Mask)]);
    for from in Side::BOTH {
        let [domain, other] = match from {
            Side::Source => ["personal", "business"],
            Side::Target => ["business", "personal"],
        };
        for (name, rule, c) in
            [("private", &private, "x"), ("denied", &denied, "y"), ("masked", &masked, "y")]
        {
            let mut desk = desk_with(&[]);
            desk.contacts("personal", &[&item("0", "y")]);
            desk.sync().unwrap();
            desk.contacts(domain, &[&item(CANARY, c)]);
            let run = desk.sync().unwrap();
            let undone = desk.hub().undo(&run.report.sync_id, &desk.request, false).unwrap();
            desk.set_policy(from, rule.clone());
            let refused = desk.hub().undo(&undone.report.sync_id, &desk.request, false);
            assert!(matches!(refused, Err(HubError::NotUndoable { .. })), "{name}: {refused:?}");
            assert!(!desk.read(&format!("{other}/contacts.json")).contains(CANARY), "{name}");
        }
    }
    for side in Side::BOTH {
        let mut desk = desk_with(&[]);
        desk.set_policy(side, private.clone());
        desk.contacts("personal", &[&item("0", "y")]);
        desk.sync().unwrap();
        desk.contacts("personal", &[&item(CANARY, "y")]);
        let run = desk.sync().unwrap();
        let undone = desk.hub().undo(&run.report.sync_id, &desk.request, false).unwrap();
        desk.contacts("personal", &[&item(CANARY, "x")]);
        let refused = desk.hub().undo(&undone.report.sync_id, &desk.request, false);
        assert!(matches!(refused, Err(HubError::NotUndoable { .. })), "{side:?}: {refused:?}");
        assert!(!desk.files().1.contains(CANARY), "{side:?}");
    }
}

/// Whatever else is in conflict at the hub: a mirror is what its origin's file is.
#[test]
fn a_mirror_holds_what_its_origin_holds() {
    let item = |k: &str| format!(r#"{{"id":"1","k":"{k}"}}"#);
    for direction in [Direction::TargetToSource, Direction::SourceToTarget, Direction::Copy] {
        for wins in [["personal", "business"], ["business", "personal"]] {
            let mut desk = agreed(&[&item("0")]);
            let mut rules = EntityRules {
                rule_default: Rule::Priority([Writer::new(wins[0]).unwrap()].into()),
                ..EntityRules::default()
            };
            desk.request.entities = vec![entity("contacts", rules.clone())];
            desk.contacts("personal", &[&item("P")]);
            desk.contacts("business", &[&item("B")]);
            desk.sync().unwrap();
            let agreed = desk.both();
            assert_eq!(agreed.0, agreed.1);
            rules.rule_default = Rule::Latest;
            desk.request.entities = vec![entity("contacts", rules)];
            desk.request.direction = direction;
            desk.sync().unwrap();
            assert_eq!(desk.both(), agreed, "{direction:?} {wins:?}");
        }
    }
}

/// What decides may be a field that the domain does not see: its file does not tell.
#[test]
fn an_undo_does_not_bring_back_what_is_private_by_the_word_of_others() {
    let mut desk = desk_with(&[("/c", Action::Deny)]);
    desk.contacts("personal", &[&format!(r#"{{"id":"1","p":"{CANARY}","c":"x"}}"#)]);
    let run = desk.sync().unwrap();
    assert!(desk.files().1.contains(CANARY));
    let undone = desk.hub().undo(&run.report.sync_id, &desk.request, false).unwrap();
    let mut private = policy(&[("/c", Action::Deny)]);
    keep_back(&mut private, "/c", r#""x""#);
    desk.set_policy(Side::Target, private);
    assert_not_brought_back(&desk, &undone.report.sync_id);
}

#[test]
fn an_undo_gives_a_domain_back_what_it_had_by_itself() {
    let item = format!(r#"{{"id":"1","s":"{CANARY}"}}"#);
    for (action, at_home) in [
        (Action::OutOnly, false),
        (Action::Deny, true),
        (Action::Deny, false),
        (Action::Mask, false),
        (Action::Mask, true),
    ] {
        let desk = desk_with(&[("/s", action)]);
        let home: &[&str] = if at_home { &[&item] } else { &[r#"{"id":"1"}"#] };
        desk.contacts("personal", home);
        desk.contacts("business", &[&item]);
        desk.sync().unwrap();
        let before = desk.files();
        desk.contacts("personal", &[]);
        let run = desk.sync().unwrap();
        assert!(!desk.files().1.contains(CANARY));
        desk.hub().undo(&run.report.sync_id, &desk.request, false).unwrap();
        assert_eq!(desk.files().1, before.1, "{action:?}, {at_home}");
    }
}

/// What personal and business hold when they meet, and what business types then; nothing is typed if that
/// is empty.
const MET: [[&str; 3]; 3] = [
    [r#"{"id":"a","m":"P"}"#, r#"{"id":"a","m":"B"}"#, ""],
    [r#"{"id":"a","m":"P"}"#, r#"{"id":"a"}"#, r#"{"id":"a","m":"B"}"#],
    [r#"{"id":"a","m":"P","q":"1"}"#, r#"{"id":"a"}"#, r#"{"id":"a","m":"B","q":"1"}"#],
];

#[test]
fn who_meets_a_record_under_a_rule_has_seen_nothing_of_what_the_rule_keeps_from_it() {
    let shaped = |shape| {
        let pattern = Pattern::parse("/m").unwrap();
        let fields = vec![FieldRules { pattern, shape, rule: Rule::Latest }];
        EntityRules { fields, ..EntityRules::default() }
    };
    for rules in [EntityRules::default(), shaped(Shape::Text)] {
        for action in [Action::Deny, Action::Mask, Action::OutOnly] {
            for ([personal, business, typed], drops_rule) in
                MET.into_iter().flat_map(|met| [(met, true), (met, false)])
            {
                let mut desk = Desk::new();
                desk.request.guard = no_guard();
                desk.request.entities = vec![entity("contacts", rules.clone())];
                desk.request.target.domain.policy = policy(&[("/m", action)]);
                desk.contacts("personal", &[personal]);
                desk.contacts("business", &[business]);
                desk.sync().unwrap();
                if !typed.is_empty() {
                    desk.contacts("business", &[typed]);
                }
                if drops_rule {
                    desk.request.target.domain.policy = policy(&[]);
                }
                desk.sync().unwrap();
                let story = format!("{action:?} {personal} {business} {typed} {drops_rule}");
                let conflicts = desk.hub().conflicts().unwrap();
                let held = [desk.held("personal"), desk.held("business")].concat().concat();
                // Of two texts that cannot be put together the later one is shown.
                let kept = format!("{held} {:?}", conflicts.first().map(|row| &row.conflict.sides));
                let is_kept =
                    |value: &str| kept.replace('\\', "").contains(&format!("\"{value}\""));
                assert!(is_kept("P"), "{story}: {kept}");
                // A mask takes the place of what business holds, and says so.
                let is_masked = action == Action::Mask && (typed.is_empty() || !drops_rule);
                assert_eq!(is_kept("B"), !is_masked, "{story}: {kept}");
                let may_cross = !is_masked && (drops_rule || action == Action::OutOnly);
                assert_eq!(conflicts.len() == 1, may_cross, "{story}: {conflicts:?}");
            }
        }
    }
}
