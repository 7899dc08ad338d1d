//! The rows of deliveries: golden files, damage, bounds.

use std::num::NonZeroU32;

use syncline_engine::deliver::{
    Attempt, AttemptResult, BodyForm, BreakerSettings, CursorRow, DeadLetter, Delivery,
    DeliveryState, DisableReason, Disabled, EndpointRow, Failing, Filter, Forgotten, Pause, Rate,
    Rest, Schedule, SecretKind, Settings, SettingsError, StoredSecret, decode_due, encode_due,
    forget, limits,
};
use syncline_model::codec::DecodeError;
use syncline_model::id::{EndpointId, EntityName, EventId, EventType, Position, RecordId};

use crate::delivery_world::Random;
use crate::golden::{golden, stored};

const NOW: u64 = 1_700_000_000_000;

fn endpoint() -> EndpointRow {
    let of = |number| NonZeroU32::new(number).unwrap();
    let settings = Settings {
        url: "https://hooks.example.org/in?k=v".into(),
        description: "the admin panel".into(),
        filter: Filter::new(["enrollment.*", "*.deleted"]).unwrap(),
        schedule: Schedule::new(&[0, 5_000, 86_400_000]).unwrap(),
        block_ms: 300_000,
        rate: Some(Rate { per_second: of(20), burst: of(40) }),
        replays_per_second: of(5),
        timeout_ms: 10_000,
        in_flight_max: of(10),
        breaker: BreakerSettings::default(),
        disable_after_ms: Some(432_000_000),
        thin_above_bytes: 262_144,
        body: BodyForm::Anywheredoor,
        transformation: Some("{'data': event.data}".into()),
        condition: Some("event.data.level > 2".into()),
        keep_delivered_ms: Some(0),
        keep_dead_ms: Some(7 * 86_400_000),
    };
    let secret = |kind, text: &str, until_ms| StoredSecret {
        kind,
        text: text.into(),
        since_ms: NOW,
        until_ms,
    };
    let secrets = vec![
        secret(SecretKind::Hmac, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", Some(NOW + 1)),
        secret(SecretKind::Ed25519, "whsk_AAAA", None),
        secret(SecretKind::Plain, "shared", None),
    ];
    EndpointRow { created_ms: NOW, is_removed: false, settings, secrets }
}

fn cursor() -> CursorRow {
    CursorRow {
        settled: Position(1_000),
        claimed: Position(1_300),
        waiting: vec![Position(1_001), Position(1_299), Position(1_300)],
        disabled: Some(Disabled { reason: DisableReason::Failing, at_ms: NOW }),
        failing: Some(Failing { since_ms: NOW - 5, failures: 300, warned: 3 }),
        forgotten: Some(Forgotten { first: Position(17), last: Position(800) }),
        pause: Pause {
            hold_until_ms: Some(NOW + 60_000),
            rest: Some(Rest { until_ms: NOW + 30_000, rest_ms: 120_000 }),
        },
    }
}

/// As the second version of the row had it, and one of an endpoint that does not fail has it still.
fn cursor_of_version_2() -> CursorRow {
    CursorRow { pause: Pause { rest: None, ..cursor().pause }, ..cursor() }
}

/// As the first version of the row had it, and one of which nothing is forgotten and that nobody leaves alone has it
/// still.
fn cursor_of_version_1() -> CursorRow {
    CursorRow { forgotten: None, pause: Pause::default(), ..cursor() }
}

fn delivery() -> Delivery {
    let attempt = |at_ms, result, status, code: &str, excerpt: &str| Attempt {
        at_ms,
        result,
        status,
        duration_ms: 130,
        code: code.into(),
        excerpt: excerpt.into(),
    };
    Delivery {
        event: EventId::new("evt_0192f").unwrap(),
        event_type: EventType::new("enrollment.updated").unwrap(),
        entity: EntityName::new("enrollments").unwrap(),
        id: RecordId::new("e-17").unwrap(),
        created_ms: NOW,
        bytes: 812,
        state: DeliveryState::Retrying,
        tries: 2,
        replays: 1,
        failing_since_ms: Some(NOW + 7),
        due_ms: Some(NOW + 9_000),
        attempts: vec![
            attempt(NOW + 7, AttemptResult::Failed, Some(503), "status", "try later"),
            attempt(NOW + 900, AttemptResult::Failed, None, "timeout", ""),
            attempt(NOW + 1_900, AttemptResult::Unknown, None, "", ""),
        ],
    }
}

fn dead() -> DeadLetter {
    let event_type = EventType::new("enrollment.updated").unwrap();
    DeadLetter { at_ms: NOW, event_type, code: "timeout".into() }
}

/// A row: its name, its bytes, and whether these bytes read as that row.
type Row = (&'static str, Vec<u8>, fn(&[u8]) -> Result<bool, DecodeError>);

/// As the first version of the row had it.
fn endpoint_of_version_1() -> EndpointRow {
    let row = endpoint();
    let (condition, keep_delivered_ms, keep_dead_ms) = (None, None, None);
    let settings = Settings { condition, keep_delivered_ms, keep_dead_ms, ..row.settings };
    EndpointRow { settings, ..row }
}

fn rows() -> [Row; 7] {
    [
        ("v2/endpoint-of-every-part.bin", endpoint().encode(), |bytes| {
            EndpointRow::decode(bytes).map(|row| row == endpoint())
        }),
        ("v3/cursor-of-every-part.bin", cursor().encode(), |bytes| {
            CursorRow::decode(bytes).map(|row| row == cursor())
        }),
        ("v2/cursor-of-every-part.bin", cursor_of_version_2().encode(), |bytes| {
            CursorRow::decode(bytes).map(|row| row == cursor_of_version_2())
        }),
        ("v1/cursor-of-every-part.bin", cursor_of_version_1().encode(), |bytes| {
            CursorRow::decode(bytes).map(|row| row == cursor_of_version_1())
        }),
        ("v1/delivery-retrying.bin", delivery().encode(), |bytes| {
            Delivery::decode(bytes).map(|row| row == delivery())
        }),
        ("v1/dead-letter.bin", dead().encode(), |bytes| {
            DeadLetter::decode(bytes).map(|row| row == dead())
        }),
        ("v1/due.bin", encode_due(&delivery().lane()), |bytes| {
            decode_due(bytes).map(|name| name == delivery().lane())
        }),
    ]
}

#[test]
fn rows_of_deliveries_are_those_of_the_golden_files() {
    for (name, encoded, is_same) in rows() {
        let bytes = golden(name, &encoded);
        assert_eq!(is_same(&bytes), Ok(true), "{name}");
    }
}

#[test]
fn an_endpoint_of_the_first_version_is_read_and_has_no_filter() {
    let bytes = stored("v1/endpoint-of-every-part.bin", &[]);
    assert_eq!(EndpointRow::decode(&bytes), Ok(endpoint_of_version_1()));
}

#[test]
fn a_row_that_is_cut_or_goes_on_is_refused() {
    for (name, encoded, is_same) in rows() {
        for end in 0..encoded.len() {
            assert!(is_same(&encoded[..end]).is_err(), "{name} cut at {end}");
        }
        let longer = [encoded.as_slice(), &[0]].concat();
        assert!(is_same(&longer).is_err(), "{name} with one byte more");
        for index in 0..encoded.len() {
            let mut other = encoded.clone();
            other[index] ^= 0x80;
            assert_ne!(is_same(&other), Ok(true), "{name}: byte {index} says nothing");
        }
    }
}

/// Goal: bytes that were damaged are refused, or are another row; never two readings of one row. Method: random
/// damage of each row, read by every reader.
#[test]
fn whatever_is_read_is_written_alike() {
    let mut random = Random::new(4);
    for (_, encoded, _) in rows() {
        for _ in 0..20_000 {
            let mut bytes = encoded.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len() as u64) as usize;
                match random.below(3) {
                    0 => bytes[at] = random.next() as u8,
                    1 => bytes.insert(at, random.below(4) as u8),
                    _ => drop(bytes.remove(at)),
                }
            }
            let read = [
                EndpointRow::decode(&bytes).map(|row| row.encode()),
                CursorRow::decode(&bytes).map(|row| row.encode()),
                Delivery::decode(&bytes).map(|row| row.encode()),
                DeadLetter::decode(&bytes).map(|row| row.encode()),
                decode_due(&bytes).map(|name| encode_due(&name)),
            ];
            for again in read.into_iter().flatten() {
                assert_eq!(again, bytes);
            }
        }
    }
}

