//! Three-way merge of texts.

use super::ot::{Cursor, OperationError, Side, Step, TextOperation};

/// Returns `base` with the edits of both `local` and `remote`.
///
/// The edits are found by [`TextOperation::from_diff`]. A character of the base stays exactly if
/// both kept it, and everything that either side added is there. Where both added something at the
/// same place, `tie` says whose comes first; what both added alike there (all of it, or whole lines
/// at its start and end) is taken once.
///
/// Laws: `merge3(b, b, r) = r`, `merge3(b, l, b) = l`, `merge3(b, x, x) = x`, and
/// `merge3(b, l, r, tie) = merge3(b, r, l, tie.other())`.
///
/// # Errors
///
/// [`OperationError::TooLong`] if a text is beyond the bound.
///
/// # Source
///
/// Khanna, Kunal and Pierce, "A Formal Investigation of Diff3" (2007), for what a three-way merge
/// should keep; here conflicting regions are both kept instead of being reported.
pub fn merge3(base: &str, local: &str, remote: &str, tie: Side) -> Result<String, OperationError> {
    let local_edit = TextOperation::from_diff(base, local)?;
    let remote_edit = TextOperation::from_diff(base, remote)?;
    let (mut left, mut right) = (Cursor::new(&local_edit), Cursor::new(&remote_edit));
    let mut merged = String::with_capacity(local.len().max(remote.len()));
    let mut rest = base.chars();
    loop {
        let added_left = left.take_insert().map_or("", |(text, _)| text);
        let added_right = right.take_insert().map_or("", |(text, _)| text);
        match tie {
            Side::Left => push_both(&mut merged, added_left, added_right),
            Side::Right => push_both(&mut merged, added_right, added_left),
        }
        let (Some(next_left), Some(next_right)) = (left.peek(), right.peek()) else {
            return Ok(merged);
        };
        let len = next_left.len().min(next_right.len());
        let kept = rest.by_ref().take(len);
        match (left.take(len), right.take(len)) {
            (Some(Step::Retain(_)), Some(Step::Retain(_))) => merged.extend(kept),
            _ => kept.for_each(drop),
        }
    }
}

/// Appends two insertions at one place, in this order, and what they have in common once.
fn push_both(merged: &mut String, first: &str, second: &str) {
    let (first, second) = (lines(first), lines(second));
    let start = first.iter().zip(&second).take_while(|(a, b)| a == b).count();
    let (common_start, first) = first.split_at(start);
    let second = second.get(start..).unwrap_or_default();
    let end = first.iter().rev().zip(second.iter().rev()).take_while(|(a, b)| a == b).count();
    let (first, common_end) = first.split_at(first.len() - end);
    let second = second.get(..second.len() - end).unwrap_or_default();
    for part in [common_start, first, second, common_end] {
        merged.extend(part.iter().copied());
    }
}

/// Cuts an insertion into whole lines, whether its line ends stand behind the lines (added before a
/// line) or in front of them (added behind the last line). Anything else is one piece.
fn lines(text: &str) -> Vec<&str> {
    if text.ends_with('\n') {
        return text.split_inclusive('\n').collect();
    }
    if !text.starts_with('\n') {
        return vec![text];
    }
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.get(1..).and_then(|after| after.find('\n')).map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at(end);
        lines.push(line);
        rest = after;
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ot::{Component, transform};
    use super::*;

    #[test]
    fn notes_of_two_people_become_one() {
        let cases = [
            (
                "different lines",
                "Milk\nBread\nTea\n",
                "Milk 2 l\nBread\nTea\n",
                "Milk\nBread\nGreen tea\n",
                "Milk 2 l\nBread\nGreen tea\n",
            ),
            (
                "different words of one line",
                "Call Anna about the invoice\n",
                "Call Anna today about the invoice\n",
                "Call Anna about the last invoice\n",
                "Call Anna today about the last invoice\n",
            ),
            ("the same edit", "a b c", "a x c", "a x c", "a x c"),
            (
                "both append, one line alike",
                "Milk\n",
                "Milk\nEggs\nRice\n",
                "Milk\nEggs\nSalt\n",
                "Milk\nEggs\nRice\nSalt\n",
            ),
            (
                "both append behind a last line without end",
                "Milk",
                "Milk\nEggs",
                "Milk\nEggs\nSalt",
                "Milk\nEggs\nSalt",
            ),
            (
                "both append different lines behind a last line without end",
                "Milk",
                "Milk\nRice",
                "Milk\nSalt",
                "Milk\nRice\nSalt",
            ),
            (
                "one deletes, one edits elsewhere",
                "old intro\n\nbody\n",
                "body\n",
                "old intro\n\nbody, longer\n",
                "body, longer\n",
            ),
            (
                "an edit within a deleted line survives",
                "keep\nplan: pay\n",
                "keep\n",
                "keep\nplan: pay rent\n",
                "keep\n rent",
            ),
            ("first text on both sides", "", "from A", "from B", "from Afrom B"),
            ("emoji", "hi 😀", "hi 😀!", "oh hi 😀", "oh hi 😀!"),
        ];
        for (name, base, local, remote, expected) in cases {
            assert_eq!(merge3(base, local, remote, Side::Left).unwrap(), expected, "case: {name}");
            let mirrored = merge3(base, remote, local, Side::Right).unwrap();
            assert_eq!(mirrored, expected, "mirrored case: {name}");
        }
    }

    fn text() -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec!["a", "b", "milk", " ", " ", "\n", "\n", "é", "😀"]);
        prop::collection::vec(word, 0..14).prop_map(|words| words.concat())
    }

    fn is_subsequence(part: &str, whole: &str) -> bool {
        let mut rest = whole.chars();
        part.chars().all(|c| rest.any(|other| other == c))
    }

    /// What `side` typed and kept, without what the other side dropped of the base.
    fn wanted(base: &str, side: &str, other: &str) -> String {
        let edit = TextOperation::from_diff(base, side).unwrap();
        let other = TextOperation::from_diff(base, other).unwrap();
        let deletes = other.components().iter().map(|component| match component {
            Component::Insert(_) => Component::Retain(0),
            kept_or_deleted => kept_or_deleted.clone(),
        });
        let deletes = TextOperation::new(deletes).unwrap();
        let (_, deletes) = transform(&edit, &deletes, Side::Left).unwrap();
        deletes.apply(side).unwrap()
    }

    proptest! {
        #[test]
        fn an_unchanged_side_adds_nothing(base in text(), edited in text()) {
            for tie in [Side::Left, Side::Right] {
                prop_assert_eq!(&merge3(&base, &base, &edited, tie).unwrap(), &edited);
                prop_assert_eq!(&merge3(&base, &edited, &base, tie).unwrap(), &edited);
                prop_assert_eq!(&merge3(&base, &edited, &edited, tie).unwrap(), &edited);
            }
        }

        #[test]
        fn both_peers_merge_to_the_same_text(base in text(), local in text(), remote in text()) {
            let here = merge3(&base, &local, &remote, Side::Left).unwrap();
            let there = merge3(&base, &remote, &local, Side::Right).unwrap();
            prop_assert_eq!(here, there);
        }

        #[test]
        fn nothing_typed_is_lost(base in text(), local in text(), remote in text()) {
            for tie in [Side::Left, Side::Right] {
                let merged = merge3(&base, &local, &remote, tie).unwrap();
                prop_assert!(is_subsequence(&wanted(&base, &local, &remote), &merged));
                prop_assert!(is_subsequence(&wanted(&base, &remote, &local), &merged));
            }
        }
    }
}
