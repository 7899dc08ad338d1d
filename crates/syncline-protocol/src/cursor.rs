//! Where a client stands in what it follows: at a place of the log, or within a snapshot.
//!
//! The text is that of the [`Cursor`]; within a snapshot a full stop follows, and the record that
//! was told last, as base64url of entity and id.

use std::fmt;
use std::str::FromStr;

use syncline_model::base64url;
use syncline_model::codec::{DecodeError, Reader, Writer};
use syncline_model::cursor::{Cursor, CursorError, Incarnation};
use syncline_model::id::{EntityName, PartitionId, Position, RecordId};

use crate::limits::CURSOR_TEXT_BYTES_MAX;

/// Where a client stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StreamCursor {
    /// Where in the log; of a snapshot where it began, which is where the log goes on after it.
    pub log: Cursor,
    /// The place within a snapshot, unless it is through.
    pub snapshot: Option<SnapshotPlace>,
}

/// A place within a snapshot: the record that was told last.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SnapshotPlace {
    /// The type of record.
    pub entity: EntityName,
    /// Which record.
    pub id: RecordId,
}

impl StreamCursor {
    /// Stands at a place of the log.
    pub const fn at(log: Cursor) -> Self {
        Self { log, snapshot: None }
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
        if let Some(SnapshotPlace { entity, id }) = &self.snapshot {
            let mut place = Writer::new();
            place.str(entity.as_str());
            place.str(id.as_str());
            write!(f, ".{}", base64url::encode(place.as_bytes()))?;
        }
        Ok(())
    }
}

impl FromStr for StreamCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (bytes, bytes_max) = (text.len(), CURSOR_TEXT_BYTES_MAX);
        if bytes > bytes_max {
            return Err(CursorError::TooLong { bytes, bytes_max });
        }
        let Some((log, place)) = text.split_once('.') else {
            return Ok(Self::at(text.parse()?));
        };
        let offset_of = |offset| CursorError::NotBase64Url { offset: log.len() + 1 + offset };
        let bytes = base64url::decode(place).map_err(offset_of)?;
        Ok(Self { log: log.parse()?, snapshot: Some(read_place(&bytes)?) })
    }
}

fn read_place(bytes: &[u8]) -> Result<SnapshotPlace, DecodeError> {
    let mut reader = Reader::new(bytes);
    let refused = |at| {
        Reader::damaged_at(at, syncline_model::codec::Damage::NotAcceptable { what: "a place" })
    };
    let at = reader.offset();
    let entity = EntityName::new(reader.str()?).map_err(|_| refused(at))?;
    let at = reader.offset();
    let id = RecordId::new(reader.str()?).map_err(|_| refused(at))?;
    reader.finish()?;
    Ok(SnapshotPlace { entity, id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_from_its_text() {
        let mut log = Cursor::new(Incarnation(5));
        log.advance(PartitionId(0), Position(812)).unwrap();
        let place = SnapshotPlace {
            entity: EntityName::new("tasks").unwrap(),
            id: RecordId::new("жмых/1").unwrap(),
        };
        for snapshot in [None, Some(place)] {
            let cursor = StreamCursor { log: log.clone(), snapshot };
            let text = cursor.to_string();
            assert_eq!(text.parse(), Ok(cursor));
            for end in 0..text.len() {
                let cut: Result<StreamCursor, _> = text[..end].parse();
                assert!(cut.as_ref().is_err() || cut.unwrap().snapshot.is_none(), "cut at {end}");
            }
        }
    }
}
