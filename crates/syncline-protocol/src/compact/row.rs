//! An array whose elements have their meaning by their place.

use crate::error::MessageError;
use crate::part::{Members, Part};

/// The elements of an array.
pub(super) struct Row<'a> {
    place: &'static str,
    start: usize,
    parts: Vec<Part<'a>>,
}

impl<'a> Row<'a> {
    /// Reads an array of at most so many elements.
    pub(super) fn read(
        part: &Part<'a>,
        place: &'static str,
        count_max: usize,
    ) -> Result<Self, MessageError> {
        Ok(Self { place, start: part.start, parts: part.elements(place, count_max)? })
    }

    pub(super) fn parts(&self) -> &[Part<'a>] {
        &self.parts
    }

    /// Returns an element, if it is there.
    pub(super) fn get(&self, index: usize) -> Option<Part<'a>> {
        self.parts.get(index).copied()
    }

    pub(super) fn need(&self, index: usize) -> Result<Part<'a>, MessageError> {
        self.get(index).ok_or_else(|| self.form("more elements"))
    }

    /// Returns the members of the object at the end, if it is there.
    pub(super) fn rest(&self, index: usize) -> Result<Option<Members<'a>>, MessageError> {
        self.get(index).map(|part| part.members(self.place)).transpose()
    }

    /// Refuses elements beyond so many.
    pub(super) fn only(&self, count: usize) -> Result<(), MessageError> {
        match self.get(count) {
            Some(part) => Err(MessageError::Unknown { start: part.start }),
            None => Ok(()),
        }
    }

    pub(super) const fn form(&self, expected: &'static str) -> MessageError {
        MessageError::Form { place: self.place, start: self.start, expected }
    }
}
