//! What borrower and lender say: one request, one answer, each with its length before it.

use std::io::{self, Read, Write};

use rusqlite::ffi;
use syncline_engine::rows::{Batch, Key, Scan, Table};
use syncline_model::codec::{Damage, DecodeError, Reader, Writer};
use syncline_model::id::{ClientId, Position, RecordId};

use crate::StoreError;
use crate::backup::row;
use crate::limits::{BATCH_BYTES_MAX, LOAN_MESSAGE_EXTRA_BYTES};

/// Most bytes of a message: a batch, and what its keys take beside their texts.
const BYTES_MAX: usize = BATCH_BYTES_MAX + LOAN_MESSAGE_EXTRA_BYTES;

/// What a borrower asks for. The readers are numbered by the lender; 0 is the store itself.
pub(super) enum Request {
    Get {
        reader: u64,
        keys: Vec<Key>,
    },
    Scan {
        reader: u64,
        scan: Scan,
        after: Option<Key>,
        limit: u64,
    },
    Commit(Batch),
    /// A reader of what is there now.
    Reader,
    DropReader(u64),
    /// A batch follows in pieces.
    Pieces,
    Rows(Batch),
    End,
    Abandon,
    Tidy,
    /// The store is given back.
    Return,
}

/// What a lender answers.
pub(super) enum Answer {
    Failed(StoreError),
    Done,
    Values(Vec<Option<Vec<u8>>>),
    /// Rows of a stretch, and whether no more follow.
    Rows(Vec<(Key, Vec<u8>)>, bool),
    Number(u64),
}

/// Sends a message.
pub(super) fn send(to: &mut impl Write, message: &Writer) -> io::Result<()> {
    let bytes = message.as_bytes();
    let length = u32::try_from(bytes.len()).map_err(|_| unreadable())?;
    to.write_all(&length.to_be_bytes())?;
    to.write_all(bytes)?;
    to.flush()
}

/// Waits for a message.
pub(super) fn receive(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length as usize > BYTES_MAX {
        return Err(unreadable());
    }
    let mut bytes = Vec::new();
    // It grows as bytes come, whatever was announced.
    let read = from.take(u64::from(length)).read_to_end(&mut bytes)?;
    match read == length as usize {
        true => Ok(bytes),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Returns what is said of a message that nobody of this version sends.
pub(super) fn unreadable() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a message of a loan")
}

impl Request {
    pub(super) fn encode(&self) -> Writer {
        let mut out = Writer::new();
        match self {
            Self::Get { reader, keys } => {
                out.u8(1);
                out.varint(*reader);
                out.count(keys.len());
                keys.iter().for_each(|key| row::write_key(&mut out, key));
            }
            Self::Scan { reader, scan, after, limit } => {
                out.u8(2);
                out.varint(*reader);
                write_scan(&mut out, scan);
                out.u8(after.is_some().into());
                after.iter().for_each(|key| row::write_key(&mut out, key));
                out.varint(*limit);
            }
            Self::Commit(batch) => {
                out.u8(3);
                row::write_batch(&mut out, batch);
            }
            Self::Reader => out.u8(4),
            Self::DropReader(reader) => {
                out.u8(5);
                out.varint(*reader);
            }
            Self::Pieces => out.u8(6),
            Self::Rows(batch) => {
                out.u8(7);
                row::write_batch(&mut out, batch);
            }
            Self::End => out.u8(8),
            Self::Abandon => out.u8(9),
            Self::Tidy => out.u8(10),
            Self::Return => out.u8(11),
        }
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes);
        let request = match from.u8()? {
            1 => {
                let (reader, count) = (from.varint()?, from.count(1)?);
                let keys = (0..count).map(|_| row::read_key(&mut from));
                Self::Get { reader, keys: keys.collect::<Result<_, _>>()? }
            }
            2 => {
                let (reader, scan) = (from.varint()?, read_scan(&mut from)?);
                let after = from.flag()?.then(|| row::read_key(&mut from)).transpose()?;
                Self::Scan { reader, scan, after, limit: from.varint()? }
            }
            3 => Self::Commit(read_batch(&mut from)?),
            4 => Self::Reader,
            5 => Self::DropReader(from.varint()?),
            6 => Self::Pieces,
            7 => Self::Rows(read_batch(&mut from)?),
            8 => Self::End,
            9 => Self::Abandon,
            10 => Self::Tidy,
            11 => Self::Return,
            _ => return Err(row::unfit(0, "a request")),
        };
        from.finish().map(|()| request)
    }
}

