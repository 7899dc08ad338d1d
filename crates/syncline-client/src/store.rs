//! What a client keeps: the records that the hub has confirmed, the operations that it has not, and how
//! far the client has come.
//!
//! Every step of `docs/protocol.md` §8 is one transaction, durable when it returns. A crash between
//! any two of them loses nothing and repeats nothing.
//!
//! | You want | Read |
//! |---|---|
//! | the tables | [`tables`] |
//! | what is refused when a file is opened, and whose its operations are | [`open`] |
//! | edits being queued, operations being sent, refused, made anew | [`queue`] |
//! | results and changes coming in | [`incoming`] |
//! | what is confirmed being compared with what the hub shows | [`check`] |
//! | what is held being said where a view begins anew | [`holdings`] |
//! | applied operations that a restored hub may lack | [`kept`] |
//! | texts with edits that wait | [`anchor`] |
//! | contents at rest, and another key for them | [`seal`], [`key`] |

mod anchor;
mod check;
mod holdings;
mod incoming;
mod kept;
mod key;
mod members;
mod open;
mod place;
mod queue;
mod rows;
mod seal;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path as FilePath, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use syncline_merge::display::Fields;
use syncline_model::id::{ClientId, EntityName, Position, RecordId};
use syncline_protocol::change::OpenConflict;
use syncline_protocol::operation::Operation;
use syncline_protocol::token::TokenText;

use crate::error::{ClientError, StoreError};
use crate::limits::RECORDS_LATELY_MAX;
use crate::machine::{self, Step};
use crate::view;

pub(crate) use anchor::Anchor;
pub(crate) use check::Differs;
pub(crate) use incoming::{Incoming, Settled};
pub use key::change_key;
pub(crate) use queue::Draft;
use seal::Seal;

/// Counts what was set aside.
const ASIDE: &str = "SELECT count(*) FROM queue WHERE code IS NOT NULL";

/// Counts the applied operations that are kept.
const KEPT: &str = "SELECT count(*) FROM kept";

/// Names a record.
pub(crate) type Key = (EntityName, RecordId);

/// What the hub has confirmed of a record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Confirmed {
    /// Its fields; `None` where it is not there.
    pub(crate) fields: Option<Fields>,
    /// What was seen by that; `None` for nothing.
    pub(crate) token: Option<TokenText>,
    /// As of where in the log.
    pub(crate) position: Position,
    /// Conflicts that wait for a person.
    pub(crate) conflicts: Vec<OpenConflict>,
}

impl Confirmed {
    /// Returns whether another life of the hub has said it.
    pub(crate) const fn is_of_past(&self) -> bool {
        self.position.0 == 0
    }

    /// Returns whether it is a record that is told.
    fn is_told(&self, fields: &Fields, token: &TokenText, conflicts: &[OpenConflict]) -> bool {
        let Self { fields: held, token: seen, position: _, conflicts: open } = self;
        held.as_ref() == Some(fields) && seen.as_ref() == Some(token) && open == conflicts
    }
}

/// An operation that waits or was set aside.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Queued {
    /// Its place among all operations of the file.
    pub(crate) sequence: i64,
    /// Whose it is.
    pub(crate) client: ClientId,
    /// The operation.
    pub(crate) operation: Operation,
    /// Whether it is sent before others.
    pub(crate) priority: bool,
    /// Why it was set aside; `None` while it waits.
    pub(crate) refusal: Option<Refusal>,
    /// Whether a former life of the hub has applied it.
    pub(crate) is_resent: bool,
}

/// Why an operation was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The stable code, with a page in `docs/errors/`.
    pub code: Box<str>,
    /// What was wrong, without any value of a record.
    pub detail: Box<str>,
}

/// What is kept of one record.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Kept {
    pub(crate) confirmed: Option<Confirmed>,
    pub(crate) anchors: Vec<Anchor>,
    pub(crate) queued: Vec<Queued>,
}

impl Kept {
    /// Returns what is shown.
    pub(crate) fn shown(&self) -> Option<Fields> {
        view::shown(
            self.confirmed.as_ref().and_then(|confirmed| confirmed.fields.as_ref()),
            &self.anchors,
            self.waiting().map(|queued| &queued.operation),
        )
    }

    /// Returns the operations that wait on top of what is confirmed, in order.
    fn waiting(&self) -> impl Iterator<Item = &Queued> {
        // What a former life of the hub confirmed holds what it applied.
        let is_of_past = self.is_of_past();
        let is_shown = move |q: &&Queued| q.refusal.is_none() && !(q.is_resent && is_of_past);
        self.queued.iter().filter(is_shown)
    }

    /// Returns whether another life of the hub has confirmed it.
    fn is_of_past(&self) -> bool {
        self.confirmed.as_ref().is_some_and(Confirmed::is_of_past)
    }

    /// Returns the token of the confirmed record.
    pub(crate) fn token(&self) -> Option<&TokenText> {
        self.confirmed.as_ref().and_then(|confirmed| confirmed.token.as_ref())
    }
}

/// The file of a client, open for writing. One process has it.
#[derive(Debug)]
pub(crate) struct Store {
    connection: Connection,
    _witness: place::Witness,
    path: PathBuf,
    client: ClientId,
    next: u64,
    /// The first counter of this process: what is older may have been sent.
    opened_at: u64,
    /// Counters since then that were handed out to be sent.
    handed: BTreeSet<u64>,
    queued: u64,
    aside: u64,
    /// How many applied operations are kept for a hub that is restored, and how many were dropped although
    /// no backup was known to hold them.
    kept: u64,
    unkept: u64,
    repairs: u64,
    /// Per view what was said to be held, while its snapshot comes.
    said: BTreeMap<u32, holdings::Said>,
    /// What is kept of records that were edited lately, so that an edit costs the same however many
    /// wait before it.
    lately: BTreeMap<Key, Lately>,
    seal: Seal,
}

