//! Attempts to lose data: orders of actions, states and configurations that nobody planned for.

use syncline_engine::conflicts::Status;
use syncline_engine::link::{Direction, Side};
use syncline_hub::{Choice, HubError, Narrowing};
use syncline_merge::rules::EntityRules;
use syncline_model::id::{RecordId, Writer};
use syncline_policy::Action;

use crate::desk::{Desk, entity};
use crate::hunt_kit::{agreed, assert_stopped, no_guard, policy};

const ANN: &str = r#"{"id":"1","name":"Ann"}"#;
const BOB: &str = r#"{"id":"2","name":"Bob"}"#;
const CY: &str = r#"{"id":"3","name":"Cy"}"#;

fn only(ids: &[&str]) -> Narrowing {
    ids.iter().map(|id| RecordId::new(id).unwrap()).collect()
}

#[test]
fn a_mirror_never_removes_what_its_source_holds_and_cannot_be_read() {
    let mut desk = Desk::new();
    desk.request.guard = no_guard();
    desk.request.direction = Direction::SourceToTarget;
    desk.contacts("personal", &[r#"{"id":"1","name":"Ann","name":"An"}"#, CY]);
    desk.contacts("business", &[ANN, BOB]);
    desk.sync().unwrap();
    let held = desk.held("business");
    assert!(held.iter().any(|item| item.contains("Ann")), "{held:?}");
    assert!(!held.iter().any(|item| item.contains("Bob")), "{held:?}");
}

#[test]
fn a_mirror_whose_source_is_missing_or_was_emptied_removes_nothing() {
    for source in [None, Some(r#"{"contacts": []}"#)] {
        for known in [false, true] {
            let mut desk = Desk::new();
            desk.request.direction = Direction::SourceToTarget;
            desk.contacts("business", &[ANN, BOB]);
            if known {
                desk.contacts("personal", &[ANN, BOB]);
                desk.sync().unwrap();
                std::fs::remove_file(desk.path("personal/contacts.json")).unwrap();
            }
            if let Some(text) = source {
                desk.write("personal/contacts.json", text);
            }
            assert_stopped(desk.sync());
            assert_eq!(desk.held("business").len(), 2);
        }
    }
}

#[test]
fn a_mirror_that_becomes_a_two_way_link_takes_the_edits_that_come_then() {
    let mut desk = Desk::new();
    desk.request.guard = no_guard();
    desk.request.direction = Direction::SourceToTarget;
    desk.contacts("personal", &[ANN, BOB]);
    desk.contacts("business", &[]);
    desk.sync().unwrap();
    desk.request.direction = Direction::Bidirectional;
    desk.contacts("business", &[&ANN.replace("Ann", "Anne"), BOB, CY]);
    desk.sync_to(&[&ANN.replace("Ann", "Anne"), BOB, CY]);
    desk.contacts("business", &[CY, BOB]);
    desk.sync_to(&[BOB, CY]);
    desk.sync_is_idle();
}

#[test]
fn a_decision_is_written_even_after_a_run_for_other_records() {
    let mut desk = agreed(&[ANN, BOB]);
    desk.request.entities = vec![entity("contacts", EntityRules::default())];
    desk.sync().unwrap();
    desk.contacts("personal", &[&ANN.replace("Ann", "Anna"), BOB]);
    desk.contacts("business", &[&ANN.replace("Ann", "Anne"), BOB]);
    desk.sync().unwrap();
    let open = desk.listed(Status::Open);
    let entities = [desk.request.entities[0].entity.clone()];
    let choice = Choice::Writer(Writer::new("business").unwrap());
    desk.hub().resolve(&open[0].conflict_id(), &choice, &desk.request.actor, &entities).unwrap();
    desk.request.narrowing = only(&["2"]);
    desk.sync().unwrap();
    desk.request.narrowing = Narrowing::default();
    desk.sync_to(&[&ANN.replace("Ann", "Anne"), BOB]);
    desk.sync_is_idle();
}

#[test]
fn a_run_for_some_records_leaves_the_others_for_the_next_run() {
    let mut desk = agreed(&[ANN, BOB, CY]);
    desk.contacts("personal", &[&ANN.replace("Ann", "Anna"), BOB, r#"{"id":"4","name":"Di"}"#]);
    desk.contacts("business", &[ANN, &BOB.replace("Bob", "Rob"), CY]);
    desk.request.narrowing = only(&["1"]);
    desk.sync().unwrap();
    assert_eq!(desk.held("business").len(), 3, "no delete and no addition yet");
    desk.request.narrowing = Narrowing::default();
    desk.sync_to(&[
        &ANN.replace("Ann", "Anna"),
        &BOB.replace("Bob", "Rob"),
        r#"{"id":"4","name":"Di"}"#,
    ]);
    desk.sync_is_idle();
}

#[test]
fn new_rules_reach_the_records_that_a_filtered_run_left_out() {
    let mut desk = Desk::new();
    desk.request.guard = no_guard();
    let (a, b) = (r#"{"id":"1","name":"Ann","note":"x"}"#, r#"{"id":"2","name":"Bob","note":"y"}"#);
    desk.set_policy(Side::Target, policy(&[("/note", Action::Deny)]));
    desk.contacts("personal", &[a, b]);
    desk.contacts("business", &[]);
    desk.sync().unwrap();
    assert_eq!(desk.held("business"), [ANN, BOB]);
    desk.set_policy(Side::Target, policy(&[]));
    desk.request.narrowing = only(&["1"]);
    desk.sync().unwrap();
    desk.request.narrowing = Narrowing::default();
    desk.sync_to(&[a, b]);
}

#[test]
fn a_lost_state_deletes_nothing_and_makes_no_copies() {
    let desk = agreed(&[ANN, BOB]);
    desk.contacts("personal", &[ANN]);
    desk.contacts("business", &[&ANN.replace("Ann", "Anne"), BOB, CY]);
    std::fs::remove_dir_all(desk.path(".syncline")).unwrap();
    desk.sync().unwrap();
    assert_eq!(desk.held("personal"), desk.held("business"));
    assert_eq!(desk.held("personal"), [ANN, BOB, CY], "the source wins, and");
    assert_eq!(desk.listed(Status::Settled).len(), 1, "the loser is listed");
    desk.sync_is_idle();
}

#[test]
fn an_old_state_put_back_deletes_nothing_that_was_added_again_since() {
    let desk = agreed(&[ANN, BOB]);
    desk.save_state("saved");
    desk.contacts("personal", &[BOB]);
    desk.sync().unwrap();
    assert_eq!(desk.held("business"), [BOB]);
    // Ann comes back to one side; the old state believes that both always had her.
    desk.contacts("personal", &[ANN, BOB]);
    desk.restore_state("saved");
    desk.sync_to(&[ANN, BOB]);
    desk.sync_is_idle();
}

#[test]
fn an_old_store_copied_over_the_present_one_deletes_nothing_either() {
    let desk = agreed(&[ANN, BOB]);
    desk.save_state("saved");
    desk.contacts("personal", &[BOB]);
    desk.sync().unwrap();
    desk.contacts("personal", &[ANN, BOB]);
    // As `cp -a saved/. .syncline/` does it: into the files that are there.
    crate::hunt_kit::copy_folder(&desk.path("saved"), &desk.path(".syncline"));
    let notices = |outcome: &syncline_hub::SyncOutcome| {
        outcome.report.notices.iter().map(|notice| notice.code.clone()).collect::<Vec<_>>()
    };
    assert_eq!(notices(&desk.sync().unwrap()), ["STATE_RESTORED"], "it is told");
    assert_eq!(desk.held("personal"), [ANN, BOB]);
    assert_eq!(desk.held("business"), [ANN, BOB]);
    assert!(notices(&desk.sync().unwrap()).is_empty(), "and told once");
}

#[test]
fn a_state_that_was_only_touched_forgets_nothing() {
    let desk = agreed(&[ANN, BOB]);
    let state = desk.path(".syncline");
    let backup = desk.path("backup");
    std::fs::create_dir(&backup).unwrap();
    for entry in std::fs::read_dir(&state).unwrap().map(Result::unwrap) {
        let path = entry.path();
        // As `chmod -R`, `touch` and `cp -al` do it.
        std::fs::set_permissions(&path, entry.metadata().unwrap().permissions()).unwrap();
        if path.is_file() {
            let now = std::fs::FileTimes::new().set_modified(std::time::SystemTime::now());
            std::fs::File::options().append(true).open(&path).unwrap().set_times(now).unwrap();
            std::fs::hard_link(&path, backup.join(entry.file_name())).unwrap();
        }
    }
    desk.contacts("personal", &[&ANN.replace("Ann", "Anna")]);
    let outcome = desk.sync().unwrap();
    assert!(outcome.report.notices.is_empty(), "{:?}", outcome.report.notices);
    assert_eq!(desk.held("business"), [ANN.replace("Ann", "Anna")], "the edit, and the deletion");
}

#[test]
fn a_state_that_was_copied_elsewhere_starts_with_a_site_of_its_own() {
    let desk = agreed(&[ANN, BOB]);
    desk.save_state("copy");
    let site = desk.hub().site();
    let copy = syncline_hub::Hub::open(&syncline_hub::HubOptions {
        state_folder: desk.path("copy"),
        check_store: true,
    });
    assert_ne!(copy.unwrap().site(), site);
    assert_eq!(desk.hub().site(), site, "the original stays itself");
}

#[test]
fn files_that_were_swapped_are_edits_like_any_other() {
    let desk = agreed(&[ANN, BOB]);
    desk.contacts("personal", &[&ANN.replace("Ann", "Anna"), BOB]);
    desk.sync().unwrap();
    desk.contacts("business", &[&ANN.replace("Ann", "Annette"), BOB, CY]);
    let (personal, business) = desk.files();
    desk.write("personal/contacts.json", &business);
    desk.write("business/contacts.json", &personal);
    desk.sync_to(&[&ANN.replace("Ann", "Annette"), BOB, CY]);
}

#[test]
fn an_item_without_an_id_keeps_no_other_item_from_coming() {
    let desk = agreed(&[ANN, BOB]);
    desk.contacts("personal", &[ANN, BOB, r#"{"name":"nobody"}"#]);
    desk.contacts("business", &[ANN, &BOB.replace("Bob", "Rob"), CY]);
    let outcome = desk.sync().unwrap();
    assert_eq!(outcome.report.problems.len(), 1);
    let personal = desk.held("personal");
    assert!(personal.iter().any(|item| item.contains("Rob")), "{personal:?}");
    assert!(personal.iter().any(|item| item.contains("Cy")), "{personal:?}");
    assert!(personal.iter().any(|item| item.contains("nobody")), "{personal:?}");
    // The same item may be one that lost its id: nothing is deleted for its sake.
    desk.contacts("personal", &[&BOB.replace("Bob", "Rob"), CY, r#"{"name":"Ann"}"#]);
    desk.sync().unwrap();
    assert!(desk.held("business").iter().any(|item| item.contains("Ann")));
}

#[test]
fn what_an_item_without_an_id_holds_back_is_told_until_it_is_mended() {
    let desk = agreed(&[ANN, BOB, CY]);
    let told = |outcome: &syncline_hub::SyncOutcome| {
        let notices = outcome.report.notices.iter();
        notices.map(|notice| (notice.code.clone(), notice.reason.clone())).collect::<Vec<_>>()
    };
    desk.contacts("personal", &[ANN, r#"{"name":"nobody"}"#]);
    for _ in 0..2 {
        let notices = told(&desk.sync().unwrap());
        assert_eq!(notices.len(), 1, "{notices:?}");
        assert_eq!(notices[0].0, "DELETION_HELD_BACK");
        assert!(notices[0].1.ends_with(": 2 (2, 3)"), "{}", notices[0].1);
        assert_eq!(desk.held("business"), [ANN, BOB, CY]);
    }
    // One of them turns out to be that item; the other one was deleted.
    desk.contacts("personal", &[ANN, BOB]);
    let outcome = desk.sync().unwrap();
    assert!(told(&outcome).is_empty());
    assert_eq!(desk.held("business"), [ANN, BOB]);
}

#[test]
fn an_item_that_is_broken_on_one_side_and_edited_on_the_other_loses_nothing() {
    let desk = agreed(&[ANN, BOB]);
    desk.contacts("personal", &[r#"{"id":"1","name":"Anna","x":1,"x":2}"#, BOB]);
    desk.contacts("business", &[r#"{"id":"1","name":"Ann","phone":"5"}"#, BOB]);
    let outcome = desk.sync().unwrap();
    assert_eq!(outcome.report.problems.len(), 1);
    assert!(desk.read("personal/contacts.json").contains(r#""x":1,"x":2"#));
    desk.contacts("personal", &[r#"{"id":"1","name":"Anna","x":2}"#, BOB]);
    desk.sync_to(&[r#"{"id":"1","name":"Anna","phone":"5","x":2}"#, BOB]);
    desk.sync_is_idle();
}

#[test]
fn items_that_share_an_id_are_left_alone_until_somebody_decides() {
    let desk = agreed(&[ANN, BOB]);
    let twice = [ANN, &ANN.replace("Ann", "Anna"), BOB];
    desk.contacts("personal", &twice);
    desk.contacts("business", &[&ANN.replace("Ann", "Anne"), BOB]);
    let outcome = desk.sync().unwrap();
    assert!(!outcome.report.problems.is_empty());
    assert_eq!(desk.held("personal").len(), 3);
    assert!(desk.held("business")[0].contains("Anne"));
    desk.contacts("personal", &[ANN, BOB]);
    desk.sync_to(&[&ANN.replace("Ann", "Anne"), BOB]);
}

#[test]
fn a_decision_on_a_value_that_was_edited_since_is_refused() {
    let mut desk = agreed(&[ANN]);
    desk.request.entities = vec![entity("contacts", EntityRules::default())];
    desk.contacts("personal", &[&ANN.replace("Ann", "Anna")]);
    desk.contacts("business", &[&ANN.replace("Ann", "Anne")]);
    desk.sync().unwrap();
    let old = desk.listed(Status::Open)[0].conflict_id();
    desk.contacts("business", &[&ANN.replace("Ann", "Annette")]);
    desk.sync().unwrap();
    let entities = [desk.request.entities[0].entity.clone()];
    let choice = Choice::Writer(Writer::new("personal").unwrap());
    let refused = desk.hub().resolve(&old, &choice, &desk.request.actor, &entities);
    assert!(refused.is_err());
    let open = desk.listed(Status::Open);
    assert_eq!(open.len(), 1);
    let values = format!("{:?}", open[0].conflict.sides);
    assert!(values.contains("Anna") && values.contains("Annette"), "{values}");
}

#[test]
fn a_decision_and_an_edit_that_came_first_are_a_conflict_and_not_a_loss() {
    let mut desk = agreed(&[ANN]);
    desk.request.entities = vec![entity("contacts", EntityRules::default())];
    desk.contacts("personal", &[&ANN.replace("Ann", "Anna")]);
    desk.contacts("business", &[&ANN.replace("Ann", "Anne")]);
    desk.sync().unwrap();
    // The person edits business, and decides before the edit was read.
    desk.contacts("business", &[&ANN.replace("Ann", "Annette")]);
    let entities = [desk.request.entities[0].entity.clone()];
    let choice = Choice::Writer(Writer::new("personal").unwrap());
    let open = desk.listed(Status::Open)[0].conflict_id();
    desk.hub().resolve(&open, &choice, &desk.request.actor, &entities).unwrap();
    desk.sync().unwrap();
    let open = desk.listed(Status::Open);
    assert_eq!(open.len(), 1, "Annette had not seen the decision");
    let values = format!("{:?}", open[0].conflict.sides);
    assert!(values.contains("Anna") && values.contains("Annette"), "{values}");
}

#[test]
fn odd_ids_and_odd_fields_come_through_whole() {
    let items = [
        r#"{"id":"a/b\\c\"d~0*","name":"slashes"}"#,
        r#"{"id":"__proto__","__proto__":{"x":1},"constructor":null}"#,
        r#"{"id":"🙂é","name":"é"}"#,
        r#"{"id":0,"name":"zero"}"#,
        r#"{"id":12345678901234567890123,"big":0.1000000000000000000000000001}"#,
        r#"{"id":"empty"}"#,
        r#"{"id":"objects","a":{},"b":{"c":{}},"d":[],"e":[{}],"f":""}"#,
        r#"{"id":"keys","":1,"a~1b":2,"a/b":3,"~":{"/":{"":null}}}"#,
        r#"{"id":"..","name":"dots"}"#,
    ];
    let desk = Desk::new();
    desk.contacts("personal", &items);
    desk.contacts("business", &[]);
    desk.sync().unwrap();
    assert_eq!(desk.held("personal"), desk.held("business"));
    assert_eq!(desk.held("business").len(), items.len());
    desk.sync_is_idle();
    let edited = desk.read("business/contacts.json").replace("\"zero\"", "\"null\"");
    desk.write("business/contacts.json", &edited);
    desk.sync().unwrap();
    assert_eq!(desk.held("personal"), desk.held("business"));
    assert!(desk.read("personal/contacts.json").contains("\"id\":0"), "a number stays one");
}

#[test]
fn null_and_absent_and_empty_are_three_things() {
    let desk = agreed(&[r#"{"id":"1","a":null,"b":{},"c":""}"#]);
    desk.contacts("personal", &[r#"{"id":"1","b":{},"c":""}"#]);
    desk.contacts("business", &[r#"{"id":"1","a":null,"b":{"x":1},"c":""}"#]);
    desk.sync_to(&[r#"{"b":{"x":1},"c":"","id":"1"}"#]);
    desk.contacts("personal", &[r#"{"id":"1","b":{},"c":null}"#]);
    desk.sync_to(&[r#"{"b":{},"c":null,"id":"1"}"#]);
    desk.sync_is_idle();
}

#[test]
fn a_field_that_becomes_an_object_here_and_is_edited_there_keeps_both() {
    let desk = agreed(&[r#"{"id":"1","a":"x"}"#]);
    desk.contacts("personal", &[r#"{"id":"1","a":{"b":"CANARY-P"}}"#]);
    desk.contacts("business", &[r#"{"id":"1","a":"CANARY-B"}"#]);
    desk.sync().unwrap();
    assert_eq!(desk.held("personal"), desk.held("business"));
    let rows = format!("{:?}", desk.hub().conflicts().unwrap());
    let everything = format!("{rows}{:?}", desk.both());
    assert!(everything.contains("CANARY-P") && everything.contains("CANARY-B"), "{everything}");
    desk.sync_is_idle();
}

#[test]
fn deep_and_long_records_are_taken_or_reported_and_hold_nobody_up() {
    let nested = |depth: usize| {
        format!(r#"{{"id":"d{depth}","x":{}1{}}}"#, r#"{"x":"#.repeat(depth), "}".repeat(depth))
    };
    let array = |depth: usize| {
        format!(r#"{{"id":"a{depth}","x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth))
    };
    let deep: Vec<String> = (58..66).flat_map(|depth| [nested(depth), array(depth)]).collect();
    let mut items: Vec<&str> = deep.iter().map(String::as_str).collect();
    items.push(ANN);
    let desk = Desk::new();
    desk.contacts("personal", &items);
    desk.contacts("business", &[BOB]);
    desk.sync().unwrap();
    let business = desk.read("business/contacts.json");
    assert!(business.contains("\"d58\"") && business.contains("\"Ann\""), "{business}");
    desk.sync().unwrap();
    assert_eq!(desk.read("business/contacts.json"), business);
}

#[test]
fn one_item_too_many_is_refused_before_anything_is_written() {
    let many: Vec<String> = (0..10_001).map(|n| format!(r#"{{"id":"{n}"}}"#)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let desk = Desk::new();
    desk.contacts("personal", &many);
    desk.contacts("business", &[ANN]);
    let before = desk.files();
    assert_stopped(desk.sync());
    assert_eq!(desk.files(), before);
}

#[test]
fn a_second_hub_on_the_same_state_is_refused() {
    let desk = agreed(&[ANN]);
    let first = desk.hub();
    let second = syncline_hub::Hub::open(&syncline_hub::HubOptions {
        state_folder: desk.path(".syncline"),
        check_store: false,
    });
    assert!(matches!(second, Err(HubError::Store(_))));
    drop(first);
    desk.sync_is_idle();
}

#[test]
fn the_same_id_in_two_entities_is_two_records() {
    let mut desk = Desk::new();
    desk.request.guard = no_guard();
    let tasks = entity("tasks", crate::desk::source_wins());
    desk.request.entities.push(tasks);
    desk.contacts("personal", &[ANN]);
    desk.contacts("business", &[]);
    desk.write("personal/tasks.json", r#"{"tasks": []}"#);
    desk.write("business/tasks.json", r#"{"tasks": [{"id":"1","name":"Call"}]}"#);
    desk.sync().unwrap();
    assert!(desk.read("personal/tasks.json").contains("Call"));
    assert!(!desk.read("business/tasks.json").contains("Ann"));
    desk.contacts("personal", &[]);
    desk.sync().unwrap();
    assert!(desk.held("business").is_empty());
    assert!(desk.read("personal/tasks.json").contains("Call"));
    assert!(desk.read("business/tasks.json").contains("Call"));
}

#[test]
fn a_deleted_record_that_comes_back_is_a_new_one_without_the_old_fields() {
    let old = r#"{"id":"1","name":"Ann","phone":"5"}"#;
    let desk = agreed(&[old, BOB]);
    desk.contacts("personal", &[BOB]);
    desk.sync_to(&[BOB]);
    desk.contacts("business", &[BOB, ANN]);
    desk.sync_to(&[ANN, BOB]);
    desk.sync_is_idle();
}

#[test]
fn both_sides_bring_a_deleted_record_back_differently_and_nothing_is_lost() {
    let desk = agreed(&[ANN, BOB]);
    desk.contacts("personal", &[BOB]);
    desk.sync_to(&[BOB]);
    desk.contacts("personal", &[BOB, r#"{"id":"1","name":"P","p":1}"#]);
    desk.contacts("business", &[BOB, r#"{"id":"1","name":"B","b":1}"#]);
    desk.sync_to(&[r#"{"b":1,"id":"1","name":"P","p":1}"#, BOB]);
    assert_eq!(desk.listed(Status::Settled).len(), 1);
}

#[test]
fn what_only_one_file_has_ever_had_needs_no_other_file() {
    let desk = Desk::new();
    desk.contacts("personal", &[ANN]);
    desk.sync().unwrap();
    assert_eq!(desk.held("business"), [ANN]);
    desk.contacts("business", &[ANN, BOB]);
    desk.sync_to(&[ANN, BOB]);
    std::fs::remove_file(desk.path("business/contacts.json")).unwrap();
    assert_stopped(desk.sync());
    assert_eq!(desk.held("personal").len(), 2);
}

#[test]
fn a_domain_that_may_not_be_written_gives_and_takes_nothing() {
    let mut desk = Desk::new();
    desk.request.guard = no_guard();
    desk.request.source.domain.writable = false;
    desk.contacts("personal", &[ANN]);
    desk.contacts("business", &[BOB]);
    desk.sync().unwrap();
    assert_eq!(desk.held("personal"), [ANN]);
    assert_eq!(desk.held("business"), [ANN, BOB]);
    desk.contacts("personal", &[&ANN.replace("Ann", "Anna")]);
    desk.contacts("business", &[&ANN.replace("Ann", "Anne")]);
    desk.sync().unwrap();
    assert_eq!(desk.held("personal"), [ANN.replace("Ann", "Anna")]);
    desk.request.source.domain.writable = true;
    desk.sync_to(&[&ANN.replace("Ann", "Anna")]);
    desk.sync_is_idle();
}

#[test]
fn a_record_that_cannot_be_written_is_reported_and_taken_for_no_edit() {
    let mut desk = agreed(&[r#"{"id":"1","a":"x","name":"Ann"}"#, BOB]);
    // What business has at /a/b is its own business; personal makes of /a a plain text.
    desk.set_policy(Side::Target, policy(&[("/a/b", Action::Deny)]));
    desk.contacts("personal", &[r#"{"id":"1","name":"Anna","phone":"5"}"#, BOB]);
    desk.contacts("business", &[r#"{"id":"1","a":{"b":1},"name":"Ann"}"#, BOB]);
    desk.sync().unwrap();
    desk.contacts("personal", &[r#"{"id":"1","a":"text","name":"Annika","phone":"5"}"#, BOB]);
    for _ in 0..3 {
        desk.sync().unwrap();
        let personal = desk.held("personal");
        assert!(personal[0].contains("text") && personal[0].contains("Annika"), "{personal:?}");
        assert!(desk.held("business")[0].contains(r#"{"b":1}"#));
    }
}

#[test]
fn a_field_that_leaves_the_scope_is_not_removed_anywhere() {
    let both = r#"{"id":"1","name":"Ann","note":"x"}"#;
    for action in [Action::Deny, Action::InOnly, Action::OutOnly] {
        let mut desk = agreed(&[both, BOB]);
        desk.set_policy(Side::Target, policy(&[("/note", action)]));
        desk.sync_to(&[both, BOB]);
        desk.sync_is_idle();
        desk.set_policy(Side::Target, policy(&[]));
        desk.sync_to(&[both, BOB]);
        assert!(desk.hub().conflicts().unwrap().is_empty(), "{action:?}");
    }
}

#[test]
fn a_third_domain_on_the_same_state_gets_edits_and_deletions_through_the_second() {
    let mut desk = agreed(&[ANN, BOB]);
    let (personal, business) = (desk.request.source.clone(), desk.request.target.clone());
    let family = syncline_hub::FileDomain {
        domain: syncline_engine::link::LinkedDomain::open(
            syncline_model::id::DomainName::new("family").unwrap(),
        ),
        folder: desk.path("family"),
        renames: Default::default(),
    };
    std::fs::create_dir(desk.path("family")).unwrap();
    let mut run = |source: &syncline_hub::FileDomain, target: &syncline_hub::FileDomain| {
        desk.request.source = source.clone();
        desk.request.target = target.clone();
        desk.sync().unwrap();
    };
    run(&business, &family);
    std::fs::write(
        personal.folder.join("contacts.json"),
        format!(r#"{{"contacts": [{}, {CY}]}}"#, ANN.replace("Ann", "Anna")),
    )
    .unwrap();
    for _ in 0..2 {
        run(&personal, &business);
        run(&business, &family);
    }
    for domain in ["personal", "business", "family"] {
        assert_eq!(desk.held(domain), [&ANN.replace("Ann", "Anna"), CY], "{domain}");
    }
    // What family adds comes back the same way, and nothing that was deleted does.
    desk.contacts("family", &[&ANN.replace("Ann", "Annika"), CY, r#"{"id":"4"}"#]);
    let mut run = |source: &syncline_hub::FileDomain, target: &syncline_hub::FileDomain| {
        desk.request.source = source.clone();
        desk.request.target = target.clone();
        desk.sync().unwrap();
    };
    run(&business, &family);
    run(&personal, &business);
    for domain in ["personal", "business", "family"] {
        let expected = [&ANN.replace("Ann", "Annika"), CY, r#"{"id":"4"}"#];
        assert_eq!(desk.held(domain), expected, "{domain}");
    }
}

#[test]
fn a_plan_whose_inputs_moved_is_refused_with_nothing_written() {
    let mut desk = agreed(&[ANN, BOB]);
    desk.contacts("personal", &[ANN, BOB, CY]);
    let mut hub = desk.hub();
    let plan = hub.plan(&desk.request, &mut syncline_hub::Silent).unwrap();
    drop(hub);
    desk.request.expected_inputs = Some(plan.inputs);
    desk.contacts("business", &[&ANN.replace("Ann", "Anne"), BOB]);
    let before = desk.files();
    assert!(matches!(desk.sync(), Err(HubError::StalePlan)));
    assert_eq!(desk.files(), before);
}

#[test]
fn ninety_nine_deletions_of_a_hundred_are_stopped_and_leave_no_trace() {
    let many: Vec<String> = (0..100).map(|n| format!(r#"{{"id":"{n}","name":"N{n}"}}"#)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut desk = agreed(&many);
    desk.request.guard = syncline_policy::Guard::default();
    desk.contacts("personal", &many[..1]);
    let (before, entries) = (desk.files(), desk.log_length());
    for _ in 0..3 {
        assert_stopped(desk.sync());
        assert_eq!((desk.files(), desk.log_length()), (before.clone(), entries));
    }
    // The file comes back whole: nothing happened.
    desk.contacts("personal", &many);
    let outcome = desk.sync().unwrap();
    assert!(outcome.actions.is_empty());
    assert_eq!(desk.held("business").len(), 100);
}
