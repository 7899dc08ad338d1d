//! An event: something that happened, as receivers are told of it.

use syncline_model::id::SiteId;
pub use syncline_model::id::{EventId, EventType};
use syncline_model::json::Json;
use syncline_model::limits::HOPS_MAX;

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
    /// When what it tells was edited, as JSON, if it is known.
    pub edited: Option<&'a str>,
    /// What kind of thing it happened to: an entity.
    pub resource_type: &'a str,
    /// What it happened to: the id of a record.
    pub resource_id: &'a str,
    /// Its place in the order of events: a position of the log.
    pub sequence: u64,
    /// Who caused it.
    pub origin: &'a str,
    /// The hubs that it came through, the one that tells it last.
    pub hops: &'a [SiteId],
}

/// Writes the hubs that an event came through, as bodies say them.
pub(super) fn hops_text(hops: &[SiteId]) -> String {
    let texts: Vec<String> = hops.iter().map(SiteId::to_string).collect();
    texts.join(",")
}

/// Reads the hubs that an event came through, as a body says them in its member `hops`; none where that says
/// something else: other senders may mean something else by it.
///
/// At most one more than [`HOPS_MAX`] are read, so that too many are seen to be.
pub fn hops_of(said: Option<&Json>) -> Vec<SiteId> {
    let Some(text) = said.and_then(Json::as_str) else { return Vec::new() };
    let site = |text: &str| {
        let is_site = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_site.then(|| u64::from_str_radix(text, 16).ok()).flatten().map(SiteId)
    };
    text.split(',').take(HOPS_MAX + 1).map(site).collect::<Option<_>>().unwrap_or_default()
}
