//! Many clients in a process of their own, so that what a hub spends on them can be told from what they spend.
//!
//! The process is this program again, with `--is-crowd`. It is told by lines what to do, and answers each with a
//! line. Its clients speak the compact form by hand over bare sockets, as `docs/protocol.md` says, and check that
//! what they are told rises without a gap.

use std::error::Error;
use std::io::{self, BufRead, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Bytes that are read at once.
const READ_BYTES: usize = 16 << 10;
/// Longest random wait after a failure, in milliseconds.
const RETRY_MS_MAX: u64 = 1_000;
/// How many of the connections that ended say why.
const COMPLAINTS_MAX: u64 = 5;
/// How often it is looked whether everybody was told.
const LOOK: Duration = Duration::from_millis(2);

/// What a crowd does.
#[derive(Clone, Debug)]
struct Plan {
    address: SocketAddr,
    tokens: Vec<String>,
    /// The type of record, or a view by its name with a parameter.
    view: Value,
    /// Each client gives the parameter a value of its own, with its number at the end.
    is_own: bool,
    /// Each begins after a random time up to this, in milliseconds.
    jitter_ms: u64,
    /// One acknowledgement for so many messages.
    ack_every: u64,
}

/// What the clients found.
#[derive(Default)]
struct Found {
    /// Changes told to each, since it was first up to date.
    changes: Vec<AtomicU64>,
    /// Where each is to go on.
    cursors: Vec<Mutex<Option<String>>>,
    /// What cursors that are numbers begin with.
    incarnation: Mutex<String>,
    connected: AtomicU64,
    /// Times that a client was told to come back later, and worse things.
    busy: AtomicU64,
    worse: AtomicU64,
    /// Changes that did not rise, and messages that nobody understands.
    wrong: AtomicU64,
    /// When the last change was read, in microseconds since the Unix epoch.
    last_us: AtomicU64,
    /// The sockets are cut on purpose.
    is_cut: AtomicBool,
    /// What was read last: all are told the same.
    read: Mutex<(Vec<u8>, Option<Told>)>,
}

/// A message with changes.
#[derive(Clone, Debug)]
struct Told {
    positions: Arc<[u64]>,
    cursor: Arc<str>,
    is_more: bool,
    is_snapshot: bool,
}

/// Is told by lines of the standard input, and answers on the standard output.
pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (send, mut orders) = tokio::sync::mpsc::unbounded_channel::<Value>();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if serde_json::from_str(&line).is_ok_and(|order| send.send(order).is_err()) {
                return;
            }
        }
    });
    runtime.block_on(async {
        let mut found = Arc::new(Found::default());
        let mut clients = JoinSet::new();
        while let Some(order) = orders.recv().await {
            let answer = match order["do"].as_str() {
                Some("open") => open(&order, &mut found, &mut clients).await?,
                Some("await") => until_told(&order, &found).await,
                Some("cut") => {
                    found.is_cut.store(true, Ordering::SeqCst);
                    clients.shutdown().await;
                    found.is_cut.store(false, Ordering::SeqCst);
                    found.connected.store(0, Ordering::SeqCst);
                    json!({})
                }
                _ => return Err("an order that nobody knows".into()),
            };
            println!("{answer}");
            io::stdout().flush()?;
        }
        Ok(())
    })
}

