//! A domain that leads to another folder than before: what is missing there was deleted by nobody.

use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_engine::link::{Direction, Side};
use syncline_hub::{Choice, Narrowing, SyncOutcome};
use syncline_merge::rules::{FieldRules, Rule, Shape};
use syncline_model::id::{RecordId, Writer};
use syncline_model::path::Pattern;

use crate::desk::Desk;
use crate::hunt_kit::{agreed, no_guard};

const ANN: &str = r#"{"id":"1","name":"Ann"}"#;
const BOB: &str = r#"{"id":"2","name":"Bob"}"#;
const CY: &str = r#"{"id":"3","name":"Cy"}"#;

fn codes(outcome: &SyncOutcome) -> Vec<&str> {
    outcome.report.notices.iter().map(|notice| notice.code.as_str()).collect()
}

/// Returns both sides' contacts, where the business has moved.
fn both(desk: &Desk) -> [Vec<String>; 2] {
    ["personal", "elsewhere"].map(|domain| desk.held(domain))
}

/// Points the business to another folder with these contacts.
fn move_business(desk: &mut Desk, items: &[&str]) {
    std::fs::create_dir(desk.path("elsewhere")).unwrap();
    desk.contacts("elsewhere", items);
    desk.request.target.folder = desk.path("elsewhere");
}

#[test]
fn nothing_is_deleted_at_home_that_another_folder_lacks_and_differences_are_conflicts() {
    let mut desk = agreed(&[ANN, BOB, CY]);
    move_business(&mut desk, &[&ANN.replace("Ann", "Stale"), CY]);
    let plan = desk.hub().plan(&desk.request, &mut syncline_hub::Silent).unwrap();
    assert_eq!(codes(&plan), ["DOMAIN_MOVED"]);
    assert_eq!(plan.report.entities[0].1.deleted, [0, 0]);
    let outcome = desk.sync().unwrap();
    assert_eq!(codes(&outcome), ["DOMAIN_MOVED"]);
    let told = &outcome.report.notices[0];
    let real = |name: &str| desk.path(name).canonicalize().unwrap().display().to_string();
    assert!(told.reason.contains(&real("business")), "{}", told.reason);
    assert!(told.reason.contains(&real("elsewhere")), "{}", told.reason);
    assert!(told.reason.ends_with(": 2"), "Ann differs, Bob is missing: {}", told.reason);
    assert_eq!(both(&desk), [vec![ANN, BOB, CY], vec![ANN, BOB, CY]], "the source wins, and");
    assert_eq!(desk.listed(Status::Settled).len(), 1, "the loser is listed");
    // From here on the folder is the domain's: told once, and deletions count again.
    desk.contacts("elsewhere", &[ANN, BOB]);
    let outcome = desk.sync().unwrap();
    assert_eq!(codes(&outcome), Vec::<&str>::new());
    assert_eq!(desk.held("personal"), [ANN, BOB]);
}

#[test]
fn an_empty_folder_is_filled_and_nothing_stops() {
    let mut desk = agreed(&[ANN, BOB]);
    desk.request.guard = Default::default();
    std::fs::create_dir(desk.path("elsewhere")).unwrap();
    desk.request.target.folder = desk.path("elsewhere");
    desk.sync().unwrap();
    assert_eq!(both(&desk), [vec![ANN, BOB], vec![ANN, BOB]]);
}

