//! The edit that turns one text into another: lines first, then the words of changed lines, then the
//! characters at the edges of changed words, so that the result reads as a person would have edited.
//!
//! No clock bounds the work: the diff's own search limit and the cut-offs in
//! [`limits`](super::limits) do, so every machine finds the same edit.

use similar::{Algorithm, DiffTag, capture_diff_slices};

use super::limits::{COMPONENTS_MAX, DIFF_LINES_MAX, DIFF_WORDS_MAX};
use super::ot::{Builder, OperationError, TextOperation};

impl TextOperation {
    /// Returns an edit that turns `old` into `new`; the identity if they are equal.
    ///
    /// It is deterministic and short, not the shortest possible. What is beyond
    /// [`DIFF_LINES_MAX`] and [`DIFF_WORDS_MAX`] becomes one replacement.
    ///
    /// # Errors
    ///
    /// [`OperationError::TooLong`] if one of the texts is beyond the bound.
    ///
    /// # Source
    ///
    /// Myers, "An O(ND) Difference Algorithm and Its Variations" (1986), with the search limit of
    /// the `similar` crate.
    pub fn from_diff(old: &str, new: &str) -> Result<Self, OperationError> {
        let mut fine = Differ { builder: Builder::default(), words_left: DIFF_WORDS_MAX };
        match fine.diff_lines(old, new) {
            Err(OperationError::TooManyComponents { .. }) => {}
            result => return result.map(|()| fine.builder.finish()),
        }
        let mut coarse = Builder::default();
        replace_middle(&mut coarse, old, new)?;
        Ok(coarse.finish())
    }
}

const _: () = assert!(COMPONENTS_MAX >= 4, "one replacement must always fit");

/// An edit in the making, and how many words may still be compared for it.
struct Differ {
    builder: Builder,
    words_left: usize,
}

impl Differ {
    fn diff_lines(&mut self, old: &str, new: &str) -> Result<(), OperationError> {
        let old_lines: Vec<&str> = old.split_inclusive('\n').collect();
        let new_lines: Vec<&str> = new.split_inclusive('\n').collect();
        if old_lines.len() + new_lines.len() > DIFF_LINES_MAX {
            return self.diff_words(old, new);
        }
        self.diff_tokens(&old_lines, &new_lines, Self::diff_words)
    }

    fn diff_words(&mut self, old: &str, new: &str) -> Result<(), OperationError> {
        let old_words = words(old);
        let new_words = words(new);
        let Some(left) = self.words_left.checked_sub(old_words.len() + new_words.len()) else {
            return self.replace(old, new);
        };
        self.words_left = left;
        self.diff_tokens(&old_words, &new_words, Self::replace)
    }

    fn replace(&mut self, old: &str, new: &str) -> Result<(), OperationError> {
        replace_middle(&mut self.builder, old, new)
    }

    /// Compares tokens; what was replaced is handed on to `refine`.
    fn diff_tokens(
        &mut self,
        old: &[&str],
        new: &[&str],
        refine: fn(&mut Self, &str, &str) -> Result<(), OperationError>,
    ) -> Result<(), OperationError> {
        for op in capture_diff_slices(Algorithm::Myers, old, new) {
            let (tag, old_range, new_range) = op.as_tag_tuple();
            let gone = old.get(old_range).unwrap_or_default();
            let come = new.get(new_range).unwrap_or_default();
            match tag {
                DiffTag::Equal => self.builder.retain(chars_of(gone))?,
                DiffTag::Delete => self.builder.delete(chars_of(gone))?,
                DiffTag::Insert => self.builder.insert(&come.concat())?,
                DiffTag::Replace => refine(self, &gone.concat(), &come.concat())?,
            }
        }
        Ok(())
    }
}

/// Keeps the common start and end, and replaces what lies between.
fn replace_middle(builder: &mut Builder, old: &str, new: &str) -> Result<(), OperationError> {
    let start: usize =
        old.chars().zip(new.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (head, old_rest) = old.split_at(start);
    let new_rest = new.split_at(start).1;
    let end: usize = old_rest
        .chars()
        .rev()
        .zip(new_rest.chars().rev())
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a.len_utf8())
        .sum();
    let (old_middle, tail) = old_rest.split_at(old_rest.len() - end);
    let new_middle = new_rest.split_at(new_rest.len() - end).0;
    builder.retain(head.chars().count())?;
    builder.insert(new_middle)?;
    builder.delete(old_middle.chars().count())?;
    builder.retain(tail.chars().count())
}

/// Cuts a text into words, runs of blanks, line ends and single other characters.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let kind = WordKind::of(first);
        let end = match kind {
            WordKind::Single => first.len_utf8(),
            _ => rest.find(|c| WordKind::of(c) != kind).unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at(end);
        words.push(word);
        rest = after;
    }
    words
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum WordKind {
    Word,
    Blank,
    Single,
}

impl WordKind {
    fn of(c: char) -> Self {
        if c.is_alphanumeric() || c == '_' {
            Self::Word
        } else if c.is_whitespace() && c != '\n' {
            Self::Blank
        } else {
            Self::Single
        }
    }
}

fn chars_of(tokens: &[&str]) -> usize {
    tokens.iter().map(|token| token.chars().count()).sum()
}

#[cfg(test)]
mod tests {
    use super::super::ot::Component::{self, Delete, Insert, Retain};
    use super::*;

    #[test]
    fn a_diff_reads_like_the_edit() {
        let cases: [(&str, &str, &str, Vec<Component>); 7] = [
            ("both empty", "", "", vec![]),
            ("equal", "a\nb", "a\nb", vec![Retain(3)]),
            ("all new", "", "hé", vec![Insert("hé".into())]),
            ("all gone", "hé", "", vec![Delete(2)]),
            (
                "a line between",
                "one\nthree\n",
                "one\ntwo\nthree\n",
                vec![Retain(4), Insert("two\n".into()), Retain(6)],
            ),
            (
                "the end of a word",
                "buy milk now\n",
                "buy milks now\n",
                vec![Retain(8), Insert("s".into()), Retain(5)],
            ),
            (
                "an emoji",
                "so 😀!",
                "so 😁!",
                vec![Retain(3), Insert("😁".into()), Delete(1), Retain(1)],
            ),
        ];
        for (name, old, new, expected) in cases {
            let diff = TextOperation::from_diff(old, new).unwrap();
            assert_eq!(diff.components(), expected, "case: {name}");
            assert_eq!(diff.apply(old).unwrap(), new, "case: {name}");
        }
    }

    #[test]
    fn a_long_line_is_still_compared_by_words() {
        let old: String = (0..10_000).map(|word| format!("{word} ")).collect();
        let new = old.replacen("17 ", "seventeen ", 1).replacen("9998 ", "", 1);
        let diff = TextOperation::from_diff(&old, &new).unwrap();
        let dropped = diff.components().iter().map(|component| match component {
            Delete(len) => *len,
            Insert(_) | Retain(_) => 0,
        });
        assert_eq!(dropped.sum::<usize>(), "17".len() + "9998 ".len());
        assert_eq!(diff.apply(&old).unwrap(), new);
    }

    #[test]
    fn texts_beyond_the_cut_offs_become_one_replacement() {
        let old = "x\n".repeat(DIFF_LINES_MAX / 2) + "tail";
        let new = "x\n".to_owned() + &"y\n".repeat(DIFF_LINES_MAX / 2) + "tail";
        let diff = TextOperation::from_diff(&old, &new).unwrap();
        assert!(diff.components().len() <= 4);
        assert_eq!(diff.apply(&old).unwrap(), new);
    }
}
