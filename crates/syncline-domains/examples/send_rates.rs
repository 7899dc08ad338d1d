//! What a signed delivery costs: `cargo run --release -p syncline-domains --example send_rates [seconds] [tasks]`.
//!
//! One thread signs and sends, another one receives: it reads a request and answers it, and does nothing else. What is
//! told is the processor time of each thread per delivery, so that what else runs on the machine does not count.
#![expect(clippy::print_stdout, reason = "this program talks to a person")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use syncline_domains::app::{
    Guard, Request, Route, Sender, SenderSettings, SystemResolver, Target,
};
use syncline_protocol::webhook::body::{BodyForm, BodyOptions, body};
use syncline_protocol::webhook::delivery::{Attempt, headers};
use syncline_protocol::webhook::event::{Event, EventId, EventType};
use syncline_protocol::webhook::secret::Secret;
use syncline_protocol::webhook::sign::Signer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let seconds = numbers.next().transpose()?.unwrap_or(5);
    let tasks = numbers.next().transpose()?.unwrap_or(32);
    let is_over = Arc::new(AtomicBool::new(false));
    let (told, address) = std::sync::mpsc::channel();
    let until = Arc::clone(&is_over);
    let receiver = std::thread::spawn(move || receive(&told, &until));
    let address: String = address.recv()?;
    let sent = Arc::new(AtomicU64::new(0));
    let runtime = single()?;
    let started = (Instant::now(), thread_time()?);
    runtime.block_on(send_all(&address, tasks, seconds, &sent))?;
    let (wall, used) = (started.0.elapsed(), thread_time()? - started.1);
    is_over.store(true, Ordering::Relaxed);
    drop(runtime);
    let receiving = receiver.join().map_err(|_| "the receiver failed")?;
    let sent = sent.load(Ordering::Relaxed);
    let each = |time: Duration| time.as_secs_f64() * 1e6 / sent.max(1) as f64;
    println!("deliveries            {sent}");
    println!("a second              {:.0}", sent as f64 / wall.as_secs_f64());
    println!("sending, each         {:.1} µs of processor time", each(used));
    println!("receiving, each       {:.1} µs of processor time", each(receiving));
    Ok(())
}

fn single() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Returns how long the thread that asks has been running.
fn thread_time() -> Result<Duration, Failure> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = stat.split(' ').next().ok_or("no time")?.parse()?;
    Ok(Duration::from_nanos(nanos))
}

async fn send_all(
    address: &str,
    tasks: u64,
    seconds: u64,
    sent: &Arc<AtomicU64>,
) -> Result<(), Failure> {
    let guard = Guard { is_loopback_allowed: true, ..Guard::default() };
    let sender = Sender::new(SenderSettings { guard, ..SenderSettings::default() }, SystemResolver);
    let route = sender.route(&Target::parse(&format!("http://{address}/hook"))?)?;
    let signer = Arc::new(Signer::new([&Secret::symmetric([7; 32])])?);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut running = Vec::new();
    for task in 0..tasks {
        let (route, signer, sent) = (route.clone(), Arc::clone(&signer), Arc::clone(sent));
        running
            .push(tokio::spawn(async move { send_some(&route, &signer, &sent, task, end).await }));
    }
    for one in running {
        one.await?.map_err(|error| error.to_string())?;
    }
    Ok(())
}

async fn send_some(
    route: &Route,
    signer: &Signer,
    sent: &AtomicU64,
    task: u64,
    end: Instant,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let event_type = EventType::new("enrollment.updated")?;
    let data = r#"{"status":"active","course":"rust-101","progress":42,"note":"some more words of a record"}"#;
    let mut position = task << 32;
    while Instant::now() < end {
        position += 1;
        let id = EventId::new(&format!("019a3f5c-{position}"))?;
        let event = Event {
            id: &id,
            event_type: &event_type,
            time_ms: 1_700_000_000_000,
            data,
            edited: None,
            resource_type: "enrollment",
            resource_id: "enrollment-123",
            sequence: position,
            origin: "application",
            hops: &[],
        };
        let (form, source, data_ref) = (BodyForm::Standard, "/hubs/main", "/v1/events/x/data");
        let made = body(&event, &BodyOptions { form, thin_above_bytes: 1 << 18, data_ref, source });
        let attempt = Attempt {
            timestamp_s: 1_700_000_000,
            number: 1,
            endpoint: "admin",
            position,
            is_replay: false,
            traceparent: None,
            source,
            data_ref,
        };
        let headers = headers(&event, (&made, form), &attempt, signer);
        let (body, timeout) = (Bytes::from(made.bytes), Duration::from_secs(30));
        let outcome = route.send(Request { headers, body, timeout }).await;
        if outcome.answer != Ok(200) {
            return Err(format!("{:?}", outcome.answer).into());
        }
        sent.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Receives until it is over, and returns how long that has kept the thread busy.
fn receive(told: &std::sync::mpsc::Sender<String>, is_over: &AtomicBool) -> Duration {
    let begun = thread_time().unwrap_or_default();
    let Ok(runtime) = single() else { return Duration::ZERO };
    runtime.block_on(async {
        let Ok(listener) = TcpListener::bind("127.0.0.1:0").await else { return };
        let Ok(address) = listener.local_addr() else { return };
        let _ = told.send(address.to_string());
        while !is_over.load(Ordering::Relaxed) {
            let accepting = tokio::time::timeout(Duration::from_millis(100), listener.accept());
            if let Ok(Ok((socket, _))) = accepting.await {
                tokio::spawn(answer(socket));
            }
        }
    });
    thread_time().unwrap_or_default().saturating_sub(begun)
}

async fn answer(mut socket: TcpStream) {
    let _ = socket.set_nodelay(true);
    let mut read = vec![0; 8_192];
    let mut filled = 0;
    loop {
        match socket.read(read.get_mut(filled..).unwrap_or_default()).await {
            Ok(count) if count > 0 => filled += count,
            _ => return,
        }
        let request = read.get(..filled).unwrap_or_default();
        // The body of these requests is one object, and only its end is an end.
        if request.ends_with(b"}") {
            filled = 0;
            if socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.is_err() {
                return;
            }
        }
    }
}
