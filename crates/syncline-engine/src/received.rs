//! What a receiver has taken of one record, so that no event is applied twice, and nothing older after what
//! is newer.
//!
//! There is one row for each receiver and record, not for each event: it says how far the sender was when it
//! told of the record last, and which events it told of lately. What is older than the former is stale whether
//! it is known or not, so the latter need not be kept for ever.

use syncline_model::clock::Clock;
use syncline_model::codec::{Damage, DecodeError, Reader, Writer as Bytes};
use syncline_model::id::{ClientId, DomainName, EntityName, RecordId};

use crate::rows::Key;

/// The version of the stored form. Bump it with every change, keep the old reader.
pub const RECEIVED_FORMAT: u8 = 2;

/// The form without a deletion.
const RECEIVED_FORMAT_1: u8 = 1;

/// Most events of one record that are known by their ids. Senders that say no version are told apart by these
/// alone; one repeats what was not answered within its last events of the record.
pub const RECEIVED_EVENTS_MAX: usize = 64;

/// Length of what an event is known by, in bytes.
const ID_BYTES: usize = 16;

/// What an event is known by: a digest of its id, as its sender named it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReceivedId([u8; ID_BYTES]);

impl ReceivedId {
    /// Returns what the event of an id is known by.
    pub fn of(id: &[u8]) -> Self {
        let digest = blake3::hash(id);
        let (head, _) = digest.as_bytes().split_first_chunk().expect("invariant: it has 32 bytes");
        Self(*head)
    }

    /// Returns the digest.
    pub const fn as_bytes(&self) -> &[u8; ID_BYTES] {
        &self.0
    }
}

/// Whether an event is to be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It is new.
    New,
    /// It was taken before.
    Duplicate,
    /// Something newer of the record was taken before.
    Stale,
}

/// What a receiver has taken of one record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceivedRow {
    /// The greatest version that was told of the record; `None` if its sender says none.
    version: Option<i64>,
    /// The latest events, the oldest first.
    events: Vec<ReceivedId>,
    /// The latest deletion that another hub told of.
    deletion: Option<ReceivedDeletion>,
}

/// A deletion that another hub told of: here it was made later than there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedDeletion {
    /// Whose operation it came as.
    pub client: ClientId,
    /// Which one.
    pub counter: u64,
    /// When the record was deleted there.
    pub deleted: Clock,
}

impl ReceivedRow {
    /// Returns where the row of a record lies.
    pub const fn key(receiver: DomainName, entity: EntityName, id: RecordId) -> Key {
        Key::Received { receiver, entity, id }
    }

    /// Judges an event.
    ///
    /// - `version`: how far its sender was: a number, or a time in milliseconds. Of two with the same both are
    ///   taken: clocks tick more slowly than programs.
    pub fn judge(&self, event: ReceivedId, version: Option<i64>) -> Judged {
        if self.events.contains(&event) {
            return Judged::Duplicate;
        }
        match version.zip(self.version) {
            Some((version, latest)) if version < latest => Judged::Stale,
            _ => Judged::New,
        }
    }

    /// Notes that an event is taken.
    pub fn take(&mut self, event: ReceivedId, version: Option<i64>) {
        if self.events.len() >= RECEIVED_EVENTS_MAX {
            self.events.remove(0);
        }
        self.events.push(event);
        self.version = self.version.max(version);
    }

    /// Notes that a deletion is taken that another hub told of.
    pub fn take_deletion(&mut self, deletion: ReceivedDeletion) {
        self.deletion = Some(deletion);
    }

    /// Returns the latest deletion that another hub told of.
    pub const fn deletion(&self) -> Option<&ReceivedDeletion> {
        self.deletion.as_ref()
    }

