//! Conditions on a whole record: one field has one of some values.

use syncline_model::json::{Json, Kind, Leaf};
use syncline_model::path::Path;

/// A condition that a record meets if one field has one of some values.
///
/// Values are equal as JSON values are: `1` equals `1.0`, and a text never equals a number. A field
/// that holds an array meets the condition if one of its elements does, so that a category kept as
/// `"private"` and one kept as `["work", "private"]` are treated alike. A missing field meets none.
///
/// # Example
///
/// ```
/// use syncline_model::json::Leaf;
/// use syncline_model::path::Path;
/// use syncline_policy::Condition;
///
/// let private =
///     Condition { path: Path::parse("/category")?, one_of: vec![Leaf::string("private")] };
/// assert!(private.is_met(Some(&Leaf::string("private"))));
/// assert!(!private.is_met(Some(&Leaf::string("business"))));
/// # Ok::<(), syncline_model::path::PathError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The field to look at.
    pub path: Path,
    /// The values of which it must have one.
    pub one_of: Vec<Leaf>,
}

impl Condition {
    /// Returns whether a record meets the condition whose value at [`path`](Self::path) is `value`.
    pub fn is_met(&self, value: Option<&Leaf>) -> bool {
        let Some(value) = value else { return false };
        if self.one_of.contains(value) {
            return true;
        }
        if value.kind() != Kind::Array {
            return false;
        }
        let Json::Array(elements) = value.to_json() else {
            return false;
        };
        elements
            .iter()
            .filter_map(|element| Leaf::from_json(element).ok())
            .any(|element| self.one_of.contains(&element))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_meets_a_condition_by_value_and_never_by_accident() {
        let leaf = |text: &str| Leaf::parse(text).unwrap();
        let path = Path::parse("/category").unwrap();
        let one_of = vec![leaf("\"private\""), leaf("7"), leaf("true")];
        let condition = Condition { path, one_of };
        #[rustfmt::skip]
        let cases = [
            (Some("\"private\""),             true),
            (Some("\"pri\\u0076ate\""),       true),
            (Some("7.0"),                     true),
            (Some("true"),                    true),
            (Some("[\"work\", \"private\"]"), true),
            (Some("[[\"private\"]]"),         false),
            (Some("[]"),                      false),
            (Some("\"Private\""),             false),
            (Some("\"7\""),                   false),
            (Some("{\"private\": true}"),     false),
            (Some("null"),                    false),
            (None,                            false),
        ];
        for (value, expected) in cases {
            let leaf = value.map(leaf);
            assert_eq!(condition.is_met(leaf.as_ref()), expected, "case: {value:?}");
        }
    }
}
