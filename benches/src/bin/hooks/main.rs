//! How many webhooks a hub delivers, and how soon, beside senders of BullMQ and of pg-boss.
//!
//! `cargo xtask bench hooks`. The binary is started as a user starts it, with an empty data folder; events are emitted over HTTP, the
//! receiver verifies each signature, and both run on the same machine and count for its processors. Every event, attempt and
//! outcome is synced to disk. It waits for a quiet machine before it begins; a round in which others took much of it is run again,
//! a bounded number of times, and what was left noisy stands beside the figure.

mod load;
mod peer;
mod rate;
mod receiver;
mod retained;
mod rounds;
mod sender;
mod transactions;
mod waits;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use syncline_benches::binary;
use syncline_benches::duel::Quiet;
use syncline_benches::report::{Report, load as load_average};

use peer::{Programs, Setup};
use rate::Course;
use rounds::Rounds;

/// Webhooks of a hub, and of peers.
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
    rounds: u32,
    /// Rounds of `beside`, of both in turn: a tenth is less than the disk itself differs by from one round to the next.
    #[arg(long, default_value_t = 5)]
    beside_rounds: u32,
    /// Events of a round of `rate` and of `many`.
    #[arg(long, default_value_t = 100_000)]
    events: u64,
    /// Events of a round of each contender in `versus`.
    #[arg(long, default_value_t = 30_000)]
    versus_events: u64,
    /// Events that are emitted one by one.
    #[arg(long, default_value_t = 300)]
    single: u64,
    /// Events per second of `waits` at a load; four fifths of what `rate` has found, or of what is wanted of it.
    #[arg(long)]
    per_second: Option<f64>,
    /// Deliveries that are retained in `retained`.
    #[arg(long, default_value_t = 1_000_000)]
    retained: u64,
    /// Processes that send, of BullMQ, beside the one that takes events, and sends that each has under way.
    #[arg(long, num_args = 2, value_names = ["PROCESSES", "SENDS"], default_values_t = [1, 128])]
    bullmq: Vec<usize>,
    /// The same of pg-boss, and loops of each that fetch, send and complete a part of these.
    #[arg(long, num_args = 3, value_names = ["PROCESSES", "SENDS", "LOOPS"], default_values_t = [1, 512, 2])]
    pgboss: Vec<usize>,
    /// Measure at once, whatever the load.
    #[arg(long)]
    any_load: bool,
    /// Largest load average at which it begins.
    #[arg(long, default_value_t = 1.0)]
    load_max: f64,
    /// Most cores that others may take during a round.
    #[arg(long, default_value_t = 0.25)]
    others_max: f64,
    /// Longest wait for the load to fall, in seconds.
    #[arg(long, default_value_t = 120)]
    wait_s_max: u64,
    /// Most repetitions of noisy rounds, for each scenario.
    #[arg(long, default_value_t = 2)]
    repeats_max: u32,
}

/// One question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Deliveries per second to one endpoint; wanted 12,000.
    Rate,
    /// The same over 1,000 endpoints; wanted 8,000.
    Many,
    /// The same next to BullMQ and pg-boss; wanted 3 times the faster one's, with half its memory.
    Versus,
    /// From the request that emits to the receiver, p95: wanted 20 ms one by one, 1 s at 80 % of the rate.
    Waits,
    /// The others' p95 beside an endpoint that hangs and one that fails, to without them; wanted 1.1 times.
    Beside,
    /// With 1,000,000 deliveries retained: a turn that claims, p99, wanted 2 ms; transactions of an idle hub in 30 s, wanted 1.
    Retained,
}

/// What is wanted of one endpoint, and how much of it a load is.
const WANTED: (f64, f64) = (12_000.0, 0.8);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let binary = arguments.binary.clone().map_or_else(binary::build, Ok)?;
    let quiet = Quiet {
        any_load: arguments.any_load,
        load_max: arguments.load_max,
        wait_max: Duration::from_secs(arguments.wait_s_max),
        repeats_max: arguments.repeats_max,
    };
    // What a build leaves of the load average goes by meanwhile.
    quiet.wait();
    let (report, begun) = (Report::new(arguments.json), Instant::now());
    let rounds = Rounds { count: arguments.rounds, quiet, others_max: arguments.others_max };
    let mut rate = None;
    let all = Scenario::value_variants();
    for scenario in
        all.iter().filter(|one| arguments.only.is_empty() || arguments.only.contains(one))
    {
        measure(*scenario, &arguments, &report, (&binary, &rounds), &mut rate)?;
    }
    report.say(&format!(
        "{:.1} minutes, load {:.2} at the end",
        begun.elapsed().as_secs_f64() / 60.0,
        load_average()
    ));
    Ok(())
}

/// Measures one.
///
/// - `rate`: what was found to be the rate of one endpoint.
fn measure(
    scenario: Scenario,
    arguments: &Arguments,
    report: &Report,
    (binary, rounds): (&Path, &Rounds),
    rate: &mut Option<f64>,
) -> Result<(), Box<dyn Error>> {
    match scenario {
        Scenario::Rate => {
            let what = "signed deliveries to one endpoint";
            let course =
                Course { part: "rate", what, endpoints: 1, in_flight: 256, wanted: WANTED.0 };
            *rate = Some(rate::measure(report, binary, rounds, arguments.events, course)?);
            Ok(())
        }
        Scenario::Many => {
            let what = "signed deliveries over 1,000 endpoints";
            let course =
                Course { part: "many", what, endpoints: 1_000, in_flight: 64, wanted: 8_000.0 };
            rate::measure(report, binary, rounds, arguments.events, course).map(drop)
        }
        Scenario::Versus => {
            let setup = |given: &[usize]| Setup {
                workers: given.first().copied().unwrap_or(0),
                concurrency: given.get(1).copied().unwrap_or(1),
                loops: given.get(2).copied().unwrap_or(1).max(1),
            };
            let programs = Programs::install(setup(&arguments.bullmq), setup(&arguments.pgboss))?;
            rate::versus(report, binary, rounds, arguments.versus_events, &programs)
        }
        Scenario::Waits => {
            let rate = rate.filter(|rate| rate.is_finite()).unwrap_or(WANTED.0);
            let loaded = arguments.per_second.unwrap_or(WANTED.1 * rate);
            waits::measure(report, binary, rounds, (arguments.single, loaded))
        }
        Scenario::Beside => {
            let rounds = Rounds { count: arguments.beside_rounds, ..*rounds };
            waits::beside(report, binary, &rounds)
        }
        Scenario::Retained => retained::measure(report, binary, arguments.retained),
    }
}
