//! Rounds, repeated where others took much of the machine.

use std::error::Error;
use std::time::{Duration, Instant};

use syncline_benches::duel::{Quiet, median};
use syncline_benches::machine;
use syncline_benches::report::Report;

/// How often, and how quiet it has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounds {
    pub(crate) count: u32,
    pub(crate) quiet: Quiet,
}

impl Rounds {
    /// Runs `work` so many times and returns what each found.
    ///
    /// - `work`: is told the number of the round; answers what it found and the processor time of its own programs.
    pub(crate) fn run<T>(
        &self,
        report: &Report,
        mut work: impl FnMut(u32) -> Result<(T, Duration), Box<dyn Error>>,
    ) -> Result<Vec<T>, Box<dyn Error>> {
        let mut found = Vec::new();
        let mut repeats_left = self.quiet.repeats_max;
        while found.len() < self.count as usize {
            self.quiet.wait();
            let (begun, before) = (Instant::now(), machine::processor_time());
            let (one, own) = work(found.len() as u32)?;
            let (wall, after) = (begun.elapsed(), machine::processor_time());
            let all = after.unwrap_or_default().saturating_sub(before.unwrap_or_default());
            let others = all.saturating_sub(own + machine::own_processor_time());
            if self.quiet.is_noisy(others, wall) {
                let cores = others.as_secs_f64() / wall.as_secs_f64();
                let is_again = !self.quiet.any_load && repeats_left > 0;
                let what = if is_again { "it is run again" } else { "it is kept" };
                report.say(&format!("  others took {cores:.1} cores meanwhile: {what}"));
                if is_again {
                    repeats_left -= 1;
                    continue;
                }
            }
            found.push(one);
        }
        Ok(found)
    }
}

/// Returns the median of what `of` answers.
pub(crate) fn middle<T>(found: &[T], of: impl Fn(&T) -> f64) -> f64 {
    median(found.iter().map(of)).unwrap_or(f64::NAN)
}
