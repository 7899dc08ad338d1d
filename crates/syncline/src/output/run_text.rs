//! The result of a run, for people.

use std::path::Path;

use syncline_engine::link::{Direction, Side};
use syncline_engine::sync::{Problem, RunReport, RunStatus};
use syncline_hub::{FileEntity, SyncOutcome, SyncRequest};
use syncline_model::id::{DomainName, EntityName};

use super::console::{Output, Paint};
use super::entity_text::EntityText;
use super::table::{count, printable, seconds};
use crate::arguments::SyncOptions;
use crate::run::plan_file;

/// Returns what a run did, or would do, entity by entity.
pub fn entities(output: &Output, outcome: &SyncOutcome, entities: &[FileEntity]) -> String {
    let widths = outcome.report.entities.iter().map(|(name, _)| name.as_str().chars().count());
    let name_width = widths.max().unwrap_or_default();
    let mut text = String::new();
    for (name, report) in &outcome.report.entities {
        let known = entities.iter().find(|known| known.entity.name == *name);
        let entity = EntityText {
            output,
            outcome,
            name,
            report,
            rules: known.map(|known| &known.entity),
            name_width,
        };
        for line in entity.lines() {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

/// Returns the last lines of a run: what was written where, what waits, how to take it back.
pub fn ending(output: &Output, outcome: &SyncOutcome, request: &SyncRequest) -> String {
    let report = &outcome.report;
    let sync_id = &report.sync_id;
    let took = format!("{sync_id}   {} s", seconds(report.duration_ms));
    let open = open_conflicts(outcome);
    let written = written(outcome);
    let mut text = match &written {
        Some(written) => format!("\nDone: {written}.   {took}\n"),
        None => format!("\n{}   {took}\n", nothing_written(outcome, request)),
    };
    if open > 0 {
        let waits = count(open, "conflict waits", "conflicts wait");
        let waits = output.paint(Paint::Yellow, &format!("{waits} for your decision"));
        text.push_str(&format!("{waits}: syncline conflicts list\n"));
    }
    if outcome.wrote && written.is_some() {
        text.push_str(&format!("Take it back: syncline undo {sync_id}\n"));
    }
    text
}

/// Returns the last lines of a dry run; `saved` is the file that holds the plan.
pub fn dry_ending(
    outcome: &SyncOutcome,
    request: &SyncRequest,
    options: &SyncOptions,
    saved: Option<&Path>,
) -> String {
    match (written(outcome), &outcome.stop) {
        (None, _) => format!("\n{}\n", nothing_written(outcome, request)),
        (Some(written), Some(_)) => {
            format!("\nWould be written, if nothing stopped it: {written}.\nNothing written.\n")
        }
        (Some(written), None) => {
            let next = match saved {
                Some(path) => format!("Apply: syncline apply {}", path.display()),
                None => format!(
                    "Apply: {}   save: {} -o plan.json",
                    plan_file::command_line("sync", options),
                    plan_file::command_line("plan", options)
                ),
            };
            format!("\nWould be written: {written}.\nNothing written. {next}\n")
        }
    }
}

/// Returns what is true of both sides where nothing is written.
fn nothing_written(outcome: &SyncOutcome, request: &SyncRequest) -> &'static str {
    let RunReport { status, entities, notices, .. } = &outcome.report;
    // What is left out, kept back or told of may well differ.
    let is_whole = !request.narrowing.is_narrow()
        && request.direction != Direction::Copy
        && notices.is_empty()
        && entities.iter().all(|(_, entity)| entity.read == [entity.merged; 2])
        && crosses_whole(request);
    match (status, open_conflicts(outcome), is_whole) {
        (RunStatus::Success, 0, true) => "Nothing to do: both sides agree.",
        (RunStatus::Success, 0, false) => "Nothing to do.",
        _ => "Nothing written.",
    }
}

/// Returns whether no policy keeps anything back.
fn crosses_whole(request: &SyncRequest) -> bool {
    let policies = Side::BOTH.map(|side| &request.domain(side).domain.policy);
    let mut entities = request.entities.iter().map(|entity| &entity.entity.name);
    entities.all(|entity| policies.iter().all(|policy| policy.gate(entity).passes_everything()))
}

/// Returns how many records are written on which side; `None` if none are.
fn written(outcome: &SyncOutcome) -> Option<String> {
    let RunReport { source, target, entities, .. } = &outcome.report;
    let total = |side: usize| -> u64 {
        let of = |pair: [u64; 2]| pair.get(side).copied().unwrap_or_default();
        let sums = entities.iter().map(|(_, e)| of(e.added) + of(e.updated) + of(e.deleted));
        sums.sum()
    };
    let (to_source, to_target) = (total(0), total(1));
    if to_source + to_target == 0 {
        return None;
    }
    let records = count(to_source, "record", "records");
    Some(format!("{records} in {source}, {to_target} in {target}"))
}

/// Returns how many conflicts of a run wait for a person.
pub fn open_conflicts(outcome: &SyncOutcome) -> u64 {
    let counted: u64 = outcome.report.entities.iter().map(|(_, entity)| entity.open).sum();
    let listed = outcome.conflicts.iter().filter(|found| found.open).count();
    counted.max(u64::try_from(listed).unwrap_or(u64::MAX))
}

/// Returns one problem or notice in one line, without values.
pub fn problem(problem: &Problem) -> String {
    let mut place = String::new();
    let parts = [
        problem.domain.as_ref().map(DomainName::as_str),
        problem.entity.as_ref().map(EntityName::as_str),
        problem.item.as_deref(),
    ];
    for part in parts.into_iter().flatten() {
        let slash = if place.is_empty() { "" } else { "/" };
        place.push_str(&format!("{slash}{}", printable(part)));
    }
    let place = if place.is_empty() { place } else { format!("{place}: ") };
    format!("{}: {place}{}   {}", problem.code, problem.reason, problem.fix)
}
