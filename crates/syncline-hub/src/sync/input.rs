//! What a run starts from: the files of one entity, and which of its records have to be looked at.

use std::collections::BTreeSet;
use std::path::PathBuf;

use syncline_domains::files::disk::{Digest, Reading, digest, read};
use syncline_domains::files::document::{Document, Item};
use syncline_engine::index::DomainIndex;
use syncline_engine::link::{LinkedEntity, Side};
use syncline_engine::log::LogEntry;
use syncline_engine::rows::{Key, Scan};
use syncline_engine::sync::{Held, Problem, Rename, to_hub};
use syncline_model::id::{EntityName, Position, RecordId, RunId};
use syncline_model::json::fields::flatten;
use syncline_model::path::Path;

use super::publish::is_transient;
use crate::error::HubError;
use crate::hub::Hub;
use crate::request::{FileDomain, FileEntity, SyncRequest};

/// One file of an entity, as it was read.
pub(crate) struct SideInput {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Digest of its bytes; `None` if it is missing.
    pub(crate) digest: Option<[u8; 32]>,
    /// When it was last modified, in milliseconds since the Unix epoch.
    pub(crate) modified_ms: Option<u64>,
    /// Its items.
    pub(crate) document: Document<'static>,
    /// Positions among the items, sorted by id.
    by_id: Vec<usize>,
    /// What the domain held after the last run.
    pub(crate) index: DomainIndex,
    /// Runs whose writes to this file nobody knows to be done.
    pub(crate) unknown_writes: Vec<RunId>,
    /// Fields that have other names in this domain.
    pub(crate) renames: Vec<Rename>,
}

impl SideInput {
    /// Returns the item of a record.
    pub(crate) fn item(&self, id: &RecordId) -> Option<&Item> {
        let items = self.document.items();
        let found = self.by_id.binary_search_by(|index| items[*index].id.cmp(id));
        found.ok().map(|at| &items[self.by_id[at]])
    }

    /// Returns the items, sorted by id.
    pub(crate) fn items(&self) -> impl Iterator<Item = &Item> {
        self.by_id.iter().map(|index| &self.document.items()[*index])
    }

    /// Returns what the domain holds of a record.
    pub(crate) fn held(&self, id: &RecordId, id_path: &Path) -> Held {
        match self.item(id) {
            Some(item) => match flatten(self.document.raw(item)) {
                Ok(mut fields) => {
                    fields.retain(|(path, _)| path != id_path);
                    Held::Present {
                        fields: to_hub(&self.renames, fields),
                        file_ms: self.modified_ms,
                    }
                }
                Err(_) => Held::Unknown,
            },
            None if self.is_absent(id) => Held::Absent,
            None => Held::Unknown,
        }
    }

    /// Returns whether a record that is not among the items is certainly not in the file.
    ///
    /// An item whose id cannot be read may be any record that the domain held before, and none
    /// that it never held: those can come although such an item is there.
    fn is_absent(&self, id: &RecordId) -> bool {
        let never_held = self.index.get(id).is_none() && !self.document.is_withheld(id);
        self.document.is_gone(id) || never_held
    }
}

/// One file of which only is known where it is and what was there after the last run.
struct Opened {
    side: Side,
    path: PathBuf,
    index: DomainIndex,
    unknown_writes: Vec<RunId>,
}

impl Opened {
    /// Returns whether the file is what the last run left, under the same rules, and nothing has
    /// changed at the hub since. Its bytes are digested, never held.
    fn is_unchanged(&self, hub: &Hub, rules: [u8; 16]) -> bool {
        let same = self.index.rules == rules
            && self.index.position == hub.position
            && self.unknown_writes.is_empty();
        // What cannot be read is read again where errors are told.
        let found = || digest(&*hub.disk, &self.path).ok().flatten();
        same && self.index.file.is_some() && found() == self.index.file.map(Digest)
    }

