//! Why a hub could not do what it was asked to.

use syncline_model::codec::DecodeError;
use syncline_model::limits::SCHEMA_VERSIONS_MAX;
use syncline_model::schema::{ChainError, NotRepeatable, RegisterError, SchemaVersion};
use syncline_policy::SafetyStop;
use syncline_policy::view::WriteDenied;
use syncline_store::StoreError;
use syncline_store::backup::BackupError;
use thiserror::Error;

use crate::location::Moved;

/// Why a hub could not do what it was asked to. Nothing was changed, unless the variant says so.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HubError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The backup failed.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The state folder cannot be used.
    #[error("the state folder cannot be used")]
    StateFolder {
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Stored bytes are damaged.
    #[error("a stored row of `{table}` is damaged")]
    Damaged {
        /// The table.
        table: &'static str,
        /// What is wrong.
        #[source]
        source: DecodeError,
    },
    /// A stored row cannot be understood.
    #[error("a stored row of `{table}` is damaged")]
    Row {
        /// The table.
        table: &'static str,
    },
    /// A guard or a limit stopped the run.
    #[error(transparent)]
    Safety(#[from] SafetyStop),
    /// A file could not be read or written.
    #[error("{domain}/{entity}: {problem}")]
    File {
        /// The domain.
        domain: String,
        /// The entity.
        entity: String,
        /// The stable code of the problem.
        code: &'static str,
        /// What is wrong.
        problem: String,
        /// Whether trying again may help.
        transient: bool,
    },
    /// The domain's folder does not exist.
    #[error("domain `{domain}` has no folder")]
    DomainNotFound {
        /// The domain.
        domain: String,
    },
    /// The inputs have moved since the plan was made.
    #[error("the plan is stale: files or records have changed since it was made")]
    StalePlan,
    /// The run would have left a conflict open, and was told not to.
    #[error("{count} conflict(s) would wait for a decision")]
    WouldConflict {
        /// How many.
        count: u64,
    },
    /// There is no such run.
    #[error("there is no run `{id}`")]
    RunNotFound {
        /// What was asked for.
        id: String,
    },
    /// No run has changed the record, or not the run that was asked for.
    #[error("{entity}: no change of `{id}` is on record")]
    ChangeNotFound {
        /// The entity.
        entity: String,
        /// The record.
        id: String,
    },
    /// The run cannot be undone.
    #[error("run `{id}` cannot be undone: {reason}")]
    NotUndoable {
        /// The run.
        id: String,
        /// Why not.
        reason: &'static str,
    },
    /// The run wrote another file than the one to which a domain leads now.
    #[error(
        "run `{id}` cannot be undone: it wrote {file} in {}, and the domain leads to {} now",
        .places.from, .places.to
    )]
    WroteElsewhere {
        /// The run.
        id: String,
        /// The file, as `<domain>/<entity>`.
        file: String,
        /// Where it is that the run wrote, and where the domain leads.
        places: Box<Moved>,
    },
    /// There is no such conflict.
    #[error("there is no conflict `{id}`")]
    ConflictNotFound {
        /// What was asked for.
        id: String,
    },
    /// Too little of a conflict's id.
    #[error("`{}` is too short for the id of a conflict", id.escape_debug())]
    ConflictIdShort {
        /// What was asked for.
        id: String,
    },
    /// What is given of an id is the beginning of several.
    #[error("the ids of several conflicts begin with `{id}`")]
    ConflictIdShared {
        /// What was asked for.
        id: String,
    },
    /// The conflict has changed since it was shown.
    #[error("conflict `{id}` has changed since it was shown")]
    ConflictStale {
        /// The conflict.
        id: String,
    },
    /// The decision does not fit the conflict.
    #[error("conflict `{id}` cannot be decided that way: {reason}")]
    DecisionUnfit {
        /// The conflict.
        id: String,
        /// Why not.
        reason: &'static str,
    },
    /// The conflict waits for the approval of others.
    #[error("conflict `{id}` waits for approval by {}", approvers.join(", "))]
    ApprovalNeeded {
        /// The conflict.
        id: String,
        /// The users and roles who may decide it.
        approvers: Vec<String>,
    },
    /// A schema is not understood.
    #[error("the schema is not understood at `{}`: {reason}", at.escape_debug())]
    SchemaMalformed {
        /// Where, as a JSON pointer into the schema.
        at: String,
        /// Why not.
        reason: &'static str,
    },
    /// A schema does not take what writers of the version before send.
    #[error("in {count} place(s) the schema does not take what older writers send")]
    SchemaBreaks {
        /// In how many places.
        count: usize,
    },
    /// There are as many versions of a schema as there may be.
    #[error("an entity has at most {SCHEMA_VERSIONS_MAX} versions of its schema")]
    SchemasFull,
    /// A migration is not one that can be taken up.
    #[error(transparent)]
    Migration(#[from] RegisterError),
    /// A migration does not lead from one version to the next.
    #[error("a migration leads from one version to the next, not from {from} to {to}")]
    MigrationSkips {
        /// Where it begins.
        from: SchemaVersion,
        /// Where it ends.
        to: SchemaVersion,
    },
    /// No migrations lead from the version to the latest one.
    #[error(transparent)]
    NoWay(#[from] ChainError),
    /// Records cannot be brought forward by these migrations.
    #[error(transparent)]
    NotRepeatable(#[from] NotRepeatable),
    /// The rules of access do not allow it.
    #[error(transparent)]
    Denied(WriteDenied),
    /// The person asked to stop; nothing was written.
    #[error("stopped before anything was written")]
    Cancelled,
    /// The audit is damaged.
    #[error("the audit is damaged: {finding}")]
    Audit {
        /// What is wrong with which entry or part.
        finding: String,
        /// The stable code of the damage.
        code: &'static str,
    },
    /// The hub's clock cannot go on.
    #[error("the hub's clock has reached its end")]
    ClockExhausted,
    /// The machine gave no random numbers.
    #[error("the machine gives no random numbers")]
    Random,
}

impl HubError {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::Backup(error) => error.code(),
            Self::Damaged { source, .. } => source.code(),
            Self::Row { .. } => "ROW_DAMAGED",
            Self::StateFolder { .. } => "STORAGE_ERROR",
            Self::Safety(stop) => stop.code(),
            Self::File { code, .. } | Self::Audit { code, .. } => code,
            Self::DomainNotFound { .. } => "DOMAIN_NOT_FOUND",
            Self::StalePlan => "PLAN_STALE",
            Self::WouldConflict { .. } => "SYNC_CONFLICT",
            Self::RunNotFound { .. } => "RUN_NOT_FOUND",
            Self::ChangeNotFound { .. } => "CHANGE_NOT_FOUND",
            Self::NotUndoable { .. } | Self::WroteElsewhere { .. } => "RUN_NOT_UNDOABLE",
            Self::ConflictNotFound { .. } => "CONFLICT_NOT_FOUND",
            Self::ConflictIdShort { .. } | Self::ConflictIdShared { .. } => "CONFLICT_ID_SHORT",
            Self::ConflictStale { .. } => "CONFLICT_STALE",
            Self::DecisionUnfit { .. } => "DECISION_UNFIT",
            Self::ApprovalNeeded { .. } => "APPROVAL_NEEDED",
            Self::SchemaMalformed { .. } => "SCHEMA_MALFORMED",
            Self::SchemaBreaks { .. } => "SCHEMA_INCOMPATIBLE",
            Self::SchemasFull => "SCHEMA_TOO_MANY_VERSIONS",
            Self::Migration(error) => error.code(),
            Self::MigrationSkips { .. } => "SCHEMA_MIGRATION_INVALID",
            Self::NoWay(error) => error.code(),
            Self::NotRepeatable(error) => error.code(),
            Self::Denied(denied) => denied.code(),
            Self::Cancelled => "CANCELLED",
            Self::ClockExhausted => "CLOCK_EXHAUSTED",
            Self::Random => "RANDOM_UNAVAILABLE",
        }
    }

    /// Returns whether the same request may succeed a little later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::File { transient, .. } => *transient,
            Self::Store(error) | Self::Backup(BackupError::Store(error)) => {
                error.advice() == syncline_store::Advice::Retry
            }
            _ => false,
        }
    }
}
