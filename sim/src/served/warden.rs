//! What clients may delete and change before an operator lets them go on, counted a second time from the log.

use std::collections::{BTreeMap, BTreeSet};

use syncline_engine::log::LogEntry;
use syncline_hub::served::Served;
use syncline_merge::operation::Effect;
use syncline_model::id::{ClientId, EntityName, Position, RecordId};
use syncline_policy::{Hold, PushLimits, Threshold};
use syncline_protocol::message::PushAnswer;
use syncline_protocol::operation::Operation;

use super::check::Finding;
use crate::history::RecordKey;

/// Longer than any world, however its clocks jump: a while never ends by itself.
const WINDOW_MS: u64 = 24 * 60 * 60 * 1_000;
/// Few enough that users who mean no harm are held.
const LIMITS: PushLimits = PushLimits {
    max_delete: Threshold { count: 1, percent: 10 },
    max_change: Threshold { count: 3, percent: 20 },
    window_ms: WINDOW_MS,
};
/// Entries of the log that are read at once.
const ENTRIES: usize = 2_000;

/// A client, under whichever name, and an entity.
type Who = (String, EntityName);

/// What a client did since the hub was started.
#[derive(Debug, Default)]
struct Done {
    made: BTreeSet<RecordId>,
    changed: BTreeSet<RecordId>,
    deleted: BTreeSet<RecordId>,
    /// The records that it wanted to change, and those that it wanted to delete.
    asked: [BTreeSet<RecordId>; 2],
}

/// What the operations of a push are.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// By counter: the entity, and whether it is a deletion.
    operations: BTreeMap<u64, (EntityName, bool)>,
    /// The records that it asked to delete.
    deletions: BTreeSet<RecordKey>,
}

/// What all clients did.
#[derive(Debug, Default)]
pub(super) struct Warden {
    /// Whether the hub holds anybody.
    pub(super) is_on: bool,
    done: BTreeMap<Who, Done>,
    /// All records that ever were.
    known: BTreeMap<EntityName, BTreeSet<RecordId>>,
    /// Who was told that it is held, and whether for deletions, since an operator looked.
    told: BTreeSet<(Who, bool)>,
    /// Whom an operator has ever let go on.
    free: BTreeSet<Who>,
    /// How many operations were held, and how many clients let go.
    pub(super) held: u64,
    pub(super) released: u64,
}

/// Returns the client that gave itself a name.
fn holder(client: &ClientId) -> String {
    client.as_str().split('~').next().unwrap_or_default().to_owned()
}

impl Warden {
    /// Returns what clients may do.
    pub(super) const fn limits(&self) -> PushLimits {
        if self.is_on { LIMITS } else { PushLimits::UNLIMITED }
    }

    /// The hub starts: it counts anew.
    pub(super) fn begin_anew(&mut self) {
        self.done.clear();
    }

    /// Returns whether a client was told that it is held, and no operator has looked since.
    pub(super) fn is_holding(&self) -> bool {
        !self.told.is_empty()
    }

    /// An operator looks at who is held.
    pub(super) fn forget_told(&mut self) {
        self.told.clear();
    }

    /// Takes note of whom an operator lets go on.
    pub(super) fn note_released(&mut self, released: &[Hold]) {
        for hold in released {
            self.note_free(hold);
            self.released += 1;
        }
    }

    /// Takes note of whom an operator has perhaps let go on.
    pub(super) fn note_free(&mut self, hold: &Hold) {
        self.free.insert((holder(&hold.client), hold.entity.clone()));
    }

    /// Takes note of what a client wants to do; answers what that is.
    pub(super) fn note_asked(&mut self, client: &ClientId, operations: &[Operation]) -> Asked {
        let mut asked = Asked::default();
        for operation in operations.iter().filter(|_| self.is_on) {
            let is_deletion = matches!(operation.effect, Effect::Delete);
            let key = (operation.entity.clone(), operation.id.clone());
            let done = self.done.entry((holder(client), operation.entity.clone())).or_default();
            done.asked[usize::from(is_deletion)].insert(operation.id.clone());
            asked.operations.insert(operation.counter, (key.0.clone(), is_deletion));
            if is_deletion {
                asked.deletions.insert(key);
            }
        }
        asked
    }

    /// I19: nobody is held who has done no more than what always passes.
    pub(super) fn note_answer(
        &mut self,
        client: &ClientId,
        asked: &Asked,
        answer: &PushAnswer,
    ) -> Option<Finding> {
        let mut finding = None;
        for outcome in &answer.outcomes {
            let is_held =
                outcome.problem.as_ref().is_some_and(|problem| &*problem.code == "PUSH_HELD");
            let operation = asked.operations.get(&outcome.counter).filter(|_| is_held);
            let Some((entity, is_deletion)) = operation else { continue };
            self.held += 1;
            let who = (holder(client), entity.clone());
            let asked =
                self.done.get(&who).map_or(0, |done| done.asked[usize::from(*is_deletion)].len());
            let threshold = if *is_deletion { LIMITS.max_delete } else { LIMITS.max_change };
            let is_new = self.told.insert((who, *is_deletion));
            if is_new && asked as u64 <= threshold.count {
                finding = Some(("I19", format!("{client} is held for {asked} {entity}")));
            }
        }
        finding
    }

    /// I19: no client has deleted or changed more than is allowed.
    ///
    /// - `after`: where the log ended before the client's operations.
    pub(super) fn read(
        &mut self,
        served: &Served,
        client: &ClientId,
        asked: &Asked,
        after: Position,
    ) -> Option<Finding> {
        if !self.is_on {
            return None;
        }
        let mut finding = None;
        for (_, entry) in served.log(after, ENTRIES).unwrap_or_default() {
            finding = self.note(client, asked, entry).or(finding);
        }
        finding
    }

    fn note(&mut self, client: &ClientId, asked: &Asked, entry: LogEntry) -> Option<Finding> {
        let LogEntry { entity, id, before, after, .. } = entry;
        let known = self.known.entry(entity.clone()).or_default();
        known.insert(id.clone());
        let size = known.len() as u64;
        let who = (holder(client), entity);
        let done = self.done.entry(who.clone()).or_default();
        if done.made.contains(&id) {
            return None;
        }
        let (name, count, allowed) = match (before.is_some(), after.is_some()) {
            (false, _) => {
                done.made.insert(id);
                return None;
            }
            (true, false) => {
                done.deleted.insert(id);
                ("deleted", done.deleted.len(), LIMITS.max_delete.allowed(size))
            }
            // What somebody has edited meanwhile stays: the hub has counted a deletion.
            (true, true) if asked.deletions.contains(&(who.1.clone(), id.clone())) => return None,
            (true, true) => {
                done.changed.insert(id);
                ("changed", done.changed.len(), LIMITS.max_change.allowed(size))
            }
        };
        let is_too_much = count as u64 > allowed && !self.free.contains(&who);
        let (client, entity) = who;
        let finding = || format!("{client} {name} {count} {entity}, {allowed} are allowed");
        is_too_much.then(|| ("I19", finding()))
    }
}
