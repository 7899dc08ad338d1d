//! A replacement that a crash cut off, finished.
//!
//! The caller notes an [`Entry`] durably after staging and before publishing, and strikes it out
//! when the file is published or the attempt was given up.

use std::path::PathBuf;

use syncline_model::id::RecordId;
use syncline_model::json::{Json, Object, parse};

use super::access::Disk;
use super::error::DiskError;
use super::reading::{Digest, seen};
use super::staging::{Staged, remove_if_there};

/// What a run is about to do to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The file and its staged content.
    pub staged: Staged,
    /// Digest of what the file held when it was read; nothing if it was missing.
    pub old: Option<Digest>,
    /// Where the old file was to be kept.
    pub keep: Option<PathBuf>,
    /// The records that the new content changes.
    pub records: Vec<RecordId>,
    /// What the caller is to know of them once the new content is there; nobody looks into it here.
    pub note: Option<Vec<u8>>,
}

impl Entry {
    /// Encodes the entry, as it is noted: a JSON object of paths and hexadecimal digests.
    pub fn encode(&self) -> Vec<u8> {
        let mut row = Object::new();
        row.insert("target", self.staged.target.to_string_lossy().as_ref());
        row.insert("staged", self.staged.path.to_string_lossy().as_ref());
        row.insert("digest", self.staged.digest.to_string());
        if let Some(old) = &self.old {
            row.insert("old", old.to_string());
        }
        if let Some(keep) = &self.keep {
            row.insert("keep", keep.to_string_lossy().as_ref());
        }
        let records = self.records.iter().map(|id| Json::from(id.as_str()));
        row.insert("records", Json::Array(records.collect()));
        if let Some(note) = &self.note {
            let digits: String = note.iter().map(|byte| format!("{byte:02x}")).collect();
            row.insert("note", digits);
        }
        Json::Object(row).to_compact_string().into_bytes()
    }

    /// Decodes an entry; nothing if the bytes are not one. They may come from anywhere.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let Ok(Json::Object(row)) = parse(bytes) else {
            return None;
        };
        let text = |name| row.get(name).and_then(Json::as_str);
        let old = match text("old") {
            Some(old) => Some(Digest::from_hex(old)?),
            None => None,
        };
        let staged = Staged {
            target: PathBuf::from(text("target")?),
            path: PathBuf::from(text("staged")?),
            digest: Digest::from_hex(text("digest")?)?,
        };
        let records = row.get("records").and_then(Json::as_array)?.iter();
        let records = records.map(|id| RecordId::new(id.as_str()?).ok());
        Some(Self {
            staged,
            old,
            keep: text("keep").map(PathBuf::from),
            records: records.collect::<Option<_>>()?,
            note: match text("note") {
                Some(digits) => Some(bytes_of(digits)?),
                None => None,
            },
        })
    }
}

/// Returns the bytes that hexadecimal digits tell; nothing if they are none.
fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => {
            let digit = |byte: &u8| char::from(*byte).to_digit(16);
            u8::try_from(digit(high)? * 16 + digit(low)?).ok()
        }
        _ => None,
    });
    pairs.collect()
}

/// How a noted replacement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The file has the new content.
    AlreadyPublished,
    /// The file had the old content and the staged one was whole: it is in its place now.
    PublishedNow,
    /// Neither. Nothing was touched; the file has to be read anew like any other.
    Unknown {
        /// Digest of what the file holds; nothing if it is missing. If it is the old one, the
        /// replacement did not happen and its staged content is gone.
        found: Option<Digest>,
    },
}

/// Finishes one noted replacement.
///
/// It goes on only if nobody touched the file since, and only with the very content that was
/// staged. Doing it twice is the same as once.
///
/// # Errors
///
/// [`DiskError`] if the disk does not tell. The entry has to stay then.
pub fn recover(disk: &dyn Disk, entry: &Entry) -> Result<Outcome, DiskError> {
    let staged = &entry.staged;
    let digest_of = |path| Ok::<_, DiskError>(seen(disk, path)?.map(|(digest, _)| digest));
    let found = digest_of(&staged.target)?;
    if found == Some(staged.digest) {
        staged.make_durable(disk)?;
        remove_if_there(disk, &staged.path)?;
        return Ok(Outcome::AlreadyPublished);
    }
    if found != entry.old || digest_of(&staged.path)? != Some(staged.digest) {
        return Ok(Outcome::Unknown { found });
    }
    match staged.clone().publish(disk, entry.old, entry.keep.as_deref()) {
        Ok(_) => Ok(Outcome::PublishedNow),
        Err(DiskError::Changed { .. }) => {
            Ok(Outcome::Unknown { found: digest_of(&staged.target)? })
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_back_with_its_note_and_a_note_of_no_bytes_is_none() {
        let staged =
            Staged { target: "/a/c.json".into(), path: "/a/.c".into(), digest: Digest::of(b"c") };
        let records = vec![RecordId::new("ann").unwrap()];
        for note in [None, Some(Vec::new()), Some(vec![0, 9, 0xab, 0xff])] {
            let (staged, records) = (staged.clone(), records.clone());
            let entry = Entry { staged, old: None, keep: None, records, note };
            let row = entry.encode();
            assert_eq!(Entry::decode(&row), Some(entry));
            let row = String::from_utf8(row).unwrap();
            for wrong in [row.replace("09ab", "09a"), row.replace("09ab", "09ax")] {
                assert!(wrong == row || Entry::decode(wrong.as_bytes()).is_none(), "{wrong}");
            }
        }
    }
}
