//! What a run did to one entity, for people: counted first, then record by record.

use std::collections::BTreeMap;

use syncline_engine::link::{LinkedEntity, Side};
use syncline_engine::sync::EntityReport;
use syncline_hub::{Action, ActionKind, FoundConflict, SyncOutcome};
use syncline_model::id::{DomainName, EntityName, RecordId};

use super::conflict_text;
use super::console::{Output, Paint};
use super::table::{count, field, printable, value};

/// Most records that are listed one by one, and most names in one line, unless all are asked for.
const RECORDS_LISTED_MAX: usize = 20;

/// What is told about one entity.
pub(super) struct EntityText<'a> {
    pub(super) output: &'a Output,
    pub(super) outcome: &'a SyncOutcome,
    pub(super) name: &'a EntityName,
    pub(super) report: &'a EntityReport,
    pub(super) rules: Option<&'a LinkedEntity>,
    pub(super) name_width: usize,
}

/// What is done to one record on both sides.
type Both<'a> = [Option<&'a Action>; 2];

impl EntityText<'_> {
    /// Returns all lines about the entity.
    pub(super) fn lines(&self) -> Vec<String> {
        let records = self.records();
        let conflicts: Vec<&FoundConflict> =
            self.outcome.conflicts.iter().filter(|found| found.entity == *self.name).collect();
        let mut lines = vec![self.heading()];
        let counts = self.counts(&records, &conflicts);
        if counts.is_empty() {
            if let Some(heading) = lines.first_mut() {
                heading.push_str("   nothing to do");
            }
        } else {
            lines.push(format!("  {}", counts.join("   ")));
        }
        for side in Side::BOTH {
            lines.extend(self.names(&records, side, ActionKind::Add));
            lines.extend(self.names(&records, side, ActionKind::Delete));
        }
        lines.extend(self.updates(&records));
        let rest = conflicts.len().saturating_sub(self.listed_max());
        for found in conflicts.iter().take(self.listed_max()) {
            lines.extend(conflict_text::found(self.output, found, self.rules));
        }
        lines.extend(more(rest, "conflicts"));
        lines
    }

    fn domain(&self, side: Side) -> &DomainName {
        match side {
            Side::Source => &self.outcome.report.source,
            Side::Target => &self.outcome.report.target,
        }
    }

    fn listed_max(&self) -> usize {
        if self.output.verbose { usize::MAX } else { RECORDS_LISTED_MAX }
    }

    fn heading(&self) -> String {
        let EntityReport { read, merged, deleted, .. } = self.report;
        let together = read[0] + read[1];
        let shared = together.saturating_sub(merged + deleted[0] + deleted[1]);
        let name = format!("{:width$}", self.name.as_str(), width = self.name_width);
        format!(
            "{}   {} {}   {} {}   shared {shared}",
            self.output.paint(Paint::Bold, &name),
            self.domain(Side::Source),
            read[0],
            self.domain(Side::Target),
            read[1],
        )
    }

    fn records(&self) -> BTreeMap<&RecordId, Both<'_>> {
        let mut records: BTreeMap<&RecordId, Both<'_>> = BTreeMap::new();
        for action in self.outcome.actions.iter().filter(|action| action.entity == *self.name) {
            let both = records.entry(&action.id).or_default();
            if let Some(slot) = both.get_mut(action.side.index()) {
                *slot = Some(action);
            }
        }
        records
    }

    fn counts(
        &self,
        records: &BTreeMap<&RecordId, Both<'_>>,
        found: &[&FoundConflict],
    ) -> Vec<String> {
        let mut counts = Vec::new();
        let mut add = |paint, sign: &str, what: &str, number: usize| {
            if number > 0 {
                counts.push(self.output.paint(paint, &format!("{sign} {what} {number}")));
            }
        };
        let of = |side: Side, kind| {
            records.values().filter(|both| kind_at(both, side) == Some(kind)).count()
        };
        let merged = records.values().filter(|both| is_merged(both)).count();
        for side in Side::BOTH {
            let name = self.domain(side).as_str();
            add(Paint::Green, "+", name, of(side, ActionKind::Add));
            let updated = of(side, ActionKind::Update) - merged;
            add(Paint::Bold, "~", name, updated);
            add(Paint::Red, "-", name, of(side, ActionKind::Delete));
        }
        add(Paint::Bold, "~", "merged", merged);
        let open = found.iter().filter(|found| found.open).count();
        let number = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        add(Paint::Dim, "!", "settled", found.len() - open);
        // Those of earlier runs wait as well.
        add(Paint::Yellow, "?", "to decide", open.max(number(self.report.open)));
        add(Paint::Dim, "/", "kept back by policy", number(self.report.filtered));
        add(Paint::Red, "x", "failed", number(self.report.failed));
        counts
    }

    /// Returns the line of all records that are added to, or deleted from, one side.
    fn names(
        &self,
        records: &BTreeMap<&RecordId, Both<'_>>,
        side: Side,
        kind: ActionKind,
    ) -> Option<String> {
        let ids: Vec<&RecordId> = records
            .iter()
            .filter(|(_, both)| kind_at(both, side) == Some(kind))
            .map(|(id, _)| *id)
            .collect();
        if ids.is_empty() {
            return None;
        }
        let shown = ids.iter().take(self.listed_max()).map(|id| printable(id.as_str()));
        let mut names = shown.collect::<Vec<_>>().join(", ");
        if ids.len() > self.listed_max() {
            names.push_str(&format!(" and {} more", ids.len() - self.listed_max()));
        }
        let (domain, other) = (self.domain(side), self.domain(side.other()));
        Some(match kind {
            ActionKind::Delete => {
                let verb = self.output.paint(Paint::Red, "deleted");
                format!("    {verb} in {domain}: {names}   (gone from {other})")
            }
            _ => {
                let verb = self.output.paint(Paint::Green, "added");
                format!("    {verb} to {domain}: {names}   (from {other})")
            }
        })
    }

    fn updates(&self, records: &BTreeMap<&RecordId, Both<'_>>) -> Vec<String> {
        let is_updated = |both: &Both<'_>| {
            Side::BOTH.into_iter().any(|side| kind_at(both, side) == Some(ActionKind::Update))
        };
        let updated: Vec<_> = records.iter().filter(|(_, both)| is_updated(both)).collect();
        let mut lines = Vec::new();
        for (id, both) in updated.iter().take(self.listed_max()) {
            lines.extend(self.update(id, both));
        }
        lines.extend(more(updated.len().saturating_sub(self.listed_max()), "updated records"));
        lines
    }

    fn has_conflict(&self, action: &Action) -> bool {
        let mut found = self.outcome.conflicts.iter();
        found.any(|found| found.id == action.id && found.entity == action.entity)
    }

    fn update(&self, id: &RecordId, both: &Both<'_>) -> Vec<String> {
        let id = printable(id.as_str());
        let updates = Side::BOTH.into_iter().filter_map(|side| {
            let action = (*both.get(side.index())?)?;
            (action.kind == ActionKind::Update).then_some((side, action))
        });
        let updates: Vec<(Side, &Action)> = updates.collect();
        let mut lines = vec![match updates.as_slice() {
            [(side, action)] => {
                let domain = self.domain(*side);
                let reason = match &action.origin {
                    Some(writer) if writer.as_str() != domain.as_str() => {
                        format!("changed in {writer}")
                    }
                    _ if self.has_conflict(action) => "a conflict, see below".to_owned(),
                    _ => "by the rules".to_owned(),
                };
                format!("    updated in {domain}: {id}   ({reason})")
            }
            _ => format!("    merged on both sides: {id}"),
        }];
        for (side, action) in &updates {
            if let Some(former) = &action.former {
                let (domain, former) = (self.domain(*side), printable(former.as_str()));
                lines.push(format!("      was {former} in {domain}"));
            }
        }
        for (side, action) in &updates {
            for change in &action.fields {
                let (from, to) = (value(change.from.as_ref()), value(change.to.as_ref()));
                let path = field(&change.path);
                lines.push(format!("      {path}  {from} -> {to}   in {}", self.domain(*side)));
            }
        }
        lines
    }
}

fn kind_at(both: &Both<'_>, side: Side) -> Option<ActionKind> {
    both.get(side.index()).copied().flatten().map(|action| action.kind)
}

fn is_merged(both: &Both<'_>) -> bool {
    Side::BOTH.into_iter().all(|side| kind_at(both, side) == Some(ActionKind::Update))
}

fn more(rest: usize, what: &str) -> Option<String> {
    let rest_count = u64::try_from(rest).unwrap_or(u64::MAX);
    (rest > 0).then(|| {
        format!(
            "    … and {} (-v shows all)",
            count(rest_count, &format!("more of the {what}"), &format!("more {what}"))
        )
    })
}
