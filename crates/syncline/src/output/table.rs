//! Columns, values and numbers for people.

use syncline_model::json::Leaf;
use syncline_model::path::Path;

/// Most characters of a value that are shown.
const VALUE_CHARACTERS_MAX: usize = 48;

/// Returns a value for people: a text without quotes where that is clear, shortened where it is long.
///
/// `None` is nothing at all, and is said so.
pub fn value(leaf: Option<&Leaf>) -> String {
    leaf.map_or_else(|| "(nothing)".to_owned(), |leaf| shortened(&shown(leaf)))
}

/// Returns a value in full.
pub fn value_in_full(leaf: Option<&Leaf>) -> String {
    leaf.map_or_else(|| "(nothing)".to_owned(), shown)
}

fn shown(leaf: &Leaf) -> String {
    // The JSON text escapes control characters, so that no value can move the cursor.
    leaf.to_json().to_compact_string()
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= VALUE_CHARACTERS_MAX {
        return text.to_owned();
    }
    let kept: String = text.chars().take(VALUE_CHARACTERS_MAX - 1).collect();
    format!("{kept}…")
}

/// Returns the name of a field for people: `address/city`; the root is the record itself.
pub fn field(path: &Path) -> String {
    match path.as_str().strip_prefix('/') {
        Some(name) => printable(name),
        None => "the record".to_owned(),
    }
}

/// Returns a name with control characters escaped.
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| match c.is_control() {
            true => c.escape_default().collect::<Vec<_>>(),
            false => vec![c],
        })
        .collect()
}

/// Returns a count with its noun.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Returns rows as aligned columns, two spaces apart, without spaces at the end of lines.
pub fn columns(rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (index, cell) in row.iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(index) {
                Some(known) => *known = width.max(*known),
                None => widths.push(width),
            }
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            let missing = width.saturating_sub(cell.chars().count());
            line.extend(std::iter::repeat_n(' ', missing + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Returns a duration in seconds with one decimal.
pub fn seconds(duration_ms: u64) -> String {
    let tenths = duration_ms.saturating_add(50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_have_no_tail() {
        let rows = [vec!["a".into(), "b".into()], vec!["ccc".into(), String::new()]];
        assert_eq!(columns(&rows), "a    b\nccc\n");
    }

    #[test]
    fn a_value_cannot_move_the_cursor_and_a_long_one_is_cut() {
        assert_eq!(value(Some(&Leaf::string("a\x1b[2J"))), r#""a\u001b[2J""#);
        let long = value(Some(&Leaf::string(&"x".repeat(100))));
        assert_eq!((long.chars().count(), long.ends_with('…')), (VALUE_CHARACTERS_MAX, true));
    }

    #[test]
    fn seconds_have_one_decimal_and_are_rounded() {
        for (ms, text) in [(0, "0.0"), (49, "0.0"), (50, "0.1"), (2_300, "2.3"), (59_960, "60.0")] {
            assert_eq!(seconds(ms), text, "case: {ms}");
        }
    }
}
