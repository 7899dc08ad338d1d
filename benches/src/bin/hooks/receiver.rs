//! A receiver of webhooks: it keeps connections, verifies each signature, and says when what came.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use syncline_protocol::webhook::secret::Secret;
use syncline_protocol::webhook::verify::{Received, Verifier};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What all deliveries are signed with.
pub(crate) const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const TAKEN: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
const FAILED: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";

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
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    counted: Arc<Counted>,
}

struct Counted {
    verifier: Verifier,
    answers: Answers,
    taken: AtomicU64,
    wrong: AtomicU64,
    /// When each event came first, where that is asked for.
    times: Mutex<Option<HashMap<Vec<u8>, Instant>>>,
}

impl Receiver {
    /// Starts one.
    ///
    /// - `is_timed`: whether it keeps when each event came.
    pub(crate) async fn start(answers: Answers, is_timed: bool) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let secret = Secret::parse(SECRET).map_err(io::Error::other)?;
        let counted = Arc::new(Counted {
            verifier: Verifier::new([&secret]).map_err(io::Error::other)?,
            answers,
            taken: AtomicU64::new(0),
            wrong: AtomicU64::new(0),
            times: Mutex::new(is_timed.then(HashMap::new)),
        });
        let shared = Arc::clone(&counted);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, Arc::clone(&shared)));
            }
        });
        Ok(Self { address, counted })
    }

    /// Returns how many it has taken.
    pub(crate) fn taken(&self) -> u64 {
        self.counted.taken.load(Ordering::Relaxed)
    }

    /// Waits until it has taken so many in all.
    pub(crate) async fn wait_for(&self, count: u64, most: Duration) -> io::Result<()> {
        let begun = Instant::now();
        while self.taken() < count {
            if begun.elapsed() > most {
                let text = format!("{} of {count} were delivered", self.taken());
                return Err(io::Error::other(text));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        match self.counted.wrong.load(Ordering::Relaxed) {
            0 => Ok(()),
            wrong => Err(io::Error::other(format!("{wrong} deliveries could not be verified"))),
        }
    }

    /// Returns when each event came, by its id, and forgets it.
    pub(crate) fn times(&self) -> HashMap<Vec<u8>, Instant> {
        let mut times = self.counted.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

/// Serves one connection until it ends.
async fn serve(mut socket: TcpStream, counted: Arc<Counted>) {
    let _ = socket.set_nodelay(true);
    let mut bytes: Vec<u8> = Vec::with_capacity(16 << 10);
    let mut chunk = vec![0; 16 << 10];
    loop {
        while let Some(length) = whole(&bytes) {
            let answer = match counted.answers {
                Answers::Never => return std::future::pending().await,
                Answers::Failed => FAILED,
                Answers::Taken => {
                    counted.take(&bytes[..length]);
                    TAKEN
                }
            };
            bytes.drain(..length);
            if socket.write_all(answer).await.is_err() {
                return;
            }
        }
        match socket.read(&mut chunk).await {
            Ok(count) if count > 0 => bytes.extend_from_slice(&chunk[..count]),
            _ => return,
        }
    }
}

/// Returns how long the first request is, if all of it is there.
fn whole(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let length =
        headers(&bytes[..head]).find(|(name, _)| name.eq_ignore_ascii_case(b"content-length"));
    let length = length.and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse().ok());
    let whole = head + length.unwrap_or(0);
    (bytes.len() >= whole).then_some(whole)
}

fn headers(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    head.split(|byte| *byte == b'\n').skip(1).filter_map(|line| {
        let at = line.iter().position(|byte| *byte == b':')?;
        Some((&line[..at], line[at + 1..].trim_ascii()))
    })
}

impl Counted {
    fn take(&self, request: &[u8]) {
        let body = request.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
        let (head, body) = request.split_at(body);
        let mut received = Received { body, ..Received::default() };
        for (name, value) in headers(head) {
            if name.eq_ignore_ascii_case(b"webhook-id") {
                received.id = Some(value);
            } else if name.eq_ignore_ascii_case(b"webhook-timestamp") {
                received.timestamp = Some(value);
            } else if name.eq_ignore_ascii_case(b"webhook-signature") {
                received.signature = Some(value);
            }
        }
        let now_s = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now_s = now_s.map_or(0, |since| since.as_secs());
        if self.verifier.verify(&received, now_s).is_err() {
            self.wrong.fetch_add(1, Ordering::Relaxed);
        }
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(times), Some(id)) = (times.as_mut(), received.id) {
            times.entry(id.to_vec()).or_insert_with(Instant::now);
        }
        drop(times);
        self.taken.fetch_add(1, Ordering::Relaxed);
    }
}
