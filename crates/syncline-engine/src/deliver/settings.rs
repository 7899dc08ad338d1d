//! What an operator settles of an endpoint.

use std::fmt;
use std::num::NonZeroU32;

use syncline_model::codec::{DecodeError, Reader, Writer as Bytes};
use thiserror::Error;

use super::filter::Filter;
use super::limits::{
    BLOCK_MS_DEFAULT, DESCRIPTION_BYTES_MAX, DISABLE_AFTER_MS_DEFAULT, IN_FLIGHT_DEFAULT,
    IN_FLIGHT_MAX, JITTER_FLOOR_PERCENT, KEEP_MS_MAX, Millis, REPLAYS_PER_SECOND_DEFAULT,
    SCHEDULE_ATTEMPTS_MAX, SCHEDULE_DEFAULT, SCHEDULE_WAIT_MS_MAX, THIN_ABOVE_BYTES_DEFAULT,
    TIMEOUT_MS_DEFAULT, TIMEOUT_MS_MAX, TRANSFORMATION_BYTES_MAX, URL_BYTES_MAX,
};
use super::stored::{number, optional, unfit};

/// How long to wait before each attempt; there are as many attempts as waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule(Box<[Millis]>);

impl Schedule {
    /// Takes the waits before each attempt, the first one's too.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Schedule`] if there are none, more than [`SCHEDULE_ATTEMPTS_MAX`], or one is
    /// longer than [`SCHEDULE_WAIT_MS_MAX`].
    pub fn new(waits_ms: &[Millis]) -> Result<Self, SettingsError> {
        let is_long = |wait: &Millis| *wait > SCHEDULE_WAIT_MS_MAX;
        if waits_ms.is_empty()
            || waits_ms.len() > SCHEDULE_ATTEMPTS_MAX
            || waits_ms.iter().any(is_long)
        {
            return Err(SettingsError::Schedule { attempts_max: SCHEDULE_ATTEMPTS_MAX });
        }
        Ok(Self(waits_ms.into()))
    }

    /// Returns how many attempts there are.
    pub const fn attempts_max(&self) -> u32 {
        self.0.len() as u32
    }

    /// Returns the waits before each attempt.
    pub const fn waits_ms(&self) -> &[Millis] {
        &self.0
    }

    /// Returns how long to wait after `tries` attempts for the next: a random time up to the step of
    /// the schedule, and at least [`JITTER_FLOOR_PERCENT`] of it. Nothing where no attempt is left.
    pub fn wait_ms(&self, tries: u32, random: u64) -> Option<Millis> {
        let step = self.0.get(tries as usize).copied()?;
        let floor = step * JITTER_FLOOR_PERCENT / 100;
        Some(floor + random % (step - floor + 1))
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self(SCHEDULE_DEFAULT.into())
    }
}

/// How often something may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many in a second, over time.
    pub per_second: NonZeroU32,
    /// How many at once after a pause.
    pub burst: NonZeroU32,
}

/// When an endpoint that fails is left alone for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Over which time failures are counted.
    pub window_ms: Millis,
    /// Fewest attempts in that time for their ratio to count.
    pub attempts_min: u32,
    /// Which part of them must fail, in per cent.
    pub failures_percent: u8,
    /// How many failures in a row suffice.
    pub failures_in_a_row: u32,
    /// How long the endpoint is left alone; twice as long after each probe that fails.
    pub rest_ms: Millis,
    /// Longest of these.
    pub rest_ms_max: Millis,
}

impl Default for BreakerSettings {
    /// Source: the defaults of Convoy's breaker (70 %, 10 attempts, 30 s), with a window of one minute, as
    /// it has to tell an outage, not to judge a day.
    fn default() -> Self {
        Self {
            window_ms: 60_000,
            attempts_min: 20,
            failures_percent: 70,
            failures_in_a_row: 10,
            rest_ms: 30_000,
            rest_ms_max: 600_000,
        }
    }
}

/// What the body of a delivery looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyForm {
    /// A superset of Standard Webhooks and of spec 004, with CloudEvents in the headers.
    #[default]
    Standard,
    /// The same, with the members `retryCount` and `status` that spec 004's receivers read.
    Anywheredoor,
    /// A structured CloudEvent.
    CloudEvent,
}

impl BodyForm {
    const ALL: [Self; 3] = [Self::Standard, Self::Anywheredoor, Self::CloudEvent];

    /// Returns the word for it, as in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Anywheredoor => "anywheredoor",
            Self::CloudEvent => "cloudevent",
        }
    }

    /// Returns what a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.as_str() == word)
    }

    fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|form| *form as u8 == tag)
    }
}

