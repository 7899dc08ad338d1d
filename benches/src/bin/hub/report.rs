//! What was found: a line for people, or an object for programs.

use std::time::Duration;

use serde_json::{Value, json};
use syncline_benches::machine;

/// Says what is found.
pub(crate) struct Report {
    is_json: bool,
    commit: String,
}

/// One figure.
#[derive(Debug)]
pub(crate) struct Figure<'f> {
    /// The part of the benchmark.
    pub(crate) part: &'static str,
    /// What the figure is.
    pub(crate) what: &'f str,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) goal: Goal,
    /// Processor time of the hub meanwhile, where it was measured.
    pub(crate) processor: Option<Duration>,
    /// What was counted, and how.
    pub(crate) how: &'f str,
}

/// What is wanted of a figure.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtLeast(f64),
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

impl Report {
    pub(crate) fn new(is_json: bool) -> Self {
        let commit = machine::commit();
        let report = Self { is_json, commit };
        let about =
            format!("{}, commit {}, load {:.2}", machine::processor(), report.commit, load());
        report.say(&about);
        report
    }

    /// Prints a line for people.
    pub(crate) fn say(&self, line: &str) {
        if !self.is_json {
            println!("{line}");
        }
    }

    /// Prints a figure.
    pub(crate) fn figure(&self, figure: &Figure<'_>) {
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
pub(crate) fn load() -> f64 {
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
