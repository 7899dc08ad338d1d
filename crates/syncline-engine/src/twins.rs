//! Twins: two records under different ids that may be the same, told by identifying fields.
//!
//! Only suggested, unless a person asks for more: two people may share a name, and a family a
//! telephone.

use std::collections::{BTreeMap, BTreeSet};

use syncline_merge::display::Fields;
use syncline_model::id::RecordId;
use syncline_model::json::{Json, Leaf};
use syncline_model::path::Path;

use crate::link::Side;

/// Most pairs that are answered. A list that nobody can go through helps nobody.
pub const TWINS_MAX: usize = 1_000;

/// Most records of one side that share a value before it says nothing any more: a switchboard's
/// number, a placeholder. It bounds the pairs of one value by its square.
const SHARED_MAX: usize = 4;

/// Two records that may be the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Twins {
    /// The record of the source, then that of the target.
    pub ids: [RecordId; 2],
    /// Fields in which they agree, the strongest first.
    pub agree: Vec<Path>,
    /// Fields in which both say something and differ, the strongest first.
    pub differ: Vec<Path>,
}

/// Finds twins. Hand in every record that a domain holds, then ask for the pairs.
///
/// A pair is two ids, one held by the source and one by the target, that agree in an identifying
/// field while no stronger one contradicts. Costs time in proportion to the records and their
/// values.
#[derive(Clone, Debug, Default)]
pub struct TwinSearch {
    /// Identifying fields, the strongest first.
    identifying: Vec<Path>,
    /// Normalised values, by record and side, in the order of the fields.
    records: BTreeMap<RecordId, [Option<Vec<BTreeSet<String>>>; 2]>,
}

impl TwinSearch {
    /// Begins a search by these fields, the strongest first.
    pub fn new(identifying: &[Path]) -> Self {
        Self { identifying: identifying.to_vec(), records: BTreeMap::new() }
    }

    /// Takes in a record that a domain holds; `fields` are sorted by path.
    pub fn handle_record(&mut self, side: Side, id: &RecordId, fields: &Fields) {
        let values = self.identifying.iter().map(|path| {
            let found = fields.binary_search_by(|(known, _)| known.cmp(path)).ok();
            let leaf = found.and_then(|index| fields.get(index)).map(|(_, leaf)| leaf);
            leaf.map(normalised).unwrap_or_default()
        });
        let values = values.collect();
        let sides = self.records.entry(id.clone()).or_default();
        if let Some(slot) = sides.get_mut(side.index()) {
            *slot = Some(values);
        }
    }

    /// Returns the pairs, in order of their ids, at most [`TWINS_MAX`]; each pair once, also where
    /// both records are on both sides.
    pub fn pairs(&self) -> Vec<Twins> {
        self.pairs_up_to(TWINS_MAX)
    }

    /// Returns the pairs that stand alone, in order of their ids: neither record looks like a third
    /// one. At most one for each record.
    pub fn unambiguous(&self) -> Vec<Twins> {
        let pairs = self.pairs_up_to(usize::MAX);
        let mut count: BTreeMap<&RecordId, usize> = BTreeMap::new();
        for id in pairs.iter().flat_map(|pair| &pair.ids) {
            *count.entry(id).or_default() += 1;
        }
        let is_alone = |pair: &&Twins| pair.ids.iter().all(|id| count.get(id) == Some(&1));
        pairs.iter().filter(is_alone).cloned().collect()
    }

    fn pairs_up_to(&self, pairs_max: usize) -> Vec<Twins> {
        let mut pairs: BTreeMap<[&RecordId; 2], Twins> = BTreeMap::new();
        for (at, _) in self.identifying.iter().enumerate() {
            for ids in self.sharing(at).values() {
                let [sources, targets] = ids;
                if sources.len() > SHARED_MAX || targets.len() > SHARED_MAX {
                    continue;
                }
                for (source, target) in
                    sources.iter().flat_map(|s| targets.iter().map(move |t| (*s, *t)))
                {
                    let known = pairs.contains_key(&[source, target])
                        || pairs.contains_key(&[target, source]);
                    if source != target && !known && pairs.len() < pairs_max {
                        pairs.extend(
                            self.judge(source, target).map(|twins| ([source, target], twins)),
                        );
                    }
                }
            }
        }
        pairs.into_values().collect()
    }

