//! An operation of a client, as it travels.

use syncline_merge::operation::Effect;
use syncline_model::id::{EntityName, RecordId};

use crate::token::TokenText;

/// One operation of a client, without the client's name, which is said once for many.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Which of the client's operations, from 1.
    pub counter: u64,
    /// The type of record.
    pub entity: EntityName,
    /// Which record.
    pub id: RecordId,
    /// What the client had seen of the record; `None` if nothing.
    pub base: Option<TokenText>,
    /// What it does.
    pub effect: Effect,
    /// When, by the client's clock, in milliseconds since the Unix epoch.
    pub edited_ms: u64,
    /// Counters of the same client that must have been applied before.
    pub after: Vec<u64>,
}
