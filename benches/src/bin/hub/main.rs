//! What a served hub takes and gives, beside PouchDB with express-pouchdb doing the same.
//!
//! `cargo xtask bench hub`. The binary is started as a user starts it, with an empty data folder, on
//! a free port of this machine; both sides sync each write to disk. Rounds of ours and of the peer's
//! alternate. Each figure stands with the load average; measure again when it is above 1.
#![expect(clippy::print_stdout, reason = "a tool for people, run by hand")]

mod backup;
mod crowd;
mod device;
mod fan;
mod large;
mod live;
mod load;
mod peer;
mod soak;
mod trace;
mod versus;
mod wire;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use syncline_benches::duel::median;
use syncline_benches::{binary, disk};

use load::Load;
use syncline_benches::report::{Figure, Goal, Report, load as load_average};
use syncline_benches::served::Hub;

/// A served hub under load, and next to PouchDB with express-pouchdb.
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
    /// Rounds of each.
    #[arg(long, default_value_t = 3)]
    rounds: u64,
    /// Operations of a round of `batches`; a tenth of it of `single`.
    #[arg(long, default_value_t = 200_000)]
    operations: u64,
    /// Records that these operations write.
    #[arg(long, default_value_t = 64_000)]
    records: u64,
    /// Clients that push at once.
    #[arg(long, default_value_t = 32)]
    clients: u64,
    /// Edits of `edit`.
    #[arg(long, default_value_t = 500)]
    edits: u64,
    /// Documents that ours and the peer push and pull in `versus`.
    #[arg(long, default_value_t = 10_000)]
    documents: u64,
    /// Operations that wait, and records that are fetched, in `sync`.
    #[arg(long, default_value_t = 100_000)]
    sync_records: u64,
    /// Records in the hub in `growth`, one size after another.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
    sizes: Vec<usize>,
    /// Pushes at each size.
    #[arg(long, default_value_t = 300)]
    pushes: usize,
    /// Edits of each course of `trace`, of as many records as a quarter of it.
    #[arg(long, default_value_t = 2_000)]
    trace_edits: u64,
    /// Clients that are told of every change in `fan`.
    #[arg(long, default_value_t = 1_000)]
    fan_clients: u64,
    /// Bursts of 1,000 changes in `fan`.
    #[arg(long, default_value_t = 5)]
    bursts: u64,
    /// Changes that are told one by one in `fan`.
    #[arg(long, default_value_t = 200)]
    spaced: u64,
    /// Connections of `crowd` and of `views`.
    #[arg(long, default_value_t = 10_000)]
    crowd: u64,
    /// Changes of `views`.
    #[arg(long, default_value_t = 50_000)]
    views_changes: u64,
    /// How long `soak` goes on, in seconds.
    #[arg(long, default_value_t = 600)]
    soak_s: u64,
    /// Operations per second of `soak`.
    #[arg(long, default_value_t = 10_000)]
    soak_rate: u64,
    /// Is a crowd of clients for another of these programs, which tells it what to do.
    #[arg(long, hide = true)]
    is_crowd: bool,
    /// How long writes go on in `backup` at least, in seconds.
    #[arg(long, default_value_t = 30)]
    backup_s: u64,
    /// How large the store becomes in `backup`, in MiB.
    #[arg(long, default_value_t = 1_024)]
    backup_mib: u64,
}

/// One question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Operations per second over HTTP, 100 in a request; wanted 40,000, p95 below 200 ms.
    Batches,
    /// Operations per second over HTTP, one in a request; wanted 8,000.
    Single,
    /// One edit from one client to another; wanted p50 2 ms, p99 10 ms, 400 bytes.
    Edit,
    /// Documents per second of our client next to the peer's; wanted 12 times the pushes, 30 times the pulls.
    Versus,
    /// Seconds until a client has sent 100,000 operations, wanted 4, and one has fetched 100,000 records, wanted 2.
    Sync,
    /// How much longer a push waits at a hub of a million records than at one of 10,000; wanted at most 1.5 times.
    Growth,
    /// Bytes that a fixed course of edits saves against whole records; wanted 92 of 100 in batches and 80 live. And
    /// where two edit at once: conflicts that settle by rule, wanted 95 of 100, none dropped.
    Trace,
    /// Changes that are told for a second of the hub's processor, to 1,000 clients; wanted 1,000,000 in bursts and
    /// 120,000 one by one.
    Fan,
    /// 10,000 connections: wanted at most 12 KiB each, one change to all within 1 s, all back within 10 s.
    Crowd,
    /// What 10,000 views that do not match cost a change; wanted at most 1.2 times what 10 do.
    Views,
    /// 10,000 operations per second for 10 minutes, then a kill; wanted nothing lost, and less than 1 MiB a minute.
    Soak,
    /// Seconds of acknowledged writes that a loss of the machine loses, and seconds until a restored hub
    /// serves; wanted below 60, and below 300 at 1 GiB.
    Backup,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    if arguments.is_crowd {
        return crowd::run();
    }
    let report = Report::new(arguments.json);
    let program = match &arguments.binary {
        Some(binary) => binary.canonicalize()?,
        None => binary::build()?,
    };
    let all = Scenario::value_variants();
    let asked = if arguments.only.is_empty() { all } else { &arguments.only };
    for scenario in asked {
        measure(*scenario, &arguments, &report, &program)?;
    }
    Ok(())
}

