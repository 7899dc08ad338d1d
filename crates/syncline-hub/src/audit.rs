//! Proving what happened: verifying the audit, reading it, and proving one change.

use std::collections::BTreeMap;

use syncline_engine::audit::tree::leaves_only;
use syncline_engine::audit::{
    AuditEntry, Damage, Frontier, Hash, Head, RecordFacts, RecordProof, StoredEntry, Verifier,
};
use syncline_engine::facts;
use syncline_engine::log::{LogEntry, digest};
use syncline_engine::rows::{Key, Scan};
use syncline_engine::sync::{Transaction, commitment_of};
use syncline_model::id::{EntityName, Position, RecordId};
use syncline_model::json::{Json, Object, parse};
use syncline_store::Read;

use crate::error::HubError;
use crate::horizon::FORGOTTEN;
use crate::hub::Hub;
use crate::request::Actor;
use crate::runs::decode_entry;
use crate::view::for_each;

/// A proof that the hub recorded one change of one record.
#[derive(Clone, Debug)]
pub struct ChangeProof {
    /// The proof; it holds against the head alone.
    pub proof: RecordProof,
    /// What is proved.
    pub facts: RecordFacts,
    /// The head it was made for.
    pub head: Head,
    /// The entry of the audit that holds the change.
    pub entry: u64,
    /// Position of the change in the log.
    pub position: u64,
}

/// The audit and the log as of one moment.
pub(crate) struct AuditView<'r>(pub(crate) &'r dyn Read);

impl AuditView<'_> {
    /// Returns the tree over all entries.
    fn frontier(&self) -> Result<Frontier, HubError> {
        match self.0.get(&Key::Meta(facts::AUDIT_FRONTIER))? {
            Some(bytes) => Frontier::decode(&bytes)
                .map_err(|_| damage_at("the frontier", "AUDIT_DAMAGED_HEAD")),
            None => Ok(Frontier::new()),
        }
    }

    /// Returns the head over all entries.
    pub(crate) fn head(&self) -> Result<Head, HubError> {
        Ok(self.frontier()?.head())
    }

    fn for_each(
        &self,
        scan: &Scan,
        row: impl FnMut(&Key, &[u8]) -> Result<(), HubError>,
    ) -> Result<(), HubError> {
        for_each(self.0, scan, row)
    }

    /// Verifies it from its first entry to its head, together with the log, and answers beside its
    /// head the one that it had with `size` entries; `None` if it has fewer.
    pub(crate) fn verify_at(&self, size: u64) -> Result<(Head, Option<Head>), HubError> {
        let stored = self.0.get(&Key::Meta(facts::AUDIT_HEAD))?;
        let text = stored.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let head = match text {
            Some(text) => text.parse().map_err(|_| damage_at("the head", "AUDIT_DAMAGED_HEAD"))?,
            None => Frontier::new().head(),
        };
        let frontier = self.frontier()?;
        let commitments = self.commitments()?;
        let (forgotten, mut covered) = (self.forgotten()?, 0_u64);
        let mut verifier = Verifier::new(frontier, &head).map_err(damaged)?;
        let mut then = (size == 0).then(|| verifier.seen().head());
        self.for_each(&Scan::Audit { from: 0 }, |_, row| {
            verifier.handle_row(row).map_err(damaged)?;
            let entry = StoredEntry::decode(row).map_err(|_| {
                damage_at(
                    &format!("entry {}", verifier.next_index()),
                    "AUDIT_DAMAGED_ROW_UNREADABLE",
                )
            })?;
            let facts = entry.entry().facts();
            let known = facts.run.as_ref().and_then(|run| commitments.get(run));
            let known = known.map(Vec::as_slice).unwrap_or_default();
            covered = covered.saturating_add(facts.record_count);
            if covered > forgotten || !known.is_empty() {
                verifier.handle_records(known).map_err(damaged)?;
            }
            if verifier.next_index() == size {
                then = Some(verifier.seen().head());
            }
            Ok(())
        })?;
        Ok((verifier.finish().map_err(damaged)?, then))
    }

    /// Returns up to where the log may be forgotten, as the audit itself says: changes that are missing
    /// and of which it says nothing were taken away.
    fn forgotten(&self) -> Result<u64, HubError> {
        let mut up_to = 0;
        self.for_each(&Scan::Audit { from: 0 }, |_, row| {
            let Ok(entry) = StoredEntry::decode(row) else { return Ok(()) };
            let entry = entry.entry();
            if entry.facts().action == FORGOTTEN
                && let Some(details) = entry.details()
                && let Ok(Json::Object(details)) = parse(details.as_json().as_bytes())
            {
                let to = details.get("to").and_then(Json::as_number).and_then(|to| to.to_i64());
                up_to = up_to.max(to.and_then(|to| u64::try_from(to).ok()).unwrap_or_default());
            }
            Ok(())
        })?;
        Ok(up_to)
    }

    /// Returns the commitments to all changes in the log, by run.
    fn commitments(&self) -> Result<BTreeMap<String, Vec<Hash>>, HubError> {
        let mut commitments: BTreeMap<String, Vec<Hash>> = BTreeMap::new();
        self.for_each(&Scan::Log { from: Position(0) }, |_, bytes| {
            let entry = decode_entry(bytes)?;
            let hash = commitment_of(&entry).map_err(|_| HubError::Row { table: "log" })?;
            let run = entry.run.map(|run| run.as_str().to_owned()).unwrap_or_default();
            commitments.entry(run).or_default().push(hash);
            Ok(())
        })?;
        Ok(commitments)
    }

    /// Returns entries of the audit from one on, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`HubError::Row`] if one cannot be read.
    pub(crate) fn entries(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>, HubError> {
        let mut entries = Vec::new();
        let mut failed = false;
        self.0.scan(&Scan::Audit { from }, None, limit, &mut |_, bytes| {
            match StoredEntry::decode(bytes) {
                Ok(stored) => entries.push(stored.entry().clone()),
                Err(_) => failed = true,
            }
            std::ops::ControlFlow::Continue(())
        })?;
        if failed { Err(HubError::Row { table: "audit" }) } else { Ok(entries) }
    }

    /// Proves the latest change of a record, or the one that a run brought.
    ///
    /// # Errors
    ///
    /// [`HubError::ChangeNotFound`] if there is no such change.
    pub(crate) fn prove(
        &self,
        entity: &EntityName,
        id: &RecordId,
        run: Option<&str>,
    ) -> Result<ChangeProof, HubError> {
        let missing = || HubError::ChangeNotFound {
            entity: entity.as_str().to_owned(),
            id: id.as_str().to_owned(),
        };
        let mut found: Option<(Position, LogEntry)> = None;
        self.for_each(&Scan::Log { from: Position(0) }, |key, bytes| {
            let entry = decode_entry(bytes)?;
            let wanted =
                run.is_none_or(|run| entry.run.as_ref().is_some_and(|r| r.as_str() == run));
            if let (Key::Log(position), true) = (key, wanted && entry.is_of(entity, id)) {
                found = Some((*position, entry));
            }
            Ok(())
        })?;
        let (position, entry) = found.ok_or_else(missing)?;
        let of_run = entry.run.clone().ok_or_else(missing)?;
        let commitments = self.commitments()?;
        let batch = commitments.get(of_run.as_str()).ok_or_else(missing)?;
        let own = commitment_of(&entry).map_err(|_| HubError::Row { table: "log" })?;
        let at = batch.iter().position(|hash| *hash == own).ok_or_else(missing)?;
        let entries = self.entries(0, usize::MAX)?;
        let leaves: Vec<Hash> = entries.iter().map(AuditEntry::leaf_hash).collect();
        let holder = entries
            .iter()
            .find(|entry| entry.facts().run.as_deref() == Some(of_run.as_str()))
            .ok_or_else(missing)?;
        let facts = RecordFacts::new(
            entry.entity.as_str(),
            entry.id.as_str(),
            &entry.name_bytes(),
            entry.before.as_ref().map(digest),
            entry.after.as_ref().map(digest),
        );
        let facts = facts.map_err(|_| HubError::Row { table: "log" })?;
        let head = self.frontier()?.head();
        let nodes = &mut leaves_only(&leaves);
        let proof =
            RecordProof::build(entry.salt, batch, at as u64, holder.leaf(), head.size, nodes);
        let proof = proof.map_err(|_| damage_at("the tree", "AUDIT_DAMAGED_ROOT"))?;
        Ok(ChangeProof { proof, facts, head, entry: holder.index(), position: position.0 })
    }
}

