//! Names of objects: a listing says all that is needed to choose what to read.

use std::fmt;

/// Which unbroken row of commits an object belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId {
    /// When it began, in milliseconds since 1970.
    pub started_ms: u64,
    /// A random number, so that no two are the same.
    pub number: u64,
}

/// What an object holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// All rows as of one commit.
    Snapshot,
    /// The rows of some commits.
    Segment,
    /// Nothing: the store was closed after this commit, and all before it was shipped.
    End,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Segment => "segment",
            Self::End => "end",
        }
    }
}

/// What the name of an object says. Ordered by stream, then by commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectName {
    /// The stream.
    pub stream: StreamId,
    /// The first commit in it; of a snapshot and of an end, the last one before it.
    pub first: u64,
    /// The last commit in it.
    pub last: u64,
    /// What it holds.
    pub kind: Kind,
    /// The epoch of the store.
    pub epoch: u64,
    /// When the last commit was made, in milliseconds since 1970. Never earlier than of one before.
    pub at_ms: u64,
    /// Which store it comes from, through all its restores.
    pub line: u64,
    /// The head of the digest of the segment or end before it; 0 of a snapshot and of the first.
    pub prior: u64,
    /// The head of the digest of the object.
    pub digest: u64,
}

impl ObjectName {
    /// Reads a name; `None` if it is not that of an object.
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, word) = text.rsplit_once('.')?;
        let kinds = [Kind::Snapshot, Kind::Segment, Kind::End];
        let kind = kinds.into_iter().find(|kind| kind.word() == word)?;
        let mut parts = rest.split(['.', '-']);
        let mut number = || {
            let digits = parts.next()?;
            let is_ours = digits.len() == 16
                && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            if is_ours { u64::from_str_radix(digits, 16).ok() } else { None }
        };
        let stream = StreamId { started_ms: number()?, number: number()? };
        let (first, last) = (number()?, number()?);
        let (epoch, at_ms, line) = (number()?, number()?, number()?);
        let (prior, digest) = (number()?, number()?);
        let name = Self { stream, first, last, kind, epoch, at_ms, line, prior, digest };
        (name.to_string() == text && first <= last).then_some(name)
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream, first, last, kind, epoch, at_ms, line, prior, digest } = self;
        let StreamId { started_ms, number } = stream;
        write!(
            f,
            "{started_ms:016x}-{number:016x}.{first:016x}-{last:016x}.{epoch:016x}.{at_ms:016x}"
        )?;
        write!(f, ".{line:016x}.{prior:016x}.{digest:016x}.{}", kind.word())
    }
}

/// Returns the head of a digest, as names hold it.
pub(super) fn head(digest: &[u8; 32]) -> u64 {
    u64::from_be_bytes(digest.first_chunk::<8>().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written_and_nothing_else_is_one() {
        let stream = StreamId { started_ms: 5, number: u64::MAX };
        let name = ObjectName {
            stream,
            first: 1,
            last: 9,
            kind: Kind::Segment,
            epoch: 3,
            at_ms: 7,
            line: 8,
            prior: 0,
            digest: 1,
        };
        let text = name.to_string();
        assert_eq!(ObjectName::parse(&text), Some(name));
        for other in [
            text.to_uppercase(),
            text.replace("segment", "other"),
            format!("{text}.part"),
            text[1..].to_owned(),
            text.replacen('-', ".", 1),
            ObjectName { first: 10, ..name }.to_string(),
        ] {
            assert_eq!(ObjectName::parse(&other), None, "{other}");
        }
    }
}
