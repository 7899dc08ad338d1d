//! One thing that is wrong, and where.

use std::fmt;

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// Path from the root of the repository.
    pub(crate) path: String,
    /// Line from 1; 0 when the whole file or folder is meant.
    pub(crate) line: usize,
    /// What is wrong and what to do about it.
    pub(crate) message: String,
}

impl Finding {
    /// Builds a finding about a whole file or folder.
    pub(crate) fn on_file(path: &str, message: impl Into<String>) -> Self {
        Self::on_line(path, 0, message)
    }

    /// Builds a finding about one line.
    pub(crate) fn on_line(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "." } else { &self.path };
        match self.line {
            0 => write!(out, "{path}: {}", self.message),
            line => write!(out, "{path}:{line}: {}", self.message),
        }
    }
}
