//! The stored form of a record's state and of a base: compact where nothing is concurrent.
//!
//! Sites, writers and changes stand once, in tables at the front, and are named by index after
//! that. A record that one change wrote costs one entry in each table and one byte per field.
//! The first byte is [`STATE_FORMAT`]; golden files in `fixtures/merge/` hold each version.

use std::collections::BTreeMap;

use smallvec::SmallVec;
use syncline_model::clock::{Clock, Stamp};
use syncline_model::codec::{Damage, DecodeError, Reader, Writer as Bytes};
use syncline_model::id::{SiteId, Writer};
use syncline_model::json::{Leaf, Number};
use syncline_model::path::Path;
use syncline_model::version::Version;

use crate::display::{Field, Fields};
use crate::dots::Dots;
use crate::flat::{FlatMap, KeyNotGreater};
use crate::limits::KEYED_DEPTH_MAX;
use crate::plain::{Base, Intent};
use crate::state::{
    Addition, Body, Element, ElementId, Entry, Member, Record, Register, Sum, Text, Zero,
};
use crate::text::crdt::TextState;
use crate::token::{ShownValues, Token};

/// The version of the stored forms. Bump it with every change of the encoding, keep the old reader.
pub const STATE_FORMAT: u8 = 1;

/// Room that is made before a form is written; only a larger one has to move.
const BODY_BYTES_EXPECTED: usize = 1_024;

/// Encodes the state of a record.
pub fn encode_record(record: &Record) -> Vec<u8> {
    let mut tables = Tables::default();
    let mut out = Bytes::with_capacity(BODY_BYTES_EXPECTED);
    tables.record(record, &mut out);
    tables.finish(&out)
}

/// Decodes the state of a record. The bytes may come from anywhere.
///
/// # Errors
///
/// [`DecodeError`] with the place of the damage; the offset counts from the start of the part that
/// is damaged.
pub fn decode_record(bytes: &[u8]) -> Result<Record, DecodeError> {
    decode_record_near(bytes, &[])
}

/// Decodes the state of a record of which somebody holds `fields`, sorted by path.
///
/// The answer is that of [`decode_record`] for any fields. It costs less the more of them the state
/// has, since these texts are known to be sound.
///
/// # Errors
///
/// As [`decode_record`].
pub fn decode_record_near(bytes: &[u8], fields: &[Field]) -> Result<Record, DecodeError> {
    let (tables, mut reader) = Names::read(bytes)?;
    let record = tables.record(&mut reader, fields)?;
    reader.finish()?;
    Ok(record)
}

/// Encodes what a plain writer is known to hold.
pub fn encode_base(base: &Base) -> Vec<u8> {
    encode_base_beside(base, None).0
}

/// Encodes what a plain writer is known to hold, where `kept` are fields that are kept elsewhere; a
/// rendering that is `kept`, digit by digit, is not repeated. Answers also whether there is one.
pub fn encode_base_beside(base: &Base, kept: Option<&Fields>) -> (Vec<u8>, bool) {
    let mut tables = Tables::default();
    let mut out = Bytes::with_capacity(BODY_BYTES_EXPECTED);
    let mut refers = rendering(base.rendering.as_ref(), kept, &mut out);
    tables.token(&base.token, &mut out);
    tables.dots(&base.own, &mut out);
    out.u8(u8::from(base.intent.is_some()));
    if let Some(intent) = &base.intent {
        refers |= rendering(intent.rendering.as_ref(), kept, &mut out);
        tables.token(&intent.token, &mut out);
    }
    (tables.finish(&out), refers)
}

/// Decodes what a plain writer is known to hold.
///
/// # Errors
///
/// As [`decode_record`].
pub fn decode_base(bytes: &[u8]) -> Result<Base, DecodeError> {
    decode_base_near(bytes, None, &[])
}

