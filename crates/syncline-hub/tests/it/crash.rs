//! A run that is cut off at every step: opening the hub again mends it, without help.
//!
//! A fuse burns at the K-th write to the disk or commit of the store, before or after it is done;
//! from then on nothing works any more, as after a power cut. K runs over all steps.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use syncline_domains::files::disk::{Disk, Facts, Place as DiskPlace, SystemDisk, WriteError};
use syncline_domains::limits::TRIES_MAX;
use syncline_engine::rows::{Batch, Key, Scan};
use syncline_hub::{Environment, FileEntity, Hub, HubError, Parts, Place, Silent};
use syncline_merge::rules::{EntityRules, FieldRules, Rule, Shape};
use syncline_model::id::{PartitionId, Writer};
use syncline_model::path::{Path as Pointer, Pattern};
use syncline_store::sqlite::{Options, SqliteStore};
use syncline_store::{Epoch, Read, Store, StoreError};

use crate::desk::{Desk, entity};
use crate::hunt_kit::{files_below, no_guard};
use crate::names::{declare, with_renames};

/// Burns at one step; nothing works after that.
pub(crate) struct Fuse {
    steps: AtomicUsize,
    burns_at: usize,
    /// Whether the step that burns it is done all the same.
    after: bool,
    burnt: AtomicBool,
}

impl Fuse {
    fn new(burns_at: usize, after: bool) -> Arc<Self> {
        Arc::new(Self {
            steps: AtomicUsize::new(0),
            burns_at,
            after,
            burnt: AtomicBool::new(false),
        })
    }

    fn is_burnt(&self) -> bool {
        self.burnt.load(Ordering::SeqCst)
    }

    /// Tells what becomes of the next step: done and told so, or one of the ways to burn.
    fn next(&self) -> Step {
        if self.is_burnt() {
            return Step::Dead;
        }
        if self.steps.fetch_add(1, Ordering::SeqCst) < self.burns_at {
            return Step::Works;
        }
        self.burnt.store(true, Ordering::SeqCst);
        if self.after { Step::DoneAndDead } else { Step::HalfDoneAndDead }
    }

    fn io<T>(&self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.next() {
            Step::Works => work(),
            Step::DoneAndDead => {
                let _ = work();
                Err(gone())
            }
            Step::HalfDoneAndDead | Step::Dead => Err(gone()),
        }
    }
}

enum Step {
    Works,
    DoneAndDead,
    HalfDoneAndDead,
    Dead,
}

fn gone() -> io::Error {
    io::Error::other("the power is gone")
}

/// What somebody does before a step of the disk; its error is that of the step, which is not done
/// then.
pub(crate) type Meddler = Box<dyn Fn(&str, &Path) -> io::Result<()> + Send + Sync>;

/// The machine's disk behind a fuse, with somebody who meddles before a step.
struct FusedDisk {
    fuse: Arc<Fuse>,
    meddler: Option<Meddler>,
}

impl FusedDisk {
    fn meddle(&self, step: &str, path: &Path) -> io::Result<()> {
        self.meddler.as_ref().map_or(Ok(()), |meddler| meddler(step, path))
    }

    fn looks<T>(&self, look: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        if self.fuse.is_burnt() {
            return Err(gone());
        }
        look()
    }
}

impl Disk for FusedDisk {
    fn place(&self, path: &Path) -> io::Result<DiskPlace> {
        self.looks(|| SystemDisk.place(path))
    }

    fn facts(&self, path: &Path) -> io::Result<Facts> {
        self.looks(|| SystemDisk.facts(path))
    }

    fn read_into(&self, path: &Path, sink: &mut dyn io::Write) -> io::Result<()> {
        self.meddle("read", path)?;
        self.looks(|| SystemDisk.read_into(path, sink))
    }

