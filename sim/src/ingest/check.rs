//! What must hold of a hub whose writer was cut off anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::rc::Rc;

use syncline_engine::results::OperationResult;
use syncline_engine::rows::{Key, Scan};
use syncline_hub::Hub;
use syncline_merge::token::Token;
use syncline_model::clock::Stamp;
use syncline_model::id::{OperationId, Position};
use syncline_model::version::Version;

use super::client::Sent;
use super::play::Ingest;
use crate::check::{self, Held};
use crate::history::{Did, RecordKey, Seen, ShownStamps, Stamps, Written};

/// Checks a hub that was opened: all that was acknowledged is there, nothing else that was said not
/// to be, and log, clock and audit agree.
pub(super) fn after_start(world: &mut Ingest, hub: &Hub) {
    if hub.position() < world.acknowledged {
        let (found, promised) = (hub.position().0, world.acknowledged.0);
        world.violate("I2", format!("the log ends at {found}, and {promised} was acknowledged"));
    }
    for (requirement, finding) in check::log_and_audit(Held::of(hub)) {
        world.violate(requirement, finding);
    }
    let results = results(world, hub);
    let kept = world.disclaimed.iter().find(|id| results.contains_key(*id));
    if let Some(id) = kept {
        let finding = format!("{}#{} was applied and said not to be", id.client, id.counter);
        world.violate("I6", finding);
    }
}

/// Takes note of what was lost when the store was put back to where its log ended at `position`, and
/// checks that the hub is a new one.
pub(super) fn after_restore(world: &mut Ingest, hub: &Hub, position: Position) {
    if world.sites.contains(&hub.site()) {
        world.violate("I23", "the hub goes on as the one that it was".to_owned());
    }
    let results = results(world, hub);
    let held = check::records(hub.rows());
    let beyond = |key: &RecordKey, token: &Token| {
        let nothing = Version::new();
        !held.get(key).map_or(&nothing, |record| &record.version).includes(&token.version)
    };
    for (id, sent) in &mut world.sent {
        let result = results.get(id);
        let applied = result.and_then(|result| result.fate.stamp());
        // What the hub does not hold any more is sent again, whatever its writer was told.
        sent.refused = result.is_some() && applied.is_none();
        sent.applied = applied;
        sent.looked_to = sent.looked_to.map(|looked_to| looked_to.min(position));
        let key = (sent.operation.entity.clone(), sent.operation.record.clone());
        sent.beyond |= sent.operation.base.as_ref().is_some_and(|token| beyond(&key, token));
    }
    for view in world.clients.iter_mut().flat_map(|client| &mut client.views) {
        view.1.looked_to = view.1.looked_to.min(position);
        view.1.beyond |= beyond(view.0, &view.1.token);
    }
}

/// Checks everything once every operation was answered.
pub(super) fn at_the_end(world: &mut Ingest, hub: &Hub) {
    after_start(world, hub);
    let results = results(world, hub);
    told(world, &results);
    let changes = changes(world, hub, &results);
    let mut findings = Vec::new();
    let held = check::records(hub.rows());
    let keys: BTreeSet<&RecordKey> = held.keys().chain(changes.keys()).collect();
    for key in keys {
        let written: Vec<(Stamp, &Written)> =
            changes.get(key).into_iter().flatten().map(|(stamp, w)| (*stamp, w)).collect();
        let record = held.get(key);
        let wrong = check::compare(&written, &world.schema, key, record);
        findings.extend(wrong.map(|(requirement, finding)| {
            (requirement, format!("{} {}: {finding}", key.0, key.1))
        }));
        if let Some(record) = record {
            let unlisted = check::unlisted(&world.schema, hub.rows(), key, record);
            findings.extend(unlisted.map(|finding| ("I10", finding)));
        }
    }
    for (requirement, finding) in findings {
        world.violate(requirement, finding);
    }
}

