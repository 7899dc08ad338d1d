//! Spec 001's sync record: its own members first and in its order, then ours.

use syncline_engine::sync::RunReport;
use syncline_model::json::{Json, Object};

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
    report.to_json().ordered_like(&order)
}
