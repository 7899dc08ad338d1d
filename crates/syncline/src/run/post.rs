//! Posting one JSON document to an address, in plain or over TLS, or getting one.
//!
//! Every wait has an end, of an answer to a post only the status counts, and a redirect is a refusal: a
//! report goes where it was sent and nowhere else.

use std::thread;
use std::time::Duration;

use ureq::http::Uri;

use super::actor::random;
use crate::remote::{RemoteError, agent};

/// Longest that one try may take, from the name of the host to the end of the answer.
const TRY_TIME: Duration = Duration::from_secs(10);
/// Most tries. A receiver that is not there after the last one is told of by a warning.
const TRIES_MAX: u32 = 3;
/// Longest pause before the second try, in milliseconds; four times as long before the third.
const PAUSE_MS_FIRST_MAX: u64 = 500;

/// An address that a document can be posted to, or got from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address(Uri);

/// Why a post was not taken.
struct Refused {
    /// With nothing of the address.
    reason: String,
    /// Whether another try may help.
    is_passing: bool,
}

impl Address {
    /// Reads `http://host[:port][/path]` or `https://…`.
    ///
    /// Answers `None` for anything else, and for an address with a user or a password in it: these
    /// do not belong on a command line.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.authority().filter(|authority| !authority.host().is_empty())?;
        let port = authority.as_str().strip_prefix(authority.host())?;
        let is_whole = port.is_empty() || authority.port_u16().is_some();
        (is_web && is_whole).then_some(Self(uri))
    }

    /// Returns the host as it is written, with its port: the part that is no secret.
    pub(crate) fn authority(&self) -> &str {
        self.0.authority().map_or("", |authority| authority.as_str())
    }

    /// Posts a document; tries again after a passing failure.
    ///
    /// # Errors
    ///
    /// What went wrong at the last try, with nothing of the address, which may be a secret.
    pub(crate) fn post(&self, body: &str) -> Result<(), String> {
        let agent = agent(TRY_TIME);
        let mut attempt = 1;
        loop {
            let request = agent.post(&self.0).content_type("application/json");
            let refused = match request.send(body) {
                Ok(answer) => match answer.status().as_u16() {
                    200..300 => return Ok(()),
                    status => Refused::with_status(status),
                },
                Err(error) => Refused {
                    reason: RemoteError::reason_of(&error),
                    // A certificate that is not trusted now is not trusted in a second either.
                    is_passing: !RemoteError::is_of_trust(&error),
                },
            };
            if !refused.is_passing || attempt == TRIES_MAX {
                return Err(refused.reason);
            }
            let longest = PAUSE_MS_FIRST_MAX << (2 * (attempt - 1));
            thread::sleep(Duration::from_millis(random() % (longest + 1)));
            attempt += 1;
        }
    }

    /// Gets what is there, in one try.
    ///
    /// # Errors
    ///
    /// As [`Address::post`]; also if it has more than `bytes_max` bytes.
    pub(crate) fn get(&self, bytes_max: u64) -> Result<Vec<u8>, String> {
        let reason = |error| RemoteError::reason_of(&error);
        let request = agent(TRY_TIME).get(&self.0).header("accept", "application/json");
        let mut answer = request.call().map_err(reason)?;
        match answer.status().as_u16() {
            200 => {
                let body = answer.body_mut().with_config().limit(bytes_max);
                body.read_to_vec().map_err(reason)
            }
            status => Err(Refused::with_status(status).reason),
        }
    }
}

impl Refused {
    fn with_status(status: u16) -> Self {
        let why = if (300..400).contains(&status) { ": redirects are not followed" } else { "" };
        let reason = format!("answered {status}{why}");
        Self { reason, is_passing: status >= 500 || status == 429 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_or_refused() {
        let told = |text: &str| {
            let address = Address::parse(text)?;
            Some(format!("{} {}", address.authority(), address.0))
        };
        #[rustfmt::skip]
        let cases = [
            ("http://localhost:8080/hook?a=1",  Some("localhost:8080 http://localhost:8080/hook?a=1")),
            ("http://127.0.0.1",                Some("127.0.0.1 http://127.0.0.1/")),
            ("https://example.com",             Some("example.com https://example.com/")),
            ("https://example.com:8443?x#part", Some("example.com:8443 https://example.com:8443/?x")),
            ("https://[::1]:8443/a",            Some("[::1]:8443 https://[::1]:8443/a")),
            ("https://[::1]/a",                 Some("[::1] https://[::1]/a")),
            ("http://",                         None),
            ("http://:80/",                     None),
            ("http://a b/",                     None),
            ("http://a:x/",                     None),
            ("http://a:99999/",                 None),
            ("http://a/\r\nHost: b",            None),
            ("https://user:word@example.com/",  None),
            ("https://ä.example/",              None),
            ("ftp://example.com",               None),
            ("/hook",                           None),
        ];
        for (text, expected) in cases {
            assert_eq!(told(text).as_deref(), expected, "case: {text}");
        }
    }
}
