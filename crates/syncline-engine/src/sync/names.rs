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

/// Returns a domain's fields under the names of the hub, sorted by path.
///
/// A field whose own name is taken by a renamed one stays in the domain: it does not cross.
pub fn to_hub(renames: &[Rename], fields: Fields) -> Fields {
    renamed(renames, fields, |rename| (&rename.domain, &rename.hub))
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
        assert_eq!(to_hub(&renames, domain.clone()), hub);
        assert_eq!(to_domain(&renames, hub), domain);
        let both = fields(r#"{"tel":"1","phone":"2"}"#);
        assert_eq!(to_hub(&renames, both), fields(r#"{"phone":"1"}"#), "the taken name stays");
    }
}