/// What an operator settles of an endpoint, but for its secrets.
///
/// `Debug` does not show the address, which may hold a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where to send to: an absolute URL, as it was given.
    pub url: Box<str>,
    /// What the operator says of it.
    pub description: Box<str>,
    /// Which events concern it.
    pub filter: Filter,
    /// When to try again.
    pub schedule: Schedule,
    /// How long the head of a lane may fail before the lane is parked.
    pub block_ms: Millis,
    /// How often it may be sent to; as fast as it answers, if nothing is said.
    pub rate: Option<Rate>,
    /// How many replays a second.
    pub replays_per_second: NonZeroU32,
    /// Time from the send to the end of the answer.
    pub timeout_ms: Millis,
    /// Most sends at once.
    pub in_flight_max: NonZeroU32,
    /// When it is left alone.
    pub breaker: BreakerSettings,
    /// Time of nothing but failures after which it is disabled; never, if nothing is said.
    pub disable_after_ms: Option<Millis>,
    /// Payloads above this are not sent whole.
    pub thin_above_bytes: u32,
    /// What the body looks like.
    pub body: BodyForm,
    /// The source of the transformation of its events.
    pub transformation: Option<Box<str>>,
    /// The source of what an event has to be to be sent; all that the types choose, if nothing is said.
    pub condition: Option<Box<str>>,
    /// How long what was delivered is kept, and no longer than the hub keeps it; as long, if nothing is said.
    pub keep_delivered_ms: Option<Millis>,
    /// The same of dead letters.
    pub keep_dead_ms: Option<Millis>,
}

/// Why settings are not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The schedule has no attempt, too many, or too long a wait.
    #[error("a schedule has 1 to {attempts_max} attempts, with at most a week before each")]
    Schedule {
        /// How many attempts there may be.
        attempts_max: usize,
    },
    /// A text is too long.
    #[error("the {what} has {bytes} bytes; at most {bytes_max} are accepted")]
    TooLong {
        /// Which one.
        what: &'static str,
        /// Length found, in bytes.
        bytes: usize,
        /// Longest accepted, in bytes.
        bytes_max: usize,
    },
    /// A number lies outside of its range.
    #[error("{what} is out of range")]
    Range {
        /// Which one.
        what: &'static str,
    },
}

impl SettingsError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Schedule { .. } | Self::TooLong { .. } | Self::Range { .. } => "ENDPOINT_INVALID",
        }
    }
}

impl Settings {
    /// Returns the defaults for an address, with all events.
    pub fn new(url: &str) -> Self {
        let of = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self {
            url: url.into(),
            description: "".into(),
            filter: Filter::all(),
            schedule: Schedule::default(),
            block_ms: BLOCK_MS_DEFAULT,
            rate: None,
            replays_per_second: of(REPLAYS_PER_SECOND_DEFAULT),
            timeout_ms: TIMEOUT_MS_DEFAULT,
            in_flight_max: of(IN_FLIGHT_DEFAULT),
            breaker: BreakerSettings::default(),
            disable_after_ms: Some(DISABLE_AFTER_MS_DEFAULT),
            thin_above_bytes: THIN_ABOVE_BYTES_DEFAULT,
            body: BodyForm::default(),
            transformation: None,
            condition: None,
            keep_delivered_ms: None,
            keep_dead_ms: None,
        }
    }

    /// Returns the preset of spec 004: three attempts from one second, doubling to at most thirty; ten
    /// seconds for an answer; ten at once; its body.
    pub fn anywheredoor(url: &str) -> Self {
        Self {
            schedule: Schedule([0, 1_000, 2_000].into()),
            timeout_ms: 10_000,
            in_flight_max: NonZeroU32::new(10).unwrap_or(NonZeroU32::MIN),
            body: BodyForm::Anywheredoor,
            ..Self::new(url)
        }
    }

    /// Checks everything that the types do not.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] with what is too long or out of range.
    pub fn check(&self) -> Result<(), SettingsError> {
        let transformation = self.transformation.as_deref().unwrap_or_default();
        let texts = [
            ("address", &*self.url, URL_BYTES_MAX),
            ("description", &self.description, DESCRIPTION_BYTES_MAX),
            ("transformation", transformation, TRANSFORMATION_BYTES_MAX),
            ("filter", self.condition.as_deref().unwrap_or_default(), TRANSFORMATION_BYTES_MAX),
        ];
        for (what, text, bytes_max) in texts {
            if text.len() > bytes_max {
                return Err(SettingsError::TooLong { what, bytes: text.len(), bytes_max });
            }
        }
        let breaker = &self.breaker;
        let ranges = [
            ("the time-out", (1..=TIMEOUT_MS_MAX).contains(&self.timeout_ms)),
            ("the number of sends at once", self.in_flight_max.get() <= IN_FLIGHT_MAX),
            ("the time that a lane is blocked", self.block_ms <= SCHEDULE_WAIT_MS_MAX),
            ("the breaker's window", (1_000..=3_600_000).contains(&breaker.window_ms)),
            ("the breaker's per cent", (1..=100).contains(&breaker.failures_percent)),
            ("the breaker's attempts", breaker.attempts_min > 0 && breaker.failures_in_a_row > 0),
            (
                "the breaker's rest",
                (1..=breaker.rest_ms_max).contains(&breaker.rest_ms)
                    && breaker.rest_ms_max <= SCHEDULE_WAIT_MS_MAX,
            ),
            (
                "the time until it is disabled",
                self.disable_after_ms.is_none_or(|ms| (60_000..=31_536_000_000).contains(&ms)),
            ),
            (
                "the time that deliveries are kept",
                self.keep_delivered_ms.is_none_or(|ms| ms <= KEEP_MS_MAX)
                    && self.keep_dead_ms.is_none_or(|ms| ms <= KEEP_MS_MAX),
            ),
        ];
        match ranges.iter().find(|(_, is_within)| !is_within) {
            Some((what, _)) => Err(SettingsError::Range { what }),
            None => Ok(()),
        }
    }

