//! A watch syncs within a second of a change, and rests in between.

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

/// Returns whether more processes want to run than there are processors; a time then says nothing.
fn is_machine_busy() -> bool {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = load.split(' ').next().and_then(|one| one.parse().ok()).unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    load > processors as f64
}
