//! The one reader of JSON text: a cursor over bytes that every other reader here is built on.
//!
//! It does not recurse and builds nothing. Long runs (indentation, string contents) are taken
//! eight bytes at a time with plain integer arithmetic.

use std::borrow::Cow;

use super::error::JsonError;
use super::number;
use super::raw::Span;
use crate::limits::DEPTH_MAX;

/// Objects with at most this many keys are checked for duplicates pair by pair, larger ones sorted.
const PAIRWISE_KEYS_MAX: usize = 24;

/// A string token: where it stands, with its quotes, and whether it contains a backslash.
#[derive(Clone, Copy)]
pub(super) struct StringToken {
    pub(super) span: Span,
    pub(super) escaped: bool,
}

/// A key of an object that is being skipped.
#[derive(Clone, Copy)]
struct Key {
    fingerprint: u64,
    token: StringToken,
}

/// A container that is being skipped.
#[derive(Clone, Copy)]
enum Frame {
    Array,
    Object { first_key: usize },
}

/// A cursor over one JSON text.
///
/// The first fault ends the scan, but for [`Scanner::skip_value_lenient`], which notes the first
/// *contained* fault ([`JsonError::is_contained`]) and goes on.
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    /// The same bytes, once they are known to be UTF-8.
    text: Option<&'a str>,
    position: usize,
    depth: usize,
    lenient: bool,
    fault: Option<JsonError>,
    frames: Vec<Frame>,
    keys: Vec<Key>,
}

impl<'a> Scanner<'a> {
    /// Starts at the first byte that is not whitespace; all bytes have to be UTF-8.
    pub(super) fn strict(bytes: &'a [u8]) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| JsonError::InvalidUtf8 { offset: error.valid_up_to() })?;
        Self::start(bytes, Some(text))
    }

    /// Starts at the first byte that is not whitespace; strings may hold bytes that are not UTF-8
    /// where they are read by [`Scanner::skip_value_lenient`].
    pub(super) fn lenient(bytes: &'a [u8]) -> Result<Self, JsonError> {
        Self::start(bytes, std::str::from_utf8(bytes).ok())
    }

    fn start(bytes: &'a [u8], text: Option<&'a str>) -> Result<Self, JsonError> {
        if bytes.starts_with(b"\xEF\xBB\xBF") {
            return Err(JsonError::ByteOrderMark);
        }
        let mut scanner = Self {
            bytes,
            text,
            position: 0,
            depth: 0,
            lenient: false,
            fault: None,
            frames: Vec::new(),
            keys: Vec::new(),
        };
        scanner.skip_whitespace();
        Ok(scanner)
    }

    /// Returns the offset of the next byte.
    pub(super) const fn position(&self) -> usize {
        self.position
    }

    /// Returns the next byte.
    #[inline(always)]
    pub(super) fn peek(&self) -> Result<u8, JsonError> {
        let next = self.bytes.get(self.position).copied();
        next.ok_or(JsonError::UnexpectedEnd { offset: self.bytes.len() })
    }

    /// Checks that only whitespace follows.
    pub(super) fn finish(&mut self) -> Result<(), JsonError> {
        self.skip_whitespace();
        if self.position < self.bytes.len() {
            return Err(JsonError::TrailingData { offset: self.position });
        }
        Ok(())
    }

