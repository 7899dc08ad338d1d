//! Posting one JSON document to an address, in plain or over TLS, or getting one.
//!
//! A client of its own, because one request a run does not need a pool, redirects or compression.
//! Every wait has an end, an answer is read as far as its status, and a redirect is a refusal: a
//! report goes where it was sent and nowhere else.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::actor::random;

/// Longest that one try may take, from the name of the host to the answer.
const TRY_TIME: Duration = Duration::from_secs(10);
/// Most tries. A receiver that is not there after the last one is told of by a warning.
const TRIES_MAX: u32 = 3;
/// Longest pause before the second try, in milliseconds; four times as long before the third.
const PAUSE_MS_FIRST_MAX: u64 = 500;
/// Most bytes of the answer that are read. The status line is within the first few.
const ANSWER_BYTES_MAX: usize = 1_024;

/// Most bytes of the head of an answer whose body is read.
const ANSWER_HEAD_BYTES_MAX: usize = 16 << 10;

/// An address that a document can be posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    is_encrypted: bool,
    /// The name or number of the host, without the brackets of the sixth version.
    host: String,
    port: u16,
    /// The host as it is written in the request, with its port unless it is the usual one.
    authority: String,
    /// The path with its query, beginning with a slash.
    path: String,
}

/// Why a document could not be posted.
#[derive(Debug)]
pub(crate) enum PostError {
    /// What the receiver answered, or why none could be asked; it holds nothing of the address.
    Answer(String),
    /// The connection failed; the words of the system may name the host.
    Connection(io::Error),
}

impl PostError {
    /// Returns what went wrong. It may name the host and never the path, which may be a secret.
    pub(crate) fn with_host(&self) -> String {
        match self {
            Self::Answer(reason) => reason.clone(),
            Self::Connection(error) => error.to_string(),
        }
    }

    /// Returns what went wrong, with nothing of the address.
    pub(crate) fn without_address(&self) -> String {
        match self {
            Self::Answer(reason) => reason.clone(),
            Self::Connection(error) => match error.kind() {
                io::ErrorKind::InvalidData => "the receiver is not trusted".to_owned(),
                kind => kind.to_string(),
            },
        }
    }
}

impl Address {
    /// Returns the host as it is written, with its port.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Reads `http://host[:port][/path]` or `https://…`.
    ///
    /// Answers `None` for anything else, and for an address with a user or a password in it: these
    /// do not belong on a command line.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (is_encrypted, rest) = match text.strip_prefix("https://") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("http://")?),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        if rest.chars().any(|c| c.is_control() || c == ' ' || c == '@' || !c.is_ascii()) {
            return None;
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let usual = if is_encrypted { 443 } else { 80 };
        let in_brackets = authority.ends_with(']');
        let (host, port) = match authority.rsplit_once(':').filter(|_| !in_brackets) {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (authority, usual),
        };
        let host = host.strip_prefix('[').map_or(Some(host), |host| host.strip_suffix(']'))?;
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        (!host.is_empty()).then(|| Self {
            is_encrypted,
            host: host.to_owned(),
            port,
            authority: authority.to_owned(),
            path,
        })
    }

    /// Posts a document; tries again after a passing failure.
    ///
    /// # Errors
    ///
    /// [`PostError`]: what went wrong at the last try.
    pub(crate) fn post(&self, body: &str) -> Result<(), PostError> {
        let tls = self.is_encrypted.then(client).transpose().map_err(PostError::Answer)?;
        let mut attempt = 1;
        loop {
            let (error, is_passing) = match self.try_once(tls.as_ref(), body) {
                Ok(status) if (200..300).contains(&status) => return Ok(()),
                Ok(status @ 300..400) => {
                    let reason = format!("answered {status}: redirects are not followed");
                    (PostError::Answer(reason), false)
                }
                Ok(status) => {
                    let is_passing = status >= 500 || status == 429;
                    (PostError::Answer(format!("answered {status}")), is_passing)
                }
                Err(error) => {
                    // A certificate that is not trusted now is not trusted in a second either.
                    let is_passing = error.kind() != io::ErrorKind::InvalidData;
                    (PostError::Connection(error), is_passing)
                }
            };
            if !is_passing || attempt == TRIES_MAX {
                return Err(error);
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
    /// [`PostError`]; also if it has more than `bytes_max` bytes.
    pub(crate) fn get(&self, bytes_max: usize) -> Result<Vec<u8>, PostError> {
        let tls = self.is_encrypted.then(client).transpose().map_err(PostError::Answer)?;
        let head = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\nConnection: close\r\n\r\n",
            self.path, self.authority
        );
        let bytes_max = bytes_max + ANSWER_HEAD_BYTES_MAX;
        let answer = self.ask(tls.as_ref(), head.as_bytes(), |answer, is_over| {
            if answer.len() > bytes_max {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the answer is too long"));
            }
            whole(answer, is_over)
        });
        match answer.map_err(PostError::Connection)? {
            (200, body) => Ok(body),
            (status, _) => Err(PostError::Answer(format!("answered {status}"))),
        }
    }

    /// Posts once and returns the status of the answer.
    fn try_once(&self, tls: Option<&Arc<ClientConfig>>, body: &str) -> io::Result<u16> {
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.path,
            self.authority,
            body.len()
        );
        let request = [head.as_bytes(), body.as_bytes()].concat();
        self.ask(tls, &request, |answer, _| begun(answer))
    }

    /// Sends a request and reads its answer until it is understood.
    fn ask<T>(
        &self,
        tls: Option<&Arc<ClientConfig>>,
        request: &[u8],
        understand: impl Fn(&[u8], bool) -> io::Result<Option<T>>,
    ) -> io::Result<T> {
        let deadline = Instant::now() + TRY_TIME;
        let socket = self.connect(deadline)?;
        let Some(config) = tls else {
            let clock = socket.try_clone()?;
            return exchange(socket, (&clock, deadline), request, understand);
        };
        let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
        let session = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        let clock = socket.try_clone()?;
        exchange(StreamOwned::new(session, socket), (&clock, deadline), request, understand)
    }

    fn connect(&self, deadline: Instant) -> io::Result<TcpStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "no address");
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, time_left(deadline)?) {
                Ok(socket) => {
                    let left = time_left(deadline)?;
                    socket.set_read_timeout(Some(left))?;
                    socket.set_write_timeout(Some(left))?;
                    return Ok(socket);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Returns how long a try may still take.
fn time_left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(io::ErrorKind::TimedOut.into()),
        false => Ok(left),
    }
}

