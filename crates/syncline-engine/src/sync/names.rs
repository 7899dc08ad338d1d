//! Fields that have another name in one domain than at the hub.

use syncline_merge::display::Fields;
use syncline_model::path::Path;

/// A field, or an object with all that is inside of it, that a domain names differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    /// Its path at the hub.
    pub hub: Path,
    /// Its path in the domain.
    pub domain: Path,
}

/// Returns the renames that an item of a domain follows.
///
/// A rename that is younger than the item finds the field under the hub's name. Where the domain's name
/// is not there, that is the field: it was never removed. The next write gives it the domain's name.
///
/// - `fields`: the item's, under the names that it has, sorted by path.
fn followed(renames: &[Rename], fields: &Fields) -> Vec<Rename> {
    let is_there = |name: &Path| fields.iter().any(|(path, _)| name.is_prefix_of(path));
    let is_other = |name: &Path| renames.iter().any(|rename| overlap(&rename.domain, name));
    let is_older = |rename: &Rename| {
        is_there(&rename.hub) && !is_there(&rename.domain) && !is_other(&rename.hub)
    };
    renames.iter().filter(|rename| !is_older(rename)).cloned().collect()
}

/// Returns the renames that an item follows of those that are in force no more.
///
/// The item was written while they were. A field under such a name, which is not there under its
/// present one, is the same field: it was never removed. The next write gives it its present name.
///
/// - `renames`: those in force.
/// - `fields`: the item's, under the names that it has, sorted by path.
fn still_followed(former: &[Rename], renames: &[Rename], fields: &Fields) -> Vec<Rename> {
    let is_there = |name: &Path| fields.iter().any(|(path, _)| name.is_prefix_of(path));
    let is_taken = |name: &Path| renames.iter().any(|rename| overlap(&rename.domain, name));
    let present = |hub: &Path| {
        let named = renames.iter().find(|rename| rename.hub == *hub);
        named.map_or(hub, |rename| &rename.domain).clone()
    };
    let is_followed = |rename: &&Rename| {
        is_there(&rename.domain) && !is_taken(&rename.domain) && !is_there(&present(&rename.hub))
    };
    former.iter().filter(is_followed).cloned().collect()
}

/// Returns the renames of which an item holds both names, the domain's and the hub's: the first is
/// the field, and the second stays as it is in the domain.
pub fn named_twice<'r>(renames: &'r [Rename], fields: &Fields) -> Vec<&'r Rename> {
    let is_there = |name: &Path| fields.iter().any(|(path, _)| name.is_prefix_of(path));
    let is_other = |name: &Path| renames.iter().any(|rename| overlap(&rename.domain, name));
    let both = |rename: &&Rename| {
        is_there(&rename.hub) && is_there(&rename.domain) && !is_other(&rename.hub)
    };
    renames.iter().filter(both).collect()
}

/// Returns the renames whose name in the domain is one that the hub may use for another field. That
/// field has no place in the domain: it is out of its scope.
pub fn displacing(renames: &[Rename]) -> impl Iterator<Item = &Rename> {
    let is_moved = |name: &Path| renames.iter().any(|rename| rename.hub.is_prefix_of(name));
    renames.iter().filter(move |rename| !is_moved(&rename.domain))
}

fn overlap(a: &Path, b: &Path) -> bool {
    a.is_prefix_of(b) || b.is_prefix_of(a)
}

/// Returns a domain's fields under the names of the hub, sorted by path.
///
/// A field whose own name is taken by a renamed one stays in the domain: it does not cross.
///
/// - `former`: renames that were in force when the fields may have been written, see
///   [`still_followed`].
pub fn to_hub(renames: &[Rename], former: &[Rename], fields: Fields) -> Fields {
    let names = names_of(renames, former, &fields);
    renamed(&names, fields, |rename| (&rename.domain, &rename.hub))
}

/// Returns the names that an item has in its domain: those that it still has come first.
pub fn names_of(renames: &[Rename], former: &[Rename], fields: &Fields) -> Vec<Rename> {
    if renames.is_empty() && former.is_empty() {
        return Vec::new();
    }
    let mut names = still_followed(former, renames, fields);
    names.extend(followed(renames, fields));
    names
}

/// Returns the hub's fields under the names of a domain, sorted by path.
pub fn to_domain(renames: &[Rename], fields: Fields) -> Fields {
    renamed(renames, fields, |rename| (&rename.hub, &rename.domain))
}

fn renamed(renames: &[Rename], fields: Fields, ends: impl Fn(&Rename) -> (&Path, &Path)) -> Fields {
    if renames.is_empty() {
        return fields;
    }
    let mut named = Fields::with_capacity(fields.len());
    for (path, leaf) in fields {
        let from = renames.iter().map(&ends).find(|(from, _)| from.is_prefix_of(&path));
        match from.and_then(|(from, to)| path.strip_prefix(from).map(|rest| to.join(&rest))) {
            Some(path) => named.push((path, leaf)),
            None if renames.iter().any(|rename| ends(rename).1.is_prefix_of(&path)) => {}
            None => named.push((path, leaf)),
        }
    }
    named.sort();
    named.dedup_by(|a, b| a.0 == b.0);
    named
}

#[cfg(test)]
mod tests {
    use super::*;
    use syncline_model::json::fields::flatten;

