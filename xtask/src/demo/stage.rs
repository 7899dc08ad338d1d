//! The folder in which the demo plays.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where the records are, inside the example and the stage.
const DATA: &str = "data";

/// A copy of the example, and what its data held when it was last kept.
pub(super) struct Stage {
    folder: PathBuf,
    kept: BTreeMap<PathBuf, Vec<u8>>,
}

impl Stage {
    /// Copies the example to `folder`, replacing what an earlier demo left there.
    pub(super) fn set(example: &Path, folder: &Path) -> io::Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        copy_folder(example, folder)?;
        Ok(Self { folder: folder.to_owned(), kept: BTreeMap::new() })
    }

    /// Returns the folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Copies a folder of the example over the data.
    pub(super) fn edit(&self, edits: &str) -> io::Result<()> {
        copy_folder(&self.folder.join(edits), &self.folder.join(DATA))
    }

    /// Remembers every file of the data.
    pub(super) fn keep(&mut self) -> io::Result<()> {
        self.kept = files(&self.folder.join(DATA))?;
        Ok(())
    }

    /// Writes the remembered files back.
    pub(super) fn put_back(&self) -> io::Result<()> {
        self.kept.iter().try_for_each(|(path, bytes)| fs::write(path, bytes))
    }

    /// Returns the first file that is new, gone or different since the data was kept.
    pub(super) fn first_difference(&self) -> io::Result<Option<String>> {
        let now = files(&self.folder.join(DATA))?;
        let different = now.keys().chain(self.kept.keys());
        Ok(different
            .filter(|path| now.get(*path) != self.kept.get(*path))
            .map(|path| path.display().to_string())
            .next())
    }

    /// Returns the first of `words` that stands in a file of one side of the data.
    pub(super) fn find_word(&self, side: &str, words: &[&'static str]) -> Option<&'static str> {
        let texts: Vec<String> = files(&self.folder.join(DATA).join(side))
            .unwrap_or_default()
            .into_values()
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .collect();
        words.iter().copied().find(|word| texts.iter().any(|text| text.contains(word)))
    }
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    for (path, bytes) in files(from)? {
        let target = to.join(path.strip_prefix(from).unwrap_or(&path));
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(target, bytes)?;
    }
    Ok(())
}

/// Returns every file below a folder with its bytes.
fn files(folder: &Path) -> io::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                waiting.push(entry.path());
            } else {
                found.insert(entry.path(), fs::read(entry.path())?);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_edited_compared_and_put_back() {
        let root = std::env::temp_dir().join(format!("xtask-stage-{}", std::process::id()));
        let example = root.join("example");
        for (path, text) in [
            ("data/business/a.json", "one"),
            ("edits/1/business/a.json", "two"),
            ("edits/1/business/b.json", "secret"),
        ] {
            let path = example.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let mut stage = Stage::set(&example, &root.join("stage")).unwrap();
        stage.keep().unwrap();
        assert_eq!(stage.first_difference().unwrap(), None);
        assert_eq!(stage.find_word("business", &["secret"]), None);

        stage.edit("edits/1").unwrap();
        assert_eq!(stage.find_word("business", &["secret"]), Some("secret"));
        assert!(stage.first_difference().unwrap().unwrap().ends_with("a.json"));

        stage.put_back().unwrap();
        let left = stage.first_difference().unwrap().unwrap();
        assert!(left.ends_with("b.json"), "a file that is new is a difference: {left}");
        fs::remove_dir_all(&root).unwrap();
    }
}
