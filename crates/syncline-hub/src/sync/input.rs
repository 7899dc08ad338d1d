//! What a run starts from: the files of one entity, and which of its records have to be looked at.

use std::path::PathBuf;
use std::thread::{self, Scope};

use syncline_domains::files::disk::{Digest, Present, Reading, digest, read};
use syncline_domains::files::document::{Document, DocumentError, Item};
use syncline_engine::index::DomainIndex;
use syncline_engine::link::{LinkedEntity, Side};
use syncline_engine::log::LogEntry;
use syncline_engine::rows::{Key, Scan};
use syncline_engine::sync::{Held, Naming, NamingFacts, Problem, Rename};
use syncline_merge::display::Fields;
use syncline_merge::fault::{Fault, is_planted};
use syncline_model::id::{EntityName, Position, RecordId, RunId};
use syncline_model::json::fields::flatten;
use syncline_model::path::Path;

use super::beside::Beside;
use super::publish::is_transient;
use super::run::length;
use crate::error::HubError;
use crate::location::{Location, Moved};
use crate::request::{FileDomain, FileEntity, SyncRequest};
use crate::view::View;

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
    /// What the domain held after the last run.
    pub(crate) index: DomainIndex,
    /// Runs whose writes to this file nobody knows to be done.
    pub(crate) unknown_writes: Vec<RunId>,
    /// Fields that have other names in this domain.
    pub(crate) renames: Vec<Rename>,
    /// Where the domain's file is.
    pub(crate) location: Location,
    /// If that is somewhere else than the file of which the index and the bases tell.
    pub(crate) moved: Option<Moved>,
}

impl SideInput {
    /// Returns what the domain holds of a record, and under which names; nothing of these where all
    /// fields of the domain are called as at the hub.
    ///
    /// - `known`: what it was last known to hold.
    pub(crate) fn held(
        &self,
        id: &RecordId,
        id_path: &Path,
        known: &[&Fields],
    ) -> (Held, Option<Naming>) {
        let Some(item) = self.document.item(id) else {
            return (if self.is_absent(id) { Held::Absent } else { Held::Unknown }, None);
        };
        let Ok(mut fields) = flatten(self.document.raw(item)) else {
            return (Held::Unknown, None);
        };
        fields.retain(|(path, _)| path != id_path);
        let file_ms = self.modified_ms;
        if self.is_plain() {
            return (Held::Present { fields, file_ms }, None);
        }
        let naming = self.naming(item, &fields, known);
        let fields = naming.to_hub(fields);
        (Held::Present { fields, file_ms }, Some(naming))
    }

    /// Returns whether all fields of the domain are called as at the hub, now and when its items were
    /// written.
    pub(crate) fn is_plain(&self) -> bool {
        self.renames.is_empty() && self.index.names.namings().is_empty()
    }

    /// Returns the names of an item: those that the index tells if nobody has edited it since.
    fn naming(&self, item: &Item, fields: &Fields, held: &[&Fields]) -> Naming {
        let present = Naming::of(&self.renames);
        let facts = |known, former| NamingFacts { known, present: &self.renames, former, held };
        match self.index.naming(&item.id).filter(|_| !is_planted(Fault::NamesOfToday)) {
            None => facts(&present, &[]).names_of(fields),
            Some(known) if self.index.get(&item.id) == Some(&item.digest) => known.clone(),
            Some(known) => facts(known, self.index.names.namings()).names_of(fields),
        }
    }

    /// Returns the fields of a record under the names that they have in the domain, its id too;
    /// nothing if they cannot be read.
    pub(crate) fn own_fields(&self, id: &RecordId) -> Option<Fields> {
        self.document.item(id).and_then(|item| flatten(self.document.raw(item)).ok())
    }

    /// Returns whether what the domain was last known to hold of a record is known of this file. Of
    /// one that was somewhere else then it is where the item is as that file was left.
    pub(crate) fn keeps_base(&self, id: &RecordId) -> bool {
        if self.moved.is_none() {
            return true;
        }
        let is_known_whole = self.index.file.is_some() && self.unknown_writes.is_empty();
        let item = self.document.item(id).filter(|_| is_known_whole);
        item.is_some_and(|item| self.index.get(id) == Some(&item.digest))
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
    location: Location,
    moved: Option<Moved>,
}

impl Opened {
    /// Returns whether the file may be what the last run left: the same length, under the same
    /// rules, and nothing has changed at the hub since.
    fn may_be_unchanged(&self, view: &View<'_>, rules: [u8; 16]) -> bool {
        self.index.rules == rules
            && self.index.position == view.position
            && self.unknown_writes.is_empty()
            && self.index.file.is_some()
            && length(view.disk, &self.path) == self.index.bytes
    }

    /// Returns whether the file holds what the last run left. Its bytes are digested, never held.
    fn is_unchanged(&self, view: &View<'_>) -> bool {
        // What cannot be read is read again where errors are told.
        let found = digest(view.disk, &self.path).ok().flatten();
        found.is_some() && found == self.index.file.map(Digest)
    }

