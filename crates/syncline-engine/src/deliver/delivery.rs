//! The rows of a delivery: what became of one event at one endpoint.

use std::fmt;
use std::sync::Arc;

use syncline_model::codec::{DecodeError, Reader, Writer as Bytes};
use syncline_model::envelope::Envelope;
use syncline_model::id::{EndpointId, EntityName, EventId, EventType, Position, RecordId};

use super::limits::{ATTEMPTS_KEPT_MAX, CODE_BYTES_MAX, EXCERPT_BYTES_MAX, Millis};
use super::stored::{LaneName, format, lane, name, number, optional, text, unfit};
use crate::rows::{Batch, Key};

/// The version of the stored forms. Bump it with every change, keep the old reader.
pub const DELIVERY_FORMAT: u8 = 1;

/// An event of the log, as far as its delivery is concerned. It is shared by all endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRef {
    /// Its place in the log.
    pub position: Position,
    /// Its id, the same at every endpoint and in every attempt.
    pub event: EventId,
    /// What it tells of.
    pub event_type: EventType,
    /// The type of record that it is about: its lane.
    pub entity: EntityName,
    /// Which record.
    pub id: RecordId,
    /// When the hub took it, in milliseconds since the Unix epoch.
    pub created_ms: Millis,
    /// How many bytes its payload has, about.
    pub bytes: u32,
}

impl EventRef {
    /// Returns the lane that it is in.
    pub fn lane(&self) -> LaneName {
        (self.entity.clone(), self.id.clone())
    }
}

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryState {
    /// It waits for those before it in its lane, or for its endpoint.
    Waiting,
    /// It waits behind one that fails.
    Parked,
    /// An attempt is under way, or was when the hub ended.
    Sending,
    /// It failed and is tried again.
    Retrying,
    /// The receiver has it.
    Delivered,
    /// It was given up.
    Dead,
    /// Somebody said that it is not to be sent, or the endpoint's filter by now.
    Cancelled,
}

impl DeliveryState {
    /// All states, in the order of their tags.
    pub const ALL: [Self; 7] = [
        Self::Waiting,
        Self::Parked,
        Self::Sending,
        Self::Retrying,
        Self::Delivered,
        Self::Dead,
        Self::Cancelled,
    ];

    /// Returns whether nothing more happens to the delivery by itself.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Dead | Self::Cancelled)
    }

    /// Returns the word for it, as in answers and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Parked => "parked",
            Self::Sending => "sending",
            Self::Retrying => "retrying",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns what a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as u8 == tag)
    }
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    /// It is counted; nobody knows what came of it, or not yet.
    Unknown,
    /// The receiver has it.
    Delivered,
    /// It failed.
    Failed,
}

impl AttemptResult {
    const ALL: [Self; 3] = [Self::Unknown, Self::Delivered, Self::Failed];

    fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|result| *result as u8 == tag)
    }
}

/// One attempt to deliver. `Debug` shows no word of the answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When it began, in milliseconds since the Unix epoch.
    pub at_ms: Millis,
    /// What came of it.
    pub result: AttemptResult,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub duration_ms: u32,
    /// Why it failed, as a stable word; empty where it did not. At most [`CODE_BYTES_MAX`] bytes.
    pub code: Box<str>,
    /// The beginning of the answer, as the sender has redacted it. At most [`EXCERPT_BYTES_MAX`] bytes.
    pub excerpt: Box<str>,
}