/// Decodes what a plain writer is known to hold, that holds `fields` now, sorted by path.
///
/// - `kept`: what it was encoded beside; nothing if it stood alone.
///
/// The answer is the same for any fields, as with [`decode_record_near`].
///
/// # Errors
///
/// As [`decode_record`]; also if it was encoded beside fields and none are given.
pub fn decode_base_near(
    bytes: &[u8],
    kept: Option<&Fields>,
    fields: &[Field],
) -> Result<Base, DecodeError> {
    let (tables, mut reader) = Names::read(bytes)?;
    let rendering = read_rendering(&mut reader, kept, fields)?;
    let token = tables.token(&mut reader)?;
    let own = tables.dots(&mut reader)?;
    let mut intent = None;
    if flag(&mut reader)? {
        let rendering = read_rendering(&mut reader, kept, fields)?;
        intent = Some(Intent { rendering, token: tables.token(&mut reader)? });
    }
    reader.finish()?;
    Ok(Base { rendering, token, own, intent })
}

/// Encodes a token, as it is given to a client.
pub fn encode_token(token: &Token) -> Vec<u8> {
    let mut tables = Tables::default();
    let mut out = Bytes::new();
    tables.token(token, &mut out);
    tables.finish(&out)
}

/// Decodes a token.
///
/// # Errors
///
/// As [`decode_record`].
pub fn decode_token(bytes: &[u8]) -> Result<Token, DecodeError> {
    let (tables, mut reader) = Names::read(bytes)?;
    let token = tables.token(&mut reader)?;
    reader.finish()?;
    Ok(token)
}

/// A table of names; mostly of few, which then cost no allocation.
type Table<T> = SmallVec<[T; 4]>;

/// The tables of names while a state is written.
#[derive(Default)]
struct Tables {
    sites: Table<SiteId>,
    writers: Table<Writer>,
    stamps: Table<Stamp>,
}

fn index_in<T: PartialEq + Clone>(table: &mut Table<T>, item: &T) -> u64 {
    let found = table.iter().position(|known| known == item);
    let index = found.unwrap_or_else(|| {
        table.push(item.clone());
        table.len() - 1
    });
    index as u64
}

impl Tables {
    /// Puts the tables before what was written with them.
    fn finish(mut self, body: &Bytes) -> Vec<u8> {
        let stamps = std::mem::take(&mut self.stamps);
        for stamp in &stamps {
            index_in(&mut self.sites, &stamp.site);
        }
        let mut head = Bytes::with_capacity(64 + body.as_bytes().len());
        head.u8(STATE_FORMAT);
        head.count(self.sites.len());
        for site in &self.sites {
            head.u64_be(site.0);
        }
        head.count(self.writers.len());
        for writer in &self.writers {
            head.str(writer.as_str());
        }
        head.count(stamps.len());
        for stamp in &stamps {
            head.varint(index_in(&mut self.sites, &stamp.site));
            head.varint(stamp.clock.0);
        }
        head.raw(body.as_bytes());
        head.into_bytes()
    }

    fn record(&mut self, record: &Record, out: &mut Bytes) {
        self.version(&record.version, out);
        self.version(&record.born, out);
        self.exceptions(&record.exceptions, out);
        self.dots(&record.live, out);
        self.dots(&record.deletes, out);
        self.body(&record.body, out);
    }

    fn token(&mut self, token: &Token, out: &mut Bytes) {
        self.version(&token.version, out);
        self.exceptions(&token.exceptions, out);
        out.u8(u8::from(token.invisible));
        map(&token.shown, out, |values, out| {
            self.dots(&values.dots, out);
            self.dots(&values.others, out);
        });
        map(&token.texts, out, |birth, out| self.stamp(*birth, out));
        map(&token.sums, out, |sites, out| self.adds(sites, out));
    }

    fn version(&mut self, version: &Version, out: &mut Bytes) {
        out.count(version.entries().len());
        for (site, clock) in version.entries() {
            out.varint(index_in(&mut self.sites, site));
            out.varint(clock.0);
        }
    }

    fn exceptions(&mut self, exceptions: &BTreeMap<Path, Version>, out: &mut Bytes) {
        map(exceptions, out, |version, out| self.version(version, out));
    }

    fn stamp(&mut self, stamp: Stamp, out: &mut Bytes) {
        out.varint(index_in(&mut self.stamps, &stamp));
    }

    fn dots(&mut self, dots: &Dots, out: &mut Bytes) {
        out.count(dots.as_slice().len());
        for stamp in dots.as_slice() {
            self.stamp(*stamp, out);
        }
    }

