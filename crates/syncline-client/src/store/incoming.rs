//! What comes from the hub: results of operations, and changes of records.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use syncline_model::cursor::Incarnation;
use syncline_model::id::{ClientId, OperationId, PartitionId, Position};
use syncline_protocol::change::{Change, Content, Gone};
use syncline_protocol::message::Page;
use syncline_protocol::operation::Operation;
use syncline_protocol::outcome::{Outcome, Seen, Shown, Status};
use syncline_protocol::predict::predict;
use syncline_protocol::token::TokenText;

use super::open::{get, put};
use super::rows::{Stands, execute};
use super::{Confirmed, Kept, Key, Queued, Refusal, Rows, Store, StoreError, commit};
use crate::view::texts_edited;

/// What became of an operation, as the machine of the connection says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Settled {
    /// The hub has answered.
    Outcome {
        /// The operation, as it was sent.
        operation: Box<Operation>,
        /// What it said.
        outcome: Outcome,
        /// Counters of operations that come after one that was refused and may have been applied all the
        /// same.
        asked: Vec<u64>,
    },
    /// One of those was not.
    SetAside {
        /// Which one.
        counter: u64,
        /// The one that was refused.
        because: u64,
    },
}

/// What came of what the hub said.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Incoming {
    /// Records of which something else may be shown now.
    pub(crate) touched: Vec<Key>,
    /// Operations that were set aside.
    pub(crate) refused: Vec<(OperationId, Key, Refusal)>,
    /// Operations that are in conflict.
    pub(crate) conflicts: Vec<(OperationId, Key, Vec<Box<str>>)>,
    /// Whether something did not fit: something was lost, and all records are to be read again.
    pub(crate) is_unfit: bool,
}

impl Store {
    /// Takes in what became of operations of a client, in one transaction.
    ///
    /// - `backed_up`: up to where a backup of the hub has everything; what is behind it is kept. `None` keeps
    ///   nothing: there is no backup that anything could be restored from.
    pub(crate) fn handle_settled(
        &mut self,
        client: &ClientId,
        settled: &[Settled],
        backed_up: Option<Position>,
    ) -> Result<Incoming, StoreError> {
        let (seal, was_handed) = (self.seal.clone(), self.was_handed_text()?);
        let is_of_another_name = *client != self.client;
        let mut incoming = Incoming::default();
        let (mut removed, mut kept_count) = (Vec::new(), 0);
        let transaction = self.begin()?;
        let rows = Rows { connection: &transaction, seal: &seal };
        let mut works: BTreeMap<Key, Kept> = BTreeMap::new();
        let mut bases: BTreeMap<Key, (i64, TokenText)> = BTreeMap::new();
        for settled in settled {
            if let Settled::Outcome { operation, outcome, .. } = settled
                && outcome.status.is_applied()
            {
                let Some(stands) = rows.stands(client, operation)? else { continue };
                let key = (operation.entity.clone(), operation.id.clone());
                let kept = match works.entry(key.clone()) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => new.insert(match was_handed {
                        Some(_) => rows.kept(&key)?,
                        None => Kept { confirmed: rows.confirmed(&key)?, ..Kept::default() },
                    }),
                };
                let answered = Answered { client, operation, stands };
                let position = outcome.seen.as_ref().map_or(Position(0), |seen| seen.position);
                if backed_up.is_some_and(|backed_up| backed_up < position) {
                    rows.keep(kept, answered, position)?;
                    kept_count += 1;
                }
                kept.queued.retain(|queued| queued.sequence != stands.sequence);
                rows.remove(stands.sequence)?;
                if is_of_another_name {
                    // What the client had not seen as well is nothing that its later operations have seen.
                    bases.remove(&key);
                    if let (Status::Applied, Some(seen)) = (outcome.status, &outcome.seen)
                        && !stands.is_resent
                    {
                        bases.insert(key.clone(), (stands.sequence, seen.version.clone()));
                    }
                }
                confirm(kept, answered, outcome, &mut incoming);
                incoming.touched.push(key);
                removed.push(operation.counter);
                continue;
            }
            let Some(queued) = rows.operation(client, settled.counter())? else { continue };
            // Whatever is set aside is read from the rows.
            rows.put_works(std::mem::take(&mut works))?;
            rows.settle_refused(&queued, settled, &mut incoming)?;
        }
        rows.put_works(works)?;
        for (key, (sequence, token)) in &bases {
            rows.rebase_later(key, (client, *sequence), token)?;
        }
        incoming.touched.sort_unstable();
        incoming.touched.dedup();
        if let Some(was_handed) = was_handed {
            for key in &incoming.touched {
                rows.drop_anchors(key)?;
                rows.rebase_texts(key, &was_handed, is_of_another_name)?;
            }
        }
        if incoming.is_unfit {
            rows.forget_cursors()?;
        }
        commit(transaction, "take in results")?;
        for counter in &removed {
            self.forget_handed(client, *counter);
        }
        self.note_removed(removed.len() as u64);
        self.note_kept(kept_count)?;
        self.changed(&incoming.touched)?;
        Ok(incoming)
    }

    /// Takes in changes of a view and how far it has come, in one transaction.
    ///
    /// A snapshot that is through drops the records that it did not show; operations stay.
    ///
    /// - `begins`: whether a snapshot begins with the page.
    pub(crate) fn handle_page(
        &mut self,
        view: u32,
        page: &Page,
        begins: bool,
    ) -> Result<Incoming, StoreError> {
        let (seal, was_handed) = (self.seal.clone(), self.was_handed_text()?);
        let mut incoming = Incoming::default();
        let said = self.said.remove(&view);
        let transaction = self.begin()?;
        let rows = Rows { connection: &transaction, seal: &seal };
        let snapshot = rows.snapshot_of(view, page, begins)?;
        let telling = Telling { view, snapshot, has_views: rows.has_views()? };
        if let (Some(same), Some(snapshot)) = (&page.same, snapshot) {
            rows.take_same(said.as_ref(), same, snapshot, &mut incoming)?;
        }
        for change in &page.changes {
            let key = (change.entity.clone(), change.id.clone());
            if rows.take_in(telling, &key, change, &mut incoming)? {
                if let Some(was_handed) = &was_handed {
                    rows.rebase_texts(&key, was_handed, false)?;
                }
                incoming.touched.push(key);
            }
        }
        if incoming.is_unfit {
            rows.forget_cursors()?;
        } else {
            rows.put_cursor(view, page, snapshot, &mut incoming)?;
        }
        commit(transaction, "take in changes")?;
        if page.same.is_some() {
            // Where they are known as of has moved.
            self.lately.clear();
        }
        if let Some(said) = said.filter(|_| page.cursor.snapshot.is_some()) {
            self.said.insert(view, said);
        }
        self.changed(&incoming.touched)?;
        Ok(incoming)
    }
}

