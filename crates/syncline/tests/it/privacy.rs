//! What the policy withholds appears nowhere else (C12), but for the owner's column of a comparison.

use std::fs::File;
use std::time::Duration;

use serde_json::json;

use crate::desk::{Answer, Desk};

const CANARY: &str = "canary-7f3a";

/// Two sides of which business denies notes and is given no private record. Both have edited the
/// name of `a`, and `t` may be one person under two ids. Personal holds every canary.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.put(
        "syncline.toml",
        br#"
[domains.personal]
path = "data/personal"
[domains.business]
path = "data/business"
[domains.business.policy]
fields = [{ path = "/notes", action = "deny" }, { path = "/phone", action = "mask" }]
records = [{ path = "/category", equals = "private" }]
[entities.contacts]
identify = ["/email", "/phone", "/notes"]
[entities.contacts.fields]
"/name" = "review"
[[permissions]]
user = "ada"
allow = ["read", "write"]
[[permissions]]
user = "bea"
domain = "business"
allow = ["read", "write"]
"#,
    );
    desk
}

/// Writes the contacts of personal, which hold five canaries.
fn write_personal(desk: &Desk, name: &str, notes: &str) {
    let records = json!([
        { "id": "a", "name": name, "notes": format!("{CANARY}-{notes}"), "phone": format!("{CANARY}-{notes}") },
        { "id": "b", "name": format!("{CANARY}-b"), "category": "private" },
        { "id": "c", "name": "Chen" },
        { "id": "t1", "email": "tess@home.example", "notes": format!("{CANARY}-t") },
        { "name": format!("{CANARY}-broken") },
    ]);
    desk.contacts("personal", &records);
}

/// Syncs, and edits both sides once more.
fn sync_and_edit(desk: &Desk) -> Answer {
    write_personal(desk, "Ada", "one");
    let twin = json!({ "id": "t2", "email": "tess@home.example" });
    desk.contacts("business", &json!([{ "id": "a", "name": "Ada" }, twin]));
    let first = desk.run("sync --user ada --report report.json -v").exits(4);
    write_personal(desk, "Ada L.", "two");
    let lovelace = json!({ "id": "a", "name": "A. Lovelace", "phone": "***" });
    let tess = json!({ "id": "t1", "email": "tess@home.example" });
    desk.contacts("business", &json!([lovelace, { "id": "c", "name": "Chen" }, tess, twin]));
    first
}

#[test]
fn a_denied_value_is_nowhere_but_where_it_was_written() {
    let desk = desk();
    let mut said = vec![sync_and_edit(&desk)];
    for command in [
        "plan -v",
        "plan -o plan.json",
        "sync -v",
        "sync --json",
        "status",
        "status --json",
        "log",
        "log --json",
        "show latest -v",
        "show latest --json",
        "twins",
        "twins --json",
        "undo latest --plan -v",
        "undo latest --plan --json",
        "conflicts list --status all",
        "conflicts list --status all --json",
        "conflicts export -o f.json --status all",
        "audit export",
        "audit verify",
        "audit prove contacts a",
        "audit prove contacts t1",
        "audit prove contacts b",
        "doctor",
        "check",
    ] {
        let answer = desk.run(&format!("{command} --user ada"));
        assert_ne!(answer.code, 3, "{command} is allowed");
        said.push(answer);
    }
    let listed = desk.run("conflicts list --user ada --json").exits(0).json();
    let id = listed["conflicts"][0]["conflict"].as_str().unwrap();
    said.push(desk.run(&format!("conflicts show {id} --user ada")).exits(0).says("Lovelace"));
    said.push(desk.run(&format!("conflicts show {id} --user ada --json")).exits(0));
    for arguments in ["watch -v --user ada", "watch --jsonl --user ada"] {
        said.push(watch_two_runs(&desk, arguments));
    }
    for command in [
        "plan -o plan.json",
        "apply plan.json -v",
        "conflicts resolve --all --take business --yes",
        "sync -v",
        "undo latest --yes -v",
        "undo latest --yes --json",
        "conflicts import f.json",
        "cross-domain-sync --source personal --target business",
        "doctor --repair",
    ] {
        said.push(desk.run(&format!("{command} --user ada")));
    }
    for answer in &said {
        assert!(!answer.stdout.contains(CANARY), "{}", answer.stdout);
        assert!(!answer.stderr.contains(CANARY), "{}", answer.stderr);
    }
    let in_state = desk.files(".syncline");
    let told = in_state.iter().filter(|(name, _)| {
        ["/reports/", "/records/"].iter().any(|folder| name.starts_with(folder))
    });
    let business = desk.files("data/business");
    for (name, bytes) in business.iter().chain(told) {
        assert!(!String::from_utf8_lossy(bytes).contains(CANARY), "{name}");
    }
    for name in ["report.json", "plan.json", "f.json"] {
        assert!(!String::from_utf8_lossy(&desk.bytes(name)).contains(CANARY), "{name}");
    }
    let kept = String::from_utf8(desk.bytes("data/personal/contacts.json")).unwrap();
    assert_eq!(kept.matches(CANARY).count(), 5, "the owner keeps everything");
}

