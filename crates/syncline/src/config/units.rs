//! Sizes and durations as people write them: `"100MB"`, `"5m"`.

/// Returns the bytes of a size such as `100MB`, `64KiB` or `1000`; `None` if it is not one.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    #[rustfmt::skip]
    let factor = |unit: &str| Some(match unit {
        "" | "B" => 1,
        "kB" | "KB" => 1_000, "MB" => 1_000_000, "GB" => 1_000_000_000,
        "KiB" => 1 << 10, "MiB" => 1 << 20, "GiB" => 1 << 30,
        _ => return None,
    });
    scaled(text, factor)
}

/// Returns the milliseconds of a duration such as `300s`, `5m` or `1h`; `None` if it is not one.
pub(crate) fn millis(text: &str) -> Option<u64> {
    #[rustfmt::skip]
    let factor = |unit: &str| Some(match unit {
        "ms" => 1, "s" => 1_000, "m" | "min" => 60_000, "h" => 3_600_000,
        _ => return None,
    });
    scaled(text, factor)
}

/// Returns the milliseconds of a duration that may be long: also `2d` or `1w`; `None` if it is not
/// one.
pub(crate) fn long_millis(text: &str) -> Option<u64> {
    const DAY_MS: u64 = 86_400_000;
    let factor = |unit: &str| match unit {
        "d" => Some(DAY_MS),
        "w" => Some(7 * DAY_MS),
        _ => None,
    };
    millis(text).or_else(|| scaled(text, factor))
}

fn scaled(text: &str, factor: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let text = text.trim();
    let digits_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(digits_end);
    digits.parse::<u64>().ok()?.checked_mul(factor(unit.trim_start())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_and_a_duration_have_a_unit_that_is_known() {
        #[rustfmt::skip]
        let sizes = [
            ("100MB", Some(100_000_000)), ("1 GB", Some(1_000_000_000)), ("64KiB", Some(65_536)),
            ("7", Some(7)), ("7B", Some(7)), ("MB", None), ("1.5MB", None), ("-1MB", None),
            ("1mb", None), ("99999999999GB", None), ("", None),
        ];
        for (text, expected) in sizes {
            assert_eq!(bytes(text), expected, "case: {text}");
        }
        #[rustfmt::skip]
        let durations = [
            ("300s", Some(300_000)), ("5m", Some(300_000)), ("5 min", Some(300_000)),
            ("1h", Some(3_600_000)), ("250ms", Some(250)), ("5", None), ("", None), ("1d", None),
        ];
        for (text, expected) in durations {
            assert_eq!(millis(text), expected, "case: {text}");
        }
    }
}
