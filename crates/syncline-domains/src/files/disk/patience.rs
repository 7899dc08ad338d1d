//! Another try after a passing error.

use std::time::Duration;

use super::access::Disk;
use super::error::DiskError;
use crate::limits::{PAUSE_MS_FIRST_MAX, TRIES_MAX};

/// Does a step again while its error is a passing one and the disk has patience left.
///
/// The step is done from its beginning: what it found before the pause may not be so any more.
///
/// # Errors
///
/// The error of the last try.
pub(super) fn patiently<T>(
    disk: &dyn Disk,
    mut step: impl FnMut() -> Result<T, DiskError>,
) -> Result<T, DiskError> {
    let mut tries = 1;
    loop {
        match step() {
            Err(error) if error.is_passing() && disk.pause(tries) => tries += 1,
            answer => return answer,
        }
    }
}

/// Returns how long to wait before another try, or nothing if there were enough: from zero up to a
/// bound that doubles with every try (full jitter).
///
/// - `tries`: how many were made, from 1.
/// - `random`: any number that differs from time to time.
pub fn pause_before_next(tries: u32, random: u64) -> Option<Duration> {
    let doublings = tries.checked_sub(1).filter(|_| tries < TRIES_MAX)?;
    let bound = PAUSE_MS_FIRST_MAX << doublings;
    Some(Duration::from_millis(random % (bound + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_stays_below_its_doubling_bound() {
        for tries in 1..TRIES_MAX {
            let bound = PAUSE_MS_FIRST_MAX << (tries - 1);
            let pause = |random| pause_before_next(tries, random).unwrap().as_millis();
            assert!(pause(u64::MAX) <= u128::from(bound));
            assert_eq!((pause(bound), pause(0)), (u128::from(bound), 0));
        }
        assert_eq!(pause_before_next(TRIES_MAX, 1), None);
    }
}
