//! Finishing what a crash cut off.

use std::path::Path;

use syncline_domains::files::disk::{Digest, Disk, Place, Reading, journal, leftovers, read};
use syncline_engine::bases;
use syncline_engine::index::DomainIndex;
use syncline_engine::rows::{Batch, Key, Scan};
use syncline_engine::sync::base_key;
use syncline_model::id::{DomainName, EntityName, RecordId};

use crate::error::HubError;
use crate::hub::Hub;

impl Hub {
    /// Finishes interrupted writes: a file that nobody touched since is put in its place, any other
    /// is left as it is and read anew in the next run. Answers a line for each file.
    ///
    /// # Errors
    ///
    /// [`HubError::Store`]; a file that cannot be looked at keeps its place in the journal.
    pub fn recover(&mut self) -> Result<Vec<String>, HubError> {
        let mut found = Vec::new();
        self.for_each(&Scan::Journal, |key, bytes| {
            found.push((key.clone(), journal::Entry::decode(bytes)));
            Ok(())
        })?;
        let mut batch = Batch::new();
        let mut told = Vec::new();
        let mut files: Vec<(DomainName, EntityName)> = Vec::new();
        for (key, _) in &found {
            files.extend(file_of(key));
        }
        for (key, entry) in found {
            let Some((domain, entity)) = file_of(&key) else {
                continue;
            };
            let file = (domain.clone(), entity.clone());
            let is_only_one = files.iter().filter(|other| **other == file).count() == 1;
            let name = format!("{domain}/{entity}");
            let Some(entry) = entry else {
                return Err(HubError::Row { table: "journal" });
            };
            match journal::recover(&*self.disk, &entry) {
                Ok(journal::Outcome::AlreadyPublished) => {
                    told.push(format!("{name}: was written; confirmed"));
                    self.outdate_index(&domain, &entity, entry.note.as_deref(), &mut batch)?;
                    batch.delete(key);
                }
                Ok(journal::Outcome::PublishedNow) => {
                    told.push(format!("{name}: interrupted write finished"));
                    self.outdate_index(&domain, &entity, entry.note.as_deref(), &mut batch)?;
                    batch.delete(key);
                }
                Ok(outcome) => {
                    told.push(format!("{name}: changed since; read anew in the next run"));
                    let found = match outcome {
                        journal::Outcome::Unknown { found } => found,
                        _ => None,
                    };
                    if let (true, Some(written)) =
                        (is_only_one, was_written(&*self.disk, &entry, found))
                    {
                        self.close_intents(&domain, &entity, &entry.records, written, &mut batch)?;
                        if written {
                            self.outdate_index(
                                &domain,
                                &entity,
                                entry.note.as_deref(),
                                &mut batch,
                            )?;
                        }
                        // Best effort: what is left of a run that is over is removed by the next.
                        let _ = entry.staged.discard(&*self.disk);
                        batch.delete(key);
                    }
                }
                Err(error) => told.push(format!("{name}: cannot be looked at: {error}")),
            }
        }
        if !batch.writes().is_empty() {
            self.store.commit(&batch)?;
        }
        Ok(told)
    }

    /// Notes that the index of a domain is from before a write that is done: a file that holds what it
    /// tells is an old copy in another folder, not the file as it was left.
    ///
    /// - `names`: the index of the records that were written, with their names, where fields have
    ///   other ones than at the hub.
    fn outdate_index(
        &self,
        domain: &DomainName,
        entity: &EntityName,
        names: Option<&[u8]>,
        batch: &mut Batch,
    ) -> Result<(), HubError> {
        let decode = |row: &[u8]| {
            DomainIndex::decode(row)
                .map_err(|source| HubError::Damaged { table: "domains", source })
        };
        let key = Key::Domain { domain: domain.clone(), entity: Some(entity.clone()) };
        let row = self.view().rows.get(&key)?;
        if row.is_none() && names.is_none() {
            return Ok(());
        }
        let mut index = row.as_deref().map(decode).transpose()?.unwrap_or_default();
        index.file = None;
        if let Some(written) = names.map(decode).transpose()? {
            let naming = |id: &RecordId| written.naming(id).cloned().unwrap_or_default();
            let names = written.items.iter().map(|(id, _)| (id.clone(), naming(id)));
            index.set_names_unseen(&names.collect());
        }
        batch.put(key, index.encode());
        Ok(())
    }

