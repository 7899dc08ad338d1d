//! The schemas of entities, version by version.
//!
//! A schema says to people and programs what a record holds, and whether a new version of it agrees
//! with the one before. It changes nothing about how records are merged, and no operation is refused
//! by it. A version may have a migration that leads to it from the version before.

use std::ops::ControlFlow;

use syncline_engine::rows::{Key, Scan, Table};
use syncline_engine::sync::Transaction;
use syncline_model::id::EntityName;
use syncline_model::json::{Json, Object, parse};
use syncline_model::limits::SCHEMA_VERSIONS_MAX;
use syncline_model::schema::{
    Breaks, Finding, Migration, Migrations, RegisterError, SchemaId, SchemaVersion, check_schema,
    compare,
};
use syncline_store::Read;

use crate::error::HubError;
use crate::hub::Hub;
use crate::limits::SCHEMA_BYTES_MAX;
use crate::request::Actor;

/// One version of an entity's schema.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaRow {
    /// The type of record.
    pub entity: EntityName,
    /// Which version; the first is 1.
    pub version: u32,
    /// The schema.
    pub schema: Json,
    /// Who registered it.
    pub by: String,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// How records get here from the version before.
    pub migration: Option<Migration>,
}

/// What became of a schema that was to be registered.
#[derive(Clone, Debug, PartialEq)]
pub enum Registered {
    /// It is a new version.
    New(SchemaRow),
    /// It is the latest version already.
    Known(SchemaRow),
}

impl SchemaRow {
    /// Returns the digest that a schema is recognised by.
    pub fn id(&self) -> SchemaId {
        SchemaId::of(&self.schema)
    }

    fn encode(&self) -> Vec<u8> {
        let mut row = Object::new();
        row.insert("schema", self.schema.clone());
        row.insert("by", self.by.as_str());
        row.insert("atMs", self.at_ms);
        if let Some(migration) = &self.migration {
            row.insert("migration", migration.to_json());
        }
        Json::Object(row).to_compact_string().into_bytes()
    }

    fn decode(entity: &EntityName, version: u32, bytes: &[u8]) -> Option<Self> {
        let row = parse(bytes).ok()?;
        let row = row.as_object()?;
        let at_ms = row.get("atMs")?.as_number()?.to_i64()?;
        Some(Self {
            entity: entity.clone(),
            version,
            schema: row.get("schema")?.clone(),
            by: row.get("by")?.as_str()?.to_owned(),
            at_ms: u64::try_from(at_ms).ok()?,
            migration: row.get("migration").map(Migration::from_json).transpose().ok()?,
        })
    }
}

/// Returns the versions of an entity's schema, the first one first.
pub(crate) fn versions(rows: &dyn Read, entity: &EntityName) -> Result<Vec<SchemaRow>, HubError> {
    listed(rows, &Scan::Schemas { entity: entity.clone() }, None, usize::MAX)
}

/// Returns the versions of an entity's schema with the ways between them.
///
/// # Errors
///
/// [`HubError::Migration`] if they contradict one another.
pub(crate) fn migrations(versions: &[SchemaRow]) -> Result<Migrations, HubError> {
    let mut migrations = Migrations::new();
    for row in versions {
        migrations.declare(SchemaVersion(row.version), row.id())?;
        if let Some(migration) = &row.migration {
            migrations.register(migration.clone())?;
        }
    }
    Ok(migrations)
}

/// Returns versions of schemas of a stretch, behind a key.
pub(crate) fn listed(
    rows: &dyn Read,
    scan: &Scan,
    after: Option<&Key>,
    limit: usize,
) -> Result<Vec<SchemaRow>, HubError> {
    let (mut found, mut is_damaged) = (Vec::new(), false);
    rows.scan(scan, after, limit, &mut |key, bytes| {
        let Key::Schema { entity, version } = key else { return ControlFlow::Continue(()) };
        match SchemaRow::decode(entity, *version, bytes) {
            Some(row) => found.push(row),
            None => is_damaged = true,
        }
        ControlFlow::Continue(())
    })?;
    if is_damaged { Err(HubError::Row { table: "schemas" }) } else { Ok(found) }
}

/// Checks a schema, and returns in what it differs from an earlier one.
///
/// # Errors
///
/// [`HubError::SchemaMalformed`] if it is not understood or too long.
pub(crate) fn differences(older: Option<&Json>, newer: &Json) -> Result<Vec<Finding>, HubError> {
    if newer.to_compact_string().len() > SCHEMA_BYTES_MAX {
        let reason = "it is longer than a schema may be";
        return Err(HubError::SchemaMalformed { at: String::new(), reason });
    }
    check_schema(newer)
        .map_err(|error| HubError::SchemaMalformed { at: error.at, reason: error.reason })?;
    Ok(older.map(|older| compare(older, newer)).unwrap_or_default())
}

