//! What failed, short enough for the last page of a log: names, and how each message begins.

use std::fmt;
use std::ops::AddAssign;

/// Most lines of one step. A page of a terminal has some fifty.
const LINES_MAX: usize = 40;
/// Most lines of one message.
const MESSAGE_LINES_MAX: usize = 8;
/// Longest line, in characters.
const LINE_CHARS_MAX: usize = 300;
/// Last lines of a test binary that died, of which nobody says which test it was.
const LAST_WORDS_MAX: usize = 5;

/// Tests and checks that failed, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failed {
    tests: Vec<One>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct One {
    name: String,
    message: Vec<String>,
}

impl Failed {
    /// Adds one by its name and its message, of which the first lines are kept.
    pub(crate) fn add(&mut self, name: &str, message: &str) {
        self.tests.push(One { name: short(name), message: Vec::new() });
        message.lines().for_each(|line| self.add_line(line));
    }

    /// Adds a line to the message of the one that was added last.
    fn add_line(&mut self, line: &str) {
        let line = short(line.trim_end());
        if let Some(one) = self.tests.last_mut()
            && one.message.len() < MESSAGE_LINES_MAX
            && !line.trim().is_empty()
        {
            one.message.push(line);
        }
    }

    /// Reads what the reporter of `sdk/failures.mjs` writes: a name at the beginning of a line, and
    /// below it its message, indented.
    pub(crate) fn of_vitest(report: &str) -> Self {
        let mut failed = Self::default();
        for line in report.lines() {
            match line.strip_prefix("  ") {
                Some(message) => failed.add_line(message),
                None if line.is_empty() => {}
                None => failed.add(line, ""),
            }
        }
        failed
    }

    /// Returns whether nothing failed.
    pub(crate) fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }
}

impl AddAssign for Failed {
    fn add_assign(&mut self, other: Self) {
        self.tests.extend(other.tests);
    }
}

/// At most [`LINES_MAX`] lines: where many tests failed, less of each message; names before all.
impl fmt::Display for Failed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (named, left_out) = match self.tests.len() {
            count if count > LINES_MAX => (LINES_MAX - 1, count - (LINES_MAX - 1)),
            count => (count, 0),
        };
        let of_each = (LINES_MAX - usize::from(left_out > 0)) / named.max(1);
        for One { name, message } in self.tests.iter().take(named) {
            writeln!(out, "  {name}")?;
            for line in message.iter().take(of_each.saturating_sub(1)) {
                writeln!(out, "      {line}")?;
            }
        }
        match left_out {
            0 => Ok(()),
            _ => writeln!(out, "  … and {left_out} more"),
        }
    }
}

/// Reads the output of test binaries line by line: their names stand in it twice, their messages
/// once, below `---- the name stdout ----`.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    failed: Failed,
    /// Whether the lines that come belong to a message.
    is_message: bool,
    /// The last lines of a binary that has said neither how its tests ended nor that it has none.
    running: Option<Vec<String>>,
}

impl Reader {
    /// Takes in one line.
    pub(crate) fn read_line(&mut self, line: &str) {
        if is_beginning(line) {
            self.end_binary();
            self.running = Some(Vec::new());
        } else if line.starts_with("test result: ") {
            self.running = None;
            self.is_message = false;
        } else if let Some(name) = message_of(line) {
            self.failed.add(name, "");
            self.is_message = true;
        } else if line == "failures:" || line == "successes:" {
            // Behind the messages come the names once more.
            self.is_message = false;
        } else if self.is_message {
            self.failed.add_line(line);
        }
        if let Some(last) = &mut self.running
            && !line.is_empty()
        {
            last.push(short(line));
            if last.len() > LAST_WORDS_MAX {
                last.remove(0);
            }
        }
    }

    /// Returns what failed.
    pub(crate) fn end(mut self) -> Failed {
        self.end_binary();
        self.failed
    }

    fn end_binary(&mut self) {
        self.is_message = false;
        if let Some(last) = self.running.take() {
            self.failed.add("a test binary died; the last it said:", &last.join("\n"));
        }
    }
}

