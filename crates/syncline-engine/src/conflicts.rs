//! The list of conflicts: rows computed from the states, and what became of them.

use syncline_merge::conflict::{Conflict, ConflictKind, Side};
use syncline_model::clock::{Clock, Stamp};
use syncline_model::codec::{Reader, Writer as Bytes};
use syncline_model::envelope::Envelope;
use syncline_model::id::{EntityName, RecordId, RunId, SiteId, Writer};
use syncline_model::json::{Json, Leaf, Object};
use syncline_model::path::Path;
use thiserror::Error;

/// What became of a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// A person is to decide.
    Open,
    /// A rule has settled what is shown; every value is kept.
    Settled,
    /// A person has decided.
    Resolved,
    /// A later change has replaced the values in conflict.
    Closed,
}

impl Status {
    const ALL: [Self; 4] = [Self::Open, Self::Settled, Self::Resolved, Self::Closed];

    /// Returns the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Settled => "settled",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
        }
    }
}

/// One conflict as it is listed.
#[derive(Clone, Debug, PartialEq)]
pub struct ConflictRow {
    /// The type of record.
    pub entity: EntityName,
    /// Which record.
    pub id: RecordId,
    /// What is in conflict.
    pub conflict: Conflict,
    /// What became of it.
    pub status: Status,
    /// What the sides had before, where that is known.
    pub base: Option<Leaf>,
    /// The run that found it.
    pub found: Option<RunId>,
    /// Who decided and what, once a person has.
    pub decision: Option<Decided>,
}

/// What a person decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// Who.
    pub by: Writer,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The change that says so.
    pub stamp: Stamp,
}

/// A stored conflict could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a stored conflict is damaged at `{member}`")]
pub struct RowError {
    /// The member that is missing or not acceptable.
    pub member: &'static str,
}

impl RowError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        "ROW_DAMAGED"
    }
}

/// Returns the text of a stamp: clock and site, each as 16 hexadecimal digits.
pub fn stamp_text(stamp: Stamp) -> String {
    format!("{:016x}@{}", stamp.clock.0, stamp.site)
}

/// Reads the text of a stamp.
pub fn parse_stamp(text: &str) -> Option<Stamp> {
    let (clock, site) = text.split_once('@')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    Some(Stamp::new(Clock(number(clock)?), SiteId(number(site)?)))
}

const fn kind_word(kind: ConflictKind) -> &'static str {
    match kind {
        ConflictKind::Values => "values",
        ConflictKind::Texts => "texts",
        ConflictKind::Deletion => "deletion",
        ConflictKind::Minimum => "minimum",
        ConflictKind::Shapes => "shapes",
        _ => "other",
    }
}

impl ConflictRow {
    /// Returns the id of the conflict, 32 hexadecimal digits.
    pub fn conflict_id(&self) -> String {
        self.conflict.id(&self.entity, &self.id)
    }

    /// Returns the row as a JSON object; the form in which it is exported.
    pub fn to_json(&self) -> Object {
        let mut row = Object::new();
        row.insert("conflict", self.conflict_id().as_str());
        row.insert("entity", self.entity.as_str());
        row.insert("id", self.id.as_str());
        row.insert("path", self.conflict.path.as_str());
        row.insert("kind", kind_word(self.conflict.kind));
        row.insert("status", self.status.as_str());
        let stamps = self.conflict.stamps.iter().map(|stamp| Json::from(stamp_text(*stamp)));
        row.insert("stamps", Json::Array(stamps.collect()));
        if let Some(shown) = self.conflict.shown {
            row.insert("shown", stamp_text(shown));
        }
        if let Some(base) = &self.base {
            row.insert("base", base.to_json());
        }
        row.insert("sides", Json::Array(self.conflict.sides.iter().map(side_json).collect()));
        if let Some(found) = &self.found {
            row.insert("foundBy", found.as_str());
        }
        if let Some(decided) = &self.decision {
            let mut decision = Object::new();
            decision.insert("by", decided.by.as_str());
            decision.insert("atMs", number(decided.at_ms));
            decision.insert("stamp", stamp_text(decided.stamp));
            row.insert("decision", decision);
        }
        row
    }

