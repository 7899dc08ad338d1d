//! When a record says that it was edited.
//!
//! The field is whatever a person or a program wrote there, so that nothing is guessed: a time
//! without a zone, a date alone or a year before 1970 is no time.

use syncline_model::json::Leaf;

/// Most bytes in the text of a time. The longest RFC 3339 time with nine digits after the second
/// has 35; more digits are allowed, and ignored.
const TEXT_BYTES_MAX: usize = 64;
/// Numbers from here on are milliseconds since 1970, smaller ones seconds: 10^11 ms is March 1973,
/// 10^11 s is the year 5138.
const UNIX_MS_MIN: u64 = 100_000_000_000;
const MS_PER_SECOND: u64 = 1_000;
const MS_PER_MINUTE: i64 = 60_000;
const MS_PER_DAY: u64 = 86_400_000;
/// The first millisecond of the year 10000.
const MS_END: u64 = 253_402_300_800_000;

/// Returns the time that a field names, in milliseconds since 1970, before the year 10000.
///
/// A text is an RFC 3339 time with a zone; a number is milliseconds since 1970, or seconds below
/// 10^11. Anything else is no time.
pub(super) fn milliseconds(field: &Leaf) -> Option<u64> {
    if let Some(text) = field.as_string() {
        return rfc3339_ms(&text);
    }
    unix_ms(field.as_number()?.as_str())
}

/// Returns the time that a number stands for: milliseconds since 1970 from
/// `UNIX_MS_MIN` on, seconds below. A fraction of a millisecond is cut off.
fn unix_ms(number: &str) -> Option<u64> {
    if number.len() > TEXT_BYTES_MAX {
        return None;
    }
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let (whole, fraction) = (digits(whole)?, thousandths(fraction)?);
    let ms = if whole >= UNIX_MS_MIN {
        whole
    } else {
        whole.checked_mul(MS_PER_SECOND)?.checked_add(fraction)?
    };
    (ms < MS_END).then_some(ms)
}

/// Returns the milliseconds since 1970 of an RFC 3339 time with a zone: `2026-01-12T10:00:00Z`,
/// `2026-01-12 11:00:00.25+01:00`.
///
/// Digits after the millisecond are cut off. A leap second is the second after it.
///
/// # Source
///
/// RFC 3339 §5.6; days by Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `days_from_civil`.
pub fn rfc3339_ms(text: &str) -> Option<u64> {
    if text.len() > TEXT_BYTES_MAX || !text.is_ascii() {
        return None;
    }
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, rest) = (rest.get(..8)?, rest.get(8..)?);
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let (fraction, zone) = rest.split_at_checked(zone_at)?;
    let fraction_ms = match fraction.strip_prefix('.') {
        Some("") => return None,
        Some(decimals) => thousandths(decimals)?,
        None if fraction.is_empty() => 0,
        None => return None,
    };
    let local_ms = date_days(date)? * MS_PER_DAY + clock_ms(clock)? + fraction_ms;
    let ms = local_ms.checked_add_signed(-zone_ms(zone)?)?;
    (ms < MS_END).then_some(ms)
}