    fn write_new(&self, path: &Path, bytes: &[u8], mode: u32) -> Result<(), WriteError> {
        match self.fuse.next() {
            Step::Works => SystemDisk.write_new(path, bytes, mode),
            Step::DoneAndDead => {
                let _ = SystemDisk.write_new(path, bytes, mode);
                Err(WriteError::Sync(gone()))
            }
            Step::HalfDoneAndDead => {
                let half = &bytes[..bytes.len() / 2];
                let _ = SystemDisk.write_new(path, half, mode);
                Err(WriteError::Write(gone()))
            }
            Step::Dead => Err(WriteError::Create(gone())),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.meddle("rename", to)?;
        self.fuse.io(|| SystemDisk.rename(from, to))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.meddle("link", from)?;
        self.fuse.io(|| SystemDisk.link(from, to))
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.fuse.io(|| SystemDisk.sync_folder(folder))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.fuse.io(|| SystemDisk.remove(path))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.looks(|| SystemDisk.list(folder))
    }

    fn pause(&self, tries: u32) -> bool {
        tries < TRIES_MAX
    }
}

/// A real store behind the same fuse.
struct FusedStore {
    store: Box<dyn Store>,
    fuse: Arc<Fuse>,
}

impl FusedStore {
    fn live(&self) -> Result<&dyn Store, StoreError> {
        if self.fuse.is_burnt() { Err(StoreError::Stopped) } else { Ok(&*self.store) }
    }
}

impl Read for FusedStore {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.live()?.get(key)
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.live()?.get_many(keys)
    }

    fn scan(
        &self,
        scan: &Scan,
        after: Option<&Key>,
        limit: usize,
        row: &mut dyn FnMut(&Key, &[u8]) -> std::ops::ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.live()?.scan(scan, after, limit, row)
    }
}

impl Store for FusedStore {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        match self.fuse.next() {
            Step::Works => self.store.commit(batch),
            Step::DoneAndDead => {
                let _ = self.store.commit(batch);
                Err(StoreError::Stopped)
            }
            Step::HalfDoneAndDead | Step::Dead => Err(StoreError::Stopped),
        }
    }

    fn reader(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        self.live()?.reader()
    }

    fn epoch(&self) -> Epoch {
        self.store.epoch()
    }

    fn partition(&self) -> PartitionId {
        self.store.partition()
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        self.store.close()
    }
}

/// A clock that the test sets, and random numbers that differ.
struct Bench {
    now_ms: u64,
    random: u64,
}

static RANDOM: AtomicUsize = AtomicUsize::new(1);

impl Bench {
    fn at(now_ms: u64) -> Box<Self> {
        let random = RANDOM.fetch_add(1_000, Ordering::SeqCst) as u64;
        Box::new(Self { now_ms, random })
    }
}

impl Environment for Bench {
    fn now_ms(&self) -> u64 {
        self.now_ms
    }

    fn random(&mut self) -> Result<[u8; 32], HubError> {
        self.random += 1;
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&self.random.to_be_bytes());
        Ok(bytes)
    }
}

pub(crate) const NOW_MS: u64 = 1_768_212_000_000;

pub(crate) fn open_with(
    desk: &Desk,
    fuse: Arc<Fuse>,
    meddler: Option<Meddler>,
    now_ms: u64,
) -> Result<Hub, HubError> {
    let state_folder = desk.path(".syncline");
    let store = SqliteStore::open(&state_folder, &Options::default())?;
    std::fs::create_dir_all(state_folder.join("undo")).unwrap();
    Hub::with_parts(Parts {
        store: Box::new(FusedStore { store: Box::new(store), fuse: Arc::clone(&fuse) }),
        disk: Arc::new(FusedDisk { fuse, meddler }),
        environment: Bench::at(now_ms),
        state_folder,
        place: Place {
            path: "here".into(),
            identity: "this".into(),
            touched: String::new(),
            is_latest: None,
        },
    })
}

fn open(desk: &Desk, fuse: Arc<Fuse>) -> Result<Hub, HubError> {
    open_with(desk, fuse, None, NOW_MS)
}

pub(crate) fn never() -> Arc<Fuse> {
    Fuse::new(usize::MAX, false)
}

pub(crate) fn sync_calmly(desk: &Desk) {
    let outcome = open(desk, never()).unwrap().sync(&desk.request, &mut Silent);
    let outcome = outcome.unwrap();
    assert!(outcome.report.problems.is_empty(), "{:?}", outcome.report.problems);
}

fn rules() -> EntityRules {
    EntityRules {
        fields: vec![FieldRules {
            pattern: Pattern::parse("/views").unwrap(),
            shape: Shape::Sum { minimum: None },
            rule: Rule::Latest,
        }],
        rule_default: Rule::Priority([Writer::new("personal").unwrap()].into()),
        ..EntityRules::default()
    }
}

/// What both sides agreed on.
const AGREED: [&str; 4] = [
    r#"{"id":"1","name":"Ann","phone":"1","mail":"a@x","views":0}"#,
    r#"{"id":"2","name":"Bob"}"#,
    r#"{"id":"5","name":"Eve"}"#,
    r#"{"id":"6","name":"Fay"}"#,
];

