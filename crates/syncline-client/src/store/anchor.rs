//! Texts with edits that wait.
//!
//! An edit counts the characters of the text that it was made for: the text that came with its base
//! and the client's own edits since. The text that the first waiting edit of a field was made for is
//! kept as its *anchor*, with the token that came with it. Later edits are made for what is shown,
//! which is the anchor with the waiting edits, and bear the anchor's token. So the hub reads each
//! edit against exactly the text that its writer saw. An operation that is answered moves the anchor
//! over its own edit.
//!
//! Edits that were never handed out may be made anew for the text that the hub answered with, so
//! that who types without a pause sees what others type elsewhere in it. Edits in the midst of what others
//! have changed stay as they are: the hub knows what these did, and the client only what came of it.
//!
//! Another life of the hub may know less than the token says, and hold another text of the same length.
//! So edits that a former life gave their token *say* which text they were made for, and fit no other one.

use std::borrow::Cow;

use rusqlite::Row;
use syncline_merge::display::Fields;
use syncline_merge::operation::{Effect, FieldOperation};
use syncline_merge::text::ot::{Component, Side, TextDigest, TextOperation, transform};
use syncline_model::id::ClientId;
use syncline_model::json::Leaf;
use syncline_model::path::Path;
use syncline_protocol::long::write_operation;
use syncline_protocol::operation::Operation;
use syncline_protocol::predict::predict;
use syncline_protocol::token::TokenText;

use super::rows::{OPERATION, execute};
use super::{Kept, Key, Queued, Rows, StoreError};
use crate::limits::TEXT_EDITS_REBASED_MAX;
use crate::view::{self, texts_edited, value_of};

/// The text that waiting edits of a field were made for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Anchor {
    /// The field.
    pub(crate) path: Path,
    /// The token that came with it; `None` if the record was not there.
    pub(crate) token: Option<TokenText>,
    /// The value of the field before the first operation that waits.
    pub(crate) value: Option<Leaf>,
}

impl Kept {
    /// Returns the confirmed fields, and those of texts with edits that wait as they were when these began.
    fn anchored(&self) -> Fields {
        let confirmed = self.confirmed.as_ref().and_then(|confirmed| confirmed.fields.clone());
        view::anchored(confirmed.unwrap_or_default(), &self.anchors)
    }

    /// Moves the anchors over the first operation that waits, which was answered and goes.
    pub(super) fn move_anchors(&mut self, answered: &Operation) {
        if self.anchors.is_empty() {
            return;
        }
        let confirmed = self.confirmed.as_ref().and_then(|confirmed| confirmed.fields.as_ref());
        let after = view::shown(confirmed, &self.anchors, std::iter::once(answered));
        for anchor in &mut self.anchors {
            let value = after.as_ref().and_then(|fields| value_of(fields, &anchor.path));
            anchor.value = value.cloned();
        }
    }
}

