//! The whole continuous integration, in one command that runs anywhere.

use crate::api;
use crate::demo;
use crate::failure::Failure;
use crate::process::{cargo, is_installed, run};
use crate::sdk;
use crate::suite::{self, Tally};
use crate::tidy;
use std::path::Path;
use std::time::{Duration, Instant};

/// One row of the table at the end.
struct Row {
    name: &'static str,
    took: Duration,
    outcome: Outcome,
}

/// How a step ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    /// Its tests say how often; they are in the tally.
    TestsFailed,
    NotInstalled,
}

/// Runs every step, even behind a failed one, and prints the table and then the tally.
///
/// Every failed step adds one to the failures of the last line, so that the line alone says
/// whether all is well.
pub(crate) fn run_all(root: &Path) -> Tally {
    let mut rows = Vec::new();
    let mut step = |name: &'static str, work: &mut dyn FnMut() -> Result<Outcome, Failure>| {
        println!("\n── {name}");
        let started = Instant::now();
        let outcome = work().unwrap_or_else(|failure| {
            println!("{failure}");
            Outcome::Failed
        });
        rows.push(Row { name, took: started.elapsed(), outcome });
    };
    let mut tally = Tally::default();
    step("fmt", &mut || passed(run(cargo(root).args(["fmt", "--all", "--check"]))));
    step("tidy", &mut || passed(tidy::run(root)));
    step("clippy", &mut || passed(run(cargo(root).args(CLIPPY))));
    step("deny", &mut || deny(root));
    step("test", &mut || Ok(counted(&mut tally, suite::test(root)?)));
    step("api", &mut || passed(api::check(root, &[])));
    step("sdk", &mut || Ok(counted(&mut tally, sdk::check(root)?)));
    step("browsers", &mut || Ok(counted(&mut tally, sdk::browsers(root, &[])?)));
    step("demo", &mut || passed(demo::play(root, false, demo::Browser::Needed)));
    print_table(&rows);
    tally.failed += failed_besides_tests(&rows);
    tally
}

const CLIPPY: [&str; 6] = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];

/// A step whose tests are counted is not counted again; one that no test could be counted of is.
fn failed_besides_tests(rows: &[Row]) -> usize {
    rows.iter().filter(|row| row.outcome == Outcome::Failed).count()
}

/// Adds the tests of a step to those of all, and says how the step ended.
fn counted(all: &mut Tally, tests: Tally) -> Outcome {
    *all += tests;
    match tests {
        tests if tests.is_good() => Outcome::Passed,
        Tally { failed: 0, .. } => Outcome::Failed,
        _ => Outcome::TestsFailed,
    }
}

fn passed(result: Result<(), Failure>) -> Result<Outcome, Failure> {
    result.map(|()| Outcome::Passed)
}

/// Advisories need a database from the network and are not part of this.
fn deny(root: &Path) -> Result<Outcome, Failure> {
    if !is_installed("cargo-deny") {
        println!("NOT INSTALLED: cargo install cargo-deny");
        println!("tidy has checked licences, sources and bans from the same deny.toml");
        return Ok(Outcome::NotInstalled);
    }
    passed(run(cargo(root).args(["deny", "check", "licenses", "bans", "sources"])))
}

fn print_table(rows: &[Row]) {
    println!("\n{:<9} {:<14} {:>8}", "step", "outcome", "seconds");
    for row in rows {
        let outcome = match row.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed | Outcome::TestsFailed => "FAILED",
            Outcome::NotInstalled => "not installed",
        };
        println!("{:<9} {outcome:<14} {:>8.1}", row.name, row.took.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_shows_in_the_last_line() {
        let tests = |passed, failed| Tally { passed, failed, skipped: 0 };
        let cases = [
            ("all good", Outcome::Passed, tests(3, 0), tests(3, 0)),
            ("format", Outcome::Failed, tests(3, 0), tests(3, 1)),
            ("tests count themselves", Outcome::Passed, tests(3, 2), tests(3, 2)),
            ("tests never ran", Outcome::Passed, tests(0, 0), tests(0, 1)),
            ("a missing tool is no failure", Outcome::NotInstalled, tests(3, 0), tests(3, 0)),
        ];
        for (name, fmt, of_step, expected) in cases {
            let mut tally = Tally::default();
            let test = counted(&mut tally, of_step);
            let row = |name, outcome| Row { name, took: Duration::ZERO, outcome };
            tally.failed += failed_besides_tests(&[row("fmt", fmt), row("test", test)]);
            assert_eq!(tally, expected, "case: {name}");
        }
    }

    #[test]
    fn tests_of_every_step_are_added() {
        let mut tally = Tally::default();
        let of_step = |passed, failed| Tally { passed, failed, skipped: 1 };
        assert!(counted(&mut tally, of_step(3, 0)) == Outcome::Passed);
        assert!(counted(&mut tally, of_step(4, 2)) == Outcome::TestsFailed);
        assert_eq!(tally, Tally { passed: 7, failed: 2, skipped: 2 });
    }
}
