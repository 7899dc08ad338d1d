//! Which deliveries are to be made again.

use std::collections::BTreeSet;

use syncline_model::id::EventType;
use thiserror::Error;

use super::delivery::{Delivery, DeliveryState};
use super::filter::Filter;
use super::limits::Millis;

/// What became of an event at an endpoint, as far as it can be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Past {
    /// The receiver had it.
    Delivered,
    /// It was given up.
    Dead,
    /// Somebody said that it was not to be sent.
    Cancelled,
    /// It was never sent: it was left out while the endpoint was disabled, or came before the endpoint was made or
    /// concerned it. Where deliveries were [forgotten](super::Forgotten) nobody knows that, and none counts as missed.
    Missed,
}

impl Past {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Delivered, Self::Dead, Self::Cancelled, Self::Missed];

    /// Returns the word for it, as in requests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => DeliveryState::Delivered.as_str(),
            Self::Dead => DeliveryState::Dead.as_str(),
            Self::Cancelled => DeliveryState::Cancelled.as_str(),
            Self::Missed => "missed",
        }
    }

    /// Returns what a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|past| past.as_str() == word)
    }

    /// Returns what became of a delivery; `None` while it is not final.
    pub fn of(row: Option<&Delivery>) -> Option<Self> {
        match row.map(|row| row.state) {
            None => Some(Self::Missed),
            Some(DeliveryState::Delivered) => Some(Self::Delivered),
            Some(DeliveryState::Dead) => Some(Self::Dead),
            Some(DeliveryState::Cancelled) => Some(Self::Cancelled),
            Some(_) => None,
        }
    }
}

/// Which deliveries are to be made again, by what everybody can see of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Events that the hub took from this moment on, in milliseconds since the Unix epoch.
    pub from_ms: Millis,
    /// Events that the hub took before this moment.
    pub to_ms: Millis,
    /// Types of events.
    pub types: Filter,
    /// What became of them.
    pub past: BTreeSet<Past>,
}

/// Why a selection cannot be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SelectionError {
    /// A text is no time.
    #[error("`{member}` is no time, which is written as 2026-11-20T10:00:00.000Z")]
    Time {
        /// Which one.
        member: &'static str,
    },
    /// It ends before it begins.
    #[error("`from` is before `to`, which is now if nothing is said")]
    Times,
    /// Nothing is named, or something that no delivery ends as.
    #[error("`status` is a list of: dead, delivered, cancelled, missed")]
    Past,
}

impl SelectionError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Time { .. } | Self::Times | Self::Past => "REPLAY_INVALID",
        }
    }
}

impl Selection {
    /// Checks what the types do not.
    ///
    /// # Errors
    ///
    /// [`SelectionError`] if nothing can be one of these.
    pub fn check(&self) -> Result<(), SelectionError> {
        if self.from_ms >= self.to_ms {
            return Err(SelectionError::Times);
        }
        if self.past.is_empty() { Err(SelectionError::Past) } else { Ok(()) }
    }

    /// Returns whether a delivery is one of these.
    ///
    /// - `row`: its row, if there is one.
    pub fn matches(
        &self,
        event_type: &EventType,
        created_ms: Millis,
        row: Option<&Delivery>,
    ) -> bool {
        (self.from_ms..self.to_ms).contains(&created_ms)
            && Past::of(row).is_some_and(|past| self.past.contains(&past))
            && self.types.matches(event_type)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use syncline_model::id::{EntityName, EventId, Position, RecordId};

    use super::super::delivery::EventRef;
    use super::*;

    fn event(event_type: &str, created_ms: Millis) -> Arc<EventRef> {
        Arc::new(EventRef {
            position: Position(1),
            event: EventId::new("e1").unwrap(),
            event_type: EventType::new(event_type).unwrap(),
            entity: EntityName::new("tasks").unwrap(),
            id: RecordId::new("t1").unwrap(),
            created_ms,
            bytes: 1,
        })
    }

    /// Requirement H12: by time, type and what became of it; each bound in a pair.
    #[test]
    fn deliveries_are_chosen_by_time_type_and_what_became_of_them() {
        let selection = Selection {
            from_ms: 10,
            to_ms: 20,
            types: Filter::new(["tasks.*"]).unwrap(),
            past: BTreeSet::from([Past::Dead, Past::Missed]),
        };
        #[rustfmt::skip]
        let cases = [
            ("dead",                 "tasks.created", 10, Some(DeliveryState::Dead),      true),
            ("nothing known",        "tasks.created", 10, None,                           true),
            ("the last moment",      "tasks.created", 19, Some(DeliveryState::Dead),      true),
            ("too late",             "tasks.created", 20, Some(DeliveryState::Dead),      false),
            ("too early",            "tasks.created",  9, Some(DeliveryState::Dead),      false),
            ("another type",         "notes.created", 10, Some(DeliveryState::Dead),      false),
            ("delivered",            "tasks.created", 10, Some(DeliveryState::Delivered), false),
            ("cancelled",            "tasks.created", 10, Some(DeliveryState::Cancelled), false),
            ("not final",            "tasks.created", 10, Some(DeliveryState::Retrying),  false),
            ("not final either",     "tasks.created", 10, Some(DeliveryState::Waiting),   false),
        ];
        for (name, event_type, created_ms, state, expected) in cases {
            let event = event(event_type, created_ms);
            let row = state.map(|state| Delivery { state, ..Delivery::new(&event) });
            let matches = selection.matches(&event.event_type, created_ms, row.as_ref());
            assert_eq!(matches, expected, "case: {name}");
        }
        for past in Past::ALL {
            assert_eq!(Past::from_word(past.as_str()), Some(past));
        }
    }
}
