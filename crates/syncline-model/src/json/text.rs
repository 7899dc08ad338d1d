//! From tree to text: compact, pretty and canonical.

use super::scan::plain_end;
use super::value::{Json, Object};

/// How a tree is written.
#[derive(Clone, Copy)]
enum Style {
    Compact,
    Pretty,
    Canonical,
}

impl Json {
    /// Returns the value without whitespace; numbers as written, members in their order.
    pub fn to_compact_string(&self) -> String {
        let mut out = String::new();
        write_value(self, Style::Compact, 0, &mut out);
        out
    }

    /// Returns the value as JavaScript's `JSON.stringify(value, null, 2)` lays it out.
    ///
    /// Two spaces per level, no line end after the last line. Numbers are as written and members
    /// in their order (a JavaScript object moves keys that look like array indexes to the front).
    pub fn to_pretty_string(&self) -> String {
        let mut out = String::new();
        write_value(self, Style::Pretty, 0, &mut out);
        out
    }

    /// Returns the canonical text; equal values have the same one. See the [module](super).
    pub fn to_canonical_string(&self) -> String {
        let mut out = String::new();
        self.write_canonical(&mut out);
        out
    }

    /// Appends the canonical text.
    pub fn write_canonical(&self, out: &mut String) {
        write_value(self, Style::Canonical, 0, out);
    }
}

fn write_value(value: &Json, style: Style, level: usize, out: &mut String) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(true) => out.push_str("true"),
        Json::Bool(false) => out.push_str("false"),
        Json::Number(number) => match style {
            Style::Canonical if !number.is_canonical() => out.push_str(&number.canonical()),
            _ => out.push_str(number.as_str()),
        },
        Json::String(text) => write_string(text, out),
        Json::Array(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                begin_part(index, style, level + 1, out);
                write_value(element, style, level + 1, out);
            }
            end_parts(elements.len(), style, level, out);
            out.push(']');
        }
        Json::Object(object) => {
            out.push('{');
            let write = |(index, (key, member)): (usize, (&str, &Json))| {
                begin_part(index, style, level + 1, out);
                write_string(key, out);
                out.push_str(if matches!(style, Style::Pretty) { ": " } else { ":" });
                write_value(member, style, level + 1, out);
            };
            match style {
                Style::Canonical => canonical_order(object).into_iter().enumerate().for_each(write),
                Style::Compact | Style::Pretty => object.iter().enumerate().for_each(write),
            }
            end_parts(object.len(), style, level, out);
            out.push('}');
        }
    }
}

fn canonical_order(object: &Object) -> Vec<(&str, &Json)> {
    let mut members: Vec<_> = object.iter().collect();
    members.sort_unstable_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    members
}

fn begin_part(index: usize, style: Style, level: usize, out: &mut String) {
    if index > 0 {
        out.push(',');
    }
    break_line(style, level, out);
}

fn end_parts(count: usize, style: Style, level: usize, out: &mut String) {
    if count > 0 {
        break_line(style, level, out);
    }
}

fn break_line(style: Style, level: usize, out: &mut String) {
    if matches!(style, Style::Pretty) {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", level));
    }
}

/// Appends a string with its quotes and the fewest, shortest escapes.
///
/// # Source
///
/// RFC 8785 §3.2.2.2; JavaScript's `JSON.stringify` writes the same.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut plain_from = 0;
    loop {
        let at = plain_end(text.as_bytes(), plain_from);
        out.push_str(text.get(plain_from..at).unwrap_or_default());
        let Some(&byte) = text.as_bytes().get(at) else {
            break;
        };
        plain_from = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x08 => out.push_str("\\b"),
            0x0C => out.push_str("\\f"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            control => {
                out.push_str("\\u00");
                for digit in [control >> 4, control & 0xF] {
                    out.extend(char::from_digit(u32::from(digit), 16));
                }
            }
        }
    }
    out.push('"');
}
