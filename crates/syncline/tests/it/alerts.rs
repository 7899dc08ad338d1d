//! Somebody is told that a hub does badly and that it does well again: real receivers, a real mail server.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use syncline_protocol::webhook::secret::Secret;
use syncline_protocol::webhook::verify::{Received, Verifier};

use crate::desk::{Desk, answer, repository};
use crate::documents::check;
use crate::receiver::certificate;
use crate::serve::{ERRORS, OUT, Serving};

/// How long anything may take on a busy machine; hubs are looked at every ten seconds.
const PATIENCE: Duration = Duration::from_secs(120);
const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
/// What must be in no message, warning or figure.
const CANARY: &str = "canary";

/// Takes every request and answers each with 202; its requests, head and body.
#[derive(Clone)]
pub(crate) struct Sink {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Sink {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let this = Self { port, requests: Arc::default() };
        let told = this.clone();
        // It ends with the process.
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let told = told.clone();
                std::thread::spawn(move || told.serve(socket));
            }
        });
        this
    }

    fn serve(&self, mut socket: TcpStream) {
        let (mut request, mut piece) = (Vec::new(), [0; 4_096]);
        while let Ok(count @ 1..) = socket.read(&mut piece) {
            request.extend(&piece[..count]);
            let text = String::from_utf8_lossy(&request).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned)
            });
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                self.requests.lock().unwrap().push(text);
                let _ = socket.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
                request.clear();
            }
        }
    }

    /// Waits for so many requests of a path, and returns them.
    fn of(&self, path: &str, count: usize) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let requests = self.requests.lock().unwrap().clone();
            let of_path: Vec<String> = requests
                .into_iter()
                .filter(|request| request.starts_with(&format!("POST {path} ")))
                .collect();
            if of_path.len() >= count {
                return of_path;
            }
            assert!(begun.elapsed() < PATIENCE, "{path} has {of_path:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A mail server; it ends with this.
struct Mail {
    child: Child,
    port: u16,
    written: PathBuf,
}

impl Mail {
    fn start(desk: &Desk) -> Self {
        let folder = repository("crates/syncline/tests/it/mail");
        let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mail");
        let installed = Command::new("bash")
            .args([repository("scripts/install-mail-sink.sh"), python.clone()])
            .output()
            .unwrap();
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
        let written = desk.path("mails.jsonl");
        let mut child = Command::new(python.join("bin/python"))
            .arg(folder.join("sink.py"))
            .args([certificate("server.pem"), certificate("server.key.pem"), written.clone()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { port: line.trim().parse().unwrap(), child, written }
    }

    fn mails(&self, count: usize) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let text = fs::read_to_string(&self.written).unwrap_or_default();
            let mails: Vec<Value> =
                text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            if mails.len() >= count {
                return mails;
            }
            assert!(begun.elapsed() < PATIENCE, "there are {mails:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Mail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a hub that tells all kinds of receivers of a conflict at once.
fn hub(desk: &Desk, sink: &Sink, mail: &Mail) -> Serving {
    let (http, smtp) = (sink.port, mail.port);
    let text = format!(
        "[entities.tasks.fields]\n\"/title\" = \"review\"\n\
         [alerts.rules.conflicts]\nthreshold = 0\nfor = \"0s\"\n\
         [[alerts.to]]\nkind = \"webhook\"\nname = \"own\"\nurl = \"http://127.0.0.1:{http}/own\"\nsecret = \"env:ALERT_SECRET\"\n\
         [[alerts.to]]\nkind = \"slack\"\nurl = \"env:SLACK_HOOK\"\n\
         [[alerts.to]]\nkind = \"pagerduty\"\nurl = \"http://127.0.0.1:{http}/v2/enqueue\"\nsecret = \"env:PAGER_KEY\"\n\
         [[alerts.to]]\nkind = \"sentry\"\nurl = \"env:SENTRY_DSN\"\n\
         [[alerts.to]]\nkind = \"slack\"\nname = \"grave\"\nurl = \"http://127.0.0.1:{http}/grave\"\nseverity = \"critical\"\n\
         [[alerts.to]]\nkind = \"email\"\nurl = \"smtp://localhost:{smtp}\"\nuser = \"hub\"\nsecret = \"env:MAIL_PASSWORD\"\n\
         from = \"Syncline <hub@example.org>\"\nto = [\"ops@example.org\", \"night@example.org\"]\nreports = [\"daily\", \"weekly\"]\n"
    );
    desk.put("syncline.toml", text.as_bytes());
    let words = ["serve", "--jsonl", "--listen", "127.0.0.1:0", "--deliver-to", "loopback"];
    let mut command = desk.command(&words);
    let kept = |name| fs::File::create(desk.path(name)).unwrap();
    command.stdout(kept(OUT)).stderr(kept(ERRORS));
    command.env("SSL_CERT_FILE", certificate("authority.pem")).env_remove("SSL_CERT_DIR");
    command.env("ALERT_SECRET", SECRET).env("MAIL_PASSWORD", "canary-password");
    command.env("SLACK_HOOK", format!("http://127.0.0.1:{http}/services/canary-path"));
    command.env("SENTRY_DSN", format!("http://canarykey@127.0.0.1:{http}/7"));
    command.env("PAGER_KEY", "canary-key");
    Serving::once_ready(desk, command.spawn().unwrap())
}

/// Makes two clients disagree on a title.
fn disagree(serving: &Serving) {
    for title in ["A", "B"] {
        let at = "2026-11-20T10:00:00.000Z";
        let op =
            json!({ "op": 1, "entity": "tasks", "id": "t1", "at": at, "set": { "/title": title } });
        let push = json!({ "client": format!("client-{title}"), "ops": [op] });
        assert_eq!(serving.ask("POST", "/v1/push", &push).unwrap().0, 200);
    }
}

fn body(request: &str) -> Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn header<'r>(request: &'r str, name: &str) -> &'r str {
    let lines = request.lines().filter_map(|line| line.split_once(": "));
    let mut found = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
    found.next().unwrap_or_else(|| panic!("no {name}: {request}")).1
}

fn verify(request: &str) {
    let secret = Secret::parse(SECRET).unwrap();
    let timestamp = header(request, "webhook-timestamp");
    let received = Received {
        id: Some(header(request, "webhook-id").as_bytes()),
        timestamp: Some(timestamp.as_bytes()),
        signature: Some(header(request, "webhook-signature").as_bytes()),
        plain_signature: None,
        body: request.split_once("\r\n\r\n").unwrap().1.as_bytes(),
    };
    let now_s = timestamp.parse().unwrap();
    assert!(Verifier::new([&secret]).unwrap().verify(&received, now_s).is_ok(), "{request}");
}

#[test]
fn every_kind_of_receiver_is_told_of_an_alert_once_and_that_it_is_over_and_no_secret_is_shown() {
    let desk = Desk::new();
    let (sink, mail) = (Sink::start(), Mail::start(&desk));
    let serving = hub(&desk, &sink, &mail);
    disagree(&serving);
    // It begins.
    let own = sink.of("/own", 1);
    verify(&own[0]);
    let told = body(&own[0]);
    assert_eq!(
        (&told["type"], &told["data"]["alert"]),
        (&json!("alert.fired"), &json!("conflicts"))
    );
    assert_eq!(told["data"]["hub"], "default");
    let slack = body(&sink.of("/services/canary-path", 1)[0]);
    assert!(slack["text"].as_str().unwrap().contains("the oldest conflict has waited"), "{slack}");
    let pager = body(&sink.of("/v2/enqueue", 1)[0]);
    assert_eq!(
        (&pager["event_action"], &pager["routing_key"]),
        (&json!("trigger"), &json!("canary-key"))
    );
    assert_eq!(
        (&pager["dedup_key"], &pager["payload"]["severity"]),
        (&json!("syncline/default/conflicts"), &json!("warning"))
    );
    let sentry = sink.of("/api/7/envelope/", 1);
    assert!(header(&sentry[0], "x-sentry-auth").contains("sentry_key=canarykey"));
    let envelope: Vec<Value> = sentry[0]
        .split_once("\r\n\r\n")
        .unwrap()
        .1
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (envelope.len(), &envelope[1]["type"], &envelope[2]["level"]),
        (3, &json!("event"), &json!("warning"))
    );
    assert_eq!(envelope[0]["event_id"], envelope[2]["event_id"]);
    let mails = mail.mails(1);
    assert_eq!(mails[0]["to"], json!(["ops@example.org", "night@example.org"]));
    assert_eq!(
        (&mails[0]["from"], &mails[0]["encrypted"]),
        (&json!("hub@example.org"), &json!(true))
    );
    assert!(
        mails[0]["subject"].as_str().unwrap().starts_with("[Syncline] warning: hub default: "),
        "{}",
        mails[0]
    );
    // It is over.
    let (_, listed) = serving.ask("GET", "/v1/conflicts?status=open", &json!({})).unwrap();
    let id = listed["conflicts"][0]["conflict"].as_str().unwrap();
    let path = format!("/v1/conflicts/{id}/resolve");
    assert_eq!(serving.ask("POST", &path, &json!({ "take": "client-A" })).unwrap().0, 200);
    let own = sink.of("/own", 2);
    verify(&own[1]);
    assert_eq!(body(&own[1])["type"], "alert.resolved");
    assert_ne!(header(&own[0], "webhook-id"), header(&own[1], "webhook-id"));
    assert_eq!(body(&sink.of("/v2/enqueue", 2)[1])["event_action"], "resolve");
    assert!(mail.mails(2)[1]["subject"].as_str().unwrap().starts_with("[Syncline] resolved: "));
    sink.of("/services/canary-path", 2);
    sink.of("/api/7/envelope/", 2);
    // Each was told twice and no more, and who is told of what is grave only of nothing.
    let requests = sink.requests.lock().unwrap().clone();
    assert_eq!(requests.len(), 8, "{requests:#?}");
    drop(serving);
    for said in [OUT, ERRORS] {
        let said = String::from_utf8(desk.bytes(said)).unwrap();
        assert!(!said.contains(CANARY) && !said.contains(SECRET), "{said}");
    }
}

#[test]
fn a_receiver_that_cannot_be_told_so_is_a_reason_not_to_start_and_its_secret_is_not_said() {
    let email = "kind = \"email\"\nfrom = \"a@example.org\"\nto = [\"b@example.org\"]\n";
    #[rustfmt::skip]
    let cases = [
        ("kind = \"slack\"\nurl = \"env:NOWHERE\"".to_owned(),                    "NOWHERE is not set"),
        ("kind = \"slack\"\nurl = \"ftp://canary\"".to_owned(),                   "cannot be sent to"),
        ("kind = \"sentry\"\nurl = \"https://canary\"".to_owned(),                "DSN"),
        ("kind = \"webhook\"\nurl = \"https://x\"\nsecret = \"whsec_canary!\"".to_owned(), "cannot be signed with"),
        (format!("{email}url = \"smtp+plain://mail.example.org\""),              "without encryption"),
        (format!("{}url = \"smtps://mail.example.org\"", email.replace("b@", "b")), "no address of an e-mail"),
    ];
    for (receiver, said) in cases {
        let desk = Desk::new();
        desk.put("syncline.toml", format!("[[alerts.to]]\n{receiver}\n").as_bytes());
        let answer = desk.run_words(&["serve", "--listen", "127.0.0.1:0"]).exits(3);
        assert!(!answer.stderr.contains(CANARY), "{}", answer.stderr);
        answer.says("ALERT_RECEIVER_INVALID").says(said);
    }
}

/// Says of all reports that their latest time was long ago, as after a night without the hub.
fn owe_reports(desk: &Desk) -> usize {
    let mut document: Value = serde_json::from_slice(&desk.bytes(MEMORY)).unwrap();
    let reports = document["reports"].as_array_mut().unwrap();
    reports.iter_mut().for_each(|report| report["due"] = json!(0));
    let count = reports.len();
    desk.put(MEMORY, document.to_string().as_bytes());
    count
}

const MEMORY: &str = ".syncline/alerts.json";

#[test]
fn a_report_is_sent_by_the_clock_once_and_printed_by_a_command_and_no_value_is_in_it() {
    let desk = Desk::new();
    let (sink, mail) = (Sink::start(), Mail::start(&desk));
    let serving = hub(&desk, &sink, &mail);
    disagree(&serving);
    // Nothing from before is owed: the first e-mail is of an alert.
    let is_alert = |mail: &Value, word: &str| {
        mail["subject"].as_str().unwrap().starts_with(&format!("[Syncline] {word}: "))
    };
    assert!(is_alert(&mail.mails(1)[0], "warning"));
    let report = |words: &[&str]| {
        let mut command = desk.command(&[&["report"], words].concat());
        command.env("SYNCLINE_SERVER", format!("http://{}", serving.address));
        command.env("SYNCLINE_TOKEN", &serving.token);
        answer(&command.output().unwrap())
    };
    report(&[]).exits(0).says("The day of hub default").says("2, 0 refused, 100 % well");
    let table = report(&["--weekly", "--markdown"]).exits(0);
    let table =
        table.says("# The week of hub default").says("| Operations | 2, 0 refused, 100 % well |");
    assert!(!table.stdout.contains("t1"), "{}", table.stdout);
    let document = report(&["--weekly", "--json"]).exits(0).json();
    check(&document);
    assert_eq!((&document["period"], &document["conflicts"]["open"]), (&json!("week"), &json!(1)));
    report(&["--daily", "--weekly"]).exits(2);
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends(), 0);
    assert_eq!(owe_reports(&desk), 2);
    // What was missed is sent once the hub is back, of each rhythm the latest.
    let serving = hub(&desk, &sink, &mail);
    let mails = mail.mails(3);
    let subject = |mail: &Value| mail["subject"].as_str().unwrap().to_owned();
    assert!(subject(&mails[1]).starts_with("[Syncline] Daily report up to "), "{mails:?}");
    assert!(subject(&mails[2]).starts_with("[Syncline] Weekly report up to "), "{mails:?}");
    let text = mails[2]["text"].as_str().unwrap();
    assert!(text.contains("Hub default:") && text.contains("Operations  "), "{text}");
    assert!(!text.contains("t1") && !text.contains("title"), "{text}");
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends(), 0);
    // And once only: the next one is that the alert is over.
    let serving = hub(&desk, &sink, &mail);
    let (_, listed) = serving.ask("GET", "/v1/conflicts?status=open", &json!({})).unwrap();
    let id = listed["conflicts"][0]["conflict"].as_str().unwrap();
    let path = format!("/v1/conflicts/{id}/resolve");
    assert_eq!(serving.ask("POST", &path, &json!({ "take": "client-A" })).unwrap().0, 200);
    assert!(is_alert(&mail.mails(4)[3], "resolved"));
}