#[test]
fn what_no_program_writes_is_refused() {
    let refused = |row: CursorRow| CursorRow::decode(&row.encode()).is_err();
    assert!(!refused(CursorRow::default()) && !refused(CursorRow::at(Position(u64::MAX >> 1))));
    let waiting = |positions: &[u64]| CursorRow {
        waiting: positions.iter().map(|at| Position(*at)).collect(),
        ..cursor()
    };
    assert!(refused(waiting(&[1_001, 1_001])), "twice");
    assert!(refused(waiting(&[1_301])), "behind what is claimed");
    let many: Vec<u64> = (0..=limits::CURSOR_WAITING_MAX as u64).map(|at| 1_001 + at).collect();
    let long = |positions: &[u64]| CursorRow { claimed: Position(9_999), ..waiting(positions) };
    assert!(refused(long(&many)) && !refused(long(&many[1..])));

    let mut many = delivery();
    many.attempts = vec![Attempt::unknown(1); limits::ATTEMPTS_KEPT_MAX + 1];
    assert!(Delivery::decode(&many.encode()).is_err());
    many.attempts.pop();
    assert!(Delivery::decode(&many.encode()).is_ok());
    let mut long = delivery();
    long.attempts[0].excerpt = "x".repeat(limits::EXCERPT_BYTES_MAX + 1).into();
    assert!(Delivery::decode(&long.encode()).is_err());

    let mut odd = endpoint();
    odd.settings.timeout_ms = 0;
    assert!(EndpointRow::decode(&odd.encode()).is_err());
    let mut many = endpoint();
    many.secrets = vec![many.secrets[0].clone(); limits::SECRETS_MAX + 1];
    assert!(EndpointRow::decode(&many.encode()).is_err());
}

