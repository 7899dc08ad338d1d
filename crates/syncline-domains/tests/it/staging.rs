//! Files replaced on a disk that crashes, fails and is shared with others.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use syncline_domains::files::disk::journal::{Entry, Outcome, recover};
use syncline_domains::files::disk::{
    Digest, Disk, DiskError, Published, Reading, Replacement, leftovers, publish_all, read, stage,
    sync_folders,
};
use syncline_model::id::RunId;

use crate::sim_disk::{Event, Left, SimDisk};

const TARGET: &str = "/d/contacts.json";
const KEEP: &str = "/k/kept";
const OLD: &[u8] = b"the old content";
const NEW: &[u8] = b"the new content, which is longer";
const OTHER: &[u8] = b"somebody else's";

fn run() -> RunId {
    RunId::new("run/1").unwrap()
}

fn disk(old: bool, event: Option<(usize, Event)>, links: bool) -> SimDisk {
    let disk = SimDisk::new(event, links);
    if old {
        disk.put(TARGET, OLD);
    }
    disk
}

fn expected(old: bool) -> Option<Digest> {
    old.then(|| Digest::of(OLD))
}

/// Does what a run does to a file; also returns the journal entry, if it got that far.
fn replace(disk: &SimDisk, old: bool) -> (Option<Entry>, Result<Published, DiskError>) {
    let staged = stage(disk, Path::new(TARGET), NEW, &run()).and_then(|staged| {
        let synced = sync_folders(disk, [staged.path.as_path()]);
        synced.inspect_err(|_| drop(staged.clone().discard(disk))).map(|()| staged)
    });
    let staged = match staged {
        Ok(staged) => staged,
        Err(error) => return (None, Err(error)),
    };
    let keep = Some(PathBuf::from(KEEP));
    let entry =
        Entry { staged: staged.clone(), old: expected(old), keep, records: Vec::new(), note: None };
    let result = staged.publish(disk, expected(old), Some(Path::new(KEEP)));
    (Some(entry), result)
}

/// Rows: whether there is an old file, whether the disk knows links.
const WORLDS: [(bool, bool); 4] = [(true, true), (true, false), (false, true), (false, false)];

fn operations_of(old: bool, links: bool) -> usize {
    let disk = disk(old, None, links);
    let (_, result) = replace(&disk, old);
    let published = result.unwrap();
    assert_eq!(disk.content(TARGET).unwrap(), NEW);
    assert_eq!(published.kept.is_some(), old);
    assert_eq!(disk.content(KEEP), old.then(|| OLD.to_vec()));
    assert!(!published.late_edit);
    assert!(leftovers(&disk, Path::new("/d")).unwrap().is_empty());
    disk.operations()
}

/// All that a crash may leave of what is pending.
fn all_left(disk: &SimDisk) -> impl Iterator<Item = Left> + use<> {
    let (names_max, other_names_max) = (disk.pending("/d"), disk.pending("/k"));
    (0..=names_max).flat_map(move |names| {
        (0..=other_names_max).flat_map(move |other_names| {
            let left = move |bytes| Left { names, other_names, bytes };
            [0, 7, usize::MAX].into_iter().map(left)
        })
    })
}

/// The target is the old file or the new one, whole.
fn check_whole(disk: &SimDisk, old: bool, what: &str) {
    let content = disk.content(TARGET);
    let is_old = content == old.then(|| OLD.to_vec());
    assert!(is_old || content.as_deref() == Some(NEW), "{what}: {content:?}");
}

/// Goal: no crash leaves half a file, and what was noted in the journal is finished, also when
/// recovery itself crashes. Method: a crash at every operation, with every combination of what it
/// may leave, and in each of them a second crash at every operation of the recovery.
#[test]
fn a_crash_at_any_moment_leaves_a_whole_file_and_recovery_finishes() {
    for (old, links) in WORLDS {
        for at in 0..operations_of(old, links) {
            let disk = disk(old, Some((at, Event::Crash)), links);
            let (entry, result) = replace(&disk, old);
            // Removing the staged file of a new target is best effort and comes before the sync.
            assert!(result.is_err(), "{old} {links} {at}");
            for left in all_left(&disk) {
                let what = format!("old {old}, links {links}, crash at {at}, {left:?}");
                let found = disk.after_crash(left, None);
                check_whole(&found, old, &what);
                let Some(entry) = &entry else {
                    assert_eq!(found.content(TARGET), old.then(|| OLD.to_vec()), "{what}");
                    continue;
                };
                check_recovery(&found, entry, old, &what);
                for second in 0..12 {
                    let found = disk.after_crash(left, Some((second, Event::Crash)));
                    let _ = recover(&found, entry);
                    for left in all_left(&found) {
                        let again = found.after_crash(left, None);
                        check_recovery(&again, entry, old, &format!("{what}, then {second}"));
                    }
                }
            }
        }
    }
}