    /// Returns who holds which value of one field, by side.
    fn sharing(&self, at: usize) -> BTreeMap<&str, [BTreeSet<&RecordId>; 2]> {
        let mut sharing: BTreeMap<&str, [BTreeSet<&RecordId>; 2]> = BTreeMap::new();
        for (id, sides) in &self.records {
            for side in Side::BOTH {
                let values = sides[side.index()].as_ref().and_then(|values| values.get(at));
                for value in values.into_iter().flatten() {
                    sharing.entry(value).or_default()[side.index()].insert(id);
                }
            }
        }
        sharing
    }

    /// Compares two records field by field; `None` if a stronger field contradicts.
    fn judge(&self, source: &RecordId, target: &RecordId) -> Option<Twins> {
        let values = |id, side: Side| self.records.get(id)?[side.index()].as_ref();
        let pair = (values(source, Side::Source)?, values(target, Side::Target)?);
        let mut twins =
            Twins { ids: [source.clone(), target.clone()], agree: Vec::new(), differ: Vec::new() };
        for (path, (ours, theirs)) in self.identifying.iter().zip(pair.0.iter().zip(pair.1)) {
            if !ours.is_disjoint(theirs) {
                twins.agree.push(path.clone());
            } else if !ours.is_empty() && !theirs.is_empty() {
                if twins.agree.is_empty() {
                    return None;
                }
                twins.differ.push(path.clone());
            }
        }
        Some(twins)
    }
}

/// Returns what a value comes to once spelling is left aside; nothing where it says nothing. The
/// elements of an array count one by one.
fn normalised(leaf: &Leaf) -> BTreeSet<String> {
    let values = match leaf.to_json() {
        Json::Array(items) => items,
        value => vec![value],
    };
    let normal = values.iter().filter_map(|value| match value {
        Json::String(text) => Some(normal_text(text)),
        Json::Number(number) => Some(number.canonical()),
        _ => None,
    });
    normal.filter(|text| !text.is_empty()).collect()
}

