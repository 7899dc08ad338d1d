//! The trace of a run that was stopped or failed as a whole: a run without changes, and its audit
//! entry.

use std::collections::BTreeMap;

use syncline_engine::audit::Frontier;
use syncline_engine::rows::Batch;
use syncline_engine::sync::{EntityReport, Problem, RunReport, RunStatus};
use syncline_model::json::{Json, Object, parse};

use super::publish::{audit_details, put_report};
use super::report::timestamp;
use super::run::audit_facts;
use crate::error::HubError;
use crate::hub::Hub;
use crate::request::SyncRequest;

impl Hub {
    /// Records that a run was stopped by a guard or a limit, or failed; answers the report that is
    /// stored.
    ///
    /// # Errors
    ///
    /// [`HubError::Store`] if it cannot be committed; the run has ended as it did all the same.
    pub fn record_end(
        &mut self,
        request: &SyncRequest,
        error: &HubError,
    ) -> Result<RunReport, HubError> {
        let (status, action, fix) = match error {
            HubError::Safety(_) => (
                RunStatus::Stopped,
                "REFUSED",
                "nothing was written; look at it with `syncline plan`",
            ),
            _ => (RunStatus::Failed, "FAILED", "mend what is named, then run it again"),
        };
        let run = self.begin_run()?;
        let nothing = |entity: &crate::request::FileEntity| {
            (entity.entity.name.clone(), EntityReport::default())
        };
        let mut report = RunReport {
            sync_id: self.view().new_sync_id(run.at_ms)?,
            run: run.id.clone(),
            timestamp: timestamp(run.at_ms),
            source: request.source.domain.name.clone(),
            target: request.target.domain.name.clone(),
            direction: request.direction,
            entities: request.entities.iter().map(nothing).collect(),
            problems: vec![Problem {
                code: error.code().to_owned(),
                domain: None,
                entity: None,
                item: None,
                reason: error.to_string(),
                fix: fix.to_owned(),
            }],
            notices: Vec::new(),
            status,
            duration_ms: 0,
            audit_head: String::new(),
            files: BTreeMap::new(),
            policies: BTreeMap::new(),
            undoes: None,
        };
        let mut facts = audit_facts(request, &run);
        action.clone_into(&mut facts.action);
        let details = end_details(&report, error);
        let mut batch = Batch::new();
        let frontier =
            self.add_audit(&mut batch, facts, &Frontier::new(), &request.actor, &details)?;
        report.audit_head = frontier.head().to_string();
        put_report(&mut batch, &report);
        self.commit(batch, self.clock, self.position, frontier)?;
        Ok(report)
    }
}

/// Returns what the audit says of the end: the run, its code, and counts.
fn end_details(report: &RunReport, error: &HubError) -> String {
    let details = audit_details(report);
    let mut details = match parse(details.as_bytes()) {
        Ok(Json::Object(details)) => details,
        _ => Object::new(),
    };
    details.remove("results");
    details.insert("code", error.code());
    details.insert("what", error.to_string());
    Json::Object(details).to_compact_string()
}
