//! Joining two states of one record: commutative, associative, idempotent, and without a clock.

use std::cell::Cell;
use std::collections::BTreeMap;

use syncline_model::clock::{Clock, Stamp};
use syncline_model::path::Path;
use syncline_model::version::Version;
use thiserror::Error;

use crate::dots::{Dots, join_dotted, join_flat, join_maps};
use crate::fault::{Fault, is_planted};
use crate::flat::FlatMap;
use crate::state::{Addition, Body, Element, Member, Record, Register, Sum, Text, Zero};
use crate::text::crdt::TextError;

/// Joins what two sides know of one record.
///
/// What one side lacks although it has seen it was removed there, and goes; everything else stays.
///
/// # Source
///
/// Almeida, Shoker, Baquero, "Delta state replicated data types" (2018), causal CRDTs.
/// # Errors
///
/// [`JoinError::Forked`] if one stamp names different changes on the two sides: a site was copied,
/// or a state is damaged. Nothing may be taken from `b` then.
pub fn join(a: &Record, b: &Record) -> Result<Record, JoinError> {
    let sides = Sides { a, b, forked: Cell::new(None) };
    let version = a.version.joined(&b.version);
    let mut joined = Record {
        born: a.born.joined(&b.born),
        exceptions: sides.exceptions(&version),
        live: a.live.join(&a.version, &b.live, &b.version),
        deletes: a.deletes.join(&a.version, &b.deletes, &b.version),
        body: sides.body(&Path::root(), &a.body, &b.body),
        version,
    };
    if is_planted(Fault::JoinClampsClocks) {
        clamp_edit_times(&mut joined);
    }
    match sides.forked.get() {
        Some(stamp) => Err(JoinError::Forked { stamp }),
        None => Ok(joined),
    }
}

/// Why two states cannot be joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// One stamp names two different changes.
    #[error("both sides hold a change {stamp:?}, and it differs")]
    Forked {
        /// The stamp that was given twice.
        stamp: Stamp,
    },
}

impl JoinError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Forked { .. } => "SITE_FORKED",
        }
    }
}

/// Fails on purpose: takes the edit times that were fixed at the first commit away again.
fn clamp_edit_times(record: &mut Record) {
    let bound = Clock::new(record.version.entries().first().map_or(0, |e| e.1.millis()), 0);
    for entry in record.body.registers.values_mut().flat_map(Register::values_mut) {
        entry.edited = entry.edited.min(bound);
    }
}

/// Fails on purpose: adds what one site has added to what is known of it already.
fn added_again(known: &Addition) -> Option<Addition> {
    let total = known.total.checked_add(&known.total).ok()?;
    Some(Addition { total, ..known.clone() })
}

struct Sides<'a> {
    a: &'a Record,
    b: &'a Record,
    /// A stamp that was found to name two changes.
    forked: Cell<Option<Stamp>>,
}

