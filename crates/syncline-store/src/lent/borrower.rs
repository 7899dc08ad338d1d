//! The side that works with a store that is another's.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use syncline_engine::rows::{Batch, Key, Scan};
use syncline_model::codec::Reader;
use syncline_model::id::PartitionId;
use thiserror::Error;

use super::lender::{Asked, Wire};
use super::message::{Answer, Request, receive, send, unreadable};
use crate::limits::LOAN_PAGE_ROWS;
use crate::sqlite::LoanLock;
use crate::{Epoch, Piece, Read, Snapshots, Store, StoreError};

/// Why a store was not lent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoanError {
    /// The lender is of another version: the two might not mean the same by what is stored.
    #[error("the hub is served by syncline {theirs}; this is {ours}")]
    OtherVersion {
        /// The version of the lender's program.
        theirs: String,
        /// The version of this one.
        ours: String,
    },
    /// Nobody lends here, or not any more.
    #[error("nobody lends the store")]
    Gone(#[from] io::Error),
    /// Somebody works with it still whose loan was broken off.
    #[error(transparent)]
    Locked(StoreError),
}

/// A store that belongs to another process. It is given back when it and its readers are dropped.
pub struct Lent {
    wire: Arc<Line>,
    epoch: Epoch,
    partition: PartitionId,
}

/// The connection, which the store and its readers share.
struct Line {
    wire: Mutex<Option<Box<dyn Wire + Send>>>,
    /// Held while this process may still work on what the store stands for: files of domains.
    lock: Option<LoanLock>,
}

impl Line {
    /// Asks once. What fails on the way is never asked again: nobody knows what became of it.
    fn ask(&self, request: &Request) -> Result<Answer, StoreError> {
        let mut line = self.wire.lock().unwrap_or_else(PoisonError::into_inner);
        let wire = line.as_mut().ok_or(StoreError::LenderGone)?;
        let answer = exchange(wire, request);
        match answer {
            Ok(Answer::Failed(error)) => Err(error),
            Ok(answer) => Ok(answer),
            Err(_) => {
                *line = None;
                Err(StoreError::LenderGone)
            }
        }
    }

    fn do_it(&self, request: &Request) -> Result<(), StoreError> {
        match self.ask(request)? {
            Answer::Done => Ok(()),
            _ => Err(StoreError::LenderGone),
        }
    }
}

fn exchange(wire: &mut Box<dyn Wire + Send>, request: &Request) -> io::Result<Answer> {
    send(wire, &request.encode())?;
    Answer::decode(&receive(wire)?).map_err(|_| unreadable())
}

impl Lent {
    /// Asks for a store and waits until it is this one's turn to have it.
    ///
    /// - `folder`: that of the store, where a lock says how long this process works with it.
    ///
    /// # Errors
    ///
    /// [`LoanError`]; nothing was lent.
    pub fn borrow(
        mut wire: impl io::Read + io::Write + Send + 'static,
        asked: &Asked,
        folder: Option<&Path>,
    ) -> Result<Self, LoanError> {
        asked.say(&mut wire)?;
        let bytes = receive(&mut wire)?;
        let theirs = Reader::new(&bytes).str().map_err(|_| unreadable())?.to_owned();
        if theirs != asked.version {
            return Err(LoanError::OtherVersion { theirs, ours: asked.version.clone() });
        }
        let bytes = receive(&mut wire)?;
        let mut granted = Reader::new(&bytes);
        let mut number = || granted.varint().map_err(|_| unreadable());
        let (epoch, partition) = (number()?, number()?);
        let partition = u16::try_from(partition).map_err(|_| unreadable())?;
        let wire: Box<dyn Wire + Send> = Box::new(wire);
        let mut wire = Line { wire: Mutex::new(Some(wire)), lock: None };
        // Where it is refused the store is given back at once.
        wire.lock = folder.map(LoanLock::take).transpose().map_err(LoanError::Locked)?;
        let (epoch, partition) = (Epoch(epoch), PartitionId(partition));
        Ok(Self { wire: Arc::new(wire), epoch, partition })
    }

