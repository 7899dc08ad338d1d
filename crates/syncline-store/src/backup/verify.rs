//! Checking that a backup can be restored, without restoring it, and that its snapshots are true.

use std::ops::ControlFlow;

use syncline_engine::rows::{Batch, Key, Scan, Table};

use super::catalog::{At, Catalog, RestorePlan, Stream};
use super::error::BackupError;
use super::format::Block;
use super::name::{Kind, ObjectName};
use super::objects::Objects;
use super::restore::{Filling, Restored, read, replay, restore};
use crate::Store;

/// What reading a whole backup has found.
#[derive(Debug, Default)]
pub struct Verified {
    /// How many objects were read.
    pub objects: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many snapshots there are.
    pub snapshots: u64,
    /// The first and the last state that can be restored: commit and time.
    pub from: Option<(u64, u64)>,
    /// See [`from`](Self::from).
    pub to: Option<(u64, u64)>,
    /// Everything that is wrong.
    pub findings: Vec<BackupError>,
}

/// Reads every object of a backup, and checks sums, digests, order and that none is missing.
///
/// - `progress`: called with the bytes that were read so far.
///
/// # Errors
///
/// - [`BackupError::Empty`] if there is no object.
/// - [`BackupError::Object`] if the objects cannot be listed.
///
/// What is wrong with an object is a finding.
pub fn verify(
    objects: &dyn Objects,
    progress: &mut dyn FnMut(u64),
) -> Result<Verified, BackupError> {
    let catalog = Catalog::read(objects)?;
    let mut verified = Verified::default();
    for stream in catalog.streams().values() {
        verify_stream(objects, stream, &mut verified, progress);
    }
    match verified.objects {
        0 => Err(BackupError::Empty),
        _ => Ok(verified),
    }
}

fn verify_stream(
    objects: &dyn Objects,
    stream: &Stream,
    verified: &mut Verified,
    progress: &mut dyn FnMut(u64),
) {
    let findings_before = verified.findings.len();
    let mut prior = None;
    for listed in stream.snapshots.iter().chain(&stream.chain) {
        verified.objects += 1;
        verified.bytes += listed.bytes;
        let is_chained = listed.name.kind != Kind::Snapshot;
        match read(objects, listed, &mut |_| Ok(())) {
            Err(error) => verified.findings.push(error),
            Ok((digest, before)) if is_chained => {
                if prior.is_some_and(|prior| prior != before) {
                    let reason = "another object stood".to_owned();
                    let object = listed.name.to_string();
                    verified.findings.push(BackupError::Gap { object, reason });
                }
                prior = Some(digest);
            }
            Ok(_) => {}
        }
        progress(verified.bytes);
    }
    verified.snapshots += stream.snapshots.len() as u64;
    let ends = stream.chain.first().zip(stream.chain.last());
    let Some(first) = stream.snapshots.first().map(|one| one.name) else {
        let (first, last) = ends.map_or((0, 0), |(first, last)| (first.name.first, last.name.last));
        return verified.findings.push(BackupError::Unfinished { first, last });
    };
    let is_left = |name: &ObjectName| name.kind == Kind::Segment && name.last <= first.last;
    let left = stream.chain.iter().map(|one| one.name).filter(is_left);
    let left = left.map(|name| (name.first, name.last)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    if let Some((first, last)) = left {
        verified.findings.push(BackupError::Unfinished { first, last });
    }
    if let Err(gap) = stream.chain_after(first.last)
        && verified.findings.len() == findings_before
    {
        verified.findings.push(gap);
    }
    let all = stream.snapshots.iter().chain(&stream.chain);
    let last = all.map(|one| (one.name.last, one.name.at_ms)).max().unwrap_or_default();
    let from = (first.last, first.at_ms);
    verified.from = Some(verified.from.map_or(from, |known| known.min(from)));
    verified.to = verified.to.max(Some(last));
}

/// Restores the oldest snapshot of the latest stream into a store that has no rows, adds the commits
/// behind it, and compares what is there with each later snapshot on the way.
///
/// Answers how many snapshots were compared.
///
/// # Errors
///
/// - [`BackupError::Inconsistent`] if a snapshot holds something else than the commits left.
/// - As [`restore`].
pub fn compare(
    objects: &dyn Objects,
    store: &mut dyn Store,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, BackupError> {
    let catalog = Catalog::read(objects)?;
    let latest = catalog.plan(At::Latest)?;
    let stream = catalog.streams().get(&latest.snapshot.name.stream).ok_or(BackupError::Empty)?;
    let (snapshot, later) = stream.snapshots.split_first().ok_or(BackupError::Empty)?;
    let plan = RestorePlan { snapshot: *snapshot, segments: Vec::new(), at: At::Latest };
    let mut restored = restore(objects, &plan, store, Batch::new(), progress)?;
    let chain = stream.chain_after(snapshot.name.last)?;
    let segments: Vec<_> = chain.iter().filter(|one| one.name.kind == Kind::Segment).collect();
    let mut filling = Filling { store, batch: Batch::new(), rows: restored.rows };
    let mut bytes = snapshot.bytes;
    let mut add = |at: At, restored: &mut Restored, filling: &mut Filling<'_>| {
        for segment in &segments {
            let is_done = segment.name.last <= restored.commit;
            let is_later = matches!(at, At::Commit(last) if segment.name.first > last);
            if !is_done && !is_later {
                replay(objects, segment, at, restored, filling)?;
                bytes += segment.bytes;
                progress(bytes);
            }
        }
        filling.flush()
    };
    let mut compared = 0;
    for snapshot in later {
        add(At::Commit(snapshot.name.last), &mut restored, &mut filling)?;
        if restored.commit != snapshot.name.last {
            // The stream broke before the segments reached the snapshot: nothing leads to it.
            break;
        }
        let different =
            |table| BackupError::Inconsistent { object: snapshot.name.to_string(), table };
        let mut rows = Comparing { store: &*filling.store, table: 0, after: None };
        read(objects, snapshot, &mut |block| match block {
            Block::Rows(batch) => rows.next(&batch)?.map_or(Ok(()), |table| Err(different(table))),
            Block::Commit { .. } => Ok(()),
        })?;
        if let Some(table) = rows.surplus()? {
            return Err(different(table));
        }
        compared += 1;
    }
    Ok(compared)
}

/// Rows of a store, compared with those that should be there, in their order.
struct Comparing<'a> {
    store: &'a dyn Store,
    /// Which table is read, as an index, and behind which key.
    table: usize,
    after: Option<Key>,
}