/// Begins clients, up to a number of them, and waits until all are up to date.
async fn open(
    order: &Value,
    found: &mut Arc<Found>,
    clients: &mut JoinSet<()>,
) -> Result<Value, Box<dyn Error>> {
    let number = |name: &str| order[name].as_u64().unwrap_or_default();
    let plan = Arc::new(Plan {
        address: order["address"].as_str().unwrap_or_default().parse()?,
        tokens: order["tokens"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|token| token.as_str().map(str::to_owned))
            .collect(),
        view: order["view"].clone(),
        is_own: order["is_own"] == true,
        jitter_ms: number("jitter_ms"),
        ack_every: number("ack_every").max(1),
    });
    let (first, end) = (number("first"), number("first") + number("clients"));
    if found.changes.len() as u64 != number("of") {
        let mut fresh = Found::default();
        fresh.changes.resize_with(usize::try_from(number("of"))?, AtomicU64::default);
        fresh.cursors.resize_with(usize::try_from(number("of"))?, Mutex::default);
        *found = Arc::new(fresh);
    }
    found.busy.store(0, Ordering::Relaxed);
    found.worse.store(0, Ordering::Relaxed);
    let goal = found.connected.load(Ordering::SeqCst) + end - first;
    let began = Instant::now();
    for client in first..end {
        clients.spawn(one(client, Arc::clone(&plan), Arc::clone(found)));
    }
    let patience = Duration::from_secs(number("timeout_s"));
    while found.connected.load(Ordering::SeqCst) < goal && began.elapsed() < patience {
        tokio::time::sleep(LOOK).await;
    }
    Ok(json!({
        "connected": found.connected.load(Ordering::SeqCst),
        "took_s": began.elapsed().as_secs_f64(),
        "busy": found.busy.load(Ordering::Relaxed),
        "worse": found.worse.load(Ordering::Relaxed),
        "wrong": found.wrong.load(Ordering::Relaxed),
    }))
}

/// Waits until each of the first clients was told so many changes in all.
async fn until_told(order: &Value, found: &Found) -> Value {
    let number = |name: &str| order[name].as_u64().unwrap_or_default();
    let clients = usize::try_from(number("clients")).unwrap_or(usize::MAX).min(found.changes.len());
    let (goal, patience) = (number("changes"), Duration::from_secs(number("timeout_s")));
    let began = Instant::now();
    let counts = || found.changes[..clients].iter().map(|count| count.load(Ordering::Relaxed));
    // Each look begins where the last one found somebody who waits.
    let mut told = 0;
    loop {
        told += counts().skip(told).take_while(|count| *count >= goal).count();
        if told == clients || began.elapsed() > patience {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    json!({
        "told": told,
        "exactly": counts().filter(|count| *count == goal).count(),
        "changes": counts().sum::<u64>(),
        "wrong": found.wrong.load(Ordering::Relaxed),
        "last_us": found.last_us.load(Ordering::Relaxed),
    })
}

/// One client: it connects until it is up to date, and follows.
#[expect(clippy::print_stderr, reason = "the standard output is for answers")]
async fn one(number: u64, plan: Arc<Plan>, found: Arc<Found>) {
    let mut dice = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random_ms = |most: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        Duration::from_millis(if most == 0 { 0 } else { dice % most })
    };
    tokio::time::sleep(random_ms(plan.jitter_ms)).await;
    loop {
        let wait = match follow(number, &plan, &found).await {
            Err(Ended::Busy(after)) => {
                found.busy.fetch_add(1, Ordering::Relaxed);
                after
            }
            _ if found.is_cut.load(Ordering::SeqCst) => return,
            Err(Ended::Worse(what)) => {
                if found.worse.fetch_add(1, Ordering::Relaxed) < COMPLAINTS_MAX {
                    eprintln!("client {number}: {what}");
                }
                Duration::ZERO
            }
            Ok(()) => return,
        };
        tokio::time::sleep(wait + random_ms(RETRY_MS_MAX)).await;
    }
}

/// Why a connection ended.
enum Ended {
    /// The hub says when to come back.
    Busy(Duration),
    Worse(String),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Worse(error.to_string())
    }
}

