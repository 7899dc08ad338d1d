//! Two programs, the same job, in turn: A B A B …
//!
//! What others do on the machine changes from minute to minute, so only figures of the same
//! minutes are compared. A round in which others took much of the machine is run again, a
//! bounded number of times; what was left noisy is counted and printed.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::machine;
use crate::measure::{Cost, Program, RunError, run};

/// How long a pause between two looks at the load is.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// When the machine counts as quiet enough.
#[derive(Clone, Copy, Debug)]
pub struct Quiet {
    /// Measure whatever the load; noisy rounds are counted, not repeated.
    pub any_load: bool,
    /// Largest load average of the last minute at the start of a run, and largest number of
    /// cores that others may take during it.
    pub load_max: f64,
    /// Longest wait for the load to fall, per run.
    pub wait_max: Duration,
    /// Most repetitions of noisy rounds, in all.
    pub repeats_max: u32,
}

/// One of the two: a program and the folder in which it runs.
#[derive(Clone, Debug)]
pub struct Contender {
    /// What it is called in tables: `ours` or `peer`.
    pub name: &'static str,
    /// What is run.
    pub program: Program,
    /// Where it is run.
    pub folder: PathBuf,
}

/// The costs of one contender's rounds, or why there are none.
#[derive(Debug)]
pub enum Costs {
    /// One per round.
    Rounds(Vec<Cost>),
    /// What the program said when it failed.
    Failed(String),
}

/// What a duel found.
#[derive(Debug)]
pub struct Outcome {
    /// Our costs.
    pub ours: Costs,
    /// The peer's costs.
    pub peer: Costs,
    /// Rounds kept although others were busy.
    pub noisy_rounds: u32,
}

/// Runs both contenders `rounds` times in turn.
///
/// - `prepare`: called before each run with the contender's folder and the number of the run,
///   counted from 1; not measured. What it wrote is on disk before the run starts.
///
/// A contender that fails is not run again; the other goes on alone.
///
/// # Errors
///
/// Those of `prepare`.
pub fn duel(
    [ours, peer]: [&Contender; 2],
    rounds: u32,
    quiet: Quiet,
    mut prepare: impl FnMut(&Path, u32) -> io::Result<()>,
) -> io::Result<Outcome> {
    let mut costs = [Costs::Rounds(vec![]), Costs::Rounds(vec![])];
    let mut noisy_rounds = 0;
    let mut repeats_left = quiet.repeats_max;
    let mut done = 0;
    let mut attempt = 0;
    while done < rounds {
        attempt += 1;
        let mut noisy = false;
        let mut round = [None, None];
        for (index, contender) in [ours, peer].into_iter().enumerate() {
            let Costs::Rounds(_) = costs[index] else {
                continue;
            };
            prepare(&contender.folder, attempt)?;
            match run_quietly(contender, quiet) {
                Ok((cost, quiet_enough)) => {
                    noisy |= !quiet_enough;
                    round[index] = Some(cost);
                }
                Err(error) => costs[index] = Costs::Failed(error.to_string()),
            }
        }
        if noisy && !quiet.any_load && repeats_left > 0 {
            repeats_left -= 1;
            continue;
        }
        noisy_rounds += u32::from(noisy);
        done += 1;
        for (all, cost) in costs.iter_mut().zip(round) {
            if let (Costs::Rounds(all), Some(cost)) = (all, cost) {
                all.push(cost);
            }
        }
    }
    let [ours, peer] = costs;
    Ok(Outcome { ours, peer, noisy_rounds })
}

/// Runs once; returns the cost and whether others left the machine alone.
fn run_quietly(contender: &Contender, quiet: Quiet) -> Result<(Cost, bool), RunError> {
    rustix::fs::sync(); // Else the run would pay for writing back what was prepared.
    quiet.wait();
    let before = machine::processor_time();
    let cost = run(&contender.program, &contender.folder)?;
    let others = match (before, machine::processor_time()) {
        (Some(before), Some(after)) => after.saturating_sub(before).saturating_sub(cost.cpu()),
        _ => Duration::ZERO,
    };
    Ok((cost, !quiet.is_noisy(others, cost.wall)))
}

impl Quiet {
    /// Waits until the machine is quiet, or no longer than that may take.
    pub fn wait(self) {
        let started = Instant::now();
        while !self.any_load
            && started.elapsed() < self.wait_max
            && machine::load_average().is_some_and(|load| load > self.load_max)
        {
            thread::sleep(LOOK_AGAIN_AFTER);
        }
    }

    /// Tells whether others took more of the machine than they may.
    ///
    /// - `others`: their processor time within `wall`.
    pub fn is_noisy(self, others: Duration, wall: Duration) -> bool {
        // Two ticks of grace: short runs would else be judged by rounding.
        others > wall.mul_f64(self.load_max) + Duration::from_millis(20)
    }
}

/// Returns the median, the mean of the middle two for an even number; `None` of nothing.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => values.get(middle).copied(),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

/// Returns the slope of the line through the logarithms of both: 1 is linear growth.
///
/// Least squares; `None` with fewer than two points. All values must be above zero.
pub fn log_log_slope(points: &[(f64, f64)]) -> Option<f64> {
    if points.len() < 2 {
        return None;
    }
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let count = logs.len() as f64;
    let mean_x = logs.iter().map(|point| point.0).sum::<f64>() / count;
    let mean_y = logs.iter().map(|point| point.1).sum::<f64>() / count;
    let rise: f64 = logs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let run: f64 = logs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    Some(rise / run)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Quiet =
        Quiet { any_load: true, load_max: 1.0, wait_max: Duration::ZERO, repeats_max: 0 };

    fn contender(name: &'static str, script: &str, folder: &Path) -> Contender {
        let arguments = vec!["-c".to_owned(), script.to_owned()];
        let program = Program { executable: "sh".into(), arguments, good_codes: &[0] };
        Contender { name, program, folder: folder.to_path_buf() }
    }

    #[test]
    fn the_two_take_turns_and_a_failed_one_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let ours = contender("ours", "echo a >> turns", dir.path());
        let peer = contender("peer", "echo b >> turns; test $(grep -c b turns) -lt 2", dir.path());
        let mut prepared = 0;
        let outcome = duel([&ours, &peer], 3, ANY, |_, _| {
            prepared += 1;
            Ok(())
        })
        .unwrap();
        let turns = std::fs::read_to_string(dir.path().join("turns")).unwrap();
        assert_eq!(turns.replace('\n', ""), "ababa");
        assert_eq!(prepared, 5);
        assert!(matches!(outcome.ours, Costs::Rounds(costs) if costs.len() == 3));
        assert!(matches!(outcome.peer, Costs::Failed(_)));
    }

    #[test]
    fn medians_and_slopes_are_those_of_the_textbook() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([]), None);
        let quadratic = [(10.0, 100.0), (100.0, 10_000.0), (1_000.0, 1_000_000.0)];
        assert!((log_log_slope(&quadratic).unwrap() - 2.0).abs() < 1e-9);
        assert_eq!(log_log_slope(&quadratic[..1]), None);
    }
}
