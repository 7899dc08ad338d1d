//! What a hub knows of the copies that its clients hold, and what the world knows of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use syncline_model::id::{ClientId, Position};
use syncline_protocol::message::Follow;
use syncline_server::{Consistency, Replica, Replicas};

use super::check::Finding;

/// What a client has said of a sum: who it is, whether it holds the same, and as of where.
pub(super) type Claim = (usize, bool, Position);

/// The copies of a hub.
pub(super) struct Copies {
    folder: PathBuf,
    /// The product's, while the hub runs and clients compare.
    known: Option<Replicas>,
    /// What each has said last since the hub was started.
    said: BTreeMap<Replica, bool>,
    /// Those that the hub has seen, and those of them that are written down.
    seen: BTreeSet<Replica>,
    saved: BTreeSet<Replica>,
    /// What was said and is not judged yet.
    pub(super) claims: Vec<Claim>,
    /// How often a client has said that it holds what the hub shows.
    pub(super) equal: u64,
}

impl Copies {
    pub(super) fn new(folder: PathBuf) -> Self {
        let (said, seen, saved) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        Self { folder, known: None, said, seen, saved, claims: Vec::new(), equal: 0 }
    }

    /// The hub starts.
    pub(super) fn begin(&mut self) {
        drop(fs::create_dir_all(&self.folder));
        self.known = Some(Replicas::open(&self.folder));
        self.said.clear();
        self.seen.clone_from(&self.saved);
    }

    /// The hub ends in order.
    pub(super) fn save(&mut self, now_ms: u64) {
        if let Some(known) = self.known.take() {
            known.save(now_ms);
            self.saved.clone_from(&self.seen);
        }
    }

    /// A client is there and follows this.
    ///
    /// - `is_trusted`: its copy is taken for what the hub shows: a defect, planted.
    pub(super) fn greet(
        &mut self,
        client: &ClientId,
        follows: &[Follow],
        (is_trusted, now_ms): (bool, u64),
    ) -> Option<Finding> {
        let known = self.known.as_ref()?;
        for follow in follows {
            let copy = Replica::of(client, follow);
            match is_trusted {
                true => known.checked(&copy, true, now_ms),
                false => known.seen(&copy, now_ms),
            }
            self.seen.insert(copy);
        }
        self.compare(now_ms)
    }

    /// A client says whether it holds what the hub has summed up.
    pub(super) fn checked(
        &mut self,
        (client, follow): (&ClientId, &Follow),
        claim: Claim,
        now_ms: u64,
    ) -> Option<Finding> {
        let known = self.known.as_ref()?;
        let copy = Replica::of(client, follow);
        known.checked(&copy, claim.1, now_ms);
        self.said.insert(copy, claim.1);
        self.claims.push(claim);
        self.equal += u64::from(claim.1);
        self.compare(now_ms)
    }

    /// Returns whether a client has said that it holds what the hub shows.
    pub(super) fn is_same(&self, client: &ClientId) -> bool {
        self.said.iter().any(|(copy, is_equal)| copy.client == *client && *is_equal)
    }

    /// I24: what the hub tells of its copies is what they have said since it was started, and of the rest it
    /// knows nothing.
    pub(super) fn compare(&self, now_ms: u64) -> Option<Finding> {
        let told = self.known.as_ref()?.count(now_ms);
        let said = |word: bool| self.said.values().filter(|said| **said == word).count() as u64;
        let unknown = self.seen.len().saturating_sub(self.said.len()) as u64;
        let Consistency { equal, different, .. } = told;
        let ratio = (!self.said.is_empty()).then(|| said(true) as f64 / self.said.len() as f64);
        let is_so = (equal, different, told.unknown) == (said(true), said(false), unknown)
            && told.ratio() == ratio;
        let finding = || {
            let (same, other) = (said(true), said(false));
            format!("{told:?} is told, and {same} are the same, {other} not, {unknown} unknown")
        };
        (!is_so).then(|| ("I24", finding()))
    }
}
