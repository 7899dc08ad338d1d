//! How many webhooks a hub delivers, and how soon.
//!
//! `cargo xtask bench hooks`. The binary is started as a user starts it, with an empty data folder; events are emitted
//! over HTTP, the receiver verifies each signature, and both run on the same machine and count for its processors. Every
//! event, attempt and outcome is synced to disk. Each figure stands with the load average; measure again when it is above 1 before the benchmark begins.

mod emit;
mod receiver;
mod retained;
mod waits;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use syncline_benches::duel::median;
use syncline_benches::report::{Figure, Goal, Report};
use syncline_benches::served::Hub;
use syncline_benches::{binary, disk};

use emit::{emit, endpoint, hub};
use receiver::{Answers, Receiver};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(600);

/// Webhooks of a hub.
#[derive(Parser)]
struct Arguments {
    /// The release binary; built when not given.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// What to measure; all of it when not given.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// Prints an object for each figure, one in a line, and nothing else.
    #[arg(long)]
    json: bool,
    /// Rounds of `rate` and of `many`.
    #[arg(long, default_value_t = 3)]
    rounds: u64,
    /// Events of a round.
    #[arg(long, default_value_t = 100_000)]
    events: u64,
    /// Events that are emitted one by one.
    #[arg(long, default_value_t = 300)]
    single: u64,
    /// Events per second of `loaded`: four fifths of what `rate` has found.
    #[arg(long, default_value_t = 9_600.0)]
    per_second: f64,
    /// Deliveries that are retained in `retained`.
    #[arg(long, default_value_t = 1_000_000)]
    retained: u64,
}

/// One question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Deliveries per second to one endpoint; wanted 12,000.
    Rate,
    /// The same over 1,000 endpoints; wanted 8,000.
    Many,
    /// From the request that emits to the receiver, p95: wanted 20 ms one by one, 1 s at 80 % of the rate.
    Waits,
    /// The others' p95 beside an endpoint that hangs and one that fails, to without them; wanted 1.1 times.
    Beside,
    /// With 1,000,000 deliveries retained: a turn that claims, p99, wanted 2 ms; reads of an idle hub in 30 s, wanted 1.
    Retained,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let binary = arguments.binary.clone().map_or_else(binary::build, Ok)?;
    let report = Report::new(arguments.json);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let is_asked = |one| arguments.only.is_empty() || arguments.only.contains(&one);
    if is_asked(Scenario::Rate) {
        rate(&arguments, &report, &binary, &runtime)?;
    }
    if is_asked(Scenario::Many) {
        many(&arguments, &report, &binary, &runtime)?;
    }
    if is_asked(Scenario::Waits) {
        waits(&arguments, &report, &binary, &runtime)?;
    }
    if is_asked(Scenario::Beside) {
        beside(&report, &binary, &runtime)?;
    }
    if is_asked(Scenario::Retained) {
        retained::measure(&report, &binary, arguments.retained)?;
    }
    Ok(())
}

/// What a round found.
struct Round {
    per_second: f64,
    processor: Duration,
    bytes: u64,
}

/// Lets a hub deliver events to endpoints, each event to one of them, from the first request that emits until all of
/// them were received.
fn deliver(
    binary: &Path,
    runtime: &tokio::runtime::Runtime,
    (events, endpoints): (u64, u64),
) -> Result<Round, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let hub = hub(binary, folder.path())?;
    let receiver = runtime.block_on(Receiver::start(Answers::Taken, false))?;
    let in_flight = if endpoints == 1 { 256 } else { 64 };
    for number in 0..endpoints {
        endpoint(&hub, &format!("e{number}"), &receiver, &kind_of(number), in_flight)?;
    }
    let (before, begun) = (hub.processor_time(), Instant::now());
    emit(&hub, (0, events), (250, 8), None, &|number| kind_of(number % endpoints))?;
    runtime.block_on(receiver.wait_for(events, PATIENCE))?;
    let per_second = events as f64 / begun.elapsed().as_secs_f64();
    let processor = hub.processor_time() - before;
    Ok(Round { per_second, processor, bytes: hub.resident_bytes() })
}

fn kind_of(endpoint: u64) -> String {
    format!("enrollment.e{endpoint}")
}