impl Rows<'_> {
    /// Returns whether any edit of a text waits.
    pub(super) fn has_anchors(&self) -> Result<bool, StoreError> {
        self.connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM anchors)")
            .and_then(|mut statement| statement.query_row((), |row| row.get(0)))
            .map_err(StoreError::on("read the anchors of texts"))
    }

    /// Returns the anchors of a record, by path.
    pub(super) fn anchors(&self, key: &Key) -> Result<Vec<Anchor>, StoreError> {
        type Raw = (String, Option<String>, Option<Vec<u8>>);
        let raw: Vec<Raw> = self
            .connection
            .prepare_cached("SELECT path, token, value FROM anchors WHERE entity = ?1 AND id = ?2")
            .and_then(|mut statement| {
                let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
                statement.query_map(self.names(key), row)?.collect()
            })
            .map_err(StoreError::on("read the anchors of texts"))?;
        raw.into_iter().map(|(path, token, value)| self.anchor(key, &path, token, value)).collect()
    }

    fn anchor(
        &self,
        key: &Key,
        path: &str,
        token: Option<String>,
        value: Option<Vec<u8>>,
    ) -> Result<Anchor, StoreError> {
        let damaged = || StoreError::Damaged { table: "anchors" };
        let path = self.seal.opened_name("anchors", path, &place("path", key, ""))?;
        let value = value.map(|value| {
            let text = self.seal.open("anchors", value, &place("value", key, &path))?;
            Leaf::parse(&text).map_err(|_| damaged())
        });
        let token = token.map(|token| {
            let token = self.seal.open_text("anchors", token, &place("shown", key, &path))?;
            TokenText::new(&token).map_err(|_| damaged())
        });
        Ok(Anchor {
            path: Path::parse(&path).map_err(|_| damaged())?,
            token: token.transpose()?,
            value: value.transpose()?,
        })
    }

    /// Keeps an anchor.
    pub(super) fn put_anchor(&self, key: &Key, anchor: &Anchor) -> Result<(), StoreError> {
        let path = anchor.path.as_str();
        let value = anchor
            .value
            .as_ref()
            .map(|value| self.seal.close(value.as_str().to_owned(), &place("value", key, path)));
        let token = anchor
            .token
            .as_ref()
            .map(|token| self.seal.close_text(token.as_str(), &place("shown", key, path)));
        let (entity, id) = self.names(key);
        execute(
            self.connection,
            "write the anchor of a text",
            "INSERT OR REPLACE INTO anchors (entity, id, path, token, value) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
            (entity, id, self.path(key, &anchor.path), token.transpose()?, value.transpose()?),
        )?;
        Ok(())
    }

    /// Returns a field of a record as it is kept.
    fn path<'p>(&self, key: &Key, path: &'p Path) -> Cow<'p, str> {
        self.seal.name(path.as_str(), &place("path", key, ""))
    }

    /// Has the waiting edits of texts say which text they were made for: to be called where another life of
    /// the hub is met, before anything of it is taken in. Answers whether there are any.
    pub(super) fn say_texts_of_waiting(&self) -> Result<bool, StoreError> {
        let mut any = false;
        for key in self.anchored()? {
            let kept = self.kept(&key)?;
            let mut fields = kept.anchored();
            for queued in kept.waiting() {
                let text = |path: &Path| value_of(&fields, path).cloned();
                if let Some(effect) = saying_texts(&queued.operation.effect, text) {
                    self.put_operation(queued, &Operation { effect, ..queued.operation.clone() })?;
                    any = true;
                }
                fields = predict(Some(&fields), &queued.operation.effect).unwrap_or_default();
            }
        }
        Ok(any)
    }

    /// Has the edits of texts that a client sends again say which text they were made for.
    pub(super) fn say_texts_of_resent(&self, client: &ClientId) -> Result<(), StoreError> {
        for queued in self.resent_texts(client)? {
            let texts = self.texts_of(&queued)?;
            let text = |path: &Path| {
                let mut known = texts.iter().filter(|(known, _)| known == path);
                known.next().map(|(_, text)| text.clone())
            };
            if let Some(effect) = saying_texts(&queued.operation.effect, text) {
                self.put_operation(&queued, &Operation { effect, ..queued.operation.clone() })?;
            }
        }
        Ok(())
    }

    /// Returns the records that have anchors.
    fn anchored(&self) -> Result<Vec<Key>, StoreError> {
        let names: Vec<(String, String)> = self
            .connection
            .prepare_cached("SELECT DISTINCT entity, id FROM anchors")
            .and_then(|mut statement| {
                statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
            })
            .map_err(StoreError::on("read the anchors of texts"))?;
        names.iter().map(|(entity, id)| self.key("anchors", entity, id)).collect()
    }

    /// Drops the anchors that no waiting edit needs.
    pub(super) fn drop_anchors(&self, key: &Key) -> Result<(), StoreError> {
        let anchors = self.anchors(key)?;
        if anchors.is_empty() {
            return Ok(());
        }
        let queued = self.queued(key)?;
        let waiting = || queued.iter().filter(|queued| queued.refusal.is_none());
        for anchor in anchors {
            let is_needed = waiting()
                .any(|queued| texts_edited(&queued.operation.effect).any(|p| *p == anchor.path));
            if !is_needed {
                let (entity, id) = self.names(key);
                execute(
                    self.connection,
                    "drop the anchor of a text",
                    "DELETE FROM anchors WHERE entity = ?1 AND id = ?2 AND path = ?3",
                    [entity, id, self.path(key, &anchor.path)],
                )?;
            }
        }
        Ok(())
    }

    /// Makes the waiting edits of a record's texts anew for the confirmed text, where none of them was
    /// ever handed out.
    ///
    /// - `is_needed`: whether they count on edits that the client has made under another name: the hub does
    ///   not know that, so that they are made anew wherever others have changed the text.
    pub(super) fn rebase_texts(
        &self,
        key: &Key,
        was_handed: &dyn Fn(&Queued) -> bool,
        is_needed: bool,
    ) -> Result<(), StoreError> {
        if self.anchors(key)?.is_empty() {
            return Ok(());
        }
        let kept = self.kept(key)?;
        let Some(confirmed) = &kept.confirmed else { return Ok(()) };
        for anchor in &kept.anchors {
            if anchor.token == confirmed.token {
                continue;
            }
            let text =
                |leaf: Option<&Leaf>| leaf.and_then(|leaf| leaf.as_string().map(String::from));
            let old = text(anchor.value.as_ref());
            let fields = confirmed.fields.as_ref();
            let new = text(fields.and_then(|fields| value_of(fields, &anchor.path)));
            let (Some(old), Some(new)) = (old, new) else { continue };
            let Some(edits) = edits_of(&kept.queued, &anchor.path, was_handed) else { continue };
            let changed = Changed::between(&old, &new).filter(|_| !is_needed);
            let Some(anew) = transformed(&old, &new, changed, edits) else { continue };
            for (queued, edit) in anew {
                let mut operation = queued.operation.clone();
                operation.base.clone_from(&confirmed.token);
                let path = anchor.path.clone();
                operation.effect = Effect::Write(vec![FieldOperation::EditText { path, edit }]);
                self.put_operation(queued, &operation)?;
            }
            let value = Some(Leaf::string(&new));
            let (path, token) = (anchor.path.clone(), confirmed.token.clone());
            self.put_anchor(key, &Anchor { path, token, value })?;
        }
        Ok(())
    }

    /// Writes an operation that waits, made anew.
    pub(super) fn put_operation(
        &self,
        queued: &Queued,
        operation: &Operation,
    ) -> Result<(), StoreError> {
        let damaged = StoreError::Damaged { table: "queue" };
        let counter = operation.counter.to_string();
        let at = [OPERATION, queued.client.as_str(), &counter];
        let text = self.seal.close(write_operation(operation).map_err(|_| damaged)?, &at)?;
        execute(
            self.connection,
            "write an operation",
            "UPDATE queue SET operation = ?2 WHERE sequence = ?1",
            (queued.sequence, text),
        )?;
        Ok(())
    }
}

