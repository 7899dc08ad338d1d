//! Two folders and a hub, as a person has them.

use std::path::PathBuf;

use syncline_engine::link::{Direction, LinkedDomain, LinkedEntity};
use syncline_hub::{
    Actor, FileDomain, FileEntity, Hub, HubError, HubOptions, Silent, SyncOutcome, SyncRequest,
};
use syncline_merge::rules::{EntityRules, FieldRules, Rule, Shape};
use syncline_model::id::{DomainName, EntityName, Writer};
use syncline_model::path::{Path as Pointer, Pattern};
use syncline_policy::{Guard, Limits};

/// A desk with the folders `personal` and `business`, and the state beside them.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
    pub(crate) request: SyncRequest,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let domain = |name: &str| {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            FileDomain {
                domain: LinkedDomain::open(DomainName::new(name).unwrap()),
                folder: folder.path().join(name),
                renames: Default::default(),
            }
        };
        let request = SyncRequest {
            source: domain("personal"),
            target: domain("business"),
            others: Vec::new(),
            entities: vec![entity("contacts", source_wins())],
            direction: Direction::Bidirectional,
            limits: Limits::default(),
            guard: Guard::default(),
            narrowing: Default::default(),
            actor: Actor {
                user: Some("ann".into()),
                session: Some("s1".into()),
                roles: Vec::new(),
            },
            fail_on_conflict: false,
            require_clean: false,
            unites_twins: false,
            expected_inputs: None,
        };
        Self { folder, request }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Writes the contacts of a domain, one JSON object each.
    pub(crate) fn contacts(&self, domain: &str, items: &[&str]) {
        let text = format!("{{\"contacts\": [{}]}}", items.join(","));
        self.write(&format!("{domain}/contacts.json"), &text);
    }

    pub(crate) fn hub(&self) -> Hub {
        let state_folder = self.path(".syncline");
        Hub::open(&HubOptions { state_folder, check_store: false }).unwrap()
    }

    pub(crate) fn sync(&self) -> Result<SyncOutcome, HubError> {
        self.hub().sync(&self.request, &mut Silent)
    }

    /// Returns what a domain holds, compact and sorted by id.
    pub(crate) fn held(&self, domain: &str) -> Vec<String> {
        use syncline_model::json::{Json, parse};
        let text = self.read(&format!("{domain}/contacts.json"));
        let file = parse(text.as_bytes()).unwrap();
        let items = file.at(&Pointer::parse("/contacts").unwrap()).unwrap().as_array().unwrap();
        let mut items: Vec<String> = items.iter().map(Json::to_canonical_string).collect();
        items.sort();
        items
    }
}

pub(crate) fn entity(name: &str, rules: EntityRules) -> FileEntity {
    FileEntity {
        entity: LinkedEntity::new(
            EntityName::new(name).unwrap(),
            rules,
            Pointer::parse("/id").unwrap(),
            Some(Pointer::parse("/lastModified").unwrap()),
        ),
        file: format!("{name}.json"),
        identifying: Vec::new(),
    }
}

/// Spec 001's rules: the source wins, the time is the latest.
pub(crate) fn source_wins() -> EntityRules {
    EntityRules {
        fields: vec![FieldRules {
            pattern: Pattern::parse("/lastModified").unwrap(),
            shape: Shape::Register,
            rule: Rule::Max,
        }],
        rule_default: Rule::Priority([Writer::new("personal").unwrap()].into()),
        ..EntityRules::default()
    }
}