/// Returns the days from 1970 to a date `YYYY-MM-DD` that exists.
fn date_days(date: &str) -> Option<u64> {
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1970 || day == 0 || day > month_days {
        return None;
    }
    // The year begins in March, so that its leap day comes last.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

/// Returns the milliseconds from midnight to a time `hh:mm:ss`.
fn clock_ms(clock: &str) -> Option<u64> {
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let exists = hour < 24 && minute < 60 && second <= 60;
    exists.then_some(((hour * 60 + minute) * 60 + second) * MS_PER_SECOND)
}

/// Returns how far a zone `Z` or `±hh:mm` is ahead, in milliseconds.
fn zone_ms(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let [hour, minute] = numbers(zone.strip_prefix(['+', '-'])?, ':', [2, 2])?;
    let minutes = i64::try_from(hour * 60 + minute).ok()?;
    (hour < 24 && minute < 60).then_some(sign * minutes * MS_PER_MINUTE)
}

/// Returns numbers of fixed widths with `separator` between them.
fn numbers<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[u64; N]> {
    let mut parts = text.split(separator);
    let mut found = [0; N];
    for (number, width) in found.iter_mut().zip(widths) {
        *number = digits(parts.next().filter(|part| part.len() == width)?)?;
    }
    parts.next().is_none().then_some(found)
}

/// Returns the number that decimal digits, and nothing else, say.
fn digits(text: &str) -> Option<u64> {
    let all_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits { text.parse().ok() } else { None }
}

/// Returns the milliseconds of the digits behind a point.
fn thousandths(decimals: &str) -> Option<u64> {
    if decimals.is_empty() {
        return Some(0);
    }
    let padded: String = decimals.chars().chain("000".chars()).take(3).collect();
    decimals.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits(&padded))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_times_are_read_or_left_alone() {
        #[rustfmt::skip]
        let rows = [
            ("with Z", r#""2026-01-12T10:00:00Z""#, Some(1_768_212_000_000)),
            ("with a zone ahead", r#""2026-01-12T11:30:00+01:30""#, Some(1_768_212_000_000)),
            ("with a zone behind", r#""2026-01-12T05:00:00-05:00""#, Some(1_768_212_000_000)),
            ("small letters and a space", r#""2026-01-12 10:00:00z""#, Some(1_768_212_000_000)),
            ("milliseconds", r#""2026-01-12T10:00:00.123Z""#, Some(1_768_212_000_123)),
            ("one decimal", r#""2026-01-12T10:00:00.5Z""#, Some(1_768_212_000_500)),
            ("nanoseconds are cut", r#""2026-01-12T10:00:00.123999999Z""#, Some(1_768_212_000_123)),
            ("a leap second", r#""2016-12-31T23:59:60Z""#, Some(1_483_228_800_000)),
            ("the first moment", r#""1970-01-01T00:00:00Z""#, Some(0)),
            ("the last moment", r#""9999-12-31T23:59:59.999Z""#, Some(253_402_300_799_999)),
            ("past the last moment", r#""9999-12-31T23:59:60Z""#, None),
            ("before the first by zone", r#""1970-01-01T00:00:00+00:01""#, None),
            ("a leap day", r#""2024-02-29T00:00:00Z""#, Some(1_709_164_800_000)),
            ("no leap day", r#""2100-02-29T00:00:00Z""#, None),
            ("1969", r#""1969-12-31T23:59:59Z""#, None),
            ("no seconds", r#""2026-01-12T10:00Z""#, None),
            ("one digit", r#""2026-1-12T10:00:00Z""#, None),
            ("no zone", r#""2026-01-12T10:00:00""#, None),
            ("a date", r#""2026-01-12""#, None),
            ("month 13", r#""2026-13-12T10:00:00Z""#, None),
            ("day 0", r#""2026-01-00T10:00:00Z""#, None),
            ("hour 24", r#""2026-01-12T24:00:00Z""#, None),
            ("a point and no digit", r#""2026-01-12T10:00:00.Z""#, None),
            ("a sign in a number", r#""2026-+1-12T10:00:00Z""#, None),
            ("text behind", r#""2026-01-12T10:00:00Z!""#, None),
            ("not ASCII", r#""２026-01-12T10:00:00Z""#, None),
            ("empty", r#""""#, None),
            ("Unix milliseconds", "1768212000123", Some(1_768_212_000_123)),
            ("Unix seconds", "1768212000", Some(1_768_212_000_000)),
            ("Unix seconds with a fraction", "1768212000.25", Some(1_768_212_000_250)),
            ("zero", "0", Some(0)),
            ("negative", "-1", None),
            ("an exponent", "1e9", None),
            ("beyond the year 9999", "253402300800000", None),
            ("very long", "99999999999999999999999999", None),
            ("a text of digits", r#""1768212000""#, None),
            ("null", "null", None),
            ("an object", "{}", None),
        ];
        for (name, text, expected) in rows {
            let leaf = Leaf::parse(text).unwrap();
            assert_eq!(milliseconds(&leaf), expected, "case: {name}");
        }
    }
}