/// An operation that was applied.
#[derive(Clone, Copy)]
pub(super) struct Answered<'a> {
    pub(super) client: &'a ClientId,
    pub(super) operation: &'a Operation,
    pub(super) stands: Stands,
}

/// What a page is part of.
#[derive(Clone, Copy)]
struct Telling {
    view: u32,
    /// The number of the snapshot.
    snapshot: Option<i64>,
    /// Whether there are several views.
    has_views: bool,
}

impl Settled {
    const fn counter(&self) -> u64 {
        match self {
            Self::Outcome { outcome, .. } => outcome.counter,
            Self::SetAside { counter, .. } => *counter,
        }
    }
}

impl Rows<'_> {
    /// Sets an operation aside, with what came after it.
    fn refuse(
        &self,
        queued: &Queued,
        refusal: &Refusal,
        asked: &[u64],
        incoming: &mut Incoming,
    ) -> Result<(), StoreError> {
        if queued.refusal.is_some() {
            return Ok(());
        }
        for (queued, refusal) in self.set_aside(queued, refusal, asked)? {
            let (client, counter) = (queued.client, queued.operation.counter);
            let key = (queued.operation.entity, queued.operation.id);
            incoming.touched.push(key.clone());
            incoming.refused.push((OperationId { client, counter }, key, refusal));
        }
        Ok(())
    }

    /// Settles an operation that was not applied.
    fn settle_refused(
        &self,
        queued: &Queued,
        settled: &Settled,
        incoming: &mut Incoming,
    ) -> Result<(), StoreError> {
        match settled {
            Settled::Outcome { outcome, .. } if outcome.status == Status::Behind => Ok(()),
            Settled::Outcome { outcome, asked, .. } => {
                self.refuse(queued, &refusal_of(outcome), asked, incoming)
            }
            Settled::SetAside { because, .. } => {
                self.refuse(queued, &refused_before(*because), &[], incoming)
            }
        }
    }

    /// Keeps records as answered operations have left them.
    fn put_works(&self, works: BTreeMap<Key, Kept>) -> Result<(), StoreError> {
        for (key, kept) in works {
            if let Some(confirmed) = &kept.confirmed {
                self.put_confirmed(&key, confirmed, None)?;
            }
            for anchor in &kept.anchors {
                self.put_anchor(&key, anchor)?;
            }
        }
        Ok(())
    }

    /// Takes in a change; answers whether something else may be shown now.
    fn take_in(
        &self,
        telling: Telling,
        key: &Key,
        change: &Change,
        incoming: &mut Incoming,
    ) -> Result<bool, StoreError> {
        let Telling { view, snapshot, has_views } = telling;
        let held = self.confirmed(key)?;
        let Seen { position, version } = &change.seen;
        let is_unscoped = change.content == Content::Gone(Gone::Unscoped);
        let is_shown = !matches!(change.content, Content::Gone(_));
        let is_left = has_views && self.note_member(view, key, is_shown, snapshot)?;
        if is_unscoped {
            // Another view may show it; a result may have told more of it.
            let is_newer = held.as_ref().is_some_and(|held| held.position > *position);
            if is_left || is_newer || held.is_none() {
                return Ok(false);
            }
            self.forget(key)?;
            return Ok(true);
        }
        if let Some(held) = &held {
            // What an own operation has made is told by its result, and once more by the log.
            let is_same = held.position == *position
                && match &change.content {
                    Content::Record(fields) => held.is_told(fields, version, &change.conflicts),
                    content => matches!(content, Content::Fields { .. }),
                };
            if held.position > *position || is_same {
                self.note_shown(key, snapshot)?;
                return Ok(false);
            }
        }
        let known = held.as_ref().and_then(|held| held.token.as_ref());
        let token = version.with_details_of(known);
        let fields = change.content.apply(held.and_then(|held| held.fields));
        let (Ok(fields), true) = (fields, token.is_some()) else {
            incoming.is_unfit = true;
            return Ok(false);
        };
        let conflicts = change.conflicts.clone();
        let confirmed = Confirmed { fields, token, position: *position, conflicts };
        self.put_confirmed(key, &confirmed, snapshot)?;
        Ok(true)
    }

    /// Takes note that a snapshot has shown a record.
    fn note_shown(&self, key: &Key, snapshot: Option<i64>) -> Result<(), StoreError> {
        let Some(snapshot) = snapshot else { return Ok(()) };
        let sql = "UPDATE records SET snapshot = ?3 WHERE entity = ?1 AND id = ?2";
        let (entity, id) = self.names(key);
        execute(self.connection, "write a record", sql, (entity, id, snapshot))?;
        Ok(())
    }

    /// Takes note of whose positions are told from now on: those of another incarnation are older
    /// than all of this one.
    pub(super) fn note_incarnation(&self, incarnation: Incarnation) -> Result<(), StoreError> {
        let incarnation = incarnation.to_string();
        if get(self.connection, "incarnation")?.as_ref() != Some(&incarnation) {
            execute(self.connection, "begin anew", "UPDATE records SET position = 0", ())?;
            self.forget_sweep()?;
            put(self.connection, "incarnation", &incarnation)?;
        }
        Ok(())
    }

    /// Returns the number of the snapshot that a page is part of, a new one where it begins.
    fn snapshot_of(&self, view: u32, page: &Page, begins: bool) -> Result<Option<i64>, StoreError> {
        self.note_incarnation(page.cursor.log.incarnation())?;
        if !page.is_snapshot {
            return Ok(None);
        }
        let began = began(page);
        let under_way: Option<(Option<i64>, Option<i64>)> = self
            .connection
            .prepare_cached("SELECT snapshot, began FROM views WHERE view = ?1")
            .and_then(|mut statement| {
                let mut found =
                    statement.query_map([view], |row| Ok((row.get(0)?, row.get(1)?)))?;
                found.next().transpose()
            })
            .map_err(StoreError::on("read a view"))?;
        if let Some((Some(snapshot), Some(known))) = under_way
            && known == began
            && !begins
        {
            return Ok(Some(snapshot));
        }
        let last = get(self.connection, "snapshots")?;
        let last: i64 = last.and_then(|last| last.parse().ok()).unwrap_or_default();
        put(self.connection, "snapshots", &(last + 1).to_string())?;
        Ok(Some(last + 1))
    }

    /// Keeps how far a view has come, and ends a snapshot that is through.
    fn put_cursor(
        &self,
        view: u32,
        page: &Page,
        snapshot: Option<i64>,
        incoming: &mut Incoming,
    ) -> Result<(), StoreError> {
        let is_through = page.cursor.snapshot.is_none();
        if let (Some(snapshot), true) = (snapshot, is_through) {
            incoming.touched.extend(self.drop_unshown(view, snapshot, began(page))?);
        }
        let under_way = snapshot.filter(|_| !is_through);
        execute(
            self.connection,
            "write a cursor",
            "INSERT INTO views (view, entities, cursor, snapshot, began) VALUES (?1, '', ?2, ?3, ?4) \
             ON CONFLICT (view) DO UPDATE SET cursor = excluded.cursor, \
             snapshot = excluded.snapshot, began = excluded.began",
            (
                view,
                self.cursor_text(view, &page.cursor)?,
                under_way,
                under_way.map(|_| began(page)),
            ),
        )?;
        incoming.touched.extend(self.sweep(snapshot.is_some() && is_through)?);
        Ok(())
    }

    /// Has all views begin anew with the next connection.
    pub(super) fn forget_cursors(&self) -> Result<(), StoreError> {
        let sql = "UPDATE views SET cursor = NULL, snapshot = NULL, began = NULL";
        execute(self.connection, "forget the cursors", sql, ())?;
        Ok(())
    }
}

