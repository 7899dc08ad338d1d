//! What a listing says: the streams, whether they are whole, and what a restore has to read.

use std::collections::BTreeMap;

use super::error::BackupError;
use super::name::{Kind, ObjectName, StreamId};
use super::objects::Objects;

/// One object of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What its name says.
    pub name: ObjectName,
    /// Its size.
    pub bytes: u64,
}

/// The objects of one stream.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// The snapshots, in the order of their commits.
    pub snapshots: Vec<Listed>,
    /// The segments and ends, in the order of their commits.
    pub chain: Vec<Listed>,
}

/// Which state is to be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The latest one.
    Latest,
    /// That of a time, in milliseconds since 1970.
    Time(u64),
    /// That after a commit.
    Commit(u64),
}

/// What a restore has to read.
#[derive(Clone, Debug)]
pub struct RestorePlan {
    /// Where to begin.
    pub snapshot: Listed,
    /// What to add, in this order.
    pub segments: Vec<Listed>,
    /// Which state is wanted.
    pub at: At,
}

impl RestorePlan {
    /// Returns how many bytes are read.
    pub fn bytes(&self) -> u64 {
        self.snapshot.bytes + self.segments.iter().map(|one| one.bytes).sum::<u64>()
    }
}

/// A listing of a backup.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    streams: BTreeMap<StreamId, Stream>,
}

impl Stream {
    /// Returns the last commit that an object names.
    fn last(&self) -> u64 {
        let objects = self.snapshots.iter().chain(&self.chain);
        objects.map(|one| one.name.last).max().unwrap_or_default()
    }

    /// Returns all objects in the order in which they may be removed: what is left is whole.
    fn backward(&self) -> impl Iterator<Item = &Listed> {
        self.chain.iter().rev().chain(self.snapshots.iter().rev())
    }

    /// Returns the segments and ends from commit `after` on, if none is missing among all that are
    /// listed behind it.
    ///
    /// # Errors
    ///
    /// [`BackupError::Gap`] names the object before which one is missing.
    pub fn chain_after(&self, after: u64) -> Result<Vec<Listed>, BackupError> {
        let mut needed: Vec<Listed> = Vec::new();
        for listed in self.chain.iter().filter(|listed| listed.name.last > after) {
            let name = &listed.name;
            let gap = |reason: String| BackupError::Gap { object: name.to_string(), reason };
            let (expected, is_linked) = match needed.last().map(|before| before.name) {
                None => (after, true),
                Some(before) => (before.last, before.digest == name.prior),
            };
            let begins = match name.kind {
                Kind::Segment => name.first.saturating_sub(1),
                Kind::Snapshot | Kind::End => name.first,
            };
            let is_first = needed.is_empty();
            if begins > expected || (begins < expected && !is_first) {
                let text = match begins > expected {
                    true => format!("the commits from {} to {begins} are missing", expected + 1),
                    false => format!("the commits up to {expected} are there twice"),
                };
                return Err(gap(text));
            }
            if !is_linked {
                return Err(gap("another object stood".to_owned()));
            }
            needed.push(*listed);
        }
        Ok(needed)
    }
}

impl Catalog {
    /// Lists a backup. Files that are no objects are left aside.
    ///
    /// # Errors
    ///
    /// [`BackupError::Object`] if it cannot be listed; [`BackupError::Foreign`] if the backups of
    /// several hubs lie there.
    pub fn read(objects: &dyn Objects) -> Result<Self, BackupError> {
        let listed = objects.list().map_err(BackupError::object("list", objects.place()))?;
        let mut names: Vec<Listed> = listed
            .iter()
            .filter_map(|(text, bytes)| {
                Some(Listed { name: ObjectName::parse(text)?, bytes: *bytes })
            })
            .collect();
        names.sort_by_key(|listed| listed.name);
        if names.windows(2).any(|two| matches!(two, [a, b] if a.name.line != b.name.line)) {
            return Err(BackupError::Foreign);
        }
        let mut streams: BTreeMap<StreamId, Stream> = BTreeMap::new();
        for listed in names {
            let stream = streams.entry(listed.name.stream).or_default();
            match listed.name.kind {
                Kind::Snapshot => stream.snapshots.push(listed),
                Kind::Segment | Kind::End => stream.chain.push(listed),
            }
        }
        for stream in streams.values_mut() {
            // An end stands behind the segment whose last commit it names.
            stream.chain.sort_by_key(|one| (one.name.last, one.name.kind, one.name.first));
        }
        Ok(Self { streams })
    }

