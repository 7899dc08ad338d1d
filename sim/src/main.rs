//! Runs seeds of the simulation: `syncline-sim [--seed N] [--seeds N] [--first N] [--fault NAME]
//! [--kind Fleet|Ingest|Served]`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::{Command, ExitCode};
use std::time::Instant;

use syncline_sim::fault::PlantedFault;
use syncline_sim::replay::{Kind, Verdict, run_twice};

/// How many seeds are run when nothing is asked for.
const SEEDS_DEFAULT: u64 = 1_000;
/// How many failing seeds are printed before the rest is only counted.
const FAILURES_SHOWN_MAX: usize = 5;

/// What was asked for.
#[derive(Debug, Default)]
struct Arguments {
    seed: Option<u64>,
    seeds: Option<u64>,
    first: Option<u64>,
    fault: Option<PlantedFault>,
    kind: Kind,
}

impl Arguments {
    fn run(&self, seed: u64) -> Verdict {
        match self.fault {
            Some(fault) => run_twice(seed, Some(fault)),
            None => self.kind.run_twice(seed),
        }
    }
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(problem) => return say(&format!("{problem}\n"), ExitCode::from(2)),
    };
    match arguments.seed {
        Some(seed) => replay(seed, &arguments),
        None => run_many(&arguments),
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments::default();
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{word}: {value} is no number"));
        match word.as_str() {
            "--seed" => arguments.seed = Some(number()?),
            "--seeds" => arguments.seeds = Some(number()?),
            "--first" => arguments.first = Some(number()?),
            "--fault" => {
                let known = PlantedFault::ALL.into_iter();
                let found = known.into_iter().find(|fault| format!("{fault:?}") == value);
                let names = || PlantedFault::ALL.map(|fault| format!("{fault:?}")).join(", ");
                arguments.fault =
                    Some(found.ok_or_else(|| format!("no fault {value}; there are {}", names()))?);
            }
            "--kind" => {
                let found = Kind::ALL.into_iter().find(|kind| format!("{kind:?}") == value);
                let names = || Kind::ALL.map(|kind| format!("{kind:?}")).join(", ");
                arguments.kind = found.ok_or_else(|| format!("no kind {value}: {}", names()))?;
            }
            _ => {
                let known = "--seed, --seeds, --first, --fault, --kind";
                return Err(format!("{word} is not known: {known}"));
            }
        }
    }
    Ok(arguments)
}

/// Runs one seed and tells everything about it.
fn replay(seed: u64, arguments: &Arguments) -> ExitCode {
    let verdict = arguments.run(seed);
    let outcome = &verdict.outcome;
    let mut text = format!("commit {}  seed {seed}  trace {:016x}\n", commit(), outcome.hash);
    text += &format!("virtual hours {:.1}\n", hours(outcome.virtual_ms));
    text += &table("work", outcome.work.iter().map(|(name, count)| (*name, *count)));
    text += &table("faults", outcome.faults.iter().map(|(name, count)| (name.as_str(), *count)));
    text += &failure(seed, &verdict, true);
    let code = if verdict.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    say(&text, code)
}

/// Runs many seeds and sums up.
fn run_many(arguments: &Arguments) -> ExitCode {
    let first = arguments.first.unwrap_or(1);
    let count = arguments.seeds.unwrap_or(SEEDS_DEFAULT);
    let begun = Instant::now();
    let mut faults: BTreeMap<String, u64> = BTreeMap::new();
    let mut work: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut virtual_ms = 0;
    let mut failed = 0;
    for seed in first..first.saturating_add(count) {
        let verdict = arguments.run(seed);
        for (kind, times) in &verdict.outcome.faults {
            *faults.entry(kind.clone()).or_default() += times;
        }
        for (kind, times) in &verdict.outcome.work {
            *work.entry(kind).or_default() += times;
        }
        virtual_ms += verdict.outcome.virtual_ms;
        if !verdict.is_clean() {
            failed += 1;
            if failed <= FAILURES_SHOWN_MAX {
                say(&failure(seed, &verdict, false), ExitCode::SUCCESS);
            }
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let mut text = format!(
        "commit {}  {count} seeds from {first}, each twice: {failed} failed\n{:.1} seeds/s  {:.0} virtual hours\n",
        commit(),
        count as f64 / seconds.max(0.001),
        hours(virtual_ms),
    );
    text += &table("work", work.iter().map(|(name, count)| (*name, *count)));
    text += &table("faults", faults.iter().map(|(name, count)| (name.as_str(), *count)));
    let code = if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    say(&text, code)
}

/// Tells what is wrong with a seed and how to see it again.
fn failure(seed: u64, verdict: &Verdict, with_trace: bool) -> String {
    let mut text = String::new();
    if let Some(second) = verdict.second_hash {
        let first = verdict.outcome.hash;
        text += &format!("seed {seed}: two runs differ: {first:016x} and {second:016x}\n");
    }
    let Some(first) = verdict.outcome.violations.first() else {
        return text;
    };
    text += &format!(
        "commit {}  seed {seed}: {} broken: {}\n",
        commit(),
        first.requirement,
        first.finding
    );
    if with_trace {
        for line in &verdict.outcome.trace {
            text += &format!("  {line}\n");
        }
        for violation in verdict.outcome.violations.iter().skip(1) {
            text += &format!("also {}: {}\n", violation.requirement, violation.finding);
        }
    } else {
        text += &format!("  see it: cargo xtask sim --seed {seed}\n");
    }
    text
}

fn table<'a>(name: &str, rows: impl Iterator<Item = (&'a str, u64)>) -> String {
    let rows: String = rows.map(|(kind, count)| format!("  {count:>10}  {kind}\n")).collect();
    format!("{name}\n{rows}")
}

fn hours(ms: u64) -> f64 {
    ms as f64 / 3_600_000.0
}

/// Returns the commit that is run, as far as `git` knows.
fn commit() -> String {
    let output = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    let text = output.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    let text = text.and_then(|text| String::from_utf8(text).ok());
    text.map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// Prints a text; a reader that has gone away is no error.
fn say(text: &str, code: ExitCode) -> ExitCode {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    code
}