fn check_recovery(disk: &SimDisk, entry: &Entry, old: bool, what: &str) {
    check_whole(disk, old, what);
    let outcome = recover(disk, entry).unwrap();
    assert!(
        matches!(outcome, Outcome::AlreadyPublished | Outcome::PublishedNow),
        "{what}: {outcome:?}"
    );
    assert_eq!(disk.content(TARGET).as_deref(), Some(NEW), "{what}");
    if old {
        assert_eq!(disk.content(KEEP).as_deref(), Some(OLD), "{what}");
    }
    assert!(leftovers(disk, Path::new("/d")).unwrap().is_empty(), "{what}");
    assert_eq!(recover(disk, entry).unwrap(), Outcome::AlreadyPublished, "{what}");
}

/// Goal: files that are replaced together are each whole after a crash, and all of them are new after
/// the recovery. Method: as for one file, without the second crash.
#[test]
fn a_crash_while_files_are_replaced_together_leaves_each_whole_and_recovery_finishes_all() {
    let files = ["/d/one", "/d/two", "/d/three"].map(Path::new);
    let begin = |event| {
        let disk = SimDisk::new(event, true);
        files.iter().for_each(|file| disk.put(file.to_str().unwrap(), OLD));
        disk
    };
    let replace_all = |disk: &SimDisk| {
        let stage = |file: &&Path| stage(disk, file, NEW, &run()).ok();
        let staged: Vec<_> = files.iter().filter_map(stage).collect();
        let synced = sync_folders(disk, staged.iter().map(|staged| staged.path.as_path()));
        if staged.len() < files.len() || synced.is_err() {
            return (Vec::new(), false);
        }
        let replacements = staged.into_iter().map(|staged| {
            let keep = Path::new("/k").join(staged.target.file_name().unwrap());
            Replacement { staged, expected_old: expected(true), keep: Some(keep) }
        });
        let replacements: Vec<_> = replacements.collect();
        let done = publish_all(disk, replacements.clone()).iter().all(Result::is_ok);
        (replacements, done)
    };
    let disk = begin(None);
    assert!(replace_all(&disk).1);
    let folders_synced = disk.folder_syncs();
    assert_eq!(folders_synced, 3, "the staged names, the kept ones, the new ones: once each");
    for at in 0..disk.operations() {
        let disk = begin(Some((at, Event::Crash)));
        let (replacements, _) = replace_all(&disk);
        for left in all_left(&disk) {
            let what = format!("crash at {at}, {left:?}");
            let found = disk.after_crash(left, None);
            for file in files {
                let content = found.content(file.to_str().unwrap()).unwrap();
                assert!(content == OLD || content == NEW, "{what}: {file:?}");
                assert!(content == OLD || !replacements.is_empty(), "{what}: {file:?} came early");
            }
            for Replacement { staged, expected_old: old, keep } in replacements.clone() {
                let entry = Entry { staged, old, keep, records: Vec::new(), note: None };
                let outcome = recover(&found, &entry).unwrap();
                let is_done = matches!(outcome, Outcome::AlreadyPublished | Outcome::PublishedNow);
                assert!(is_done, "{what}: {outcome:?}");
                assert_eq!(found.content(entry.staged.target.to_str().unwrap()).unwrap(), NEW);
                assert_eq!(found.content(entry.keep.unwrap().to_str().unwrap()).unwrap(), OLD);
            }
        }
    }
}

/// A disk that is full, broken or read-only: the old file stays, nothing else is left, and where
/// that is not certain the error says so.
#[test]
fn an_error_at_any_moment_leaves_the_old_file_or_says_that_it_does_not_know() {
    let kinds = [ErrorKind::StorageFull, ErrorKind::PermissionDenied, ErrorKind::Other];
    for (old, links) in WORLDS {
        for at in 0..operations_of(old, links) {
            for kind in kinds {
                let what = format!("old {old}, links {links}, {kind} at {at}");
                let disk = disk(old, Some((at, Event::Fail(kind))), links);
                match replace(&disk, old).1 {
                    // A link that fails is made up for; a staged file that stays is harmless.
                    Ok(_) => assert_eq!(disk.content(TARGET).as_deref(), Some(NEW), "{what}"),
                    Err(error) if error.outcome_is_unknown() => {
                        assert_eq!(error.code(), "STORAGE_ERROR", "{what}");
                        assert_eq!(disk.content(TARGET).as_deref(), Some(NEW), "{what}");
                    }
                    Err(error) => {
                        let codes: &[&str] = match kind {
                            // Whether it was a look at the file or a write.
                            ErrorKind::PermissionDenied => &["PERMISSION_DENIED", "STORAGE_DENIED"],
                            ErrorKind::StorageFull => &["STORAGE_FULL"],
                            _ => &["STORAGE_ERROR"],
                        };
                        assert!(codes.contains(&error.code()), "{what}: {}", error.code());
                        assert_eq!(disk.content(TARGET), old.then(|| OLD.to_vec()), "{what}");
                        let staged = leftovers(&disk, Path::new("/d")).unwrap();
                        assert!(staged.is_empty(), "{what}: {staged:?}");
                        assert!(replace(&disk, old).1.is_ok(), "{what}: the second try");
                    }
                }
            }
        }
    }
}

