//! Somebody is told when a run fails, and never a value.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::desk::{Answer, Desk, answer, numbered};
use crate::receiver::{Receiver, certificate};
use crate::serve::Serving;

const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";

fn failing() -> Desk {
    let desk = Desk::new();
    desk.contacts("personal", &numbered(0..100));
    desk.contacts("business", &numbered(0..100));
    desk.run("sync").exits(0);
    desk.contacts("personal", &numbered(0..1));
    desk
}

#[test]
fn a_command_is_told_of_a_stop_and_not_of_a_success() {
    let desk = failing();
    desk.run_words(&["sync", "--notify", "tee notice.json"]).exits(6);
    let notice: Value = serde_json::from_slice(&desk.bytes("notice.json")).unwrap();
    assert_eq!((&notice["code"], &notice["exit"]), (&"SAFETY_STOP".into(), &6.into()));
    desk.contacts("personal", &numbered(0..100));
    desk.run_words(&["sync", "--notify", "tee success.json"]).exits(0);
    assert!(!desk.path("success.json").exists());
}

#[test]
fn a_receiver_that_fails_does_not_change_how_the_run_ended() {
    let desk = failing();
    desk.run_words(&["sync", "--notify", "false"]).exits(6).says("NOTICE_FAILED");
    desk.run_words(&["sync", "--notify", "http://127.0.0.1:1/hook"]).exits(6).says("NOTICE_FAILED");
}

#[test]
fn a_notice_is_posted_and_its_answer_is_read() {
    let receiver = Receiver::plain(&[NO_CONTENT]);
    let address = format!("http://127.0.0.1:{}/hook?a=1", receiver.port);
    let answer = failing().run_words(&["sync", "--notify", &address]).exits(6);
    assert!(!answer.stderr.contains("NOTICE_FAILED"), "{}", answer.stderr);
    let requests = receiver.requests();
    assert!(requests[0].starts_with("POST /hook?a=1 HTTP/1.1\r\n"), "{}", requests[0]);
}

/// Runs a failing sync that tells an `https` address whom the machine trusts by `authority`.
fn told_over_tls(address: &str, authority: &str) -> Answer {
    let desk = failing();
    let mut command = desk.command(&["sync", "--notify", address]);
    command.env("SSL_CERT_FILE", certificate(authority)).env_remove("SSL_CERT_DIR");
    answer(&command.output().unwrap()).exits(6)
}

#[test]
fn a_notice_goes_over_tls_and_holds_no_value() {
    let receiver = Receiver::encrypted(&[NO_CONTENT]);
    let address = format!("https://localhost:{}/hook", receiver.port);
    let host = format!("\r\nhost: localhost:{}\r\n", receiver.port);
    let answer = told_over_tls(&address, "authority.pem");
    assert!(!answer.stderr.contains("NOTICE_FAILED"), "{}", answer.stderr);
    let requests = receiver.requests();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /hook HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains(&host), "{head}");
    let notice: Value = serde_json::from_str(body).unwrap();
    assert_eq!((&notice["code"], &notice["exit"]), (&"SAFETY_STOP".into(), &6.into()));
    assert!(!body.contains("Name "), "a value of a record is in it: {body}");
}

#[test]
fn a_receiver_that_is_not_who_it_says_is_told_nothing() {
    // The machine trusts no authority that has signed for this server, ...
    let receiver = Receiver::encrypted(&[NO_CONTENT]);
    let address = format!("https://localhost:{}/hook", receiver.port);
    told_over_tls(&address, "stranger.pem").says("NOTICE_FAILED");
    assert_eq!(receiver.requests(), [""]);
    // ... or the server has another name.
    let receiver = Receiver::encrypted(&[NO_CONTENT]);
    let address = format!("https://127.0.0.1:{}/hook", receiver.port);
    told_over_tls(&address, "authority.pem").says("NOTICE_FAILED");
    assert_eq!(receiver.requests(), [""]);
}

#[test]
fn a_receiver_that_is_busy_is_asked_again_and_not_for_ever() {
    let busy = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    let receiver = Receiver::encrypted(&[busy, busy, NO_CONTENT]);
    let address = format!("https://localhost:{}/hook", receiver.port);
    let answer = told_over_tls(&address, "authority.pem");
    assert!(!answer.stderr.contains("NOTICE_FAILED"), "{}", answer.stderr);
    let requests = receiver.requests();
    assert!(requests.iter().all(|request| *request == requests[0]), "each is the same notice");

    let receiver = Receiver::plain(&[busy; 3]);
    let address = format!("http://127.0.0.1:{}/hook", receiver.port);
    let answer = failing().run_words(&["sync", "--notify", &address]).exits(6);
    answer.says("NOTICE_FAILED").says("answered 503");
    assert_eq!(receiver.requests().len(), 3);
}

