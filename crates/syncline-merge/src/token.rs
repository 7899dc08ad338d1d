//! What a writer had seen: the causality token, and the context of an operation.

use std::collections::{BTreeMap, BTreeSet};

use syncline_model::clock::Stamp;
use syncline_model::id::{SiteId, Writer};
use syncline_model::path::Path;
use syncline_model::version::Version;

use crate::display::{self, is_visible};
use crate::dots::Dots;
use crate::fault::{Fault, is_planted};
use crate::rules::EntityRules;
use crate::state::{Addition, Body, Record, Register, Sum, nearest};

/// What a writer had seen of a record when it was given the record.
///
/// A token holds up the forgetting of what it has not seen for as long as hubs accept it. One that is
/// accepted no more is answered `REBASE` where the record was deleted: another hub may have forgotten
/// the record, and a write would bring its sums back there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Token {
    /// Every change of the record, per site.
    pub version: Version,
    /// What was seen of a path, where that differs.
    pub exceptions: BTreeMap<Path, Version>,
    /// Whether the record was not visible: a write with this token creates it anew.
    pub invisible: bool,
    /// What was shown of fields under review, or whose conflict is open.
    pub shown: BTreeMap<Path, ShownValues>,
    /// The change that began the text shown: an edit was made for that one, also where another
    /// text comes back before the edit arrives. Apart from `shown`, since a field of shape text may hold a register beside it.
    pub texts: BTreeMap<Path, Stamp>,
    /// The additions seen of each sum: what a reset or a new creation takes away.
    pub sums: BTreeMap<Path, BTreeMap<SiteId, Addition>>,
}

/// What a writer was shown of a field that a person is to decide.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShownValues {
    /// The values shown: a write replaces these and no others. While a field waits for approval, the
    /// writer's own values, whatever was shown.
    pub dots: Dots,
    /// The values that were there besides: a deletion does not take them along.
    pub others: Dots,
}

impl Token {
    /// Returns what a writer has seen that is shown `record` now, but for the paths in `withheld`.
    ///
    /// `viewer` is the writer, where it sees its own values while a conflict is open.
    pub fn of(
        record: &Record,
        rules: &EntityRules,
        viewer: Option<&Writer>,
        withheld: &[Path],
    ) -> Self {
        let mut token = Self {
            version: record.version.clone(),
            exceptions: record.exceptions.clone(),
            invisible: !is_visible(record, rules.deletion),
            ..Self::default()
        };
        for path in withheld {
            token.exceptions.retain(|inner, _| !path.is_prefix_of(inner));
            token.exceptions.insert(path.clone(), Version::new());
        }
        token.look_at(&record.body, &Path::root(), rules, viewer);
        token.look_at_sums(&record.body, &Path::root());
        let is_withheld = |path: &Path| withheld.iter().any(|above| above.is_prefix_of(path));
        token.shown.retain(|path, _| !is_withheld(path));
        token.texts.retain(|path, _| !is_withheld(path));
        token.sums.retain(|path, _| !is_withheld(path));
        token
    }

    /// Returns what a writer has seen that is shown some fields of `record`, and of the others not even
    /// that they are there: no name of them stands in the token.
    ///
    /// - `is_shown`: whether a field is shown, with all that is inside it. An array of members is one
    ///   field.
    pub fn of_part(
        record: &Record,
        rules: &EntityRules,
        viewer: Option<&Writer>,
        is_shown: &dyn Fn(&Path) -> bool,
    ) -> Self {
        let mut token = Self::of(record, rules, viewer, &[]);
        if token.invisible {
            if is_planted(Fault::DeletedClaimed) {
                return token;
            }
            // Nothing is shown of it to anybody, and what is kept of it has names and amounts.
            let is_even = token.exceptions.is_empty();
            let exceptions = match is_even {
                true => BTreeMap::new(),
                false => BTreeMap::from([(Path::root(), Version::new())]),
            };
            return Self { version: token.version, exceptions, invisible: true, ..Self::default() };
        }
        let shown: BTreeSet<&Path> = record.body.paths().filter(|path| is_shown(path)).collect();
        let is_within = |path: &Path| shown.iter().any(|above| above.is_prefix_of(path));
        token.exceptions.retain(|path, _| is_within(path));
        let seen = shown.iter().map(|path| ((*path).clone(), record.effective(path).clone()));
        for (path, version) in seen.collect::<Vec<_>>() {
            token.exceptions.entry(path).or_insert(version);
        }
        token.exceptions.insert(Path::root(), Version::new());
        token.shown.retain(|path, _| is_within(path));
        token.texts.retain(|path, _| is_within(path));
        token.sums.retain(|path, _| is_within(path));
        token
    }

