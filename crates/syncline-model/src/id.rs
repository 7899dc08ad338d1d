//! Names and ids: what a record, a domain, a hub, a run and an operation are called.
//!
//! All of them are checked once, where they come in, and are cheap to clone.

use std::fmt;

use smol_str::SmolStr;
use thiserror::Error;

use crate::limits::{
    ENDPOINT_ID_BYTES_MAX, EVENT_ID_BYTES_MAX, EVENT_TYPE_BYTES_MAX, NAME_BYTES_MAX,
    RECORD_ID_BYTES_MAX,
};

/// Why a text is not a name or an id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IdError {
    /// The text is empty.
    #[error("{} must not be empty", an(kind))]
    Empty {
        /// What the text should have named.
        kind: &'static str,
    },
    /// The text is longer than its kind allows.
    #[error("{} has {bytes} bytes; at most {bytes_max} are accepted", an(kind))]
    TooLong {
        /// What the text should have named.
        kind: &'static str,
        /// Length found, in bytes.
        bytes: usize,
        /// Longest accepted, in bytes.
        bytes_max: usize,
    },
    /// The text holds a control character.
    #[error("{} holds a control character at byte {offset}", an(kind))]
    Control {
        /// What the text should have named.
        kind: &'static str,
        /// Where the character starts, in bytes.
        offset: usize,
    },
    /// The text holds a character that its kind does not allow.
    #[error("{} has only {allowed}; the character at byte {offset} is another", an(kind))]
    Character {
        /// What the text should have named.
        kind: &'static str,
        /// Which characters it may have, in words.
        allowed: &'static str,
        /// Where the character starts, in bytes.
        offset: usize,
    },
}

impl IdError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty { .. }
            | Self::TooLong { .. }
            | Self::Control { .. }
            | Self::Character { .. } => "ID_INVALID",
        }
    }
}

/// Returns a kind with its article.
fn an(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {kind}")
}

fn check(kind: &'static str, text: &str, bytes_max: usize) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty { kind });
    }
    if text.len() > bytes_max {
        return Err(IdError::TooLong { kind, bytes: text.len(), bytes_max });
    }
    if text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Ok(());
    }
    match text.char_indices().find(|(_, c)| c.is_control()) {
        Some((offset, _)) => Err(IdError::Control { kind, offset }),
        None => Ok(()),
    }
}

