//! Another try after a passing failure.

use std::thread;
use std::time::{Duration, Instant};

use syncline_domains::files::disk::pause_before_next;
use syncline_domains::limits::TRIES_MAX;

use super::actor::random;
use super::context::Context;
use crate::failure::Failure;

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
    let mut tries = 1;
    loop {
        let failure = match step() {
            Err(failure) if failure.is_transient() => failure,
            answer => return answer,
        };
        let Some(pause) = pause_before_next(tries, random()) else { return Err(failure) };
        let limit = context.global.timeout.map(Duration::from_millis);
        if limit.is_some_and(|limit| started.elapsed() + pause > limit) || context.is_interrupted()
        {
            return Err(failure);
        }
        context.output.note(&format!(
            "{}: trying again ({tries} of {})",
            failure.code(),
            TRIES_MAX - 1
        ));
        thread::sleep(pause);
        tries += 1;
    }
}
