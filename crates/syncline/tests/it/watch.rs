//! A watch syncs within a second of a change, and rests in between.

use std::os::unix::net::UnixDatagram;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::desk::{Desk, numbered};

/// A watch that is ended whatever happens.
struct Watch(Child);

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for(limit: Duration, mut is_done: impl FnMut() -> bool) -> Option<Duration> {
    let begun = Instant::now();
    while begun.elapsed() < limit {
        if is_done() {
            return Some(begun.elapsed());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

fn contacts_in(desk: &Desk, domain: &str) -> usize {
    let path = desk.path(&format!("data/{domain}/contacts.json"));
    let bytes = std::fs::read(path).unwrap_or_default();
    let file: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    file["contacts"].as_array().map(Vec::len).unwrap_or_default()
}

#[test]
fn a_change_reaches_the_other_side_within_a_second_and_a_watch_rests_afterwards() {
    let desk = Desk::new();
    desk.contacts("personal", &numbered(0..3));
    desk.contacts("business", &numbered(0..3));
    let mut command = desk.command(&["watch", "--jsonl", "--poll", "60s"]);
    let child = command.stdout(std::fs::File::create(desk.path("out.jsonl")).unwrap());
    let watch = Watch(child.stderr(Stdio::null()).spawn().unwrap());
    let runs = || String::from_utf8(desk.bytes("out.jsonl")).unwrap().lines().count();
    wait_for(Duration::from_secs(30), || runs() == 1).expect("the first run");
    // An editor or export replaces the file as a whole.
    desk.contacts("elsewhere", &numbered(0..4));
    let (from, to) = ("data/elsewhere/contacts.json", "data/personal/contacts.json");
    std::fs::rename(desk.path(from), desk.path(to)).unwrap();
    let took = wait_for(Duration::from_secs(30), || contacts_in(&desk, "business") == 4);
    let took = took.expect("the change arrives");
    assert!(took < Duration::from_secs(1) || is_machine_busy(), "took {took:?}");
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(runs(), 2, "our own writes cause no further run");
    drop(watch);
    desk.run("sync").exits(0).says("Nothing to do");
}

#[test]
fn a_watch_tells_its_supervisor_when_it_is_ready_alive_and_stopping() {
    let desk = Desk::new();
    desk.contacts("personal", &numbered(0..3));
    let path = desk.path("supervisor.socket");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut command = desk.command(&["watch"]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000").env_remove("WATCHDOG_PID");
    let mut watch = Watch(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let next = || {
        let mut told = [0; 256];
        let count = socket.recv(&mut told).expect("the supervisor is told something");
        String::from_utf8_lossy(&told[..count]).into_owned()
    };
    assert_eq!(next(), "READY=1\nSTATUS=watching personal and business");
    assert_eq!(contacts_in(&desk, "business"), 3, "ready means that the first run is done");
    assert_eq!([next(), next()], ["WATCHDOG=1"; 2]);
    let pid = rustix::process::Pid::from_child(&watch.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let last = std::iter::repeat_with(next).find(|told| told != "WATCHDOG=1");
    assert_eq!(last.as_deref(), Some("STOPPING=1"));
    assert_eq!(watch.0.wait().unwrap().code(), Some(130));
}

#[test]
fn a_supervisor_that_is_gone_or_watches_another_process_changes_nothing() {
    let desk = Desk::new();
    desk.contacts("personal", &numbered(0..3));
    let mut command = desk.command(&["watch"]);
    command.env("NOTIFY_SOCKET", desk.path("nobody.socket")).env("WATCHDOG_USEC", "200000");
    command.env("WATCHDOG_PID", "1");
    let watch = Watch(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let arrived = wait_for(Duration::from_secs(30), || contacts_in(&desk, "business") == 3);
    assert!(arrived.is_some());
    drop(watch);
}

/// Returns whether more processes want to run than there are processors; a time then says nothing.
fn is_machine_busy() -> bool {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = load.split(' ').next().and_then(|one| one.parse().ok()).unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    load > processors as f64
}

#[test]
fn a_watch_of_several_links_carries_a_change_through_all_of_them() {
    let desk = Desk::new();
    let chain = b"[domains.personal]\npath = \"data/personal\"\n\
        [domains.business]\npath = \"data/business\"\n[domains.club]\npath = \"data/club\"\n\
        [entities.contacts]\n[links.sport]\nsource = \"personal\"\ntarget = \"club\"\n\
        [links.work]\nsource = \"business\"\ntarget = \"personal\"\n";
    desk.put("syncline.toml", chain);
    for domain in ["personal", "business", "club"] {
        desk.contacts(domain, &numbered(0..3));
    }
    let mut command = desk.command(&["watch", "--jsonl", "--poll", "100ms"]);
    let child = command.stdout(std::fs::File::create(desk.path("out.jsonl")).unwrap());
    let watch = Watch(child.stderr(Stdio::null()).spawn().unwrap());
    let runs = || String::from_utf8(desk.bytes("out.jsonl")).unwrap().lines().count();
    wait_for(Duration::from_secs(30), || runs() == 2).expect("the first run of both links");
    desk.contacts("business", &numbered(0..4));
    wait_for(Duration::from_secs(30), || contacts_in(&desk, "club") == 4).expect("it arrives");
    drop(watch);
    desk.run("sync").exits(0);
    desk.run("sync --link holidays").exits(2);
}

/// Begins a watch whose standard error is kept in a file of the desk.
fn begin(desk: &Desk, poll: &str) -> Watch {
    let mut command = desk.command(&["watch", "--poll", poll]);
    let errors = std::fs::File::create(desk.path("watch.txt")).unwrap();
    Watch(command.stdout(Stdio::null()).stderr(errors).spawn().unwrap())
}

#[track_caller]
fn wait_until(what: &str, is_done: impl FnMut() -> bool) {
    assert!(wait_for(Duration::from_secs(30), is_done).is_some(), "{what}");
}

/// Returns how often a watch has said something.
fn said(desk: &Desk, text: &str) -> usize {
    String::from_utf8(desk.bytes("watch.txt")).unwrap().matches(text).count()
}

fn record(p: &str, q: &str) -> serde_json::Value {
    serde_json::json!([{ "id": "a", "p": p, "q": q }])
}

fn holds(desk: &Desk, domain: &str, member: &str, value: &str) -> bool {
    let path = desk.path(&format!("data/{domain}/contacts.json"));
    let bytes = std::fs::read(path).unwrap_or_default();
    let file: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    file["contacts"][0][member] == value
}

const DENIED: &[u8] =
    b"[entities.contacts]\n[[domains.business.policy.fields]]\npath = \"/p\"\naction = \"deny\"\n\
      [domains.business]\npath = \"data/business\"\n[domains.personal]\npath = \"data/personal\"\n";
const OPEN: &[u8] = b"[entities.contacts]\n";

#[test]
fn a_field_that_is_denied_while_a_watch_runs_crosses_no_more() {
    for poll in ["60s", "100ms"] {
        let desk = Desk::new();
        desk.put("syncline.toml", OPEN);
        desk.contacts("personal", &record("old", "old"));
        let watch = begin(&desk, poll);
        wait_until("the first run", || holds(&desk, "business", "p", "old"));
        desk.put("syncline.toml", DENIED);
        desk.contacts("personal", &record("SECRET", "new"));
        wait_until("the rest arrives", || holds(&desk, "business", "q", "new"));
        assert!(holds(&desk, "business", "p", "old"), "poll {poll}");
        assert_eq!(said(&desk, "the configuration has changed"), 1);
        drop(watch);
    }
}

#[test]
fn a_watch_waits_while_its_configuration_is_invalid_empty_or_gone_and_says_so_once() {
    let desk = Desk::new();
    desk.put("syncline.toml", DENIED);
    desk.contacts("personal", &record("SECRET", "old"));
    let watch = begin(&desk, "100ms");
    wait_until("the first run", || holds(&desk, "business", "q", "old"));
    let breaks: [(Option<&[u8]>, &str); 3] = [
        (Some(b"[entities.contacts\n"), "CONFIG_INVALID"),
        (Some(b"\n"), "CONFIG_UNREADABLE"),
        (None, "CONFIG_UNREADABLE"),
    ];
    for (round, (text, code)) in breaks.into_iter().enumerate() {
        let before = said(&desk, code);
        match text {
            Some(text) => desk.put("syncline.toml", text),
            None => std::fs::remove_file(desk.path("syncline.toml")).unwrap(),
        }
        wait_until("the error is told", || said(&desk, code) > before);
        let q = format!("round {round}");
        desk.contacts("personal", &record("SECRET", &q));
        std::thread::sleep(Duration::from_millis(700));
        assert!(!holds(&desk, "business", "q", &q), "nothing crosses, round {round}");
        assert_eq!(said(&desk, code), before + 1, "it is said once, round {round}");
        desk.put("syncline.toml", DENIED);
        wait_until("it goes on", || holds(&desk, "business", "q", &q));
        assert!(!holds(&desk, "business", "p", "SECRET"));
    }
    drop(watch);
}

#[test]
fn a_watch_whose_state_is_taken_away_ends_so_that_it_is_started_again() {
    let desk = Desk::new();
    desk.contacts("personal", &record("p", "old"));
    let mut watch = begin(&desk, "100ms");
    wait_until("the first run", || holds(&desk, "business", "q", "old"));
    std::fs::remove_dir_all(desk.path(".syncline")).unwrap();
    let mut ended = None;
    wait_until("the watch ends", || {
        ended = watch.0.try_wait().unwrap();
        ended.is_some()
    });
    assert_eq!(ended.and_then(|status| status.code()), Some(8));
    assert_eq!(said(&desk, "STATE_GONE"), 1);
    assert!(!desk.path(".syncline").exists(), "no other state is begun");
}

#[test]
fn a_watch_whose_domain_leads_elsewhere_deletes_nothing_and_goes_on_there() {
    type Lead = fn(&Desk);
    let leads: [(&str, Lead); 3] = [
        ("by the configuration", |desk| {
            desk.put(
                "syncline.toml",
                b"[entities.contacts]\n[domains.business]\npath = \"data/old\"\n\
                  [domains.personal]\npath = \"data/personal\"\n",
            );
        }),
        ("by a link to a folder", |desk| {
            std::fs::rename(desk.path("data/business"), desk.path("data/former")).unwrap();
            std::os::unix::fs::symlink("old", desk.path("data/business")).unwrap();
        }),
        ("by a link to a file", |desk| {
            let link = desk.path("data/link");
            std::os::unix::fs::symlink("../old/contacts.json", &link).unwrap();
            std::fs::rename(link, desk.path("data/business/contacts.json")).unwrap();
        }),
    ];
    for (case, lead) in leads {
        let desk = Desk::new();
        desk.put(
            "syncline.toml",
            b"[entities.contacts]\n[domains.business]\npath = \"data/business\"\n\
              [domains.personal]\npath = \"data/personal\"\n",
        );
        let contacts = serde_json::json!([{ "id": "a", "p": "new" }, { "id": "b" }, { "id": "c" }]);
        desk.contacts("personal", &contacts);
        desk.contacts("business", &contacts);
        desk.put("data/old/contacts.json", br#"{"contacts":[{"id":"a","p":"old"}]}"#);
        desk.run("sync").exits(0);
        let watch = begin(&desk, "100ms");
        let edited = serde_json::json!(
            [{ "id": "a", "p": "new", "q": "first" }, { "id": "b" }, { "id": "c" }]
        );
        desk.contacts("personal", &edited);
        wait_until("the first run", || holds(&desk, "business", "q", "first"));
        lead(&desk);
        wait_until("it is told", || said(&desk, "DOMAIN_MOVED") > 0);
        wait_until("what was missing is there", || contacts_in(&desk, "old") == 3);
        assert_eq!(contacts_in(&desk, "personal"), 3, "{case}");
        assert!(holds(&desk, "personal", "p", "new"), "{case}");
        assert!(holds(&desk, "old", "p", "old"), "{case}: a person decides");
        assert_eq!(said(&desk, "DOMAIN_MOVED"), 1, "{case}: it is told once");
        let more = serde_json::json!([{ "id": "a", "p": "new", "q": "more" }, { "id": "b" }]);
        desk.contacts("personal", &more);
        wait_until("an edit arrives there", || holds(&desk, "old", "q", "more"));
        wait_until("and a deletion", || contacts_in(&desk, "old") == 2);
        drop(watch);
    }
}

#[test]
fn a_watch_goes_on_after_a_run_that_a_disk_ended() {
    let desk = Desk::new();
    desk.contacts("personal", &record("p", "new"));
    // The new file would stand beside it under a longer name, which no file system takes.
    let long = "x".repeat(250);
    desk.put(&long, br#"{"contacts":[]}"#);
    let link = desk.path("data/business/contacts.json");
    std::fs::create_dir_all(desk.path("data/business")).unwrap();
    std::os::unix::fs::symlink(format!("../../{long}"), &link).unwrap();
    let watch = begin(&desk, "100ms");
    wait_until("the error is told", || said(&desk, "STORAGE_ERROR") > 0);
    std::fs::remove_file(&link).unwrap();
    wait_until("it goes on", || holds(&desk, "business", "q", "new"));
    drop(watch);
    desk.run("log").exits(0).says("failed");
}
