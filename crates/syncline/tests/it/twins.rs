//! Records under different ids that may be the same (C11).

use serde_json::{Value, json};

use crate::desk::Desk;
use crate::documents::check;

fn two_ids_of_one_person() -> Desk {
    let desk = Desk::new();
    desk.contacts(
        "personal",
        &json!([
            { "id": "ada", "name": "Ada Lovelace", "email": "ada@canary.example", "phone": "+1-555-0100" },
            { "id": "ben", "name": "Ben", "email": "ben@canary.example" },
            { "id": "chen", "name": "Chen" },
        ]),
    );
    desk.contacts(
        "business",
        &json!([
            { "id": "c-17", "name": "A. Lovelace", "email": "ADA@canary.example", "phone": "001 555 0100" },
            { "id": "c-18", "name": "Ben", "email": "another-ben@canary.example" },
            { "id": "chen", "name": "Chen" },
        ]),
    );
    desk
}

fn pairs(desk: &Desk) -> Value {
    desk.run("twins --json").exits(0).json()["twins"].clone()
}

#[test]
fn twins_are_listed_by_id_and_field_and_never_by_value() {
    let desk = two_ids_of_one_person();
    let expected = json!([{
        "sourceDomain": "personal", "targetDomain": "business",
        "entity": "contacts", "source": "ada", "target": "c-17",
        "agree": ["/email", "/phone"], "differ": ["/name"],
    }]);
    assert_eq!(pairs(&desk), expected);
    let answer = desk.run("twins").exits(0).says("c-17").says("1 pair may be one");
    assert!(!answer.stdout.contains("canary"), "{}", answer.stdout);
    assert!(!desk.path(".syncline").exists(), "looking leaves no state behind");
}

#[test]
fn a_sync_that_doubles_a_person_says_so_and_the_pair_stays_listed() {
    let desk = two_ids_of_one_person();
    let answer = desk.run("sync --json").exits(0).says("POSSIBLE_TWINS").says("syncline twins");
    assert!(!answer.stderr.contains("canary"), "{}", answer.stderr);
    assert_eq!(desk.read("business").len(), 5, "nothing is merged by a guess");
    assert_eq!(pairs(&desk).as_array().unwrap().len(), 1);
    let again = desk.run("sync").exits(0);
    assert!(!again.stderr.contains("POSSIBLE_TWINS"), "said once: {}", again.stderr);
}

#[test]
fn twins_that_are_given_one_id_become_one_record() {
    let desk = two_ids_of_one_person();
    // Also after a sync that doubled them was taken back.
    desk.run("sync").exits(0);
    desk.run("undo latest --yes").exits(0);
    let mut business = json!([desk.read("business")["c-17"], desk.read("business")["c-18"]]);
    business[0]["id"] = "ada".into();
    desk.contacts("business", &business);
    desk.run("sync --on-conflict source").exits(0);
    for domain in ["personal", "business"] {
        let contacts = desk.read(domain);
        assert_eq!(contacts.len(), 4, "{domain}");
        assert_eq!(contacts["ada"]["name"], "Ada Lovelace", "{domain}");
    }
    assert_eq!(pairs(&desk), json!([]));
}

#[test]
fn the_fields_that_identify_are_configured_and_must_be_allowed_to_cross() {
    let desk = two_ids_of_one_person();
    desk.put("syncline.toml", b"[entities.contacts]\nidentify = [\"/name\"]\n");
    assert_eq!(pairs(&desk)[0]["source"], "ben");
    desk.put("syncline.toml", b"[entities.contacts]\nidentify = []\n");
    assert_eq!(pairs(&desk), json!([]));
    desk.put(
        "syncline.toml",
        b"[domains.personal]\npath = \"data/personal\"\npolicy.fields = [{ path = \"/email\", action = \"deny\" }]\n\
          [domains.business]\npath = \"data/business\"\n[entities.contacts]\nidentify = [\"/email\"]\n",
    );
    assert_eq!(pairs(&desk), json!([]), "a denied field tells nothing, not even that it is equal");
}

/// Returns the contacts of a domain without their ids, sorted.
fn contents(desk: &Desk, domain: &str) -> Vec<String> {
    let strip = |mut record: Value| {
        record.as_object_mut().unwrap().remove("id");
        record.to_string()
    };
    let mut contents: Vec<String> = desk.read(domain).into_values().map(strip).collect();
    contents.sort();
    contents
}