impl Hub {
    /// Returns the latest version of every entity's schema, by entity.
    ///
    /// # Errors
    ///
    /// [`HubError::Row`] if one cannot be understood.
    pub fn schemas(&self) -> Result<Vec<SchemaRow>, HubError> {
        let mut latest: Vec<SchemaRow> = Vec::new();
        for row in listed(&*self.store, &Scan::Whole(Table::Schemas), None, usize::MAX)? {
            // Versions of one entity stand together, the latest last.
            latest.pop_if(|before| before.entity == row.entity);
            latest.push(row);
        }
        Ok(latest)
    }

    /// Registers the next version of an entity's schema.
    ///
    /// - `accepts_breaks`: whether it may break what older writers send.
    ///
    /// # Errors
    ///
    /// - [`HubError::SchemaMalformed`] if it is not understood.
    /// - [`HubError::SchemaBreaks`] if it does not take what older writers send.
    /// - [`HubError::SchemasFull`] if there are as many versions as there may be.
    pub(crate) fn register_schema(
        &mut self,
        entity: &EntityName,
        schema: Json,
        accepts_breaks: bool,
        actor: &Actor,
    ) -> Result<Registered, HubError> {
        let latest = versions(&*self.store, entity)?.pop();
        let findings = differences(latest.as_ref().map(|row| &row.schema), &schema)?;
        let version = match latest {
            Some(row) if row.id() == SchemaId::of(&schema) => return Ok(Registered::Known(row)),
            Some(row) => row.version.saturating_add(1),
            None => 1,
        };
        let breaks = findings.iter().filter(|one| one.breaks == Breaks::OlderWriters).count();
        if breaks > 0 && !accepts_breaks {
            return Err(HubError::SchemaBreaks { count: breaks });
        }
        if usize::try_from(version).is_ok_and(|version| version > SCHEMA_VERSIONS_MAX) {
            return Err(HubError::SchemasFull);
        }
        let run = self.begin_run()?;
        let by = actor.user.clone().unwrap_or_else(|| "admin".to_owned());
        let entity = entity.clone();
        let row = SchemaRow { entity, version, schema, by, at_ms: run.at_ms, migration: None };
        let mut transaction = Transaction::new(run, self.position);
        let key = Key::Schema { entity: row.entity.clone(), version };
        transaction.batch.put(key, row.encode());
        let mut details = Object::new();
        details.insert("entity", row.entity.as_str());
        details.insert("version", u64::from(version));
        details.insert("id", row.id().to_string());
        details.insert("breaks", breaks as u64);
        let clock = self.clock;
        self.commit_noted(transaction, clock, "SCHEMA", "SCHEMA_REGISTERED", actor, details)?;
        Ok(Registered::New(row))
    }

    /// Registers how records get from one version of an entity's schema to the next.
    ///
    /// # Errors
    ///
    /// - [`HubError::MigrationSkips`] if it does not lead from one version to the next.
    /// - [`HubError::Migration`] if it names a version that there is not, differs from the one that is
    ///   known, or uses a removed name again.
    pub(crate) fn register_migration(
        &mut self,
        entity: &EntityName,
        migration: Migration,
        actor: &Actor,
    ) -> Result<Registered, HubError> {
        let (from, to) = (migration.from(), migration.to());
        if from.0.checked_add(1) != Some(to.0) {
            return Err(HubError::MigrationSkips { from, to });
        }
        let rows = versions(&*self.store, entity)?;
        migrations(&rows)?.register(migration.clone())?;
        let unknown = RegisterError::UnknownVersion { version: to };
        let row = rows.into_iter().find(|row| row.version == to.0).ok_or(unknown)?;
        if row.migration.is_some() {
            return Ok(Registered::Known(row));
        }
        let row = SchemaRow { migration: Some(migration), ..row };
        let mut transaction = Transaction::new(self.begin_run()?, self.position);
        let key = Key::Schema { entity: row.entity.clone(), version: row.version };
        transaction.batch.put(key, row.encode());
        let mut details = Object::new();
        details.insert("entity", row.entity.as_str());
        details.insert("version", u64::from(row.version));
        let steps = row.migration.as_ref().map_or(0, |migration| migration.steps().len());
        details.insert("steps", steps as u64);
        let clock = self.clock;
        self.commit_noted(transaction, clock, "SCHEMA", "MIGRATION_REGISTERED", actor, details)?;
        Ok(Registered::New(row))
    }
}