    /// Takes note of what the writer itself has added to sums at `site`, by the change that led
    /// from `before` to `after`.
    ///
    /// Only where nobody else has added there since the writer looked: what it takes away later is
    /// what the site had added up to some change, and must hold nothing that it has not seen. The
    /// token goes out with the answer: a writer that is not answered has seen nothing of its change.
    pub fn note_own_additions(&mut self, before: Option<&Record>, after: &Record, site: SiteId) {
        let nothing = Body::default();
        let before = before.map_or(&nothing, |record| &record.body);
        self.note_additions(&Path::root(), before, &after.body, site);
    }

    fn note_additions(&mut self, within: &Path, before: &Body, after: &Body, site: SiteId) {
        for (path, sum) in &after.sums {
            let old = before.sums.get(path).and_then(|sum: &Sum| sum.adds.get(&site));
            let new = sum.adds.get(&site);
            let full = within.join(path);
            let seen = self.sums.get(&full).and_then(|seen| seen.get(&site));
            if let Some(new) = new.filter(|new| Some(*new) != old && seen == old) {
                self.sums.entry(full).or_default().insert(site, new.clone());
            }
        }
        let nothing = Body::default();
        for (path, members) in &after.keyed {
            let known = before.keyed.get(path);
            for (key, member) in members {
                let before = known.and_then(|known| known.get(key)).map_or(&nothing, |m| &m.body);
                let full = within.join(path).within_key(key);
                self.note_additions(&full, before, &member.body, site);
            }
        }
    }

    fn look_at(
        &mut self,
        body: &Body,
        within: &Path,
        rules: &EntityRules,
        viewer: Option<&Writer>,
    ) {
        for (path, register) in &body.registers {
            let full = within.join(path);
            let rule = rules.rule(&full);
            let Some(shown) = display::shown(register, rule, viewer) else {
                continue;
            };
            if rule.is_review() || shown.open {
                let waits = shown.open && rule.approvers().is_some();
                let dots = match waits && !is_planted(Fault::ProvisionalReplaced) {
                    true => written_by(register, viewer),
                    false => shown.dots,
                };
                let others = register.keys().filter(|dot| !dots.contains(**dot));
                let others = others.copied().collect();
                self.shown.insert(full, ShownValues { dots, others });
            }
        }
        for (path, texts) in &body.texts {
            if let Some(birth) = display::shown_text(texts) {
                self.texts.insert(within.join(path), birth);
            }
        }
        for (path, members) in &body.keyed {
            for (key, member) in members {
                let full = within.join(path).within_key(key);
                self.look_at(&member.body, &full, rules, viewer);
            }
        }
    }

    fn look_at_sums(&mut self, body: &Body, within: &Path) {
        for (path, sum) in &body.sums {
            self.sums.insert(within.join(path), sum.adds.clone());
        }
        for (path, members) in &body.keyed {
            for (key, member) in members {
                let full = within.join(path).within_key(key);
                self.look_at_sums(&member.body, &full);
            }
        }
    }

