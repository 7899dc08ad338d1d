//! Several links in one run.

use serde_json::{Value, json};

use crate::desk::{Desk, numbered};
use crate::documents::check;

const THREE: &str = "[domains.personal]\npath = \"data/personal\"\n\
    [domains.business]\npath = \"data/business\"\n[domains.club]\npath = \"data/club\"\n\
    [entities.contacts]\n[entities.tasks]\n\
    [links.work]\nsource = \"personal\"\ntarget = \"business\"\n\
    [links.sport]\nsource = \"personal\"\ntarget = \"club\"\nentities = [\"contacts\"]\n";

fn three_domains() -> Desk {
    let desk = Desk::new();
    desk.put("syncline.toml", THREE.as_bytes());
    std::fs::create_dir(desk.path("data/club")).unwrap();
    desk.contacts("personal", &numbered(0..3));
    desk
}

fn runs(desk: &Desk, arguments: &str) -> Vec<Value> {
    let document = desk.run(arguments).json();
    check(&document);
    let runs = document["runs"].as_array().cloned().unwrap_or_else(|| vec![document]);
    runs.iter().for_each(check);
    runs
}

#[test]
fn a_sync_runs_all_links_and_leaves_a_record_of_each() {
    let desk = three_domains();
    desk.run("sync").exits(0).says("work:").says("sport:");
    for domain in ["business", "club"] {
        assert_eq!(desk.read(domain).len(), 3, "{domain}");
    }
    assert_eq!(desk.run("log --json").json()["runs"].as_array().unwrap().len(), 2);
    let again = runs(&desk, "sync --json --report report.json");
    let targets: Vec<&Value> = again.iter().map(|run| &run["targetDomain"]).collect();
    assert_eq!(targets, ["business", "club"]);
    let report: Value = serde_json::from_slice(&desk.bytes("report.json")).unwrap();
    assert_eq!(report["runs"], json!(again));
    let plans = runs(&desk, "sync --dry-run --json");
    assert!(plans.iter().all(|plan| plan["schema"] == "plan/1"), "{plans:?}");
}

#[test]
fn the_status_shows_all_links() {
    let desk = three_domains();
    desk.run("status").exits(0).says("personal and business").says("personal and club");
    let document = desk.run("status --json").json();
    check(&document);
    document["links"].as_array().unwrap().iter().for_each(check);
    let one = desk.run("status --link sport --json").json();
    check(&one);
    assert_eq!(one["targetDomain"], "club");
    assert!(one["lastRun"].is_null());
    desk.run("sync --link work").exits(0);
    assert!(desk.run("status --link sport --json").json()["lastRun"].is_null());
    assert!(desk.run("status --link work --json").json()["lastRun"].is_string());
}

#[test]
fn links_are_named_and_entities_choose_among_them() {
    #[rustfmt::skip]
    let cases: &[(&str, &[&str])] = &[
        ("--link sport",              &["club"]),
        ("--link sport,work",         &["club", "business"]),
        ("--link work --link sport",  &["business", "club"]),
        ("--entities tasks",          &["business"]),
        ("--entities contacts,tasks", &["business", "club"]),
        ("--source personal --target club", &["club"]),
    ];
    for (arguments, expected) in cases {
        let desk = three_domains();
        let runs = runs(&desk, &format!("sync --json {arguments}"));
        let targets: Vec<&Value> = runs.iter().map(|run| &run["targetDomain"]).collect();
        assert_eq!(targets, *expected, "case: {arguments}");
    }
    let desk = three_domains();
    desk.run("sync --entities pets").exits(2).says("ENTITY_TYPE_UNSUPPORTED");
    desk.run("sync --link holidays").exits(2).says("LINK_UNKNOWN");
    desk.run("sync --link work,holidays").exits(2).says("LINK_UNKNOWN");
    desk.run("undo latest --link work,sport").exits(2);
}