/// Lets a watch take two runs, the second after an edit of every canary, and ends it.
fn watch_two_runs(desk: &Desk, arguments: &str) -> Answer {
    let mut command = desk.command(&arguments.split_whitespace().collect::<Vec<_>>());
    let [out, err] = ["watch.out", "watch.err"].map(|name| desk.path(name));
    command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
    let mut watch = command.spawn().unwrap();
    let runs = || desk.files(".syncline/reports").len();
    let before = runs();
    let mut waits = 0;
    for (count, name) in [(1, "Ada K."), (2, "Ada B.")] {
        while runs() < before + count && waits < 3_000 {
            std::thread::sleep(Duration::from_millis(10));
            waits += 1;
        }
        write_personal(desk, name, &format!("{arguments} {count}"));
    }
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert!(runs() >= before + 2, "the watch ran twice");
    let [stdout, stderr] = [out, err].map(|path| std::fs::read_to_string(path).unwrap());
    assert!(!stdout.is_empty(), "a watch tells of its runs");
    Answer { code: -1, stdout, stderr }
}

/// A comparison of what each side holds is for who may read both.
#[test]
fn a_comparison_shows_a_denied_value_as_its_owners_and_only_to_who_may_read_both_sides() {
    let desk = desk();
    sync_and_edit(&desk);
    let document = desk.run("diff contacts a --user ada --json").exits(0).json();
    let shown = &document["records"][0];
    assert_eq!(shown["source"]["/notes"], format!("{CANARY}-two"));
    for member in ["base", "hub"] {
        assert_eq!(shown[member]["/notes"], format!("{CANARY}-one"), "{member}");
    }
    assert_eq!(shown["target"], json!({ "/name": "A. Lovelace", "/phone": "***" }));
    let turned = "diff contacts a --source business --target personal --user ada --json";
    let turned = desk.run(turned).exits(0).json();
    let shown = &turned["records"][0];
    for member in ["base", "source"] {
        assert!(!shown[member].to_string().contains(CANARY), "{member}: {shown}");
    }
    assert_eq!(shown["target"]["/notes"], format!("{CANARY}-two"));
    for command in ["diff contacts", "diff contacts a", "diff contacts b", "diff contacts --json"] {
        let shown = desk.run(&format!("{command} --user ada"));
        assert!(shown.stdout.contains(CANARY) && !shown.stderr.contains(CANARY), "{command}");
        let refused = desk.run(&format!("{command} --user bea")).exits(3);
        assert!(!refused.stdout.contains(CANARY) && !refused.stderr.contains(CANARY), "{command}");
    }
}

/// A plan as a document says what a deletion takes from the record's owner.
#[test]
fn a_plan_shows_a_denied_value_only_where_the_owner_would_lose_it() {
    let desk = desk();
    sync_and_edit(&desk);
    desk.contacts("business", &json!([{ "id": "a", "name": "Ada" }, { "id": "t2" }]));
    assert!(!desk.run("plan -v --user ada").stdout.contains(CANARY));
    let mut document = desk.run("plan --user ada --json").json();
    let actions = document["actions"].as_array_mut().unwrap();
    let deletion = actions.iter().position(|action| action["id"] == "t1").unwrap();
    let deletion = actions.remove(deletion);
    assert_eq!((&deletion["action"], &deletion["domain"]), (&json!("delete"), &json!("personal")));
    assert!(deletion.to_string().contains(CANARY), "{deletion}");
    assert!(!document.to_string().contains(CANARY), "{document}");
    desk.run("plan --user bea --json").exits(3);
}

#[test]
fn an_error_names_the_place_and_never_the_value() {
    let desk = Desk::new();
    let broken = format!("{{\"contacts\": [{{\"id\": \"a\", \"name\": \"{CANARY}\", oops}}]}}");
    desk.put("data/personal/contacts.json", broken.as_bytes());
    desk.contacts("business", &json!([]));
    let answer = desk.run("sync --entities contacts").exits(3);
    assert!(
        !answer.stderr.contains(CANARY) && !answer.stdout.contains(CANARY),
        "{}",
        answer.stderr
    );
}
