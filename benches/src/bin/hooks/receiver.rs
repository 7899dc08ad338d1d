//! A receiver of webhooks: it keeps connections, verifies each signature, and says when what came first.
//!
//! It has one thread of its own, which is all that it needs: what it takes of the processors is missing to who sends.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use syncline_benches::waits::Waits;
use syncline_protocol::webhook::secret::Secret;
use syncline_protocol::webhook::verify::{Received, Verifier};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::load::{self, Begin};

/// What all deliveries are signed with.
pub(crate) const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const TAKEN: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
const FAILED: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";
/// Room for a request.
const REQUEST_BYTES: usize = 16 << 10;
/// How often is looked whether all has come.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// How a receiver answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// That it has taken it.
    Taken,
    /// That it has failed.
    Failed,
    /// Never.
    Never,
}

/// A receiver that runs in this program.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    counted: Arc<Counted>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

#[derive(Debug)]
struct Counted {
    verifier: Verifier,
    answers: Answers,
    begun: Instant,
    /// When the event of each number came first, in nanoseconds since it began and never 0; 0 where it has not come.
    came: Vec<AtomicU64>,
    first: AtomicU64,
    again: AtomicU64,
    wrong: AtomicU64,
    bytes: AtomicU64,
}

impl Receiver {
    /// Starts one.
    ///
    /// - `events`: how many there are; their numbers are below that.
    pub(crate) fn start(answers: Answers, events: u64) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let secret = Secret::parse(SECRET).map_err(io::Error::other)?;
        let counted = Arc::new(Counted {
            verifier: Verifier::new([&secret]).map_err(io::Error::other)?,
            answers,
            begun: Instant::now(),
            came: (0..events).map(|_| AtomicU64::new(0)).collect(),
            first: AtomicU64::new(0),
            again: AtomicU64::new(0),
            wrong: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        });
        let shared = Arc::clone(&counted);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (end, ended) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, shared) => {}
                    _ = ended => {}
                }
            });
        });
        Ok(Self { address, counted, running: Some((end, thread)) })
    }

    /// Waits until so many events have come in all, each of them verified.
    pub(crate) fn wait_for(&self, count: u64, most: Duration) -> io::Result<()> {
        let begun = Instant::now();
        loop {
            let [first, wrong] = [&self.counted.first, &self.counted.wrong]
                .map(|count| count.load(Ordering::Relaxed));
            if wrong > 0 {
                return Err(io::Error::other(format!("{wrong} requests could not be verified")));
            }
            if first >= count {
                return Ok(());
            }
            if begun.elapsed() > most {
                return Err(io::Error::other(format!("{first} of {count} events were delivered")));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Returns how many came more than once.
    pub(crate) fn again(&self) -> u64 {
        self.counted.again.load(Ordering::Relaxed)
    }

    /// Returns how long a body is, on the average.
    pub(crate) fn body_bytes(&self) -> u64 {
        let Counted { first, again, bytes, .. } = &*self.counted;
        let all = first.load(Ordering::Relaxed) + again.load(Ordering::Relaxed);
        bytes.load(Ordering::Relaxed) / all.max(1)
    }

    /// Returns how long each event took from the beginning of the request that emits it until it came.
    pub(crate) fn waits(&self, begins: &[Begin]) -> io::Result<Waits> {
        let mut waits = Vec::new();
        for Begin { events: (first, last), at } in begins {
            for number in *first..*last {
                let came = usize::try_from(number).ok().and_then(|at| self.counted.came.get(at));
                let nanos = came.map_or(0, |came| came.load(Ordering::Relaxed));
                if nanos == 0 {
                    let id = load::id(number);
                    return Err(io::Error::other(format!("{id} is missing")));
                }
                let came = self.counted.begun + Duration::from_nanos(nanos);
                waits.push(came.saturating_duration_since(*at));
            }
        }
        Ok(Waits::new(waits))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.running.take() {
            // One that has ended by itself needs no telling.
            let _ = end.send(());
            let _ = thread.join();
        }
    }
}

async fn accept(listener: std::net::TcpListener, counted: Arc<Counted>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(serve(socket, Arc::clone(&counted)));
    }
}

/// Serves one connection until it ends.
async fn serve(mut socket: TcpStream, counted: Arc<Counted>) {
    let _ = socket.set_nodelay(true);
    let mut bytes: Vec<u8> = Vec::with_capacity(REQUEST_BYTES);
    loop {
        while let Some(request) = Request::first(&bytes) {
            let answer = match counted.answers {
                Answers::Never => return std::future::pending().await,
                Answers::Failed => FAILED,
                Answers::Taken => {
                    counted.take(&bytes, &request);
                    TAKEN
                }
            };
            bytes.drain(..request.body.end);
            if socket.write_all(answer).await.is_err() {
                return;
            }
        }
        match socket.read_buf(&mut bytes).await {
            Ok(count) if count > 0 => {}
            _ => return,
        }
    }
}

/// Where the parts of a request are that this receiver looks at.
#[derive(Debug, Default)]
struct Request {
    id: Range<usize>,
    timestamp: Range<usize>,
    signature: Range<usize>,
    body: Range<usize>,
}

impl Request {
    /// Returns the first request, if all of it is there.
    fn first(bytes: &[u8]) -> Option<Self> {
        let (mut found, mut length, mut at) = (Self::default(), 0, 0);
        loop {
            let end = at + bytes.get(at..)?.iter().position(|byte| *byte == b'\n')?;
            let line = bytes[at..end].trim_ascii_end();
            if line.is_empty() {
                found.body = end + 1..end + 1 + length;
                return (bytes.len() >= found.body.end).then_some(found);
            }
            if let Some(colon) = line.iter().position(|byte| *byte == b':') {
                let value = line[colon + 1..].trim_ascii_start();
                let range = at + line.len() - value.len()..at + line.len();
                match &*line[..colon].to_ascii_lowercase() {
                    b"webhook-id" => found.id = range,
                    b"webhook-timestamp" => found.timestamp = range,
                    b"webhook-signature" => found.signature = range,
                    b"content-length" => length = std::str::from_utf8(value).ok()?.parse().ok()?,
                    _ => {}
                }
            }
            at = end + 1;
        }
    }
}

impl Counted {
    fn take(&self, bytes: &[u8], request: &Request) {
        let Request { id, timestamp, signature, body } = request;
        let part =
            |range: &Range<usize>| Some(&bytes[range.clone()]).filter(|part| !part.is_empty());
        let received = Received {
            body: &bytes[body.clone()],
            id: part(id),
            timestamp: part(timestamp),
            signature: part(signature),
            ..Received::default()
        };
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH);
        let now_s = now_s.map_or(0, |since| since.as_secs());
        let number = received.id.and_then(load::number);
        let came = number.and_then(|number| self.came.get(usize::try_from(number).ok()?));
        let (Ok(_), Some(came)) = (self.verifier.verify(&received, now_s), came) else {
            self.wrong.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let nanos = u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1);
        self.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
        let count = match came.compare_exchange(0, nanos, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => &self.first,
            Err(_) => &self.again,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_found_once_all_of_it_is_there() {
        let text = b"POST /one HTTP/1.1\r\nWebhook-Id: evt_7\r\ncontent-length:  2\r\n\r\n{}POST";
        let request = Request::first(text).unwrap();
        assert_eq!(
            (&text[request.id.clone()], &text[request.body.clone()]),
            (&b"evt_7"[..], &b"{}"[..])
        );
        for length in 0..text.len() - 4 {
            assert!(Request::first(&text[..length]).is_none(), "{length} bytes");
        }
    }
}