#[test]
fn a_folder_that_was_renamed_with_its_files_goes_on_as_before() {
    let mut desk = Desk::new();
    let rule = |pattern: &str, shape| FieldRules {
        pattern: Pattern::parse(pattern).unwrap(),
        shape,
        rule: Rule::Latest,
    };
    let rules = &mut desk.request.entities[0].entity.rules;
    rules.fields.push(rule("/visits", Shape::Sum { minimum: None }));
    rules.fields.push(rule("/log", Shape::Append { keep: 10 }));
    rules.fields.push(FieldRules { rule: Rule::Review, ..rule("/open", Shape::Register) });
    let before = r#"{"id":"1","log":["a"],"open":"0","visits":5}"#;
    desk.contacts("personal", &[before, BOB]);
    desk.contacts("business", &[before, BOB]);
    desk.sync().unwrap();
    desk.contacts("personal", &[&before.replace("\"0\"", "\"P\""), BOB]);
    desk.contacts("business", &[&before.replace("\"0\"", "\"B\""), BOB]);
    desk.sync().unwrap();
    assert_eq!(desk.listed(Status::Open).len(), 1);

    std::fs::rename(desk.path("business"), desk.path("elsewhere")).unwrap();
    desk.request.target.folder = desk.path("elsewhere");
    let files = both(&desk);
    let outcome = desk.sync().unwrap();
    assert_eq!(codes(&outcome), ["DOMAIN_MOVED"]);
    assert!(outcome.report.notices[0].reason.ends_with("as they were left"));
    assert!(!outcome.wrote);
    assert_eq!(both(&desk), files);
    assert_eq!(desk.listed(Status::Open).len(), 1, "the same question, once");
    desk.contacts("elsewhere", &[&before.replace("5", "7").replace("\"0\"", "\"B\"")]);
    desk.sync().unwrap();
    assert!(desk.held("personal")[0].contains("\"visits\":7"), "what was known is known");
}

#[test]
fn a_renamed_folder_with_one_edit_keeps_what_is_known_of_the_others() {
    let mut desk = agreed(&[ANN, BOB, CY]);
    std::fs::rename(desk.path("business"), desk.path("elsewhere")).unwrap();
    desk.request.target.folder = desk.path("elsewhere");
    desk.contacts("elsewhere", &[&ANN.replace("Ann", "Anna"), BOB, CY]);
    desk.contacts("personal", &[ANN, CY]);
    desk.sync().unwrap();
    assert_eq!(desk.held("elsewhere").len(), 2, "what was deleted at home goes here too");
    assert_eq!(desk.listed(Status::Settled).len(), 1, "the edit is met as at a first meeting");
}

#[test]
fn a_link_that_leads_elsewhere_is_another_folder_and_another_spelling_is_not() {
    let mut desk = agreed(&[ANN, BOB]);
    desk.request.target.folder = desk.path("personal/../business");
    assert_eq!(codes(&desk.sync().unwrap()), Vec::<&str>::new());
    std::fs::create_dir(desk.path("elsewhere")).unwrap();
    desk.contacts("elsewhere", &[ANN]);
    std::fs::rename(desk.path("business"), desk.path("former")).unwrap();
    std::os::unix::fs::symlink(desk.path("elsewhere"), desk.path("business")).unwrap();
    assert_eq!(codes(&desk.sync().unwrap()), ["DOMAIN_MOVED"]);
    assert_eq!(desk.held("personal"), [ANN, BOB]);
}

#[test]
fn another_file_of_the_same_folder_is_another_place() {
    let mut desk = agreed(&[ANN, BOB]);
    desk.request.entities[0].file = "people.json".to_owned();
    desk.write("personal/people.json", &format!("{{\"contacts\": [{ANN},{BOB},{CY}]}}"));
    desk.write("business/people.json", &format!("{{\"contacts\": [{ANN}]}}"));
    let outcome = desk.sync().unwrap();
    assert_eq!(codes(&outcome), ["DOMAIN_MOVED", "DOMAIN_MOVED"]);
    assert!(desk.read("personal/people.json").contains("Bob"));
}

#[test]
fn a_project_that_is_moved_with_its_state_goes_on_as_before() {
    let outer = tempfile::tempdir().unwrap();
    let mut desk = Desk::new();
    desk.request.guard = no_guard();
    desk.contacts("personal", &[ANN, BOB]);
    desk.contacts("business", &[ANN, BOB]);
    desk.sync().unwrap();
    let moved = outer.path().join("moved");
    std::fs::rename(desk.path(""), &moved).unwrap();
    for domain in [&mut desk.request.source, &mut desk.request.target] {
        domain.folder = moved.join(domain.domain.name.as_str());
    }
    std::fs::write(moved.join("business/contacts.json"), format!("{{\"contacts\": [{ANN}]}}"))
        .unwrap();
    let state_folder = moved.join(".syncline");
    let options = syncline_hub::HubOptions { state_folder, check_store: false };
    let mut hub = syncline_hub::Hub::open(&options).unwrap();
    let outcome = hub.sync(&desk.request, &mut syncline_hub::Silent).unwrap();
    assert_eq!(codes(&outcome), Vec::<&str>::new());
    assert_eq!(outcome.report.entities[0].1.deleted, [1, 0], "Bob was deleted by somebody");
}

