//! Exact decimal numbers.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use thiserror::Error;

use super::error::JsonError;
use super::scan::Scanner;
use crate::limits::{NUMBER_DIGITS_MAX, NUMBER_EXPONENT_MAX, NUMBER_TEXT_BYTES_MAX};

/// A JSON number: the digits as they were written, compared by exact decimal value.
///
/// `1`, `1.0`, `1e0` and `10e-1` are equal, order alike and hash alike; `-0` is `0`. Nothing is
/// ever rounded. There is no NaN and no infinity.
#[derive(Clone)]
pub struct Number {
    text: Box<str>,
}

/// Why a number could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NumberError {
    /// The text is not a JSON number.
    #[error("not a JSON number, at byte {offset}")]
    Malformed {
        /// The first byte that does not belong.
        offset: usize,
    },
    /// There are too many digits, in the text or in a result.
    #[error("a number has at most {NUMBER_DIGITS_MAX} significant digits")]
    TooLong,
    /// The value, or a result, is too large or too close to zero.
    #[error("a number is at most 10^{NUMBER_EXPONENT_MAX} and, but for 0, at least the inverse")]
    OutOfRange,
}

impl NumberError {
    /// Returns the stable code; codes are never renamed or used again.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "NUMBER_MALFORMED",
            Self::TooLong => "NUMBER_TOO_LONG",
            Self::OutOfRange => "NUMBER_OUT_OF_RANGE",
        }
    }

    /// Returns what the caller can do; trying again unchanged never helps.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "write the number as JSON does",
            Self::TooLong => "use fewer digits",
            Self::OutOfRange => "use a smaller exponent",
        }
    }

    /// Returns the same refusal for a number that stands at `offset` in a JSON text.
    pub(super) const fn at(self, offset: usize) -> JsonError {
        match self {
            Self::Malformed { .. } => JsonError::InvalidNumber { offset },
            Self::TooLong => JsonError::NumberTooLong { offset },
            Self::OutOfRange => JsonError::NumberOutOfRange { offset },
        }
    }
}

