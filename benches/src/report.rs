//! What was found: a line for people, or an object for programs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::machine;

/// Says what is found.
#[derive(Debug)]
pub struct Report {
    is_json: bool,
    commit: String,
}

/// One figure.
#[derive(Debug)]
pub struct Figure<'f> {
    /// The part of the benchmark.
    pub part: &'static str,
    /// What the figure is.
    pub what: &'f str,
    /// The figure itself.
    pub value: f64,
    /// What it is counted in.
    pub unit: &'static str,
    /// What it should be.
    pub goal: Goal,
    /// Processor time of the hub meanwhile, where it was measured.
    pub processor: Option<Duration>,
    /// What was counted, and how.
    pub how: &'f str,
}

/// What is wanted of a figure.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// It is good from here on.
    AtLeast(f64),
    /// It is good up to here.
    AtMost(f64),
    /// It stands beside others.
    None,
}

impl Goal {
    /// Returns whether a value is what is wanted; none if nothing is.
    fn is_met(self, value: f64) -> Option<bool> {
        match self {
            Self::AtLeast(least) => Some(value >= least),
            Self::AtMost(most) => Some(value <= most),
            Self::None => None,
        }
    }
}

#[expect(clippy::print_stdout, reason = "a tool for people, run by hand")]
impl Report {
    /// Begins one, and says on what it was measured.
    ///
    /// - `is_json`: one object for each figure and nothing else.
    pub fn new(is_json: bool) -> Self {
        let commit = machine::commit();
        let report = Self { is_json, commit };
        let about =
            format!("{}, commit {}, load {:.2}", machine::processor(), report.commit, load());
        report.say(&about);
        report
    }

    /// Prints a line for people.
    pub fn say(&self, line: &str) {
        if !self.is_json {
            println!("{line}");
        }
    }

    /// Prints a figure.
    pub fn figure(&self, figure: &Figure<'_>) {
        if self.is_json {
            println!("{}", self.document(figure));
        } else {
            println!("{}", line(figure));
        }
    }

    fn document(&self, figure: &Figure<'_>) -> Value {
        let (least, most) = match figure.goal {
            Goal::AtLeast(least) => (Some(least), None),
            Goal::AtMost(most) => (None, Some(most)),
            Goal::None => (None, None),
        };
        json!({
            "part": figure.part,
            "what": figure.what,
            "value": figure.value,
            "unit": figure.unit,
            "at_least": least,
            "at_most": most,
            "is_met": figure.goal.is_met(figure.value),
            "processor_s": figure.processor.map(|processor| processor.as_secs_f64()),
            "load": load(),
            "how": figure.how,
            "commit": self.commit,
            "machine": machine::processor(),
        })
    }
}

/// Returns the load average, which stands beside each figure.
pub fn load() -> f64 {
    machine::load_average().unwrap_or(f64::NAN)
}

fn line(figure: &Figure<'_>) -> String {
    let Figure { part, what, value, unit, goal, processor, how } = figure;
    let wanted = match goal {
        Goal::AtLeast(least) => format!(", wanted at least {}", digits(*least)),
        Goal::AtMost(most) => format!(", wanted at most {}", digits(*most)),
        Goal::None => String::new(),
    };
    let met = match goal.is_met(*value) {
        Some(true) => ": met",
        Some(false) => ": MISSED",
        None => "",
    };
    let processor = processor.map(|time| format!("{:.2} CPU-s of the hub, ", time.as_secs_f64()));
    let (value, processor) = (digits(*value), processor.unwrap_or_default());
    format!("{part}: {what} {value} {unit}{wanted}{met} ({processor}load {:.2}; {how})", load())
}

/// Writes a number with the digits that tell something.
fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 1_000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 1.0 => 2,
        _ => 4,
    };
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_says_whether_its_goal_is_met() {
        let figure = |value, goal| {
            let (part, what, unit, how) = ("part", "pushes", "op/s", "counted by hand");
            line(&Figure { part, what, value, unit, goal, processor: None, how })
        };
        let starts = |line: &str, start: &str| assert!(line.starts_with(start), "{line}");
        starts(
            &figure(41_234.5, Goal::AtLeast(40_000.0)),
            "part: pushes 41234 op/s, wanted at least 40000: met (",
        );
        starts(
            &figure(1.513, Goal::AtMost(1.5)),
            "part: pushes 1.51 op/s, wanted at most 1.5: MISSED (",
        );
        starts(&figure(0.25, Goal::None), "part: pushes 0.25 op/s (");
        // What could not be measured meets nothing.
        starts(
            &figure(f64::NAN, Goal::AtMost(1.0)),
            "part: pushes NaN op/s, wanted at most 1: MISSED (",
        );
    }
}