#[test]
fn a_narrowed_run_forgets_what_it_leaves_out_as_well() {
    let mut desk = agreed(&[ANN, BOB, CY]);
    move_business(&mut desk, &[CY]);
    let ann: Narrowing = [RecordId::new("1").unwrap()].into_iter().collect();
    desk.request.narrowing = ann;
    assert_eq!(codes(&desk.sync().unwrap()), ["DOMAIN_MOVED"]);
    assert_eq!(both(&desk), [vec![ANN, BOB, CY], vec![ANN, CY]]);
    desk.request.narrowing = Narrowing::default();
    assert_eq!(codes(&desk.sync().unwrap()), Vec::<&str>::new());
    assert_eq!(both(&desk), [vec![ANN, BOB, CY], vec![ANN, BOB, CY]]);
}

#[test]
fn a_mirror_of_another_folder_removes_nothing_that_both_sides_knew() {
    let mut desk = agreed(&[ANN, BOB, CY]);
    move_business(&mut desk, &[ANN]);
    desk.request.direction = Direction::TargetToSource;
    desk.sync().unwrap();
    assert_eq!(desk.held("personal"), [ANN, BOB, CY]);
}

#[test]
fn a_run_that_fails_has_not_met_the_folder() {
    let mut desk = agreed(&[ANN, BOB]);
    move_business(&mut desk, &[ANN]);
    desk.write("elsewhere/contacts.json", "{");
    desk.sync().unwrap();
    desk.contacts("elsewhere", &[ANN]);
    assert_eq!(codes(&desk.sync().unwrap()), ["DOMAIN_MOVED"]);
    assert_eq!(desk.held("personal"), [ANN, BOB]);
    let (hub, id) = (desk.hub(), RecordId::new("2").unwrap());
    let seen = hub.record(&desk.request.entities[0].entity, &id, &desk.request).unwrap();
    assert!(seen.held[Side::Target.index()].is_some(), "it was brought there");
}

#[test]
fn an_undo_of_the_first_run_in_another_folder_brings_both_back() {
    let mut desk = agreed(&[ANN, BOB]);
    move_business(&mut desk, &[&ANN.replace("Ann", "Stale"), CY]);
    let before = both(&desk);
    let outcome = desk.sync().unwrap();
    assert_eq!(both(&desk), [vec![ANN, BOB, CY], vec![ANN, BOB, CY]]);
    desk.hub().undo(&outcome.report.sync_id, &desk.request, false).unwrap();
    assert_eq!(both(&desk), before);
    // The folder is met for the first time again: nothing is deleted, and nothing is overwritten.
    let outcome = desk.sync().unwrap();
    assert_eq!(codes(&outcome), ["DOMAIN_MOVED"]);
    assert_eq!(both(&desk), [vec![ANN, BOB, CY], vec![ANN, BOB, CY]]);
}

/// Puts another file in the place of the business's: a link to it.
fn link_business(desk: &Desk, leads_to: &str) {
    let file = desk.path("business/contacts.json");
    let _ = std::fs::remove_file(&file);
    std::os::unix::fs::symlink(desk.path(leads_to), file).unwrap();
}

fn place_elsewhere(desk: &Desk, folder: &str, items: &[&str]) {
    std::fs::create_dir_all(desk.path(folder)).unwrap();
    desk.contacts(folder, items);
}

