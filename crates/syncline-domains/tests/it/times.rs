//! Edit times as people and programs write them.

use syncline_domains::files::times::{edit_time_ms, edit_time_ms_of_leaf};
use syncline_model::json::{self, Leaf};

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
        let value = json::parse(text.as_bytes()).unwrap();
        assert_eq!(edit_time_ms(&value), expected, "case: {name}");
        let leaf = Leaf::parse(text).unwrap();
        assert_eq!(edit_time_ms_of_leaf(&leaf), expected, "case: {name} (leaf)");
    }
}