    /// Encodes the row.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Bytes::with_capacity(16 + self.events.len() * ID_BYTES);
        out.u8(RECEIVED_FORMAT);
        out.u8(self.version.is_some().into());
        if let Some(version) = self.version {
            out.u64_be(version.cast_unsigned());
        }
        out.count(self.events.len());
        self.events.iter().for_each(|ReceivedId(id)| out.raw(id));
        out.u8(self.deletion.is_some().into());
        if let Some(ReceivedDeletion { client, counter, deleted }) = &self.deletion {
            out.str(client.as_str());
            out.varint(*counter);
            out.varint(deleted.0);
        }
        out.into_bytes()
    }

    /// Decodes a row. The bytes may come from anywhere.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] with the place of the damage.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes);
        let is_known = |tag: &u8| (RECEIVED_FORMAT_1..=RECEIVED_FORMAT).contains(tag);
        let format = from.tag(|tag| Some(tag).filter(is_known))?;
        let version = from.flag()?.then(|| from.u64_be()).transpose()?.map(u64::cast_signed);
        let at = from.offset();
        let count = from.count(ID_BYTES)?;
        if count > RECEIVED_EVENTS_MAX {
            let what = "item of what was received";
            return Err(Reader::damaged_at(at, Damage::NotAcceptable { what }));
        }
        let events = (0..count).map(|_| from.array().map(ReceivedId)).collect::<Result<_, _>>()?;
        let has_deletion = format > RECEIVED_FORMAT_1 && from.flag()?;
        let deletion = has_deletion.then(|| read_deletion(&mut from)).transpose()?;
        from.finish().map(|()| Self { version, events, deletion })
    }
}

fn read_deletion(from: &mut Reader<'_>) -> Result<ReceivedDeletion, DecodeError> {
    let at = from.offset();
    let what = "client of a deletion";
    let client = ClientId::new(from.str()?)
        .map_err(|_| Reader::damaged_at(at, Damage::NotAcceptable { what }))?;
    Ok(ReceivedDeletion { client, counter: from.varint()?, deleted: Clock(from.varint()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> ReceivedId {
        ReceivedId::of(number.to_string().as_bytes())
    }

    #[test]
    fn an_event_is_taken_once_and_nothing_older_than_what_was_taken() {
        let mut row = ReceivedRow::default();
        assert_eq!(row.judge(id(1), Some(5)), Judged::New);
        row.take(id(1), Some(5));
        #[rustfmt::skip]
        let cases = [
            (1, Some(5), Judged::Duplicate),
            (1, Some(9), Judged::Duplicate),
            (2, Some(4), Judged::Stale),
            (2, Some(5), Judged::New),
            (2, Some(6), Judged::New),
            (2, None,    Judged::New),
        ];
        for (event, version, expected) in cases {
            assert_eq!(row.judge(id(event), version), expected, "{event} {version:?}");
        }
        row.take(id(2), None);
        assert_eq!(row.judge(id(3), Some(4)), Judged::Stale, "no version takes none back");
    }

    #[test]
    fn what_was_known_before_deletions_were_is_read() {
        let mut row = ReceivedRow::default();
        row.take(id(1), Some(5));
        let mut bytes = row.encode();
        assert_eq!(bytes.pop(), Some(0), "there is no deletion");
        bytes[0] = RECEIVED_FORMAT_1;
        assert_eq!(ReceivedRow::decode(&bytes).unwrap(), row);
    }

    #[test]
    fn what_is_known_of_a_record_is_bounded_and_read_again() {
        let mut row = ReceivedRow::default();
        for number in 0..=RECEIVED_EVENTS_MAX {
            assert_eq!(ReceivedRow::decode(&row.encode()).unwrap(), row);
            row.take(id(number), Some(-7));
        }
        assert_eq!(ReceivedRow::decode(&row.encode()).unwrap(), row);
        assert_eq!(row.judge(id(0), None), Judged::New, "the oldest is forgotten");
        assert_eq!(row.judge(id(1), None), Judged::Duplicate);
        assert!(row.encode().len() < 32 + RECEIVED_EVENTS_MAX * ID_BYTES);
        row.take_deletion(ReceivedDeletion {
            client: ClientId::new("hook-sync-1").unwrap(),
            counter: 300,
            deleted: Clock::new(1_706_702_400_000, 2),
        });
        assert_eq!(ReceivedRow::decode(&row.encode()).unwrap(), row);
        for cut in 0..row.encode().len() {
            assert!(ReceivedRow::decode(&row.encode()[..cut]).is_err(), "{cut}");
        }
    }
}
