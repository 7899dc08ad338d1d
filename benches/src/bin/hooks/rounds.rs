//! Rounds, repeated where others took much of the machine.

use std::error::Error;
use std::time::Instant;

use syncline_benches::duel::Quiet;
use syncline_benches::family::Family;
use syncline_benches::machine;
use syncline_benches::report::{Report, load};

/// How often, and how quiet it has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounds {
    pub(crate) count: u32,
    pub(crate) quiet: Quiet,
    /// Most cores that others may take during a round.
    pub(crate) others_max: f64,
}

/// What some rounds found, and on what machine.
#[derive(Debug)]
pub(crate) struct Found<T> {
    pub(crate) each: Vec<T>,
    /// What is to stand beside a figure: the load before, and rounds that others disturbed.
    pub(crate) noise: String,
}

impl Rounds {
    /// Runs `work` so many times and returns what each found.
    ///
    /// - `work`: is told the number of the round. Whatever it starts has ended when it returns.
    pub(crate) fn run<T>(
        &self,
        report: &Report,
        mut work: impl FnMut(u32) -> Result<T, Box<dyn Error>>,
    ) -> Result<Found<T>, Box<dyn Error>> {
        let (before, own) = (load(), Family::own());
        let (mut each, mut noisy, mut repeats_left) = (Vec::new(), 0, self.quiet.repeats_max);
        while each.len() < self.count as usize {
            let mark = (Instant::now(), machine::processor_time(), own.processor_time());
            let one = work(each.len() as u32)?;
            let all = machine::processor_time().unwrap_or_default();
            let all = all.saturating_sub(mark.1.unwrap_or_default());
            let others = all.saturating_sub(own.processor_time().saturating_sub(mark.2));
            let cores = others.as_secs_f64() / mark.0.elapsed().as_secs_f64();
            let is_noisy = cores > self.others_max;
            if is_noisy {
                let is_again = !self.quiet.any_load && repeats_left > 0;
                let what = if is_again { "it is run again" } else { "it is kept" };
                report.say(&format!("  others took {cores:.2} cores meanwhile: {what}"));
                if is_again {
                    repeats_left -= 1;
                    continue;
                }
            }
            noisy += usize::from(is_noisy);
            each.push(one);
        }
        let noise = format!(
            "load {before:.2} before; others took more than {} cores in {noisy} of {} rounds",
            self.others_max, self.count
        );
        Ok(Found { each, noise })
    }
}
