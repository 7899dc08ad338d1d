//! Commands on the state of a hub that is served: they work through the process that serves it.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;
use syncline_client::{Client, Options};
use syncline_engine::rows::Scan;
use syncline_store::Read;
use syncline_store::lent::{Asked, Door, Lent};

use crate::desk::{Desk, answer, numbered, synced};
use crate::kills::{SYNCS_MAX, assert_no_leftovers, assert_whole, edit, prepared};
use crate::serve::{ERRORS, Serving, ask};

/// Kills of the process that serves, at random moments.
const KILLS: u64 = 24;

/// A desk with a conflict, pending changes, and a few runs.
fn busy() -> Desk {
    let desk = synced(5);
    let mut contacts = numbered(0..5);
    contacts[1]["name"] = json!("At home");
    desk.contacts("personal", &contacts);
    contacts[1]["name"] = json!("At work");
    desk.contacts("business", &contacts);
    desk.run("sync --on-conflict ask").exits(5);
    contacts[2]["name"] = json!("Pending");
    desk.contacts("business", &contacts);
    desk
}

fn socket(desk: &Desk) -> UnixStream {
    UnixStream::connect(Door::of(&desk.path(".syncline")).unwrap().path()).unwrap()
}

/// Borrows the store of a desk's hub, as a command does.
fn borrow(desk: &Desk) -> Lent {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let asked = Asked { version, process: std::process::id(), hub: None };
    Lent::borrow(socket(desk), &asked, Some(&desk.path(".syncline"))).unwrap()
}

#[test]
fn whatever_looks_answers_the_same_while_the_hub_is_served() {
    let desk = busy();
    let conflicts = desk.run("conflicts list --json").exits(0).json();
    let conflict = conflicts["conflicts"][0]["id"].as_str().unwrap().to_owned();
    let show = format!("conflicts show {conflict} --json");
    let looks = [
        "log",
        "log --json",
        "show latest",
        "show latest --json",
        "status",
        "status --json",
        "plan",
        "plan --exit-code",
        "diff contacts",
        "diff contacts c001 --json",
        "twins",
        "check",
        "conflicts list",
        "conflicts list --jsonl",
        "conflicts show nothing",
        &show,
        "audit verify",
        "audit verify --json",
        "doctor",
        "doctor --json",
        "show nothing",
        "sync --dry-run",
        "log --nonsense",
    ];
    // Of a hub that was served `check` says that nobody is told how it does.
    let serving = Serving::start(&desk, &[]);
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends(), 0);
    let alone = looks.map(|words| desk.run(words));
    let serving = Serving::start(&desk, &[]);
    for (words, alone) in looks.iter().zip(alone) {
        let served = desk.run(words).exits(alone.code);
        assert_eq!((served.stdout, served.stderr), (alone.stdout, alone.stderr), "{words}");
    }
    let socket = std::fs::metadata(desk.path(".syncline/syncline.sock")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends(), 0);
    assert!(!desk.path(".syncline/syncline.sock").exists());
}

#[test]
fn whatever_changes_the_hub_does_so_while_it_is_served_and_clients_see_it_at_once() {
    let desk = busy();
    let serving = Serving::start(&desk, &[]);
    let name = |id: &str| {
        let path = format!("/v1/entities/contacts/records/{id}");
        serving.ask("GET", &path, &json!({})).unwrap().1["record"]["name"].clone()
    };
    desk.run("sync").exits(5);
    assert_eq!(name("c002"), "Pending");
    let path = "/v1/entities/contacts/records/new";
    serving.ask("PUT", path, &json!({ "name": "By phone" })).unwrap();
    let resolved = desk.run("conflicts resolve --entity contacts --take business --json").exits(0);
    assert_eq!(resolved.json()["conflicts"][0]["status"], "resolved");
    assert_eq!(name("c001"), "At work");
    desk.run("sync --json").exits(0);
    assert_eq!(desk.read("personal")["c001"]["name"], "At work");
    assert_eq!(desk.read("business")["new"]["name"], "By phone");
    desk.run("undo latest").exits(2).says("CONFIRMATION_NEEDED");
    desk.run("undo latest --yes").exits(0).says("Undone by");
    assert_eq!(desk.read("personal")["c001"]["name"], "At home");
    // Its conflict is open again.
    desk.run("plan -o plan.json").exits(5).says("syncline apply plan.json");
    desk.run("apply plan.json").exits(5);
    desk.run("audit verify").exits(0);
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends(), 0);
    desk.run("sync").exits(5);
    assert_eq!(desk.read("business")["new"]["name"], "By phone");
    desk.run("audit verify").exits(0);
}

#[test]
fn what_would_hold_the_hub_for_good_is_refused_while_it_is_served() {
    let desk = synced(1);
    let serving = Serving::start(&desk, &[]);
    for words in ["watch", "backup create --to copy", "serve --listen 127.0.0.1:0"] {
        desk.run(words).exits(7).says("a hub is served here").says(&serving.address);
    }
}

