//! Planning one record: what its domains say of it is taken in, and what each is to hold comes out.

use std::borrow::Cow;

use syncline_merge::commit::Site;
use syncline_merge::conflict::{Conflict, conflicts};
use syncline_merge::display::{
    Field, Fields, is_uncontested, is_visible, same_fields, stamps, value_at, visible,
};
use syncline_merge::error::Refusal;
use syncline_merge::fault::{Fault, is_planted};
use syncline_merge::plain::{Base, Intent, Notice, Reading, Taken, take};
use syncline_merge::state::Record;
use syncline_merge::token::Token;
use syncline_merge::uphold::uphold;
use syncline_model::clock::{Clock, Stamp};
use syncline_model::json::{Json, Leaf};
use syncline_model::limits::DRIFT_MS_MAX;
use syncline_model::path::Path;

use super::gate::Gate;
use super::order::arrange;
use super::transaction::Recording;
use super::withdrawn::Bystander;
use crate::link::{Direction, LinkedDomain, LinkedEntity, Side};

/// One domain of the link, as far as one entity is concerned.
#[derive(Clone, Debug)]
pub struct Party<'a> {
    /// The domain.
    pub domain: &'a LinkedDomain,
    /// Its gate for the entity.
    pub gate: Gate,
}

impl Party<'_> {
    /// Returns what the domain holds of a record, as far as the hub has a say in it.
    fn holds<'f>(
        &self,
        fields: &'f Fields,
        shown: Option<&Fields>,
        base: Option<&Base>,
    ) -> Cow<'f, Fields> {
        let held = self.gate.held(fields);
        match shown {
            Some(shown) => self.gate.without_own(held, shown, rendering_of(base)),
            None => held,
        }
    }
}

/// What a domain holds of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Held {
    /// These fields, without the id.
    Present {
        /// All fields, sorted by path.
        fields: Fields,
        /// Time of the last edit of the file, in milliseconds; used where the record names none.
        file_ms: Option<u64>,
    },
    /// Nothing, and that is certain.
    Absent,
    /// Nobody knows: it could not be read, or it is none of the hub's business.
    Unknown,
}

impl Held {
    /// Returns the fields that are known to be there, sorted by path.
    pub fn fields(&self) -> &[Field] {
        match self {
            Self::Present { fields, .. } => fields,
            Self::Absent | Self::Unknown => &[],
        }
    }
}

/// What is known of a record before planning.
#[derive(Clone, Debug)]
pub struct Known {
    /// The state at the hub.
    pub record: Option<Record>,
    /// What each domain holds now.
    pub held: [Held; 2],
    /// What each domain was last known to hold.
    pub bases: [Option<Base>; 2],
    /// Whether an open intent was written, where that is known.
    pub written: [Option<bool>; 2],
    /// Whether a domain, which can be written, holds it under another id that it is to give up.
    pub renamed: [bool; 2],
    /// What the planner's bystanders were last known to hold, in their order.
    pub outside: Vec<Option<Base>>,
}

/// What a domain is to do with a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// What it holds now, of the fields that the hub deals with; `None` if it lacks the record.
    pub before: Option<Fields>,
    /// What it is to hold; `None` to remove the record.
    pub after: Option<Fields>,
    /// Whether it lacks the record and is to hold it exactly as the other domain does.
    pub is_copy: bool,
}

/// One change that a domain made.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The change.
    pub stamp: Stamp,
    /// Whose.
    pub side: Side,
    /// What the hub showed before; `None` if there was no record.
    pub before: Option<Fields>,
    /// What the hub shows after; `None` if the record is gone.
    pub after: Option<Fields>,
}