#[test]
fn a_redirect_is_not_followed_and_a_refusal_not_repeated() {
    for (status, said) in [("307 Temporary Redirect", "redirects"), ("404 Not Found", "404")] {
        let elsewhere = Receiver::plain(&[]);
        let location = format!("http://127.0.0.1:{}/elsewhere", elsewhere.port);
        let redirect = format!("HTTP/1.1 {status}\r\nLocation: {location}\r\n\r\n");
        let receiver = Receiver::plain(&[&redirect]);
        let address = format!("http://127.0.0.1:{}/secret-path", receiver.port);
        let answer = failing().run_words(&["sync", "--notify", &address]).exits(6);
        assert!(!answer.stderr.contains("secret-path"), "{}", answer.stderr);
        answer.says("NOTICE_FAILED").says(said);
        assert_eq!(receiver.requests().len(), 1);
    }
}

/// What a program prints that a message must never hold.
const CANARY: &str = "canary-7b1f";

/// Makes a failing desk whose notices go to where a program of the desk tells.
#[cfg(unix)]
fn told_by(script: &str) -> Desk {
    let desk = failing();
    desk.put("tell.sh", format!("echo ran >> ran\necho {CANARY} >&2\n{script}\n").as_bytes());
    desk.put("syncline.toml", b"[notify]\nurl = \"cmd:sh tell.sh 'an argument'\"\n");
    desk
}

#[cfg(unix)]
#[test]
fn a_program_tells_the_address_only_when_somebody_is_told() {
    let receiver = Receiver::plain(&[NO_CONTENT]);
    let desk = told_by(&format!("echo \"http://127.0.0.1:{}/$1\" | tr ' ' -", receiver.port));
    for looking in ["check", "plan --allow-emptied --max-delete 100%", "status", "diff contacts"] {
        desk.run(looking).exits(0);
    }
    desk.run("sync --dry-run").exits(6);
    desk.contacts("personal", &numbered(0..100));
    desk.run("sync").exits(0);
    assert!(!desk.path("ran").exists(), "nobody was to be told");
    desk.contacts("personal", &numbered(0..1));
    let answer = desk.run("sync").exits(6);
    assert_eq!(desk.bytes("ran"), b"ran\n");
    let requests = receiver.requests();
    assert!(requests[0].starts_with("POST /an-argument HTTP/1.1\r\n"), "{}", requests[0]);
    assert!(!answer.stderr.contains("NOTICE_FAILED"), "{}", answer.stderr);
    assert!(!answer.stderr.contains(CANARY), "{}", answer.stderr);
}

#[cfg(unix)]
#[test]
fn a_program_that_tells_no_address_is_named_and_what_it_prints_is_not() {
    let cases = [
        ("echo http://canary-7b1f.invalid/; exit 3", "SECRET_UNAVAILABLE", "exit status: 3"),
        ("true", "SECRET_UNAVAILABLE", "printed nothing"),
        ("printf '\\377'", "SECRET_UNAVAILABLE", "no text"),
        ("yes canary-7b1f", "SECRET_UNAVAILABLE", "more than 4096 bytes"),
        ("echo canary-7b1f", "SECRET_UNAVAILABLE", "no address"),
        ("echo http://u:canary-7b1f@localhost/", "SECRET_UNAVAILABLE", "no address"),
        ("printf 'http://localhost:1/canary-7b1f\\n\\n'", "SECRET_UNAVAILABLE", "no address"),
        ("echo http://127.0.0.1:1/canary-7b1f", "NOTICE_FAILED", "`sh`"),
        ("echo http://canary-7b1f.invalid/", "NOTICE_FAILED", "`sh`"),
    ];
    for (script, code, said) in cases {
        let answer = told_by(script).run("sync").exits(6).says(code).says(said).says("`sh`");
        let whole = answer.stdout + &answer.stderr;
        assert!(!whole.contains(CANARY) && !whole.contains("argument"), "{script}\n{whole}");
    }
    let desk = told_by("");
    desk.put("syncline.toml", b"[notify]\nurl = \"cmd:no-such-program x\"\n");
    desk.run("sync").exits(6).says("SECRET_UNAVAILABLE").says("`no-such-program`");
    for unfit in ["cmd:", "cmd:  ", "cmd:sh 'open"] {
        desk.put("syncline.toml", format!("[notify]\nurl = \"{unfit}\"\n").as_bytes());
        desk.run("check").exits(3).says("notify.url");
    }
}

/// An address that is found elsewhere is an address, never a program to start, and never shown.
#[test]
fn what_is_found_in_a_variable_or_a_file_is_never_started_and_never_shown() {
    let desk = failing();
    let run = |url: &str| {
        desk.put("syncline.toml", format!("[notify]\nurl = \"{url}\"\n").as_bytes());
        let mut command = desk.command(&["sync"]);
        answer(&command.env("HOOK", CANARY).output().unwrap())
    };
    desk.put("hook", CANARY.as_bytes());
    keep_private(&desk, 0o600);
    for url in ["env:HOOK", "file:hook"] {
        let answer = run(url).exits(3).says("NOTICE_FAILED").says(url);
        assert!(!answer.stderr.contains(CANARY), "{}", answer.stderr);
    }
}