impl Comparing<'_> {
    /// Compares the next rows; answers in which table they differ.
    fn next(&mut self, expected: &Batch) -> Result<Option<&'static str>, BackupError> {
        let expected: Vec<(&Key, Option<&[u8]>)> = expected.iter().collect();
        let mut rows = expected.as_slice();
        while let Some((key, _)) = rows.first() {
            let Some(table) = Table::ALL.get(self.table).copied() else {
                return Ok(Some(key.table().name()));
            };
            if key.table() != table {
                if let Some(table) = self.surplus_of(table)? {
                    return Ok(Some(table));
                }
                (self.table, self.after) = (self.table + 1, None);
                continue;
            }
            let wanted = rows.iter().take_while(|(key, _)| key.table() == table).count();
            let (of_table, rest) = rows.split_at(wanted);
            let mut equal = 0;
            self.store.scan(
                &Scan::Whole(table),
                self.after.as_ref(),
                wanted,
                &mut |key, value| {
                    if of_table.get(equal) != Some(&(key, Some(value))) {
                        return ControlFlow::Break(());
                    }
                    equal += 1;
                    ControlFlow::Continue(())
                },
            )?;
            if equal != wanted {
                return Ok(Some(table.name()));
            }
            self.after = of_table.last().map(|(key, _)| (*key).clone());
            rows = rest;
        }
        Ok(None)
    }

    /// Answers in which table there are rows behind those that were compared.
    fn surplus(&mut self) -> Result<Option<&'static str>, BackupError> {
        while let Some(table) = Table::ALL.get(self.table).copied() {
            if let Some(table) = self.surplus_of(table)? {
                return Ok(Some(table));
            }
            (self.table, self.after) = (self.table + 1, None);
        }
        Ok(None)
    }

    fn surplus_of(&self, table: Table) -> Result<Option<&'static str>, BackupError> {
        let mut found = None;
        self.store.scan(&Scan::Whole(table), self.after.as_ref(), 1, &mut |_, _| {
            found = Some(table.name());
            ControlFlow::Break(())
        })?;
        Ok(found)
    }
}
