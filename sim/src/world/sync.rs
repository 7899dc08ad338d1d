//! Runs of the real hub over a site's two folders.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use syncline_engine::link::{Direction, LinkedDomain, LinkedEntity, Side};
use syncline_hub::{
    Actor, Environment, FileDomain, FileEntity, Hub, HubError, Parts, Place, Silent, SyncOutcome,
    SyncRequest,
};
use syncline_merge::conflict::conflicts;
use syncline_model::id::DomainName;
use syncline_model::json::Leaf;
use syncline_model::path::Pattern;
use syncline_policy::{Action, DomainPolicy, Fallback, Guard, Limits, Rule, Threshold};

use super::files::{FIELDS, FILE, Harm, LAST_FIELD, file, folder, items, text};
use super::{Event, World};
use crate::check::records;
use crate::fault::PlantedFault;
use crate::random::Random;
use crate::schema::path;
use crate::store::SimStore;

/// Most rounds of runs over all sites until nothing may be left to do.
const ROUNDS_MAX: usize = 30;

/// Time and random numbers of one run.
struct SimEnvironment {
    now_ms: u64,
    random: Random,
}

impl Environment for SimEnvironment {
    fn now_ms(&self) -> u64 {
        self.now_ms
    }

    fn random(&mut self) -> Result<[u8; 32], HubError> {
        Ok(self.random.bytes())
    }
}

/// What the files of a site hold: records by id, by side; nothing for a file that cannot be read.
type Held = [Option<BTreeMap<String, Vec<String>>>; 2];

impl World {
    /// Runs the hub over the folders of a site, as a person or a timer would.
    pub(crate) fn sync_folders(&mut self, index: usize) {
        self.after(self.swarm.sync_pause_ms, Event::Sync(index));
        if self.sites.get(index).is_none_or(|site| site.server.is_none()) {
            return;
        }
        if self.random.chance(self.swarm.scope_change)
            && let Some(folders) = self.folders.get_mut(index)
        {
            folders.withholds = !folders.withholds;
        }
        if self.random.chance(self.swarm.sync_crash) {
            let operations = self.random.below(60);
            if let Some(site) = self.sites.get(index) {
                site.disk.stop_after(operations);
            }
        }
        let guard = match self.fault {
            Some(PlantedFault::EmptiedFileDeletes) => unlimited(),
            _ => Guard::default(),
        };
        self.sync(index, guard);
        let Some(site) = self.sites.get(index) else {
            return;
        };
        if site.disk.is_stopped() {
            self.restart_machine(index);
        } else {
            site.disk.stop_never();
            self.start_site(index);
        }
    }

    /// Runs the hub once; answers whether it wrote anything or found a change, if it came to an end.
    fn sync(&mut self, index: usize, guard: Guard) -> Option<bool> {
        let before = self.held(index);
        let noted = self.noted(index);
        let request = self.request(index, guard);
        let mut hub = self.open_hub(index)?;
        let position = hub.position();
        let outcome = hub.sync(&request, &mut Silent);
        let moved = hub.position() != position;
        drop(hub);
        let after = self.held(index);
        let ended = outcome.as_ref().map(|outcome| (outcome.wrote, outcome.report.status.as_str()));
        let ended = ended.map_err(HubError::code);
        let withholds = self.folders.get(index).is_some_and(|folders| folders.withholds);
        let scope = if withholds { ", x-note withheld" } else { "" };
        self.note(format_args!("s{index} synchronises: {ended:?}, moved {moved}{scope}"));
        let actions = outcome.iter().flat_map(|outcome| &outcome.actions);
        for action in actions {
            let (id, side, kind) = (&action.id, action.side, action.kind);
            let fields: Vec<String> = action
                .fields
                .iter()
                .map(|field| {
                    let text = |leaf: &Option<Leaf>| {
                        leaf.as_ref().map_or("-".to_owned(), |leaf| leaf.as_str().to_owned())
                    };
                    format!("{} {} -> {}", field.path, text(&field.from), text(&field.to))
                })
                .collect();
            self.trace.note(
                self.now_ms,
                format_args!("  s{index} {kind:?} {id} at {side:?}: {}", fields.join(", ")),
            );
        }
        self.count("run over folders");
        self.check_harmed(index, &before, &after);
        self.check_scope(index, &noted);
        let outcome = outcome.ok()?;
        if outcome.report.problems.is_empty() {
            self.count("run over folders without a problem");
            self.taken(index, &outcome, &before);
            self.hidden(index, &after);
            self.shown(index);
        }
        Some(outcome.wrote || moved)
    }

