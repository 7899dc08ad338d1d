//! A served hub with rules of access and views, as its clients follow it: what comes into sight and goes out
//! of it, rights that are taken away, views that cannot be followed. What was not sent is kept through all
//! of it.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path as Folder;

use syncline_client::{Client, Json, Network, Notice, Options};
use syncline_engine::operate::Entities;
use syncline_hub::HubOptions;
use syncline_model::id::EntityName;
use syncline_model::json::parse;
use syncline_model::path::Pattern;
use syncline_policy::view::{Access, AccessRule, Filter, Parameter, View};
use syncline_server::{Opened, Server, Settings};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::hub::{PATIENCE, eventually};

/// A whole server, which is stopped and started again with other rules.
struct ServedHub {
    runtime: Runtime,
    server: Option<Server>,
    folder: TempDir,
    address: SocketAddr,
    admin: String,
}

impl ServedHub {
    fn start(access: Access) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = { runtime }.worker_threads(2).enable_all().build().unwrap();
        // A port of its own: clients come back to it.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut hub = Self { runtime, server: None, folder, address, admin: String::new() };
        hub.begin(access);
        let admin = hub.server.as_ref().unwrap().admin_token().unwrap();
        hub.admin = admin.to_owned();
        hub
    }

    fn begin(&mut self, access: Access) {
        let state = self.folder.path().join("state");
        let settings = Settings::new(state.clone(), Entities::open(BTreeMap::new()));
        let settings = Settings { listen: self.address, access, ..settings };
        let options = HubOptions { state_folder: state, check_store: false };
        let opened = Opened::default_hub(&options, &settings).unwrap();
        let server = self.runtime.block_on(Server::start(&settings, opened)).unwrap();
        self.server = Some(server);
    }

    /// Stops it, and starts it with other rules.
    fn restart(&mut self, access: Access) {
        let server = self.server.take().unwrap();
        self.runtime.block_on(server.stop()).unwrap();
        self.begin(access);
    }

    /// Asks as an admin; answers what was said.
    fn ask(&self, method: &str, path: &str, body: &str) -> Json {
        let mut socket = TcpStream::connect(self.address).unwrap();
        let (admin, length) = (&self.admin, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {admin}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n",
            self.address
        );
        socket.write_all(head.as_bytes()).unwrap();
        socket.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 2"), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        parse(body.as_bytes()).unwrap_or(Json::Null)
    }

    /// Makes a token of a client with the claim who its bearer is; answers its id and its text.
    fn token_of(&self, sub: &str) -> (String, String) {
        let body = format!(r#"{{"name":"{sub}","role":"client","claims":{{"sub":"{sub}"}}}}"#);
        let made = self.ask("POST", "/v1/tokens", &body);
        let text = |name: &str| {
            let made = made.as_object().unwrap();
            made.get(name).and_then(Json::as_str).unwrap().to_owned()
        };
        (text("id"), text("token"))
    }

    fn options(&self, name: &str, token: &str) -> Options {
        let file = self.folder.path().join(format!("{name}.db"));
        Options::new(file, &format!("http://{}", self.address), token).client_id(name)
    }

    /// Opens a client that sees everything.
    fn desk(&self) -> Client {
        Client::open(self.options("desk", &self.admin)).unwrap()
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(format!("{name}.db"))
    }
}

impl Drop for ServedHub {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            drop(self.runtime.block_on(server.stop()));
        }
    }
}

fn patterns(some: &[&str]) -> Option<Vec<Pattern>> {
    Some(some.iter().map(|text| Pattern::parse(text).unwrap()).collect())
}

fn tasks() -> EntityName {
    EntityName::new("tasks").unwrap()
}

/// Each sees and writes what is its own; an admin sees and writes everything.
fn own_only() -> Access {
    let own = || Some(Filter::compile("record.owner == claims.sub").unwrap());
    let own = AccessRule {
        roles: vec!["client".into()],
        entities: Some(vec![tasks()]),
        read: own(),
        read_fields: None,
        write: own(),
        write_fields: None,
        create: true,
        delete: true,
    };
    let all = || Some(Filter::compile("true").unwrap());
    let admin = AccessRule {
        roles: vec!["admin".into()],
        entities: None,
        read: all(),
        write: all(),
        ..own.clone()
    };
    let view = |filter: &str, fields| View {
        entity: tasks(),
        filter: Filter::compile(filter).unwrap(),
        fields,
        params: BTreeMap::from([("state".into(), Parameter::Text)]),
    };
    let of_a_state = view("record.state == params.state", None);
    let titles = view("record.state == params.state", patterns(&["/title", "/state", "/owner"]));
    let views = BTreeMap::from([("of-a-state".into(), of_a_state), ("titles".into(), titles)]);
    Access { views, rules: vec![own, admin] }
}

