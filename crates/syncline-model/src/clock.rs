//! The hybrid logical clock: wall time where it can be trusted, order where it cannot.
//!
//! Source: Kulkarni et al., "Logical Physical Clocks and Consistent Snapshots in Globally
//! Distributed Databases" (2014).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::id::SiteId;
use crate::limits::CLOCK_MS_MAX;

/// A reading of the hybrid clock: 48 bits of Unix milliseconds, then a 16-bit counter.
///
/// Ordered as the number it is. `Clock(0)` stands before every reading.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clock(pub u64);

impl Clock {
    /// Builds a reading; milliseconds beyond 48 bits are cut to the greatest that fits.
    pub const fn new(millis: u64, counter: u16) -> Self {
        let millis = if millis > CLOCK_MS_MAX { CLOCK_MS_MAX } else { millis };
        Self((millis << 16) | counter as u64)
    }

    /// Returns the wall-clock part, in milliseconds since the Unix epoch.
    pub const fn millis(self) -> u64 {
        self.0 >> 16
    }

    /// Returns the counter that breaks ties within a millisecond.
    pub const fn counter(self) -> u16 {
        (self.0 & 0xffff) as u16
    }

    /// Returns the next reading: later than `self` and not before `now_ms`.
    ///
    /// A full counter runs over into the next millisecond.
    ///
    /// # Errors
    ///
    /// [`ClockError::Exhausted`] at the end of 48-bit time, in the year 10889.
    pub const fn tick(self, now_ms: u64) -> Result<Self, ClockError> {
        let now = Self::new(now_ms, 0);
        if now.0 > self.0 {
            return Ok(now);
        }
        match self.0.checked_add(1) {
            Some(next) => Ok(Self(next)),
            None => Err(ClockError::Exhausted),
        }
    }

    /// Returns the clock after seeing `remote`; the next [`tick`](Self::tick) is above both.
    ///
    /// # Errors
    ///
    /// [`ClockError::RemoteAhead`] if `remote` is more than `drift_ms_max` (inclusive bound) ahead
    /// of `now_ms`. Nothing is changed; the caller refuses the whole state and says so in its health.
    pub fn receive(self, remote: Self, now_ms: u64, drift_ms_max: u64) -> Result<Self, ClockError> {
        let ahead_ms = remote.millis().saturating_sub(now_ms);
        if ahead_ms > drift_ms_max {
            return Err(ClockError::RemoteAhead { ahead_ms, drift_ms_max });
        }
        Ok(self.max(remote))
    }
}

impl fmt::Display for Clock {
    /// Writes the milliseconds, a dot and the counter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.millis(), self.counter())
    }
}

impl FromStr for Clock {
    type Err = ClockTextError;

    fn from_str(text: &str) -> Result<Self, ClockTextError> {
        let number = |text: &str| {
            let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
            is_plain.then(|| text.parse::<u64>().ok()).flatten()
        };
        let (millis, counter) = text.split_once('.').ok_or(ClockTextError)?;
        let millis = number(millis).filter(|millis| *millis <= CLOCK_MS_MAX);
        let counter = number(counter).and_then(|counter| u16::try_from(counter).ok());
        millis
            .zip(counter)
            .map(|(millis, counter)| Self::new(millis, counter))
            .ok_or(ClockTextError)
    }
}

/// A text is no reading of a clock: milliseconds since the Unix epoch, a dot, and a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a reading of a clock is such as 1706702400000.0")]
pub struct ClockTextError;

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.millis(), self.counter())
    }
}

/// Why a clock could not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ClockError {
    /// The peer's clock is too far ahead of ours.
    #[error("remote clock is {ahead_ms} ms ahead; at most {drift_ms_max} ms is accepted")]
    RemoteAhead {
        /// How far ahead of the local wall clock, in milliseconds.
        ahead_ms: u64,
        /// The bound in force, in milliseconds.
        drift_ms_max: u64,
    },
    /// The clock stands at its greatest value.
    #[error("the hybrid clock has reached its end")]
    Exhausted,
}

impl ClockError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RemoteAhead { .. } => "CLOCK_AHEAD",
            Self::Exhausted => "CLOCK_EXHAUSTED",
        }
    }
}

/// The name of one change: a reading of the clock and the site that made it.
///
/// Unique per partition; ordered by clock, then site, so that any two differ and compare.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// When, by the site's hybrid clock.
    pub clock: Clock,
    /// Where.
    pub site: SiteId,
}

impl Stamp {
    /// Builds the stamp of a change.
    pub const fn new(clock: Clock, site: SiteId) -> Self {
        Self { clock, site }
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}@{:?}", self.clock, self.site)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_its_text_and_what_is_none_is_refused() {
        for clock in [Clock(0), Clock(u64::MAX), Clock::new(1_706_702_400_000, 65_535)] {
            assert_eq!(clock.to_string().parse(), Ok(clock));
        }
        for text in
            ["", "1", "1.", ".1", "1.65536", "281474976710656.0", "-1.0", "+1.0", "1.0 ", "1.0.0"]
        {
            assert_eq!(text.parse::<Clock>(), Err(ClockTextError), "{text}");
        }
    }

    #[test]
    fn a_tick_is_later_than_what_was_seen_and_not_before_now() {
        let cases = [
            ("wall clock is the latest", Clock::new(5, 9), 10, Clock::new(10, 0)),
            ("clock is ahead of the wall", Clock::new(9, 3), 1, Clock::new(9, 4)),
            ("same millisecond", Clock::new(9, 3), 9, Clock::new(9, 4)),
            ("a full counter runs over", Clock::new(9, u16::MAX), 9, Clock::new(10, 0)),
        ];
        for (name, clock, now_ms, expected) in cases {
            assert_eq!(clock.tick(now_ms), Ok(expected), "case: {name}");
        }
        assert_eq!(Clock(u64::MAX).tick(0), Err(ClockError::Exhausted));
    }

    #[test]
    fn a_remote_clock_beyond_the_drift_is_refused() {
        let local = Clock::new(5, 0);
        assert_eq!(local.receive(Clock::new(110, 2), 10, 100), Ok(Clock::new(110, 2)));
        assert_eq!(
            local.receive(Clock::new(111, 0), 10, 100),
            Err(ClockError::RemoteAhead { ahead_ms: 101, drift_ms_max: 100 })
        );
        assert_eq!(local.receive(Clock::new(1, 0), 10, 100), Ok(local), "an old clock is no news");
    }
}