    /// Returns the bytes of a span that this scanner has read.
    pub(super) fn slice(&self, span: Span) -> &'a [u8] {
        self.bytes.get(span.start..span.end).unwrap_or_default()
    }

    /// Returns the text of a span that this scanner has read.
    pub(super) fn text(&self, span: Span) -> Result<&'a str, JsonError> {
        if let Some(text) = self.text.and_then(|text| text.get(span.start..span.end)) {
            return Ok(text);
        }
        std::str::from_utf8(self.slice(span))
            .map_err(|error| JsonError::InvalidUtf8 { offset: span.start + error.valid_up_to() })
    }

    /// Returns what a string token says, with escapes resolved.
    pub(super) fn string_text(&self, token: StringToken) -> Result<Cow<'a, str>, JsonError> {
        let inner = self.text(inner_span(token.span))?;
        Ok(if token.escaped { Cow::Owned(unescape(inner)) } else { Cow::Borrowed(inner) })
    }

    /// Reads a whole value as a strict scan would read it alone, but passes over contained faults;
    /// returns where it stands and the first of them.
    pub(super) fn skip_value_lenient(&mut self) -> Result<(Span, Option<JsonError>), JsonError> {
        let depth = std::mem::take(&mut self.depth);
        self.lenient = true;
        let span = self.skip_value();
        self.lenient = false;
        self.depth = depth;
        let span = span?;
        let fault = self.fault.take();
        if fault.is_none() && self.text.is_none() {
            return Ok((span, self.text(span).err()));
        }
        Ok((span, fault))
    }

    /// Ends the scan with a contained fault, or notes it.
    fn refuse(&mut self, fault: JsonError) -> Result<(), JsonError> {
        debug_assert!(fault.is_contained(), "only contained faults can be passed over");
        if !self.lenient {
            return Err(fault);
        }
        self.fault.get_or_insert(fault);
        Ok(())
    }

    /// Passes over spaces, tabs and line ends.
    #[inline(always)]
    pub(super) fn skip_whitespace(&mut self) {
        if self.bytes.get(self.position).is_some_and(|&byte| byte <= b' ') {
            self.skip_whitespace_run();
        }
    }

    /// The same where there probably is some: mostly one space, or a line end and an indentation.
    #[inline]
    fn skip_whitespace_run(&mut self) {
        while let Some(&byte) = self.bytes.get(self.position) {
            match byte {
                b'\n' => self.position = spaces_end(self.bytes, self.position + 1),
                b' ' | b'\r' | b'\t' => self.position += 1,
                _ => return,
            }
        }
    }

    /// Opens an array or object at its bracket; tells whether anything is in it.
    #[inline(always)]
    fn open(&mut self, closing: u8) -> Result<bool, JsonError> {
        if self.depth >= DEPTH_MAX {
            self.refuse(JsonError::TooDeep { offset: self.position })?;
        }
        self.depth += 1;
        self.position += 1;
        self.skip_whitespace();
        let empty = self.peek()? == closing;
        if empty {
            self.close();
        }
        Ok(!empty)
    }

    #[inline(always)]
    fn close(&mut self) {
        self.position += 1;
        self.depth -= 1;
    }

    /// Goes to the next part of an array or object, or past its end; tells which.
    #[inline(always)]
    fn advance(&mut self, closing: u8, expected: &'static str) -> Result<bool, JsonError> {
        self.skip_whitespace();
        let byte = self.peek()?;
        if byte == b',' {
            self.position += 1;
            self.skip_whitespace();
            return Ok(true);
        }
        if byte == closing {
            self.close();
            return Ok(false);
        }
        Err(JsonError::UnexpectedByte { offset: self.position, expected })
    }

    /// Opens the object that begins here; tells whether a member follows.
    #[inline(always)]
    pub(super) fn open_object(&mut self) -> Result<bool, JsonError> {
        if self.peek()? != b'{' {
            return Err(JsonError::NotAnObject { offset: self.position });
        }
        self.open(b'}')
    }

    /// Goes past the value of a member; tells whether another member follows.
    #[inline(always)]
    pub(super) fn next_member(&mut self) -> Result<bool, JsonError> {
        self.advance(b'}', "`,` or `}`")
    }

    /// Opens the array that begins here; tells whether an element follows.
    #[inline(always)]
    pub(super) fn open_array(&mut self) -> Result<bool, JsonError> {
        if self.peek()? != b'[' {
            return Err(JsonError::NotAnArray { offset: self.position });
        }
        self.open(b']')
    }

    /// Goes past an element; tells whether another follows.
    #[inline(always)]
    pub(super) fn next_element(&mut self) -> Result<bool, JsonError> {
        self.advance(b']', "`,` or `]`")
    }

    /// Reads a key and its colon; the value follows.
    #[inline(always)]
    pub(super) fn key(&mut self) -> Result<StringToken, JsonError> {
        if self.peek()? != b'"' {
            return Err(JsonError::UnexpectedByte { offset: self.position, expected: "a key" });
        }
        let token = self.string()?;
        self.skip_whitespace();
        if self.peek()? != b':' {
            return Err(JsonError::UnexpectedByte { offset: self.position, expected: "`:`" });
        }
        self.position += 1;
        self.skip_whitespace();
        Ok(token)
    }

    /// Reads the string that begins here.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<StringToken, JsonError> {
        let start = self.position;
        let mut escaped = false;
        let mut position = start + 1;
        loop {
            position = plain_end(self.bytes, position);
            match self.bytes.get(position) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    position = self.escape(position)?;
                }
                Some(_) => return Err(JsonError::ControlCharacter { offset: position }),
                None => {
                    return Err(JsonError::UnexpectedEnd { offset: self.bytes.len() });
                }
            }
        }
        self.position = position + 1;
        Ok(StringToken { span: Span { start, end: position + 1 }, escaped })
    }

    /// Checks the escape at `offset`; returns where the string goes on.
    fn escape(&mut self, offset: usize) -> Result<usize, JsonError> {
        match self.bytes.get(offset + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => return Ok(offset + 2),
            Some(b'u') => {}
            Some(_) => return Err(JsonError::InvalidEscape { offset }),
            None => {
                return Err(JsonError::UnexpectedEnd { offset: self.bytes.len() });
            }
        }
        let unit = self.escaped_unit(offset)?;
        let is_pair = is_high_surrogate(unit)
            && self.bytes.get(offset + 6..offset + 8) == Some(br"\u")
            && is_low_surrogate(self.escaped_unit(offset + 6)?);
        if is_pair {
            return Ok(offset + 12);
        }
        if is_high_surrogate(unit) || is_low_surrogate(unit) {
            self.refuse(JsonError::LoneSurrogate { offset })?;
        }
        Ok(offset + 6)
    }

    /// Reads the four hex digits of the `\u` escape at `offset`.
    fn escaped_unit(&self, offset: usize) -> Result<u16, JsonError> {
        match self.bytes.get(offset + 2..offset + 6) {
            Some(digits) => hex_unit(digits).ok_or(JsonError::InvalidEscape { offset }),
            None => Err(JsonError::UnexpectedEnd { offset: self.bytes.len() }),
        }
    }

    /// Reads the number that begins here and checks it against the limits.
    pub(super) fn number(&mut self) -> Result<Span, JsonError> {
        let start = self.position;
        if self.bytes.get(self.position) == Some(&b'-') {
            self.position += 1;
        }
        if self.bytes.get(self.position) == Some(&b'0') {
            self.position += 1;
        } else {
            self.digits()?;
        }
        if self.bytes.get(self.position) == Some(&b'.') {
            self.position += 1;
            self.digits()?;
        }
        let has_exponent = matches!(self.bytes.get(self.position), Some(b'e' | b'E'));
        if has_exponent {
            self.position += 1;
            if matches!(self.bytes.get(self.position), Some(b'+' | b'-')) {
                self.position += 1;
            }
            self.digits()?;
        }
        if self.bytes.get(self.position).is_some_and(u8::is_ascii_digit) {
            return Err(JsonError::InvalidNumber { offset: self.position });
        }
        let span = Span { start, end: self.position };
        // Without an exponent, a short number cannot reach a limit.
        if (has_exponent || span.len() > 20)
            && let Err(error) = number::check_limits(self.slice(span))
        {
            self.refuse(error.at(start))?;
        }
        Ok(span)
    }

    /// Reads one digit or more.
    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.position;
        while self.bytes.get(self.position).is_some_and(u8::is_ascii_digit) {
            self.position += 1;
        }
        if self.position > start {
            return Ok(());
        }
        match self.bytes.get(start) {
            Some(_) => Err(JsonError::InvalidNumber { offset: start }),
            None => Err(JsonError::UnexpectedEnd { offset: start }),
        }
    }

    /// Reads `null`, `true` or `false`.
    pub(super) fn literal(&mut self, literal: &'static str) -> Result<(), JsonError> {
        for &expected in literal.as_bytes() {
            if self.peek()? != expected {
                let offset = self.position;
                return Err(JsonError::UnexpectedByte { offset, expected: literal });
            }
            self.position += 1;
        }
        Ok(())
    }

    /// Reads a whole value of any kind, checking everything; returns where it stands.
    pub(super) fn skip_value(&mut self) -> Result<Span, JsonError> {
        self.frames.clear();
        self.keys.clear();
        let start = self.position;
        loop {
            if self.enter_value()? {
                continue;
            }
            if !self.leave_value()? {
                return Ok(Span { start, end: self.position });
            }
        }
    }

    /// Reads a scalar or opens a container; tells whether a value inside of it is to be read next.
    #[inline(always)]
    fn enter_value(&mut self) -> Result<bool, JsonError> {
        match self.peek()? {
            b'"' => {
                self.string()?;
            }
            b'{' => {
                let first_key = self.keys.len();
                if self.open_object()? {
                    self.frames.push(Frame::Object { first_key });
                    self.remember_key()?;
                    return Ok(true);
                }
            }
            b'[' => {
                if self.open_array()? {
                    self.frames.push(Frame::Array);
                    return Ok(true);
                }
            }
            b'-' | b'0'..=b'9' => {
                self.number()?;
            }
            b't' => self.literal("true")?,
            b'f' => self.literal("false")?,
            b'n' => self.literal("null")?,
            _ => {
                let offset = self.position;
                return Err(JsonError::UnexpectedByte { offset, expected: "a value" });
            }
        }
        Ok(false)
    }

    /// Closes what ends here; tells whether another value follows, else the outermost has ended.
    #[inline(always)]
    fn leave_value(&mut self) -> Result<bool, JsonError> {
        while let Some(&frame) = self.frames.last() {
            match frame {
                Frame::Array => {
                    if self.next_element()? {
                        return Ok(true);
                    }
                }
                Frame::Object { first_key } => {
                    if self.next_member()? {
                        self.remember_key()?;
                        return Ok(true);
                    }
                    self.check_keys(first_key)?;
                    self.keys.truncate(first_key);
                }
            }
            self.frames.pop();
        }
        Ok(false)
    }

    #[inline(always)]
    fn remember_key(&mut self) -> Result<(), JsonError> {
        let token = self.key()?;
        let inner = inner_span(token.span);
        let fingerprint = if token.escaped {
            let text = self.key_bytes(token);
            fingerprint(&text, Span { start: 0, end: text.len() })
        } else {
            fingerprint(self.bytes, inner)
        };
        self.keys.push(Key { fingerprint, token });
        Ok(())
    }

    /// Refuses the keys from `first_key` on if two of them are equal.
    fn check_keys(&mut self, first_key: usize) -> Result<(), JsonError> {
        let keys = self.keys.get(first_key..).unwrap_or_default();
        let key_count = keys.len();
        let duplicate = if key_count <= PAIRWISE_KEYS_MAX {
            if certainly_differ(keys) {
                return Ok(());
            }
            self.duplicate_by_pairs(keys)
        } else {
            self.duplicate_by_sorting(keys)
        };
        match duplicate {
            Some(offset) => self.refuse(JsonError::DuplicateKey { offset, key_count }),
            None => Ok(()),
        }
    }

    /// Returns the offset of the first key that stands a second time.
    fn duplicate_by_pairs(&self, keys: &[Key]) -> Option<usize> {
        keys.iter().enumerate().find_map(|(index, key)| {
            let mut earlier = keys.iter().take(index);
            let is_duplicate = earlier.any(|other| {
                other.fingerprint == key.fingerprint
                    && self.key_bytes(other.token) == self.key_bytes(key.token)
            });
            is_duplicate.then_some(key.token.span.start)
        })
    }

    /// The same for many keys, in n log n steps whatever the keys are.
    fn duplicate_by_sorting(&self, keys: &[Key]) -> Option<usize> {
        let mut sorted = keys.to_vec();
        sorted.sort_unstable_by(|a, b| {
            (a.fingerprint.cmp(&b.fingerprint))
                .then_with(|| self.key_bytes(a.token).cmp(&self.key_bytes(b.token)))
                .then_with(|| a.token.span.start.cmp(&b.token.span.start))
        });
        let neighbours = sorted.iter().zip(sorted.iter().skip(1));
        let duplicates = neighbours.filter(|(a, b)| {
            a.fingerprint == b.fingerprint && self.key_bytes(a.token) == self.key_bytes(b.token)
        });
        duplicates.map(|(_, second)| second.token.span.start).min()
    }

    /// Returns the bytes that a key stands for.
    fn key_bytes(&self, token: StringToken) -> Cow<'a, [u8]> {
        let raw = self.slice(inner_span(token.span));
        match std::str::from_utf8(raw) {
            Ok(text) if token.escaped => Cow::Owned(unescape(text).into_bytes()),
            _ => Cow::Borrowed(raw),
        }
    }
}

