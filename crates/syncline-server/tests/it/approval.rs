//! Who may settle what waits for approval.

use std::collections::BTreeMap;

use serde_json::json;
use syncline_engine::operate::Entities;
use syncline_merge::rules::{Approver, EntityRules, FieldRules, Rule, Shape};
use syncline_model::id::EntityName;
use syncline_model::path::Pattern;

use crate::changes::set;
use crate::house::House;

/// Returns rules by which the higher price is shown and managers approve.
fn rules() -> Entities {
    let price = FieldRules {
        pattern: Pattern::parse("/price").unwrap(),
        shape: Shape::Register,
        rule: Rule::Approval {
            provisional: Rule::Max.into(),
            approvers: [Approver::Role("manager".into())].into(),
        },
    };
    let rules = EntityRules { fields: vec![price], ..EntityRules::default() };
    Entities::open(BTreeMap::from([(EntityName::new("tasks").unwrap(), rules)]))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_role_by_the_name_of_the_token_approves_and_nobody_else() {
    let house = House::with(|settings| {
        settings.entities = rules();
        settings.roles = BTreeMap::from([("manager".to_owned(), vec!["mara".to_owned()])]);
    })
    .await;
    house.pushed("phone", &[set(1, "t1", "/price", &json!(10))]).await;
    let pushed = house.push("tablet", &[set(1, "t1", "/price", &json!(12))]).await.is(200).json();
    let id = pushed["results"][0]["conflicts"][0].as_str().unwrap();
    let path = format!("/v1/conflicts/{id}/resolve");
    let (bob, mara) = (house.token("bob reviewer").await, house.token("mara reviewer").await);
    for token in [&bob, &house.admin] {
        let asked = house.ask("POST", &path).token(token).json(&json!({ "take": "phone" }));
        asked.send().await.is(403).says("APPROVAL_NEEDED");
    }
    let asked = house.ask("POST", &path).token(&mara).json(&json!({ "take": "phone" }));
    asked.send().await.is(200);
    let shown = house.get("/v1/entities/tasks/records/t1").await.is(200).json();
    assert_eq!(shown["record"]["price"], 10, "{shown}");
}
