//! Taking changes back: a record says again what it said before them.
//!
//! A change is never unmade: other hubs may know it. What it brought is dropped as something seen,
//! and what it had replaced is written again under *renewed* stamps, side by side where it stood side
//! by side. Nothing else is touched, so that a value which somebody wrote beside the changes stays in
//! its conflict.
//!
//! What writers had seen is renewed with it: who had seen a value before the changes has seen it under
//! its new stamp, and who had not has not. All stamps from the first one that was lost on are renewed,
//! so that everything stays in its order.

use std::collections::{BTreeMap, BTreeSet};

use syncline_model::clock::Stamp;
use syncline_model::json::{Leaf, Number};
use syncline_model::path::Path;

use crate::apply::note;
use crate::commit::Site;
use crate::conflict::{Side, locate};
use crate::display::{sum_is_visible, sum_value};
use crate::dots::Dots;
use crate::error::Refusal;
use crate::fault::{Fault, is_planted};
use crate::flat::FlatMap;
use crate::plain::Base;
use crate::state::{
    Addition, Body, Element, ElementId, Entry, Member, Record, Register, Sum, Text, Zero,
};

/// The new stamps of what was said anew: by path and old stamp.
pub type Renewals = BTreeMap<(Path, Stamp), Stamp>;

/// A record that says again what it said before.
#[derive(Debug)]
pub struct Restored {
    /// The record.
    pub record: Record,
    /// The last of the new stamps: it names the whole change.
    pub stamp: Stamp,
    /// What is said under new stamps.
    pub renewals: Renewals,
}

/// Lets `now` say what `earlier` says; nothing if it says that already.
///
/// - `earlier`: the record before some changes, all of which `now` has seen; empty if there was none.
/// - `known`: where the changes were such a restoration themselves, what it had renewed.
/// - `bases`: what writers had seen of `earlier`. They have seen the same of the result.
///
/// Texts are written anew where they differ, with all that is known of who typed what. Of a sum only
/// the total comes back.
///
/// # Errors
///
/// - [`Refusal::SumOverflow`] if a total has too many digits.
/// - [`Refusal::ClockExhausted`] at the end of time.
pub fn restore(
    now: &Record,
    earlier: &Record,
    known: &Renewals,
    bases: &mut [&mut Base],
    site: &mut Site<'_>,
) -> Result<Option<Restored>, Refusal> {
    let says = |record: &Record| (record.live.clone(), record.deletes.clone());
    if says(now) == says(earlier) && now.body == earlier.body {
        return Ok(None);
    }
    let seen: Vec<Seen<'_>> = bases.iter().map(|base| Seen { base, known }).collect();
    let from = lost_of_record(now, earlier);
    let mut renewal = Renewal::new(seen, from, Stamp::new(*site.clock, site.id));
    // Once to learn which stamps are needed: they are given out in the order of the old ones.
    renewal.record(now, earlier)?;
    renewal.issue(site)?;
    let (live, deletes, body) = renewal.record(now, earlier)?;
    let Renewal { classes, renewals, whole, sums, .. } = renewal;
    let (version, born) = (now.version.clone(), now.born.clone());
    let exceptions = now.exceptions.clone();
    let mut record = Record { version, born, exceptions, live, deletes, body };
    let issued = classes.iter().filter_map(|(class, issued)| Some((class, (*issued)?)));
    for (class, stamp) in issued {
        note(&mut record, stamp);
        for (base, has_seen) in bases.iter_mut().zip(&class.seen) {
            if *has_seen {
                base.own.insert(stamp);
            }
        }
    }
    note(&mut record, whole);
    bases.iter_mut().for_each(|base| renew_token(base, known, &renewals, &sums));
    if is_planted(Fault::UndoSeesAll) {
        for base in bases {
            base.token.version = record.version.clone();
            base.token.shown.clear();
        }
    }
    Ok(Some(Restored { record, stamp: whole, renewals }))
}

/// Lets the values of a conflict stand side by side again in place of what was decided; answers
/// whether the decision still stood.
pub fn reopen(record: &mut Record, path: &Path, decision: Stamp, sides: &[Side]) -> bool {
    let Some((register, member)) = locate(&mut record.body, path) else { return false };
    let is_decided = register.len() == 1 && register.contains_key(&decision);
    let entry = |side: &Side| {
        let writer = side.writer.clone()?;
        let (value, edited) = (side.value.clone(), side.edited);
        Some((side.stamp, Entry { value, edited, timed: false, writer }))
    };
    let entries: Option<Register> = sides.iter().map(entry).collect();
    let Some(entries) = entries.filter(|_| is_decided) else { return false };
    *register = entries;
    for live in member.into_iter().chain([&mut record.live]) {
        if live.contains(decision) {
            live.retain(|stamp| *stamp != decision);
            sides.iter().for_each(|side| live.insert(side.stamp));
        }
    }
    true
}

