//! Every test of the workspace in one run of `cargo test`, counted.
//!
//! Plain `cargo test` on purpose: a machine with Rust and a C compiler has it, it runs the doc
//! tests too, and one build serves all.

use crate::failed::{Failed, Reader};
use crate::failure::Failure;
use crate::process::{cargo, is_installed, run};
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::ops::AddAssign;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Programs that tests start; see `scripts/install-test-packages.sh`.
const PROGRAMS: &[&str] = &["node", "strace"];
/// Installs them.
const INSTALLER: &str = "scripts/install-test-packages.sh";
/// How long the output may stay open in silence after the tests have ended.
const LEFT_BEHIND_WAIT: Duration = Duration::from_secs(2);
/// Most lines that wait to be shown; then the tests wait.
const LINES_WAITING_MAX: usize = 1_024;

/// How many tests ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Tests that passed.
    pub(crate) passed: usize,
    /// Tests that failed, and whatever else went wrong.
    pub(crate) failed: usize,
    /// Tests that were switched off.
    pub(crate) skipped: usize,
}

impl Tally {
    /// Returns whether everything passed and there was something to pass.
    pub(crate) fn is_good(self) -> bool {
        self.failed == 0 && self.passed > 0
    }

    /// Takes in one line of the output of a test binary.
    fn read_line(&mut self, line: &str) {
        let result = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "));
        let Some((_, counts)) = result.filter(|_| line.contains(" filtered out; finished in "))
        else {
            return;
        };
        for part in counts.split("; ") {
            match part.trim().split_once(' ') {
                Some((count, "passed")) => self.passed += count.parse().unwrap_or(0),
                Some((count, "failed")) => self.failed += count.parse().unwrap_or(0),
                Some((count, "ignored")) => self.skipped += count.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Tests that ran: how many ended how, and which failed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tested {
    /// How many.
    pub(crate) tally: Tally,
    /// Which failed, and how their messages begin.
    pub(crate) failed: Failed,
}

impl Tested {
    /// Counts a failure that is none of a test's.
    pub(crate) fn add_failure(&mut self, name: &str, message: &str) {
        self.tally.failed += 1;
        self.failed.add(name, message);
    }
}

impl AddAssign for Tested {
    fn add_assign(&mut self, other: Self) {
        self.tally += other.tally;
        self.failed += other.failed;
    }
}

/// The last line of every run.
impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} passed, {} failed", self.passed, self.failed)?;
        match self.skipped {
            0 => Ok(()),
            skipped => write!(out, ", {skipped} skipped"),
        }
    }
}

/// Runs every test, streams the output and returns the counts and what failed.
///
/// # Errors
///
/// Fails when the tests could not be started; failed tests are in the tally.
pub(crate) fn test(root: &Path) -> Result<Tested, Failure> {
    ensure_programs(root)?;
    let mut command = cargo(root);
    command.args(["test", "--workspace", "--no-fail-fast"]);
    stream(&mut command, &mut io::stdout().lock())
}

/// Runs a command, passes its output on to `shown` line by line, and counts the results in it.
fn stream(command: &mut Command, shown: &mut impl Write) -> Result<Tested, Failure> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().expect("invariant: stdout was piped");
    let mut tally = Tally::default();
    let mut reader = Reader::default();
    let lines = lines_of(output);
    let left_behind = loop {
        match lines.recv_timeout(LEFT_BEHIND_WAIT) {
            Ok(line) => {
                let line = line?;
                shown.write_all(&line)?;
                shown.flush()?;
                let line = String::from_utf8_lossy(&line);
                tally.read_line(line.trim_end());
                reader.read_line(line.trim_end());
            }
            Err(RecvTimeoutError::Disconnected) => break false,
            Err(RecvTimeoutError::Timeout) if child.try_wait()?.is_some() => break true,
            Err(RecvTimeoutError::Timeout) => {}
        }
    };
    let status = child.wait()?;
    let mut tested = Tested { tally, failed: reader.end() };
    if left_behind {
        let message = "a test left a process behind";
        writeln!(shown, "{message}; counted as one failure")?;
        tested.add_failure(message, "");
    }
    if !status.success() && tested.tally.failed == 0 {
        // It did not compile, or a test binary died before it could report.
        let message = format!("cargo test ended with {status}");
        writeln!(shown, "{message}; counted as one failure")?;
        tested.add_failure(&message, "");
    }
    if tested.tally.passed + tested.tally.failed == 0 {
        writeln!(shown, "no test ran; that is a failure")?;
        tested.failed.add("no test ran", "");
    }
    Ok(tested)
}

/// Reads lines, with their ends, on a thread of their own: a process that a test left behind may
/// hold the output open for ever, and must not hold us.
fn lines_of(output: impl Read + Send + 'static) -> Receiver<io::Result<Vec<u8>>> {
    let (sender, lines) = mpsc::sync_channel(LINES_WAITING_MAX);
    thread::spawn(move || {
        let mut reader = BufReader::new(output);
        loop {
            let mut line = Vec::new();
            let read = reader.read_until(b'\n', &mut line);
            let is_last = !matches!(read, Ok(length) if length > 0);
            if matches!(read, Ok(0)) || sender.send(read.map(|_| line)).is_err() || is_last {
                break;
            }
        }
    });
    lines
}

