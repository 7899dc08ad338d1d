//! What a run found of a record that it changed: what its undo goes back to. It lies in an
//! [`Envelope`], whole.

use syncline_merge::restore::Renewals;
use syncline_model::clock::{Clock, Stamp};
use syncline_model::codec::{Damage, DecodeError, Reader, Writer as Bytes};
use syncline_model::envelope::Envelope;
use syncline_model::id::{DomainName, RecordId, SiteId};
use syncline_model::path::Path;

use crate::sync::Naming;

/// The version of the stored form. Bump it with every change, keep the old reader.
pub const FOUND_FORMAT: u8 = 5;

/// The form without an envelope.
const FOUND_FORMAT_4: u8 = 4;

/// The form without domains of other links.
const FOUND_FORMAT_3: u8 = 3;

/// The form without a former id.
const FOUND_FORMAT_2: u8 = 2;

/// What a run found of a record, as it was stored then. A record that was nowhere has no such row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The row of the record; `None` if the hub knew none.
    pub record: Option<Vec<u8>>,
    /// What was known of each domain of the link.
    pub bases: [FoundBase; 2],
    /// What the run, itself an undo, has said anew.
    pub renewals: Renewals,
    /// The id that the target had the record under, where the run gave it the source's.
    pub former: Option<RecordId>,
    /// What was known of domains of other links, where the run, itself an undo, has taken back what
    /// they had said: the rows of their bases.
    pub others: Vec<(DomainName, Vec<u8>)>,
}

/// What a run found of what was known of one domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundBase {
    /// The row of the base; `None` if there was none.
    pub row: Option<Vec<u8>>,
    /// Whether an open intent in it was written, where that was known.
    pub written: Option<bool>,
    /// The names that the item had in the file; `None` if it was not there, or if no item of the domain
    /// had other names than the hub.
    pub naming: Option<Naming>,
}

impl Found {
    /// Returns whether nothing was known of the record, under no id.
    pub fn is_nothing(&self) -> bool {
        let is_nothing = |base: &FoundBase| base.row.is_none() && base.naming.is_none();
        let of_link = self.bases.iter().all(is_nothing) && self.former.is_none();
        self.record.is_none() && of_link && self.others.is_empty()
    }

    /// Encodes it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Bytes::with_capacity(512);
        put_row(self.record.as_deref(), &mut out);
        for base in &self.bases {
            put_row(base.row.as_deref(), &mut out);
            out.u8(base.written.map_or(0, |written| 1 + u8::from(written)));
            out.u8(u8::from(base.naming.is_some()));
            base.naming.iter().for_each(|naming| naming.encode(&mut out));
        }
        out.count(self.renewals.len());
        for ((path, stamp), renewed) in &self.renewals {
            out.str(path.as_str());
            put_stamp(*stamp, &mut out);
            put_stamp(*renewed, &mut out);
        }
        put_row(self.former.as_ref().map(|id| id.as_str().as_bytes()), &mut out);
        out.count(self.others.len());
        for (domain, row) in &self.others {
            out.str(domain.as_str());
            out.bytes(row);
        }
        let mut stored = Bytes::with_capacity(2 + out.as_bytes().len());
        stored.u8(FOUND_FORMAT);
        Envelope::Plain(out.as_bytes()).write(&mut stored);
        stored.into_bytes()
    }

    /// Decodes it. The bytes may come from anywhere; the rows in it are not looked into.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] with the place of the damage.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let is_known = |tag: &u8| (FOUND_FORMAT_2..=FOUND_FORMAT).contains(tag);
        let format = reader.tag(|tag| Some(tag).filter(is_known))?;
        if format > FOUND_FORMAT_4 {
            reader = Reader::new(Envelope::open(reader.rest())?);
        }
        let record = row(&mut reader)?;
        let mut bases = <[FoundBase; 2]>::default();
        for base in &mut bases {
            base.row = row(&mut reader)?;
            base.written = reader.tag(|tag| match tag {
                0 => Some(None),
                1 => Some(Some(false)),
                2 => Some(Some(true)),
                _ => None,
            })?;
            let has_naming = reader.flag()?;
            base.naming = has_naming.then(|| Naming::decode(&mut reader)).transpose()?;
        }
        let mut renewals = Renewals::new();
        for _ in 0..reader.count(RENEWAL_BYTES_MIN)? {
            let at = reader.offset();
            let path = Path::parse(reader.str()?).map_err(|_| {
                Reader::damaged_at(at, Damage::NotAcceptable { what: "path of what was renewed" })
            })?;
            let (stamp, renewed) = (stamp(&mut reader)?, stamp(&mut reader)?);
            renewals.insert((path, stamp), renewed);
        }
        let at = reader.offset();
        let former = if format == FOUND_FORMAT_2 { None } else { row(&mut reader)? };
        let former = former.map(|id| {
            record_id(&id).ok_or_else(|| {
                Reader::damaged_at(at, Damage::NotAcceptable { what: "former id of a record" })
            })
        });
        let former = former.transpose()?;
        let mut others = Vec::new();
        let count = if format <= FOUND_FORMAT_3 { 0 } else { reader.count(OTHER_BYTES_MIN)? };
        for _ in 0..count {
            let at = reader.offset();
            let domain = DomainName::new(reader.str()?).map_err(|_| {
                Reader::damaged_at(at, Damage::NotAcceptable { what: "name of another domain" })
            })?;
            others.push((domain, reader.bytes()?.to_vec()));
        }
        reader.finish()?;
        Ok(Self { record, bases, renewals, former, others })
    }
}