/// What a writer had seen.
struct Seen<'b> {
    base: &'b Base,
    known: &'b Renewals,
}

impl Seen<'_> {
    /// Returns whether a change of `path` counts as seen. A value that was not shown, since a conflict
    /// was open, does not: who was not shown it replaces it no more than before.
    fn covers(&self, path: &Path, stamp: Stamp) -> bool {
        let Base { rendering, token, own, .. } = self.base;
        let is_covered = own.contains(stamp) || token.effective(path).covers(stamp);
        let mut inside = token.shown.iter().filter(|(shown, _)| path.is_prefix_of(shown));
        let is_hidden = rendering.is_some()
            && inside.any(|(shown, values)| {
                values.others.contains(stamp) || values.others.contains(self.name(shown, stamp))
            });
        is_covered && !is_hidden
    }

    /// As [`covers`](Self::covers), of a change of the text that began with `birth`: only the text
    /// that was shown can be edited.
    fn covers_text(&self, path: &Path, birth: Stamp, stamp: Stamp) -> bool {
        let shown = self.base.token.texts.get(path);
        let is_shown = |shown: &Stamp| *shown == birth || *shown == self.name(path, birth);
        self.covers(path, stamp) && shown.is_none_or(is_shown)
    }

    /// Returns the stamp under which a change was seen since it was renewed.
    fn name(&self, path: &Path, stamp: Stamp) -> Stamp {
        self.known.get(&(path.clone(), stamp)).copied().unwrap_or(stamp)
    }
}

/// Changes that get one new stamp: those of one old change which the same writers had seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Class {
    stamp: Stamp,
    /// By writer.
    seen: Vec<bool>,
}

/// A sum before the changes, after them, and as it is to be.
struct SumBack {
    earlier: Sum,
    now: Sum,
    restored: Sum,
}

/// Says anew what was said.
struct Renewal<'b> {
    seen: Vec<Seen<'b>>,
    /// From which stamp on all are renewed.
    from: Option<Stamp>,
    /// The new stamps, once they are given out.
    classes: BTreeMap<Class, Option<Stamp>>,
    renewals: Renewals,
    /// The stamp of all that has no older one.
    whole: Stamp,
    sums: BTreeMap<Path, SumBack>,
}

impl<'b> Renewal<'b> {
    fn new(seen: Vec<Seen<'b>>, from: Option<Stamp>, whole: Stamp) -> Self {
        let (classes, renewals, sums) = (BTreeMap::new(), Renewals::new(), BTreeMap::new());
        Self { seen, from, classes, renewals, whole, sums }
    }

    fn issue(&mut self, site: &mut Site<'_>) -> Result<(), Refusal> {
        for issued in self.classes.values_mut() {
            *issued = Some(site.tick()?);
        }
        self.whole = site.tick()?;
        Ok(())
    }

    /// Returns the new stamp of a change of `path`; the old one while none are given out.
    fn renew(&mut self, path: &Path, stamp: Stamp) -> Stamp {
        match self.from {
            Some(from) if stamp >= from => {
                self.renew_as(path, stamp, |seen| seen.covers(path, stamp))
            }
            _ => stamp,
        }
    }