/// The plan for one record.
#[derive(Clone, Debug, Default)]
pub struct RecordPlan {
    /// The state after the changes.
    pub record: Option<Record>,
    /// Whether the state differs from the one that is stored.
    pub changed: bool,
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// What each domain is to do; `None` for nothing.
    pub writes: [Option<Write>; 2],
    /// What is to be stored as known of each domain.
    pub bases: [Option<Base>; 2],
    /// The conflicts of the state.
    pub conflicts: Vec<Conflict>,
    /// What a side in conflict held before at contested paths, for those who decide.
    pub base_values: Vec<(Path, Leaf)>,
    /// What a person should know.
    pub notices: Vec<(Side, Notice)>,
    /// Whether the record was kept back, by whose policy.
    pub kept_back: [bool; 2],
    /// Whether a side differs and would be written, if its domain could be.
    pub waiting: [bool; 2],
    /// Whether a side keeps a record that it would lose, if anything were removed there.
    pub stays: [bool; 2],
    /// Whether a side gives up another id for the record's with its write.
    pub renamed: [bool; 2],
    /// Whether the record was left alone for a run that may remove it: nothing of it is taken in.
    pub is_left: bool,
}

impl RecordPlan {
    /// Takes back what `side` was to do: it cannot be done. The domain is known to hold what it
    /// holds, and the next run tries again.
    pub fn give_up(&mut self, side: Side) {
        self.writes[side.index()] = None;
        let base = self.bases[side.index()].take();
        self.bases[side.index()] = base.and_then(Base::without_intent);
    }
}

/// The part of the plan that is the same for all records of an entity.
#[derive(Debug)]
pub struct Planner<'a> {
    /// The entity.
    pub entity: &'a LinkedEntity,
    /// Source and target.
    pub parties: [Party<'a>; 2],
    /// Which way changes flow.
    pub direction: Direction,
    /// The hub's other domains that withhold something of the entity.
    pub bystanders: Vec<Bystander>,
}

