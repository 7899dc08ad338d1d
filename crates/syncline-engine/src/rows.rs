//! Rows: what the hub keeps, as keys with types and values that only the engine understands.
//!
//! A store keeps rows and knows nothing of their meaning; the engine decides with rows and knows
//! nothing of where they lie. This module is the border between the two: [`Key`] names a row,
//! [`Scan`] names a stretch of rows, [`Batch`] is what one decision writes.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use syncline_model::id::{ClientId, DomainName, EndpointId, EntityName, Position, RecordId, RunId};
use thiserror::Error;

/// Most characters in the id of a conflict: a 256-bit digest in hexadecimal.
pub const CONFLICT_ID_CHARS_MAX: usize = 64;

/// The kinds of rows, in the order of their keys. The names are the glossary's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// The state of each record.
    Records,
    /// The ordered changes.
    Log,
    /// What became of each operation.
    Results,
    /// What is known of each client: its high-water mark and window of results.
    Clients,
    /// What each domain was last known to hold.
    Bases,
    /// Concurrent different values, settled or open.
    Conflicts,
    /// Which of these wait for a person.
    OpenConflicts,
    /// The report of each run.
    Runs,
    /// Each domain's cursor and health.
    Domains,
    /// Writes to domains that a crash may have cut in two.
    Journal,
    /// What each run found of the records that it changed.
    Undo,
    /// The leaves and heads of the audit.
    Audit,
    /// The versions of each entity's schema.
    Schemas,
    /// Single facts about the hub itself.
    Meta,
    /// Where events are delivered to, as the operator has settled it.
    Endpoints,
    /// How far each endpoint has come in the log, and how it is.
    Cursors,
    /// What became of each delivery.
    Deliveries,
    /// Which deliveries are not final, by the record that must stay in order.
    Lanes,
    /// When the first of each lane is to be tried again.
    Due,
    /// The deliveries that were given up.
    DeadLetters,
    /// What was received of each record, so that nothing is applied twice.
    Received,
}

impl Table {
    /// All tables, in the order of their keys.
    pub const ALL: [Self; 21] = [
        Self::Records,
        Self::Log,
        Self::Results,
        Self::Clients,
        Self::Bases,
        Self::Conflicts,
        Self::OpenConflicts,
        Self::Runs,
        Self::Domains,
        Self::Journal,
        Self::Undo,
        Self::Audit,
        Self::Schemas,
        Self::Meta,
        Self::Endpoints,
        Self::Cursors,
        Self::Deliveries,
        Self::Lanes,
        Self::Due,
        Self::DeadLetters,
        Self::Received,
    ];

    /// Returns the table's name, as a person sees it in the store's file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Log => "log",
            Self::Results => "results",
            Self::Clients => "clients",
            Self::Bases => "bases",
            Self::Conflicts => "conflicts",
            Self::OpenConflicts => "open_conflicts",
            Self::Runs => "runs",
            Self::Domains => "domains",
            Self::Journal => "journal",
            Self::Undo => "undo",
            Self::Audit => "audit",
            Self::Schemas => "schemas",
            Self::Meta => "meta",
            Self::Endpoints => "endpoints",
            Self::Cursors => "cursors",
            Self::Deliveries => "deliveries",
            Self::Lanes => "lanes",
            Self::Due => "due",
            Self::DeadLetters => "dead_letters",
            Self::Received => "received",
        }
    }
}

/// Why a text is not part of a key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The id of a conflict is not 1 to 64 lower-case hexadecimal digits.
    #[error(
        "a conflict id has 1 to {CONFLICT_ID_CHARS_MAX} digits of 0-9 and a-f, this has {chars} characters"
    )]
    ConflictId {
        /// Characters found.
        chars: usize,
    },
    /// The name of a fact is not 1 to 64 characters of `a-z`, `0-9`, `_`, `.` and `-`.
    #[error(
        "the name of a fact has 1 to {META_NAME_CHARS_MAX} characters of a-z, 0-9, _, . and -, this has {chars} characters"
    )]
    MetaName {
        /// Characters found.
        chars: usize,
    },
}