    fn renew_as(&mut self, path: &Path, stamp: Stamp, seen: impl Fn(&Seen<'_>) -> bool) -> Stamp {
        let class = Class { stamp, seen: self.seen.iter().map(seen).collect() };
        match *self.classes.entry(class).or_default() {
            Some(issued) => {
                self.renewals.insert((path.clone(), stamp), issued);
                issued
            }
            None => stamp,
        }
    }

    fn dots(&mut self, dots: &Dots, path: &Path) -> Dots {
        dots.as_slice().iter().map(|stamp| self.renew(path, *stamp)).collect()
    }

    fn record(&mut self, now: &Record, earlier: &Record) -> Result<(Dots, Dots, Body), Refusal> {
        let root = Path::root();
        let [live, deletes] = [&earlier.live, &earlier.deletes].map(|dots| self.dots(dots, &root));
        Ok((live, deletes, self.body(&now.body, &earlier.body, &root)?))
    }

    fn body(&mut self, now: &Body, earlier: &Body, within: &Path) -> Result<Body, Refusal> {
        let mut body = Body::default();
        for (path, register) in &earlier.registers {
            let full = within.join(path);
            let entries = register.iter();
            let renewed =
                entries.map(|(stamp, entry)| (self.renew(&full, *stamp), entry.clone())).collect();
            body.registers.insert(path.clone(), renewed);
        }
        for (path, elements) in &earlier.unions {
            let full = within.join(path);
            let elements = elements.iter();
            let renewed =
                elements.map(|(element, dots)| (element.clone(), self.dots(dots, &full))).collect();
            body.unions.insert(path.clone(), renewed);
        }
        for (path, elements) in &earlier.appends {
            let full = within.join(path);
            let renewed = elements.iter().map(|(id, element)| {
                let dots = element.dots.iter();
                let dots = dots.map(|(stamp, at)| (self.renew(&full, *stamp), *at)).collect();
                (*id, Element { value: element.value.clone(), dots })
            });
            body.appends.insert(path.clone(), renewed.collect());
        }
        for (path, texts) in &earlier.texts {
            let full = within.join(path);
            let there = now.texts.get(path);
            let renewed = texts.iter().map(|(birth, text)| {
                match there.and_then(|there| there.get(birth)) == Some(text) {
                    true => (*birth, text.clone()),
                    false => self.text(*birth, text, &full),
                }
            });
            body.texts.insert(path.clone(), renewed.collect());
        }
        self.members(now, earlier, within, &mut body)?;
        self.sums(now, earlier, within, &mut body)?;
        Ok(body)
    }

    fn text(&mut self, birth: Stamp, text: &Text, full: &Path) -> (Stamp, Text) {
        let mut renew = |stamp: Stamp| {
            self.renew_as(full, stamp, |seen: &Seen<'_>| seen.covers_text(full, birth, stamp))
        };
        let live = text.live.as_slice().iter().map(|stamp| renew(*stamp)).collect();
        let state = text.state.with_stamps(&mut renew);
        let (edited, writer) = (text.edited, text.writer.clone());
        (renew(birth), Text { live, edited, writer, state })
    }

    fn members(
        &mut self,
        now: &Body,
        earlier: &Body,
        within: &Path,
        body: &mut Body,
    ) -> Result<(), Refusal> {
        let nothing = Body::default();
        for (path, members) in &earlier.keyed {
            let mut renewed = BTreeMap::new();
            for (key, member) in members {
                let full = within.join(path).within_key(key);
                let live = self.dots(&member.live, &full);
                let there = member_of(now, path, key).map_or(&nothing, |there| &there.body);
                let body = self.body(there, &member.body, &full)?;
                renewed.insert(key.clone(), Member { live, body });
            }
            body.keyed.insert(path.clone(), renewed);
        }
        // What was added to sums of members that came since is taken away, and remembered as taken.
        for (path, members) in &now.keyed {
            for (key, member) in members {
                let is_new = member_of(earlier, path, key).is_none();
                if is_new && !member.body.sums.is_empty() {
                    let full = within.join(path).within_key(key);
                    let left = self.body(&member.body, &Body::default(), &full)?;
                    if left.is_empty() {
                        continue;
                    }
                    let left = Member { live: Dots::new(), body: left };
                    body.keyed.entry(path.clone()).or_default().insert(key.clone(), left);
                }
            }
        }
        Ok(())
    }

    fn sums(
        &mut self,
        now: &Body,
        earlier: &Body,
        within: &Path,
        body: &mut Body,
    ) -> Result<(), Refusal> {
        let paths: BTreeSet<&Path> = now.sums.keys().chain(earlier.sums.keys()).collect();
        for path in paths {
            let [now, earlier] =
                [now, earlier].map(|body| body.sums.get(path).cloned().unwrap_or_default());
            let full = within.join(path);
            let restored = self.sum(&now, &earlier, &full)?;
            if restored != Sum::default() {
                body.sums.insert(path.clone(), restored.clone());
            }
            self.sums.insert(full, SumBack { earlier, now, restored });
        }
        Ok(())
    }

    /// Returns a sum with the total of an earlier one: additions and what was taken of them only
    /// grow, so the difference is added.
    fn sum(&mut self, now: &Sum, earlier: &Sum, full: &Path) -> Result<Sum, Refusal> {
        let overflow = || Refusal::SumOverflow { path: full.clone() };
        let floors = earlier.floors.iter();
        let floors: FlatMap<_, _, 1> =
            floors.map(|(stamp, n)| (self.renew(full, *stamp), n.clone())).collect();
        let mut sum = Sum { floors, adds: now.adds.clone(), zeros: now.zeros.clone() };
        if !sum_is_visible(earlier) {
            let is_left = sum_is_visible(&sum);
            for (site, seen) in sum.adds.iter().filter(|_| is_left) {
                sum.zeros.insert(*site, Zero { seen: seen.clone(), stamp: self.whole });
            }
            return Ok(sum);
        }
        let total = |sum: &Sum| sum_value(sum).ok_or_else(overflow);
        let by = total(earlier)?.checked_sub(&total(&sum)?).map_err(|_| overflow())?;
        if by != Number::from(0_i64) || !sum_is_visible(&sum) {
            let Stamp { clock, site } = self.whole;
            let (begun, total) = match sum.adds.get(&site) {
                Some(added) => (added.begun, added.total.checked_add(&by)),
                None => (clock, Ok(by)),
            };
            let total = total.map_err(|_| overflow())?;
            sum.adds.insert(site, Addition { begun, clock, total });
        }
        Ok(sum)
    }
}

/// Returns the first stamp that a record has lost.
fn lost_of_record(now: &Record, earlier: &Record) -> Option<Stamp> {
    let existence = [(&now.live, &earlier.live), (&now.deletes, &earlier.deletes)];
    let existence = existence.into_iter().filter_map(|(now, earlier)| lost_of_dots(now, earlier));
    existence.chain(lost_of_body(&now.body, &earlier.body)).min()
}

/// As [`lost_of_record`], of its fields. A text is written anew as a whole, whatever else is.
fn lost_of_body(now: &Body, earlier: &Body) -> Option<Stamp> {
    let (no_dots, no_member) = (Dots::new(), Member::default());
    let registers = earlier.registers.iter().filter_map(|(path, register)| {
        let now = now.registers.get(path);
        lost_of_keys(register.keys(), |stamp| now.is_some_and(|now| now.contains_key(stamp)))
    });
    let sums = earlier.sums.iter().filter_map(|(path, sum)| {
        let now = now.sums.get(path);
        lost_of_keys(sum.floors.keys(), |stamp| {
            now.is_some_and(|now| now.floors.contains_key(stamp))
        })
    });
    let elements = |(path, elements): (&Path, &BTreeMap<Leaf, Dots>)| {
        let lost = elements.iter().filter_map(|(element, dots)| {
            let now = now.unions.get(path).and_then(|now| now.get(element));
            lost_of_dots(now.unwrap_or(&no_dots), dots)
        });
        lost.min()
    };
    let unions = earlier.unions.iter().filter_map(elements);
    let appended = |(path, elements): (&Path, &BTreeMap<ElementId, Element>)| {
        let lost = elements.iter().filter_map(|(id, element)| {
            let now = now.appends.get(path).and_then(|now| now.get(id));
            lost_of_keys(element.dots.keys(), |s| now.is_some_and(|now| now.dots.contains_key(s)))
        });
        lost.min()
    };
    let appends = earlier.appends.iter().filter_map(appended);
    let in_members = |(path, members): (&Path, &BTreeMap<Box<str>, Member>)| {
        let lost = members.iter().filter_map(|(key, member)| {
            let now = member_of(now, path, key).unwrap_or(&no_member);
            let life = lost_of_dots(&now.live, &member.live);
            life.into_iter().chain(lost_of_body(&now.body, &member.body)).min()
        });
        lost.min()
    };
    let keyed = earlier.keyed.iter().filter_map(in_members);
    registers.chain(sums).chain(unions).chain(appends).chain(keyed).min()
}

fn lost_of_dots(now: &Dots, earlier: &Dots) -> Option<Stamp> {
    lost_of_keys(earlier.as_slice().iter(), |stamp| now.contains(*stamp))
}

fn lost_of_keys<'s>(
    mut earlier: impl Iterator<Item = &'s Stamp>,
    is_there: impl Fn(&Stamp) -> bool,
) -> Option<Stamp> {
    earlier.find(|stamp| !is_there(stamp)).copied()
}

fn member_of<'b>(body: &'b Body, path: &Path, key: &str) -> Option<&'b Member> {
    body.keyed.get(path)?.get(key)
}

