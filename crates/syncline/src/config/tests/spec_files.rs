//! The two files of spec 001.

use syncline_policy::Access;

use super::*;

fn load(main: Option<&str>, mappings: Option<&str>) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [(CROSS_DOMAIN_FILE, main), (MAPPINGS_FILE, mappings)] {
        if let Some(text) = text {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
    }
    Config::load(dir.path(), None).map(|loaded| loaded.config)
}

#[test]
fn the_files_mean_what_they_seem_to_say() {
    let main = r#"{
        "data_path": "lists",
        "domains": [
            {"name": "personal", "permissions": ["read"]},
            {"name": "business", "path": "/srv/b", "policy": {
                "excludeFields": ["notes", "address.city", "a/b"],
                "maskedFields": {"contacts": ["/phone"]},
                "exclude_categories": ["private"]
            }}
        ],
        "entity_types": ["contacts"],
        "sync": {"conflict_resolution": "source_wins", "defaultDirection": "source_to_target"},
        "permissions": {"alice": {"personal": ["read"], "business": ["read", "write"]}},
        "limits": {"maxItems": 7, "maxTotalSizeMB": 2, "timeoutSeconds": 30}
    }"#;
    let mappings = r#"{"version": 1, "entities": {"contacts": {
        "id_field": "uid", "timestampField": "meta.changed", "fieldMappings": {"phone": "tel"},
        "mergeRules": {"tags": "array_merge"}
    }}}"#;
    let config = load(Some(main), Some(mappings)).unwrap();
    let (personal, business) = (&config.domains[0], &config.domains[1]);
    assert!(personal.path.ends_with("lists/personal") && !personal.writable && business.writable);
    assert_eq!(business.path, Path::new("/srv/b"));
    let rules = business.policy.rules().iter().map(|rule| rule.pattern.as_str());
    assert_eq!(rules.collect::<Vec<_>>(), ["/notes", "/address/city", "/a~1b", "/phone"]);
    assert_eq!(business.policy.record_rules().len(), 1);
    let rename = &business.renames.values().next().unwrap()[0];
    assert_eq!((rename.hub.as_str(), rename.domain.as_str()), ("/phone", "/tel"));
    let contacts = &config.entities[0];
    assert_eq!((config.entities.len(), contacts.id.as_str()), (1, "/uid"));
    assert_eq!(contacts.time.as_ref().unwrap().as_str(), "/meta/changed");
    assert_eq!(contacts.fields[0].shape, Shape::Union);
    let link = config.link_for("personal", "business").unwrap();
    assert_eq!(
        (link.on_conflict, link.direction),
        (Some(OnConflict::Source), Direction::SourceToTarget)
    );
    let limits = config.limits;
    assert_eq!(
        (limits.items_per_entity, limits.bytes_per_run, limits.run_ms),
        (7, 2_000_000, 30_000)
    );
    assert!(!config.permissions.is_open());
}

/// A list of one domain is for everybody, also where another names who may use it.
#[test]
fn the_rights_of_everybody_stay_where_others_are_of_users() {
    let config = |personal: &str, business: &str| {
        let text = format!(
            r#"{{"domains": {{"personal": {personal}, "business": {business}}},
                "entities": ["contacts"]}}"#
        );
        load(Some(&text), None).unwrap()
    };
    let everybody = r#"{"permissions": ["read", "write"]}"#;
    let readers = r#"{"permissions": ["read"]}"#;
    let alice = r#"{"permissions": {"alice": ["read", "write"]}}"#;
    // Who may read and write in which domain: alice in personal and business, then bob.
    let [all, some, none] = [[true, true], [true, false], [false, false]];
    for (personal, business, alice_may, bob_may) in [
        (everybody, alice, [all, all], [all, none]),
        (readers, alice, [some, all], [some, none]),
        (alice, everybody, [all, all], [none, all]),
        ("{}", alice, [none, all], [none, none]),
        (everybody, everybody, [all, all], [all, all]),
        (everybody, "{}", [all, all], [all, all]),
    ] {
        let config = config(personal, business);
        for (user, expected) in [("alice", alice_may), ("bob", bob_may)] {
            for (domain, expected) in ["personal", "business"].into_iter().zip(expected) {
                let domain = &config.domain(domain).unwrap().name;
                let may = [Access::Read, Access::Write].map(|access| {
                    let entity = &config.entities[0].name;
                    config.permissions.judge(user, domain, entity, access).is_ok()
                });
                assert_eq!(may, expected, "{user} in {domain}: {personal} {business}");
            }
        }
    }
}

#[test]
fn an_empty_file_means_the_defaults() {
    let config = load(Some("{}"), Some("{}")).unwrap();
    let (domains, entities, links) = names(&config);
    assert_eq!(
        (domains, entities.len(), links),
        (vec!["personal", "business"], 5, vec!["personal-business"])
    );
}

/// One row per refusal, with a part of what is said.
#[test]
fn what_is_not_understood_is_refused() {
    #[rustfmt::skip]
    let cases = [
        (Some("{"), None, "EOF"),
        (Some("{\"encryption\": true}"), None, "unknown field `encryption`"),
        (Some("{\"domains\": {\"a\": {\"colour\": 1}}}"), None, "unknown field `colour`"),
        (Some("{\"domains\": {\"a\": {}, \"a\": {}}}"), None, "given twice"),
        (Some("{\"domains\": [{}]}"), None, "missing field `name`"),
        (Some("{\"domains\": {\"../a\": {}}}"), None, "name of a domain"),
        (Some("{\"domains\": {\"a\": {\"permissions\": [\"write\"]}}}"), None, "not understood"),
        (Some("{\"sync\": {\"conflictResolution\": \"dice\"}}"), None, "unknown preference"),
        (Some("{\"sync\": {\"direction\": \"up\"}}"), None, "unknown direction"),
        (Some("{\"permissions\": {\"a\": {\"home\": [\"read\"]}}}"), None, "no domain"),
        (None, Some("{\"contacts\": {\"idPath\": \"x\"}}"), "unknown field `idPath`"),
        (None, Some("{\"contacts\": {}, \"entities\": {\"contacts\": {}}}"), "given twice"),
        (None, Some("{\"contacts\": {\"fieldMappings\": {\"a\": {\"home\": \"b\"}}}}"), "no known domain"),
        (None, Some("{\"contacts\": {\"mergeRules\": {\"a\": \"dice\"}}}"), "unknown shape or rule"),
        (Some("{\"domains\": {\"a\": {}, \"b\": {}, \"c\": {}}}"),
            Some("{\"contacts\": {\"fieldMappings\": {\"a\": \"b\"}}}"), "does not name a domain"),
    ];
    for (main, mappings, said) in cases {
        let error = load(main, mappings).map(drop).expect_err(said);
        assert_eq!(error.code(), "CONFIG_INVALID", "case: {said}");
        assert!(error.to_string().contains(said), "case: {said}: {error}");
    }
}
