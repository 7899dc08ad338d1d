//! Looking back: runs, the history of a record, and what is known of it now.

use std::ops::ControlFlow;

use syncline_engine::link::{LinkedEntity, Side};
use syncline_engine::log::LogEntry;
use syncline_engine::rows::{Key, Scan};
use syncline_engine::sync::{Held, base_key};
use syncline_merge::codec::decode_record;
use syncline_merge::display::{Fields, visible};
use syncline_merge::plain::Base;
use syncline_model::id::{EntityName, Position, RecordId};
use syncline_model::json::{Json, Object, parse};

use crate::error::HubError;
use crate::hub::Hub;
use crate::outcome::{HistoryEntry, RecordView};
use crate::request::SyncRequest;

impl Hub {
    /// Returns the reports of the latest runs, latest first.
    ///
    /// # Errors
    ///
    /// [`HubError::Row`] if one cannot be understood.
    pub fn runs(&self, limit: usize) -> Result<Vec<Object>, HubError> {
        let mut runs = Vec::new();
        let mut failed = false;
        self.store.scan(&Scan::RunsLatest, None, limit, &mut |_, bytes| {
            match parse(bytes) {
                Ok(Json::Object(run)) => runs.push(run),
                _ => failed = true,
            }
            ControlFlow::Continue(())
        })?;
        if failed { Err(HubError::Row { table: "runs" }) } else { Ok(runs) }
    }

    /// Returns the report of the run with this name or id.
    ///
    /// # Errors
    ///
    /// [`HubError::RunNotFound`] if there is none.
    pub fn run(&self, id: &str) -> Result<Object, HubError> {
        let is = |run: &Object, member| run.get(member).and_then(Json::as_str) == Some(id);
        let found = self.latest_run(|run| is(run, "syncId") || is(run, "runId"))?;
        found.ok_or_else(|| HubError::RunNotFound { id: id.to_owned() })
    }

    /// Returns the report of the latest run of which something holds; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`HubError::Row`] if one that was looked at cannot be understood.
    pub fn latest_run(&self, holds: impl Fn(&Object) -> bool) -> Result<Option<Object>, HubError> {
        let mut found = Ok(None);
        self.store.scan(&Scan::RunsLatest, None, usize::MAX, &mut |_, bytes| {
            match parse(bytes) {
                Ok(Json::Object(run)) if !holds(&run) => return ControlFlow::Continue(()),
                Ok(Json::Object(run)) => found = Ok(Some(run)),
                _ => found = Err(HubError::Row { table: "runs" }),
            }
            ControlFlow::Break(())
        })?;
        found
    }

    /// Returns the changes of a record, latest first.
    ///
    /// # Errors
    ///
    /// [`HubError::Damaged`] if the log is damaged.
    pub fn history(
        &self,
        entity: &EntityName,
        id: &RecordId,
        limit: usize,
    ) -> Result<Vec<HistoryEntry>, HubError> {
        let mut history = Vec::new();
        self.for_each(&Scan::LogLatest, |key, bytes| {
            let entry = decode_entry(bytes)?;
            if let (Key::Log(Position(position)), true) =
                (key, history.len() < limit && entry.is_of(entity, id))
            {
                history.push(HistoryEntry {
                    position: *position,
                    kind: entry.kind.as_str(),
                    origin: entry.origin,
                    at_ms: entry.at_ms,
                    run: entry.run.map(|run| run.as_str().to_owned()),
                    before: entry.before,
                    after: entry.after,
                });
            }
            Ok(())
        })?;
        Ok(history)
    }

    /// Returns a record as the hub shows it, as the domains were last known to hold it, and as they
    /// hold it now.
    ///
    /// # Errors
    ///
    /// [`HubError::File`] if a file cannot be read.
    pub fn record(
        &self,
        entity: &LinkedEntity,
        id: &RecordId,
        request: &SyncRequest,
    ) -> Result<RecordView, HubError> {
        let key = Key::Record { entity: entity.name.clone(), id: id.clone() };
        let record = self.store.get(&key)?.map(|bytes| decode_record(&bytes)).transpose();
        let record = record.map_err(|source| HubError::Damaged { table: "records", source })?;
        let mut bases = [None, None];
        for side in Side::BOTH {
            let key = base_key(&request.domain(side).domain.name, &entity.name, id);
            bases[side.index()] = rendering_of(self.view().base(&key)?);
        }
        let file = request.entities.iter().find(|file| file.entity.name == entity.name);
        let mut unreadable = [false; 2];
        let held = match file {
            Some(file) => {
                let input = self.view().read_entity(
                    &SyncRequest {
                        narrowing: [id.clone()].into_iter().collect(),
                        ..request.clone()
                    },
                    file,
                )?;
                for side in Side::BOTH.into_iter().map(Side::index) {
                    bases[side] = bases[side].take().filter(|_| input.sides[side].keeps_base(id));
                }
                Side::BOTH.map(Side::index).map(|side| {
                    let known: Vec<&Fields> = bases[side].iter().collect();
                    match input.sides[side].held(id, &entity.id_path, &known) {
                        (Held::Present { fields, .. }, _) => Some(fields),
                        (found, _) => {
                            unreadable[side] = found == Held::Unknown;
                            None
                        }
                    }
                })
            }
            None => [None, None],
        };
        let hub = record.and_then(|record| visible(&record, &entity.rules, None));
        Ok(RecordView { hub, bases, held, unreadable })
    }
}

/// Returns what a domain holds once an open write is done.
fn rendering_of(base: Option<Base>) -> Option<Fields> {
    base.and_then(|base| match base.intent {
        Some(intent) => intent.rendering,
        None => base.rendering,
    })
}

pub(crate) fn decode_entry(bytes: &[u8]) -> Result<LogEntry, HubError> {
    LogEntry::decode(bytes).map_err(|source| HubError::Damaged { table: "log", source })
}
