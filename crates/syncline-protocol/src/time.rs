//! Times of the long form: RFC 3339, written in UTC with milliseconds.

use std::fmt::Write as _;

/// The last millisecond that has a text of this form: the end of the year 9999.
pub const TIME_MS_MAX: u64 = 253_402_300_799_999;

pub(crate) const DAY_MS: i64 = 86_400_000;

/// Returns the text of a time, `2026-11-20T10:00:00.000Z`. Later times than the last that has a text
/// are written as that one.
///
/// - `time_ms`: milliseconds since the Unix epoch.
pub fn format_time(time_ms: u64) -> String {
    let time_ms = i64::try_from(time_ms.min(TIME_MS_MAX)).unwrap_or_default();
    let (year, month, day) = date_of(time_ms / DAY_MS);
    let in_day = time_ms % DAY_MS;
    let (hour, minute) = (in_day / 3_600_000, in_day / 60_000 % 60);
    let (second, millis) = (in_day / 1_000 % 60, in_day % 1_000);
    let mut text = String::with_capacity(24);
    let _ = write!(
        text,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
    );
    text
}

/// Reads a time of RFC 3339 with any offset and at most nine digits of a second, which are cut to
/// milliseconds. Times before 1970 are read as its beginning: they come from clocks that were not set.
pub fn parse_time(text: &str) -> Option<u64> {
    let mut rest = Digits { bytes: text.as_bytes() };
    let year = rest.number(4)?;
    rest.byte(b"-")?;
    let month = rest.number(2).filter(|month| (1..=12).contains(month))?;
    rest.byte(b"-")?;
    let day = rest.number(2).filter(|day| (1..=days_of(year, month)).contains(day))?;
    rest.byte(b"Tt")?;
    let hour = rest.number(2).filter(|hour| *hour <= 23)?;
    rest.byte(b":")?;
    let minute = rest.number(2).filter(|minute| *minute <= 59)?;
    rest.byte(b":")?;
    let second = rest.number(2).filter(|second| *second <= 60)?;
    let millis = if rest.byte(b".").is_some() { rest.millis()? } else { 0 };
    let offset_ms = rest.offset_ms()?;
    if !rest.bytes.is_empty() {
        return None;
    }
    let in_day = ((hour * 60 + minute) * 60 + second) * 1_000 + millis;
    let time_ms = days_since_epoch(year, month, day) * DAY_MS + in_day - offset_ms;
    Some(u64::try_from(time_ms).unwrap_or_default().min(TIME_MS_MAX))
}

/// What is left of a text of digits.
struct Digits<'a> {
    bytes: &'a [u8],
}

impl Digits<'_> {
    fn byte(&mut self, any_of: &[u8]) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        any_of.contains(first).then(|| {
            self.bytes = rest;
            *first
        })
    }

    fn number(&mut self, digits: usize) -> Option<i64> {
        (0..digits).try_fold(0, |sum, _| Some(sum * 10 + self.digit()?))
    }

    fn digit(&mut self) -> Option<i64> {
        self.byte(b"0123456789").map(|digit| i64::from(digit - b'0'))
    }

    /// Reads one to nine digits behind the point.
    fn millis(&mut self) -> Option<i64> {
        let mut millis = self.digit()? * 100;
        for place in 1..9 {
            let Some(digit) = self.digit() else { break };
            millis += match place {
                1 => digit * 10,
                2 => digit,
                _ => 0,
            };
        }
        Some(millis)
    }

    /// Reads `Z` or how far local time is ahead of UTC.
    fn offset_ms(&mut self) -> Option<i64> {
        let sign = match self.byte(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Some(0),
        };
        let hours = self.number(2).filter(|hours| *hours <= 23)?;
        self.byte(b":")?;
        let minutes = self.number(2).filter(|minutes| *minutes <= 59)?;
        Some(sign * (hours * 60 + minutes) * 60_000)
    }
}

const fn days_of(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + is_leap as i64,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns the days from 1970-01-01 to a date; negative before it.
///
/// # Source
///
/// Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013): years begin in March, so that the
/// leap day is the last.
pub(crate) const fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Returns year, month and day of a day counted from 1970-01-01, the inverse of
/// [`days_since_epoch`].
const fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + (month <= 2) as i64;
    (year, month, day_of_year - (153 * from_march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read_as_the_rfc_says() {
        let cases = [
            ("the epoch", "1970-01-01T00:00:00Z", Some(0)),
            ("milliseconds", "2026-11-20T10:00:00.123Z", Some(1_795_168_800_123)),
            ("one digit", "1970-01-01T00:00:00.5Z", Some(500)),
            ("nine digits are cut", "1970-01-01T00:00:00.123999999Z", Some(123)),
            ("ten digits", "1970-01-01T00:00:00.1234567890Z", None),
            ("ahead of UTC", "1970-01-01T02:00:00+01:30", Some(1_800_000)),
            ("behind UTC", "1970-01-01T00:00:00-01:30", Some(5_400_000)),
            ("unknown offset", "1970-01-01T00:00:01-00:00", Some(1_000)),
            ("small letters", "1970-01-01t00:00:01z", Some(1_000)),
            ("a leap second", "1972-06-30T23:59:60Z", Some(78_796_800_000)),
            ("a leap day", "2000-02-29T00:00:00Z", Some(951_782_400_000)),
            ("no leap day", "1900-02-29T00:00:00Z", None),
            ("before 1970", "1969-12-31T23:59:59Z", Some(0)),
            ("the year 0", "0000-01-01T00:00:00Z", Some(0)),
            ("the last", "9999-12-31T23:59:59.999Z", Some(TIME_MS_MAX)),
            ("beyond the last", "9999-12-31T23:59:59-01:00", Some(TIME_MS_MAX)),
            ("no offset", "1970-01-01T00:00:00", None),
            ("no time", "1970-01-01", None),
            ("a space", "1970-01-01 00:00:00Z", None),
            ("the month 13", "1970-13-01T00:00:00Z", None),
            ("the hour 24", "1970-01-01T24:00:00Z", None),
            ("no digit behind the point", "1970-01-01T00:00:00.Z", None),
            ("something follows", "1970-01-01T00:00:00Zx", None),
            ("nothing", "", None),
        ];
        for (name, text, expected) in cases {
            assert_eq!(parse_time(text), expected, "case: {name}");
        }
        assert_eq!(format_time(1_795_168_800_123), "2026-11-20T10:00:00.123Z");
        assert_eq!(format_time(u64::MAX), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn every_day_is_the_one_after_the_day_before() {
        let mut known = (1969, 12, 31);
        for days in 0..2_932_897 {
            let date = date_of(days);
            let (year, month, day) = known;
            let next = match (month, day) {
                (12, 31) => (year + 1, 1, 1),
                (_, day) if day == days_of(year, month) => (year, month + 1, 1),
                _ => (year, month, day + 1),
            };
            assert_eq!(date, next);
            assert_eq!(days_since_epoch(date.0, date.1, date.2), days);
            known = date;
        }
        assert_eq!(known, (9999, 12, 31));
    }

    proptest! {
        #[test]
        fn a_time_is_read_back_from_its_text(time_ms in 0..=TIME_MS_MAX) {
            prop_assert_eq!(parse_time(&format_time(time_ms)), Some(time_ms));
        }

        #[test]
        fn no_text_is_too_odd(text in "[0-9TZ:.+-]{0,30}") {
            let _ = parse_time(&text);
        }
    }
}
