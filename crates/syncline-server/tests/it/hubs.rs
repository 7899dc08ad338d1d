//! Hubs that know nothing of one another.

use serde_json::json;

use crate::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_is_made_once_and_is_there_after_a_restart() {
    let house = House::new().await;
    let made = house.post("/v1/hubs", &json!({ "name": "shop" })).await.is(201).json();
    assert_eq!(made["path"], "/h/shop/v1");
    let shop = made["token"].as_str().unwrap();
    house.post("/v1/hubs", &json!({ "name": "shop" })).await.is(409).says("HUB_EXISTS");
    for name in ["", "..", "a/b", "Shop", "a.b", "hubs/../x"] {
        let made = house.post("/v1/hubs", &json!({ "name": name })).await;
        made.is(400).says("HUB_NAME_INVALID");
    }
    assert_eq!(house.get("/v1/hubs").await.is(200).json(), json!({ "hubs": ["shop"] }));
    let house = house.restarted().await;
    house.ask("GET", "/h/shop/v1/tokens").token(shop).send().await.is(200);
    house.ask("GET", "/v1/tokens").token(shop).send().await.is(401);
    house.ask("GET", "/h/shop/v1/tokens").token(&house.admin).send().await.is(401);
    house.ask("POST", "/h/shop/v1/hubs").token(shop).send().await.is(404);
}
