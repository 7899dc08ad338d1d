//! The queue: edits coming in from the app, operations going out, and what becomes of refused ones.

use std::collections::BTreeMap;

use syncline_merge::operation::{Effect, FieldOperation};
use syncline_merge::text::ot::{Side, TextOperation, transform};
use syncline_model::id::{ClientId, OperationId};
use syncline_model::json::{Json, Leaf, Object, parse};
use syncline_model::path::Path;
use syncline_protocol::long::write_operation;
use syncline_protocol::operation::Operation;
use syncline_protocol::predict::predict;
use syncline_protocol::token::TokenText;

use super::anchor::{saying_texts, says_text, text_before};
use super::incoming::refused_before;
use super::open::put;
use super::rows::{DETAIL, OPERATION, TEXTS, execute};
use super::{Anchor, Kept, Key, Lately, Queued, Refusal, Rows, Store, StoreError, commit};
use crate::error::{ClientError, EditError};
use crate::limits::{OPERATION_BYTES_MAX, QUEUE_OPERATIONS_MAX};
use crate::view::{texts_edited, value_of};

/// An operation that is about to be queued.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// The record.
    pub(crate) key: Key,
    /// What it does.
    pub(crate) effect: Effect,
    /// Whether it is sent before others.
    pub(crate) priority: bool,
}

impl Store {
    /// Queues operations, each after the one before it, and answers with their ids. They are durable
    /// when it returns.
    ///
    /// - `now_ms`: the wall clock, in milliseconds since the Unix epoch.
    pub(crate) fn enqueue(
        &mut self,
        drafts: Vec<Draft>,
        now_ms: u64,
    ) -> Result<Vec<OperationId>, ClientError> {
        if self.queued.saturating_add(drafts.len() as u64) > QUEUE_OPERATIONS_MAX {
            return Err(ClientError::QueueFull { queued: self.queued });
        }
        let (client, seal, first) = (self.client.clone(), self.seal.clone(), self.next);
        let mut records = BTreeMap::new();
        for draft in &drafts {
            self.look(&draft.key)?;
            // Taken out: if the disk says no, what is kept is read again.
            records.extend(self.lately.remove_entry(&draft.key));
        }
        let transaction = self.begin()?;
        let rows = Rows { connection: &transaction, seal: &seal };
        let mut line = Line { rows, client: &client, now_ms, first, next: first };
        for Draft { key, effect, priority } in drafts {
            let lately = records.get_mut(&key).expect("invariant: all were looked at");
            line.add(&key, effect, priority, lately)?;
        }
        let next = line.next;
        put(&transaction, "next", &next.to_string())?;
        commit(transaction, "queue an edit")?;
        self.lately.extend(records);
        self.next = next;
        self.queued += next - first;
        Ok((first..next).map(|counter| OperationId { client: client.clone(), counter }).collect())
    }

    /// Takes note that an operation is handed out to be sent: from now on it stays as it is.
    pub(crate) fn note_handed(&mut self, client: &ClientId, counter: u64) {
        if *client == self.client && counter >= self.opened_at {
            self.handed.insert(counter);
        }
    }

    /// Returns whether an operation waits that was queued before the file was opened, and may have been sent.
    pub(crate) fn waits_from_before(&self, client: &ClientId) -> Result<bool, StoreError> {
        let before = if *client == self.client { self.opened_at } else { u64::MAX };
        self.rows().is_waiting_before(client, before)
    }

    /// Returns what says whether an operation may have been sent; `None` where no edit of a text waits,
    /// and nobody asks.
    pub(super) fn was_handed_text(
        &self,
    ) -> Result<Option<impl Fn(&Queued) -> bool + use<>>, StoreError> {
        if !self.rows().has_anchors()? {
            return Ok(None);
        }
        let (client, opened_at) = (self.client.clone(), self.opened_at);
        let handed = self.handed.clone();
        Ok(Some(move |queued: &Queued| {
            let counter = queued.operation.counter;
            let was_sent = counter < opened_at || handed.contains(&counter);
            queued.client != client || was_sent || queued.is_resent
        }))
    }

    pub(super) fn forget_handed(&mut self, client: &ClientId, counter: u64) {
        if *client == self.client {
            self.handed.remove(&counter);
        }
    }

    /// Drops an operation that was set aside.
    pub(crate) fn discard(&mut self, id: &OperationId) -> Result<Key, ClientError> {
        let seal = self.seal.clone();
        let transaction = self.begin()?;
        let rows = Rows { connection: &transaction, seal: &seal };
        let queued = rows.aside_operation(id)?;
        rows.remove(queued.sequence)?;
        let key = (queued.operation.entity.clone(), queued.operation.id.clone());
        rows.drop_anchors(&key)?;
        commit(transaction, "discard an operation")?;
        self.queued = self.queued.saturating_sub(1);
        self.changed([&key])?;
        Ok(key)
    }

