//! Server-sent events, cut again and again.

use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::changes::set;
use crate::house::House;

/// How often a stream is cut.
const CUTS: u64 = 1_000;

/// An open stream of events.
struct Events {
    body: hyper::body::Incoming,
    text: String,
}

impl Events {
    async fn open(house: &House, last: Option<&str>) -> Self {
        let ask = house.ask("GET", "/v1/events?entities=tasks").token(&house.admin);
        let ask = match last {
            Some(last) => ask.header("last-event-id", last),
            None => ask,
        };
        let response = ask.open().await;
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body(), text: String::new() }
    }

    /// Returns the name, the id and the data of the next whole event; nothing if the stream ends.
    async fn next(&mut self) -> Option<(String, String, Value)> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let member = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name));
                    line.unwrap_or_default().trim().to_owned()
                };
                let (name, id, data) = (member("event:"), member("id:"), member("data:"));
                self.text = rest.to_owned();
                if !name.is_empty() {
                    return Some((name, id, serde_json::from_str(&data).unwrap()));
                }
            }
            let frame = timeout(Duration::from_secs(60), self.body.frame()).await.unwrap()?;
            let bytes = frame.unwrap().into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_cut_anywhere_shows_every_change_once() {
    let house = House::new().await;
    let (mut pushed, mut seen) = (0_u64, Vec::new());
    let mut last: Option<String> = None;
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..CUTS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut events = Events::open(&house, last.as_deref()).await;
        // Some is there before the stream is opened, some comes while it is read.
        for _ in 0..random % 3 {
            pushed += 1;
            let id = format!("t{pushed}");
            house.pushed("phone", &[set(pushed, &id, "/n", &json!(pushed))]).await;
        }
        let goal = if random.is_multiple_of(5) { 0 } else { pushed };
        while (seen.len() as u64) < goal {
            let (name, id, page) = events.next().await.unwrap();
            assert_eq!(name, "changes");
            for change in page["changes"].as_array().unwrap() {
                seen.push(change["id"].as_str().unwrap().to_owned());
            }
            last = Some(id);
        }
        // Dropped here: the connection is cut, perhaps within an event.
    }
    let mut events = Events::open(&house, last.as_deref()).await;
    while (seen.len() as u64) < pushed {
        let (_, _, page) = events.next().await.unwrap();
        for change in page["changes"].as_array().unwrap() {
            seen.push(change["id"].as_str().unwrap().to_owned());
        }
    }
    let expected: Vec<String> = (1..=pushed).map(|n| format!("t{n}")).collect();
    assert_eq!(seen, expected, "no gap, no duplicate, in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_token_and_with_its_server() {
    let house = House::new().await;
    let mut events = Events::open(&house, None).await;
    assert!(events.next().await.is_some());
    let token = house.token("phone client").await;
    let path = "/v1/events";
    let mut revoked = house.ask("GET", path).token(&token).open().await.into_body();
    let listed = house.get("/v1/tokens").await.json();
    let listed = listed["tokens"].as_array().unwrap();
    let id = &listed.iter().find(|one| one["name"] == "phone").unwrap()["id"];
    let id = id.as_str().unwrap();
    house.ask("DELETE", &format!("/v1/tokens/{id}")).token(&house.admin).send().await.is(204);
    let ended = async { while let Some(Ok(_)) = revoked.frame().await {} };
    timeout(Duration::from_secs(30), ended).await.unwrap();
    house.server.stop().await.unwrap();
    assert!(events.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_cannot_be_used_is_told_within_the_stream() {
    let house = House::new().await;
    let other = House::new().await;
    let foreign = other.pushed("phone", &[set(1, "t1", "/a", &json!(1))]).await;
    let mut events = Events::open(&house, Some(&foreign)).await;
    let (name, _, problem) = events.next().await.unwrap();
    assert_eq!((&*name, &problem["code"]), ("reset", &json!("CURSOR_OTHER_INCARNATION")));
    assert!(events.next().await.is_none());
}