/// Returns the place of a part of an anchor.
fn place<'k>(kind: &'k str, key: &'k Key, path: &'k str) -> [&'k str; 4] {
    [kind, key.0.as_str(), key.1.as_str(), path]
}

/// Returns the edits of a text that wait; nothing if one of them cannot be made anew.
fn edits_of<'q>(
    queued: &'q [Queued],
    path: &Path,
    was_handed: &dyn Fn(&Queued) -> bool,
) -> Option<Vec<(&'q Queued, &'q TextOperation)>> {
    let mut edits = Vec::new();
    for queued in queued.iter().filter(|queued| queued.refusal.is_none()) {
        let Effect::Write(operations) = &queued.operation.effect else { return None };
        let touches = |operation: &FieldOperation| {
            path.is_prefix_of(operation.path()) || operation.path().is_prefix_of(path)
        };
        if !operations.iter().any(touches) {
            continue;
        }
        // What writes other fields as well has seen them as its base says.
        let [FieldOperation::EditText { edit, .. }] = operations.as_slice() else { return None };
        if was_handed(queued) {
            return None;
        }
        edits.push((queued, edit));
    }
    (edits.len() <= TEXT_EDITS_REBASED_MAX).then_some(edits)
}

/// Where others have changed a text, in characters of it: between what they left alone at its start and at
/// its end.
///
/// What they did there is not known, only what came of it. Of `a b ` that became `a c a b ` they may have
/// typed `a c ` or `c a `, so that who deletes the old `a b ` must not do so by a guess.
struct Changed {
    from: usize,
    to: usize,
}