    /// Makes an operation that was set aside anew, for what is shown now: it gets the next counter.
    pub(crate) fn retry(
        &mut self,
        id: &OperationId,
        now_ms: u64,
    ) -> Result<(Key, Vec<OperationId>), ClientError> {
        let (client, seal, first) = (self.client.clone(), self.seal.clone(), self.next);
        let transaction = self.begin()?;
        let rows = Rows { connection: &transaction, seal: &seal };
        let queued = rows.aside_operation(id)?;
        let key = (queued.operation.entity.clone(), queued.operation.id.clone());
        let texts = rows.texts_of(&queued)?;
        rows.remove(queued.sequence)?;
        let mut lately = Lately::of(rows.kept(&key)?);
        let shown = lately.shown.clone().unwrap_or_default();
        let now = |path: &Path| value_of(&shown, path).cloned();
        let effect = made_anew(queued.operation.effect, &texts, now);
        let mut line = Line { rows, client: &client, now_ms, first, next: first };
        line.add(&key, effect, queued.priority, &mut lately)?;
        let next = line.next;
        put(&transaction, "next", &next.to_string())?;
        commit(transaction, "queue an operation again")?;
        self.next = next;
        self.queued += (next - first) - 1;
        self.changed([&key])?;
        let ids = (first..next).map(|counter| OperationId { client: client.clone(), counter });
        Ok((key, ids.collect()))
    }

    /// Takes note that operations have left the queue.
    pub(super) const fn note_removed(&mut self, removed: u64) {
        self.queued = self.queued.saturating_sub(removed);
    }
}

/// Operations on their way into the queue, within a transaction.
struct Line<'a> {
    rows: Rows<'a>,
    client: &'a ClientId,
    now_ms: u64,
    first: u64,
    next: u64,
}

impl Line<'_> {
    /// Adds a draft: one operation, or several where waiting edits of texts were made for another
    /// state of the record than the rest.
    fn add(
        &mut self,
        key: &Key,
        effect: Effect,
        priority: bool,
        lately: &mut Lately,
    ) -> Result<(), ClientError> {
        for (base, effect) in by_base(&lately.kept, effect) {
            let effect = self.saying_texts(effect, lately);
            let queued = self.put(key, base, effect, priority, &mut lately.kept)?;
            lately.shown = predict(lately.shown.as_ref(), &queued.operation.effect);
            lately.kept.queued.push(queued);
        }
        Ok(())
    }

    fn put(
        &mut self,
        key: &Key,
        base: Option<TokenText>,
        effect: Effect,
        priority: bool,
        kept: &mut Kept,
    ) -> Result<Queued, ClientError> {
        let mut after = Vec::new();
        if self.next > self.first {
            after.push(self.next - 1);
        }
        for path in texts_edited(&effect) {
            // What an edit counts on must have been applied.
            after.extend(self.last_on(kept, path).map(|last| last.operation.counter));
            if kept.anchors.iter().all(|anchor| anchor.path != *path) {
                let fields =
                    kept.confirmed.as_ref().and_then(|confirmed| confirmed.fields.as_ref());
                let value = fields.and_then(|fields| value_of(fields, path)).cloned();
                let anchor = Anchor { path: path.clone(), token: kept.token().cloned(), value };
                self.rows.put_anchor(key, &anchor)?;
                kept.anchors.push(anchor);
            }
        }
        after.sort_unstable();
        after.dedup();
        let operation = Operation {
            counter: self.next,
            entity: key.0.clone(),
            id: key.1.clone(),
            base,
            effect,
            deltas: Vec::new(),
            edited_ms: self.now_ms,
            after,
        };
        let text = write_operation(&operation).map_err(EditError::from)?;
        if text.len() > OPERATION_BYTES_MAX {
            return Err(EditError::TooLarge { bytes: text.len() }.into());
        }
        let at = [OPERATION, self.client.as_str(), &operation.counter.to_string()];
        let text = self.rows.seal.close(text, &at)?;
        let (entity, id) = self.rows.names(key);
        let counter =
            i64::try_from(operation.counter).map_err(|_| StoreError::Damaged { table: "meta" })?;
        execute(
            self.rows.connection,
            "queue an edit",
            "INSERT INTO queue (client, counter, entity, id, operation, priority) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (self.client.as_str(), counter, entity, id, text, priority),
        )?;
        self.next += 1;
        let (client, sequence) = (self.client.clone(), self.rows.connection.last_insert_rowid());
        Ok(Queued { sequence, client, operation, priority, refusal: None, is_resent: false })
    }

    /// Has edits of texts say which text they were made for, where the hub may hold another one of that length
    /// under their base: it is of a former life of the hub, or they follow edits of which that is so.
    fn saying_texts(&self, effect: Effect, lately: &Lately) -> Effect {
        let Lately { kept, shown } = lately;
        let follows_past = |path: &Path| {
            let last = self.last_on(kept, path);
            last.is_some_and(|last| last.is_resent || says_text(&last.operation.effect))
        };
        let is_of_past = kept.is_of_past() || texts_edited(&effect).any(follows_past);
        let shown = shown.as_ref().filter(|_| is_of_past);
        let text = |path: &Path| shown.and_then(|shown| value_of(shown, path)).cloned();
        saying_texts(&effect, text).unwrap_or(effect)
    }

    /// Returns the last waiting operation of this client that writes a field.
    fn last_on<'k>(&self, kept: &'k Kept, path: &Path) -> Option<&'k Queued> {
        let waiting = kept.queued.iter().rev();
        let mut waiting = waiting.filter(|q| q.refusal.is_none() && q.client == *self.client);
        let writes = |queued: &&Queued| match &queued.operation.effect {
            Effect::Delete => true,
            Effect::Write(operations) => operations.iter().any(|o| meets(o.path(), path)),
        };
        waiting.find(writes)
    }
}

