//! Whether a record was edited lately, for a run that is narrowed to such records.

use syncline_merge::display::{Fields, same_fields};
use syncline_merge::plain::Base;
use syncline_model::json::Leaf;
use syncline_model::path::Path;

use super::record::{Held, Known, Planner, was_held};
use super::time::milliseconds;
use crate::link::Side;

/// When a record was edited, as far as a narrowed run asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recency {
    /// At the given time or after it, or nobody can tell.
    Since,
    /// Before, on every side that holds it.
    Before,
    /// A side lacks what it held, or what its mirror holds: what is missing has no time.
    Missing,
}

impl Planner<'_> {
    /// Returns whether a record was edited at `since_ms`, in milliseconds since 1970, or after it.
    ///
    /// The time is the one that the record names. It is not trusted where the record was edited and
    /// its time was left as it was.
    pub fn recency(&self, known: &Known, since_ms: u64) -> Recency {
        if Side::BOTH.into_iter().any(|side| self.is_missing(side, known)) {
            return Recency::Missing;
        }
        let mut is_before = false;
        for side in Side::BOTH {
            let Held::Present { fields, .. } = &known.held[side.index()] else { continue };
            match self.edit(side, fields, known) {
                Edit::At(time_ms) if time_ms < since_ms => is_before = true,
                Edit::At(_) | Edit::Untimed => return Recency::Since,
                Edit::None => {}
            }
        }
        // What no side holds has no time either, and nothing can be deleted of it.
        if is_before { Recency::Before } else { Recency::Since }
    }

    /// Returns whether a side lacks a record that it held when it was last known, or that the other
    /// side would lose because this one lacks it.
    fn is_missing(&self, side: Side, known: &Known) -> bool {
        let at = side.index();
        let is_lost = known.bases[at].as_ref().is_some_and(was_held);
        let taker = side.other();
        let would_go = self.direction.mirrors(taker) && self.direction.removes(taker);
        known.held[at] == Held::Absent && (is_lost || would_go)
    }

    /// Returns what a side says of the latest edit of its record.
    fn edit(&self, side: Side, fields: &Fields, known: &Known) -> Edit {
        let at = side.index();
        let earlier: Vec<&Fields> = match &known.bases[at] {
            Some(base) => last_known(base, known.written[at]).collect(),
            None => Vec::new(),
        };
        let is_edited = !earlier.iter().any(|earlier| {
            let reading = self.parties[at].gate.reading(fields, Some(earlier));
            same_fields(&self.entity.rules, earlier, &reading)
        });
        let time_of = |fields| self.entity.time_path.as_ref().and_then(|at| value_at(fields, at));
        let time = time_of(fields);
        let is_left = earlier.iter().any(|earlier| time_of(earlier) == time);
        match time.and_then(milliseconds).filter(|_| !is_edited || !is_left) {
            Some(time_ms) => Edit::At(time_ms),
            None if is_edited => Edit::Untimed,
            None => Edit::None,
        }
    }
}

/// The latest edit of a record on one side.
enum Edit {
    /// At this time, in milliseconds since 1970.
    At(u64),
    /// At a time that nobody can tell.
    Untimed,
    /// None since the side was last known, and nobody can tell of those before.
    None,
}

/// Returns what a domain may have held when it was last known: what was written there last, or what
/// it held before where nobody knows whether that was done.
fn last_known(base: &Base, written: Option<bool>) -> impl Iterator<Item = &Fields> {
    let intended = base.intent.as_ref();
    let before = base.rendering.as_ref().filter(|_| intended.is_none() || written != Some(true));
    let after = intended.and_then(|intent| intent.rendering.as_ref());
    before.into_iter().chain(after.filter(|_| written != Some(false)))
}

fn value_at<'f>(fields: &'f Fields, path: &Path) -> Option<&'f Leaf> {
    let found = fields.binary_search_by(|(known, _)| known.cmp(path)).ok()?;
    fields.get(found).map(|(_, leaf)| leaf)
}
