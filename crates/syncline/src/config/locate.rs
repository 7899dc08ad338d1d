//! Finds the line of a member in the text of `syncline.toml`.

use toml::de::{DeTable, DeValue};

use super::error::{At, Position, Step};

/// Returns where the member `at` stands in `text`, or the nearest member above it that is there.
///
/// The text is parsed again: this runs only when something is to be reported.
pub(super) fn position(text: &str, at: &At) -> Option<Position> {
    let root = DeTable::parse(text).ok()?;
    let mut offset = None;
    let mut value: Option<&DeValue<'_>> = None;
    for (depth, step) in at.0.iter().enumerate() {
        let found = match (step, value) {
            (Step::Key(key), None) if depth == 0 => member(root.get_ref(), key),
            (Step::Key(key), Some(DeValue::Table(table))) => member(table, key),
            (Step::Index(index), Some(DeValue::Array(array))) => {
                array.get(*index).map(|element| (element.span().start, element.get_ref()))
            }
            _ => None,
        };
        let Some((start, inner)) = found else { break };
        offset = Some(start);
        value = Some(inner);
    }
    offset.map(|offset| Position::of(text, offset))
}

/// Returns the offset of a key and its value.
fn member<'t, 'i>(table: &'t DeTable<'i>, key: &str) -> Option<(usize, &'t DeValue<'i>)> {
    let (name, value) = table.iter().find(|(name, _)| name.get_ref() == key)?;
    Some((name.span().start, value.get_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row per kind of step, and the fallback to the nearest member above.
    #[test]
    fn a_member_is_found_by_line_and_column() {
        let text = "[links.work]\nsource = \"a\"\nfilter = [\n  { path = \"/x\" },\n]\n\
                    [[permissions]]\nuser = \"é\"\n";
        let work = At::new("links").key("work");
        let at = |line, column| Some(Position { line, column });
        #[rustfmt::skip]
        let cases = [
            (work.key("source"), at(2, 1)),
            (work.key("filter").index(0).key("path"), at(4, 5)),
            (work.key("filter").index(7), at(3, 1)),
            (work.key("target"), at(1, 8)),
            (At::new("permissions").index(0).key("user"), at(7, 1)),
            (At::new("domains"), None),
        ];
        for (path, expected) in cases {
            assert_eq!(position(text, &path), expected, "case: {path}");
        }
    }
}
