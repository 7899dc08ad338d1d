//! Whether earlier runs left anything for a person to do.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use syncline_engine::rows::Scan;
use syncline_model::json::{Json, Object, parse};
use syncline_policy::SafetyStop;

use crate::error::HubError;
use crate::limits::RUNS_LOOKED_BACK_MAX;
use crate::request::SyncRequest;
use crate::view::View;

impl View<'_> {
    /// Refuses a run that asks for a clean start and finds none. Only what is stored is looked at.
    pub(super) fn check_clean(&self, request: &SyncRequest) -> Result<(), HubError> {
        if !request.require_clean {
            return Ok(());
        }
        let mut open = 0;
        for entity in &request.entities {
            open += self.open_conflicts(&entity.entity.name)?;
        }
        let failed = self.failed_lately(request)?;
        match open + failed {
            0 => Ok(()),
            _ => Err(SafetyStop::NotClean { open, failed }.into()),
        }
    }

    /// Returns how many records and files failed in the latest run of the link, entity by entity.
    fn failed_lately(&self, request: &SyncRequest) -> Result<u64, HubError> {
        let names = request.entities.iter().map(|entity| entity.entity.name.as_str());
        let mut failed: BTreeMap<&str, Option<u64>> = names.map(|name| (name, None)).collect();
        let mut is_damaged = false;
        self.rows.scan(&Scan::RunsLatest, None, RUNS_LOOKED_BACK_MAX, &mut |_, bytes| {
            let Ok(Json::Object(run)) = parse(bytes) else {
                is_damaged = true;
                return ControlFlow::Break(());
            };
            if is_of_link(&run, request) {
                for (entity, failed) in &mut failed {
                    *failed = failed.or_else(|| failed_in(&run, entity));
                }
            }
            match failed.values().all(Option::is_some) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
        match is_damaged {
            true => Err(HubError::Row { table: "runs" }),
            false => Ok(failed.into_values().flatten().sum()),
        }
    }
}

/// Returns whether a run was between the two domains, whichever of them was called the source.
fn is_of_link(run: &Object, request: &SyncRequest) -> bool {
    let name = |member| run.get(member).and_then(Json::as_str);
    let ran = [name("sourceDomain"), name("targetDomain")];
    let [source, target] = [&request.source, &request.target].map(|side| side.domain.name.as_str());
    ran == [Some(source), Some(target)] || ran == [Some(target), Some(source)]
}

/// Returns how many records and files of an entity failed in a run; `None` if the run did not look at
/// them, as one that was stopped, or an undo.
fn failed_in(run: &Object, entity: &str) -> Option<u64> {
    let errors = run.get("errors").and_then(Json::as_array).unwrap_or_default();
    let is_of_entity = |error: &&Json| {
        let error = error.as_object();
        error.and_then(|error| error.get("entity")).and_then(Json::as_str) == Some(entity)
    };
    let failed = errors.iter().filter(is_of_entity).count() as u64;
    let result = run.get("results").and_then(Json::as_object)?.get(entity);
    let result = result.and_then(Json::as_object);
    let has_read = ["sourceCount", "targetCount"].into_iter().any(|member| {
        let read = result.and_then(|result| result.get(member)).and_then(Json::as_number);
        read.is_some_and(|count| count.as_str() != "0")
    });
    (failed > 0 || has_read).then_some(failed)
}
