//! `syncline serve`: starting, stopping, being killed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::desk::Desk;

/// Where a program that serves leaves what it says, in its desk.
pub(crate) const OUT: &str = "serve.jsonl";
pub(crate) const ERRORS: &str = "serve.txt";
/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that serves.
pub(crate) struct Serving {
    child: Child,
    pub(crate) address: String,
    pub(crate) token: String,
}

impl Serving {
    pub(crate) fn start(desk: &Desk, more: &[&str]) -> Self {
        Self::once_ready(desk, Self::spawn(desk, "127.0.0.1:0", more))
    }

    /// Starts the program, which may have to wait until it serves.
    pub(crate) fn spawn(desk: &Desk, listen: &str, more: &[&str]) -> Child {
        let words = [&["serve", "--jsonl", "--listen", listen], more].concat();
        let mut command = desk.command(&words);
        let kept = |name| std::fs::File::create(desk.path(name)).unwrap();
        command.stdout(kept(OUT)).stderr(kept(ERRORS)).spawn().unwrap()
    }

    /// Waits until a program serves.
    pub(crate) fn once_ready(desk: &Desk, mut child: Child) -> Self {
        let begun = Instant::now();
        let line = loop {
            let out = String::from_utf8(desk.bytes(OUT)).unwrap();
            if let Some((line, _)) = out.split_once('\n') {
                break line.to_owned();
            }
            let errors = String::from_utf8(desk.bytes(ERRORS)).unwrap();
            assert!(child.try_wait().unwrap().is_none(), "it has ended: {errors}");
            assert!(begun.elapsed() < PATIENCE, "it does not serve: {errors}");
            std::thread::sleep(Duration::from_millis(10));
        };
        let told: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(told["schema"], "serve/1");
        let token = desk.bytes(told["admin_token"].as_str().unwrap());
        let token = String::from_utf8(token).unwrap().trim().to_owned();
        let address = told["url"].as_str().unwrap().replace("http://", "");
        Self { child, address, token }
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
        ask(&self.address, &self.token, method, path, body)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    /// Returns the most memory that the program ever held, in KiB.
    pub(crate) fn peak_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn ends(mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks and returns status and body; nothing if no whole answer came.
pub(crate) fn ask(
    address: &str,
    token: &str,
    method: &str,
    path: &str,
    body: &Value,
) -> Option<(u16, Value)> {
    let mut socket = TcpStream::connect(address).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let body = body.to_string();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).ok()?;
    socket.write_all(body.as_bytes()).ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).ok()?))
}

#[test]
fn the_first_start_needs_no_configuration_and_a_second_one_goes_on() {
    let desk = Desk::new();
    let serving = Serving::start(&desk, &[]);
    let path = "/v1/entities/tasks/records/t1";
    let (status, made) = serving.ask("PUT", path, &json!({ "title": "Call" })).unwrap();
    assert_eq!((status, &made["record"]["title"]), (201, &json!("Call")));
    desk.run("log").exits(0);
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends(), 0);
    desk.run("log").exits(0);
    let serving = Serving::start(&desk, &[]);
    let (status, read) = serving.ask("GET", path, &json!({})).unwrap();
    assert_eq!((status, &read["record"]), (200, &json!({ "title": "Call" })));
    serving.signal(Signal::INT);
    assert_eq!(serving.ends(), 0);
}

#[cfg(unix)]
#[test]
fn what_is_unsafe_is_refused_with_a_code() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    desk.run("serve --listen 0.0.0.0:0").exits(3).says("SERVE_PLAINTEXT").says("--allow-plaintext");
    desk.run("serve --listen 127.0.0.1:0 --origin *").exits(3).says("SERVE_ORIGIN_INVALID");
    desk.run("serve --tls-cert a.pem").exits(2);
    desk.run("serve --tls-cert a.pem --tls-key b.pem").exits(3).says("SERVE_TLS_INVALID");
    let serving = Serving::start(&desk, &[]);
    let taken = desk.run(&format!("serve --state other --listen {}", serving.address));
    taken.exits(8).says("SERVE_LISTEN_FAILED");
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends(), 0);
    std::fs::set_permissions(desk.path(".syncline"), PermissionsExt::from_mode(0o755)).unwrap();
    desk.run("serve --listen 127.0.0.1:0").exits(3).says("SERVE_STATE_EXPOSED");
}