impl Sides<'_> {
    fn effective(&self, path: &Path) -> (&Version, &Version) {
        if is_planted(Fault::WithheldPathsDeleteAtHome) {
            return (&self.a.version, &self.b.version);
        }
        (self.a.effective(path), self.b.effective(path))
    }

    fn exceptions(&self, version: &Version) -> BTreeMap<Path, Version> {
        let (a, b) = (&self.a.exceptions, &self.b.exceptions);
        let mut exceptions = BTreeMap::new();
        // In order of path length an ancestor comes before what is below it, so that an entry
        // that says no more than its ancestor's is left out.
        let mut paths: Vec<&Path> = a.keys().chain(b.keys()).collect();
        paths.sort_by_key(|path| path.as_str().len());
        for path in paths {
            let seen = self.a.effective(path).joined(self.b.effective(path));
            let inherited = crate::state::nearest(&exceptions, path).unwrap_or(version);
            if seen != *inherited {
                exceptions.insert(path.clone(), seen);
            }
        }
        exceptions
    }

    fn body(&self, within: &Path, a: &Body, b: &Body) -> Body {
        Body {
            registers: join_flat(&a.registers, &b.registers, |path, a, b| {
                let nothing = Register::new();
                let (a, b) = (a.unwrap_or(&nothing), b.unwrap_or(&nothing));
                self.register(&within.join(path), a, b)
            }),
            sums: self.each(within, &a.sums, &b.sums, Self::sum),
            unions: self.each(within, &a.unions, &b.unions, Self::union),
            keyed: self.each(within, &a.keyed, &b.keyed, Self::members),
            appends: self.each(within, &a.appends, &b.appends, Self::append),
            texts: self.each(within, &a.texts, &b.texts, Self::texts),
        }
    }

    /// Joins the fields of one shape, path by path; a field of which nothing is left goes.
    fn each<T: Default>(
        &self,
        within: &Path,
        a: &BTreeMap<Path, T>,
        b: &BTreeMap<Path, T>,
        join: fn(&Self, &Path, &T, &T) -> Option<T>,
    ) -> BTreeMap<Path, T> {
        let nothing = T::default();
        join_maps(a, b, |path, a, b| {
            join(self, &within.join(path), a.unwrap_or(&nothing), b.unwrap_or(&nothing))
        })
    }

    fn register(&self, full: &Path, a: &Register, b: &Register) -> Option<Register> {
        let (version_a, version_b) = self.effective(full);
        if let Some((stamp, _)) = a.iter().find(|(d, entry)| b.get(d).is_some_and(|e| e != *entry))
        {
            self.forked.set(Some(*stamp));
        }
        some(join_dotted(a, version_a, b, version_b), FlatMap::is_empty)
    }

    fn sum(&self, full: &Path, a: &Sum, b: &Sum) -> Option<Sum> {
        let (version_a, version_b) = self.effective(full);
        let floors = join_dotted(&a.floors, version_a, &b.floors, version_b);
        let adds = join_maps(&a.adds, &b.adds, |site, a, b| match (a, b) {
            (Some(a), Some(_)) if is_planted(Fault::FirstCountStays) => Some(a.clone()),
            (Some(a), Some(b)) if a == b && is_planted(Fault::AddedAgain) => added_again(a),
            (Some(a), Some(b)) => Some(if a.clock >= b.clock { a } else { b }.clone()),
            (Some(only), None) => unforgotten(only, Stamp::new(only.clock, *site), version_b),
            (None, Some(only)) => unforgotten(only, Stamp::new(only.clock, *site), version_a),
            (None, None) => None,
        });
        let zeros = join_maps(&a.zeros, &b.zeros, |_, a, b| match (a, b) {
            (Some(a), Some(b)) => Some(later(a, b).clone()),
            (Some(only), None) => unforgotten(only, only.stamp, version_b),
            (None, Some(only)) => unforgotten(only, only.stamp, version_a),
            (None, None) => None,
        });
        some(Sum { floors, adds, zeros }, |sum| {
            sum.floors.is_empty() && sum.adds.is_empty() && sum.zeros.is_empty()
        })
    }

    fn union<K: Ord + Clone>(
        &self,
        full: &Path,
        a: &BTreeMap<K, Dots>,
        b: &BTreeMap<K, Dots>,
    ) -> Option<BTreeMap<K, Dots>> {
        let nothing = Dots::new();
        let joined = join_maps(a, b, |_, a, b| {
            some(self.dots(full, a.unwrap_or(&nothing), b.unwrap_or(&nothing)), Dots::is_empty)
        });
        some(joined, BTreeMap::is_empty)
    }

    fn members(
        &self,
        full: &Path,
        a: &BTreeMap<Box<str>, Member>,
        b: &BTreeMap<Box<str>, Member>,
    ) -> Option<BTreeMap<Box<str>, Member>> {
        let nothing = Member::default();
        let joined = join_maps(a, b, |key, a, b| {
            let (a, b) = (a.unwrap_or(&nothing), b.unwrap_or(&nothing));
            let full = full.within_key(key);
            let member = Member {
                live: self.dots(&full, &a.live, &b.live),
                body: self.body(&full, &a.body, &b.body),
            };
            some(member, |member| member.live.is_empty() && member.body.is_empty())
        });
        some(joined, BTreeMap::is_empty)
    }

    fn append<K: Ord + Clone>(
        &self,
        full: &Path,
        a: &BTreeMap<K, Element>,
        b: &BTreeMap<K, Element>,
    ) -> Option<BTreeMap<K, Element>> {
        let dots_of = |element: Option<&Element>| -> Dots {
            element.into_iter().flat_map(|element| element.dots.keys()).copied().collect()
        };
        let joined = join_maps(a, b, |_, a, b| {
            let kept = self.dots(full, &dots_of(a), &dots_of(b));
            let index = |dot| [a, b].into_iter().flatten().find_map(|e| e.dots.get(dot).copied());
            let kept = kept.as_slice().iter();
            let dots = kept.filter_map(|dot| Some((*dot, index(dot)?))).collect();
            let value = a.or(b)?.value.clone();
            some(Element { value, dots }, |element| element.dots.is_empty())
        });
        some(joined, BTreeMap::is_empty)
    }

    fn texts(
        &self,
        full: &Path,
        a: &BTreeMap<Stamp, Text>,
        b: &BTreeMap<Stamp, Text>,
    ) -> Option<BTreeMap<Stamp, Text>> {
        let nothing = Dots::new();
        let joined = join_maps(a, b, |_, a, b| {
            let live_a = a.map_or(&nothing, |text| &text.live);
            let live_b = b.map_or(&nothing, |text| &text.live);
            let live = self.dots(full, live_a, live_b);
            let mut text = match (a, b) {
                (Some(a), Some(b)) => self.text(a, b),
                (only, None) | (None, only) => only?.clone(),
            };
            text.live = live;
            some(text, |text| text.live.is_empty())
        });
        some(joined, BTreeMap::is_empty)
    }

    /// Joins two states of the same text; the later edit names its time and writer.
    fn text(&self, a: &Text, b: &Text) -> Text {
        let later = if (a.edited, &a.writer) >= (b.edited, &b.writer) { a } else { b };
        let mut joined = Text { state: a.state.clone(), ..later.clone() };
        if let Err(TextError::StampForked { stamp }) = joined.state.join(&b.state) {
            self.forked.set(Some(stamp));
        }
        joined
    }

    fn dots(&self, full: &Path, a: &Dots, b: &Dots) -> Dots {
        let (version_a, version_b) = self.effective(full);
        a.join(version_a, b, version_b)
    }
}

/// Keeps an entry of one site unless the other side has seen it and lacks it.
fn unforgotten<T: Clone>(entry: &T, stamp: Stamp, other: &Version) -> Option<T> {
    (!other.covers(stamp)).then(|| entry.clone())
}

/// Of two resets of one site, the one that had seen more; ties go to the later stamp.
fn later<'a>(a: &'a Zero, b: &'a Zero) -> &'a Zero {
    if (a.seen.clock, a.stamp) >= (b.seen.clock, b.stamp) { a } else { b }
}

fn some<T>(value: T, is_nothing: impl Fn(&T) -> bool) -> Option<T> {
    (!is_nothing(&value)).then_some(value)
}