    /// Takes back what the token says of `path` and all below it to what `earlier` said: of these
    /// the writer was shown nothing since.
    pub fn keep(&mut self, path: &Path, earlier: &Self) {
        let (inside, outside) = (|p: &Path| path.is_prefix_of(p), |p: &Path| !path.is_prefix_of(p));
        let seen = earlier.exceptions.iter().filter(|(p, _)| inside(p));
        let seen: Vec<_> = seen.map(|(p, version)| (p.clone(), version.clone())).collect();
        self.exceptions.retain(|p, _| outside(p));
        self.exceptions.insert(path.clone(), earlier.effective(path).clone());
        self.exceptions.extend(seen);
        self.shown.retain(|p, _| outside(p));
        let shown = earlier.shown.iter().filter(|(p, _)| inside(p));
        self.shown.extend(shown.map(|(p, values)| (p.clone(), values.clone())));
        self.texts.retain(|p, _| outside(p));
        let texts = earlier.texts.iter().filter(|(p, _)| inside(p));
        self.texts.extend(texts.map(|(p, birth)| (p.clone(), *birth)));
        self.sums.retain(|p, _| outside(p));
        let sums = earlier.sums.iter().filter(|(p, _)| inside(p));
        self.sums.extend(sums.map(|(p, seen)| (p.clone(), seen.clone())));
    }

    /// Returns whether the change `stamp` of `path` was seen.
    pub fn covers(&self, path: &Path, stamp: Stamp) -> bool {
        self.effective(path).covers(stamp)
    }

    /// Returns whether the change `stamp` was seen in every field.
    pub fn covers_everywhere(&self, stamp: Stamp) -> bool {
        self.exceptions.values().chain([&self.version]).all(|version| version.covers(stamp))
    }

    /// Returns the sites of which something was seen, in no order, some of them more than once.
    pub fn sites(&self) -> impl Iterator<Item = SiteId> {
        let versions = self.exceptions.values().chain([&self.version]);
        let seen = versions.flat_map(|version| version.entries().iter().map(|(site, _)| *site));
        seen.chain(self.sums.values().flat_map(|added| added.keys().copied()))
    }

    /// Returns what was seen of `path`.
    pub fn effective(&self, path: &Path) -> &Version {
        nearest(&self.exceptions, path).unwrap_or(&self.version)
    }

    /// Cuts the clocks of a site that was declared lost to what `record` has of it, of the record
    /// and of every path of which it has seen something else; what was seen of its additions too,
    /// since a backup may bring them back.
    pub fn cut_to(&mut self, site: SiteId, record: &Record) {
        self.cut_additions(site, record);
        for (path, version) in &record.exceptions {
            let here = version.get(site);
            if self.effective(path).get(site) > here {
                let mut cut = self.effective(path).clone();
                cut.cut(site, here);
                self.exceptions.insert(path.clone(), cut);
            }
        }
        for (path, version) in &mut self.exceptions {
            version.cut(site, record.effective(path).get(site));
        }
        self.version.cut(site, record.version.get(site));
    }

    fn cut_additions(&mut self, site: SiteId, record: &Record) {
        let missing = |path: &Path, seen: &BTreeMap<SiteId, Addition>| {
            let here = record.effective(path).get(site);
            seen.get(&site).is_some_and(|added| added.clock > here)
        };
        if !self.sums.iter().any(|(path, seen)| missing(path, seen)) {
            return;
        }
        let mut here = Self::default();
        here.look_at_sums(&record.body, &Path::root());
        for (path, seen) in &mut self.sums {
            if missing(path, seen) {
                seen.remove(&site);
                let added = here.sums.get(path).and_then(|added| added.get(&site));
                seen.extend(added.map(|added| (site, added.clone())));
            }
        }
        self.sums.retain(|_, seen| !seen.is_empty());
    }
}

/// Returns the values that a writer wrote itself.
fn written_by(register: &Register, writer: Option<&Writer>) -> Dots {
    let own = register.iter().filter(|(_, entry)| Some(&entry.writer) == writer);
    own.map(|(stamp, _)| *stamp).collect()
}

