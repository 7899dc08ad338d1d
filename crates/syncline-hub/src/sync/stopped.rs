//! The trace of a run that a guard or a limit stopped: a run without changes, and its audit entry.

use std::collections::BTreeMap;

use syncline_engine::audit::Frontier;
use syncline_engine::rows::Batch;
use syncline_engine::sync::{EntityReport, Problem, RunReport, RunStatus};
use syncline_model::json::{Json, Object, parse};
use syncline_policy::SafetyStop;

use super::publish::{audit_details, put_report};
use super::report::timestamp;
use super::run::audit_facts;
use crate::error::HubError;
use crate::hub::Hub;
use crate::request::SyncRequest;

impl Hub {
    /// Records that a run was stopped before it wrote anything; answers the report that is stored.
    ///
    /// # Errors
    ///
    /// [`HubError::Store`] if it cannot be committed; the stop stands all the same.
    pub fn record_stop(
        &mut self,
        request: &SyncRequest,
        stop: &SafetyStop,
    ) -> Result<RunReport, HubError> {
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
                code: stop.code().to_owned(),
                domain: None,
                entity: None,
                item: None,
                reason: stop.to_string(),
                fix: "nothing was written; look at it with `syncline plan`".to_owned(),
            }],
            notices: Vec::new(),
            status: RunStatus::Stopped,
            duration_ms: 0,
            audit_head: String::new(),
            files: BTreeMap::new(),
        };
        let mut facts = audit_facts(request, &run);
        "REFUSED".clone_into(&mut facts.action);
        let details = refusal_details(&report, stop);
        let mut batch = Batch::new();
        let frontier =
            self.add_audit(&mut batch, facts, &Frontier::new(), &request.actor, &details)?;
        report.audit_head = frontier.head().to_string();
        put_report(&mut batch, &report);
        self.commit(batch, self.clock, self.position, frontier)?;
        Ok(report)
    }
}

/// Returns what the audit says of the stop: the run, its code, and counts.
fn refusal_details(report: &RunReport, stop: &SafetyStop) -> String {
    let details = audit_details(report);
    let mut details = match parse(details.as_bytes()) {
        Ok(Json::Object(details)) => details,
        _ => Object::new(),
    };
    details.remove("results");
    details.insert("code", stop.code());
    details.insert("what", stop.to_string());
    Json::Object(details).to_compact_string()
}