    /// Returns the streams, in the order in which they began.
    pub const fn streams(&self) -> &BTreeMap<StreamId, Stream> {
        &self.streams
    }

    /// Returns the store that the backup is of.
    pub fn line(&self) -> Option<u64> {
        self.objects().next().map(|listed| listed.name.line)
    }

    /// Returns all objects.
    pub fn objects(&self) -> impl Iterator<Item = &Listed> {
        self.streams.values().flat_map(|stream| stream.snapshots.iter().chain(&stream.chain))
    }

    /// Returns the highest commit that any object names.
    pub(super) fn last_commit(&self) -> u64 {
        self.objects().map(|listed| listed.name.last).max().unwrap_or_default()
    }

    /// Returns the stream that goes on last.
    pub(super) fn latest(&self) -> Option<&Stream> {
        // The number of a commit is never used again, whatever stream it is in.
        self.streams.values().max_by_key(|stream| stream.last())
    }

    /// Decides what has to be read for a state.
    ///
    /// # Errors
    ///
    /// - [`BackupError::Empty`] if there is nothing.
    /// - [`BackupError::Unfinished`] if the latest state is wanted and its snapshot is not there.
    /// - [`BackupError::NotReached`] if there is no snapshot before that state.
    /// - [`BackupError::Gap`] if an object is missing.
    pub fn plan(&self, at: At) -> Result<RestorePlan, BackupError> {
        let latest = self.latest().ok_or(BackupError::Empty)?;
        let not_reached = |wanted: String| BackupError::NotReached { wanted };
        let all = || {
            self.streams
                .values()
                .flat_map(|stream| stream.snapshots.iter().map(move |one| (stream, one)))
        };
        let order = |(_, one): &(&Stream, &Listed)| (one.name.last, one.name);
        let (stream, snapshot) = match at {
            At::Latest => {
                let unfinished = || {
                    let first = latest.chain.first().map_or(0, |one| one.name.first);
                    let last = latest.chain.last().map_or(0, |one| one.name.last);
                    BackupError::Unfinished { first, last }
                };
                (latest, latest.snapshots.last().ok_or_else(unfinished)?)
            }
            At::Time(ms) => all()
                .filter(|(_, one)| one.name.at_ms <= ms)
                .max_by_key(order)
                .ok_or_else(|| not_reached("that time".to_owned()))?,
            At::Commit(number) => all()
                .filter(|(stream, one)| {
                    let end = stream.chain.last().map_or(0, |last| last.name.last);
                    one.name.last == number || (one.name.last < number && number <= end)
                })
                .max_by_key(order)
                .ok_or_else(|| not_reached(format!("commit {number}")))?,
        };
        let mut segments = stream.chain_after(snapshot.name.last)?;
        let mut before_ms = snapshot.name.at_ms;
        segments.retain(|listed| {
            let is_needed = match at {
                At::Latest => true,
                At::Time(ms) => before_ms <= ms,
                At::Commit(number) => listed.name.first <= number,
            };
            before_ms = listed.name.at_ms;
            is_needed && listed.name.kind == Kind::Segment
        });
        Ok(RestorePlan { snapshot: *snapshot, segments, at })
    }

    /// Returns the objects that are not needed if only the latest `kept` snapshots are, in an order in
    /// which they may be removed one by one.
    pub(super) fn surplus(&self, kept: usize, current: StreamId) -> Vec<ObjectName> {
        let mut snapshots: Vec<&Listed> =
            self.streams.values().flat_map(|stream| &stream.snapshots).collect();
        snapshots.sort_by_key(|one| (one.name.last, one.name));
        let kept: Vec<ObjectName> =
            snapshots.iter().rev().take(kept.max(1)).map(|one| one.name).collect();
        let mut surplus = Vec::new();
        for (id, stream) in &self.streams {
            let first = kept.iter().filter(|name| name.stream == *id).map(|name| name.last).min();
            let Some(first) = first else {
                if *id != current {
                    surplus.extend(stream.backward().map(|one| one.name));
                }
                continue;
            };
            let old = stream.snapshots.iter().filter(|one| one.name.last < first);
            surplus.extend(old.map(|one| one.name));
            let old = stream.chain.iter().filter(|one| one.name.last <= first);
            surplus.extend(old.map(|one| one.name));
        }
        surplus
    }
}
