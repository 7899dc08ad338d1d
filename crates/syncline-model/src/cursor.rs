//! Where a reader of the log stands, as a token that it hands back.
//!
//! A [`Cursor`] is a hub's incarnation and one position per partition. Its text is opaque to whoever
//! holds it and safe within a URL. The checksum tells a damaged token from a whole one; it does not
//! prove who made it, and holding a cursor permits nothing. Nothing hands one out before a hub is
//! served to clients and peers.
//!
//! | Part of version 1 | Bytes, then base64url without padding |
//! |---|---|
//! | version | `01` |
//! | incarnation | 16, big end first |
//! | partitions | varint count, then (varint partition, varint position), rising, positions ≥ 1 |
//! | checksum | the first 4 bytes of the SHA-256 of all before |
//!
//! # Example
//!
//! ```
//! use syncline_model::cursor::{Cursor, Incarnation};
//! use syncline_model::id::{PartitionId, Position};
//!
//! let mut cursor = Cursor::new(Incarnation(7));
//! cursor.advance(PartitionId(0), Position(42))?;
//! let back: Cursor = cursor.to_string().parse()?;
//! assert_eq!(back.position(PartitionId(0)), Position(42));
//! assert!(back.advance_error(PartitionId(0), Position(41)).is_some(), "it never goes back");
//! # Ok::<(), syncline_model::cursor::CursorError>(())
//! ```

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use smallvec::SmallVec;
use thiserror::Error;

use crate::base64url;
use crate::codec::{Damage, DecodeError, Reader, Writer};
use crate::id::{PartitionId, Position};
use crate::limits::{CURSOR_PARTITIONS_MAX, CURSOR_TEXT_BYTES_MAX};

/// The version of the stored form and of the text that this module writes.
pub const FORMAT_VERSION: u8 = 1;

/// Length of the checksum, in bytes: one damaged token in four thousand million goes unseen.
const CHECKSUM_BYTES: usize = 4;

/// Which life of a hub a position belongs to.
///
/// Random; new after a restore, a copy or lost state, so that a position of another history is
/// never taken for one of this (requirement I23).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u128);

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// How far a reader has read a hub's log, per partition.
///
/// A partition that is absent stands before its first change. Positions only rise.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    incarnation: Incarnation,
    /// Partitions rising. No entry is `Position(0)`: absent says that already. Most hubs have one partition, and
    /// there are many cursors of these.
    positions: SmallVec<[(PartitionId, Position); 1]>,
}

/// Why a token is no cursor, or cannot be used here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CursorError {
    /// The text is longer than any cursor.
    #[error("a cursor has {bytes} bytes; at most {bytes_max} are accepted")]
    TooLong {
        /// Length found, in bytes.
        bytes: usize,
        /// Longest accepted, in bytes.
        bytes_max: usize,
    },
    /// The text is not base64url without padding.
    #[error("a cursor is not base64url at byte {offset}")]
    NotBase64Url {
        /// Where, in bytes of the text.
        offset: usize,
    },
    /// The token was written by a version that this one does not know.
    #[error("a cursor has format version {found}; this program reads {known}")]
    UnknownVersion {
        /// The version found.
        found: u8,
        /// The version read here.
        known: u8,
    },
    /// The token was cut or altered.
    #[error("the checksum of a cursor does not agree with it")]
    Checksum,
    /// The token is whole, yet not a cursor.
    #[error("a cursor is malformed")]
    Malformed(#[from] DecodeError),
    /// The cursor belongs to another incarnation of the hub: the reader rebases.
    #[error("the cursor is of incarnation {found}, the hub is {expected}")]
    OtherIncarnation {
        /// The hub's.
        expected: Incarnation,
        /// The cursor's.
        found: Incarnation,
    },
    /// The cursor stands further already.
    #[error("a cursor at {position:?} of partition {partition:?} cannot go back to {to:?}")]
    Backwards {
        /// The partition.
        partition: PartitionId,
        /// Where the cursor stands.
        position: Position,
        /// Where it should have gone.
        to: Position,
    },
    /// The cursor would follow more partitions than a token holds.
    #[error("a cursor follows at most {partitions_max} partitions")]
    TooManyPartitions {
        /// The bound, in partitions.
        partitions_max: usize,
    },
}

/// What a caller does about a cursor that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Compare digests with the hub and take a new cursor from it; nothing is downloaded twice.
    Rebase,
    /// Fix the program: this cannot be mended by trying again.
    GiveUp,
}

impl CursorError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. }
            | Self::NotBase64Url { .. }
            | Self::Checksum
            | Self::Malformed(_) => "CURSOR_DAMAGED",
            Self::UnknownVersion { .. } => "CURSOR_VERSION_UNKNOWN",
            Self::OtherIncarnation { .. } => "CURSOR_OTHER_INCARNATION",
            Self::Backwards { .. } => "CURSOR_BACKWARDS",
            Self::TooManyPartitions { .. } => "CURSOR_TOO_MANY_PARTITIONS",
        }
    }

    /// Returns what the caller does. A token that cannot be read or used is as good as none, so
    /// its holder rebases; going back or growing too wide is a fault of the program.
    pub const fn advice(&self) -> Advice {
        match self {
            Self::TooLong { .. }
            | Self::NotBase64Url { .. }
            | Self::Checksum
            | Self::Malformed(_)
            | Self::UnknownVersion { .. }
            | Self::OtherIncarnation { .. } => Advice::Rebase,
            Self::Backwards { .. } | Self::TooManyPartitions { .. } => Advice::GiveUp,
        }
    }
}