/// As [`own_only`], and what is open is seen by everybody, and written.
fn open_too() -> Access {
    let mut access = own_only();
    let open = || Some(Filter::compile("record.open").unwrap());
    let rule = AccessRule { read: open(), write: open(), ..access.rules[0].clone() };
    access.rules.push(rule);
    access
}

fn put(desk: &Client, id: &str, fields: &[(&str, &str)]) {
    let set = |r, (path, value): &(&str, &str)| syncline_client::Edit::set(r, path, *value);
    desk.edit("tasks", id, |r| fields.iter().fold(r, set)).unwrap();
    desk.wait_until_synced(PATIENCE).unwrap();
}

fn title(client: &Client, id: &str) -> Option<String> {
    client.get("tasks", id).unwrap().map(|record| record.text("/title").unwrap_or_default())
}

fn shows(client: &Client, id: &str, expected: Option<&str>) {
    eventually(&format!("{id} is {expected:?}"), || title(client, id).as_deref() == expected);
}

fn offline(client: &Client) {
    client.go_offline();
    eventually("offline", || client.status().network == Network::Offline);
}

/// Returns the ids of the confirmed records that are there in the file.
fn confirmed(file: &Folder) -> Vec<String> {
    let raw = rusqlite::Connection::open(file).unwrap();
    let mut statement =
        raw.prepare("SELECT id FROM records WHERE fields IS NOT NULL ORDER BY id").unwrap();
    let ids = statement.query_map((), |row| row.get(0)).unwrap();
    ids.collect::<Result<_, _>>().unwrap()
}

fn codes(client: &Client) -> Vec<String> {
    let refused = client.quarantine().unwrap().into_iter();
    refused.map(|waiting| waiting.refusal.unwrap().code.into()).collect()
}

#[test]
fn records_come_and_go_with_a_view_and_edits_that_were_not_sent_stay() {
    let hub = ServedHub::start(own_only());
    let desk = hub.desk();
    let (_, token) = hub.token_of("ann");
    let options = hub.options("ann", &token).view("of-a-state", [("state", Json::from("open"))]);
    let ann = Client::open(options).unwrap();
    put(&desk, "t1", &[("/owner", "ann"), ("/state", "open"), ("/title", "A")]);
    put(&desk, "t2", &[("/owner", "bob"), ("/state", "open"), ("/title", "B")]);
    put(&desk, "t3", &[("/owner", "ann"), ("/state", "late"), ("/title", "C")]);
    shows(&ann, "t1", Some("A"));
    // In and out by the view, then by the rule.
    put(&desk, "t3", &[("/state", "open")]);
    shows(&ann, "t3", Some("C"));
    put(&desk, "t3", &[("/state", "late")]);
    shows(&ann, "t3", None);
    put(&desk, "t2", &[("/owner", "ann")]);
    shows(&ann, "t2", Some("B"));
    put(&desk, "t2", &[("/owner", "bob")]);
    shows(&ann, "t2", None);

    // Each is edited while it is taken out of sight: the one out of the view is still hers.
    offline(&ann);
    put(&desk, "t3", &[("/state", "open")]);
    ann.go_online();
    shows(&ann, "t3", Some("C"));
    offline(&ann);
    ann.edit("tasks", "t1", |r| r.set("/title", "mine")).unwrap();
    ann.edit("tasks", "t3", |r| r.set("/title", "mine")).unwrap();
    put(&desk, "t1", &[("/owner", "bob"), ("/pay", "hidden")]);
    put(&desk, "t3", &[("/state", "late")]);
    ann.go_online();
    ann.wait_until_synced(PATIENCE).unwrap();
    assert_eq!(codes(&ann), ["WRITE_DENIED"]);
    shows(&ann, "t1", None);
    shows(&ann, "t3", None);
    shows(&desk, "t3", Some("mine"));
    assert_eq!(title(&desk, "t1").as_deref(), Some("A"));
    // It comes back, and the refused edit with it.
    put(&desk, "t1", &[("/owner", "ann")]);
    shows(&ann, "t1", Some("A"));
    let refused = ann.quarantine().unwrap().remove(0).operation;
    ann.retry(&refused).unwrap();
    shows(&desk, "t1", Some("mine"));
    put(&desk, "t1", &[("/owner", "bob")]);
    shows(&ann, "t1", None);
    drop(ann);
    assert_eq!(confirmed(&hub.file("ann")), Vec::<String>::new());
}