/// Returns whether a test binary begins with this line: `running 3 tests`.
fn is_beginning(line: &str) -> bool {
    let count = line
        .strip_prefix("running ")
        .and_then(|rest| rest.strip_suffix(" tests").or_else(|| rest.strip_suffix(" test")));
    count.is_some_and(|count| count.parse::<usize>().is_ok())
}

/// Returns the test whose message begins behind this line.
fn message_of(line: &str) -> Option<&str> {
    line.strip_prefix("---- ")?.strip_suffix(" ----")?.strip_suffix(" stdout")
}

fn short(line: &str) -> String {
    match line.char_indices().nth(LINE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(failed: &Failed) -> Vec<String> {
        failed.to_string().lines().map(str::to_owned).collect()
    }

    fn read(output: &str) -> Failed {
        let mut reader = Reader::default();
        output.lines().for_each(|line| reader.read_line(line));
        reader.end()
    }

    #[test]
    fn names_and_messages_of_test_binaries_are_kept_and_nothing_else() {
        let failed = read(
            "running 3 tests\n\
             test good ... ok\n\
             test bad ... FAILED\n\
             test worse ... FAILED\n\
             \n\
             failures:\n\
             \n\
             ---- bad stdout ----\n\
             \n\
             thread 'bad' panicked at src/lib.rs:3:5:\n\
             assertion `left == right` failed\n\
             \x20 left: 1\n\
             \n\
             ---- worse stdout ----\n\
             Error: nothing\n\
             \n\
             failures:\n\
             \x20   bad\n\
             \x20   worse\n\
             \n\
             test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
             \n\
             running 0 tests\n\
             test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        );
        let expected = [
            "  bad",
            "      thread 'bad' panicked at src/lib.rs:3:5:",
            "      assertion `left == right` failed",
            "        left: 1",
            "  worse",
            "      Error: nothing",
        ];
        assert_eq!(shown(&failed), expected);
        assert!(read("running 1 test\ntest good ... ok\n\ntest result: ok. 1 passed").is_empty());
    }

    #[test]
    fn of_a_binary_that_died_its_last_words_are_kept() {
        let lines: String = (0..9).map(|number| format!("test number_{number} ... ok\n")).collect();
        let died = format!("running 10 tests\n{lines}");
        let last = ["      test number_7 ... ok", "      test number_8 ... ok"];
        for output in [died.clone(), format!("{died}running 1 test\ntest result: ok. 1 passed")] {
            let shown = shown(&read(&output));
            assert_eq!(shown[0], "  a test binary died; the last it said:");
            assert!(shown.ends_with(&last.map(str::to_owned)), "{shown:?}");
            assert_eq!(shown.len(), 1 + LAST_WORDS_MAX);
        }
    }

    #[test]
    fn what_vitest_reports_is_read() {
        let report =
            "kills.test.ts > none is lost\n  AssertionError: one is\n    at 3\n\nother > test\n";
        let expected = [
            "  kills.test.ts > none is lost",
            "      AssertionError: one is",
            "        at 3",
            "  other > test",
        ];
        assert_eq!(shown(&Failed::of_vitest(report)), expected);
        assert!(Failed::of_vitest("").is_empty());
    }

    #[test]
    fn a_step_has_a_page_at_most_and_names_come_before_messages() {
        let of = |tests: usize| {
            let mut failed = Failed::default();
            for test in 0..tests {
                failed.add(&format!("test {test}"), &"a line\n".repeat(100));
            }
            shown(&failed)
        };
        assert_eq!(of(1).len(), 1 + MESSAGE_LINES_MAX);
        for tests in 1..100 {
            let shown = of(tests);
            assert!(shown.len() <= LINES_MAX, "{tests} tests: {} lines", shown.len());
            let names = shown.iter().filter(|line| line.starts_with("  test ")).count();
            assert_eq!(names, if tests > LINES_MAX { LINES_MAX - 1 } else { tests });
        }
        assert_eq!(of(50).last().map(String::as_str), Some("  … and 11 more"));
    }

    #[test]
    fn a_long_line_is_cut_between_its_characters() {
        let mut failed = Failed::default();
        failed.add("long", &"é".repeat(10_000));
        assert_eq!(shown(&failed)[1].chars().count(), 6 + LINE_CHARS_MAX + 1);
    }
}