/// Sends a request and reads its answer until it is understood. `clock` is the socket below the stream:
/// its time-out shrinks with every read, so that a slow answer has an end as well.
fn exchange<T>(
    mut stream: impl Read + Write,
    (clock, deadline): (&TcpStream, Instant),
    request: &[u8],
    understand: impl Fn(&[u8], bool) -> io::Result<Option<T>>,
) -> io::Result<T> {
    stream.write_all(request)?;
    stream.flush()?;
    let mut answer = Vec::new();
    let mut piece = [0; ANSWER_BYTES_MAX];
    loop {
        clock.set_read_timeout(Some(time_left(deadline)?))?;
        let count = stream.read(&mut piece)?;
        answer.extend(piece.iter().take(count));
        if let Some(understood) = understand(&answer, count == 0)? {
            return Ok(understood);
        }
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "no answer"));
        }
    }
}

fn no_http() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP")
}

/// Returns the status of an answer that has begun.
fn begun(answer: &[u8]) -> io::Result<Option<u16>> {
    match answer.iter().position(|byte| *byte == b'\n') {
        Some(end) => answer.get(..end).and_then(status).map(Some).ok_or_else(no_http),
        None if answer.len() >= ANSWER_BYTES_MAX => Err(no_http()),
        None => Ok(None),
    }
}

/// Returns status and body of an answer, once it is all there.
///
/// - `is_over`: whether no more comes.
fn whole(answer: &[u8], is_over: bool) -> io::Result<Option<(u16, Vec<u8>)>> {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return if answer.len() > ANSWER_HEAD_BYTES_MAX { Err(no_http()) } else { Ok(None) };
    };
    let (head, body) = answer.split_at(end + 4);
    let Some(status) = begun(head)? else { return Err(no_http()) };
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(found, _)| *found == name).map(|(_, value)| value.trim())
    };
    if header("transfer-encoding").is_some_and(|coding| coding.ends_with("chunked")) {
        return Ok(chunks(body)?.map(|body| (status, body)));
    }
    let body = match header("content-length") {
        None => is_over.then_some(body),
        Some(length) => body.get(..length.parse().map_err(|_| no_http())?),
    };
    Ok(body.map(|body| (status, body.to_vec())))
}

