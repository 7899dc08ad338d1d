//! What hubs give each other: whole record states, and when a deleted record may be forgotten.

use std::collections::BTreeMap;

use syncline_model::clock::ClockError;
use syncline_model::id::{Position, SiteId};
use syncline_model::limits::DRIFT_MS_MAX;
use syncline_model::path::Path;
use syncline_model::version::Version;
use thiserror::Error;

use crate::codec::encode_record;
use crate::fault::{Fault, is_planted};
use crate::join::{JoinError, join};
use crate::state::{Body, Record};

/// What a hub knows as a whole, beside its records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Knowledge {
    /// All changes of all records that the hub has seen, without gaps.
    pub known: Version,
    /// What was forgotten: every change below it is known to every site.
    pub floor: Version,
    /// What each site has acknowledged.
    pub acks: BTreeMap<SiteId, Version>,
}

/// What one hub sends another: the records that changed in a stretch of its log.
///
/// Whoever carries it names the sender's site and the site that asked for it. A receiver that was
/// restored since is another site, and must drop it even where it stands at its cursor.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch<K> {
    /// The receiver's cursor when the stretch begins.
    pub from: Position,
    /// The receiver's cursor after it.
    pub to: Position,
    /// The distinct records changed in it, as they are now.
    pub states: Vec<(K, Record)>,
    /// What the sender knows as a whole at `to`.
    pub knowledge: Knowledge,
}

impl Knowledge {
    /// Takes in what a peer knew at the end of a batch whose states were all joined.
    pub fn join(&mut self, other: &Self) {
        self.known.join(&other.known);
        self.floor.join(&other.floor);
        for (site, ack) in &other.acks {
            self.acks.entry(*site).or_default().join(ack);
        }
    }

    /// Forgets a deleted record, if every site of `sites` has acknowledged all of it; answers
    /// whether it may be dropped, together with its bases. Nothing may hold it: neither an open
    /// `deleted-here` nor a legal hold.
    pub fn forget(&mut self, record: &Record, sites: &[SiteId]) -> bool {
        let nothing = Version::new();
        let acknowledged =
            |site: &SiteId| self.acks.get(site).unwrap_or(&nothing).includes(&record.version);
        if !record.live.is_empty() || !sites.iter().all(acknowledged) {
            return false;
        }
        if !is_planted(Fault::NoFloor) {
            self.floor.join(&record.version);
        }
        true
    }
}

/// Why a peer's state was refused. Nothing was taken from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The peer's clock is too far ahead.
    #[error("the state was refused for its clock")]
    Clock(#[from] ClockError),
    /// One stamp names two changes.
    #[error("the state was refused")]
    Join(#[from] JoinError),
}

impl ExchangeError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Clock(error) => error.code(),
            Self::Join(error) => error.code(),
        }
    }
}

/// Joins a peer's state of a record; `None` if it brings nothing new, so that echoes end.
///
/// An unknown record is one of which everything below the floor is known; a state that is empty
/// and below the floor does not bring a forgotten record back.
///
/// # Errors
///
/// [`ExchangeError`] if a clock in the state is more than [`DRIFT_MS_MAX`] ahead of `now_ms`, or
/// if a site has given one stamp twice.
pub fn receive(
    mine: Option<&Record>,
    theirs: &Record,
    floor: &Version,
    now_ms: u64,
) -> Result<Option<Record>, ExchangeError> {
    theirs.clock_max().receive(theirs.clock_max(), now_ms, DRIFT_MS_MAX)?;
    let unknown;
    let mine = match mine {
        Some(mine) => mine,
        None if theirs.is_empty() && floor.includes(&theirs.version) => return Ok(None),
        None => {
            unknown = Record::begun(floor);
            &unknown
        }
    };
    let joined = join(mine, theirs)?;
    Ok((joined != *mine).then_some(joined))
}

/// Returns a digest of all that is known of a record: hubs that know the same have the same, so that
/// who compares digests has to send only what differs.
pub fn digest(record: &Record) -> [u8; 32] {
    if is_planted(Fault::DigestOfFields) {
        let record = Record { body: record.body.clone(), ..Record::default() };
        return blake3::hash(&encode_record(&record)).into();
    }
    blake3::hash(&encode_record(record)).into()
}

/// Returns a record as a peer may see it that must not know some paths.
///
/// For a withheld path and all below it the state says that nothing was seen, so that the receiver
/// keeps what it has.
#[must_use]
pub fn withhold(record: &Record, withheld: &[Path]) -> Record {
    let mut sent = record.clone();
    for path in withheld {
        let path = &whole_field(&sent.body, path);
        drop_below(&mut sent.body, path);
        if !is_planted(Fault::WithheldPathsDeleteAtHome) {
            sent.exceptions.retain(|inner, _| !path.is_prefix_of(inner));
            sent.exceptions.insert(path.clone(), Version::new());
        }
    }
    sent
}

/// Returns the field that holds `path`, where the path leads into a field: a field is given away
/// whole or not at all.
fn whole_field(body: &Body, path: &Path) -> Path {
    let fields = body.registers.keys().chain(body.sums.keys()).chain(body.unions.keys());
    let fields = fields.chain(body.keyed.keys()).chain(body.appends.keys());
    let mut fields = fields.chain(body.texts.keys());
    fields.find(|field| field.is_prefix_of(path)).unwrap_or(path).clone()
}

fn drop_below(body: &mut Body, above: &Path) {
    body.registers.retain(|path, _| !above.is_prefix_of(path));
    body.sums.retain(|path, _| !above.is_prefix_of(path));
    body.unions.retain(|path, _| !above.is_prefix_of(path));
    body.keyed.retain(|path, _| !above.is_prefix_of(path));
    body.appends.retain(|path, _| !above.is_prefix_of(path));
    body.texts.retain(|path, _| !above.is_prefix_of(path));
}
