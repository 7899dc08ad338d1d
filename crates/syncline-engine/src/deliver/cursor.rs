//! The row of an endpoint's cursor: how far it is in the log, and how it is.

use syncline_model::codec::{DecodeError, Reader, Writer as Bytes};
use syncline_model::id::Position;

use super::limits::{CURSOR_WAITING_MAX, Millis};
use super::stored::{number, optional, unfit};

/// The version of the stored form. Bump it with every change, keep the old reader. A row is written as the first version
/// that can say all of it: what is forgotten and a pause that was asked for came with the second, rests with the third.
pub const CURSOR_FORMAT: u8 = 3;

/// Why an endpoint is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisableReason {
    /// It answered 410: it is gone and wants nothing more.
    Gone,
    /// It did nothing but fail for too long.
    Failing,
    /// An operator has said so.
    ByHand,
}

impl DisableReason {
    const ALL: [Self; 3] = [Self::Gone, Self::Failing, Self::ByHand];

    /// Returns the word for it, as in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Failing => "failing",
            Self::ByHand => "by_hand",
        }
    }

    fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| *reason as u8 == tag)
    }
}

/// That nothing is sent to an endpoint any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disabled {
    /// Why.
    pub reason: DisableReason,
    /// Since when, in milliseconds since the Unix epoch.
    pub at_ms: Millis,
}

/// That an endpoint did nothing but fail for some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failing {
    /// When the first of these failures was, in milliseconds since the Unix epoch.
    pub since_ms: Millis,
    /// How many there were, since the hub has last started.
    pub failures: u32,
    /// How many warnings were given.
    pub warned: u8,
}

/// The stretch of the log in which deliveries of an endpoint were forgotten: of an event in it that has no row nobody
/// knows whether the receiver had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// The place of the first event whose delivery is forgotten.
    pub first: Position,
    /// The place of the last one.
    pub last: Position,
}

impl Forgotten {
    /// Returns whether an event stands in the stretch.
    pub fn contains(&self, position: Position) -> bool {
        (self.first..=self.last).contains(&position)
    }

    /// Returns the stretch that holds both.
    #[must_use]
    pub fn and(self, other: Option<Self>) -> Self {
        let Some(other) = other else { return self };
        Self { first: self.first.min(other.first), last: self.last.max(other.last) }
    }
}

/// That an endpoint is left alone because it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// When one attempt is to show whether it works again, in milliseconds since the Unix epoch; 0 where that attempt was
    /// under way.
    pub until_ms: Millis,
    /// How long it is left alone this time, in milliseconds: twice as long the next time.
    pub rest_ms: Millis,
}

/// That nothing is sent to an endpoint for a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pause {
    /// Until when, as the endpoint has asked, in milliseconds since the Unix epoch, if it has.
    pub hold_until_ms: Option<Millis>,
    /// That it fails, if it does.
    pub rest: Option<Rest>,
}

impl Pause {
    /// Returns whether something is sent.
    pub const fn is_none(&self) -> bool {
        self.hold_until_ms.is_none() && self.rest.is_none()
    }

    /// Returns the pause that holds this one, and what became known later.
    #[must_use]
    pub fn and(self, later: Self) -> Self {
        let hold_until_ms = self.hold_until_ms.max(later.hold_until_ms);
        Self { hold_until_ms, rest: later.rest.or(self.rest) }
    }
}

/// The row of an endpoint's cursor.
///
/// - Everything up to `settled` is final, or has a row.
/// - Behind it and up to `claimed`, an event without a row was attempted once, and what came of it is not
///   known; but not if it is `waiting`.
/// - Behind `claimed` nothing was attempted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CursorRow {
    /// Up to where everything is final or has a row.
    pub settled: Position,
    /// Up to where events were claimed. Not before `settled`.
    pub claimed: Position,
    /// Positions in between that were not attempted, rising: at most [`CURSOR_WAITING_MAX`].
    pub waiting: Vec<Position>,
    /// Whether and why nothing is sent.
    pub disabled: Option<Disabled>,
    /// Since when it does nothing but fail, if it does.
    pub failing: Option<Failing>,
    /// Where deliveries were forgotten, if any were.
    pub forgotten: Option<Forgotten>,
    /// Whether nothing is sent for a while.
    pub pause: Pause,
}