/// Returns a text in lower case with single spaces; of what looks like a telephone number the
/// digits alone, without the zeros that dial abroad.
fn normal_text(text: &str) -> String {
    const DIGITS_MIN: usize = 6;
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let is_number = text.chars().all(|c| c.is_ascii_digit() || " +-./()".contains(c));
    if is_number && digits.len() >= DIGITS_MIN {
        return digits.strip_prefix("00").unwrap_or(&digits).to_owned();
    }
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn searching(sides: [&[(&str, &str)]; 2]) -> TwinSearch {
        let path = |text: &str| Path::parse(text).unwrap();
        let mut search = TwinSearch::new(&[path("/email"), path("/phone"), path("/name")]);
        for (side, records) in Side::BOTH.into_iter().zip(sides) {
            for (id, record) in records {
                let mut fields: Fields = record
                    .split(", ")
                    .filter_map(|field| field.split_once('='))
                    .map(|(name, value)| (path(&format!("/{name}")), Leaf::string(value)))
                    .collect();
                fields.sort();
                search.handle_record(side, &RecordId::new(id).unwrap(), &fields);
            }
        }
        search
    }

    fn search(sides: [&[(&str, &str)]; 2]) -> Vec<String> {
        let told = |paths: &[Path]| paths.iter().map(|p| p.as_str()).collect::<String>();
        let pairs = searching(sides).pairs();
        let pairs = pairs.iter().map(|twins| {
            let [source, target] = &twins.ids;
            format!("{source}={target} {} !{}", told(&twins.agree), told(&twins.differ))
        });
        pairs.collect()
    }

    #[test]
    fn the_strongest_field_that_both_have_decides() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, &str, Option<&str>)] = &[
            ("one address",                 "email=ada@x.org, name=Ada",    "email= ADA@X.org , name=A. L.", Some("a=b /email !/name")),
            ("one number, spelled twice",   "phone=+1-555-0100",            "phone=001 (555) 0100",          Some("a=b /phone !")),
            ("one name and nothing else",   "name=Ada  Lovelace",           "name=ada lovelace",             Some("a=b /name !")),
            ("one name, two addresses",     "email=a@x, name=Ada",          "email=b@x, name=Ada",           None),
            ("a family's telephone",        "phone=5550100, email=a@x",     "phone=5550100, email=b@x",      None),
            ("all agree",                   "email=a@x, phone=5550100, name=A", "email=a@x, phone=555-0100, name=a", Some("a=b /email/phone/name !")),
            ("nothing is not a value",      "email=, name=Ada",             "email=, name=Ben",              None),
            ("short numbers are texts",     "name=1-2",                     "name=12",                       None),
        ];
        for (name, source, target, expected) in cases {
            let found = search([&[("a", source)], &[("b", target)]]);
            assert_eq!(found.first().map(String::as_str), *expected, "case: {name}");
        }
    }

    #[test]
    fn one_id_is_no_pair_and_a_pair_on_both_sides_is_told_once() {
        let both = [("a", "name=Ada"), ("b", "name=Ada")];
        assert_eq!(search([&both[..1], &both[..1]]), [""; 0]);
        assert_eq!(search([&both, &both]), ["a=b /name !"]);
        assert_eq!(search([&both, &[]]), [""; 0], "both are the same domain's own");
    }

    #[test]
    fn a_pair_stands_alone_if_neither_looks_like_a_third() {
        #[rustfmt::skip]
        type Records<'a> = &'a [(&'a str, &'a str)];
        let cases: &[(&str, Records<'_>, Records<'_>, &[&str])] = &[
            ("one and one", &[("a", "name=Ada")], &[("b", "name=Ada")], &["a=b"]),
            ("one and two", &[("a", "name=Ada")], &[("b", "name=Ada"), ("c", "name=Ada")], &[]),
            (
                "two by two fields",
                &[("a", "email=a@x, name=Ada")],
                &[("b", "email=a@x"), ("c", "name=Ada")],
                &[],
            ),
            (
                "held on both",
                &[("a", "name=Ada"), ("b", "name=Ada")],
                &[("b", "name=Ada"), ("c", "name=Ada")],
                &[],
            ),
            (
                "a stronger one contradicts",
                &[("a", "email=a@x, name=Ada")],
                &[("b", "email=a@x"), ("c", "email=c@x, name=Ada")],
                &["a=b"],
            ),
        ];
        for (name, source, target, expected) in cases {
            let alone = searching([source, target]).unambiguous();
            let [alone, expected] = [
                alone.iter().map(|t| format!("{}={}", t.ids[0], t.ids[1])).collect::<Vec<_>>(),
                expected.iter().map(ToString::to_string).collect(),
            ];
            assert_eq!(alone, expected, "case: {name}");
        }
    }

    #[test]
    fn a_value_that_many_share_pairs_nobody() {
        let ids: Vec<String> = (0..2_000).map(|number| format!("r{number}")).collect();
        let records: Vec<(&str, &str)> =
            ids.iter().map(|id| (id.as_str(), "name=Reception")).collect();
        let (here, there) = records.split_at(1_000);
        assert_eq!(search([here, there]), [""; 0]);
        assert_eq!(search([&here[..4], &there[..4]]).len(), 16);
    }

    #[test]
    fn the_pairs_have_a_bound() {
        let ids: Vec<String> = (0..4_000).map(|number| format!("r{number:04}")).collect();
        let names: Vec<String> = (0..2_000).map(|number| format!("name=Name {number}")).collect();
        let record = |index: usize| (ids[index].as_str(), names[index % 2_000].as_str());
        let here: Vec<(&str, &str)> = (0..2_000).map(record).collect();
        let there: Vec<(&str, &str)> = (2_000..4_000).map(record).collect();
        assert_eq!(search([&here, &there]).len(), TWINS_MAX);
    }
}
