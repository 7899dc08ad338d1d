//! What an operator should know, as it is told and kept.

use std::collections::BTreeMap;

use syncline_engine::deliver::{BreakerState, Notice};
use syncline_engine::rows::Batch;
use syncline_engine::sync::Transaction;
use syncline_model::json::{Json, Object};

use super::super::{ServeError, Served};
use super::endpoints::CATEGORY;
use crate::error::HubError;
use crate::limits::NOTICES_AUDITED_MAX;
use crate::request::Actor;

/// Something that an operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noticed {
    /// When it was, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// How often, at once: events of one endpoint that are given up together are one notice, with the first
    /// one's place.
    pub count: u64,
    /// What.
    pub notice: Notice,
}

impl Noticed {
    /// Returns it as it is told: its kind, its endpoint, and what belongs to the kind.
    pub fn document(&self) -> Object {
        let mut document = Object::new();
        document.insert("kind", self.notice.kind());
        if let Some(endpoint) = self.notice.endpoint() {
            document.insert("endpoint", endpoint.as_str());
        }
        document.insert("count", self.count);
        match &self.notice {
            Notice::WillDisable { percent, disable_at_ms, .. } => {
                document.insert("percent", u64::from(*percent));
                document.insert("disablesAtMs", *disable_at_ms);
            }
            Notice::Disabled { reason, .. } => {
                document.insert("reason", reason.as_str());
            }
            Notice::Breaker { state: BreakerState::Open { until_ms }, .. } => {
                document.insert("untilMs", *until_ms);
            }
            Notice::Dead { position, .. } | Notice::RowMissing { position, .. } => {
                document.insert("sequence", position.0);
            }
            Notice::RowDamaged { position, table, .. } => {
                document.insert("sequence", position.0);
                document.insert("table", *table);
            }
            Notice::Damaged { table, .. } => {
                document.insert("table", *table);
            }
            Notice::ReplayDamaged { replay } => {
                document.insert("replay", &**replay);
            }
            Notice::EventTypeDamaged { row } => {
                document.insert("row", &**row);
            }
            Notice::Stopped { code } => {
                document.insert("code", *code);
            }
            _ => {}
        }
        document
    }
}

/// Takes those of one kind and endpoint together.
pub(super) fn gathered(at_ms: u64, notices: Vec<Notice>) -> Vec<Noticed> {
    let mut gathered: Vec<Noticed> = Vec::new();
    let mut places = BTreeMap::new();
    for notice in notices {
        let which = (notice.kind(), notice.endpoint().cloned());
        let place = *places.entry(which).or_insert(gathered.len());
        match gathered.get_mut(place) {
            Some(known) => known.count += 1,
            None => gathered.push(Noticed { at_ms, count: 1, notice }),
        }
    }
    gathered
}

/// Commits what was decided, with an entry in the audit where an operator should know of it.
pub(super) fn commit(served: &Served, batch: Batch, noticed: &[Noticed]) -> Result<(), ServeError> {
    if noticed.is_empty() {
        return if batch.is_empty() { Ok(()) } else { served.commit_rows(batch) };
    }
    let told = noticed.iter().take(NOTICES_AUDITED_MAX).map(|one| Json::Object(one.document()));
    let mut details = Object::new();
    details.insert("notices", told.collect::<Vec<Json>>());
    let more = noticed.len().saturating_sub(NOTICES_AUDITED_MAX);
    if more > 0 {
        details.insert("more", more as u64);
    }
    let commit = move |hub: &mut crate::Hub| match hub.begin_run() {
        Ok(run) => {
            let mut transaction = Transaction::new(run, hub.position());
            transaction.batch = batch;
            let (clock, nobody) = (hub.clock, Actor::default());
            hub.commit_noted(transaction, clock, CATEGORY, "NOTICED", &nobody, details)
        }
        // Where the audit is damaged nothing is added to it, and deliveries go on.
        Err(HubError::Audit { .. }) => Ok(hub.store.commit(&batch)?),
        Err(error) => Err(error),
    };
    Ok(served.with_hub(commit)??)
}