    /// Opens the real hub on the simulated store and disk; the server has ended before.
    pub(super) fn open_hub(&mut self, index: usize) -> Option<Hub> {
        let fault = self.fault.and_then(PlantedFault::of_store);
        let now_ms = self.now_ms;
        let site = self.sites.get_mut(index)?;
        site.server = None;
        let environment =
            SimEnvironment { now_ms: site.wall_ms(now_ms), random: site.split_random() };
        let store = SimStore::open(&site.disk, &site.folder, fault).ok()?;
        let hub = Hub::with_parts(Parts {
            store: Box::new(store),
            disk: Arc::new(site.disk.clone()),
            environment: Box::new(environment),
            state_folder: site.folder.clone(),
            place: Place {
                path: "store.log".to_owned(),
                identity: "simulated".to_owned(),
                touched: String::new(),
                is_latest: None,
            },
        });
        match hub {
            Ok(hub) => Some(hub),
            Err(error) => {
                let code = error.code();
                self.note(format_args!("s{index}: the hub does not open: {code}"));
                if let HubError::Row { table } | HubError::Damaged { table, .. } = error {
                    self.row_damaged(index, table);
                }
                None
            }
        }
    }

    pub(super) fn request(&self, index: usize, guard: Guard) -> SyncRequest {
        let withholds = self.folders.get(index).is_some_and(|folders| folders.withholds);
        let domain = |side: Side, name: &str| {
            let name = DomainName::new(&format!("{name}-{index}")).expect("invariant: a name");
            let mut domain = LinkedDomain::open(name);
            if withholds && side == Side::Target {
                let mut policy = DomainPolicy::new(Fallback::Allow);
                let pattern =
                    Pattern::parse(&format!("/{LAST_FIELD}")).expect("invariant: a pattern");
                policy.add_rule(Rule { entity: None, pattern, action: Action::Deny });
                domain.policy = policy;
            }
            FileDomain { domain, folder: folder(side), renames: BTreeMap::new() }
        };
        let name = self.schema.contacts.clone();
        let rules = self.schema.rules(&name).clone();
        let entity = LinkedEntity::new(name, rules, path("/id"), Some(path("/at")));
        SyncRequest {
            source: domain(Side::Source, "personal"),
            target: domain(Side::Target, "business"),
            others: Vec::new(),
            entities: vec![FileEntity { entity, file: FILE.to_owned(), identifying: Vec::new() }],
            direction: Direction::Bidirectional,
            limits: Limits { run_ms: u64::MAX, ..Limits::default() },
            guard,
            narrowing: Default::default(),
            actor: Actor { user: Some("somebody".to_owned()), ..Actor::default() },
            fail_on_conflict: false,
            require_clean: false,
            unites_twins: false,
            expected_inputs: None,
        }
    }

    /// Returns what a site's files hold, as their owners see it.
    fn held(&self, index: usize) -> Held {
        Side::BOTH.map(|side| {
            let bytes = self.sites.get(index)?.disk.peek(&file(side))?;
            let values = |item: &syncline_model::json::Object| {
                let id = text(item, "id")?.to_owned();
                Some((
                    id,
                    FIELDS
                        .iter()
                        .filter_map(|field| text(item, field))
                        .map(str::to_owned)
                        .collect(),
                ))
            };
            Some(items(&bytes)?.iter().filter_map(values).collect())
        })
    }

