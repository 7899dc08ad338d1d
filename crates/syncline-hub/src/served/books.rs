//! What the hub has written down of itself: its log, its audit, its runs, its domains, what it
//! refused for good, and the schemas.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use syncline_engine::audit::{AuditEntry, Head, StoredEntry};
use syncline_engine::log::LogEntry;
use syncline_engine::results::{Fate, OperationResult};
use syncline_engine::rows::{Key, Scan, Table};
use syncline_model::id::{ClientId, EntityName, Position, RecordId, RunId};
use syncline_model::json::{Json, Object, parse};
use syncline_model::schema::{Finding, Migration};

use super::{ServeError, Served};
use crate::audit::{AuditView, ChangeProof};
use crate::error::HubError;
use crate::limits::{RECORDS_LISTED_MAX, SIFTED_ROWS_MAX};
use crate::request::Actor;
use crate::schemas::{self, Registered, SchemaRow};

/// An operation that the hub refused for good.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// Who sent it.
    pub client: ClientId,
    /// Which of its operations.
    pub counter: u64,
    /// The type of record.
    pub entity: EntityName,
    /// Which record.
    pub id: RecordId,
    /// The stable code of the reason.
    pub code: Box<str>,
}

/// Some rows of a list, and behind which one it goes on; `None` if these were the last.
pub type Listed<T> = (Vec<T>, Option<Key>);

impl Served {
    /// Returns entries of the log behind a position, in its order.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if one cannot be read.
    pub fn log(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, LogEntry)>, ServeError> {
        let (mut found, mut damaged) = (Vec::new(), None);
        let scan = Scan::Log { from: after.next() };
        self.reader()?.scan(&scan, None, limit.min(RECORDS_LISTED_MAX), &mut |key, bytes| {
            match (key, LogEntry::decode(bytes)) {
                (Key::Log(position), Ok(entry)) => found.push((*position, entry)),
                (_, Err(source)) => damaged = Some(HubError::Damaged { table: "log", source }),
                _ => {}
            }
            ControlFlow::Continue(())
        })?;
        damaged.map_or(Ok(found), |error| Err(error.into()))
    }

    /// Returns the head of the audit.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if it cannot be read.
    pub fn audit_head(&self) -> Result<Head, ServeError> {
        Ok(AuditView(&*self.reader()?).head()?)
    }

