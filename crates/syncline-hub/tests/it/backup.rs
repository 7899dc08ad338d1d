//! A hub is lost and made again from its backup: another site, the same records.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use syncline_engine::facts;
use syncline_engine::operate::Entities;
use syncline_engine::rows::{Key, Scan, Table};
use syncline_hub::served::Served;
use syncline_hub::{Hub, HubOptions, Silent, restore_state, try_restore};
use syncline_store::backup::{At, Backup, Folder, verify};

use crate::desk::Desk;

fn at(state: &Path) -> HubOptions {
    HubOptions { state_folder: state.to_owned(), check_store: true }
}

/// Waits until all is in the backup.
fn wait(backup: &Backup) {
    let began = Instant::now();
    backup.want_shipped();
    while backup.health().commits_behind != Some(0) {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", backup.health());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns a desk whose hub was synchronised twice and backed up, and where the backup is.
fn backed_up() -> (Desk, PathBuf) {
    let desk = Desk::new();
    let to = desk.path("backup");
    desk.contacts("personal", &[r#"{"id":"1","name":"Ann"}"#]);
    let (mut hub, backup) = Hub::open_backed_up(&at(&desk.path(".syncline")), &to).unwrap();
    hub.sync(&desk.request, &mut Silent).unwrap();
    desk.contacts("business", &[r#"{"id":"1","name":"Ann","town":"Bonn"}"#]);
    hub.sync(&desk.request, &mut Silent).unwrap();
    wait(&backup);
    hub.close().unwrap();
    (desk, to)
}

/// Returns all rows of a hub that are the same wherever it is.
fn rows(hub: &Hub) -> Vec<(Key, Vec<u8>)> {
    let kept =
        [Table::Records, Table::Log, Table::Audit, Table::Runs, Table::Conflicts, Table::Undo];
    let mut rows = Vec::new();
    for table in kept {
        let mut row = |key: &Key, value: &[u8]| {
            rows.push((key.clone(), value.to_vec()));
            std::ops::ControlFlow::Continue(())
        };
        hub.rows().scan(&Scan::Whole(table), None, usize::MAX, &mut row).unwrap();
    }
    rows
}

fn fact(hub: &Hub, name: syncline_engine::rows::MetaName) -> Option<Vec<u8>> {
    hub.rows().get(&Key::Meta(name)).unwrap()
}

#[test]
fn a_restored_hub_is_another_site_with_the_same_records_and_no_bases() {
    let (desk, to) = backed_up();
    let state = desk.path(".syncline");
    let hub = desk.hub();
    let (site, before, head) = (hub.site(), rows(&hub), hub.audit_head());
    let served = Served::start(hub, Entities::default()).unwrap();
    let incarnation = served.incarnation();
    served.stop().unwrap();
    // Elsewhere; where it was before, which is moved aside; and where it was, which is removed.
    for name in ["elsewhere", ".syncline", ".syncline"] {
        let target = desk.path(name);
        match desk.path("aside").exists() {
            _ if name == "elsewhere" => {}
            false => std::fs::rename(&state, desk.path("aside")).unwrap(),
            true => std::fs::remove_dir_all(&state).unwrap(),
        }
        let restored = restore_state(&to, At::Latest, &target, &mut |_| ()).unwrap();
        assert!(restored.rows > 0);
        let hub = Hub::open(&at(&target)).unwrap();
        assert_ne!(hub.site(), site, "{name}");
        assert!(rows(&hub) == before, "{name}");
        assert_eq!(hub.audit_verify().unwrap(), head);
        assert!(fact(&hub, facts::BASES_FORGOTTEN).is_some());
        let bases = Scan::Whole(Table::Bases);
        hub.rows().scan(&bases, None, 1, &mut |_, _| panic!("a base is known")).unwrap();
        assert_eq!((fact(&hub, facts::INCARNATION), fact(&hub, facts::TOKEN_KEY)), (None, None));
        let served = Served::start(hub, Entities::default()).unwrap();
        assert_ne!(served.incarnation(), incarnation, "{name}");
        served.stop().unwrap();
    }
    // Nothing is taken for a delete or an edit by the next run.
    let synced = desk.sync().unwrap();
    assert_eq!(desk.held("personal"), desk.held("business"));
    assert_eq!(desk.held("personal"), [r#"{"id":"1","name":"Ann","town":"Bonn"}"#]);
    drop(synced);
}

#[test]
fn a_restored_hub_goes_on_with_the_same_backup() {
    let (desk, to) = backed_up();
    let target = desk.path("restored");
    restore_state(&to, At::Latest, &target, &mut |_| ()).unwrap();
    let (mut hub, backup) = Hub::open_backed_up(&at(&target), &to).unwrap();
    desk.contacts("personal", &[r#"{"id":"1","name":"Ann","town":"Bonn"}"#, r#"{"id":"2"}"#]);
    hub.sync(&desk.request, &mut Silent).unwrap();
    wait(&backup);
    let expected = rows(&hub);
    hub.close().unwrap();
    let again = desk.path("again");
    restore_state(&to, At::Latest, &again, &mut |_| ()).unwrap();
    assert!(rows(&Hub::open(&at(&again)).unwrap()) == expected);
    let tried = try_restore(&to, &desk.path("scratch"), &mut |_| ()).unwrap();
    assert!(tried.restored.rows > 0 && !desk.path("scratch").exists());
    assert!(verify(&Folder::open(&to).unwrap(), &mut |_| ()).unwrap().findings.is_empty());
}

#[test]
fn nothing_is_restored_over_a_state_or_from_a_damaged_backup() {
    let (desk, to) = backed_up();
    let refused = restore_state(&to, At::Latest, &desk.path(".syncline"), &mut |_| ());
    assert_eq!(refused.unwrap_err().code(), "RESTORE_NOT_EMPTY");
    let object = std::fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().path());
    let object = object.into_iter().find(|path| path.extension().unwrap() == "snapshot").unwrap();
    let mut bytes = std::fs::read(&object).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&object, bytes).unwrap();
    let target = desk.path("restored");
    let refused = restore_state(&to, At::Latest, &target, &mut |_| ());
    assert_eq!(refused.unwrap_err().code(), "BACKUP_DAMAGED");
    let left: Vec<_> = std::fs::read_dir(target.parent().unwrap()).unwrap().collect();
    let left = left.into_iter().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(left.into_iter().all(|name| !name.contains("restor")), "something was left behind");
}

#[cfg(unix)]
#[test]
fn only_the_owner_enters_a_restored_state() {
    use std::os::unix::fs::PermissionsExt;
    let (desk, to) = backed_up();
    let target = desk.path("restored");
    std::fs::create_dir(&target).unwrap();
    restore_state(&to, At::Latest, &target, &mut |_| ()).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&target), 0o700);
    assert_eq!(mode(&target.join("syncline.db")), 0o600);
}
