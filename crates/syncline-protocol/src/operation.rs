//! An operation of a client, as it travels.

use std::collections::{BTreeMap, BTreeSet};

use syncline_merge::display::Fields;
use syncline_merge::operation::{Effect, FieldOperation};
use syncline_model::id::{EntityName, RecordId};
use syncline_model::path::Path;

use crate::delta::{Delta, Unfit, is_large};
use crate::limits::MESSAGE_BYTES_MAX;
use crate::order::normalised;
use crate::predict::{predict, value_of};
use crate::token::TokenText;

/// One operation of a client, without the client's name, which is said once for many.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Which of the client's operations, from 1.
    pub counter: u64,
    /// The type of record.
    pub entity: EntityName,
    /// Which record.
    pub id: RecordId,
    /// What the client had seen of the record; `None` if nothing.
    pub base: Option<TokenText>,
    /// What it does, but for what `deltas` say.
    pub effect: Effect,
    /// Large texts that it sets as well, told by what differs from the value that its writer was shown, by path.
    /// Nothing is done with the operation before they are [restored](restore).
    pub deltas: Vec<(Path, Delta)>,
    /// When, by the client's clock, in milliseconds since the Unix epoch.
    pub edited_ms: u64,
    /// Counters of the same client that must have been applied before.
    pub after: Vec<u64>,
}

type Key = (EntityName, RecordId);

/// Tells large texts that operations of a push set by what differs, where that is much shorter.
///
/// - `may`: whether an operation may be told so: it is said for the first time on its connection.
/// - `held`: what the hub has confirmed of a record.
pub fn shorten<'o>(
    operations: impl Iterator<Item = &'o mut Operation>,
    may: impl Fn(&Operation) -> bool,
    mut held: impl FnMut(&Key) -> Option<Fields>,
) {
    let mut operations: Vec<&mut Operation> = operations.collect();
    let keys = keys_of(&operations, |operation| may(operation) && operation.sets_large_text());
    let mut shown: BTreeMap<Key, Option<Fields>> = BTreeMap::new();
    for operation in &mut operations {
        let key = operation.key();
        if !keys.contains(&key) {
            continue;
        }
        let before = shown.remove(&key).unwrap_or_else(|| held(&key));
        let after = predict(before.as_ref(), &operation.effect);
        if let Some(before) = before.filter(|_| may(operation)) {
            operation.shorten(&before);
        }
        shown.insert(key, after);
    }
}

/// Puts the large texts of operations of a push in the place of what was told of them. Those that do not fit
/// what is held, or are too much together, keep their deltas: they are not to be applied.
///
/// - `shown`: what the writer is shown of a record.
pub fn restore(operations: &mut [Operation], mut shown: impl FnMut(&Key) -> Option<Fields>) {
    let mut operations: Vec<&mut Operation> = operations.iter_mut().collect();
    let keys = keys_of(&operations, |operation| !operation.deltas.is_empty());
    let mut known: BTreeMap<Key, Option<Fields>> = BTreeMap::new();
    let mut left = MESSAGE_BYTES_MAX;
    for operation in &mut operations {
        let key = operation.key();
        if !keys.contains(&key) {
            continue;
        }
        let before = known.remove(&key).unwrap_or_else(|| shown(&key));
        let bytes = operation.delta_bytes();
        if bytes <= left && operation.restore(before.as_ref().unwrap_or(&Fields::new())).is_ok() {
            left -= bytes;
        }
        known.insert(key, predict(before.as_ref(), &operation.effect));
    }
}

fn keys_of(operations: &[&mut Operation], is_one: impl Fn(&Operation) -> bool) -> BTreeSet<Key> {
    let wanted = operations.iter().filter(|operation| is_one(operation));
    wanted.map(|operation| operation.key()).collect()
}

impl Operation {
    fn key(&self) -> Key {
        (self.entity.clone(), self.id.clone())
    }

    /// Returns how many bytes its deltas grow to.
    pub fn delta_bytes(&self) -> usize {
        self.deltas.iter().map(|(_, delta)| delta.bytes).sum()
    }

    fn sets_large_text(&self) -> bool {
        let is_one = |operation: &FieldOperation| matches!(operation, FieldOperation::Set { value, .. } if is_large(value));
        matches!(&self.effect, Effect::Write(operations) if operations.iter().any(is_one))
    }

    fn shorten(&mut self, held: &Fields) {
        let Effect::Write(operations) = &mut self.effect else { return };
        operations.retain(|operation| {
            let FieldOperation::Set { path, value } = operation else { return true };
            let delta = value_of(held, path).and_then(|held| Delta::between(held, value));
            match delta {
                Some(delta) => self.deltas.push((path.clone(), delta)),
                None => return true,
            }
            false
        });
    }

    /// Puts large texts in the place of what was told of them; nothing is changed if one does not fit.
    fn restore(&mut self, held: &Fields) -> Result<(), Unfit> {
        let Effect::Write(operations) = &self.effect else { return Ok(()) };
        let mut whole = operations.clone();
        for (path, delta) in &self.deltas {
            let held = value_of(held, path).ok_or(Unfit { bytes: delta.bytes })?;
            whole.push(FieldOperation::Set { path: path.clone(), value: delta.apply(held)? });
        }
        let bytes = self.delta_bytes();
        self.effect = Effect::Write(normalised(whole).map_err(|_| Unfit { bytes })?);
        self.deltas.clear();
        Ok(())
    }
}
