//! One configuration per finding, and one without any.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::super::{Config, FILE};
use super::{Fault, Finding, Severity, check};

/// A folder with both domains of the defaults and their contacts.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for domain in ["personal", "business"] {
        let place = dir.path().join("data").join(domain);
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("contacts.json"), "{\"contacts\": []}").unwrap();
    }
    dir
}

/// What every row has, so that its own finding is the only one.
const BASE: &str = "[domains]\npersonal.path = \"data/personal\"\nbusiness.path = \"data/business\"\n\
                    [links.work]\nsource = \"personal\"\ntarget = \"business\"\n\
                    entities = [\"contacts\"]\n";
const CONTACTS: &str = "[entities.contacts]\n";

fn findings_in(dir: &Path, text: &str) -> Vec<Finding> {
    fs::write(dir.join(FILE), text).unwrap();
    check(&Config::load(dir, None).unwrap_or_else(|error| panic!("{text}\n{error}")))
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.code()).collect()
}

/// Configurations whose finding stands in the text alone: name, text, member.
#[rustfmt::skip]
const BY_TEXT: &[(Fault, &str, &str)] = &[
    (Fault::EntityUnlinked, "[entities.bills]", "entities.bills"),
    (Fault::DeadRule, "[entities.contacts.fields]\n\"/notes/text\" = \"max\"\n[[domains.business.policy.fields]]\npath = \"/notes\"\naction = \"deny\"", "entities.contacts.fields.\"/notes/text\""),
    (Fault::RuleShadowed, "[entities.contacts.fields]\n\"/*\" = \"latest\"\n\"/phone\" = \"max\"", "entities.contacts.fields.\"/phone\""),
    (Fault::RuleShadowed, "[[domains.business.policy.fields]]\npath = \"/a\"\naction = \"deny\"\n[[domains.business.policy.fields]]\nentity = \"contacts\"\npath = \"/a/b\"\naction = \"allow\"", "domains.business.policy.fields[1]"),
    (Fault::RuleUnused, "[entities.bills]\n[[domains.business.policy.fields]]\nentity = \"bills\"\npath = \"/a\"\naction = \"deny\"", "domains.business.policy.fields[0]"),
    (Fault::RuleUnused, "[entities.bills]\n[[domains.business.policy.records]]\nentity = \"bills\"\npath = \"/a\"\nequals = 1", "domains.business.policy.records[0]"),
    (Fault::RuleUnused, "[entities.bills]\n[domains.business.rename.bills]\n\"/a\" = \"/b\"", "domains.business.rename.bills"),
    (Fault::PriorityUnknownDomain, "[entities.contacts.fields]\n\"/x\" = { priority = [\"personal\", \"home\"] }", "entities.contacts.fields.\"/x\".priority"),
    (Fault::MaskMerged, "[entities.contacts.fields]\n\"/n\" = \"sum\"\n[[domains.business.policy.fields]]\npath = \"/n\"\naction = \"mask\"", "entities.contacts.fields.\"/n\""),
    (Fault::IdWithheld, "[[domains.business.policy.fields]]\npath = \"/id\"\naction = \"deny\"", "domains.business.policy.fields"),
    (Fault::IdWithheld, "[[domains.business.policy.fields]]\npath = \"/*\"\naction = \"mask\"", "domains.business.policy.fields"),
    (Fault::KeyFieldMerged, "[entities.contacts.fields]\n\"/id\" = \"text\"", "entities.contacts.fields.\"/id\""),
    (Fault::KeyFieldMerged, "[entities.contacts.fields]\n\"/*\" = \"concat\"", "entities.contacts.fields.\"/*\""),
    (Fault::TimeMissing, "[entities.contacts]\ntime = \"none\"\nfields = { \"/x\" = \"latest\" }", "entities.contacts.fields.\"/x\""),
    (Fault::ReviewUntold, "[entities.contacts]\ndeletion = \"review\"", "links.work"),
    (Fault::ReviewUntold, "[entities.contacts.fields]\n\"/x\" = \"manual-review\"", "links.work"),
    (Fault::UserUnknown, "[[permissions]]\nuser = \"no such user\"\nallow = [\"read\", \"write\"]", "permissions"),
    (Fault::LinkUnusable, "[[permissions]]\nuser = \"root\"\nallow = [\"read\"]", "links.work"),
    (Fault::LimitExcessive, "[limits]\nitems_per_entity = 5000001", "limits.items_per_entity"),
    (Fault::LimitExcessive, "[limits]\nbytes_per_run = \"5GB\"", "limits.bytes_per_run"),
    (Fault::LimitExcessive, "[limits]\nrun_time = \"25h\"", "limits.run_time"),
    (Fault::FileTooLarge, "[limits]\nbytes_per_run = 20", "links.work"),
    (Fault::SecretLiteral, "[notify]\nurl = \"https://example.org/?token=canary\"", "notify.url"),
    (Fault::SecretLiteral, "[notify]\ncommand = [\"curl\", \"--key=canary\"]", "notify.command[1]"),
    (Fault::NotifyPlaintext, "[notify]\nurl = \"http://example.org/\"", "notify.url"),
    (Fault::StateInDomain, "state = \"data/personal\"", "state"),
];