    fn body(&mut self, body: &Body, out: &mut Bytes) {
        out.count(body.registers.len());
        for (path, register) in &body.registers {
            out.str(path.as_str());
            out.count(register.len());
            for (stamp, entry) in register {
                self.stamp(*stamp, out);
                self.entry(*stamp, entry, out);
            }
        }
        let shapes = [
            !body.sums.is_empty(),
            !body.unions.is_empty(),
            !body.keyed.is_empty(),
            !body.appends.is_empty(),
            !body.texts.is_empty(),
        ];
        let flags = shapes.iter().enumerate().map(|(bit, set)| u8::from(*set) << bit);
        out.u8(flags.sum());
        if !body.sums.is_empty() {
            map(&body.sums, out, |sum, out| self.sum(sum, out));
        }
        if !body.unions.is_empty() {
            map(&body.unions, out, |elements, out| {
                out.count(elements.len());
                for (element, dots) in elements {
                    out.str(element.as_str());
                    self.dots(dots, out);
                }
            });
        }
        if !body.keyed.is_empty() {
            map(&body.keyed, out, |members, out| {
                out.count(members.len());
                for (key, member) in members {
                    out.str(key);
                    self.dots(&member.live, out);
                    self.body(&member.body, out);
                }
            });
        }
        if !body.appends.is_empty() {
            map(&body.appends, out, |elements, out| self.elements(elements, out));
        }
        if !body.texts.is_empty() {
            map(&body.texts, out, |texts, out| self.texts(texts, out));
        }
    }

    /// An edit time is mostly that of the change: then it costs nothing.
    fn entry(&mut self, stamp: Stamp, entry: &Entry, out: &mut Bytes) {
        let writer = index_in(&mut self.writers, &entry.writer);
        let own_time = entry.edited != stamp.clock;
        let flags = u8::from(entry.value.is_some())
            | u8::from(entry.timed) << 1
            | u8::from(own_time) << 2
            | u8::from(writer != 0) << 3;
        out.u8(flags);
        if own_time {
            out.varint(entry.edited.0);
        }
        if writer != 0 {
            out.varint(writer);
        }
        if let Some(value) = &entry.value {
            out.str(value.as_str());
        }
    }

    fn sum(&mut self, sum: &Sum, out: &mut Bytes) {
        out.count(sum.floors.len());
        for (stamp, value) in &sum.floors {
            self.stamp(*stamp, out);
            out.str(value.as_str());
        }
        self.adds(&sum.adds, out);
        out.count(sum.zeros.len());
        for (site, zero) in &sum.zeros {
            out.varint(index_in(&mut self.sites, site));
            addition(&zero.seen, out);
            self.stamp(zero.stamp, out);
        }
    }

    fn adds(&mut self, adds: &BTreeMap<SiteId, Addition>, out: &mut Bytes) {
        out.count(adds.len());
        for (site, added) in adds {
            out.varint(index_in(&mut self.sites, site));
            addition(added, out);
        }
    }

    fn elements(&mut self, elements: &BTreeMap<ElementId, Element>, out: &mut Bytes) {
        out.count(elements.len());
        for (id, element) in elements {
            match id {
                ElementId::Content(hash, occurrence) => {
                    out.u8(0);
                    out.raw(hash);
                    out.varint(u64::from(*occurrence));
                }
                ElementId::Stamped(stamp, index) => {
                    out.u8(1);
                    self.stamp(*stamp, out);
                    out.varint(u64::from(*index));
                }
            }
            out.str(element.value.as_str());
            out.count(element.dots.len());
            for (stamp, index) in &element.dots {
                self.stamp(*stamp, out);
                out.varint(u64::from(*index));
            }
        }
    }

    fn texts(&mut self, texts: &BTreeMap<Stamp, Text>, out: &mut Bytes) {
        out.count(texts.len());
        for (birth, text) in texts {
            self.stamp(*birth, out);
            self.dots(&text.live, out);
            out.varint(text.edited.0);
            out.varint(index_in(&mut self.writers, &text.writer));
            out.bytes(&text.state.to_bytes());
        }
    }
}

