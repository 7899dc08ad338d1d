//! Rows that are going to be stored, seen above those that are.

use std::ops::ControlFlow;
use std::sync::Arc;

use syncline_engine::rows::{Batch, Key, Scan};

use crate::{Read, StoreError};

/// A batch that is not on disk yet: reads through it answer what they will answer once it is.
///
/// The rows below may be those before the batch or those after it, so the batch may be committed
/// beside the reads.
#[derive(Clone, Debug)]
pub struct Overlay {
    batch: Arc<Batch>,
}

impl Overlay {
    /// Takes the rows of a batch. Costs a sort.
    pub fn new(mut batch: Batch) -> Self {
        batch.sort();
        Self { batch: Arc::new(batch) }
    }

    /// Returns the batch, for the one who commits it.
    pub const fn batch(&self) -> &Arc<Batch> {
        &self.batch
    }

    /// Returns the rows of the batch above those of `below`.
    pub fn above<'a>(&'a self, below: &'a dyn Read) -> impl Read + 'a {
        Above { batch: &self.batch, below }
    }
}

/// Rows of a sorted batch above other rows.
struct Above<'a> {
    batch: &'a Batch,
    below: &'a dyn Read,
}

impl Read for Above<'_> {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        match self.batch.find_sorted(key) {
            Some(written) => Ok(written.map(<[u8]>::to_vec)),
            None => self.below.get(key),
        }
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let is_below = |key: &&Key| self.batch.find_sorted(key).is_none();
        let keys_below: Vec<Key> = keys.iter().filter(is_below).cloned().collect();
        let mut below = self.below.get_many(&keys_below)?.into_iter();
        let values = keys.iter().map(|key| match self.batch.find_sorted(key) {
            Some(written) => written.map(<[u8]>::to_vec),
            None => below.next().flatten(),
        });
        Ok(values.collect())
    }

    fn scan(
        &self,
        scan: &Scan,
        after: Option<&Key>,
        limit: usize,
        row: &mut dyn FnMut(&Key, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        if limit == 0 {
            return Ok(());
        }
        let precedes = |a: &Key, b: &Key| if scan.is_backward() { a > b } else { a < b };
        let is_due = |(key, _): &(&Key, _)| after.is_none_or(|after| precedes(after, key));
        // The rows of a stretch lie side by side.
        let first = scan.first_key();
        let stretch = self.batch.from_sorted(&first).take_while(|(key, _)| scan.contains(key));
        let mut written: Vec<(&Key, Option<&[u8]>)> = stretch.filter(is_due).collect();
        if scan.is_backward() {
            written.reverse();
        }
        let mut written = written.into_iter().peekable();
        let mut left = limit;
        let mut show = |key: &Key, value: Option<&[u8]>| {
            let Some(value) = value else {
                return ControlFlow::Continue(());
            };
            row(key, value)?;
            left -= 1;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let mut flow = ControlFlow::Continue(());
        let mut merge = |key: &Key, value: &[u8]| {
            while let Some((key, value)) = written.next_if(|(next, _)| precedes(next, key)) {
                show(key, value)?;
            }
            match written.next_if(|(next, _)| *next == key) {
                Some((key, value)) => show(key, value),
                None => show(key, Some(value)),
            }
        };
        // Rows that the batch deletes do not count: how many are needed from below is not known.
        self.below.scan(scan, after, usize::MAX, &mut |key, value| {
            flow = merge(key, value);
            flow
        })?;
        if flow.is_continue() {
            // A caller that breaks has seen enough; that is no error.
            let _ = written.try_for_each(|(key, value)| show(key, value));
        }
        Ok(())
    }
}
