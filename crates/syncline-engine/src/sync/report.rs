//! The report of one run: spec 001's sync record, with what a person needs beyond it.

use std::collections::BTreeMap;

use syncline_model::id::{DomainName, EntityName, RunId};
use syncline_model::json::{Json, Object};

use crate::link::Direction;

/// The name and version of the report's form.
pub const SYNC_RECORD_SCHEMA: &str = "sync-record/1";

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// Everything is done.
    Success,
    /// Some records failed; the rest is done.
    Partial,
    /// Conflicts wait for a person; the rest is done.
    Conflicts,
    /// Nothing was done.
    Failed,
    /// A guard or a limit stopped it before it wrote.
    Stopped,
    /// The run was undone later.
    RolledBack,
}

impl RunStatus {
    /// Returns the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Partial => "partial",
            Self::Conflicts => "conflicts",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::RolledBack => "rolled_back",
        }
    }
}

/// What a run did to one entity. Pairs are source, then target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntityReport {
    /// Records read, of those that may cross.
    pub read: [u64; 2],
    /// Records in the union after the run.
    pub merged: u64,
    /// Records that had a conflict found in this run.
    pub conflicts: u64,
    /// Of these, records with a conflict that waits for a person.
    pub manual: u64,
    /// Conflicts that wait for a person after the run, found in this run or before.
    pub open: u64,
    /// Records added.
    pub added: [u64; 2],
    /// Records updated.
    pub updated: [u64; 2],
    /// Records deleted.
    pub deleted: [u64; 2],
    /// Records that neither side changed.
    pub unchanged: u64,
    /// Records that policy kept back.
    pub filtered: u64,
    /// Records that could not be read or merged.
    pub failed: u64,
}

/// Something that went wrong with one record or one file. It never holds values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Stable code.
    pub code: String,
    /// The domain.
    pub domain: Option<DomainName>,
    /// The entity.
    pub entity: Option<EntityName>,
    /// The record's id, or its place in the file.
    pub item: Option<String>,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub fix: String,
}

/// The report of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunReport {
    /// Name of the run as people say it: `sync-YYYYMMDD-HHMMSS`, with `-NN` where that is taken.
    pub sync_id: String,
    /// The run.
    pub run: RunId,
    /// When it began, as RFC 3339 in UTC.
    pub timestamp: String,
    /// The source.
    pub source: DomainName,
    /// The target.
    pub target: DomainName,
    /// Which way changes flowed.
    pub direction: Direction,
    /// What was done, by entity, in the order asked for.
    pub entities: Vec<(EntityName, EntityReport)>,
    /// What went wrong.
    pub problems: Vec<Problem>,
    /// What a person should know.
    pub notices: Vec<Problem>,
    /// How it ended.
    pub status: RunStatus,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The head of the audit after the run.
    pub audit_head: String,
    /// Digests of the files before and after, by `<domain>/<entity>`: what undo compares with.
    pub files: BTreeMap<String, FileChange>,
    /// Digests of the policies of all domains that were in force, by entity: an undo asks whether
    /// they still are. Those of an undo are those of the run that it takes back.
    pub policies: BTreeMap<EntityName, String>,
    /// The run that this one, an undo, takes back.
    pub undoes: Option<RunId>,
}

/// How a run changed one file. Digests are hexadecimal; `None` where there was no file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileChange {
    /// Digest before.
    pub before: Option<String>,
    /// Digest after.
    pub after: Option<String>,
    /// Where the file is, without symbolic links: what an undo writes is that file and no other.
    pub path: String,
    /// The same as it is named from the folder that holds the state, if it lies within that.
    pub beside_state: Option<String>,
}

impl RunReport {
    /// Returns the report as spec 001's sync record, with more members.
    pub fn to_json(&self) -> Object {
        let mut record = Object::new();
        record.insert("schema", SYNC_RECORD_SCHEMA);
        record.insert("syncId", self.sync_id.as_str());
        record.insert("runId", self.run.as_str());
        record.insert("timestamp", self.timestamp.as_str());
        record.insert("sourceDomain", self.source.as_str());
        record.insert("targetDomain", self.target.as_str());
        let names = self.entities.iter().map(|(name, _)| Json::from(name.as_str()));
        record.insert("entities", Json::Array(names.collect()));
        record.insert("syncDirection", self.direction.as_str());
        if self.direction == Direction::Copy {
            record.insert("mode", "copy");
        }
        let mut results = Object::new();
        for (name, entity) in &self.entities {
            results.insert(name.as_str(), entity.to_json());
        }
        record.insert("results", results);
        record.insert("errors", problems_json(&self.problems));
        record.insert("notices", problems_json(&self.notices));
        record.insert("status", self.status.as_str());
        record.insert("durationMs", number(self.duration_ms));
        record.insert("auditHead", self.audit_head.as_str());
        let mut files = Object::new();
        for (name, change) in &self.files {
            let mut file = Object::new();
            file.insert("before", optional(change.before.as_deref()));
            file.insert("after", optional(change.after.as_deref()));
            file.insert("path", change.path.as_str());
            if let Some(inside) = &change.beside_state {
                file.insert("besideState", inside.as_str());
            }
            files.insert(name.as_str(), file);
        }
        record.insert("files", files);
        let mut policies = Object::new();
        for (entity, digest) in &self.policies {
            policies.insert(entity.as_str(), digest.as_str());
        }
        record.insert("policies", policies);
        if let Some(run) = &self.undoes {
            record.insert("undoes", run.as_str());
        }
        record
    }
}

impl EntityReport {
    /// Returns the result of one entity, spec 001's four counts first.
    pub fn to_json(&self) -> Object {
        let pair = |pair: [u64; 2]| {
            let mut both = Object::new();
            both.insert("source", number(pair[0]));
            both.insert("target", number(pair[1]));
            both
        };
        let mut result = Object::new();
        result.insert("sourceCount", number(self.read[0]));
        result.insert("targetCount", number(self.read[1]));
        result.insert("mergedCount", number(self.merged));
        result.insert("conflicts", number(self.conflicts));
        result.insert("added", pair(self.added));
        result.insert("updated", pair(self.updated));
        result.insert("deleted", pair(self.deleted));
        result.insert("autoResolved", number(self.conflicts.saturating_sub(self.manual)));
        result.insert("manual", number(self.manual));
        result.insert("open", number(self.open));
        result.insert("unchanged", number(self.unchanged));
        result.insert("filtered", number(self.filtered));
        result.insert("failed", number(self.failed));
        result
    }
}

fn problems_json(problems: &[Problem]) -> Json {
    let problem = |problem: &Problem| {
        let mut object = Object::new();
        object.insert("code", problem.code.as_str());
        for (name, value) in [
            ("domain", problem.domain.as_ref().map(DomainName::as_str)),
            ("entity", problem.entity.as_ref().map(EntityName::as_str)),
            ("item", problem.item.as_deref()),
        ] {
            if let Some(value) = value {
                object.insert(name, value);
            }
        }
        object.insert("reason", problem.reason.as_str());
        object.insert("fix", problem.fix.as_str());
        Json::Object(object)
    };
    Json::Array(problems.iter().map(problem).collect())
}

fn number(value: u64) -> Json {
    Json::Number(value.into())
}

fn optional(text: Option<&str>) -> Json {
    text.map_or(Json::Null, Json::from)
}
