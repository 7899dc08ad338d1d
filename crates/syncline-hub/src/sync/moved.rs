//! A domain that is somewhere else than it was: nothing is deleted because of what is missing there.
//!
//! What is known of a record is kept where the item is as the former file was left, so that a folder
//! that was only renamed goes on as before. Any other record is met for the first time: it is joined
//! with the hub's, and where both differ the rules decide as at every first meeting.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::SyncSender;

use syncline_engine::link::Side;
use syncline_engine::rows::{Batch, Key, Scan};
use syncline_engine::sync::{Planner, Problem};
use syncline_model::id::{DomainName, EntityName, RunId};

use super::input::SideInput;
use super::planned::Planned;
use super::prepare::EntityPlan;
use super::record::{Plans, send};
use crate::error::HubError;
use crate::location::Moved;
use crate::request::SyncRequest;
use crate::view::View;

/// What is to be told of a file that is somewhere else than it was.
#[derive(Clone, Debug)]
pub(super) struct Move {
    /// From where to where.
    moved: Moved,
    /// Records of the former file that are missing here, or are not as they were left.
    first_met: u64,
}

impl Move {
    /// Returns what is to be told of one file.
    pub(super) fn of(side: &SideInput) -> Option<Self> {
        let moved = side.moved.clone()?;
        let ids = side.index.items.iter().map(|(id, _)| id);
        let first_met = ids.filter(|id| !side.keeps_base(id)).count() as u64;
        Some(Self { moved, first_met })
    }
}

impl View<'_> {
    /// Forgets what a domain that has moved was known to hold, record by record, before anything new
    /// is noted.
    pub(super) fn forget_bases(
        &self,
        planner: &Planner<'_>,
        plan: &EntityPlan,
        plans: &SyncSender<Plans>,
    ) -> Result<(), HubError> {
        let mut forgotten = Vec::new();
        for side in Side::BOTH {
            let input = &plan.input.sides[side.index()];
            if input.moved.is_none() {
                continue;
            }
            let domain = planner.parties[side.index()].domain.name.clone();
            let scan = Scan::Bases { domain, entity: plan.name.clone() };
            self.for_each(&scan, |key, _| {
                if let Key::Base { id, .. } = key
                    && !input.keeps_base(id)
                {
                    forgotten.push(key.clone());
                }
                Ok(())
            })?;
        }
        if forgotten.is_empty() {
            return Ok(());
        }
        send(plans, Plans { names: planner.recording(), forgotten, records: Vec::new() })
    }

    /// Notes where the files of the entities are that a run has read.
    pub(super) fn put_found(
        &self,
        request: &SyncRequest,
        run: &RunId,
        entities: &[Planned],
        batch: &mut Batch,
    ) -> Result<(), HubError> {
        for side in Side::BOTH {
            let found =
                |entity: &Planned| (entity.name.clone(), entity.locations[side.index()].clone());
            let found = entities.iter().map(found);
            self.put_locations(&request.domain(side).domain.name, run, found, batch)?;
        }
        Ok(())
    }
}

/// Returns a notice for each domain that has moved.
pub(super) fn notices(request: &SyncRequest, entities: &[Planned]) -> Vec<Problem> {
    let mut told: BTreeMap<(Side, &Moved), (u64, BTreeSet<&EntityName>)> = BTreeMap::new();
    for entity in entities {
        for side in Side::BOTH {
            if let Some(Move { moved, first_met }) = &entity.moves[side.index()] {
                let (count, names) = told.entry((side, moved)).or_default();
                *count += first_met;
                names.insert(&entity.name);
            }
        }
    }
    let told = told.into_iter();
    told.map(|((side, moved), (first_met, names))| {
        let entity = names.first().filter(|_| names.len() == 1).copied();
        notice(&request.domain(side).domain.name, entity, moved, first_met)
    })
    .collect()
}

fn notice(
    domain: &DomainName,
    entity: Option<&EntityName>,
    Moved { from, to }: &Moved,
    first_met: u64,
) -> Problem {
    let (found, fix) = match first_met {
        0 => ("its records are as they were left".to_owned(), "nothing has to be done"),
        _ => (
            format!(
                "records that are missing or other there are met for the first time, and nothing is \
                 deleted because of them: {first_met}"
            ),
            "if it is the wrong folder, take the run back (syncline undo latest), then correct `path`; \
             what was to be deleted is to be deleted again",
        ),
    };
    Problem {
        code: "DOMAIN_MOVED".to_owned(),
        domain: Some(domain.clone()),
        entity: entity.cloned(),
        item: None,
        reason: format!("the domain was in {from} and is in {to}: {found}"),
        fix: fix.to_owned(),
    }
}
