//! A folder with data, and the program at hand.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder in which the program runs.
pub(crate) struct Desk {
    folder: TempDir,
}

/// What the program answered.
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    /// Returns the answer itself, once its exit code is as expected.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        let Self { code: found, stdout, stderr } = &self;
        assert_eq!(*found, code, "exit code\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
        self
    }

    /// Returns the answer itself, once its output, of either kind, holds a text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        let Self { stdout, stderr, .. } = &self;
        let is_said = stdout.contains(text) || stderr.contains(text);
        assert!(is_said, "`{text}` is missing\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
        self
    }

    /// Returns standard output as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let parsed = serde_json::from_str(&self.stdout);
        parsed.unwrap_or_else(|error| panic!("{error}\n--- stdout\n{}", self.stdout))
    }
}

/// Returns a path of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

impl Desk {
    /// Makes a folder with two empty domains.
    pub(crate) fn new() -> Self {
        let desk = Self { folder: TempDir::new().unwrap() };
        for domain in ["personal", "business"] {
            fs::create_dir_all(desk.path(&format!("data/{domain}"))).unwrap();
        }
        desk
    }

    /// Makes a folder with the contents of a folder of the repository.
    pub(crate) fn copy_of(path: &str) -> Self {
        let desk = Self { folder: TempDir::new().unwrap() };
        desk.copy_in(path, "");
        desk
    }

    /// Copies a folder of the repository into a folder of the desk.
    pub(crate) fn copy_in(&self, from: &str, to: &str) {
        copy(&repository(from), &self.path(to));
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_syncline"));
        command.args(arguments).current_dir(self.folder.path());
        command.env_remove("SYNCLINE_USER").env_remove("SYNCLINE_SESSION").env("NO_COLOR", "1");
        command
    }

    /// Runs the program with these arguments, written in one text.
    pub(crate) fn run(&self, arguments: &str) -> Answer {
        self.run_words(&arguments.split_whitespace().collect::<Vec<_>>())
    }

    pub(crate) fn run_words(&self, arguments: &[&str]) -> Answer {
        answer(&self.command(arguments).output().unwrap())
    }

    /// Writes the contacts of a domain.
    pub(crate) fn contacts(&self, domain: &str, records: &Value) {
        self.write(domain, "contacts", &json!({ "contacts": records }));
    }

    pub(crate) fn write(&self, domain: &str, entity: &str, content: &Value) {
        let text = serde_json::to_string_pretty(content).unwrap() + "\n";
        self.put(&format!("data/{domain}/{entity}.json"), text.as_bytes());
    }

    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn bytes(&self, path: &str) -> Vec<u8> {
        fs::read(self.path(path)).unwrap()
    }

    /// Returns the contacts of a domain, by id.
    pub(crate) fn read(&self, domain: &str) -> BTreeMap<String, Value> {
        self.read_entity(domain, "contacts")
    }

    /// Returns the records of an entity in a domain, by id.
    pub(crate) fn read_entity(&self, domain: &str, entity: &str) -> BTreeMap<String, Value> {
        let bytes = self.bytes(&format!("data/{domain}/{entity}.json"));
        let file: Value = serde_json::from_slice(&bytes).unwrap();
        let id = |record: &Value| match &record["id"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let records = file[entity].as_array().unwrap();
        records.iter().map(|record| (id(record), record.clone())).collect()
    }

    /// Returns the bytes of every file below a folder, by name.
    pub(crate) fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.path(folder), "", &mut files);
        files
    }
}

pub(crate) fn answer(output: &Output) -> Answer {
    Answer {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Returns numbered contacts, all different.
pub(crate) fn numbered(ids: std::ops::Range<u32>) -> Value {
    ids.map(|id| json!({ "id": format!("c{id:03}"), "name": format!("Name {id}") })).collect()
}

/// Returns a desk whose sides agree on so many records.
pub(crate) fn synced(count: u32) -> Desk {
    let desk = Desk::new();
    desk.contacts("personal", &numbered(0..count));
    desk.contacts("business", &numbered(0..count));
    desk.run("sync").exits(0);
    desk
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            // Written anew, so that a read-only original leaves no read-only copy.
            false => fs::write(to, fs::read(entry.path()).unwrap()).unwrap(),
        }
    }
}

fn collect(folder: &Path, within: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let entry = entry.unwrap();
        let name = format!("{within}/{}", entry.file_name().to_string_lossy());
        match entry.file_type().unwrap().is_dir() {
            true => collect(&entry.path(), &name, files),
            false => {
                files.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
}