impl CursorRow {
    /// Returns the cursor of an endpoint that gets all events behind a position.
    pub fn at(position: Position) -> Self {
        Self { settled: position, claimed: position, ..Self::default() }
    }

    /// Returns whether an event that the endpoint is told of is being attempted for the first time, or was when the hub
    /// ended, if there is no row of it.
    pub fn is_first_attempted(&self, position: Position) -> bool {
        let is_claimed = self.settled < position && position <= self.claimed;
        is_claimed && self.waiting.binary_search(&position).is_err()
    }

    /// Encodes the row.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Bytes::with_capacity(32 + 2 * self.waiting.len());
        let Pause { hold_until_ms, rest } = self.pause;
        let version = match (rest, hold_until_ms, self.forgotten) {
            (Some(_), ..) => CURSOR_FORMAT,
            (None, None, None) => 1,
            (None, ..) => 2,
        };
        out.u8(version);
        out.varint(self.settled.0);
        out.varint(self.claimed.0.saturating_sub(self.settled.0));
        out.count(self.waiting.len());
        let mut before = self.settled.0;
        for position in &self.waiting {
            out.varint(position.0.saturating_sub(before));
            before = position.0;
        }
        out.u8(self.disabled.map_or(0, |disabled| disabled.reason as u8 + 1));
        out.varint(self.disabled.map_or(0, |disabled| disabled.at_ms));
        out.varint(self.failing.map_or(0, |failing| failing.since_ms.saturating_add(1)));
        if let Some(failing) = self.failing {
            out.varint(u64::from(failing.failures));
            out.u8(failing.warned);
        }
        if version > 1 {
            out.varint(self.forgotten.map_or(0, |forgotten| forgotten.first.0.saturating_add(1)));
            if let Some(forgotten) = self.forgotten {
                out.varint(forgotten.last.0.saturating_sub(forgotten.first.0));
            }
            out.varint(hold_until_ms.map_or(0, |until_ms| until_ms.saturating_add(1)));
        }
        if let Some(rest) = rest {
            out.varint(rest.until_ms);
            out.varint(rest.rest_ms);
        }
        out.into_bytes()
    }

    /// Decodes a row. The bytes may come from anywhere.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] with the place of the damage.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes);
        let version = from.tag(|tag| (1..=CURSOR_FORMAT).contains(&tag).then_some(tag))?;
        let settled = from.varint()?;
        let at = from.offset();
        let claimed = settled.checked_add(from.varint()?).ok_or_else(|| unfit(at))?;
        let at = from.offset();
        let count = from.count(1)?;
        if count > CURSOR_WAITING_MAX {
            return Err(unfit(at));
        }
        let mut waiting = Vec::with_capacity(count);
        let mut before = settled;
        for _ in 0..count {
            let step = from.varint()?;
            let next = before.checked_add(step).filter(|next| step > 0 && *next <= claimed);
            before = next.ok_or_else(|| unfit(at))?;
            waiting.push(Position(before));
        }
        let reason = from.tag(|tag| match tag.checked_sub(1) {
            None => Some(None),
            Some(tag) => DisableReason::from_tag(tag).map(Some),
        })?;
        let at = from.offset();
        let at_ms = from.varint()?;
        let disabled = reason.map(|reason| Disabled { reason, at_ms });
        if disabled.is_none() && at_ms > 0 {
            return Err(unfit(at));
        }
        let since = optional(&mut from)?;
        let mut failing =
            |since_ms| Ok(Failing { since_ms, failures: number(&mut from)?, warned: from.u8()? });
        let failing = since.map(&mut failing).transpose()?;
        let (mut forgotten, mut pause) = (None, Pause::default());
        if version > 1 {
            let start = from.offset();
            if let Some(first) = optional(&mut from)? {
                let at = from.offset();
                let last = first.checked_add(from.varint()?).ok_or_else(|| unfit(at))?;
                forgotten = Some(Forgotten { first: Position(first), last: Position(last) });
            }
            pause.hold_until_ms = optional(&mut from)?;
            if version > 2 {
                pause.rest = Some(Rest { until_ms: from.varint()?, rest_ms: from.varint()? });
            }
            if forgotten.is_none() && pause.is_none() {
                return Err(unfit(start));
            }
        }
        let (settled, claimed) = (Position(settled), Position(claimed));
        let row = Self { settled, claimed, waiting, disabled, failing, forgotten, pause };
        from.finish().map(|()| row)
    }
}