    /// Appends the stored form.
    pub(super) fn write(&self, out: &mut Bytes) {
        out.str(&self.url);
        out.str(&self.description);
        out.count(self.filter.patterns().len());
        self.filter.patterns().for_each(|pattern| out.str(pattern));
        out.count(self.schedule.0.len());
        self.schedule.0.iter().for_each(|wait| out.varint(*wait));
        out.varint(self.block_ms);
        let rate = self.rate.map_or((0, 0), |rate| (rate.per_second.get(), rate.burst.get()));
        out.varint(u64::from(rate.0));
        out.varint(u64::from(rate.1));
        out.varint(u64::from(self.replays_per_second.get()));
        out.varint(self.timeout_ms);
        out.varint(u64::from(self.in_flight_max.get()));
        out.varint(self.breaker.window_ms);
        out.varint(u64::from(self.breaker.attempts_min));
        out.u8(self.breaker.failures_percent);
        out.varint(u64::from(self.breaker.failures_in_a_row));
        out.varint(self.breaker.rest_ms);
        out.varint(self.breaker.rest_ms_max);
        out.varint(self.disable_after_ms.unwrap_or(0));
        out.varint(u64::from(self.thin_above_bytes));
        out.u8(self.body as u8);
        out.u8(self.transformation.is_some().into());
        self.transformation.iter().for_each(|source| out.str(source));
        out.u8(self.condition.is_some().into());
        self.condition.iter().for_each(|source| out.str(source));
        for keep_ms in [self.keep_delivered_ms, self.keep_dead_ms] {
            out.varint(keep_ms.map_or(0, |ms| ms.saturating_add(1)));
        }
    }

    /// Reads the stored form.
    ///
    /// - `version`: of the row. The first one ends with the transformation.
    pub(super) fn read(from: &mut Reader<'_>, version: u8) -> Result<Self, DecodeError> {
        let at = from.offset();
        let nonzero = |from: &mut Reader<'_>| {
            let at = from.offset();
            NonZeroU32::new(number(from)?).ok_or_else(|| unfit(at))
        };
        let (url, description) = (from.str()?.into(), from.str()?.into());
        let count = from.count(1)?;
        let patterns: Vec<&str> = (0..count).map(|_| from.str()).collect::<Result<_, _>>()?;
        let filter = Filter::new(patterns).map_err(|_| unfit(at))?;
        let count = from.count(1)?;
        let waits: Vec<Millis> = (0..count).map(|_| from.varint()).collect::<Result<_, _>>()?;
        let schedule = Schedule::new(&waits).map_err(|_| unfit(at))?;
        let block_ms = from.varint()?;
        let rate_at = from.offset();
        let rate = match (NonZeroU32::new(number(from)?), NonZeroU32::new(number(from)?)) {
            (Some(per_second), Some(burst)) => Some(Rate { per_second, burst }),
            (None, None) => None,
            _ => return Err(unfit(rate_at)),
        };
        let mut settings = Self {
            url,
            description,
            filter,
            schedule,
            block_ms,
            rate,
            replays_per_second: nonzero(from)?,
            timeout_ms: from.varint()?,
            in_flight_max: nonzero(from)?,
            breaker: BreakerSettings {
                window_ms: from.varint()?,
                attempts_min: number(from)?,
                failures_percent: from.u8()?,
                failures_in_a_row: number(from)?,
                rest_ms: from.varint()?,
                rest_ms_max: from.varint()?,
            },
            disable_after_ms: Some(from.varint()?).filter(|ms| *ms > 0),
            thin_above_bytes: number(from)?,
            body: from.tag(BodyForm::from_tag)?,
            transformation: from.flag()?.then(|| from.str().map(Box::from)).transpose()?,
            condition: None,
            keep_delivered_ms: None,
            keep_dead_ms: None,
        };
        if version > 1 {
            settings.condition = from.flag()?.then(|| from.str().map(Box::from)).transpose()?;
            settings.keep_delivered_ms = optional(from)?;
            settings.keep_dead_ms = optional(from)?;
        }
        settings.check().map_err(|_| unfit(at)).map(|()| settings)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("filter", &self.filter)
            .field("schedule", &self.schedule)
            .field("rate", &self.rate)
            .field("in_flight_max", &self.in_flight_max)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}