impl Number {
    /// Reads a number as RFC 8259 defines it, without anything around it.
    ///
    /// # Errors
    ///
    /// [`NumberError::Malformed`] if it is none; [`NumberError::TooLong`] and
    /// [`NumberError::OutOfRange`] if it is beyond the limits. All are final.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        let malformed = |offset| NumberError::Malformed { offset };
        let mut scanner = Scanner::strict(text.as_bytes()).map_err(|e| malformed(e.offset()))?;
        if scanner.position() > 0 {
            return Err(malformed(0));
        }
        let span = scanner.number().map_err(|error| match error {
            JsonError::NumberTooLong { .. } => NumberError::TooLong,
            JsonError::NumberOutOfRange { .. } => NumberError::OutOfRange,
            other => malformed(other.offset()),
        })?;
        if span.end < text.len() {
            return Err(malformed(span.end));
        }
        Ok(Self::from_checked(text))
    }

    /// Takes a text that a scanner has found to be a number within the limits.
    pub(super) fn from_checked(text: &str) -> Self {
        Self { text: text.into() }
    }

    /// Returns the number as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the canonical text: equal numbers have the same one.
    ///
    /// Let the value be `±0.D × 10^n`, where D is its k digits without zeros around them. Then:
    ///
    /// | If | Text | Example |
    /// |---|---|---|
    /// | the value is 0 | `0` | `-0.00` → `0` |
    /// | k ≤ n ≤ 21 | D and n−k zeros | `1.5e3` → `1500` |
    /// | 0 < n ≤ 21, n < k | D with a point after n digits | `12.50` → `12.5` |
    /// | −6 < n ≤ 0 | `0.`, −n zeros, D | `1e-3` → `0.001` |
    /// | else | `d.ddde±x`, x = n−1, no point if k = 1 | `1e21` → `1e+21` |
    ///
    /// # Source
    ///
    /// The layout of ECMAScript's `Number::toString`, which RFC 8785 uses, applied to all digits.
    pub fn canonical(&self) -> String {
        self.decimal().canonical()
    }

    /// Tells whether [`as_str`](Self::as_str) is the canonical text already.
    pub fn is_canonical(&self) -> bool {
        is_canonical(&self.text)
    }

    /// Tells whether the value is 0.
    pub fn is_zero(&self) -> bool {
        self.decimal().is_zero()
    }

    /// Tells whether the value is below 0.
    pub fn is_negative(&self) -> bool {
        self.decimal().negative
    }

    /// Tells whether the value is whole, however it is written: `1.0` and `1e3` are.
    pub fn is_integer(&self) -> bool {
        let decimal = self.decimal();
        decimal.lowest() >= 0
    }

    /// Returns the value if it is whole and in the range of `i64`.
    pub fn to_i64(&self) -> Option<i64> {
        let decimal = self.decimal();
        if decimal.is_zero() {
            return Some(0);
        }
        if decimal.lowest() < 0 || decimal.scale > 19 {
            return None;
        }
        let zeros = std::iter::repeat_n(0_u8, usize::try_from(decimal.lowest()).ok()?);
        let digits = decimal.digits().map(|digit| digit - b'0').chain(zeros);
        let magnitude = digits.fold(0_i128, |sum, digit| sum * 10 + i128::from(digit));
        i64::try_from(if decimal.negative { -magnitude } else { magnitude }).ok()
    }

    /// Returns the number with the other sign, in canonical form.
    #[must_use]
    pub fn negated(&self) -> Self {
        let decimal = self.decimal();
        let negative = !decimal.negative && !decimal.is_zero();
        Self { text: Decimal { negative, ..decimal }.canonical().into() }
    }

    /// Returns the exact sum, in canonical form. The cost is linear in the digits.
    ///
    /// # Errors
    ///
    /// [`NumberError::TooLong`] if the sum needs more digits than the limit;
    /// [`NumberError::OutOfRange`] if its exponent is beyond the limit. Nothing is rounded.
    pub fn checked_add(&self, other: &Self) -> Result<Self, NumberError> {
        sum(self.decimal(), other.decimal())
    }

    /// Returns the exact difference `self − other`, in canonical form.
    ///
    /// # Errors
    ///
    /// As [`checked_add`](Self::checked_add).
    pub fn checked_sub(&self, other: &Self) -> Result<Self, NumberError> {
        let other = other.decimal();
        sum(self.decimal(), Decimal { negative: !other.negative, ..other })
    }

    fn decimal(&self) -> Decimal<'_> {
        Decimal::read(self.text.as_bytes())
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text || self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        self.decimal().compare(&other.decimal())
    }
}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let decimal = self.decimal();
        (decimal.negative, decimal.scale).hash(state);
        decimal.digits().for_each(|digit| state.write_u8(digit));
        state.write_u8(0);
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number({})", self.text)
    }
}

impl FromStr for Number {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        Self::parse(text)
    }
}

impl From<i32> for Number {
    fn from(value: i32) -> Self {
        i64::from(value).into()
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self { text: value.to_string().into() }
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self { text: value.to_string().into() }
    }
}

/// Checks that a well-formed number is within the limits.
pub(super) fn check_limits(text: &[u8]) -> Result<(), NumberError> {
    if text.len() > NUMBER_TEXT_BYTES_MAX {
        return Err(NumberError::TooLong);
    }
    Decimal::read(text).check_limits()
}

/// Tells whether a well-formed number is its own canonical text.
pub(super) fn is_canonical(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = digits.len() <= 21 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_plain {
        return text != "-0";
    }
    canonical(text) == text
}

/// Returns the canonical text of a well-formed number.
pub(super) fn canonical(text: &str) -> String {
    Decimal::read(text.as_bytes()).canonical()
}

/// A view of a number's text: the value is `±0.WF × 10^scale`, where W and F are runs of ASCII
/// digits and WF has no zero at either end. Zero has no digits, scale 0 and no sign.
#[derive(Clone, Copy)]
struct Decimal<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    scale: i64,
}

