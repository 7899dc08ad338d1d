//! Operations of clients, and decisions of people.

use syncline_engine::audit::Salt;
use syncline_engine::log::{ChangeKind, LogEntry};
use syncline_engine::rows::Key;
use syncline_engine::sync::changed;
use syncline_merge::commit::{Capped, operate};
use syncline_merge::conflict::{Decision, settle};
use syncline_merge::display::{Fields, visible};
use syncline_merge::error::Refusal;
use syncline_merge::operation::Operation;
use syncline_merge::rules::EntityRules;
use syncline_merge::state::Record;
use syncline_merge::token::Context;
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{EntityName, OperationId, Position, RecordId, SiteId, Writer};
use syncline_model::path::Path;
use syncline_store::Read;

use super::process::{ChangedRecord, Fail, Server, rules, site_of};
use crate::fault::PlantedFault;
use crate::schema::Schema;

/// One operation as a client sends it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The operation's id.
    pub id: OperationId,
    /// The type of record.
    pub entity: EntityName,
    /// Which record.
    pub record: RecordId,
    /// What to do.
    pub operation: Operation,
    /// What the client had seen.
    pub context: Context,
    /// For a decision about a conflict: what to settle.
    pub settlement: Option<Settlement>,
}

/// A decision about a conflict.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The field.
    pub path: Path,
    /// The changes in conflict, as the person saw them.
    pub stamps: Vec<Stamp>,
    /// What was decided.
    pub decision: Decision,
}

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was applied as this change.
    Applied(Stamp),
    /// It had been applied before, as this change.
    Duplicate(Stamp),
    /// It was not applied.
    Refused(&'static str),
}

/// What a request changes, known before it is saved: for those who watch from outside.
#[derive(Clone, Debug)]
pub struct Effects {
    /// The change.
    pub stamp: Stamp,
    /// Its place in the log.
    pub position: Position,
    /// Settlements of overfull registers that came with it: field, stamp, covered.
    pub capped: Vec<(Path, Stamp, Vec<Stamp>)>,
}

impl Server {
    /// Does what a client asks for.
    ///
    /// Answers also what it was about to change, since a failure leaves open whether it has.
    pub fn handle_request(
        &mut self,
        request: &Request,
        schema: &Schema,
        now_ms: u64,
    ) -> (Result<Answer, Fail>, Option<Effects>) {
        match self.decide(request, schema, now_ms) {
            Err(fail) => (Err(fail), None),
            Ok(Decided::Answered(answer)) => (Ok(answer), None),
            Ok(Decided::Saving { transaction, clock, effects }) => {
                let stamp = effects.stamp;
                let saved = self.save(*transaction, clock, request.id.client.as_str());
                (saved.map(|()| Answer::Applied(stamp)), Some(effects))
            }
        }
    }

    fn decide(&mut self, request: &Request, schema: &Schema, now_ms: u64) -> Result<Decided, Fail> {
        let result = Key::Result { client: request.id.client.clone(), counter: request.id.counter };
        if let Some(bytes) = self.store.get(&result)?
            && self.fault != Some(PlantedFault::OperationsNotDeduplicated)
        {
            let stamp = match self.fault {
                Some(PlantedFault::LatestChangeTold) => Stamp::new(self.clock, self.site),
                _ => decode_stamp(&bytes).ok_or(Fail::Row("results"))?,
            };
            return Ok(Decided::Answered(Answer::Duplicate(stamp)));
        }
        let rules = rules(schema, &request.entity);
        let before = self.record(&request.entity, &request.record)?;
        let shown = |record: &Record| visible(record, rules, None);
        let shown_before = before.as_ref().and_then(shown);
        let mut clock = self.clock;
        let outcome = self.attempt(request, rules, before, &mut clock, now_ms);
        let (record, stamp, capped) = match outcome {
            Ok(done) => done,
            Err(refusal) => return Ok(Decided::Answered(Answer::Refused(refusal.code()))),
        };
        let mut transaction = self.begin(now_ms);
        let kind =
            if request.settlement.is_some() { ChangeKind::Settlement } else { ChangeKind::Write };
        let images = (shown_before, shown(&record));
        let mut entry = entry(request, stamp, kind, images);
        entry.at_ms = now_ms;
        transaction.add_entry(entry).map_err(|_| Fail::Row("log"))?;
        let changed = ChangedRecord {
            entity: &request.entity,
            id: &request.record,
            record: &record,
            capped: &capped,
        };
        self.put_record(&mut transaction, rules, &changed)?;
        transaction.batch.put(result, encode_stamp(stamp));
        let capped = capped
            .into_iter()
            .map(|capped| (capped.path, capped.stamp, capped.covered.keys().copied().collect()));
        let effects = Effects { stamp, position: transaction.position, capped: capped.collect() };
        Ok(Decided::Saving { transaction: Box::new(transaction), clock, effects })
    }
}

impl Server {
    /// Lets merge decide.
    fn attempt(
        &self,
        request: &Request,
        rules: &EntityRules,
        before: Option<Record>,
        clock: &mut Clock,
        now_ms: u64,
    ) -> Result<(Record, Stamp, Vec<Capped>), Refusal> {
        let mut site = site_of(self.site, clock, now_ms, &self.floor);
        let Some(settlement) = &request.settlement else {
            let done = operate(before, &request.operation, &request.context, rules, &mut site)?;
            return Ok((done.record, done.stamp, done.capped));
        };
        let mut record = before.ok_or(Refusal::Stale)?;
        let Settlement { path, stamps, decision } = settlement;
        let writer = &request.operation.writer;
        let stamp = settle(&mut record, path, stamps, decision.clone(), writer, &mut site)?;
        Ok((record, stamp, Vec::new()))
    }
}

enum Decided {
    Answered(Answer),
    Saving { transaction: Box<syncline_engine::sync::Transaction>, clock: Clock, effects: Effects },
}

fn entry(
    request: &Request,
    stamp: Stamp,
    kind: ChangeKind,
    images: (Option<Fields>, Option<Fields>),
) -> LogEntry {
    let (before, after) = changed(images.0.as_ref(), images.1.as_ref());
    LogEntry {
        stamp,
        kind,
        entity: request.entity.clone(),
        id: request.record.clone(),
        origin: Writer::from(&request.id.client),
        run: None,
        at_ms: 0,
        hops: Vec::new(),
        schema_version: 0,
        before,
        after,
        salt: Salt::new([0; 32]),
    }
}

fn encode_stamp(stamp: Stamp) -> Vec<u8> {
    [stamp.clock.0.to_be_bytes(), stamp.site.0.to_be_bytes()].concat()
}

fn decode_stamp(bytes: &[u8]) -> Option<Stamp> {
    let (clock, site) = bytes.split_first_chunk::<8>()?;
    let site = <[u8; 8]>::try_from(site).ok()?;
    Some(Stamp::new(Clock(u64::from_be_bytes(*clock)), SiteId(u64::from_be_bytes(site))))
}