impl Changed {
    fn between(old: &str, new: &str) -> Option<Self> {
        if old == new {
            return None;
        }
        let old: Vec<char> = old.chars().collect();
        let start = old.iter().zip(new.chars()).take_while(|(a, b)| **a == *b).count();
        let ends = old.iter().rev().zip(new.chars().rev());
        let end = old.len() - ends.take_while(|(a, b)| **a == *b).count();
        Some(Self { from: start.min(end), to: start.max(end) })
    }

    /// Moves over an edit; nothing if it changes something there itself.
    fn moved(self, edit: &TextOperation) -> Option<Self> {
        let Self { mut from, mut to } = self;
        let mut at = 0;
        for component in edit.components() {
            let (inserted, deleted) = match component {
                Component::Retain(count) => {
                    at += count;
                    continue;
                }
                Component::Insert(text) => (text.chars().count(), 0),
                Component::Delete(count) => (0, *count),
            };
            if at + deleted <= from {
                from = from + inserted - deleted;
                to = to + inserted - deleted;
            } else if at < to {
                return None;
            }
            at += inserted;
        }
        Some(Self { from, to })
    }
}

/// Returns edits that were made for `old`, one after another, as edits of `new`; nothing if one of them is
/// where others have `changed` the text.
fn transformed<'q>(
    old: &str,
    new: &str,
    mut changed: Option<Changed>,
    edits: Vec<(&'q Queued, &TextOperation)>,
) -> Option<Vec<(&'q Queued, TextOperation)>> {
    let mut others = TextOperation::from_diff(old, new).ok()?;
    let mut anew = Vec::with_capacity(edits.len());
    for (queued, edit) in edits {
        if let Some(before) = changed.take() {
            changed = Some(before.moved(edit)?);
        }
        let (edit, after) = transform(edit, &others, Side::Right).ok()?;
        others = after;
        anew.push((queued, edit));
    }
    Some(anew)
}

/// Returns an effect whose edits of texts say which text they were made for; nothing if there are none that
/// do not say so.
///
/// - `text`: the text of a field before the operation.
pub(super) fn saying_texts(
    effect: &Effect,
    text: impl Fn(&Path) -> Option<Leaf>,
) -> Option<Effect> {
    let Effect::Write(operations) = effect else { return None };
    let mut any = false;
    let mut said = |operation: &FieldOperation| {
        let FieldOperation::EditText { path, edit } = operation else { return operation.clone() };
        let text = text(path).and_then(|leaf| leaf.as_string().map(String::from));
        let Some(text) = text.filter(|_| edit.made_for().is_none()) else {
            return operation.clone();
        };
        any = true;
        let edit = edit.clone().made_for_text(TextDigest::of(&text));
        FieldOperation::EditText { path: path.clone(), edit }
    };
    let operations = operations.iter().map(&mut said).collect();
    any.then_some(Effect::Write(operations))
}

/// Returns whether an operation has an edit of a text that says which text it was made for.
pub(super) fn says_text(effect: &Effect) -> bool {
    let Effect::Write(operations) = effect else { return false };
    let says = |operation: &FieldOperation| matches!(operation, FieldOperation::EditText { edit, .. } if edit.made_for().is_some());
    operations.iter().any(says)
}

/// Returns the text of a field before each of a record's waiting operations that edits it, the given
/// one included: what an edit that is set aside was made for.
pub(super) fn text_before(kept: &Kept, sequence: i64, path: &Path) -> Option<Leaf> {
    let before = kept.waiting().take_while(|queued| queued.sequence < sequence);
    let mut fields = Some(kept.anchored());
    for queued in before {
        fields = predict(fields.as_ref(), &queued.operation.effect);
    }
    fields.as_ref().and_then(|fields| value_of(fields, path)).cloned()
}