impl Planner<'_> {
    /// Returns the names under which the plans are stored.
    pub fn recording(&self) -> Recording {
        let domains = self.parties.each_ref().map(|party| party.domain);
        Recording {
            entity: self.entity.name.clone(),
            domains: domains.map(|domain| domain.name.clone()),
            writers: domains.map(|domain| domain.writer.clone()),
            direction: self.direction,
        }
    }

    /// Plans one record.
    ///
    /// # Errors
    ///
    /// [`Refusal`] where the state does not allow what a domain says. The record is left out of the
    /// run and reported; nothing of it is changed.
    pub fn record(&self, known: Known, site: &mut Site<'_>) -> Result<RecordPlan, Refusal> {
        let Known { record, mut held, bases, written, renamed, outside } = known;
        let mut plan = RecordPlan { record, bases, renamed, ..RecordPlan::default() };
        let mut earlier = [None, None];
        plan.kept_back = self.kept_back((&held, &written), &plan, site)?;
        if plan.kept_back.contains(&true) {
            self.set_aside((&held, &written), &mut plan, site)?;
            held = [Held::Unknown, Held::Unknown];
        }
        plan.is_left = self.leaves(&held, &plan.bases);
        match plan.is_left {
            true => plan.stays = held.each_ref().map(|held| matches!(held, Held::Present { .. })),
            false => self.exchange((&held, &outside), written, &mut plan, &mut earlier, site)?,
        }
        for side in Side::BOTH.map(Side::index) {
            if plan.renamed[side] && plan.writes[side].is_none() {
                plan.bases[side] = None;
            }
        }
        if let Some(record) = &plan.record {
            plan.conflicts = conflicts(record, &self.entity.rules);
            plan.conflicts
                .retain(|conflict| Some(&conflict.path) != self.entity.time_path.as_ref());
            plan.base_values = self.base_values(&plan, &earlier);
        }
        Ok(plan)
    }

    /// Returns what was in contested fields before. Several links may hand a value on one by one, so
    /// that only a side whose change is in the conflict is known to have held what it replaced.
    fn base_values(&self, plan: &RecordPlan, earlier: &[Option<Fields>; 2]) -> Vec<(Path, Leaf)> {
        let known = plan.bases.iter().flatten().filter_map(|base| base.rendering.as_ref());
        let value = |conflict: &Conflict| {
            let of_conflict = |change: &&Change| conflict.stamps.contains(&change.stamp);
            let mut changes = plan.changes.iter().filter(of_conflict).peekable();
            let fields = match changes.peek() {
                Some(_) => changes.find_map(|change| earlier[change.side.index()].as_ref()),
                None => known.clone().next(),
            }?;
            let leaf = value_at(fields, &conflict.path, &self.entity.rules)?;
            Some((conflict.path.clone(), leaf))
        };
        plan.conflicts.iter().filter_map(value).collect()
    }

    /// Takes in what both domains say, and decides what both are to hold.
    ///
    /// - `outside`: what the bystanders are known to hold.
    /// - `earlier`: is given what each domain held before its change.
    fn exchange(
        &self,
        (held, outside): (&[Held; 2], &[Option<Base>]),
        written: [Option<bool>; 2],
        plan: &mut RecordPlan,
        earlier: &mut [Option<Fields>; 2],
        site: &mut Site<'_>,
    ) -> Result<(), Refusal> {
        let mirror = Side::BOTH.into_iter().find(|side| self.direction.mirrors(*side));
        let found = mirror.and(plan.record.as_ref()).map(|record| record.version.clone());
        // Who makes anew what it had removed comes last: the other one may remove it now.
        let mut sides = Side::BOTH;
        sides.sort_by_key(|side| plan.bases[side.index()].as_ref().is_some_and(is_given_up));
        for side in sides {
            if self.direction.gives(side) {
                earlier[side.index()] = self.take(side, held, written[side.index()], plan, site)?;
            } else if let Some(base) = &mut plan.bases[side.index()] {
                self.close_mirrored(side, base, &held[side.index()], written[side.index()]);
            }
        }
        let is_met = |side: &Side| earlier[side.index()].is_none();
        for side in Side::BOTH.into_iter().filter(is_met) {
            self.uphold_against(side, held, plan, site)?;
        }
        let unseen = self.unseen(plan, outside);
        if let Some(side) = mirror {
            self.overrule(side, (held, found.as_ref()), &unseen, plan, site)?;
        }
        for side in Side::BOTH {
            // A mirror removes only what its source certainly does not hold.
            let origin_unknown = held[side.other().index()] == Held::Unknown;
            let is_no_record = plan.record.as_ref().is_none_or(Record::is_empty);
            if self.direction.mirrors(side) && origin_unknown && is_no_record {
                continue;
            }
            self.give(side, held, &unseen, plan);
        }
        Ok(())
    }

    pub(super) fn party(&self, side: Side) -> &Party<'_> {
        &self.parties[side.index()]
    }

    /// Returns whether a record is left alone since one side has lost it, and nothing may be removed
    /// from the other. Who empties a file by accident loses nothing at the hub either.
    fn leaves(&self, held: &[Held; 2], bases: &[Option<Base>; 2]) -> bool {
        Side::BOTH.into_iter().any(|side| {
            let (taker, at) = (side.other(), side.index());
            self.direction.takes(taker)
                && !self.direction.removes(taker)
                && held[at] == Held::Absent
                && bases[at].as_ref().is_some_and(was_held)
        })
    }

    /// Takes in what one domain says; returns what it held before, if it changed that.
    pub(super) fn take(
        &self,
        side: Side,
        held: &[Held; 2],
        written: Option<bool>,
        plan: &mut RecordPlan,
        site: &mut Site<'_>,
    ) -> Result<Option<Fields>, Refusal> {
        let party = self.party(side);
        let (held, edited_ms) = match &held[side.index()] {
            Held::Unknown => return Ok(None),
            Held::Absent => (None, None),
            Held::Present { fields, file_ms } => (Some(party.gate.held(fields)), *file_ms),
        };
        let mut base = plan.bases[side.index()].take();
        // Who has given up a record that others hold meets it anew.
        let is_shown =
            || plan.record.as_ref().is_some_and(|r| is_visible(r, self.entity.rules.deletion));
        if held.is_some() && base.as_ref().is_some_and(is_given_up) && is_shown() {
            base = None;
        }
        if held.is_none() && base.is_none() {
            return Ok(None);
        }
        // An open write is closed first: what the domain cannot edit is as it was written there.
        if let Some(base) = &mut base {
            self.close_intent(side, base, held.as_deref(), written);
        }
        let rendering = rendering_of(base.as_ref());
        let fields = held.as_deref().map(|held| party.gate.reading(held, rendering));
        if let (Some(before), Some(now)) = (rendering, &fields)
            && same_fields(&self.entity.rules, before, now)
            && !is_planted(Fault::EchoTakenForEdit)
        {
            plan.bases[side.index()] = base;
            return Ok(None);
        }
        let earlier = rendering.cloned();
        if let (Some(base), Some(record)) = (&mut base, &plan.record) {
            let writer = &party.domain.writer;
            let own = party.gate.own_changes(record, writer, base.rendering.as_ref());
            own.into_iter().for_each(|stamp| base.own.insert(stamp));
        }
        let time = fields.as_ref().and_then(|fields| self.time(fields, base.as_ref()));
        let edited_ms = time.or(edited_ms).unwrap_or(site.now_ms);
        let reading = Reading {
            fields: fields.as_deref(),
            writer: &party.domain.writer,
            edited: Clock::new(edited_ms, 0),
            timed: time.is_some(),
            written,
        };
        let shown_before = self.shown_to_all(plan);
        let taken = take(plan.record.take(), base, &reading, &self.entity.rules, site)?;
        let Taken { record, base, change, capped, notices } = taken;
        plan.record = record;
        plan.bases[side.index()] = base;
        plan.notices.extend(notices.into_iter().map(|notice| (side, notice)));
        if let Some((stamp, _)) = change {
            self.note_change(side, stamp, shown_before, plan);
        }
        debug_assert!(capped.is_empty() || plan.changed, "a cap comes with a change");
        Ok(earlier)
    }

    /// Lets the other domain say anew what it holds unedited, where one that was met for the first
    /// time contradicts it: else only whoever wrote it once says so, which may be the one that does.
    fn uphold_against(
        &self,
        met: Side,
        held: &[Held; 2],
        plan: &mut RecordPlan,
        site: &mut Site<'_>,
    ) -> Result<(), Refusal> {
        let side = met.other();
        let contradicts = |change: &Change| change.side == met && change.before.is_some();
        if !self.direction.gives(side) || !plan.changes.iter().any(contradicts) {
            return Ok(());
        }
        let says = |of: Side| match &held[of.index()] {
            Held::Present { fields, .. } => {
                let gate = &self.party(of).gate;
                Some(gate.reading(&gate.held(fields), None).into_owned())
            }
            Held::Absent | Held::Unknown => None,
        };
        let (Some(stated), Some(fields)) = (says(met), says(side)) else { return Ok(()) };
        let shown_before = self.shown_to_all(plan);
        let (Some(record), Some(base)) = (&plan.record, &mut plan.bases[side.index()]) else {
            return Ok(());
        };
        // Both are met anew: what the records say of their times decides, as at a first meeting.
        let time = self.time(&fields, None);
        let reading = Reading {
            fields: Some(&fields),
            writer: &self.party(side).domain.writer,
            edited: Clock::new(time.unwrap_or(site.now_ms), 0),
            timed: time.is_some(),
            written: None,
        };
        let upheld = uphold(record, base, &reading, &stated, &self.entity.rules, site)?;
        if let Some((record, stamp)) = upheld {
            plan.record = Some(record);
            self.note_change(side, stamp, shown_before, plan);
        }
        Ok(())
    }

    /// Notes that the record was changed.
    ///
    /// - `before`: what it showed then.
    pub(super) fn note_change(
        &self,
        side: Side,
        stamp: Stamp,
        before: Option<Fields>,
        plan: &mut RecordPlan,
    ) {
        plan.changed = true;
        let after = plan.record.as_ref().and_then(|r| visible(r, &self.entity.rules, None));
        plan.changes.push(Change { stamp, side, before, after });
    }

    /// Returns what the record shows as it is now.
    pub(super) fn shown_to_all(&self, plan: &RecordPlan) -> Option<Fields> {
        match plan.changes.last() {
            Some(last) => last.after.clone(),
            None => plan.record.as_ref().and_then(|r| visible(r, &self.entity.rules, None)),
        }
    }

    /// Closes an open write of a domain whose changes are not taken.
    fn close_mirrored(&self, side: Side, base: &mut Base, held: &Held, written: Option<bool>) {
        let now = match held {
            Held::Unknown => return,
            Held::Absent => None,
            Held::Present { fields, .. } => Some(self.party(side).gate.held(fields)),
        };
        self.close_intent(side, base, now.as_deref(), written);
    }

    /// Closes an open write of a domain, as far as it can be told whether it was done.
    fn close_intent(
        &self,
        side: Side,
        base: &mut Base,
        held: Option<&Fields>,
        written: Option<bool>,
    ) {
        let party = self.party(side);
        let Some(intent) = &base.intent else { return };
        let reading = held.map(|held| party.gate.reading(held, intent.rendering.as_ref()));
        base.close_intent(&Reading {
            fields: reading.as_deref(),
            writer: &party.domain.writer,
            edited: Clock::default(),
            timed: false,
            written,
        });
    }

    /// Returns when the record says that it was edited, if that can be trusted: an edit that left
    /// the time as it was says nothing about when it was made.
    fn time(&self, fields: &Fields, base: Option<&Base>) -> Option<u64> {
        let path = self.entity.time_path.as_ref()?;
        let at = |fields: &Fields| fields.iter().find(|(p, _)| p == path).map(|(_, l)| l.clone());
        let time = at(fields)?;
        let before = rendering_of(base).and_then(at);
        if before.as_ref() == Some(&time) {
            return None;
        }
        let ms = super::time::milliseconds(&time)?;
        let before = before.as_ref().and_then(super::time::milliseconds).unwrap_or_default();
        // Also where another edit has replaced already what this one did.
        (before <= ms.saturating_add(DRIFT_MS_MAX)).then_some(ms)
    }

    /// Decides what one domain is to hold, and what is known of it then.
    ///
    /// - `unseen`: what no side may be given that others withhold by now.
    fn give(&self, side: Side, held: &[Held; 2], unseen: &[Path], plan: &mut RecordPlan) {
        let party = self.party(side);
        let rules = &self.entity.rules;
        let mut shown = self.shown_to(side, held, plan);
        let untold = self.untold(side, shown.as_ref(), plan);
        let now = match &held[side.index()] {
            Held::Unknown => return,
            Held::Absent => None,
            Held::Present { fields, .. } => {
                let base = plan.bases[side.index()].as_ref();
                Some(party.holds(fields, shown.as_ref(), base))
            }
        };
        if plan.notices.contains(&(side, Notice::DeletedHere)) {
            return;
        }
        if shown.is_none() && now.is_some() && self.is_mirrored_from(side, held) {
            return;
        }
        let nothing = Fields::new();
        let held_now = now.as_deref().unwrap_or(&nothing);
        let give_up = |shown| self.withdraw(side, plan, shown, (held, held_now), unseen);
        let withdrawn = shown.as_mut().map(give_up);
        let mut after = shown.as_ref().map(|shown| party.gate.rendering(shown, held_now));
        if self.is_kept_from(side, plan, now.is_none(), [shown.as_ref(), after.as_deref()]) {
            plan.kept_back[side.index()] = true;
            return;
        }
        keep_reported(side, plan, now.as_deref(), after.as_mut());
        let same = match (now.as_deref(), after.as_deref()) {
            (Some(now), Some(after)) => {
                !plan.renamed[side.index()] && same_fields(rules, now, after)
            }
            (now, after) => now == after,
        };
        let is_removal = now.is_some() && after.is_none();
        if self.is_held_off(side, (is_removal, same), plan) {
            return;
        }
        let Some(record) = &plan.record else {
            // A mirror holds a record that no one else has.
            if !same {
                let before = now.map(Cow::into_owned);
                plan.writes[side.index()] = Some(Write { before, after: None, is_copy: false });
            }
            return;
        };
        let mut earlier = plan.bases[side.index()].take();
        // What it holds itself of a field that it is not shown may be gone at the hub.
        let there = shown.iter().chain(now.as_deref());
        let withheld = there.flat_map(|fields| party.gate.withheld(fields));
        let withheld = withheld.chain(withdrawn.into_iter().flatten());
        let withheld: Vec<Path> = withheld.chain(untold).collect();
        let (token, kept) = self.seen_by(side, record, &withheld, earlier.as_mut());
        plan.bases[side.index()] = if same {
            self.agreed(side, record, now.map(Cow::into_owned), (token, &kept), earlier)
        } else {
            if let (Some(now), Some(after)) = (&now, &after) {
                let replaced = party.gate.replaced(now, after, rendering_of(earlier.as_ref()));
                let told = replaced.into_iter().map(|path| (side, Notice::Replaced { path }));
                plan.notices.extend(told);
            }
            if let (Some(after), false) = (&mut after, rules.fields.is_empty()) {
                arrange(after.to_mut(), held.each_ref().map(Held::fields), rules);
            }
            // A record that comes anew comes without what is out of scope.
            let kept = if now.is_some() { kept } else { Fields::new() };
            let rendering = with(after.as_deref().cloned(), &kept);
            let is_copy = now.is_none() && is_held(&held[side.other().index()], after.as_deref());
            let (before, after) = (now.map(Cow::into_owned), after.map(Cow::into_owned));
            plan.writes[side.index()] = Some(Write { before, after, is_copy });
            // Under this id it holds nothing before the write.
            let earlier = earlier.filter(|_| !plan.renamed[side.index()]);
            Some(Base { intent: Some(Intent { rendering, token }), ..earlier.unwrap_or_default() })
        };
    }

    /// Returns whether a record is kept from a domain whole, by its own policy or that of a domain
    /// outside of the link.
    ///
    /// - `is_new`: whether the domain lacks it.
    /// - `shown`: what it may be shown, before its gate and after. The field that decides may itself be
    ///   hidden from it.
    fn is_kept_from(
        &self,
        side: Side,
        plan: &RecordPlan,
        is_new: bool,
        shown: [Option<&Fields>; 2],
    ) -> bool {
        let gate = &self.party(side).gate;
        let is_bare = shown[0].is_some_and(Fields::is_empty);
        shown.into_iter().flatten().any(|fields| gate.keeps_back(fields))
            || (is_new && is_bare && self.is_private_outside(plan))
    }

    /// Returns whether a domain is left as it is although it may differ: nothing is removed from it, or
    /// nothing written to it.
    fn is_held_off(
        &self,
        side: Side,
        (is_removal, same): (bool, bool),
        plan: &mut RecordPlan,
    ) -> bool {
        let takes = self.direction.takes(side);
        if is_removal && takes {
            plan.stays[side.index()] = !self.direction.removes(side);
        }
        if plan.stays[side.index()] {
            return true;
        }
        let may_write = takes && self.party(side).domain.writable;
        let is_held_off = !same && !may_write;
        if is_held_off {
            plan.waiting[side.index()] = takes;
        }
        is_held_off
    }

    /// Returns what is known of a domain that holds what it is to hold.
    fn agreed(
        &self,
        side: Side,
        record: &Record,
        now: Option<Fields>,
        (token, kept): (Token, &Fields),
        earlier: Option<Base>,
    ) -> Option<Base> {
        let party = self.party(side);
        let is_known = earlier.is_some() || now.is_some();
        let mut own = party.gate.own_changes(record, &party.domain.writer, now.as_ref());
        if !token.exceptions.is_empty() {
            own.extend(earlier.iter().flat_map(|base| base.own.as_slice()));
        }
        let own = own.into_iter().collect();
        is_known.then(|| Base { rendering: with(now, kept), token, own, intent: None })
    }

    /// Returns what a domain has seen that holds what it is to hold, and what it holds, as far as
    /// was ever known, out of its scope.
    ///
    /// - `withheld`: the fields that it is not shown. Of these it has seen nothing new.
    /// - `earlier`: what was known of it. Its own changes stay there as long as they stand.
    fn seen_by(
        &self,
        side: Side,
        record: &Record,
        withheld: &[Path],
        earlier: Option<&mut Base>,
    ) -> (Token, Fields) {
        let party = self.party(side);
        let writer = &party.domain.writer;
        let mut token = Token::of(record, &self.entity.rules, Some(writer), withheld);
        let Some(earlier) = earlier else { return (token, Fields::new()) };
        let mut kept = Fields::new();
        if let Some(rendering) = &earlier.rendering {
            kept = party.gate.out_of_scope(rendering);
            let unshown = withheld.iter().chain(kept.iter().map(|(path, _)| path));
            unshown.for_each(|path| token.keep(path, &earlier.token));
        }
        if !token.exceptions.is_empty() && !earlier.own.is_empty() {
            let standing = stamps(record);
            earlier.own.retain(|stamp| standing.contains(*stamp));
        }
        (token, kept)
    }

    /// Returns whether a domain is a mirror whose origin holds the record. It is not deleted there then,
    /// whatever the hub says: a run that carries a deletion to both sides does that.
    fn is_mirrored_from(&self, side: Side, held: &[Held; 2]) -> bool {
        let holds = matches!(held[side.other().index()], Held::Present { .. });
        self.direction.mirrors(side) && holds
    }

    /// Returns the record as one domain may see it, before its gate; nothing if it is deleted.
    fn shown_to(&self, side: Side, held: &[Held; 2], plan: &RecordPlan) -> Option<Fields> {
        let rules = &self.entity.rules;
        let record = plan.record.as_ref();
        let record = record.filter(|record| is_visible(record, rules.deletion))?;
        let other = side.other();
        if self.direction.mirrors(side) {
            // Whatever else the hub knows, and whatever is in conflict there.
            if let Held::Present { fields, .. } = &held[other.index()] {
                return Some(self.party(other).gate.held(fields).into_owned());
            }
            return visible(record, rules, Some(&self.party(other).domain.writer));
        }
        if is_uncontested(record) {
            return self.shown_to_all(plan);
        }
        visible(record, rules, Some(&self.party(side).domain.writer))
    }
}

