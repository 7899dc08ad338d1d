//! Results: what became of each operation of a client, so that a retry is answered and never
//! applied twice.
//!
//! One row per operation says which record it was for and what became of it. Per client the latest
//! [`RESULTS_PER_CLIENT_MAX`] counters are kept, in whatever order they came; the *floor* is the
//! highest counter that was dropped. A counter at or below the floor is refused: nobody knows any
//! more whether it was applied, so applying it could apply it twice.
//!
//! The same rows tell a client's own earlier changes of a record: a client that queues several
//! operations on one base has seen its own, although its base does not say so. That knowledge ends
//! with the window; an operation that needs more than that is at worst in conflict with a value of
//! its own writer, and nothing is lost.

use std::collections::BTreeMap;

use syncline_model::clock::{Clock, Stamp};
use syncline_model::codec::{Damage, DecodeError, Reader, Writer as Bytes};
use syncline_model::id::{ClientId, EntityName, RecordId, SiteId};
use syncline_model::version::Version;

use crate::rows::{Batch, Key};

/// The version of the stored forms. Bump it with every change, keep the old reader.
pub const RESULTS_FORMAT: u8 = 1;

/// Most results kept per client; all of one client fit in some 1 MiB of memory.
pub const RESULTS_PER_CLIENT_MAX: usize = 5_248;

/// Operations of one client that may be unanswered: four pushes of 1,000 each, and 1,000 that do not wait
/// (`docs/protocol.md` §5). After a lost connection all of them are sent again.
const OPERATIONS_UNANSWERED: usize = 5_000;

/// Results dropped at once when there are too many: the row with the floor is written that rarely.
const DROPPED_AT_ONCE: usize = 128;

const _: () = assert!(OPERATIONS_UNANSWERED + DROPPED_AT_ONCE <= RESULTS_PER_CLIENT_MAX);

/// What became of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationResult {
    /// The type of record.
    pub entity: EntityName,
    /// Which record.
    pub id: RecordId,
    /// What became of it.
    pub fate: Fate,
}

/// What became of an operation, for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It wrote fields, as this change.
    Written(Stamp),
    /// It deleted the record, as this change.
    Deleted(Stamp),
    /// It has changed no record and emitted an event, as this entry of the log. What the event said is known by
    /// its digest.
    Emitted(Stamp, [u8; 16]),
    /// It was refused, and never can succeed.
    Refused {
        /// The stable code of the reason.
        code: Box<str>,
    },
}

impl Fate {
    /// Returns the change that the operation became, if it was applied and changed a record.
    pub const fn stamp(&self) -> Option<Stamp> {
        match self {
            Self::Written(stamp) | Self::Deleted(stamp) => Some(*stamp),
            Self::Emitted(..) | Self::Refused { .. } => None,
        }
    }

    /// Returns the change that it became, or that its event was emitted as: what the log has of it has that stamp.
    pub const fn logged(&self) -> Option<Stamp> {
        match self {
            Self::Written(stamp) | Self::Deleted(stamp) | Self::Emitted(stamp, _) => Some(*stamp),
            Self::Refused { .. } => None,
        }
    }

    /// Returns whether the operation was refused.
    pub const fn is_refused(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}

impl OperationResult {
    /// Encodes the result.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Bytes::with_capacity(64);
        out.u8(RESULTS_FORMAT);
        match &self.fate {
            Fate::Written(stamp) => change(0, *stamp, &mut out),
            Fate::Deleted(stamp) => change(1, *stamp, &mut out),
            Fate::Refused { code } => {
                out.u8(2);
                out.str(code);
            }
            Fate::Emitted(stamp, digest) => {
                change(3, *stamp, &mut out);
                out.raw(digest);
            }
        }
        out.str(self.entity.as_str());
        out.str(self.id.as_str());
        out.into_bytes()
    }

    /// Decodes a result. The bytes may come from anywhere.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] with the place of the damage.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        format(&mut reader)?;
        let at = reader.offset();
        let fate = match reader.u8()? {
            0 => Fate::Written(read_stamp(&mut reader)?),
            1 => Fate::Deleted(read_stamp(&mut reader)?),
            2 => Fate::Refused { code: reader.str()?.into() },
            3 => Fate::Emitted(read_stamp(&mut reader)?, reader.array()?),
            tag => return Err(Reader::damaged_at(at, Damage::UnknownTag { tag })),
        };
        let at = reader.offset();
        let entity = EntityName::new(reader.str()?).map_err(|_| unacceptable(at))?;
        let at = reader.offset();
        let id = RecordId::new(reader.str()?).map_err(|_| unacceptable(at))?;
        reader.finish()?;
        Ok(Self { entity, id, fate })
    }
}