fn meets(a: &Path, b: &Path) -> bool {
    a.is_prefix_of(b) || b.is_prefix_of(a)
}

/// Parts an effect by what its writer was shown: the texts with edits that wait are shown as of an
/// older state than the rest of the record.
fn by_base(kept: &Kept, effect: Effect) -> Vec<(Option<TokenText>, Effect)> {
    let now = kept.token().cloned();
    let older: Vec<&Anchor> = kept.anchors.iter().filter(|anchor| anchor.token != now).collect();
    let Effect::Write(operations) = effect else {
        let first = |anchor: &&Anchor| first_edit(kept, &anchor.path);
        let oldest = older.into_iter().min_by_key(first).map(|anchor| anchor.token.clone());
        return vec![(oldest.unwrap_or(now), effect)];
    };
    let mut parts: Vec<(Option<TokenText>, Vec<FieldOperation>)> = Vec::new();
    for operation in operations {
        let met = older.iter().find(|anchor| meets(&anchor.path, operation.path()));
        let base = met.map_or_else(|| now.clone(), |anchor| anchor.token.clone());
        match parts.iter_mut().find(|(known, _)| *known == base) {
            Some((_, part)) => part.push(operation),
            None => parts.push((base, vec![operation])),
        }
    }
    parts.into_iter().map(|(base, part)| (base, Effect::Write(part))).collect()
}

/// Returns where the first waiting edit of a text stands.
fn first_edit(kept: &Kept, path: &Path) -> i64 {
    let edits = |queued: &&Queued| texts_edited(&queued.operation.effect).any(|p| p == path);
    kept.queued.iter().find(edits).map_or(i64::MAX, |queued| queued.sequence)
}

/// Returns the effect of an operation that was set aside as one for what is shown now.
fn made_anew(
    effect: Effect,
    texts: &[(Path, Leaf)],
    now: impl Fn(&Path) -> Option<Leaf>,
) -> Effect {
    let Effect::Write(operations) = effect else { return effect };
    let anew = |operation| {
        let FieldOperation::EditText { path, edit } = operation else { return operation };
        let string = |leaf: Option<&Leaf>| leaf.and_then(|leaf| leaf.as_string().map(String::from));
        let before = texts.iter().find(|(known, _)| *known == path).map(|(_, leaf)| leaf);
        let (before, shown) = (string(before), string(now(&path).as_ref()));
        match (before, shown) {
            (Some(before), Some(shown)) => {
                let edit = for_text(&edit, &before, &shown).unwrap_or(edit);
                FieldOperation::EditText { path, edit }
            }
            (Some(before), None) => match edit.apply(&before) {
                Ok(text) => FieldOperation::BeginText { path, text },
                Err(_) => FieldOperation::EditText { path, edit },
            },
            (None, _) => FieldOperation::EditText { path, edit },
        }
    };
    Effect::Write(operations.into_iter().map(anew).collect())
}

/// Returns an edit of `before` as one of `now`.
fn for_text(edit: &TextOperation, before: &str, now: &str) -> Option<TextOperation> {
    let others = TextOperation::from_diff(before, now).ok()?;
    transform(edit, &others, Side::Right).ok().map(|(edit, _)| edit)
}