    /// Returns entries of the audit from one on.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if one cannot be read.
    pub fn audit_entries(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>, ServeError> {
        Ok(AuditView(&*self.reader()?).entries(from, limit.min(RECORDS_LISTED_MAX))?)
    }

    /// Returns entries of the audit that are asked for, and where to go on; `None` if these were the last. A page may
    /// have few of them, or none, and yet not be the last.
    ///
    /// - `from`: the entry to begin with, that one included; of the latest ones first, the one before which to begin.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if one cannot be read.
    pub fn audit_sifted(
        &self,
        is_latest_first: bool,
        from: Option<u64>,
        limit: usize,
        is_asked_for: impl Fn(&AuditEntry) -> bool,
    ) -> Result<(Vec<AuditEntry>, Option<u64>), ServeError> {
        let limit = limit.clamp(1, RECORDS_LISTED_MAX);
        let (scan, after) = match is_latest_first {
            true => (Scan::AuditLatest, from.map(Key::Audit)),
            false => (Scan::Audit { from: from.unwrap_or(0) }, None),
        };
        let (mut found, mut last, mut looked_at) = (Vec::new(), None, 0);
        let mut is_damaged = false;
        self.reader()?.scan(&scan, after.as_ref(), SIFTED_ROWS_MAX, &mut |_, bytes| {
            let Ok(stored) = StoredEntry::decode(bytes) else {
                is_damaged = true;
                return ControlFlow::Break(());
            };
            looked_at += 1;
            last = Some(stored.entry().index());
            if is_asked_for(stored.entry()) {
                found.push(stored.entry().clone());
            }
            if found.len() >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if is_damaged {
            return Err(HubError::Row { table: "audit" }.into());
        }
        let is_full = found.len() >= limit || looked_at >= SIFTED_ROWS_MAX;
        let behind = |last: u64| if is_latest_first { last } else { last.saturating_add(1) };
        // The first entry is the last of the latest ones first.
        let next = last.filter(|last| is_full && !(is_latest_first && *last == 0)).map(behind);
        Ok((found, next))
    }

    /// Proves the latest change of a record, or the one that a run brought. Reads all of the log.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if there is no such change, or the audit is damaged.
    pub fn audit_prove(
        &self,
        entity: &EntityName,
        id: &RecordId,
        run: Option<&str>,
    ) -> Result<ChangeProof, ServeError> {
        Ok(AuditView(&*self.reader()?).prove(entity, id, run)?)
    }

    /// Verifies the audit from its first entry to its head. Reads all of the log.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] names the first damaged entry.
    pub fn audit_verify(&self) -> Result<Head, ServeError> {
        Ok(AuditView(&*self.reader()?).verify_at(0)?.0)
    }

    /// Returns the reports of runs, the latest first, behind a key.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if one cannot be read.
    pub fn runs(&self, after: Option<&Key>, limit: usize) -> Result<Listed<Object>, ServeError> {
        let (mut found, mut last, mut is_damaged) = (Vec::new(), None, false);
        let limit = limit.clamp(1, RECORDS_LISTED_MAX);
        self.reader()?.scan(&Scan::RunsLatest, after, limit, &mut |key, bytes| {
            match parse(bytes) {
                Ok(Json::Object(run)) => found.push(run),
                _ => is_damaged = true,
            }
            last = Some(key.clone());
            ControlFlow::Continue(())
        })?;
        if is_damaged {
            return Err(HubError::Row { table: "runs" }.into());
        }
        let next = last.filter(|_| found.len() == limit);
        Ok((found, next))
    }

    /// Returns the report of the run with this name or id.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if there is none.
    pub fn run(&self, id: &str) -> Result<Object, ServeError> {
        let is = |run: &Object, member| run.get(member).and_then(Json::as_str) == Some(id);
        let (mut after, at_once) = (None, 100);
        loop {
            let (runs, next) = self.runs(after.as_ref(), at_once)?;
            if let Some(run) = runs.into_iter().find(|run| is(run, "syncId") || is(run, "runId")) {
                return Ok(run);
            }
            after = Some(next.ok_or_else(|| HubError::RunNotFound { id: id.to_owned() })?);
        }
    }

    /// Returns whether there is a report of the run with this id.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if that cannot be read.
    pub fn has_run(&self, id: &RunId) -> Result<bool, ServeError> {
        Ok(self.reader()?.get(&Key::Run(id.clone()))?.is_some())
    }

    /// Returns the domains that the hub was synchronised with, each with its entities.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if they cannot be read.
    pub fn domains(&self) -> Result<BTreeMap<String, Vec<EntityName>>, ServeError> {
        let mut domains: BTreeMap<String, Vec<EntityName>> = BTreeMap::new();
        self.reader()?.scan(&Scan::Domains, None, SIFTED_ROWS_MAX, &mut |key, _| {
            if let Key::Domain { domain, entity } = key {
                domains.entry(domain.as_str().to_owned()).or_default().extend(entity.clone());
            }
            ControlFlow::Continue(())
        })?;
        Ok(domains)
    }

    /// Returns operations that the hub refused for good, by client and counter, as long as it knows
    /// of them: it keeps the latest results of each client. A page may have few of them, or none, and
    /// yet not be the last.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if they cannot be read.
    pub fn dead_letters(
        &self,
        client: Option<&ClientId>,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Listed<DeadLetter>, ServeError> {
        let scan = match client {
            Some(client) => Scan::Results { client: client.clone() },
            None => Scan::Whole(Table::Results),
        };
        let limit = limit.clamp(1, RECORDS_LISTED_MAX);
        let (mut found, mut last, mut looked_at, mut is_full) = (Vec::new(), None, 0, false);
        self.reader()?.scan(&scan, after, SIFTED_ROWS_MAX, &mut |key, bytes| {
            looked_at += 1;
            last = Some(key.clone());
            if let (Key::Result { client, counter }, Ok(result)) =
                (key, OperationResult::decode(bytes))
                && let Fate::Refused { code } = result.fate
            {
                let (client, counter) = (client.clone(), *counter);
                let OperationResult { entity, id, .. } = result;
                found.push(DeadLetter { client, counter, entity, id, code });
            }
            is_full = found.len() >= limit;
            if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        let next = last.filter(|_| is_full || looked_at >= SIFTED_ROWS_MAX);
        Ok((found, next))
    }

    /// Returns versions of schemas by entity, behind a key.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if one cannot be read.
    pub fn schemas(
        &self,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Listed<SchemaRow>, ServeError> {
        let limit = limit.clamp(1, RECORDS_LISTED_MAX);
        let scan = Scan::Whole(Table::Schemas);
        let found = schemas::listed(&*self.reader()?, &scan, after, limit)?;
        let key =
            |row: &SchemaRow| Key::Schema { entity: row.entity.clone(), version: row.version };
        let next = found.last().filter(|_| found.len() == limit).map(key);
        Ok((found, next))
    }

    /// Returns a version of an entity's schema, the latest one unless another is asked for.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if it cannot be read.
    pub fn schema(
        &self,
        entity: &EntityName,
        version: Option<u32>,
    ) -> Result<Option<SchemaRow>, ServeError> {
        let mut versions = schemas::versions(&*self.reader()?, entity)?;
        Ok(match version {
            Some(version) => versions.into_iter().find(|row| row.version == version),
            None => versions.pop(),
        })
    }

    /// Returns in what a schema differs from the latest version, so that somebody breaks, and which
    /// version that is.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if it is not understood.
    pub fn check_schema(
        &self,
        entity: &EntityName,
        schema: &Json,
    ) -> Result<(Option<u32>, Vec<Finding>), ServeError> {
        let latest = self.schema(entity, None)?;
        let findings = schemas::differences(latest.as_ref().map(|row| &row.schema), schema)?;
        Ok((latest.map(|row| row.version), findings))
    }

    /// Registers the next version of an entity's schema.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if it is not understood, or breaks what older writers send and that is not
    /// accepted.
    pub fn register_schema(
        &self,
        entity: &EntityName,
        schema: Json,
        accepts_breaks: bool,
        actor: Actor,
    ) -> Result<Registered, ServeError> {
        let entity = entity.clone();
        let register = move |hub: &mut crate::hub::Hub| {
            hub.register_schema(&entity, schema, accepts_breaks, &actor)
        };
        Ok(self.with_hub(register)??)
    }

    /// Registers how records get from one version of an entity's schema to the next.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if it is not acceptable.
    pub fn register_migration(
        &self,
        entity: &EntityName,
        migration: Migration,
        actor: Actor,
    ) -> Result<Registered, ServeError> {
        let entity = entity.clone();
        let register =
            move |hub: &mut crate::hub::Hub| hub.register_migration(&entity, migration, &actor);
        Ok(self.with_hub(register)??)
    }
}
