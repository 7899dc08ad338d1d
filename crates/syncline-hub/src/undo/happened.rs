//! What a run did, what came after it, and what the files held before it.

use std::collections::{BTreeMap, BTreeSet};

use syncline_domains::files::document::Document;
use syncline_engine::link::Side;
use syncline_engine::log::LogEntry;
use syncline_engine::rows::Scan;
use syncline_engine::sync::Naming;
use syncline_engine::undo::FoundBase;
use syncline_merge::display::Fields;
use syncline_model::id::{EntityName, Position, RecordId, RunId};
use syncline_model::json::fields::flatten;

use super::files::Return;
use crate::error::HubError;
use crate::hub::Hub;
use crate::request::FileEntity;
use crate::runs::decode_entry;

/// A record, by its entity.
pub(super) type RecordKey = (EntityName, RecordId);

/// A record in one domain.
pub(super) type SideRecord = (Side, EntityName, RecordId);

/// What a run did at the hub, and what came after.
pub(super) struct Happened {
    /// The changes of the run, in order, by record.
    touched: BTreeMap<RecordKey, Vec<LogEntry>>,
    /// Records that were changed after the run.
    since: BTreeSet<RecordKey>,
}

impl Happened {
    /// Returns whether a record was changed after the run.
    pub(super) fn is_changed_since(&self, key: &RecordKey) -> bool {
        self.since.contains(key)
    }

    /// Returns the records of an entity that the run changed at the hub.
    pub(super) fn touched_of(&self, entity: &EntityName) -> impl Iterator<Item = &RecordId> {
        self.touched.keys().filter(move |(of, _)| of == entity).map(|(_, id)| id)
    }

    /// Returns the run's changes of a record, in order.
    pub(super) fn entries(&self, entity: &EntityName, id: &RecordId) -> &[LogEntry] {
        let key = (entity.clone(), id.clone());
        self.touched.get(&key).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the records of an entity that go back: what the run changed, and what it wrote
    /// without a change of its own, but for what is left.
    pub(super) fn returning(
        &self,
        entity: &EntityName,
        returns: &[Return],
        left: &[SideRecord],
    ) -> BTreeSet<RecordId> {
        let in_files = returns.iter().filter(|back| back.entity == *entity);
        let in_files = in_files.flat_map(|back| &back.records);
        let mut ids: BTreeSet<RecordId> =
            self.touched_of(entity).chain(in_files).cloned().collect();
        ids.retain(|id| !self.since.contains(&(entity.clone(), id.clone())));
        for (_, of, id) in left {
            if of == entity {
                ids.remove(id);
            }
        }
        ids
    }
}

/// The files of one entity that go back, to look up what they held before the run.
pub(super) struct InFiles<'a> {
    sides: [Option<&'a Return>; 2],
}

impl<'a> InFiles<'a> {
    pub(super) fn of(entity: &FileEntity, returns: &'a [Return]) -> Self {
        let of = |side| {
            returns.iter().find(|back| back.side == side && back.entity == entity.entity.name)
        };
        Self { sides: Side::BOTH.map(of) }
    }

    /// Returns what a domain's file held of a record before the run; nothing if the file does not
    /// go back.
    ///
    /// - `found`: what the run found of the domain, if that is kept.
    pub(super) fn held(
        &self,
        side: Side,
        entity: &FileEntity,
        id: &RecordId,
        found: Option<&FoundBase>,
    ) -> Option<Option<Fields>> {
        let back = self.of_side(side)?;
        Some(item_of(&back.earlier, entity, id, &back.names_before(id, found)))
    }

    /// Returns the file of a side, if it goes back.
    pub(super) const fn of_side(&self, side: Side) -> Option<&'a Return> {
        self.sides[side.index()]
    }
}

/// Returns the fields of an item of a file, under the names of the hub.
pub(super) fn item_of(
    file: &Document<'_>,
    entity: &FileEntity,
    id: &RecordId,
    naming: &Naming,
) -> Option<Fields> {
    let mut fields = flatten(file.raw(file.item(id)?)).ok()?;
    fields.retain(|(path, _)| *path != entity.entity.id_path);
    Some(naming.to_hub(fields))
}

impl Hub {
    /// Returns what a run did, and what came after.
    ///
    /// A run without changes of its own has no place in the log; what came after it is told by the
    /// names of the runs, which ascend by time.
    pub(super) fn happened(&self, run: &RunId) -> Result<Happened, HubError> {
        let mut touched: BTreeMap<RecordKey, Vec<LogEntry>> = BTreeMap::new();
        let (mut since, mut later) = (BTreeSet::new(), BTreeSet::new());
        self.for_each(&Scan::Log { from: Position(0) }, |_, bytes| {
            let entry = decode_entry(bytes)?;
            let key = (entry.entity.clone(), entry.id.clone());
            if entry.run.as_ref() == Some(run) {
                touched.entry(key).or_default().push(entry);
            } else if !touched.is_empty() {
                since.insert(key);
            } else if entry.run.as_ref().is_none_or(|other| other > run) {
                later.insert(key);
            }
            Ok(())
        })?;
        let since = if touched.is_empty() { later } else { since };
        Ok(Happened { touched, since })
    }
}