#[test]
fn a_clean_configuration_has_no_findings() {
    let dir = folder();
    let clean = "[entities.contacts.fields]\n\"/tags\" = \"union\"\n\"/phone\" = \"latest\"\n\
        [[domains.business.policy.fields]]\npath = \"/notes\"\naction = \"deny\"\n\
        [notify]\nurl = \"env:HOOK\"\n";
    let found = findings_in(dir.path(), &format!("{BASE}{clean}"));
    assert!(found.is_empty(), "{found:?}");
}

/// Each row has its finding and no other, but for those that follow from it.
#[test]
fn each_fault_in_a_text_is_found() {
    let dir = folder();
    for (code, text, at) in BY_TEXT {
        // The table of `state` stands first; entities that a row names itself are not added.
        let entities = if text.contains("[entities.contacts") { "" } else { CONTACTS };
        let text = match code {
            Fault::StateInDomain => format!("{text}\n{BASE}{entities}"),
            _ => format!("{BASE}{entities}{text}\n"),
        };
        let found = findings_in(dir.path(), &text);
        let own: Vec<_> = found.iter().filter(|finding| finding.fault == *code).collect();
        assert_eq!(own.len(), 1, "case: {}: {:?}", code.code(), codes(&found));
        assert_eq!(own[0].at, *at, "case: {text}");
        assert!(own[0].position.is_some(), "case: {text}");
        let follows =
            [Fault::EntityUnlinked, Fault::StateExposed, Fault::IdWithheld, Fault::KeyFieldMerged];
        let others = found.iter().filter(|f| f.fault != *code && !follows.contains(&f.fault));
        assert_eq!(others.count(), 0, "case: {text}: {:?}", codes(&found));
        for finding in &found {
            let shown = format!("{finding} {} {}", finding.why, finding.mend);
            assert!(!shown.contains("canary"), "a secret is shown: {shown}");
        }
    }
}

/// Faults of links, each in its own whole configuration.
#[test]
fn each_fault_of_a_link_is_found() {
    let dir = folder();
    let link = |more: &str| BASE.to_owned() + more + "\n" + CONTACTS;
    #[rustfmt::skip]
    let cases = [
        (Fault::MirrorUnguarded, link("direction = \"source_to_target\"") + "[limits]\nmax_delete = \"100%\"", "links.work.direction"),
        (Fault::TimeMissing, link("on_conflict = \"newer\"") + "time = \"none\"", "links.work.on_conflict"),
        (Fault::ReviewUntold, link("on_conflict = \"review\""), "links.work"),
        (Fault::TargetReadOnly, link("").replace("business.path = \"data/business\"", "business = { path = \"data/business\", writable = false }"), "links.work.direction"),
    ];
    for (code, text, at) in cases {
        let found = findings_in(dir.path(), &text);
        assert_eq!(codes(&found), [code.code()], "case: {text}");
        assert_eq!(found[0].at, at, "case: {text}");
    }
    let guarded = link("direction = \"source_to_target\"");
    assert!(findings_in(dir.path(), &guarded).is_empty());
    // Only a mirror needs the guard: elsewhere a person may turn it off.
    let both_ways = link("") + "[limits]\nmax_delete = \"100%\"";
    assert!(findings_in(dir.path(), &both_ways).is_empty());
}

