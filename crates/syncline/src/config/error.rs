//! Why a configuration was refused: what, where, why, and what to do next.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a configuration could not be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file exists or was asked for, and cannot be read.
    #[error("{}: cannot be read", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file was read and is not a valid configuration.
    #[error("{0}")]
    Invalid(Box<Invalid>),
}

impl ConfigError {
    /// Returns the stable code, which has a page in `docs/errors/`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "CONFIG_UNREADABLE",
            Self::Invalid(_) => "CONFIG_INVALID",
        }
    }

    /// Returns why this is refused, in one sentence.
    pub fn why(&self) -> String {
        match self {
            Self::Unreadable { source, .. } => source.to_string(),
            Self::Invalid(invalid) => invalid.why.clone(),
        }
    }

    /// Returns what to do next, in one sentence.
    pub fn next(&self) -> String {
        match self {
            Self::Unreadable { .. } => "check the path and who may read it".to_owned(),
            Self::Invalid(invalid) => invalid.next.clone(),
        }
    }
}

/// What is wrong in a configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The file, where the configuration came from one.
    pub file: Option<PathBuf>,
    /// Line and column, both from 1, where they are known.
    pub position: Option<Position>,
    /// The member, such as `links.work.target`; empty where the text could not be parsed.
    pub at: String,
    /// What is wrong, without the value of anything but names.
    pub what: String,
    /// Why it is refused.
    pub why: String,
    /// What to do next.
    pub next: String,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}", file.display())?;
            if let Some(Position { line, column }) = self.position {
                write!(f, ":{line}:{column}")?;
            }
            f.write_str(": ")?;
        }
        if !self.at.is_empty() {
            write!(f, "{}: ", self.at)?;
        }
        f.write_str(&self.what)
    }
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Position {
    /// Returns the place of byte `offset` in `text`; past the end it is the end.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        Self { line: before.matches('\n').count() + 1, column }
    }
}

/// The way to a member of the configuration; shown as `links.work.filter[0].path`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct At(pub(super) Vec<Step>);

/// One step of [`At`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl At {
    /// Starts at a top-level member.
    pub(super) fn new(key: &str) -> Self {
        Self::default().key(key)
    }

    /// Goes on to a member of a table.
    pub(super) fn key(&self, key: &str) -> Self {
        self.step(Step::Key(key.to_owned()))
    }

    /// Goes on to an element of an array.
    pub(super) fn index(&self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    fn step(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.0.iter().enumerate() {
            let dot = if number == 0 { "" } else { "." };
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if is_bare(key) => write!(f, "{dot}{key}")?,
                Step::Key(key) => write!(f, "{dot}{key:?}")?,
            }
        }
        Ok(())
    }
}

/// Returns whether TOML lets this key stand without quotes.
fn is_bare(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// A refusal before it is known which file and line it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) at: At,
    pub(super) what: String,
    pub(super) why: &'static str,
    pub(super) next: String,
}

impl Refusal {
    pub(super) fn new(at: At, what: impl Into<String>, why: &'static str, next: &str) -> Self {
        Self { at, what: what.into(), why, next: next.to_owned() }
    }

    /// Names the place in `file`, whose text is `text`.
    pub(super) fn in_file(self, file: Option<&Path>, text: &str) -> ConfigError {
        ConfigError::Invalid(Box::new(Invalid {
            file: file.map(Path::to_owned),
            position: super::locate::position(text, &self.at),
            at: self.at.to_string(),
            what: self.what,
            why: self.why.to_owned(),
            next: self.next,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Editors count characters; parsers count bytes.
    #[test]
    fn a_column_counts_characters_and_a_place_past_the_end_is_the_end() {
        let text = "a\né = 1\n";
        let of = |offset| {
            let Position { line, column } = Position::of(text, offset);
            (line, column)
        };
        assert_eq!([of(0), of(2), of(7), of(99)], [(1, 1), (2, 1), (2, 5), (3, 1)]);
    }
}
