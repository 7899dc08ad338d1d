//! Which names the fields of an item have, and which they get when it is written.
//!
//! An item that nobody has edited has the names that the index tells, whatever the configuration says
//! by now: no value moves because of a rename that is declared, changed or dropped. An item that was
//! edited has them too, but for what a person has typed under a present name. Whoever writes an item
//! gives its fields their present names, except where another field stands under such a name.

use std::collections::BTreeSet;

use syncline_merge::display::Fields;
use syncline_model::path::Path;

use super::names::{Naming, Rename, overlap};

/// What tells the names of an item that may have been edited.
pub struct NamingFacts<'a> {
    /// The names that it had when it was last known; the present ones if it is met for the first time.
    pub known: &'a Naming,
    /// The renames in force.
    pub present: &'a [Rename],
    /// Names that other items of the domain still have: the item may be an old copy.
    pub former: &'a [Naming],
    /// The hub's fields that it was last known to hold, each sorted by path: such a name stands for
    /// the field of that name.
    pub held: &'a [&'a Fields],
}

impl NamingFacts<'_> {
    /// Returns the names of the item.
    ///
    /// - `fields`: the item's, under the names that it has, sorted by path.
    pub fn names_of(&self, fields: &Fields) -> Naming {
        let item = Names(fields);
        let present = Naming::of(self.present);
        // Under a name that is known for one field another one may stand.
        let at_hub = self.known.to_hub(fields.clone());
        let at_hub = Names(&at_hub);
        let mut found = Found::default();
        let mut rest = Vec::new();
        for hub in self.hubs() {
            let (known, now) = (self.known.name_of(&hub), present.name_of(&hub));
            let is_typed =
                known != now && item.has(&now) && self.is_typed(&hub, &known, &now, &present);
            match is_typed {
                true => found.take_typed((hub, &known, &now), &item, &at_hub),
                false => rest.push((hub, known, now)),
            }
        }
        let (there, missing): (Vec<_>, Vec<_>) = rest
            .into_iter()
            .partition(|(hub, known, _)| at_hub.has(hub) && found.is_free(hub, known));
        found.names.extend(there.into_iter().map(|(hub, domain, _)| Rename { hub, domain }));
        for (hub, known, now) in missing {
            let other = self.other_name(&hub, &now, &item, &found, &present);
            let domain = other.unwrap_or(known);
            if found.is_free(&hub, &domain) {
                found.names.push(Rename { hub, domain });
            }
        }
        found.into_naming(self.known, &item)
    }

    /// Returns the fields of the hub that have, or had, another name.
    fn hubs(&self) -> BTreeSet<Path> {
        let former = self.former.iter().flat_map(|naming| &naming.renames);
        let all = self.known.renames.iter().chain(self.present).chain(former);
        all.map(|rename| rename.hub.clone()).collect()
    }

    /// Returns whether a person has typed a field under its present name: the name meant nothing in
    /// the item before, and means nothing else now.
    fn is_typed(&self, hub: &Path, known: &Path, now: &Path, present: &Naming) -> bool {
        let is_second = self.known.beside.iter().any(|second| overlap(&second.domain, now));
        let is_other = |rename: &Rename| rename.hub != *hub && overlap(&rename.domain, now);
        let is_hub_name =
            hub != now && present.renames.iter().any(|rename| overlap(&rename.hub, now));
        !is_second
            && !self.known.renames.iter().any(is_other)
            && !is_hub_name
            && !overlap(known, now)
            && !self.means_itself(hub, now)
    }

    /// Returns the name under which a field may stand that is not under the one that is known: its
    /// present one, an earlier one, or the hub's.
    fn other_name(
        &self,
        hub: &Path,
        now: &Path,
        item: &Names<'_>,
        found: &Found,
        present: &Naming,
    ) -> Option<Path> {
        let former = self.former.iter().map(|naming| naming.name_of(hub));
        let names = [now.clone()].into_iter().chain(former).chain([hub.clone()]);
        let is_others = |naming: &Naming, name: &Path| {
            let mut renames = naming.renames.iter();
            renames.any(|rename| !overlap(&rename.hub, hub) && overlap(&rename.domain, name))
        };
        let is_it = |name: &Path| {
            item.has(name)
                && found.is_free(hub, name)
                && !is_others(self.known, name)
                && !is_others(present, name)
                && !self.means_itself(hub, name)
        };
        names.into_iter().find(is_it)
    }

    /// Returns whether a name stands, as far as is known, for the hub's field of that name, which is
    /// another one.
    fn means_itself(&self, hub: &Path, name: &Path) -> bool {
        let is_there = |held: &&Fields| Names(held).has(name);
        hub != name && self.known.name_of(name) == *name && self.held.iter().any(is_there)
    }
}

