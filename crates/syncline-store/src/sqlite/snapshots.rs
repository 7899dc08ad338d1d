//! Readers beside the writer: a few connections that are used again and again.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use syncline_engine::rows::{Key, Scan};
use syncline_model::id::PartitionId;

use super::open;
use super::read::Rows;
use crate::limits::READERS_MAX;
use crate::{Read, Snapshots, StoreError};

/// The connections of one store that only read.
#[derive(Debug)]
pub(super) struct Readers(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    path: PathBuf,
    partition: PartitionId,
    state: Mutex<State>,
    /// Those wait here who found all connections in use.
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Connections that nobody uses.
    idle: Vec<Rows>,
    /// How many connections there are, those in use with them.
    open: usize,
}

impl Readers {
    pub(super) fn new(path: &Path, partition: PartitionId) -> Self {
        let (path, state) = (path.to_owned(), Mutex::default());
        Self(Arc::new(Pool { path, partition, state, freed: Condvar::new() }))
    }
}

impl Snapshots for Readers {
    fn snapshot(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        let mut pinned = Pinned { rows: self.0.take(), pool: self.0.clone() };
        let rows = match pinned.rows.take() {
            Some(rows) => rows,
            None => {
                let connection = open::live_reader(&self.0.path)?;
                Rows::new(connection, self.0.partition, &self.0.path)
            }
        };
        open::pin(&rows.connection, &self.0.path)?;
        pinned.rows = Some(rows);
        Ok(Box::new(pinned))
    }
}

impl Pool {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is whole before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an idle connection, or the right to open another one.
    fn take(&self) -> Option<Rows> {
        let mut state = self.state();
        loop {
            if let Some(rows) = state.idle.pop() {
                return Some(rows);
            }
            if state.open < READERS_MAX {
                state.open += 1;
                return None;
            }
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes a connection back; `None` if it was closed or never opened.
    fn put_back(&self, rows: Option<Rows>) {
        let mut state = self.state();
        match rows {
            Some(rows) => state.idle.push(rows),
            None => state.open -= 1,
        }
        drop(state);
        self.freed.notify_one();
    }
}

/// A connection that sees one moment.
struct Pinned {
    /// `None` only while it is made.
    rows: Option<Rows>,
    pool: Arc<Pool>,
}

impl Pinned {
    fn rows(&self) -> &Rows {
        self.rows.as_ref().expect("invariant: a reader that was handed out has its connection")
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // One that does not let go of its moment is closed.
        let let_go = |rows: &Rows| rows.connection.execute_batch("COMMIT").is_ok();
        self.pool.put_back(self.rows.take().filter(let_go));
    }
}

impl Read for Pinned {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.rows().get(key)
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.rows().get_many(keys)
    }

    fn scan(
        &self,
        scan: &Scan,
        after: Option<&Key>,
        limit: usize,
        row: &mut dyn FnMut(&Key, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.rows().scan(scan, after, limit, row)
    }
}