impl Answer {
    pub(super) fn encode(&self) -> Writer {
        let mut out = Writer::new();
        match self {
            Self::Failed(error) => {
                out.u8(0);
                write_error(&mut out, error);
            }
            Self::Done => out.u8(1),
            Self::Values(values) => {
                out.u8(2);
                out.count(values.len());
                for value in values {
                    out.u8(value.is_some().into());
                    value.iter().for_each(|value| out.bytes(value));
                }
            }
            Self::Rows(rows, is_all) => {
                out.u8(3);
                out.u8((*is_all).into());
                rows.iter().for_each(|(key, value)| row::write(&mut out, key, Some(value)));
            }
            Self::Number(number) => {
                out.u8(4);
                out.varint(*number);
            }
        }
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes);
        let answer = match from.u8()? {
            0 => Self::Failed(read_error(&mut from)?),
            1 => Self::Done,
            2 => {
                let count = from.count(1)?;
                let mut value = || match from.flag()? {
                    true => from.bytes().map(|bytes| Some(bytes.to_vec())),
                    false => Ok(None),
                };
                Self::Values((0..count).map(|_| value()).collect::<Result<_, _>>()?)
            }
            3 => {
                let (is_all, mut rows) = (from.flag()?, Vec::new());
                while !from.is_empty() {
                    let (key, value) = row::read(&mut from)?;
                    rows.push((key, value.unwrap_or_default().to_vec()));
                }
                Self::Rows(rows, is_all)
            }
            4 => Self::Number(from.varint()?),
            _ => return Err(row::unfit(0, "an answer")),
        };
        from.finish().map(|()| answer)
    }
}

fn read_batch(from: &mut Reader<'_>) -> Result<Batch, DecodeError> {
    let mut batch = Batch::new();
    while !from.is_empty() {
        match row::read(from)? {
            (key, Some(value)) => batch.put(key, value.to_vec()),
            (key, None) => batch.delete(key),
        };
    }
    Ok(batch)
}

fn write_scan(out: &mut Writer, scan: &Scan) {
    match scan {
        Scan::Records { entity } => texts(out, 1, &[entity.as_str()]),
        Scan::AllRecords => out.u8(2),
        Scan::Log { from } => {
            out.u8(3);
            out.varint(from.0);
        }
        Scan::LogLatest => out.u8(4),
        Scan::Results { client } => texts(out, 5, &[client.as_str()]),
        Scan::Bases { domain, entity } => texts(out, 6, &[domain.as_str(), entity.as_str()]),
        Scan::Conflicts => out.u8(7),
        Scan::ConflictsOf { entity, id } => texts(out, 8, &[entity.as_str(), id.as_str()]),
        Scan::OpenConflicts { entity } => texts(out, 9, &[entity.as_str()]),
        Scan::Runs => out.u8(10),
        Scan::RunsLatest => out.u8(11),
        Scan::Domains => out.u8(12),
        Scan::Journal => out.u8(13),
        Scan::Undo => out.u8(14),
        Scan::Audit { from } => {
            out.u8(15);
            out.varint(*from);
        }
        Scan::AuditLatest => out.u8(16),
        Scan::Schemas { entity } => texts(out, 17, &[entity.as_str()]),
        Scan::Meta => out.u8(18),
        Scan::Whole(table) => texts(out, 19, &[table.name()]),
        Scan::Endpoints => out.u8(20),
        Scan::Deliveries { endpoint, from } => {
            texts(out, 21, &[endpoint.as_str()]);
            out.varint(from.0);
        }
        Scan::DeliveriesLatest { endpoint } => texts(out, 22, &[endpoint.as_str()]),
        Scan::Lanes { endpoint } => texts(out, 23, &[endpoint.as_str()]),
        Scan::Lane { endpoint, entity, id } => {
            texts(out, 24, &[endpoint.as_str(), entity.as_str(), id.as_str()]);
        }
        Scan::Due => out.u8(25),
        Scan::DeadLetters { endpoint } => texts(out, 26, &[endpoint.as_str()]),
        Scan::DeadLettersLatest { endpoint } => texts(out, 27, &[endpoint.as_str()]),
    }
}

fn texts(out: &mut Writer, tag: u8, parts: &[&str]) {
    out.u8(tag);
    parts.iter().for_each(|part| out.str(part));
}

fn read_scan(from: &mut Reader<'_>) -> Result<Scan, DecodeError> {
    Ok(match from.u8()? {
        1 => Scan::Records { entity: row::entity(from)? },
        2 => Scan::AllRecords,
        3 => Scan::Log { from: Position(from.varint()?) },
        4 => Scan::LogLatest,
        5 => Scan::Results { client: row::name(from, ClientId::new)? },
        6 => Scan::Bases { domain: row::domain(from)?, entity: row::entity(from)? },
        7 => Scan::Conflicts,
        8 => Scan::ConflictsOf { entity: row::entity(from)?, id: row::name(from, RecordId::new)? },
        9 => Scan::OpenConflicts { entity: row::entity(from)? },
        10 => Scan::Runs,
        11 => Scan::RunsLatest,
        12 => Scan::Domains,
        13 => Scan::Journal,
        14 => Scan::Undo,
        15 => Scan::Audit { from: from.varint()? },
        16 => Scan::AuditLatest,
        17 => Scan::Schemas { entity: row::entity(from)? },
        18 => Scan::Meta,
        19 => Scan::Whole(read_table(from)?),
        20 => Scan::Endpoints,
        21 => {
            let endpoint = row::endpoint(from)?;
            Scan::Deliveries { endpoint, from: Position(from.varint()?) }
        }
        22 => Scan::DeliveriesLatest { endpoint: row::endpoint(from)? },
        23 => Scan::Lanes { endpoint: row::endpoint(from)? },
        24 => Scan::Lane {
            endpoint: row::endpoint(from)?,
            entity: row::entity(from)?,
            id: row::name(from, RecordId::new)?,
        },
        25 => Scan::Due,
        26 => Scan::DeadLetters { endpoint: row::endpoint(from)? },
        27 => Scan::DeadLettersLatest { endpoint: row::endpoint(from)? },
        _ => return Err(row::unfit(from.offset(), "a stretch")),
    })
}

