//! What the bearer of a token may do.

use std::fmt;

/// What the bearer of a token may do; the table of the routes says what that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads and writes records.
    Client,
    /// Reads records and decides conflicts.
    Reviewer,
    /// Reads and writes records and decides conflicts.
    Editor,
    /// Sees how the hub does, and no record.
    Operator,
    /// Everything, access tokens included.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Client, Self::Reviewer, Self::Editor, Self::Operator, Self::Admin];

    /// Returns the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Reviewer => "reviewer",
            Self::Editor => "editor",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// Returns the role of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
