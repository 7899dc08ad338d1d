//! Finishing what a crash cut off.

use syncline_domains::files::disk::journal;
use syncline_engine::rows::{Batch, Key, Scan};

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
            found.push((key.clone(), journal::Entry::decode(bytes)));
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
