//! A record that changed, as a client is told.

use syncline_merge::display::Fields;
use syncline_merge::text::ot::TextOperation;
use syncline_model::id::{EntityName, RecordId, Writer};
use syncline_model::path::Path;

use crate::delta::Delta;
use crate::outcome::Seen;

/// A record that changed, or that came into a view or left it.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The type of record.
    pub entity: EntityName,
    /// Which record.
    pub id: RecordId,
    /// As of where in the log, and the record's token.
    pub seen: Seen,
    /// What is told.
    pub content: Content,
    /// Who made the latest change, where that was one writer and may be told.
    pub by: Option<Writer>,
    /// Conflicts of the record that wait for a person.
    pub conflicts: Vec<OpenConflict>,
}

/// What a change tells of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// The whole record.
    Record(Fields),
    /// The fields that differ from what the client was told last.
    Fields {
        /// Fields with a value, sorted by path.
        set: Fields,
        /// Fields without one; each takes all below it along, before `set`.
        unset: Vec<Path>,
        /// Edits of texts, for fields that are not in `set`.
        text: Vec<(Path, TextOperation)>,
        /// What differs in large texts, for fields that are in neither.
        deltas: Vec<(Path, Delta)>,
    },
    /// The record is not there any more for this client.
    Gone(Gone),
}

/// Why a record is not there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// It was deleted.
    Deleted,
    /// It is no longer in the view.
    Unscoped,
}

impl Gone {
    /// Returns the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Unscoped => "unscoped",
        }
    }
}

/// A conflict that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenConflict {
    /// Its id.
    pub id: Box<str>,
    /// The field; the root where a deletion meets an edit.
    pub path: Path,
}
