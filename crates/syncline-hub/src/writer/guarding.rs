//! The guard of pushes at work: what a group is about to do is noted, and records are counted where it
//! has to be known how many there are.

use std::ops::ControlFlow;

use syncline_engine::operate::{Answer, Entities, Group};
use syncline_engine::rows::Scan;
use syncline_merge::codec::decode_record;
use syncline_merge::display::is_visible;
use syncline_merge::fault::{Fault, is_planted};
use syncline_model::id::{ClientId, EntityName, RecordId};
use syncline_policy::view::Sight;
use syncline_policy::{Counted, Deed, Hold, PushGuard, PushHeld};
use syncline_store::Read;

use super::{CountedAs, Waiting};
use crate::error::HubError;
use crate::limits::COUNTED_ROWS_MAX;

/// What a group of operations is about to do, and who judges that.
pub(super) struct Guarded<'g> {
    guard: &'g mut PushGuard,
    now_ms: u64,
    /// What each operation does, in their order; nothing where none is judged.
    deeds: std::vec::IntoIter<Option<Deed>>,
    /// What the operation that was judged last is about to make, and for whom.
    making: Option<(ClientId, EntityName, RecordId)>,
}

impl<'g> Guarded<'g> {
    /// Notes what all operations of a group are about to do, before one of them is judged.
    ///
    /// # Errors
    ///
    /// [`HubError::Store`] if records cannot be counted.
    pub(super) fn note(
        (guard, rows): (&'g mut PushGuard, &dyn Read),
        (group, entities): (&mut Group<'_>, &Entities),
        waiting: &[Waiting],
        (everything, now_ms): (&Sight, u64),
    ) -> Result<Self, HubError> {
        if guard.is_idle() {
            return Ok(Self { guard, now_ms, deeds: Vec::new().into_iter(), making: None });
        }
        guard.handle_group();
        if is_planted(Fault::PushesCountedAlone) {
            guard.forget_all();
        }
        let mut deeds = Vec::with_capacity(waiting.len());
        let mut touched = Vec::new();
        for one in waiting {
            let operation = &one.operation;
            let counted = counted(one);
            let sight = one.sight.as_deref().unwrap_or(everything);
            let deed = group.deed(sight, operation).filter(|_| counted.is_some());
            deeds.push(deed);
            if let Some((deed, counted)) = deed.zip(counted) {
                let who = (counted, &operation.entity);
                guard.handle_deed((&who.0, who.1), &operation.record, deed, now_ms);
                if touched.last() != Some(&who) {
                    touched.push(who);
                }
            }
        }
        touched.sort_unstable();
        touched.dedup();
        for (client, entity) in touched {
            while let Some(wanted) = guard.poll_count(&client, entity, now_ms) {
                let counted = count(rows, entity, entities, wanted)?;
                guard.handle_count(entity, counted, now_ms);
            }
        }
        Ok(Self { guard, now_ms, deeds: deeds.into_iter(), making: None })
    }

    /// Judges the next operation.
    ///
    /// # Errors
    ///
    /// [`PushHeld`] if it is not to be carried out now.
    pub(super) fn judge(&mut self, waiting: &Waiting) -> Result<(), PushHeld> {
        let deed = self.deeds.next().flatten();
        let Some((deed, client)) = deed.zip(counted(waiting)) else { return Ok(()) };
        let operation = &waiting.operation;
        if deed == Deed::Create {
            self.making = Some((client, operation.entity.clone(), operation.record.clone()));
            return Ok(());
        }
        self.guard.judge((&client, &operation.entity), deed, self.now_ms)
    }

    /// Takes note of what the operation that was judged last came to: one that is refused makes nothing.
    pub(super) fn handle_answer(&mut self, answer: &Answer) {
        let Some((client, entity, record)) = self.making.take() else { return };
        let Answer::Applied(applied) = answer else { return };
        let who = (&client, &entity);
        match applied.had_seen_all && applied.before.is_none() {
            true => self.guard.handle_made(who, &record, self.now_ms),
            // Others have made it in the same group, or before, and it has gone since.
            false => self.guard.handle_deed(who, &record, Deed::Change, self.now_ms),
        }
    }

    /// Returns who is held since this group.
    pub(super) fn news(self) -> Vec<Hold> {
        self.guard.take_news()
    }
}

/// Returns under which name an operation is counted: whoever can speak under many names is one.
fn counted(waiting: &Waiting) -> Option<ClientId> {
    match &waiting.counted {
        CountedAs::Client => Some(holder(&waiting.operation.id.client)),
        CountedAs::Name(name) => Some(name.clone()),
        CountedAs::Nobody => None,
    }
}

/// Returns the client that gave itself a name: `phone~x` is a name of `phone`.
fn holder(client: &ClientId) -> ClientId {
    match client.as_str().split_once('~') {
        Some((holder, _)) => ClientId::new(holder).unwrap_or_else(|_| client.clone()),
        None => client.clone(),
    }
}

/// Counts records of an entity that are there, at least so many if there are.
///
/// Beyond [`COUNTED_ROWS_MAX`] rows no more are looked at: an operator is asked the sooner.
fn count(
    rows: &dyn Read,
    entity: &EntityName,
    entities: &Entities,
    wanted: u64,
) -> Result<Counted, HubError> {
    let deletion = entities.rules(entity).map(|rules| rules.deletion).unwrap_or_default();
    let (mut at_least, mut is_all) = (0, true);
    let scan = Scan::Records { entity: entity.clone() };
    rows.scan(&scan, None, COUNTED_ROWS_MAX, &mut |_, bytes| {
        let is_there = decode_record(bytes).is_ok_and(|record| is_visible(&record, deletion));
        at_least += u64::from(is_there);
        is_all = at_least < wanted;
        if is_all { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(Counted { at_least, is_all })
}
