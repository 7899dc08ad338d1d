//! Tokens of other issuers.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use syncline_model::base64url;
use syncline_server::{IssuerSettings, Role};

use crate::house::House;

const NAME: &str = "https://id.example";
const AUDIENCE: &str = "https://sync.example";

/// An issuer with one key.
struct Forge(Ed25519KeyPair);

impl Forge {
    fn new() -> Self {
        Self(Ed25519KeyPair::generate().unwrap())
    }

    fn write(&self, file: &Path) {
        let x = base64url::encode(self.0.public_key().as_ref());
        let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": "k" });
        fs::write(file, json!({ "keys": [key] }).to_string()).unwrap();
    }

    /// Signs what is good for an hour, changed by `change`.
    fn token(&self, change: &Value) -> String {
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut claims =
            json!({ "iss": NAME, "aud": AUDIENCE, "sub": "ann", "exp": now_s + 3_600 });
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let part = |value: &Value| base64url::encode(value.to_string().as_bytes());
        let header = json!({ "alg": "EdDSA", "kid": "k" });
        let text = format!("{}.{}", part(&header), part(&claims));
        let signature = self.0.sign(text.as_bytes());
        format!("{text}.{}", base64url::encode(signature.as_ref()))
    }
}

/// A server that takes tokens of an issuer who may name clients and reviewers.
async fn house(forge: &Forge) -> House {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.json");
    forge.write(&keys);
    House::with(|settings| {
        settings.issuers = vec![IssuerSettings {
            name: NAME.to_owned(),
            audience: AUDIENCE.to_owned(),
            keys,
            roles: vec![Role::Client, Role::Reviewer],
        }];
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_an_issuer_opens_what_its_role_may_at_the_hub_that_it_is_for() {
    let forge = Forge::new();
    let house = house(&forge).await;
    house.post("/v1/hubs", &json!({ "name": "shop" })).await.is(201);
    let shop = format!("{AUDIENCE}/h/shop");
    #[rustfmt::skip]
    let cases = [
        // what it says                               path             status
        (json!({}),                                   "/v1/pull",        200),
        (json!({ "role": "client" }),                 "/v1/pull",        200),
        (json!({ "role": "reviewer" }),               "/v1/conflicts",   200),
        (json!({}),                                   "/v1/tokens",      403),
        (json!({}),                                   "/h/shop/v1/pull", 401),
        (json!({ "aud": shop.clone() }),              "/h/shop/v1/pull", 200),
        (json!({ "aud": shop }),                      "/v1/pull",        401),
        (json!({ "aud": format!("{AUDIENCE}/") }),    "/v1/pull",        401),
        (json!({ "role": "admin" }),                  "/v1/pull",        401),
        (json!({ "role": ["client"] }),               "/v1/pull",        401),
        (json!({ "client": 7 }),                      "/v1/pull",        401),
        (json!({ "sub": "a\nb" }),                    "/v1/pull",        401),
        (json!({ "sub": "a".repeat(129) }),           "/v1/pull",        401),
        (json!({ "exp": 1 }),                         "/v1/pull",        401),
        (json!({ "iss": "https://other.example" }),   "/v1/pull",        401),
    ];
    for (claims, path, status) in cases {
        let asked = house.ask("GET", path).token(&forge.token(&claims)).send().await;
        assert_eq!(asked.status.as_u16(), status, "{claims} {path}: {}", asked.text());
        if status == 401 {
            asked.says("ACCESS_TOKEN_INVALID");
        }
    }
    let other = Forge::new().token(&json!({}));
    house.ask("GET", "/v1/pull").token(&other).send().await.is(401);
    let told = house.ask("GET", "/metrics").token(&house.admin).send().await.is(200).text();
    assert!(told.contains(r#"syncline_issued_tokens_refused_total{why="claims"} 3"#), "{told}");
    assert!(told.contains(r#"{why="signature"} 1"#), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_speaks_for_itself_only() {
    let forge = Forge::new();
    let house = house(&forge).await;
    let own = forge.token(&json!({ "client": "phone-7" }));
    let made = json!({ "name": "phone", "role": "client", "client": "phone-7" });
    let opaque = house.post("/v1/tokens", &made).await.is(201).json();
    let opaque = opaque["token"].as_str().unwrap();
    for token in [own.as_str(), opaque] {
        for (client, status) in
            [("phone-7", 200), ("phone-7~a1b2", 200), ("phone-70", 403), ("phone", 403), ("x", 403)]
        {
            let push = json!({ "client": client, "ops": [] });
            let asked = house.ask("POST", "/v1/push").token(token).json(&push).send().await;
            assert_eq!(asked.status.as_u16(), status, "{client}: {}", asked.text());
        }
    }
}
