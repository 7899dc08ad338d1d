//! What is stored of what a domain is known to hold of a record.
//!
//! A record that has just come holds what the log says of its coming: its bases name that entry and
//! do not repeat it. The entry's content is checked when it is read, since the rows of the log carry
//! no sums. Nobody removes entries of the log; whoever comes to do so has to write out the bases that
//! name them.
//!
//! What tells values lies in an [`Envelope`].

use syncline_merge::codec::{decode_base_near, encode_base_beside};
use syncline_merge::display::{Field, Fields};
use syncline_merge::plain::Base;
use syncline_model::codec::{Damage, DecodeError, Reader, Writer as Bytes};
use syncline_model::envelope::Envelope;
use syncline_model::id::Position;

use crate::audit::Hash;
use crate::log::{LogEntry, digest};

/// The base follows in an envelope, whole.
const WHOLE: u8 = 3;
/// The position of an entry of the log follows; then, in an envelope, the head of the digest of its
/// after image, and the base beside that image.
const BESIDE_ENTRY: u8 = 4;
/// As [`WHOLE`], without the envelope: of earlier versions.
const WHOLE_BARE: u8 = 1;
/// As [`BESIDE_ENTRY`], without the envelope: of earlier versions.
const BESIDE_ENTRY_BARE: u8 = 2;

/// How much of a digest a base repeats, in bytes: enough that no damage passes for the content.
const DIGEST_BYTES: usize = 8;

/// An entry of the log that tells a record whole.
#[derive(Clone, Copy, Debug)]
pub struct WholeEntry<'a> {
    /// Where it stands.
    pub position: Position,
    /// The record, as it came to be.
    pub after: &'a Fields,
    /// The digest of that.
    pub digest: Hash,
}

/// Encodes a base as it is stored.
///
/// - `entry`: what the log says of the record.
pub fn encode(base: &Base, entry: Option<WholeEntry<'_>>) -> Vec<u8> {
    let (bytes, refers) = encode_base_beside(base, entry.map(|entry| entry.after));
    let mut out = Bytes::with_capacity(bytes.len() + 32);
    match entry.filter(|_| refers) {
        Some(WholeEntry { position, digest, .. }) => {
            out.u8(BESIDE_ENTRY);
            out.varint(position.0);
            Envelope::Plain(&[head(&digest), &bytes[..]].concat()).write(&mut out);
        }
        None => {
            out.u8(WHOLE);
            Envelope::Plain(&bytes).write(&mut out);
        }
    }
    out.into_bytes()
}

/// Returns which entry of the log has to be known to decode a stored base, if any.
///
/// # Errors
///
/// [`DecodeError`] with the place of the damage.
pub fn names_entry(row: &[u8]) -> Result<Option<Position>, DecodeError> {
    let mut reader = Reader::new(row);
    match tag(&mut reader)? {
        BESIDE_ENTRY | BESIDE_ENTRY_BARE => Ok(Some(Position(reader.varint()?))),
        _ => Ok(None),
    }
}

/// Decodes a stored base of a domain that holds `held` now, sorted by path; see [`decode_base_near`].
///
/// - `entry`: the entry of the log that it names, as it is stored.
///
/// # Errors
///
/// [`DecodeError`] with the place of the damage; also if the entry is not the one that was named.
pub fn decode(row: &[u8], entry: Option<&[u8]>, held: &[Field]) -> Result<Base, DecodeError> {
    let mut reader = Reader::new(row);
    let tag = tag(&mut reader)?;
    let names_entry = matches!(tag, BESIDE_ENTRY | BESIDE_ENTRY_BARE);
    if names_entry {
        reader.varint()?;
    }
    let at = reader.offset();
    let is_bare = matches!(tag, WHOLE_BARE | BESIDE_ENTRY_BARE);
    let rest = reader.rest();
    let mut values = Reader::new(if is_bare { rest } else { Envelope::open(rest)? });
    let mut kept = None;
    if names_entry {
        let named: [u8; DIGEST_BYTES] = values.array()?;
        let entry = entry.map(LogEntry::decode).transpose()?;
        let is_named = |after: &Fields| *head(&digest(after)) == named;
        kept = entry.and_then(|entry| entry.after).filter(is_named);
        kept.as_ref().ok_or_else(|| not_acceptable(at))?;
    }
    decode_base_near(values.rest(), kept.as_ref(), held)
}