/// What is kept of a record, and what is shown by that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lately {
    pub(crate) kept: Kept,
    pub(crate) shown: Option<Fields>,
}

impl Lately {
    fn of(kept: Kept) -> Self {
        let shown = kept.shown();
        Self { kept, shown }
    }
}

impl Store {
    /// Opens the file, and makes it where there is none.
    ///
    /// - `key`: what its contents are sealed with; `None` for nothing.
    ///
    /// # Errors
    ///
    /// [`ClientError::Store`]: another process has it, it is of a newer program or of another one, the key
    /// does not open it, or the disk says no. Nothing was changed.
    pub(crate) fn open(
        path: &FilePath,
        name: Option<&ClientId>,
        key: Option<&[u8; 32]>,
    ) -> Result<Self, ClientError> {
        let open::Opened { connection, witness, client, next, seal } = open::open(path, name, key)?;
        let queued = rows::count(&connection, "SELECT count(*) FROM queue")?;
        let aside = rows::count(&connection, ASIDE)?;
        let kept = rows::count(&connection, KEPT)?;
        Ok(Self {
            connection,
            _witness: witness,
            path: path.to_owned(),
            client,
            next,
            opened_at: next,
            handed: BTreeSet::new(),
            queued,
            aside,
            kept,
            unkept: 0,
            repairs: 0,
            said: BTreeMap::new(),
            lately: BTreeMap::new(),
            seal,
        })
    }

    /// Opens what only reads.
    pub(crate) fn reader(&self) -> Result<Reader, StoreError> {
        Ok(Reader { connection: open::reader(&self.path)?, seal: self.seal.clone() })
    }

    /// Returns whose new operations are.
    pub(crate) const fn client(&self) -> &ClientId {
        &self.client
    }

    /// Returns how many operations wait, and how many were set aside.
    pub(crate) const fn counts(&self) -> (u64, u64) {
        (self.queued - self.aside, self.aside)
    }

    /// Returns what is kept of a record, and what is shown by that.
    pub(crate) fn look(&mut self, key: &Key) -> Result<&Lately, StoreError> {
        if !self.lately.contains_key(key) {
            if self.lately.len() >= RECORDS_LATELY_MAX {
                self.lately.clear();
            }
            let lately = Lately::of(self.rows().kept(key)?);
            self.lately.insert(key.clone(), lately);
        }
        Ok(self.lately.get(key).expect("invariant: it was just put there"))
    }

    /// Forgets what was kept of records, which are otherwise now, and counts what was set aside.
    fn changed<'k>(&mut self, keys: impl IntoIterator<Item = &'k Key>) -> Result<(), StoreError> {
        for key in keys {
            self.lately.remove(key);
        }
        self.aside = rows::count(&self.connection, ASIDE)?;
        Ok(())
    }

    /// Returns the connection of the writer, for reading what it just wrote.
    pub(crate) fn rows(&self) -> Rows<'_> {
        Rows { connection: &self.connection, seal: &self.seal }
    }

    /// Removes all that is kept: records, operations, cursors. The client's name is used no more.
    pub(crate) fn wipe(&mut self) -> Result<(), StoreError> {
        let fail = StoreError::on("wipe the file");
        self.make_members()?;
        let transaction = self.begin()?;
        for table in ["records", "views", "members", "queue", "kept", "anchors"] {
            transaction.execute(&format!("DELETE FROM {table}"), ()).map_err(&fail)?;
        }
        transaction
            .execute("DELETE FROM meta WHERE key IN ('client', 'name', 'next', 'incarnation')", ())
            .map_err(&fail)?;
        commit(transaction, "log out")?;
        (self.queued, self.aside, self.kept) = (0, 0, 0);
        self.lately.clear();
        clean(&self.connection).map_err(&fail)
    }

    fn begin(&mut self) -> Result<Transaction<'_>, StoreError> {
        let begin = TransactionBehavior::Immediate;
        machine::disk(Step::Begin)
            .and_then(|()| self.connection.transaction_with_behavior(begin))
            .map_err(StoreError::on("begin a transaction"))
    }
}

/// Has what was deleted leave the file and its log, too.
fn clean(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
}

/// Ends a transaction; it is on disk then.
fn commit(transaction: Transaction<'_>, action: &'static str) -> Result<(), StoreError> {
    machine::disk(Step::Commit)
        .and_then(|()| transaction.commit())
        .and_then(|()| machine::disk(Step::Committed))
        .map_err(StoreError::on(action))
}

/// A second connection, so that reads do not wait for the disk.
#[derive(Debug)]
pub(crate) struct Reader {
    connection: Connection,
    seal: Seal,
}

impl Reader {
    /// Begins to read what is committed now. A record is told by several tables: what is committed
    /// meanwhile must not be seen in one and missed in another.
    pub(crate) fn read(&self) -> Result<Reading<'_>, StoreError> {
        let transaction = self.connection.unchecked_transaction();
        let transaction = transaction.map_err(StoreError::on("begin to read"))?;
        Ok(Reading { transaction, seal: &self.seal })
    }
}

/// What was committed when it was first asked, until it is dropped.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    transaction: Transaction<'a>,
    seal: &'a Seal,
}

impl Reading<'_> {
    /// Returns what reads the rows.
    pub(crate) fn rows(&self) -> Rows<'_> {
        Rows { connection: &self.transaction, seal: self.seal }
    }
}

/// Reads rows, within a transaction or without.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    connection: &'a Connection,
    seal: &'a Seal,
}