#[test]
fn a_file_that_is_a_link_to_another_one_deletes_nothing_and_overwrites_nothing() {
    let mut desk = agreed(&[ANN, BOB, CY]);
    desk.request.entities[0].entity.rules = Default::default();
    desk.sync().unwrap();
    let stale = ANN.replace("Ann", "Stale");
    place_elsewhere(&desk, "elsewhere", &[&stale]);
    link_business(&desk, "elsewhere/contacts.json");
    let outcome = desk.sync().unwrap();
    assert_eq!(codes(&outcome), ["DOMAIN_MOVED"]);
    assert!(outcome.report.notices[0].reason.contains("elsewhere/contacts.json"));
    assert_eq!(both(&desk), [vec![ANN, BOB, CY], vec![&stale, BOB, CY]], "a person decides");
    assert_eq!(desk.listed(Status::Open).len(), 1);
    let link = std::fs::symlink_metadata(desk.path("business/contacts.json")).unwrap();
    assert!(link.is_symlink(), "what the link leads to is written");
    desk.sync_is_idle();
}

#[test]
fn a_link_that_is_turned_or_made_a_file_again_is_another_place() {
    let linked = || {
        let desk = agreed(&[ANN, BOB]);
        place_elsewhere(&desk, "elsewhere", &[ANN, BOB]);
        link_business(&desk, "elsewhere/contacts.json");
        assert!(desk.sync().unwrap().report.notices[0].reason.ends_with("as they were left"));
        desk.sync_is_idle();
        desk
    };
    type Turn = fn(&Desk);
    let turns: [(&str, Turn); 3] = [
        ("to another file", |desk| {
            place_elsewhere(desk, "third", &[ANN]);
            link_business(desk, "third/contacts.json");
        }),
        ("to a file of the same folder", |desk| {
            desk.write("business/other.json", &format!("{{\"contacts\": [{ANN}]}}"));
            link_business(desk, "business/other.json");
        }),
        ("replaced by a file, as editors do that save beside and rename", |desk| {
            desk.write("business/saved", &format!("{{\"contacts\": [{ANN}]}}"));
            std::fs::rename(desk.path("business/saved"), desk.path("business/contacts.json"))
                .unwrap();
        }),
    ];
    for (case, turn) in turns {
        let desk = linked();
        turn(&desk);
        assert_eq!(codes(&desk.sync().unwrap()), ["DOMAIN_MOVED"], "{case}");
        assert_eq!(desk.both().0, [ANN, BOB], "{case}");
        assert_eq!(desk.both().1, [ANN, BOB], "{case}");
        desk.sync_is_idle();
        desk.contacts("business", &[BOB]);
        desk.sync().unwrap();
        assert_eq!(desk.held("personal"), [BOB], "{case}: it is the domain's from then on");
    }
}

#[test]
fn a_link_that_leads_nowhere_deletes_nothing_and_goes_on_once_it_leads_back() {
    let desk = agreed(&[ANN, BOB]);
    place_elsewhere(&desk, "elsewhere", &[ANN, BOB]);
    link_business(&desk, "elsewhere/contacts.json");
    desk.sync().unwrap();
    std::fs::rename(desk.path("elsewhere"), desk.path("away")).unwrap();
    let outcome = desk.sync().unwrap();
    assert!(!outcome.report.problems.is_empty());
    assert_eq!(desk.held("personal"), [ANN, BOB]);
    std::fs::rename(desk.path("away"), desk.path("elsewhere")).unwrap();
    desk.contacts("elsewhere", &[ANN]);
    assert_eq!(codes(&desk.sync().unwrap()), Vec::<&str>::new());
    assert_eq!(desk.held("personal"), [ANN], "a deletion there is one");
}

#[test]
fn one_file_of_several_that_is_a_link_moves_alone() {
    let mut desk = agreed(&[ANN, BOB]);
    let notes = crate::desk::entity("notes", crate::desk::source_wins());
    desk.request.entities.push(notes);
    for domain in ["personal", "business"] {
        desk.write(&format!("{domain}/notes.json"), &format!("{{\"notes\": [{ANN},{BOB}]}}"));
    }
    desk.sync().unwrap();
    place_elsewhere(&desk, "elsewhere", &[ANN]);
    link_business(&desk, "elsewhere/contacts.json");
    desk.write("business/notes.json", &format!("{{\"notes\": [{ANN}]}}"));
    let outcome = desk.sync().unwrap();
    assert_eq!(codes(&outcome), ["DOMAIN_MOVED"]);
    assert_eq!(outcome.report.notices[0].entity.as_ref().unwrap().as_str(), "contacts");
    assert_eq!(desk.held("personal"), [ANN, BOB]);
    assert!(!desk.read("personal/notes.json").contains("Bob"), "that one was deleted");
}

