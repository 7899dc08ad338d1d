//! The parts of a document: items that can be taken, and items that cannot.

use syncline_model::id::{IdError, RecordId};
use syncline_model::json::raw::Span;
use syncline_model::json::{JsonError, Kind};
use thiserror::Error;

/// The first 16 bytes of the BLAKE3 digest of an item's raw bytes. Equal digests mean equal bytes.
pub type Digest16 = [u8; 16];

/// An item that can be taken as a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The record's id; a number is taken as its text, as it is spelled.
    pub id: RecordId,
    /// Where its bytes stand in the file.
    pub span: Span,
    /// Digest of its bytes.
    pub digest: Digest16,
    /// Its place in the array, counted from 0, with rejected items.
    pub index: usize,
    /// Whether the id stands there as a number. It is written back as one.
    pub id_is_number: bool,
}

/// An item that stays in the file as it is and is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Its place in the array, counted from 0.
    pub index: usize,
    /// Where its bytes stand in the file.
    pub span: Span,
    /// Its id, if one could be read.
    pub id: Option<RecordId>,
    /// Why it was rejected.
    pub reason: Reason,
}

/// Why an item was rejected. Indexes count from 0, offsets from the start of the file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Reason {
    /// It is not an object.
    #[error("the item is no object but of type {}", found.name())]
    NotAnObject {
        /// What it is.
        found: Kind,
    },
    /// It has no id, or the empty text or `null` for one.
    #[error("the item has no id")]
    NoId,
    /// Its id is neither a text nor a number.
    #[error("the item's id is of type {}", found.name())]
    IdOfOtherType {
        /// What the id is.
        found: Kind,
    },
    /// Its id is too long or holds a control character.
    #[error("the item's id cannot be used")]
    IdInvalid(#[source] IdError),
    /// It cannot be read exactly.
    #[error("the item cannot be read exactly: byte {offset}")]
    Broken {
        /// Where the fault is, in bytes from the start of the file.
        offset: usize,
        /// What is wrong. Its own offsets do not count a byte order mark.
        #[source]
        source: JsonError,
    },
    /// It is the same as an earlier item; the earlier one is taken and nothing is withheld.
    #[error("the item is a copy of item {first_index}")]
    Copy {
        /// Place of the item that is taken.
        first_index: usize,
    },
    /// It shares its id with items that differ from it; none of them is taken.
    #[error(
        "the item's id stands {count} times in the file, first at item {first_index}, with different content"
    )]
    SharedId {
        /// Place of the first item with this id.
        first_index: usize,
        /// How many items have it.
        count: usize,
    },
}

impl Reason {
    /// Returns the stable code; codes are never renamed or used again.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAnObject { .. }
            | Self::NoId
            | Self::IdOfOtherType { .. }
            | Self::IdInvalid(_)
            | Self::Broken { .. } => "DATA_FORMAT_INVALID",
            Self::Copy { .. } | Self::SharedId { .. } => "DUPLICATE_ID",
        }
    }

    /// Returns what the owner of the file can do.
    pub const fn fix(&self) -> &'static str {
        match self {
            Self::NotAnObject { .. } => "make it an object with an id, or remove it",
            Self::NoId => "give the item an id that no other item has",
            Self::IdOfOtherType { .. } => "write the id as a text or a number",
            Self::IdInvalid(_) => "use a shorter id without control characters",
            Self::Broken { source, .. } => source.advice(),
            Self::Copy { .. } => "remove one of the copies",
            Self::SharedId { .. } => "give one of the items another id, or make them one item",
        }
    }

    /// Tells whether the id is withheld: nothing is known of the record, nothing may be written.
    pub const fn withholds(&self) -> bool {
        !matches!(self, Self::Copy { .. })
    }
}