/// Tells in one pass whether all fingerprints differ; now and then it does not see that they do.
///
/// It is a Bloom filter with one bit per key, large enough that it rarely fails.
#[inline(always)]
fn certainly_differ(keys: &[Key]) -> bool {
    let mut seen = [0_u64; 16];
    keys.iter().all(|key| {
        let hash = key.fingerprint.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54;
        let bit = 1 << (hash % 64);
        let Some(word) = seen.get_mut((hash / 64) as usize) else {
            return false;
        };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    })
}

/// Returns the span between the quotes of a string token.
const fn inner_span(token: Span) -> Span {
    Span { start: token.start + 1, end: token.end - 1 }
}

/// Resolves the escapes of a string that was checked; half a surrogate pair becomes U+FFFD.
pub(super) fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut chars = escape.chars();
        match chars.next() {
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                rest = push_unit(escape.get(1..).unwrap_or_default(), &mut out);
                continue;
            }
            Some(same) => out.push(same),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}

/// Appends the character whose `\u` escape goes on with `digits`; returns what follows it.
fn push_unit<'t>(digits: &'t str, out: &mut String) -> &'t str {
    let unit_of = |text: &str| text.as_bytes().get(..4).and_then(hex_unit);
    let unit = unit_of(digits).unwrap_or(0xFFFD);
    let rest = digits.get(4..).unwrap_or_default();
    let low = rest.strip_prefix(r"\u").and_then(unit_of).filter(|&low| is_low_surrogate(low));
    if let (true, Some(low)) = (is_high_surrogate(unit), low) {
        let pair = char::decode_utf16([unit, low]).next().and_then(Result::ok);
        out.push(pair.unwrap_or(char::REPLACEMENT_CHARACTER));
        return rest.get(6..).unwrap_or_default();
    }
    out.push(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER));
    rest
}

