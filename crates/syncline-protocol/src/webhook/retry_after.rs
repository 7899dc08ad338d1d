//! How long a receiver asks to be left alone: `Retry-After`.
//!
//! # Source
//!
//! RFC 9110 §10.2.3, and §5.6.7 for the three forms of a date.

use crate::limits::RETRY_AFTER_MS_MAX;
use crate::time::{DAY_MS, days_since_epoch};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Days of the week, as they are written in short; the long names begin with them.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// Longest value that is read, in bytes: a date with the longest name of a day.
const VALUE_BYTES_MAX: usize = 40;

/// Returns how long to wait, in milliseconds; at most [`RETRY_AFTER_MS_MAX`], and 0 for a date that is over.
/// A value that is neither seconds nor a date says nothing.
///
/// - `now_ms`: milliseconds since the Unix epoch.
pub fn retry_after_ms(value: &[u8], now_ms: u64) -> Option<u64> {
    if value.len() > VALUE_BYTES_MAX {
        return None;
    }
    let text = std::str::from_utf8(value).ok()?.trim_matches([' ', '\t']);
    let wait_ms = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(1_000)
    } else {
        date_ms(text, now_ms)?.saturating_sub(now_ms)
    };
    Some(wait_ms.min(RETRY_AFTER_MS_MAX))
}

/// Reads a date in one of its three forms, in milliseconds since the Unix epoch.
fn date_ms(text: &str, now_ms: u64) -> Option<u64> {
    let (day_name, rest) = text.split_at_checked(3)?;
    if !DAYS.contains(&day_name) {
        return None;
    }
    if let Some(rest) = rest.strip_prefix(", ") {
        // Sun, 06 Nov 1994 08:49:37 GMT
        let [day, month, year, time, "GMT"] = words(rest)? else { return None };
        return at_ms(number(year, 4)?, month, number(day, 2)?, time);
    }
    if let Some((long, rest)) = rest.split_once(", ") {
        // Sunday, 06-Nov-94 08:49:37 GMT
        let is_day = matches!(long, "day" | "sday" | "nesday" | "rsday" | "urday");
        let [date, time, "GMT"] = words(rest)? else { return None };
        let mut parts = date.split('-');
        let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
        if !is_day || parts.next().is_some() {
            return None;
        }
        return at_ms(whole_year(number(year, 2)?, now_ms), month, number(day, 2)?, time);
    }
    // Sun Nov  6 08:49:37 1994
    let rest = rest.strip_prefix(' ')?;
    let (month, rest) = rest.split_at_checked(3)?;
    let rest = rest.strip_prefix(' ')?;
    let (day, rest) = rest.split_at_checked(2)?;
    let day = match day.strip_prefix(' ') {
        Some(digit) => number(digit, 1)?,
        None => number(day, 2)?,
    };
    let [time, year] = words(rest.strip_prefix(' ')?)?;
    at_ms(number(year, 4)?, month, day, time)
}

/// Parts a text into just so many words, with one blank between them.
fn words<const COUNT: usize>(text: &str) -> Option<[&str; COUNT]> {
    text.split(' ').collect::<Vec<_>>().try_into().ok()
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// Returns the year of two digits that is nearest to now: at most 50 years ahead.
fn whole_year(two_digits: i64, now_ms: u64) -> i64 {
    const YEAR_MS: u64 = 31_556_952_000;
    let year = 1970 + i64::try_from(now_ms / YEAR_MS).unwrap_or_default();
    let same_century = year - year % 100 + two_digits;
    if same_century > year + 50 { same_century - 100 } else { same_century }
}

fn at_ms(year: i64, month: &str, day: i64, time: &str) -> Option<u64> {
    let month = MONTHS.iter().position(|name| *name == month)?;
    let month = i64::try_from(month).ok()? + 1;
    let mut parts = time.split(':');
    let mut next = |max: i64| number(parts.next()?, 2).filter(|value| *value <= max);
    let (hour, minute, second) = (next(23)?, next(59)?, next(60)?);
    if parts.next().is_some() || !(1..=31).contains(&day) {
        return None;
    }
    let in_day = (hour * 3_600 + minute * 60 + second) * 1_000;
    u64::try_from(days_since_epoch(year, month, day) * DAY_MS + in_day).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 1994-11-06T08:49:37Z, the example of the RFC.
    const EXAMPLE_MS: u64 = 784_111_777_000;

    #[test]
    fn seconds_and_the_three_forms_of_a_date_are_read() {
        let before = EXAMPLE_MS - 90_000;
        let day = 86_400_000;
        #[rustfmt::skip]
        let cases = [
            ("seconds",                "120",                             before, Some(120_000)),
            ("none",                   "0",                               before, Some(0)),
            ("with blanks",            " 7\t",                            before, Some(7_000)),
            ("a day",                  "86400",                           before, Some(day)),
            ("more than a day",        "86401",                           before, Some(day)),
            ("more than there is",     "99999999999999999999999999",      before, Some(day)),
            ("today's form",           "Sun, 06 Nov 1994 08:49:37 GMT",   before, Some(90_000)),
            ("the form of RFC 850",    "Sunday, 06-Nov-94 08:49:37 GMT",  before, Some(90_000)),
            ("the form of asctime",    "Sun Nov  6 08:49:37 1994",        before, Some(90_000)),
            ("over",                   "Sun, 06 Nov 1994 08:49:37 GMT",   EXAMPLE_MS + 1, Some(0)),
            ("a day and more ahead",   "Sun, 06 Nov 1994 08:49:37 GMT",   EXAMPLE_MS - 2 * day, Some(day)),
            ("a fraction",             "1.5",                             before, None),
            ("less than none",         "-1",                              before, None),
            ("a unit",                 "5s",                              before, None),
            ("another zone",           "Sun, 06 Nov 1994 08:49:37 CET",   before, None),
            ("no such month",          "Sun, 06 Nox 1994 08:49:37 GMT",   before, None),
            ("no such hour",           "Sun, 06 Nov 1994 24:49:37 GMT",   before, None),
            ("no such day",            "Sun, 32 Nov 1994 08:49:37 GMT",   before, None),
            ("no such day's name",     "Sonday, 06-Nov-94 08:49:37 GMT",  before, None),
            ("RFC 3339",               "1994-11-06T08:49:37Z",            before, None),
            ("before the epoch",       "Sun, 06 Nov 1904 08:49:37 GMT",   before, None),
            ("nothing",                "",                                before, None),
            ("far too long",           "00000000000000000000000000000000000000000001", before, None),
        ];
        for (name, value, now_ms, expected) in cases {
            assert_eq!(retry_after_ms(value.as_bytes(), now_ms), expected, "case: {name}");
        }
    }

    proptest! {
        #[test]
        fn no_value_is_too_odd(value in prop::collection::vec(any::<u8>(), 0..45), now_ms in 0..u64::MAX / 2) {
            let _ = retry_after_ms(&value, now_ms);
        }

        #[test]
        fn nearly_a_date_is_not_too_odd(text in "(Sun|Mon)(, |day, )[0-9]{2}[- ][A-Z][a-z]{2}[- ][0-9:]{2,4} [0-9:]{8} (GMT)?") {
            let _ = retry_after_ms(text.as_bytes(), EXAMPLE_MS);
        }
    }
}
