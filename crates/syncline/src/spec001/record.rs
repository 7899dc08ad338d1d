//! Spec 001's sync record: its own members first and in its order, then ours.

use syncline_engine::sync::RunReport;
use syncline_model::json::{Json, Object};

use crate::output::table::count;

/// Spec 001's code for conflicts that could not be resolved.
pub(super) const UNRESOLVED: &str = "SYNC_CONFLICT";

/// The members that spec 001 names, in its order.
const MEMBERS: [&str; 9] = [
    "syncId",
    "timestamp",
    "sourceDomain",
    "targetDomain",
    "entities",
    "syncDirection",
    "results",
    "errors",
    "status",
];

/// Returns the sync record of a run.
pub(super) fn record(report: &RunReport) -> Object {
    let mut order = Object::new();
    for member in MEMBERS {
        order.insert(member, Json::Null);
    }
    let mut record = report.to_json();
    if let Some(Json::Array(mut errors)) = record.remove("errors") {
        errors.extend(unresolved(report).map(Json::Object));
        record.insert("errors", Json::Array(errors));
    }
    record.ordered_like(&order)
}

/// Returns spec 001's error for conflicts that no rule settles.
fn unresolved(report: &RunReport) -> Option<Object> {
    let waiting: u64 = report.entities.iter().map(|(_, entity)| entity.open).sum();
    (waiting > 0).then(|| {
        let mut error = Object::new();
        error.insert("code", UNRESOLVED);
        let wait = count(waiting, "conflict waits", "conflicts wait");
        error.insert("reason", format!("{wait} for a decision"));
        error.insert("fix", "syncline conflicts list");
        error
    })
}
