//! Whole configurations: what they mean, what is refused and where, and that the published schema,
//! the guide and the code say the same.

mod refusals;
mod schema;
mod spec_files;

use std::path::Path;

use super::*;

fn parse(text: &str) -> Config {
    Config::parse(text, Path::new("/base")).unwrap_or_else(|error| panic!("{error}")).config
}

fn names(config: &Config) -> (Vec<&str>, Vec<&str>, Vec<&str>) {
    (
        config.domains.iter().map(|domain| domain.name.as_str()).collect(),
        config.entities.iter().map(|entity| entity.name.as_str()).collect(),
        config.links.iter().map(|link| link.name.as_str()).collect(),
    )
}

#[test]
fn without_a_file_spec_001_works() {
    let dir = tempfile::tempdir().unwrap();
    let loaded = Config::load(dir.path(), None).unwrap();
    let entities = vec!["contacts", "calendar", "tasks", "documents", "communications"];
    let expected = (vec!["personal", "business"], entities, vec!["personal-business"]);
    assert_eq!(names(&loaded.config), expected);
    assert!(loaded.read.is_empty());
    let config = loaded.config;
    assert_eq!(config.state, dir.path().join(".syncline"));
    assert_eq!(config.domains[1].path, dir.path().join("data/business"));
    let contacts = config.entity("contacts").unwrap();
    assert_eq!(contacts.file, "contacts.json");
    assert_eq!(contacts.id.as_str(), "/id");
    assert_eq!(contacts.time.as_ref().unwrap().as_str(), "/lastModified");
    assert!(config.permissions.is_open());
    assert_eq!(config.limits, syncline_policy::Limits::default());
    assert!(config.domains.iter().all(|domain| domain.writable));
}

