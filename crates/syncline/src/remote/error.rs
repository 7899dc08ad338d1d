//! Why a hub did not do what it was asked over HTTP.

use std::io;

use syncline_model::json::{Json, Object};
use thiserror::Error;

use crate::exit::Exit;

/// Longest text of a server that is printed, in characters.
const TEXT_CHARACTERS_MAX: usize = 400;

/// Why a hub did not do what it was asked over HTTP.
#[derive(Debug, Error)]
pub enum RemoteError {
    /// No token was given.
    #[error("no access token is given")]
    TokenMissing,
    /// No answer came.
    #[error("the server {server} cannot be reached: {reason}")]
    Unreachable {
        /// Its scheme, host and port: nothing else of its address is printed.
        server: String,
        /// Why not, without the address.
        reason: String,
    },
    /// What answered is no hub.
    #[error("the server's answer is not understood")]
    NotUnderstood,
    /// The hub refused.
    #[error("{}", said(title, detail))]
    Refused {
        /// The status of the answer.
        status: u16,
        /// The hub's code.
        code: String,
        /// What is wrong.
        title: String,
        /// What is wrong with this request.
        detail: String,
        /// Its scheme, host and port.
        server: String,
    },
}

/// Returns what a hub says: what is wrong, and more of it unless that is the same.
fn said(title: &str, detail: &str) -> String {
    match detail.is_empty() || detail.eq_ignore_ascii_case(title) {
        true => title.to_owned(),
        false => format!("{title}: {detail}"),
    }
}

impl RemoteError {
    pub(super) fn unreachable(server: &str, error: &ureq::Error) -> Self {
        Self::Unreachable { server: server.to_owned(), reason: Self::reason_of(error) }
    }

    /// Returns why something did not answer, without its address.
    pub(crate) fn reason_of(error: &ureq::Error) -> String {
        if Self::is_of_trust(error) {
            return "it is not trusted".to_owned();
        }
        match error {
            ureq::Error::Io(error) => error.kind().to_string(),
            ureq::Error::Timeout(_) => "it took too long".to_owned(),
            ureq::Error::HostNotFound => "the name of the host has no address".to_owned(),
            ureq::Error::ConnectionFailed => "no connection could be made".to_owned(),
            ureq::Error::BodyExceedsLimit(_) => "its answer is too long".to_owned(),
            _ => "what answers there does not speak HTTP as it should".to_owned(),
        }
    }

    /// Returns whether something did not answer because it is not who it should be, or nobody can tell.
    pub(crate) fn is_of_trust(error: &ureq::Error) -> bool {
        match error {
            // What TLS refuses while bytes are read or written.
            ureq::Error::Io(error) => error.kind() == io::ErrorKind::InvalidData,
            error => matches!(error, ureq::Error::Rustls(_) | ureq::Error::Tls(_)),
        }
    }

    /// Reads a problem (RFC 9457).
    pub(super) fn refused(server: &str, status: u16, problem: &Object) -> Self {
        let text = |name: &str| {
            let text = problem.get(name).and_then(Json::as_str).unwrap_or_default();
            text.chars().filter(|c| !c.is_control()).take(TEXT_CHARACTERS_MAX).collect::<String>()
        };
        let code = text("type").rsplit('/').next().unwrap_or_default().to_owned();
        let is_code = !code.is_empty()
            && code
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        match is_code {
            true => Self::Refused {
                status,
                code,
                title: text("title"),
                detail: text("detail"),
                server: server.to_owned(),
            },
            false => Self::NotUnderstood,
        }
    }

    /// Returns the stable code: the hub's own where it has refused.
    pub fn code(&self) -> &str {
        match self {
            Self::TokenMissing => "ACCESS_TOKEN_MISSING",
            Self::Unreachable { .. } => "SERVER_UNREACHABLE",
            Self::NotUnderstood => "SERVER_ANSWER_INVALID",
            Self::Refused { code, .. } => code,
        }
    }

    /// Returns the exit code that follows.
    pub fn exit(&self) -> Exit {
        match self {
            Self::TokenMissing | Self::Refused { status: 401 | 403, .. } => Exit::Config,
            Self::Unreachable { .. } | Self::Refused { status: 429 | 500.., .. } => Exit::Transient,
            Self::NotUnderstood => Exit::Unexpected,
            Self::Refused { .. } => Exit::Usage,
        }
    }

    /// Returns why, in one sentence.
    pub fn why(&self) -> String {
        match self {
            Self::TokenMissing => "a hub does nothing for whom it does not know".to_owned(),
            Self::Unreachable { .. } => "nothing was changed, as far as is known".to_owned(),
            Self::NotUnderstood => "something else than a hub answers at that address".to_owned(),
            Self::Refused { status, .. } => {
                format!("the hub answered {status}; nothing was changed")
            }
        }
    }

    /// Returns what to do next.
    pub fn next(&self) -> String {
        match self {
            Self::TokenMissing => "set SYNCLINE_TOKEN, or name a file: --token-file".to_owned(),
            Self::Unreachable { .. } => {
                "check --server, and that `syncline serve` runs there".to_owned()
            }
            Self::NotUnderstood => "check --server; the path of a hub is given by --hub".to_owned(),
            Self::Refused { code, server, .. } => format!("{server}/problems/{code} says more"),
        }
    }
}
