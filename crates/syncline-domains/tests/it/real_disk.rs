//! Files on the disk of the machine.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use syncline_domains::Advice;
use syncline_domains::files::disk::journal::{Entry, Outcome, recover};
use syncline_domains::files::disk::{
    Digest, Disk, DiskError, Reading, SystemDisk, WriteError, Writing, begin_stage, digest,
    leftovers, read, stage,
};
use syncline_model::id::RunId;

fn run() -> RunId {
    RunId::new("run-1").unwrap()
}

fn present(path: &Path) -> syncline_domains::files::disk::Present {
    match read(&SystemDisk, path, 1_000).unwrap() {
        Reading::Present(present) => present,
        Reading::Missing => panic!("{path:?} is missing"),
    }
}

#[test]
fn a_file_is_read_with_what_is_known_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("contacts.json");
    assert_eq!(read(&SystemDisk, &path, 10).unwrap(), Reading::Missing);
    assert_eq!(digest(&SystemDisk, &path).unwrap(), None);
    fs::write(&path, b"{}").unwrap();
    let found = present(&path);
    assert_eq!(found.bytes, b"{}");
    assert_eq!(found.digest, Digest::of(b"{}"));
    assert_eq!(digest(&SystemDisk, &path).unwrap(), Some(Digest::of(b"{}")));
    assert_eq!(found.identity.inode, fs::metadata(&path).unwrap().ino());
    assert!(found.modified_ms > 1_700_000_000_000);
    fs::write(&path, b"").unwrap();
    assert_eq!(present(&path).bytes, b"");
}

#[test]
fn what_cannot_be_read_is_an_error_and_never_missing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("large.json"), [b' '; 11]).unwrap();
    fs::write(at("limit.json"), [b' '; 10]).unwrap();
    fs::create_dir(at("folder.json")).unwrap();
    symlink(at("nothing"), at("broken.json")).unwrap();
    symlink(at("loop.json"), at("loop.json")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(at("pipe.json")).status();
    assert!(made.unwrap().success());
    let rows = [
        ("large.json", "LIMIT_BYTES"),
        ("folder.json", "DATA_FORMAT_INVALID"),
        ("pipe.json", "DATA_FORMAT_INVALID"),
        ("broken.json", "STORAGE_ERROR"),
        ("loop.json", "STORAGE_ERROR"),
        ("no/such/folder.json", "DOMAIN_NOT_FOUND"),
        ("limit.json/x.json", "STORAGE_ERROR"),
    ];
    for (name, code) in rows {
        let error = read(&SystemDisk, &at(name), 10).unwrap_err();
        assert_eq!(error.code(), code, "{name}: {error}");
        assert_eq!(error.advice(), Advice::AskHuman, "{name}");
    }
    assert!(matches!(read(&SystemDisk, &at("limit.json"), 10), Ok(Reading::Present(_))));
}

#[test]
fn a_file_without_rights_is_denied() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("contacts.json");
    fs::write(&path, b"{}").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
    match read(&SystemDisk, &path, 10) {
        Err(error) => assert_eq!(error.code(), "PERMISSION_DENIED"),
        // The superuser reads everything.
        Ok(_) => assert!(fs::read(&path).is_ok()),
    }
}

#[test]
fn a_file_is_replaced_with_its_rights_and_the_old_one_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (path, keep) = (folder.path().join("contacts.json"), folder.path().join("kept"));
    fs::write(&path, b"old").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
    let old = present(&path);
    let staged = stage(&SystemDisk, &path, b"new", &run()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(leftovers(&SystemDisk, folder.path()).unwrap().len(), 1);
    let published = staged.publish(&SystemDisk, Some(old.digest), Some(&keep)).unwrap();
    let new = present(&path);
    assert_eq!((new.bytes.as_slice(), new.identity), (&b"new"[..], published.identity));
    assert_eq!(new.modified_ms, published.modified_ms);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o664);
    assert_eq!(fs::metadata(&keep).unwrap().ino(), old.identity.inode);
    assert!(leftovers(&SystemDisk, folder.path()).unwrap().is_empty());
}

#[test]
fn a_large_file_is_written_beside_its_caller_and_whole_once_it_was_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("contacts.json");
    let content = vec![b'x'; 1 << 20];
    let (staged, staging) = begin_stage(&SystemDisk, &path, content.clone(), &run()).unwrap();
    staging.wait(&SystemDisk).unwrap();
    assert_eq!(fs::read(&staged.path).unwrap(), content);
    assert_eq!(staged.digest, Digest::of(&content));

    let nowhere = folder.path().join("missing/contacts.json");
    let writing = SystemDisk.begin_write(&nowhere, content, 0o600);
    assert!(matches!(writing, Writing::UnderWay(_)), "{writing:?}");
    assert!(matches!(writing.wait(), Err(WriteError::Create(_))));
}

#[test]
fn a_new_file_is_private_and_never_takes_a_name_that_was_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("contacts.json");
    let staged = stage(&SystemDisk, &path, b"new", &run()).unwrap();
    staged.publish(&SystemDisk, None, None).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    let staged = stage(&SystemDisk, &path, b"newer", &run()).unwrap();
    let error = staged.publish(&SystemDisk, None, None).unwrap_err();
    assert!(matches!(error, DiskError::Changed { .. }));
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_link_is_written_through() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let (real, link) = (elsewhere.path().join("real.json"), folder.path().join("contacts.json"));
    fs::write(&real, b"old").unwrap();
    symlink(&real, &link).unwrap();
    let old = present(&link);
    let staged = stage(&SystemDisk, &link, b"new", &run()).unwrap();
    staged.publish(&SystemDisk, Some(old.digest), None).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read(&real).unwrap(), b"new");
}

#[test]
fn a_changed_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (path, keep) = (folder.path().join("contacts.json"), folder.path().join("kept"));
    fs::write(&path, b"old").unwrap();
    let old = present(&path).digest;
    for name in ["written", "removed"] {
        let staged = stage(&SystemDisk, &path, b"new", &run()).unwrap();
        match name {
            "written" => fs::write(&path, b"edited").unwrap(),
            _ => fs::remove_file(&path).unwrap(),
        }
        let error = staged.publish(&SystemDisk, Some(old), Some(&keep)).unwrap_err();
        assert_eq!((error.code(), error.advice()), ("FILE_CHANGED", Advice::Retry), "{name}");
        assert!(!keep.exists(), "{name}");
        assert!(leftovers(&SystemDisk, folder.path()).unwrap().is_empty(), "{name}");
    }
}

#[test]
fn a_noted_replacement_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let (path, keep) = (folder.path().join("contacts.json"), folder.path().join("kept"));
    fs::write(&path, b"old").unwrap();
    let old = Some(present(&path).digest);
    let staged = stage(&SystemDisk, &path, b"new", &run()).unwrap();
    let entry = Entry { staged, old, keep: Some(keep.clone()), records: Vec::new(), note: None };
    assert_eq!(recover(&SystemDisk, &entry).unwrap(), Outcome::PublishedNow);
    assert_eq!(recover(&SystemDisk, &entry).unwrap(), Outcome::AlreadyPublished);
    assert_eq!(
        (fs::read(&path).unwrap(), fs::read(&keep).unwrap()),
        (b"new".to_vec(), b"old".to_vec())
    );
}
