//! What the files of a configuration hold: what tells that somebody has changed one.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::limits::FILE_BYTES_MAX;
use super::load::{CROSS_DOMAIN_FILE, FILE, MAPPINGS_FILE, folder_of};

/// What the files that a configuration is read from hold at one time.
///
/// Two snapshots are equal if [`Config::load`](super::Config::load) would read the same in both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    folder: PathBuf,
    files: Vec<(PathBuf, Content)>,
}

/// What one file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Bytes(Vec<u8>),
    Unreadable(io::ErrorKind),
    /// A pipe, which is read once.
    Stream,
}

impl Snapshot {
    /// Looks at the files that [`Config::load`](super::Config::load) would read.
    pub fn take(dir: &Path, explicit: Option<&Path>) -> Self {
        let is_there = |file: &PathBuf| fs::symlink_metadata(file).is_ok();
        let main = dir.join(FILE);
        let files = match explicit {
            Some(file) if file.extension().is_some_and(|extension| extension == "json") => {
                vec![file.to_owned(), folder_of(file).join(MAPPINGS_FILE)]
            }
            Some(file) => vec![file.to_owned()],
            None if is_there(&main) => vec![main],
            None => vec![dir.join(CROSS_DOMAIN_FILE), dir.join(MAPPINGS_FILE)],
        };
        let files = files.into_iter().filter(|file| explicit.is_some() || is_there(file));
        let files = files.map(|file| (file.clone(), content(&file))).collect();
        Self { folder: explicit.map_or(dir, folder_of).to_owned(), files }
    }

    /// Judges whether this may be what somebody wanted after `earlier`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Unreadable`] if a file that held something is gone or empty: that is half of a
    /// change, or a mistake, and never the wish for the defaults.
    pub fn follows(&self, earlier: &Self) -> Result<(), ConfigError> {
        for (file, _) in earlier.files.iter().filter(|(_, content)| !content.is_blank()) {
            let now = self.files.iter().find(|(known, _)| known == file);
            let source = match now {
                Some((_, content)) if !content.is_blank() => continue,
                Some((_, Content::Bytes(_))) => {
                    io::Error::new(io::ErrorKind::UnexpectedEof, "the file is empty now")
                }
                _ => io::Error::new(io::ErrorKind::NotFound, "the file is gone"),
            };
            return Err(ConfigError::Unreadable { file: file.clone(), source });
        }
        Ok(())
    }

    /// Returns the folder of the files, also where there is none yet.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Content {
    fn is_blank(&self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.trim_ascii().is_empty(),
            Self::Unreadable(kind) => *kind == io::ErrorKind::NotFound,
            Self::Stream => false,
        }
    }
}

fn content(file: &Path) -> Content {
    let read = || {
        if !fs::metadata(file)?.is_file() {
            return Ok(Content::Stream);
        }
        let mut bytes = Vec::new();
        File::open(file)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        Ok(Content::Bytes(bytes))
    };
    read().unwrap_or_else(|error: io::Error| Content::Unreadable(error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row per way in which a file may stand now, after it held a rule.
    #[test]
    fn a_file_that_held_something_may_become_another_and_not_nothing() {
        let desk = tempfile::tempdir().unwrap();
        let (main, mappings) = (desk.path().join(FILE), desk.path().join(MAPPINGS_FILE));
        fs::write(&main, "[entities.contacts]\n").unwrap();
        let earlier = Snapshot::take(desk.path(), None);
        let now = || Snapshot::take(desk.path(), None);
        assert_eq!(now(), earlier);
        fs::write(&mappings, "{}").unwrap();
        assert_eq!(now(), earlier, "a file that is not read does not count");
        #[rustfmt::skip]
        let cases = [
            (Some("[entities.tasks]\n"), true),
            (Some("["),                  true),
            (Some(" \n"),                false),
            (None,                       false),
        ];
        for (text, expected) in cases {
            match text {
                Some(text) => fs::write(&main, text).unwrap(),
                None => fs::remove_file(&main).unwrap(),
            }
            assert_ne!(now(), earlier, "case: {text:?}");
            assert_eq!(now().follows(&earlier).is_ok(), expected, "case: {text:?}");
        }
    }

    #[test]
    fn a_configuration_may_come_where_there_was_none() {
        let desk = tempfile::tempdir().unwrap();
        let none = Snapshot::take(desk.path(), None);
        fs::write(desk.path().join(FILE), "[entities.contacts]\n").unwrap();
        let some = Snapshot::take(desk.path(), None);
        assert_ne!(none, some);
        assert!(some.follows(&none).is_ok());
    }
}