fn rounds(
    arguments: &Arguments,
    report: &Report,
    (binary, runtime): (&Path, &tokio::runtime::Runtime),
    (part, what, endpoints, goal): (&'static str, &str, u64, f64),
) -> Result<(), Box<dyn Error>> {
    let (mut rates, mut processor) = (Vec::new(), Duration::ZERO);
    for round in 0..arguments.rounds {
        let found = deliver(binary, runtime, (arguments.events, endpoints))?;
        report.say(&format!(
            "  round {round}: {:.0}/s, {:.1} s of the processor in the hub, {} MiB",
            found.per_second,
            found.processor.as_secs_f64(),
            found.bytes >> 20
        ));
        rates.push(found.per_second);
        processor += found.processor;
    }
    let how = format!(
        "median of {} rounds of {} events, from the first request that emits until all are verified; each attempt is \
         counted on disk before it is made, and its outcome kept",
        arguments.rounds, arguments.events
    );
    report.figure(&Figure {
        part,
        what,
        value: median(rates).unwrap_or(f64::NAN),
        unit: "/s",
        goal: Goal::AtLeast(goal),
        processor: Some(processor),
        how: &how,
    });
    Ok(())
}

fn rate(
    arguments: &Arguments,
    report: &Report,
    binary: &Path,
    runtime: &tokio::runtime::Runtime,
) -> Result<(), Box<dyn Error>> {
    let what = ("rate", "signed deliveries to one endpoint", 1, 12_000.0);
    rounds(arguments, report, (binary, runtime), what)
}

fn many(
    arguments: &Arguments,
    report: &Report,
    binary: &Path,
    runtime: &tokio::runtime::Runtime,
) -> Result<(), Box<dyn Error>> {
    let what = ("many", "signed deliveries over 1,000 endpoints", 1_000, 8_000.0);
    rounds(arguments, report, (binary, runtime), what)
}

fn with_hub<T>(
    binary: &Path,
    task: impl FnOnce(&Hub) -> Result<T, Box<dyn Error>>,
) -> Result<(T, Duration), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let hub = hub(binary, folder.path())?;
    let found = task(&hub)?;
    let processor = hub.processor_time();
    Ok((found, processor))
}

fn waits(
    arguments: &Arguments,
    report: &Report,
    binary: &Path,
    runtime: &tokio::runtime::Runtime,
) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let disk = disk::syncs(folder.path(), 200)?;
    report.say(&format!(
        "  the disk itself takes p50 {:.2} ms, p95 {:.2} ms to append a page and sync it",
        disk.at_share_ms(0.5),
        disk.at_share_ms(0.95)
    ));
    let (unloaded, processor) =
        with_hub(binary, |hub| Ok(runtime.block_on(waits::unloaded(hub, arguments.single))?))?;
    let how = format!(
        "{} events, 20 ms apart, from the beginning of the request that emits to the verified receipt; p50 {:.1} ms",
        arguments.single,
        unloaded.at_share_ms(0.5)
    );
    report.figure(&Figure {
        part: "waits",
        what: "emit to receipt, unloaded, p95",
        value: unloaded.at_share_ms(0.95),
        unit: "ms",
        goal: Goal::AtMost(20.0),
        processor: Some(processor),
        how: &how,
    });
    let per_second = arguments.per_second;
    let (loaded, processor) =
        with_hub(binary, |hub| Ok(runtime.block_on(waits::loaded(hub, per_second, 10.0))?))?;
    let how = format!(
        "{per_second:.0} events a second for 10 s, 50 in a request; p50 {:.1} ms",
        loaded.at_share_ms(0.5)
    );
    report.figure(&Figure {
        part: "waits",
        what: "emit to receipt at 80 % load, p95",
        value: loaded.at_share_ms(0.95),
        unit: "ms",
        goal: Goal::AtMost(1_000.0),
        processor: Some(processor),
        how: &how,
    });
    Ok(())
}

fn beside(
    report: &Report,
    binary: &Path,
    runtime: &tokio::runtime::Runtime,
) -> Result<(), Box<dyn Error>> {
    let load = (200.0, 10.0);
    let mut p95s = [Vec::new(), Vec::new()];
    for round in 0..6 {
        let is_disturbed = round % 2 == 1;
        let (found, _) = with_hub(binary, |hub| {
            Ok(runtime.block_on(waits::beside(hub, load, is_disturbed))?)
        })?;
        p95s[usize::from(is_disturbed)].push(found.at_share_ms(0.95));
    }
    let [alone, beside] = p95s.map(|p95s| median(p95s).unwrap_or(f64::NAN));
    let how = format!(
        "{} events a second for {} s, three rounds each in turn: alone {alone:.1} ms, beside them {beside:.1} ms",
        load.0, load.1
    );
    report.figure(&Figure {
        part: "beside",
        what: "p95 beside a hanging and a failing endpoint, to without them",
        value: beside / alone,
        unit: "×",
        goal: Goal::AtMost(1.1),
        processor: None,
        how: &how,
    });
    Ok(())
}
