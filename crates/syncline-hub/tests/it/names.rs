//! Renames that are declared, changed and dropped while records stand under their names: what nobody
//! has edited stays what it was.

use std::collections::BTreeMap;

use syncline_engine::link::Side;
use syncline_engine::sync::Rename;
use syncline_hub::{HubError, SyncOutcome};
use syncline_model::id::EntityName;
use syncline_model::path::Path;
use syncline_policy::Action;

use crate::desk::Desk;
use crate::hunt_kit::policy;

/// The renames of a domain, by entity.
type Renames = BTreeMap<EntityName, Vec<Rename>>;

/// Returns these renames, for contacts.
pub(crate) fn with_renames(renames: &[[&str; 2]]) -> Renames {
    let path = |text: &str| Path::parse(text).unwrap();
    let rename = |[hub, own]: &[&str; 2]| Rename { hub: path(hub), domain: path(own) };
    let renames: Vec<Rename> = renames.iter().map(rename).collect();
    [(EntityName::new("contacts").unwrap(), renames)].into()
}

/// Lets business have other names for these fields, and for no others.
pub(crate) fn declare(desk: &mut Desk, renames: &[[&str; 2]]) {
    desk.request.target.renames = with_renames(renames);
}

fn told(run: &SyncOutcome) -> Vec<&str> {
    run.report.notices.iter().map(|notice| notice.code.as_str()).collect()
}