    #[test]
    fn a_renamed_field_crosses_under_its_other_name_and_back() {
        let path = |text| Path::parse(text).unwrap();
        let renames = [
            Rename { hub: path("/phone"), domain: path("/tel") },
            Rename { hub: path("/address"), domain: path("/adr") },
        ];
        let fields = |text: &str| flatten(text.as_bytes()).unwrap();
        let domain = fields(r#"{"tel":"1","adr":{"city":"Bern"},"name":"Ann"}"#);
        let hub = fields(r#"{"phone":"1","address":{"city":"Bern"},"name":"Ann"}"#);
        assert_eq!(to_hub(&renames, &[], domain.clone()), hub);
        assert_eq!(to_domain(&renames, hub), domain);
        let both = fields(r#"{"tel":"1","phone":"2"}"#);
        assert_eq!(to_hub(&renames, &[], both), fields(r#"{"phone":"1"}"#), "the taken name stays");
    }

    #[test]
    fn an_item_that_is_older_than_a_rename_has_the_field_under_the_name_of_the_hub() {
        let renames = |pairs: &[[&str; 2]]| {
            let path = |text| Path::parse(text).unwrap();
            let pairs = pairs.iter().map(|[hub, own]| Rename { hub: path(hub), domain: path(own) });
            pairs.collect::<Vec<_>>()
        };
        let fields = |text: &str| flatten(text.as_bytes()).unwrap();
        #[rustfmt::skip]
        let cases: &[(&[[&str; 2]], &str, &str, usize)] = &[
            // renames, item, at the hub, how many are named twice
            (&[["/phone", "/tel"]], r#"{"phone":1}"#, r#"{"phone":1}"#, 0),
            (&[["/phone", "/tel"]], r#"{"tel":1}"#, r#"{"phone":1}"#, 0),
            (&[["/phone", "/tel"]], r#"{"tel":1,"phone":2}"#, r#"{"phone":1}"#, 1),
            (&[["/phone", "/tel"]], r#"{"n":1}"#, r#"{"n":1}"#, 0),
            (&[["/adr", "/place"]], r#"{"adr":{"city":1}}"#, r#"{"adr":{"city":1}}"#, 0),
            (&[["/adr", "/place"]], r#"{"adr":{"zip":1},"place":{"city":2}}"#, r#"{"adr":{"city":2}}"#, 1),
            // Two names exchanged: each is the domain's.
            (&[["/a", "/b"], ["/b", "/a"]], r#"{"a":1}"#, r#"{"b":1}"#, 0),
            (&[["/a", "/b"], ["/b", "/a"]], r#"{"a":1,"b":2}"#, r#"{"a":2,"b":1}"#, 0),
            // One is older, the other is not.
            (&[["/a", "/x"], ["/b", "/y"]], r#"{"a":1,"y":2}"#, r#"{"a":1,"b":2}"#, 0),
        ];
        for (pairs, item, at_hub, twice) in cases {
            let (renames, item) = (renames(pairs), fields(item));
            assert_eq!(
                to_hub(&renames, &[], item.clone()),
                fields(at_hub),
                "case: {pairs:?} {item:?}"
            );
            assert_eq!(named_twice(&renames, &item).len(), *twice, "case: {pairs:?} {item:?}");
        }
        let displaced = |pairs: &[[&str; 2]]| displacing(&renames(pairs)).count();
        assert_eq!(displaced(&[["/phone", "/tel"]]), 1);
        assert_eq!(displaced(&[["/a", "/b"], ["/b", "/a"]]), 0);
        assert_eq!(displaced(&[["/a", "/b"], ["/b", "/c"]]), 1);
        assert_eq!(displaced(&[["/phone", "/phone/work"]]), 0);
    }

    #[test]
    fn an_item_has_the_names_under_which_it_was_written() {
        let rename = |hub: &str, own: &str| Rename {
            hub: Path::parse(hub).unwrap(),
            domain: Path::parse(own).unwrap(),
        };
        let fields = |text: &str| flatten(text.as_bytes()).unwrap();
        let (tel, cell) = (|| rename("/phone", "/tel"), || rename("/phone", "/cell"));
        #[rustfmt::skip]
        let cases = [
            // in force, no more in force, item, at the hub
            (vec![], vec![tel()], r#"{"tel":1}"#, r#"{"phone":1}"#),
            (vec![], vec![tel()], r#"{"phone":1}"#, r#"{"phone":1}"#),
            (vec![], vec![tel()], r#"{"phone":1,"tel":2}"#, r#"{"phone":1,"tel":2}"#),
            (vec![cell()], vec![tel()], r#"{"tel":1}"#, r#"{"phone":1}"#),
            (vec![cell()], vec![tel()], r#"{"tel":1,"cell":2}"#, r#"{"phone":2,"tel":1}"#),
            (vec![rename("/fax", "/tel")], vec![tel()], r#"{"tel":1}"#, r#"{"fax":1}"#),
            (vec![], vec![rename("/adr", "/place")], r#"{"place":{"city":1}}"#, r#"{"adr":{"city":1}}"#),
        ];
        for (renames, former, item, at_hub) in cases {
            let case = format!("{renames:?} {former:?} {item}");
            let (item, at_hub) = (fields(item), fields(at_hub));
            assert_eq!(to_hub(&renames, &former, item.clone()), at_hub, "{case}");
            let names = names_of(&renames, &former, &item);
            assert_eq!(to_domain(&names, at_hub), item, "as it is there: {case}");
        }
    }
}