    fn own(&self) -> Part {
        Part { wire: Arc::clone(&self.wire), reader: 0 }
    }
}

/// Gives it back, and waits until what was done is seen by all.
impl Drop for Line {
    fn drop(&mut self) {
        // Before the next one gets the store.
        self.lock = None;
        // A lender that is gone has nothing to take back.
        let _ = self.ask(&Request::Return);
    }
}

/// Something that reads: the store itself, or a reader.
struct Part {
    wire: Arc<Line>,
    reader: u64,
}

impl Read for Part {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        let mut values = self.get_many(std::slice::from_ref(key))?;
        Ok(values.pop().flatten())
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let request = Request::Get { reader: self.reader, keys: keys.to_vec() };
        match self.wire.ask(&request)? {
            Answer::Values(values) if values.len() == keys.len() => Ok(values),
            _ => Err(StoreError::LenderGone),
        }
    }

    fn scan(
        &self,
        scan: &Scan,
        after: Option<&Key>,
        limit: usize,
        row: &mut dyn FnMut(&Key, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let (mut after, mut left) = (after.cloned(), limit);
        // Many look at one row only.
        let mut rows_max = 16;
        while left > 0 {
            let limit = left.min(rows_max);
            let request = Request::Scan {
                reader: self.reader,
                scan: scan.clone(),
                after: after.clone(),
                limit: limit as u64,
            };
            let Answer::Rows(rows, is_all) = self.wire.ask(&request)? else {
                return Err(StoreError::LenderGone);
            };
            for (key, value) in &rows {
                if row(key, value).is_break() {
                    return Ok(());
                }
            }
            left -= rows.len().min(left);
            match rows.into_iter().next_back() {
                Some((key, _)) if !is_all => after = Some(key),
                _ => return Ok(()),
            }
            rows_max = (rows_max * 8).min(LOAN_PAGE_ROWS);
        }
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.reader > 0 {
            // With the loan all of them end.
            let _ = self.wire.ask(&Request::DropReader(self.reader));
        }
    }
}

/// Opens readers of a store that was lent.
struct Beside(Arc<Line>);

impl Snapshots for Beside {
    fn snapshot(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        match self.0.ask(&Request::Reader)? {
            Answer::Number(reader) => Ok(Box::new(Part { wire: Arc::clone(&self.0), reader })),
            _ => Err(StoreError::LenderGone),
        }
    }
}

impl Read for Lent {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.own().get(key)
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.own().get_many(keys)
    }

    fn scan(
        &self,
        scan: &Scan,
        after: Option<&Key>,
        limit: usize,
        row: &mut dyn FnMut(&Key, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.own().scan(scan, after, limit, row)
    }
}

impl Store for Lent {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        // What is too long for a store is too long for a message.
        crate::check(batch)?;
        self.wire.do_it(&Request::Commit(batch.clone()))
    }

    fn commit_pieces(&mut self, next: &mut dyn FnMut() -> Piece) -> Result<bool, StoreError> {
        self.wire.do_it(&Request::Pieces)?;
        loop {
            let request = match next() {
                Piece::Rows(rows) => {
                    if let Err(error) = crate::check(&rows) {
                        self.wire.ask(&Request::Abandon)?;
                        return Err(error);
                    }
                    Request::Rows(rows)
                }
                Piece::End => Request::End,
                Piece::Abandon => Request::Abandon,
            };
            match self.wire.ask(&request)? {
                Answer::Number(is_committed) => return Ok(is_committed == 1),
                Answer::Done => {}
                _ => return Err(StoreError::LenderGone),
            }
        }
    }

    fn tidy(&mut self) {
        // One that fails says so at the next call.
        let _ = self.wire.do_it(&Request::Tidy);
    }

    fn reader(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        Beside(Arc::clone(&self.wire)).snapshot()
    }

    fn snapshots(&self) -> Result<Option<Box<dyn Snapshots>>, StoreError> {
        Ok(Some(Box::new(Beside(Arc::clone(&self.wire)))))
    }

    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn partition(&self) -> PartitionId {
        self.partition
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}