/// What an operation may replace: what its writer had seen, and the writer's own earlier changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    /// The token; `None` for a writer that had seen nothing.
    pub base: Option<Token>,
    /// Stamps of the same writer's earlier operations on the record.
    pub own: Dots,
    /// Whether the writer sees no record: in its base, or since an own deletion after it. A write
    /// then begins a new life and drops what was seen of the old one. An own write after the base
    /// ends this, so that queued operations do not drop each other's fields.
    pub creates: bool,
}

impl Context {
    /// Returns whether the writer had seen the change `stamp` of `path`.
    pub fn covers(&self, path: &Path, stamp: Stamp) -> bool {
        self.has_made(stamp) || self.base.as_ref().is_some_and(|token| token.covers(path, stamp))
    }

    /// Returns whether the writer had seen the change `stamp` of the record's existence.
    pub fn covers_record(&self, stamp: Stamp) -> bool {
        self.has_made(stamp) || self.base.as_ref().is_some_and(|token| token.version.covers(stamp))
    }

    /// Returns whether a change keeps alive what stands at `within`, although the writer had seen it:
    /// a value of it is in a conflict inside that waits for a person, and the writer writes beside it,
    /// or deletes and was not shown the value.
    ///
    /// An own value is no exception, once the writer was shown it in the conflict. Own changes since are
    /// not in the token, unless it was renewed: see [`restore`](mod@crate::restore).
    pub(crate) fn keeps_alive(&self, within: &Path, stamp: Stamp, deletes: bool) -> bool {
        if self.creates {
            return false;
        }
        let shown = self.base.iter().flat_map(|token| &token.shown);
        let mut inside = shown.filter(|(path, _)| within.is_prefix_of(path));
        inside.any(|(_, values)| {
            let is_beside = !deletes && !values.others.is_empty();
            values.others.contains(stamp) || (is_beside && values.dots.contains(stamp))
        })
    }

    /// Returns whether `stamp` is an earlier change of the same writer.
    pub(crate) fn has_made(&self, stamp: Stamp) -> bool {
        self.own.contains(stamp) && !is_planted(Fault::OwnOperationsConflict)
    }

    /// Returns whether the same writer has made the change `stamp` since it was shown `path`. What it
    /// made before is what the token says of it: shown, or beside what was shown.
    pub(crate) fn has_made_since(&self, path: &Path, stamp: Stamp) -> bool {
        let is_shown = || self.base.as_ref().is_some_and(|token| token.covers(path, stamp));
        self.has_made(stamp) && !is_shown()
    }

    /// Returns the same without what is forgotten, where the writer was shown that the record is gone: what it
    /// makes anew builds on nothing.
    ///
    /// Not for plain writers: those know of what they do not show only by their base.
    ///
    /// - `record`: the record, if it is here.
    /// - `floor`: below what everything of a record that is not there is forgotten.
    #[must_use]
    pub fn without_forgotten(mut self, record: Option<&Record>, floor: &Version) -> Self {
        let forgotten = record.map_or(floor, |record| &record.born);
        let is_forgotten = |token: &Token| forgotten.includes(&token.version);
        if self.creates && !forgotten.is_empty() && self.base.as_ref().is_none_or(is_forgotten) {
            self.base = None;
            self.own.retain(|stamp| !forgotten.covers(*stamp));
        }
        self
    }

    /// Returns whether the writer had seen nothing of the record.
    pub fn is_blind(&self) -> bool {
        self.base.as_ref().is_none_or(|token| token.version.is_empty())
    }

    /// Returns whether `version` holds all that the writer had seen of `path`; own changes at sites
    /// that were declared `lost` may be missing, since they never come.
    pub fn is_within(&self, path: &Path, version: &Version, lost: &[SiteId]) -> bool {
        self.base.as_ref().is_none_or(|token| version.includes(token.effective(path)))
            && self
                .own
                .as_slice()
                .iter()
                .all(|stamp| version.covers(*stamp) || lost.contains(&stamp.site))
    }
}
