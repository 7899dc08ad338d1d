//! The facts: who put what where, and who dropped it.

use syncline_model::clock::Stamp;

/// Names a run: the change that typed it, and which of that change's characters is its first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RunId {
    pub(super) stamp: Stamp,
    pub(super) start: u32,
}

/// Where in the tree a run hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Behind the start of a text that held nothing yet.
    Start,
    /// Behind the last character of a run that had nothing behind it yet. (Nobody ever saw a run
    /// without its end, so nothing hangs behind its other characters.)
    After(RunId),
    /// Before this character of a run.
    Before(RunId, u32),
}

/// Characters typed in one go. At least one, at most `RUN_CHARS_MAX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) id: RunId,
    pub(super) origin: Origin,
    pub(super) text: Box<str>,
    /// Scalar values in `text`.
    pub(super) len: u32,
}

impl Run {
    /// Returns the text of `len` characters from the character `start`.
    pub(super) fn slice(&self, start: u32, len: u32) -> &str {
        if start == 0 && len == self.len {
            return &self.text;
        }
        let mut offsets = self.text.char_indices().map(|(offset, _)| offset).skip(start as usize);
        let from = offsets.next().unwrap_or(self.text.len());
        let to = match len.checked_sub(1) {
            None => from,
            Some(more) => offsets.nth(more as usize).unwrap_or(self.text.len()),
        };
        self.text.get(from..to).unwrap_or_default()
    }
}

/// Characters of a run that a change dropped. Several changes may drop the same ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Deletion {
    pub(super) stamp: Stamp,
    pub(super) run: RunId,
    pub(super) start: u32,
    pub(super) len: u32,
}
