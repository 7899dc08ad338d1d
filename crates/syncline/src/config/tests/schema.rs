//! The published schema, the guide and the code say the same.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::document::{
    AccessText, AlertReceiverText, AlertRuleText, AlertsText, ConditionText, Document, DomainText,
    EntityText, FieldDetail, FieldPolicyText, IssuerText, LimitsText, LinkText, MetricsText,
    NotifyText, PermissionText, PolicyText, ViewText,
};
use super::*;

const GUIDE: &str = include_str!("../../../../../docs/guide/configuration.md");

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// Returns the blocks of the guide in one language.
fn examples(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    GUIDE.split(fence.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

fn as_json(text: &str) -> Value {
    toml::from_str(text).unwrap()
}

#[test]
fn every_example_of_the_guide_is_valid_for_the_schema_and_the_code() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let examples = examples("toml");
    assert!(examples.len() >= 7, "the guide has lost its examples");
    for text in examples {
        let errors: Vec<_> = validator.iter_errors(&as_json(text)).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{text}\n{errors:?}");
        Config::parse(text, Path::new(".")).unwrap_or_else(|error| panic!("{text}\n{error}"));
    }
}

/// Files that both refuse. What only the code can know (names that are defined nowhere) is not here.
#[test]
fn what_the_code_refuses_by_form_the_schema_refuses_too() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    #[rustfmt::skip]
    let bad = [
        "domians = {}",
        "[domains.\"../x\"]\npath = \"a\"",
        "[domains.a]",
        "[domains.a]\npath = \"\"",
        "[domains.a]\npath = \"a\"\nkind = \"postgres\"",
        "[domains.a]\npath = \"a\"\nsecret = 1",
        "[domains.a]\npath = \"a\"\npolicy.default = \"ask\"",
        "[domains.a]\npath = \"a\"\npolicy.mask = \"\"",
        "[domains.a]\npath = \"a\"\npolicy.fields = [{ path = \"x\", action = \"deny\" }]",
        "[domains.a]\npath = \"a\"\npolicy.fields = [{ path = \"/x\", action = \"hide\" }]",
        "[domains.a]\npath = \"a\"\npolicy.records = [{ path = \"/x\" }]",
        "[domains.a]\npath = \"a\"\npolicy.records = [{ path = \"/x\", equals = 1, in = [1] }]",
        "[domains.a]\npath = \"a\"\nrename.contacts = { x = \"/y\" }",
        "[entities.a]\nfile = \"../b.json\"",
        "[entities.a]\nfile = \"b/c.json\"",
        "[entities.a]\nid = \"id\"",
        "[entities.a]\ntime = \"never\"",
        "[entities.a]\ndeletion = \"never\"",
        "[entities.a.fields]\n\"x\" = \"max\"",
        "[entities.a.fields]\n\"/x\" = \"custom\"",
        "[entities.a.fields]\n\"/x\" = { rule = \"custom\" }",
        "[entities.a.fields]\n\"/x\" = \"keyed\"",
        "[entities.a.fields]\n\"/x\" = \"newest\"",
        "[entities.a.fields]\n\"/x\" = {}",
        "[entities.a.fields]\n\"/x\" = { shape = \"append\", keep = 0 }",
        "[entities.a.fields]\n\"/x\" = { priority = [] }",
        "[entities.a.fields]\n\"/x\" = { rule = \"max\", approval = [] }",
        "[entities.a.fields]\n\"/x\" = { rule = \"max\", approval = [\"b\", \"b\"] }",
        "[entities.a.fields]\n\"/x\" = { approval = [\"b\"] }",
        "[roles]\n\"a b\" = [\"c\"]",
        "[roles]\na = []",
        "[links.l]\nsource = \"personal\"",
        "[links.l]\nsource = \"personal\"\ntarget = \"business\"\ndirection = \"up\"",
        "[links.l]\nsource = \"personal\"\ntarget = \"business\"\non_conflict = \"x\"",
        "[links.l]\nsource = \"personal\"\ntarget = \"business\"\nentities = []",
        "[[permissions]]\nuser = \"a\"",
        "[[permissions]]\nuser = \"a\"\nallow = [\"own\"]",
        "[[issuers]]\nname = \"\"\naudience = \"a\"\nkeys = \"k\"",
        "[[issuers]]\nname = \"i\"\naudience = \"a/\"\nkeys = \"k\"",
        "[[issuers]]\nname = \"i\"\naudience = \"a\"\nkeys = \"k\"\nroles = [\"root\"]",
        "[views.v]\nfilter = \"true\"",
        "[views.v]\nentity = \"tasks\"\nfields = []",
        "[views.v]\nentity = \"tasks\"\nparams.a = \"date\"",
        "[[access]]\nread = \"true\"",
        "[[access]]\nroles = [\"root\"]\nread = \"true\"",
        "[[access]]\nroles = [\"client\"]\nread = true",
        "[limits]\nitems_per_entity = 0",
        "[limits]\nbytes_per_run = \"many\"",
        "[limits]\nrun_time = \"5\"",
        "[limits]\nmax_delete = \"120%\"",
        "[limits]\nmax_change = -1",
        "[notify]\nurl = \"ftp://x\"",
        "[notify]\ncommand = \"x\"",
        "[notify]\nlink = \"https://x/conflicts\"",
        "[metrics]\nprefix = \"RDAP\"",
        "[metrics]\nprefix = \"rdap_\"",
        "[metrics]\nregion = \"\"",
        "[alerts]\nrepeat = \"often\"",
        "[alerts.rules.weather]\nthreshold = 1",
        "[alerts.rules.lag]\nthreshold = -1",
        "[[alerts.to]]\nkind = \"pigeon\"",
        "[[alerts.to]]\nurl = \"https://x\"",
    ];
    for text in bad {
        assert!(Config::parse(text, Path::new(".")).is_err(), "the code accepts: {text}");
        assert!(!validator.is_valid(&as_json(text)), "the schema accepts: {text}");
    }
}

