//! What is asked of a hub.

use std::collections::BTreeMap;
use std::path::PathBuf;

use syncline_domains::files::disk::Digest;
use syncline_engine::link::{Direction, LinkedDomain, LinkedEntity, Side};
use syncline_engine::sync::{Bystander, Gate, Rename, displacing};
use syncline_model::id::EntityName;
use syncline_model::path::Path;
use syncline_policy::{Guard, Limits};

use crate::narrowing::Narrowing;
use crate::sync::hex;

/// A synchronisation of two file domains.
#[derive(Clone, Debug)]
pub struct SyncRequest {
    /// The source and its folder.
    pub source: FileDomain,
    /// The target and its folder.
    pub target: FileDomain,
    /// The other domains of the hub: what they withhold is not handed on, whatever the hub knows.
    pub others: Vec<LinkedDomain>,
    /// What to synchronise, in this order.
    pub entities: Vec<FileEntity>,
    /// Which way changes flow.
    pub direction: Direction,
    /// Bounds on what is read.
    pub limits: Limits,
    /// Bounds on what is written.
    pub guard: Guard,
    /// Which records take part.
    pub narrowing: Narrowing,
    /// Who asks.
    pub actor: Actor,
    /// Whether to refuse the run, with nothing written, if it would leave a conflict open.
    pub fail_on_conflict: bool,
    /// Whether to refuse the run, before anything is read, if conflicts of its entities are open or
    /// records failed in the latest run.
    pub require_clean: bool,
    /// Whether twins become one record where both domains meet for the first time: the target's takes
    /// the id of the source's.
    pub unites_twins: bool,
    /// The inputs that a saved plan was made of: the run is refused if they have moved.
    pub expected_inputs: Option<String>,
}

/// A domain that is a folder of files.
#[derive(Clone, Debug)]
pub struct FileDomain {
    /// Name, policy, whether it may be written.
    pub domain: LinkedDomain,
    /// The folder.
    pub folder: PathBuf,
    /// Fields that have other names here than at the hub, by entity.
    pub renames: BTreeMap<EntityName, Vec<Rename>>,
}

impl FileDomain {
    /// Returns the fields that have other names in this domain.
    pub(crate) fn renames(&self, entity: &EntityName) -> &[Rename] {
        self.renames.get(entity).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the gate of an entity. A field whose name is taken here by another one never crosses.
    pub(crate) fn gate(&self, entity: &EntityName) -> Gate {
        let policy = self.domain.policy.gate(entity);
        let displaced = displacing(self.renames(entity)).map(|rename| &rename.domain);
        Gate::new(displaced.fold(policy, |gate, field| gate.without(field)))
    }
}

/// An entity that is a file in each domain's folder.
#[derive(Clone, Debug)]
pub struct FileEntity {
    /// Name, rules, where id and time stand.
    pub entity: LinkedEntity,
    /// The file's name in both folders, such as `contacts.json`.
    pub file: String,
    /// Fields by which a record is recognised under another id, the strongest first.
    pub identifying: Vec<Path>,
}

/// Who acts, as the audit names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// The user.
    pub user: Option<String>,
    /// The session.
    pub session: Option<String>,
    /// What the user is, for what waits for the approval of a role. Not in the audit.
    pub roles: Vec<String>,
}

impl SyncRequest {
    /// Returns a digest of the policies of all domains for an entity, to be compared with another.
    /// It may differ between versions of the program.
    pub(crate) fn policies(&self, entity: &EntityName) -> String {
        let gates = Side::BOTH.map(|side| self.domain(side).gate(entity));
        let policies = format!("{gates:?}\n{:?}", self.bystanders(entity));
        hex(&Digest::of(policies.as_bytes()).0)
    }

    /// Returns the domain at a side.
    pub const fn domain(&self, side: Side) -> &FileDomain {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }

    /// Returns the other domains of the hub that withhold something of an entity.
    pub(crate) fn bystanders(&self, entity: &EntityName) -> Vec<Bystander> {
        self.others.iter().filter_map(|domain| Bystander::new(domain, entity)).collect()
    }
}

/// What is told while a run goes on.
pub trait Progress {
    /// An entity's turn begins.
    fn entity_started(&mut self, entity: &EntityName);
    /// An entity's plan is made: how many records were looked at.
    fn entity_planned(&mut self, entity: &EntityName, records: u64);
    /// Returns whether the person asked to stop; a run stops between two entities, before anything
    /// is written.
    fn is_cancelled(&self) -> bool;
}

/// Tells nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn entity_started(&mut self, _entity: &EntityName) {}
    fn entity_planned(&mut self, _entity: &EntityName, _records: u64) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}