    /// Takes the file as it was after the last run, without looking into it.
    fn into_known(self, request: &SyncRequest, entity: &FileEntity) -> SideInput {
        let LinkedEntity { name, id_path, .. } = &entity.entity;
        let renames = request.domain(self.side).renames(name).to_vec();
        SideInput {
            path: self.path,
            digest: self.index.file,
            modified_ms: None,
            document: Document::empty(name.as_str(), id_path),
            index: self.index,
            unknown_writes: self.unknown_writes,
            renames,
            location: self.location,
            moved: self.moved,
        }
    }

    /// Reads the file; nothing if it is missing.
    fn read(
        &self,
        view: &View<'_>,
        request: &SyncRequest,
        entity: &EntityName,
    ) -> Result<Option<Present>, HubError> {
        let reading = read(view.disk, &self.path, request.limits.bytes_per_run);
        let reading = reading.map_err(|error| {
            let (code, transient) = (error.code(), is_transient(&error));
            file_error(request.domain(self.side), entity, code, with_causes(&error), transient)
        })?;
        Ok(match reading {
            Reading::Missing => None,
            Reading::Present(file) => Some(file),
        })
    }

    /// Takes the file as it was read.
    fn into_read(
        self,
        request: &SyncRequest,
        entity: &EntityName,
        file: FileFacts,
        document: Result<Document<'static>, DocumentError>,
    ) -> Result<SideInput, HubError> {
        let domain = request.domain(self.side);
        let document = document.map_err(|error| {
            file_error(domain, entity, error.code(), with_causes(&error), false)
        })?;
        let renames = domain.renames(entity).to_vec();
        Ok(SideInput {
            path: self.path,
            digest: file.digest,
            modified_ms: file.modified_ms,
            document,
            index: self.index,
            unknown_writes: self.unknown_writes,
            renames,
            location: self.location,
            moved: self.moved,
        })
    }
}

/// What is known of a file beside its bytes; nothing of one that is missing.
struct FileFacts {
    digest: Option<[u8; 32]>,
    modified_ms: Option<u64>,
}

impl FileFacts {
    fn of(file: Option<&Present>) -> Self {
        Self {
            digest: file.map(|file| file.digest.0),
            modified_ms: file.map(|file| file.modified_ms),
        }
    }
}

/// Finds the items of a file; one that is missing has none.
fn items_of(
    file: Option<Present>,
    entity: &EntityName,
    id_path: &Path,
) -> Result<Document<'static>, DocumentError> {
    match file {
        Some(file) => Document::parse(file.bytes, entity.as_str(), id_path),
        None => Ok(Document::empty(entity.as_str(), id_path)),
    }
}

pub(super) fn file_error(
    domain: &FileDomain,
    entity: &EntityName,
    code: &'static str,
    problem: String,
    transient: bool,
) -> HubError {
    let (domain, entity) = (domain.domain.name.as_str().to_owned(), entity.as_str().to_owned());
    HubError::File { domain, entity, code, problem, transient }
}

/// Both files of an entity, as they were read; their items are being found.
pub(super) struct EntityReading<'scope> {
    opened: [Opened; 2],
    rules: [u8; 16],
    /// Nothing if nothing has changed anywhere.
    files: Option<[FileReading<'scope>; 2]>,
}

/// A file whose items are being found.
struct FileReading<'scope> {
    facts: FileFacts,
    document: Beside<'scope, Result<Document<'static>, DocumentError>>,
}

impl EntityReading<'_> {
    /// Waits for the items of both files.
    ///
    /// # Errors
    ///
    /// [`HubError::File`] if a file is no document.
    pub(super) fn wait(
        self,
        request: &SyncRequest,
        entity: &FileEntity,
    ) -> Result<EntityInput, HubError> {
        let Self { opened, rules, files } = self;
        let unchanged = files.is_none();
        let sides = match files {
            None => opened.map(|side| side.into_known(request, entity)),
            Some(files) => {
                let name = &entity.entity.name;
                let [source, target] = opened;
                let [of_source, of_target] =
                    files.map(|FileReading { facts, document }| (facts, document.wait()));
                [
                    source.into_read(request, name, of_source.0, of_source.1)?,
                    target.into_read(request, name, of_target.0, of_target.1)?,
                ]
            }
        };
        Ok(EntityInput { sides, rules, unchanged })
    }
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

