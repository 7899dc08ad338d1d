//! Records under different ids that may be the same (C11).

use serde_json::{Value, json};

use crate::desk::Desk;

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