/// Clients push until the program is killed: whatever was acknowledged is there afterwards.
#[test]
fn a_kill_under_load_loses_nothing_that_was_acknowledged() {
    let desk = Desk::new();
    for round in 0..3 {
        let serving = Serving::start(&desk, &[]);
        let acknowledged: [AtomicU64; 4] = Default::default();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for (number, acknowledged) in acknowledged.iter().enumerate() {
                let (serving, is_over) = (&serving, &is_over);
                scope.spawn(move || {
                    let client = format!("c{round}-{number}");
                    for op in 1..100_000 {
                        let set = json!({ "op": op, "entity": "tasks", "id": format!("{client}-{op}"),
                            "at": "2026-11-20T10:00:00.000Z", "set": { "/n": op } });
                        let push = json!({ "client": client, "ops": [set] });
                        let answer = serving.ask("POST", "/v1/push", &push);
                        match answer {
                            Some((200, answer)) => {
                                assert_eq!(answer["results"][0]["status"], "applied", "{answer}");
                                acknowledged.store(op, Ordering::SeqCst);
                            }
                            _ if is_over.load(Ordering::SeqCst) => return,
                            other => panic!("before the kill: {other:?}"),
                        }
                    }
                });
            }
            // On a busy machine the first answer takes its time; one that never comes has made its thread panic.
            let has_begun = |last: &AtomicU64| last.load(Ordering::SeqCst) > 0;
            for _ in 0..600 {
                if acknowledged.iter().all(has_begun) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            std::thread::sleep(Duration::from_millis(500));
            is_over.store(true, Ordering::SeqCst);
            serving.signal(Signal::KILL);
        });
        serving.ends();
        let serving = Serving::start(&desk, &[]);
        for (number, acknowledged) in acknowledged.iter().enumerate() {
            let last = acknowledged.load(Ordering::SeqCst);
            assert!(last > 0, "something was acknowledged");
            for op in 1..=last {
                let path = format!("/v1/entities/tasks/records/c{round}-{number}-{op}");
                let (status, read) = serving.ask("GET", &path, &json!({})).unwrap();
                assert_eq!((status, &read["record"]["n"]), (200, &json!(op)), "{path}");
            }
        }
        serving.signal(Signal::TERM);
        assert_eq!(serving.ends(), 0);
    }
}

#[test]
fn a_machine_that_is_lost_is_made_again_of_the_folder_of_its_backup() {
    let desk = Desk::new();
    let serving = Serving::start(&desk, &["--backup-to", "backup"]);
    let push = |op: u64| {
        let set = json!({ "op": op, "entity": "tasks", "id": format!("t{op}"),
            "at": "2026-11-20T10:00:00.000Z", "set": { "/n": op } });
        let push = json!({ "client": "phone", "ops": [set] });
        serving.ask("POST", "/v1/push", &push).unwrap().1
    };
    assert_eq!(push(1)["results"][0]["status"], "applied");
    // Until the hub says that it is backed up.
    let mut op = 1;
    let answer = loop {
        std::thread::sleep(Duration::from_millis(500));
        op += 1;
        let answer = push(op);
        if answer["backed_up"].as_u64().unwrap() > 0 {
            break answer;
        }
    };
    serving.signal(Signal::KILL);
    serving.ends();
    std::fs::remove_dir_all(desk.path(".syncline")).unwrap();
    desk.run("restore --from backup/default --state .syncline").exits(0);
    let serving = Serving::start(&desk, &["--backup-to", "backup"]);
    for at in 1..=answer["backed_up"].as_u64().unwrap() {
        let read = serving.ask("GET", &format!("/v1/entities/tasks/records/t{at}"), &json!({}));
        assert_eq!(read.unwrap().1["record"], json!({ "n": at }), "it was told to be backed up");
    }
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends(), 0);
}
