//! A hub that is served, asked over HTTP.

mod error;

pub(crate) use error::RemoteError;

use std::fs;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use syncline_model::json::{Json, Object, parse};
use ureq::http::{Method, Request, Response, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

use crate::arguments::RemoteHub;
use crate::failure::{Failure, Refusal};

/// Where a hub is served unless something else is said: what `syncline serve` listens at.
const SERVER: &str = "http://127.0.0.1:8787";
/// Variables of the environment.
const SERVER_VARIABLE: &str = "SYNCLINE_SERVER";
const TOKEN_VARIABLE: &str = "SYNCLINE_TOKEN";
/// Longest that one request may take: a hub answers within 30 s, or refuses.
pub(crate) const REQUEST_TIME_MAX: Duration = Duration::from_secs(45);
/// Most bytes of an answer: a page of 1,000 deliveries has some 2 MB.
const ANSWER_BYTES_MAX: u64 = 32 << 20;
/// Longest token in a file, in bytes.
const TOKEN_BYTES_MAX: usize = 16 << 10;
/// What stays as it is in one part of a path.
const IN_A_PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A hub of a server.
pub(crate) struct Remote {
    agent: Agent,
    /// The address of the hub, without a slash at its end.
    base: String,
    /// The scheme, the host and the port of it, for messages.
    server: String,
    authorization: String,
}

impl Remote {
    /// Makes ready to ask a hub. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`Refusal::Usage`] if the address is none, or the token would be sent for all to read;
    /// [`RemoteError::TokenMissing`] if there is none.
    pub(crate) fn new(at: &RemoteHub) -> Result<Self, Failure> {
        let from_environment = || std::env::var(SERVER_VARIABLE).ok();
        let server = at.server.clone().or_else(from_environment);
        let server = server.unwrap_or_else(|| SERVER.to_owned());
        let told = check_address(&server, at.allow_plaintext)?;
        let mut base = server.trim_end_matches('/').to_owned();
        if let Some(hub) = &at.hub {
            base.push_str(&format!("/h/{}", part(hub)));
        }
        let token = token(at)?;
        let (agent, authorization) = (agent(REQUEST_TIME_MAX), format!("Bearer {token}"));
        Ok(Self { agent, base, server: told, authorization })
    }

    /// Gets what is at a path below `/v1/`.
    pub(crate) fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Object, RemoteError> {
        self.ask(Method::GET, path, query, None)
    }

    /// Posts a document.
    pub(crate) fn post(&self, path: &[&str], body: Object) -> Result<Object, RemoteError> {
        self.ask(Method::POST, path, &[], Some(body))
    }

    /// Posts nothing, where nothing is expected.
    pub(crate) fn post_nothing(&self, path: &[&str]) -> Result<Object, RemoteError> {
        self.ask(Method::POST, path, &[], None)
    }

    /// Changes what is at a path.
    pub(crate) fn patch(&self, path: &[&str], body: Object) -> Result<Object, RemoteError> {
        self.ask(Method::PATCH, path, &[], Some(body))
    }

    /// Deletes what is at a path.
    pub(crate) fn delete(&self, path: &[&str]) -> Result<Object, RemoteError> {
        self.ask(Method::DELETE, path, &[], None)
    }

    fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<Object>,
    ) -> Result<Object, RemoteError> {
        let mut address = format!("{}/v1", self.base);
        for one in path {
            address.push('/');
            address.push_str(&part(one));
        }
        for (index, (name, value)) in query.iter().enumerate() {
            address.push_str(if index == 0 { "?" } else { "&" });
            address.push_str(&format!("{name}={}", part(value)));
        }
        let request = Request::builder().method(method).uri(address);
        let request = request.header("authorization", &self.authorization);
        let request = request.header("accept", "application/json");
        let answer = match body {
            None => request.body(()).map(|request| self.agent.run(request)),
            Some(body) => {
                let text = Json::Object(body).to_compact_string();
                let request = request.header("content-type", "application/json").body(text);
                request.map(|request| self.agent.run(request))
            }
        };
        // Whatever a hub is called was checked; what remains is a name that no header can hold.
        let answer = answer.map_err(|_| RemoteError::NotUnderstood)?;
        let unreachable = |error: ureq::Error| RemoteError::unreachable(&self.server, &error);
        understood(&self.server, answer.map_err(unreachable)?, unreachable)
    }
}

/// Returns what is asked with: no redirect is followed, and a refusal is an answer too.
///
/// - `time_max`: longest that one request may take, from the name of the host to the end of the answer.
pub(crate) fn agent(time_max: Duration) -> Agent {
    let found = rustls_native_certs::load_native_certs().certs;
    let roots: Vec<Certificate<'static>> =
        found.iter().map(|one| Certificate::from_der(one).to_owned()).collect();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(provider)
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(time_max))
        .user_agent(concat!("syncline/", env!("CARGO_PKG_VERSION")))
        .proxy(None);
    config.build().into()
}

/// Reads an answer: a document, nothing, or a problem.
fn understood(
    server: &str,
    mut answer: Response<Body>,
    unreachable: impl Fn(ureq::Error) -> RemoteError,
) -> Result<Object, RemoteError> {
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
    let body = body.map_err(unreachable)?;
    let document = match (body.is_empty(), parse(&body)) {
        (true, _) => Object::new(),
        (false, Ok(Json::Object(document))) => document,
        (false, _) => return Err(RemoteError::NotUnderstood),
    };
    if (200..300).contains(&status) {
        return Ok(document);
    }
    Err(RemoteError::refused(server, status, &document))
}

/// Refuses what is no address of a server, and one that a token would be sent to for all to read. Answers the scheme, the
/// host and the port of it.
fn check_address(server: &str, allow_plaintext: bool) -> Result<String, Refusal> {
    let unfit = || {
        let what = "the address of the server is not understood";
        Refusal::usage(what, "write it as https://sync.example or http://127.0.0.1:8787")
    };
    let address: Uri = server.parse().map_err(|_| unfit())?;
    let host = address.host().ok_or_else(unfit)?;
    if address.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(unfit());
    }
    let port = address.port().map(|port| format!(":{port}")).unwrap_or_default();
    match address.scheme_str() {
        Some("https") => Ok(format!("https://{host}{port}")),
        Some("http") if allow_plaintext || is_of_this_machine(host) => {
            Ok(format!("http://{host}{port}"))
        }
        Some("http") => {
            let what =
                format!("{host} is not this machine, and the token would be sent unencrypted");
            Err(Refusal::usage(what, "use https, or add --allow-plaintext"))
        }
        _ => Err(unfit()),
    }
}

/// Tells whether a host is this machine.
pub(crate) fn is_of_this_machine(host: &str) -> bool {
    let number = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || number.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn token(at: &RemoteHub) -> Result<String, Failure> {
    let text = match &at.token_file {
        Some(path) => {
            let read = fs::read_to_string(path);
            let failed = |source| Refusal::File { action: "read", path: path.clone(), source };
            read.map_err(failed)?
        }
        None => std::env::var(TOKEN_VARIABLE).unwrap_or_default(),
    };
    let token = text.trim();
    if token.is_empty() {
        return Err(RemoteError::TokenMissing.into());
    }
    let is_odd =
        token.len() > TOKEN_BYTES_MAX || !token.bytes().all(|byte| byte.is_ascii_graphic());
    match is_odd {
        true => Err(Refusal::usage(
            "the access token is none",
            "syncline serve prints where the first one is",
        )
        .into()),
        false => Ok(token.to_owned()),
    }
}

fn part(text: &str) -> String {
    utf8_percent_encode(text, IN_A_PART).to_string()
}
