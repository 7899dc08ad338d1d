//! Fields that have another name in one domain than at the hub.

use syncline_merge::display::Fields;
use syncline_model::codec::{Damage, DecodeError, Reader, Writer as Bytes};
use syncline_model::path::Path;

/// A field, or an object with all that is inside of it, that a domain names differently.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rename {
    /// Its path at the hub.
    pub hub: Path,
    /// Its path in the domain.
    pub domain: Path,
}

/// The names that one item of a domain has for its fields.
///
/// It is a fact of the item, told by the index of the domain: the renames that are in force now may
/// be others than those under which the item was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Naming {
    /// The fields that have another name, sorted, each once. One inside of another one goes with
    /// that, unless it is here itself.
    pub renames: Vec<Rename>,
    /// Second names that the item holds beside those, sorted: what stands there is not the field, and
    /// stays in the domain.
    pub beside: Vec<Rename>,
}

/// The names of an item whose fields are called as at the hub.
pub static PLAIN: Naming = Naming { renames: Vec::new(), beside: Vec::new() };

impl Naming {
    /// Returns the names of an item that is written under these renames, in any order.
    pub fn of(renames: &[Rename]) -> Self {
        Self::with(renames.to_vec(), Vec::new())
    }

    /// Returns the names with each field told once, and none that goes without saying.
    pub(super) fn with(mut renames: Vec<Rename>, mut beside: Vec<Rename>) -> Self {
        // What is around a field comes before it.
        renames.sort();
        let mut naming = Self::default();
        for Rename { hub, domain } in renames {
            if naming.name_of(&hub) != domain {
                naming.renames.push(Rename { hub, domain });
            }
        }
        beside.sort_by(|a, b| (&a.domain, &a.hub).cmp(&(&b.domain, &b.hub)));
        beside.dedup_by(|a, b| a.domain == b.domain);
        Self { beside, ..naming }
    }

    /// Returns whether the fields are called as at the hub.
    pub const fn is_plain(&self) -> bool {
        self.renames.is_empty() && self.beside.is_empty()
    }

    /// Returns the name that a field of the hub has in the item.
    pub fn name_of(&self, hub: &Path) -> Path {
        renamed_path(&self.renames, hub, |rename| (&rename.hub, &rename.domain))
            .unwrap_or_else(|| hub.clone())
    }

    /// Returns the item's fields under the names of the hub, sorted by path.
    ///
    /// A field whose own name is taken by a renamed one stays in the domain: it does not cross.
    pub fn to_hub(&self, fields: Fields) -> Fields {
        if self.is_plain() {
            return fields;
        }
        let stays = |path: &Path| {
            let second = self.beside.iter().map(|second| &second.domain);
            second.into_iter().any(|name| name.is_prefix_of(path))
        };
        let fields = fields.into_iter().filter(|(path, _)| !stays(path));
        renamed(&self.renames, fields, |rename| (&rename.domain, &rename.hub))
    }

    /// Returns the hub's fields under the names of the item, sorted by path.
    pub fn to_domain(&self, fields: Fields) -> Fields {
        if self.is_plain() {
            return fields;
        }
        renamed(&self.renames, fields.into_iter(), |rename| (&rename.hub, &rename.domain))
    }
}

impl Naming {
    /// Encodes the names.
    pub(crate) fn encode(&self, out: &mut Bytes) {
        for names in [&self.renames, &self.beside] {
            out.count(names.len());
            for Rename { hub, domain } in names {
                out.str(hub.as_str());
                out.str(domain.as_str());
            }
        }
    }

    /// Decodes names. The bytes may come from anywhere.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] with the place of the damage.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut names = || {
            let mut names = Vec::new();
            for _ in 0..reader.count(2)? {
                let at = reader.offset();
                let unacceptable =
                    |_| Reader::damaged_at(at, Damage::NotAcceptable { what: "name of a field" });
                let mut path = || Path::parse(reader.str()?).map_err(unacceptable);
                names.push(Rename { hub: path()?, domain: path()? });
            }
            Ok(names)
        };
        Ok(Self { renames: names()?, beside: names()? })
    }
}

/// Returns the renames whose name in the domain is one that the hub may use for another field. That
/// field has no place in the domain: it is out of its scope.
pub fn displacing(renames: &[Rename]) -> impl Iterator<Item = &Rename> {
    let is_moved = |name: &Path| renames.iter().any(|rename| rename.hub.is_prefix_of(name));
    renames.iter().filter(move |rename| !is_moved(&rename.domain))
}

