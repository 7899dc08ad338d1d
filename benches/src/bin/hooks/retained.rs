//! What a claim costs where many deliveries are retained, and how often an idle hub asks its store then.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use syncline_benches::disk;
use syncline_benches::report::{Figure, Goal, Report, load};
use syncline_benches::waits::Waits;
use syncline_engine::deliver::{
    Attempt, AttemptResult, Delivery, DeliveryState, EndpointRow, EventRef, Filter, Outcome,
    Report as Ended, SecretKind, Settings, StoredSecret,
};
use syncline_engine::event::Event;
use syncline_engine::operate::Entities;
use syncline_engine::rows::{Batch, Key};
use syncline_hub::served::deliver::{Deliveries, Parcel};
use syncline_hub::served::{Emission, Served};
use syncline_hub::{Actor, Hub as OpenHub, HubOptions};
use syncline_merge::operation::Effect;
use syncline_model::id::{
    ClientId, EndpointId, EntityName, EventId, EventType, Position, RecordId,
};
use syncline_model::json::Json;
use syncline_policy::view::Sight;
use syncline_protocol::operation::Operation;
use syncline_store::sqlite::{Options, SqliteStore};
use syncline_store::{Piece, Store};

use crate::load::{self, hub};
use crate::receiver::SECRET;
use crate::transactions::Transactions;

/// Endpoints that deliveries are retained of.
const ENDPOINTS: u64 = 10;
/// Events that one group emits.
const GROUP: u64 = 1_000;
/// Claims that are measured.
const CLAIMS: u64 = 2_000;
/// How long a hub has to come to rest, and how long it is looked at then.
const IDLE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(30));

/// Has a store hold many deliveries that have ended, and measures turns that claim one event each; then has the binary
/// serve it, with nothing to do.
pub(crate) fn measure(report: &Report, binary: &Path, retained: u64) -> Result<(), Box<dyn Error>> {
    let (folder, before) = (tempfile::tempdir()?, load());
    let state = folder.path().join("data");
    let options = HubOptions { state_folder: state.clone(), check_store: false };
    let open = || -> Result<Served, Box<dyn Error>> {
        Ok(Served::start(OpenHub::open(&options)?, Entities::open(Default::default()))?)
    };
    let begun = Instant::now();
    let events = retained.div_ceil(ENDPOINTS);
    let served = open()?;
    for from in (0..events).step_by(GROUP as usize) {
        emit(&served, from, GROUP.min(events - from))?;
    }
    let mut all = Deliveries::start(&served, now_ms())?;
    for number in 0..ENDPOINTS {
        // One of them is told of events that are still to come.
        let filter = if number == 0 { "enrollment.*" } else { "other" };
        all.create(now_ms(), &endpoint(number)?, row(filter)?, &Actor::default())?;
    }
    drop(all);
    served.stop()?;
    drop(served);
    retain(&state, events)?;
    report.say(&format!(
        "  {} deliveries of {ENDPOINTS} endpoints were put into the store in {:.0} s, which are {} MiB now",
        events * ENDPOINTS,
        begun.elapsed().as_secs_f64(),
        std::fs::metadata(state.join(syncline_store::sqlite::DATABASE_FILE))?.len() >> 20
    ));
    let served = open()?;
    let claims = claims(&served, events)?;
    served.stop()?;
    drop(served);
    let disk = disk::syncs(folder.path(), 500)?;
    let how = format!(
        "{CLAIMS} turns of the machine, each claims one event, commits and syncs the claim, and reads what is to be sent; \
         p50 {:.2} ms; the disk itself takes p50 {:.2}, p99 {:.2} ms to append a page and sync it; load {before:.2} before",
        claims.at_share_ms(0.5),
        disk.at_share_ms(0.5),
        disk.at_share_ms(0.99)
    );
    report.figure(&Figure {
        part: "retained",
        what: "a claim, p99",
        value: claims.at_share_ms(0.99),
        unit: "ms",
        goal: Goal::AtMost(2.0),
        processor: None,
        how: &how,
    });
    idle(report, binary, folder.path())
}

/// Measures turns that claim one event each; no attempt goes anywhere, and all succeed.
fn claims(served: &Served, events: u64) -> Result<Waits, Box<dyn Error>> {
    let mut all = Deliveries::start(served, now_ms())?;
    let mut claims = Vec::new();
    for number in events..events + CLAIMS {
        emit(served, number, 1)?;
        let begun = Instant::now();
        let turn = all.turn(now_ms(), &[], 1_024)?;
        claims.push(begun.elapsed());
        let count = turn.parcels.len();
        if count != 1 {
            return Err(format!("{count} attempts were claimed of one event").into());
        }
        let reports: Vec<_> = turn.parcels.iter().map(|parcel| (ended(parcel), 7)).collect();
        all.turn(now_ms(), &reports, 1_024)?;
    }
    Ok(Waits::new(claims))
}