/// One row per shape and rule, and one per synonym of the specs.
#[test]
fn a_field_rule_means_its_shape_and_rule() {
    let name = |name: &str| syncline_model::id::DomainName::new(name).unwrap();
    let both = vec![name("personal"), name("business")];
    let register = |rule| (Shape::Register, rule);
    let shape = |shape| (shape, Rule::Latest);
    let concat = |separator: &str| register(Rule::Concat { separator: separator.to_owned() });
    #[rustfmt::skip]
    let cases = [
        (r#""register""#,                              register(Rule::Latest)),
        (r#""latest""#,                                register(Rule::Latest)),
        (r#"{ rule = "max" }"#,                        register(Rule::Max)),
        (r#"{ shape = "register", rule = "min" }"#,    register(Rule::Min)),
        (r#"{ priority = ["personal", "business"] }"#, register(Rule::Priority(both.clone()))),
        (r#"{ rule = "region-priority", priority = ["personal", "business"] }"#,
                                                       register(Rule::Priority(both.clone()))),
        (r#""concat""#,                                concat("; ")),
        (r#"{ rule = "concat", separator = "," }"#,    concat(",")),
        (r#""review""#,                                register(Rule::Review)),
        (r#""sum""#,                                   shape(Shape::Sum)),
        (r#"{ shape = "union" }"#,                     shape(Shape::Union)),
        (r#"{ shape = "keyed", key = "type" }"#,       shape(Shape::Keyed { key: "type".into() })),
        (r#""append""#,                                shape(Shape::Append { keep: None })),
        (r#"{ shape = "append", keep = 9 }"#,          shape(Shape::Append { keep: Some(9) })),
        (r#""text""#,                                  shape(Shape::Text)),
        (r#""latest_timestamp""#,                      register(Rule::Latest)),
        (r#""last-write-wins""#,                       register(Rule::Latest)),
        (r#""field-level-merge""#,                     register(Rule::Latest)),
        (r#""numeric_max""#,                           register(Rule::Max)),
        (r#""numeric_sum""#,                           shape(Shape::Sum)),
        (r#"{ rule = "numeric_sum" }"#,                shape(Shape::Sum)),
        (r#""array_merge""#,                           shape(Shape::Union)),
        (r#""string_concat""#,                         concat("; ")),
        (r#""source-priority""#,                       register(Rule::Priority(both.clone()))),
        (r#""manual-review""#,                         register(Rule::Review)),
    ];
    for (written, expected) in cases {
        let config = parse(&format!("[entities.contacts.fields]\n\"/x\" = {written}\n"));
        let rule = &config.entity("contacts").unwrap().fields[0];
        assert_eq!(rule.pattern.as_str(), "/x", "case: {written}");
        assert_eq!((rule.shape.clone(), rule.rule.clone()), expected, "case: {written}");
    }
}

#[test]
fn an_approval_names_users_and_roles() {
    use syncline_merge::rules::Approver;
    let config = parse(
        "[roles]\nmanager = [\"mara\", \"bob\"]\nclerk = [\"bob\"]\n[entities.prices.fields]\n\
         \"/price\" = { rule = \"max\", approval = [\"manager\", \"carol\"] }\n\"/name\" = \"max\"\n",
    );
    let [price, name] = config.entities[0].fields.as_slice() else { panic!("two rules") };
    let expected = [Approver::Role("manager".into()), Approver::User("carol".into())];
    assert_eq!((&price.rule, price.approval.as_slice()), (&Rule::Max, &expected[..]));
    assert_eq!((&name.rule, name.approval.as_slice()), (&Rule::Max, &[][..]));
    for (user, roles) in
        [("mara", vec!["manager"]), ("bob", vec!["clerk", "manager"]), ("x", vec![])]
    {
        assert_eq!(config.roles_of(user), roles, "{user}");
    }
}

#[test]
fn patterns_keep_the_order_in_which_they_are_written() {
    let config =
        parse("[entities.a.fields]\n\"/z\" = \"max\"\n\"/a\" = \"min\"\n\"/m/**\" = \"sum\"\n");
    let patterns = config.entities[0].fields.iter().map(|rule| rule.pattern.as_str());
    assert_eq!(patterns.collect::<Vec<_>>(), ["/z", "/a", "/m/**"]);
}

#[test]
fn a_link_is_found_from_both_ends_and_turned() {
    let config = parse(
        "[links.work]\nsource = \"personal\"\ntarget = \"business\"\n\
         direction = \"source_to_target\"\non_conflict = \"source-priority\"\n",
    );
    let link = config.link_for("personal", "business").unwrap();
    assert_eq!(
        (link.direction, link.on_conflict),
        (Direction::SourceToTarget, Some(OnConflict::Source))
    );
    let turned = config.link_for("business", "personal").unwrap();
    assert_eq!((turned.source.as_str(), turned.name.as_str()), ("business", "work"));
    assert_eq!(turned.direction, Direction::TargetToSource);
    assert_eq!(turned.on_conflict, Some(OnConflict::Target));
    assert!(config.link_for("personal", "elsewhere").is_none());
}

#[test]
fn a_policy_that_denies_by_default_lets_ids_through() {
    use syncline_policy::{Crossing, Direction};
    let config = parse(
        "[domains.a]\npath = \"a\"\npolicy = { default = \"deny\" }\n\
         [entities.bills]\nid = \"/number*\"\n",
    );
    let bills = &config.entity("bills").unwrap();
    let gate = config.domains[0].policy.gate(&bills.name);
    assert_eq!(gate.judge(&bills.id, Direction::ToDomain), Crossing::Pass);
    let other = syncline_model::path::Path::parse("/number1").unwrap();
    assert_eq!(gate.judge(&other, Direction::ToDomain), Crossing::Withhold);
}

#[test]
fn a_file_is_chosen_in_the_documented_order() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at(MAPPINGS_FILE), "{\"bills\": {}}").unwrap();
    let loaded = Config::load(dir.path(), None).unwrap();
    assert_eq!(loaded.read, [at(MAPPINGS_FILE)]);
    assert_eq!(loaded.config.entities.len(), 6);

    std::fs::write(at(FILE), "[entities.a]\n").unwrap();
    let loaded = Config::load(dir.path(), None).unwrap();
    assert_eq!((loaded.read, loaded.ignored), (vec![at(FILE)], vec![at(MAPPINGS_FILE)]));

    std::fs::write(at("other.toml"), "[entities.b]\n").unwrap();
    let loaded = Config::load(dir.path(), Some(&at("other.toml"))).unwrap();
    assert_eq!(loaded.config.entities[0].name.as_str(), "b");

    let error = Config::load(dir.path(), Some(&at("missing.toml"))).unwrap_err();
    assert_eq!(error.code(), "CONFIG_UNREADABLE");
}