fn change(tag: u8, stamp: Stamp, out: &mut Bytes) {
    out.u8(tag);
    out.varint(stamp.clock.0);
    out.u64_be(stamp.site.0);
}

fn read_stamp(reader: &mut Reader<'_>) -> Result<Stamp, DecodeError> {
    Ok(Stamp::new(Clock(reader.varint()?), SiteId(reader.u64_be()?)))
}

fn format(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    match reader.u8()? {
        RESULTS_FORMAT => Ok(()),
        tag => Err(Reader::damaged_at(0, Damage::UnknownTag { tag })),
    }
}

fn unacceptable(at: usize) -> DecodeError {
    let what = "item of a result";
    Reader::damaged_at(at, Damage::NotAcceptable { what })
}

/// What is known of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known<'a> {
    /// The operation was not seen yet.
    Nothing,
    /// It was answered before.
    Answered(&'a OperationResult),
    /// It lies at or below the floor: nobody knows any more.
    TooOld,
}

/// A client's own changes of one record, in order of stamp; whether each deleted it.
type OwnChanges = Vec<(Stamp, bool)>;

/// The results of one client that are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientResults {
    floor: u64,
    results: BTreeMap<u64, OperationResult>,
    /// By id first: of many records of one entity it is the ids that differ.
    own: BTreeMap<(RecordId, EntityName), OwnChanges>,
}

impl ClientResults {
    /// Builds what is known of a client from its row, if it has one, and its results.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if one of them is damaged.
    pub fn from_rows<'a>(
        row: Option<&[u8]>,
        results: impl IntoIterator<Item = (u64, &'a [u8])>,
    ) -> Result<Self, DecodeError> {
        let mut known = Self::default();
        if let Some(bytes) = row {
            let mut reader = Reader::new(bytes);
            format(&mut reader)?;
            known.floor = reader.varint()?;
            reader.finish()?;
        }
        for (counter, bytes) in results {
            known.remember(counter, OperationResult::decode(bytes)?);
        }
        for changes in known.own.values_mut() {
            changes.sort_unstable();
        }
        Ok(known)
    }

