//! Where a client stands in what it follows: at a place of the log, or within a snapshot.
//!
//! The text is that of the [`Cursor`]; within a snapshot a full stop follows and the place, as
//! base64url of entity and id, or `~` and what only the hub can read. Where a reader is not told
//! everything a `~` follows, and what stands for that which it is told.

use std::fmt;
use std::str::FromStr;

use syncline_model::base64url;
use syncline_model::codec::{DecodeError, Reader, Writer};
use syncline_model::cursor::{Cursor, CursorError, Incarnation};
use syncline_model::id::{EntityName, PartitionId, Position, RecordId};

use crate::limits::CURSOR_TEXT_BYTES_MAX;

/// Most digits of an incarnation in hexadecimal.
const INCARNATION_DIGITS: usize = 32;

/// Where a client stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StreamCursor {
    /// Where in the log; of a snapshot where it began, which is where the log goes on after it.
    pub log: Cursor,
    /// The place within a snapshot, unless it is through.
    pub snapshot: Option<Box<SnapshotPlace>>,
    /// What the reader was told of; `None` if nothing was kept from it.
    pub scope: Option<Scope>,
}

/// A place within a snapshot: the record that was looked at last.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SnapshotPlace {
    /// One that the reader may know of.
    Record {
        /// The type of record.
        entity: EntityName,
        /// Which record.
        id: RecordId,
    },
    /// One that it may not, as only the hub can read it.
    Sealed(Box<[u8]>),
}

/// Stands for what a reader is told of the records: which of them, and which of their fields. A
/// cursor is good only where it is still the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scope(pub [u8; 8]);

impl StreamCursor {
    /// Stands at a place of the log.
    pub const fn at(log: Cursor) -> Self {
        Self { log, snapshot: None, scope: None }
    }

    /// Stands at a position of a hub with one partition.
    pub fn at_position(incarnation: Incarnation, position: Position) -> Self {
        let mut log = Cursor::new(incarnation);
        // A cursor that stands nowhere goes anywhere.
        let _ = log.advance(PartitionId(0), position);
        Self::at(log)
    }

    /// Returns the position in the log of a hub with one partition.
    pub fn position(&self) -> Position {
        self.log.position(PartitionId(0))
    }
}

impl fmt::Display for StreamCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.log)?;
        match self.snapshot.as_deref() {
            None => {}
            Some(SnapshotPlace::Record { entity, id }) => {
                let mut place = Writer::new();
                place.str(entity.as_str());
                place.str(id.as_str());
                write!(f, ".{}", base64url::encode(place.as_bytes()))?;
            }
            Some(SnapshotPlace::Sealed(bytes)) => write!(f, ".~{}", base64url::encode(bytes))?,
        }
        match self.scope {
            Some(Scope(bytes)) => write!(f, "~{}", base64url::encode(&bytes)),
            None => Ok(()),
        }
    }
}

impl FromStr for StreamCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (bytes, bytes_max) = (text.len(), CURSOR_TEXT_BYTES_MAX);
        if bytes > bytes_max {
            return Err(CursorError::TooLong { bytes, bytes_max });
        }
        if let Some((incarnation, position)) = text.split_once(':') {
            return spelt_out(incarnation, position)
                .ok_or(CursorError::NotBase64Url { offset: incarnation.len() });
        }
        let (log, rest) = text.split_at(text.find(['.', '~']).unwrap_or(text.len()));
        let mut cursor = Self::at(log.parse()?);
        let mut rest = rest;
        if let Some(behind) = rest.strip_prefix('.') {
            let (is_sealed, behind) = match behind.strip_prefix('~') {
                Some(behind) => (true, behind),
                None => (false, behind),
            };
            let (place, behind) = behind.split_at(behind.find('~').unwrap_or(behind.len()));
            let bytes = decoded(text, place)?;
            cursor.snapshot = Some(Box::new(match is_sealed {
                true => SnapshotPlace::Sealed(bytes.into()),
                false => read_place(&bytes)?,
            }));
            rest = behind;
        }
        if let Some(scope) = rest.strip_prefix('~') {
            let bytes = decoded(text, scope)?;
            let bytes = bytes.try_into().map_err(|_| refused_at(0, "a scope"))?;
            cursor.scope = Some(Scope(bytes));
        }
        Ok(cursor)
    }
}

/// Returns the cursor that a client makes of an incarnation and of the number that is short for it.
fn spelt_out(incarnation: &str, position: &str) -> Option<StreamCursor> {
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if incarnation.len() > INCARNATION_DIGITS || !incarnation.bytes().all(is_hex) {
        return None;
    }
    if !position.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let incarnation = Incarnation(u128::from_str_radix(incarnation, 16).ok()?);
    Some(StreamCursor::at_position(incarnation, Position(position.parse().ok()?)))
}

/// Decodes a part of a text.
fn decoded(text: &str, part: &str) -> Result<Vec<u8>, CursorError> {
    let start = part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    base64url::decode(part).map_err(|offset| CursorError::NotBase64Url { offset: start + offset })
}

fn refused_at(at: usize, what: &'static str) -> DecodeError {
    Reader::damaged_at(at, syncline_model::codec::Damage::NotAcceptable { what })
}

fn read_place(bytes: &[u8]) -> Result<SnapshotPlace, DecodeError> {
    let mut reader = Reader::new(bytes);
    let refused = |at| refused_at(at, "a place");
    let at = reader.offset();
    let entity = EntityName::new(reader.str()?).map_err(|_| refused(at))?;
    let at = reader.offset();
    let id = RecordId::new(reader.str()?).map_err(|_| refused(at))?;
    reader.finish()?;
    Ok(SnapshotPlace::Record { entity, id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_spells_a_cursor_out_by_incarnation_and_number() {
        let cursor = StreamCursor::at_position(Incarnation(0xab5), Position(812));
        let incarnation = cursor.log.incarnation();
        assert_eq!(format!("{incarnation}:812").parse(), Ok(cursor));
        for bad in
            ["", ":", "xyz:1", "ab5:", ":5", "ab5:-1", "ab5:+1", "ab5:1:2", "AB5:1", "ab5: 1"]
        {
            assert!(bad.parse::<StreamCursor>().is_err(), "{bad}");
        }
        let long = format!("{}:1", "a".repeat(33));
        assert!(long.parse::<StreamCursor>().is_err());
    }

    #[test]
    fn a_cursor_is_read_back_from_its_text() {
        let mut log = Cursor::new(Incarnation(5));
        log.advance(PartitionId(0), Position(812)).unwrap();
        let place = SnapshotPlace::Record {
            entity: EntityName::new("tasks").unwrap(),
            id: RecordId::new("жмых/1").unwrap(),
        };
        let sealed = SnapshotPlace::Sealed([7; 40].into());
        for snapshot in [None, Some(Box::new(place)), Some(Box::new(sealed))] {
            for scope in [None, Some(Scope(*b"a scope!"))] {
                let cursor = StreamCursor { log: log.clone(), snapshot: snapshot.clone(), scope };
                let text = cursor.to_string();
                assert_eq!(text.parse(), Ok(cursor.clone()));
                for end in 0..text.len() {
                    let cut: Result<StreamCursor, _> = text[..end].parse();
                    assert!(cut.is_err() || cut.unwrap() != cursor, "cut at {end}");
                }
            }
        }
    }
}
