//! What every store promises.

use std::ops::ControlFlow;

use syncline_engine::rows::{Batch, Key, Scan};
use syncline_model::id::PartitionId;

use crate::StoreError;
use crate::limits::{BATCH_BYTES_MAX, VALUE_BYTES_MAX};

/// How often a store has been opened: each opener is later than all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// Reads rows of one partition.
pub trait Read {
    /// Returns the value of a row, or nothing where there is no such row.
    ///
    /// # Errors
    ///
    /// [`StoreError::Stopped`] after a failed commit; [`StoreError::Damaged`] or
    /// [`StoreError::Sqlite`] if the disk cannot be read.
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError>;

    /// Returns the values of several rows, in the order of `keys`, all as of one moment.
    ///
    /// # Errors
    ///
    /// As [`Read::get`].
    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError>;

    /// Shows `row` the rows of a stretch in its order, until `limit` rows were shown or `row`
    /// breaks; all as of one moment.
    ///
    /// - `after`: shows only rows that come after this key in the order of the stretch; to read
    ///   page by page, give the last key of the page before. It need not be a row, nor of the
    ///   stretch.
    ///
    /// # Errors
    ///
    /// As [`Read::get`]. Rows may have been shown before.
    fn scan(
        &self,
        scan: &Scan,
        after: Option<&Key>,
        limit: usize,
        row: &mut dyn FnMut(&Key, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;

    /// Makes several reads, which share what each would cost by itself, such as the locks of a database. They are as
    /// of one moment where nothing lies above the rows that changes meanwhile.
    ///
    /// # Errors
    ///
    /// As [`Read::get`]; the reads may have been made.
    fn together(&self, reads: &mut dyn FnMut()) -> Result<(), StoreError> {
        reads();
        Ok(())
    }
}

/// Opens readers of a store from any thread, whatever its writer is doing.
pub trait Snapshots: Send + Sync {
    /// Returns a reader that sees the rows that are on disk now, whatever is committed later. Waits
    /// where as many are open as there may be.
    ///
    /// A reader holds back the tidying of the store while it lives: keep it for moments, and one per
    /// thread.
    ///
    /// # Errors
    ///
    /// As [`Read::get`].
    fn snapshot(&self) -> Result<Box<dyn Read + Send>, StoreError>;
}

/// A part of a batch that is too large to be held at once.
#[derive(Debug)]
pub enum Piece {
    /// Rows, after those of the pieces before.
    Rows(Batch),
    /// The batch is whole: it is to be committed.
    End,
    /// The batch is given up: nothing of it is to be seen by anybody.
    Abandon,
}

/// How a batch that was begun gets to disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is there already.
    Durable,
    /// By itself: who began it is woken when that has ended.
    Beside,
    /// Only within [`Store::finish`].
    Waits,
}

/// Wakes the one who began a batch, from any thread.
pub type Wake = Box<dyn FnOnce() + Send>;

/// Reads and writes rows of one partition: a handle is the only writer of its store.
pub trait Store: Read + Send {
    /// Writes the whole batch or nothing, and answers when it is on disk.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Unknown`] if the disk failed on the way: the batch may be there or not.
    ///   Every later call of this handle answers [`StoreError::Stopped`]; opening the store again
    ///   recovers every batch that was answered with `Ok`.
    /// - [`StoreError::Fenced`] if another opener took over; this handle never writes again.
    /// - Any other error means that nothing was applied; [`StoreError::advice`] says what to do.
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError>;

    /// Begins to commit a batch. Until [`Store::finish`] is called, the handle shows its rows and
    /// does nothing but read; nobody else sees them before they are on disk.
    ///
    /// - `wake`: called once the commit has ended, well or not, if that goes on by itself.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`]; nothing is under way then.
    fn begin(&mut self, batch: Batch, wake: Wake) -> Result<Begun, StoreError> {
        drop(wake);
        self.commit(&batch).map(|()| Begun::Durable)
    }

    /// Waits until the batch that was begun is on disk. Does nothing if none was.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`]: the handle shows none of the batch's rows any more.
    fn finish(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Writes a batch that comes in pieces, as [`Store::commit`] does one that comes whole: all of
    /// them or nothing. Answers whether it was committed rather than abandoned.
    ///
    /// - `next`: the pieces, until [`Piece::End`] or [`Piece::Abandon`]. Each is within the limits
    ///   of a batch; a store on disk holds no more of them than one.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`]; the pieces that are left are not asked for.
    fn commit_pieces(&mut self, next: &mut dyn FnMut() -> Piece) -> Result<bool, StoreError> {
        let mut whole = Batch::new();
        loop {
            match next() {
                Piece::Rows(rows) => whole.append(rows),
                Piece::End => return self.commit(&whole).map(|()| true),
                Piece::Abandon => return Ok(false),
            };
        }
    }

    /// Does the housekeeping that a large batch leaves behind. It may be done beside other work; the
    /// next commit does it otherwise. One that fails says the disk is ill: every later call answers
    /// [`StoreError::Stopped`] then.
    fn tidy(&mut self) {}

    /// Returns a reader that sees the rows as they are now, whatever is committed later.
    ///
    /// A reader holds back the tidying of the store while it lives: keep it for seconds.
    ///
    /// # Errors
    ///
    /// As [`Read::get`].
    fn reader(&self) -> Result<Box<dyn Read + Send>, StoreError>;

    /// Returns a reader that sees at each read what is committed by then, for reads beside a commit;
    /// `None` if the store has no such reader.
    ///
    /// # Errors
    ///
    /// As [`Read::get`].
    fn live_reader(&self) -> Result<Option<Box<dyn Read + Send>>, StoreError> {
        Ok(None)
    }

    /// Returns what opens readers beside the writer, from any thread; `None` if the store has none.
    ///
    /// # Errors
    ///
    /// As [`Read::get`].
    fn snapshots(&self) -> Result<Option<Box<dyn Snapshots>>, StoreError> {
        Ok(None)
    }

    /// Returns the epoch that this opener started.
    fn epoch(&self) -> Epoch;

    /// Returns the partition that the handle reads and writes.
    fn partition(&self) -> PartitionId;

    /// Tidies up and closes. What was committed is safe without it, too.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`] if tidying failed; nothing is lost by that.
    fn close(self: Box<Self>) -> Result<(), StoreError>;
}

/// Checks that a batch keeps within the limits, before anything of it is written.
///
/// # Errors
///
/// [`StoreError::KeyRange`] or [`StoreError::TooLarge`].
pub fn check(batch: &Batch) -> Result<(), StoreError> {
    if batch.bytes() > BATCH_BYTES_MAX {
        return Err(StoreError::TooLarge {
            what: "a batch".to_owned(),
            bytes: batch.bytes(),
            bytes_max: BATCH_BYTES_MAX,
        });
    }
    for (key, value) in batch.iter() {
        if !key.fits() {
            return Err(StoreError::KeyRange { table: key.table().name() });
        }
        let bytes = value.map_or(0, <[u8]>::len);
        if bytes > VALUE_BYTES_MAX {
            return Err(StoreError::TooLarge {
                what: format!("a value of {}", key.table().name()),
                bytes,
                bytes_max: VALUE_BYTES_MAX,
            });
        }
    }
    Ok(())
}
