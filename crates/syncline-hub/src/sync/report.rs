//! The report of a run: its name, its time, and what it did to which file.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use syncline_engine::facts;
use syncline_engine::link::Side;
use syncline_engine::rows::{Key, Scan};
use syncline_engine::sync::{FileChange, Problem, RunReport};
use syncline_model::json::parse;

use super::moved;
use super::publish::file_name;
use super::run::{Prepared, hex, status};
use crate::error::HubError;
use crate::limits::RUNS_NAMED_ALIKE_MAX;
use crate::location::Spot;
use crate::request::SyncRequest;
use crate::view::View;

impl View<'_> {
    /// Returns the report of a run as it stands before the files are written.
    pub(super) fn report(
        &self,
        request: &SyncRequest,
        prepared: &Prepared,
    ) -> Result<RunReport, HubError> {
        let run = &prepared.run;
        let mut problems = prepared.problems.clone();
        let mut notices = Vec::new();
        notices.extend(self.forgotten_bases()?);
        notices.extend(moved::notices(request, &prepared.entities));
        let (mut files, mut policies) = (BTreeMap::new(), BTreeMap::new());
        for entity in &prepared.entities {
            problems.extend(entity.problems.iter().cloned());
            notices.extend(entity.notices.iter().cloned());
            policies.insert(entity.name.clone(), request.policies(&entity.name));
            for side in Side::BOTH {
                let digest = entity.digests[side.index()].map(|digest| hex(&digest));
                let name = file_name(request, side, &entity.name);
                let Spot { path, beside_state } = entity.locations[side.index()].of_file();
                let (before, after) = (digest.clone(), digest);
                let change = FileChange { before, after, path, beside_state };
                files.insert(name, change);
            }
        }
        Ok(RunReport {
            sync_id: self.new_sync_id(run.at_ms)?,
            run: run.id.clone(),
            timestamp: timestamp(run.at_ms),
            source: request.source.domain.name.clone(),
            target: request.target.domain.name.clone(),
            direction: request.direction,
            entities: prepared
                .entities
                .iter()
                .map(|e| (e.name.clone(), e.report.clone()))
                .collect(),
            problems,
            notices,
            status: status(&prepared.entities, &prepared.problems),
            duration_ms: self.environment.now_ms().saturating_sub(run.at_ms),
            audit_head: self.audit_head.to_string(),
            files,
            policies,
            undoes: None,
        })
    }

    /// Returns that the bases were forgotten, where no run has told it yet.
    fn forgotten_bases(&self) -> Result<Option<Problem>, HubError> {
        let forgotten = self.rows.get(&Key::Meta(facts::BASES_FORGOTTEN))?;
        Ok(forgotten.map(|_| Problem {
            code: "STATE_RESTORED".to_owned(),
            domain: None,
            entity: None,
            item: None,
            reason: "the state folder is a copy, or an older state was put back: what the domains held \
                     is not known any more, so all their records were taken together and nothing was \
                     deleted"
                .to_owned(),
            fix: "look for records that were deleted on one side since: they came back".to_owned(),
        }))
    }

    /// Returns the name of a new run: its second, and a number where that is taken.
    pub(crate) fn new_sync_id(&self, at_ms: u64) -> Result<String, HubError> {
        let name = format!("sync-{}", compact_time(at_ms));
        let mut taken = BTreeSet::new();
        self.rows.scan(&Scan::RunsLatest, None, RUNS_NAMED_ALIKE_MAX, &mut |_, bytes| {
            let run = parse(bytes).ok();
            let id = run.as_ref().and_then(|run| run.as_object()?.get("syncId")?.as_str());
            // Runs lie in the order of their times, and so do their names.
            let is_earlier = id.is_some_and(|id| id < name.as_str());
            taken.extend(id.map(str::to_owned));
            if is_earlier { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        let numbered = (2..).map(|number| format!("{name}-{number:02}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !taken.contains(name));
        Ok(free.unwrap_or(name))
    }
}

/// Returns a time, in milliseconds since 1970, as RFC 3339 in UTC, to the second.
pub fn timestamp(ms: u64) -> String {
    let ([year, month, day], [hour, minute, second]) = civil(ms);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn compact_time(ms: u64) -> String {
    let ([year, month, day], [hour, minute, second]) = civil(ms);
    format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}")
}

/// Returns the date and the time of day in UTC.
///
/// # Source
///
/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013), `civil_from_days`.
fn civil(ms: u64) -> ([u64; 3], [u64; 3]) {
    let seconds = ms / 1_000;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    ([year, month, day], [rest / 3_600, rest / 60 % 60, rest % 60])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_utc() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_768_212_330_999, "2026-01-12T10:05:30Z"),
            (4_102_444_799_000, "2099-12-31T23:59:59Z"),
        ];
        for (ms, expected) in cases {
            assert_eq!(timestamp(ms), expected);
        }
    }
}