impl<'a> Decimal<'a> {
    /// Reads a well-formed number.
    fn read(text: &'a [u8]) -> Self {
        let (negative, text) = match text.strip_prefix(b"-") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = split_at_any(text, b"eE");
        let (whole, fraction) = split_at_any(mantissa, b".");
        let written = Self { negative, whole, fraction, scale: 0 };
        written.trimmed(read_exponent(exponent))
    }

    /// Removes the zeros around the digits, given the exponent of the point as it was written.
    fn trimmed(self, exponent: i64) -> Self {
        let whole = without_leading_zeros(self.whole);
        let mut scale = exponent + count(whole);
        let mut fraction = self.fraction;
        if whole.is_empty() {
            fraction = without_leading_zeros(fraction);
            scale -= count(self.fraction) - count(fraction);
        }
        let fraction = without_trailing_zeros(fraction);
        let whole = if fraction.is_empty() { without_trailing_zeros(whole) } else { whole };
        if whole.is_empty() && fraction.is_empty() {
            return Self { negative: false, whole, fraction, scale: 0 };
        }
        Self { negative: self.negative, whole, fraction, scale }
    }

    const fn is_zero(&self) -> bool {
        self.whole.is_empty() && self.fraction.is_empty()
    }

    fn digits(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.whole.iter().chain(self.fraction).copied()
    }

    const fn digit_count(&self) -> usize {
        self.whole.len() + self.fraction.len()
    }

    /// Returns the power of ten of the last digit.
    fn lowest(&self) -> i64 {
        self.scale - count(self.whole) - count(self.fraction)
    }

    fn check_limits(&self) -> Result<(), NumberError> {
        if self.digit_count() > NUMBER_DIGITS_MAX {
            return Err(NumberError::TooLong);
        }
        if !self.is_zero() && (self.scale - 1).abs() > NUMBER_EXPONENT_MAX {
            return Err(NumberError::OutOfRange);
        }
        Ok(())
    }