#[test]
fn a_right_that_is_taken_away_takes_the_records_along_and_no_edit() {
    let mut hub = ServedHub::start(open_too());
    let desk = hub.desk();
    let (_, token) = hub.token_of("ann");
    let ann = Client::open(hub.options("ann", &token)).unwrap();
    put(&desk, "t1", &[("/owner", "ann"), ("/title", "A")]);
    put(&desk, "t2", &[("/owner", "bob"), ("/title", "B")]);
    desk.edit("tasks", "t2", |r| r.set("/open", true)).unwrap();
    shows(&ann, "t1", Some("A"));
    shows(&ann, "t2", Some("B"));
    offline(&ann);
    for id in ["t1", "t2"] {
        ann.edit("tasks", id, |r| r.set("/title", "mine")).unwrap();
    }
    hub.restart(own_only());
    ann.go_online();
    ann.wait_until_synced(PATIENCE).unwrap();
    assert_eq!(codes(&ann), ["WRITE_DENIED"]);
    shows(&ann, "t2", None);
    shows(&desk, "t1", Some("mine"));
    shows(&desk, "t2", Some("B"));
    // A field that is not hers to see any more.
    put(&desk, "t1", &[("/pay", "hidden")]);
    eventually("she sees it", || {
        ann.get("tasks", "t1").unwrap().is_some_and(|t1| t1.text("/pay").is_some())
    });
    ann.edit("tasks", "t1", |r| r.set("/title", "again")).unwrap();
    let mut fewer = own_only();
    fewer.rules[0].read_fields = patterns(&["/title", "/owner"]);
    hub.restart(fewer);
    eventually("the field goes", || {
        let t1 = ann.get("tasks", "t1").unwrap();
        t1.is_some_and(|t1| t1.text("/pay").is_none() && t1.text("/title").unwrap() == "again")
    });
    shows(&desk, "t1", Some("again"));
    assert_eq!(desk.get("tasks", "t1").unwrap().unwrap().text("/pay").unwrap(), "hidden");
    drop(ann);
    assert_eq!(confirmed(&hub.file("ann")), ["t1"]);
    let raw = rusqlite::Connection::open(hub.file("ann")).unwrap();
    let fields: Vec<u8> =
        raw.query_row("SELECT fields FROM records", (), |row| row.get(0)).unwrap();
    assert!(!String::from_utf8(fields).unwrap().contains("hidden"));
}

#[test]
fn another_bearer_of_the_device_is_shown_what_is_its_own() {
    let hub = ServedHub::start(own_only());
    let desk = hub.desk();
    let ((ann_id, ann), (_, bob)) = (hub.token_of("ann"), hub.token_of("bob"));
    put(&desk, "a1", &[("/owner", "ann"), ("/title", "A")]);
    put(&desk, "b1", &[("/owner", "bob"), ("/title", "B")]);
    let device = Client::open(hub.options("device", &ann)).unwrap();
    shows(&device, "a1", Some("A"));
    offline(&device);
    device.edit("tasks", "a1", |r| r.set("/title", "mine")).unwrap();
    device.edit("tasks", "b1", |r| r.set("/pay", "1")).unwrap();
    hub.ask("DELETE", &format!("/v1/tokens/{ann_id}"), "");
    device.go_online();
    eventually("it is told", || device.status().is_unauthorised);
    assert_eq!((device.status().pending, codes(&device)), (2, Vec::new()), "nothing is dropped");
    device.set_token(&bob);
    device.wait_until_synced(PATIENCE).unwrap();
    shows(&device, "a1", None);
    assert_eq!(codes(&device), ["WRITE_DENIED"], "what was ann's is not bob's to write");
    let b1 = device.get("tasks", "b1").unwrap().unwrap();
    assert_eq!((b1.text("/title"), b1.text("/pay")), (Some("B".into()), Some("1".into())));
    drop(device);
    assert_eq!(confirmed(&hub.file("device")), ["b1"]);
}

#[test]
fn views_that_cannot_be_followed_together_hold_up_edits_and_lose_none() {
    let mut hub = ServedHub::start(own_only());
    let desk = hub.desk();
    let (_, token) = hub.token_of("ann");
    put(&desk, "t1", &[("/owner", "ann"), ("/state", "open"), ("/title", "A")]);
    let state = || [("state", Json::from("open"))];
    let options = || hub.options("ann", &token).view("titles", state());
    let ann = Client::open(options()).unwrap();
    shows(&ann, "t1", Some("A"));
    drop(ann);
    let both = options().view("of-a-state", state());
    let ann = Client::open(both).unwrap();
    ann.edit("tasks", "t1", |r| r.set("/title", "mine")).unwrap();
    let mut told = Vec::new();
    eventually("it is told", || {
        told.extend(ann.notices());
        told.iter().any(|n| matches!(n, Notice::Problem { code, .. } if &**code == "VIEWS_DIFFER"))
    });
    let status = ann.status();
    assert_eq!((status.pending, status.quarantined, status.is_unauthorised), (1, 0, false));
    assert_eq!(title(&ann, "t1").as_deref(), Some("mine"));
    // The views of the hub are mended: the client comes back by itself.
    let mut access = own_only();
    let fields = access.views["titles"].fields.clone();
    access.views.get_mut("of-a-state").unwrap().fields = fields;
    hub.restart(access);
    offline(&ann);
    ann.go_online();
    ann.wait_until_synced(PATIENCE).unwrap();
    shows(&desk, "t1", Some("mine"));
}
