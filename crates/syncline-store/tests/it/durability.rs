//! What is acknowledged is on disk: shown on real files, with real system calls.
//!
//! Requirements I2 and I16; "acknowledged means committed and synced". These tests need `strace`
//! and, for the full disk, the right to mount a file system: they fail where these are missing,
//! because a suite that skips them proves nothing.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use syncline_store::Store;
use syncline_store::sqlite::{DATABASE_FILE, Options, SqliteStore};

use crate::child::{PIPED, Said, batch, check_prefix, command, said};
use crate::fixture::*;

const WAL_FILE: &str = "syncline.db-wal";
const WAL_HEADER_BYTES: usize = 32;
const FRAME_BYTES: usize = 24 + 4096;

/// Returns the command that runs the child under strace.
fn traced(arguments: &[&str], folder: &Path, commits: u64) -> Command {
    let mut wrapper = vec!["strace".to_owned(), "-f".to_owned()];
    wrapper.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    command(&wrapper, folder, commits)
}

fn output(mut traced: Command) -> Output {
    traced
        .output()
        .expect("strace is needed: apt-get install strace (scripts/install-test-packages.sh)")
}

/// One line of a trace that matters here.
#[derive(Debug, PartialEq, Eq)]
enum Call {
    WriteLog,
    SyncLog,
    Acknowledge,
}

fn calls(trace: &str) -> Vec<Call> {
    let call = |line: &str| {
        let of_log = line.contains("syncline.db-wal>");
        let is = |name: &str| line.contains(&format!(" {name}("));
        if of_log && is("pwrite64") {
            Some(Call::WriteLog)
        } else if of_log && (is("fdatasync") || is("fsync")) && line.trim_end().ends_with("= 0") {
            Some(Call::SyncLog)
        } else if is("write") && line.contains("\"ack ") {
            Some(Call::Acknowledge)
        } else {
            None
        }
    };
    trace.lines().filter_map(call).collect()
}

/// Between the last write of a commit to the log and its acknowledgement stands a sync, also where
/// a thread of its own commits.
#[test]
fn no_commit_is_acknowledged_before_its_sync() {
    acknowledged_after_the_sync(false);
    acknowledged_after_the_sync(true);
}

fn acknowledged_after_the_sync(piped: bool) {
    const COMMITS: u64 = 30;
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let options =
        ["-y", "-e", "trace=fdatasync,fsync,write,pwrite64", "-o", trace.to_str().unwrap()];
    let mut child = traced(&options, &folder.path().join("hub"), COMMITS);
    if piped {
        child.env(PIPED, "1");
    }
    let output = output(child);
    assert_eq!(said(&output.stdout), Said { acked: COMMITS, errors: vec![] });
    let calls = calls(&fs::read_to_string(trace).unwrap());
    let mut acknowledged = 0;
    let (mut written, mut synced) = (false, false);
    for call in &calls {
        match call {
            Call::WriteLog => (written, synced) = (true, false),
            Call::SyncLog => synced = true,
            Call::Acknowledge => {
                assert!(written && synced, "commit {acknowledged}: {calls:?}");
                acknowledged += 1;
                written = false;
            }
        }
    }
    assert_eq!(acknowledged, COMMITS);
}

/// Copies the database and cuts or spoils its log; checks what is recovered; returns how much.
fn recover(from: &Path, acked: u64, spoil: impl FnOnce(&mut Vec<u8>)) -> u64 {
    let to = tempfile::tempdir().unwrap();
    fs::copy(from.join(DATABASE_FILE), to.path().join(DATABASE_FILE)).unwrap();
    let mut wal = fs::read(from.join(WAL_FILE)).unwrap();
    spoil(&mut wal);
    fs::write(to.path().join(WAL_FILE), wal).unwrap();
    check_prefix(to.path(), acked)
}