    fn compare(&self, other: &Self) -> Ordering {
        let sign = |decimal: &Self| match (decimal.is_zero(), decimal.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let magnitudes =
            || self.scale.cmp(&other.scale).then_with(|| self.digits().cmp(other.digits()));
        match sign(self).cmp(&sign(other)) {
            Ordering::Equal if sign(self) == 0 => Ordering::Equal,
            Ordering::Equal if self.negative => magnitudes().reverse(),
            Ordering::Equal => magnitudes(),
            unequal => unequal,
        }
    }

    /// Writes the canonical text; see [`Number::canonical`].
    fn canonical(&self) -> String {
        const PLAIN_DIGITS_MAX: i64 = 21;
        const SCALE_MIN: i64 = -5;
        if self.is_zero() {
            return "0".to_owned();
        }
        let mut out = String::with_capacity(self.digit_count() + 10);
        if self.negative {
            out.push('-');
        }
        let zeros = |count: i64| std::iter::repeat_n('0', usize::try_from(count).unwrap_or(0));
        let mut digits = self.digits().map(char::from);
        match self.scale {
            scale @ 1..=PLAIN_DIGITS_MAX => {
                out.extend(digits.by_ref().take(usize::try_from(scale).unwrap_or(0)));
                out.extend(zeros(self.lowest()));
                push_after_point(&mut out, digits);
            }
            scale @ SCALE_MIN..=0 => {
                out.push('0');
                push_after_point(&mut out, zeros(-scale).chain(digits));
            }
            scale => {
                out.extend(digits.next());
                push_after_point(&mut out, digits);
                out.push_str(if scale > 0 { "e+" } else { "e-" });
                out.push_str(&(scale - 1).abs().to_string());
            }
        }
        out
    }
}

/// Appends a point and the digits, or nothing if there are none.
fn push_after_point(out: &mut String, digits: impl Iterator<Item = char>) {
    let mut digits = digits.peekable();
    if digits.peek().is_some() {
        out.push('.');
        out.extend(digits);
    }
}

/// Adds two decimals exactly.
fn sum(a: Decimal<'_>, b: Decimal<'_>) -> Result<Number, NumberError> {
    let (a, b) = if a.is_zero() { (b, a) } else { (a, b) };
    if b.is_zero() {
        return Ok(Number { text: a.canonical().into() });
    }
    let lowest = a.lowest().min(b.lowest());
    let width = usize::try_from(a.scale.max(b.scale) - lowest).unwrap_or(usize::MAX);
    // Operands this far apart share no digit, so that no cancellation can shorten the result.
    if width > 2 * NUMBER_DIGITS_MAX + 2 {
        return Err(NumberError::TooLong);
    }
    let (mut large, mut small) = (aligned(&a, lowest, width), aligned(&b, lowest, width));
    let mut negative = a.negative;
    if a.negative == b.negative {
        add_digits(&mut large, &small);
    } else {
        if large.iter().rev().lt(small.iter().rev()) {
            std::mem::swap(&mut large, &mut small);
            negative = b.negative;
        }
        subtract_digits(&mut large, &small);
    }
    let digits: Vec<u8> = large.iter().rev().map(|digit| digit + b'0').collect();
    let result = Decimal { negative, whole: &digits, fraction: &[], scale: 0 }.trimmed(lowest);
    result.check_limits()?;
    Ok(Number { text: result.canonical().into() })
}

/// Returns the values of the digits from the power of ten `lowest` up, and one more for the carry.
fn aligned(decimal: &Decimal<'_>, lowest: i64, width: usize) -> Vec<u8> {
    let zeros_below = usize::try_from(decimal.lowest() - lowest).unwrap_or(0);
    let mut digits = vec![0; zeros_below];
    digits.extend(decimal.fraction.iter().rev().map(|digit| digit - b'0'));
    digits.extend(decimal.whole.iter().rev().map(|digit| digit - b'0'));
    digits.resize(width + 1, 0);
    digits
}

fn add_digits(sum: &mut [u8], addend: &[u8]) {
    let mut carry = 0;
    for (digit, other) in sum.iter_mut().zip(addend) {
        let total = *digit + other + carry;
        carry = total / 10;
        *digit = total % 10;
    }
    debug_assert_eq!(carry, 0, "the digit kept for the carry holds it");
}

fn subtract_digits(difference: &mut [u8], subtrahend: &[u8]) {
    let mut borrow = 0;
    for (digit, other) in difference.iter_mut().zip(subtrahend) {
        let total = *digit + 10 - other - borrow;
        borrow = u8::from(total < 10);
        *digit = total % 10;
    }
    debug_assert_eq!(borrow, 0, "the smaller magnitude is subtracted");
}

/// Splits at the first of the bytes; the second half is empty if there is none.
fn split_at_any<'t>(text: &'t [u8], separators: &[u8]) -> (&'t [u8], &'t [u8]) {
    let mut halves = text.splitn(2, |byte| separators.contains(byte));
    (halves.next().unwrap_or_default(), halves.next().unwrap_or_default())
}

/// Reads an exponent; one beyond all limits stays beyond them.
fn read_exponent(text: &[u8]) -> i64 {
    const BEYOND: i64 = 1_000_000_000_000;
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let magnitude = digits
        .iter()
        .fold(0_i64, |sum, digit| (sum * 10 + i64::from(digit.saturating_sub(b'0'))).min(BEYOND));
    if negative { -magnitude } else { magnitude }
}

fn without_leading_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}

fn without_trailing_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().rev().take_while(|&&digit| digit == b'0').count();
    digits.get(..digits.len() - zeros).unwrap_or_default()
}

/// Returns a length as a signed number; texts are far below 2^63 bytes.
fn count(digits: &[u8]) -> i64 {
    i64::try_from(digits.len()).unwrap_or(i64::MAX / 4)
}