    /// Checks that a file that came to harm was left alone, and took nothing from the other one.
    fn check_harmed(&mut self, index: usize, before: &Held, after: &Held) {
        for side in Side::BOTH {
            let harmed =
                self.folders.get(index).and_then(|folders| folders.harmed[side.index()].clone());
            let Some(Harm { bad, .. }) = harmed else {
                continue;
            };
            let now = self.sites.get(index).and_then(|site| site.disk.peek(&file(side)));
            if bad.as_deref().is_some_and(|bad| items(bad).is_none()) && now != bad {
                let finding = format!("site {index}: a file that cannot be read was replaced");
                self.history.violate(
                    "I19",
                    finding,
                    vec![format!("s{index}"), format!("u{index}")],
                );
            }
            let other = side.other().index();
            let (Some(before), Some(after)) = (&before[other], &after[other]) else {
                continue;
            };
            let gone = before.keys().filter(|id| !after.contains_key(*id)).count();
            if gone > 0 {
                let len = bad.as_ref().map(Vec::len);
                let finding = format!(
                    "site {index}: a file of {len:?} bytes deleted {gone} of {} records of the other",
                    before.len()
                );
                let words = vec![format!("s{index}"), format!("u{index}")];
                self.history.violate("I19", finding, words);
            }
        }
    }

    /// Returns what the files of a site say in the field that is out of the target's scope at times: by
    /// side and record, the value or nothing.
    fn noted(&self, index: usize) -> [BTreeMap<String, Option<String>>; 2] {
        Side::BOTH.map(|side| {
            let bytes = self.sites.get(index).and_then(|site| site.disk.peek(&file(side)));
            let items = bytes.as_deref().and_then(items).unwrap_or_default();
            let noted = |item: &syncline_model::json::Object| {
                let value = text(item, LAST_FIELD).map(str::to_owned);
                Some((text(item, "id")?.to_owned(), value))
            };
            items.iter().filter_map(noted).collect()
        })
    }

    /// Checks that no run takes out of a file, in a record that stays, a field that enters and leaves
    /// the target's scope: nobody ever removes one, and whoever deletes its record replaces it.
    fn check_scope(&mut self, index: usize, before: &[BTreeMap<String, Option<String>>; 2]) {
        if self.swarm.scope_change == 0 {
            return;
        }
        let after = self.noted(index);
        for (before, after) in before.iter().zip(&after) {
            let gone = before.iter().find(|(id, value)| {
                let is_bare = after.get(*id).is_some_and(Option::is_none);
                let replaced = &self.history.lineage.replaced;
                is_bare && value.as_ref().is_some_and(|value| !replaced.contains(value))
            });
            if let Some((id, value)) = gone {
                let finding = format!("site {index}: a run took {value:?} out of {id}");
                let words = vec![format!("s{index}"), id.clone()];
                self.history.violate("I17", finding, words);
            }
        }
    }

    /// Takes note of what a run has taken in: from now on it must not be lost.
    fn taken(&mut self, index: usize, outcome: &SyncOutcome, before: &Held) {
        let withholds = self.folders.get(index).is_some_and(|folders| folders.withholds);
        let _ = outcome;
        for side in Side::BOTH {
            let harmed = self.folders.get(index).is_some_and(|f| f.harmed[side.index()].is_some());
            // What the target is not to see, it does not give either.
            if harmed || (withholds && side == Side::Target) {
                continue;
            }
            for values in before[side.index()].iter().flat_map(BTreeMap::values) {
                self.history.lineage.acknowledged.extend(values.iter().cloned());
            }
        }
    }

