//! Records as they are now.

use syncline_merge::display::Fields;
use syncline_model::id::{EntityName, RecordId, Writer};
use syncline_protocol::change::OpenConflict;
use syncline_protocol::outcome::Seen;

use super::{ServeError, Served};

/// A record as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordNow {
    /// Which record.
    pub id: RecordId,
    /// What is shown of it; `None` if it was deleted.
    pub fields: Option<Fields>,
    /// As of where in the log, and the record's token.
    pub seen: Seen,
    /// Its conflicts that wait for a person.
    pub conflicts: Vec<OpenConflict>,
}

/// Some of the records of an entity, in the order of their ids.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordList {
    /// The records that are there.
    pub records: Vec<RecordNow>,
    /// Behind which record to go on; `None` if these were the last.
    pub next: Option<RecordId>,
}

impl Served {
    /// Returns a record as a viewer sees it; `None` if the hub knows nothing of it.
    ///
    /// # Errors
    ///
    /// [`ServeError::EntityUnknown`], or [`ServeError::Hub`] if it cannot be read.
    pub fn record(
        &self,
        _entity: &EntityName,
        _id: &RecordId,
        _viewer: &Writer,
    ) -> Result<Option<RecordNow>, ServeError> {
        Err(ServeError::Busy)
    }

    /// Returns records of an entity as a viewer sees them, in the order of their ids.
    ///
    /// - `after`: the record behind which to begin.
    /// - `limit`: how many at most; a page is also bounded in bytes.
    ///
    /// # Errors
    ///
    /// As [`Served::record`].
    pub fn records(
        &self,
        _entity: &EntityName,
        _after: Option<&RecordId>,
        _limit: usize,
        _viewer: &Writer,
    ) -> Result<RecordList, ServeError> {
        Err(ServeError::Busy)
    }
}