/// Connects and follows until the connection ends.
async fn follow(number: u64, plan: &Plan, found: &Found) -> Result<(), Ended> {
    let index = usize::try_from(number).unwrap_or_default();
    let stream = TcpStream::connect(plan.address).await?;
    stream.set_nodelay(true)?;
    let token = &plan.tokens[index % plan.tokens.len()];
    let request = format!(
        "GET /v1/live HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\nconnection: Upgrade\r\nupgrade: \
         websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         sec-websocket-protocol: syncline.v1\r\n\r\n",
        plan.address
    );
    write(&stream, request.as_bytes()).await?;
    let mut kept = Vec::new();
    let head = loop {
        if let Some(end) = kept.windows(4).position(|four| four == b"\r\n\r\n") {
            break kept.drain(..end + 4).collect::<Vec<u8>>();
        }
        read(&stream, &mut kept).await?;
    };
    check_upgraded(&String::from_utf8_lossy(&head))?;
    let mut cursor = lock(&found.cursors[index]).clone();
    write(&stream, &frame(1, hello(number, plan, cursor.as_deref(), found).as_bytes())).await?;
    // What the first snapshot told is no news.
    let (mut is_ready, mut position, mut unacknowledged) = (false, 0, 0);
    let is_known = cursor.is_some();
    loop {
        while let Some((opcode, length, end)) = whole_frame(&kept) {
            let payload = &kept[end - length..end];
            match opcode {
                1 if payload.starts_with(b"[\"c\"") => {
                    let told = told(payload, found).ok_or_else(|| worse("a message"))?;
                    cursor = Some(told.cursor.to_string());
                    if is_ready || is_known {
                        count(&told, index, &mut position, found);
                    }
                    if !is_ready && !told.is_more {
                        is_ready = true;
                        found.connected.fetch_add(1, Ordering::SeqCst);
                    }
                    unacknowledged += 1;
                    if unacknowledged >= plan.ack_every || !is_ready {
                        unacknowledged = 0;
                        let said = format!("[\"a\",0,{}]", told.cursor);
                        write(&stream, &frame(1, said.as_bytes())).await?;
                    }
                    lock(&found.cursors[index]).clone_from(&cursor);
                }
                1 if payload.starts_with(b"[\"w\"") => {
                    let welcome: Value = serde_json::from_slice(payload).unwrap_or_default();
                    let incarnation = welcome[1]["incarnation"].as_str().unwrap_or_default();
                    incarnation.clone_into(&mut lock(&found.incarnation));
                }
                1 if payload.starts_with(b"[\"e\"") => {
                    return Err(worse(&String::from_utf8_lossy(payload)));
                }
                1 => {}
                9 => {
                    let pong = frame(10, payload);
                    write(&stream, &pong).await?;
                }
                _ => return Err(worse("the end")),
            }
            kept.drain(..end);
        }
        if kept.is_empty() {
            kept = Vec::new();
        }
        read(&stream, &mut kept).await?;
    }
}

/// Takes note of changes that a client was told.
fn count(told: &Told, index: usize, position: &mut u64, found: &Found) {
    for at in told.positions.iter() {
        if *at <= *position && !told.is_snapshot {
            found.wrong.fetch_add(1, Ordering::Relaxed);
        }
        *position = *at;
    }
    if !told.positions.is_empty() {
        found.changes[index].fetch_add(told.positions.len() as u64, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_us = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        found.last_us.fetch_max(now_us, Ordering::Relaxed);
    }
}

/// Reads a message with changes; one that was read for another client is not read again.
fn told(payload: &[u8], found: &Found) -> Option<Told> {
    let mut last = lock(&found.read);
    if last.0 == payload {
        return last.1.clone();
    }
    let message: Value = serde_json::from_slice(payload).ok()?;
    let positions = message[2].as_array()?.iter().map(|change| change[3].as_u64());
    let flags = message[4].as_u64().unwrap_or_default();
    let told = Told {
        positions: positions.collect::<Option<_>>()?,
        cursor: message[3].to_string().into(),
        is_more: flags & 1 > 0,
        is_snapshot: flags & 2 > 0,
    };
    *last = (payload.to_vec(), Some(told.clone()));
    Some(told)
}

fn hello(number: u64, plan: &Plan, cursor: Option<&str>, found: &Found) -> String {
    let mut view = plan.view.clone();
    if plan.is_own
        && let Some(params) = view["params"].as_object_mut()
    {
        for value in params.values_mut() {
            *value = format!("{}{number}", value.as_str().unwrap_or_default()).into();
        }
    }
    let mut hello = json!({
        "protocol": 1, "client": format!("crowd-{number}"), "views": [view], "accept": [], "window": 64,
    });
    if let Some(cursor) = cursor.and_then(|cursor| serde_json::from_str::<Value>(cursor).ok()) {
        hello["views"][0]["cursor"] = match cursor.as_u64() {
            Some(position) => format!("{}:{position}", lock(&found.incarnation)).into(),
            None => cursor,
        };
    }
    json!(["h", hello]).to_string()
}

/// Returns whether the connection is a WebSocket now.
fn check_upgraded(head: &str) -> Result<(), Ended> {
    let status = head.split(' ').nth(1).unwrap_or_default();
    let after = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("retry-after").then(|| value.trim().parse().ok()).flatten()
    });
    match (status, after) {
        ("101", _) => Ok(()),
        ("503", Some(seconds)) => Err(Ended::Busy(Duration::from_secs(seconds))),
        _ => Err(worse(status)),
    }
}

