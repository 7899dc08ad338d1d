//! Deliveries whose sender breaks.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use syncline_domains::app::{Guard, Resolve, Resolved, SenderSettings};
use syncline_engine::deliver::{DeliveryState, EndpointRow, SecretKind, Settings, StoredSecret};
use syncline_engine::event::Event;
use syncline_engine::operate::Entities;
use syncline_hub::served::Emission;
use syncline_hub::served::deliver::Sought;
use syncline_hub::{Actor, Hub, HubOptions};
use syncline_merge::operation::Effect;
use syncline_model::id::{ClientId, EndpointId};
use syncline_model::json::Json;
use syncline_policy::view::Sight;
use syncline_protocol::operation::Operation;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Longest time that anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A resolver with a mistake: it panics when it is asked first.
struct Panics(Arc<AtomicU32>);

impl Resolve for Panics {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolved<'a> {
        let asked = self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            assert!(asked > 0, "planted: a mistake of the sender");
            Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])
        })
    }
}

fn secret() -> StoredSecret {
    let text = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD".into();
    StoredSecret { kind: SecretKind::Hmac, text, since_ms: 0, until_ms: None }
}

/// Emits an event.
fn emit(served: &Served) {
    let operation = Operation {
        counter: 1,
        entity: EntityName::new("tasks").unwrap(),
        id: RecordId::new("t1").unwrap(),
        base: None,
        effect: Effect::Write(Vec::new()),
        deltas: Vec::new(),
        edited_ms: now_ms(),
        after: Vec::new(),
    };
    let (id, kind) = (EventId::new("e1").unwrap(), EventType::new("tasks.told").unwrap());
    let event = Event::new(id, kind, Json::Null).unwrap();
    let emission = Emission { client: ClientId::new("app").unwrap(), operation, event };
    let (done, answered) = std::sync::mpsc::channel();
    let done = Box::new(move |fates| done.send(fates).unwrap());
    served.emit(&Arc::new(Sight::everything(&[])), None, vec![emission], done);
    answered.recv().unwrap().unwrap()[0].as_ref().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_panics_is_a_failed_one_and_its_lane_goes_on() {
    let receiver = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = receiver.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = receiver.accept().await.unwrap();
            let mut bytes = [0; 4_096];
            while socket.read(&mut bytes).await.is_ok_and(|count| count > 0) {
                socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let options = HubOptions { state_folder: folder.path().join("state"), check_store: false };
    let served = Served::start(Hub::open(&options).unwrap(), Entities::open(BTreeMap::new()));
    let served = served.unwrap();
    let guard = Guard { is_loopback_allowed: true, is_plain_allowed: true, ..Guard::default() };
    let guard = Guard { ports: vec![port], ..guard };
    let asked = Arc::new(AtomicU32::new(0));
    let sender =
        Sender::new(SenderSettings { guard, ..SenderSettings::default() }, Panics(asked.clone()));
    let (_moved, end) = watch::channel(served.position());
    let counted = (DeliveryFigures::new().of_hub("default"), Arc::<Activity>::default());
    let delivering = Arc::new(Delivering::start(served.clone(), sender, end, "/".into(), counted));
    let id = EndpointId::new("shop").unwrap();
    let mut settings = Settings::new(&format!("http://receiver.example:{port}/hook"));
    settings.schedule = syncline_engine::deliver::Schedule::new(&[0, 1, 1]).unwrap();
    let row = EndpointRow { created_ms: 0, is_removed: false, settings, secrets: vec![secret()] };
    let (of, all) = (id.clone(), Arc::clone(&delivering));
    let make = move || all.with(|all| all.create(now_ms(), &of, row, &Actor::default()));
    tokio::task::spawn_blocking(make).await.unwrap().unwrap();
    let emitting = served.clone();
    tokio::task::spawn_blocking(move || emit(&emitting)).await.unwrap();
    // What moves the end of the log wakes the task; here somebody asks for something.
    let begun = Instant::now();
    loop {
        let (all, reader, of) = (Arc::clone(&delivering), served.clone(), id.clone());
        let look = move || {
            let _ = all.with(|_| Ok(()));
            reader.deliveries(&of, &Sought::default(), None, 10)
        };
        let found = tokio::task::spawn_blocking(look).await.unwrap().unwrap();
        if let [(_, delivery)] = &found.found[..]
            && delivery.state == DeliveryState::Delivered
        {
            assert_eq!(&*delivery.attempts[0].code, "internal");
            assert_eq!((delivery.tries, asked.load(Ordering::Relaxed)), (2, 2));
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{found:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let ended = tokio::task::spawn_blocking(move || {
        delivering.stop(Instant::now() + PATIENCE);
        served.stop()
    });
    ended.await.unwrap().unwrap();
}

/// Makes an endpoint; answers whether that could be written.
fn create(all: &Delivering) -> bool {
    let row = EndpointRow {
        created_ms: 0,
        is_removed: false,
        settings: Settings::new("https://receiver.example/hook"),
        secrets: vec![secret()],
    };
    let (id, nobody) = (EndpointId::new("shop").unwrap(), Actor::default());
    all.with(|all| all.create(now_ms(), &id, row, &nobody)).is_ok()
}

/// A store that cannot be read, as far as the deliveries of a hub can tell: the hub has ended.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_unknown_while_the_machine_is_gone_or_busy_and_deliveries_stand_still() {
    let folder = tempfile::tempdir().unwrap();
    let options = HubOptions { state_folder: folder.path().join("state"), check_store: false };
    let served = Served::start(Hub::open(&options).unwrap(), Entities::open(BTreeMap::new()));
    let served = served.unwrap();
    let sender = Sender::new(SenderSettings::default(), Panics(Arc::default()));
    let (_moved, end) = watch::channel(served.position());
    let counted = (DeliveryFigures::new().of_hub("default"), Arc::<Activity>::default());
    let delivering = Delivering::start(served.clone(), sender, end, "/".into(), counted);
    let delivering = Arc::new(delivering);
    let (all, ended) = (Arc::clone(&delivering), served.clone());
    let looks = tokio::task::spawn_blocking(move || {
        let begun = Instant::now();
        let wait = |what: &str, is_so: &dyn Fn() -> bool| {
            while !is_so() {
                assert!(begun.elapsed() < PATIENCE, "{what}");
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        let known = |all: &Delivering| all.backlog_soon(now_ms());
        wait("it is read", &|| known(&all).is_some_and(|known| known.is_lag_known));
        wait("they go on", &|| all.stopped_ms(now_ms()) == 0);
        let busy = all.shared.machine.lock().unwrap();
        std::thread::scope(|scope| {
            let (all, now_ms) = (&all, now_ms());
            let look = scope.spawn(move || (all.backlog(now_ms), all.backlog_soon(now_ms)));
            assert_eq!(look.join().unwrap(), (None, None), "it is busy");
        });
        drop(busy);
        ended.stop().unwrap();
        // What cannot be written leaves the machine ahead of the store.
        assert!(!create(&all));
        wait("it is gone", &|| known(&all).is_none());
        wait("they stand still", &|| all.stopped_ms(now_ms()) > 0);
        assert!(all.stopped_ms(now_ms() + 60_000) > 60_000, "from the first turn that failed on");
        all.stop(Instant::now() + PATIENCE);
    });
    looks.await.unwrap();
}

/// Requirement H9.
#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_was_asked_for_is_kept_while_the_store_fails() {
    let folder = tempfile::tempdir().unwrap();
    let options = HubOptions { state_folder: folder.path().join("state"), check_store: false };
    let served = Served::start(Hub::open(&options).unwrap(), Entities::open(BTreeMap::new()));
    let served = served.unwrap();
    let sender = Sender::new(SenderSettings::default(), Panics(Arc::default()));
    let (_moved, end) = watch::channel(served.position());
    let counted = (DeliveryFigures::new().of_hub("default"), Arc::<Activity>::default());
    let delivering = Delivering::start(served.clone(), sender, end, "/".into(), counted);
    let turns = tokio::task::spawn_blocking(move || {
        let turn = |id: &str, retry_after_ms| {
            let report = Report {
                endpoint: EndpointId::new(id).unwrap(),
                made: 1,
                position: Position(1),
                attempt: 1,
                outcome: Outcome::Answered { status: 503, retry_after_ms },
                duration_ms: 1,
                excerpt: "".into(),
            };
            delivering.shared.turn(&[(report, 7)], 10).is_ok()
        };
        let kept = || delivering.shared.pauses.get();
        assert!(turn("shop", Some(3_600_000)));
        assert_eq!(kept(), [], "it was committed");
        served.stop().unwrap();
        assert!(!create(&delivering));
        let before_ms = now_ms();
        for (id, hold_ms) in [("shop", Some(3_600_000)), ("other", None), ("shop", Some(1))] {
            assert!(!turn(id, hold_ms));
        }
        let [(id, pause)] = &kept()[..] else { panic!("{:?}", kept()) };
        let until_ms = pause.hold_until_ms.unwrap();
        assert!(id.as_str() == "shop" && until_ms >= before_ms + 3_600_000, "the longest one");
        delivering.stop(Instant::now() + PATIENCE);
    });
    turns.await.unwrap();
}
