//! Finishing what a crash cut off.

use std::path::PathBuf;

use syncline_domains::files::disk::{Digest, Staged, journal};
use syncline_engine::rows::{Batch, Key, Scan};
use syncline_model::json::{Json, Object, parse};

use super::run::hex;
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
            found.push((key.clone(), decode_journal(bytes)));
            Ok(())
        })?;
        let mut batch = Batch::new();
        let mut told = Vec::new();
        for (key, entry) in found {
            let Key::Journal { domain, entity, .. } = &key else {
                continue;
            };
            let name = format!("{domain}/{entity}");
            let Some(entry) = entry else {
                return Err(HubError::Row { table: "journal" });
            };
            match journal::recover(&*self.disk, &entry) {
                Ok(journal::Outcome::AlreadyPublished) => {
                    told.push(format!("{name}: was written; confirmed"));
                    batch.delete(key);
                }
                Ok(journal::Outcome::PublishedNow) => {
                    told.push(format!("{name}: interrupted write finished"));
                    batch.delete(key);
                }
                Ok(_) => told.push(format!("{name}: changed since; read anew in the next run")),
                Err(error) => told.push(format!("{name}: cannot be looked at: {error}")),
            }
        }
        if !batch.writes().is_empty() {
            self.store.commit(&batch)?;
        }
        Ok(told)
    }
}

/// Encodes what is about to be done to a file.
pub(crate) fn encode_journal(entry: &journal::Entry) -> Vec<u8> {
    let mut row = Object::new();
    row.insert("target", entry.staged.target.to_string_lossy().as_ref());
    row.insert("staged", entry.staged.path.to_string_lossy().as_ref());
    row.insert("digest", hex(&entry.staged.digest.0));
    if let Some(old) = &entry.old {
        row.insert("old", hex(&old.0));
    }
    if let Some(keep) = &entry.keep {
        row.insert("keep", keep.to_string_lossy().as_ref());
    }
    Json::Object(row).to_compact_string().into_bytes()
}

fn decode_journal(bytes: &[u8]) -> Option<journal::Entry> {
    let Ok(Json::Object(row)) = parse(bytes) else {
        return None;
    };
    let text = |name| row.get(name).and_then(Json::as_str);
    let old = match text("old") {
        Some(old) => Some(digest(old)?),
        None => None,
    };
    let staged = Staged {
        target: PathBuf::from(text("target")?),
        path: PathBuf::from(text("staged")?),
        digest: digest(text("digest")?)?,
    };
    Some(journal::Entry {
        staged,
        old,
        keep: text("keep").map(PathBuf::from),
    })
}

fn digest(text: &str) -> Option<Digest> {
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(Digest(bytes))
}
