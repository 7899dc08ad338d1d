//! Days and weeks.

/// An hour, in milliseconds.
const HOUR_MS: u64 = 3_600_000;
/// A day, in milliseconds.
const DAY_MS: u64 = 24 * HOUR_MS;

/// What a report is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// The latest 24 hours.
    Day,
    /// The latest seven days.
    Week,
}

impl Period {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Day, Self::Week];

    /// Returns the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
        }
    }

    /// Returns the word for reports that come again and again.
    pub const fn rhythm(self) -> &'static str {
        match self {
            Self::Day => "daily",
            Self::Week => "weekly",
        }
    }

    /// Returns the period of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.as_str() == word)
    }

    /// Returns the period of the word for reports that come again and again.
    pub fn from_rhythm(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.rhythm() == word)
    }

    /// Returns how long it is, in hours.
    pub(crate) const fn hours(self) -> u64 {
        match self {
            Self::Day => 24,
            Self::Week => 7 * 24,
        }
    }

    /// Returns when the one begins that ends at a time: at the beginning of an hour.
    pub(crate) const fn begin_ms(self, end_ms: u64) -> u64 {
        (end_ms - end_ms % HOUR_MS).saturating_sub(self.hours() * HOUR_MS)
    }

    /// Returns when the latest report was due: each day at an hour, or each Monday at that hour, by UTC.
    pub(crate) const fn due_ms(self, hour: u8, now_ms: u64) -> u64 {
        let hour_ms = (hour as u64) * HOUR_MS;
        let day_ms = now_ms.saturating_sub(hour_ms) / DAY_MS * DAY_MS;
        let day_ms = match self {
            Self::Day => day_ms,
            // The epoch began with a Thursday.
            Self::Week => day_ms.saturating_sub((day_ms / DAY_MS + 3) % 7 * DAY_MS),
        };
        day_ms + hour_ms
    }
}

#[cfg(test)]
mod tests {
    use syncline_protocol::time::format_time;

    use super::*;

    #[test]
    fn a_report_is_due_each_day_or_monday_at_its_hour() {
        // 2026-11-23 is a Monday.
        let monday_ms = 1_795_392_000_000;
        assert_eq!(format_time(monday_ms), "2026-11-23T00:00:00.000Z");
        #[rustfmt::skip]
        let cases = [
            // now, hour                      day                        week
            (monday_ms + 6 * HOUR_MS,     6, "2026-11-23T06:00:00.000Z", "2026-11-23T06:00:00.000Z"),
            (monday_ms + 6 * HOUR_MS - 1, 6, "2026-11-22T06:00:00.000Z", "2026-11-16T06:00:00.000Z"),
            (monday_ms,                   0, "2026-11-23T00:00:00.000Z", "2026-11-23T00:00:00.000Z"),
            (monday_ms + 5 * DAY_MS,     23, "2026-11-27T23:00:00.000Z", "2026-11-23T23:00:00.000Z"),
        ];
        for (now_ms, hour, day, week) in cases {
            assert_eq!(format_time(Period::Day.due_ms(hour, now_ms)), day);
            assert_eq!(format_time(Period::Week.due_ms(hour, now_ms)), week);
        }
        assert_eq!(Period::Week.due_ms(6, 0), 6 * HOUR_MS);
    }

    #[test]
    fn a_period_begins_with_an_hour() {
        let end_ms = 1_795_392_000_000;
        assert_eq!(Period::Day.begin_ms(end_ms), end_ms - DAY_MS);
        assert_eq!(Period::Day.begin_ms(end_ms + 5), end_ms - DAY_MS);
        assert_eq!(Period::Week.begin_ms(end_ms + 5), end_ms - 7 * DAY_MS);
        assert_eq!(Period::Week.begin_ms(5), 0);
    }
}
