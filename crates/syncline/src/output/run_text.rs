//! The result of a run, for people.

use syncline_engine::sync::{Problem, RunReport};
use syncline_hub::{FileEntity, SyncOutcome};
use syncline_model::id::{DomainName, EntityName};

use super::console::{Output, Paint};
use super::entity_text::EntityText;
use super::table::{count, printable, seconds};

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
pub fn ending(output: &Output, outcome: &SyncOutcome) -> String {
    let report = &outcome.report;
    let sync_id = &report.sync_id;
    let took = format!("{sync_id}   {} s", seconds(report.duration_ms));
    let open = open_conflicts(outcome);
    let mut text = match written(outcome) {
        Some(written) => format!("\nDone: {written}.   {took}\n"),
        None => format!("\nNothing to do: both sides agree.   {took}\n"),
    };
    if open > 0 {
        let waits = count(open, "conflict waits", "conflicts wait");
        let waits = output.paint(Paint::Yellow, &format!("{waits} for your decision"));
        text.push_str(&format!("{waits}: syncline conflicts list\n"));
    }
    if outcome.wrote {
        text.push_str(&format!("Take it back: syncline undo {sync_id}\n"));
    }
    text
}

/// Returns the last lines of a dry run.
pub fn dry_ending(outcome: &SyncOutcome, apply: &str) -> String {
    match written(outcome) {
        None => "\nNothing to do: both sides agree.\n".to_owned(),
        Some(written) => format!(
            "\nWould be written: {written}.\n\
             Nothing written. Apply: {apply}   save: syncline plan -o plan.json\n"
        ),
    }
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