    /// Takes note of what the target was not to see when it was written.
    fn hidden(&mut self, index: usize, after: &Held) {
        let Some(folders) = self.folders.get_mut(index) else { return };
        folders.hidden.clear();
        let [Some(source), Some(target)] = after else { return };
        if !folders.withholds {
            return;
        }
        for (id, seen) in target {
            let values = source.get(id).into_iter().flatten();
            let hidden = values.filter(|value| !seen.contains(value)).cloned();
            folders.hidden.insert(id.clone(), hidden.collect());
        }
    }

    /// Takes note of the changes that the owners of both files have now seen, by their values.
    fn shown(&mut self, index: usize) {
        let shadow = self.history.shadows.get(index);
        if let (Some(folders), Some(shadow)) = (self.folders.get_mut(index), shadow) {
            folders.shown.clone_from(shadow.records());
        }
    }

    /// Once everything is healed: runs over all folders, and lets the hubs exchange, until nothing
    /// is left to do.
    pub(crate) fn sync_until_still(&mut self) {
        if self.swarm.sync_pause_ms == 0 {
            return;
        }
        for index in 0..self.sites.len() {
            for side in Side::BOTH {
                self.repair(index, side);
            }
            if let Some(folders) = self.folders.get_mut(index) {
                folders.withholds = false;
            }
        }
        for _ in 0..ROUNDS_MAX {
            let deadline = self.now_ms + super::play::LIVENESS_MS;
            self.run_until(deadline);
            let mut still = true;
            for index in 0..self.sites.len() {
                // A person has looked, and lets the deletions pass.
                still &= self.sync(index, unlimited()) == Some(false);
                self.start_site(index);
            }
            if still && self.is_quiet() {
                return self.check_folders();
            }
        }
        let finding = format!("runs over folders still find changes after {ROUNDS_MAX} rounds");
        self.history.violate("I22", finding, vec!["synchronises".to_owned()]);
    }

    /// Checks that both files of each site hold the same records.
    fn check_folders(&mut self) {
        let open = self.open_conflicts();
        let mut all: BTreeSet<BTreeMap<String, Vec<String>>> = BTreeSet::new();
        for index in 0..self.sites.len() {
            let [Some(mut source), Some(mut target)] = self.held(index) else {
                let finding = format!("site {index}: a file cannot be read at the end");
                self.history.violate("I1", finding, vec![format!("u{index}")]);
                continue;
            };
            // While a conflict is open, every writer keeps what it wrote.
            source.retain(|id, _| !open.contains(id));
            target.retain(|id, _| !open.contains(id));
            if source != target {
                let differing = source.iter().find(|(id, values)| target.get(*id) != Some(values));
                let differing =
                    differing.or_else(|| target.iter().find(|(id, _)| !source.contains_key(*id)));
                let (id, _) = differing
                    .map_or((String::new(), Vec::new()), |(id, v)| (id.clone(), v.clone()));
                let finding = format!("site {index}: the files differ in {id}");
                self.history.violate("I1", finding, vec![id, format!("s{index} synchronises")]);
            }
            all.insert(source);
        }
        if all.len() > 1 {
            let finding = "the files of two sites differ at the end".to_owned();
            self.history.violate("I1", finding, vec!["synchronises".to_owned()]);
        }
    }

    /// Returns the contacts of which a conflict waits for a person, at any site.
    fn open_conflicts(&self) -> BTreeSet<String> {
        let mut open = BTreeSet::new();
        for server in self.sites.iter().filter_map(|site| site.server.as_ref()) {
            for (key, record) in records(server.rows()) {
                let found = conflicts(&record, self.schema.rules(&key.0));
                if found.iter().any(|conflict| conflict.open) {
                    open.insert(key.1.as_str().to_owned());
                }
            }
        }
        open
    }
}

pub(super) fn unlimited() -> Guard {
    Guard {
        max_delete: Threshold::UNLIMITED,
        max_change: Threshold::UNLIMITED,
        allow_emptied: true,
    }
}
