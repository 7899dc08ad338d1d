//! Where objects lie: a folder today, laid out as an object store would have it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Immutable objects by name. Nothing is ever appended to one that is there.
pub trait Objects: Send + Sync {
    /// Returns where they are, for people.
    fn place(&self) -> String;

    /// Returns the names of all objects and their sizes in bytes, in any order.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn list(&self) -> io::Result<Vec<(String, u64)>>;

    /// Opens an object.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn open(&self, name: &str) -> io::Result<Box<dyn Read + Send>>;

    /// Begins an object that nobody sees before it is finished. Dropped, it was never there.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn create(&self) -> io::Result<Box<dyn Writing>>;

    /// Removes an object.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Removes what writers that ended began and did not finish.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn sweep(&self) -> io::Result<()> {
        Ok(())
    }
}

/// An object that is being written.
pub trait Writing: Write + Send {
    /// Makes the object durable under a name. An error may leave it there, whole.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn finish(self: Box<Self>, name: &str) -> io::Result<()>;
}

/// How the name of an unfinished file ends.
const UNFINISHED: &str = ".part";

/// Objects as files of a folder, written beside and renamed; only their owner reads them.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Takes a folder that is there.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        fs::read_dir(path)?;
        Ok(Self { path: path.to_owned() })
    }

    /// Takes a folder, and makes it for its owner only where it does not exist.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn create(path: &Path) -> io::Result<Self> {
        if !path.is_dir() {
            let mut builder = DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(path)?;
            sync_folder(path.parent())?;
        }
        Self::open(path)
    }
}

/// Syncs a folder, so that a name in it survives a power cut.
fn sync_folder(folder: Option<&Path>) -> io::Result<()> {
    match folder {
        #[cfg(unix)]
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

impl Objects for Folder {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if let (true, Ok(name)) = (metadata.is_file(), entry.file_name().into_string()) {
                found.push((name, metadata.len()));
            }
        }
        Ok(found)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(File::open(self.path.join(name))?))
    }

    fn create(&self) -> io::Result<Box<dyn Writing>> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}{UNFINISHED}", std::process::id());
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = BufWriter::with_capacity(1 << 18, options.open(&path)?);
        Ok(Box::new(Unfinished { folder: self.path.clone(), path: Some(path), file }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sweep(&self) -> io::Result<()> {
        for (name, _) in self.list()? {
            if name.ends_with(UNFINISHED) {
                self.remove(&name)?;
            }
        }
        Ok(())
    }
}

/// A file that has no name of an object yet.
struct Unfinished {
    folder: PathBuf,
    /// `None` once it was renamed.
    path: Option<PathBuf>,
    file: BufWriter<File>,
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Writing for Unfinished {
    fn finish(mut self: Box<Self>, name: &str) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        if let Some(path) = &self.path {
            fs::rename(path, self.folder.join(name))?;
        }
        self.path = None;
        sync_folder(Some(&self.folder))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // What stays is swept by the next writer.
            let _ = fs::remove_file(path);
        }
    }
}