impl Attempt {
    /// Returns an attempt of which nothing is known but that it was made.
    pub fn unknown(at_ms: Millis) -> Self {
        let (status, duration_ms, code, excerpt) = (None, 0, "".into(), "".into());
        Self { at_ms, result: AttemptResult::Unknown, status, duration_ms, code, excerpt }
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("at_ms", &self.at_ms)
            .field("result", &self.result)
            .field("status", &self.status)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

/// The row of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The id of the event.
    pub event: EventId,
    /// What it tells of.
    pub event_type: EventType,
    /// The type of record that it is about.
    pub entity: EntityName,
    /// Which record.
    pub id: RecordId,
    /// When the hub took the event, in milliseconds since the Unix epoch.
    pub created_ms: Millis,
    /// How many bytes its payload has, about.
    pub bytes: u32,
    /// How far it is.
    pub state: DeliveryState,
    /// How many attempts were made since it was last replayed, if it was.
    pub tries: u32,
    /// How often it was replayed.
    pub replays: u32,
    /// Since when it fails, if it does.
    pub failing_since_ms: Option<Millis>,
    /// When it is to be tried again, if that is settled.
    pub due_ms: Option<Millis>,
    /// The latest attempts, oldest first: at most [`ATTEMPTS_KEPT_MAX`].
    pub attempts: Vec<Attempt>,
}

impl Delivery {
    /// Returns the delivery of an event that waits, without an attempt.
    pub fn new(event: &EventRef) -> Self {
        Self {
            event: event.event.clone(),
            event_type: event.event_type.clone(),
            entity: event.entity.clone(),
            id: event.id.clone(),
            created_ms: event.created_ms,
            bytes: event.bytes,
            state: DeliveryState::Waiting,
            tries: 0,
            replays: 0,
            failing_since_ms: None,
            due_ms: None,
            attempts: Vec::new(),
        }
    }

    /// Returns the event, whose place is the row's.
    pub fn event_ref(&self, position: Position) -> Arc<EventRef> {
        Arc::new(EventRef {
            position,
            event: self.event.clone(),
            event_type: self.event_type.clone(),
            entity: self.entity.clone(),
            id: self.id.clone(),
            created_ms: self.created_ms,
            bytes: self.bytes,
        })
    }

    /// Returns the lane that it is in.
    pub fn lane(&self) -> LaneName {
        (self.entity.clone(), self.id.clone())
    }

    /// Returns whether it is sent because somebody asked for it again.
    pub const fn is_replay(&self) -> bool {
        self.replays > 0
    }

    /// Returns how many of the latest attempts nobody knows what came of: the end of the hub cut them off.
    pub(super) fn cut_off(&self) -> usize {
        let unknown = |attempt: &&Attempt| attempt.result == AttemptResult::Unknown;
        self.attempts.iter().rev().take_while(unknown).count()
    }

    /// Counts an attempt, whose result is not known yet.
    pub(super) fn count_attempt(&mut self, now: Millis) {
        self.tries = self.tries.saturating_add(1);
        self.state = DeliveryState::Sending;
        if self.attempts.len() >= ATTEMPTS_KEPT_MAX {
            self.attempts.drain(..=self.attempts.len() - ATTEMPTS_KEPT_MAX);
        }
        self.attempts.push(Attempt::unknown(now));
    }

    /// Encodes the row. What receivers answered lies in the envelope.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Bytes::with_capacity(160);
        out.u8(DELIVERY_FORMAT);
        out.u8(self.state as u8);
        out.str(self.event.as_str());
        out.str(self.event_type.as_str());
        out.str(self.entity.as_str());
        out.str(self.id.as_str());
        out.varint(self.created_ms);
        out.varint(u64::from(self.bytes));
        out.varint(u64::from(self.tries));
        out.varint(u64::from(self.replays));
        out.varint(self.failing_since_ms.map_or(0, |ms| ms.saturating_add(1)));
        out.varint(self.due_ms.map_or(0, |ms| ms.saturating_add(1)));
        out.count(self.attempts.len());
        let mut excerpts = Bytes::new();
        for attempt in &self.attempts {
            out.varint(attempt.at_ms);
            out.u8(attempt.result as u8);
            out.varint(attempt.status.map_or(0, |status| u64::from(status) + 1));
            out.varint(u64::from(attempt.duration_ms));
            out.str(&attempt.code);
            excerpts.str(&attempt.excerpt);
        }
        Envelope::Plain(excerpts.as_bytes()).write(&mut out);
        out.into_bytes()
    }

