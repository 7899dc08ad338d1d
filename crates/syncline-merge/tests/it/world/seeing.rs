//! What a writer has seen once it was shown a record: the token, and the same told in sets.

use std::collections::{BTreeMap, BTreeSet};

use syncline_merge::conflict::conflicts;
use syncline_merge::display::{is_visible, shown};
use syncline_merge::dots::Dots;
use syncline_merge::rules::Rule;
use syncline_merge::state::Record;
use syncline_merge::token::{ShownValues, Token};
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::Writer;
use syncline_model::json::Leaf;
use syncline_model::path::Path;
use syncline_model::version::Version;

use super::World;
use crate::oracle::set::Set;
use crate::oracle::{GROUPS, Item, KEYS, Seen, Slot, TOPS, group, intern};

/// What was seen.
#[derive(Clone, Default)]
pub(crate) struct Seeing {
    pub(crate) token: Token,
    pub(crate) seen: Seen,
    /// Changes of other records that the token names, since the copy shown began behind them.
    pub(crate) begun: Set,
    pub(crate) shown: BTreeMap<&'static str, ShownSets>,
    pub(crate) texts: BTreeMap<&'static str, Stamp>,
    /// The text that was shown.
    pub(crate) text: Option<String>,
    /// Members that were shown.
    pub(crate) members: BTreeSet<&'static str>,
    pub(crate) elements: Vec<Leaf>,
}

impl Seeing {
    /// Takes back what was seen of hidden parts to what was seen of them before.
    pub(crate) fn keep(&mut self, hidden: &[usize], token: &Token, before: &Self) {
        for part in hidden {
            self.token.keep(&Path::parse(TOPS[*part]).unwrap(), token);
            self.seen[*part] = before.seen[*part];
        }
        let is_hidden = |path: &str| hidden.contains(&group(path));
        let shown = before.shown.iter().filter(|(path, _)| is_hidden(path));
        self.shown.extend(shown.map(|(path, sets)| (*path, *sets)));
        let texts = before.texts.iter().filter(|(path, _)| is_hidden(path));
        self.texts.extend(texts.map(|(path, birth)| (*path, *birth)));
    }
}

/// The values of a field that were shown, and those that were there and not shown.
#[derive(Clone, Copy, Default)]
pub(crate) struct ShownSets {
    pub(crate) values: Set,
    pub(crate) others: Set,
}

/// A value of a register: edit time, stamp, change, value, whether its time is trusted, writer.
type Shown<'a> = (Clock, Stamp, usize, &'a Option<Leaf>, bool, &'a Writer);

impl World {
    /// Shows a record to a writer who may not see some parts.
    pub(crate) fn show(
        &mut self,
        hub: usize,
        record: usize,
        viewer: &Writer,
        hidden: &[usize],
    ) -> Result<Option<Seeing>, String> {
        let at = &self.hubs[hub];
        let Some(real) = &at.records[record] else {
            return Ok(None);
        };
        let paths: Vec<Path> =
            hidden.iter().map(|part| Path::parse(TOPS[*part]).unwrap()).collect();
        let token = Token::of(real, &at.rules, Some(viewer), &paths);
        let mut seen = at.known[record].seen;
        hidden.iter().for_each(|part| seen[*part] = Set::default());
        let mut shown = self.shown(hub, record, viewer);
        shown.retain(|path, _| !hidden.contains(&group(path)));
        let hides = |top| hidden.contains(&group(top));
        self.compare_shown(&token, &shown)?;
        self.compare_provisional(hub, record, viewer)?;
        let text = shown_text(real).filter(|_| !hides("/t"));
        let mut members = BTreeSet::new();
        if !token.invisible && !hides("/k") {
            members.extend(KEYS.into_iter().filter(|key| {
                let slot = Slot::Member(intern(&format!("/k/{key}")));
                !self.oracle.items(record, &at.known[record], slot).is_empty()
            }));
        }
        let elements = real.body.unions.values().flat_map(BTreeMap::keys);
        let elements = elements.filter(|_| !hides("/u")).cloned().collect();
        Ok(Some(Seeing {
            texts: text.iter().map(|(birth, _)| ("/t", *birth)).collect(),
            text: text.filter(|_| !token.invisible).map(|(_, text)| text),
            begun: self.begun_behind(record, &real.born),
            token,
            seen,
            shown,
            members,
            elements,
        }))
    }

    /// The changes of other records that a copy which began at `floor` counts as seen.
    fn begun_behind(&self, record: usize, floor: &Version) -> Set {
        let changes = self.oracle.changes.iter().enumerate();
        let below = changes.filter(|(_, one)| one.record != record && floor.covers(one.stamp));
        below.map(|(change, _)| change).collect()
    }

