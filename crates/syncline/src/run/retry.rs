//! Another try after a passing failure.

use std::thread;
use std::time::{Duration, Instant};

use super::actor::random;
use super::context::Context;
use crate::failure::Failure;

/// Most tries of one step.
const TRIES_MAX: u32 = 3;
/// Longest pause before the second try, in milliseconds; doubled for every further one.
const PAUSE_MS_FIRST_MAX: u64 = 400;

/// Tries a step again while its failure is a passing one: three times at most, with pauses drawn
/// from zero up to a doubling bound (full jitter), and never past the time-out of the run.
///
/// # Errors
///
/// The failure of the last try.
pub fn retrying<T>(
    context: &Context,
    mut step: impl FnMut() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let started = Instant::now();
    let mut attempt = 1;
    loop {
        let failure = match step() {
            Err(failure) if failure.is_transient() && attempt < TRIES_MAX => failure,
            answer => return answer,
        };
        let pause = Duration::from_millis(pause_ms(attempt, random()));
        let limit = context.global.timeout.map(Duration::from_millis);
        if limit.is_some_and(|limit| started.elapsed() + pause > limit) || context.is_interrupted()
        {
            return Err(failure);
        }
        context.output.note(&format!(
            "{}: trying again ({attempt} of {})",
            failure.code(),
            TRIES_MAX - 1
        ));
        thread::sleep(pause);
        attempt += 1;
    }
}

const fn pause_ms(attempt: u32, random: u64) -> u64 {
    let bound = PAUSE_MS_FIRST_MAX << (attempt - 1);
    random % (bound + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_stays_below_its_doubling_bound() {
        for attempt in 1..=TRIES_MAX {
            let bound = PAUSE_MS_FIRST_MAX << (attempt - 1);
            assert!(pause_ms(attempt, u64::MAX) <= bound);
            assert_eq!(pause_ms(attempt, bound), bound);
            assert_eq!(pause_ms(attempt, 0), 0);
        }
    }
}
