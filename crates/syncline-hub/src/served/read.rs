//! Records as they are now.

use std::ops::ControlFlow;

use syncline_engine::conflicts::ConflictRow;
use syncline_engine::facts;
use syncline_engine::feed::bytes_of_fields;
use syncline_engine::rows::{Key, Scan};
use syncline_engine::seen;
use syncline_merge::codec::decode_record;
use syncline_merge::conflict::conflicts;
use syncline_merge::display::{Fields, visible};
use syncline_merge::rules::EntityRules;
use syncline_merge::state::Record;
use syncline_merge::token::Token;
use syncline_model::id::{EntityName, Position, RecordId, Writer};
use syncline_policy::view::{Lens, Sight};
use syncline_protocol::change::OpenConflict;
use syncline_protocol::limits::PULL_BYTES;
use syncline_protocol::outcome::Seen;
use syncline_protocol::token::TokenText;
use syncline_store::Read;

use super::{ServeError, Served};
use crate::error::HubError;
use crate::limits::{PAGE_RECORDS_MAX, RECORDS_LISTED_MAX};

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
    /// As of where in the log.
    pub position: Position,
}

impl Served {
    /// Returns a record as a viewer sees it; `None` if the hub knows nothing of it.
    ///
    /// # Errors
    ///
    /// [`ServeError::EntityUnknown`], or [`ServeError::Hub`] if it cannot be read.
    pub fn record(
        &self,
        entity: &EntityName,
        id: &RecordId,
        viewer: &Writer,
    ) -> Result<Option<RecordNow>, ServeError> {
        self.record_for(&Sight::everything(&[]), entity, id, viewer)
    }

    /// As [`Served::record`], as far as it is in sight; `None` also if it is not, or was deleted and
    /// something is kept from the viewer.
    ///
    /// # Errors
    ///
    /// As [`Served::record`].
    pub fn record_for(
        &self,
        sight: &Sight,
        entity: &EntityName,
        id: &RecordId,
        viewer: &Writer,
    ) -> Result<Option<RecordNow>, ServeError> {
        let rules = self.rules_of(entity)?;
        let rows = self.reader()?;
        let end = end_of_log(&*rows)?;
        let Some(bytes) = rows.get(&Key::Record { entity: entity.clone(), id: id.clone() })? else {
            return Ok(None);
        };
        let record = decode_record(&bytes)
            .map_err(|source| HubError::Damaged { table: "records", source })?;
        Ok(self.now(sight, (entity, id), &record, rules, viewer, end))
    }

    /// Returns whether the hub holds all of a record that whoever was given this version had seen.
    ///
    /// # Errors
    ///
    /// [`ServeError::Token`] if the hub never gave it out for the record, and as [`Served::record`].
    pub fn holds(
        &self,
        entity: &EntityName,
        id: &RecordId,
        version: &TokenText,
    ) -> Result<bool, ServeError> {
        let seen = self.seen_by(entity, id, version)?;
        let rows = self.reader()?;
        let Some(bytes) = rows.get(&Key::Record { entity: entity.clone(), id: id.clone() })? else {
            return Ok(false);
        };
        let record = decode_record(&bytes)
            .map_err(|source| HubError::Damaged { table: "records", source })?;
        Ok(record.version.includes(&seen.version))
    }

    /// Returns what whoever was given a version of a record had seen of it.
    ///
    /// # Errors
    ///
    /// [`ServeError::Token`] if the hub never gave it out for the record.
    pub fn seen_by(
        &self,
        entity: &EntityName,
        id: &RecordId,
        version: &TokenText,
    ) -> Result<Token, ServeError> {
        Ok(self.key().open(version, entity, id)?)
    }

    /// Returns records of an entity that are there as a viewer sees them, in the order of their ids.
    ///
    /// - `after`: the record behind which to begin.
    /// - `limit`: how many at most, up to [`RECORDS_LISTED_MAX`]; the list is bounded in bytes, too.
    ///
    /// # Errors
    ///
    /// As [`Served::record`].
    pub fn records(
        &self,
        entity: &EntityName,
        after: Option<&RecordId>,
        limit: usize,
        viewer: &Writer,
    ) -> Result<RecordList, ServeError> {
        self.records_for(&Sight::everything(&[]), entity, after, limit, viewer)
    }

