//! The whole continuous integration, in one command that runs anywhere.

use crate::api;
use crate::dashboard;
use crate::demo;
use crate::failed::Failed;
use crate::failure::Failure;
use crate::process::{cargo, is_installed, run};
use crate::sdk;
use crate::suite::{self, Tally, Tested};
use crate::tidy;
use std::path::Path;
use std::time::{Duration, Instant};

/// One row of the table at the end.
struct Row {
    name: &'static str,
    took: Duration,
    outcome: Outcome,
    /// What failed in it.
    failed: Failed,
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

/// Runs every step, even behind a failed one, and prints what failed and the table of the steps.
///
/// Every failed step adds one to the failures of the last line, so that the line alone says
/// whether all is well; the last page of the log alone says what is not.
pub(crate) fn run_all(root: &Path) -> Tally {
    let mut rows = Vec::new();
    let mut step = |name: &'static str, work: &mut Work<'_>| {
        println!("\n── {name}");
        let started = Instant::now();
        let mut failed = Failed::default();
        let outcome = work(&mut failed).unwrap_or_else(|failure| {
            println!("{failure}");
            failed.add(&failure.to_string(), "");
            Outcome::Failed
        });
        rows.push(Row { name, took: started.elapsed(), outcome, failed });
    };
    let mut tally = Tally::default();
    step("fmt", &mut |_| passed(run(cargo(root).args(["fmt", "--all", "--check"]))));
    step("tidy", &mut |_| passed(tidy::run(root)));
    // Before anything is compiled: the binary holds its pages.
    step("dashboard", &mut |_| passed(dashboard::build(root)));
    step("clippy", &mut |_| passed(run(cargo(root).args(CLIPPY))));
    step("deny", &mut |_| deny(root));
    step("test", &mut |failed| Ok(counted(&mut tally, failed, suite::test(root)?)));
    step("api", &mut |_| passed(api::check(root, &[])));
    step("sdk", &mut |failed| Ok(counted(&mut tally, failed, sdk::check(root)?)));
    step("browsers", &mut |failed| Ok(counted(&mut tally, failed, sdk::browsers(root, &[])?)));
    step("demo", &mut |_| passed(demo::play(root, false, demo::Browser::Needed)));
    print!("{}", what_failed(&rows));
    print_table(&rows);
    tally.failed += failed_besides_tests(&rows);
    tally
}

/// A step: says how it ended, and adds what failed in it.
type Work<'a> = dyn FnMut(&mut Failed) -> Result<Outcome, Failure> + 'a;

const CLIPPY: [&str; 6] = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];

/// A step whose tests are counted is not counted again; one that no test could be counted of is.
fn failed_besides_tests(rows: &[Row]) -> usize {
    rows.iter().filter(|row| row.outcome == Outcome::Failed).count()
}

/// Adds the tests of a step to those of all, and says how the step ended and what failed.
fn counted(all: &mut Tally, failed: &mut Failed, tests: Tested) -> Outcome {
    *all += tests.tally;
    *failed += tests.failed;
    match tests.tally {
        tally if tally.is_good() => Outcome::Passed,
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

/// Returns what failed, by step; nothing where all is well.
fn what_failed(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows.iter().filter(|row| !row.failed.is_empty()) {
        text.push_str(&format!("\n── failed in {}\n{}", row.name, row.failed));
    }
    text
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
            let tested = Tested { tally: of_step, ..Tested::default() };
            let test = counted(&mut tally, &mut Failed::default(), tested);
            let row = |name, outcome| row(name, outcome, Failed::default());
            tally.failed += failed_besides_tests(&[row("fmt", fmt), row("test", test)]);
            assert_eq!(tally, expected, "case: {name}");
        }
    }

    #[test]
    fn tests_of_every_step_are_added() {
        let mut tally = Tally::default();
        let mut of_step = |passed, failed| {
            let tally_of_step = Tally { passed, failed, skipped: 1 };
            let tested = Tested { tally: tally_of_step, ..Tested::default() };
            counted(&mut tally, &mut Failed::default(), tested)
        };
        assert!(of_step(3, 0) == Outcome::Passed);
        assert!(of_step(4, 2) == Outcome::TestsFailed);
        assert_eq!(tally, Tally { passed: 7, failed: 2, skipped: 2 });
    }

    #[test]
    fn what_failed_is_named_by_step_and_nothing_of_what_did_not() {
        let failed = |names: &[&str]| {
            let mut tested = Tested::default();
            names.iter().for_each(|name| tested.add_failure(name, "why\nand how"));
            let mut failed = Failed::default();
            let outcome = counted(&mut Tally::default(), &mut failed, tested);
            (outcome, failed)
        };
        let rows =
            [("sdk", failed(&[])), ("test", failed(&["a"])), ("browsers", failed(&["b", "c"]))]
                .map(|(name, (outcome, failed))| row(name, outcome, failed));
        let expected = "\n── failed in test\n  a\n      why\n      and how\n\n── failed in browsers\n  \
                        b\n      why\n      and how\n  c\n      why\n      and how\n";
        assert_eq!(what_failed(&rows), expected);
        assert_eq!(what_failed(&rows[..1]), "");
    }

    fn row(name: &'static str, outcome: Outcome, failed: Failed) -> Row {
        Row { name, took: Duration::ZERO, outcome, failed }
    }
}
