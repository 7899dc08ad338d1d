//! The bytes of an object: a header, blocks of rows, an end; each with a sum, all under one digest.
//!
//! | Part | Bytes |
//! |---|---|
//! | mark | `SYNCBAK` and the format, 2 or, with fewer kinds of rows, 1 |
//! | block | length as 4 bytes, big end first; that many bytes; the first 8 of BLAKE3 over the number of the block and these bytes |
//!
//! The first byte of a block says what it is: 0 header, 1 a commit, 2 rows of a snapshot, 3 the end.

use std::io::{self, Read, Write};

use syncline_engine::rows::{Batch, Key};
use syncline_model::codec::{DecodeError, Reader, Writer};
use syncline_model::id::PartitionId;

use super::error::BackupError;
use super::name::{Kind, ObjectName, StreamId, head};
use super::row;
use crate::limits::BACKUP_BLOCK_BYTES_MAX;

const MARK: &[u8; 7] = b"SYNCBAK";

/// The format of objects. Raise it with every change; older programs then refuse. The second has more
/// kinds of rows than the first.
const FORMAT: u8 = 2;

/// The oldest format that is read.
const FORMAT_MIN: u8 = 1;

/// What an object says of itself before its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) line: u64,
    pub(super) stream: StreamId,
    /// Which opening of the store wrote it.
    pub(super) session: u64,
    pub(super) epoch: u64,
    pub(super) partition: PartitionId,
    pub(super) first: u64,
    /// The digest of the segment or end before it in the stream.
    pub(super) prior: [u8; 32],
}

/// What an object says of itself behind its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) last: u64,
    pub(super) at_ms: u64,
    /// How many rows there are, deleted ones with them.
    pub(super) rows: u64,
}

/// The rows of one commit, encoded.
#[derive(Debug)]
pub(super) struct Commit {
    pub(super) number: u64,
    pub(super) at_ms: u64,
    pub(super) count: u64,
    pub(super) rows: Vec<u8>,
}

/// Writes an object.
pub(super) struct Encoder<W> {
    out: W,
    header: Header,
    hasher: blake3::Hasher,
    blocks: u64,
    rows: u64,
    pub(super) bytes: u64,
}

fn block_sum(number: u64, payload: &[&[u8]]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&number.to_be_bytes());
    for part in payload {
        hasher.update(part);
    }
    hasher.finalize().as_bytes().first_chunk::<8>().copied().unwrap_or_default()
}

impl<W: Write> Encoder<W> {
    pub(super) fn new(out: W, header: Header) -> io::Result<Self> {
        let hasher = blake3::Hasher::new();
        let mut new = Self { out, header, hasher, blocks: 0, rows: 0, bytes: 0 };
        new.raw(MARK)?;
        new.raw(&[FORMAT])?;
        let mut payload = Writer::new();
        payload.u8(0);
        payload.u8(match header.kind {
            Kind::Snapshot => 0,
            Kind::Segment => 1,
            Kind::End => 2,
        });
        payload.u64_be(header.line);
        payload.u64_be(header.stream.started_ms);
        payload.u64_be(header.stream.number);
        payload.u64_be(header.session);
        payload.u64_be(header.epoch);
        payload.varint(u64::from(header.partition.0));
        payload.u64_be(header.first);
        payload.raw(&header.prior);
        new.block(&[payload.as_bytes()])?;
        Ok(new)
    }

    fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn block(&mut self, payload: &[&[u8]]) -> io::Result<()> {
        let length: usize = payload.iter().map(|part| part.len()).sum();
        assert!(length <= BACKUP_BLOCK_BYTES_MAX, "a block is cut before it is too long");
        self.raw(&u32::try_from(length).expect("invariant: the bound fits").to_be_bytes())?;
        for part in payload {
            self.raw(part)?;
        }
        self.raw(&block_sum(self.blocks, payload))?;
        self.blocks += 1;
        Ok(())
    }

    pub(super) fn commit(&mut self, commit: &Commit) -> io::Result<()> {
        let mut start = Writer::new();
        start.u8(1);
        start.varint(commit.number);
        start.varint(commit.at_ms);
        start.varint(commit.count);
        self.rows += commit.count;
        self.block(&[start.as_bytes(), &commit.rows])
    }

    pub(super) fn rows(&mut self, count: u64, rows: &[u8]) -> io::Result<()> {
        let mut start = Writer::new();
        start.u8(2);
        start.varint(count);
        self.rows += count;
        self.block(&[start.as_bytes(), rows])
    }