/// Returns the body that came in chunks, once the last one is there.
fn chunks(mut rest: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|bytes| bytes == b"\r\n") else { return Ok(None) };
        let line = rest.get(..end).and_then(|line| std::str::from_utf8(line).ok());
        let size = line.and_then(|line| line.split(';').next()).map(str::trim);
        let size = size.and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.filter(|size| *size <= rest.len().max(1 << 20)).ok_or_else(no_http)?;
        if size == 0 {
            return Ok(Some(body));
        }
        let begin = end + 2;
        let Some(chunk) = rest.get(begin..begin + size) else { return Ok(None) };
        body.extend(chunk);
        let Some(after) = rest.get(begin + size + 2..) else { return Ok(None) };
        rest = after;
    }
}

/// Returns the status of a status line such as `HTTP/1.1 204 No Content`.
fn status(line: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_ascii_whitespace();
    words.next().filter(|word| word.starts_with("HTTP/1."))?;
    words.next()?.parse().ok().filter(|status| (100..600).contains(status))
}

/// Returns the client's side of TLS: whom this machine trusts, and nothing older than TLS 1.2.
fn client() -> Result<Arc<ClientConfig>, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err("this machine has no certificates of authorities that it trusts".to_owned());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_or_refused() {
        let told = |text: &str| {
            let address = Address::parse(text)?;
            let Address { is_encrypted, host, port, path, authority } = address;
            Some(format!("{is_encrypted} {host} {port} {authority} {path}"))
        };
        #[rustfmt::skip]
        let cases = [
            ("http://localhost:8080/hook?a=1",  Some("false localhost 8080 localhost:8080 /hook?a=1")),
            ("http://127.0.0.1",                Some("false 127.0.0.1 80 127.0.0.1 /")),
            ("https://example.com",             Some("true example.com 443 example.com /")),
            ("https://example.com:8443?x#part", Some("true example.com 8443 example.com:8443 /?x")),
            ("https://[::1]:8443/a",            Some("true ::1 8443 [::1]:8443 /a")),
            ("https://[::1]/a",                 Some("true ::1 443 [::1] /a")),
            ("http://",                         None),
            ("http://:80/",                     None),
            ("http://a b/",                     None),
            ("http://a:x/",                     None),
            ("http://a/\r\nHost: b",            None),
            ("https://user:word@example.com/",  None),
            ("ftp://example.com",               None),
        ];
        for (text, expected) in cases {
            assert_eq!(told(text).as_deref(), expected, "case: {text}");
        }
    }

    #[test]
    fn an_answer_is_whole_when_its_length_its_chunks_or_its_end_are_there() {
        let body = |text: &str, is_over| {
            let found = whole(text.as_bytes(), is_over).map_err(|_| ());
            found
                .map(|found| found.map(|(status, body)| (status, String::from_utf8(body).unwrap())))
        };
        let is = |text: &str| Ok(Some((200, text.to_owned())));
        let head = "HTTP/1.1 200 OK\r\n";
        #[rustfmt::skip]
        let cases = [
            (format!("{head}Content-Length: 2\r\n\r\nab"),                              false, is("ab")),
            (format!("{head}content-length: 3\r\n\r\nab"),                              true,  Ok(None)),
            (format!("{head}content-length: -1\r\n\r\nab"),                             true,  Err(())),
            (format!("{head}\r\nab"),                                                    false, Ok(None)),
            (format!("{head}\r\nab"),                                                    true,  is("ab")),
            (format!("{head}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\n"), false, is("abc")),
            (format!("{head}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"),            true,  Ok(None)),
            (format!("{head}Transfer-Encoding: chunked\r\n\r\nx\r\nab\r\n"),            true,  Err(())),
            (format!("{head}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nab"),   true,  Err(())),
            ("SSH-2.0-x\r\n\r\n".to_owned(),                                            true,  Err(())),
            (format!("{head}Content-"),                                                  true,  Ok(None)),
        ];
        for (text, is_over, expected) in cases {
            assert_eq!(body(&text, is_over), expected, "case: {text}");
        }
    }

    #[test]
    fn a_status_line_has_a_status_or_is_none() {
        #[rustfmt::skip]
        let cases: [(&[u8], Option<u16>); 6] = [
            (b"HTTP/1.1 204 No Content\r", Some(204)),
            (b"HTTP/1.0 500",              Some(500)),
            (b"HTTP/2 200",                None),
            (b"HTTP/1.1 99999",            None),
            (b"SSH-2.0-x",                 None),
            (b"\xff",                      None),
        ];
        for (line, expected) in cases {
            assert_eq!(status(line), expected);
        }
    }
}