/// Refuses a text with another character than these.
fn check_each(
    kind: &'static str,
    text: &str,
    allowed: &'static str,
    is_allowed: impl Fn(u8) -> bool,
) -> Result<(), IdError> {
    // Only ASCII is allowed, so the first byte of any other character is refused as such.
    match text.bytes().position(|byte| !is_allowed(byte)) {
        Some(offset) => Err(IdError::Character { kind, allowed, offset }),
        None => Ok(()),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $bytes_max:expr) => {
        name! { $(#[$doc])* $name, $kind, $bytes_max, |_: &str| Ok(()) }
    };
    ($(#[$doc:meta])* $name:ident, $kind:literal, $bytes_max:expr, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(SmolStr);

        impl $name {
            /// Checks `text` and takes it as it is.
            ///
            /// # Errors
            ///
            /// [`IdError`] if it is empty, too long or holds a character that it may not have: a
            /// control character, or what is said above.
            pub fn new(text: &str) -> Result<Self, IdError> {
                check($kind, text, $bytes_max)?;
                $check(text)?;
                Ok(Self(text.into()))
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

name! {
    /// The id of a record within its entity: an opaque text, at most
    /// [`RECORD_ID_BYTES_MAX`] bytes.
    RecordId, "record id", RECORD_ID_BYTES_MAX
}
name! {
    /// The name of a type of record: `contacts`, `tasks`.
    EntityName, "entity name", NAME_BYTES_MAX
}
name! {
    /// The name of a place that holds records: `personal`, `business`.
    DomainName, "domain name", NAME_BYTES_MAX
}
name! {
    /// Who wrote a value: the name of a domain, a client or a hub.
    Writer, "writer", NAME_BYTES_MAX
}
name! {
    /// The name of a client that sends operations.
    ClientId, "client id", NAME_BYTES_MAX
}
name! {
    /// The id of one run: sorts by time, unique among all runs of a hub.
    RunId, "run id", NAME_BYTES_MAX
}

name! {
    /// What an event tells of: words of letters, digits, `_` and `-` with dots between them, such as
    /// `enrollment.created`. Opaque to all but the filters of endpoints.
    EventType, "event type", EVENT_TYPE_BYTES_MAX, |text: &str| {
        let allowed = "words of a-z, A-Z, 0-9, _ and - with dots between them";
        let is_in_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        check_each("event type", text, allowed, |byte| is_in_word(byte) || byte == b'.')?;
        let mut offset = 0;
        for word in text.split('.') {
            if word.is_empty() {
                let offset = offset.min(text.len() - 1);
                return Err(IdError::Character { kind: "event type", allowed, offset });
            }
            offset += word.len() + 1;
        }
        Ok(())
    }
}
name! {
    /// The id of one event, the same in all its deliveries: visible ASCII without `.`, which parts it
    /// from the time stamp in what a signature signs (Standard Webhooks).
    EventId, "event id", EVENT_ID_BYTES_MAX, |text: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'.';
        check_each("event id", text, "visible ASCII without `.`", is_allowed)
    }
}
name! {
    /// The id of an endpoint: letters and digits of ASCII, `_` and `-`, so that it stands in a path.
    EndpointId, "endpoint id", ENDPOINT_ID_BYTES_MAX, |text: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        check_each("endpoint id", text, "a-z, A-Z, 0-9, _ and -", is_allowed)
    }
}

impl From<&DomainName> for Writer {
    fn from(domain: &DomainName) -> Self {
        Self(domain.0.clone())
    }
}

impl From<&ClientId> for Writer {
    fn from(client: &ClientId) -> Self {
        Self(client.0.clone())
    }
}

/// The id of one operation: a client and its counter, which only rises.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId {
    /// Who made the operation.
    pub client: ClientId,
    /// Which of its operations, counted from 1.
    pub counter: u64,
}

/// The identity of a hub's incarnation among hubs.
///
/// Random; a hub takes a new one after a restore, a copy or lost state, so that no stamp is ever
/// given twice (requirement I23).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteId(pub u64);

impl fmt::Display for SiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// A part of a hub with its own writer and its own order of changes. An embedded hub has one, 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(pub u16);

/// A place in the log of one partition. The first change is at 1; 0 stands before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// Returns the place after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_checked_where_it_comes_in() {
        let long = "x".repeat(RECORD_ID_BYTES_MAX + 1);
        let cases = [
            ("empty", "", false),
            ("plain", "contact-001", true),
            ("unicode", "жмых/é", true),
            ("one past the bound", long.as_str(), false),
            ("at the bound", &long[1..], true),
            ("control character", "a\u{7}b", false),
        ];
        for (name, text, accepted) in cases {
            assert_eq!(RecordId::new(text).is_ok(), accepted, "case: {name}");
        }
    }

    #[test]
    fn the_type_of_an_event_is_words_with_dots_between_them() {
        for good in ["enrollment.created", "a", "A_1-b.c.d"] {
            assert_eq!(EventType::new(good).unwrap().as_str(), good);
        }
        let long = "x".repeat(EVENT_TYPE_BYTES_MAX + 1);
        for bad in ["", ".", "a.", ".a", "a..b", "a b", "é", "a*", &long] {
            assert!(EventType::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn ids_of_events_and_endpoints_have_few_characters() {
        let long = "e".repeat(EVENT_ID_BYTES_MAX + 1);
        #[rustfmt::skip]
        let cases = [
            // name                    text             event  endpoint
            ("a word",                 "msg_2Kx-7",     true,  true),
            ("empty",                  "",              false, false),
            ("a dot",                  "msg.1",         false, false),
            ("a slash",                "a/b",           true,  false),
            ("a space",                "a b",           false, false),
            ("beyond ASCII",           "é",             false, false),
            ("one past the bound",     long.as_str(),   false, false),
            ("at the bound of events", &long[1..],      true,  false),
            ("one past the endpoints", &long[..65],     true,  false),
            ("at theirs",              &long[..64],     true,  true),
        ];
        for (name, text, event, endpoint) in cases {
            assert_eq!(EventId::new(text).is_ok(), event, "case: {name}");
            assert_eq!(EndpointId::new(text).is_ok(), endpoint, "case: {name}");
        }
    }
}
