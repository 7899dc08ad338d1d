//! The bytes of one batch: length, checksum, epoch, writes.

use sha2::{Digest, Sha256};
use syncline_engine::rows::{Batch, ConflictId, Key, MetaName};
use syncline_model::codec::{Reader, Writer as Bytes};
use syncline_model::id::{ClientId, DomainName, EndpointId, EntityName, Position, RecordId, RunId};

/// Bytes of a frame before its payload.
const HEAD_BYTES: usize = 12;

/// One batch as it was read.
pub(crate) struct Frame {
    /// The opener that wrote it.
    pub(crate) epoch: u64,
    /// What it wrote.
    pub(crate) batch: Batch,
    /// Length with head, in bytes.
    pub(crate) bytes: usize,
}

/// Returns the bytes of a batch.
pub(crate) fn encode(epoch: u64, batch: &Batch) -> Vec<u8> {
    let mut out = Bytes::with_capacity(64 + batch.bytes() * 2);
    out.varint(epoch);
    out.count(batch.len());
    for (key, value) in batch.iter() {
        encode_key(key, &mut out);
        out.u8(u8::from(value.is_some()));
        if let Some(value) = value {
            out.bytes(value);
        }
    }
    let payload = out.into_bytes();
    let mut frame = Vec::with_capacity(HEAD_BYTES + payload.len());
    frame.extend(u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes());
    frame.extend(checksum(&payload));
    frame.extend(payload);
    frame
}

/// Reads the frame at the beginning of `bytes`; nothing if there is no sound one.
pub(crate) fn decode(bytes: &[u8]) -> Option<Frame> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let payload = rest.get(..length)?;
    if length == 0 || checksum(payload) != *sum {
        return None;
    }
    let mut reader = Reader::new(payload);
    let epoch = reader.varint().ok()?;
    let mut batch = Batch::new();
    for _ in 0..reader.count(2).ok()? {
        let key = decode_key(&mut reader)?;
        if reader.u8().ok()? == 0 {
            batch.delete(key);
        } else {
            batch.put(key, reader.bytes().ok()?.to_vec());
        }
    }
    Some(Frame { epoch, batch, bytes: HEAD_BYTES + length })
}

fn checksum(payload: &[u8]) -> [u8; 8] {
    let digest = Sha256::digest(payload);
    digest.first_chunk::<8>().copied().unwrap_or_default()
}

fn encode_key(key: &Key, out: &mut Bytes) {
    let mut texts = |tag: u8, texts: &[&str]| {
        out.u8(tag);
        texts.iter().for_each(|text| out.str(text));
    };
    match key {
        Key::Record { entity, id } => texts(0, &[entity.as_str(), id.as_str()]),
        Key::Client(client) => texts(1, &[client.as_str()]),
        Key::Base { domain, entity, id } => {
            texts(2, &[domain.as_str(), entity.as_str(), id.as_str()])
        }
        Key::Conflict { entity, id, conflict } => {
            texts(3, &[entity.as_str(), id.as_str(), conflict.as_str()]);
        }
        Key::OpenConflict { entity, id, conflict } => {
            texts(13, &[entity.as_str(), id.as_str(), conflict.as_str()]);
        }
        Key::Run(run) => texts(4, &[run.as_str()]),
        Key::Domain { domain, entity: None } => texts(5, &[domain.as_str()]),
        Key::Domain { domain, entity: Some(entity) } => {
            texts(6, &[domain.as_str(), entity.as_str()])
        }
        Key::Journal { run, domain, entity } => {
            texts(7, &[run.as_str(), domain.as_str(), entity.as_str()]);
        }
        Key::Undo { run, entity, id } => {
            texts(14, &[run.as_str(), entity.as_str(), id.as_str()]);
        }
        Key::Meta(name) => texts(8, &[name.as_str()]),
        Key::Log(Position(number)) | Key::Audit(number) => {
            out.u8(if matches!(key, Key::Log(_)) { 9 } else { 10 });
            out.varint(*number);
        }
        Key::Result { client, counter } => {
            texts(11, &[client.as_str()]);
            out.varint(*counter);
        }
        Key::Schema { entity, version } => {
            texts(12, &[entity.as_str()]);
            out.varint(u64::from(*version));
        }
        Key::Endpoint(endpoint) => texts(15, &[endpoint.as_str()]),
        Key::Cursor(endpoint) => texts(16, &[endpoint.as_str()]),
        Key::Delivery { endpoint, position } => {
            texts(17, &[endpoint.as_str()]);
            out.varint(position.0);
        }
        Key::Lane { endpoint, entity, id, position } => {
            texts(18, &[endpoint.as_str(), entity.as_str(), id.as_str()]);
            out.varint(position.0);
        }
        Key::Due { due_ms, endpoint, position } => {
            texts(19, &[endpoint.as_str()]);
            out.varint(*due_ms);
            out.varint(position.0);
        }
        Key::DeadLetter { endpoint, position } => {
            texts(20, &[endpoint.as_str()]);
            out.varint(position.0);
        }
        Key::Received { receiver, entity, id } => {
            texts(21, &[receiver.as_str(), entity.as_str(), id.as_str()]);
        }
    }
}

