//! What `check` calls an error no command runs with.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::json;
use syncline::config::check::{Fault, Severity};

use crate::desk::Desk;

const CONTACTS: &str = "[entities.contacts]\n";
const DENY_ID: &str = "[entities.contacts]\n[[domains.business.policy.fields]]\npath = \"/id\"\n\
                       action = \"deny\"\n";

type Damage = fn(&Desk);

/// An error: what stands in the file beside domains and link, what else is done, and with which code
/// and exit code a run refuses.
type Case = (Fault, &'static str, Damage, (&'static str, i32));

fn nothing(_: &Desk) {}

/// One row per error, and more where there is more than one way to it.
#[rustfmt::skip]
const CASES: &[Case] = &[
    (Fault::IdWithheld, DENY_ID, nothing, ("CHECK_ID_WITHHELD", 3)),
    (Fault::IdWithheld, "[entities.contacts]\n[[domains.business.policy.fields]]\npath = \"/*\"\naction = \"mask\"\n", nothing, ("CHECK_ID_WITHHELD", 3)),
    (Fault::KeyFieldMerged, "[entities.contacts.fields]\n\"/id\" = \"text\"\n", nothing, ("CHECK_KEY_FIELD_MERGED", 3)),
    (Fault::PriorityUnknownDomain, "[entities.contacts.fields]\n\"/x\" = { priority = [\"personal\", \"home\"] }\n", nothing, ("CHECK_PRIORITY_UNKNOWN_DOMAIN", 3)),
    (Fault::SecretLiteral, "[entities.contacts]\n[notify]\nurl = \"https://example.org/?token=canary\"\n", nothing, ("CHECK_SECRET_LITERAL", 3)),
    (Fault::SecretExposed, "[entities.contacts]\n[notify]\nurl = \"file:hook\"\n",
        |desk| {
            desk.put("hook", b"http://localhost:1/canary");
            fs::set_permissions(desk.path("hook"), fs::Permissions::from_mode(0o640)).unwrap();
        }, ("CHECK_SECRET_EXPOSED", 3)),
    (Fault::MirrorUnguarded, "direction = \"source_to_target\"\n[entities.contacts]\n[limits]\nmax_delete = \"100%\"\n", nothing, ("CHECK_MIRROR_UNGUARDED", 3)),
    (Fault::FilterWithheld, "filter = [{ path = \"/c\", equals = 1 }]\n[entities.contacts]\n[[domains.business.policy.fields]]\npath = \"/c\"\naction = \"deny\"\n", nothing, ("CHECK_FILTER_WITHHELD", 3)),
    (Fault::LinksLeak, "[entities.contacts]\n[domains.third]\npath = \"data/third\"\n[links.on]\nsource = \"business\"\ntarget = \"third\"\nentities = [\"contacts\"]\n[[domains.business.policy.fields]]\npath = \"/s\"\naction = \"deny\"\n",
        |desk| fs::create_dir(desk.path("data/third")).unwrap(), ("CHECK_LINKS_LEAK", 3)),
    (Fault::PreferencesCircle, "on_conflict = \"source\"\n[entities.contacts]\n[domains.third]\npath = \"data/third\"\n[links.on]\nsource = \"business\"\ntarget = \"third\"\nentities = [\"contacts\"]\non_conflict = \"source\"\n[links.back]\nsource = \"third\"\ntarget = \"personal\"\nentities = [\"contacts\"]\non_conflict = \"source\"\n",
        |desk| fs::create_dir(desk.path("data/third")).unwrap(), ("CHECK_PREFERENCES_CIRCLE", 3)),
    (Fault::StateInDomain, CONTACTS, |desk| symlink("data/personal", desk.path(".syncline")).unwrap(), ("CHECK_STATE_IN_DOMAIN", 3)),
    (Fault::DomainsOverlap, CONTACTS, |desk| {
        fs::remove_dir_all(desk.path("data/business")).unwrap();
        symlink("personal", desk.path("data/business")).unwrap();
    }, ("CHECK_DOMAINS_OVERLAP", 3)),
    (Fault::DomainUnreadable, CONTACTS, |desk| {
        fs::remove_dir_all(desk.path("data/business")).unwrap();
        fs::write(desk.path("data/business"), "").unwrap();
    }, ("CHECK_DOMAIN_UNREADABLE", 3)),
    (Fault::DomainUnwritable, CONTACTS, |desk| {
        fs::set_permissions(desk.path("data/business"), fs::Permissions::from_mode(0o555)).unwrap();
    }, ("CHECK_DOMAIN_UNWRITABLE", 3)),
    // Told by the run itself: spec 001 has its words, and a flag may raise the limit.
    (Fault::DomainMissing, CONTACTS, |desk| fs::remove_dir_all(desk.path("data/business")).unwrap(), ("DOMAIN_NOT_FOUND", 3)),
    (Fault::FileTooLarge, "[entities.contacts]\n[limits]\nbytes_per_run = 20\n", nothing, ("LIMIT_BYTES", 6)),
];

