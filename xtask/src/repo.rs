//! The repository as a set of files, loaded once and handed to every check.

use crate::manifest::Manifest;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

/// Folders that hold nothing written by a person.
const FOLDERS_SKIPPED: &[&str] =
    &[".git", ".vitest", "built", "demo-output", "dist", "node_modules", "target"];
/// Largest file read as text, in bytes; nothing written by hand comes near it.
const TEXT_BYTES_MAX: u64 = 4 << 20;

/// Every file of the repository, by path from its root with `/` between the parts.
pub(crate) struct Repo {
    /// Where the repository lies.
    pub(crate) root: PathBuf,
    files: BTreeMap<String, Option<String>>,
    folders: BTreeSet<String>,
}

/// A crate of the workspace.
pub(crate) struct Crate {
    /// Its folder from the root, without a slash at the end.
    pub(crate) folder: String,
    /// Its manifest.
    pub(crate) manifest: Manifest,
}

impl Repo {
    /// Reads the repository at `root`. Files that are not UTF-8 or very large have no text.
    pub(crate) fn load(root: &Path) -> io::Result<Self> {
        let mut repo = Self::empty(root.to_owned());
        let mut waiting = vec![root.to_owned()];
        while let Some(folder) = waiting.pop() {
            for entry in std::fs::read_dir(&folder)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    if !FOLDERS_SKIPPED.contains(&name.as_str()) {
                        waiting.push(entry.path());
                    }
                } else if !name.ends_with(".swp") {
                    repo.add(&entry.path(), kind.is_file())?;
                }
            }
        }
        Ok(repo)
    }

    /// Builds a repository from (path, text) pairs, for tests.
    #[cfg(test)]
    pub(crate) fn from_files(files: &[(&str, &str)]) -> Self {
        let mut repo = Self::empty(PathBuf::from("/nowhere"));
        for (path, text) in files {
            repo.insert((*path).to_owned(), Some((*text).to_owned()));
        }
        repo
    }

    fn empty(root: PathBuf) -> Self {
        Self { root, files: BTreeMap::new(), folders: BTreeSet::from([String::new()]) }
    }

    fn add(&mut self, path: &Path, is_file: bool) -> io::Result<()> {
        let relative = path.strip_prefix(&self.root).unwrap_or(path);
        let name = relative.to_string_lossy().replace('\\', "/");
        let text = if is_file && path.metadata()?.len() <= TEXT_BYTES_MAX {
            String::from_utf8(std::fs::read(path)?).ok()
        } else {
            None
        };
        self.insert(name, text);
        Ok(())
    }

    fn insert(&mut self, path: String, text: Option<String>) {
        let mut folder = parent(&path);
        while !folder.is_empty() {
            self.folders.insert(folder.to_owned());
            folder = parent(folder);
        }
        self.files.insert(path, text);
    }

    /// Returns the text of a file, if it is there and is text.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// Returns whether a file or folder is there.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.files.contains_key(path) || self.folders.contains(path)
    }

    /// Returns every path, sorted.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Returns every folder with the files that lie directly in it.
    pub(crate) fn folders(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.folders.iter().map(|folder| {
            let inside = self.paths().filter(|path| parent(path) == folder).collect();
            (folder.as_str(), inside)
        })
    }

    /// Returns (path, text) of every text file whose name ends with one of `endings`, sorted.
    pub(crate) fn texts<'a>(
        &'a self,
        endings: &'a [&'a str],
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files
            .iter()
            .filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
            .filter(|(path, _)| endings.iter().any(|ending| path.ends_with(ending)))
    }

    /// Returns the crates: every folder below the root that has a manifest with a package, but no
    /// workspace of its own, which other tools build by other rules.
    pub(crate) fn crates(&self) -> Vec<Crate> {
        self.texts(&["/Cargo.toml"])
            .map(|(path, text)| Crate {
                folder: parent(path).to_owned(),
                manifest: Manifest::parse(text),
            })
            .filter(|found| !found.manifest.name.is_empty() && !found.manifest.is_workspace)
            .collect()
    }

    /// Returns the Rust files of a crate, without those of a crate nested in it.
    pub(crate) fn rust_files(&self, folder: &str) -> Vec<(&str, &str)> {
        let inside = format!("{folder}/");
        self.texts(&[".rs"])
            .filter(|(path, _)| path.starts_with(&inside))
            .filter(|(path, _)| {
                let mut between = parent(path);
                while between.len() > folder.len() {
                    if self.has(&format!("{between}/Cargo.toml")) {
                        return false;
                    }
                    between = parent(between);
                }
                true
            })
            .collect()
    }
}

/// Returns the root of the repository that holds `start`.
pub(crate) fn find_root(start: &Path) -> Option<PathBuf> {
    start
        .ancestors()
        .find(|folder| folder.join("xtask/Cargo.toml").is_file() && folder.join("crates").is_dir())
        .map(Path::to_owned)
}

/// Returns the folder of a path, empty for a file at the root.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Returns the last part of a path.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Resolves `relative` against `folder`; nothing if it leaves the repository.
pub(crate) fn resolve(folder: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            other => parts.push(other),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_on_disk_is_loaded_without_what_was_built() {
        let root = std::env::temp_dir().join(format!("xtask-repo-{}", std::process::id()));
        for folder in ["crates/a/src", "target/debug", "xtask"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        for (path, bytes) in [
            ("crates/a/src/lib.rs", b"//! A.".as_slice()),
            ("crates/a/golden.bin", &[0xff, 0xfe]),
            ("target/debug/x.rs", b"built"),
            ("xtask/Cargo.toml", b"[package]\nname = \"xtask\"\n"),
        ] {
            std::fs::write(root.join(path), bytes).unwrap();
        }
        let repo = Repo::load(&root).unwrap();
        let paths: Vec<&str> = repo.paths().collect();
        assert_eq!(paths, ["crates/a/golden.bin", "crates/a/src/lib.rs", "xtask/Cargo.toml"]);
        assert_eq!(repo.text("crates/a/src/lib.rs"), Some("//! A."));
        assert_eq!(repo.text("crates/a/golden.bin"), None);
        assert_eq!(find_root(&root.join("crates/a/src")), Some(root.clone()));
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_workspace_inside_the_repository_is_none_of_its_crates() {
        let repo = Repo::from_files(&[
            ("crates/a/Cargo.toml", "[package]\nname = \"a\"\n"),
            ("fuzz/b/Cargo.toml", "[package]\nname = \"b\"\n[workspace]\n"),
        ]);
        let folders: Vec<String> = repo.crates().into_iter().map(|one| one.folder).collect();
        assert_eq!(folders, ["crates/a"]);
    }

    #[test]
    fn paths_resolve_inside_the_repository_only() {
        assert_eq!(resolve("docs/errors", "../glossary.md").as_deref(), Some("docs/glossary.md"));
        assert_eq!(resolve("docs", "./a/").as_deref(), Some("docs/a"));
        assert_eq!(resolve("docs", "../../elsewhere"), None);
    }
}
