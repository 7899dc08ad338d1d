//! A hub that forgets: by itself, and what whoever was away is told.

use serde_json::json;
use syncline_server::Server;

use crate::house::{House, open_hub, state};

#[tokio::test]
async fn what_is_old_is_forgotten_and_who_was_away_is_told_so() {
    let house = House::new().await;
    let record = "/v1/entities/tasks/records/t1";
    let put = |n: u32| house.ask("PUT", record).token(&house.admin).json(&json!({"n": n})).send();
    put(0).await.is(201);
    let away = house.get("/v1/pull").await.is(200).json();
    let away = away["cursor"].as_str().unwrap().to_owned();
    for n in 1..5 {
        put(n).await.is(200);
    }
    let House { server, folder, admin } = house;
    server.stop().await.unwrap();
    let mut settings = House::settings(&state(folder.path()));
    settings.keep.changes = Some(2);
    let server = Server::start(&settings, open_hub(&settings)).await.unwrap();
    let house = House { server, folder, admin };
    // It begins with that by itself, and nobody waits for it.
    let mut figures = String::new();
    for _ in 0..1_000 {
        figures = house.get("/metrics").await.is(200).text();
        if figures.contains(r#"syncline_log_horizon{hub="default"} 3"#) {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(figures.contains(r#"syncline_log_horizon{hub="default"} 3"#), "{figures}");
    assert!(figures.contains(r#"syncline_log_end{hub="default"} 5"#), "{figures}");

    let path = format!("/v1/pull?cursor={away}");
    house.get(&path).await.is(410).says("CURSOR_EXPIRED");
    let anew = house.get("/v1/pull").await.is(200).json();
    assert_eq!(anew["changes"][0]["record"]["n"], 4, "{anew}");
    let path = format!("{record}?at=2026-01-01T00:00:00.000Z");
    house.get(&path).await.is(422).says("HISTORY_FORGOTTEN");
    house.get("/v1/audit/verify").await.is(200);
}
