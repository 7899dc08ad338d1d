//! What a file domain held of an entity after the last run: the digest of the file, and of each
//! record in it.
//!
//! With it a run finds what has changed without loading what has not.

use syncline_model::codec::{Damage, DecodeError, Reader, Writer as Bytes};
use syncline_model::id::{Position, RecordId};
use syncline_model::path::Path;

use crate::sync::Rename;

/// The version of the stored form. Bump it with every change, keep the old reader.
pub const INDEX_FORMAT: u8 = 3;

/// The digest of a record's bytes in its file.
pub type ItemDigest = [u8; 16];

/// What a domain held of one entity after the last run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DomainIndex {
    /// Digest of the whole file; `None` if there was no file.
    pub file: Option<[u8; 32]>,
    /// Length of the whole file, in bytes; 0 if there was no file.
    pub bytes: u64,
    /// Digest of the rules and policies that the run obeyed.
    pub rules: [u8; 16],
    /// The end of the log when the run was over.
    pub position: Position,
    /// The fields' names that its items may have: those in force in the last run, and earlier ones.
    pub names: Vec<Rename>,
    /// The records, sorted by id.
    pub items: Vec<(RecordId, ItemDigest)>,
}

impl DomainIndex {
    /// Returns the digest of a record as it was after the last run.
    pub fn get(&self, id: &RecordId) -> Option<&ItemDigest> {
        let found = self.items.binary_search_by(|(known, _)| known.cmp(id));
        found.ok().and_then(|index| self.items.get(index)).map(|(_, digest)| digest)
    }

    /// Encodes the index.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Bytes::with_capacity(80 + self.items.len() * 40);
        out.u8(INDEX_FORMAT);
        out.u64_be(self.position.0);
        out.u8(u8::from(self.file.is_some()));
        if let Some(file) = &self.file {
            out.raw(file);
            out.varint(self.bytes);
        }
        out.raw(&self.rules);
        out.count(self.names.len());
        for Rename { hub, domain } in &self.names {
            out.str(hub.as_str());
            out.str(domain.as_str());
        }
        out.count(self.items.len());
        for (id, digest) in &self.items {
            out.str(id.as_str());
            out.raw(digest);
        }
        out.into_bytes()
    }

    /// Sets the end of the log in an index that is encoded.
    pub fn set_position(encoded: &mut [u8], position: Position) {
        let bytes = encoded.iter_mut().skip(1);
        bytes.zip(position.0.to_be_bytes()).for_each(|(to, from)| *to = from);
    }

    /// Decodes an index. The bytes may come from anywhere.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] with the place of the damage.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let unacceptable = |at| Reader::damaged_at(at, Damage::NotAcceptable { what: "index" });
        if reader.u8()? != INDEX_FORMAT {
            return Err(unacceptable(0));
        }
        let position = Position(reader.u64_be()?);
        let (file, bytes) = match reader.u8()? {
            0 => (None, 0),
            _ => (Some(reader.array()?), reader.varint()?),
        };
        let rules = reader.array()?;
        let mut names = Vec::new();
        for _ in 0..reader.count(2)? {
            let at = reader.offset();
            let mut path = || Path::parse(reader.str()?).map_err(|_| unacceptable(at));
            names.push(Rename { hub: path()?, domain: path()? });
        }
        let count = reader.count(18)?;
        let mut items: Vec<(RecordId, ItemDigest)> = Vec::with_capacity(count);
        for _ in 0..count {
            let at = reader.offset();
            let id = RecordId::new(reader.str()?).map_err(|_| unacceptable(at))?;
            if items.last().is_some_and(|(last, _)| *last >= id) {
                return Err(unacceptable(at));
            }
            items.push((id, reader.array()?));
        }
        reader.finish()?;
        Ok(Self { file, bytes, rules, position, names, items })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_read_back_and_its_position_is_set_where_it_stands() {
        let id = |text| RecordId::new(text).unwrap();
        let path = |text| Path::parse(text).unwrap();
        let items = vec![(id("a"), [1; 16]), (id("b"), [2; 16])];
        for file in [None, Some([7; 32])] {
            let bytes = if file.is_some() { 1 << 40 } else { 0 };
            let index = DomainIndex {
                file,
                bytes,
                rules: [3; 16],
                position: Position(5),
                names: vec![Rename { hub: path("/phone"), domain: path("/tel") }],
                items: items.clone(),
            };
            let mut encoded = index.encode();
            assert_eq!(DomainIndex::decode(&encoded).unwrap(), index);
            DomainIndex::set_position(&mut encoded, Position(u64::MAX));
            let moved = DomainIndex { position: Position(u64::MAX), ..index };
            assert_eq!(DomainIndex::decode(&encoded).unwrap(), moved);
        }
    }
}
