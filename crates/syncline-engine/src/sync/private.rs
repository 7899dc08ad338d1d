//! Whole records that a policy keeps from crossing a link: by whose word, and who can take it back.

use syncline_merge::commit::Site;
use syncline_merge::conflict::conflicts;
use syncline_merge::display::{Fields, is_visible, same_fields, visible};
use syncline_merge::error::Refusal;
use syncline_merge::fault::{Fault, is_planted};
use syncline_merge::plain::Base;
use syncline_merge::state::Record;

use super::record::{Held, Planner, RecordPlan, was_held};
use crate::link::Side;

/// What both domains hold, and whether an open write to them was done, where that is known.
pub(super) type Reported<'a> = (&'a [Held; 2], &'a [Option<bool>; 2]);

impl Planner<'_> {
    /// Returns whose policies keep the record from crossing the link.
    ///
    /// It is private by the word of either side: where what the others say of it meets a domain's
    /// policy, and where what the domain says itself does. One side takes that back only where the other
    /// has nothing to say that it does not know.
    pub(super) fn kept_back(
        &self,
        known: Reported<'_>,
        plan: &RecordPlan,
        site: &Site<'_>,
    ) -> Result<[bool; 2], Refusal> {
        let mut kept_back = [false; 2];
        for side in Side::BOTH {
            let (held, gate) = (&known.0[side.index()], &self.party(side).gate);
            if !gate.judges_records() || *held == Held::Unknown {
                continue;
            }
            // Of a mirror only the file tells what is not to reach its origin.
            if let Held::Present { fields, .. } = &known.0[side.other().index()]
                && self.direction.mirrors(side.other())
                && gate.keeps_back(fields)
            {
                kept_back[side.index()] = true;
                continue;
            }
            let others = self.said_by_others(side, known, plan, site)?;
            let others = others.filter(|record| is_visible(record, self.entity.rules.deletion));
            kept_back[side.index()] = match others {
                Some(record) if gate.keeps_back_record(&record, &self.entity.rules) => {
                    !self.takes_back(side, known, plan, record)
                }
                Some(_) => self.declares_private(side, known, plan),
                // It is gone elsewhere; what is private here stays.
                None => matches!(held, Held::Present { fields, .. } if gate.keeps_back(fields)),
            };
        }
        Ok(kept_back)
    }

    /// Sets a record aside that is kept back: of what its domains hold, nothing is taken in.
    ///
    /// Who removes its copy deletes it nowhere else: it is known to have given it up. Only the last one
    /// of the link that knew the record deletes it.
    pub(super) fn set_aside(
        &self,
        (held, written): Reported<'_>,
        plan: &mut RecordPlan,
        site: &mut Site<'_>,
    ) -> Result<(), Refusal> {
        let knows =
            |plan: &RecordPlan, of: Side| plan.bases[of.index()].as_ref().is_some_and(was_held);
        for side in Side::BOTH {
            let (at, other) = (side.index(), side.other());
            if held[at] != Held::Absent || !knows(plan, side) {
                continue;
            }
            if knows(plan, other) {
                plan.bases[at] = plan.bases[at].take().map(|base| base.given_up(written[at]));
            } else if self.direction.gives(side) {
                self.take(side, held, written[at], plan, site)?;
                // What the other one makes of this id is its own, whenever it may cross.
                let given_up = plan.bases[at].clone().map(|base| base.given_up(written[at]));
                let at_other = &mut plan.bases[other.index()];
                *at_other = at_other.take().or(given_up);
            }
        }
        Ok(())
    }

    /// Returns whether a domain says itself that a record is not to cross: not where it only holds, as
    /// it was last known to, what others have changed since.
    fn declares_private(
        &self,
        side: Side,
        (held, written): Reported<'_>,
        plan: &RecordPlan,
    ) -> bool {
        let gate = &self.party(side).gate;
        let Held::Present { fields, .. } = &held[side.index()] else { return false };
        let is_untouched = |known: &Fields| {
            let reading = gate.held(fields);
            let reading = gate.reading(&reading, Some(known));
            gate.decides_alike(fields, known) && same_fields(&self.entity.rules, &reading, known)
        };
        let mut known = may_hold(&plan.bases[side.index()], written[side.index()]);
        gate.keeps_back(fields) && !known.any(is_untouched)
    }

    /// Returns whether a domain makes a record public of which it has seen all that the others say.
    fn takes_back(
        &self,
        side: Side,
        (held, written): Reported<'_>,
        plan: &RecordPlan,
        others: Record,
    ) -> bool {
        let gate = &self.party(side).gate;
        let Held::Present { fields, .. } = &held[side.index()] else { return false };
        if gate.keeps_back(fields) || conflicts(&others, &self.entity.rules).iter().any(|c| c.open)
        {
            return false;
        }
        let Some(shown) = visible(&others, &self.entity.rules, None) else { return false };
        if is_planted(Fault::PublicByEither) {
            return true;
        }
        let has_seen_all = |known: &Fields| {
            !gate.decides_alike(fields, known)
                && same_fields(
                    &self.entity.rules,
                    &gate.rendering(&shown, known),
                    &gate.held(known),
                )
        };
        may_hold(&plan.bases[side.index()], written[side.index()]).any(has_seen_all)
    }

    /// Returns the record as it is without what one domain says now.
    fn said_by_others(
        &self,
        side: Side,
        known: Reported<'_>,
        plan: &RecordPlan,
        site: &Site<'_>,
    ) -> Result<Option<Record>, Refusal> {
        let (other, (held, written)) = (side.other(), known);
        let mut tried = RecordPlan {
            record: plan.record.clone(),
            bases: plan.bases.clone(),
            ..RecordPlan::default()
        };
        let mut clock = *site.clock;
        let mut site = Site { clock: &mut clock, ..*site };
        if self.direction.gives(other) && !self.declares_private(other, known, plan) {
            self.take(other, held, written[other.index()], &mut tried, &mut site)?;
        }
        Ok(tried.record)
    }
}

/// Returns what a domain holds as far as is known.
fn may_hold(base: &Option<Base>, written: Option<bool>) -> impl Iterator<Item = &Fields> {
    base.iter().flat_map(move |base| base.may_hold(written))
}
