//! Numbers: exact values whatever the text, and arithmetic against 128-bit integers.

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash, Hasher};

use proptest::prelude::*;
use syncline_model::json::{Number, NumberError, parse};

use crate::json_support::number_text;

fn number(text: &str) -> Number {
    Number::parse(text).unwrap()
}

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A number known twice: as a text, and as an integer that counts units of 10^-12.
#[derive(Debug, Clone)]
struct Known {
    text: String,
    units: i128,
}

/// Numbers of the form `n × 10^e`, written in one of several ways.
fn known() -> impl Strategy<Value = Known> {
    let small = -40_i64..40;
    let mantissa =
        prop_oneof![2 => small, 1 => any::<i32>().prop_map(i64::from), 1 => any::<i64>()];
    (mantissa, -12_i32..7, 0_usize..4, 0_u32..4).prop_map(|(mantissa, exponent, way, zeros)| {
        let units = i128::from(mantissa) * 10_i128.pow(u32::try_from(exponent + 12).unwrap());
        let padded = i128::from(mantissa) * 10_i128.pow(zeros);
        let text = match way {
            0 => format!("{mantissa}e{exponent}"),
            1 => format!("{padded}E{:+03}", i64::from(exponent) - i64::from(zeros)),
            2 => format!("{mantissa}.{}e{exponent}", "0".repeat(zeros as usize + 1)),
            _ => plain(units, zeros as usize),
        };
        Known { text, units }
    })
}

/// Writes units of 10^-12 with a point and all twelve places.
fn plain(units: i128, zeros: usize) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let (whole, fraction) = (units.abs() / 10_i128.pow(12), units.abs() % 10_i128.pow(12));
    format!("{sign}{whole}.{fraction:012}{}", "0".repeat(zeros))
}

proptest! {
    #[test]
    fn texts_compare_as_their_values(a in known(), b in known()) {
        let (x, y) = (number(&a.text), number(&b.text));
        prop_assert_eq!(x.cmp(&y), a.units.cmp(&b.units));
        prop_assert_eq!(x == y, a.units == b.units);
        prop_assert_eq!(x.canonical() == y.canonical(), a.units == b.units);
        prop_assert_eq!(hash_of(&x) == hash_of(&y), a.units == b.units);
        prop_assert_eq!(x.is_zero(), a.units == 0);
        prop_assert_eq!(x.is_negative(), a.units < 0);
        let unit = 10_i128.pow(12);
        prop_assert_eq!(x.is_integer(), a.units % unit == 0);
        let whole = (a.units % unit == 0).then(|| i64::try_from(a.units / unit).ok()).flatten();
        prop_assert_eq!(x.to_i64(), whole);
    }

    #[test]
    fn sums_and_differences_are_exact(a in known(), b in known()) {
        let (x, y) = (number(&a.text), number(&b.text));
        let expect = |units: i128| number(&plain(units, 0));
        prop_assert_eq!(x.checked_add(&y).unwrap(), expect(a.units + b.units));
        prop_assert_eq!(x.checked_sub(&y).unwrap(), expect(a.units - b.units));
        prop_assert_eq!(x.negated(), expect(-a.units));
        prop_assert!(x.checked_add(&y).unwrap().is_canonical());
        prop_assert!(x.checked_sub(&x).unwrap().is_zero());
        prop_assert_eq!(x.checked_add(&y).unwrap().checked_sub(&y).unwrap(), x);
    }

    #[test]
    fn canonical_text_has_the_value_and_is_its_own(text in number_text()) {
        let written = number(&text);
        let canonical = number(&written.canonical());
        prop_assert_eq!(written.as_str(), &text);
        prop_assert_eq!(&canonical, &written);
        prop_assert_eq!(canonical.canonical(), canonical.as_str());
        prop_assert!(canonical.is_canonical());
        prop_assert_eq!(written.is_canonical(), written.canonical() == text);
    }

    /// Where a double says a number exactly as written, RFC 8785 and this crate agree.
    #[test]
    fn canonical_text_of_a_double_is_that_of_rfc_8785(value in any::<f64>()) {
        prop_assume!(value.is_finite());
        // Rust writes the shortest digits that give the double back, as ECMAScript does.
        let shortest = number(&format!("{value:e}"));
        let canonical = shortest.canonical();
        prop_assert_eq!(canonical.parse::<f64>().unwrap(), value);
        let magnitude = value.abs();
        let is_plain = value == 0.0 || (1e-6..1e21).contains(&magnitude);
        prop_assert_eq!(canonical.contains('e'), !is_plain);
        if is_plain && value != 0.0 {
            prop_assert_eq!(canonical, format!("{value}"));
        }
    }
}