impl Rows<'_> {
    /// Returns the texts that an operation was made for, by their paths, as JSON that is kept.
    ///
    /// - `place`: whose the operation is, and where it stands in the queue.
    pub(super) fn texts_before(
        &self,
        kept: &Kept,
        place: (&ClientId, i64),
        operation: &Operation,
    ) -> Result<Vec<u8>, StoreError> {
        let (client, sequence) = place;
        let mut texts = Object::new();
        for path in texts_edited(&operation.effect) {
            if let Some(before) = text_before(kept, sequence, path) {
                texts.insert(path.as_str(), before.to_json());
            }
        }
        let counter = operation.counter.to_string();
        let at = [TEXTS, client.as_str(), &counter];
        self.seal.close(Json::from(texts).to_compact_string(), &at)
    }

    fn aside_operation(&self, id: &OperationId) -> Result<Queued, ClientError> {
        let queued = self.operation(&id.client, id.counter)?;
        let aside = queued.filter(|queued| queued.refusal.is_some());
        aside.ok_or(ClientError::OperationUnknown { counter: id.counter })
    }

    /// Removes an operation from the queue.
    pub(super) fn remove(&self, sequence: i64) -> Result<(), StoreError> {
        let sql = "DELETE FROM queue WHERE sequence = ?1";
        execute(self.connection, "remove an operation", sql, [sequence])?;
        Ok(())
    }

    /// Sets an operation aside, with all of its client that came after it, but for those that the hub
    /// is `asked` for; returns these all.
    pub(super) fn set_aside(
        &self,
        queued: &Queued,
        refusal: &Refusal,
        asked: &[u64],
    ) -> Result<Vec<(Queued, Refusal)>, StoreError> {
        let mut all = vec![(queued.clone(), refusal.clone())];
        let mut at = 0;
        let waiting = self.all_waiting(&queued.client, queued.sequence)?;
        while let Some((refused, _)) = all.get(at) {
            let counter = refused.operation.counter;
            let is_known = |q: &Queued| {
                asked.contains(&q.operation.counter)
                    || all.iter().any(|(known, _)| known.sequence == q.sequence)
            };
            let comes_after = waiting.iter().filter(|q| q.operation.after.contains(&counter));
            let found: Vec<Queued> = comes_after.filter(|q| !is_known(q)).cloned().collect();
            let why = refused_before(counter);
            all.extend(found.into_iter().map(|queued| (queued, why.clone())));
            at += 1;
        }
        // From the last on: each text is read from the edits that wait before it.
        for (queued, refusal) in all.iter().rev() {
            self.mark_aside(queued, refusal)?;
        }
        for counter in asked {
            execute(
                self.connection,
                "write an operation",
                "UPDATE queue SET asked = 1 WHERE client = ?1 AND counter = ?2",
                (queued.client.as_str(), i64::try_from(*counter).unwrap_or(i64::MAX)),
            )?;
        }
        Ok(all)
    }

    fn mark_aside(&self, queued: &Queued, refusal: &Refusal) -> Result<(), StoreError> {
        let key = (queued.operation.entity.clone(), queued.operation.id.clone());
        let kept = self.kept(&key)?;
        let place = (&queued.client, queued.sequence);
        let texts = self.texts_before(&kept, place, &queued.operation)?;
        let counter = queued.operation.counter.to_string();
        let at = [DETAIL, queued.client.as_str(), &counter];
        let detail = self.seal.close_text(&refusal.detail, &at)?;
        execute(
            self.connection,
            "set an operation aside",
            "UPDATE queue SET code = ?2, detail = ?3, texts = coalesce(texts, ?4) WHERE sequence = ?1",
            (queued.sequence, &*refusal.code, detail, texts),
        )?;
        self.drop_anchors(&key)
    }

    pub(super) fn texts_of(&self, queued: &Queued) -> Result<Vec<(Path, Leaf)>, StoreError> {
        let damaged = || StoreError::Damaged { table: "queue" };
        let sql = "SELECT texts FROM queue WHERE sequence = ?1";
        let bytes: Option<Vec<u8>> = self
            .connection
            .query_one(sql, [queued.sequence], |row| row.get(0))
            .map_err(StoreError::on("read an operation"))?;
        let Some(bytes) = bytes else { return Ok(Vec::new()) };
        let counter = queued.operation.counter.to_string();
        let at = [TEXTS, queued.client.as_str(), &counter];
        let text = self.seal.open("queue", bytes, &at)?;
        let json = parse(text.as_bytes()).map_err(|_| damaged())?;
        let object = json.as_object().ok_or_else(damaged)?;
        let one = |(path, json): (&str, &Json)| {
            let leaf = Leaf::from_json(json).map_err(|_| damaged())?;
            Ok((Path::parse(path).map_err(|_| damaged())?, leaf))
        };
        object.iter().map(one).collect()
    }
}