    /// Takes note of what became of a file that was about to be written: what the records of that
    /// write were meant to hold is what they held, or never was. Intents of other records are those
    /// of earlier runs, which were written.
    pub(crate) fn close_intents(
        &self,
        domain: &DomainName,
        entity: &EntityName,
        records: &[RecordId],
        written: bool,
        batch: &mut Batch,
    ) -> Result<(), HubError> {
        let keys: Vec<Key> = records.iter().map(|id| base_key(domain, entity, id)).collect();
        let known = self.view().bases(&keys)?;
        for (key, base) in keys.into_iter().zip(known) {
            let Some(base) = base else { continue };
            if base.intent.is_none() {
                continue;
            }
            let base = match written {
                true => Some(base.with_intent_written()),
                false => base.without_intent(),
            };
            match base {
                Some(base) => batch.put(key, bases::encode(&base, None)),
                None => batch.delete(key),
            };
        }
        Ok(())
    }

    /// Removes staged files in a folder that no run will ever put in place.
    pub(crate) fn sweep(&self, folder: &Path) -> Result<(), HubError> {
        // Best effort: a folder that cannot be listed is told by the reading of its files.
        let Ok(found) = leftovers(&*self.disk, folder) else {
            return Ok(());
        };
        let mut working = Vec::new();
        self.for_each(&Scan::Journal, |key, _| {
            if let Key::Journal { run, .. } = key {
                working.push(run.as_str().to_owned());
            }
            Ok(())
        })?;
        for leftover in found {
            if !working.contains(&leftover.run) {
                let _ = self.disk.remove(&leftover.path);
            }
        }
        Ok(())
    }
}

fn file_of(key: &Key) -> Option<(DomainName, EntityName)> {
    match key {
        Key::Journal { domain, entity, .. } => Some((domain.clone(), entity.clone())),
        _ => None,
    }
}

/// Tells whether a file that somebody has changed since was replaced before that; `None` where it
/// cannot be told.
///
/// The staged file takes the file's place, and the old one is kept before: so what is there tells
/// how far the replacement came. A file that holds what it held before may be the old one, or the
/// new one of which somebody has taken out again what the run had brought: if it was never replaced,
/// the kept file is another name of it.
fn was_written(disk: &dyn Disk, entry: &journal::Entry, found: Option<Digest>) -> Option<bool> {
    let old = entry.old?;
    if entry.keep.is_none() && found == Some(old) {
        return Some(false);
    }
    match disk.place(&entry.staged.path) {
        Ok(Place::Found(_)) => return Some(false),
        Ok(Place::Missing(_)) => {}
        _ => return None,
    }
    match disk.place(entry.keep.as_deref()?) {
        Ok(Place::Found(keep)) => match read(disk, &keep, u64::MAX) {
            Ok(Reading::Present(kept)) if kept.digest == old => {
                Some(found != Some(old) || replaced_by_another(disk, &entry.staged.target, &keep))
            }
            _ => None,
        },
        Ok(Place::Missing(_)) => Some(false),
        _ => None,
    }
}

/// Tells whether a file is certainly not the one that was kept under a second name. A copy on
/// another device says nothing.
fn replaced_by_another(disk: &dyn Disk, file: &Path, kept: &Path) -> bool {
    match (disk.facts(file), disk.facts(kept)) {
        (Ok(file), Ok(kept)) => {
            file.identity.device == kept.identity.device && file.identity != kept.identity
        }
        _ => false,
    }
}