/// The names that were found in an item so far.
#[derive(Default)]
struct Found {
    names: Vec<Rename>,
    beside: Vec<Rename>,
}

impl Found {
    /// Returns whether no other field has a name.
    fn is_free(&self, hub: &Path, name: &Path) -> bool {
        let is_other = |other: &Rename| !overlap(&other.hub, hub) && overlap(&other.domain, name);
        !self.names.iter().any(is_other)
    }

    /// Takes a field under its present name, which somebody has typed: all of it, or, of an object,
    /// those parts that are there. What stands under the old name too is a second name.
    ///
    /// - `at_hub`: the item under the names that are known.
    fn take_typed(
        &mut self,
        (hub, known, now): (Path, &Path, &Path),
        item: &Names<'_>,
        at_hub: &Names<'_>,
    ) {
        let rename =
            |name: &Path, part: &Path| Rename { hub: hub.join(part), domain: name.join(part) };
        let is_typed = |part: &Path| item.has(&now.join(part));
        let is_whole = item.inside(now).any(|part| part.is_root());
        let (twice, old): (Vec<Path>, Vec<Path>) =
            at_hub.inside(&hub).partition(|part| is_whole || is_typed(part));
        if old.is_empty() {
            self.names.push(rename(now, &Path::root()));
            self.beside.extend(twice.first().map(|_| rename(known, &Path::root())));
        } else {
            self.names.push(rename(known, &Path::root()));
            self.names.extend(item.inside(now).map(|part| rename(now, &part)));
            self.beside.extend(twice.iter().map(|part| rename(known, part)));
        }
    }

    /// Adds the second names that the item holds.
    fn into_naming(self, known: &Naming, item: &Names<'_>) -> Naming {
        let Self { names, mut beside } = self;
        let is_name = |name: &Path| names.iter().any(|rename| rename.domain == *name);
        let stays = |second: &&Rename| item.has(&second.domain) && !is_name(&second.domain);
        beside.extend(known.beside.iter().filter(stays).cloned());
        for Rename { hub, .. } in &names {
            let is_inside = names.iter().any(|rename| overlap(&rename.domain, hub));
            if item.has(hub) && !is_inside {
                beside.push(Rename { hub: hub.clone(), domain: hub.clone() });
            }
        }
        Naming::with(names, beside)
    }
}

/// The names of an item, or of a record of the hub: its fields, sorted by path.
struct Names<'f>(&'f Fields);

impl Names<'_> {
    /// Returns whether a field stands under a name, or inside of it.
    fn has(&self, name: &Path) -> bool {
        let from = self.0.partition_point(|(path, _)| path < name);
        self.0.get(from).is_some_and(|(path, _)| name.is_prefix_of(path))
    }

    /// Returns the fields under a name, as they are called inside of it.
    fn inside(&self, name: &Path) -> impl Iterator<Item = Path> {
        self.0.iter().filter_map(|(path, _)| path.strip_prefix(name))
    }
}

/// What a written item says, and under which names.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// What it held of the fields that are written, under its names.
    pub before: Fields,
    /// What it is to hold of them, under the names of the written item.
    pub after: Fields,
    /// The names of the written item.
    pub naming: Naming,
}

