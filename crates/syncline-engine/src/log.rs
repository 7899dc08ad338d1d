//! Entries of the log: what changed, who changed it, and what was there before.
//!
//! The log is history, source of replication and of undo at once. An entry holds before and after
//! images of the paths that changed, as they are shown. The images lie in an [`Envelope`], and with
//! them the salt, without which nobody can guess values by the audit's commitments.

use syncline_merge::display::Fields;
use syncline_model::clock::{Clock, Stamp};
use syncline_model::codec::{Damage, DecodeError, Reader, Writer as Bytes};
use syncline_model::envelope::Envelope;
use syncline_model::id::{EntityName, RecordId, RunId, SiteId, Writer};
use syncline_model::json::Leaf;
use syncline_model::path::Path;

use crate::audit::{Hash, Salt};

/// The version of the stored form of an entry. Bump it with every change, keep the old reader.
pub const LOG_FORMAT: u8 = 2;

/// The form without an envelope.
const LOG_FORMAT_1: u8 = 1;

/// The version of what an entry says beside its images, as the audit names it. It does not change
/// with the stored form: the audit's hashes stay.
const NAME_FORMAT: u8 = 1;

/// What kind of change an entry tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// A writer wrote or deleted.
    Write,
    /// A person settled a conflict.
    Settlement,
    /// A register that had grown to its bound was settled.
    Cap,
    /// A run was undone.
    Undo,
    /// A peer hub's state was joined.
    Join,
    /// A mirror replaced what a domain held.
    Overwrite,
    /// An application has emitted an event; no record changed by that.
    Event,
    /// A writer wrote or deleted, and the event that it emitted along with it tells just that: by itself the
    /// change is none.
    Told,
}

impl ChangeKind {
    const ALL: [Self; 8] = [
        Self::Write,
        Self::Settlement,
        Self::Cap,
        Self::Undo,
        Self::Join,
        Self::Overwrite,
        Self::Event,
        Self::Told,
    ];

    /// Returns the word for it, as in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Write | Self::Told => "write",
            Self::Settlement => "settlement",
            Self::Cap => "cap",
            Self::Undo => "undo",
            Self::Join => "join",
            Self::Overwrite => "overwrite",
            Self::Event => "event",
        }
    }

    /// Returns whether a record is another one after it: what a mirror replaced was in a domain, and an
    /// event only speaks of a record.
    pub const fn changes_a_record(self) -> bool {
        !matches!(self, Self::Overwrite | Self::Event)
    }

    /// Returns whether a writer wrote or deleted.
    pub const fn is_a_write(self) -> bool {
        matches!(self, Self::Write | Self::Told)
    }

    fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == tag)
    }
}

/// One change of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    /// The change.
    pub stamp: Stamp,
    /// What kind of change.
    pub kind: ChangeKind,
    /// The type of record.
    pub entity: EntityName,
    /// Which record.
    pub id: RecordId,
    /// Who made it.
    pub origin: Writer,
    /// The run that brought it, if one did.
    pub run: Option<RunId>,
    /// When the hub took it, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The hubs that it came through.
    pub hops: Vec<SiteId>,
    /// The version of the entity's schema that it was written under; 0 without schemas.
    pub schema_version: u32,
    /// The changed fields as they were; `None` if the record was not there.
    pub before: Option<Fields>,
    /// The changed fields as they are; `None` if the record is gone.
    pub after: Option<Fields>,
    /// The salt of the change's commitment in the audit.
    pub salt: Salt,
}

impl LogEntry {
    /// Encodes the entry.
    pub fn encode(&self) -> Vec<u8> {
        let mut values = Bytes::with_capacity(256);
        image(self.before.as_ref(), &mut values);
        image(self.after.as_ref(), &mut values);
        values.raw(self.salt.as_bytes());
        let mut out = Bytes::with_capacity(128 + values.as_bytes().len());
        out.u8(LOG_FORMAT);
        self.head(&mut out);
        Envelope::Plain(values.as_bytes()).write(&mut out);
        out.into_bytes()
    }

    /// Encodes everything but the images and the salt.
    fn head(&self, out: &mut Bytes) {
        out.u8(self.kind as u8);
        out.varint(self.stamp.clock.0);
        out.u64_be(self.stamp.site.0);
        out.str(self.entity.as_str());
        out.str(self.id.as_str());
        out.str(self.origin.as_str());
        out.str(self.run.as_ref().map_or("", RunId::as_str));
        out.varint(self.at_ms);
        out.count(self.hops.len());
        for hop in &self.hops {
            out.u64_be(hop.0);
        }
        out.varint(u64::from(self.schema_version));
    }