fn measure(
    scenario: Scenario,
    arguments: &Arguments,
    report: &Report,
    binary: &Path,
) -> Result<(), Box<dyn Error>> {
    let (rounds, documents) = (arguments.rounds, arguments.documents);
    match scenario {
        Scenario::Batches => push(arguments, report, binary, 100),
        Scenario::Single => push(arguments, report, binary, 1),
        Scenario::Edit => edit(arguments, report, binary),
        Scenario::Versus => versus::measure(report, binary, documents, rounds),
        Scenario::Sync => large::sync(report, binary, arguments.sync_records, rounds),
        Scenario::Growth => large::growth(report, binary, &arguments.sizes, arguments.pushes),
        Scenario::Trace => {
            let edits = arguments.trace_edits;
            trace::bytes(report, binary, edits / 4, edits)?;
            trace::concurrent(report, binary, edits / 40, edits, 5)
        }
        Scenario::Fan => {
            let (clients, bursts) = (arguments.fan_clients, arguments.bursts);
            fan::deliveries(report, binary, clients, bursts, arguments.spaced)
        }
        Scenario::Crowd => fan::crowd(report, binary, arguments.crowd),
        Scenario::Views => fan::views(report, binary, 10, arguments.crowd, arguments.views_changes),
        Scenario::Soak => {
            let lasts = Duration::from_secs(arguments.soak_s);
            soak::measure(report, binary, arguments.soak_rate, lasts)
        }
        Scenario::Backup => backup(arguments, report, binary),
    }
}

/// Pushes operations to a hub of its own, a round after another.
fn push(
    arguments: &Arguments,
    report: &Report,
    binary: &Path,
    batch: u64,
) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let hub = Hub::start(binary, folder.path())?;
    let (mut rates, mut waits, mut processor) = (Vec::new(), Vec::new(), Duration::ZERO);
    let is_batches = batch > 1;
    let operations = arguments.operations / if is_batches { 1 } else { 10 };
    let (clients, records) = (arguments.clients, arguments.records);
    for round in 0..arguments.rounds {
        let taken = load::run(&hub, Load { clients, batch, operations, records, round })?;
        if taken.refused > 0 {
            return Err(format!("{} operations were not applied", taken.refused).into());
        }
        report.say(&format!(
            "  round {round}: {:.0} operations/s, {:.0} per CPU-s of the hub, p50 {:.1} ms, p95 {:.1}; {} MiB resident, \
             load {:.2}",
            taken.per_second(),
            taken.per_processor_second(),
            taken.waits.at_share_ms(0.5),
            taken.waits.at_share_ms(0.95),
            hub.resident_bytes() >> 20,
            load_average()
        ));
        rates.push(taken.per_second());
        waits.push(taken.waits.at_share_ms(0.95));
        processor += taken.processor;
    }
    let (part, goal) = if is_batches { ("batches", 40_000.0) } else { ("single", 8_000.0) };
    let how = format!(
        "median of {} rounds of {operations} durable operations of some 300 bytes over HTTP by {clients} clients on the \
         same machine, {batch} in a request",
        arguments.rounds
    );
    let figure = |what, values: Vec<f64>, unit, goal| {
        let value = median(values).unwrap_or(f64::NAN);
        let processor = Some(processor);
        report.figure(&Figure { part, what, value, unit, goal, processor, how: &how });
    };
    figure("pushed", rates, "op/s", Goal::AtLeast(goal));
    let goal = if is_batches { Goal::AtMost(200.0) } else { Goal::None };
    figure("p95 of the answer", waits, "ms", goal);
    Ok(())
}

/// Lets one client follow what another edits.
fn edit(arguments: &Arguments, report: &Report, binary: &Path) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let hub = Hub::start(binary, folder.path())?;
    let before = hub.processor_time();
    let found = live::run(&hub, arguments.edits, Duration::from_millis(10))?;
    let processor = Some(hub.processor_time() - before);
    let disk = disk::syncs(folder.path(), 200)?;
    report.say(&format!(
        "  the disk itself takes p50 {:.2} ms, p99 {:.2} ms to append a page and sync it",
        disk.at_share_ms(0.5),
        disk.at_share_ms(0.99)
    ));
    let how = format!(
        "{} edits of one field, 10 ms apart, from the write of A's socket to the read of B's, durable; TCP payload of \
         operation, result, change and acknowledgement",
        arguments.edits
    );
    for (what, value, unit, most) in [
        ("A to B, p50", found.waits.at_share_ms(0.5), "ms", 2.0),
        ("A to B, p99", found.waits.at_share_ms(0.99), "ms", 10.0),
        ("TCP payload of one edit", found.bytes, "bytes", 400.0),
    ] {
        let goal = Goal::AtMost(most);
        report.figure(&Figure { part: "edit", what, value, unit, goal, processor, how: &how });
    }
    Ok(())
}

/// Loses a hub that is backed up, and restores it.
fn backup(arguments: &Arguments, report: &Report, binary: &Path) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let load = backup::Load {
        clients: arguments.clients,
        lasts: Duration::from_secs(arguments.backup_s),
        bytes: arguments.backup_mib << 20,
    };
    let found = backup::run(binary, folder.path(), load)?;
    let how = format!(
        "{} clients write; killed at {} MiB of state, {} MiB in the backup; of {} acknowledged changes {} are back; \
         restored in {:.1} s",
        arguments.clients,
        found.state_bytes >> 20,
        found.backup_bytes >> 20,
        found.acknowledged,
        found.restored,
        found.restore.as_secs_f64(),
    );
    for (what, value, most) in [
        ("writes that are missing, from the first one to the end", found.lost.as_secs_f64(), 60.0),
        ("from the loss until the restored hub serves", found.serving.as_secs_f64(), 300.0),
    ] {
        let (part, unit, goal) = ("backup", "s", Goal::AtMost(most));
        report.figure(&Figure { part, what, value, unit, goal, processor: None, how: &how });
    }
    Ok(())
}
