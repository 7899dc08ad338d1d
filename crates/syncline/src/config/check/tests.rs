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
    check(&Config::load(dir, None).unwrap_or_else(|error| panic!("{text}\n{error}")), &[])
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
    (Fault::AlertsUntold, "[[issuers]]\nname = \"i\"\naudience = \"a\"\nkeys = \"k\"", "alerts"),
    (Fault::SecretLiteral, "[[alerts.to]]\nkind = \"pagerduty\"\nsecret = \"canary\"", "alerts.to[0].secret"),
    (Fault::SecretLiteral, "[[alerts.to]]\nkind = \"slack\"\nurl = \"https://hooks.slack.com/services/canary\"", "alerts.to[0].url"),
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

#[test]
fn a_configuration_that_only_serves_misses_no_folders() {
    let dir = tempfile::tempdir().unwrap();
    #[rustfmt::skip]
    let cases = [
        ("[views.open]\nentity = \"tasks\"",                                         true),
        ("[[alerts.to]]\nkind = \"slack\"\nurl = \"env:SLACK_HOOK\"",                  true),
        ("",                                                                        false),
        ("[entities.tasks]",                                                        false),
        ("[views.open]\nentity = \"tasks\"\n[domains.home]\npath = \"home\"",         false),
    ];
    for (text, is_clean) in cases {
        let missing = Fault::DomainMissing.code();
        let found = findings_in(dir.path(), text);
        assert_eq!(!codes(&found).contains(&missing), is_clean, "case: {text}: {found:?}");
    }
    fs::create_dir_all(dir.path().join("data/personal")).unwrap();
    let found = findings_in(dir.path(), "[views.open]\nentity = \"contacts\"");
    let missing = Fault::DomainMissing.code();
    assert!(codes(&found).contains(&missing), "one of the two is there: {found:?}");
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
        // What is missing as a whole has no line.
        let has_place = *code != Fault::AlertsUntold;
        assert_eq!(own[0].position.is_some(), has_place, "case: {text}");
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
        (Fault::FilterWithheld, link("filter = [{ path = \"/c\", equals = 1 }]") + "[[domains.business.policy.fields]]\npath = \"/c\"\naction = \"mask\"", "links.work.filter[0]"),
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

/// Domains a, b, c, d without rules, then the links, each as the names of its two domains.
fn linked(links: &[&str], rules: &str) -> String {
    let mut text = String::new();
    for name in ["a", "b", "c", "d"] {
        text += &format!("[domains.{name}]\npath = \"data/{name}\"\n");
    }
    for link in links {
        let (names, filter) = link.split_once('?').unwrap_or((link, ""));
        let (source, target) = names.split_at(1);
        text += &format!("[links.{names}]\nsource = \"{source}\"\ntarget = \"{target}\"\n");
        if !filter.is_empty() {
            text += &format!("filter = [{{ path = \"/category\", equals = \"{filter}\" }}]\n");
        }
    }
    for rule in rules.split_terminator(';') {
        let (domain, rule) = rule.split_once(' ').unwrap();
        text += &match rule.split_once(' ').unwrap() {
            ("records", value) => format!(
                "[[domains.{domain}.policy.records]]\npath = \"/category\"\nin = [{value}]\n"
            ),
            ("default", value) => format!("[domains.{domain}.policy]\ndefault = \"{value}\"\n"),
            (path, action) => format!(
                "[[domains.{domain}.policy.fields]]\npath = \"{path}\"\naction = \"{action}\"\n"
            ),
        };
    }
    text + "[entities.contacts]\n"
}

/// Each row: links, rules, and the domains whose rules are walked around (`links` where domains are
/// not joined at all).
#[test]
fn what_a_domain_keeps_back_does_not_reach_those_behind_it() {
    #[rustfmt::skip]
    let cases: &[(&[&str], &str, &[&str])] = &[
        // Nothing is closed, or only at the rim.
        (&["ab", "bc", "cd"], "", &[]),
        (&["ab", "bc"], "a /s deny;c /t mask", &[]),
        (&["ab", "ac", "ad"], "b /s deny;c /t deny;d records \"x\"", &[]),
        // A chain and a star whose middle is closed.
        (&["ab", "bc"], "b /s deny", &["b"]),
        (&["ab", "bc"], "b /s mask", &["b"]),
        (&["ab", "bc"], "b /s in_only", &["b"]),
        (&["ab", "bc"], "b /s out_only", &["b"]),
        (&["ab", "bc"], "b default deny", &["b"]),
        (&["ab", "bc"], "b records \"x\"", &["b"]),
        (&["ba", "bc", "bd"], "b /s deny;c /s deny", &["b"]),
        (&["ba", "bc", "bd"], "b /s deny;c /s deny;d /s deny", &[]),
        (&["ab", "bc", "cd"], "b /s deny;c /s deny", &["b", "c"]),
        (&["ab", "bc", "cd"], "b /s deny;c /s deny;d /s deny", &[]),
        // A triangle has a link of its own for it.
        (&["ab", "bc", "ac"], "b /s deny", &[]),
        (&["ab", "bc", "ac?x"], "b /s deny", &["b"]),
        (&["ab?x", "bc?x", "ac?x"], "b /s deny", &[]),
        (&["ab?x", "bc?x"], "b /s deny", &["b"]),
        // As strict: by another rule, or not quite.
        (&["ab", "bc"], "b /s mask;c /s deny", &[]),
        (&["ab", "bc"], "b /s deny;c /s mask", &["b"]),
        (&["ab", "bc"], "b /s in_only;c /s mask", &[]),
        (&["ab", "bc"], "b /s out_only;c /s in_only", &["b"]),
        (&["ab", "bc"], "b /s/t deny;c /s deny", &[]),
        (&["ab", "bc"], "b /s deny;c /s/t deny", &["b"]),
        (&["ab", "bc"], "b /s deny;c /s/t allow;c /s deny", &["b"]),
        (&["ab", "bc"], "b /s/t allow;b /s deny;c /s/t allow;c /s deny", &[]),
        (&["ab", "bc"], "b /*/s deny;c /p/s allow;c /*/s deny", &["b"]),
        (&["ab", "bc"], "b /*/s deny;c /p/* allow;c /*/s deny", &["b"]),
        (&["ab", "bc"], "b /*/s deny;c /*/s/** deny", &["b"]),
        (&["ab", "bc"], "b /s deny;c default deny", &[]),
        (&["ab", "bc"], "b default deny;b /n allow;c default deny;c /n allow", &[]),
        (&["ab", "bc"], "b default deny;b /n allow;c default deny;c /n allow;c /m allow", &["b"]),
        (&["ab", "bc"], "b records \"x\";c records \"y\", \"x\"", &[]),
        (&["ab", "bc"], "b records \"x\", \"z\";c records \"x\"", &["b"]),
        // Each rule by itself: no field is open on both sides.
        (&["ab", "bc"], "a /s deny;b /s deny;b /t deny;c /t deny", &[]),
        // The hub is one, whatever the links say.
        (&["ab", "cd"], "", &["links"]),
        (&["ab", "ac"], "", &[]),
    ];
    let dir = folder();
    for (links, rules, leaks) in cases {
        let text = linked(links, rules);
        let found = findings_in(dir.path(), &text);
        let found: BTreeSet<String> = found
            .into_iter()
            .filter(|finding| finding.fault == Fault::LinksLeak)
            .map(|finding| finding.at.replace("domains.", "").replace(".policy", ""))
            .collect();
        let leaks: BTreeSet<String> = leaks.iter().map(|&at| at.to_owned()).collect();
        assert_eq!(found, leaks, "case: {links:?} {rules}");
    }
}

/// The words of a leak name the domain, the rule, and what to add.
#[test]
fn a_leak_says_what_to_add_and_where() {
    let dir = folder();
    let found = findings_in(dir.path(), &linked(&["ab", "bc"], "b /s deny"));
    let found = found.iter().find(|finding| finding.fault == Fault::LinksLeak).unwrap();
    assert_eq!(found.at, "domains.b.policy");
    assert!(
        found.what.starts_with("denies `/s` of `contacts`, which `a` and `c` do not"),
        "{found}"
    );
    let rule = "add { path = \"/s\", action = \"deny\" } to the policy of `c`";
    assert!(found.mend.starts_with(rule), "{}", found.mend);
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