/// Points the personal domain, which is the source, to another folder with these contacts.
fn move_personal(desk: &mut Desk, items: &[&str]) {
    place_elsewhere(desk, "elsewhere", items);
    desk.request.source.folder = desk.path("elsewhere");
}

/// A desk whose fields a person decides, where both sides hold these contacts and know it.
fn undecided(items: &[&str]) -> Desk {
    let mut desk = Desk::new();
    desk.request.guard = no_guard();
    desk.request.entities[0].entity.rules = Default::default();
    desk.contacts("personal", items);
    desk.contacts("business", items);
    desk.sync().unwrap();
    desk
}

/// Returns who says what in the only open conflict.
fn question(desk: &Desk) -> Vec<(String, String)> {
    let open = desk.listed(Status::Open);
    assert_eq!(open.len(), 1);
    said(&open[0])
}

fn said(row: &ConflictRow) -> Vec<(String, String)> {
    let side = |side: &syncline_merge::conflict::Side| {
        let writer = side.writer.as_ref().unwrap().as_str().to_owned();
        (writer, side.value.as_ref().unwrap().to_json().to_compact_string())
    };
    row.conflict.sides.iter().map(side).collect()
}

fn named(sides: &[(&str, &str)]) -> Vec<(String, String)> {
    sides.iter().map(|(who, what)| ((*who).to_owned(), format!("\"{what}\""))).collect()
}

#[test]
fn an_old_copy_of_the_source_is_a_question_between_both_sides_that_each_goes_on_answering() {
    type Narrow = fn(&mut Desk);
    let runs: [(&str, Narrow); 3] = [
        ("all", |_| {}),
        ("one record", |desk| {
            desk.request.narrowing = [RecordId::new("1").unwrap()].into_iter().collect();
        }),
        ("another record first", |desk| {
            desk.request.narrowing = [RecordId::new("2").unwrap()].into_iter().collect();
            desk.sync().unwrap();
            desk.request.narrowing = Narrowing::default();
        }),
    ];
    for (case, narrow) in runs {
        let mut desk = undecided(&[ANN, BOB]);
        let stale = ANN.replace("Ann", "Stale");
        move_personal(&mut desk, &[&stale]);
        narrow(&mut desk);
        desk.sync().unwrap();
        desk.request.narrowing = Narrowing::default();
        desk.sync().unwrap();
        assert_eq!(desk.held("business"), [ANN, BOB], "{case}");
        assert_eq!(desk.held("elsewhere"), [&stale, BOB], "{case}");
        let mut sides = question(&desk);
        sides.sort();
        assert_eq!(sides, named(&[("business", "Ann"), ("personal", "Stale")]), "{case}");
        desk.sync_is_idle();
        let id = desk.listed(Status::Open)[0].conflict_id();
        let business = Choice::Writer(Writer::new("business").unwrap());
        let entities = [desk.request.entities[0].entity.clone()];
        desk.hub().resolve(&id, &business, &desk.request.actor, &entities).unwrap();
        desk.sync().unwrap();
        assert_eq!(desk.held("elsewhere"), [ANN, BOB], "{case}");
        assert_eq!(desk.held("business"), [ANN, BOB], "{case}");
        desk.sync_is_idle();
    }
}

