//! Why a whole file was refused.

use syncline_model::id::RecordId;
use syncline_model::json::JsonError;
use thiserror::Error;

use crate::Advice;

/// Why a file cannot be read as a list of records. Offsets count bytes from the start of the file.
///
/// Whoever gets it knows nothing about the file's records, and deletes none of them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The file has no bytes; an empty list is `{"<entity>": []}`.
    #[error("the file is empty; no records would be `{{\"{entity}\": []}}`")]
    Empty {
        /// Name of the entity.
        entity: String,
    },
    /// The file is UTF-16.
    #[error("the file is UTF-16; only UTF-8 is read")]
    Utf16,
    /// The file is not one JSON value: cut off, half written, followed by something.
    #[error("the file is not JSON: it breaks off or goes wrong at byte {offset}")]
    NotJson {
        /// Where, in bytes from the start of the file.
        offset: usize,
        /// What is wrong. Its own offsets do not count a byte order mark.
        #[source]
        source: JsonError,
    },
    /// The file's value is a list, a text or another value that has no members.
    #[error("the file holds no object; expected `{{\"{entity}\": [ … ]}}`")]
    NotAnObject {
        /// Name of the entity.
        entity: String,
        /// Where the value begins.
        offset: usize,
    },
    /// The object has no member of the entity's name.
    #[error("none of the file's {member_count} member(s) is `{entity}`")]
    NoMember {
        /// Name of the entity.
        entity: String,
        /// How many members the object has.
        member_count: usize,
    },
    /// The entity's member is not an array.
    #[error("the member `{entity}` at byte {offset} is not an array")]
    NotAnArray {
        /// Name of the entity.
        entity: String,
        /// Where its value begins.
        offset: usize,
    },
}

impl DocumentError {
    /// Returns the stable code; codes are never renamed or used again.
    pub const fn code(&self) -> &'static str {
        "DATA_FORMAT_INVALID"
    }

    /// Returns what the caller should do: somebody has to mend the file.
    pub const fn advice(&self) -> Advice {
        Advice::AskHuman
    }

    /// Returns what the owner of the file can do.
    pub const fn fix(&self) -> &'static str {
        match self {
            Self::Empty { .. } => "restore the file, or write an empty list if that is meant",
            Self::Utf16 => "save the file as UTF-8",
            Self::NotJson { source, .. } => source.advice(),
            Self::NotAnObject { .. } => "put the list into an object, under the entity's name",
            Self::NoMember { .. } => "name the member after the entity, or map the entity's name",
            Self::NotAnArray { .. } => "put the records into an array",
        }
    }

    /// Returns where the fault is, in bytes from the start of the file.
    pub const fn offset(&self) -> usize {
        match *self {
            Self::Empty { .. } | Self::Utf16 | Self::NoMember { .. } => 0,
            Self::NotJson { offset, .. }
            | Self::NotAnObject { offset, .. }
            | Self::NotAnArray { offset, .. } => offset,
        }
    }
}

/// Why changes cannot be written into a file. Both are faults of the caller.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RewriteError {
    /// The file holds rejected items under the id; see
    /// [`Document::is_withheld`](super::Document::is_withheld).
    #[error("the record `{id}` is withheld: its items in the file were rejected")]
    Withheld {
        /// The record.
        id: RecordId,
    },
    /// One record is changed twice.
    #[error("the record `{id}` is changed twice")]
    ChangedTwice {
        /// The record.
        id: RecordId,
    },
}

impl RewriteError {
    /// Returns the stable code; codes are never renamed or used again.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Withheld { .. } => "RECORD_WITHHELD",
            Self::ChangedTwice { .. } => "RECORD_CHANGED_TWICE",
        }
    }

    /// Returns what the caller should do.
    pub const fn advice(&self) -> Advice {
        Advice::GiveUp
    }
}