    /// Decodes a row. The bytes may come from anywhere.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] with the place of the damage.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let from = &mut reader;
        format(from, DELIVERY_FORMAT)?;
        let state = from.tag(DeliveryState::from_tag)?;
        let mut delivery = Self {
            state,
            event: name(from, EventId::new)?,
            event_type: name(from, EventType::new)?,
            entity: name(from, EntityName::new)?,
            id: name(from, RecordId::new)?,
            created_ms: from.varint()?,
            bytes: number(from)?,
            tries: number(from)?,
            replays: number(from)?,
            failing_since_ms: optional(from)?,
            due_ms: optional(from)?,
            attempts: Vec::new(),
        };
        let at = from.offset();
        let count = from.count(5)?;
        if count > ATTEMPTS_KEPT_MAX {
            return Err(unfit(at));
        }
        for _ in 0..count {
            delivery.attempts.push(attempt(from)?);
        }
        let mut excerpts = Reader::new(Envelope::open(reader.rest())?);
        for attempt in &mut delivery.attempts {
            attempt.excerpt = text(&mut excerpts, EXCERPT_BYTES_MAX)?;
        }
        excerpts.finish().map(|()| delivery)
    }
}

fn attempt(from: &mut Reader<'_>) -> Result<Attempt, DecodeError> {
    let at_ms = from.varint()?;
    let result = from.tag(AttemptResult::from_tag)?;
    let at = from.offset();
    let status = optional(from)?.map(u16::try_from).transpose().map_err(|_| unfit(at))?;
    let duration_ms = number(from)?;
    let code = text(from, CODE_BYTES_MAX)?;
    Ok(Attempt { at_ms, result, status, duration_ms, code, excerpt: "".into() })
}

/// The row of a dead letter: what a list shows of it. The rest says its [`Delivery`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// When it was given up, in milliseconds since the Unix epoch.
    pub at_ms: Millis,
    /// What the event tells of.
    pub event_type: EventType,
    /// Why the last attempt failed, as a stable word.
    pub code: Box<str>,
}

impl DeadLetter {
    /// Encodes the row.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Bytes::new();
        out.u8(DELIVERY_FORMAT);
        out.varint(self.at_ms);
        out.str(self.event_type.as_str());
        out.str(&self.code);
        out.into_bytes()
    }

    /// Decodes a row. The bytes may come from anywhere.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] with the place of the damage.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes);
        format(&mut from, DELIVERY_FORMAT)?;
        let at_ms = from.varint()?;
        let event_type = name(&mut from, EventType::new)?;
        let code = text(&mut from, CODE_BYTES_MAX)?;
        from.finish().map(|()| Self { at_ms, event_type, code })
    }
}

/// Encodes the row of [`Key::Due`]: the lane whose first delivery it is.
pub fn encode_due(name: &LaneName) -> Vec<u8> {
    let mut out = Bytes::new();
    out.u8(DELIVERY_FORMAT);
    out.str(name.0.as_str());
    out.str(name.1.as_str());
    out.into_bytes()
}

/// Decodes the row of [`Key::Due`]. The bytes may come from anywhere.
///
/// # Errors
///
/// [`DecodeError`] with the place of the damage.
pub fn decode_due(bytes: &[u8]) -> Result<LaneName, DecodeError> {
    let mut from = Reader::new(bytes);
    format(&mut from, DELIVERY_FORMAT)?;
    let name = lane(&mut from)?;
    from.finish().map(|()| name)
}

/// Returns what deletes the rows of one delivery: for the end of its retention, where it must be
/// [final](DeliveryState::is_final), and for an endpoint that was removed. The rows of [`Key::Due`] of such
/// an endpoint are left: there is one a lane, and a scan of them all names its endpoint.
pub fn forget(endpoint: &EndpointId, position: Position, delivery: &Delivery) -> Batch {
    let mut batch = Batch::new();
    let endpoint = || endpoint.clone();
    batch.delete(Key::Delivery { endpoint: endpoint(), position });
    batch.delete(Key::DeadLetter { endpoint: endpoint(), position });
    if !delivery.state.is_final() {
        let (entity, id) = delivery.lane();
        batch.delete(Key::Lane { endpoint: endpoint(), entity, id, position });
    }
    batch
}