/// Gives an item that is written its present names: all fields that are written, but for those of
/// which something stays under the old name, or whose present name is not free.
///
/// - `naming`: the names that it has; `own`: all its fields under them, sorted by path.
/// - `before`, `after`: what is written of it, under the names of the hub.
///
/// # Errors
///
/// The first field, by its path at the hub, of which the written item would say something else:
/// something that stays has its place.
pub fn rewritten(
    naming: &Naming,
    present: &[Rename],
    own: &Fields,
    (before, after): (&Fields, &Fields),
) -> Result<Named, Path> {
    let moved = naming.to_domain(before.clone());
    let is_moved = |path: &Path| moved.binary_search_by(|(known, _)| known.cmp(path)).is_ok();
    let stays: Fields = own.iter().filter(|(path, _)| !is_moved(path)).cloned().collect();
    let next = next_names(naming, present, (&stays, &naming.to_hub(stays.clone())));
    let named = Named { before: moved, after: next.to_domain(after.clone()), naming: next };
    let mut written: Fields = stays.iter().chain(&named.after).cloned().collect();
    written.sort();
    let mut expected: Fields = naming.to_hub(stays);
    expected.extend(after.iter().cloned());
    expected.sort();
    let read_back = named.naming.to_hub(written);
    match expected.iter().chain(&read_back).find(|field| {
        expected.binary_search(field).is_err() || read_back.binary_search(field).is_err()
    }) {
        Some((path, _)) => Err(path.clone()),
        None => Ok(named),
    }
}