    /// Takes the file as it was after the last run, without looking into it.
    fn into_known(self, request: &SyncRequest, entity: &FileEntity) -> SideInput {
        let LinkedEntity { name, id_path, .. } = &entity.entity;
        SideInput {
            path: self.path,
            digest: self.index.file,
            modified_ms: None,
            document: Document::empty(name.as_str(), id_path),
            by_id: Vec::new(),
            index: self.index,
            unknown_writes: self.unknown_writes,
            renames: request.domain(self.side).renames(name).to_vec(),
        }
    }

    fn read(
        self,
        hub: &Hub,
        request: &SyncRequest,
        entity: &FileEntity,
    ) -> Result<SideInput, HubError> {
        let LinkedEntity { name, id_path, .. } = &entity.entity;
        let domain = request.domain(self.side);
        let bytes_max = request.limits.bytes_per_run;
        let reading = read(&*hub.disk, &self.path, bytes_max).map_err(|error| {
            let (code, transient) = (error.code(), is_transient(&error));
            file_error(domain, name, code, with_causes(&error), transient)
        })?;
        let file = match reading {
            Reading::Missing => None,
            Reading::Present(file) => Some(file),
        };
        let digest = file.as_ref().map(|file| file.digest.0);
        let modified_ms = file.as_ref().map(|file| file.modified_ms);
        let document = match file {
            Some(file) => Document::parse(file.bytes, name.as_str(), id_path).map_err(|error| {
                file_error(domain, name, error.code(), with_causes(&error), false)
            })?,
            None => Document::empty(name.as_str(), id_path),
        };
        let items = document.items();
        let mut by_id: Vec<usize> = (0..items.len()).collect();
        by_id.sort_by(|a, b| items[*a].id.cmp(&items[*b].id));
        Ok(SideInput {
            path: self.path,
            digest,
            modified_ms,
            document,
            by_id,
            index: self.index,
            unknown_writes: self.unknown_writes,
            renames: domain.renames(name).to_vec(),
        })
    }
}

fn file_error(
    domain: &FileDomain,
    entity: &EntityName,
    code: &'static str,
    problem: String,
    transient: bool,
) -> HubError {
    let (domain, entity) = (domain.domain.name.as_str().to_owned(), entity.as_str().to_owned());
    HubError::File { domain, entity, code, problem, transient }
}

/// Both files of one entity.
pub(crate) struct EntityInput {
    /// Source and target.
    pub(crate) sides: [SideInput; 2],
    /// Digest of the rules and policies in force.
    pub(crate) rules: [u8; 16],
    /// Whether nothing has changed anywhere since the last run. The items are not read then.
    pub(crate) unchanged: bool,
}

impl Hub {
    /// Reads both files of an entity.
    ///
    /// # Errors
    ///
    /// [`HubError::File`] if a file cannot be read or is no document: nothing of the entity can be
    /// synchronised then, and nothing is deleted.
    pub(crate) fn read_entity(
        &self,
        request: &SyncRequest,
        entity: &FileEntity,
    ) -> Result<EntityInput, HubError> {
        let rules = rules_digest(request, entity);
        let [source, target] = Side::BOTH.map(|side| self.open_side(request, entity, side));
        let opened = [source?, target?];
        // Nothing was changed anywhere: then nothing has to be understood either.
        let unchanged =
            request.only.is_none() && opened.iter().all(|side| side.is_unchanged(self, rules));
        let sides = if unchanged {
            opened.map(|side| side.into_known(request, entity))
        } else {
            let [source, target] = opened.map(|side| side.read(self, request, entity));
            [source?, target?]
        };
        Ok(EntityInput { sides, rules, unchanged })
    }

    /// Reads the file of one side, whether it was changed or not.
    pub(crate) fn read_side(
        &self,
        request: &SyncRequest,
        entity: &FileEntity,
        side: Side,
    ) -> Result<SideInput, HubError> {
        self.open_side(request, entity, side)?.read(self, request, entity)
    }

    fn open_side(
        &self,
        request: &SyncRequest,
        entity: &FileEntity,
        side: Side,
    ) -> Result<Opened, HubError> {
        let domain = request.domain(side);
        let name = &entity.entity.name;
        let path = domain.folder.join(&entity.file);
        let index = self.domain_index(request, side, name)?;
        let mut unknown_writes = Vec::new();
        self.for_each(&Scan::Journal, |key, _| {
            if let Key::Journal { run, domain: d, entity: e } = key
                && (d, e) == (&domain.domain.name, name)
            {
                unknown_writes.push(run.clone());
            }
            Ok(())
        })?;
        Ok(Opened { side, path, index, unknown_writes })
    }