/// Returns the members that a type accepts: the error about an unknown one lists them.
fn members<T: DeserializeOwned>() -> BTreeSet<String> {
    let Err(error) = serde_json::from_str::<T>("{\"no such member\": 0}") else {
        panic!("the type accepts unknown members")
    };
    let text = error.to_string();
    let listed = text.split("expected").nth(1).unwrap_or_default();
    listed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Returns the members that the schema lists at `pointer`.
fn listed(schema: &Value, pointer: &str) -> BTreeSet<String> {
    let properties = schema.pointer(pointer).and_then(Value::as_object);
    properties.unwrap_or_else(|| panic!("no {pointer}")).keys().cloned().collect()
}

#[test]
fn schema_and_code_have_the_same_members() {
    let schema = schema();
    #[rustfmt::skip]
    let pairs = [
        ("/properties", members::<Document>()),
        ("/$defs/domain/properties", members::<DomainText>()),
        ("/$defs/policy/properties", members::<PolicyText>()),
        ("/$defs/fieldPolicy/properties", members::<FieldPolicyText>()),
        ("/$defs/condition/properties", members::<ConditionText>()),
        ("/$defs/entity/properties", members::<EntityText>()),
        ("/$defs/field/properties", members::<FieldDetail>()),
        ("/$defs/link/properties", members::<LinkText>()),
        ("/$defs/permission/properties", members::<PermissionText>()),
        ("/$defs/issuer/properties", members::<IssuerText>()),
        ("/$defs/view/properties", members::<ViewText>()),
        ("/$defs/access/properties", members::<AccessText>()),
        ("/$defs/limits/properties", members::<LimitsText>()),
        ("/$defs/notify/properties", members::<NotifyText>()),
        ("/$defs/metrics/properties", members::<MetricsText>()),
        ("/$defs/alerts/properties", members::<AlertsText>()),
        ("/$defs/alertRule/properties", members::<AlertRuleText>()),
        ("/$defs/alertReceiver/properties", members::<AlertReceiverText>()),
    ];
    for (pointer, accepted) in pairs {
        assert_eq!(listed(&schema, pointer), accepted, "at {pointer}");
    }
}

/// Returns the words of an enumeration, without those that need more than the word.
fn words(schema: &Value, pointer: &str) -> BTreeSet<String> {
    let listed = schema.pointer(pointer).and_then(Value::as_array);
    let listed = listed.unwrap_or_else(|| panic!("no {pointer}"));
    listed.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

#[test]
fn schema_and_code_have_the_same_words() {
    use super::super::{resolve, words as ours};
    fn known<T>(table: &[(&str, T)]) -> BTreeSet<String> {
        table.iter().map(|(word, _)| (*word).to_owned()).collect()
    }
    let schema = schema();
    let rules = known(ours::RULES);
    let mut alone: BTreeSet<_> = rules.union(&known(ours::SHAPES)).cloned().collect();
    alone.retain(|word| {
        !["custom", "keyed", "priority", "region-priority"].contains(&word.as_str())
    });
    #[rustfmt::skip]
    let pairs = [
        ("/$defs/field/properties/rule/enum", rules),
        ("/$defs/field/properties/shape/enum", known(ours::SHAPES)),
        ("/$defs/fieldWord/enum", alone),
        ("/$defs/entity/properties/deletion/enum", known(resolve::DELETIONS)),
        ("/$defs/link/properties/direction/enum", known(resolve::DIRECTIONS)),
        ("/$defs/link/properties/on_conflict/enum", known(resolve::PREFERENCES)),
        ("/$defs/fieldPolicy/properties/action/enum", known(resolve::ACTIONS)),
    ];
    for (pointer, known) in pairs {
        assert_eq!(words(&schema, pointer), known, "at {pointer}");
    }
}

#[test]
fn the_guide_names_every_member_and_every_word() {
    let schema = schema();
    let definitions = schema.pointer("/$defs").and_then(Value::as_object).unwrap();
    let members = definitions.keys().map(|name| format!("/$defs/{name}/properties"));
    let members = members.chain(["/properties".to_owned()]);
    let members = members.filter(|pointer| schema.pointer(pointer).is_some());
    for name in members.flat_map(|pointer| listed(&schema, &pointer)) {
        assert!(GUIDE.contains(name.as_str()), "the guide does not name `{name}`");
    }
    for word in words(&schema, "/$defs/field/properties/rule/enum") {
        assert!(GUIDE.contains(&format!("`{word}`")), "the guide does not name `{word}`");
    }
}

#[test]
fn the_json_examples_of_the_guide_are_the_files_of_spec_001() {
    let examples = examples("json");
    let [main, mappings] = examples.as_slice() else { panic!("two examples") };
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(CROSS_DOMAIN_FILE), main).unwrap();
    std::fs::write(dir.path().join(MAPPINGS_FILE), mappings).unwrap();
    let loaded = Config::load(dir.path(), None).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.read.len(), 2);
    let business = loaded.config.domain("business").unwrap();
    assert_eq!(business.renames.values().map(Vec::len).sum::<usize>(), 2);
    assert_eq!(business.policy.rules().len(), 3);
}