#[test]
fn a_link_that_fails_holds_up_only_itself_and_the_exit_code_is_the_worst() {
    let desk = three_domains();
    desk.contacts("personal", &numbered(0..100));
    desk.run("sync").exits(0);
    desk.contacts("business", &numbered(0..1));
    desk.contacts("club", &numbered(0..101));
    let runs = runs(&desk, "sync --json");
    assert_eq!((&runs[0]["schema"], &runs[0]["code"]), (&"error/1".into(), &"SAFETY_STOP".into()));
    assert_eq!(runs[1]["status"], "success");
    assert_eq!(desk.read("personal").len(), 101);
    desk.run("sync").exits(6);
}

#[test]
fn a_filter_lets_only_those_records_take_part_that_meet_it() {
    let desk = Desk::new();
    let filtered = "[domains.personal]\npath = \"data/personal\"\n\
        [domains.business]\npath = \"data/business\"\n[entities.contacts]\n\
        [links.work]\nsource = \"personal\"\ntarget = \"business\"\n\
        filter = [{ entity = \"contacts\", path = \"/category\", equals = \"business\" }]\n";
    desk.put("syncline.toml", filtered.as_bytes());
    let contact = |id: &str, category: &str| json!({ "id": id, "category": category });
    let here = [contact("a", "business"), contact("b", "private"), json!({ "id": "c" })];
    desk.contacts("personal", &json!(here));
    desk.contacts("business", &json!([contact("d", "business"), contact("e", "family")]));
    desk.run("sync").exits(0).says("kept back by policy");
    let ids = |domain| desk.read(domain).into_keys().collect::<Vec<_>>();
    assert_eq!((ids("personal"), ids("business")), (ids_of("abcd"), ids_of("ade")));
    // What no longer meets the filter stays where it is, on both sides.
    desk.contacts("personal", &json!([contact("a", "private"), contact("b", "business")]));
    desk.run("sync --max-delete 100%").exits(0);
    assert_eq!((ids("personal"), ids("business")), (ids_of("ab"), ids_of("abe")));
    assert_eq!(desk.read("business")["a"]["category"], "business");
    let hidden = filtered.replace(
        "[entities.contacts]",
        "policy.fields = [{ path = \"/category\", action = \"deny\" }]\n[entities.contacts]",
    );
    desk.put("syncline.toml", hidden.as_bytes());
    desk.run("sync").exits(3).says("CHECK_FILTER_WITHHELD");
}

fn ids_of(letters: &str) -> Vec<String> {
    letters.chars().map(String::from).collect()
}

