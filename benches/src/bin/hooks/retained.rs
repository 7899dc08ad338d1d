//! What a claim costs, and what an idle hub reads, where many deliveries are retained.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use syncline_benches::report::{Figure, Goal, Report};
use syncline_benches::waits::Waits;
use syncline_engine::deliver::{
    EndpointRow, Outcome, Report as Ended, SecretKind, Settings, StoredSecret,
};
use syncline_engine::operate::Entities;
use syncline_hub::served::deliver::Deliveries;
use syncline_hub::served::{Emission, Served};
use syncline_hub::{Actor, Hub as OpenHub, HubOptions};
use syncline_merge::operation::Effect;
use syncline_model::id::{ClientId, EndpointId, EntityName, EventId, EventType, RecordId};
use syncline_model::json::Json;
use syncline_policy::view::Sight;
use syncline_protocol::operation::Operation;

use crate::emit::hub;
use crate::receiver::SECRET;

/// Events that one group emits.
const GROUP: u64 = 1_000;
/// Claims that are measured.
const CLAIMS: u64 = 1_000;
/// How long an idle hub is looked at.
const IDLE: Duration = Duration::from_secs(30);

/// Fills a store by the machine itself, whose attempts all succeed at once and go nowhere, and measures turns that claim
/// one event each; then has the binary serve it, with nothing to do.
pub(crate) fn measure(report: &Report, binary: &Path, retained: u64) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let state = folder.path().join("data");
    let options = HubOptions { state_folder: state, check_store: false };
    let served = Served::start(OpenHub::open(&options)?, Entities::open(Default::default()))?;
    let mut all = Deliveries::start(&served, now_ms())?;
    let mut settings = Settings::new("http://127.0.0.1:9/");
    settings.in_flight_max = std::num::NonZeroU32::new(256).ok_or("not none")?;
    let secret =
        StoredSecret { kind: SecretKind::Hmac, text: SECRET.into(), since_ms: 0, until_ms: None };
    let row = EndpointRow { created_ms: 0, is_removed: false, settings, secrets: vec![secret] };
    all.create(now_ms(), &EndpointId::new("one")?, row, &Actor::default())?;
    let begun = Instant::now();
    let mut emitted = 0;
    while emitted < retained {
        emit(&served, emitted, GROUP)?;
        emitted += GROUP;
        drain(&mut all)?;
    }
    report.say(&format!(
        "  {retained} deliveries were made without sending in {:.0} s",
        begun.elapsed().as_secs_f64()
    ));
    let mut claims = Vec::new();
    for claim in 0..CLAIMS {
        emit(&served, emitted + claim, 1)?;
        let begun = Instant::now();
        let turn = all.turn(now_ms(), &[], 1_024)?;
        claims.push(begun.elapsed());
        let reports: Vec<_> = turn.parcels.iter().map(|parcel| (ended(parcel), 7)).collect();
        all.turn(now_ms(), &reports, 1_024)?;
    }
    let claims = Waits::new(claims);
    drop(all);
    served.stop()?;
    let disk = syncline_benches::disk::syncs(folder.path(), 500)?;
    let how = format!(
        "{CLAIMS} turns of the machine, each claims one event, commits and syncs the claim, and reads what is to be sent; \
         p50 {:.2} ms; the disk itself takes p50 {:.2}, p99 {:.2} ms to append a page and sync it",
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

fn idle(report: &Report, binary: &Path, folder: &Path) -> Result<(), Box<dyn Error>> {
    let hub = hub(binary, folder)?;
    std::thread::sleep(Duration::from_secs(5));
    let (reads, processor) = (hub.reads(), hub.processor_time());
    std::thread::sleep(IDLE);
    let how =
        "every read of a file, a socket or a pipe by the whole program in 30 s, with one endpoint";
    report.figure(&Figure {
        part: "retained",
        what: "reads of an idle hub",
        value: (hub.reads() - reads) as f64,
        unit: "",
        goal: Goal::AtMost(1.0),
        processor: Some(hub.processor_time() - processor),
        how,
    });
    Ok(())
}

/// Has turns until everything is delivered.
fn drain(all: &mut Deliveries) -> Result<(), Box<dyn Error>> {
    let mut reports = Vec::new();
    loop {
        let turn = all.turn(now_ms(), &reports, 1_024)?;
        reports = turn.parcels.iter().map(|parcel| (ended(parcel), 7)).collect();
        if reports.is_empty() && !turn.is_unfinished {
            return Ok(());
        }
    }
}

fn ended(parcel: &syncline_hub::served::deliver::Parcel) -> Ended {
    Ended {
        endpoint: parcel.sending.endpoint.clone(),
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
            id: RecordId::new(&format!("r{}", number % crate::emit::RECORDS))?,
            base: None,
            effect: Effect::Write(Vec::new()),
            deltas: Vec::new(),
            edited_ms: now_ms(),
            after: Vec::new(),
        };
        let (id, kind) =
            (EventId::new(&format!("evt_{number}"))?, EventType::new("enrollment.created")?);
        let event = syncline_engine::event::Event::new(id, kind, Json::from("active"))?;
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
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