    fn domain_index(
        &self,
        request: &SyncRequest,
        side: Side,
        entity: &EntityName,
    ) -> Result<DomainIndex, HubError> {
        let domain = request.domain(side).domain.name.clone();
        let key = Key::Domain { domain, entity: Some(entity.clone()) };
        match self.store.get(&key)? {
            Some(bytes) => DomainIndex::decode(&bytes)
                .map_err(|source| HubError::Damaged { table: "domains", source }),
            None => Ok(DomainIndex::default()),
        }
    }

    /// Returns the records that have to be looked at: those that differ from what the domains held
    /// after the last run, those that changed at the hub since, and all if the rules are others.
    pub(crate) fn changed_records(
        &self,
        input: &EntityInput,
        entity: &EntityName,
    ) -> Result<BTreeSet<RecordId>, HubError> {
        let mut changed = BTreeSet::new();
        // What one side still lacks may be told by the other side's items only.
        let stale =
            |side: &SideInput| side.index.rules != input.rules || !side.unknown_writes.is_empty();
        let everything = input.sides.iter().any(stale);
        for side in &input.sides {
            differing(side, everything, &mut changed);
        }
        let since = input.sides.iter().map(|side| side.index.position).min().unwrap_or_default();
        if since < self.position && since > Position(0) {
            self.for_each(&Scan::Log { from: since.next() }, |_, bytes| {
                let entry = LogEntry::decode(bytes)
                    .map_err(|source| HubError::Damaged { table: "log", source })?;
                if entry.entity == *entity {
                    changed.insert(entry.id);
                }
                Ok(())
            })?;
        } else if since == Position(0) {
            self.for_each(&Scan::Records { entity: entity.clone() }, |key, _| {
                if let Key::Record { id, .. } = key {
                    changed.insert(id.clone());
                }
                Ok(())
            })?;
        }
        Ok(changed)
    }
}

/// Adds the records whose bytes are not those of the index; both are sorted by id.
fn differing(side: &SideInput, everything: bool, changed: &mut BTreeSet<RecordId>) {
    let mut known = side.index.items.iter().peekable();
    for item in side.items() {
        while let Some((id, _)) = known.next_if(|(id, _)| *id < item.id) {
            changed.insert(id.clone());
        }
        let same = known.next_if(|(id, _)| *id == item.id).is_some_and(|(_, d)| *d == item.digest);
        if !same || everything {
            changed.insert(item.id.clone());
        }
    }
    changed.extend(known.map(|(id, _)| id.clone()));
}

/// Returns what is wrong with single items of a file.
pub(crate) fn problems(
    input: &EntityInput,
    request: &SyncRequest,
    entity: &EntityName,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for side in Side::BOTH {
        for rejected in input.sides[side.index()].document.rejected() {
            if !rejected.reason.withholds() {
                continue;
            }
            let item = match &rejected.id {
                Some(id) => id.as_str().to_owned(),
                None => format!("#{}", rejected.index),
            };
            problems.push(Problem {
                code: rejected.reason.code().to_owned(),
                domain: Some(request.domain(side).domain.name.clone()),
                entity: Some(entity.clone()),
                item: Some(item),
                reason: rejected.reason.to_string(),
                fix: rejected.reason.fix().to_owned(),
            });
        }
    }
    problems
}

/// Returns the message of an error with its causes.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Returns a digest of all that decides what a run does with unchanged files.
fn rules_digest(request: &SyncRequest, entity: &FileEntity) -> [u8; 16] {
    let parts = format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
        request.direction,
        entity.entity,
        request.source.domain,
        request.target.domain,
        request.source.folder,
        request.target.folder,
        request.source.renames,
        request.target.renames,
        entity.file,
    );
    let digest = Digest::of(parts.as_bytes()).0;
    let mut rules = [0; 16];
    rules.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    rules
}
