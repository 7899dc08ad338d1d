//! JSON text exactly as `JSON.stringify(value, null, 2)` writes it.

use std::io::{self, Write};

/// A JSON value whose members keep the order in which they were put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// A string.
    Text(String),
    /// A whole number.
    Number(i64),
    /// `true` or `false`.
    Bool(bool),
    /// An array.
    List(Vec<Json>),
    /// An object.
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    /// Builds a string.
    pub fn text(value: impl Into<String>) -> Self {
        Self::Text(value.into())
    }

    /// Builds an array of strings.
    pub fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        Self::List(values.into_iter().map(Self::text).collect())
    }

    /// Writes the value with two spaces per level; the first line is not indented.
    ///
    /// - `depth`: how many levels the value itself is inside others.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write(&self, depth: usize, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Text(text) => write_text(text, out),
            Self::Number(number) => write!(out, "{number}"),
            Self::Bool(value) => write!(out, "{value}"),
            Self::List(items) if items.is_empty() => out.write_all(b"[]"),
            Self::Object(members) if members.is_empty() => out.write_all(b"{}"),
            Self::List(items) => {
                out.write_all(b"[")?;
                for (index, item) in items.iter().enumerate() {
                    start_line(index, depth + 1, out)?;
                    item.write(depth + 1, out)?;
                }
                end_lines(depth, b"]", out)
            }
            Self::Object(members) => {
                out.write_all(b"{")?;
                for (index, (name, value)) in members.iter().enumerate() {
                    start_line(index, depth + 1, out)?;
                    write_text(name, out)?;
                    out.write_all(b": ")?;
                    value.write(depth + 1, out)?;
                }
                end_lines(depth, b"}", out)
            }
        }
    }
}

fn start_line(index: usize, depth: usize, out: &mut impl Write) -> io::Result<()> {
    out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
    indent(depth, out)
}

fn end_lines(depth: usize, bracket: &[u8], out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"\n")?;
    indent(depth, out)?;
    out.write_all(bracket)
}

fn indent(depth: usize, out: &mut impl Write) -> io::Result<()> {
    (0..depth).try_for_each(|_| out.write_all(b"  "))
}

/// Writes a quoted string; only quotes, backslashes and control characters are escaped.
fn write_text(text: &str, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"\"")?;
    for character in text.chars() {
        match character {
            '"' => out.write_all(b"\\\"")?,
            '\\' => out.write_all(b"\\\\")?,
            '\u{8}' => out.write_all(b"\\b")?,
            '\u{c}' => out.write_all(b"\\f")?,
            '\n' => out.write_all(b"\\n")?,
            '\r' => out.write_all(b"\\r")?,
            '\t' => out.write_all(b"\\t")?,
            control if control < ' ' => write!(out, "\\u{:04x}", u32::from(control))?,
            other => write!(out, "{other}")?,
        }
    }
    out.write_all(b"\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_javascript_writes_them() {
        let nested = Json::Object(vec![
            ("tags", Json::texts(["a", "b"])),
            ("none", Json::List(vec![])),
            ("empty", Json::Object(vec![])),
            ("done", Json::Bool(true)),
        ]);
        // Expected texts: Node 20, `JSON.stringify(value, null, 2)`.
        #[rustfmt::skip]
        let cases = [
            ("escapes", Json::text("\"\\\u{8}\u{c}\n\r\t\u{1}é\u{7f}😀"),
                "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001é\u{7f}😀\""),
            ("negative number", Json::Number(-7), "-7"),
            ("nesting", nested,
                "{\n  \"tags\": [\n    \"a\",\n    \"b\"\n  ],\n  \"none\": [],\n  \"empty\": {},\n  \"done\": true\n}"),
        ];
        for (name, value, expected) in cases {
            let mut out = Vec::new();
            value.write(0, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected, "case: {name}");
        }
    }
}
