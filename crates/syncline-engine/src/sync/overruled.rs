//! What a mirror throws out: its origin says so at the hub, so that it does not come back.

use syncline_merge::commit::Site;
use syncline_merge::conflict::{Conflict, conflicts};
use syncline_merge::diff::difference;
use syncline_merge::display::{Field, Fields, is_visible, same_fields, stamps_in, visible};
use syncline_merge::error::Refusal;
use syncline_merge::plain::{Base, Reading, take};
use syncline_merge::rules::Shape;
use syncline_merge::token::Token;
use syncline_model::clock::{Clock, Stamp};
use syncline_model::path::Path;
use syncline_model::version::Version;

use super::gate::value_in;
use super::names::overlap;
use super::record::{Held, Planner, RecordPlan, rendering_of};
use crate::link::Side;

impl Planner<'_> {
    /// Lets the origin of a mirror say anew what it holds where the hub shows something else that the
    /// mirror gives up: whoever of the two sides has typed it once, a run without a direction would bring
    /// it back.
    ///
    /// Left alone is what neither side has seen, what waits for a person, and what a policy keeps from
    /// the origin or from its mirror.
    ///
    /// - `held`: what both domains hold, and what the record's version was before the run.
    /// - `unseen`: the fields of [`unseen`](Self::unseen).
    pub(super) fn overrule(
        &self,
        side: Side,
        held: (&[Held; 2], Option<&Version>),
        unseen: &[Path],
        plan: &mut RecordPlan,
        site: &mut Site<'_>,
    ) -> Result<(), Refusal> {
        let rules = &self.entity.rules;
        if plan.record.as_ref().is_some_and(|record| !is_visible(record, rules.deletion)) {
            return self.keep_alive(side, held, plan, site);
        }
        let Some((shown, after)) = self.overruled(side, held, unseen, plan) else { return Ok(()) };
        if same_fields(rules, &shown, &after) {
            return Ok(());
        }
        // What is gone from a list that only grows goes with the whole list, which begins anew.
        let shrunk = difference(rules, &shown, &after).removed_from_append;
        let is_shrunk = |(path, _): &&Field| touches(&shrunk, path);
        let begun = after.iter().filter(|field| !is_shrunk(field)).cloned().collect();
        self.say(side.other(), (Some(&shown), &begun), plan, site)?;
        self.say(side.other(), (Some(&begun), &after), plan, site)
    }

    /// Lets the origin say a record anew that it holds as it did before, and that is deleted at the hub,
    /// which the mirror has seen. Where a policy may have a say in it, the record is left alone.
    fn keep_alive(
        &self,
        side: Side,
        (held, found): (&[Held; 2], Option<&Version>),
        plan: &mut RecordPlan,
        site: &mut Site<'_>,
    ) -> Result<(), Refusal> {
        let Held::Present { fields, .. } = &held[side.other().index()] else { return Ok(()) };
        let [known, seen] = [side.other(), side].map(|of| plan.bases[of.index()].as_ref());
        let is_seen = |base: &Base| {
            base.token.exceptions.is_empty()
                && found.is_some_and(|all| base.token.version.includes(all))
        };
        let is_open = self.parties.iter().all(|party| party.gate.passes_everything())
            && self.bystanders.is_empty();
        let is_overruled = is_open
            && self.party(side).domain.writable
            && held[side.index()] != Held::Unknown
            && rendering_of(known).is_some()
            && seen.is_some_and(is_seen);
        if !is_overruled {
            return Ok(());
        }
        self.say(side.other(), (None, fields), plan, site)
    }

    /// Lets a domain that has seen all that is shown say something else; nothing if it is the same.
    fn say(
        &self,
        side: Side,
        (shown, said): (Option<&Fields>, &Fields),
        plan: &mut RecordPlan,
        site: &mut Site<'_>,
    ) -> Result<(), Refusal> {
        let Some(record) = plan.record.clone() else { return Ok(()) };
        let rules = &self.entity.rules;
        let writer = &self.party(side).domain.writer;
        let token = Token::of(&record, rules, Some(writer), &[]);
        let base = Base { rendering: shown.cloned(), token, ..Base::default() };
        // No record says when that was.
        let reading = Reading {
            fields: Some(said),
            writer,
            edited: Clock::new(site.now_ms, 0),
            timed: false,
            written: None,
        };
        let before = self.shown_to_all(plan);
        let taken = take(Some(record), Some(base), &reading, rules, site)?;
        plan.record = taken.record;
        if let Some((stamp, _)) = taken.change {
            plan.bases[side.index()].iter_mut().for_each(|base| base.own.insert(stamp));
            self.note_change(side, stamp, before, plan);
        }
        Ok(())
    }

    /// Returns what the hub shows to the origin of a mirror, and what it is to show: what the origin
    /// holds, as far as it overrules the rest.
    fn overruled(
        &self,
        side: Side,
        (held, found): (&[Held; 2], Option<&Version>),
        unseen: &[Path],
        plan: &RecordPlan,
    ) -> Option<(Fields, Fields)> {
        let (origin, mirror) = (self.party(side.other()), self.party(side));
        let Held::Present { fields: said, .. } = &held[side.other().index()] else { return None };
        let bases = [plan.bases[0].as_ref()?, plan.bases[1].as_ref()?];
        let is_left = held[side.index()] == Held::Unknown
            || !mirror.domain.writable
            || mirror.gate.keeps_back(said);
        let record = plan.record.as_ref().filter(|_| !is_left)?;
        let rules = &self.entity.rules;
        let shown = visible(record, rules, Some(&origin.domain.writer))?;
        if same_fields(rules, &shown, said) {
            return None;
        }
        let (open, settled): (Vec<_>, Vec<_>) =
            conflicts(record, rules).into_iter().partition(|conflict| conflict.open);
        let mut left: Vec<Path> = open.into_iter().map(|conflict| conflict.path).collect();
        // What the origin is not shown it may speak of all the same.
        let is_kept = |(path, leaf): &&Field| {
            origin.gate.withholds(path, leaf) || mirror.gate.keeps_from(path, leaf)
        };
        let kept = shown.iter().chain(said).filter(is_kept);
        let masks = said.iter().filter(|(_, leaf)| origin.gate.is_mask(leaf));
        left.extend(kept.chain(masks).map(|(path, _)| path.clone()));
        let mut given = shown.clone();
        let held_there = origin.gate.held(said);
        left.extend(self.withdraw(side.other(), plan, &mut given, (held, &held_there), unseen));
        let seen_by = |seen: &dyn Fn(&&Base) -> bool| bases.iter().any(seen);
        let is_seen = |path: &Path| {
            let stamps = stamps_in(&record.body, path);
            let is_known = |stamp: &Stamp| {
                seen_by(&|base| base.token.covers(path, *stamp) || base.own.contains(*stamp))
            };
            // What was removed from a list leaves no stamp there.
            let leaves_stamps = *rules.shape(path) == Shape::Register && !stamps.is_empty();
            (leaves_stamps && stamps.as_slice().iter().all(is_known))
                || found.is_none_or(|all| seen_by(&|base| base.token.effective(path).includes(all)))
        };
        let settled: Vec<Path> = settled.into_iter().map(|Conflict { path, .. }| path).collect();
        let given_up = [
            held[side.index()].fields(),
            rendering_of(Some(bases[side.index()])).map_or(&[][..], Vec::as_slice),
        ];
        let is_left = |path: &Path| {
            let is_same =
                || given_up.iter().all(|fields| value_in(fields, path) == value_in(said, path));
            !is_seen(path) || (touches(&settled, path) && is_same())
        };
        let there = shown.iter().chain(said).map(|(path, _)| path);
        left.extend(there.filter(|path| is_left(path)).cloned().collect::<Vec<_>>());
        let said = said.iter().filter(|(path, _)| !touches(&left, path)).cloned();
        let mut after: Fields =
            shown.iter().filter(|(path, _)| touches(&left, path)).cloned().chain(said).collect();
        after.sort();
        Some((shown, after))
    }

    /// Returns the fields in which a mirror holds what its origin does, and the hub shows something else
    /// that it was not told of: of these it has seen nothing new. What waits for a person both were told.
    pub(super) fn untold(
        &self,
        side: Side,
        shown: Option<&Fields>,
        plan: &RecordPlan,
    ) -> Vec<Path> {
        let (Some(record), Some(shown)) = (&plan.record, shown) else { return Vec::new() };
        if !self.direction.mirrors(side) || !is_visible(record, self.entity.rules.deletion) {
            return Vec::new();
        }
        let all = self.shown_to_all(plan).unwrap_or_default();
        let lacks = |fields: &Fields, field: &&Field| fields.binary_search(field).is_err();
        let missing = all.iter().filter(|field| lacks(shown, field));
        let other = missing.chain(shown.iter().filter(|field| lacks(&all, field)));
        let mut other: Vec<Path> = other.map(|(path, _)| path.clone()).collect();
        if !other.is_empty() {
            let open = conflicts(record, &self.entity.rules).into_iter().filter(|c| c.open);
            let open: Vec<Path> = open.map(|conflict| conflict.path).collect();
            other.retain(|path| !touches(&open, path));
        }
        other
    }
}

/// Returns whether a field is one of `paths`, or lies above or below one.
fn touches(paths: &[Path], path: &Path) -> bool {
    paths.iter().any(|of| overlap(of, path))
}
