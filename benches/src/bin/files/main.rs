//! Question: what does `syncline sync` cost on files, next to spec 001's algorithm in Node?
//!
//! `cargo xtask bench files`. Both programs do each job in turn; medians are compared, and only
//! the ratios of one run of this program mean anything. See `benches/README.md`.
#![expect(clippy::print_stdout, reason = "the table is the result")]

mod report;
mod scenarios;

use std::error::Error;
use std::path::PathBuf;

use std::time::Duration;

use clap::Parser;
use syncline_benches::duel::Quiet;
use syncline_benches::{binary, machine};

use crate::report::Report;
use crate::scenarios::Bench;

/// Compares `syncline sync` with the Node peer on files.
#[derive(Debug, Parser)]
struct Arguments {
    /// The release binary; built when not given.
    #[arg(long)]
    syncline: Option<PathBuf>,
    /// Node 20 or later.
    #[arg(long, default_value = "node")]
    node: PathBuf,
    /// Compare the peer with itself: a test of this harness, not of Syncline.
    #[arg(long)]
    peer_only: bool,
    /// Rounds per scenario.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// Rounds per size of the growth scenario.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    growth_rounds: u32,
    /// Records per entity and side of the first three scenarios.
    #[arg(long, default_value_t = 10_000)]
    items: u64,
    /// Sizes of the growth scenario, in records per side.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
    sizes: Vec<u64>,
    /// Scenarios to run; all by default.
    #[arg(long, value_delimiter = ',', value_parser = ["first", "same", "some", "growth", "start"])]
    only: Vec<String>,
    /// What the data depends on.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder to work in, on the disk to be measured; emptied first.
    #[arg(long, default_value = "target/bench-files")]
    dir: PathBuf,
    /// Measure whatever the load.
    #[arg(long)]
    any_load: bool,
    /// Largest load before a run, and by others during it.
    #[arg(long, default_value_t = 1.0)]
    load_max: f64,
    /// Longest wait for the load to fall, in seconds per run.
    #[arg(long, default_value_t = 60)]
    wait_s_max: u64,
    /// Most repetitions of noisy rounds per scenario.
    #[arg(long, default_value_t = 5)]
    repeats_max: u32,
    /// Append the results to `benches/results/files.jsonl`.
    #[arg(long)]
    record: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let bench = prepare(&arguments)?;
    let mut report = Report::start();
    println!("commit {}, {}, load {}", report.commit, report.processor, report.load_before);
    println!("ours: {}\npeer: {}\n", bench.ours_name(), bench.peer_name());

    let wanted =
        |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|one| one == name);
    if ["first", "same", "some"].into_iter().any(wanted) {
        bench.write_data()?;
    }
    if wanted("first") {
        report.add(bench.first_sync()?);
    }
    if wanted("same") {
        report.add(bench.nothing_changed()?);
    }
    if wanted("some") {
        report.add(bench.one_percent_changed()?);
    }
    if wanted("growth") {
        for size in &arguments.sizes {
            report.add(bench.growth(*size, arguments.growth_rounds)?);
        }
        report.print_growth();
    }
    if wanted("start") {
        report.add(bench.start()?);
        if !arguments.peer_only {
            println!("{}", bench.binary_size()?);
        }
    }
    println!("load at the end: {}", machine::load_average().unwrap_or(f64::NAN));
    if arguments.record {
        let path = binary::repository().join("benches/results/files.jsonl");
        report.append_to(&path)?;
        println!("appended to {}", path.display());
    }
    std::fs::remove_dir_all(&bench.dir)?;
    Ok(())
}

fn prepare(arguments: &Arguments) -> Result<Bench, Box<dyn Error>> {
    let syncline = match &arguments.syncline {
        _ if arguments.peer_only => None,
        Some(path) => Some(path.canonicalize()?),
        None => Some(binary::build()?),
    };
    // Only a folder of this harness is ever emptied.
    let dir = arguments.dir.join("syncline-bench-files");
    if dir.exists() {
        std::fs::remove_dir_all(&dir)?;
    }
    std::fs::create_dir_all(&dir)?;
    Ok(Bench {
        syncline,
        node: arguments.node.clone(),
        peer_script: binary::repository().join("benches/peers/cross_domain_sync.mjs"),
        dir: dir.canonicalize()?,
        items: arguments.items,
        seed: arguments.seed,
        rounds: arguments.rounds,
        quiet: Quiet {
            any_load: arguments.any_load,
            load_max: arguments.load_max,
            wait_max: Duration::from_secs(arguments.wait_s_max),
            repeats_max: arguments.repeats_max,
        },
    })
}
