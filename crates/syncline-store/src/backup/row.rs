//! Rows as bytes: the key with the number of its table, and the value, if it is not deleted.

use syncline_engine::rows::{Batch, ConflictId, Key, MetaName};
use syncline_model::codec::{Damage, DecodeError, Reader, Writer};
use syncline_model::id::{
    ClientId, DomainName, EndpointId, EntityName, IdError, Position, RecordId, RunId,
};

/// Appends a row; `None` deletes it.
pub(crate) fn write(out: &mut Writer, key: &Key, value: Option<&[u8]>) {
    write_key(out, key);
    match value {
        None => out.u8(0),
        Some(value) => {
            out.u8(1);
            out.bytes(value);
        }
    }
}

/// Appends all rows of a batch, in the order in which they were added.
pub(crate) fn write_batch(out: &mut Writer, batch: &Batch) {
    for (key, value) in batch.iter() {
        write(out, key, value);
    }
}

/// Reads a row.
pub(crate) fn read<'a>(from: &mut Reader<'a>) -> Result<(Key, Option<&'a [u8]>), DecodeError> {
    let key = read_key(from)?;
    let value = if from.flag()? { Some(from.bytes()?) } else { None };
    Ok((key, value))
}

/// The numbers of the tables are part of the format: never used again for another one.
pub(crate) fn write_key(out: &mut Writer, key: &Key) {
    match key {
        Key::Record { entity, id } => texts(out, 1, &[entity.as_str(), id.as_str()]),
        Key::Log(Position(number)) => numbered(out, 2, &[], *number),
        Key::Result { client, counter } => numbered(out, 3, &[client.as_str()], *counter),
        Key::Client(client) => texts(out, 4, &[client.as_str()]),
        Key::Base { domain, entity, id } => {
            texts(out, 5, &[domain.as_str(), entity.as_str(), id.as_str()]);
        }
        Key::Conflict { entity, id, conflict } => {
            texts(out, 6, &[entity.as_str(), id.as_str(), conflict.as_str()]);
        }
        Key::OpenConflict { entity, id, conflict } => {
            texts(out, 7, &[entity.as_str(), id.as_str(), conflict.as_str()]);
        }
        Key::Run(run) => texts(out, 8, &[run.as_str()]),
        Key::Domain { domain, entity } => {
            let entity = entity.as_ref().map_or("", EntityName::as_str);
            texts(out, 9, &[domain.as_str(), entity]);
        }
        Key::Journal { run, domain, entity } => {
            texts(out, 10, &[run.as_str(), domain.as_str(), entity.as_str()]);
        }
        Key::Undo { run, entity, id } => {
            texts(out, 11, &[run.as_str(), entity.as_str(), id.as_str()]);
        }
        Key::Audit(number) => numbered(out, 12, &[], *number),
        Key::Schema { entity, version } => {
            numbered(out, 13, &[entity.as_str()], u64::from(*version));
        }
        Key::Meta(name) => texts(out, 14, &[name.as_str()]),
        Key::Endpoint(endpoint) => texts(out, 15, &[endpoint.as_str()]),
        Key::Cursor(endpoint) => texts(out, 16, &[endpoint.as_str()]),
        Key::Delivery { endpoint, position } => {
            numbered(out, 17, &[endpoint.as_str()], position.0);
        }
        Key::Lane { endpoint, entity, id, position } => {
            let parts = [endpoint.as_str(), entity.as_str(), id.as_str()];
            numbered(out, 18, &parts, position.0);
        }
        Key::Due { due_ms, endpoint, position } => {
            numbered(out, 19, &[endpoint.as_str()], *due_ms);
            out.varint(position.0);
        }
        Key::DeadLetter { endpoint, position } => {
            numbered(out, 20, &[endpoint.as_str()], position.0);
        }
        Key::Received { receiver, entity, id } => {
            texts(out, 21, &[receiver.as_str(), entity.as_str(), id.as_str()]);
        }
    }
}

fn texts(out: &mut Writer, tag: u8, parts: &[&str]) {
    out.u8(tag);
    for part in parts {
        out.str(part);
    }
}

