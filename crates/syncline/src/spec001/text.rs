//! What spec 001 prints, line by line.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use syncline_engine::sync::{EntityReport, RunReport, RunStatus};
use syncline_hub::{HubError, Progress};
use syncline_model::id::EntityName;
use syncline_model::json::Object;
use syncline_policy::SafetyStop;

use super::record::UNRESOLVED;
use crate::arguments::{CrossDomain, SyncOptions};
use crate::failure::{Failure, Refusal};
use crate::output::Output;
use crate::output::table::{count, seconds};
use crate::run::plan_file;

/// Returns the first line; the direction is named only if it was asked for.
pub(super) fn banner(options: &CrossDomain) -> String {
    let direction = options.direction.and_then(|word| clap::ValueEnum::to_possible_value(&word));
    let direction = direction.map(|word| format!(" ({})", word.get_name())).unwrap_or_default();
    format!("Synchronizing data from {} to {}{direction}", options.source, options.target)
}

/// Prints one line per entity, once, however often a run is tried.
#[derive(Clone)]
pub(super) struct Lines {
    output: Output,
    cancelled: Arc<AtomicBool>,
    told: Arc<Mutex<BTreeSet<EntityName>>>,
}

impl Lines {
    pub(super) fn new(output: &Output, cancelled: &Arc<AtomicBool>) -> Self {
        Self { output: output.clone(), cancelled: Arc::clone(cancelled), told: Arc::default() }
    }
}

impl Progress for Lines {
    fn entity_started(&mut self, entity: &EntityName) {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(entity.clone());
        if told {
            self.output.line(&format!("Syncing {entity} entities..."));
        }
    }

    fn entity_planned(&mut self, _entity: &EntityName, _records: u64) {}

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// Returns what is printed after the entities: example 1's form for one, example 2's for several.
pub(super) fn results(report: &RunReport) -> String {
    let mut text = match report.entities.as_slice() {
        [(name, entity)] => single(name, entity, report),
        entities => several(entities, report),
    };
    text.push_str(match report.status {
        RunStatus::Partial | RunStatus::Failed | RunStatus::Stopped => {
            "Sync completed with errors\n"
        }
        RunStatus::Conflicts => {
            "Sync completed; conflicts need a decision: syncline conflicts list\n"
        }
        RunStatus::Success | RunStatus::RolledBack => "Sync completed successfully\n",
    });
    if report.entities.len() == 1 {
        let duration = seconds(report.duration_ms);
        text.push_str(&format!("Sync ID: {}\nDuration: {duration} seconds\n", report.sync_id));
    }
    text
}

fn single(name: &EntityName, entity: &EntityReport, report: &RunReport) -> String {
    let ended = match report.problems.is_empty() {
        true => format!("Successfully synced {name} entities"),
        false => format!("Synced {name} entities with {} errors", report.problems.len()),
    };
    format!(
        "{ended}\n\nResults:\n- Source Count: {} {name}\n- Target Count: {} {name}\n\
         - Merged Count: {} {name}\n- Conflicts Resolved: {}\n\n",
        entity.read[0],
        entity.read[1],
        entity.merged,
        entity.conflicts.saturating_sub(entity.manual)
    )
}

fn several(entities: &[(EntityName, EntityReport)], report: &RunReport) -> String {
    let items: u64 = entities.iter().map(|(_, entity)| entity.read[0]).sum();
    let mut text = format!(
        "\nResults:\nTotal Entities Synced: {}\nTotal Items Synced: {items}\nTotal Errors: {}\n\n\
         Sync Summary:\n",
        entities.len(),
        report.problems.len()
    );
    for (name, entity) in entities {
        text.push_str(&format!("- {name}: {} → {} items\n", entity.read[0], entity.merged));
    }
    text.push('\n');
    text
}

/// Returns what is printed on standard error of conflicts that no rule settles; nothing if all are.
pub(super) fn unresolved(report: &RunReport) -> String {
    match report.entities.iter().map(|(_, entity)| entity.open).sum() {
        0 => String::new(),
        waiting => format!(
            "Error: {UNRESOLVED}: {} for a decision\nNext: syncline conflicts list\n",
            count(waiting, "conflict waits", "conflicts wait")
        ),
    }
}

/// Returns what is printed on standard error when a sync fails.
pub(super) fn failure(failure: &Failure, options: &SyncOptions) -> String {
    match failure {
        Failure::Command(Refusal::DomainNotFound { side, name, known }) => format!(
            "Error: Invalid domain specified\nValid domains: {}\n{side} domain '{name}' not found\n",
            known.join(", ")
        ),
        Failure::Command(Refusal::DomainsEqual { known, .. }) => format!(
            "Error: Invalid domain specified\nValid domains: {}\n\
             Source and target domains must be different\n",
            known.join(", ")
        ),
        Failure::Command(Refusal::EntityUnsupported { name, known }) => format!(
            "Error: Unsupported entity type specified\nSupported entity types: {}\n\
             Entity type '{name}' not supported\n",
            known.join(", ")
        ),
        other => {
            let next = next(other, options);
            format!("Error: {}: {other}\n{}\nNext: {next}\n", code(other.code()), other.why())
        }
    }
}

/// Returns what to do next. What this spelling has no option for is said in the main one.
fn next(failure: &Failure, options: &SyncOptions) -> String {
    let Failure::Stopped { stop: HubError::Safety(stop), .. } = failure else {
        return failure.next();
    };
    let raised = match stop {
        SafetyStop::Emptied { .. } => "--allow-emptied --max-delete 100%",
        SafetyStop::Deletes { .. } => "--max-delete 100%",
        SafetyStop::Changes { .. } => "--max-change 100%",
        SafetyStop::Items { .. } => "--max-items <number>",
        SafetyStop::Bytes { .. } => "--max-bytes <size>",
        _ => return failure.next(),
    };
    let sync = plan_file::command_line("sync", options);
    let plan = plan_file::command_line("plan", options);
    format!("look: {plan}\n      allow once: {sync} --on-conflict source {raised}")
}

/// Returns spec 001's code where it names one: for a failure and for a listed problem alike.
pub(super) fn code(code: &str) -> &str {
    match code {
        "STORAGE_FULL" | "STORAGE_READ_ONLY" | "STORAGE_DENIED" | "STORE_FILE" | "STORE_FULL"
        | "STORE_SQLITE" | "STORE_UNKNOWN" | "STORE_STOPPED" | "FILE_UNUSABLE" => "STORAGE_ERROR",
        code => code,
    }
}

/// Puts spec 001's codes into what a run lists.
pub(super) fn with_codes(report: &mut RunReport) {
    for problem in report.problems.iter_mut().chain(&mut report.notices) {
        problem.code = code(&problem.code).to_owned();
    }
}

/// Returns a failure as a JSON document, with spec 001's code.
pub(super) fn failure_document(failure: &Failure) -> Object {
    let mut document = failure.to_json();
    document.insert("code", code(failure.code()));
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trouble_of_a_disk_is_the_storage_error_of_spec_001() {
        let pages = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");
        let names = std::fs::read_dir(pages).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let of_storage: Vec<String> = names.filter(|name| name.starts_with("STORAGE_")).collect();
        assert!(of_storage.len() >= 4, "{of_storage:?}");
        for name in of_storage {
            let own = name.strip_suffix(".md").unwrap();
            assert_eq!(code(own), "STORAGE_ERROR", "{own}");
        }
        for kept in ["PERMISSION_DENIED", "SAFETY_STOP", "STORE_LOCKED", "DATA_FORMAT_INVALID"] {
            assert_eq!(code(kept), kept);
        }
    }
}
