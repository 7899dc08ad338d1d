//! Hubs that know nothing of one another.

use std::time::Duration;

use serde_json::json;
use syncline_hub::{RestoreAt, restore_state};
use syncline_server::{Server, Settings};

use crate::house::{House, ask, open_hub};

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

/// Asks until it is so.
async fn until(house: &House, is_so: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
    for _ in 0..3_000 {
        let health = house.get("/healthz").await.is(200).json();
        if is_so(&health) {
            return health;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came to be so");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_hub_is_backed_up_below_the_folder_and_a_folder_that_fails_holds_up_no_write() {
    let house = House::with(|settings| {
        settings.backup_to = Some(settings.data.with_file_name("backup"));
    })
    .await;
    let to = house.folder.path().join("backup");
    let made = house.post("/v1/hubs", &json!({ "name": "shop" })).await.is(201).json();
    let shop = made["token"].as_str().unwrap();
    let put = |path: &str, token: &str| {
        house.ask("PUT", path).token(token).json(&json!({ "title": "Call" })).send()
    };
    put("/v1/entities/tasks/records/t1", &house.admin).await.is(201);
    put("/h/shop/v1/entities/tasks/records/t1", shop).await.is(201);
    let health = until(&house, |health| {
        let shop = std::fs::read_dir(to.join("hubs/shop")).unwrap().count();
        health["checks"]["hub:backup"][0]["observedValue"] == 0 && shop > 0
    });
    let health = health.await;
    assert_eq!((&health["status"], &health["healthy"]), (&json!("pass"), &json!(true)));
    assert!(std::fs::read_dir(to.join("default")).unwrap().count() > 0);
    let metrics = house.get("/metrics").await.is(200).text();
    assert!(metrics.contains(r#"syncline_backup_behind_seconds{hub="default"}"#), "{metrics}");
    assert!(metrics.contains(r#"syncline_backup_fails{hub="shop"} 0"#), "{metrics}");
    // The folder is gone: writes go on, and the health says what is wrong without naming the folder.
    std::fs::rename(&to, to.with_file_name("moved")).unwrap();
    put("/v1/entities/tasks/records/t2", &house.admin).await.is(201);
    let health = until(&house, |health| health["status"] == "warn").await;
    assert_eq!(health["checks"]["hub:backup"][0]["output"], "BACKUP_FOLDER", "{health}");
    assert!(!health.to_string().contains("moved") && !health.to_string().contains("/default"));
    put("/v1/entities/tasks/records/t3", &house.admin).await.is(201);
    // It is there again: what was written meanwhile is shipped.
    std::fs::rename(to.with_file_name("moved"), &to).unwrap();
    let is_whole = |health: &serde_json::Value| {
        health["status"] == "pass" && health["checks"]["hub:backup"][0]["observedValue"] == 0
    };
    until(&house, is_whole).await;
    assert_eq!(house.server.backups().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_hub_knows_its_clients_and_no_admin_and_one_of_an_earlier_state_nobody() {
    let backed_up = |settings: &mut Settings| {
        settings.backup_to = Some(settings.data.with_file_name("backup"));
        settings.backup_every = Duration::from_millis(100);
    };
    let house = House::with(backed_up).await;
    let kept = house.token("mara client phone").await;
    let made = house.post("/v1/tokens", &json!({"name": "gone", "role": "client"})).await;
    let made = made.is(201).json();
    let (id, gone) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    house.ask("DELETE", &format!("/v1/tokens/{id}")).token(&house.admin).send().await.is(204);
    let put = house.ask("PUT", "/v1/entities/tasks/records/t1").token(&house.admin);
    put.json(&json!({"title": "Call"})).send().await.is(201);
    let House { server, folder, admin } = house;
    server.stop().await.unwrap();

    let from = folder.path().join("backup/default");
    let opened = async |name: &str, at: RestoreAt| {
        let folder = folder.path().join(name);
        let restored = restore_state(&from, at, &folder, &mut |_| ()).unwrap();
        let settings = House::settings(&folder);
        let server = Server::start(&settings, open_hub(&settings)).await.unwrap();
        let new_admin = server.admin_token().unwrap().to_owned();
        let address = server.address();
        let answers = async |token: &str| {
            ask(address, "GET", "/v1/pull").token(token).send().await.status.as_u16()
        };
        let codes = [
            answers(&kept).await,
            answers(gone).await,
            answers(&admin).await,
            answers(&new_admin).await,
        ];
        server.stop().await.unwrap();
        (codes, RestoreAt::Commit(restored.commit))
    };
    let (codes, commit) = opened("latest", RestoreAt::Latest).await;
    assert_eq!(codes, [200, 401, 401, 200]);
    // By its number nobody can say that it is the latest one.
    assert_eq!(opened("earlier", commit).await.0, [401, 401, 401, 200]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_token_of_a_hub_that_was_made_is_in_its_audit_and_who_has_made_it() {
    let house = House::new().await;
    let noted = async |house: &House, hub: &str, token: &str| {
        let ask = house.ask("GET", &format!("{hub}/v1/audit?category=ACCESS")).token(token);
        let audit = ask.send().await.is(200);
        assert!(!audit.text().contains(token));
        let entries = audit.json()["entries"].as_array().unwrap().clone();
        let told = entries.iter().map(|entry| (entry["action"].clone(), entry["user"].clone()));
        told.collect::<Vec<_>>()
    };
    let mara = house.token("mara admin").await;
    let ask = house.ask("POST", "/v1/hubs").token(&mara).json(&json!({ "name": "shop" }));
    let made = ask.send().await.is(201).json();
    let shop = made["token"].as_str().unwrap().to_owned();
    let created = json!("TOKEN_CREATED");
    let of_shop = noted(&house, "/h/shop", &shop).await;
    assert_eq!(of_shop, [(created, json!("mara"))]);
    // No start makes another one.
    let house = house.restarted().await;
    assert_eq!(noted(&house, "/h/shop", &shop).await.len(), 1);
}