    /// Returns what is known of an operation.
    pub fn get(&self, counter: u64) -> Known<'_> {
        match self.results.get(&counter) {
            Some(result) => Known::Answered(result),
            None if counter <= self.floor => Known::TooOld,
            None => Known::Nothing,
        }
    }

    /// Returns the highest counter of which nothing is known any more; 0 if all are known.
    pub const fn floor(&self) -> u64 {
        self.floor
    }

    /// Returns the client's own latest changes of a record that `seen` does not hold, latest first,
    /// and whether each deleted the record.
    pub fn own(
        &self,
        entity: &EntityName,
        id: &RecordId,
        seen: &Version,
    ) -> impl Iterator<Item = (Stamp, bool)> {
        let changes = self.own.get(&(id.clone(), entity.clone()));
        let changes = changes.map(Vec::as_slice).unwrap_or_default();
        let latest = changes.iter().rev().copied();
        latest.take_while(|(stamp, _)| !seen.covers(*stamp))
    }

    /// Keeps a result, and adds to `batch` what that changes in the store.
    pub fn put(
        &mut self,
        client: &ClientId,
        counter: u64,
        result: OperationResult,
        batch: &mut Batch,
    ) {
        let key = |counter| Key::Result { client: client.clone(), counter };
        batch.put(key(counter), result.encode());
        self.remember(counter, result);
        if self.results.len() <= RESULTS_PER_CLIENT_MAX {
            return;
        }
        for _ in 0..DROPPED_AT_ONCE {
            let Some((dropped, result)) = self.results.pop_first() else {
                break;
            };
            self.forget(&result);
            self.floor = dropped;
            batch.delete(key(dropped));
        }
        let mut row = Bytes::new();
        row.u8(RESULTS_FORMAT);
        row.varint(self.floor);
        batch.put(Key::Client(client.clone()), row.into_bytes());
    }

    fn remember(&mut self, counter: u64, result: OperationResult) {
        if let Some(stamp) = result.fate.stamp() {
            let record = (result.id.clone(), result.entity.clone());
            let deleted = matches!(result.fate, Fate::Deleted(_));
            self.own.entry(record).or_default().push((stamp, deleted));
        }
        self.results.insert(counter, result);
    }

    fn forget(&mut self, result: &OperationResult) {
        let record = (result.id.clone(), result.entity.clone());
        if let Some(changes) = self.own.get_mut(&record) {
            changes.retain(|(stamp, _)| Some(*stamp) != result.fate.stamp());
            if changes.is_empty() {
                self.own.remove(&record);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(clock: u64) -> OperationResult {
        OperationResult {
            entity: EntityName::new("tasks").unwrap(),
            id: RecordId::new("t1").unwrap(),
            fate: Fate::Written(Stamp::new(Clock(clock), SiteId(7))),
        }
    }

    #[test]
    fn a_result_is_read_back_as_it_was_stored() {
        let refused = Fate::Refused { code: "SHAPE_MISMATCH".into() };
        let fates = [
            Fate::Written(Stamp::new(Clock(1 << 40), SiteId(u64::MAX))),
            Fate::Deleted(Stamp::new(Clock(0), SiteId(0))),
            Fate::Emitted(Stamp::new(Clock(3), SiteId(4)), [5; 16]),
            refused,
        ];
        for fate in fates {
            let stored = OperationResult { fate, ..result(1) };
            let bytes = stored.encode();
            assert_eq!(OperationResult::decode(&bytes).unwrap(), stored);
            for end in 0..bytes.len() {
                assert!(OperationResult::decode(&bytes[..end]).is_err(), "cut at {end}");
            }
        }
    }

    #[test]
    fn whatever_may_be_unanswered_is_answered_when_it_is_sent_again() {
        let client = ClientId::new("phone").unwrap();
        let mut known = ClientResults::default();
        let mut batch = Batch::new();
        let unanswered = OPERATIONS_UNANSWERED as u64;
        for counter in 1..=3 * unanswered {
            known.put(&client, counter, result(counter), &mut batch);
            let oldest = counter.saturating_sub(unanswered) + 1;
            assert_eq!(known.get(oldest), Known::Answered(&result(oldest)), "behind {counter}");
        }
    }

    #[test]
    fn what_falls_out_of_the_window_is_refused_and_never_new_again() {
        let client = ClientId::new("phone").unwrap();
        let mut known = ClientResults::default();
        let mut batch = Batch::new();
        let kept_max = RESULTS_PER_CLIENT_MAX as u64;
        for counter in 1..=kept_max + 1 {
            known.put(&client, counter, result(counter), &mut batch);
        }
        assert_eq!(known.get(1), Known::TooOld);
        assert_eq!(known.get(known.floor()), Known::TooOld);
        assert_eq!(known.get(known.floor() + 1), Known::Answered(&result(known.floor() + 1)));
        assert_eq!(known.get(kept_max + 2), Known::Nothing);
        assert!(known.results.len() <= RESULTS_PER_CLIENT_MAX);
        let entity = EntityName::new("tasks").unwrap();
        let id = RecordId::new("t1").unwrap();
        let own = known.own(&entity, &id, &Version::new()).count();
        assert_eq!(own, known.results.len(), "own changes end with the window");

        let rows = batch.writes();
        let results = rows.iter().filter_map(|(key, value)| match (key, value) {
            (Key::Result { counter, .. }, Some(value)) => Some((*counter, *value)),
            _ => None,
        });
        let row = rows.iter().find(|(key, _)| matches!(key, Key::Client(_)));
        let again = ClientResults::from_rows(row.and_then(|row| row.1), results).unwrap();
        assert_eq!(again, known, "what the store holds is what is known");
    }

    #[test]
    fn own_changes_end_where_the_base_has_seen_them() {
        let client = ClientId::new("phone").unwrap();
        let mut known = ClientResults::default();
        for counter in 1..=3 {
            known.put(&client, counter, result(counter * 10), &mut Batch::new());
        }
        let seen: Version = [(SiteId(7), Clock(10))].into_iter().collect();
        let (entity, id) = (result(1).entity, result(1).id);
        let own: Vec<u64> =
            known.own(&entity, &id, &seen).map(|(stamp, _)| stamp.clock.0).collect();
        assert_eq!(own, [30, 20]);
    }
}
