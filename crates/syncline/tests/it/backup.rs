//! A state is copied into a folder, lost, and made again.

use std::fs;

use crate::desk::{Desk, numbered};
use crate::documents::check;

#[test]
fn a_state_comes_back_from_its_backup_and_nothing_is_overwritten() {
    let desk = Desk::new();
    desk.run("backup create --to backup").exits(3).says("STATE_MISSING");
    desk.contacts("personal", &numbered(0..5));
    desk.run("sync").exits(0);
    let created = desk.run("backup create --to backup --json").exits(0).json();
    check(&created);
    desk.contacts("personal", &numbered(0..7));
    // A run that makes no backup lies in between: a new snapshot follows.
    desk.run("sync").exits(0);
    desk.run("backup create --to backup").exits(0).says("Backed up");
    let verified = desk.run("verify --from backup --deep --json").exits(0).json();
    check(&verified);
    assert_eq!((&verified["whole"], &verified["snapshots"]), (&true.into(), &2.into()));

    desk.run("restore --from backup --state .syncline").exits(2).says("RESTORE_NOT_EMPTY");
    let plan = desk.run("restore --from backup --state again --dry-run --json").exits(0).json();
    check(&plan);
    assert!(!desk.path("again").exists());
    let commit = created["commit"].as_u64().unwrap();
    let older = desk.run(&format!("restore --from backup --state older --at {commit} --json"));
    check(&older.exits(0).json());
    fs::remove_dir_all(desk.path(".syncline")).unwrap();
    desk.run("restore --from backup --state .syncline").exits(0).says("Restored");
    desk.run("doctor").exits(0);
    desk.run("log").exits(0).says("sync-");
    desk.run("sync").exits(0);
    assert_eq!(desk.read("business").len(), 7);
    assert_eq!(desk.read("personal"), desk.read("business"));
    desk.run("restore --from backup --state early --at 2001-01-01T00:00:00Z")
        .exits(2)
        .says("BACKUP_NOT_REACHED");
}

#[test]
fn a_backup_that_is_damaged_or_of_another_hub_is_refused() {
    let desk = Desk::new();
    desk.contacts("personal", &numbered(0..5));
    desk.run("sync").exits(0);
    desk.run("verify --from backup").exits(3).says("BACKUP_FOLDER");
    fs::create_dir(desk.path("backup")).unwrap();
    desk.run("verify --from backup").exits(3).says("BACKUP_EMPTY");
    desk.run("backup create --to backup").exits(0);
    desk.run("backup create --to backup").exits(0);
    let other = Desk::new();
    other.contacts("personal", &numbered(0..2));
    other.run("sync").exits(0);
    let to = desk.path("backup");
    let to = to.to_str().unwrap();
    other.run_words(&["backup", "create", "--to", to]).exits(3).says("BACKUP_FOREIGN");

    let files = desk.files("backup");
    let snapshot = files.keys().rfind(|name| name.ends_with(".snapshot")).unwrap().clone();
    let path = format!("backup/{snapshot}");
    let mut bytes = desk.bytes(&path);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    desk.put(&path, &bytes);
    let found = desk.run("verify --from backup --json").exits(9).json();
    check(&found);
    assert_eq!(found["findings"][0]["code"], "BACKUP_DAMAGED");
    desk.run("restore --from backup --state again").exits(9).says("BACKUP_DAMAGED");
    assert!(!desk.path("again").exists());
    // The older snapshot and what was committed behind it hold the same.
    fs::remove_file(desk.path(&path)).unwrap();
    desk.run("restore --from backup --state again").exits(0);
}
