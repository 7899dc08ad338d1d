//! Types and comments as text. Nothing that a schema says gets out of its comment or its string.

use std::fmt::Write as _;

use syncline_model::json::Json;

/// A type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    /// A name, a keyword or a literal.
    Word(String),
    /// An array of them.
    Array(Box<Self>),
    /// An object with these members.
    Object(Vec<Member>),
    /// An object whose members all hold that.
    Map(Box<Self>),
    /// Any of them.
    Any(Vec<Self>),
    /// All of them.
    All(Vec<Self>),
}

/// A member of an object.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    /// What it is called.
    pub(super) name: String,
    /// Whether it is always there.
    pub(super) is_required: bool,
    /// What is said of it, line by line.
    pub(super) comment: Vec<String>,
    /// What it holds.
    pub(super) form: Form,
}

impl Form {
    /// Returns a word as a type.
    pub(super) fn word(text: &str) -> Self {
        Self::Word(text.to_owned())
    }

    /// Returns any JSON value.
    pub(super) fn json() -> Self {
        Self::word("Json")
    }

    /// Returns whether it may be any JSON value.
    pub(super) fn is_json(&self) -> bool {
        matches!(self, Self::Word(word) if word == "Json")
    }

    /// Returns a type that is any of these.
    pub(super) fn any(forms: Vec<Self>) -> Self {
        let mut parts: Vec<Self> = Vec::new();
        for form in forms {
            let inner = if let Self::Any(inner) = form { inner } else { vec![form] };
            for part in inner {
                if part.is_json() {
                    return part;
                }
                if !parts.contains(&part) {
                    parts.push(part);
                }
            }
        }
        match parts.len() {
            0 => Self::word("never"),
            1 => parts.swap_remove(0),
            _ => Self::Any(parts),
        }
    }

    /// Returns a type that is all of these; any JSON value says nothing beside another.
    pub(super) fn all(forms: Vec<Self>) -> Self {
        let mut parts: Vec<Self> = Vec::new();
        for form in forms {
            let inner = if let Self::All(inner) = form { inner } else { vec![form] };
            for part in inner {
                if !part.is_json() && !parts.contains(&part) {
                    parts.push(part);
                }
            }
        }
        match parts.len() {
            0 => Self::json(),
            1 => parts.swap_remove(0),
            _ => Self::All(parts),
        }
    }

    /// Calls `see` with every word, those within arrays and objects included.
    pub(super) fn each_word(&self, see: &mut impl FnMut(&str)) {
        match self {
            Self::Word(word) => see(word),
            Self::Array(inner) | Self::Map(inner) => inner.each_word(see),
            Self::Object(members) => members.iter().for_each(|member| member.form.each_word(see)),
            Self::Any(parts) | Self::All(parts) => {
                parts.iter().for_each(|part| part.each_word(see))
            }
        }
    }

    /// Calls `see` with every word that the type is itself, not only one that it holds.
    pub(super) fn each_own_word(&self, see: &mut impl FnMut(&str)) {
        match self {
            Self::Word(word) => see(word),
            Self::Any(parts) | Self::All(parts) => {
                parts.iter().for_each(|part| part.each_own_word(see));
            }
            Self::Array(_) | Self::Map(_) | Self::Object(_) => {}
        }
    }

    /// Writes the type; its lines stand `depth` steps to the right.
    pub(super) fn write(&self, out: &mut String, depth: usize) {
        match self {
            Self::Word(word) => out.push_str(word),
            Self::Array(inner) => {
                out.push_str("readonly ");
                // `readonly` takes the type behind it whole, and an array of such an array needs them.
                let is_parted = matches!(**inner, Self::Array(_) | Self::Any(_) | Self::All(_));
                inner.write_within(out, depth, is_parted);
                out.push_str("[]");
            }
            Self::Map(inner) => {
                out.push_str("{ readonly [member: string]: ");
                inner.write(out, depth);
                out.push_str(" }");
            }
            Self::Object(members) => write_members(out, members, depth),
            Self::Any(parts) => write_parts(out, parts, " | ", depth),
            Self::All(parts) => write_parts(out, parts, " & ", depth),
        }
    }

    fn write_within(&self, out: &mut String, depth: usize, is_parted: bool) {
        let (open, close) = if is_parted { ("(", ")") } else { ("", "") };
        out.push_str(open);
        self.write(out, depth);
        out.push_str(close);
    }
}

fn write_parts(out: &mut String, parts: &[Form], between: &str, depth: usize) {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            out.push_str(between);
        }
        part.write_within(out, depth, matches!(part, Form::Any(_) | Form::All(_)));
    }
}

fn write_members(out: &mut String, members: &[Member], depth: usize) {
    out.push_str("{\n");
    for member in members {
        write_comment(out, &member.comment, depth + 1);
        indent(out, depth + 1);
        let mark = if member.is_required { "" } else { "?" };
        let _ = write!(out, "readonly {}{mark}: ", property(&member.name));
        member.form.write(out, depth + 1);
        out.push_str(";\n");
    }
    indent(out, depth);
    out.push('}');
}

fn indent(out: &mut String, depth: usize) {
    (0..depth).for_each(|_| out.push_str("  "));
}

/// Returns the name of a member as an object type spells it.
pub(super) fn property(name: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    let is_bare =
        name.chars().all(is_word) && name.chars().next().is_some_and(|c| !c.is_ascii_digit());
    if is_bare { name.to_owned() } else { string(name) }
}

/// Returns a text as a string literal.
pub(super) fn string(text: &str) -> String {
    let mut literal = String::new();
    for c in Json::from(text).to_compact_string().chars() {
        if turns_text(c) || matches!(c, '\u{2028}' | '\u{2029}') {
            let _ = write!(literal, "\\u{:04x}", u32::from(c));
        } else {
            literal.push(c);
        }
    }
    literal
}

/// Writes what is said of something; nothing where nothing is.
pub(super) fn write_comment(out: &mut String, comment: &[String], depth: usize) {
    let lines: Vec<String> = comment.iter().flat_map(|text| lines_of(text)).collect();
    let [first, rest @ ..] = lines.as_slice() else { return };
    indent(out, depth);
    if rest.is_empty() {
        let _ = writeln!(out, "/** {first} */");
        return;
    }
    out.push_str("/**\n");
    for line in &lines {
        indent(out, depth);
        out.push_str(" *");
        if !line.is_empty() {
            out.push(' ');
            out.push_str(line);
        }
        out.push('\n');
    }
    indent(out, depth);
    out.push_str(" */\n");
}

/// Returns the lines of a text as a comment holds them; blank ones before and behind are left out.
fn lines_of(text: &str) -> Vec<String> {
    let parted =
        text.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}', '\u{b}', '\u{c}'], "\n");
    let clean = |line: &str| {
        let shown = line.chars().filter(|c| !turns_text(*c));
        let shown: String = shown.map(|c| if c.is_control() { ' ' } else { c }).collect();
        shown.trim_end().replace("*/", "*\\/")
    };
    let lines: Vec<String> = parted.split('\n').map(clean).collect();
    let begin = lines.iter().position(|line| !line.is_empty()).unwrap_or(lines.len());
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(begin, |last| last + 1);
    lines.get(begin..end).map(<[String]>::to_vec).unwrap_or_default()
}

/// Tells whether a character turns the direction of a text, so that code could look like another.
const fn turns_text(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