    /// Ends the object; answers what it was written to, its name and its digest.
    pub(super) fn finish(mut self, last: u64, at_ms: u64) -> io::Result<(W, ObjectName, [u8; 32])> {
        let mut payload = Writer::new();
        payload.u8(3);
        payload.varint(last);
        payload.varint(at_ms);
        payload.varint(self.rows);
        self.block(&[payload.as_bytes()])?;
        let digest = *self.hasher.finalize().as_bytes();
        let Header { kind, line, stream, epoch, first, prior, .. } = self.header;
        let (prior, digest_head) = (head(&prior), head(&digest));
        let name = ObjectName {
            stream,
            first,
            last,
            kind,
            epoch,
            at_ms,
            line,
            prior,
            digest: digest_head,
        };
        Ok((self.out, name, digest))
    }
}

/// What a block of an object holds.
pub(super) enum Block {
    /// The rows of one commit.
    Commit { number: u64, at_ms: u64, batch: Batch },
    /// Rows of a snapshot, in the order of their keys.
    Rows(Batch),
}

/// Reads an object, and checks it against its name.
pub(super) struct Decoder<R> {
    from: R,
    name: ObjectName,
    text: String,
    pub(super) header: Header,
    hasher: blake3::Hasher,
    blocks: u64,
    rows: u64,
    /// The last commit and the last key that were read: what follows is later.
    last_number: u64,
    last_at_ms: u64,
    last_key: Option<Key>,
    /// The digest of the whole object, once it was read to its end.
    pub(super) digest: Option<[u8; 32]>,
}

impl<R: Read> Decoder<R> {
    pub(super) fn new(from: R, name: ObjectName) -> Result<Self, BackupError> {
        let empty = Header {
            kind: name.kind,
            line: name.line,
            stream: name.stream,
            session: 0,
            epoch: name.epoch,
            partition: PartitionId(0),
            first: name.first,
            prior: [0; 32],
        };
        let mut new = Self {
            from,
            name,
            text: name.to_string(),
            header: empty,
            hasher: blake3::Hasher::new(),
            blocks: 0,
            rows: 0,
            last_number: 0,
            last_at_ms: 0,
            last_key: None,
            digest: None,
        };
        let mut mark = [0; 8];
        new.raw(&mut mark)?;
        match mark.split_last() {
            Some((FORMAT_MIN..=FORMAT, start)) if start == MARK => {}
            Some((&found, start)) if start == MARK && found > FORMAT => {
                return Err(BackupError::TooNew { object: new.text, found, supported_max: FORMAT });
            }
            _ => return Err(new.damaged("it does not begin as an object of a backup does")),
        }
        let payload = new.block()?;
        new.header = Self::read_header(&payload).map_err(|error| new.damaged(error))?;
        let says = |header: &Header| {
            let Header { kind, line, stream, epoch, first, prior, .. } = *header;
            (kind, line, stream, epoch, first, head(&prior))
        };
        let ObjectName { kind, line, stream, epoch, first, prior, .. } = name;
        if says(&new.header) != (kind, line, stream, epoch, first, prior) {
            return Err(new.damaged("it stands under the name of another object"));
        }
        new.last_number = match kind {
            Kind::Segment => first.saturating_sub(1),
            Kind::Snapshot | Kind::End => first,
        };
        Ok(new)
    }

    fn read_header(payload: &[u8]) -> Result<Header, DecodeError> {
        let mut reader = Reader::new(payload);
        reader.tag(|tag| (tag == 0).then_some(()))?;
        let header = Header {
            kind: reader.tag(|tag| match tag {
                0 => Some(Kind::Snapshot),
                1 => Some(Kind::Segment),
                2 => Some(Kind::End),
                _ => None,
            })?,
            line: reader.u64_be()?,
            stream: StreamId { started_ms: reader.u64_be()?, number: reader.u64_be()? },
            session: reader.u64_be()?,
            epoch: reader.u64_be()?,
            partition: PartitionId(u16::try_from(reader.varint()?).unwrap_or(u16::MAX)),
            first: reader.u64_be()?,
            prior: reader.array()?,
        };
        reader.finish()?;
        Ok(header)
    }

    pub(super) fn damaged(&self, reason: impl ToString) -> BackupError {
        BackupError::Damaged { object: self.text.clone(), reason: reason.to_string() }
    }