/// Both sides agreed once; then each was edited, so that a run writes both files.
pub(crate) fn edited() -> Desk {
    let mut desk = Desk::new();
    desk.request.guard = no_guard();
    desk.request.entities = vec![entity("contacts", rules())];
    desk.contacts("personal", &AGREED);
    desk.contacts("business", &AGREED);
    sync_calmly(&desk);
    desk.contacts(
        "personal",
        &[
            r#"{"id":"1","name":"Anna","phone":"1","mail":"a@x","views":2}"#,
            r#"{"id":"3","name":"Cy"}"#,
            r#"{"id":"5","name":"Eva"}"#,
            r#"{"id":"6","name":"Fay"}"#,
        ],
    );
    desk.contacts(
        "business",
        &[
            r#"{"id":"1","name":"Ann","phone":"2","mail":"a@x","views":3}"#,
            r#"{"id":"2","name":"Bob"}"#,
            r#"{"id":"4","name":"Di"}"#,
            r#"{"id":"5","name":"Yves"}"#,
            r#"{"id":"6","name":"Fay"}"#,
        ],
    );
    desk
}

/// Cuts `work` off at every step, and hands each wreck to `check`. Answers how many there were.
fn at_every_step(
    make: impl Fn() -> Desk,
    work: impl Fn(&mut Hub, &Desk) -> bool,
    check: impl Fn(&Desk, &str),
) -> usize {
    let mut wrecks = 0;
    for after in [false, true] {
        for step in 0.. {
            let desk = make();
            let fuse = Fuse::new(step, after);
            let done = match open(&desk, Arc::clone(&fuse)) {
                Ok(mut hub) => work(&mut hub, &desk),
                Err(_) => false,
            };
            if !fuse.is_burnt() {
                assert!(done, "it failed without a crash");
                break;
            }
            wrecks += 1;
            check(&desk, &format!("cut off at step {step}, after it: {after}"));
        }
    }
    wrecks
}

fn runs(hub: &mut Hub, desk: &Desk) -> bool {
    hub.sync(&desk.request, &mut Silent).is_ok()
}

/// Expects that nothing is left to do, and nothing lies about.
pub(crate) fn assert_settled(desk: &Desk, context: &str) {
    let before = desk.files();
    let mut hub = open(desk, never()).unwrap();
    let position = hub.position();
    let outcome = hub.sync(&desk.request, &mut Silent).unwrap();
    assert!(!outcome.wrote, "{context}: {:?}", outcome.actions);
    assert_eq!(hub.position(), position, "{context}");
    assert_eq!(desk.files(), before, "{context}");
    hub.audit_verify().unwrap();
    for domain in ["personal", "business"] {
        let names: Vec<_> = files_below(&desk.path(domain)).into_keys().collect();
        assert_eq!(names.len(), 1, "{context}: {names:?}");
    }
}