#[test]
fn commands_and_clients_at_once_take_their_turns_and_lose_nothing() {
    let desk = prepared();
    let serving = Serving::start(&desk, &[]);
    edit(&desk, "personal", 3, "a");
    edit(&desk, "business", 4, "b");
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| desk.run("sync --quiet").exits(0));
            scope.spawn(|| desk.run("log").exits(0));
        }
        for number in 0..40 {
            let operation = json!({ "op": number + 1, "entity": "tasks", "id": "t1",
                "at": "2026-11-20T10:00:00.000Z", "inc": { "/minutes": 1 } });
            let push = json!({ "client": "phone", "ops": [operation] });
            let (status, answer) = serving.ask("POST", "/v1/push", &push).unwrap();
            assert_eq!(status, 200, "{answer}");
        }
    });
    desk.run("sync").exits(0);
    let names = [("personal", "a".to_owned()), ("business", "b".to_owned())];
    assert_whole(&desk, 47, &names, "after all turns");
    desk.run("audit verify").exits(0);
}

#[test]
fn a_command_that_is_killed_leaves_a_hub_that_serves_on_and_needs_no_help() {
    let desk = prepared();
    let serving = Serving::start(&desk, &[]);
    let (mut minutes, mut names) = (0, Vec::new());
    for at in 1..=SYNCS_MAX {
        let name = format!("{at}");
        edit(&desk, "personal", 3, &name);
        edit(&desk, "business", 4, &name);
        minutes += 7;
        names.extend(["personal", "business"].map(|domain| (domain, name.clone())));
        let status = Command::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e"])
            .arg(format!("inject=fsync,fdatasync:signal=SIGKILL:when={at}"))
            .args([env!("CARGO_BIN_EXE_syncline"), "sync"])
            .current_dir(desk.path(""))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("strace is needed: scripts/install-test-packages.sh installs it");
        // Clients are served before anybody has helped.
        let (read, _) = serving.ask("GET", "/v1/entities/tasks/records", &json!({})).unwrap();
        assert_eq!(read, 200);
        desk.run("sync").exits(0);
        assert_whole(&desk, minutes, &names, &format!("killed at sync {at}"));
        if status.success() {
            assert!(at > 3, "{at}: the sweep saw the whole run");
            break;
        }
    }
    assert_no_leftovers(&desk.path("data/personal"));
    desk.run("audit verify").exits(0);
}

#[test]
fn a_kill_of_the_process_that_serves_loses_nothing_of_the_commands_under_way() {
    let desk = prepared();
    let mut dice = 0x5eed_u64;
    let (mut minutes, mut names) = (0, Vec::new());
    for round in 0..KILLS {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        let serving = Serving::start(&desk, &[]);
        edit(&desk, "personal", 1, &format!("{round}"));
        edit(&desk, "business", 2, &format!("{round}"));
        minutes += 3;
        names.extend(["personal", "business"].map(|domain| (domain, format!("{round}"))));
        let mut syncing = desk.command(&["sync"]);
        let syncing = syncing.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(dice % 60_000));
        serving.signal(Signal::KILL);
        serving.ends();
        let synced = answer(&syncing.wait_with_output().unwrap());
        assert!([0, 7, 8].contains(&synced.code), "{}: {}", synced.code, synced.stderr);
        desk.run("sync").exits(0);
        assert_whole(&desk, minutes, &names, &format!("round {round}: {}", synced.stderr));
    }
    desk.run("audit verify").exits(0);
}

/// It may still be writing files, which the next one would finish as well.
#[test]
fn after_the_server_is_killed_nobody_opens_the_hub_before_the_borrower_is_done() {
    let desk = synced(1);
    let serving = Serving::start(&desk, &[]);
    let held = borrow(&desk);
    let mut runs = 0;
    held.scan(&Scan::Runs, None, usize::MAX, &mut |_, _| {
        runs += 1;
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(runs, 1);
    serving.signal(Signal::KILL);
    serving.ends();
    desk.run("log").exits(7).says("STORE_LOCKED").says(&format!("pid {}", std::process::id()));
    drop(held);
    // The socket of the dead one is in nobody's way.
    assert!(desk.path(".syncline/syncline.sock").exists());
    desk.run("log").exits(0);
    let serving = Serving::start(&desk, &[]);
    desk.run("log").exits(0);
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends(), 0);
}

#[test]
fn whoever_knocks_and_says_nothing_or_goes_away_holds_up_nobody() {
    let desk = synced(1);
    let serving = Serving::start(&desk, &[]);
    let silent = socket(&desk);
    let mut waiting = Vec::new();
    {
        let held = borrow(&desk);
        for _ in 0..3 {
            let mut command = desk.command(&["log"]);
            command.stdout(Stdio::null()).stderr(Stdio::null());
            waiting.push(command.spawn().unwrap());
        }
        std::thread::sleep(Duration::from_millis(300));
        // One goes away while it waits for its turn.
        waiting[0].kill().unwrap();
        drop(held);
    }
    let codes: Vec<_> = waiting.iter_mut().map(|child| child.wait().unwrap().code()).collect();
    assert_eq!(codes, [None, Some(0), Some(0)]);
    desk.run("sync").exits(0);
    drop(silent);
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends(), 0);
    assert_eq!(String::from_utf8(desk.bytes(ERRORS)).unwrap().matches("warning").count(), 0);
}