impl KeyError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ConflictId { .. } => "CONFLICT_ID_INVALID",
            Self::MetaName { .. } => "META_NAME_INVALID",
        }
    }
}

/// The id of a conflict: 1 to 64 lower-case hexadecimal digits, the same at every site.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConflictId(Arc<str>);

impl ConflictId {
    /// Checks `text` and takes it as it is.
    ///
    /// # Errors
    ///
    /// [`KeyError::ConflictId`] if it is empty, longer than [`CONFLICT_ID_CHARS_MAX`] or holds
    /// anything but `0-9` and `a-f`.
    pub fn new(text: &str) -> Result<Self, KeyError> {
        let hex = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if text.is_empty() || text.len() > CONFLICT_ID_CHARS_MAX || !hex {
            return Err(KeyError::ConflictId { chars: text.chars().count() });
        }
        Ok(Self(text.into()))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConflictId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ConflictId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Most characters in the name of a fact about the hub.
pub const META_NAME_CHARS_MAX: usize = 64;

/// The name of a single fact about the hub: `site`, `clock`, `incarnation`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetaName(Cow<'static, str>);

impl MetaName {
    /// Takes a name that is written in the program.
    ///
    /// # Panics
    ///
    /// While the program is compiled, where the result is a constant, if the name is not 1 to
    /// [`META_NAME_CHARS_MAX`] characters of `a-z`, `0-9`, `_`, `.` and `-`.
    pub const fn literal(name: &'static str) -> Self {
        assert!(is_meta_name(name.as_bytes()), "the name of a fact is a short lower-case word");
        Self(Cow::Borrowed(name))
    }

    /// Checks a name that was read.
    ///
    /// # Errors
    ///
    /// [`KeyError::MetaName`] if [`MetaName::literal`] would not take it.
    pub fn new(name: &str) -> Result<Self, KeyError> {
        if !is_meta_name(name.as_bytes()) {
            return Err(KeyError::MetaName { chars: name.chars().count() });
        }
        Ok(Self(Cow::Owned(name.to_owned())))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MetaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const fn is_meta_name(name: &[u8]) -> bool {
    if name.is_empty() || name.len() > META_NAME_CHARS_MAX {
        return false;
    }
    let mut rest = name;
    while let Some((first, tail)) = rest.split_first() {
        if !matches!(first, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-') {
            return false;
        }
        rest = tail;
    }
    true
}

/// The name of one row.
///
/// Ordered by table, then by the parts of the key in the order in which they are written here;
/// texts by their UTF-8 bytes, numbers as numbers. Every store keeps this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The state of one record.
    Record {
        /// The type of record.
        entity: EntityName,
        /// Which record.
        id: RecordId,
    },
    /// One change of the log.
    Log(Position),
    /// What became of one operation.
    Result {
        /// Who sent the operation.
        client: ClientId,
        /// Which of its operations.
        counter: u64,
    },
    /// What is known of one client.
    Client(ClientId),
    /// What a domain was last known to hold of one record.
    Base {
        /// The domain.
        domain: DomainName,
        /// The type of record.
        entity: EntityName,
        /// Which record.
        id: RecordId,
    },
    /// One conflict of a record.
    Conflict {
        /// The type of record.
        entity: EntityName,
        /// Which record.
        id: RecordId,
        /// Which of its conflicts.
        conflict: ConflictId,
    },
    /// One conflict that waits for a person. The row is empty: [`Key::Conflict`] says the rest.
    OpenConflict {
        /// The type of record.
        entity: EntityName,
        /// Which record.
        id: RecordId,
        /// Which of its conflicts.
        conflict: ConflictId,
    },
    /// The report of one run.
    Run(RunId),
    /// The state of a domain, or of one entity within it.
    Domain {
        /// The domain.
        domain: DomainName,
        /// The entity, or nothing for what concerns the domain as a whole.
        entity: Option<EntityName>,
    },
    /// A write to a domain that is under way.
    Journal {
        /// The run that writes.
        run: RunId,
        /// The domain written to.
        domain: DomainName,
        /// The entity written.
        entity: EntityName,
    },
    /// What a run found of a record that it changed, for its undo.
    Undo {
        /// The run.
        run: RunId,
        /// The type of record.
        entity: EntityName,
        /// Which record.
        id: RecordId,
    },
    /// One entry of the audit, by its number.
    Audit(u64),
    /// One version of an entity's schema.
    Schema {
        /// The type of record.
        entity: EntityName,
        /// Which version.
        version: u32,
    },
    /// A single fact about the hub.
    Meta(MetaName),
    /// One endpoint, as the operator has settled it.
    Endpoint(EndpointId),
    /// How far one endpoint has come in the log, and how it is.
    Cursor(EndpointId),
    /// What became of one event at one endpoint.
    Delivery {
        /// The endpoint.
        endpoint: EndpointId,
        /// The event's place in the log.
        position: Position,
    },
    /// One delivery that is not final. The row is empty: [`Key::Delivery`] says the rest.
    Lane {
        /// The endpoint.
        endpoint: EndpointId,
        /// The type of record.
        entity: EntityName,
        /// Which record.
        id: RecordId,
        /// The event's place in the log.
        position: Position,
    },
    /// The first delivery of a lane that has rows; or, until the next one is known, the one that has just
    /// left it. The row names the lane.
    Due {
        /// When it is to be tried, in milliseconds since the Unix epoch.
        due_ms: u64,
        /// The endpoint.
        endpoint: EndpointId,
        /// The event's place in the log.
        position: Position,
    },
    /// One delivery that was given up.
    DeadLetter {
        /// The endpoint.
        endpoint: EndpointId,
        /// The event's place in the log.
        position: Position,
    },
    /// What was received of one record.
    Received {
        /// Who took it in.
        receiver: DomainName,
        /// The type of record.
        entity: EntityName,
        /// Which record.
        id: RecordId,
    },
}

impl Key {
    /// Returns the table that the row lies in.
    pub const fn table(&self) -> Table {
        match self {
            Self::Record { .. } => Table::Records,
            Self::Log(_) => Table::Log,
            Self::Result { .. } => Table::Results,
            Self::Client(_) => Table::Clients,
            Self::Base { .. } => Table::Bases,
            Self::Conflict { .. } => Table::Conflicts,
            Self::OpenConflict { .. } => Table::OpenConflicts,
            Self::Run(_) => Table::Runs,
            Self::Domain { .. } => Table::Domains,
            Self::Journal { .. } => Table::Journal,
            Self::Undo { .. } => Table::Undo,
            Self::Audit(_) => Table::Audit,
            Self::Schema { .. } => Table::Schemas,
            Self::Meta(_) => Table::Meta,
            Self::Endpoint(_) => Table::Endpoints,
            Self::Cursor(_) => Table::Cursors,
            Self::Delivery { .. } => Table::Deliveries,
            Self::Lane { .. } => Table::Lanes,
            Self::Due { .. } => Table::Due,
            Self::DeadLetter { .. } => Table::DeadLetters,
            Self::Received { .. } => Table::Received,
        }
    }

    /// Returns the length of the key's texts and numbers, in bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Record { entity, id } => entity.as_str().len() + id.as_str().len(),
            Self::Log(_) | Self::Audit(_) => size_of::<u64>(),
            Self::Result { client, .. } => client.as_str().len() + size_of::<u64>(),
            Self::Client(client) => client.as_str().len(),
            Self::Base { domain, entity, id } => {
                domain.as_str().len() + entity.as_str().len() + id.as_str().len()
            }
            Self::Conflict { entity, id, conflict }
            | Self::OpenConflict { entity, id, conflict } => {
                entity.as_str().len() + id.as_str().len() + conflict.as_str().len()
            }
            Self::Run(run) => run.as_str().len(),
            Self::Domain { domain, entity } => {
                domain.as_str().len() + entity.as_ref().map_or(0, |entity| entity.as_str().len())
            }
            Self::Journal { run, domain, entity } => {
                run.as_str().len() + domain.as_str().len() + entity.as_str().len()
            }
            Self::Undo { run, entity, id } => {
                run.as_str().len() + entity.as_str().len() + id.as_str().len()
            }
            Self::Schema { entity, .. } => entity.as_str().len() + size_of::<u32>(),
            Self::Meta(name) => name.as_str().len(),
            Self::Endpoint(endpoint) | Self::Cursor(endpoint) => endpoint.as_str().len(),
            Self::Delivery { endpoint, .. } | Self::DeadLetter { endpoint, .. } => {
                endpoint.as_str().len() + size_of::<u64>()
            }
            Self::Lane { endpoint, entity, id, .. } => {
                let texts = endpoint.as_str().len() + entity.as_str().len() + id.as_str().len();
                texts + size_of::<u64>()
            }
            Self::Due { endpoint, .. } => endpoint.as_str().len() + 2 * size_of::<u64>(),
            Self::Received { receiver, entity, id } => {
                receiver.as_str().len() + entity.as_str().len() + id.as_str().len()
            }
        }
    }

    /// Returns whether the numbers of the key fit the signed 64-bit integers of SQL.
    ///
    /// A client chooses its counters, so a store meets numbers beyond them and refuses the row.
    pub fn fits(&self) -> bool {
        let number = match self {
            Self::Log(Position(number)) | Self::Audit(number) => *number,
            Self::Result { counter, .. } => *counter,
            Self::Delivery { position, .. }
            | Self::Lane { position, .. }
            | Self::DeadLetter { position, .. } => position.0,
            Self::Due { due_ms, position, .. } => position.0.max(*due_ms),
            _ => 0,
        };
        i64::try_from(number).is_ok()
    }
}

/// A stretch of rows of one table, in the order of their keys or, where so named, latest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scan {
    /// The records of one entity, by id.
    Records {
        /// The type of record.
        entity: EntityName,
    },
    /// All records, by entity and id.
    AllRecords,
    /// The log from a position on, that one included.
    Log {
        /// Where to start.
        from: Position,
    },
    /// The log, latest first.
    LogLatest,
    /// The results of one client, by counter.
    Results {
        /// Who sent the operations.
        client: ClientId,
    },
    /// What a domain was last known to hold of one entity, by id.
    Bases {
        /// The domain.
        domain: DomainName,
        /// The type of record.
        entity: EntityName,
    },
    /// All conflicts, by entity, record and id.
    Conflicts,
    /// The conflicts of one record, by id.
    ConflictsOf {
        /// The type of record.
        entity: EntityName,
        /// Which record.
        id: RecordId,
    },
    /// The conflicts of one entity that wait for a person, by record and id.
    OpenConflicts {
        /// The type of record.
        entity: EntityName,
    },
    /// The runs, by id, which is by time.
    Runs,
    /// The runs, latest first.
    RunsLatest,
    /// The domains and their entities; a domain's own row comes first.
    Domains,
    /// The whole journal, by run, domain and entity.
    Journal,
    /// What all runs found, the oldest run first.
    Undo,
    /// The audit from an entry on, that one included.
    Audit {
        /// Where to start.
        from: u64,
    },
    /// The audit, latest first.
    AuditLatest,
    /// The versions of one entity's schema, lowest first.
    Schemas {
        /// The type of record.
        entity: EntityName,
    },
    /// All single facts, by name.
    Meta,
    /// All endpoints, by id.
    Endpoints,
    /// The deliveries of one endpoint from a position on, that one included.
    Deliveries {
        /// The endpoint.
        endpoint: EndpointId,
        /// Where to start.
        from: Position,
    },
    /// The deliveries of one endpoint, latest first.
    DeliveriesLatest {
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// Which deliveries of one endpoint are not final, by record and position.
    Lanes {
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// Which deliveries of one record at one endpoint are not final, by position.
    Lane {
        /// The endpoint.
        endpoint: EndpointId,
        /// The type of record.
        entity: EntityName,
        /// Which record.
        id: RecordId,
    },
    /// The first of each lane that has rows, by the time when it is to be tried.
    Due,
    /// The dead letters of one endpoint, by position.
    DeadLetters {
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// The dead letters of one endpoint, latest first.
    DeadLettersLatest {
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// All rows of a table, in the order of their keys.
    Whole(Table),
}

impl Scan {
    /// Returns the table that the rows lie in.
    pub const fn table(&self) -> Table {
        match self {
            Self::Records { .. } | Self::AllRecords => Table::Records,
            Self::Log { .. } | Self::LogLatest => Table::Log,
            Self::Results { .. } => Table::Results,
            Self::Bases { .. } => Table::Bases,
            Self::Conflicts | Self::ConflictsOf { .. } => Table::Conflicts,
            Self::OpenConflicts { .. } => Table::OpenConflicts,
            Self::Runs | Self::RunsLatest => Table::Runs,
            Self::Domains => Table::Domains,
            Self::Journal => Table::Journal,
            Self::Undo => Table::Undo,
            Self::Audit { .. } | Self::AuditLatest => Table::Audit,
            Self::Schemas { .. } => Table::Schemas,
            Self::Meta => Table::Meta,
            Self::Endpoints => Table::Endpoints,
            Self::Deliveries { .. } | Self::DeliveriesLatest { .. } => Table::Deliveries,
            Self::Lanes { .. } | Self::Lane { .. } => Table::Lanes,
            Self::Due => Table::Due,
            Self::DeadLetters { .. } | Self::DeadLettersLatest { .. } => Table::DeadLetters,
            Self::Whole(table) => *table,
        }
    }

    /// Returns whether the rows come latest first.
    pub const fn is_backward(&self) -> bool {
        matches!(
            self,
            Self::LogLatest
                | Self::RunsLatest
                | Self::AuditLatest
                | Self::DeliveriesLatest { .. }
                | Self::DeadLettersLatest { .. }
        )
    }

    /// Returns whether a row belongs to the stretch.
    pub fn contains(&self, key: &Key) -> bool {
        match (self, key) {
            (Self::Records { entity: wanted }, Key::Record { entity, .. })
            | (Self::OpenConflicts { entity: wanted }, Key::OpenConflict { entity, .. })
            | (Self::Schemas { entity: wanted }, Key::Schema { entity, .. }) => wanted == entity,
            (Self::Log { from }, Key::Log(position)) => position >= from,
            (Self::Audit { from }, Key::Audit(number)) => number >= from,
            (Self::Results { client: wanted }, Key::Result { client, .. }) => wanted == client,
            (
                Self::Bases { domain: wanted_domain, entity: wanted },
                Key::Base { domain, entity, .. },
            ) => wanted_domain == domain && wanted == entity,
            (
                Self::ConflictsOf { entity: wanted, id: wanted_id },
                Key::Conflict { entity, id, .. },
            ) => wanted == entity && wanted_id == id,
            (Self::Deliveries { endpoint: wanted, from }, Key::Delivery { endpoint, position }) => {
                wanted == endpoint && position >= from
            }
            (Self::DeliveriesLatest { endpoint: wanted }, Key::Delivery { endpoint, .. })
            | (Self::Lanes { endpoint: wanted }, Key::Lane { endpoint, .. })
            | (
                Self::DeadLetters { endpoint: wanted }
                | Self::DeadLettersLatest { endpoint: wanted },
                Key::DeadLetter { endpoint, .. },
            ) => wanted == endpoint,
            (
                Self::Lane { endpoint: wanted_endpoint, entity: wanted, id: wanted_id },
                Key::Lane { endpoint, entity, id, .. },
            ) => wanted_endpoint == endpoint && wanted == entity && wanted_id == id,
            _ => self.is_whole_table() && self.table() == key.table(),
        }
    }

    /// Returns a key that stands before every row of a forward stretch, or is its first row.
    ///
    /// No text of a key is empty or holds a control character, so none stands before a space; the
    /// lowest id of an endpoint is a dash.
    pub fn first_key(&self) -> Key {
        let entity = || EntityName::new(" ").expect("invariant: a space is a name");
        let domain = || DomainName::new(" ").expect("invariant: a space is a name");
        let id = || RecordId::new(" ").expect("invariant: a space is an id");
        let run = || RunId::new(" ").expect("invariant: a space is an id");
        let conflict = || ConflictId(Arc::from("0"));
        let endpoint = || EndpointId::new("-").expect("invariant: a dash is an id");
        let start = Position(0);
        match self {
            Self::Records { entity } => Key::Record { entity: entity.clone(), id: id() },
            Self::AllRecords => Key::Record { entity: entity(), id: id() },
            Self::Log { from } => Key::Log(*from),
            Self::LogLatest => Key::Log(Position(0)),
            Self::Results { client } => Key::Result { client: client.clone(), counter: 0 },
            Self::Bases { domain, entity } => {
                Key::Base { domain: domain.clone(), entity: entity.clone(), id: id() }
            }
            Self::Conflicts => Key::Conflict { entity: entity(), id: id(), conflict: conflict() },
            Self::OpenConflicts { entity } => {
                Key::OpenConflict { entity: entity.clone(), id: id(), conflict: conflict() }
            }
            Self::ConflictsOf { entity, id } => {
                Key::Conflict { entity: entity.clone(), id: id.clone(), conflict: conflict() }
            }
            Self::Runs | Self::RunsLatest => Key::Run(run()),
            Self::Domains => Key::Domain { domain: domain(), entity: None },
            Self::Journal => Key::Journal { run: run(), domain: domain(), entity: entity() },
            Self::Undo => Key::Undo { run: run(), entity: entity(), id: id() },
            Self::Audit { from } => Key::Audit(*from),
            Self::AuditLatest => Key::Audit(0),
            Self::Schemas { entity } => Key::Schema { entity: entity.clone(), version: 0 },
            Self::Meta => Key::Meta(MetaName(Cow::Borrowed("-"))),
            Self::Endpoints => Key::Endpoint(endpoint()),
            Self::Deliveries { endpoint, from } => {
                Key::Delivery { endpoint: endpoint.clone(), position: *from }
            }
            Self::DeliveriesLatest { endpoint } => {
                Key::Delivery { endpoint: endpoint.clone(), position: start }
            }
            Self::Lanes { endpoint } => {
                let endpoint = endpoint.clone();
                Key::Lane { endpoint, entity: entity(), id: id(), position: start }
            }
            Self::Lane { endpoint, entity, id } => {
                let (endpoint, entity, id) = (endpoint.clone(), entity.clone(), id.clone());
                Key::Lane { endpoint, entity, id, position: start }
            }
            Self::Due => Key::Due { due_ms: 0, endpoint: endpoint(), position: start },
            Self::DeadLetters { endpoint } | Self::DeadLettersLatest { endpoint } => {
                Key::DeadLetter { endpoint: endpoint.clone(), position: start }
            }
            Self::Whole(table) => Self::first_key_of(*table),
        }
    }

    /// Returns a key that stands before every row of a table, or is its first row.
    fn first_key_of(table: Table) -> Key {
        let entity = || EntityName::new(" ").expect("invariant: a space is a name");
        let domain = || DomainName::new(" ").expect("invariant: a space is a name");
        let id = || RecordId::new(" ").expect("invariant: a space is an id");
        let client = || ClientId::new(" ").expect("invariant: a space is an id");
        let endpoint = || EndpointId::new("-").expect("invariant: a dash is an id");
        match table {
            Table::Records => Self::AllRecords.first_key(),
            Table::Log => Self::LogLatest.first_key(),
            Table::Results => Self::Results { client: client() }.first_key(),
            Table::Clients => Key::Client(client()),
            Table::Bases => Self::Bases { domain: domain(), entity: entity() }.first_key(),
            Table::Conflicts => Self::Conflicts.first_key(),
            Table::OpenConflicts => Self::OpenConflicts { entity: entity() }.first_key(),
            Table::Runs => Self::Runs.first_key(),
            Table::Domains => Self::Domains.first_key(),
            Table::Journal => Self::Journal.first_key(),
            Table::Undo => Self::Undo.first_key(),
            Table::Audit => Self::AuditLatest.first_key(),
            Table::Schemas => Self::Schemas { entity: entity() }.first_key(),
            Table::Meta => Self::Meta.first_key(),
            Table::Endpoints => Self::Endpoints.first_key(),
            Table::Cursors => Key::Cursor(endpoint()),
            Table::Deliveries => Self::DeliveriesLatest { endpoint: endpoint() }.first_key(),
            Table::Lanes => Self::Lanes { endpoint: endpoint() }.first_key(),
            Table::Due => Self::Due.first_key(),
            Table::DeadLetters => Self::DeadLetters { endpoint: endpoint() }.first_key(),
            Table::Received => Key::Received { receiver: domain(), entity: entity(), id: id() },
        }
    }

    /// Returns whether every row of the table belongs to the stretch.
    pub const fn is_whole_table(&self) -> bool {
        matches!(
            self,
            Self::AllRecords
                | Self::LogLatest
                | Self::Conflicts
                | Self::Runs
                | Self::RunsLatest
                | Self::Domains
                | Self::Journal
                | Self::Undo
                | Self::AuditLatest
                | Self::Meta
                | Self::Endpoints
                | Self::Due
                | Self::Whole(_)
        )
    }
}

/// What one decision writes: rows put or deleted, all of them or none.
///
/// Where a key is written more than once, the last write counts.
///
/// ```
/// use syncline_engine::rows::{Batch, Key, MetaName};
///
/// let site = Key::Meta(MetaName::literal("site"));
/// let mut batch = Batch::new();
/// batch.put(site.clone(), b"7".to_vec()).delete(site.clone());
/// assert_eq!(batch.writes(), [(&site, None)]);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Batch {
    writes: Vec<(Key, Option<Vec<u8>>)>,
    bytes: usize,
}

impl Batch {
    /// Returns a batch that writes nothing.
    pub const fn new() -> Self {
        Self { writes: Vec::new(), bytes: 0 }
    }

    /// Adds a row, in the place of one that may be there.
    pub fn put(&mut self, key: Key, value: Vec<u8>) -> &mut Self {
        self.bytes += key.bytes() + value.len();
        self.writes.push((key, Some(value)));
        self
    }

    /// Removes a row, which need not be there.
    pub fn delete(&mut self, key: Key) -> &mut Self {
        self.bytes += key.bytes();
        self.writes.push((key, None));
        self
    }

    /// Adds all writes of `later`, after those already here.
    pub fn append(&mut self, mut later: Self) -> &mut Self {
        self.bytes += later.bytes;
        self.writes.append(&mut later.writes);
        self
    }

    /// Returns whether nothing is written.
    pub const fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Returns how many writes were added; a key written twice counts twice.
    pub const fn len(&self) -> usize {
        self.writes.len()
    }

    /// Returns the length of all keys and values added, in bytes.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the writes in the order in which they were added; `None` deletes.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, Option<&[u8]>)> {
        self.writes.iter().map(|(key, value)| (key, value.as_deref()))
    }

    /// Puts the writes in the order of their keys, each key once, with its last value.
    pub fn sort(&mut self) {
        self.writes.reverse();
        // Latest first, and the sort keeps the order of equals: the first of each key is its last write.
        self.writes.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.writes.dedup_by(|(later, _), (kept, _)| later == kept);
        self.bytes =
            self.writes.iter().map(|(key, v)| key.bytes() + v.as_ref().map_or(0, Vec::len)).sum();
    }

    /// Returns what a batch that is [sorted](Self::sort) writes at a key: `Some(None)` if it deletes
    /// the row, `None` if it does not touch it.
    pub fn find_sorted(&self, key: &Key) -> Option<Option<&[u8]>> {
        let at = self.writes.binary_search_by(|(written, _)| written.cmp(key)).ok()?;
        self.writes.get(at).map(|(_, value)| value.as_deref())
    }

    /// Returns the writes of a batch that is [sorted](Self::sort) from a key on.
    pub fn from_sorted(&self, first: &Key) -> impl Iterator<Item = (&Key, Option<&[u8]>)> {
        let at = self.writes.partition_point(|(written, _)| written < first);
        self.writes.iter().skip(at).map(|(key, value)| (key, value.as_deref()))
    }

    /// Returns the writes in the order of their keys, each key once, with its last value; `None`
    /// deletes. Costs a sort.
    pub fn writes(&self) -> Vec<(&Key, Option<&[u8]>)> {
        let mut sorted: Vec<(&Key, Option<&[u8]>)> =
            self.writes.iter().rev().map(|(key, value)| (key, value.as_deref())).collect();
        // Latest first, and the sort keeps the order of equals: the first of each key is its last write.
        sorted.sort_by_key(|(key, _)| *key);
        sorted.dedup_by_key(|(key, _)| *key);
        sorted
    }
}

/// Shows names and sizes, never a value.
impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes =
            |(key, value): &(Key, Option<Vec<u8>>)| (key.clone(), value.as_ref().map(Vec::len));
        f.debug_map().entries(self.writes.iter().map(sizes)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn meta(name: &str) -> Key {
        Key::Meta(MetaName::new(name).unwrap())
    }

    #[test]
    fn the_last_write_of_a_key_counts_and_keys_come_sorted() {
        let mut later = Batch::new();
        later.put(meta("a"), vec![3]);
        let mut batch = Batch::new();
        batch.put(meta("b"), vec![1]).put(meta("a"), vec![2]).delete(meta("b"));
        batch.append(later);
        let (a, b) = (meta("a"), meta("b"));
        assert_eq!(batch.writes(), [(&a, Some(&[3][..])), (&b, None)]);
        assert_eq!((batch.len(), batch.bytes()), (4, 7));
    }

    #[test]
    fn a_batch_shows_sizes_and_no_values() {
        let mut batch = Batch::new();
        batch.put(meta("a"), b"secret".to_vec()).delete(meta("b"));
        assert_eq!(format!("{batch:?}"), "{Meta(a): Some(6), Meta(b): None}");
    }

    #[test]
    fn names_within_keys_are_checked() {
        let long = "a".repeat(65);
        let cases = [
            ("empty", "", false, false),
            ("digits of hex", "0af9", true, true),
            ("a word", "site.clock-1_x", false, true),
            ("upper case", "AB", false, false),
            ("one past the bound", long.as_str(), false, false),
            ("at the bound", &long[1..], true, true),
        ];
        for (name, text, conflict, meta) in cases {
            assert_eq!(ConflictId::new(text).is_ok(), conflict, "case: {name}");
            assert_eq!(MetaName::new(text).is_ok(), meta, "case: {name}");
        }
    }

    #[test]
    fn a_number_beyond_sql_does_not_fit() {
        let client = ClientId::new("phone").unwrap();
        let cases = [(i64::MAX as u64, true), (i64::MAX as u64 + 1, false), (u64::MAX, false)];
        for (number, fits) in cases {
            assert_eq!(Key::Log(Position(number)).fits(), fits, "{number}");
            assert_eq!(Key::Audit(number).fits(), fits, "{number}");
            assert_eq!(Key::Result { client: client.clone(), counter: number }.fits(), fits);
            let (endpoint, position) = (EndpointId::new("e").unwrap(), Position(1));
            let due = Key::Due { due_ms: number, endpoint, position };
            assert_eq!(due.fits(), fits);
        }
    }

    proptest! {
        #[test]
        fn a_batch_is_a_map_written_in_order(
            writes in prop::collection::vec(("[a-d]", prop::option::of(0u8..9)), 0..20)
        ) {
            let mut batch = Batch::new();
            let mut model = std::collections::BTreeMap::new();
            for (name, value) in &writes {
                match value {
                    Some(value) => batch.put(meta(name), vec![*value]),
                    None => batch.delete(meta(name)),
                };
                model.insert(meta(name), value.map(|value| vec![value]));
            }
            let expected: Vec<_> = model.iter().map(|(key, value)| (key, value.as_deref())).collect();
            prop_assert_eq!(batch.writes(), expected);
        }
    }
}