/// Where two names are exchanged meanwhile, what is read under the wrong ones is exchanged at home.
#[test]
fn a_run_cut_off_anywhere_is_read_under_the_names_that_it_wrote() {
    let swap: &[[&str; 2]] = &[["/l", "/m"], ["/m", "/l"]];
    for (first, then, last) in [(&[][..], swap, swap), (swap, &[], swap), (&[], swap, &[])] {
        let make = || {
            let mut desk = Desk::new();
            desk.request.guard = no_guard();
            declare(&mut desk, first);
            desk.contacts("personal", &[r#"{"id":"a","l":"0","m":"9"}"#]);
            sync_calmly(&desk);
            declare(&mut desk, then);
            let edited = [r#"{"id":"a","l":"1","m":"9"}"#, r#"{"id":"b","l":"2","m":"8"}"#];
            desk.contacts("personal", &edited);
            desk
        };
        let run_again = |desk: &Desk, context: &str| {
            let home = desk.held("personal");
            let mut request = desk.request.clone();
            request.target.renames = with_renames(last);
            let mut hub = open(desk, never()).unwrap();
            hub.sync(&request, &mut Silent).unwrap();
            assert_eq!(desk.held("personal"), home, "{context}, {then:?}, then {last:?}");
        };
        at_every_step(make, runs, run_again);
    }
}

pub(crate) const MERGED: [&str; 5] = [
    r#"{"id":"1","mail":"a@x","name":"Anna","phone":"2","views":5}"#,
    r#"{"id":"3","name":"Cy"}"#,
    r#"{"id":"4","name":"Di"}"#,
    r#"{"id":"5","name":"Eva"}"#,
    r#"{"id":"6","name":"Fay"}"#,
];

#[test]
fn a_run_cut_off_anywhere_comes_to_the_same_end() {
    let wrecks = at_every_step(edited, runs, |desk, context| {
        sync_calmly(desk);
        assert_eq!(desk.held("personal"), MERGED, "{context}");
        assert_eq!(desk.held("business"), MERGED, "{context}");
        assert_settled(desk, context);
        let rows = open(desk, never()).unwrap().conflicts().unwrap();
        assert_eq!(rows.len(), 1, "{context}: {rows:?}");
    });
    assert!(wrecks > 24, "{wrecks} steps are too few for a run that writes two files");
}

#[test]
fn after_a_crash_an_old_copy_elsewhere_is_neither_written_nor_taken_for_edits() {
    let copied = || {
        let desk = edited();
        std::fs::create_dir(desk.path("old")).unwrap();
        desk.contacts("old", &AGREED);
        desk
    };
    at_every_step(copied, runs, |desk, context| {
        let old = desk.read("old/contacts.json");
        drop(open(desk, never()).unwrap());
        assert_eq!(desk.read("old/contacts.json"), old, "{context}: another folder was written");
        let mut request = desk.request.clone();
        request.target.folder = desk.path("old");
        let outcome = open(desk, never()).unwrap().sync(&request, &mut Silent).unwrap();
        assert!(outcome.report.problems.is_empty(), "{context}: {:?}", outcome.report.problems);
        let held = desk.held("personal").join("\n");
        for typed in ["Anna", "Cy", "Eva", "Fay"] {
            assert!(held.contains(typed), "{context}: {typed} is gone from {held}");
        }
    });
}

/// Two sides that have never met, with two people under two ids each.
fn strangers() -> Desk {
    let mut desk = Desk::new();
    desk.request.guard = no_guard();
    desk.request.unites_twins = true;
    let identifying = vec![Pointer::parse("/mail").unwrap()];
    desk.request.entities = vec![FileEntity { identifying, ..entity("contacts", rules()) }];
    desk.contacts(
        "personal",
        &[
            r#"{"id":"1","name":"Ann","mail":"a@x"}"#,
            r#"{"id":"2","name":"Bob","mail":"b@x"}"#,
            r#"{"id":"3","name":"Cy"}"#,
        ],
    );
    desk.contacts(
        "business",
        &[
            r#"{"id":"x","name":"Anna","mail":"a@x","phone":"1"}"#,
            r#"{"id":"y","name":"Bob","mail":"b@x"}"#,
            r#"{"id":"z","name":"Di"}"#,
        ],
    );
    desk
}

#[test]
fn twins_that_become_one_record_are_one_whenever_the_run_is_cut_off() {
    const UNITED: [&str; 4] = [
        r#"{"id":"1","mail":"a@x","name":"Ann","phone":"1"}"#,
        r#"{"id":"2","mail":"b@x","name":"Bob"}"#,
        r#"{"id":"3","name":"Cy"}"#,
        r#"{"id":"z","name":"Di"}"#,
    ];
    let wrecks = at_every_step(strangers, runs, |desk, context| {
        sync_calmly(desk);
        assert_eq!(desk.held("personal"), UNITED, "{context}");
        assert_eq!(desk.held("business"), UNITED, "{context}");
        assert_settled(desk, context);
    });
    assert!(wrecks > 24, "{wrecks} steps are too few for a run that writes two files");
}

/// Somebody writes into the target's file in the moment in which it was to be replaced: the twins
/// stay two records there, and nobody loses one.
#[test]
fn twins_whose_file_was_edited_meanwhile_lose_nothing() {
    let desk = strangers();
    let edit = |step: &str, path: &Path| {
        let file = path.with_file_name("contacts.json");
        if step == "link" && path.parent().is_some_and(|folder| folder.ends_with("business")) {
            let text = std::fs::read_to_string(&file).unwrap().replace("Di", "Dido");
            std::fs::write(&file, text).unwrap();
        }
        Ok(())
    };
    let mut hub = open_with(&desk, never(), Some(Box::new(edit)), NOW_MS).unwrap();
    let outcome = hub.sync(&desk.request, &mut Silent).unwrap();
    drop(hub);
    assert_eq!(outcome.report.problems.len(), 1, "{:?}", outcome.report.problems);
    assert_eq!(desk.held("business").len(), 3);
    sync_calmly(&desk);
    for domain in ["personal", "business"] {
        let held = desk.held(domain);
        for text in ["\"1\"", "\"2\"", "Cy", "Dido", "\"x\"", "\"y\""] {
            assert!(held.iter().any(|item| item.contains(text)), "{domain} {text}: {held:?}");
        }
    }
}

/// What a person does between the crash and the next run, on whatever the file holds then.
fn edit_item(desk: &Desk, domain: &str, edit: impl Fn(&str) -> Option<String>, add: &str) {
    let held = desk.held(domain);
    let mut items: Vec<String> = held.iter().filter_map(|item| edit(item)).collect();
    items.push(add.to_owned());
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    desk.contacts(domain, &items);
}

fn add_views(item: &str, by: u64) -> String {
    let at = item.find("\"views\":").unwrap() + 8;
    let end = at + item[at..].find(['}', ',']).unwrap();
    let views: u64 = item[at..end].parse().unwrap();
    format!("{}{}{}", &item[..at], views + by, &item[end..])
}

#[test]
fn edits_between_the_crash_and_the_next_run_survive_and_sums_count_once() {
    at_every_step(edited, runs, |desk, context| {
        // Personal counts 10 views, and deletes Cy and Di as far as it has them.
        let had_di = desk.held("personal").iter().any(|item| item.contains("Di"));
        edit_item(
            desk,
            "personal",
            |item| match item {
                item if item.contains("\"1\"") => Some(add_views(item, 10)),
                item if item.contains("Cy") || item.contains("Di") => None,
                item => Some(item.to_owned()),
            },
            r#"{"id":"7","name":"Gil"}"#,
        );
        // Business changes the mail, counts 100, deletes Fay.
        edit_item(
            desk,
            "business",
            |item| match item {
                item if item.contains("a@x") => Some(add_views(&item.replace("a@x", "b@x"), 100)),
                item if item.contains("Fay") => None,
                item => Some(item.to_owned()),
            },
            r#"{"id":"8","name":"Hal"}"#,
        );
        sync_calmly(desk);
        let di = r#"{"id":"4","name":"Di"}"#;
        let mut expected = vec![
            r#"{"id":"1","mail":"b@x","name":"Anna","phone":"2","views":115}"#,
            r#"{"id":"5","name":"Eva"}"#,
            r#"{"id":"7","name":"Gil"}"#,
            r#"{"id":"8","name":"Hal"}"#,
        ];
        if !had_di {
            expected.insert(1, di);
        }
        assert_eq!(desk.held("personal"), expected, "{context}");
        assert_eq!(desk.held("business"), expected, "{context}");
        assert_settled(desk, context);
    });
}

#[test]
fn a_crash_while_mending_a_crash_is_mended_too() {
    for after in [false, true] {
        for step in (0..60).step_by(3) {
            for second in 0..8 {
                let desk = edited();
                let fuse = Fuse::new(step, after);
                if let Ok(mut hub) = open(&desk, Arc::clone(&fuse)) {
                    let _ = hub.sync(&desk.request, &mut Silent);
                }
                if !fuse.is_burnt() {
                    break;
                }
                let fuse = Fuse::new(second, after);
                let mended = open(&desk, Arc::clone(&fuse)).map(drop);
                let context = format!("cut off at step {step} and {second} of mending");
                sync_calmly(&desk);
                assert_eq!(desk.held("personal"), MERGED, "{context}");
                assert_eq!(desk.held("business"), MERGED, "{context}");
                if mended.is_ok() && !fuse.is_burnt() {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_first_run_cut_off_anywhere_comes_to_the_same_end() {
    let make = || {
        let mut desk = Desk::new();
        desk.request.entities = vec![entity("contacts", rules())];
        desk.contacts("personal", &[r#"{"id":"1","name":"Ann","views":5}"#]);
        desk
    };
    at_every_step(make, runs, |desk, context| {
        let text = desk.read("personal/contacts.json");
        desk.write("personal/contacts.json", &text.replace(":5}", ":6}").replace(": 5", ": 6"));
        sync_calmly(desk);
        let expected = [r#"{"id":"1","name":"Ann","views":6}"#];
        assert_eq!(desk.held("personal"), expected, "{context}");
        assert_eq!(desk.held("business"), expected, "{context}");
        assert_settled(desk, context);
    });
}

#[test]
fn an_undo_cut_off_anywhere_loses_nothing() {
    let make = || {
        let desk = edited();
        sync_calmly(&desk);
        desk
    };
    let undoes = |hub: &mut Hub, desk: &Desk| {
        let runs = hub.runs(1).unwrap();
        let id = runs[0].get("syncId").and_then(|id| id.as_str()).unwrap().to_owned();
        hub.undo(&id, &desk.request, false).is_ok()
    };
    at_every_step(make, undoes, |desk, context| {
        sync_calmly(desk);
        assert_eq!(desk.held("personal"), MERGED, "{context}");
        assert_eq!(desk.held("business"), MERGED, "{context}");
        assert_settled(desk, context);
    });
}

/// Somebody saves a file in the middle of a run: at the step that is named, once.
fn meddle(desk: &Desk, step: &'static str, domain: &str) -> Meddler {
    let path = desk.path(&format!("{domain}/contacts.json"));
    let path = std::fs::canonicalize(path).unwrap();
    let once = Mutex::new(false);
    Box::new(move |now, at| {
        let mut done = once.lock().unwrap();
        if *done || now != step || at != path {
            return Ok(());
        }
        *done = true;
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace("Fay", "Faye");
        std::fs::write(&path, text.replace("a@x", "typed@x")).unwrap();
        Ok(())
    })
}

#[test]
fn a_file_saved_while_the_run_is_at_work_is_left_alone_and_merged_next_time() {
    for domain in ["personal", "business"] {
        let desk = edited();
        let meddler = meddle(&desk, "link", domain);
        let mut hub = open_with(&desk, never(), Some(meddler), NOW_MS).unwrap();
        let outcome = hub.sync(&desk.request, &mut Silent).unwrap();
        let codes: Vec<&str> = outcome.report.problems.iter().map(|p| p.code.as_str()).collect();
        assert_eq!(codes, ["FILE_CHANGED"], "{domain}");
        // What could not be written is not counted as if it were.
        let (_, done) = &outcome.report.entities[0];
        let written = [0, 1].map(|side| done.added[side] + done.updated[side] + done.deleted[side]);
        let left = usize::from(domain == "business");
        assert!(written[left] == 0 && written[1 - left] > 0, "{domain}: {written:?}");
        assert!(desk.read(&format!("{domain}/contacts.json")).contains("typed@x"));
        // In the same process, or in the next.
        if domain == "personal" {
            drop(hub);
            sync_calmly(&desk);
        } else {
            hub.sync(&desk.request, &mut Silent).unwrap();
            drop(hub);
        }
        let expected = [
            r#"{"id":"1","mail":"typed@x","name":"Anna","phone":"2","views":5}"#,
            MERGED[1],
            MERGED[2],
            MERGED[3],
            r#"{"id":"6","name":"Faye"}"#,
        ];
        assert_eq!(desk.held("personal"), expected, "{domain}");
        assert_eq!(desk.held("business"), expected, "{domain}");
        assert_settled(&desk, domain);
    }
}

#[test]
fn a_file_written_into_in_the_very_moment_is_kept_and_told() {
    let desk = edited();
    let meddler = meddle(&desk, "rename", "business");
    let mut hub = open_with(&desk, never(), Some(meddler), NOW_MS).unwrap();
    let outcome = hub.sync(&desk.request, &mut Silent).unwrap();
    drop(hub);
    let codes: Vec<&str> = outcome.report.problems.iter().map(|p| p.code.as_str()).collect();
    assert_eq!(codes, ["FILE_CHANGED"]);
    let kept = files_below(&desk.path(".syncline/undo"));
    let holds = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).contains("typed@x");
    assert!(kept.values().any(holds), "what was typed is kept for undo");
}

#[test]
fn a_clock_that_goes_back_loses_nothing() {
    let desk = edited();
    sync_calmly(&desk);
    for (hour, name) in [(0, "Zoe"), (u64::MAX / 2, "Yan"), (1, "Xia"), (5, "Wim")] {
        let text = desk.read("business/contacts.json");
        let item = format!(r#"{{"id":"{name}","name":"{name}"}}"#);
        let text = text.replacen('[', &format!("[{item},"), 1);
        desk.write("business/contacts.json", &text);
        let now_ms = if hour > 100 { 4_000_000_000_000 } else { hour * 3_600_000 };
        let mut hub = open_with(&desk, never(), None, now_ms).unwrap();
        hub.sync(&desk.request, &mut Silent).unwrap();
        assert!(desk.held("personal").contains(&item), "{name}");
    }
    assert_eq!(desk.held("personal"), desk.held("business"));
    assert_settled(&desk, "a clock that jumps");
}