/// Faults of the folders themselves: what is done to them, and what is then found.
#[test]
fn each_fault_of_a_folder_is_found() {
    type Damage = fn(&Path);
    let text = format!("{BASE}{CONTACTS}");
    let overlap = text.replace("data/business", "data/personal/../personal/inner");
    let lonely = format!("{text}[domains.home]\npath = \"home\"\n");
    #[rustfmt::skip]
    let cases: &[(Fault, &str, Damage)] = &[
        (Fault::DomainMissing, &text, |dir| fs::remove_dir_all(dir.join("data/business")).unwrap()),
        (Fault::DomainUnreadable, &text, |dir| {
            fs::remove_dir_all(dir.join("data/business")).unwrap();
            fs::write(dir.join("data/business"), "").unwrap();
        }),
        (Fault::DomainUnwritable, &text, |dir| read_only(&dir.join("data/business"))),
        (Fault::DomainsOverlap, &overlap, |dir| {
            fs::create_dir(dir.join("data/personal/inner")).unwrap();
        }),
        (Fault::DomainUnlinked, &lonely, |dir| fs::create_dir(dir.join("home")).unwrap()),
        (Fault::StateExposed, &text, |dir| expose(&dir.join(".syncline"))),
        (Fault::EntityNowhere, &text, |dir| {
            fs::remove_file(dir.join("data/personal/contacts.json")).unwrap();
            fs::remove_file(dir.join("data/business/contacts.json")).unwrap();
        }),
        (Fault::FileIgnored, &text, |dir| fs::write(dir.join("entity_mappings.json"), "{}").unwrap()),
    ];
    for (code, text, damage) in cases {
        let dir = folder();
        damage(dir.path());
        assert_eq!(codes(&findings_in(dir.path(), text)), [code.code()]);
    }
}

fn read_only(folder: &Path) {
    let mut permissions = fs::metadata(folder).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(folder, permissions).unwrap();
}

fn expose(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir(folder).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o750)).unwrap();
}

#[test]
fn the_gravest_finding_comes_first() {
    let dir = folder();
    let text =
        format!("{BASE}{CONTACTS}[entities.bills]\n[notify]\nurl = \"http://a:b@example.org/\"\n");
    let found = findings_in(dir.path(), &text);
    let grades: Vec<_> = found.iter().map(|finding| finding.severity).collect();
    assert_eq!(grades, [Severity::Error, Severity::Warning, Severity::Hint]);
    let first = "error CHECK_SECRET_LITERAL: 11:1: notify.url: holds a secret";
    assert_eq!(found[0].to_string(), first);
}

#[test]
fn every_code_has_a_page_and_every_word_is_used_once() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    let others = ["CONFIG_INVALID", "CONFIG_UNREADABLE", "PERMISSION_DENIED", "SAFETY_STOP"];
    let limits = ["LIMIT_ITEMS", "LIMIT_BYTES", "LIMIT_TIME"];
    let words: Vec<_> = Fault::ALL.iter().map(|code| code.code()).collect();
    assert_eq!(words.iter().collect::<BTreeSet<_>>().len(), words.len());
    for word in words.into_iter().chain(others).chain(limits) {
        let page = fs::read_to_string(pages.join(format!("{word}.md")));
        let page = page.unwrap_or_else(|_| panic!("docs/errors/{word}.md is missing"));
        assert!(page.starts_with(&format!("# {word}\n")), "{word}");
    }
}