/// A power cut leaves any part of what was not synced: every frame, half a frame, wrong bytes.
#[test]
fn a_log_cut_anywhere_behind_the_last_sync_keeps_what_was_acknowledged() {
    const COMMITS: u64 = 6;
    let folder = tempfile::tempdir().unwrap();
    let hub = folder.path();
    let mut store = SqliteStore::open(hub, &Options::default()).unwrap();
    // How long the log was when each commit was acknowledged: what is behind was not synced.
    let mut synced = Vec::new();
    for number in 0..COMMITS {
        store.commit(&batch(number)).unwrap();
        synced.push(fs::metadata(hub.join(WAL_FILE)).unwrap().len() as usize);
    }
    for (acked, pair) in (1u64..).zip(synced.windows(2)) {
        let (&[safe, end], mut reached) = (pair, acked) else { unreachable!("a window has two") };
        assert_eq!((safe - WAL_HEADER_BYTES) % FRAME_BYTES, 0, "the log has whole frames");
        for frame in (safe..end).step_by(FRAME_BYTES) {
            for cut in [frame, frame + 11, frame + 24, frame + 24 + 2048, frame + FRAME_BYTES - 1] {
                let count = recover(hub, acked, |wal| wal.truncate(cut));
                assert_eq!(count, acked, "cut at {cut}: half a commit must not be seen");
            }
            for flip in [frame + 3, frame + 9, frame + 17, frame + 24 + 1000] {
                let spoilt = |wal: &mut Vec<u8>| {
                    wal.truncate(end);
                    wal[flip] ^= 0x10;
                };
                reached = reached.max(recover(hub, acked, spoilt));
            }
        }
        assert_eq!(reached, acked, "a spoilt frame must not be believed");
        assert_eq!(recover(hub, acked, |wal| wal.truncate(end)), acked + 1);
    }
}

/// Pages that were written out of order: a later frame reached the disk, an earlier one did not.
#[test]
fn a_log_with_a_hole_behind_the_last_sync_keeps_what_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(folder.path(), &Options::default()).unwrap();
    store.commit(&batch(0)).unwrap();
    let safe = fs::metadata(folder.path().join(WAL_FILE)).unwrap().len() as usize;
    store.commit(&batch(1)).unwrap();
    let end = fs::metadata(folder.path().join(WAL_FILE)).unwrap().len() as usize;
    for frame in (safe..end).step_by(FRAME_BYTES) {
        let count = recover(folder.path(), 1, |wal| wal[frame..frame + FRAME_BYTES].fill(0));
        assert_eq!(count, 1);
    }
}

/// The child is killed while it commits, again and again on the same store.
#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    const KILLS: u64 = 40;
    let folder = tempfile::tempdir().unwrap();
    let hub = folder.path().join("hub");
    let mut there = 0;
    for kill in 0..KILLS {
        let mut child = command(&[], &hub, u64::MAX >> 1);
        if kill % 2 == 0 {
            child.env(PIPED, "1");
        }
        let mut child = child.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Somewhere between the start of the program and its 60th commit, at a time that differs.
        let acks_before_kill = (kill * 17 % 41).saturating_sub(3);
        let mut text = String::new();
        for line in lines.by_ref() {
            text.push_str(&line.unwrap());
            text.push('\n');
            if text.matches("\nack ").count() as u64 >= acks_before_kill {
                break;
            }
        }
        std::thread::sleep(Duration::from_micros(kill * 331 % 2_500));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines {
            text.push_str(&line.unwrap());
            text.push('\n');
        }
        let Said { acked, errors } = said(text.as_bytes());
        assert_eq!(errors, [""; 0], "kill {kill}");
        there = check_prefix(&hub, there + acked);
    }
    assert!(there > KILLS, "the child was killed before it could do anything");
}