fn desk(text: &str) -> Desk {
    let desk = Desk::new();
    let config = format!(
        "[domains.personal]\npath = \"data/personal\"\n[domains.business]\n\
         path = \"data/business\"\n[links.work]\nsource = \"personal\"\ntarget = \"business\"\n\
         entities = [\"contacts\"]\n{text}"
    );
    desk.contacts("personal", &json!([{ "id": "a", "x": "1" }]));
    desk.contacts("business", &json!([{ "id": "b", "x": "2" }]));
    desk.put("syncline.toml", config.as_bytes());
    desk
}

#[test]
fn what_check_calls_an_error_is_refused_by_every_command_that_reads_the_domains() {
    for (fault, text, damage, (code, exit)) in CASES {
        let desk = desk(text);
        damage(&desk);
        desk.run("check").exits(3).says(fault.code());
        let before = desk.files("data/personal");
        let link = if [Fault::LinksLeak, Fault::PreferencesCircle].contains(fault) {
            " --link work"
        } else {
            ""
        };
        for command in ["sync", "plan", "watch --jsonl", "status"] {
            // A watch tries again, and a limit is told by its run.
            if *code == "LIMIT_BYTES" && command.starts_with("watch") {
                continue;
            }
            let answer = desk.run(&format!("{command}{link}"));
            assert_eq!(
                answer.code, *exit,
                "{fault:?} {command}\n{}{}",
                answer.stdout, answer.stderr
            );
            let answer = answer.says(code);
            assert!(!answer.stderr.contains("canary"), "a secret is shown");
            assert_eq!(desk.files("data/personal"), before, "{fault:?} {command}");
        }
        // So that the folder can be removed.
        let _ = fs::set_permissions(desk.path("data/business"), fs::Permissions::from_mode(0o755));
    }
}

#[test]
fn every_error_is_tried() {
    let errors = Fault::ALL.iter().filter(|fault| fault.severity() == Severity::Error);
    let tried: BTreeSet<&Fault> = CASES.iter().map(|(fault, ..)| fault).collect();
    assert_eq!(tried, errors.collect::<BTreeSet<_>>());
}

#[test]
fn a_plan_is_not_applied_under_a_configuration_with_an_error() {
    let desk = desk(CONTACTS);
    desk.run("plan -o plan.json").exits(0);
    let good = String::from_utf8(desk.bytes("syncline.toml")).unwrap();
    desk.put("syncline.toml", good.replace(CONTACTS, DENY_ID).as_bytes());
    desk.run("apply plan.json").exits(3).says("CHECK_ID_WITHHELD");
    assert_eq!(desk.read("business").len(), 1);
}

#[test]
fn what_concerns_another_link_or_is_meant_for_one_run_refuses_nothing() {
    let desk = desk(
        "[entities.contacts]\n[entities.bills.fields]\n\"/id\" = \"text\"\n[links.rest]\n\
         source = \"personal\"\ntarget = \"business\"\nentities = [\"bills\"]\n",
    );
    desk.run("check").exits(3).says("CHECK_KEY_FIELD_MERGED");
    desk.run("sync --link work").exits(0);
    desk.run("sync --link work --mode mirror --max-delete 100%").exits(0);
    desk.run("sync --link rest").exits(3).says("CHECK_KEY_FIELD_MERGED");
}
