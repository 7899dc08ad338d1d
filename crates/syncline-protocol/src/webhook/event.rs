//! An event: something that happened, as receivers are told of it.

use std::fmt;

use smol_str::{SmolStr, SmolStrBuilder};
use thiserror::Error;

use crate::limits::{EVENT_ID_BYTES_MAX, EVENT_TYPE_BYTES_MAX};

/// The id of an event: the same for every receiver, every attempt and every replay.
///
/// Visible ASCII without a `.`, which parts it from what follows in what is signed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(SmolStr);

/// The type of an event: words of letters, digits, `_` and `-`, parted by full stops.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventType(SmolStr);

/// Why a text is no id or no type of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EventError {
    /// The text is no id.
    #[error(
        "an event id is 1 to {EVENT_ID_BYTES_MAX} visible characters of ASCII without a full stop"
    )]
    Id,
    /// The text is no type.
    #[error(
        "an event type is words of letters, digits, `_` and `-`, parted by full stops, of at most \
         {EVENT_TYPE_BYTES_MAX} bytes"
    )]
    Type,
}

impl EventError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Id => "EVENT_ID_INVALID",
            Self::Type => "EVENT_TYPE_INVALID",
        }
    }
}

/// What is told of an event. None of it is read: `data` is JSON already, and stays as it is.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Its id.
    pub id: &'a EventId,
    /// Its type.
    pub event_type: &'a EventType,
    /// When it happened, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// What it tells, as JSON.
    pub data: &'a str,
    /// What kind of thing it happened to: an entity.
    pub resource_type: &'a str,
    /// What it happened to: the id of a record.
    pub resource_id: &'a str,
    /// Its place in the order of events: a position of the log.
    pub sequence: u64,
    /// Who caused it.
    pub origin: &'a str,
}

impl EventId {
    /// Reads an id.
    ///
    /// # Errors
    ///
    /// [`EventError::Id`] if the text is empty, too long, or holds anything but visible ASCII, or a `.`.
    pub fn new(text: &str) -> Result<Self, EventError> {
        Self::is_valid(text.as_bytes()).then(|| Self(text.into())).ok_or(EventError::Id)
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether bytes are an id.
    pub(super) fn is_valid(bytes: &[u8]) -> bool {
        (1..=EVENT_ID_BYTES_MAX).contains(&bytes.len())
            && bytes.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'.')
    }
}

impl EventType {
    /// Reads a type.
    ///
    /// # Errors
    ///
    /// [`EventError::Type`] if the text has another form or is too long.
    pub fn new(text: &str) -> Result<Self, EventError> {
        let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let is_word = |word: &str| !word.is_empty() && word.chars().all(is_letter);
        let is_type = text.len() <= EVENT_TYPE_BYTES_MAX && text.split('.').all(is_word);
        is_type.then(|| Self(text.into())).ok_or(EventError::Type)
    }

    /// Returns the type of a change of a record, unless another one was given: `<entity>.<change>`. What
    /// no type may hold becomes `_`, and a name that is too long is cut.
    ///
    /// - `change`: a word such as `created`; of anything else than letters only its letters are taken.
    pub fn of_change(entity: &str, change: &str) -> Self {
        let letters = change.chars().filter(char::is_ascii_alphabetic);
        let change: String = letters.take(EVENT_TYPE_BYTES_MAX / 2).collect();
        let change = if change.is_empty() { "changed" } else { &change };
        let entity_max = EVENT_TYPE_BYTES_MAX - change.len() - 1;
        let mut text = SmolStrBuilder::new();
        let mut is_begun = false;
        for c in entity.chars().take(entity_max) {
            is_begun = true;
            text.push(if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' });
        }
        if !is_begun {
            text.push('_');
        }
        text.push('.');
        text.push_str(change);
        Self(text.finish())
    }

    /// Returns the type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_is_visible_and_has_no_full_stop() {
        let longest = "x".repeat(128);
        for good in ["a", "019a-7-41", "event:1/2~3", &longest] {
            assert_eq!(EventId::new(good).unwrap().as_str(), good);
        }
        let long = "x".repeat(129);
        for bad in ["", "a.b", "a b", "a\nb", "é", "\u{7f}", &long] {
            assert_eq!(EventId::new(bad), Err(EventError::Id), "{bad:?}");
        }
    }

    #[test]
    fn a_type_is_words_and_full_stops() {
        for good in ["enrollment.created", "a", "A_1-b.c.d"] {
            assert_eq!(EventType::new(good).unwrap().as_str(), good);
        }
        let long = "x".repeat(129);
        for bad in ["", ".", "a.", ".a", "a..b", "a b", "é", "a*", &long] {
            assert_eq!(EventType::new(bad), Err(EventError::Type), "{bad:?}");
        }
        let cases = [
            ("enrollment", "created", "enrollment.created"),
            ("my notes", "updated", "my_notes.updated"),
            ("a.b", "deleted", "a_b.deleted"),
            ("Kühe", "created", "K_he.created"),
            ("", "", "_.changed"),
        ];
        for (entity, change, expected) in cases {
            assert_eq!(EventType::of_change(entity, change).as_str(), expected);
        }
    }

    proptest! {
        #[test]
        fn every_change_has_a_type(entity in "\\PC{0,200}", change in "\\PC{0,200}") {
            let made = EventType::of_change(&entity, &change);
            prop_assert_eq!(EventType::new(made.as_str()), Ok(made.clone()));
        }
    }
}