#[test]
fn a_plan_holds_all_links_and_is_applied_link_by_link() {
    let desk = three_domains();
    desk.run("plan").exits(0).says("work:").says("sport:").says("--link sport");
    let shown = desk.run("plan -o plan.json --json").exits(0).json();
    check(&shown);
    shown["plans"].as_array().unwrap().iter().for_each(check);
    let saved: Value = serde_json::from_slice(&desk.bytes("plan.json")).unwrap();
    assert_eq!(saved, shown);
    let applied = desk.run("apply plan.json --json").exits(0).json();
    check(&applied);
    let targets = applied["runs"].as_array().unwrap().iter().map(|run| &run["targetDomain"]);
    assert_eq!(targets.collect::<Vec<_>>(), ["business", "club"]);
    for domain in ["business", "club"] {
        assert_eq!(desk.read(domain).len(), 3, "{domain}");
    }
    desk.run("apply plan.json").exits(6).says("PLAN_STALE");

    desk.run("plan --link sport -o one.json").exits(0);
    desk.run("apply one.json").exits(0).says("Nothing to do");
    desk.put("none.json", br#"{"schema": "plans/1", "plans": []}"#);
    desk.run("apply none.json").exits(2).says("PLAN_INVALID");
}

#[test]
fn a_plan_of_several_links_is_applied_whole_or_refused_where_it_is_another() {
    let desk = three_domains();
    desk.run("sync").exits(0);
    desk.contacts("business", &numbered(0..4));
    desk.contacts("club", &numbered(0..2));
    desk.run("plan -o plan.json --max-delete 100%").exits(0);
    // Moved before the first: nothing is done at all.
    let before = desk.files("data");
    desk.contacts("club", &numbered(0..1));
    desk.run("apply plan.json").exits(6).says("PLAN_STALE");
    assert_eq!(desk.read("personal").len(), 3);
    desk.contacts("club", &numbered(0..2));
    assert_eq!(desk.files("data"), before);
    // What the first link brings to personal is not in the plan of the second.
    let applied = desk.run("apply plan.json --json").exits(6).json();
    check(&applied);
    assert_eq!(applied["runs"][0]["status"], "success");
    assert_eq!(applied["runs"][1]["code"], "PLAN_STALE");
    assert_eq!((desk.read("personal").len(), desk.read("club").len()), (4, 2));
}

#[test]
fn pending_changes_of_one_link_hide_no_stop_of_another() {
    let desk = three_domains();
    desk.contacts("personal", &numbered(0..100));
    desk.run("sync").exits(0);
    desk.contacts("club", &numbered(0..1));
    desk.contacts("business", &numbered(0..101));
    desk.run("plan --exit-code").exits(6).says("SAFETY_STOP");
    desk.run("plan --exit-code --link work").exits(10);
}

#[test]
fn what_only_looks_shows_all_links() {
    let desk = three_domains();
    let ada = |id: &str| json!([{ "id": id, "name": "Ada", "email": "ada@x.example" }]);
    desk.contacts("personal", &ada("a"));
    desk.contacts("business", &ada("b"));
    desk.contacts("club", &ada("c"));
    desk.run("twins").exits(0).says("work:").says("sport:");
    let twins = desk.run("twins --json").exits(0).json();
    check(&twins);
    let found = twins["twins"].as_array().unwrap().iter();
    let found: Vec<Value> =
        found.map(|pair| json!([pair["targetDomain"], pair["target"]])).collect();
    assert_eq!(found, [json!(["business", "b"]), json!(["club", "c"])]);
    desk.run("diff contacts").exits(0).says("work:").says("sport:");
    let diff = desk.run("diff contacts a --json").exits(0).json();
    check(&diff);
    let targets: Vec<&Value> =
        diff["records"].as_array().unwrap().iter().map(|record| &record["targetDomain"]).collect();
    assert_eq!(targets, ["business", "club"]);
    desk.run("diff tasks").exits(0).says("No record differs");
    desk.run("diff pets").exits(2).says("ENTITY_TYPE_UNSUPPORTED");
}

#[test]
fn the_report_of_several_links_holds_the_whole_record_of_one_that_was_stopped() {
    let desk = three_domains();
    desk.contacts("personal", &numbered(0..100));
    desk.run("sync").exits(0);
    desk.contacts("business", &numbered(0..1));
    let answer = desk.run("sync --report report.json").exits(6);
    answer.says("look: syncline plan --link work ");
    let report: Value = serde_json::from_slice(&desk.bytes("report.json")).unwrap();
    check(&report);
    report["runs"].as_array().unwrap().iter().for_each(check);
    assert_eq!(report["runs"][0]["status"], "stopped");
    assert_eq!(report["runs"][0]["errors"][0]["code"], "SAFETY_STOP");
    assert_eq!(report["runs"][1]["status"], "success");
}

/// Every command that reads the domains refuses before anything crosses.
#[test]
fn what_business_may_not_have_does_not_reach_the_club_behind_it() {
    let desk = three_domains();
    let behind = THREE.replace(
        "source = \"personal\"\ntarget = \"club\"",
        "source = \"business\"\ntarget = \"club\"",
    );
    let deny = "[[domains.business.policy.fields]]\npath = \"/s\"\naction = \"deny\"\n";
    desk.put("syncline.toml", (behind.clone() + deny).as_bytes());
    desk.contacts("personal", &json!([{ "id": "a", "s": "SECRET" }]));
    for command in [
        "check",
        "sync",
        "sync --link sport",
        "plan --link work",
        "diff contacts --link work",
        "status",
    ] {
        desk.run(command).exits(3).says("CHECK_LINKS_LEAK").says("denies `/s` of `contacts`");
    }
    for domain in ["business", "club"] {
        assert!(!desk.path(&format!("data/{domain}/contacts.json")).exists(), "{domain}");
    }
    let also = deny.replace("business", "club");
    desk.put("syncline.toml", (behind + deny + &also).as_bytes());
    desk.run("sync").exits(0);
    assert_eq!(desk.read("club")["a"], json!({ "id": "a" }));
}

/// A star of three, whose links each have a preference, or none.
fn star(preferences: [&str; 2]) -> String {
    let mut text = String::from("[entities.contacts]\n");
    for name in ["personal", "business", "third"] {
        text.push_str(&format!("[domains.{name}]\npath = \"data/{name}\"\n"));
    }
    for (name, preference) in ["business", "third"].into_iter().zip(preferences) {
        text.push_str(&format!(
            "[links.{name}]\nsource = \"personal\"\ntarget = \"{name}\"\n{preference}\n"
        ));
    }
    text
}

fn shown(desk: &Desk) -> [String; 3] {
    ["personal", "business", "third"]
        .map(|domain| desk.read(domain)["a"]["f"].as_str().unwrap().to_owned())
}

#[test]
fn links_of_one_entity_settle_a_conflict_alike_whatever_each_prefers() {
    let words = ["", "source", "target", "newer", "review"];
    let preference = |word: &str| match word {
        "" => String::new(),
        word => format!("on_conflict = \"{word}\""),
    };
    for (number, [first, second]) in
        words.iter().flat_map(|first| words.map(|second| [*first, second])).enumerate()
    {
        let desk = Desk::new();
        desk.put("syncline.toml", star([&preference(first), &preference(second)]).as_bytes());
        std::fs::create_dir(desk.path("data/third")).unwrap();
        let hold = |domain: &str, value: &str, day: usize| {
            let time = format!("2026-01-0{day}T00:00:00Z");
            let timed = json!([{ "id": "a", "lastModified": time, "f": value }]);
            let bare = json!([{ "id": "a", "f": value }]);
            desk.contacts(domain, if number % 2 == 0 { &timed } else { &bare });
        };
        for domain in ["personal", "business", "third"] {
            hold(domain, "0", 1);
        }
        desk.run("sync").exits(0);
        for (day, domain) in ["third", "personal", "business"].into_iter().enumerate() {
            hold(domain, domain, 2 + day);
        }
        for _ in 0..2 {
            desk.run("sync");
        }
        let settled = shown(&desk);
        let story = format!("{first}, {second}: {settled:?}");
        let listed = desk.run("conflicts list --status open --json").exits(0).json();
        let is_open = !listed["conflicts"].as_array().unwrap().is_empty();
        for link in ["business", "third", "business", "third"] {
            let code = desk.run(&format!("sync --link {link}")).code;
            assert_eq!(shown(&desk), settled, "{story} after {link}");
            assert!(code == 0 || code == 5 && is_open, "{story}: {code} of {link}");
        }
        let is_agreed = settled.iter().all(|value| *value == settled[0]);
        assert!(is_agreed || is_open, "{story}");
        let wins = |word: &str| [first, second].iter().all(|said| *said == word);
        assert!(!wins("source") || settled[0] == "personal", "{story}");
        assert!(!wins("target") || settled[0] != "personal" || is_open, "{story}");
    }
}

#[test]
fn with_spec_001s_configuration_three_domains_come_to_one_value() {
    for preference in ["source", "target"] {
        let desk = Desk::new();
        std::fs::create_dir(desk.path("data/third")).unwrap();
        let domains = ["personal", "business", "third"];
        let config = format!(
            r#"{{"domains": {{"personal": {{}}, "business": {{}}, "third": {{}}}},
                "sync": {{"conflictResolution": "{preference}"}}}}"#
        );
        desk.put("cross_domain_config.json", config.as_bytes());
        for domain in domains {
            desk.contacts(domain, &json!([{ "id": "a", "f": domain }]));
        }
        desk.run("sync").exits(0);
        desk.run("sync").exits(0);
        let expected = if preference == "source" { "personal" } else { "third" };
        assert_eq!(shown(&desk), [expected; 3].map(str::to_owned), "{preference}");
        desk.run("sync").exits(0).says("Nothing to do");
    }
}
