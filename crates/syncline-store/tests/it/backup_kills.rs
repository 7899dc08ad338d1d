//! A program that ships to a folder is killed, again and again: what it said to be safe is restored.

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use syncline_engine::rows::{Batch, Scan};
use syncline_store::Store;
use syncline_store::backup::{
    At, Catalog, Folder, Options as BackupOptions, restore, start, verify,
};
use syncline_store::sqlite::{Options, SqliteStore};

use crate::child::{batch, check_prefix, latest};
use crate::fixture::*;

/// Names the folder that holds `state` and `backup`; set only for the child.
const FOLDER: &str = "SYNCLINE_BACKUP_CHILD_FOLDER";

/// How often the child is killed.
const KILLS: u64 = 8;

/// Not a test by itself: without its environment it does nothing. It commits batch after batch and says
/// `safe N` when the first N of them are said to be safe.
#[test]
fn ships_until_it_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let folder = PathBuf::from(folder);
    let say = |line: String| std::io::stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
    let store = SqliteStore::open(&folder.join("state"), &Options::default()).unwrap();
    let objects = Folder::create(&folder.join("backup")).unwrap();
    let random = blake3::hash(&std::process::id().to_be_bytes());
    let mut options = BackupOptions::new(|| 1, *random.as_bytes());
    options.segment_ms = 5;
    options.segment_bytes = 20_000;
    options.snapshot_after_bytes = 100_000;
    let (mut store, worker) = start(Box::new(store), Box::new(objects), options).unwrap();
    let backup = store.backup();
    worker.spawn().unwrap();
    let first = next_number(&store);
    let offset = backup.health().committed.wrapping_sub(first);
    say("\nstarts".to_owned());
    for number in first.. {
        store.commit(&batch(number)).unwrap();
        if let Some(safe) = backup.health().restorable {
            say(format!("safe {}", safe.wrapping_sub(offset)));
        }
    }
}

/// Returns the number of the next batch.
fn next_number(store: &dyn Store) -> u64 {
    let found = store.get(&latest()).unwrap();
    found.map_or(0, |value| u64::from_le_bytes(value[..8].try_into().unwrap()) + 1)
}

#[test]
fn what_was_safe_is_restored_whenever_the_program_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    Folder::create(&folder.path().join("backup")).unwrap();
    let mut safe = 0;
    for round in 0..KILLS {
        safe = safe.max(run_and_kill(folder.path(), Duration::from_millis(20 + round * 47)));
        let objects = Folder::open(&folder.path().join("backup")).unwrap();
        let catalog = Catalog::read(&objects).unwrap();
        // One that was killed before its first snapshot was whole leaves the stream before it.
        let plan = catalog.plan(At::Latest).or_else(|_| catalog.plan(At::Time(1)));
        let Ok(plan) = plan else {
            assert_eq!(safe, 0, "round {round}");
            continue;
        };
        let state = folder.path().join(format!("restored-{round}"));
        let mut store = SqliteStore::open(&state, &Options::default()).unwrap();
        restore(&objects, &plan, &mut store, Batch::new(), &mut |_| ()).unwrap();
        let scan = Scan::Whole(syncline_engine::rows::Table::Log);
        assert_eq!(rows(&store, &scan, None, usize::MAX).len() as u64, next_number(&store));
        drop(store);
        check_prefix(&state, safe);
        for finding in verify(&objects, &mut |_| ()).unwrap().findings {
            assert_eq!(finding.code(), "BACKUP_UNFINISHED", "{finding}");
        }
    }
    assert!(safe > 0, "no round was long enough for a snapshot");
}

/// Runs the child for so long after it has begun; answers how many batches were safe.
fn run_and_kill(folder: &Path, life: Duration) -> u64 {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "backup_kills::ships_until_it_is_killed", "--nocapture"]);
    command.args(["--test-threads", "1"]).env(FOLDER, folder);
    command.stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (begun, begins) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut safe = 0;
        for line in output.lines() {
            // The last line may be cut short.
            let Ok(line) = line else { break };
            if line == "starts" {
                begun.send(()).unwrap();
            }
            let number = line.strip_prefix("safe ").and_then(|number| number.parse::<u64>().ok());
            safe = number.map_or(safe, |number| safe.max(number));
        }
        safe
    });
    begins.recv_timeout(Duration::from_secs(60)).unwrap();
    std::thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_a_backup_and_what_was_left_unfinished_is_swept() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    let objects = Folder::create(&path).unwrap();
    fs::write(path.join("1-1.part"), "x").unwrap();
    let store = SqliteStore::open(&folder.path().join("state"), &Options::default()).unwrap();
    let options = BackupOptions::new(|| 1, [7; 32]);
    let (store, worker) = start(Box::new(store), Box::new(objects), options).unwrap();
    let backup = store.backup();
    worker.spawn().unwrap();
    while backup.health().commits_behind != Some(0) {
        std::thread::sleep(Duration::from_millis(5));
    }
    Box::new(store).close().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    let mut ends: Vec<String> = Vec::new();
    for entry in fs::read_dir(&path).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600);
        ends.push(path.extension().unwrap().to_string_lossy().into_owned());
    }
    ends.sort();
    assert_eq!(ends, ["end", "snapshot"]);
}
