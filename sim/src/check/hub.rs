//! Checks of one hub: log, audit, cursors, clocks.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use syncline_engine::audit::{Frontier, Head, Verifier};
use syncline_engine::conflicts::ConflictRow;
use syncline_engine::facts;
use syncline_engine::log::{ChangeKind, LogEntry};
use syncline_engine::rows::{Key, Scan};
use syncline_engine::sync::commitment_of;
use syncline_hub::Hub;
use syncline_merge::codec::decode_record;
use syncline_merge::state::Record;
use syncline_model::clock::Clock;
use syncline_model::id::{Position, SiteId};
use syncline_model::limits::DRIFT_MS_MAX;
use syncline_store::Read;

use crate::history::{Did, RecordKey, Written};
use crate::server::{Received, Reply, Server};
use crate::world::World;

/// A requirement and what was found against it.
pub(crate) type Finding = (&'static str, String);

/// What a hub holds, whoever runs it.
#[derive(Clone, Copy)]
pub(crate) struct Held<'a> {
    rows: &'a dyn Read,
    site: SiteId,
    clock: Clock,
    position: Position,
}

impl<'a> Held<'a> {
    /// Returns what the product's hub holds.
    pub(crate) fn of(hub: &'a Hub) -> Self {
        let (rows, site, position) = (hub.rows(), hub.site(), hub.position());
        Self { rows, site, clock: stored_clock(rows), position }
    }

    const fn of_server(server: &'a Server) -> Self {
        let (site, clock, position) = (server.site(), server.clock(), server.position());
        Self { rows: server.rows(), site, clock, position }
    }
}

/// Checks what a hub holds after a start: nothing acknowledged is gone, and everything agrees.
///
/// - `whole`: also reads the log and the audit from their first entries on.
pub(crate) fn after_start(world: &mut World, index: usize, whole: bool) {
    let Some(server) = world.sites.get(index).and_then(|site| site.server.as_ref()) else {
        return;
    };
    let acknowledged = world.history.acknowledged.get(index).copied().unwrap_or_default();
    let mut findings = Vec::new();
    if server.position() < acknowledged {
        let (found, promised) = (server.position().0, acknowledged.0);
        findings.push(("I2", format!("the log ends at {found}, and {promised} was acknowledged")));
    }
    if whole {
        findings.extend(log_and_audit(Held::of_server(server)));
        findings.extend(cursors(world, server, index));
        let conflicts = listed_conflicts(server);
        if let Some(seen) = world.history.conflicts_seen.get_mut(index) {
            let gone = seen.difference(&conflicts).count();
            if gone > 0 {
                findings.push(("I10", format!("{gone} conflict(s) are not listed any more")));
            }
            seen.extend(conflicts);
        }
    }
    for (requirement, finding) in findings {
        let words = vec![format!("s{index}")];
        world.history.violate(requirement, format!("site {index}: {finding}"), words);
    }
}

fn listed_conflicts(server: &Server) -> std::collections::BTreeSet<String> {
    let mut found = std::collections::BTreeSet::new();
    let listed = server.rows().scan(&Scan::Conflicts, None, usize::MAX, &mut |_, bytes| {
        if let Ok(row) = ConflictRow::decode(bytes) {
            found.insert(format!("{} {} {}", row.entity, row.id, row.conflict_id()));
        }
        ControlFlow::Continue(())
    });
    drop(listed);
    found
}

/// Returns the entries of a hub's log from a place on, in order.
pub(crate) fn log(rows: &dyn Read, from: Position) -> Vec<(Position, LogEntry)> {
    let mut entries = Vec::new();
    let scanned = rows.scan(&Scan::Log { from }, None, usize::MAX, &mut |key, bytes| {
        if let (Key::Log(position), Ok(entry)) = (key, LogEntry::decode(bytes)) {
            entries.push((*position, entry));
        }
        ControlFlow::Continue(())
    });
    drop(scanned);
    entries
}

/// Checks that the log has no gap, that its own stamps rise, and that the audit commits to exactly
/// the entries of the log.
pub(crate) fn log_and_audit(held: Held<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let entries = log(held.rows, Position(0));
    let gap = entries.iter().zip(1..).find(|((position, _), number)| position.0 != *number);
    if let Some(((position, _), number)) = gap {
        findings
            .push(("I16", format!("entry {number} of the log is missing, {} follows", position.0)));
    }
    if entries.len() as u64 != held.position.0 {
        findings.push((
            "I16",
            format!("the log has {} entries and ends at {}", entries.len(), held.position.0),
        ));
    }
    let mut last = Clock(0);
    for (position, entry) in &entries {
        let own = entry.kind.is_a_write() || entry.kind == ChangeKind::Settlement;
        if !own || entry.stamp.site != held.site {
            continue;
        }
        if entry.stamp.clock <= last {
            findings.push(("I14", format!("the clock went back at entry {}", position.0)));
        }
        last = entry.stamp.clock;
    }
    if last > held.clock {
        findings.push(("I14", "the stored clock is behind the log".to_owned()));
    }
    if let Err(damage) = audit(held.rows, &entries) {
        findings.push(("I11", damage));
    }
    findings
}

/// Returns the clock that a hub starts with.
fn stored_clock(rows: &dyn Read) -> Clock {
    let stored = rows.get(&Key::Meta(facts::CLOCK)).ok().flatten();
    let stored = stored.and_then(|bytes| <[u8; 8]>::try_from(bytes.as_slice()).ok());
    Clock(stored.map(u64::from_be_bytes).unwrap_or_default())
}