#[test]
fn results_beyond_the_limits_are_refused() {
    let nines = "9".repeat(1_000);
    let borrowed = format!("9.{}e+999", "9".repeat(999));
    #[rustfmt::skip]
    let cases = [
        // name                          a            b              expected
        ("the carry makes 1,001 places", &*nines,     "1",           Ok("1e+1000")),
        ("one digit too many",           &*nines,     "0.1",         Err(NumberError::TooLong)),
        ("as many digits as fit",        "1e999",     "1",           Ok("")),
        ("one place too far apart",      "1e1000",    "1",           Err(NumberError::TooLong)),
        ("a borrow saves a place",       "1e1000",    "-1",          Ok(&*borrowed)),
        ("far apart",                    "1e9999",    "1e-9999",     Err(NumberError::TooLong)),
        ("far apart, but zero",          "1e9999",    "0e-5",        Ok("1e+9999")),
        ("exponent too large",           "9e9999",    "1e9999",      Err(NumberError::OutOfRange)),
        ("exponent just fits",           "8e9999",    "1e9999",      Ok("9e+9999")),
        ("nothing left of huge numbers", "-7.5e9999", "7.5e9999",    Ok("0")),
        ("exponent too small",           "1.1e-9999", "-1e-9999",    Err(NumberError::OutOfRange)),
    ];
    for (name, a, b, expected) in cases {
        let sum = number(a).checked_add(&number(b));
        assert_eq!(sum, number(b).checked_add(&number(a)), "either way: {name}");
        assert_eq!(sum, number(a).checked_sub(&number(b).negated()), "difference: {name}");
        match (sum, expected) {
            (Ok(sum), Ok("")) => assert_eq!(sum.canonical().len(), 1_006, "case: {name}"),
            (sum, expected) => {
                let text = sum.map(|sum| sum.canonical());
                assert_eq!(text, expected.map(str::to_owned), "case: {name}");
            }
        }
    }
}

/// A result that is handed out can always be written and read back.
#[test]
fn the_widest_results_are_numbers_too() {
    let texts = ["9".repeat(1_000), format!("-0.{}", "9".repeat(1_000)), "-9e-9999".to_owned()];
    for text in texts {
        let canonical = number(&text).canonical();
        assert_eq!(number(&canonical), number(&text));
        assert!(parse(canonical.as_bytes()).is_ok());
        assert_eq!(number(&canonical).negated().negated(), number(&text));
    }
}

#[test]
fn only_json_numbers_are_read() {
    let offsets = [
        ("", 0),
        (" 1", 0),
        ("1 ", 1),
        ("+1", 0),
        ("01", 1),
        ("1.", 2),
        (".1", 0),
        ("1e", 2),
        ("1e+", 3),
        ("--1", 1),
        ("0x1", 1),
        ("NaN", 0),
        ("Infinity", 0),
        ("1,2", 1),
        ("-", 1),
    ];
    for (text, offset) in offsets {
        assert_eq!(Number::parse(text), Err(NumberError::Malformed { offset }), "text: {text:?}");
    }
}

#[test]
fn integers_become_numbers_and_back() {
    for value in [0, 1, -1, i64::MAX, i64::MIN, 1_000_000] {
        assert_eq!(Number::from(value).to_i64(), Some(value));
        assert_eq!(Number::from(value).canonical(), value.to_string());
    }
    assert_eq!(Number::from(u64::MAX).canonical(), u64::MAX.to_string());
    for beyond in ["9223372036854775808", "-9223372036854775809", "1e19", "1e9999", "0.5"] {
        assert_eq!(number(beyond).to_i64(), None, "{beyond}");
    }
    assert_eq!(number("1").cmp(&number("1.0")), Ordering::Equal);
}