    /// Encodes the row.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Bytes::with_capacity(256);
        out.u8(ROW_FORMAT);
        out.str(self.entity.as_str());
        out.str(self.id.as_str());
        out.str(self.conflict.path.as_str());
        out.u8(place_of(&KINDS, &self.conflict.kind));
        out.u8(place_of(&Status::ALL, &self.status));
        out.count(self.conflict.stamps.len());
        self.conflict.stamps.iter().for_each(|stamp| write_stamp(*stamp, &mut out));
        write_option(self.conflict.shown, &mut out, write_stamp);
        write_option(self.found.as_ref(), &mut out, |run, out| out.str(run.as_str()));
        write_option(self.decision.as_ref(), &mut out, |decided, out| {
            out.str(decided.by.as_str());
            out.varint(decided.at_ms);
            write_stamp(decided.stamp, out);
        });
        let mut values = Bytes::with_capacity(128);
        values.count(self.conflict.sides.len());
        self.conflict.sides.iter().for_each(|side| write_side(side, &mut values));
        write_option(self.base.as_ref(), &mut values, |leaf, out| out.str(leaf.as_str()));
        Envelope::Plain(values.as_bytes()).write(&mut out);
        out.into_bytes()
    }

    /// Decodes a row. The bytes may come from anywhere.
    ///
    /// # Errors
    ///
    /// [`RowError`] names the first member that is not acceptable.
    pub fn decode(bytes: &[u8]) -> Result<Self, RowError> {
        let mut reader = Reader::new(bytes);
        match reader.u8() {
            Ok(ROW_FORMAT) => read_row(&mut reader),
            Ok(ROW_FORMAT_1) => read_row_1(&mut reader),
            _ => Err(RowError { member: "format" }),
        }
    }
}

/// The first byte of a stored row; a change of the form takes the next number.
const ROW_FORMAT: u8 = 2;

/// The form without an envelope, with the values among the rest.
const ROW_FORMAT_1: u8 = 1;

/// The kinds by the number that stands for them in a stored row.
const KINDS: [ConflictKind; 5] = [
    ConflictKind::Values,
    ConflictKind::Texts,
    ConflictKind::Deletion,
    ConflictKind::Minimum,
    ConflictKind::Shapes,
];

/// Returns the number of an item; one that is not in the table gets a number that is refused.
fn place_of<T: PartialEq>(table: &[T], item: &T) -> u8 {
    let place = table.iter().position(|known| known == item);
    place.and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX)
}

fn write_option<T>(item: Option<T>, out: &mut Bytes, write: impl FnOnce(T, &mut Bytes)) {
    out.u8(u8::from(item.is_some()));
    if let Some(item) = item {
        write(item, out);
    }
}

fn write_stamp(stamp: Stamp, out: &mut Bytes) {
    out.u64_be(stamp.clock.0);
    out.u64_be(stamp.site.0);
}

fn write_side(side: &Side, out: &mut Bytes) {
    write_stamp(side.stamp, out);
    write_option(side.value.as_ref(), out, |leaf, out| out.str(leaf.as_str()));
    out.u64_be(side.edited.0);
    write_option(side.writer.as_ref(), out, |writer, out| out.str(writer.as_str()));
}

fn read_row(reader: &mut Reader<'_>) -> Result<ConflictRow, RowError> {
    let mut row = read_head(reader)?;
    row.conflict.shown = option(reader, read_stamp).ok_or(damaged("shown"))?;
    (row.found, row.decision) = read_runs(reader)?;
    let values = Envelope::open(reader.rest()).map_err(|_| damaged("values"))?;
    let mut values = Reader::new(values);
    row.conflict.sides = read_sides(&mut values)?;
    row.base = read_base(&mut values)?;
    values.finish().map_err(|_| damaged("end"))?;
    Ok(row)
}

fn read_row_1(reader: &mut Reader<'_>) -> Result<ConflictRow, RowError> {
    let mut row = read_head(reader)?;
    row.conflict.sides = read_sides(reader)?;
    row.conflict.shown = option(reader, read_stamp).ok_or(damaged("shown"))?;
    row.base = read_base(reader)?;
    (row.found, row.decision) = read_runs(reader)?;
    reader.clone().finish().map_err(|_| damaged("end"))?;
    Ok(row)
}

