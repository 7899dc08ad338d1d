//! Reading two operations side by side.

use super::operation::{Component, TextOperation, split_chars};

/// A component, or the part of it that is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// Keeps this many characters.
    Retain(usize),
    /// Adds this text of this many characters.
    Insert(&'a str, usize),
    /// Drops this many characters.
    Delete(usize),
}

impl Step<'_> {
    /// Returns the length in scalar values.
    pub(crate) const fn len(&self) -> usize {
        match *self {
            Self::Retain(len) | Self::Insert(_, len) | Self::Delete(len) => len,
        }
    }
}

/// A place in an operation; it stands on the step that comes next.
pub(crate) struct Cursor<'a> {
    rest: std::slice::Iter<'a, Component>,
    next: Option<Step<'a>>,
}

impl<'a> Cursor<'a> {
    /// Stands at the start of `operation`.
    pub(crate) fn new(operation: &'a TextOperation) -> Self {
        let mut cursor = Self { rest: operation.components().iter(), next: None };
        cursor.step();
        cursor
    }

    /// Returns the step that comes next, if any.
    pub(crate) const fn peek(&self) -> Option<Step<'a>> {
        self.next
    }

    /// Takes at most `len` characters of the next step; the cursor moves behind them.
    pub(crate) fn take(&mut self, len: usize) -> Option<Step<'a>> {
        let next = self.next?;
        if len >= next.len() {
            self.step();
            return Some(next);
        }
        let left = next.len() - len;
        let (taken, rest) = match next {
            Step::Retain(_) => (Step::Retain(len), Step::Retain(left)),
            Step::Delete(_) => (Step::Delete(len), Step::Delete(left)),
            Step::Insert(text, _) => {
                let (head, tail) = split_chars(text, len);
                (Step::Insert(head, len), Step::Insert(tail, left))
            }
        };
        self.next = Some(rest);
        Some(taken)
    }

    /// Takes the next step whole if it is an insertion.
    pub(crate) fn take_insert(&mut self) -> Option<(&'a str, usize)> {
        let Some(Step::Insert(text, len)) = self.next else {
            return None;
        };
        self.step();
        Some((text, len))
    }

    fn step(&mut self) {
        self.next = self.rest.next().map(|component| match component {
            Component::Retain(len) => Step::Retain(*len),
            Component::Insert(text) => Step::Insert(text, text.chars().count()),
            Component::Delete(len) => Step::Delete(*len),
        });
    }
}
