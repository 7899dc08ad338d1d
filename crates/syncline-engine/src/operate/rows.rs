//! The rows that a group of operations is decided on.

use std::collections::BTreeMap;
use std::sync::Arc;

use syncline_merge::codec::decode_record;
use syncline_merge::conflict::conflicts;
use syncline_merge::display::Fields;
use syncline_merge::state::Record;
use syncline_model::id::{ClientId, EntityName, RecordId};

use super::Entities;
use crate::conflicts::ConflictRow;
use crate::results::ClientResults;

/// Names a record.
pub(super) type RecordKey = (EntityName, RecordId);

/// One record, as the operations before have left it.
#[derive(Clone, Debug, Default)]
pub(super) struct Loaded {
    /// The state as it is stored, or as it is going to be.
    pub(super) bytes: Option<Vec<u8>>,
    /// The state; `None` if there is none.
    pub(super) record: Option<Record>,
    /// Whether the stored state cannot be read.
    pub(super) damaged: bool,
    /// Whether an operation of the group has changed it.
    pub(super) changed: bool,
    /// The conflicts that are listed of it.
    pub(super) listed: Vec<ConflictRow>,
    /// What is shown of it to who has no value of its own, once it was asked for.
    pub(super) shown: Option<Option<Arc<Fields>>>,
}

/// The rows that a group of operations needs: records, their listed conflicts, and the results of
/// the clients.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    pub(super) records: BTreeMap<RecordKey, Loaded>,
    pub(super) clients: BTreeMap<ClientId, ClientResults>,
}

impl Rows {
    /// Returns no rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record as it is stored; `None` if it is not there.
    ///
    /// A state that cannot be read rejects the operations on its record, and no others.
    pub fn add_record(&mut self, entity: EntityName, id: RecordId, bytes: Option<Vec<u8>>) {
        let mut loaded = Loaded { bytes, ..Loaded::default() };
        loaded.read();
        self.records.insert((entity, id), loaded);
    }

    /// Returns the records whose state holds conflicts: the shell adds the rows that list them.
    ///
    /// A record without conflicts has none listed that a new change could touch.
    pub fn contested(&self, entities: &Entities) -> Vec<(EntityName, RecordId)> {
        let contested = |(key, loaded): (&RecordKey, &Loaded)| {
            let record = loaded.record.as_ref()?;
            let rules = entities.rules(&key.0)?;
            (!conflicts(record, rules).is_empty()).then(|| key.clone())
        };
        self.records.iter().filter_map(contested).collect()
    }

    /// Adds a listed conflict of a record that was added before.
    pub fn add_conflict(&mut self, row: ConflictRow) {
        let key = (row.entity.clone(), row.id.clone());
        if let Some(loaded) = self.records.get_mut(&key) {
            loaded.listed.push(row);
        }
    }

    /// Adds what is known of a client.
    pub fn add_client(&mut self, client: ClientId, results: ClientResults) {
        self.clients.insert(client, results);
    }
}

impl Loaded {
    /// Reads the state from its bytes.
    pub(super) fn read(&mut self) {
        let record = self.bytes.as_deref().map(decode_record).transpose();
        self.damaged = record.is_err();
        self.record = record.ok().flatten();
    }

    /// Takes another state, its bytes, and what is shown of it to who has no value of its own.
    pub(super) fn put(&mut self, record: Record, bytes: Vec<u8>, shown: Option<Arc<Fields>>) {
        self.record = Some(record);
        self.bytes = Some(bytes);
        self.shown = Some(shown);
        self.changed = true;
    }
}