fn map<V>(map: &BTreeMap<Path, V>, out: &mut Bytes, mut value: impl FnMut(&V, &mut Bytes)) {
    out.count(map.len());
    for (path, item) in map {
        out.str(path.as_str());
        value(item, out);
    }
}

/// The last clock is written as its distance from the first, which is mostly small.
fn addition(added: &Addition, out: &mut Bytes) {
    out.varint(added.begun.0);
    out.varint(added.clock.0.saturating_sub(added.begun.0));
    out.str(added.total.as_str());
}

fn read_addition(reader: &mut Reader<'_>) -> Result<Addition, DecodeError> {
    let at = reader.offset();
    let begun = reader.varint()?;
    let clock = begun.checked_add(reader.varint()?);
    Ok(Addition {
        begun: Clock(begun),
        clock: Clock(clock.ok_or_else(|| invalid(at))?),
        total: read_number(reader)?,
    })
}

/// How a rendering is written.
mod rendered {
    /// The writer does not hold the record.
    pub(super) const NOTHING: u8 = 0;
    /// Its fields follow.
    pub(super) const FIELDS: u8 = 1;
    /// It is what is kept elsewhere.
    pub(super) const KEPT: u8 = 2;
}

/// Writes a rendering; answers whether it is the kept one.
fn rendering(fields: Option<&Fields>, kept: Option<&Fields>, out: &mut Bytes) -> bool {
    let Some(fields) = fields else {
        out.u8(rendered::NOTHING);
        return false;
    };
    if kept.is_some_and(|kept| is_written_as(fields, kept)) {
        out.u8(rendered::KEPT);
        return true;
    }
    out.u8(rendered::FIELDS);
    out.count(fields.len());
    for (path, leaf) in fields {
        out.str(path.as_str());
        out.str(leaf.as_str());
    }
    false
}

/// Returns whether fields have the same texts: equal numbers may be written differently.
fn is_written_as(a: &Fields, b: &Fields) -> bool {
    let is_same = |((of_a, in_a), (of_b, in_b)): (&Field, &Field)| {
        in_a.as_str() == in_b.as_str() && of_a == of_b
    };
    a.len() == b.len() && a.iter().zip(b).all(is_same)
}

/// The tables of names while a state is read.
struct Names {
    sites: Table<SiteId>,
    writers: Table<Writer>,
    stamps: Table<Stamp>,
}

const fn damaged(offset: usize, damage: Damage) -> DecodeError {
    Reader::damaged_at(offset, damage)
}

/// Refuses what is well-formed bytes but not a value of its kind.
fn invalid(offset: usize) -> DecodeError {
    damaged(offset, Damage::NotAcceptable { what: "item of a state" })
}

fn flag(reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
    let at = reader.offset();
    match reader.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        tag => Err(damaged(at, Damage::UnknownTag { tag })),
    }
}

fn read_path(reader: &mut Reader<'_>) -> Result<Path, DecodeError> {
    let at = reader.offset();
    Path::parse(reader.str()?).map_err(|_| invalid(at))
}

fn read_leaf(reader: &mut Reader<'_>) -> Result<Leaf, DecodeError> {
    let at = reader.offset();
    Leaf::parse(reader.str()?).map_err(|_| invalid(at))
}

fn read_number(reader: &mut Reader<'_>) -> Result<Number, DecodeError> {
    let at = reader.offset();
    Number::parse(reader.str()?).map_err(|_| invalid(at))
}

fn read_u32(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let at = reader.offset();
    u32::try_from(reader.varint()?).map_err(|_| invalid(at))
}

fn read_rendering(
    reader: &mut Reader<'_>,
    kept: Option<&Fields>,
    known: &[Field],
) -> Result<Option<Fields>, DecodeError> {
    let at = reader.offset();
    match reader.u8()? {
        rendered::NOTHING => return Ok(None),
        rendered::FIELDS => {}
        rendered::KEPT => return kept.cloned().ok_or_else(|| invalid(at)).map(Some),
        tag => return Err(damaged(at, Damage::UnknownTag { tag })),
    }
    let count = reader.count(2)?;
    let mut fields = Fields::with_capacity(count);
    let mut known = KnownFields::new(known);
    for _ in 0..count {
        let at = reader.offset();
        let (path, value) = match known.next(reader) {
            Some((path, value)) => (path.clone(), Some(value)),
            None => known.search(reader)?,
        };
        if fields.last().is_some_and(|(last, _)| *last >= path) {
            return Err(invalid(at));
        }
        let value = match value {
            Some(value) if reader.skip_bytes(value.as_str().as_bytes()) => value.clone(),
            _ => read_leaf(reader)?,
        };
        fields.push((path, value));
    }
    Ok(Some(fields))
}