impl Rows<'_> {
    /// Has what waits of a record under another name count on an operation that was applied, of which the hub
    /// does not know that the same client has made it: without that, a deletion would leave it there. None of
    /// it was sent, since the operation was before it in its lane. Edits of texts are made anew elsewhere.
    ///
    /// - `token`: what the hub told with it, where the client had seen all of the record.
    fn rebase_later(
        &self,
        key: &Key,
        (client, sequence): (&ClientId, i64),
        token: &TokenText,
    ) -> Result<(), StoreError> {
        let waits = |queued: &&Queued| {
            queued.sequence > sequence
                && queued.client != *client
                && queued.refusal.is_none()
                && !queued.is_resent
                && texts_edited(&queued.operation.effect).next().is_none()
        };
        for queued in self.queued(key)?.iter().filter(waits) {
            let base = Some(token.clone());
            self.put_operation(queued, &Operation { base, ..queued.operation.clone() })?;
        }
        Ok(())
    }
}

/// Takes in that an operation was applied, which is not in the queue any more.
fn confirm(kept: &mut Kept, answered: Answered<'_>, outcome: &Outcome, incoming: &mut Incoming) {
    let Answered { client, operation, stands } = answered;
    if !outcome.conflicts.is_empty() {
        let id = OperationId { client: client.clone(), counter: operation.counter };
        let key = (operation.entity.clone(), operation.id.clone());
        incoming.conflicts.push((id, key, outcome.conflicts.clone()));
    }
    if !stands.is_aside {
        kept.move_anchors(operation);
    }
    let Some(Seen { position, version }) = &outcome.seen else { return };
    let held = kept.confirmed.as_ref();
    if held.is_some_and(|held| held.position > *position) {
        return;
    }
    let fields = held.and_then(|held| held.fields.as_ref());
    if stands.is_resent
        && held.is_some_and(Confirmed::is_of_past)
        && !matches!(outcome.shown, Shown::Record(_))
    {
        // What is held has it already: a prediction would do it twice.
        incoming.is_unfit = true;
        return;
    }
    let told = match &outcome.shown {
        Shown::Record(record) => Ok(record.clone()),
        shown => shown.apply(predict(fields, &operation.effect)),
    };
    let Ok(fields) = told else {
        incoming.is_unfit = true;
        return;
    };
    let conflicts = match outcome.conflicts.is_empty() {
        true => held.map(|held| held.conflicts.clone()).unwrap_or_default(),
        false => outcome.open.clone(),
    };
    let token = Some(version.clone());
    kept.confirmed = Some(Confirmed { fields, token, position: *position, conflicts });
}

fn began(page: &Page) -> i64 {
    let Position(position) = page.cursor.log.position(PartitionId(0));
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// Says why what comes after a refused operation was set aside.
pub(super) fn refused_before(counter: u64) -> Refusal {
    let detail = format!("operation {counter}, which must come first, was refused");
    Refusal { code: "OPERATION_AFTER_REFUSED".into(), detail: detail.into() }
}

fn refusal_of(outcome: &Outcome) -> Refusal {
    match &outcome.problem {
        Some(problem) => Refusal { code: problem.code.clone(), detail: problem.detail.clone() },
        None => {
            let code = match outcome.status {
                Status::Rebase => "REBASE",
                _ => "OPERATION_REFUSED",
            };
            Refusal { code: code.into(), detail: "the hub did not say why".into() }
        }
    }
}