const fn is_high_surrogate(unit: u16) -> bool {
    matches!(unit, 0xD800..=0xDBFF)
}

const fn is_low_surrogate(unit: u16) -> bool {
    matches!(unit, 0xDC00..=0xDFFF)
}

/// Reads four hex digits.
fn hex_unit(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0_u16, |unit, &digit| {
        let value = char::from(digit).to_digit(16)?;
        Some((unit << 4) | u16::try_from(value).ok()?)
    })
}

const ONES: u64 = u64::MAX / 255;
const HIGH_BITS: u64 = ONES << 7;
const SPACES: u64 = ONES * b' ' as u64;

/// Returns the eight bytes from `position` on, the first one lowest.
#[inline]
fn load(bytes: &[u8], position: usize) -> Option<u64> {
    let chunk = bytes.get(position..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*chunk))
}

/// Counts the bytes below the lowest one that is marked.
#[inline]
const fn unmarked(marks: u64) -> usize {
    (marks.trailing_zeros() / 8) as usize
}

/// Returns where the run of spaces from `position` on ends.
#[inline]
fn spaces_end(bytes: &[u8], mut position: usize) -> usize {
    while let Some(chunk) = load(bytes, position) {
        let other = chunk ^ SPACES;
        if other != 0 {
            return position + unmarked(other);
        }
        position += 8;
    }
    while bytes.get(position) == Some(&b' ') {
        position += 1;
    }
    position
}