fn idle(report: &Report, binary: &Path, folder: &Path) -> Result<(), Box<dyn Error>> {
    let hub = hub(binary, folder)?;
    std::thread::sleep(IDLE.0);
    let processor = hub.processor_time();
    let transactions = Transactions::watch(&hub)?;
    std::thread::sleep(IDLE.1);
    let count = transactions.so_far();
    let processor = hub.processor_time() - processor;
    let how = format!(
        "transactions that the whole program begins in {} s, with {ENDPOINTS} endpoints, seen by the locks that SQLite takes; \
         {} of a request were seen before",
        IDLE.1.as_secs(),
        transactions.of_request
    );
    report.figure(&Figure {
        part: "retained",
        what: "what an idle hub asks its store",
        value: count as f64,
        unit: "",
        goal: Goal::AtMost(1.0),
        processor: Some(processor),
        how: &how,
    });
    Ok(())
}

fn endpoint(number: u64) -> Result<EndpointId, Box<dyn Error>> {
    Ok(EndpointId::new(&format!("e{number}"))?)
}

fn row(filter: &str) -> Result<EndpointRow, Box<dyn Error>> {
    let mut settings = Settings::new("http://127.0.0.1:9/");
    settings.filter = Filter::new([filter])?;
    let secret =
        StoredSecret { kind: SecretKind::Hmac, text: SECRET.into(), since_ms: 0, until_ms: None };
    Ok(EndpointRow { created_ms: 0, is_removed: false, settings, secrets: vec![secret] })
}

/// Writes the rows of deliveries that have ended, those of so many events at each endpoint, as the hub would have.
fn retain(state: &Path, events: u64) -> Result<(), Box<dyn Error>> {
    let mut store = SqliteStore::open(state, &Options::default())?;
    for number in 0..ENDPOINTS {
        let (endpoint, mut next, mut failed) = (endpoint(number)?, 0, None);
        store.commit_pieces(&mut || {
            if next >= events {
                return Piece::End;
            }
            let until = events.min(next + GROUP);
            match pieces(&endpoint, (next, until)) {
                Ok(rows) => {
                    next = until;
                    Piece::Rows(rows)
                }
                Err(error) => {
                    failed = Some(error);
                    Piece::Abandon
                }
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
    }
    Ok(())
}

fn pieces(endpoint: &EndpointId, (from, to): (u64, u64)) -> Result<Batch, Box<dyn Error>> {
    let mut rows = Batch::new();
    for number in from..to {
        // The log begins with 1.
        let position = Position(number + 1);
        let mut delivery = Delivery::new(&EventRef {
            position,
            event: EventId::new(&load::id(number))?,
            event_type: EventType::new("enrollment.created")?,
            entity: EntityName::new("enrollment")?,
            id: RecordId::new(&format!("r{}", number % load::RECORDS))?,
            created_ms: now_ms(),
            bytes: 300,
        });
        delivery.state = DeliveryState::Delivered;
        delivery.tries = 1;
        let mut attempt = Attempt::unknown(now_ms());
        (attempt.result, attempt.status) = (AttemptResult::Delivered, Some(204));
        attempt.duration_ms = 3;
        delivery.attempts.push(attempt);
        rows.put(Key::Delivery { endpoint: endpoint.clone(), position }, delivery.encode());
    }
    Ok(rows)
}

fn ended(parcel: &Parcel) -> Ended {
    Ended {
        endpoint: parcel.sending.endpoint.clone(),
        made: parcel.sending.made,
        position: parcel.sending.event.position,
        attempt: parcel.sending.attempt,
        outcome: Outcome::Answered { status: 204, retry_after_ms: None },
        duration_ms: 3,
        excerpt: "".into(),
    }
}

fn emit(served: &Served, from: u64, count: u64) -> Result<(), Box<dyn Error>> {
    let emission = |number: u64| -> Result<Emission, Box<dyn Error>> {
        let operation = Operation {
            counter: number + 1,
            entity: EntityName::new("enrollment")?,
            id: RecordId::new(&format!("r{}", number % load::RECORDS))?,
            base: None,
            effect: Effect::Write(Vec::new()),
            deltas: Vec::new(),
            edited_ms: now_ms(),
            after: Vec::new(),
        };
        let (id, kind) = (EventId::new(&load::id(number))?, EventType::new("enrollment.created")?);
        let event = Event::new(id, kind, Json::from("active"))?;
        Ok(Emission { client: ClientId::new("bench")?, operation, event })
    };
    let emissions = (from..from + count).map(emission).collect::<Result<Vec<_>, _>>()?;
    let (done, answered) = std::sync::mpsc::channel();
    let done = Box::new(move |fates| drop(done.send(fates)));
    served.emit(&Arc::new(Sight::everything(&[])), None, emissions, done);
    for fate in answered.recv()?? {
        fate.map_err(|problem| format!("refused: {}", problem.code))?;
    }
    Ok(())
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
