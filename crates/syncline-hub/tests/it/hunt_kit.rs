//! What the tests that try to lose data have in common: policies, digests, counts, a bad machine.

use std::collections::BTreeMap;
use std::path::Path;

use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_engine::link::Side;
use syncline_engine::rows::Scan;
use syncline_hub::HubError;
use syncline_model::id::Position;
use syncline_model::json::Leaf;
use syncline_model::path::{Path as Pointer, Pattern};
use syncline_policy::{
    Action, Condition, DomainPolicy, Fallback, Guard, RecordRule, Rule, Threshold,
};

use crate::desk::Desk;

/// A guard that lets every plan pass.
pub(crate) fn no_guard() -> Guard {
    Guard {
        max_delete: Threshold::UNLIMITED,
        max_change: Threshold::UNLIMITED,
        allow_emptied: true,
    }
}

/// A desk where both sides hold the same contacts and know it.
pub(crate) fn agreed(items: &[&str]) -> Desk {
    let mut desk = Desk::new();
    desk.request.guard = no_guard();
    desk.contacts("personal", items);
    desk.contacts("business", items);
    desk.sync().unwrap();
    desk
}

/// A policy of field rules, the first one first.
pub(crate) fn policy(rules: &[(&str, Action)]) -> DomainPolicy {
    let mut policy = DomainPolicy::new(Fallback::Allow);
    for (pattern, action) in rules {
        policy.add_rule(Rule {
            entity: None,
            pattern: Pattern::parse(pattern).unwrap(),
            action: *action,
        });
    }
    policy
}

/// Adds a rule that keeps records back whose field has a value.
pub(crate) fn keep_back(policy: &mut DomainPolicy, path: &str, value: &str) {
    policy.add_record_rule(RecordRule {
        entity: None,
        condition: Condition {
            path: Pointer::parse(path).unwrap(),
            one_of: vec![Leaf::parse(value).unwrap()],
        },
    });
}

impl Desk {
    /// Returns both files, byte for byte.
    pub(crate) fn files(&self) -> (String, String) {
        let of = |domain: &str| {
            std::fs::read_to_string(self.path(&format!("{domain}/contacts.json")))
                .unwrap_or_default()
        };
        (of("personal"), of("business"))
    }

    /// Returns what both domains hold.
    pub(crate) fn both(&self) -> (Vec<String>, Vec<String>) {
        (self.held("personal"), self.held("business"))
    }

    /// Synchronises and expects both sides to hold exactly `expected` then.
    pub(crate) fn sync_to(&self, expected: &[&str]) {
        self.sync().unwrap();
        let (personal, business) = self.both();
        assert_eq!(personal, expected, "personal");
        assert_eq!(business, expected, "business");
    }

    /// Returns how many entries the log has.
    pub(crate) fn log_length(&self) -> usize {
        let mut count = 0;
        let scan = Scan::Log { from: Position(0) };
        let hub = self.hub();
        hub.rows()
            .scan(&scan, None, usize::MAX, &mut |_, _| {
                count += 1;
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        count
    }

    /// Synchronises and expects that nothing moves: no file, no entry in the log.
    pub(crate) fn sync_is_idle(&self) {
        let (files, entries) = (self.files(), self.log_length());
        let outcome = self.sync().unwrap();
        assert_eq!(self.files(), files, "an idle run wrote a file");
        assert_eq!(self.log_length(), entries, "an idle run wrote to the log");
        assert!(!outcome.wrote, "an idle run says that it wrote");
    }

    /// Returns the conflicts that are listed, by their status.
    pub(crate) fn listed(&self, status: Status) -> Vec<ConflictRow> {
        let rows = self.hub().conflicts().unwrap();
        rows.into_iter().filter(|row| row.status == status).collect()
    }

    /// Sets the policy of one side.
    pub(crate) fn set_policy(&mut self, side: Side, policy: DomainPolicy) {
        match side {
            Side::Source => self.request.source.domain.policy = policy,
            Side::Target => self.request.target.domain.policy = policy,
        }
    }

    /// Copies the state folder to a place beside it.
    pub(crate) fn save_state(&self, name: &str) {
        copy_folder(&self.path(".syncline"), &self.path(name));
    }

    /// Puts a saved state in the place of the present one.
    pub(crate) fn restore_state(&self, name: &str) {
        std::fs::remove_dir_all(self.path(".syncline")).unwrap();
        copy_folder(&self.path(name), &self.path(".syncline"));
    }
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Returns the files below a folder, by name.
pub(crate) fn files_below(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            let name = path.to_string_lossy().into_owned();
            found.insert(name, std::fs::read(&path).unwrap());
        }
    }
    found
}

/// Expects a run to be stopped by a guard.
pub(crate) fn assert_stopped(result: Result<syncline_hub::SyncOutcome, HubError>) {
    match result {
        Err(HubError::Safety(_)) => {}
        Err(error) => panic!("stopped by {error} and not by the guard"),
        Ok(outcome) => panic!("not stopped: {:?}", outcome.actions),
    }
}