impl Cursor {
    /// Stands before the first change of every partition.
    pub const fn new(incarnation: Incarnation) -> Self {
        Self { incarnation, positions: SmallVec::new_const() }
    }

    /// Returns the incarnation of the hub that the positions belong to.
    pub const fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Returns the last position read of `partition`; `Position(0)` if none was.
    pub fn position(&self, partition: PartitionId) -> Position {
        self.place(partition).map_or(Position(0), |place| self.positions[place].1)
    }

    /// Returns where a partition stands among the positions, or would stand.
    fn place(&self, partition: PartitionId) -> Result<usize, usize> {
        self.positions.binary_search_by_key(&partition, |(partition, _)| *partition)
    }

    /// Returns the partitions of which something was read, rising.
    pub fn positions(&self) -> impl Iterator<Item = (PartitionId, Position)> {
        self.positions.iter().copied()
    }

    /// Checks that the cursor belongs to the hub's present incarnation.
    ///
    /// # Errors
    ///
    /// [`CursorError::OtherIncarnation`]: the reader is told to rebase.
    pub fn require(&self, expected: Incarnation) -> Result<(), CursorError> {
        if self.incarnation == expected {
            return Ok(());
        }
        Err(CursorError::OtherIncarnation { expected, found: self.incarnation })
    }

    /// Returns whether everything that `other` has read was read.
    ///
    /// # Errors
    ///
    /// [`CursorError::OtherIncarnation`] if the two cannot be compared.
    pub fn covers(&self, other: &Self) -> Result<bool, CursorError> {
        other.require(self.incarnation)?;
        Ok(other.positions().all(|(partition, position)| position <= self.position(partition)))
    }

    /// Takes note that `partition` was read up to and including `to`; where it stands already is
    /// no change.
    ///
    /// # Errors
    ///
    /// [`CursorError::Backwards`] or [`CursorError::TooManyPartitions`]; nothing is changed.
    pub fn advance(&mut self, partition: PartitionId, to: Position) -> Result<(), CursorError> {
        if let Some(error) = self.advance_error(partition, to) {
            return Err(error);
        }
        match self.place(partition) {
            Ok(place) => self.positions[place].1 = to,
            Err(place) if to > Position(0) => self.positions.insert(place, (partition, to)),
            Err(_) => {}
        }
        Ok(())
    }

    /// Returns why [`advance`](Self::advance) would refuse, or `None` if it would not.
    pub fn advance_error(&self, partition: PartitionId, to: Position) -> Option<CursorError> {
        let position = self.position(partition);
        if to < position {
            return Some(CursorError::Backwards { partition, position, to });
        }
        let grows = to > Position(0) && position == Position(0);
        if grows && self.positions.len() >= CURSOR_PARTITIONS_MAX {
            return Some(CursorError::TooManyPartitions { partitions_max: CURSOR_PARTITIONS_MAX });
        }
        None
    }

    /// Returns the stored form: what the text encodes.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u8(FORMAT_VERSION);
        writer.raw(&self.incarnation.0.to_be_bytes());
        writer.count(self.positions.len());
        for (partition, position) in self.positions() {
            writer.varint(u64::from(partition.0));
            writer.varint(position.0);
        }
        let checksum = checksum(writer.as_bytes());
        writer.raw(&checksum);
        writer.into_bytes()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    ///
    /// [`CursorError`]: all but `TooLong`, `NotBase64Url`, `OtherIncarnation` and `Backwards`.
    pub fn decode(stored: &[u8]) -> Result<Self, CursorError> {
        // The version comes first, for a later one may have another checksum or none.
        let found = Reader::new(stored).u8()?;
        if found != FORMAT_VERSION {
            return Err(CursorError::UnknownVersion { found, known: FORMAT_VERSION });
        }
        let (body, sum) =
            stored.split_last_chunk::<CHECKSUM_BYTES>().ok_or(CursorError::Checksum)?;
        if *sum != checksum(body) {
            return Err(CursorError::Checksum);
        }
        let mut reader = Reader::new(body);
        reader.u8()?;
        let mut cursor = Self::new(Incarnation(u128::from_be_bytes(reader.array()?)));
        for _ in 0..reader.count(2)? {
            let (partition, position) = read_position(&mut reader, &cursor)?;
            cursor.advance(partition, position)?;
        }
        reader.finish()?;
        Ok(cursor)
    }
}

/// Reads one entry, which is beyond all that `cursor` holds and not at 0: a cursor has one form.
fn read_position(
    reader: &mut Reader<'_>,
    cursor: &Cursor,
) -> Result<(PartitionId, Position), DecodeError> {
    let start = reader.offset();
    let refused = |what| Reader::damaged_at(start, Damage::NotAcceptable { what });
    let partition = u16::try_from(reader.varint()?)
        .map(PartitionId)
        .map_err(|_| refused("a partition beyond 16 bits"))?;
    let position = Position(reader.varint()?);
    if position == Position(0) {
        return Err(refused("a position of 0"));
    }
    if cursor.positions.last().is_some_and(|(last, _)| *last >= partition) {
        return Err(refused("a partition out of order"));
    }
    Ok((partition, position))
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let digest = Sha256::digest(body);
    *digest.first_chunk().expect("invariant: a SHA-256 digest has 32 bytes")
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(&self.encode()))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (bytes, bytes_max) = (text.len(), CURSOR_TEXT_BYTES_MAX);
        if bytes > bytes_max {
            return Err(CursorError::TooLong { bytes, bytes_max });
        }
        let stored =
            base64url::decode(text).map_err(|offset| CursorError::NotBase64Url { offset })?;
        Self::decode(&stored)
    }
}

#[cfg(test)]
mod tests;