#[test]
fn what_the_other_side_edits_or_deletes_in_the_run_of_a_move_is_its_own() {
    let mut desk = undecided(&[ANN, BOB, CY]);
    let stale = |item: &str| item.replace("name\":\"", "name\":\"Old ");
    move_personal(&mut desk, &[&stale(ANN), &stale(BOB)]);
    desk.contacts("business", &[&ANN.replace("Ann", "Anna"), CY]);
    desk.sync().unwrap();
    assert_eq!(desk.held("business"), [&ANN.replace("Ann", "Anna"), &stale(BOB), CY]);
    assert_eq!(desk.held("elsewhere"), [&stale(ANN), &stale(BOB), CY], "an edit beats a deletion");
    let is_of = |row: &&ConflictRow, id: &str| row.id.as_str() == id;
    let rows = desk.listed(Status::Open);
    let mut sides = said(rows.iter().find(|row| is_of(row, "1")).unwrap());
    sides.sort();
    assert_eq!(sides, named(&[("business", "Anna"), ("personal", "Old Ann")]));
    let bob = rows.iter().find(|row| is_of(row, "2")).unwrap();
    assert!(
        said(bob).contains(&named(&[("personal", "Bob")])[0]),
        "it was deleted and is asked for"
    );
    desk.sync_is_idle();
}

#[test]
fn both_sides_moved_at_once_are_asked_and_what_both_had_agreed_on_is_an_answer_too() {
    let mut desk = undecided(&[ANN]);
    move_personal(&mut desk, &[&ANN.replace("Ann", "One")]);
    place_elsewhere(&desk, "third", &[&ANN.replace("Ann", "Two")]);
    desk.request.target.folder = desk.path("third");
    let outcome = desk.sync().unwrap();
    assert_eq!(codes(&outcome), ["DOMAIN_MOVED", "DOMAIN_MOVED"]);
    assert_eq!(desk.held("elsewhere"), [ANN.replace("Ann", "One")]);
    assert_eq!(desk.held("third"), [ANN.replace("Ann", "Two")]);
    let sides = question(&desk);
    assert!(sides.contains(&named(&[("business", "Two")])[0]), "{sides:?}");
    assert!(sides.contains(&named(&[("personal", "One")])[0]), "{sides:?}");
    assert!(sides.contains(&named(&[("personal", "Ann")])[0]), "{sides:?}");
    desk.sync_is_idle();
    // Where one of them holds what was agreed on, it is that one's answer.
    let mut desk = undecided(&[ANN]);
    move_personal(&mut desk, &[&ANN.replace("Ann", "One")]);
    place_elsewhere(&desk, "third", &[&ANN.replace("{", "{ ")]);
    desk.request.target.folder = desk.path("third");
    desk.sync().unwrap();
    let mut sides = question(&desk);
    sides.sort();
    assert_eq!(sides, named(&[("business", "Ann"), ("personal", "One")]));
    assert_eq!(desk.held("third"), [ANN]);
    desk.sync_is_idle();
}

#[test]
fn a_side_that_wins_wins_and_the_other_value_is_listed() {
    let mut desk = agreed(&[ANN]);
    let stale = ANN.replace("Ann", "Stale");
    move_personal(&mut desk, &[&stale]);
    desk.sync().unwrap();
    assert_eq!(desk.held("business"), [&*stale], "the source wins, and");
    let settled = desk.listed(Status::Settled);
    let writers: Vec<_> = settled[0]
        .conflict
        .sides
        .iter()
        .map(|side| side.writer.as_ref().unwrap().as_str())
        .collect();
    assert_eq!((settled.len(), writers.contains(&"business")), (1, true), "the loser is listed");
    desk.sync_is_idle();
}