    /// As [`Served::records`], of those that are in sight.
    ///
    /// # Errors
    ///
    /// As [`Served::record`].
    pub fn records_for(
        &self,
        sight: &Sight,
        entity: &EntityName,
        after: Option<&RecordId>,
        limit: usize,
        viewer: &Writer,
    ) -> Result<RecordList, ServeError> {
        let rules = self.rules_of(entity)?;
        let limit = limit.clamp(1, RECORDS_LISTED_MAX);
        let rows = self.reader()?;
        let position = end_of_log(&*rows)?;
        let key = |id: &RecordId| Key::Record { entity: entity.clone(), id: id.clone() };
        let (mut records, mut bytes, mut looked_at) = (Vec::new(), 0, 0);
        let (mut last, mut is_full) = (None, false);
        let scan = Scan::Records { entity: entity.clone() };
        rows.scan(&scan, after.map(key).as_ref(), usize::MAX, &mut |key, value| {
            let Key::Record { id, .. } = key else { return ControlFlow::Continue(()) };
            is_full = looked_at >= PAGE_RECORDS_MAX;
            if is_full {
                return ControlFlow::Break(());
            }
            looked_at += 1;
            // A state that cannot be read holds up only itself.
            if let Ok(record) = decode_record(value) {
                let now = self.now(sight, (entity, id), &record, rules, viewer, position);
                if let Some(now) = now
                    && let Some(fields) = &now.fields
                {
                    // Whether there are more is said of those in sight.
                    is_full = records.len() >= limit || bytes >= PULL_BYTES;
                    if is_full {
                        return ControlFlow::Break(());
                    }
                    bytes += bytes_of_fields(fields);
                    records.push(now);
                }
            }
            last = Some(id.clone());
            ControlFlow::Continue(())
        })?;
        Ok(RecordList { records, next: last.filter(|_| is_full), position })
    }

    pub(super) fn rules_of(&self, entity: &EntityName) -> Result<&EntityRules, ServeError> {
        self.entities().rules(entity).ok_or(ServeError::EntityUnknown)
    }

    pub(super) fn now(
        &self,
        sight: &Sight,
        (entity, id): (&EntityName, &RecordId),
        record: &Record,
        rules: &EntityRules,
        viewer: &Writer,
        position: Position,
    ) -> Option<RecordNow> {
        let lens = lens_of(sight, entity, record, rules)?;
        let token = seen::token(record, rules, viewer, &lens);
        let mut conflicts = open_conflicts(entity, id, record, rules);
        conflicts.retain(|conflict| seen::shows_conflict(&conflict.path, record, &lens));
        Some(RecordNow {
            id: id.clone(),
            fields: seen::record(record, rules, viewer, &lens),
            seen: Seen { position, version: self.key_for(sight).sign(&token, entity, id) },
            conflicts,
        })
    }
}

/// Returns which fields of a record are in sight; `None` if it is not, or is not there and something is
/// kept from the viewer.
pub(super) fn lens_of<'s>(
    sight: &'s Sight,
    entity: &EntityName,
    record: &Record,
    rules: &EntityRules,
) -> Option<Lens<'s>> {
    if sight.is_everything() {
        return Some(Lens::ALL);
    }
    sight.look(entity, &visible(record, rules, None)?)
}

/// Returns where the log ends, at the moment of reading.
pub(super) fn end_of_log(rows: &dyn Read) -> Result<Position, ServeError> {
    let Some(bytes) = rows.get(&Key::Meta(facts::POSITION))? else {
        return Ok(Position(0));
    };
    let bytes = bytes.try_into().map_err(|_| HubError::Row { table: "meta" })?;
    Ok(Position(u64::from_be_bytes(bytes)))
}

/// Returns the conflicts of a record that wait for a person.
pub(super) fn open_conflicts(
    entity: &EntityName,
    id: &RecordId,
    record: &Record,
    rules: &EntityRules,
) -> Vec<OpenConflict> {
    let open = conflicts(record, rules).into_iter().filter(|conflict| conflict.open);
    let told = |conflict: syncline_merge::conflict::Conflict| OpenConflict {
        id: conflict.id(entity, id).into(),
        path: conflict.path,
    };
    open.map(told).collect()
}

/// Returns conflicts of a stretch, as they are listed.
pub(super) fn rows_of(
    rows: &dyn Read,
    scan: &Scan,
    after: Option<&Key>,
    limit: usize,
) -> Result<Vec<(Key, ConflictRow)>, ServeError> {
    let (mut found, mut is_damaged) = (Vec::new(), false);
    rows.scan(scan, after, limit, &mut |key, bytes| match ConflictRow::decode(bytes) {
        Ok(row) => {
            found.push((key.clone(), row));
            ControlFlow::Continue(())
        }
        Err(_) => {
            is_damaged = true;
            ControlFlow::Break(())
        }
    })?;
    if is_damaged {
        return Err(HubError::Row { table: "conflicts" }.into());
    }
    Ok(found)
}