/// Least length of one renewal: the length of its path, and two stamps.
const RENEWAL_BYTES_MIN: usize = 33;

/// Least length of what is known of another domain: the lengths of its name and of the row.
const OTHER_BYTES_MIN: usize = 2;

fn put_stamp(stamp: Stamp, out: &mut Bytes) {
    out.u64_be(stamp.clock.0);
    out.u64_be(stamp.site.0);
}

fn stamp(reader: &mut Reader<'_>) -> Result<Stamp, DecodeError> {
    Ok(Stamp::new(Clock(reader.u64_be()?), SiteId(reader.u64_be()?)))
}

fn put_row(row: Option<&[u8]>, out: &mut Bytes) {
    out.u8(u8::from(row.is_some()));
    if let Some(row) = row {
        out.bytes(row);
    }
}

fn row(reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>, DecodeError> {
    if reader.flag()? { reader.bytes().map(|row| Some(row.to_vec())) } else { Ok(None) }
}

fn record_id(bytes: &[u8]) -> Option<RecordId> {
    RecordId::new(std::str::from_utf8(bytes).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Rename;

    #[test]
    fn what_was_found_is_read_back_and_every_cut_of_it_is_damage() {
        let base = |row: Option<&[u8]>, written| {
            let path = |text| Path::parse(text).unwrap();
            let tel = [Rename { hub: path("/phone"), domain: path("/tel") }];
            let naming = row.map(|_| Naming::of(&tel));
            FoundBase { row: row.map(<[u8]>::to_vec), written, naming }
        };
        let at = |clock| Stamp::new(Clock(clock), SiteId(1));
        let rows = [
            Found::default(),
            Found {
                record: Some(b"state".to_vec()),
                bases: [base(Some(b"base"), Some(true)), base(Some(b""), Some(false))],
                renewals: Renewals::from([((Path::parse("/a").unwrap(), at(7)), at(9))]),
                others: vec![(DomainName::new("club").unwrap(), b"base".to_vec())],
                ..Found::default()
            },
            Found { former: Some(RecordId::new("b1").unwrap()), ..Found::default() },
            Found { bases: [base(None, None), base(Some(b"base"), None)], ..Found::default() },
        ];
        for found in rows {
            let bytes = found.encode();
            assert_eq!(Found::decode(&bytes).unwrap(), found);
            for end in 0..bytes.len() {
                assert!(Found::decode(&bytes[..end]).is_err(), "{end} bytes of {found:?}");
            }
        }
    }

    #[test]
    fn what_earlier_versions_kept_is_still_read() {
        let found = Found { record: Some(b"state".to_vec()), ..Found::default() };
        let mut bytes = found.encode();
        bytes.remove(0);
        bytes[0] = FOUND_FORMAT_4;
        assert_eq!(Found::decode(&bytes).unwrap(), found);
        for format in [FOUND_FORMAT_3, FOUND_FORMAT_2] {
            bytes[0] = format;
            assert_eq!(bytes.pop(), Some(0));
            assert_eq!(Found::decode(&bytes).unwrap(), found, "format {format}");
        }
    }
}