const fn damaged(member: &'static str) -> RowError {
    RowError { member }
}

/// Reads what a row begins with; the rest is left empty.
fn read_head(reader: &mut Reader<'_>) -> Result<ConflictRow, RowError> {
    let entity = text(reader, |text| EntityName::new(text).ok()).ok_or(damaged("entity"))?;
    let id = text(reader, |text| RecordId::new(text).ok()).ok_or(damaged("id"))?;
    let path = text(reader, |text| Path::parse(text).ok()).ok_or(damaged("path"))?;
    let kind = *pick(&KINDS, reader).ok_or(damaged("kind"))?;
    let status = *pick(&Status::ALL, reader).ok_or(damaged("status"))?;
    let stamps = list(reader, 16, read_stamp).ok_or(damaged("stamps"))?;
    let open = status == Status::Open;
    let conflict = Conflict { path, kind, stamps, sides: Vec::new(), shown: None, open };
    Ok(ConflictRow { entity, id, conflict, status, base: None, found: None, decision: None })
}

fn read_sides(reader: &mut Reader<'_>) -> Result<Vec<Side>, RowError> {
    list(reader, 26, read_side).ok_or(damaged("sides"))
}

fn read_base(reader: &mut Reader<'_>) -> Result<Option<Leaf>, RowError> {
    let base = option(reader, |reader| text(reader, |text| Leaf::parse(text).ok()));
    base.ok_or(damaged("base"))
}

fn read_runs(reader: &mut Reader<'_>) -> Result<(Option<RunId>, Option<Decided>), RowError> {
    let found = option(reader, |reader| text(reader, |text| RunId::new(text).ok()));
    let found = found.ok_or(damaged("foundBy"))?;
    Ok((found, option(reader, read_decision).ok_or(damaged("decision"))?))
}

fn text<T>(reader: &mut Reader<'_>, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    reader.str().ok().and_then(parse)
}

fn pick<'t, T>(table: &'t [T], reader: &mut Reader<'_>) -> Option<&'t T> {
    table.get(usize::from(reader.u8().ok()?))
}

/// Reads a list of items of at least so many bytes each.
fn list<T>(
    reader: &mut Reader<'_>,
    item_bytes_min: usize,
    read: fn(&mut Reader<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    let count = reader.count(item_bytes_min).ok()?;
    (0..count).map(|_| read(reader)).collect()
}

/// Reads an item that may be missing; the outer `None` says that the bytes are damaged.
fn option<T>(
    reader: &mut Reader<'_>,
    read: impl FnOnce(&mut Reader<'_>) -> Option<T>,
) -> Option<Option<T>> {
    match reader.u8().ok()? {
        0 => Some(None),
        1 => read(reader).map(Some),
        _ => None,
    }
}

fn read_stamp(reader: &mut Reader<'_>) -> Option<Stamp> {
    Some(Stamp::new(Clock(reader.u64_be().ok()?), SiteId(reader.u64_be().ok()?)))
}

fn read_side(reader: &mut Reader<'_>) -> Option<Side> {
    Some(Side {
        stamp: read_stamp(reader)?,
        value: option(reader, |reader| text(reader, |text| Leaf::parse(text).ok()))?,
        edited: Clock(reader.u64_be().ok()?),
        writer: option(reader, |reader| text(reader, |text| Writer::new(text).ok()))?,
    })
}

fn read_decision(reader: &mut Reader<'_>) -> Option<Decided> {
    Some(Decided {
        by: text(reader, |text| Writer::new(text).ok())?,
        at_ms: reader.varint().ok()?,
        stamp: read_stamp(reader)?,
    })
}

fn number(value: u64) -> Json {
    Json::Number(value.into())
}

fn side_json(side: &Side) -> Json {
    let mut object = Object::new();
    object.insert("stamp", stamp_text(side.stamp));
    if let Some(writer) = &side.writer {
        object.insert("writer", writer.as_str());
    }
    object.insert("editedMs", number(side.edited.millis()));
    object.insert("edited", format!("{:x}", side.edited.0));
    if let Some(value) = &side.value {
        object.insert("value", value.to_json());
    }
    Json::Object(object)
}