impl Hub {
    /// Verifies the audit from its first entry to its head, together with the log.
    ///
    /// # Errors
    ///
    /// [`HubError::Audit`] names the first damaged entry.
    pub fn audit_verify(&self) -> Result<Head, HubError> {
        Ok(self.audit_verify_at(0)?.0)
    }

    /// Verifies the audit as [`Hub::audit_verify`] does, and answers beside its head the one that it
    /// had with `size` entries; `None` if it has fewer.
    ///
    /// # Errors
    ///
    /// As [`Hub::audit_verify`].
    pub fn audit_verify_at(&self, size: u64) -> Result<(Head, Option<Head>), HubError> {
        AuditView(&*self.store).verify_at(size)
    }

    /// Returns entries of the audit from one on, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`HubError::Row`] if one cannot be read.
    pub fn audit_entries(&self, from: u64, limit: usize) -> Result<Vec<AuditEntry>, HubError> {
        AuditView(&*self.store).entries(from, limit)
    }

    /// Proves the latest change of a record, or the one that a run brought.
    ///
    /// # Errors
    ///
    /// [`HubError::ChangeNotFound`] if there is no such change.
    pub fn audit_prove(
        &self,
        entity: &EntityName,
        id: &RecordId,
        run: Option<&str>,
    ) -> Result<ChangeProof, HubError> {
        AuditView(&*self.store).prove(entity, id, run)
    }

    /// Adds an entry to the audit that changes no record, such as a refusal.
    ///
    /// # Errors
    ///
    /// [`HubError::Store`] if it cannot be committed.
    pub fn audit_note(
        &mut self,
        category: &str,
        action: &str,
        actor: &Actor,
        details: Object,
    ) -> Result<(), HubError> {
        let run = self.begin_run()?;
        let transaction = Transaction::new(run, self.position);
        let clock = self.clock;
        self.commit_noted(transaction, clock, category, action, actor, details)
    }
}

fn damage_at(place: &str, code: &'static str) -> HubError {
    HubError::Audit { finding: format!("{place} cannot be read"), code }
}

fn damaged(damage: Damage) -> HubError {
    HubError::Audit { finding: damage.to_string(), code: damage.code() }
}
