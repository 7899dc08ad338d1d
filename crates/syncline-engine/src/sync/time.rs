//! When a record says that it was edited.

use syncline_model::json::Leaf;

/// Returns the time that a field names, in milliseconds since the Unix epoch.
///
/// Understood are RFC 3339 texts with a zone, and numbers of seconds or, from 10^11 on, of
/// milliseconds. Years 1970 to 9999; anything else is no time.
pub fn milliseconds(leaf: &Leaf) -> Option<u64> {
    if let Some(number) = leaf.as_number() {
        let number = u64::try_from(number.to_i64()?).ok()?;
        let ms = if number >= 100_000_000_000 { number } else { number.checked_mul(1_000)? };
        return (ms < 253_402_300_800_000).then_some(ms);
    }
    rfc3339(&leaf.as_string()?)
}

fn rfc3339(text: &str) -> Option<u64> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let mut date = date.split('-').map(digits);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = rest.split_at(zone_at);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut clock = clock.split(':').map(digits);
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next().unwrap_or(Some(0))?);
    let valid = date.next().is_none()
        && clock.next().is_none()
        && (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !valid {
        return None;
    }
    let seconds = days_from_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    let millis = seconds * 1_000 + fraction_ms(fraction)?;
    u64::try_from(millis - offset_ms(zone)?).ok()
}

fn digits(text: &str) -> Option<i64> {
    let all = !text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

fn fraction_ms(text: &str) -> Option<i64> {
    let all = !text.is_empty() && text.len() <= 18 && text.bytes().all(|b| b.is_ascii_digit());
    let padded: String = text.chars().chain("00".chars()).take(3).collect();
    all.then(|| padded.parse().ok()).flatten()
}

fn offset_ms(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000)
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let leaps = |year: i64| year / 4 - year / 100 + year / 400;
    let years = (year - 1970) * 365 + leaps(year - 1) - leaps(1969);
    let months: i64 = (1..month).map(|month| days_in(year, month)).sum();
    years + months + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_understood_or_refused() {
        let cases = [
            (r#""1970-01-01T00:00:00Z""#, Some(0)),
            (r#""2026-01-12T10:00:00Z""#, Some(1_768_212_000_000)),
            (r#""2026-01-12T12:00:00.5+02:00""#, Some(1_768_212_000_500)),
            (r#""2024-02-29T00:00:00Z""#, Some(1_709_164_800_000)),
            (r#""2023-02-29T00:00:00Z""#, None),
            (r#""2026-01-12T10:00:00""#, None),
            (r#""yesterday""#, None),
            ("1768212000", Some(1_768_212_000_000)),
            ("1768212000000", Some(1_768_212_000_000)),
            ("-1", None),
            ("null", None),
        ];
        for (text, expected) in cases {
            assert_eq!(milliseconds(&Leaf::parse(text).unwrap()), expected, "case: {text}");
        }
    }
}
