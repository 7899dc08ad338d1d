//! What a person who decides conflicts works with.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use syncline_engine::operate::Entities;
use syncline_merge::rules::{Approver, EntityRules, Rule};
use syncline_model::id::EntityName;
use tokio::time::sleep;

use crate::changes::set;
use crate::house::House;
use crate::once::left;

async fn reviewed(rule: Rule) -> House {
    House::with(|settings| {
        let rules = EntityRules { rule_default: rule, ..EntityRules::default() };
        let named = BTreeMap::from([(EntityName::new("tasks").unwrap(), rules)]);
        settings.entities = Entities::only(named);
    })
    .await
}

/// Makes two clients disagree on a field of a record; answers the conflict.
async fn conflict(house: &House, op: u64, id: &str, values: [Value; 2]) -> String {
    let [one, other] = values;
    house.pushed("phone", &[set(op, id, "/title", &one)]).await;
    let answer = house.push("tablet", &[set(op, id, "/title", &other)]).await.is(200).json();
    answer["results"][0]["conflicts"][0].as_str().unwrap().to_owned()
}

async fn title(house: &House, id: &str) -> Value {
    house.get(&format!("/v1/entities/tasks/records/{id}")).await.is(200).json()["record"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_decision_shows_what_it_would_do_and_does_just_that() {
    let house = reviewed(Rule::Review).await;
    let mut op = 0;
    for index in 0..3 {
        op += 1;
        let record = format!("t{op}");
        let id = conflict(&house, op, &record, [json!("A"), json!("B")]).await;
        let path = format!("/v1/conflicts/{id}/preview");
        let preview = house.get(&path).await.is(200).json();
        assert_eq!(preview["conflict"], id.as_str());
        let offers = preview["offers"].as_array().unwrap();
        assert_eq!(offers.len(), 3, "{preview}");
        let offer = &offers[index];
        let same = house.post(&path, &offer["choice"]).await.is(200).json();
        assert_eq!(&same, offer);
        let before = house.get(&format!("/v1/conflicts/{id}")).await.is(200).json();
        assert_eq!(before["status"], "open", "looking decides nothing");
        assert_eq!(before["context"]["rule"], "review");
        house.post(&format!("/v1/conflicts/{id}/resolve"), &offer["choice"]).await.is(200);
        assert_eq!(title(&house, &record).await, offer["record"], "{offer}");
    }
    let id = conflict(&house, op + 1, "t9", [json!(1), json!(2)]).await;
    let path = format!("/v1/conflicts/{id}/preview");
    let own = house.post(&path, &json!({ "value": 3 })).await.is(200).json();
    assert_eq!(own["record"], json!({ "title": 3 }));
    let gone = house.post(&path, &json!({ "value": null })).await.is(200).json();
    assert_eq!(gone["record"], json!({}));
    house.post(&path, &json!({ "both": ", " })).await.is(422).says("DECISION_UNFIT");
    house.post(&path, &json!({ "take": "nobody" })).await.is(422).says("DECISION_UNFIT");
    house.post(&path, &json!({ "keep": true })).await.is(422).says("DECISION_UNFIT");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_aside_stays_open_and_says_who_will_look_at_it() {
    let house = reviewed(Rule::Review).await;
    let id = conflict(&house, 1, "t1", [json!("A"), json!("B")]).await;
    let skip = format!("/v1/conflicts/{id}/skip");
    let mara = house.token("mara reviewer").await;
    let skipped = house.ask("POST", &skip).token(&mara).send().await.is(200).json();
    assert_eq!((&skipped["status"], &skipped["skipped"]["by"]), (&json!("open"), &json!("mara")));
    let listed = async |query: &str| {
        house.get(&format!("/v1/conflicts{query}")).await.is(200).json()["conflicts"].clone()
    };
    assert_eq!(listed("").await[0]["skipped"]["by"], "mara");
    assert_eq!(listed("?status=waiting").await, json!([]));
    let house = house.restarted().await;
    let shown = house.get(&format!("/v1/conflicts/{id}")).await.is(200).json();
    assert_eq!(shown["skipped"], skipped["skipped"], "kept");
    let resolve = format!("/v1/conflicts/{id}/resolve");
    let decided = house.post(&resolve, &json!({ "take": "phone" })).await.is(200).json();
    assert_eq!((&decided["status"], decided.get("skipped")), (&json!("resolved"), None));
    house.post(&skip, &json!({})).await.is(422).says("DECISION_UNFIT");
    let none = format!("/v1/conflicts/{}/skip", "0".repeat(32));
    house.post(&none, &json!({})).await.is(404).says("CONFLICT_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn conflicts_that_are_alike_are_decided_at_once_all_or_none() {
    let house = reviewed(Rule::Review).await;
    let mut ids = Vec::new();
    for op in 1..=3 {
        let values = if op == 3 { [json!(1), json!(2)] } else { [json!("A"), json!("B")] };
        ids.push(conflict(&house, op, &format!("t{op}"), values).await);
    }
    let alike = house.get(&format!("/v1/conflicts/{}/similar", ids[0])).await.is(200).json();
    assert_eq!(alike["conflicts"].as_array().unwrap().len(), 3);
    let open = async || {
        let list = house.get("/v1/conflicts").await.is(200).json();
        list["conflicts"].as_array().unwrap().len()
    };
    let bulk = "/v1/conflicts/resolve";
    let both = json!({ "like": ids[0], "choice": { "both": ", " } });
    house.post(bulk, &both).await.is(422).says("DECISION_UNFIT");
    assert_eq!(open().await, 3, "numbers have no separator, so none was decided");
    let two = json!({ "conflicts": [ids[0], ids[1], ids[0]], "choice": { "take": "phone" } });
    let ask = || house.ask("POST", bulk).token(&house.admin).header("idempotency-key", "k1");
    let decided = ask().json(&two).send().await.is(200).json();
    assert_eq!(decided["conflicts"].as_array().unwrap().len(), 2);
    let again = ask().json(&two).send().await.is(200);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.json()["conflicts"][0]["status"], "resolved");
    house.post(bulk, &two).await.is(422).says("DECISION_UNFIT");
    let rest = json!({ "like": ids[2], "choice": { "take": "tablet" } });
    house.post(bulk, &rest).await.is(200);
    assert_eq!(open().await, 0);
    assert_eq!(title(&house, "t1").await, json!({ "title": "A" }));
    assert_eq!(title(&house, "t3").await, json!({ "title": 2 }));
    for wrong in [json!({ "choice": { "take": "a" } }), json!({ "like": ids[0], "choice": {} })] {
        house.post(bulk, &wrong).await.is(400).says("BODY_INVALID");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_named_may_not_decide_what_waits_for_approval() {
    let approvers: Arc<[Approver]> = [Approver::Role("pricing".into())].into();
    let house = reviewed(Rule::Approval { provisional: Arc::new(Rule::Max), approvers }).await;
    let mut ids = Vec::new();
    for op in 1..=2 {
        ids.push(conflict(&house, op, &format!("t{op}"), [json!(1), json!(2)]).await);
    }
    let shown = house.get(&format!("/v1/conflicts/{}", ids[0])).await.is(200).json();
    assert_eq!(shown["approval"], json!(["pricing"]));
    let choice = json!({ "take": "phone" });
    let resolve = format!("/v1/conflicts/{}/resolve", ids[0]);
    house.post(&resolve, &choice).await.is(403).says("APPROVAL_NEEDED");
    let bulk = json!({ "like": ids[0], "choice": choice });
    house.post("/v1/conflicts/resolve", &bulk).await.is(403).says("APPROVAL_NEEDED");
    assert_eq!(title(&house, "t1").await, json!({ "title": 2 }), "the provisional value");
    let claims = json!({ "name": "pia", "role": "reviewer", "claims": { "roles": ["pricing"] } });
    let pia = house.post("/v1/tokens", &claims).await.is(201).json();
    let pia = pia["token"].as_str().unwrap();
    let decided = house.ask("POST", "/v1/conflicts/resolve").token(pia).json(&bulk);
    let decided = decided.send().await.is(200).json();
    assert_eq!(decided["conflicts"].as_array().unwrap().len(), 2);
    assert_eq!(decided["conflicts"][0]["decision"]["by"], "pia");
    assert_eq!(title(&house, "t1").await, json!({ "title": 1 }));
}

/// Requirement H17.
#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_while_conflicts_are_decided_with_a_key_is_told_later_which_ones_were() {
    let house = reviewed(Rule::Review).await;
    let bulk = "/v1/conflicts/resolve";
    for round in 0..40 {
        let values = || [json!("A"), json!("B")];
        let (key, op) = (format!("k-{round}"), 2 * round + 1);
        let first = conflict(&house, op, &format!("t{op}"), values()).await;
        let body = json!({ "like": first, "choice": { "take": "phone" } });
        let head = format!("POST {bulk} HTTP/1.1\r\nidempotency-key: {key}");
        left(&house, &head, &body, Duration::from_micros(100 * round)).await;
        let later = conflict(&house, op + 1, &format!("t{}", op + 1), values()).await;
        let reply = loop {
            let ask = house.ask("POST", bulk).token(&house.admin).header("idempotency-key", &key);
            let reply = ask.json(&body).send().await;
            if !reply.text().contains("IDEMPOTENCY_KEY_IN_USE") {
                break reply.is(200).json();
            }
            sleep(Duration::from_millis(1)).await;
        };
        let told = reply["conflicts"].as_array().unwrap();
        assert!(!told.is_empty(), "none was decided in round {round}");
        for id in [&first, &later] {
            let now = house.get(&format!("/v1/conflicts/{id}")).await.is(200).json();
            let is_told = told.iter().any(|one| one["conflict"] == **id);
            assert_eq!(now["status"] == "resolved", is_told, "{id} in round {round}: {reply}");
        }
        let rest = json!({ "take": "phone" });
        house.post(&format!("/v1/conflicts/{later}/resolve"), &rest).await;
    }
}
