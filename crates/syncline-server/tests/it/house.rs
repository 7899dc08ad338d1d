//! A server in a folder of its own, and a client of HTTP.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use syncline_engine::operate::Entities;
use syncline_hub::HubOptions;
use syncline_server::routes::{Route, Scope, TABLE};
use syncline_server::{Opened, Server, Settings};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest time that any answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server in a folder of its own.
pub(crate) struct House {
    pub(crate) server: Server,
    pub(crate) folder: TempDir,
    pub(crate) admin: String,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// A request that is about to be sent.
pub(crate) struct Ask {
    address: SocketAddr,
    request: hyper::http::request::Builder,
    body: Vec<u8>,
}

pub(crate) fn open_hub(settings: &Settings) -> Opened {
    let options = HubOptions { state_folder: settings.data.clone(), check_store: false };
    Opened::default_hub(&options, settings).unwrap()
}

/// Returns the folder of the state, which only its owner may enter, in a folder of a test.
pub(crate) fn state(folder: &Path) -> PathBuf {
    folder.join("state")
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Self::settings(&state(folder.path()));
        change(&mut settings);
        let server = Server::start(&settings, open_hub(&settings)).await.unwrap();
        let admin = server.admin_token().unwrap().to_owned();
        Self { server, folder, admin }
    }

    pub(crate) fn settings(folder: &Path) -> Settings {
        let settings = Settings::new(folder.to_owned(), Entities::open(BTreeMap::new()));
        Settings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..settings }
    }

    /// Stops the server and starts another in the same folder.
    pub(crate) async fn restarted(self) -> Self {
        self.restarted_with(|_| ()).await
    }

    /// As [`House::restarted`], with other settings than the usual ones.
    pub(crate) async fn restarted_with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let Self { server, folder, admin } = self;
        server.stop().await.unwrap();
        let mut settings = Self::settings(&state(folder.path()));
        change(&mut settings);
        let server = Server::start(&settings, open_hub(&settings)).await.unwrap();
        assert_eq!(server.admin_token(), None, "it has one already");
        Self { server, folder, admin }
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask {
        ask(self.server.address(), method, path)
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path).token(&self.admin).send().await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.ask("POST", path).token(&self.admin).json(body).send().await
    }

    /// Makes a token, as `name role`, or `name role client`.
    pub(crate) async fn token(&self, words: &str) -> String {
        let words: Vec<&str> = words.split(' ').collect();
        let mut body = serde_json::json!({ "name": words[0], "role": words[1] });
        if let Some(client) = words.get(2) {
            body["client"] = (*client).into();
        }
        let made = self.post("/v1/tokens", &body).await.is(201).json();
        made["token"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn ask(address: SocketAddr, method: &str, path: &str) -> Ask {
    let request = Request::builder().method(method).uri(path).header("host", address.to_string());
    Ask { address, request, body: Vec::new() }
}

impl Ask {
    pub(crate) fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        self.request = self.request.header(name, HeaderValue::from_str(value).unwrap());
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").bytes(body.to_string().into_bytes())
    }

    pub(crate) fn bytes(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// Sends it and returns the answer with its head only read.
    pub(crate) async fn open(self) -> hyper::Response<hyper::body::Incoming> {
        let socket = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) =
            http1::handshake::<_, Body>(TokioIo::new(socket)).await.unwrap();
        tokio::spawn(connection);
        let request = self.request.body(Body::from(self.body)).unwrap();
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let answer = timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap();
        expect_described(&method, &path, answer.status().as_u16());
        answer
    }

    pub(crate) async fn send(self) -> Reply {
        let (head, body) = self.open().await.into_parts();
        let body = timeout(PATIENCE, body.collect()).await.unwrap().unwrap();
        Reply { status: head.status, headers: head.headers, body: body.to_bytes().to_vec() }
    }
}

/// Expects that a route may answer so, by its description.
fn expect_described(method: &str, path: &str, status: u16) {
    let of_hub = path.strip_prefix("/h/").and_then(|rest| rest.find('/').map(|at| &rest[at..]));
    let (path, is_of_hub) = (of_hub.unwrap_or(path), of_hub.is_some());
    let is_it = |route: &&Route| {
        let (known, asked) = (route.path.split('/'), path.split('/'));
        route.method.as_str() == method
            && (route.scope == Scope::Hub || !is_of_hub)
            && known.clone().count() == asked.clone().count()
            && known.zip(asked).all(|(known, asked)| known.starts_with('{') || known == asked)
    };
    if let Some(route) = TABLE.iter().find(is_it) {
        assert!(route.may_answer(status), "{} is not described to answer {status}", route.name);
    }
}

impl Reply {
    /// Expects a status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{:?} {}", self.headers, self.text());
        self
    }

    /// Expects a problem with a code.
    #[track_caller]
    pub(crate) fn says(self, code: &str) -> Self {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], self.status.as_u16(), "{problem}");
        assert_eq!(problem["type"], format!("/problems/{code}"), "{problem}");
        assert_eq!(problem["request"], self.header("x-request-id"), "{problem}");
        assert_ne!(problem["title"], "Refused", "{code} has a page");
        assert_eq!(problem["retryable"], self.headers.contains_key("retry-after"), "{problem}");
        self
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }
}