/// Returns whether a domain held a record when it was last known, or was about to be given it.
pub(super) fn was_held(base: &Base) -> bool {
    let intended = base.intent.as_ref().and_then(|intent| intent.rendering.as_ref());
    base.rendering.is_some() || intended.is_some()
}

/// Returns whether a domain is known to lack a record that it had.
fn is_given_up(base: &Base) -> bool {
    base.rendering.is_none() && base.intent.is_none()
}

/// Returns what a domain was last known to hold.
pub(super) fn rendering_of(base: Option<&Base>) -> Option<&Fields> {
    base.and_then(|base| base.rendering.as_ref())
}

/// Returns whether a domain holds exactly these fields.
fn is_held(held: &Held, wanted: Option<&Fields>) -> bool {
    matches!(held, Held::Present { fields, .. } if Some(fields) == wanted)
}

/// Adds to what a domain holds what it held out of its scope.
fn with(held: Option<Fields>, kept: &Fields) -> Option<Fields> {
    let mut held = held?;
    held.extend(kept.iter().cloned());
    held.sort();
    held.dedup_by(|a, b| a.0 == b.0);
    Some(held)
}

/// Leaves an append list as it is in a domain that removed elements from it: that is reported. Not
/// where others have brought elements that the domain does not know: it is given the whole list.
fn keep_reported(
    side: Side,
    plan: &RecordPlan,
    now: Option<&Fields>,
    after: Option<&mut Cow<'_, Fields>>,
) {
    let Some(after) = after else { return };
    for (at, notice) in &plan.notices {
        let Notice::RemovedFromAppend { path, known } = notice else {
            continue;
        };
        let held = now.into_iter().flatten().find(|(p, _)| p == path);
        if let (true, Some(held)) = (*at == side, held)
            && let Some(field) = after.to_mut().iter_mut().find(|(p, _)| p == path)
            && !has_more(&field.1, [known.as_ref(), Some(&held.1)])
        {
            *field = held.clone();
        }
    }
}

/// Returns whether a list holds an element more often than each of two others.
fn has_more(list: &Leaf, others: [Option<&Leaf>; 2]) -> bool {
    let elements = |leaf: &Leaf| {
        let list = leaf.to_json();
        let elements = list.as_array().unwrap_or_default().iter().map(Json::to_canonical_string);
        elements.collect::<Vec<_>>()
    };
    let [mut known, held] = others.map(|other| other.map(elements).unwrap_or_default());
    let beyond = beyond(held, known.clone());
    known.extend(beyond);
    !self::beyond(elements(list), known).is_empty()
}

/// Returns the elements of a list beyond those of another one.
fn beyond(list: Vec<String>, mut other: Vec<String>) -> Vec<String> {
    let is_beyond = |element: &String| match other.iter().position(|known| known == element) {
        Some(place) => {
            other.swap_remove(place);
            false
        }
        None => true,
    };
    list.into_iter().filter(is_beyond).collect()
}