#[test]
fn the_later_of_two_times_is_taken_at_a_move_as_at_a_first_meeting() {
    let at = |name: &str, day: u8| {
        format!(r#"{{"id":"1","lastModified":"2026-01-{day:02}T00:00:00Z","name":"{name}"}}"#)
    };
    for (old, expected) in [(2, "New"), (9, "Stale")] {
        let mut desk = undecided(&[&at("New", 5)]);
        move_personal(&mut desk, &[&at("Stale", old)]);
        desk.sync().unwrap();
        assert!(desk.held("business")[0].contains(expected), "{old}");
        assert_eq!(desk.held("business"), desk.held("elsewhere"), "{old}");
        assert_eq!(desk.listed(Status::Settled).len(), 1, "{old}");
        desk.sync_is_idle();
    }
}

#[test]
fn fields_of_every_shape_meet_at_a_move_as_at_a_first_meeting() {
    use Shape::{Append, Keyed, Register, Sum, Text, Union};
    let keyed = || Keyed { key: "k".into() };
    // Shape; what was agreed on; what the old copy holds; what the source and the target hold then.
    let rows = [
        (Sum { minimum: None }, "10", "7", ["10", "10"]),
        (Sum { minimum: None }, "10", "12", ["12", "12"]),
        (Union, r#"["x","y"]"#, r#"["x","z"]"#, [r#"["x","z","y"]"#, r#"["x","z","y"]"#]),
        (Append { keep: 9 }, r#"["a","b"]"#, r#"["a"]"#, [r#"["a","b"]"#, r#"["a","b"]"#]),
        (
            Append { keep: 9 },
            r#"["a","b"]"#,
            r#"["a","c"]"#,
            [r#"["a","b","c"]"#, r#"["a","b","c"]"#],
        ),
        (
            keyed(),
            r#"[{"k":"1","v":"new"},{"k":"2","v":"two"}]"#,
            r#"[{"k":"1","v":"old"}]"#,
            [
                r#"[{"k":"1","v":"old"},{"k":"2","v":"two"}]"#,
                r#"[{"k":"1","v":"new"},{"k":"2","v":"two"}]"#,
            ],
        ),
        (Text, "\"new\"", "\"old\"", ["\"new\"", "\"new\""]),
        (Register, "\"new\"", "\"old\"", ["\"old\"", "\"new\""]),
    ];
    for (shape, agreed, old, expected) in rows {
        let item = |value: &str| format!(r#"{{"id":"1","v":{value}}}"#);
        let case = format!("{shape:?} {old}");
        let mut desk = undecided(&[]);
        let pattern = Pattern::parse("/v").unwrap();
        let fields = &mut desk.request.entities[0].entity.rules.fields;
        fields.push(FieldRules { pattern, shape, rule: Rule::Latest });
        for domain in ["personal", "business"] {
            desk.contacts(domain, &[&item(agreed)]);
        }
        desk.sync().unwrap();
        move_personal(&mut desk, &[&item(old)]);
        desk.sync().unwrap();
        assert_eq!(desk.held("elsewhere"), [item(expected[0])], "{case}");
        assert_eq!(desk.held("business"), [item(expected[1])], "{case}");
        let rows = desk.hub().conflicts().unwrap();
        for row in rows.iter().filter(|row| row.status != Status::Closed) {
            let mut writers: Vec<_> = row.conflict.sides.iter().map(|side| &side.writer).collect();
            writers.sort();
            writers.dedup();
            assert_eq!(writers.len(), 2, "{case}: each side is named");
        }
        desk.sync_is_idle();
    }
}

#[test]
fn a_third_domain_goes_on_showing_what_it_was_given_when_another_one_moves() {
    let mut desk = undecided(&[ANN]);
    std::fs::create_dir(desk.path("third")).unwrap();
    desk.contacts("third", &[]);
    let third = |desk: &Desk| syncline_hub::FileDomain {
        domain: syncline_engine::link::LinkedDomain::open(
            syncline_model::id::DomainName::new("third").unwrap(),
        ),
        folder: desk.path("third"),
        renames: Default::default(),
    };
    let sync_third = |desk: &mut Desk| {
        let third = third(desk);
        let business = std::mem::replace(&mut desk.request.target, third);
        desk.sync().unwrap();
        desk.request.target = business;
    };
    sync_third(&mut desk);
    assert_eq!(desk.held("third"), [ANN]);
    let stale = ANN.replace("Ann", "Stale");
    move_personal(&mut desk, &[&stale]);
    desk.sync().unwrap();
    sync_third(&mut desk);
    assert_eq!(desk.held("elsewhere"), [&*stale]);
    assert_eq!(desk.held("business"), [ANN]);
    assert_eq!(desk.held("third"), [ANN]);
    let mut sides = question(&desk);
    sides.sort();
    assert_eq!(sides, named(&[("business", "Ann"), ("personal", "Stale")]));
    desk.sync_is_idle();
}