/// A step of a story about one record.
enum Step {
    /// The renames of business become these.
    Declare(&'static [[&'static str; 2]]),
    /// Personal's record becomes this.
    Personal(&'static str),
    /// Business' record becomes this.
    Business(&'static str),
    /// A run, and what both hold after it.
    Sync(&'static str, &'static str),
}

use Step::{Business, Declare, Personal, Sync};

fn play(name: &str, steps: &[Step]) {
    let mut desk = Desk::new();
    for (at, step) in steps.iter().enumerate() {
        match step {
            Declare(renames) => declare(&mut desk, renames),
            Personal(item) => desk.contacts("personal", &[item]),
            Business(item) => desk.contacts("business", &[item]),
            Sync(personal, business) => {
                let run = desk.sync().unwrap();
                let held = (desk.held("personal"), desk.held("business"));
                let expected = (vec![(*personal).to_owned()], vec![(*business).to_owned()]);
                assert_eq!(held, expected, "{name}, step {at}");
                assert!(run.report.problems.is_empty(), "{name}, step {at}: {:?}", run.report);
            }
        }
    }
}

#[test]
fn a_swap_that_is_dropped_and_declared_again_moves_no_value() {
    let swap: &[[&str; 2]] = &[["/l", "/o"], ["/o", "/l"]];
    play(
        "two names exchanged",
        &[
            Declare(swap),
            Personal(r#"{"id":"a","l":"0","o":"9"}"#),
            Sync(r#"{"id":"a","l":"0","o":"9"}"#, r#"{"id":"a","l":"9","o":"0"}"#),
            Declare(&[]),
            Sync(r#"{"id":"a","l":"0","o":"9"}"#, r#"{"id":"a","l":"9","o":"0"}"#),
            Personal(r#"{"id":"a","l":"1","o":"9"}"#),
            Sync(r#"{"id":"a","l":"1","o":"9"}"#, r#"{"id":"a","l":"1","o":"9"}"#),
            Declare(swap),
            Sync(r#"{"id":"a","l":"1","o":"9"}"#, r#"{"id":"a","l":"1","o":"9"}"#),
            // Business edits a record that still has the names of before.
            Business(r#"{"id":"a","l":"2","o":"9"}"#),
            Sync(r#"{"id":"a","l":"2","o":"9"}"#, r#"{"id":"a","l":"2","o":"9"}"#),
            Personal(r#"{"id":"a","l":"3","o":"9"}"#),
            Sync(r#"{"id":"a","l":"3","o":"9"}"#, r#"{"id":"a","l":"9","o":"3"}"#),
        ],
    );
}

#[test]
fn a_name_that_a_person_types_is_the_present_one_and_the_old_one_says_nothing_any_more() {
    let (b, c): (&[[&str; 2]], &[[&str; 2]]) = (&[["/l", "/Bl"]], &[["/l", "/Cl"]]);
    play(
        "a name that is given again",
        &[
            Declare(b),
            Personal(r#"{"id":"a","l":"0"}"#),
            Sync(r#"{"id":"a","l":"0"}"#, r#"{"Bl":"0","id":"a"}"#),
            Declare(c),
            Personal(r#"{"id":"a","l":"1"}"#),
            Sync(r#"{"id":"a","l":"1"}"#, r#"{"Cl":"1","id":"a"}"#),
            Declare(b),
            Business(r#"{"id":"a","Cl":"1","Bl":"2"}"#),
            Sync(r#"{"id":"a","l":"2"}"#, r#"{"Bl":"2","Cl":"1","id":"a"}"#),
            Personal(r#"{"id":"a","l":"3"}"#),
            Sync(r#"{"id":"a","l":"3"}"#, r#"{"Bl":"3","Cl":"1","id":"a"}"#),
            Declare(&[]),
            Sync(r#"{"id":"a","l":"3"}"#, r#"{"Bl":"3","Cl":"1","id":"a"}"#),
            // It is renamed by hand.
            Business(r#"{"id":"a","l":"4","Cl":"1"}"#),
            Sync(r#"{"id":"a","l":"4"}"#, r#"{"Cl":"1","id":"a","l":"4"}"#),
            Declare(c),
            Sync(r#"{"id":"a","l":"4"}"#, r#"{"Cl":"1","id":"a","l":"4"}"#),
        ],
    );
}

#[test]
fn a_record_keeps_its_names_until_it_is_written_whatever_is_declared() {
    let before = r#"{"id":"a","l":"0","m":"9","o":{"x":"1","y":"2"}}"#;
    let edited = r#"{"id":"a","l":"5","m":"9","o":{"x":"1","y":"2"}}"#;
    #[rustfmt::skip]
    let namings: &[(&[[&str; 2]], &str, &str)] = &[
        (&[], before, edited),
        (&[["/l", "/Bl"]], r#"{"Bl":"0","id":"a","m":"9","o":{"x":"1","y":"2"}}"#,
            r#"{"Bl":"5","id":"a","m":"9","o":{"x":"1","y":"2"}}"#),
        (&[["/l", "/w/l"]], r#"{"id":"a","m":"9","o":{"x":"1","y":"2"},"w":{"l":"0"}}"#,
            r#"{"id":"a","m":"9","o":{"x":"1","y":"2"},"w":{"l":"5"}}"#),
        (&[["/l", "/m"], ["/m", "/l"]], r#"{"id":"a","l":"9","m":"0","o":{"x":"1","y":"2"}}"#,
            r#"{"id":"a","l":"9","m":"5","o":{"x":"1","y":"2"}}"#),
        (&[["/l", "/m"], ["/m", "/n"]], r#"{"id":"a","m":"0","n":"9","o":{"x":"1","y":"2"}}"#,
            r#"{"id":"a","m":"5","n":"9","o":{"x":"1","y":"2"}}"#),
        (&[["/o", "/Bo"]], r#"{"Bo":{"x":"1","y":"2"},"id":"a","l":"0","m":"9"}"#,
            r#"{"Bo":{"x":"1","y":"2"},"id":"a","l":"5","m":"9"}"#),
        (&[["/o/x", "/Bx"]], r#"{"Bx":"1","id":"a","l":"0","m":"9","o":{"y":"2"}}"#,
            r#"{"Bx":"1","id":"a","l":"5","m":"9","o":{"y":"2"}}"#),
    ];
    for (first, business, _) in namings {
        for (then, _, after) in namings {
            let name = format!("{first:?}, then {then:?}");
            #[rustfmt::skip]
            play(&name, &[
                Declare(first), Personal(before), Sync(before, business),
                Declare(then), Sync(before, business), Sync(before, business),
                Declare(first), Sync(before, business),
                Declare(then), Personal(edited), Sync(edited, after),
                Declare(first), Sync(edited, after),
            ]);
        }
    }
}

/// Which of two fields is meant is not guessed: what stood there before stays, and crosses nowhere.
#[test]
fn what_stands_under_a_name_that_another_field_is_given_stays_there() {
    let mut desk = Desk::new();
    desk.contacts("personal", &[r#"{"id":"a","l":"0","m":"9"}"#]);
    desk.sync().unwrap();
    declare(&mut desk, &[["/l", "/m"]]);
    // Business edits what the rename has taken out of its scope.
    desk.contacts("business", &[r#"{"id":"a","l":"0","m":"own"}"#]);
    assert_eq!(told(&desk.sync().unwrap()), ["FIELD_WITHOUT_PLACE"]);
    desk.contacts("personal", &[r#"{"id":"a","l":"1","m":"9"}"#]);
    desk.sync().unwrap();
    assert_eq!(desk.held("personal"), [r#"{"id":"a","l":"1","m":"9"}"#]);
    assert_eq!(desk.held("business"), [r#"{"id":"a","l":"1","m":"own"}"#]);
    declare(&mut desk, &[]);
    desk.sync().unwrap();
    assert_eq!(desk.held("personal"), [r#"{"id":"a","l":"1","m":"own"}"#], "an edit after all");
}

/// A field that is kept from the hub goes nowhere under another name either.
#[test]
fn a_denied_field_stays_denied_under_the_name_that_it_has() {
    let mut desk = Desk::new();
    desk.set_policy(Side::Target, policy(&[("/o/x", Action::Deny)]));
    declare(&mut desk, &[["/o", "/p"]]);
    desk.contacts("personal", &[r#"{"id":"a","o":{"x":"home","y":"0"}}"#]);
    desk.contacts("business", &[r#"{"id":"a","p":{"x":"own","y":"0"}}"#]);
    desk.sync().unwrap();
    declare(&mut desk, &[]);
    desk.contacts("personal", &[r#"{"id":"a","o":{"x":"home","y":"1"}}"#]);
    desk.sync().unwrap();
    assert_eq!(desk.held("personal"), [r#"{"id":"a","o":{"x":"home","y":"1"}}"#]);
    assert_eq!(desk.held("business"), [r#"{"id":"a","p":{"x":"own","y":"1"}}"#]);
}

#[test]
fn an_undo_reads_what_comes_back_under_the_names_that_it_had() {
    for now in [&[["/l", "/Bl"]][..], &[], &[["/l", "/Cl"]]] {
        let mut desk = Desk::new();
        declare(&mut desk, &[["/l", "/Bl"]]);
        desk.contacts("personal", &[r#"{"id":"a","o":"0"}"#]);
        desk.contacts("business", &[r#"{"id":"a","o":"0"}"#]);
        desk.sync().unwrap();
        desk.contacts("personal", &[r#"{"id":"a","l":"SECRET","o":"0"}"#]);
        let run = desk.sync().unwrap().report.sync_id;
        let undone = desk.hub().undo(&run, &desk.request, false).unwrap().report.sync_id;
        let before = desk.held("business");
        assert_eq!(before, [r#"{"id":"a","o":"0"}"#]);
        desk.set_policy(Side::Target, policy(&[("/l", Action::Deny)]));
        declare(&mut desk, now);
        let refused = desk.hub().undo(&undone, &desk.request, false);
        assert!(matches!(refused, Err(HubError::NotUndoable { .. })), "{now:?}: {refused:?}");
        assert_eq!(desk.held("business"), before, "{now:?}");
    }
}

#[test]
fn what_an_undo_brings_back_moves_no_value_under_other_renames() {
    let swap: &[[&str; 2]] = &[["/l", "/o"], ["/o", "/l"]];
    for (first, then) in [(swap, &[][..]), (&[], swap)] {
        let mut desk = Desk::new();
        declare(&mut desk, first);
        desk.contacts("personal", &[r#"{"id":"a","l":"0","o":"9"}"#, r#"{"id":"b","l":"0"}"#]);
        desk.sync().unwrap();
        let before = desk.held("business");
        declare(&mut desk, then);
        desk.contacts("personal", &[r#"{"id":"a","l":"1","o":"9"}"#]);
        let run = desk.sync().unwrap().report.sync_id;
        let (home, after) = (desk.held("personal"), desk.held("business"));
        let undone = desk.hub().undo(&run, &desk.request, false).unwrap().report.sync_id;
        assert_eq!(desk.held("business"), before, "{then:?}");
        declare(&mut desk, first);
        desk.hub().undo(&undone, &desk.request, false).unwrap();
        desk.sync().unwrap();
        assert_eq!((desk.held("personal"), desk.held("business")), (home.clone(), after));
        // The same undo, and then a run.
        desk.contacts("personal", &[r#"{"id":"a","l":"2","o":"9"}"#]);
        let run = desk.sync().unwrap().report.sync_id;
        let home = desk.held("personal");
        desk.hub().undo(&run, &desk.request, false).unwrap();
        declare(&mut desk, then);
        desk.sync().unwrap();
        assert_eq!(desk.held("personal"), home, "{then:?}");
    }
}
