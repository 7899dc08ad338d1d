//! Finding out why a webhook does not verify.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use syncline_protocol::webhook::secret::Secret;
use syncline_protocol::webhook::sign::Signer;

use crate::house::House;

const PLAIN: &str = "your-webhook-secret-here";
const BODY: &str = r#"{"id":"e1","canary":12.50}"#;

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Signs as an endpoint does, at a time.
fn signed(secrets: &[&str], at_s: u64) -> Value {
    let read = |text: &&str| match text.starts_with("whs") {
        true => Secret::parse(text).unwrap(),
        false => Secret::plain(text).unwrap(),
    };
    let secrets: Vec<Secret> = secrets.iter().map(read).collect();
    let signer = Signer::new(&secrets).unwrap();
    let mut headers = json!({
        "Webhook-Id": "e1",
        "Webhook-Timestamp": at_s.to_string(),
        "Content-Type": "application/json",
    });
    if signer.is_standard() {
        headers["Webhook-Signature"] = signer.signature("e1", at_s, BODY.as_bytes()).into();
    }
    if let Some(signature) = signer.plain_signature(BODY.as_bytes()) {
        headers["X-Webhook-Signature"] = signature.into();
    }
    json!({ "headers": headers, "body": BODY })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_verified_as_its_receiver_would_and_no_secret_is_told() {
    let house = House::new().await;
    let endpoint = json!({ "id": "admin", "url": "https://admin.example/hook" });
    let made = house.post("/v1/endpoints", &endpoint).await.is(201).json();
    let former = made["secrets"][0].as_str().unwrap().to_owned();
    let rotated = house.post("/v1/endpoints/admin/rotate", &json!({})).await.is(200).json();
    let latest = rotated["secret"].as_str().unwrap().to_owned();
    let verify = async |asked: &Value| {
        let found = house.post("/v1/endpoints/admin/verify", asked).await.is(200);
        for told in [&former, &latest] {
            let key = told.split('_').nth(1).unwrap();
            assert!(!found.text().contains(key), "{}", found.text());
        }
        assert!(!found.text().contains("12.50"), "{}", found.text());
        found.json()
    };
    for (secret, number) in [(&former, 1), (&latest, 2)] {
        let found = verify(&signed(&[secret], now_s())).await;
        assert_eq!(found["verified"], true, "{found}");
        let scheme = &found["schemes"][0];
        assert_eq!(
            (&scheme["scheme"], &scheme["secret"]["number"]),
            (&json!("standard"), &json!(number))
        );
        assert_eq!(scheme["secret"]["counts"], true);
    }
    let old = verify(&signed(&[&latest], now_s() - 600)).await;
    assert_eq!(old["verified"], false, "{old}");
    assert_eq!(old["schemes"][0]["code"], "WEBHOOK_TIMESTAMP_OUTSIDE");
    assert!(old["schemes"][0]["hints"][0].as_str().unwrap().starts_with("Only its time"), "{old}");
    let mut written_again = signed(&[&latest], now_s());
    written_again["body"] = json!("{\n  \"id\": \"e1\",\n  \"canary\": 12.50\n}");
    let found = verify(&written_again).await;
    assert_eq!(found["schemes"][0]["code"], "WEBHOOK_SIGNATURE_WRONG");
    assert!(found["schemes"][0]["hints"][0].as_str().unwrap().contains("as JSON"), "{found}");
    // Both that came must verify, as for a receiver.
    let both = verify(&signed(&[&latest, PLAIN], now_s())).await;
    assert_eq!((&both["verified"], &both["schemes"][0]["verified"]), (&json!(false), &json!(true)));
    assert_eq!(both["schemes"][1]["code"], "WEBHOOK_SECRET_LACKING");
    let nothing = verify(&json!({ "headers": {}, "body": "" })).await;
    assert_eq!(
        (&nothing["verified"], &nothing["schemes"][0]["code"]),
        (&json!(false), &json!("WEBHOOK_UNSIGNED"))
    );

    let shown = house.get("/v1/endpoints/admin").await.is(200);
    let signs = shown.json()["signs"].clone();
    assert_eq!((&signs[0]["kind"], &signs[0]["counts"]), (&json!("hmac"), &json!(true)));
    assert!(signs[0]["until"].is_string() && signs[1]["until"].is_null(), "{signs}");
    assert!(!shown.text().contains("whsec"), "{}", shown.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_of_another_hub_is_not_verified_with_a_secret_of_this_one() {
    let house = House::new().await;
    let shop = house.post("/v1/hubs", &json!({ "name": "shop" })).await.is(201).json();
    let endpoint =
        json!({ "id": "admin", "url": "https://admin.example/hook", "secrets": [PLAIN] });
    house.post("/v1/endpoints", &endpoint).await.is(201);
    let asked = signed(&[PLAIN], now_s());
    let of_shop = house.ask("POST", "/h/shop/v1/endpoints/admin/verify");
    let of_shop = of_shop.token(shop["token"].as_str().unwrap()).json(&asked);
    of_shop.send().await.is(404).says("ENDPOINT_UNKNOWN");
    for unread in [
        json!({}),
        json!({ "headers": {}, "body": 1 }),
        json!({ "headers": { "a": 1 }, "body": "" }),
    ] {
        let refused = house.post("/v1/endpoints/admin/verify", &unread).await;
        refused.is(400).says("BODY_INVALID");
    }
}
