//! Telling somebody that a run failed or waits: a command, or a post to an address.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::{Command, Stdio};
use std::time::Duration;

use syncline_model::json::{Json, Object};

use crate::config::Notify;
use crate::failure::Refusal;

/// Longest wait for the receiver of a notice.
const POST_TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of the answer that are read.
const ANSWER_BYTES_MAX: u64 = 1_024;

/// Where a notice goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receiver {
    /// A program and its arguments; the notice is its standard input.
    Command(Vec<String>),
    /// A plain `http://` address.
    Http {
        /// `host:port`.
        authority: String,
        /// The path, beginning with a slash.
        path: String,
    },
}

/// Returns where notices go: what was asked for, else what is configured.
///
/// # Errors
///
/// [`Refusal::Notice`] if an address cannot be used: `https://` needs a program such as curl.
pub fn receivers(asked: Option<&str>, configured: &Notify) -> Result<Vec<Receiver>, Refusal> {
    if let Some(asked) = asked {
        return Ok(vec![receiver(asked)?]);
    }
    let mut receivers = Vec::new();
    if !configured.command.is_empty() {
        receivers.push(Receiver::Command(configured.command.clone()));
    }
    if let Some(url) = &configured.url {
        receivers.push(receiver(&resolved(url)?)?);
    }
    Ok(receivers)
}

/// Tells a receiver. The notice holds names, counts and codes, never values.
///
/// # Errors
///
/// [`Refusal::Notice`] if it could not be told.
pub fn tell(receiver: &Receiver, notice: &Object) -> Result<(), Refusal> {
    let body = Json::Object(notice.clone()).to_compact_string();
    match receiver {
        Receiver::Command(words) => start(words, &body),
        Receiver::Http { authority, path } => post(authority, path, &body),
    }
}

fn refused(reason: impl Into<String>) -> Refusal {
    Refusal::Notice { reason: reason.into() }
}

fn receiver(text: &str) -> Result<Receiver, Refusal> {
    if text.starts_with("https://") {
        let reason = "https is not built in; use a command such as `curl --json @- https://…`";
        return Err(refused(reason));
    }
    let Some(rest) = text.strip_prefix("http://") else {
        let words = words(text).ok_or_else(|| refused("a quote in the command is not closed"))?;
        return match words.is_empty() {
            true => Err(refused("the command is empty")),
            false => Ok(Receiver::Command(words)),
        };
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.is_empty() || rest.chars().any(|c| c.is_control() || c == ' ' || c == '@') {
        return Err(refused("the address is not understood"));
    }
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
    let path = if path.is_empty() { "/".to_owned() } else { path.to_owned() };
    Ok(Receiver::Http { authority, path })
}

/// Returns an address that is named by `env:NAME` or `file:PATH`, or is written as it is.
fn resolved(url: &str) -> Result<String, Refusal> {
    if let Some(name) = url.strip_prefix("env:") {
        return std::env::var(name).map_err(|_| refused(format!("{name} is not set")));
    }
    if let Some(path) = url.strip_prefix("file:") {
        let text = std::fs::read_to_string(path);
        return text.map(|text| text.trim().to_owned()).map_err(|error| refused(error.to_string()));
    }
    Ok(url.to_owned())
}

/// Splits a command into words at spaces; quotes keep spaces. No shell sees it.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

fn start(words: &[String], body: &str) -> Result<(), Refusal> {
    let (program, arguments) =
        words.split_first().ok_or_else(|| refused("the command is empty"))?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().map_err(|error| refused(format!("{program}: {error}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read what it is told is still told.
        let _ = stdin.write_all(body.as_bytes());
    }
    match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(refused(format!("{program} ended with {status}"))),
        Err(error) => Err(refused(format!("{program}: {error}"))),
    }
}

fn post(authority: &str, path: &str, body: &str) -> Result<(), Refusal> {
    let failed = |error: std::io::Error| refused(format!("{authority}: {error}"));
    let mut addresses = authority.to_socket_addrs().map_err(failed)?;
    let address = addresses.next().ok_or_else(|| refused(format!("{authority}: no address")))?;
    let mut stream = TcpStream::connect_timeout(&address, POST_TIMEOUT).map_err(failed)?;
    stream.set_read_timeout(Some(POST_TIMEOUT)).map_err(failed)?;
    stream.set_write_timeout(Some(POST_TIMEOUT)).map_err(failed)?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).map_err(failed)?;
    stream.write_all(body.as_bytes()).map_err(failed)?;
    let mut answer = Vec::new();
    // The status line is enough; a receiver that hangs up after it has answered.
    let read = stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).unwrap_or_default();
    match status.starts_with('2') {
        true => Ok(()),
        false if answer.is_empty() => Err(refused(match read {
            Err(error) => format!("{authority}: {error}"),
            Ok(_) => format!("{authority}: no answer"),
        })),
        false => Err(refused(format!("{authority} answered {}", status.escape_default()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_a_command_or_a_plain_address() {
        let command = |words: &[&str]| {
            Some(Receiver::Command(words.iter().map(|word| (*word).to_owned()).collect()))
        };
        let http = |authority: &str, path: &str| {
            Some(Receiver::Http { authority: authority.to_owned(), path: path.to_owned() })
        };
        let cases = [
            ("mail -s 'sync failed' me", command(&["mail", "-s", "sync failed", "me"])),
            ("a \"\" b", command(&["a", "", "b"])),
            ("http://localhost:8080/hook?a=1", http("localhost:8080", "/hook?a=1")),
            ("http://127.0.0.1", http("127.0.0.1:80", "/")),
            ("https://example.com", None),
            ("http://", None),
            ("http://a b/", None),
            ("mail 'open", None),
            ("  ", None),
        ];
        for (text, expected) in cases {
            assert_eq!(receiver(text).ok(), expected, "case: {text}");
        }
    }

    #[test]
    fn a_notice_is_posted_and_its_answer_is_read() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut seen = [0; 1024];
            let count = stream.read(&mut seen).unwrap();
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
            String::from_utf8_lossy(&seen[..count]).into_owned()
        });
        let receiver = receiver(&format!("http://{address}/hook")).unwrap();
        let mut notice = Object::new();
        notice.insert("code", "SAFETY_STOP");
        tell(&receiver, &notice).unwrap();
        assert!(server.join().unwrap().starts_with("POST /hook HTTP/1.1\r\n"));
    }
}