/// The disk fails at the K-th sync, for every K of a short life.
#[test]
fn a_failed_sync_stops_the_handle_and_loses_nothing_acknowledged() {
    const COMMITS: u64 = 8;
    let mut stopped = 0;
    let every = (1..=22).map(|kth| ("EIO", kth));
    for (error, kth) in every.chain((2..=22).step_by(4).map(|kth| ("ENOSPC", kth))) {
        let folder = tempfile::tempdir().unwrap();
        let hub = folder.path().join("hub");
        let inject = format!("inject=fdatasync,fsync:error={error}:when={kth}");
        let options = ["-qq", "-e", "trace=fdatasync,fsync", "-e", &inject, "-o", "/dev/null"];
        let Said { acked, errors } = said(&output(traced(&options, &hub, COMMITS)).stdout);
        match errors.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            // Fewer syncs than K, or one that nothing depends on.
            [] => assert_eq!(acked, COMMITS, "{error} at sync {kth}"),
            ["STORE_UNKNOWN", "STORE_STOPPED", "STORE_STOPPED"] => stopped += 1,
            // While the store is opened for the first time there is nothing to lose.
            [_] => assert_eq!(acked, 0, "{error} at sync {kth}"),
            other => panic!("{error} at sync {kth}: {other:?}"),
        }
        check_prefix(&hub, acked);
    }
    assert!(stopped >= COMMITS, "only {stopped} failed syncs were met by a commit");
}

/// The disk has no room at the K-th write to the log: the commit is refused, the next one works.
#[test]
fn a_write_without_room_refuses_the_commit_and_nothing_else() {
    let mut full = 0;
    for kth in (1..=200).step_by(9) {
        let folder = tempfile::tempdir().unwrap();
        let hub = folder.path().join("hub");
        let inject = format!("inject=pwrite64:error=ENOSPC:when={kth}");
        let options = ["-qq", "-e", "trace=pwrite64", "-e", &inject, "-o", "/dev/null"];
        let Said { acked, errors } = said(&output(traced(&options, &hub, 8)).stdout);
        if errors.len() == 3 {
            // The row can be read again, and the same commit succeeds once there is room.
            assert_eq!(errors, ["STORE_FULL", "NONE", "NONE"], "write {kth}");
            full += 1;
            assert_eq!(check_prefix(&hub, acked + 1), acked + 1);
        } else {
            check_prefix(&hub, acked);
        }
    }
    assert!(full >= 3, "only {full} commits met a full disk");
}

/// A small file system that is full, then not.
#[test]
fn a_full_disk_loses_nothing_and_room_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let mount = folder.path().join("small");
    fs::create_dir(&mount).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let status = Command::new(program).args(arguments).arg(&mount).status();
        assert!(status.is_ok_and(|status| status.success()), "{program}: this test needs root");
    };
    run("mount", &["-t", "tmpfs", "-o", "size=1m", "tmpfs"]);
    let _unmount = Unmount(&mount);
    let ballast = mount.join("ballast");
    fs::write(&ballast, vec![0; 300 << 10]).unwrap();
    let hub = mount.join("hub");
    let mut store = SqliteStore::open(&hub, &Options::default()).unwrap();
    let mut committed = 0;
    let error = loop {
        match store.commit(&batch(committed)) {
            Ok(()) => committed += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), "STORE_FULL", "{error:?}");
    assert!(committed > 3, "{committed} commits fit");
    assert_eq!(store.commit(&batch(committed)).unwrap_err().code(), "STORE_FULL");
    assert_eq!(rows(&store, &LOG, None, usize::MAX).len() as u64, committed);
    fs::remove_file(ballast).unwrap();
    store.commit(&batch(committed)).unwrap();
    drop(store);
    assert_eq!(check_prefix(&hub, committed + 1), committed + 1);
}

const LOG: syncline_engine::rows::Scan =
    syncline_engine::rows::Scan::Log { from: syncline_model::id::Position(0) };

/// Takes the small file system away, also when the test fails.
struct Unmount<'a>(&'a Path);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}
