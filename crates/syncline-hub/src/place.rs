//! Where a store is, and whether it is the one that was there before: a copy, or an old state that
//! was put back, knows an older past than its domains do.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use syncline_store::Epoch;

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The path of the store.
    pub path: String,
    /// Which file it is: its device and number, or whatever changes with a copy.
    pub identity: String,
    /// When the witness was touched last, by anything at all: asked where the latest opener cannot be
    /// noted.
    pub touched: String,
    /// Whether the store is as its last opener left it; `None` where that cannot be told.
    pub is_latest: Option<bool>,
}

/// What a place says of the store in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Past {
    /// It is the store that was there before.
    Same,
    /// It is that store under another path.
    Moved,
    /// It is a copy, or was put back from one.
    Restored,
}

/// A file beside the store that nobody writes again: an old copy of the state that is written over the
/// present one, file by file, touches it too, and is known by that.
const WITNESS_FILE: &str = "witness";

const WITNESS: &str = "Written once. A copy that is put in place of this folder's files touches this \
                       file, and the hub knows by that that its past is not the present one.\n";

/// Stands for the time where the witness tells the latest opener itself.
const NOTED: &str = "noted";

/// Writes a new file that only its owner reads, like all of the state.
fn write_private(path: &Path, bytes: impl AsRef<[u8]>) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes.as_ref())
}

impl Place {
    /// Returns where the store of a folder is, whose present opener has the given epoch, and notes that
    /// one.
    pub(crate) fn of(folder: &Path, epoch: Epoch) -> Self {
        let path = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
        let witness = path.join(WITNESS_FILE);
        if !witness.exists() {
            // Where it cannot be written the store itself is told by, as far as that goes.
            let _ = write_private(&witness, WITNESS);
        }
        let noted = attribute::noted(&witness);
        let touched = match attribute::note(&witness, epoch, &noted) {
            true => NOTED.to_owned(),
            false => last_touched(&witness),
        };
        Self {
            path: path.to_string_lossy().into_owned(),
            identity: identity_of(&path.join(syncline_store::sqlite::DATABASE_FILE)),
            touched,
            is_latest: noted.iter().max().map(|noted| *noted < epoch),
        }
    }

    /// Returns the place that is stored as `text`, as one that nothing has happened to since.
    pub(crate) fn as_stored(text: &str) -> Self {
        let mut lines = text.split('\n').map(str::to_owned);
        let mut line = || lines.next().unwrap_or_default();
        Self { path: line(), identity: line(), touched: line(), is_latest: Some(true) }
    }

    /// Returns the place as it is stored.
    pub(crate) fn to_text(&self) -> String {
        format!("{}\n{}\n{}", self.path, self.identity, self.touched)
    }

    /// Returns what the place says of a store that was last opened at `stored`.
    pub(crate) fn past(&self, stored: &str) -> Past {
        let mut lines = stored.split('\n');
        let (path, identity, touched) = (lines.next(), lines.next(), lines.next());
        let is_same_file = identity == Some(self.identity.as_str());
        let is_untouched = self.touched != NOTED && touched == Some(self.touched.as_str());
        let is_latest = self.is_latest.unwrap_or(is_untouched);
        match (is_same_file && is_latest, path == Some(self.path.as_str())) {
            (false, _) => Past::Restored,
            (true, false) => Past::Moved,
            (true, true) => Past::Same,
        }
    }
}

