//! An event: something that happened, as receivers are told of it.

pub use syncline_model::id::{EventId, EventType};

/// What is told of an event. None of it is read: `data` is JSON already, and stays as it is.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Its id.
    pub id: &'a EventId,
    /// Its type.
    pub event_type: &'a EventType,
    /// When it happened, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// What it tells, as JSON.
    pub data: &'a str,
    /// What kind of thing it happened to: an entity.
    pub resource_type: &'a str,
    /// What it happened to: the id of a record.
    pub resource_id: &'a str,
    /// Its place in the order of events: a position of the log.
    pub sequence: u64,
    /// Who caused it.
    pub origin: &'a str,
}