#[test]
fn a_first_sync_with_match_makes_one_record_of_each_pair() {
    let desk = two_ids_of_one_person();
    let before = desk.files("data");
    let dry = desk.run("sync --match --dry-run --on-conflict source").exits(0);
    let dry = dry.says("was c-17 in business").says("TWINS_UNITED");
    assert!(dry.stdout.contains("--match"), "the command that does it: {}", dry.stdout);
    let plan = desk.run("plan --match --json").exits(5).json();
    check(&plan);
    let renamed =
        plan["actions"].as_array().unwrap().iter().filter(|a| a.get("formerId").is_some());
    let renamed: Vec<Value> =
        renamed.map(|a| json!([a["id"], a["formerId"], a["action"]])).collect();
    assert_eq!(renamed, [json!(["ada", "c-17", "update"])]);
    assert_eq!(desk.files("data"), before);

    desk.run("sync --match --on-conflict source").exits(0).says("pairs: 1");
    assert_eq!(desk.read("personal"), desk.read("business"));
    let order: Value = serde_json::from_slice(&desk.bytes("data/business/contacts.json")).unwrap();
    let ada = &order["contacts"][0];
    assert_eq!((&ada["id"], &ada["name"]), (&json!("ada"), &json!("Ada Lovelace")), "in its place");
    assert_eq!(desk.read("business").len(), 4);
    assert_eq!(pairs(&desk), json!([]));

    desk.run("undo latest --yes").exits(0);
    assert_eq!(desk.files("data"), before, "byte for byte");
    desk.run("sync --match --on-conflict source").exits(0);
    assert_eq!(desk.read("business").len(), 4, "the records meet for the first time again");
    desk.run("sync --on-conflict source").exits(0).says("both sides agree");
}

#[test]
fn a_doubling_sync_is_taken_back_and_done_again_with_match() {
    let desk = two_ids_of_one_person();
    desk.run("sync").exits(0).says("syncline sync --match");
    let doubled = desk.files("data");
    desk.run("sync --match").exits(0);
    assert_eq!(desk.files("data"), doubled, "records that were synced under two ids stay two");
    let runs = desk.run("log --json").json();
    let first =
        runs["runs"].as_array().unwrap().last().unwrap()["syncId"].as_str().unwrap().to_owned();
    desk.run(&format!("undo {first} --yes")).exits(0);
    desk.run("sync --match --on-conflict source").exits(0);
    assert_eq!(desk.read("business").len(), 4);
    assert_eq!(desk.read("personal"), desk.read("business"));
    desk.contacts("business", &json!([desk.read("business")["ada"]]));
    desk.run("sync --max-delete 100% --on-conflict source").exits(0);
    assert_eq!(
        desk.read("personal").into_keys().collect::<Vec<_>>(),
        ["ada"],
        "one id from now on"
    );
}

#[test]
fn equal_data_under_different_ids_is_doubled_nowhere() {
    let desk = Desk::new();
    let people = |prefix: &str, reversed: bool| {
        let mut people: Vec<Value> = (0..1_500)
            .map(|n| {
                json!({ "id": format!("{prefix}{n}"), "name": format!("Name {n}"),
                "email": format!("p{n}@x.example") })
            })
            .collect();
        if reversed {
            people.reverse();
        }
        json!(people)
    };
    desk.contacts("personal", &people("a", false));
    desk.contacts("business", &people("b", true));
    let all = contents(&desk, "personal");
    let run = desk.run("sync --match --json").exits(0).json();
    check(&run);
    assert_eq!(run["results"]["contacts"]["mergedCount"], 1_500);
    assert_eq!(run["results"]["contacts"]["added"], json!({ "source": 0, "target": 0 }));
    for domain in ["personal", "business"] {
        assert_eq!(contents(&desk, domain), all, "{domain}");
        assert!(desk.read(domain).into_keys().all(|id| id.starts_with('a')), "{domain}");
    }
    let files = desk.files("data");
    desk.run("sync --match").exits(0).says("both sides agree");
    assert_eq!(desk.files("data"), files);
}

#[test]
fn what_is_not_one_for_one_is_listed_and_left_as_it_is() {
    let desk = Desk::new();
    let person = |id: &str, name: &str| json!({ "id": id, "name": name });
    desk.contacts("personal", &json!([person("a", "Ada"), person("b", "Ben"), person("x", "Zoe")]));
    desk.contacts(
        "business",
        &json!([
            person("c", "Ada"),
            person("d", "Ada"),
            person("e", "Ben"),
            person("x", "Ida"),
            person("z", "Zoe")
        ]),
    );
    desk.run("sync --match --on-conflict ask").exits(5).says("POSSIBLE_TWINS").says("pairs: 1");
    let ids: Vec<String> = desk.read("business").into_keys().collect();
    assert_eq!(
        ids,
        ["a", "b", "c", "d", "x", "z"],
        "Ben is one; Ada may be two; x and z are known"
    );
}

#[test]
fn a_target_that_is_not_written_keeps_its_ids() {
    for arguments in ["--direction target_to_source", "--id chen"] {
        let desk = two_ids_of_one_person();
        desk.run(&format!("sync --match {arguments}")).exits(0);
        assert!(desk.read("business").contains_key("c-17"), "{arguments}");
    }
    for arguments in ["--mode mirror --max-delete 100%", "--mode copy"] {
        let desk = two_ids_of_one_person();
        let source = desk.bytes("data/personal/contacts.json");
        desk.run(&format!("sync --match {arguments}")).exits(0);
        assert!(!desk.read("business").contains_key("c-17"), "{arguments}");
        assert_eq!(desk.read("business")["ada"], desk.read("personal")["ada"], "{arguments}");
        assert_eq!(desk.bytes("data/personal/contacts.json"), source, "{arguments}");
    }
}