/// Returns the names of a written item of which some fields stay as they are.
///
/// - `stays`: these fields under the names of the item, and under those of the hub.
fn next_names(naming: &Naming, present: &[Rename], (stays, at_hub): (&Fields, &Fields)) -> Naming {
    let present = Naming::of(present);
    let is_in = |fields: &Fields, name: &Path| fields.iter().any(|(path, _)| overlap(path, name));
    let renames = naming.renames.iter().chain(&present.renames);
    let hubs: BTreeSet<&Path> = renames.map(|rename| &rename.hub).collect();
    let mut names: Vec<(Rename, Path)> = Vec::new();
    for hub in hubs {
        let (old, new) = (naming.name_of(hub), present.name_of(hub));
        let keeps = old != new && (is_in(at_hub, hub) || is_in(stays, &new));
        let domain = if keeps { old.clone() } else { new };
        names.push((Rename { hub: hub.clone(), domain }, old));
    }
    // Who keeps its name may keep another one from its own.
    loop {
        let is_taken = |(rename, old): &(Rename, Path)| {
            let is_other = |(other, _): &(Rename, Path)| {
                !overlap(&other.hub, &rename.hub) && overlap(&other.domain, &rename.domain)
            };
            rename.domain != *old && names.iter().any(is_other)
        };
        let Some(at) = names.iter().position(is_taken) else { break };
        if let Some((rename, old)) = names.get_mut(at) {
            rename.domain = old.clone();
        }
    }
    let beside =
        naming.beside.iter().filter(|second| is_in(stays, &second.domain)).cloned().collect();
    Naming::with(names.into_iter().map(|(rename, _)| rename).collect(), beside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use syncline_model::json::fields::flatten;

    type Pairs = &'static [[&'static str; 2]];

    /// What a case is about; the known renames and the present ones; an item and what it is at the hub;
    /// what is expected.
    type Cases<T> = &'static [(&'static str, [Pairs; 2], [&'static str; 3], T)];

    fn renames(pairs: Pairs) -> Vec<Rename> {
        let path = |text| Path::parse(text).unwrap();
        pairs.iter().map(|[hub, own]| Rename { hub: path(hub), domain: path(own) }).collect()
    }

    fn fields(text: &str) -> Fields {
        flatten(text.as_bytes()).unwrap()
    }

    fn seconds(naming: &Naming) -> Vec<&str> {
        naming.beside.iter().map(|second| second.domain.as_str()).collect()
    }

    const SWAP: Pairs = &[["/a", "/b"], ["/b", "/a"]];
    const TEL: Pairs = &[["/phone", "/tel"]];
    const CELL: Pairs = &[["/phone", "/cell"]];
    const PLACE: Pairs = &[["/adr", "/place"]];

    #[test]
    fn an_item_that_is_met_for_the_first_time_has_the_present_names_or_those_of_the_hub() {
        #[rustfmt::skip]
        let cases: &[(Pairs, &str, &str, &[&str])] = &[
            // renames, item, at the hub, second names
            (TEL, r#"{"phone":1}"#, r#"{"phone":1}"#, &[]),
            (TEL, r#"{"tel":1}"#, r#"{"phone":1}"#, &[]),
            (TEL, r#"{"tel":1,"phone":2}"#, r#"{"phone":1}"#, &["/phone"]),
            (TEL, r#"{"n":1}"#, r#"{"n":1}"#, &[]),
            (PLACE, r#"{"adr":{"city":1}}"#, r#"{"adr":{"city":1}}"#, &[]),
            (PLACE, r#"{"adr":{"zip":1},"place":{"city":2}}"#, r#"{"adr":{"city":2}}"#, &["/adr"]),
            // Two names exchanged: each is the domain's.
            (SWAP, r#"{"a":1}"#, r#"{"b":1}"#, &[]),
            (SWAP, r#"{"a":1,"b":2}"#, r#"{"a":2,"b":1}"#, &[]),
            // One is older, the other is not.
            (&[["/a", "/x"], ["/b", "/y"]], r#"{"a":1,"y":2}"#, r#"{"a":1,"b":2}"#, &[]),
        ];
        for (pairs, item, at_hub, second) in cases {
            let (present, item) = (renames(pairs), fields(item));
            let known = &Naming::of(&present);
            let facts = NamingFacts { known, present: &present, former: &[], held: &[] };
            let naming = facts.names_of(&item);
            assert_eq!(naming.to_hub(item.clone()), fields(at_hub), "{pairs:?} {item:?}");
            assert_eq!(seconds(&naming), *second, "{pairs:?} {item:?}");
        }
    }

    #[test]
    fn an_edited_item_has_the_names_that_it_had_but_for_what_is_typed_under_a_present_one() {
        #[rustfmt::skip]
        let cases: Cases<&[&str]> = &[
            // what, known, present, held at the hub, item, at the hub, second names
            ("dropped", [TEL, &[]], [r#"{"phone":0}"#, r#"{"tel":1}"#, r#"{"phone":1}"#], &[]),
            ("changed", [TEL, CELL], [r#"{"phone":0}"#, r#"{"tel":1}"#, r#"{"phone":1}"#], &[]),
            ("declared", [&[], TEL], [r#"{"phone":0}"#, r#"{"phone":1}"#, r#"{"phone":1}"#], &[]),
            ("removed", [TEL, CELL], [r#"{"phone":0}"#, r#"{"n":1}"#, r#"{"n":1}"#], &[]),
            ("typed", [TEL, CELL], [r#"{"phone":0}"#, r#"{"cell":1}"#, r#"{"phone":1}"#], &[]),
            ("typed, the old one stays", [TEL, CELL], [r#"{"phone":0}"#, r#"{"cell":1,"tel":0}"#,
                r#"{"phone":1}"#], &["/tel"]),
            ("the hub's name is typed", [TEL, &[]], [r#"{"phone":0}"#, r#"{"phone":1,"tel":0}"#,
                r#"{"phone":1}"#], &["/tel"]),
            ("the name is another field's", [&[], TEL], [r#"{"phone":0,"tel":0}"#,
                r#"{"phone":0,"tel":1}"#, r#"{"phone":0,"tel":1}"#], &[]),
            ("the name was another field's", [&[["/fax", "/tel"]], TEL], [r#"{"fax":0}"#,
                r#"{"phone":1,"tel":1}"#, r#"{"fax":1,"phone":1}"#], &[]),
            ("exchanged", [SWAP, &[]], [r#"{"a":0,"b":0}"#, r#"{"a":1,"b":2}"#, r#"{"a":2,"b":1}"#], &[]),
            ("not exchanged yet", [&[], SWAP], [r#"{"a":0,"b":0}"#, r#"{"a":1,"b":2}"#,
                r#"{"a":1,"b":2}"#], &[]),
            ("one of two is removed", [&[], SWAP], [r#"{"a":0,"b":0}"#, r#"{"b":2}"#, r#"{"b":2}"#], &[]),
            ("a part is typed", [PLACE, &[]], [r#"{"adr":{"city":0,"zip":0}}"#,
                r#"{"place":{"city":0,"zip":0},"adr":{"zip":1}}"#,
                r#"{"adr":{"city":0,"zip":1}}"#], &["/place/zip"]),
            ("the inner one is named", [PLACE, &[["/adr/zip", "/zip"]]], [r#"{"adr":{"city":0,"zip":0}}"#,
                r#"{"place":{"city":0},"zip":1}"#, r#"{"adr":{"city":0,"zip":1}}"#], &[]),
            ("the name that is known is another one's", [&[["/a", "/b"]], &[["/a", "/b"], ["/b", "/c"]]],
                [r#"{"a":0}"#, r#"{"b":0,"c":1}"#, r#"{"a":0,"b":1}"#], &[]),
            ("an object becomes a value", [PLACE, &[]], [r#"{"adr":{"city":0}}"#,
                r#"{"place":{"city":0},"adr":1}"#, r#"{"adr":1}"#], &["/place"]),
        ];
        for (what, [known, present], [held, item, at_hub], second) in cases {
            let (known, present) = (&Naming::of(&renames(known)), &renames(present));
            let (item, held) = (fields(item), &fields(held));
            let facts = NamingFacts { known, present, former: &[], held: &[held] };
            let naming = facts.names_of(&item);
            assert_eq!(naming.to_hub(item.clone()), fields(at_hub), "{what}: {naming:?}");
            assert_eq!(seconds(&naming), *second, "{what}");
            let held = &fields(at_hub);
            let again = NamingFacts { known: &naming, present, former: &[], held: &[held] };
            assert_eq!(again.names_of(&item), naming, "{what}: the same item again");
        }
    }

    #[test]
    fn an_old_copy_of_an_item_has_names_that_others_still_have() {
        let (known, former) = (&Naming::of(&renames(CELL)), &[Naming::of(&renames(TEL))]);
        let names = |held: &[&Fields], item: &str| {
            let facts = NamingFacts { known, present: &renames(CELL), former, held };
            facts.names_of(&fields(item)).to_hub(fields(item))
        };
        assert_eq!(names(&[], r#"{"tel":1}"#), fields(r#"{"phone":1}"#));
        assert_eq!(names(&[], r#"{"cell":2,"tel":1}"#), fields(r#"{"phone":2,"tel":1}"#));
        let held = fields(r#"{"phone":0,"tel":0}"#);
        assert_eq!(names(&[&held], r#"{"tel":1}"#), fields(r#"{"tel":1}"#), "a field of its own");
    }

    #[test]
    fn a_written_item_gets_the_present_names_where_nothing_else_stands_there() {
        #[rustfmt::skip]
        let cases: Cases<Option<&str>> = &[
            // what, known, present, item, before and after at the hub, the written item
            ("declared", [&[], TEL], [r#"{"phone":0}"#, r#"{"phone":0}"#, r#"{"phone":1}"#],
                Some(r#"{"tel":1}"#)),
            ("changed", [TEL, CELL], [r#"{"tel":0}"#, r#"{"phone":0}"#, r#"{"phone":1}"#],
                Some(r#"{"cell":1}"#)),
            ("exchanged", [&[], SWAP], [r#"{"a":0,"b":0}"#, r#"{"a":0,"b":0}"#, r#"{"a":1,"b":2}"#],
                Some(r#"{"a":2,"b":1}"#)),
            ("the name is not free", [&[], TEL], [r#"{"phone":0,"tel":9}"#, r#"{"phone":0}"#,
                r#"{"phone":1}"#], Some(r#"{"phone":1,"tel":9}"#)),
            ("a part stays", [PLACE, &[]], [r#"{"place":{"city":0,"zip":9}}"#, r#"{"adr":{"city":0}}"#,
                r#"{"adr":{"city":1}}"#], Some(r#"{"place":{"city":1,"zip":9}}"#)),
            ("one of two stays", [&[], &[["/a", "/b"], ["/b", "/c"]]], [r#"{"a":0,"b":9}"#, r#"{"a":0}"#,
                r#"{"a":1}"#], Some(r#"{"a":1,"b":9}"#)),
            ("the old name stands for another one now", [TEL, &[["/tel", "/phone"]]], [r#"{"tel":9}"#,
                "{}", r#"{"tel":1}"#], Some(r#"{"phone":1,"tel":9}"#)),
            ("a field has no place", [TEL, &[]], [r#"{"tel":9}"#, "{}", r#"{"tel":1}"#], None),
        ];
        for (what, [known, present], [item, before, after], written) in cases {
            let (naming, own) = (Naming::of(&renames(known)), fields(item));
            let (before, after) = (fields(before), fields(after));
            let named = rewritten(&naming, &renames(present), &own, (&before, &after));
            let Some(written) = written.map(fields) else {
                assert_eq!(named, Err(Path::parse("/tel").unwrap()), "{what}");
                continue;
            };
            let Named { before, after, naming } = named.unwrap();
            let mut item: Fields =
                own.into_iter().filter(|(path, _)| !Names(&before).has(path)).collect();
            item.extend(after);
            item.sort();
            assert_eq!(item, written, "{what}: {naming:?}");
        }
    }
}