fn audit(rows: &dyn Read, entries: &[(Position, LogEntry)]) -> Result<(), String> {
    let get = |name| rows.get(&Key::Meta(name)).ok().flatten();
    let Some(frontier) = get(facts::AUDIT_FRONTIER) else {
        return if entries.is_empty() { Ok(()) } else { Err("there is no audit".to_owned()) };
    };
    let frontier = Frontier::decode(&frontier).map_err(|_| "its frontier cannot be read")?;
    let head = get(facts::AUDIT_HEAD).and_then(|head| String::from_utf8(head).ok());
    let head: Head =
        head.ok_or("it has no head")?.parse().map_err(|_| "its head cannot be read")?;
    let mut verifier = Verifier::new(frontier, &head).map_err(|damage| damage.to_string())?;
    let mut rest = entries;
    let mut outcome = Ok(());
    let scanned = rows.scan(&Scan::Audit { from: 0 }, None, usize::MAX, &mut |_, row| {
        outcome = audit_row(&mut verifier, row, &mut rest);
        if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    scanned.map_err(|_| "it cannot be read")?;
    outcome?;
    verifier.finish().map_err(|damage| damage.to_string())?;
    if rest.is_empty() {
        Ok(())
    } else {
        Err(format!("{} change(s) are not in the audit", rest.len()))
    }
}

fn audit_row(
    verifier: &mut Verifier,
    row: &[u8],
    rest: &mut &[(Position, LogEntry)],
) -> Result<(), String> {
    verifier.handle_row(row).map_err(|damage| damage.to_string())?;
    let stored =
        syncline_engine::audit::StoredEntry::decode(row).map_err(|_| "a row cannot be read")?;
    let count = usize::try_from(stored.entry().facts().record_count).unwrap_or(usize::MAX);
    let Some((these, behind)) = rest.split_at_checked(count) else {
        return Err(format!(
            "row {} commits to more changes than the log has",
            stored.entry().index()
        ));
    };
    *rest = behind;
    let commitments: Result<Vec<_>, _> =
        these.iter().map(|(_, entry)| commitment_of(entry)).collect();
    let commitments = commitments.map_err(|_| "a change cannot be committed to")?;
    verifier.handle_records(&commitments).map_err(|damage| damage.to_string())
}

/// Checks that whatever lies before a cursor was applied, and that no cursor went back.
fn cursors(world: &World, server: &Server, index: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut records: BTreeMap<RecordKey, Record> = BTreeMap::new();
    let scanned = server.rows().scan(&Scan::AllRecords, None, usize::MAX, &mut |key, bytes| {
        if let (Key::Record { entity, id }, Ok(record)) = (key, decode_record(bytes)) {
            records.insert((entity.clone(), id.clone()), record);
        }
        ControlFlow::Continue(())
    });
    drop(scanned);
    for (peer, identity) in world.history.identities.iter().enumerate() {
        let Some(identity) = identity.filter(|_| peer != index) else {
            continue;
        };
        let Ok(cursor) = server.cursor(identity) else {
            continue;
        };
        let known = world.history.cursors.get(&(index, identity)).copied().unwrap_or_default();
        if cursor < known {
            findings.push((
                "I16",
                format!("the cursor over {identity} went from {} to {}", known.0, cursor.0),
            ));
        }
        let Some(shadow) = world.history.shadows.get(peer) else {
            continue;
        };
        let missing = shadow.entries_to(cursor).find(|(key, stamps)| {
            let version = records.get(*key).map(|record| &record.version);
            !stamps.iter().all(|stamp| version.is_some_and(|version| version.covers(*stamp)))
        });
        if let Some(((entity, id), _)) = missing {
            let place = cursor.0;
            findings.push((
                "I16",
                format!("{entity} {id} lacks what lies before place {place} of {identity}"),
            ));
        }
    }
    findings
}

/// Checks that a hub holds everything that the writer of a change had seen, before it applies it.
pub(crate) fn causality(world: &mut World, index: usize, written: &Written) {
    let Some(shadow) = world.history.shadows.get(index) else {
        return;
    };
    let here = shadow.seen(&written.key);
    let seen = written.seen.looked.iter().chain(&written.seen.own);
    let covered = match &written.did {
        Did::Settle { covered, .. } | Did::SettleExistence { covered, .. } => Some(covered),
        _ => None,
    };
    let settles = covered.is_some();
    let missing = seen.filter(|_| !settles).chain(covered.into_iter().flatten());
    let missing = missing.filter(|stamp| !here.contains(stamp)).count();
    if missing > 0 {
        let (entity, id) = &written.key;
        let finding = format!(
            "site {index} applied a change of {entity} {id} without {missing} of its causes"
        );
        let words = written.operation.iter().map(|op| format!("{}#{}", op.client, op.counter));
        let words = words.collect();
        world.history.violate("I4", finding, words);
    }
}

/// Checks that no state was joined whose clock is too far ahead.
pub(crate) fn drift(
    world: &mut World,
    index: usize,
    reply: &Reply,
    received: &Received,
    wall_ms: u64,
) {
    for (state, _) in &received.joined {
        let Some(sent) = reply.states.get(*state) else {
            continue;
        };
        let Ok(record) = decode_record(&sent.bytes) else {
            continue;
        };
        let ahead_ms = record.clock_max().millis().saturating_sub(wall_ms);
        if ahead_ms > DRIFT_MS_MAX {
            let SiteId(peer) = reply.site;
            let finding =
                format!("site {index} joined a state of {peer:x} that is {ahead_ms} ms ahead");
            world.history.violate("I14", finding, vec![format!("s{index}")]);
        }
    }
}