fn worse(what: &str) -> Ended {
    Ended::Worse(what.to_owned())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the opcode of the first frame, the length of its payload and where it ends, once it is all there.
fn whole_frame(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (opcode, short) = (bytes.first()? & 0x0f, bytes.get(1)? & 0x7f);
    let (head, length) = match short {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => {
            let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
            (10, usize::try_from(length).ok()?)
        }
        length => (2, usize::from(length)),
    };
    (bytes.len() >= head + length).then_some((opcode, length, head + length))
}

/// Returns a frame of a client. Its mask is zero, so that it changes nothing.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match u8::try_from(payload.len()).ok().filter(|length| *length < 126) {
        Some(length) => frame.push(0x80 | length),
        None => {
            frame.push(0x80 | 126);
            let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
            frame.extend_from_slice(&length.to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

async fn read(stream: &TcpStream, kept: &mut Vec<u8>) -> io::Result<()> {
    // Sockets that wait hold no memory: what is read stands on the stack of whoever is at work.
    loop {
        stream.readable().await?;
        let mut bytes = [0; READ_BYTES];
        match stream.try_read(&mut bytes) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => {
                kept.extend_from_slice(&bytes[..length]);
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

async fn write(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_once_it_is_all_there() {
        for (length, head) in [(0, 2), (125, 2), (126, 4), (70_000, 10)] {
            let mut bytes = vec![0x81];
            match head {
                2 => bytes.push(length as u8),
                4 => bytes.extend([126, 0, length as u8]),
                _ => {
                    bytes.push(127);
                    bytes.extend((length as u64).to_be_bytes());
                }
            }
            bytes.extend(vec![b'x'; length]);
            assert_eq!(whole_frame(&bytes), Some((1, length, head + length)));
            assert_eq!(whole_frame(&bytes[..bytes.len() - 1]), None);
        }
    }

    #[test]
    fn changes_that_do_not_rise_are_wrong() {
        let mut found = Found::default();
        found.changes.resize_with(1, AtomicU64::default);
        let mut position = 0;
        let mut tell = |text: &str| {
            let told = told(text.as_bytes(), &found).unwrap();
            count(&told, 0, &mut position, &found);
            (found.changes[0].load(Ordering::Relaxed), found.wrong.load(Ordering::Relaxed))
        };
        assert_eq!(tell(r#"["c",0,[[0,"a","v",5,{}],[0,"b","v",6,{}]],6]"#), (2, 0));
        assert_eq!(tell(r#"["c",0,[],9]"#), (2, 0));
        assert_eq!(tell(r#"["c",0,[[0,"a","v",6,{}]],6,2]"#), (3, 0));
        assert_eq!(tell(r#"["c",0,[[0,"a","v",6,{}]],6]"#), (4, 1));
    }
}
