//! An undo of a run after which something came: other records, other runs, undos of these, an edit of
//! what was united.

use syncline_engine::conflicts::Status;
use syncline_engine::link::{Direction, LinkedDomain, Side};
use syncline_engine::sync::Rename;
use syncline_hub::{
    FileEntity, HubError, Narrowing, Silent, SyncOutcome, SyncRequest, UndoOutcome,
};
use syncline_merge::rules::{EntityRules, Rule};
use syncline_model::id::{DomainName, RecordId, Writer};
use syncline_model::path::Path as Pointer;

use crate::desk::{Desk, entity};
use crate::hunt_kit::{agreed, no_guard};

fn item(id: &str, v: &str) -> String {
    format!(r#"{{"id":"{id}","v":"{v}"}}"#)
}

fn items(of: &[(&str, &str)]) -> Vec<String> {
    of.iter().map(|(id, v)| item(id, v)).collect()
}

fn hold(desk: &Desk, domain: &str, of: &[(&str, &str)]) {
    let items = items(of);
    desk.contacts(domain, &items.iter().map(String::as_str).collect::<Vec<_>>());
}

fn undo(desk: &Desk, request: &SyncRequest, run: &SyncOutcome) -> Result<UndoOutcome, HubError> {
    desk.hub().undo(&run.report.sync_id, request, false)
}

fn narrowed(desk: &Desk, id: &str) -> SyncRequest {
    let narrowing: Narrowing = [RecordId::new(id).unwrap()].into_iter().collect();
    SyncRequest { narrowing, ..desk.request.clone() }
}

#[test]
fn a_run_that_was_narrowed_is_undone_although_another_one_wrote_another_record() {
    let desk = agreed(&[&item("a", "1"), &item("b", "1")]);
    hold(&desk, "personal", &[("a", "2"), ("b", "2")]);
    let sync = |id| desk.hub().sync(&narrowed(&desk, id), &mut Silent).unwrap();
    let (first, _) = (sync("a"), sync("b"));
    let undone = undo(&desk, &desk.request, &first).unwrap();
    assert!(undone.left.is_empty(), "{:?}", undone.left);
    assert_eq!(undone.restored, [0, 1]);
    assert_eq!(desk.held("business"), items(&[("a", "1"), ("b", "2")]));
    assert_eq!(desk.held("personal"), items(&[("a", "2"), ("b", "2")]));
    hold(&desk, "business", &[("a", "3"), ("b", "2")]);
    desk.sync_to(&[&item("a", "2"), &item("b", "2")]);
    desk.sync_is_idle();
}

#[test]
fn what_was_edited_after_such_a_run_is_left_by_its_undo() {
    for edited_after in ["first", "second"] {
        let desk = agreed(&[&item("a", "1"), &item("b", "1"), &item("c", "1")]);
        hold(&desk, "personal", &[("a", "2"), ("b", "2"), ("c", "2")]);
        let sync = |request: &SyncRequest| desk.hub().sync(request, &mut Silent).unwrap();
        let mut both = narrowed(&desk, "a");
        both.narrowing = ["a", "c"].map(|id| RecordId::new(id).unwrap()).into_iter().collect();
        let first = sync(&both);
        if edited_after == "first" {
            hold(&desk, "business", &[("a", "3"), ("b", "1"), ("c", "2")]);
        }
        sync(&narrowed(&desk, "b"));
        if edited_after == "second" {
            hold(&desk, "business", &[("a", "3"), ("b", "2"), ("c", "2")]);
        }
        let undone = undo(&desk, &desk.request, &first);
        let held = desk.held("business");
        assert!(held.contains(&item("a", "3")), "{edited_after}: {held:?}");
        assert!(held.contains(&item("b", "2")), "{edited_after}: {held:?}");
        if edited_after == "second" {
            assert_eq!(undone.unwrap().left.len(), 1);
            assert!(held.contains(&item("c", "1")), "{held:?}");
        }
    }
}

const DOMAINS: [&str; 3] = ["personal", "business", "club"];

/// The directions in which a side gives way to the other.
const MIRRORS: [Direction; 3] =
    [Direction::TargetToSource, Direction::SourceToTarget, Direction::Copy];

/// Personal, business and club in a row, with the two links.
fn row_of_three() -> (Desk, [SyncRequest; 2]) {
    let mut desk = Desk::new();
    desk.request.guard = no_guard();
    desk.request.entities = vec![entity("contacts", Default::default())];
    let first = desk.request.clone();
    let mut second = SyncRequest { source: first.target.clone(), ..first.clone() };
    second.target.domain = LinkedDomain::open(DomainName::new("club").unwrap());
    second.target.folder = desk.path("club");
    std::fs::create_dir(desk.path("club")).unwrap();
    for domain in DOMAINS {
        desk.contacts(domain, &[r#"{"id":"a","u":"v","w":"0"}"#]);
    }
    for request in [&first, &second] {
        desk.hub().sync(request, &mut Silent).unwrap();
    }
    (desk, [first, second])
}

#[test]
fn runs_of_two_links_are_undone_one_after_the_other() {
    let (desk, [first, second]) = row_of_three();
    let sync = |request| desk.hub().sync(request, &mut Silent).unwrap();
    let texts = || DOMAINS.map(|domain| desk.read(&format!("{domain}/contacts.json")));
    desk.contacts("business", &[r#"{"id":"a","u":"vB","w":"0"}"#]);
    desk.contacts("club", &[r#"{"id":"a","u":"v","w":"1"}"#]);
    for _ in 0..2 {
        let before = texts();
        let runs = [sync(&first), sync(&second)];
        let earlier = undo(&desk, &first, &runs[0]);
        assert!(matches!(earlier, Err(HubError::NotUndoable { .. })), "{earlier:?}");
        for (request, run) in [&first, &second].into_iter().zip(&runs).rev() {
            let undone = undo(&desk, request, run).unwrap();
            assert!(undone.left.is_empty(), "{:?}", undone.left);
        }
        assert_eq!(texts(), before);
    }
    for request in [&first, &second, &first] {
        sync(request);
    }
    for domain in DOMAINS {
        assert_eq!(desk.held(domain), [r#"{"id":"a","u":"vB","w":"1"}"#], "{domain}");
    }
}

/// What business and club type in a row of three, and what becomes of it: two values, the same one, one
/// field less, one record less.
const TYPED_IN_BOTH: [[&[&str]; 2]; 4] = [
    [&[r#"{"id":"a","u":"B","w":"0"}"#], &[r#"{"id":"a","u":"C","w":"0"}"#]],
    [&[r#"{"id":"a","u":"B","w":"0"}"#], &[r#"{"id":"a","u":"B","w":"0"}"#]],
    [&[r#"{"id":"a","w":"0"}"#], &[r#"{"id":"a","w":"0"}"#]],
    [&[], &[]],
];

#[test]
fn a_run_is_undone_although_one_of_another_link_took_in_an_edit_since_and_wrote_nothing() {
    for typed in TYPED_IN_BOTH {
        // Who has no value of its own in a conflict follows it in a later run.
        let mut settled = None;
        for turns in 0..4 {
            let (desk, [first, second]) = row_of_three();
            let sync = |request| desk.hub().sync(request, &mut Silent).unwrap();
            let state = || {
                let texts = DOMAINS.map(|domain| desk.read(&format!("{domain}/contacts.json")));
                let mut rows = desk.hub().conflicts().unwrap();
                rows.retain(|row| row.status == Status::Open);
                let open = rows.into_iter().map(|row| (row.conflict.path, row.conflict.kind));
                (texts, open.collect::<Vec<_>>())
            };
            desk.contacts("business", typed[0]);
            desk.contacts("club", typed[1]);
            let before = state();
            let run = sync(&first);
            assert!(!sync(&second).wrote, "{typed:?}");
            let after = state();
            let mut latest = run.report.sync_id;
            for turn in 0..turns {
                let undone = desk.hub().undo(&latest, &first, false);
                let undone = undone.unwrap_or_else(|error| panic!("{typed:?} {turn}: {error}"));
                assert!(undone.left.is_empty(), "{:?}", undone.left);
                let expected = if turn % 2 == 0 { &before } else { &after };
                assert_eq!(state(), *expected, "{typed:?}, turn {turn}");
                latest = undone.report.sync_id;
            }
            for request in [&first, &second, &first] {
                sync(request);
            }
            let settled = settled.get_or_insert_with(state);
            assert_eq!(state(), *settled, "{typed:?} after {turns} turns");
            for request in [&first, &second] {
                assert!(!sync(request).wrote);
            }
        }
    }
}

#[test]
fn what_an_undone_undo_brought_back_is_left_by_an_undo_of_an_earlier_run() {
    let desk = agreed(&[&item("a", "1")]);
    let edit = |v| {
        hold(&desk, "personal", &[("a", v)]);
        desk.sync().unwrap()
    };
    let (first, second) = (edit("2"), edit("3"));
    let undone = undo(&desk, &desk.request, &second).unwrap();
    let sync_id = undone.report.sync_id;
    desk.hub().undo(&sync_id, &desk.request, false).unwrap();
    let refused = undo(&desk, &desk.request, &first);
    assert!(matches!(refused, Err(HubError::NotUndoable { .. })), "{refused:?}");
    assert_eq!(desk.held("business"), items(&[("a", "3")]));
}

#[test]
fn runs_are_undone_one_after_the_other_and_undone_again() {
    let desk = agreed(&[&item("a", "1")]);
    let edit = |v| {
        hold(&desk, "personal", &[("a", v)]);
        desk.sync().unwrap()
    };
    let (first, second) = (edit("2"), edit("3"));
    let mut undos = Vec::new();
    for (run, v) in [(&second, "2"), (&first, "1")] {
        undos.push(undo(&desk, &desk.request, run).unwrap().report.sync_id);
        assert_eq!(desk.held("business"), items(&[("a", v)]));
    }
    for (undone, v) in undos.iter().rev().zip(["2", "3"]) {
        desk.hub().undo(undone, &desk.request, false).unwrap();
        assert_eq!(desk.held("business"), items(&[("a", v)]));
    }
    desk.sync_to(&[&item("a", "3")]);
    desk.sync_is_idle();
}

/// Two sides that have never met, with one person under two ids, and another one under one each.
fn strangers() -> Desk {
    let mut desk = Desk::new();
    desk.request.guard = no_guard();
    desk.request.unites_twins = true;
    let identifying = vec![Pointer::parse("/email").unwrap()];
    desk.request.entities =
        vec![FileEntity { identifying, ..entity("contacts", Default::default()) }];
    let of = |id: &str, mail: &str, field: &str, value: &str| {
        format!(r#"{{"email":"{mail}","id":"{id}","{field}":"{value}"}}"#)
    };
    desk.contacts("personal", &[&of("p1", "a@x", "v", "P"), &of("p2", "b@x", "v", "Q")]);
    desk.contacts("business", &[&of("b1", "a@x", "w", "B"), &of("b2", "b@x", "w", "C")]);
    desk
}

const UNITED: &str = r#"{"email":"a@x","id":"p1","v":"P","w":"B"}"#;

#[test]
fn what_was_united_and_edited_since_stays_united_and_is_there_once() {
    for side in Side::BOTH {
        let desk = strangers();
        let run = desk.sync().unwrap();
        let file = format!("{}/contacts.json", desk.request.domain(side).domain.name);
        desk.write(&file, &desk.read(&file).replace("\"B\"", "\"B2\""));
        let undone = undo(&desk, &desk.request, &run).unwrap();
        let left: Vec<&str> = undone.left.iter().map(|(_, _, id)| id.as_str()).collect();
        assert!(left.iter().all(|id| *id == "p1"), "{left:?}");
        let ids = |domain: &str| {
            let held = desk.held(domain);
            let id = |item: &String| item.split('"').nth(7).unwrap().to_owned();
            held.iter().map(id).collect::<Vec<_>>().join(" ")
        };
        assert_eq!((ids("personal").as_str(), ids("business").as_str()), ("p1 p2", "p1 b2"));
        desk.sync().unwrap();
        let wanted = UNITED.replace('B', "B2");
        assert!(desk.held("personal").contains(&wanted), "{:?}", desk.both());
        assert!(desk.held("business").contains(&wanted), "{:?}", desk.both());
    }
}

#[test]
fn what_was_united_stays_so_where_its_former_id_was_given_to_somebody_since() {
    let desk = strangers();
    let run = desk.sync().unwrap();
    let new = r#"{"email":"n@x","id":"b1"}"#;
    let file = "business/contacts.json";
    let text = desk.read(file).replacen('[', &format!("[{new},"), 1);
    desk.write(file, &text);
    undo(&desk, &desk.request, &run).unwrap();
    let held = desk.held("business");
    assert_eq!(held.len(), 3, "{held:?}");
    assert!(held.contains(&new.to_owned()) && held.contains(&UNITED.to_owned()), "{held:?}");
}

#[test]
fn a_former_id_comes_back_under_the_names_that_its_domain_has_for_fields() {
    let mut desk = strangers();
    let path = |text| Pointer::parse(text).unwrap();
    let renames = vec![Rename { hub: path("/w"), domain: path("/ww") }];
    let name = desk.request.entities[0].entity.name.clone();
    desk.request.target.renames.insert(name, renames);
    let text = desk.read("business/contacts.json").replace("\"w\"", "\"ww\"");
    desk.write("business/contacts.json", &text);
    for _ in 0..2 {
        let run = desk.sync().unwrap();
        assert_eq!(desk.held("personal")[0], UNITED);
        undo(&desk, &desk.request, &run).unwrap();
        assert_eq!(desk.read("business/contacts.json"), text);
    }
    desk.request.unites_twins = false;
    desk.sync().unwrap();
    let personal = desk.held("personal");
    assert!(personal.contains(&r#"{"email":"a@x","id":"b1","w":"B"}"#.to_owned()), "{personal:?}");
}

/// Both sides are edited alike, so that a run takes it in and has nothing to write.
#[test]
fn what_was_edited_since_and_only_taken_in_is_left_by_an_undo() {
    for typed in [&[("a", "3")][..], &[]] {
        let desk = agreed(&[&item("a", "1"), &item("b", "1")]);
        let sync = || desk.hub().sync(&desk.request, &mut Silent).unwrap();
        hold(&desk, "personal", &[("a", "2"), ("b", "2")]);
        let run = sync();
        let after = |b| -> Vec<(&str, &str)> { typed.iter().copied().chain([("b", b)]).collect() };
        for domain in ["personal", "business"] {
            hold(&desk, domain, &after("2"));
        }
        assert!(!sync().wrote, "{typed:?}");
        let undone = undo(&desk, &desk.request, &run).unwrap();
        assert_eq!(desk.held("business"), items(&after("1")), "{typed:?}");
        assert_eq!(desk.held("personal"), items(&after("2")), "{typed:?}");
        let left: Vec<&str> = undone.left.iter().map(|(_, _, id)| id.as_str()).collect();
        assert_eq!(left, ["a"], "{typed:?}");
    }
}

/// Both have typed; a rule settles it, the rule goes, and a mirror gives one of them up. What the mirror
/// said anew at the hub its undo takes back.
#[test]
fn what_came_before_a_mirror_is_undone_after_it() {
    let typed = |v: &str| item("a", v);
    let preferring = |domain| Rule::Priority([Writer::new(domain).unwrap()].into());
    for direction in MIRRORS {
        for prefers in ["personal", "business"] {
            let story = format!("{direction:?} {prefers}");
            let mut desk = Desk::new();
            desk.request.guard = no_guard();
            desk.contacts("personal", &[&typed("P")]);
            desk.contacts("business", &[&typed("B")]);
            let mut runs = Vec::new();
            let rules = [preferring(prefers), Rule::Review, Rule::Review];
            let merge = Direction::Bidirectional;
            for (rule_default, direction) in rules.into_iter().zip([merge, merge, direction]) {
                let rules = EntityRules { rule_default, ..EntityRules::default() };
                desk.request.entities = vec![entity("contacts", rules)];
                desk.request.direction = direction;
                let before = desk.files();
                runs.push((desk.sync().unwrap(), desk.request.clone(), before));
                assert_ne!(desk.files(), runs.last().unwrap().2, "{story}");
            }
            let (mirror, request, _) = &runs[2];
            let mut again = mirror.report.sync_id.clone();
            for _ in 0..2 {
                again = desk.hub().undo(&again, request, false).unwrap().report.sync_id;
            }
            let refused = undo(&desk, &runs[1].1, &runs[1].0);
            assert!(matches!(refused, Err(HubError::NotUndoable { .. })), "{story}: {refused:?}");
            desk.hub().undo(&again, request, false).unwrap();
            assert_eq!(desk.files(), runs[2].2, "{story}");
            for (number, (run, request, before)) in runs[..2].iter().enumerate().rev() {
                let undone = undo(&desk, request, run);
                let undone = undone.unwrap_or_else(|error| panic!("{story}, {number}: {error}"));
                assert!(undone.left.is_empty(), "{story}, {number}: {:?}", undone.left);
                assert_eq!(desk.files(), *before, "{story}, {number}");
            }
        }
    }
}

#[test]
fn a_run_of_another_link_is_undone_after_a_mirror_was() {
    let texts = |desk: &Desk| DOMAINS.map(|domain| desk.read(&format!("{domain}/contacts.json")));
    let item = |v| format!(r#"{{"id":"a","u":"{v}","w":"0"}}"#);
    for direction in MIRRORS {
        for order in [[0, 1], [1, 0]] {
            let story = format!("{direction:?} {order:?}");
            let (desk, mut links) = row_of_three();
            let rules = EntityRules { rule_default: Rule::Review, ..EntityRules::default() };
            for link in &mut links {
                link.entities = vec![entity("contacts", rules.clone())];
            }
            // What is open between two of them waits, and the third is told.
            let typists =
                if order == [0, 1] { ["business", "club"] } else { ["personal", "business"] };
            let [question, told] = [&links[order[1]], &links[order[0]]];
            for (domain, v) in typists.into_iter().zip(["X", "Y"]) {
                desk.contacts(domain, &[&item(v)]);
            }
            let sync = |request: &SyncRequest| desk.hub().sync(request, &mut Silent).unwrap();
            assert!(!sync(question).wrote, "{story}");
            let before = texts(&desk);
            let run = sync(told);
            assert!(run.wrote, "{story}");
            let after = texts(&desk);
            let request = SyncRequest { direction, ..question.clone() };
            let mirror = sync(&request);
            assert!(mirror.wrote, "{story}");
            undo(&desk, &request, &mirror).unwrap();
            assert_eq!(texts(&desk), after, "{story}");
            let undone = undo(&desk, told, &run).unwrap_or_else(|error| panic!("{story}: {error}"));
            assert!(undone.left.is_empty(), "{story}: {:?}", undone.left);
            assert_eq!(texts(&desk), before, "{story}");
        }
    }
}

/// What is edited after the undo of a mirror stays, taken in by a run or not.
#[test]
fn an_edit_after_the_undo_of_a_mirror_is_left_by_an_undo_of_the_run_before_it() {
    for direction in MIRRORS {
        for is_taken_in in [false, true] {
            let story = format!("{direction:?} {is_taken_in}");
            let mut desk = agreed(&[&item("a", "1"), &item("b", "1")]);
            let rules = EntityRules { rule_default: Rule::Review, ..EntityRules::default() };
            desk.request.entities = vec![entity("contacts", rules)];
            hold(&desk, "personal", &[("a", "P"), ("b", "2")]);
            hold(&desk, "business", &[("a", "B"), ("b", "1")]);
            desk.sync().unwrap();
            hold(&desk, "personal", &[("a", "P"), ("b", "3")]);
            let run = desk.sync().unwrap();
            let merge = desk.request.clone();
            desk.request.direction = direction;
            let mirror = desk.sync().unwrap();
            assert!(mirror.wrote, "{story}");
            undo(&desk, &desk.request, &mirror).unwrap();
            for domain in ["personal", "business"] {
                hold(&desk, domain, &[("a", "E"), ("b", "E")]);
            }
            if is_taken_in {
                assert!(!desk.hub().sync(&merge, &mut Silent).unwrap().wrote, "{story}");
            }
            // All that the run had written was edited.
            let undone = undo(&desk, &merge, &run);
            assert!(matches!(undone, Err(HubError::NotUndoable { .. })), "{story}: {undone:?}");
            let edited = items(&[("a", "E"), ("b", "E")]);
            assert_eq!(desk.both(), (edited.clone(), edited), "{story}");
        }
    }
}