fn keep_private(desk: &Desk, mode: u32) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let rights = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(desk.path("hook"), rights).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn a_file_with_the_address_is_refused_while_others_may_read_it() {
    let receiver = Receiver::plain(&[NO_CONTENT]);
    let desk = failing();
    desk.put("hook", format!("http://127.0.0.1:{}/hook\n", receiver.port).as_bytes());
    desk.put("syncline.toml", b"[notify]\nurl = \"file:hook\"\n");
    for exposed in [0o644, 0o640, 0o604] {
        keep_private(&desk, exposed);
        desk.run("check").exits(3).says("CHECK_SECRET_EXPOSED").says("chmod 600");
        desk.run("sync").exits(3).says("CHECK_SECRET_EXPOSED");
        desk.run("plan").exits(3).says("CHECK_SECRET_EXPOSED");
    }
    for private in [0o600, 0o400] {
        keep_private(&desk, private);
        desk.run("check").exits(0);
    }
    desk.run("sync").exits(6);
    assert!(receiver.requests()[0].starts_with("POST /hook"));
}

/// A hub that is served, whose prices a person decides.
fn priced(desk: &Desk, more: &str) -> Serving {
    let rules = "[entities.goods.fields]\n\"/price\" = \"review\"\n\
        \"/cost\" = { rule = \"max\", approval = [\"manager\"] }\n";
    desk.put("syncline.toml", format!("{rules}{more}").as_bytes());
    Serving::start(desk, &["--notify", "sh tell.sh"])
}

/// Two clients write one field of a record without having seen each other.
fn quarrel(serving: &Serving, hub: &str, id: &str, field: &str) {
    for (number, client) in ["phone", "desk"].into_iter().enumerate() {
        let set = json!({ "op": number + 1, "entity": "goods", "id": id,
            "at": "2026-11-20T10:00:00.000Z", "set": { (field): number + 7001 } });
        let client = format!("{client}-{id}");
        let push = json!({ "client": client, "ops": [set] });
        let answer = serving.ask("POST", &format!("{hub}/v1/push"), &push).unwrap();
        assert_eq!(answer.0, 200, "{}", answer.1);
    }
}

/// Waits for so many notices of the desk, one a line.
fn told(desk: &Desk, count: usize) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let lines = std::fs::read_to_string(desk.path("told.jsonl")).unwrap_or_default();
        let whole = lines.rfind('\n').map_or("", |end| &lines[..end]);
        let notices: Vec<_> =
            whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        if notices.len() >= count {
            assert_eq!(notices.len(), count, "{lines}");
            return notices;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{count} were to come: {lines}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Conflicts of a served hub are told once, also over a kill, without values and ids of records; one
/// that could not be told is told later.
#[cfg(unix)]
#[test]
fn conflicts_of_a_served_hub_are_told_once_and_without_values() {
    let desk = Desk::new();
    desk.put("tell.sh", b"test -e busy && exit 1\ncat >> told.jsonl\necho >> told.jsonl\n");
    let link = "[notify]\nlink = \"https://desk.example/c/{id}\"\n";
    let serving = priced(&desk, link);
    quarrel(&serving, "", "secret-id", "/cost");
    let notices = told(&desk, 1);
    let listed = serving.ask("GET", "/v1/conflicts", &json!({})).unwrap().1;
    let id = listed["conflicts"][0]["conflict"].as_str().unwrap().to_owned();
    let notice = &notices[0];
    assert_eq!((&notice["schema"], &notice["exit"]), (&json!("notice/1"), &json!(5)));
    assert_eq!((&notice["newConflicts"], &notice["hub"]), (&json!(1), &Value::Null));
    let named = &notice["conflicts"][0];
    assert_eq!((&named["conflict"], &named["entity"]), (&json!(id), &json!("goods")));
    assert_eq!(named["approval"], json!(["manager"]));
    assert_eq!(named["link"], json!(format!("https://desk.example/c/{id}")));
    let look = named["look"].as_str().unwrap().strip_prefix("syncline ").unwrap();
    desk.run(look).exits(0);
    for secret in ["secret-id", "7001", "7002"] {
        assert!(!notice.to_string().contains(secret), "{notice}");
    }
    // One that arises while nobody can be told is told by the next process, the first not again.
    desk.put("busy", b"");
    quarrel(&serving, "", "second", "/price");
    assert_eq!(serving.ask("POST", "/v1/hubs", &json!({ "name": "shop" })).unwrap().0, 201);
    serving.signal(Signal::KILL);
    serving.ends();
    std::fs::remove_file(desk.path("busy")).unwrap();
    let serving = priced(&desk, link);
    let notices = told(&desk, 2);
    assert_eq!(notices[1]["newConflicts"], json!(1), "{}", notices[1]);
    assert_ne!(notices[1]["conflicts"][0]["conflict"], json!(id));
    // A hub of its own is told by its name.
    let token = std::fs::read_to_string(desk.path(".syncline/hubs/shop/admin.token"));
    let mut shop = serving;
    let own = std::mem::replace(&mut shop.token, token.unwrap().trim().to_owned());
    quarrel(&shop, "/h/shop", "third", "/price");
    let notices = told(&desk, 3);
    assert_eq!((&notices[2]["hub"], &notices[2]["newConflicts"]), (&json!("shop"), &json!(1)));
    shop.token = own;
    shop.signal(Signal::TERM);
    assert_eq!(shop.ends(), 0);
}
