//! What a served hub takes and gives, beside PouchDB with express-pouchdb doing the same.
//!
//! `cargo xtask bench hub`. The binary is started as a user starts it, with an empty data folder, on
//! a free port of this machine; both sides sync each write to disk. Rounds of ours and of the peer's
//! alternate. Each figure stands with the load average; measure again when it is above 1.
#![expect(clippy::print_stdout, reason = "a tool for people, run by hand")]

mod backup;
mod http;
mod live;
mod load;
mod peer;
mod serve;
mod waits;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use syncline_benches::duel::median;
use syncline_benches::{binary, machine};

use load::Load;
use serve::Hub;

/// A served hub under load, and next to PouchDB with express-pouchdb.
#[derive(Parser)]
struct Arguments {
    /// The release binary; built when not given.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// What to measure; all of it when not given.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// Rounds of each.
    #[arg(long, default_value_t = 3)]
    rounds: u64,
    /// Operations of a round of `batches`.
    #[arg(long, default_value_t = 200_000)]
    operations: u64,
    /// Records that these operations write.
    #[arg(long, default_value_t = 64_000)]
    records: u64,
    /// Clients that push at once.
    #[arg(long, default_value_t = 32)]
    clients: u64,
    /// Documents that the peer pushes and pulls.
    #[arg(long, default_value_t = 10_000)]
    documents: u64,
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
    /// Seconds of acknowledged writes that a loss of the machine loses, and seconds until a restored hub
    /// serves; wanted below 60, and below 300 at 1 GiB.
    Backup,
    /// Documents per second that the peer pushes and pulls.
    Peer,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let load = || machine::load_average().unwrap_or(f64::NAN);
    println!("{}, commit {}, load {:.2}", machine::processor(), machine::commit(), load());
    let program = match &arguments.binary {
        Some(binary) => binary.canonicalize()?,
        None => binary::build()?,
    };
    let wanted = |scenario| arguments.only.is_empty() || arguments.only.contains(&scenario);
    if wanted(Scenario::Batches) {
        push(
            &arguments,
            &program,
            100,
            arguments.operations,
            "in batches of 100, wanted 40,000/s",
        )?;
    }
    if wanted(Scenario::Single) {
        push(&arguments, &program, 1, arguments.operations / 10, "one by one, wanted 8,000/s")?;
    }
    if wanted(Scenario::Edit) {
        edit(&program)?;
    }
    if wanted(Scenario::Backup) {
        backup(&arguments, &program)?;
    }
    if wanted(Scenario::Peer) {
        peer(&arguments)?;
    }
    Ok(())
}

/// Pushes operations to a hub of its own, a round after another.
fn push(
    arguments: &Arguments,
    binary: &Path,
    batch: u64,
    operations: u64,
    what: &str,
) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let hub = Hub::start(binary, folder.path())?;
    println!("push over HTTP {what}; {} clients, p95 wanted below 200 ms", arguments.clients);
    println!(
        "{:<7}{:>10}{:>12}{:>10}{:>10}{:>9}{:>7}",
        "round", "op/s", "op/CPU-s", "p50 ms", "p95 ms", "MiB", "load"
    );
    let mut rates = Vec::new();
    for round in 0..arguments.rounds {
        let (clients, records) = (arguments.clients, arguments.records);
        let taken = load::run(&hub, Load { clients, batch, operations, records, round })?;
        if taken.refused > 0 {
            return Err(format!("{} operations were not applied", taken.refused).into());
        }
        println!(
            "{round:<7}{:>10.0}{:>12.0}{:>10.1}{:>10.1}{:>9}{:>7.2}",
            taken.per_second(),
            taken.per_processor_second(),
            taken.waits.at_share_ms(0.5),
            taken.waits.at_share_ms(0.95),
            hub.resident_bytes() >> 20,
            machine::load_average().unwrap_or(f64::NAN),
        );
        rates.push(taken.per_second());
    }
    println!("median {:.0} operations/s", median(rates).unwrap_or(f64::NAN));
    Ok(())
}

/// Lets one client follow what another edits.
fn edit(binary: &Path) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let hub = Hub::start(binary, folder.path())?;
    let found = live::run(&hub, 500, Duration::from_millis(10))?;
    println!(
        "one edit, A to B: p50 {:.2} ms (wanted 2), p99 {:.2} ms (10), {:.0} bytes (400); load {:.2}",
        found.waits.at_share_ms(0.5),
        found.waits.at_share_ms(0.99),
        found.bytes,
        machine::load_average().unwrap_or(f64::NAN)
    );
    Ok(())
}

/// Loses a hub that is backed up, and restores it.
fn backup(arguments: &Arguments, binary: &Path) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let load = backup::Load {
        clients: arguments.clients,
        lasts: Duration::from_secs(arguments.backup_s),
        bytes: arguments.backup_mib << 20,
    };
    let found = backup::run(binary, folder.path(), load)?;
    println!(
        "backup, {} clients: killed at {} MiB of state, {} MiB in the backup; of {} acknowledged changes {} are \
         back, {:.1} s of them missing (wanted below 60); restored in {:.1} s, served after {:.1} s (wanted below \
         300 at 1 GiB); load {:.2}",
        arguments.clients,
        found.state_bytes >> 20,
        found.backup_bytes >> 20,
        found.acknowledged,
        found.restored,
        found.lost.as_secs_f64(),
        found.restore.as_secs_f64(),
        found.serving.as_secs_f64(),
        machine::load_average().unwrap_or(f64::NAN)
    );
    Ok(())
}

/// Lets the peer push and pull as many documents as ours would.
fn peer(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/pouchdb");
    let programs = peer::Programs::install(&sources, &folder.path().join("programs"))?;
    let mut found = [Vec::new(), Vec::new()];
    for round in 0..arguments.rounds {
        let at = folder.path().join(format!("round-{round}"));
        let server = programs.serve(&at.join("server"))?;
        for (mode, rates) in ["push", "pull"].into_iter().zip(&mut found) {
            let told = programs.replicate(&server, mode, arguments.documents, &at.join(mode))?;
            rates.push(told.documents / told.seconds);
        }
    }
    let [pushed, pulled] = found.map(|rates| median(rates).unwrap_or(f64::NAN));
    println!(
        "peer, {} documents: push {pushed:.0}/s, pull {pulled:.0}/s; load {:.2}",
        arguments.documents,
        machine::load_average().unwrap_or(f64::NAN)
    );
    Ok(())
}