/// Returns the first position from `position` on that holds a quote, a backslash or a control
/// character, or the end.
#[inline(always)]
pub(super) fn plain_end(bytes: &[u8], mut position: usize) -> usize {
    // Two words at a time: most keys and values end within them, without a branch between.
    while let (Some(low), Some(high)) = (load(bytes, position), load(bytes, position + 8)) {
        let (low, high) = (special_marks(low), special_marks(high));
        if low | high != 0 {
            return position + if low != 0 { unmarked(low) } else { 8 + unmarked(high) };
        }
        position += 16;
    }
    while bytes.get(position).is_some_and(|&byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        position += 1;
    }
    position
}

/// Marks the quotes, backslashes and control characters among eight bytes.
///
/// # Source
///
/// Sean Eron Anderson, "Bit Twiddling Hacks", "determine if a word has a zero byte" and "a byte
/// less than n". The marks are right up to the lowest one, which is all that is used.
#[inline(always)]
const fn special_marks(chunk: u64) -> u64 {
    let quotes = chunk ^ (ONES * b'"' as u64);
    let backslashes = chunk ^ (ONES * b'\\' as u64);
    let quotes = quotes.wrapping_sub(ONES) & !quotes;
    let backslashes = backslashes.wrapping_sub(ONES) & !backslashes;
    let controls = chunk.wrapping_sub(SPACES) & !chunk;
    (quotes | backslashes | controls) & HIGH_BITS
}

/// Returns a number that is equal for equal keys and nearly always differs for others.
///
/// It looks at the first and last eight bytes and the length; equal fingerprints are compared in
/// full, so that it decides nothing but speed.
#[inline]
fn fingerprint(bytes: &[u8], key: Span) -> u64 {
    let length = key.len();
    let head =
        if length >= 8 { load(bytes, key.start).unwrap_or(0) } else { short_head(bytes, key) };
    let tail = if length > 8 { load(bytes, key.end - 8).unwrap_or(0) } else { 0 };
    head ^ tail.rotate_left(29) ^ (length as u64).rotate_right(8)
}

/// Returns the bytes of a key that is shorter than eight, the first one lowest.
#[inline]
fn short_head(bytes: &[u8], key: Span) -> u64 {
    match load(bytes, key.start) {
        Some(chunk) => chunk & !(u64::MAX << (8 * key.len())),
        None => {
            let key = bytes.get(key.start..key.end).unwrap_or_default();
            key.iter().rev().fold(0, |head, &byte| (head << 8) | u64::from(byte))
        }
    }
}