/// Installs what tests start, when something is missing and we may.
fn ensure_programs(root: &Path) -> Result<(), Failure> {
    let missing = missing_programs();
    if missing.is_empty() {
        return Ok(());
    }
    install_programs(root, &missing.join(", "))?;
    match missing_programs() {
        left if left.is_empty() => Ok(()),
        left => Err(Failure::new(format!("still missing after {INSTALLER}: {}", left.join(", ")))),
    }
}

/// Installs what tests start, of which something is `missing`, if we may.
///
/// # Errors
///
/// Fails when we may not, or it cannot be installed.
pub(crate) fn install_programs(root: &Path, missing: &str) -> Result<(), Failure> {
    if !is_root() {
        let message =
            format!("tests need {missing}; run `{INSTALLER}` as root, or install it yourself");
        return Err(Failure::new(message));
    }
    println!("tests need {missing}; running {INSTALLER}");
    run(&mut Command::new(root.join(INSTALLER)))
}

fn missing_programs() -> Vec<&'static str> {
    PROGRAMS.iter().copied().filter(|program| !is_installed(program)).collect()
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a test binary prints at its end.
    fn result_line(passed: usize, failed: usize, ignored: usize) -> String {
        let word = if failed == 0 { "ok" } else { "FAILED" };
        format!(
            "test result: {word}. {passed} passed; {failed} failed; {ignored} ignored; \
             0 measured; 0 filtered out; finished in 0.10s"
        )
    }

    /// The output goes to a buffer: on our own standard output it would be counted again.
    fn tested(script: &str) -> Tested {
        stream(Command::new("sh").args(["-c", script]), &mut Vec::new()).unwrap()
    }

    fn tally_of(script: &str) -> Tally {
        tested(script).tally
    }

    #[test]
    fn results_of_every_binary_are_added() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            &result_line(3, 0, 1),
            "test a ... ok",
            &result_line(2, 4, 0),
            &format!("inside a line: {}", result_line(9, 9, 9)),
            "test result: ok. 9 passed; said by a test about itself",
        ] {
            tally.read_line(line);
        }
        assert_eq!(tally, Tally { passed: 5, failed: 4, skipped: 1 });
        assert_eq!(tally.to_string(), "5 passed, 4 failed, 1 skipped");
        assert_eq!(Tally { skipped: 0, ..tally }.to_string(), "5 passed, 4 failed");
    }

    #[test]
    fn a_run_is_good_only_when_tests_passed_and_nothing_failed() {
        let two_passed = format!("echo '{}'", result_line(2, 0, 0));
        let one_failed = format!("echo '{}'", result_line(2, 1, 0));
        let cases = [
            ("good", two_passed.clone(), true),
            ("failed", format!("{one_failed}; exit 101"), false),
            ("failed, yet said to be good", one_failed, false),
            ("died after others passed", format!("{two_passed}; exit 101"), false),
            ("did not compile", "exit 101".to_owned(), false),
            ("no test", "true".to_owned(), false),
        ];
        for (name, script, expected) in cases {
            assert_eq!(tally_of(&script).is_good(), expected, "case: {name}");
        }
    }

    #[test]
    fn what_failed_is_named_whatever_it_was() {
        let cases = [
            (
                format!("echo '---- lib::test stdout ----'; echo '{}'", result_line(1, 1, 0)),
                "lib::test",
            ),
            ("echo 'running 2 tests'; echo 'test a ... ok'; exit 101".to_owned(), "binary died"),
            ("exit 101".to_owned(), "cargo test ended with exit status: 101"),
            ("true".to_owned(), "no test ran"),
            (format!("echo '{}'; sleep 20 &", result_line(1, 0, 0)), "left a process behind"),
        ];
        for (script, expected) in cases {
            let failed = tested(&script).failed.to_string();
            assert!(failed.contains(expected), "{script}: {failed}");
        }
        assert!(tested(&format!("echo '{}'", result_line(1, 0, 0))).failed.is_empty());
    }

    #[test]
    fn output_that_is_not_text_does_not_stop_the_count() {
        let script = format!("printf '\\377\\n'; echo '{}'", result_line(1, 0, 0));
        assert_eq!(tally_of(&script).passed, 1);
    }

    #[test]
    fn every_line_is_passed_on_as_it_was() {
        let mut shown = Vec::new();
        stream(Command::new("printf").arg("a\\n\\377\\nno end"), &mut shown).unwrap();
        assert_eq!(shown, b"a\n\xff\nno endno test ran; that is a failure\n");
    }

    #[test]
    fn a_process_that_a_test_left_behind_does_not_hold_the_run() {
        let tally = tally_of(&format!("echo '{}'; sleep 20 &", result_line(1, 0, 0)));
        assert_eq!((tally.passed, tally.failed), (1, 1));
    }
}
