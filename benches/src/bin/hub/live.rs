//! One small edit from one client to another over open sockets: how long, and how many bytes.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use syncline_benches::served::Hub;
use syncline_benches::waits::Waits;

/// A socket that counts what goes through it.
struct Counted {
    stream: TcpStream,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(bytes)?;
        self.bytes.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A client that speaks the compact form by hand, as `docs/protocol.md` says.
struct Client {
    socket: WebSocket<Counted>,
    bytes: Arc<AtomicU64>,
}

impl Client {
    /// Connects, and reads until it is up to date.
    fn open(hub: &Hub, name: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(hub.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let bytes = Arc::new(AtomicU64::new(0));
        let counted = Counted { stream, bytes: bytes.clone() };
        let mut request = format!("ws://{}/v1/live", hub.address)
            .into_client_request()
            .map_err(io::Error::other)?;
        let headers = request.headers_mut();
        let authorization = format!("Bearer {}", hub.token).parse().map_err(io::Error::other)?;
        headers.insert("authorization", authorization);
        headers.insert("sec-websocket-protocol", "syncline.v1".parse().map_err(io::Error::other)?);
        let (socket, _) = tungstenite::client(request, counted)
            .map_err(|error| io::Error::other(error.to_string()))?;
        let mut client = Self { socket, bytes };
        let hello = json!(["h", {
            "protocol": 1,
            "client": name,
            "views": [{"entities": ["tasks"]}],
            "accept": [],
            "window": 64,
        }]);
        client.say(&hello)?;
        loop {
            let told = client.hear()?;
            if told[0] == "c" {
                let (cursor, more) = (told[3].clone(), told[4].as_u64().unwrap_or_default());
                client.say(&json!(["a", 0, cursor]))?;
                if more % 2 == 0 {
                    return Ok(client);
                }
            }
        }
    }

    fn say(&mut self, message: &Value) -> io::Result<()> {
        let text = message.to_string();
        self.socket.send(Message::text(text)).map_err(io::Error::other)
    }

    fn hear(&mut self) -> io::Result<Value> {
        loop {
            match self.socket.read().map_err(io::Error::other)? {
                Message::Text(text) => {
                    let told: Value =
                        serde_json::from_str(text.as_str()).map_err(io::Error::other)?;
                    if told[0] == "e" {
                        return Err(io::Error::other(format!("the hub says {told}")));
                    }
                    return Ok(told);
                }
                Message::Close(why) => return Err(io::Error::other(format!("closed: {why:?}"))),
                _ => {}
            }
        }
    }
}

/// What was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// From the sender's write to the other's reading.
    pub(crate) waits: Waits,
    /// TCP payload of one edit: operation, result, change and acknowledgement.
    pub(crate) bytes: f64,
}

/// Lets one client edit one field of a record again and again, and another follow it.
pub(crate) fn run(hub: &Hub, edits: u64, pause: Duration) -> io::Result<Found> {
    let names = format!("bench-{}", std::process::id());
    let mut writer = Client::open(hub, &format!("{names}-a"))?;
    let mut reader = Client::open(hub, &format!("{names}-b"))?;
    writer.say(&json!(["n", 0, ["tasks", "/title"]]))?;
    let (mut base, mut waits) = (json!(0), Vec::new());
    // The first edits make the record and name what is named.
    let warm_up = 10;
    let mut before = 0;
    for edit in 1..=edits + warm_up {
        if edit == warm_up + 1 {
            before = writer.bytes.load(Ordering::Relaxed) + reader.bytes.load(Ordering::Relaxed);
        }
        let title = format!("Call {edit:05}");
        let effects = json!([["=", 1, title]]);
        let operation = json!([edit, 0, names, base, 1_763_790_000_000_u64 + edit, effects]);
        let start = Instant::now();
        writer.say(&json!(["p", [operation]]))?;
        let cursor = loop {
            let told = reader.hear()?;
            if told[0] == "c" && told[2].as_array().is_some_and(|changes| !changes.is_empty()) {
                break told[3].clone();
            }
        };
        if edit > warm_up {
            waits.push(start.elapsed());
        }
        reader.say(&json!(["a", 0, cursor]))?;
        base = loop {
            let told = writer.hear()?;
            if told[0] == "r" {
                break told[1][0][2].clone();
            }
        };
        std::thread::sleep(pause);
    }
    let after = writer.bytes.load(Ordering::Relaxed) + reader.bytes.load(Ordering::Relaxed);
    Ok(Found { waits: Waits::new(waits), bytes: (after - before) as f64 / edits as f64 })
}
