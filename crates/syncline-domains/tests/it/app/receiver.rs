//! A receiver that answers as it is told, and what a sender needs to reach it.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use rustls::ServerConfig;
use syncline_domains::app::{
    Failure, Guard, Outcome, Request, Resolve, Resolved, Route, Sender, SenderSettings, Target,
};
use syncline_protocol::webhook::headers::Headers;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What a receiver does once it has read a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Answers these bytes, and takes the next request.
    Answer(String),
    /// Answers these bytes, and closes the connection without a word.
    Last(String),
    /// Answers these bytes, and then nothing more.
    Stall(String),
    /// Answers these bytes, and then goes on for ever.
    Endless(String),
}

/// A server on a port of its own.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
    names: Arc<Mutex<Vec<String>>>,
}

/// An answer with a status and a body.
pub(crate) fn answer(status: &str, body: &str) -> Reply {
    Reply::Answer(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

impl Receiver {
    /// Starts a server that answers the nth request as `reply` says.
    pub(crate) async fn start(reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::with(None, reply).await
    }

    /// As [`start`](Self::start), over TLS.
    pub(crate) async fn encrypted(
        config: ServerConfig,
        reply: impl Fn(usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::with(Some(TlsAcceptor::from(Arc::new(config))), reply).await
    }

    async fn with(
        tls: Option<TlsAcceptor>,
        reply: impl Fn(usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (requests, names) = (Arc::default(), Arc::default());
        let receiver = Self { address, connections, requests, names };
        let (connections, requests) =
            (Arc::clone(&receiver.connections), Arc::clone(&receiver.requests));
        let (names, reply) = (Arc::clone(&receiver.names), Arc::new(reply));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let (requests, reply) = (Arc::clone(&requests), Arc::clone(&reply));
                let (tls, names) = (tls.clone(), Arc::clone(&names));
                tokio::spawn(async move {
                    let Some(tls) = tls else { return serve(socket, &requests, &*reply).await };
                    let Ok(stream) = tls.accept(socket).await else { return };
                    let name = stream.get_ref().1.server_name().unwrap_or_default().to_owned();
                    names.lock().unwrap().push(name);
                    serve(stream, &requests, &*reply).await;
                });
            }
        });
        receiver
    }

    /// Returns how many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Returns the requests that came whole.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Returns the names that were asked for in TLS.
    pub(crate) fn names(&self) -> Vec<String> {
        self.names.lock().unwrap().clone()
    }

    /// Returns the way to a path of the receiver, by its address.
    pub(crate) fn route(&self, sender: &Sender) -> Route {
        route(sender, &format!("http://{}/hook?a=1", self.address))
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    requests: &Mutex<Vec<String>>,
    reply: &(dyn Fn(usize) -> Reply + Send + Sync),
) {
    while let Some(request) = read_request(&mut stream).await {
        let number = {
            let mut requests = requests.lock().unwrap();
            requests.push(request);
            requests.len() - 1
        };
        let (bytes, is_endless) = match reply(number) {
            Reply::Answer(bytes) => {
                if stream.write_all(bytes.as_bytes()).await.is_err() {
                    return;
                }
                continue;
            }
            Reply::Last(bytes) => {
                let _ = stream.write_all(bytes.as_bytes()).await;
                return;
            }
            Reply::Stall(bytes) => (bytes, false),
            Reply::Endless(bytes) => (bytes, true),
        };
        let mut is_open = stream.write_all(bytes.as_bytes()).await.is_ok();
        while is_endless && is_open {
            is_open = stream.write_all(&[b'x'; 4_096]).await.is_ok();
        }
        // Until the other side has had enough.
        let _ = stream.read(&mut [0; 1]).await;
        return;
    }
}

/// Reads one request; none once the connection is closed.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text);
            }
        }
        let mut piece = [0; 4_096];
        match stream.read(&mut piece).await {
            Ok(count) if count > 0 => read.extend_from_slice(&piece[..count]),
            _ => return None,
        }
    }
}

/// Answers what it was told, one answer after the other, the last one again and again.
#[derive(Clone)]
pub(crate) struct Answers {
    left: Arc<Mutex<VecDeque<Vec<IpAddr>>>>,
    pub(crate) asked: Arc<AtomicUsize>,
}

impl Answers {
    pub(crate) fn new(answers: &[&[&str]]) -> Self {
        let parsed = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        let left = Arc::new(Mutex::new(answers.iter().map(parsed).collect()));
        Self { left, asked: Arc::default() }
    }
}

impl Resolve for Answers {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolved<'a> {
        Box::pin(async {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let mut left = self.left.lock().unwrap();
            let answer = if left.len() > 1 { left.pop_front() } else { left.front().cloned() };
            answer.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        })
    }
}

/// A sender that may reach this machine.
pub(crate) fn sender() -> Sender {
    Sender::new(settings(), Answers::new(&[&["127.0.0.1"]]))
}

pub(crate) fn settings() -> SenderSettings {
    let guard = Guard { is_loopback_allowed: true, ..Guard::default() };
    SenderSettings { guard, ..SenderSettings::default() }
}

pub(crate) fn route(sender: &Sender, url: &str) -> Route {
    sender.route(&Target::parse(url).unwrap()).unwrap()
}

/// A request that may take a minute: longer than any test waits for it.
pub(crate) fn request(body: &str) -> Request {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Request { headers: Headers::default(), body, timeout: Duration::from_secs(60) }
}

/// A request that may take hardly any time.
pub(crate) fn hurried(body: &str) -> Request {
    Request { timeout: Duration::from_millis(150), ..request(body) }
}

pub(crate) fn failure(outcome: Outcome) -> Failure {
    outcome.answer.unwrap_err()
}