impl View<'_> {
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
        thread::scope(|scope| self.begin_reading(scope, request, entity)?.wait(request, entity))
    }

    /// Reads both files of an entity, one after the other, and begins to find their items.
    ///
    /// # Errors
    ///
    /// [`HubError::File`] if a file cannot be read.
    pub(super) fn begin_reading<'scope>(
        &self,
        scope: &'scope Scope<'scope, '_>,
        request: &SyncRequest,
        entity: &'scope FileEntity,
    ) -> Result<EntityReading<'scope>, HubError> {
        let [source, target] = Side::BOTH.map(|side| self.open_side(request, entity, side));
        let opened = [source?, target?];
        let rules = rules_digest(request, entity, opened.each_ref().map(|side| &side.location));
        // Nothing was changed anywhere: then nothing has to be understood either. A file is digested
        // for that only if it may turn out so.
        let unchanged = !request.narrowing.is_narrow()
            && opened.iter().all(|side| side.may_be_unchanged(self, rules))
            && opened.iter().all(|side| side.is_unchanged(self));
        if unchanged {
            return Ok(EntityReading { opened, rules, files: None });
        }
        let LinkedEntity { name, id_path, .. } = &entity.entity;
        let [source, target] = opened.each_ref().map(|side| side.read(self, request, name));
        let files = [source?, target?].map(|file| {
            let facts = FileFacts::of(file.as_ref());
            let bytes = file.as_ref().map_or(0, |file| file.bytes.len());
            let find = move || items_of(file, name, id_path);
            FileReading { facts, document: Beside::begin(scope, bytes, find) }
        });
        Ok(EntityReading { opened, rules, files: Some(files) })
    }

    /// Reads the file of one side, whether it was changed or not.
    pub(crate) fn read_side(
        &self,
        request: &SyncRequest,
        entity: &FileEntity,
        side: Side,
    ) -> Result<SideInput, HubError> {
        let name = &entity.entity.name;
        let opened = self.open_side(request, entity, side)?;
        let file = opened.read(self, request, name)?;
        let facts = FileFacts::of(file.as_ref());
        opened.into_read(request, name, facts, items_of(file, name, &entity.entity.id_path))
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
        let location = self.location(&domain.folder, &entity.file);
        let moved = self.moved(&domain.domain.name, name, &location)?;
        Ok(Opened { side, path, index, unknown_writes, location, moved })
    }

    /// Returns what a domain held of an entity after the last run.
    pub(crate) fn domain_index(
        &self,
        request: &SyncRequest,
        side: Side,
        entity: &EntityName,
    ) -> Result<DomainIndex, HubError> {
        let domain = request.domain(side).domain.name.clone();
        let key = Key::Domain { domain, entity: Some(entity.clone()) };
        match self.rows.get(&key)? {
            Some(bytes) => DomainIndex::decode(&bytes)
                .map_err(|source| HubError::Damaged { table: "domains", source }),
            None => Ok(DomainIndex::default()),
        }
    }

    /// Returns the records that have to be looked at, sorted: those that differ from what the
    /// domains held after the last run, those that changed at the hub since, and all if the rules
    /// are others.
    pub(crate) fn changed_records(
        &self,
        input: &EntityInput,
        entity: &EntityName,
    ) -> Result<Vec<RecordId>, HubError> {
        let mut changed = Vec::new();
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
                    changed.push(entry.id);
                }
                Ok(())
            })?;
        } else if since == Position(0) {
            self.for_each(&Scan::Records { entity: entity.clone() }, |key, _| {
                if let Key::Record { id, .. } = key {
                    changed.push(id.clone());
                }
                Ok(())
            })?;
        }
        changed.sort();
        changed.dedup();
        Ok(changed)
    }
}

/// Adds the records whose bytes are not those of the index; both are sorted by id.
fn differing(side: &SideInput, everything: bool, changed: &mut Vec<RecordId>) {
    let mut known = side.index.items.iter().peekable();
    for item in side.document.items_by_id() {
        while let Some((id, _)) = known.next_if(|(id, _)| *id < item.id) {
            changed.push(id.clone());
        }
        let same = known.next_if(|(id, _)| *id == item.id).is_some_and(|(_, d)| *d == item.digest);
        if !same || everything {
            changed.push(item.id.clone());
        }
    }
    changed.extend(known.map(|(id, _)| id.clone()));
}

/// Returns what is wrong with single items of a file, also of those that only repeat another one.
pub(crate) fn problems(
    input: &EntityInput,
    request: &SyncRequest,
    entity: &EntityName,
) -> Vec<Problem> {
    let mut told = Vec::new();
    for side in Side::BOTH {
        for rejected in input.sides[side.index()].document.rejected() {
            let item = match &rejected.id {
                Some(id) => id.as_str().to_owned(),
                None => format!("#{}", rejected.index),
            };
            told.push(Problem {
                code: rejected.reason.code().to_owned(),
                domain: Some(request.domain(side).domain.name.clone()),
                entity: Some(entity.clone()),
                item: Some(item),
                reason: with_causes(&rejected.reason),
                fix: rejected.reason.fix().to_owned(),
            });
        }
    }
    told
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
fn rules_digest(
    request: &SyncRequest,
    entity: &FileEntity,
    [source, target]: [&Location; 2],
) -> [u8; 16] {
    let parts = format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{}\n{}\n{:?}\n{:?}\n{:?}",
        request.direction,
        entity.entity,
        request.source.domain,
        request.target.domain,
        source.to_text(),
        target.to_text(),
        request.source.renames,
        request.target.renames,
        request.bystanders(&entity.entity.name),
    );
    let digest = Digest::of(parts.as_bytes()).0;
    let mut rules = [0; 16];
    rules.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    rules
}