fn read_table(from: &mut Reader<'_>) -> Result<Table, DecodeError> {
    let at = from.offset();
    let name = from.str()?;
    let table = Table::ALL.into_iter().find(|table| table.name() == name);
    table.ok_or_else(|| Reader::damaged_at(at, Damage::NotAcceptable { what: "a table" }))
}

/// What was tried when SQLite or a file failed is the lender's affair: its words are not sent.
const ACTION: &str = "work for the command that had borrowed it";

fn write_error(out: &mut Writer, error: &StoreError) {
    let sqlite = |out: &mut Writer, tag, source: &rusqlite::Error| {
        let code = source.sqlite_error().map_or(ffi::SQLITE_ERROR, |error| error.extended_code);
        texts(out, tag, &[&source.to_string()]);
        out.varint(u64::from(code.cast_unsigned()));
    };
    let path = |path: &std::path::Path| path.display().to_string();
    match error {
        StoreError::Locked { path: file, holder } => texts(out, 1, &[&path(file), holder]),
        StoreError::Fenced { ours, found } => {
            out.u8(2);
            out.varint(*ours);
            out.varint(*found);
        }
        StoreError::TooNew { found, supported_max } => {
            out.u8(3);
            out.varint(found.cast_unsigned());
            out.varint(supported_max.cast_unsigned());
        }
        StoreError::Damaged { path: file, reason } => texts(out, 4, &[&path(file), reason]),
        StoreError::Stopped => out.u8(5),
        StoreError::Unknown { source } => sqlite(out, 6, source),
        StoreError::Full => out.u8(7),
        StoreError::Busy { waited_ms } => {
            out.u8(8);
            out.varint(*waited_ms);
        }
        StoreError::KeyRange { table } => texts(out, 9, &[table]),
        StoreError::TooLarge { what, bytes, bytes_max } => {
            texts(out, 10, &[what]);
            out.count(*bytes);
            out.count(*bytes_max);
        }
        StoreError::File { action: _, path: file, source } => {
            texts(out, 11, &[&path(file), &source.to_string()]);
        }
        StoreError::Sqlite { action: _, source } => sqlite(out, 12, source),
        StoreError::LenderGone => out.u8(13),
    }
}

fn read_error(from: &mut Reader<'_>) -> Result<StoreError, DecodeError> {
    let number = |from: &mut Reader<'_>| {
        let at = from.offset();
        usize::try_from(from.varint()?).map_err(|_| row::unfit(at, "a length"))
    };
    let sqlite = |from: &mut Reader<'_>| {
        let text = from.str()?.to_owned();
        let code = u32::try_from(from.varint()?).unwrap_or_default().cast_signed();
        Ok::<_, DecodeError>(rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(text)))
    };
    Ok(match from.u8()? {
        1 => StoreError::Locked { path: from.str()?.into(), holder: from.str()?.to_owned() },
        2 => StoreError::Fenced { ours: from.varint()?, found: from.varint()? },
        3 => StoreError::TooNew {
            found: from.varint()?.cast_signed(),
            supported_max: from.varint()?.cast_signed(),
        },
        4 => StoreError::Damaged { path: from.str()?.into(), reason: from.str()?.to_owned() },
        5 => StoreError::Stopped,
        6 => StoreError::Unknown { source: sqlite(from)? },
        7 => StoreError::Full,
        8 => StoreError::Busy { waited_ms: from.varint()? },
        9 => StoreError::KeyRange { table: read_table(from)?.name() },
        10 => StoreError::TooLarge {
            what: from.str()?.to_owned(),
            bytes: number(from)?,
            bytes_max: number(from)?,
        },
        11 => StoreError::File {
            action: ACTION,
            path: from.str()?.into(),
            source: io::Error::other(from.str()?.to_owned()),
        },
        12 => StoreError::Sqlite { action: ACTION, source: sqlite(from)? },
        13 => StoreError::LenderGone,
        _ => return Err(row::unfit(from.offset(), "an error")),
    })
}
