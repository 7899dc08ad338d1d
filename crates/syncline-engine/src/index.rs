//! What a file domain held of an entity after the last run: the digest of the file, and of each
//! record in it.
//!
//! With it a run finds what has changed without loading what has not.

use std::collections::BTreeMap;

use syncline_model::codec::{Damage, DecodeError, Reader, Writer as Bytes};
use syncline_model::id::{Position, RecordId};

use crate::limits::NAMINGS_MAX;
use crate::sync::{Naming, PLAIN};

/// The version of the stored form. Bump it with every change, keep the old reader.
pub const INDEX_FORMAT: u8 = 4;

/// The digest of a record's bytes in its file.
pub type ItemDigest = [u8; 16];

/// Stands for the digest of a record that has to be looked at in the next run, whatever it is.
pub const DIGEST_UNKNOWN: ItemDigest = [0; 16];

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
    /// The records, sorted by id.
    pub items: Vec<(RecordId, ItemDigest)>,
    /// The names that their fields have.
    pub names: ItemNames,
}

/// The names that the fields of each item have: nothing where no item has other names than the hub.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemNames {
    /// The names that occur, each once, at most [`NAMINGS_MAX`]; not the hub's.
    namings: Vec<Naming>,
    /// Which of them each item has, in the order of the items: its place counted from one, or zero for
    /// the hub's. Empty if none occurs.
    numbers: Vec<u8>,
}

impl ItemNames {
    /// Returns all names that occur, but for the hub's.
    pub fn namings(&self) -> &[Naming] {
        &self.namings
    }

    fn at(&self, index: usize) -> &Naming {
        let number = self.numbers.get(index).copied().unwrap_or_default();
        let naming = usize::from(number).checked_sub(1).and_then(|place| self.namings.get(place));
        naming.unwrap_or(&PLAIN)
    }

    /// Adds the names of the next item.
    fn push(&mut self, naming: &Naming, items: usize) {
        let number = self.number(naming);
        if number > 0 || !self.numbers.is_empty() {
            self.numbers.resize(items, 0);
            self.numbers.push(number);
        }
    }

    fn number(&mut self, naming: &Naming) -> u8 {
        if naming.is_plain() {
            return 0;
        }
        let place = self.namings.iter().position(|known| known == naming);
        let place = place.or_else(|| {
            let is_full = self.namings.len() >= NAMINGS_MAX;
            (!is_full).then(|| {
                self.namings.push(naming.clone());
                self.namings.len() - 1
            })
        });
        // Where there are too many, second names are forgotten first.
        let alike = || self.namings.iter().position(|known| known.renames == naming.renames);
        let place = place.or_else(alike).and_then(|place| u8::try_from(place + 1).ok());
        place.unwrap_or_default()
    }
}

impl DomainIndex {
    /// Returns the digest of a record as it was after the last run.
    pub fn get(&self, id: &RecordId) -> Option<&ItemDigest> {
        let found = self.items.binary_search_by(|(known, _)| known.cmp(id));
        found.ok().and_then(|index| self.items.get(index)).map(|(_, digest)| digest)
    }

    /// Returns the names that the fields of a record had after the last run; nothing if the domain is
    /// not known to hold it.
    pub fn naming(&self, id: &RecordId) -> Option<&Naming> {
        let found = self.items.binary_search_by(|(known, _)| known.cmp(id));
        found.ok().map(|index| self.names.at(index))
    }

