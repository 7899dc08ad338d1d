//! Making a store again.

use syncline_engine::rows::Batch;

use super::catalog::{At, Listed, RestorePlan};
use super::error::BackupError;
use super::format::{Block, Decoder};
use super::objects::Objects;
use crate::Store;
use crate::limits::BACKUP_PIECE_BYTES;

/// What was restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// The last commit.
    pub commit: u64,
    /// When it was made, in milliseconds since 1970.
    pub at_ms: u64,
    /// How many rows were written, those of later commits over earlier ones with them.
    pub rows: u64,
}

/// Writes the rows of a backup into a store that has none, and `marks` behind them.
///
/// The rows are committed piece by piece: the store is not to be used before this has answered.
///
/// - `progress`: called with the bytes that were read so far.
///
/// # Errors
///
/// - [`BackupError::Damaged`], [`BackupError::TooNew`] or [`BackupError::Gap`] if an object cannot be
///   trusted.
/// - [`BackupError::Object`] if one cannot be read, [`BackupError::Store`] if a row cannot be written.
pub fn restore(
    objects: &dyn Objects,
    plan: &RestorePlan,
    store: &mut dyn Store,
    marks: Batch,
    progress: &mut dyn FnMut(u64),
) -> Result<Restored, BackupError> {
    let mut filling = Filling { store, batch: Batch::new(), rows: 0 };
    let mut read_bytes = 0;
    read(objects, &plan.snapshot, &mut |block| match block {
        Block::Rows(batch) => {
            read_bytes += batch.bytes() as u64;
            progress(read_bytes);
            filling.add(batch)
        }
        Block::Commit { .. } => Ok(()),
    })?;
    let name = plan.snapshot.name;
    let mut restored = Restored { commit: name.last, at_ms: name.at_ms, rows: 0 };
    for listed in &plan.segments {
        replay(objects, listed, plan.at, &mut restored, &mut filling)?;
        read_bytes += listed.bytes;
        progress(read_bytes);
    }
    if let At::Commit(wanted) = plan.at
        && restored.commit != wanted
    {
        return Err(BackupError::NotReached { wanted: format!("commit {wanted}") });
    }
    filling.add(marks)?;
    filling.flush()?;
    Ok(Restored { rows: filling.rows, ..restored })
}

/// Writes the commits of a segment that are wanted and not there yet.
pub(super) fn replay(
    objects: &dyn Objects,
    segment: &Listed,
    at: At,
    restored: &mut Restored,
    filling: &mut Filling<'_>,
) -> Result<(), BackupError> {
    read(objects, segment, &mut |block| {
        let Block::Commit { number, at_ms, batch } = block else { return Ok(()) };
        let is_wanted = match at {
            At::Latest => true,
            At::Time(ms) => at_ms <= ms,
            At::Commit(last) => number <= last,
        };
        if !is_wanted || number <= restored.commit {
            return Ok(());
        }
        if number != restored.commit + 1 {
            let reason = format!("commit {} is missing", restored.commit + 1);
            return Err(BackupError::Gap { object: segment.name.to_string(), reason });
        }
        (restored.commit, restored.at_ms) = (number, at_ms);
        filling.add(batch)
    })
    .map(|_| ())
}

/// Reads an object and checks it to its end; answers its digest and the one of the object before it.
pub(super) fn read(
    objects: &dyn Objects,
    listed: &Listed,
    block: &mut dyn FnMut(Block) -> Result<(), BackupError>,
) -> Result<([u8; 32], [u8; 32]), BackupError> {
    let text = listed.name.to_string();
    let from = objects.open(&text).map_err(BackupError::object("read", &text))?;
    let from = std::io::BufReader::with_capacity(1 << 18, from);
    let mut decoder = Decoder::new(from, listed.name)?;
    while let Some(next) = decoder.next()? {
        block(next)?;
    }
    let digest = decoder.digest.expect("invariant: an object that was read to its end was checked");
    Ok((digest, decoder.header.prior))
}

/// A store that is filled, piece by piece.
pub(super) struct Filling<'a> {
    pub(super) store: &'a mut dyn Store,
    pub(super) batch: Batch,
    pub(super) rows: u64,
}

impl Filling<'_> {
    pub(super) fn add(&mut self, batch: Batch) -> Result<(), BackupError> {
        self.rows += batch.len() as u64;
        self.batch.append(batch);
        if self.batch.bytes() < 8 * BACKUP_PIECE_BYTES { Ok(()) } else { self.flush() }
    }

    pub(super) fn flush(&mut self) -> Result<(), BackupError> {
        let batch = std::mem::take(&mut self.batch);
        Ok(self.store.commit(&batch)?)
    }
}
