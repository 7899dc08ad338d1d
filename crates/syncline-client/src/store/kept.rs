//! Applied operations that a restored hub may lack: kept until it says that a backup holds them, and put back
//! into the queue where another life of the hub is met (`docs/protocol.md` §9).

use rusqlite::OptionalExtension as _;
use syncline_model::cursor::Incarnation;
use syncline_model::id::{ClientId, Position};
use syncline_protocol::message::Keeping;

use super::incoming::Answered;
use super::open::get;
use super::rows::{count, execute};
use super::{KEPT, Kept, Rows, Store, StoreError, commit};
use crate::limits::KEPT_OPERATIONS_MAX;
use crate::view::texts_edited;

impl Store {
    /// Returns how many applied operations are kept, and how many were dropped since the file was opened
    /// although no backup was known to hold them.
    pub(crate) const fn kept_counts(&self) -> (u64, u64) {
        (self.kept, self.unkept)
    }

    /// Takes note of the hub's incarnation: to be called before anything of it is taken in or sent to it.
    /// Answers whether operations of the client are to be read again from the queue, and sent.
    pub(crate) fn handle_incarnation(
        &mut self,
        incarnation: Incarnation,
        client: &ClientId,
        keeping: Keeping,
    ) -> Result<bool, StoreError> {
        let seal = self.seal.clone();
        let transaction = self.begin()?;
        let rows = Rows { connection: &transaction, seal: &seal };
        let known = get(&transaction, "incarnation")?;
        let is_another = known.is_some_and(|known| known != incarnation.to_string());
        let says_texts = is_another && rows.say_texts_of_waiting()?;
        rows.note_incarnation(incarnation)?;
        let moved = rows.send_again(incarnation, client, keeping.floor)?;
        let kept = count(&transaction, KEPT)?;
        commit(transaction, "write the hub's incarnation")?;
        self.lately.clear();
        (self.queued, self.kept) = (self.queued + moved, kept);
        Ok(moved > 0 || says_texts)
    }

    /// Drops what a backup of the hub holds.
    pub(crate) fn handle_backed_up(&mut self, position: Position) -> Result<(), StoreError> {
        if self.kept == 0 {
            return Ok(());
        }
        let transaction = self.begin()?;
        let dropped = execute(
            &transaction,
            "drop what is backed up",
            "DELETE FROM kept WHERE position <= ?1 AND \
             incarnation = (SELECT value FROM meta WHERE key = 'incarnation')",
            [as_row(position)],
        )?;
        commit(transaction, "drop what is backed up")?;
        self.kept = self.kept.saturating_sub(dropped as u64);
        Ok(())
    }

    /// Takes note that so many were kept.
    pub(super) fn note_kept(&mut self, kept: u64) -> Result<(), StoreError> {
        self.kept += kept;
        let surplus = self.kept.saturating_sub(KEPT_OPERATIONS_MAX);
        if surplus == 0 {
            return Ok(());
        }
        let transaction = self.begin()?;
        let dropped = execute(
            &transaction,
            "drop what was kept",
            "DELETE FROM kept WHERE sequence IN (SELECT sequence FROM kept ORDER BY sequence LIMIT ?1)",
            [i64::try_from(surplus).unwrap_or(i64::MAX)],
        )?;
        commit(transaction, "drop what was kept")?;
        self.kept = self.kept.saturating_sub(dropped as u64);
        self.unkept += dropped as u64;
        Ok(())
    }
}

/// Returns a position as it is kept.
pub(super) fn as_row(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}

impl Rows<'_> {
    /// Keeps an operation of the queue that was applied, as of `position`; `before` is what was kept of its
    /// record when it still waited.
    pub(super) fn keep(
        &self,
        before: &Kept,
        answered: Answered<'_>,
        position: Position,
    ) -> Result<(), StoreError> {
        // A text that goes on from what is lost cannot be edited as it was: its writer may want to.
        let Answered { client, operation, stands } = answered;
        let edits_text = texts_edited(&operation.effect).next().is_some();
        let place = (client, stands.sequence);
        let texts = edits_text.then(|| self.texts_before(before, place, operation));
        execute(
            self.connection,
            "keep an operation",
            "INSERT INTO kept SELECT sequence, client, counter, entity, id, operation, \
             coalesce(texts, ?3), (SELECT value FROM meta WHERE key = 'incarnation'), ?2 \
             FROM queue WHERE sequence = ?1",
            (stands.sequence, as_row(position), texts.transpose()?),
        )?;
        Ok(())
    }

    /// Puts what another life of the hub has applied back where it was; answers how many that are.
    ///
    /// - `floor`: up to here the hub has it, and nothing to tell that by.
    fn send_again(
        &self,
        incarnation: Incarnation,
        client: &ClientId,
        floor: u64,
    ) -> Result<u64, StoreError> {
        let incarnation = incarnation.to_string();
        execute(
            self.connection,
            "drop what the hub has",
            "DELETE FROM kept WHERE client = ?1 AND incarnation <> ?2 AND counter <= ?3",
            (client.as_str(), &incarnation, i64::try_from(floor).unwrap_or(i64::MAX)),
        )?;
        let moved = execute(
            self.connection,
            "send operations again",
            "INSERT INTO queue (sequence, client, counter, entity, id, operation, texts, resent) \
             SELECT sequence, client, counter, entity, id, operation, texts, 1 FROM kept \
             WHERE client = ?1 AND incarnation <> ?2",
            (client.as_str(), &incarnation),
        )?;
        execute(
            self.connection,
            "send operations again",
            "DELETE FROM kept WHERE client = ?1 AND incarnation <> ?2",
            (client.as_str(), &incarnation),
        )?;
        if moved > 0 {
            self.say_texts_of_resent(client)?;
        }
        Ok(moved as u64)
    }

    /// Returns a client whose applied operations are to be sent again to another life of the hub, oldest
    /// first.
    pub(super) fn client_of_past(&self) -> Result<Option<ClientId>, StoreError> {
        let Some(incarnation) = get(self.connection, "incarnation")? else { return Ok(None) };
        let client: Option<String> = self
            .connection
            .prepare_cached(
                "SELECT client FROM kept WHERE incarnation <> ?1 ORDER BY sequence LIMIT 1",
            )
            .and_then(|mut statement| {
                statement.query_row([incarnation], |row| row.get(0)).optional()
            })
            .map_err(StoreError::on("read what was kept"))?;
        let damaged = |_| StoreError::Damaged { table: "kept" };
        client.map(|client| ClientId::new(&client).map_err(damaged)).transpose()
    }
}