/// Returns when a file was touched last by anything at all, which no program can set.
#[cfg(unix)]
fn last_touched(file: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    let touched = |metadata: fs::Metadata| {
        format!("{}:{}.{}", metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
    };
    fs::metadata(file).map_or_else(|_| String::new(), touched)
}

#[cfg(not(unix))]
fn last_touched(_file: &Path) -> String {
    String::new()
}

/// Returns the identity of a file: its number, and when it was born, since a system gives the number
/// of a removed file to the next one.
#[cfg(unix)]
fn identity_of(file: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    let Ok(metadata) = fs::metadata(file) else {
        return String::new();
    };
    let born = metadata.created().ok();
    let born = born.and_then(|born| born.duration_since(std::time::UNIX_EPOCH).ok());
    let born = born.map_or(0, |born| born.as_nanos());
    format!("{}:{}:{born}", metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity_of(_file: &Path) -> String {
    String::new()
}

/// The epoch of the latest opener, in the name of an extended attribute of the witness.
///
/// What only touches a file (`chmod`, `chown`, a hard link) leaves its attributes alone. An old copy
/// that is written over it brings its own along, and cannot take away a name that it does not know.
#[cfg(target_os = "linux")]
mod attribute {
    use std::path::Path;

    use rustix::fs::{XattrFlags, listxattr, removexattr, setxattr};
    use syncline_store::Epoch;

    const PREFIX: &str = "user.syncline.epoch.";

    /// Most bytes that the names of all attributes of a file have.
    const NAMES_BYTES_MAX: usize = 64 << 10;

    /// Notes an epoch and strikes out those noted `before`; answers whether it could be noted.
    pub(super) fn note(file: &Path, epoch: Epoch, before: &[Epoch]) -> bool {
        let name = |epoch: Epoch| format!("{PREFIX}{}", epoch.0);
        if setxattr(file, name(epoch), b"", XattrFlags::empty()).is_err() {
            return false;
        }
        for past in before.iter().filter(|past| **past != epoch) {
            // One that stays says nothing that the later one does not.
            let _ = removexattr(file, name(*past));
        }
        true
    }

    /// Returns the epochs that are noted: one, unless an old copy was written over the file.
    pub(super) fn noted(file: &Path) -> Vec<Epoch> {
        let mut names = vec![0; NAMES_BYTES_MAX];
        let Ok(length) = listxattr(file, &mut names[..]) else { return Vec::new() };
        let names = names.get(..length).unwrap_or_default().split(|byte| *byte == 0);
        let number = |name: &[u8]| {
            let name = std::str::from_utf8(name).ok()?;
            name.strip_prefix(PREFIX)?.parse().ok().map(Epoch)
        };
        names.filter_map(number).collect()
    }
}

#[cfg(not(target_os = "linux"))]
mod attribute {
    use std::path::Path;

    use syncline_store::Epoch;

    pub(super) fn noted(_file: &Path) -> Vec<Epoch> {
        Vec::new()
    }

    pub(super) fn note(_file: &Path, _epoch: Epoch, _before: &[Epoch]) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str, identity: &str, touched: &str, is_latest: Option<bool>) -> Place {
        let [path, identity, touched] = [path, identity, touched].map(str::to_owned);
        Place { path, identity, touched, is_latest }
    }

    #[test]
    fn a_store_is_the_same_until_another_file_or_an_older_state_is_there() {
        let stored = place("/a", "1", NOTED, None).to_text();
        let with_time = place("/a", "1", "10", None).to_text();
        // Rows: what is stored, what is there, what is known of it.
        let rows = [
            (&stored, place("/a", "1", NOTED, Some(true)), Past::Same),
            (&stored, place("/b", "1", NOTED, Some(true)), Past::Moved),
            (&stored, place("/a", "2", NOTED, Some(true)), Past::Restored),
            (&stored, place("/a", "1", NOTED, Some(false)), Past::Restored),
            (&stored, place("/a", "1", NOTED, None), Past::Restored),
            (&stored, place("/a", "1", "10", None), Past::Restored),
            (&with_time, place("/a", "1", "10", None), Past::Same),
            (&with_time, place("/b", "1", "10", None), Past::Moved),
            (&with_time, place("/a", "1", "11", None), Past::Restored),
            (&with_time, place("/a", "1", NOTED, Some(true)), Past::Same),
        ];
        for (stored, there, past) in rows {
            assert_eq!(there.past(stored), past, "{stored} {there:?}");
            assert_eq!(Place::as_stored(stored).past(stored), Past::Same, "{stored}");
        }
    }

    #[test]
    fn the_latest_opener_is_noted_in_the_witness_and_an_earlier_one_is_not_the_latest() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(syncline_store::sqlite::DATABASE_FILE), "x").unwrap();
        let open = |epoch| Place::of(folder.path(), Epoch(epoch));
        assert_eq!(open(7).is_latest, None, "nothing was noted before");
        assert_eq!(open(8).is_latest, Some(true));
        let stored = open(9).to_text();
        let witness = folder.path().join(WITNESS_FILE);
        // Touched in every way that changes nothing.
        fs::set_permissions(&witness, fs::metadata(&witness).unwrap().permissions()).unwrap();
        fs::hard_link(&witness, folder.path().join("second name")).unwrap();
        assert_eq!(open(10).past(&stored), Past::Same);
        assert_eq!(open(10).past(&stored), Past::Restored, "that epoch was opened before");
    }
}