/// Checks that what clients were told is what is stored.
fn told(world: &mut Ingest, results: &BTreeMap<OperationId, OperationResult>) {
    let mut findings = Vec::new();
    for (id, sent) in &world.sent {
        let stored = results.get(id).and_then(|result| result.fate.stamp());
        if stored != sent.applied {
            findings.push(format!("what {}#{} was told is not stored", id.client, id.counter));
        }
    }
    findings.into_iter().for_each(|finding| world.violate("I5", finding));
}

/// Returns what is stored of each operation.
fn results(world: &Ingest, hub: &Hub) -> BTreeMap<OperationId, OperationResult> {
    let mut results = BTreeMap::new();
    for client in &world.clients {
        let scan = Scan::Results { client: client.id.clone() };
        let scanned = hub.rows().scan(&scan, None, usize::MAX, &mut |key, bytes| {
            if let (Key::Result { client, counter }, Ok(result)) =
                (key, OperationResult::decode(bytes))
            {
                let id = OperationId { client: client.clone(), counter: *counter };
                results.insert(id, result);
            }
            ControlFlow::Continue(())
        });
        drop(scanned);
    }
    results
}

/// The changes of a record, in the order of the log.
type Changes = BTreeMap<RecordKey, Vec<(Stamp, Written)>>;

/// Returns all changes as their writers meant them, and checks that each operation became one.
fn changes(
    world: &mut Ingest,
    hub: &Hub,
    results: &BTreeMap<OperationId, OperationResult>,
) -> Changes {
    let by_stamp: BTreeMap<Stamp, &OperationId> =
        results.iter().filter_map(|(id, result)| Some((result.fate.stamp()?, id))).collect();
    let log = check::log(hub.rows(), Position(0));
    let positions = log.iter().map(|(position, entry)| (entry.stamp, *position)).collect();
    let mut findings = Vec::new();
    let mut done: BTreeSet<&OperationId> = BTreeSet::new();
    let mut changes = Changes::new();
    for (_, entry) in &log {
        let sent = by_stamp.get(&entry.stamp).and_then(|id| Some((*id, world.sent.get(*id)?)));
        let Some((id, sent)) = sent.filter(|(id, _)| done.insert(id)) else {
            findings.push("a change in the log is of no operation".to_owned());
            continue;
        };
        let key = (entry.entity.clone(), entry.id.clone());
        let earlier = changes.entry(key.clone()).or_default();
        let seen = seen(sent, earlier, &positions, id);
        let (did, operation) = (sent.did.clone(), Some(id.clone()));
        let mut written = Written { key, did, seen, operation, ended: Stamps::new() };
        let before: Vec<(Stamp, &Written)> = earlier.iter().map(|(s, w)| (*s, w)).collect();
        written.ended = check::ended_by(&before, &world.schema, &written);
        earlier.push((entry.stamp, written));
    }
    if done.len() != by_stamp.len() {
        findings.push(format!("{} operation(s) are in no log", by_stamp.len() - done.len()));
    }
    findings.into_iter().for_each(|finding| world.violate("I6", finding));
    changes
}

/// Returns what the writer of an operation had seen when it was applied after `earlier` changes of
/// the record: what it looked at, and all that it had done before.
fn seen(
    sent: &Sent,
    earlier: &[(Stamp, Written)],
    positions: &BTreeMap<Stamp, Position>,
    id: &OperationId,
) -> Seen {
    let looked_to = sent.looked_to.unwrap_or_default();
    let is_seen = |stamp: &Stamp| positions.get(stamp).is_some_and(|at| *at <= looked_to);
    let looked: Stamps = earlier.iter().map(|(stamp, _)| *stamp).filter(is_seen).collect();
    let mut own = Stamps::new();
    let mut creates = sent.operation.base.as_ref().is_some_and(|base| base.invisible);
    for (stamp, written) in earlier.iter().filter(|(stamp, _)| !looked.contains(stamp)) {
        let of = written.operation.as_ref();
        if of.is_some_and(|of| of.client == id.client) {
            own.insert(*stamp);
            creates = written.did == Did::Delete;
        }
    }
    let shown = ShownStamps::of(sent.operation.base.as_ref());
    Seen { looked: Rc::new(looked), own, shown, creates }
}