fn tag(reader: &mut Reader<'_>) -> Result<u8, DecodeError> {
    let at = reader.offset();
    match reader.u8()? {
        tag @ (WHOLE | BESIDE_ENTRY | WHOLE_BARE | BESIDE_ENTRY_BARE) => Ok(tag),
        tag => Err(Reader::damaged_at(at, Damage::UnknownTag { tag })),
    }
}

fn head(digest: &Hash) -> &[u8; DIGEST_BYTES] {
    digest.as_bytes().first_chunk().expect("invariant: a digest has 32 bytes")
}

fn not_acceptable(at: usize) -> DecodeError {
    Reader::damaged_at(at, Damage::NotAcceptable { what: "entry of the log that a base names" })
}

#[cfg(test)]
mod tests {
    use syncline_merge::plain::Intent;
    use syncline_model::clock::{Clock, Stamp};
    use syncline_model::id::{EntityName, RecordId, SiteId, Writer};
    use syncline_model::json::Leaf;
    use syncline_model::path::Path;

    use super::*;
    use crate::audit::Salt;
    use crate::log::ChangeKind;

    fn fields(number: &str) -> Fields {
        let field = |path, leaf| (Path::parse(path).unwrap(), Leaf::parse(leaf).unwrap());
        vec![field("/amount", number), field("/name", "\"Ann\"")]
    }

    fn coming(after: Fields) -> LogEntry {
        LogEntry {
            stamp: Stamp::new(Clock(9), SiteId(1)),
            kind: ChangeKind::Write,
            entity: EntityName::new("contacts").unwrap(),
            id: RecordId::new("c-1").unwrap(),
            origin: Writer::new("personal").unwrap(),
            run: None,
            at_ms: 5,
            hops: Vec::new(),
            schema_version: 0,
            before: None,
            after: Some(after),
            salt: Salt::new([3; 32]),
        }
    }

    fn stored(base: &Base, after: &Fields) -> Vec<u8> {
        let position = Position(300);
        encode(base, Some(WholeEntry { position, after, digest: digest(after) }))
    }

    #[test]
    fn a_base_that_the_log_tells_names_the_entry_and_is_read_back_from_it() {
        let (after, other) = (fields("1"), fields("2"));
        let intent = |of: &Fields| Intent { rendering: Some(of.clone()), ..Intent::default() };
        let held = |of: &Fields| Base { rendering: Some(of.clone()), ..Base::default() };
        let rows = [
            (held(&after), true),
            (Base { intent: Some(intent(&after)), ..Base::default() }, true),
            (Base { intent: Some(intent(&other)), ..held(&after) }, true),
            (held(&other), false),
            (Base::default(), false),
            // The same number, written otherwise: the file's own digits are kept.
            (held(&fields("1.0")), false),
        ];
        let entry = coming(after.clone()).encode();
        for (base, names) in rows {
            let row = stored(&base, &after);
            assert_eq!(names_entry(&row).unwrap(), names.then_some(Position(300)), "{base:?}");
            let read = decode(&row, Some(&entry), &other).unwrap();
            assert_eq!(encode(&read, None), encode(&base, None), "{base:?}");
            assert_eq!(decode(&encode(&base, None), None, &[]).unwrap(), base);
        }
    }

    #[test]
    fn a_base_is_damaged_where_its_entry_is_missing_or_tells_something_else() {
        let after = fields("1");
        let base = Base { rendering: Some(after.clone()), ..Base::default() };
        let row = stored(&base, &after);
        let gone = LogEntry { after: None, ..coming(after.clone()) }.encode();
        let other = coming(fields("2")).encode();
        for entry in [None, Some(&gone[..]), Some(&other[..]), Some(&b"?"[..])] {
            assert!(decode(&row, entry, &[]).is_err(), "{entry:?}");
        }
        for tag in [0, 5, 255] {
            assert!(names_entry(&[tag]).is_err(), "{tag}");
        }
        let entry = coming(after).encode();
        for end in 0..row.len() {
            assert!(decode(&row[..end], Some(&entry), &[]).is_err(), "{end}");
        }
    }
}