/// Somebody saves the file at any moment: either their text stays in place, or it came after
/// everything, or it is in the kept file.
#[test]
fn somebody_elses_save_is_never_lost() {
    let target = || PathBuf::from(TARGET);
    for (old, links) in WORLDS {
        let operations = operations_of(old, links);
        for at in 0..operations {
            for event in [Event::Replace(target(), OTHER), Event::WriteInto(target(), OTHER)] {
                let what = format!("old {old}, links {links}, {event:?} at {at}");
                let replaces = matches!(event, Event::Replace(..));
                let disk = disk(old, Some((at, event)), links);
                let result = replace(&disk, old).1;
                let in_place = disk.content(TARGET).as_deref() == Some(OTHER);
                match result {
                    Err(error) => {
                        assert_eq!(error.code(), "FILE_CHANGED", "{what}");
                        assert!(in_place, "{what}");
                        assert_eq!(disk.names(), [TARGET], "{what}");
                    }
                    Ok(published) if published.late_edit => {
                        assert_eq!(disk.content(KEEP).as_deref(), Some(OTHER), "{what}");
                    }
                    Ok(_) => {
                        // What is saved right before the renaming, after the comparison, is the
                        // known gap. A new file is put in place by a link, which has none, and a
                        // file with a second name keeps what is written into it there.
                        let has_gap = if old { replaces || !links } else { !links };
                        let in_gap = has_gap && at == operations - 2;
                        let had_no_file = !old && !replaces;
                        assert!(in_place || in_gap || had_no_file, "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_journal_entry_of_another_file_touches_nothing() {
    for (old, links) in WORLDS {
        let disk = disk(old, None, links);
        let staged = stage(&disk, Path::new(TARGET), NEW, &run()).unwrap();
        let entry =
            Entry { staged, old: expected(old), keep: None, records: Vec::new(), note: None };
        disk.put(TARGET, OTHER);
        let found = Some(Digest::of(OTHER));
        assert_eq!(recover(&disk, &entry).unwrap(), Outcome::Unknown { found });
        assert_eq!(disk.content(TARGET).as_deref(), Some(OTHER));
        assert_eq!(leftovers(&disk, Path::new("/d")).unwrap().len(), 1);
    }
    let disk = disk(true, None, true);
    let staged = stage(&disk, Path::new(TARGET), NEW, &run()).unwrap();
    let entry = Entry {
        staged: staged.clone(),
        old: expected(true),
        keep: None,
        records: Vec::new(),
        note: None,
    };
    staged.discard(&disk).unwrap();
    let found = expected(true);
    assert_eq!(recover(&disk, &entry).unwrap(), Outcome::Unknown { found });
    disk.write_new(&entry.staged.path, &NEW[..9], 0o600).unwrap();
    assert_eq!(recover(&disk, &entry).unwrap(), Outcome::Unknown { found });
    assert_eq!(disk.content(TARGET).as_deref(), Some(OLD));
}

#[test]
fn leftovers_name_the_file_and_the_run() {
    let disk = disk(true, None, true);
    let _staged = stage(&disk, Path::new(TARGET), NEW, &run()).unwrap();
    disk.put("/d/.hidden", b"");
    disk.put("/d/.x.json.syncline-", b"");
    let found = leftovers(&disk, Path::new("/d")).unwrap();
    let names: Vec<(&str, &str)> = found.iter().map(|it| (&*it.file, &*it.run)).collect();
    assert_eq!(names, [("contacts.json", "run-1"), ("x.json", "")]);
}

#[test]
fn a_name_for_undo_that_is_taken_is_never_overwritten() {
    for links in [true, false] {
        let disk = disk(true, None, links);
        disk.put(KEEP, OTHER);
        let error = replace(&disk, true).1.unwrap_err();
        assert_eq!(error.code(), "STORAGE_ERROR");
        assert_eq!(disk.content(KEEP).as_deref(), Some(OTHER));
        assert_eq!(disk.content(TARGET).as_deref(), Some(OLD));
        assert!(leftovers(&disk, Path::new("/d")).unwrap().is_empty());
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_is_read_again() {
    let target = PathBuf::from(TARGET);
    for event in [Event::WriteInto(target.clone(), OTHER), Event::Replace(target, OTHER)] {
        let disk = disk(true, Some((0, event)), true);
        match read(&disk, Path::new(TARGET), 100).unwrap() {
            Reading::Present(found) => {
                assert_eq!((found.bytes.as_slice(), found.digest), (OTHER, Digest::of(OTHER)));
            }
            Reading::Missing => panic!("it is there"),
        }
    }
}

#[test]
fn a_file_that_is_too_large_is_not_even_opened() {
    let disk = disk(true, None, true);
    let error = read(&disk, Path::new(TARGET), 14).unwrap_err();
    assert_eq!(error.code(), "LIMIT_BYTES");
    assert_eq!(disk.operations(), 0);
    assert!(matches!(read(&disk, Path::new(TARGET), 15), Ok(Reading::Present(_))));
}