/// What is out of range, and how.
type Change = (&'static str, fn(&mut Settings));

#[test]
fn settings_out_of_range_are_named() {
    #[rustfmt::skip]
    let cases: Vec<Change> = vec![
        ("address",                        |s| s.url = "x".repeat(limits::URL_BYTES_MAX + 1).into()),
        ("transformation",                 |s| s.transformation = Some("x".repeat(1 << 15).into())),
        ("the time-out",                   |s| s.timeout_ms = limits::TIMEOUT_MS_MAX + 1),
        ("the number of sends at once",    |s| s.in_flight_max = NonZeroU32::MAX),
        ("the breaker's window",           |s| s.breaker.window_ms = 0),
        ("the breaker's per cent",         |s| s.breaker.failures_percent = 101),
        ("the breaker's attempts",         |s| s.breaker.failures_in_a_row = 0),
        ("the breaker's rest",             |s| s.breaker.rest_ms = s.breaker.rest_ms_max + 1),
        ("the time until it is disabled",  |s| s.disable_after_ms = Some(1)),
        ("the time that a lane is blocked",|s| s.block_ms = u64::MAX),
    ];
    for (what, change) in cases {
        let mut row = endpoint();
        assert_eq!(row.check(), Ok(()));
        change(&mut row.settings);
        let error = row.check().unwrap_err();
        assert!(error.to_string().contains(what), "{what}: {error}");
        assert_eq!(error.code(), "ENDPOINT_INVALID");
    }
    let none = Schedule::new(&[]);
    assert_eq!(none, Err(SettingsError::Schedule { attempts_max: limits::SCHEDULE_ATTEMPTS_MAX }));
}

#[test]
fn neither_secrets_nor_addresses_nor_answers_are_shown() {
    let shown = format!("{:?}", endpoint());
    for hidden in ["whsec_", "whsk_", "shared", "hooks.example.org", "k=v"] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
    assert!(!format!("{:?}", delivery()).contains("try later"));
}

#[test]
fn the_preset_of_spec_004_is_its_configuration() {
    let preset = Settings::anywheredoor("https://example.org");
    assert_eq!(preset.schedule.waits_ms(), [0, 1_000, 2_000]);
    assert_eq!((preset.timeout_ms, preset.in_flight_max.get()), (10_000, 10));
    assert_eq!((preset.check(), preset.body.as_str()), (Ok(()), "anywheredoor"));
}

#[test]
fn forgetting_a_delivery_deletes_its_rows() {
    let (endpoint, position) = (EndpointId::new("shop").unwrap(), Position(7));
    let keys = |delivery: &Delivery| {
        let batch = forget(&endpoint, position, delivery);
        batch.iter().map(|(key, value)| (key.table().name(), value.is_none())).collect::<Vec<_>>()
    };
    let all = [("deliveries", true), ("dead_letters", true), ("lanes", true)];
    assert_eq!(keys(&delivery()), all);
    let done = Delivery { state: DeliveryState::Delivered, due_ms: None, ..delivery() };
    assert_eq!(keys(&done), all[..2]);
}
