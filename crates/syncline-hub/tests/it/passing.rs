//! A disk that fails and works again a moment later: the run does not notice, or it fails whole and
//! the next one does the work.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use syncline_domains::files::disk::{SystemDisk, leftovers};
use syncline_domains::limits::TRIES_MAX;
use syncline_engine::sync::RunStatus;
use syncline_hub::{Silent, SyncOutcome};

use crate::crash::{
    MERGED, Meddler, NOW_MS, assert_settled, edited, never, open_with, sync_calmly,
};
use crate::desk::Desk;
use crate::hunt_kit::files_below;

const KINDS: [io::ErrorKind; 2] = [io::ErrorKind::TimedOut, io::ErrorKind::WouldBlock];

/// Fails a step at a domain's file, each time for which `when` says so, counted from 0.
fn failing(
    desk: &Desk,
    (step, domain): (&'static str, &str),
    kind: io::ErrorKind,
    when: impl Fn(usize) -> bool + Send + Sync + 'static,
) -> (Meddler, Arc<AtomicUsize>) {
    let folder = std::fs::canonicalize(desk.path(domain)).unwrap();
    let path = folder.join("contacts.json");
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let meddler = move |now: &str, at: &std::path::Path| {
        if now == step && at == path && when(counted.fetch_add(1, Ordering::SeqCst)) {
            return Err(kind.into());
        }
        Ok(())
    };
    (Box::new(meddler), count)
}

fn sync_with(desk: &Desk, meddler: Meddler) -> SyncOutcome {
    let mut hub = open_with(desk, never(), Some(meddler), NOW_MS).unwrap();
    hub.sync(&desk.request, &mut Silent).unwrap()
}

fn assert_merged(desk: &Desk, context: &str) {
    assert_eq!(desk.held("personal"), MERGED, "{context}");
    assert_eq!(desk.held("business"), MERGED, "{context}");
    assert_settled(desk, context);
}

fn codes(outcome: &SyncOutcome) -> Vec<&str> {
    outcome.report.problems.iter().map(|problem| problem.code.as_str()).collect()
}

#[test]
fn a_read_or_a_replacement_that_fails_once_is_tried_again_and_the_run_succeeds() {
    for step in ["read", "rename", "link"] {
        for domain in ["personal", "business"] {
            for kind in KINDS {
                let mut failed_at = 0;
                loop {
                    let context = format!("{step} {failed_at} of {domain}: {kind}");
                    let desk = edited();
                    let (meddler, count) =
                        failing(&desk, (step, domain), kind, move |nth| nth == failed_at);
                    let outcome = sync_with(&desk, meddler);
                    assert_eq!(codes(&outcome), [""; 0], "{context}");
                    assert_merged(&desk, &context);
                    if count.load(Ordering::SeqCst) <= failed_at {
                        break;
                    }
                    failed_at += 1;
                }
                assert!(failed_at > 0, "{step} was never done to {domain}");
            }
        }
    }
}

#[test]
fn a_file_that_is_new_is_put_in_its_place_although_the_first_try_fails() {
    for kind in KINDS {
        let desk = Desk::new();
        desk.contacts("personal", &[r#"{"id":"1","name":"Ann"}"#]);
        let staged = "link";
        let once = AtomicUsize::new(0);
        let meddler: Meddler = Box::new(move |step, _| {
            match step == staged && once.fetch_add(1, Ordering::SeqCst) == 0 {
                true => Err(kind.into()),
                false => Ok(()),
            }
        });
        let outcome = sync_with(&desk, meddler);
        assert_eq!(codes(&outcome), [""; 0], "{kind}");
        assert_eq!(desk.held("business"), desk.held("personal"), "{kind}");
        assert_settled(&desk, "a new file");
    }
}

#[test]
fn a_file_that_cannot_be_read_after_three_tries_fails_its_entity_and_loses_nothing() {
    for domain in ["personal", "business"] {
        for kind in KINDS {
            let context = format!("{domain}: {kind}");
            let desk = edited();
            let before = files_below(&desk.path("business"));
            let (meddler, count) = failing(&desk, ("read", domain), kind, |_| true);
            let outcome = sync_with(&desk, meddler);
            assert_eq!(codes(&outcome), ["STORAGE_ERROR"], "{context}");
            assert_eq!(outcome.report.status, RunStatus::Failed, "{context}");
            assert!(count.load(Ordering::SeqCst) >= TRIES_MAX as usize, "{context}");
            assert!(count.load(Ordering::SeqCst) <= 2 * TRIES_MAX as usize, "{context}");
            assert_eq!(files_below(&desk.path("business")), before, "{context}");
            sync_calmly(&desk);
            assert_merged(&desk, &context);
        }
    }
}

#[test]
fn a_file_that_cannot_be_replaced_after_three_tries_stays_whole_and_the_next_run_writes_it() {
    for domain in ["personal", "business"] {
        for kind in KINDS {
            for reopens in [false, true] {
                let context = format!("{domain}: {kind}, reopened: {reopens}");
                let desk = edited();
                let before = files_below(&desk.path(domain));
                let (meddler, count) =
                    failing(&desk, ("rename", domain), kind, |nth| nth < TRIES_MAX as usize);
                let mut hub = open_with(&desk, never(), Some(meddler), NOW_MS).unwrap();
                let outcome = hub.sync(&desk.request, &mut Silent).unwrap();
                assert_eq!(codes(&outcome), ["STORAGE_ERROR"], "{context}");
                assert_eq!(outcome.report.status, RunStatus::Partial, "{context}");
                assert_eq!(count.load(Ordering::SeqCst), TRIES_MAX as usize, "{context}");
                // The old file, byte for byte, and nothing beside it.
                assert_eq!(files_below(&desk.path(domain)), before, "{context}");
                assert_eq!(hub.recover().unwrap(), [""; 0], "{context}: nothing is under way");
                if reopens {
                    drop(hub);
                    sync_calmly(&desk);
                } else {
                    let outcome = hub.sync(&desk.request, &mut Silent).unwrap();
                    assert_eq!(codes(&outcome), [""; 0], "{context}");
                    drop(hub);
                }
                assert_merged(&desk, &context);
            }
        }
    }
}

#[test]
fn a_replacement_that_was_done_although_an_error_says_otherwise_counts_as_done() {
    let desk = edited();
    let folder = std::fs::canonicalize(desk.path("business")).unwrap();
    let path = folder.join("contacts.json");
    let old = std::fs::read(&path).unwrap();
    let meddler: Meddler = Box::new(move |step, at| {
        if step != "rename" || at != path {
            return Ok(());
        }
        for staged in leftovers(&SystemDisk, &folder).unwrap() {
            std::fs::rename(staged.path, at).unwrap();
        }
        Err(io::ErrorKind::TimedOut.into())
    });
    let outcome = sync_with(&desk, meddler);
    assert_eq!(codes(&outcome), [""; 0]);
    let kept = files_below(&desk.path(".syncline/undo"));
    assert!(kept.values().any(|bytes| *bytes == old), "the old file is kept for undo");
    assert_merged(&desk, "done and not told");
}

#[test]
fn a_file_that_is_saved_between_two_tries_is_left_alone() {
    let desk = edited();
    let folder = std::fs::canonicalize(desk.path("business")).unwrap();
    let path = folder.join("contacts.json");
    let once = AtomicUsize::new(0);
    let meddler: Meddler = Box::new(move |step, at| {
        if step != "rename" || at != path || once.fetch_add(1, Ordering::SeqCst) > 0 {
            return Ok(());
        }
        let text = std::fs::read_to_string(&path).unwrap().replace("Fay", "Faye");
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, text).unwrap();
        Err(io::ErrorKind::WouldBlock.into())
    });
    let outcome = sync_with(&desk, meddler);
    assert_eq!(codes(&outcome), ["FILE_CHANGED"]);
    assert!(desk.read("business/contacts.json").contains("Faye"));
    sync_calmly(&desk);
    assert!(desk.held("personal").iter().any(|item| item.contains("Faye")));
    assert_eq!(desk.held("personal"), desk.held("business"));
}