#[test]
fn the_state_may_lie_deeper_than_the_path_of_a_socket_reaches() {
    let desk = Desk::new();
    let deep = ["a folder with a long name"; 6].join("/");
    desk.put("syncline.toml", format!("state = \"{deep}\"\n").as_bytes());
    let serving = Serving::start(&desk, &[]);
    desk.run("doctor").exits(0);
    desk.run("sync").exits(0);
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends(), 0);
}

#[test]
fn a_hub_beside_the_default_one_is_reached_by_its_folder() {
    let desk = Desk::new();
    desk.contacts("personal", &numbered(0..2));
    desk.contacts("business", &numbered(0..2));
    let serving = Serving::start(&desk, &[]);
    let (status, _) = serving.ask("POST", "/v1/hubs", &json!({ "name": "shop" })).unwrap();
    assert_eq!(status, 201);
    desk.put("shop.toml", b"state = \".syncline/hubs/shop\"\n");
    desk.run("sync --config shop.toml").exits(0);
    desk.run("log --config shop.toml").exits(0).says("sync-");
    let runs = desk.run("log --json").exits(0).json();
    assert_eq!(runs["runs"], json!([]), "nothing crosses to the other hub");
}

#[test]
fn status_says_how_many_copies_of_clients_are_known_to_be_what_the_hub_shows() {
    let desk = synced(5);
    let alone = desk.run("status --json").exits(0).json();
    assert_eq!(alone["replicas"], json!(null), "no client was ever there");
    let serving = Serving::start(&desk, &[]);
    let token = |client: &str| {
        let body = json!({"name": client, "role": "client", "client": client});
        let (status, made) = serving.ask("POST", "/v1/tokens", &body).unwrap();
        assert_eq!(status, 201, "{made}");
        made["token"].as_str().unwrap().to_owned()
    };
    // One compares what it holds by itself, one says nothing of what it holds.
    let url = format!("http://{}", serving.address);
    let options = Options::new(desk.path("phone.db"), &url, &token("phone")).client_id("phone");
    let phone = Client::open(options).unwrap();
    let pulled = ask(&serving.address, &token("watch"), "GET", "/v1/pull", &json!({})).unwrap();
    assert_eq!(pulled.0, 200, "{}", pulled.1);
    let begun = Instant::now();
    let status = loop {
        let status = desk.run("status --json").exits(0).json();
        if status["replicas"]["equal"] == 1 {
            break status;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{status}");
        std::thread::sleep(Duration::from_millis(50));
    };
    let replicas = &status["replicas"];
    assert_eq!(
        (&replicas["different"], &replicas["unknown"], &replicas["ratio"]),
        (&json!(0), &json!(1), &json!(1.0)),
        "{status}"
    );
    assert!(replicas["oldestSeconds"].is_u64(), "{status}");
    desk.run("status").exits(0).says(
        "2 copies of clients: 1 equal, 0 different, 1 unknown (100.0 % of those known equal)",
    );
    drop(phone);
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends(), 0);
    let status = desk.run("status --json").exits(0).json();
    let nothing = json!({
        "equal": 0, "different": 0, "unknown": 2, "ratio": null, "oldestSeconds": null,
    });
    assert_eq!(status["replicas"], nothing);
    desk.run("status").exits(0).says("2 unknown (nothing is known)");
}

#[test]
fn status_names_the_alerts_that_the_server_has_noted() {
    let desk = synced(5);
    assert_eq!(desk.run("status --json").exits(0).json()["alerts"], json!([]));
    let serving = Serving::start(&desk, &[]);
    let till = json!({ "id": "till", "url": "https://till.example/hook" });
    assert_eq!(serving.ask("POST", "/v1/endpoints", &till).unwrap().0, 201);
    let disable = serving.ask("POST", "/v1/endpoints/till/disable", &json!({}));
    assert_eq!(disable.unwrap().0, 200);
    let begun = Instant::now();
    let alerts = loop {
        let alerts = desk.run("status --json").exits(0).json()["alerts"].clone();
        if alerts != json!([]) {
            break alerts;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing is noted");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(
        (&alerts[0]["alert"], &alerts[0]["hub"], alerts.as_array().unwrap().len()),
        (&json!("endpoints_disabled"), &json!("default"), 1)
    );
    desk.run("status").exits(0).says("alert endpoints_disabled of hub default since ");
}
