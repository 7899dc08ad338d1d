//! A store that is lent: what breaks off, and what is refused.

use std::os::unix::net::UnixStream;
use std::sync::mpsc::channel;
use std::thread;

use syncline_store::lent::{Asked, Lent, LoanError, lend};
use syncline_store::memory::{MemoryDisk, MemoryStore};
use syncline_store::sqlite::{LoanLock, Options, SqliteStore};
use syncline_store::{Piece, Read, Store, StoreError};

use crate::fixture::*;

/// Lends the store of a disk over one end of a connection, in a thread; answers how that ended.
fn lend_over(disk: &MemoryDisk, mut wire: UnixStream) -> thread::JoinHandle<bool> {
    let mut store = MemoryStore::open(disk);
    thread::spawn(move || {
        let asked = Asked::hear(&mut wire).unwrap();
        if !asked.is_fit("1", &mut wire).unwrap() {
            return false;
        }
        let ended = lend(&mut store, &mut wire).is_ok();
        let _ = Asked::thank(&mut wire);
        ended
    })
}

#[test]
fn a_program_of_another_version_is_lent_nothing() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let lender = lend_over(&MemoryDisk::new(), theirs);
    let refused = Lent::borrow(ours, &asked("2"), None).map(|_| ()).unwrap_err();
    assert!(matches!(refused, LoanError::OtherVersion { theirs, .. } if theirs == "1"));
    assert!(!lender.join().unwrap());
}

#[test]
fn what_is_no_borrower_is_heard_to_its_end_and_lent_nothing() {
    for words in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"", &[0, 0, 0, 1], &[0, 0, 0, 1, 9], &[255; 64]]
    {
        assert!(Asked::hear(&mut &*words).is_err(), "{words:?}");
    }
}

#[test]
fn of_a_batch_in_pieces_that_breaks_off_nothing_is_there() {
    let disk = MemoryDisk::new();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let lender = lend_over(&disk, theirs);
    let cut = ours.try_clone().unwrap();
    let mut store = Lent::borrow(ours, &asked("1"), None).unwrap();
    store.commit(&puts(&[record("a", "1")])).unwrap();
    let mut pieces = vec![Piece::Rows(puts(&[record("a", "2")]))];
    let failed = store.commit_pieces(&mut || {
        pieces.pop().unwrap_or_else(|| {
            cut.shutdown(std::net::Shutdown::Both).unwrap();
            Piece::End
        })
    });
    assert!(matches!(failed, Err(StoreError::LenderGone)));
    // Whatever is asked afterwards has no answer.
    assert!(matches!(store.get(&record("a", "1")), Err(StoreError::LenderGone)));
    drop(store);
    assert!(!lender.join().unwrap(), "it was not given back");
    let found = MemoryStore::open(&disk);
    assert!(found.get(&record("a", "1")).unwrap().is_some());
    assert!(found.get(&record("a", "2")).unwrap().is_none());
}

#[test]
fn reads_go_on_while_a_batch_comes_in_pieces() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let lender = lend_over(&MemoryDisk::new(), theirs);
    let mut store = Lent::borrow(ours, &asked("1"), None).unwrap();
    store.commit(&puts(&[record("a", "1")])).unwrap();
    let reader = store.reader().unwrap();
    let mut pieces = 0;
    let committed = store.commit_pieces(&mut || {
        assert!(reader.get(&record("a", "1")).unwrap().is_some());
        assert!(reader.get(&record("a", "2")).unwrap().is_none());
        pieces += 1;
        match pieces {
            1..=5 => Piece::Rows(puts(&[record("a", "2"), record("b", "1")])),
            _ => Piece::End,
        }
    });
    assert!(committed.unwrap());
    assert!(store.get(&record("a", "2")).unwrap().is_some());
    drop((reader, store));
    assert!(lender.join().unwrap());
}

/// After its lender was killed a borrower may still be writing files.
#[test]
fn a_store_is_opened_by_nobody_while_a_borrower_works_with_it() {
    let folder = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(folder.path(), &Options::default()).unwrap());
    let (go_on, wait) = channel::<()>();
    let path = folder.path().to_owned();
    let lock = LoanLock::take(&path).unwrap();
    let borrower = thread::spawn(move || {
        wait.recv().unwrap();
        drop(lock);
    });
    let refused = SqliteStore::open(folder.path(), &Options::default()).unwrap_err();
    assert_eq!(refused.code(), "STORE_LOCKED");
    go_on.send(()).unwrap();
    borrower.join().unwrap();
    SqliteStore::open(folder.path(), &Options::default()).unwrap();
}

#[test]
fn every_failure_of_a_store_keeps_its_code_on_the_way() {
    let disk = MemoryDisk::new();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let _lender = lend_over(&disk, theirs);
    let mut store = Lent::borrow(ours, &asked("1"), None).unwrap();
    // Another opener takes the store over.
    let _later = MemoryStore::open(&disk);
    let refused = store.commit(&puts(&[record("a", "1")])).unwrap_err();
    assert_eq!(refused.code(), "STORE_FENCED");
}
