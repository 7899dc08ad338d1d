//! Bringing records forward to the latest version of their schema, page by page.
//!
//! What is found out here is pushed as operations like any client's, so it is merged, told, logged and
//! audited as those are. Each says that it was made at the beginning of time: whatever somebody writes at
//! the same time wins, and is brought over by the next page that meets it.

use std::num::NonZeroU32;

use syncline_merge::diff::difference;
use syncline_merge::operation::Effect;
use syncline_model::id::{EntityName, RecordId, Writer};
use syncline_model::schema::{Forward, LeftAlone, SchemaVersion};
use syncline_policy::view::Sight;
use syncline_protocol::operation::Operation;

use super::{ServeError, Served};
use crate::error::HubError;
use crate::schemas;

/// What a page of records needs to be of the latest version.
#[derive(Clone, Debug, PartialEq)]
pub struct Forwarding {
    /// The versions that it begins and ends with.
    pub versions: (SchemaVersion, SchemaVersion),
    /// What is to be pushed, each with the counter 0.
    pub operations: Vec<Operation>,
    /// How many records need nothing.
    pub unchanged: u64,
    /// Which records stay as they are, for somebody to look at.
    pub left: Vec<(RecordId, Left)>,
    /// Behind which record to go on; `None` if these were the last.
    pub next: Option<RecordId>,
}

/// Why a record stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// A conflict waits for a person: moving a field would decide it.
    ConflictOpen,
    /// No step knows what to do with it.
    Alone(LeftAlone),
}

impl Served {
    /// Returns what a page of records needs to be of the latest version of their schema. Nothing is changed.
    ///
    /// - `from`: the oldest version that is looked for; the one before the latest without it.
    /// - `after`: the record behind which to begin.
    /// - `limit`: how many records at most.
    /// - `viewer`: who asks for it.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if no migrations lead there, or if they cannot be done wherever there is
    /// something to do; and as [`Served::records`].
    pub fn forwarding(
        &self,
        entity: &EntityName,
        from: Option<NonZeroU32>,
        after: Option<&RecordId>,
        limit: usize,
        viewer: &Writer,
    ) -> Result<Forwarding, ServeError> {
        let rules = self.rules_of(entity)?;
        let rows = schemas::versions(&*self.reader()?, entity)?;
        let latest = rows.last().map_or(0, |row| row.version);
        let from = from.map_or_else(|| latest.saturating_sub(1).max(1), NonZeroU32::get);
        let versions = (SchemaVersion(from), SchemaVersion(latest));
        let migrations = schemas::migrations(&rows)?;
        let chain = migrations.chain(versions.0, versions.1).map_err(HubError::from)?;
        let forward = Forward::new(chain.migrations()).map_err(HubError::from)?;
        let page = self.records_for(&Sight::everything(&[]), entity, after, limit, viewer)?;
        let mut forwarding = Forwarding {
            versions,
            operations: Vec::new(),
            unchanged: 0,
            left: Vec::new(),
            next: page.next,
        };
        for record in page.records {
            let Some(fields) = record.fields else { continue };
            let brought = match forward.fields(&fields) {
                Ok(brought) if brought == fields => {
                    forwarding.unchanged += 1;
                    continue;
                }
                Ok(_) if !record.conflicts.is_empty() => Err(Left::ConflictOpen),
                brought => brought.map_err(Left::Alone),
            };
            match brought {
                Err(left) => forwarding.left.push((record.id, left)),
                Ok(brought) => forwarding.operations.push(Operation {
                    counter: 0,
                    entity: entity.clone(),
                    id: record.id,
                    base: Some(record.seen.version),
                    effect: Effect::Write(difference(rules, &fields, &brought).operations),
                    deltas: Vec::new(),
                    edited_ms: 0,
                    after: Vec::new(),
                }),
            }
        }
        Ok(forwarding)
    }
}

impl Left {
    /// Returns the stable code of the reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ConflictOpen => "SCHEMA_CONFLICT_OPEN",
            Self::Alone(why) => why.code(),
        }
    }
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ConflictOpen => f.write_str("a conflict of the record waits for a decision"),
            Self::Alone(why) => why.fmt(f),
        }
    }
}