    /// What is shown of registers whose conflict a person decides.
    fn shown(
        &self,
        hub: usize,
        record: usize,
        viewer: &Writer,
    ) -> BTreeMap<&'static str, ShownSets> {
        let at = &self.hubs[hub];
        let known = &at.known[record];
        let mut shown = BTreeMap::new();
        for slot in self.oracle.slots(record, &known.seen) {
            let Slot::Register(path) = slot else { continue };
            let mut values: Vec<Shown<'_>> = Vec::new();
            for (change, item) in self.oracle.items(record, known, slot) {
                if let Item::Value { value, edited, timed, writer } = item {
                    let stamp = self.oracle.changes[change].stamp;
                    values.push((*edited, stamp, change, value, *timed, writer));
                }
            }
            values.sort_by_key(|value| (value.0, value.1));
            let Some(latest) = values.last() else {
                continue;
            };
            let rule = at.rules.rule(&Path::parse(path).unwrap());
            let contested = values.iter().any(|value| value.3 != latest.3);
            let undecided = match rule {
                Rule::Review | Rule::Approval { .. } => true,
                Rule::Custom(rule) => {
                    let present: Vec<&Leaf> = values.iter().filter_map(|v| v.3.as_ref()).collect();
                    rule.compute(&present).is_none()
                }
                Rule::Latest => {
                    let tied = |value: &Shown<'_>| value.0 == latest.0 && value.3 != latest.3;
                    values.iter().any(|value| !value.4 || tied(value))
                }
                _ => false,
            };
            let always = matches!(rule, Rule::Review | Rule::Approval { .. });
            if !(always || contested && undecided) {
                continue;
            }
            if contested && matches!(rule, Rule::Approval { .. }) {
                // Everybody is shown one value, and replaces what it said itself.
                let of = |own: bool| values.iter().filter(move |value| (value.5 == viewer) == own);
                let [values, others] =
                    [true, false].map(|own| of(own).map(|value| value.2).collect());
                shown.insert(path, ShownSets { values, others });
                continue;
            }
            // The value that it said last, whatever time it claims.
            let own = values.iter().filter(|value| value.5 == viewer).max_by_key(|value| value.1);
            let winner = own.filter(|_| contested).unwrap_or(latest).3;
            let of = |same: bool| values.iter().filter(move |value| (value.3 == winner) == same);
            let [values, others] =
                [true, false].map(|same| of(same).map(|value| value.2).collect());
            shown.insert(path, ShownSets { values, others });
        }
        shown
    }

    /// Fields that wait for approval show everybody what their rule makes of the values that the
    /// oracle knows, and wait as long as these differ.
    fn compare_provisional(
        &self,
        hub: usize,
        record: usize,
        viewer: &Writer,
    ) -> Result<(), String> {
        let at = &self.hubs[hub];
        let Some(real) = &at.records[record] else { return Ok(()) };
        let listed = conflicts(real, &at.rules);
        for (path, register) in &real.body.registers {
            let rule = at.rules.rule(path);
            let Rule::Approval { provisional, .. } = rule else { continue };
            let slot = Slot::Register(intern(path.as_str()));
            let known = self.oracle.items(record, &at.known[record], slot);
            let values = known.into_iter().filter_map(|(_, item)| match item {
                Item::Value { value, .. } => Some(value.as_ref()),
                _ => None,
            });
            let values: Vec<Option<&Leaf>> = values.collect();
            let Some(seen) = shown(register, rule, Some(viewer)) else { continue };
            let [seen_by_all, plain] =
                [rule, &**provisional].map(|rule| shown(register, rule, None).unwrap());
            let waits = values.iter().any(|value| *value != values[0]);
            let is_one =
                seen == seen_by_all && (seen.value, seen.weight) == (plain.value, plain.weight);
            let number = |value: Option<&Leaf>| value.and_then(Leaf::as_number);
            let numbers = values.iter().filter_map(|value| number(*value));
            let shows = seen_by_all.value.as_deref().and_then(Leaf::as_number);
            let is_least = match (&**provisional, &shows, numbers.clone().count() == values.len()) {
                (Rule::Max, shows, true) => *shows == numbers.max(),
                (Rule::Min, shows, true) => *shows == numbers.min(),
                _ => true,
            };
            let is_listed = !is_visible(real, at.rules.deletion)
                || listed.iter().any(|one| one.path == *path && one.open) == waits;
            if !is_one || !is_least || !is_listed || seen_by_all.open != waits {
                return Err(format!("{path} waits for approval: {waits}, shown: {seen_by_all:?}"));
            }
        }
        Ok(())
    }

    fn compare_shown(
        &self,
        token: &Token,
        shown: &BTreeMap<&'static str, ShownSets>,
    ) -> Result<(), String> {
        let dots = |set: &Set| -> Dots {
            set.iter().map(|change| self.oracle.changes[change].stamp).collect()
        };
        let expected = shown.iter().map(|(path, sets)| {
            let values = ShownValues { dots: dots(&sets.values), others: dots(&sets.others) };
            (Path::parse(path).unwrap(), values)
        });
        let (expected, real) = (expected.collect::<BTreeMap<_, _>>(), &token.shown);
        if *real == expected {
            return Ok(());
        }
        Err(format!("shown for review: {real:?}, expected {expected:?}"))
    }

    /// Cuts what was seen of lost sites to what a hub has of them.
    pub(crate) fn without_lost(&self, seen: &Seen, at: &Seen) -> Seen {
        let mut cut = *seen;
        for part in 0..GROUPS {
            let gone = cut[part].without(&at[part]);
            let lost = gone
                .iter()
                .filter(|change| self.lost.contains(&self.oracle.changes[*change].stamp.site));
            cut[part] = cut[part].without(&lost.collect());
        }
        cut
    }
}

/// The text that is shown, and the change that began it.
pub(crate) fn shown_text(record: &Record) -> Option<(Stamp, String)> {
    let texts = record.body.texts.get(&Path::parse("/t").unwrap())?;
    let (birth, text) = texts.iter().max_by_key(|(birth, text)| (text.edited, **birth))?;
    Some((*birth, text.state.text()))
}