/// Returns whether one of two names is the other one or around it.
pub(super) fn overlap(a: &Path, b: &Path) -> bool {
    a.is_prefix_of(b) || b.is_prefix_of(a)
}

fn renamed(
    renames: &[Rename],
    fields: impl Iterator<Item = (Path, syncline_model::json::Leaf)>,
    ends: impl Fn(&Rename) -> (&Path, &Path),
) -> Fields {
    let is_taken = |path: &Path| renames.iter().any(|rename| ends(rename).1.is_prefix_of(path));
    let mut named = Fields::new();
    for (path, leaf) in fields {
        match renamed_path(renames, &path, &ends) {
            Some(path) => named.push((path, leaf)),
            None if is_taken(&path) => {}
            None => named.push((path, leaf)),
        }
    }
    named.sort();
    named.dedup_by(|a, b| a.0 == b.0);
    named
}

/// Returns the other name of a path, by the innermost rename around it.
fn renamed_path<'r>(
    renames: &'r [Rename],
    path: &Path,
    ends: impl Fn(&'r Rename) -> (&'r Path, &'r Path),
) -> Option<Path> {
    let around = renames.iter().map(ends).filter(|(from, _)| from.is_prefix_of(path));
    let (from, to) = around.max_by_key(|(from, _)| from.depth())?;
    path.strip_prefix(from).map(|rest| to.join(&rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use syncline_model::json::fields::flatten;

    fn renames(pairs: &[[&str; 2]]) -> Vec<Rename> {
        let path = |text| Path::parse(text).unwrap();
        let pairs = pairs.iter().map(|[hub, own]| Rename { hub: path(hub), domain: path(own) });
        pairs.collect()
    }

    #[test]
    fn a_renamed_field_crosses_under_its_other_name_and_back() {
        let naming = Naming::of(&renames(&[["/phone", "/tel"], ["/address", "/adr"]]));
        let fields = |text: &str| flatten(text.as_bytes()).unwrap();
        let domain = fields(r#"{"tel":"1","adr":{"city":"Bern"},"name":"Ann"}"#);
        let hub = fields(r#"{"phone":"1","address":{"city":"Bern"},"name":"Ann"}"#);
        assert_eq!(naming.to_hub(domain.clone()), hub);
        assert_eq!(naming.to_domain(hub), domain);
        let both = fields(r#"{"tel":"1","phone":"2"}"#);
        assert_eq!(naming.to_hub(both), fields(r#"{"phone":"1"}"#), "the taken name stays");
    }

    #[test]
    fn a_field_inside_of_a_renamed_one_goes_with_that_or_has_a_name_of_its_own() {
        let fields = |text: &str| flatten(text.as_bytes()).unwrap();
        let hub = || fields(r#"{"adr":{"city":1,"zip":2}}"#);
        #[rustfmt::skip]
        let cases: &[(&[[&str; 2]], &str)] = &[
            (&[["/adr", "/place"]], r#"{"place":{"city":1,"zip":2}}"#),
            (&[["/adr", "/place"], ["/adr/city", "/town"]], r#"{"place":{"zip":2},"town":1}"#),
            (&[["/adr", "/place"], ["/adr/city", "/adr/city"]], r#"{"adr":{"city":1},"place":{"zip":2}}"#),
        ];
        for (pairs, item) in cases {
            let naming = Naming::of(&renames(pairs));
            assert_eq!(naming.to_domain(hub()), fields(item), "{pairs:?}");
            assert_eq!(naming.to_hub(fields(item)), hub(), "{pairs:?}");
        }
        let said_twice = [["/adr/city", "/place/city"], ["/adr", "/place"], ["/n", "/n"]];
        assert_eq!(Naming::of(&renames(&said_twice)), Naming::of(&renames(&[["/adr", "/place"]])));
    }

    #[test]
    fn a_field_of_the_hub_has_no_place_where_another_one_has_its_name() {
        let displaced = |pairs: &[[&str; 2]]| displacing(&renames(pairs)).count();
        assert_eq!(displaced(&[["/phone", "/tel"]]), 1);
        assert_eq!(displaced(&[["/a", "/b"], ["/b", "/a"]]), 0);
        assert_eq!(displaced(&[["/a", "/b"], ["/b", "/c"]]), 1);
        assert_eq!(displaced(&[["/phone", "/phone/work"]]), 0);
    }
}
