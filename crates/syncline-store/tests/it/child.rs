//! The program that is traced, starved and killed: this test binary, started again.
//!
//! It commits batches one after the other and says `ack N` when commit N was answered with `Ok`,
//! or the code of the error, which ends it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use syncline_engine::rows::{Batch, Key};
use syncline_store::sqlite::{Options, SqliteStore};
use syncline_store::{Pipeline, Read, Store, StoreError};

use crate::fixture::*;

/// Names the folder of the store; set only for the child.
const FOLDER: &str = "SYNCLINE_STORE_CHILD_FOLDER";

/// How many batches the child commits.
const COMMITS: &str = "SYNCLINE_STORE_CHILD_COMMITS";

/// Set for a child that begins its commits and finishes them, instead of committing at once.
pub(crate) const PIPED: &str = "SYNCLINE_STORE_CHILD_PIPED";

/// Rows that commit `number` writes: one of its own, one that every commit writes anew, and
/// enough of others that the log is moved into the database now and then.
pub(crate) fn batch(number: u64) -> Batch {
    let mut batch = Batch::new();
    batch.put(log(number), value(number));
    batch.put(latest(), value(number));
    for index in 0..8 {
        let id = format!("{:04}", (number * 8 + index) * 37 % 4_000);
        batch.put(record("contacts", &id), value(number));
    }
    batch
}

/// The row that every commit writes anew.
pub(crate) fn latest() -> Key {
    meta("latest")
}

/// The value that commit `number` writes: its number, and a length that differs.
pub(crate) fn value(number: u64) -> Vec<u8> {
    let mut value = number.to_le_bytes().to_vec();
    value.resize(300 + (number % 700) as usize, 0x5a);
    value
}

/// Checks that exactly the commits `0..=last` are in the store, for some `last` from `acked` on,
/// and returns how many that are.
pub(crate) fn check_prefix(folder: &Path, acked: u64) -> u64 {
    let options = Options { check: syncline_store::sqlite::Check::Pages, ..Options::default() };
    let store = SqliteStore::open(folder, &options).unwrap();
    let found = store.get(&latest()).unwrap();
    let count = found.map_or(0, |value| u64::from_le_bytes(value[..8].try_into().unwrap()) + 1);
    assert!(count >= acked, "{acked} commits were acknowledged, {count} are there");
    let scan = syncline_engine::rows::Scan::Log { from: syncline_model::id::Position(0) };
    let expected: Vec<_> = (0..count).map(|number| (log(number), value(number))).collect();
    assert!(rows(&store, &scan, None, usize::MAX) == expected, "the log has a gap or a wrong row");
    if let Some(last) = count.checked_sub(1) {
        let last = batch(last);
        for (key, value) in last.iter() {
            assert_eq!(store.get(key).unwrap().as_deref(), value, "a commit was torn at {key:?}");
        }
    }
    count
}

/// Returns the command that starts the child, behind `wrapper` (`strace …`), its output piped.
pub(crate) fn command(wrapper: &[String], folder: &Path, commits: u64) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut words = wrapper.iter().map(PathBuf::from).chain([program]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words).args(["--exact", "child::commits_until_it_is_stopped", "--nocapture"]);
    command.args(["--test-threads", "1"]).env(FOLDER, folder).env(COMMITS, commits.to_string());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a child said before it ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// How many commits were acknowledged.
    pub(crate) acked: u64,
    /// The codes of the errors that ended it.
    pub(crate) errors: Vec<String>,
}

/// Reads what a child said from its output.
pub(crate) fn said(output: &[u8]) -> Said {
    let text = String::from_utf8_lossy(output);
    let mut said = Said::default();
    for line in text.lines() {
        if let Some(number) = line.strip_prefix("ack ") {
            assert_eq!(number.parse(), Ok(said.acked), "acknowledgements out of order");
            said.acked += 1;
        }
        said.errors.extend(line.strip_prefix("error ").map(str::to_owned));
    }
    said
}

/// Not a test by itself: without its environment it does nothing.
#[test]
fn commits_until_it_is_stopped() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let commits: u64 = std::env::var(COMMITS).unwrap().parse().unwrap();
    // One write per line, past the test harness, so that a trace shows where it stands.
    let say = |line: String| std::io::stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
    say("\nstarts".to_owned());
    let piped = std::env::var(PIPED).is_ok();
    let mut store = match SqliteStore::open(Path::new(&folder), &Options::default()) {
        Ok(store) => Pipeline::new(Box::new(store)),
        Err(error) => return say(format!("error {}", error.code())),
    };
    let start = store.get(&latest()).unwrap();
    let start = start.map_or(0, |value| u64::from_le_bytes(value[..8].try_into().unwrap()) + 1);
    for number in start..start + commits {
        let commit = if piped { begin_and_finish } else { commit_at_once };
        match commit(&mut store, number) {
            Ok(()) => say(format!("ack {}", number - start)),
            Err(error) => {
                say(format!("error {}", error.code()));
                for later in [store.get(&latest()).map(|_| ()), store.commit(&batch(number))] {
                    say(format!("error {}", later.map_or_else(|error| error.code(), |()| "NONE")));
                }
                return;
            }
        }
    }
}

fn commit_at_once(store: &mut dyn Store, number: u64) -> Result<(), StoreError> {
    store.commit(&batch(number))
}

/// Reads what is not on disk yet, and acknowledges it only when it is.
fn begin_and_finish(store: &mut dyn Store, number: u64) -> Result<(), StoreError> {
    store.begin(batch(number), Box::new(|| ()))?;
    assert_eq!(store.get(&latest())?, Some(value(number)));
    store.finish()
}