/// Fields that a form to be read probably has too, in the order in which they come.
///
/// A text that equals a known one is taken from there: it needs no check, and a long one no room.
struct KnownFields<'k> {
    fields: &'k [Field],
    /// Where the next path is expected.
    next: usize,
}

impl<'k> KnownFields<'k> {
    const fn new(fields: &'k [Field]) -> Self {
        Self { fields, next: 0 }
    }

    /// Reads the path that is expected, if it comes next; answers the known field.
    #[inline]
    fn next(&mut self, reader: &mut Reader<'_>) -> Option<&'k Field> {
        let field = self.fields.get(self.next)?;
        let comes = reader.skip_bytes(field.0.as_str().as_bytes());
        self.next += usize::from(comes);
        comes.then_some(field)
    }

    /// Reads another path than the one that was expected; answers also the value that it is known
    /// to have.
    fn search(&mut self, reader: &mut Reader<'_>) -> Result<(Path, Option<&'k Leaf>), DecodeError> {
        let path = read_path(reader)?;
        let found = self.fields.binary_search_by(|(known, _)| known.cmp(&path));
        self.next = found.map_or_else(|index| index, |index| index + 1);
        let field = found.ok().and_then(|index| self.fields.get(index));
        Ok((path, field.map(|(_, value)| value)))
    }
}

/// Entries for which room is made before they are read: a count may claim more than there is.
const ENTRIES_EXPECTED: usize = 64;

/// Reads a map whose keys must ascend, so that equal values have equal bytes.
fn read_flat<K: Ord, V, const N: usize>(
    reader: &mut Reader<'_>,
    item_bytes_min: usize,
    mut item: impl FnMut(&mut Reader<'_>) -> Result<(K, V), DecodeError>,
) -> Result<FlatMap<K, V, N>, DecodeError> {
    let count = reader.count(item_bytes_min)?;
    let mut map = FlatMap::with_capacity(count.min(ENTRIES_EXPECTED));
    for _ in 0..count {
        let at = reader.offset();
        let (key, value) = item(reader)?;
        map.push(key, value).map_err(|KeyNotGreater| invalid(at))?;
    }
    Ok(map)
}

/// Reads a map as [`read_flat`] does.
fn read_map<K: Ord, V>(
    reader: &mut Reader<'_>,
    item_bytes_min: usize,
    item: impl FnMut(&mut Reader<'_>) -> Result<(K, V), DecodeError>,
) -> Result<BTreeMap<K, V>, DecodeError> {
    let map: FlatMap<K, V, 0> = read_flat(reader, item_bytes_min, item)?;
    Ok(map.into_iter().collect())
}

impl Names {
    fn read(bytes: &[u8]) -> Result<(Self, Reader<'_>), DecodeError> {
        let mut reader = Reader::new(bytes);
        let tag = reader.u8()?;
        if tag != STATE_FORMAT {
            return Err(damaged(0, Damage::UnknownTag { tag }));
        }
        let count = reader.count(8)?;
        let sites = (0..count).map(|_| Ok(SiteId(reader.u64_be()?)));
        let sites = sites.collect::<Result<_, _>>()?;
        let mut names = Self { sites, writers: Table::new(), stamps: Table::new() };
        for _ in 0..reader.count(2)? {
            let at = reader.offset();
            let writer = Writer::new(reader.str()?).map_err(|_| invalid(at))?;
            names.writers.push(writer);
        }
        for _ in 0..reader.count(2)? {
            let site = names.site(&mut reader)?;
            names.stamps.push(Stamp::new(Clock(reader.varint()?), site));
        }
        Ok((names, reader))
    }

    fn site(&self, reader: &mut Reader<'_>) -> Result<SiteId, DecodeError> {
        pick(&self.sites, reader).copied()
    }

    fn stamp(&self, reader: &mut Reader<'_>) -> Result<Stamp, DecodeError> {
        pick(&self.stamps, reader).copied()
    }

    fn record(&self, reader: &mut Reader<'_>, known: &[Field]) -> Result<Record, DecodeError> {
        Ok(Record {
            version: self.version(reader)?,
            born: self.version(reader)?,
            exceptions: self.exceptions(reader)?,
            live: self.dots(reader)?,
            deletes: self.dots(reader)?,
            body: self.body(reader, 0, known)?,
        })
    }

    fn token(&self, reader: &mut Reader<'_>) -> Result<Token, DecodeError> {
        Ok(Token {
            version: self.version(reader)?,
            exceptions: self.exceptions(reader)?,
            invisible: flag(reader)?,
            shown: read_map(reader, 3, |r| {
                let path = read_path(r)?;
                Ok((path, ShownValues { dots: self.dots(r)?, others: self.dots(r)? }))
            })?,
            texts: read_map(reader, 2, |r| Ok((read_path(r)?, self.stamp(r)?)))?,
            sums: read_map(reader, 2, |r| Ok((read_path(r)?, self.adds(r)?)))?,
        })
    }

    fn version(&self, reader: &mut Reader<'_>) -> Result<Version, DecodeError> {
        let count = reader.count(2)?;
        (0..count).map(|_| Ok((self.site(reader)?, Clock(reader.varint()?)))).collect()
    }

    fn exceptions(&self, reader: &mut Reader<'_>) -> Result<BTreeMap<Path, Version>, DecodeError> {
        read_map(reader, 2, |r| Ok((read_path(r)?, self.version(r)?)))
    }

    fn dots(&self, reader: &mut Reader<'_>) -> Result<Dots, DecodeError> {
        (0..reader.count(1)?).map(|_| self.stamp(reader)).collect()
    }

    fn body(
        &self,
        reader: &mut Reader<'_>,
        depth: usize,
        known: &[Field],
    ) -> Result<Body, DecodeError> {
        let at = reader.offset();
        if depth > KEYED_DEPTH_MAX {
            return Err(invalid(at));
        }
        let mut body = Body { registers: self.registers(reader, known)?, ..Body::default() };
        let at = reader.offset();
        let flags = reader.u8()?;
        if flags >> 5 != 0 {
            return Err(damaged(at, Damage::UnknownTag { tag: flags }));
        }
        if flags & 1 != 0 {
            body.sums = read_map(reader, 4, |r| Ok((read_path(r)?, self.sum(r)?)))?;
        }
        if flags & 2 != 0 {
            body.unions = read_map(reader, 2, |r| {
                Ok((read_path(r)?, read_map(r, 2, |r| Ok((read_leaf(r)?, self.dots(r)?)))?))
            })?;
        }
        if flags & 4 != 0 {
            body.keyed = read_map(reader, 2, |r| {
                let path = read_path(r)?;
                Ok((path, read_map(r, 4, |r| Ok((r.str()?.into(), self.member(r, depth)?)))?))
            })?;
        }
        if flags & 8 != 0 {
            body.appends = read_map(reader, 2, |r| {
                Ok((
                    read_path(r)?,
                    read_map(r, 4, |r| Ok((self.element_id(r)?, self.element(r)?)))?,
                ))
            })?;
        }
        if flags & 16 != 0 {
            body.texts = read_map(reader, 2, |r| {
                Ok((read_path(r)?, read_map(r, 4, |r| Ok((self.stamp(r)?, self.text(r)?)))?))
            })?;
        }
        Ok(body)
    }

    fn member(&self, reader: &mut Reader<'_>, depth: usize) -> Result<Member, DecodeError> {
        Ok(Member { live: self.dots(reader)?, body: self.body(reader, depth + 1, &[])? })
    }

    /// Reads what nearly every field is. Each register is filled where it stays.
    fn registers(
        &self,
        reader: &mut Reader<'_>,
        known: &[Field],
    ) -> Result<FlatMap<Path, Register, 0>, DecodeError> {
        let count = reader.count(3)?;
        let mut known = KnownFields::new(known);
        let mut registers = FlatMap::with_capacity(count.min(ENTRIES_EXPECTED));
        for _ in 0..count {
            let at = reader.offset();
            let (register, value) = match known.next(reader) {
                Some((path, value)) => (registers.push(path.clone(), Register::new()), Some(value)),
                None => {
                    let (path, value) = known.search(reader)?;
                    (registers.push(path, Register::new()), value)
                }
            };
            let register = register.map_err(|KeyNotGreater| invalid(at))?;
            for _ in 0..reader.count(2)? {
                self.entry(reader, value, register)?;
            }
        }
        Ok(registers)
    }

    #[inline]
    fn entry(
        &self,
        reader: &mut Reader<'_>,
        known: Option<&Leaf>,
        register: &mut Register,
    ) -> Result<(), DecodeError> {
        let at = reader.offset();
        let stamp = self.stamp(reader)?;
        let flags_at = reader.offset();
        let flags = reader.u8()?;
        if flags >> 4 != 0 {
            return Err(damaged(flags_at, Damage::UnknownTag { tag: flags }));
        }
        let edited = if flags & 4 != 0 { Clock(reader.varint()?) } else { stamp.clock };
        let writer = match flags & 8 {
            0 => self.writers.first().ok_or_else(|| invalid(flags_at))?,
            _ => pick(&self.writers, reader)?,
        };
        let entry = Entry { value: None, edited, timed: flags & 2 != 0, writer: writer.clone() };
        let entry = register.push(stamp, entry).map_err(|KeyNotGreater| invalid(at))?;
        if flags & 1 != 0 {
            entry.value = Some(match known {
                Some(value) if reader.skip_bytes(value.as_str().as_bytes()) => value.clone(),
                _ => read_leaf(reader)?,
            });
        }
        Ok(())
    }

    fn sum(&self, reader: &mut Reader<'_>) -> Result<Sum, DecodeError> {
        Ok(Sum {
            floors: read_flat(reader, 2, |r| Ok((self.stamp(r)?, read_number(r)?)))?,
            adds: self.adds(reader)?,
            zeros: read_map(reader, 4, |r| {
                let site = self.site(r)?;
                let (seen, stamp) = (read_addition(r)?, self.stamp(r)?);
                Ok((site, Zero { seen, stamp }))
            })?,
        })
    }

    fn adds(&self, reader: &mut Reader<'_>) -> Result<BTreeMap<SiteId, Addition>, DecodeError> {
        read_map(reader, 4, |r| Ok((self.site(r)?, read_addition(r)?)))
    }

    fn element_id(&self, reader: &mut Reader<'_>) -> Result<ElementId, DecodeError> {
        let at = reader.offset();
        match reader.u8()? {
            0 => Ok(ElementId::Content(reader.array()?, read_u32(reader)?)),
            1 => Ok(ElementId::Stamped(self.stamp(reader)?, read_u32(reader)?)),
            tag => Err(damaged(at, Damage::UnknownTag { tag })),
        }
    }

    fn element(&self, reader: &mut Reader<'_>) -> Result<Element, DecodeError> {
        let value = read_leaf(reader)?;
        let dots = read_flat(reader, 2, |r| Ok((self.stamp(r)?, read_u32(r)?)))?;
        Ok(Element { value, dots })
    }

    fn text(&self, reader: &mut Reader<'_>) -> Result<Text, DecodeError> {
        let live = self.dots(reader)?;
        let edited = Clock(reader.varint()?);
        let writer = pick(&self.writers, reader)?.clone();
        let at = reader.offset();
        let state = TextState::from_bytes(reader.bytes()?).map_err(|_| invalid(at))?;
        Ok(Text { live, edited, writer, state })
    }
}

fn pick<'a, T>(table: &'a [T], reader: &mut Reader<'_>) -> Result<&'a T, DecodeError> {
    let at = reader.offset();
    let index = reader.varint()?;
    usize::try_from(index).ok().and_then(|i| table.get(i)).ok_or_else(|| invalid(at))
}