fn decode_key(reader: &mut Reader<'_>) -> Option<Key> {
    let tag = reader.u8().ok()?;
    Some(match tag {
        0 => Key::Record { entity: entity(reader)?, id: id(reader)? },
        1 => Key::Client(ClientId::new(reader.str().ok()?).ok()?),
        2 => Key::Base { domain: domain(reader)?, entity: entity(reader)?, id: id(reader)? },
        3 => Key::Conflict {
            entity: entity(reader)?,
            id: id(reader)?,
            conflict: ConflictId::new(reader.str().ok()?).ok()?,
        },
        13 => Key::OpenConflict {
            entity: entity(reader)?,
            id: id(reader)?,
            conflict: ConflictId::new(reader.str().ok()?).ok()?,
        },
        4 => Key::Run(RunId::new(reader.str().ok()?).ok()?),
        5 => Key::Domain { domain: domain(reader)?, entity: None },
        6 => Key::Domain { domain: domain(reader)?, entity: Some(entity(reader)?) },
        7 => Key::Journal {
            run: RunId::new(reader.str().ok()?).ok()?,
            domain: domain(reader)?,
            entity: entity(reader)?,
        },
        14 => Key::Undo {
            run: RunId::new(reader.str().ok()?).ok()?,
            entity: entity(reader)?,
            id: id(reader)?,
        },
        8 => Key::Meta(MetaName::new(reader.str().ok()?).ok()?),
        9 => Key::Log(Position(reader.varint().ok()?)),
        10 => Key::Audit(reader.varint().ok()?),
        11 => Key::Result {
            client: ClientId::new(reader.str().ok()?).ok()?,
            counter: reader.varint().ok()?,
        },
        12 => Key::Schema {
            entity: entity(reader)?,
            version: u32::try_from(reader.varint().ok()?).ok()?,
        },
        15 => Key::Endpoint(endpoint(reader)?),
        16 => Key::Cursor(endpoint(reader)?),
        17 => Key::Delivery { endpoint: endpoint(reader)?, position: position(reader)? },
        18 => Key::Lane {
            endpoint: endpoint(reader)?,
            entity: entity(reader)?,
            id: id(reader)?,
            position: position(reader)?,
        },
        19 => {
            let (endpoint, due_ms) = (endpoint(reader)?, reader.varint().ok()?);
            Key::Due { due_ms, endpoint, position: position(reader)? }
        }
        20 => Key::DeadLetter { endpoint: endpoint(reader)?, position: position(reader)? },
        21 => Key::Received { receiver: domain(reader)?, entity: entity(reader)?, id: id(reader)? },
        _ => return None,
    })
}

fn entity(reader: &mut Reader<'_>) -> Option<EntityName> {
    EntityName::new(reader.str().ok()?).ok()
}

fn endpoint(reader: &mut Reader<'_>) -> Option<EndpointId> {
    EndpointId::new(reader.str().ok()?).ok()
}

fn position(reader: &mut Reader<'_>) -> Option<Position> {
    reader.varint().ok().map(Position)
}

fn domain(reader: &mut Reader<'_>) -> Option<DomainName> {
    DomainName::new(reader.str().ok()?).ok()
}

fn id(reader: &mut Reader<'_>) -> Option<RecordId> {
    RecordId::new(reader.str().ok()?).ok()
}
