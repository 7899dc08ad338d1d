//! What a hub answers.

use syncline_engine::link::Side;
use syncline_engine::sync::RunReport;
use syncline_merge::display::Fields;
use syncline_model::id::{EntityName, RecordId, Writer};
use syncline_model::json::Leaf;
use syncline_model::path::Path;
use syncline_policy::SafetyStop;

/// What a synchronisation came to, or would come to.
#[derive(Clone, Debug, PartialEq)]
pub struct SyncOutcome {
    /// The report, as it is stored.
    pub report: RunReport,
    /// What was written, or would be, in order of entity, side and id.
    pub actions: Vec<Action>,
    /// Conflicts found in this run, in order of entity, id and path.
    pub conflicts: Vec<FoundConflict>,
    /// What the plan was made of, as one digest: a saved plan is stale once this differs.
    pub inputs: String,
    /// Whether anything was written to a domain.
    pub wrote: bool,
    /// What would stop the run, where this is only a plan.
    pub stop: Option<SafetyStop>,
}

/// One thing done to one record in one domain.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// The entity.
    pub entity: EntityName,
    /// The record.
    pub id: RecordId,
    /// Where.
    pub side: Side,
    /// What.
    pub kind: ActionKind,
    /// The fields that change, in order of path, as this domain may see them; in a run that was
    /// carried out those of updates only, since a record that came or went has all of its fields.
    pub fields: Vec<FieldChange>,
    /// Who caused it, where one writer did.
    pub origin: Option<Writer>,
    /// The id that the record had in this domain, where it gives that up for this one.
    pub former: Option<RecordId>,
}

/// What is done to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ActionKind {
    /// It is added.
    Add,
    /// Some of its fields are written.
    Update,
    /// It is removed.
    Delete,
}

/// One field that changes.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// The field.
    pub path: Path,
    /// What is there; `None` for nothing.
    pub from: Option<Leaf>,
    /// What will be there; `None` for nothing.
    pub to: Option<Leaf>,
}

/// A conflict found in a run.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundConflict {
    /// The conflict's id, 32 hexadecimal digits; none in a plan, since the run gives it.
    pub conflict: Option<String>,
    /// The entity.
    pub entity: EntityName,
    /// The record.
    pub id: RecordId,
    /// The field; the root where a deletion meets an edit.
    pub path: Path,
    /// What both sides had before, where that is known.
    pub base: Option<Leaf>,
    /// What each side says: who, and the value or nothing.
    pub sides: Vec<(Option<Writer>, Option<Leaf>)>,
    /// What is shown now.
    pub shown: Option<Leaf>,
    /// Whether a person is to decide.
    pub open: bool,
    /// The users and roles who must approve what is shown; empty where everybody may decide.
    pub approvers: Vec<String>,
}

/// What an undo came to, or would come to.
#[derive(Clone, Debug, PartialEq)]
pub struct UndoOutcome {
    /// The run that was undone.
    pub sync_id: String,
    /// The report of the undo itself, as it is stored.
    pub report: RunReport,
    /// Records restored, by side.
    pub restored: [u64; 2],
    /// Files restored byte for byte, as `<domain>/<entity>`.
    pub files_exact: Vec<String>,
    /// Records that were changed since and stay as they are.
    pub left: Vec<(Side, EntityName, RecordId)>,
    /// Records that stay as they are since a policy keeps by now from a domain what would come back
    /// there. The run can be undone again for them, once the policy lets it.
    pub withheld: Vec<(Side, EntityName, RecordId)>,
    /// Conflicts that are open again, since the run carried their decision.
    pub reopened: u64,
    /// Conflicts that the rules settle again, since the run carried a person's decision.
    pub settled_again: u64,
    /// Records that the next run writes again although nobody edits them, since the rules, or the
    /// other domains, say so.
    pub comes_again: Vec<(Side, EntityName, RecordId)>,
}

impl UndoOutcome {
    /// Returns whether nothing would come back: such an undo is refused.
    pub fn restores_nothing(&self) -> bool {
        self.restored == [0, 0] && self.files_exact.is_empty()
    }
}

/// A record's history, latest change first.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryEntry {
    /// Position in the log.
    pub position: u64,
    /// What kind of change, in a word.
    pub kind: &'static str,
    /// Who.
    pub origin: Writer,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The run, if one brought it.
    pub run: Option<String>,
    /// The changed fields before.
    pub before: Option<Fields>,
    /// The changed fields after.
    pub after: Option<Fields>,
}

/// A record as the hub and its domains have it.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordView {
    /// What the hub shows; `None` if the record does not exist.
    pub hub: Option<Fields>,
    /// What each domain was last known to hold.
    pub bases: [Option<Fields>; 2],
    /// What each domain holds now.
    pub held: [Option<Fields>; 2],
    /// Whether nobody knows what each domain holds now: it, or what may be it, cannot be read.
    pub unreadable: [bool; 2],
}
