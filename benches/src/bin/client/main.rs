//! What the TypeScript client takes and gives, beside PouchDB and RxDB doing the same.
//!
//! `cargo xtask bench client`. In Node it pushes to a hub and pulls from it, and PouchDB to express-pouchdb; in
//! Chromium it stores in IndexedDB, as both peers do. Rounds of all alternate. Each figure stands with the load
//! average; a round in which others took much of the machine is run again, a bounded number of times.

mod browsers;
mod contender;
mod large;
mod memory;
mod rounds;
mod versus;

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use syncline_benches::binary;
use syncline_benches::duel::Quiet;
use syncline_benches::report::Report;

use contender::Programs;
use rounds::Rounds;

/// The TypeScript client, next to PouchDB and RxDB.
#[derive(Parser)]
struct Arguments {
    /// The release binary of the hub; built when not given.
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
    rounds: u32,
    /// Documents of `versus` and `memory`.
    #[arg(long, default_value_t = 10_000)]
    documents: u64,
    /// Operations that wait, and records that are fetched, in `large`.
    #[arg(long, default_value_t = 100_000)]
    large: u64,
    /// Measure at once, whatever the load.
    #[arg(long)]
    any_load: bool,
    /// Largest load average at which a round begins, and most cores that others may take meanwhile.
    #[arg(long, default_value_t = 1.0)]
    load_max: f64,
    /// Longest wait for the load to fall, in seconds.
    #[arg(long, default_value_t = 120)]
    wait_s_max: u64,
    /// Most repetitions of noisy rounds, for each scenario.
    #[arg(long, default_value_t = 3)]
    repeats_max: u32,
}

/// One question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Documents per second next to PouchDB's, in memory and on disk; wanted 10 times the pushes and the pulls. A queue
    /// of 10,000 operations is sent within 0.6 s, in at most 12 requests.
    Versus,
    /// Seconds until 100,000 queued operations are sent, wanted 8, and 100,000 records are fetched, wanted 5.
    Large,
    /// What 10,000 records take in memory, next to PouchDB and RxDB; wanted less than both.
    Memory,
    /// Inserts, queries and live queries in Chromium, next to RxDB and PouchDB; wanted the first place in each.
    Browser,
    /// From an edit in a tab to another tab, wanted 10 ms, and to another browser, wanted 50 ms.
    Tabs,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let report = Report::new(arguments.json);
    let hub = match &arguments.binary {
        Some(binary) => binary.canonicalize()?,
        None => binary::build()?,
    };
    let programs = Programs::install(hub)?;
    let rounds = Rounds {
        count: arguments.rounds,
        quiet: Quiet {
            any_load: arguments.any_load,
            load_max: arguments.load_max,
            wait_max: Duration::from_secs(arguments.wait_s_max),
            repeats_max: arguments.repeats_max,
        },
    };
    let all = Scenario::value_variants();
    let asked = if arguments.only.is_empty() { all } else { &arguments.only };
    for scenario in asked {
        let Arguments { documents, large, .. } = arguments;
        match scenario {
            Scenario::Versus => versus::measure(&report, &programs, &rounds, documents)?,
            Scenario::Large => large::measure(&report, &programs, &rounds, large)?,
            Scenario::Memory => memory::measure(&report, &programs, documents)?,
            Scenario::Browser => browsers::alone(&report, &programs, &rounds)?,
            Scenario::Tabs => browsers::together(&report, &programs, &rounds)?,
        }
    }
    Ok(())
}