/// Lets a token name what was renewed by its new stamps.
///
/// - `known`: under which stamps it may name what was renewed before.
fn renew_token(
    base: &mut Base,
    known: &Renewals,
    renewals: &Renewals,
    sums: &BTreeMap<Path, SumBack>,
) {
    let mut names = renewals.clone();
    for ((path, stamp), name) in known {
        if let Some(renewed) = renewals.get(&(path.clone(), *stamp)) {
            names.insert((path.clone(), *name), *renewed);
        }
    }
    for (path, values) in &mut base.token.shown {
        let renew = |stamp: &Stamp| *names.get(&(path.clone(), *stamp)).unwrap_or(stamp);
        values.dots = values.dots.as_slice().iter().map(renew).collect();
        values.others = values.others.as_slice().iter().map(renew).collect();
    }
    for (path, birth) in &mut base.token.texts {
        *birth = *names.get(&(path.clone(), *birth)).unwrap_or(birth);
    }
    for (path, seen) in &mut base.token.sums {
        let Some(sum) = sums.get(path) else { continue };
        for (site, seen) in seen {
            let is_whole = [&sum.earlier, &sum.now].map(|sum| sum.adds.get(site) == Some(seen));
            if let (true, Some(added)) = (is_whole.contains(&true), sum.restored.adds.get(site)) {
                *seen = added.clone();
            }
        }
    }
}