fn numbered(out: &mut Writer, tag: u8, parts: &[&str], number: u64) {
    texts(out, tag, parts);
    out.varint(number);
}

pub(crate) fn read_key(from: &mut Reader<'_>) -> Result<Key, DecodeError> {
    let tag = from.tag(|tag| (1..=21).contains(&tag).then_some(tag))?;
    Ok(match tag {
        1 => Key::Record { entity: entity(from)?, id: name(from, RecordId::new)? },
        2 => Key::Log(Position(from.varint()?)),
        3 => Key::Result { client: name(from, ClientId::new)?, counter: from.varint()? },
        4 => Key::Client(name(from, ClientId::new)?),
        5 => Key::Base {
            domain: domain(from)?,
            entity: entity(from)?,
            id: name(from, RecordId::new)?,
        },
        6 => Key::Conflict {
            entity: entity(from)?,
            id: name(from, RecordId::new)?,
            conflict: conflict(from)?,
        },
        7 => Key::OpenConflict {
            entity: entity(from)?,
            id: name(from, RecordId::new)?,
            conflict: conflict(from)?,
        },
        8 => Key::Run(name(from, RunId::new)?),
        9 => {
            let domain = domain(from)?;
            let is_whole = from.clone().str()?.is_empty();
            let entity = if is_whole { from.str().map(|_| None)? } else { Some(entity(from)?) };
            Key::Domain { domain, entity }
        }
        10 => Key::Journal {
            run: name(from, RunId::new)?,
            domain: domain(from)?,
            entity: entity(from)?,
        },
        11 => Key::Undo {
            run: name(from, RunId::new)?,
            entity: entity(from)?,
            id: name(from, RecordId::new)?,
        },
        12 => Key::Audit(from.varint()?),
        13 => {
            let entity = entity(from)?;
            let at = from.offset();
            let version = u32::try_from(from.varint()?).map_err(|_| unfit(at, "a version"))?;
            Key::Schema { entity, version }
        }
        14 => {
            let at = from.offset();
            Key::Meta(MetaName::new(from.str()?).map_err(|_| unfit(at, "the name of a fact"))?)
        }
        15 => Key::Endpoint(endpoint(from)?),
        16 => Key::Cursor(endpoint(from)?),
        17 => Key::Delivery { endpoint: endpoint(from)?, position: position(from)? },
        18 => Key::Lane {
            endpoint: endpoint(from)?,
            entity: entity(from)?,
            id: name(from, RecordId::new)?,
            position: position(from)?,
        },
        19 => {
            let (endpoint, due_ms) = (endpoint(from)?, from.varint()?);
            Key::Due { due_ms, endpoint, position: position(from)? }
        }
        20 => Key::DeadLetter { endpoint: endpoint(from)?, position: position(from)? },
        _ => Key::Received {
            receiver: domain(from)?,
            entity: entity(from)?,
            id: name(from, RecordId::new)?,
        },
    })
}

pub(crate) fn unfit(offset: usize, what: &'static str) -> DecodeError {
    Reader::damaged_at(offset, Damage::NotAcceptable { what })
}

pub(crate) fn name<T>(
    from: &mut Reader<'_>,
    new: impl FnOnce(&str) -> Result<T, IdError>,
) -> Result<T, DecodeError> {
    let at = from.offset();
    new(from.str()?).map_err(|_| unfit(at, "a name"))
}

pub(crate) fn entity(from: &mut Reader<'_>) -> Result<EntityName, DecodeError> {
    name(from, EntityName::new)
}

pub(crate) fn domain(from: &mut Reader<'_>) -> Result<DomainName, DecodeError> {
    name(from, DomainName::new)
}

pub(crate) fn endpoint(from: &mut Reader<'_>) -> Result<EndpointId, DecodeError> {
    name(from, EndpointId::new)
}

fn position(from: &mut Reader<'_>) -> Result<Position, DecodeError> {
    from.varint().map(Position)
}

fn conflict(from: &mut Reader<'_>) -> Result<ConflictId, DecodeError> {
    let at = from.offset();
    ConflictId::new(from.str()?).map_err(|_| unfit(at, "the id of a conflict"))
}