    fn raw(&mut self, into: &mut [u8]) -> Result<(), BackupError> {
        let read = self.from.read_exact(into);
        read.map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged("it ends too early"),
            _ => BackupError::object("read", &self.text)(source),
        })?;
        self.hasher.update(into);
        Ok(())
    }

    fn block(&mut self) -> Result<Vec<u8>, BackupError> {
        let mut length = [0; 4];
        self.raw(&mut length)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > BACKUP_BLOCK_BYTES_MAX {
            return Err(self.damaged("a block is longer than any that is written"));
        }
        let mut payload = vec![0; length];
        self.raw(&mut payload)?;
        let mut sum = [0; 8];
        self.raw(&mut sum)?;
        if sum != block_sum(self.blocks, &[&payload]) {
            return Err(self.damaged(format!("the sum of block {} is wrong", self.blocks)));
        }
        self.blocks += 1;
        Ok(payload)
    }

    /// Returns the next block of rows; `None` at the end, when all was checked.
    pub(super) fn next(&mut self) -> Result<Option<Block>, BackupError> {
        if self.digest.is_some() {
            return Ok(None);
        }
        let payload = self.block()?;
        let mut reader = Reader::new(&payload);
        let tag = reader.tag(|tag| (1..=3).contains(&tag).then_some(tag));
        match (tag.map_err(|error| self.damaged(error))?, self.name.kind) {
            (1, Kind::Segment) => self.read_commit(&mut reader).map(Some),
            (2, Kind::Snapshot) => self.read_rows(&mut reader).map(Some),
            (3, _) => self.read_end(&mut reader).map(|()| None),
            _ => Err(self.damaged("a block is of another kind of object")),
        }
    }

    fn read_commit(&mut self, reader: &mut Reader<'_>) -> Result<Block, BackupError> {
        let mut numbers = || Ok::<_, DecodeError>((reader.varint()?, reader.varint()?));
        let (number, at_ms) = numbers().map_err(|error| self.damaged(error))?;
        if number != self.last_number + 1 || at_ms < self.last_at_ms {
            return Err(self.damaged("a commit stands where another one belongs"));
        }
        (self.last_number, self.last_at_ms) = (number, at_ms);
        let batch = self.batch(reader)?;
        Ok(Block::Commit { number, at_ms, batch })
    }

    fn read_rows(&mut self, reader: &mut Reader<'_>) -> Result<Block, BackupError> {
        let batch = self.batch(reader)?;
        for (key, value) in batch.iter() {
            if value.is_none() || self.last_key.as_ref().is_some_and(|last| last >= key) {
                return Err(self.damaged("a row stands where another one belongs"));
            }
            self.last_key = Some(key.clone());
        }
        Ok(Block::Rows(batch))
    }

    fn batch(&mut self, reader: &mut Reader<'_>) -> Result<Batch, BackupError> {
        let mut read = || {
            let mut batch = Batch::new();
            let count = reader.count(1)?;
            for _ in 0..count {
                match row::read(reader)? {
                    (key, Some(value)) => batch.put(key, value.to_vec()),
                    (key, None) => batch.delete(key),
                };
            }
            reader.clone().finish()?;
            Ok::<_, DecodeError>(batch)
        };
        let batch = read().map_err(|error| self.damaged(error))?;
        self.rows += batch.len() as u64;
        Ok(batch)
    }

    fn read_end(&mut self, reader: &mut Reader<'_>) -> Result<(), BackupError> {
        let mut read = || {
            let end =
                End { last: reader.varint()?, at_ms: reader.varint()?, rows: reader.varint()? };
            reader.clone().finish()?;
            Ok::<_, DecodeError>(end)
        };
        let end = read().map_err(|error| self.damaged(error))?;
        let ObjectName { last, at_ms, digest, .. } = self.name;
        let expected = End { last, at_ms, rows: self.rows };
        if end != expected || self.last_number != last || self.last_at_ms > at_ms {
            return Err(self.damaged("it holds other rows than its end says"));
        }
        let found = *self.hasher.finalize().as_bytes();
        let more = self.from.read(&mut [0]);
        if more.map_err(BackupError::object("read", &self.text))? != 0 {
            return Err(self.damaged("something follows its end"));
        }
        if head(&found) != digest {
            return Err(self.damaged("its digest is not that of its name"));
        }
        self.digest = Some(found);
        Ok(())
    }
}