    /// Decodes an entry. The bytes may come from anywhere.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] with the place of the damage.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let reader = &mut reader;
        let is_known = |tag: &u8| (LOG_FORMAT_1..=LOG_FORMAT).contains(tag);
        let format = reader.tag(|tag| Some(tag).filter(is_known))?;
        let kind = reader.tag(ChangeKind::from_tag)?;
        let stamp = Stamp::new(Clock(reader.varint()?), SiteId(reader.u64_be()?));
        let mut entry = Self {
            stamp,
            kind,
            entity: text(reader, |text| EntityName::new(text).ok())?,
            id: text(reader, |text| RecordId::new(text).ok())?,
            origin: text(reader, |text| Writer::new(text).ok())?,
            run: text(reader, |text| match text {
                "" => Some(None),
                run => RunId::new(run).ok().map(Some),
            })?,
            at_ms: reader.varint()?,
            hops: hops(reader)?,
            schema_version: number(reader)?,
            before: None,
            after: None,
            salt: Salt::new([0; 32]),
        };
        let rest = reader.rest();
        let values = if format == LOG_FORMAT_1 { rest } else { Envelope::open(rest)? };
        let mut values = Reader::new(values);
        entry.before = read_image(&mut values)?;
        entry.after = read_image(&mut values)?;
        entry.salt = Salt::new(values.array()?);
        if values.is_empty() { Ok(entry) } else { Err(unacceptable(values.offset())) }
    }

    /// Returns whether it tells what became of a record, rather than that somebody spoke of it.
    pub fn is_of(&self, entity: &EntityName, id: &RecordId) -> bool {
        self.kind != ChangeKind::Event && self.id == *id && self.entity == *entity
    }

    /// Returns what names the change in the audit: its stamp, and a BLAKE3 digest of all that the
    /// entry says beside its images, so that no byte of it can change unseen.
    pub fn name_bytes(&self) -> [u8; 48] {
        let mut head = Bytes::with_capacity(128);
        head.u8(NAME_FORMAT);
        self.head(&mut head);
        let mut bytes = [0; 48];
        let (stamp, digest) = bytes.split_at_mut(16);
        let (clock, site) = stamp.split_at_mut(8);
        clock.copy_from_slice(&self.stamp.clock.0.to_be_bytes());
        site.copy_from_slice(&self.stamp.site.0.to_be_bytes());
        digest.copy_from_slice(blake3::hash(head.as_bytes()).as_bytes());
        bytes
    }
}

/// Returns the digest of an image in canonical form, of its paths and canonical values.
///
/// BLAKE3, as all digests of contents: the tree of the audit hashes with SHA-256, which without
/// help of the processor takes several times as long.
pub fn digest(fields: &Fields) -> Hash {
    let mut image = Bytes::with_capacity(512);
    for (path, leaf) in fields {
        for part in [path.as_str(), &leaf.canonical()] {
            image.u64_be(part.len() as u64);
            image.raw(part.as_bytes());
        }
    }
    Hash::new(blake3::hash(image.as_bytes()).into())
}

/// Returns the fields that differ, as they were and as they are.
///
/// Both are sorted by path, and so are the results.
pub fn images(before: &Fields, after: &Fields) -> (Fields, Fields) {
    let only = |a: &Fields, b: &Fields| -> Fields {
        a.iter().filter(|field| b.binary_search(field).is_err()).cloned().collect()
    };
    (only(before, after), only(after, before))
}

fn image(fields: Option<&Fields>, out: &mut Bytes) {
    out.u8(u8::from(fields.is_some()));
    if let Some(fields) = fields {
        out.count(fields.len());
        for (path, leaf) in fields {
            out.str(path.as_str());
            out.str(leaf.as_str());
        }
    }
}

fn read_image(reader: &mut Reader<'_>) -> Result<Option<Fields>, DecodeError> {
    if !reader.flag()? {
        return Ok(None);
    }
    let count = reader.count(2)?;
    let field = |reader: &mut Reader<'_>| {
        let path = text(reader, |text| Path::parse(text).ok())?;
        Ok((path, text(reader, |text| Leaf::parse(text).ok())?))
    };
    (0..count).map(|_| field(reader)).collect::<Result<_, _>>().map(Some)
}

fn hops(reader: &mut Reader<'_>) -> Result<Vec<SiteId>, DecodeError> {
    (0..reader.count(8)?).map(|_| reader.u64_be().map(SiteId)).collect()
}

fn number(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let at = reader.offset();
    u32::try_from(reader.varint()?).map_err(|_| unacceptable(at))
}

fn text<T>(
    reader: &mut Reader<'_>,
    accept: impl FnOnce(&str) -> Option<T>,
) -> Result<T, DecodeError> {
    let at = reader.offset();
    accept(reader.str()?).ok_or_else(|| unacceptable(at))
}

fn unacceptable(at: usize) -> DecodeError {
    Reader::damaged_at(at, Damage::NotAcceptable { what: "item of a log entry" })
}