    /// Sets the names that the fields of all records have. What no record has is forgotten.
    pub fn set_names<'n>(&mut self, naming_of: impl Fn(&RecordId) -> &'n Naming) {
        let mut names = ItemNames::default();
        for (at, (id, _)) in self.items.iter().enumerate() {
            names.push(naming_of(id), at);
        }
        self.names = names;
    }

    /// Sets the names of records that were written, or are about to be, without a look at the file:
    /// they have to be looked at in the next run, also those that the domain was not known to hold.
    pub fn set_names_unseen(&mut self, names: &BTreeMap<RecordId, Naming>) {
        let known = std::mem::take(&mut self.items).into_iter().enumerate();
        let mut items: BTreeMap<RecordId, (ItemDigest, &Naming)> =
            known.map(|(at, (id, digest))| (id, (digest, self.names.at(at)))).collect();
        for (id, naming) in names {
            items.insert(id.clone(), (DIGEST_UNKNOWN, naming));
        }
        let mut told = ItemNames::default();
        for (at, (_, naming)) in items.values().enumerate() {
            told.push(naming, at);
        }
        self.items = items.into_iter().map(|(id, (digest, _))| (id, digest)).collect();
        self.names = told;
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
        out.count(self.items.len());
        for (id, digest) in &self.items {
            out.str(id.as_str());
            out.raw(digest);
        }
        let ItemNames { namings, numbers } = &self.names;
        out.count(namings.len());
        namings.iter().for_each(|naming| naming.encode(&mut out));
        if !namings.is_empty() {
            out.raw(numbers);
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
        let names = Self::decode_names(&mut reader, items.len())?;
        reader.finish()?;
        Ok(Self { file, bytes, rules, position, items, names })
    }

    fn decode_names(reader: &mut Reader<'_>, items: usize) -> Result<ItemNames, DecodeError> {
        let at = reader.offset();
        let unacceptable = |at| Reader::damaged_at(at, Damage::NotAcceptable { what: "names" });
        let count = reader.count(2)?;
        if count > NAMINGS_MAX {
            return Err(unacceptable(at));
        }
        let mut names = ItemNames::default();
        for _ in 0..count {
            names.namings.push(Naming::decode(reader)?);
        }
        for _ in 0..if count > 0 { items } else { 0 } {
            let at = reader.offset();
            let number = reader.u8()?;
            if usize::from(number) > count {
                return Err(unacceptable(at));
            }
            names.numbers.push(number);
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Rename;
    use syncline_model::path::Path;

    fn id(text: &str) -> RecordId {
        RecordId::new(text).unwrap()
    }

    fn naming(hub: &str, domain: &str) -> Naming {
        let path = |text| Path::parse(text).unwrap();
        Naming::of(&[Rename { hub: path(hub), domain: path(domain) }])
    }

    #[test]
    fn an_index_is_read_back_and_its_position_is_set_where_it_stands() {
        let items = vec![(id("a"), [1; 16]), (id("b"), [2; 16]), (id("c"), [3; 16])];
        let tel = naming("/phone", "/tel");
        for (file, names) in [(None, &PLAIN), (Some([7; 32]), &PLAIN), (Some([7; 32]), &tel)] {
            let bytes = if file.is_some() { 1 << 40 } else { 0 };
            let mut index = DomainIndex {
                file,
                bytes,
                rules: [3; 16],
                position: Position(5),
                items: items.clone(),
                names: ItemNames::default(),
            };
            index.set_names(|of| if *of == id("b") { names } else { &PLAIN });
            let mut encoded = index.encode();
            assert_eq!(DomainIndex::decode(&encoded).unwrap(), index);
            for end in 0..encoded.len() {
                assert!(DomainIndex::decode(&encoded[..end]).is_err(), "{end} bytes");
            }
            DomainIndex::set_position(&mut encoded, Position(u64::MAX));
            let moved = DomainIndex { position: Position(u64::MAX), ..index };
            assert_eq!(DomainIndex::decode(&encoded).unwrap(), moved);
        }
    }

    #[test]
    fn each_item_has_its_names_and_names_of_no_item_are_forgotten() {
        let (tel, cell) = (naming("/phone", "/tel"), naming("/phone", "/cell"));
        let items = ["a", "b", "c"].map(|text| (id(text), [1; 16])).to_vec();
        let mut index = DomainIndex { items, ..DomainIndex::default() };
        let told =
            |index: &DomainIndex| ["a", "b", "c", "d"].map(|of| index.naming(&id(of)).cloned());
        index.set_names(|of| if *of == id("a") { &PLAIN } else { &tel });
        assert_eq!(told(&index), [Some(PLAIN.clone()), Some(tel.clone()), Some(tel.clone()), None]);
        index.set_names(|of| if *of == id("b") { &cell } else { &PLAIN });
        assert_eq!(
            told(&index),
            [Some(PLAIN.clone()), Some(cell.clone()), Some(PLAIN.clone()), None]
        );
        assert_eq!(index.names.namings(), [cell]);
        let unseen = [("b", &PLAIN), ("d", &tel)].map(|(of, naming)| (id(of), naming.clone()));
        index.set_names_unseen(&unseen.into());
        let plain = || Some(PLAIN.clone());
        assert_eq!(told(&index), [plain(), plain(), plain(), Some(tel)]);
        let digests: Vec<ItemDigest> = index.items.iter().map(|(_, digest)| *digest).collect();
        assert_eq!(digests, [[1; 16], DIGEST_UNKNOWN, [1; 16], DIGEST_UNKNOWN]);
        index.set_names(|_| &PLAIN);
        assert_eq!(index.names, ItemNames::default(), "nothing is stored where nothing is renamed");
    }

    #[test]
    fn too_many_names_are_told_as_the_nearest_that_is_listed() {
        let items = (0..300).map(|at| (id(&format!("{at:03}")), [1; 16])).collect();
        let mut index = DomainIndex { items, ..DomainIndex::default() };
        let all: Vec<Naming> = (0..300)
            .map(|at| {
                let path = |text: String| Path::parse(&text).unwrap();
                let second = Rename { hub: path("/l".into()), domain: path(format!("/s{at}")) };
                Naming { beside: vec![second], ..naming("/l", "/B") }
            })
            .collect();
        index.set_names(|of| &all[of.as_str().parse::<usize>().unwrap()]);
        assert_eq!(index.names.namings().len(), NAMINGS_MAX);
        for (of, expected) in [("000", &all[0]), ("254", &all[254]), ("299", &all[0])] {
            assert_eq!(index.naming(&id(of)), Some(expected), "{of}");
        }
        assert_eq!(DomainIndex::decode(&index.encode()).unwrap(), index);
    }
}
