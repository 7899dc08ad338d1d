//! WebSockets, in both forms, cut again and again.

use std::pin::pin;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use syncline_model::id::{ClientId, EntityName, RecordId};
use syncline_model::json::Leaf;
use syncline_model::path::Path;
use syncline_protocol::checksum::Checksum;
use syncline_protocol::compact::{ClientWriter, Reader};
use syncline_protocol::compress::{Compressor, decompress};
use syncline_protocol::limits::MESSAGE_BYTES_MAX;
use syncline_protocol::message::{ClientMessage, Coding, Follow, Hello, HubMessage};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::changes::set;
use crate::house::House;

/// How often a connection is cut.
const CUTS: u64 = 1_000;

pub(crate) type Socket = WebSocketStream<TcpStream>;

async fn open(
    house: &House,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<Socket, Error> {
    let address = house.server.address();
    let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let socket = TcpStream::connect(address).await.unwrap();
    Ok(client_async(request, socket).await?.0)
}

pub(crate) async fn connect(house: &House, token: &str) -> Socket {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", &*bearer), ("sec-websocket-protocol", "syncline.v1")];
    open(house, "/v1/live", &headers).await.unwrap()
}

/// Connects by a ticket; an error has the status of the answer.
pub(crate) async fn connect_by(house: &House, ticket: &str) -> Result<Socket, u16> {
    let path = format!("/v1/live?ticket={ticket}");
    open(house, &path, &[("sec-websocket-protocol", "syncline.v1")]).await.map_err(status)
}

fn status(error: Error) -> u16 {
    match error {
        Error::Http(response) => response.status().as_u16(),
        other => panic!("{other}"),
    }
}

pub(crate) async fn say(socket: &mut Socket, message: &Value) {
    socket.send(Message::Text(message.to_string().into())).await.unwrap();
}

async fn next(socket: &mut Socket) -> Message {
    timeout(Duration::from_secs(60), socket.next()).await.unwrap().unwrap().unwrap()
}

/// Returns the next message in the long form; an error has the code with which the connection ended.
pub(crate) async fn hear(socket: &mut Socket) -> Result<Value, u16> {
    loop {
        match timeout(Duration::from_secs(60), socket.next()).await.unwrap() {
            Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Binary(bytes))) => {
                let text = decompress(&bytes, MESSAGE_BYTES_MAX).unwrap();
                return Ok(serde_json::from_slice(&text).unwrap());
            }
            Some(Ok(Message::Close(frame))) => {
                return Err(frame.map_or(0, |frame| frame.code.into()));
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Err(0),
        }
    }
}

pub(crate) fn hello(client: &str, cursor: Option<&str>) -> Value {
    let view = match cursor {
        Some(cursor) => json!({ "entities": ["tasks"], "cursor": cursor }),
        None => json!({ "entities": ["tasks"] }),
    };
    json!({ "hello": { "protocol": 1, "client": client, "views": [view], "accept": [], "window": 64 } })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_pushes_another_is_told_at_once() {
    let house = House::new().await;
    let (mut phone, mut tablet) =
        tokio::join!(connect(&house, &house.admin), connect(&house, &house.admin));
    for (socket, client) in [(&mut phone, "phone"), (&mut tablet, "tablet")] {
        say(socket, &hello(client, None)).await;
        assert!(hear(socket).await.unwrap()["welcome"].is_object());
        let first = hear(socket).await.unwrap();
        assert_eq!((&first["changes"], &first["snapshot"]), (&json!([]), &json!(true)));
    }
    say(&mut phone, &json!({ "push": [set(1, "t1", "/title", &json!("Call"))] })).await;
    let results = hear(&mut phone).await.unwrap();
    assert_eq!(results["results"][0]["status"], "applied", "{results}");
    let told = hear(&mut tablet).await.unwrap();
    assert_eq!(told["changes"][0]["id"], "t1", "{told}");
    assert_eq!(told["changes"][0]["by"], "phone");
    say(&mut tablet, &json!({ "ack": { "view": 0, "cursor": told["cursor"] } })).await;
    house.server.stop().await.unwrap();
    let mut last = hear(&mut tablet).await;
    while last.is_ok() {
        last = hear(&mut tablet).await;
    }
    assert_eq!(last, Err(1001));
}

/// While it is told all records it pushes: the pages of the log behind them say nothing that the results have
/// not said. What comes next must not wait until the connection's next alarm, which is at 10 s at the earliest.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_what_the_results_have_told_hold_up_nothing() {
    let house = House::new().await;
    let ops = |ops: std::ops::RangeInclusive<u64>, kind: &str| -> Vec<Value> {
        ops.map(|op| set(op, &format!("{kind}{op}"), "/title", &json!("Call"))).collect()
    };
    for first in [1, 1_001, 2_001] {
        house.pushed("tablet", &ops(first..=first + 999, "t")).await;
    }
    let mut phone = connect(&house, &house.admin).await;
    say(&mut phone, &hello("phone", None)).await;
    for first in [1, 1_001] {
        say(&mut phone, &json!({ "push": ops(first..=first + 999, "p") })).await;
    }
    let mut answered = 0;
    while answered < 2 {
        answered += usize::from(hear(&mut phone).await.unwrap()["results"].is_array());
    }
    house.pushed("tablet", &ops(3_001..=3_001, "t")).await;
    let is_last = |change: &Value| change["id"] == "t3001";
    let told = async {
        loop {
            let heard = hear(&mut phone).await.unwrap();
            if heard["changes"].as_array().is_some_and(|changes| changes.iter().any(is_last)) {
                return;
            }
        }
    };
    timeout(Duration::from_secs(8), told).await.expect("it is told");
}

/// Nothing is made for one who follows alone while much happens: it reads. What it has sent itself it is not
/// told, and what others have sent it is told once, among its own and behind them.
#[tokio::test(flavor = "multi_thread")]
async fn who_follows_alone_is_told_of_a_burst_what_others_sent_and_once() {
    let house = House::new().await;
    let ops = |ops: std::ops::RangeInclusive<u64>, kind: &str| -> Vec<Value> {
        ops.map(|op| set(op, &format!("{kind}{op}"), "/title", &json!("Call"))).collect()
    };
    let mut phone = connect(&house, &house.admin).await;
    say(&mut phone, &hello("phone", None)).await;
    for bursts in 0..4 {
        let (own, others) = (bursts * 300 + 1, bursts * 200 + 1);
        say(&mut phone, &json!({ "push": ops(own..=own + 299, "p") })).await;
        house.pushed("tablet", &ops(others..=others + 199, "t")).await;
    }
    let mut told: Vec<String> = Vec::new();
    while told.len() < 800 {
        let heard = hear(&mut phone).await.unwrap();
        let changes = heard["changes"].as_array().cloned().unwrap_or_default();
        told.extend(changes.iter().map(|change| change["id"].as_str().unwrap().to_owned()));
    }
    let expected: Vec<String> = (1..=800).map(|op| format!("t{op}")).collect();
    assert_eq!(told, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_compact_form_says_the_same() {
    let house = House::new().await;
    house.pushed("phone", &[set(1, "t1", "/title", &json!("Call"))]).await;
    let mut socket = connect(&house, &house.admin).await;
    let (mut writer, mut reader) = (ClientWriter::new(), Reader::of_client());
    let hello = ClientMessage::Hello(Hello {
        protocol: 1,
        client: ClientId::new("tablet").unwrap(),
        views: vec![Follow::default()],
        accept: Vec::new(),
        window: 8,
    });
    for text in writer.write(&hello).unwrap() {
        socket.send(Message::Text(text.into())).await.unwrap();
    }
    let mut told = Vec::new();
    let mut is_pushed = false;
    while told.len() < 2 {
        let message =
            timeout(Duration::from_secs(60), socket.next()).await.unwrap().unwrap().unwrap();
        let Message::Text(text) = message else { continue };
        assert!(text.starts_with('['), "{text}");
        if let Some(HubMessage::Changes { page, .. }) =
            reader.read_hub_message(text.as_bytes()).unwrap()
        {
            told.extend(page.changes.into_iter().map(|change| change.id.to_string()));
            if !is_pushed {
                is_pushed = true;
                house.pushed("phone", &[set(2, "t2", "/title", &json!("Write"))]).await;
            }
        }
    }
    assert_eq!(told, ["t1", "t2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_compressed_by_what_both_sides_have_and_not_for_who_reads_none() {
    let house = House::new().await;
    let notes: Vec<Value> =
        (1..=200).map(|n| set(n, &format!("t{n}"), "/title", &json!("Call back today"))).collect();
    house.pushed("phone", &notes).await;
    for coding in Coding::ALL {
        let mut socket = connect(&house, &house.admin).await;
        let mut compressor = Compressor::new(coding);
        let mut text = hello("tablet", None);
        text["hello"]["accept"] = json!([coding.as_str()]);
        say(&mut socket, &text).await;
        let welcome = hear(&mut socket).await.unwrap();
        let known = Coding::READ.map(Coding::as_str);
        assert_eq!(welcome["welcome"]["accept"], json!(known), "{welcome}");
        let Message::Binary(page) = next(&mut socket).await else { panic!("{coding:?}") };
        let page = decompress(&page, MESSAGE_BYTES_MAX).unwrap();
        let told: Value = serde_json::from_slice(&page).unwrap();
        assert_eq!(told["changes"].as_array().unwrap().len(), 200, "{coding:?}");
        let counter = 1_000 + compressor_number(coding);
        let push = json!({ "push": [set(counter, "t1", "/title", &json!("a".repeat(1_000)))] });
        let bytes = compressor.compress(push.to_string().as_bytes()).unwrap();
        socket.send(Message::Binary(bytes.into())).await.unwrap();
        let results = hear(&mut socket).await.unwrap();
        assert_eq!(results["results"][0]["op"], counter, "{coding:?}: {results}");
        // What all are told at once is compressed, too.
        let first = 201 + 100 * compressor_number(coding);
        let title = json!(format!("Call back tomorrow, says {coding:?}"));
        let notes: Vec<Value> = (first..first + 100)
            .map(|n| set(n, &format!("t{}", n - first + 2), "/title", &title))
            .collect();
        house.pushed("phone", &notes).await;
        let mut told = 0;
        while told < notes.len() {
            let Message::Binary(page) = next(&mut socket).await else { panic!("{coding:?}") };
            let page = decompress(&page, MESSAGE_BYTES_MAX).unwrap();
            let page: Value = serde_json::from_slice(&page).unwrap();
            told += page["changes"].as_array().unwrap().len();
        }
        assert_eq!(told, notes.len(), "{coding:?}");
    }
    let mut socket = connect(&house, &house.admin).await;
    say(&mut socket, &hello("tablet", None)).await;
    hear(&mut socket).await.unwrap();
    assert!(matches!(next(&mut socket).await, Message::Text(_)));
}

fn compressor_number(coding: Coding) -> u64 {
    Coding::ALL.iter().position(|known| *known == coding).unwrap() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_message_that_is_none_or_grows_too_large_ends_the_connection() {
    let house = House::new().await;
    let bomb = vec![b' '; 2 * MESSAGE_BYTES_MAX];
    let bomb = [&[1], &zstd::encode_all(&*bomb, 3).unwrap()[4..]].concat();
    #[rustfmt::skip]
    let cases = [
        (vec![],                "MESSAGE_MALFORMED"),
        (vec![9, 1, 2],         "MESSAGE_MALFORMED"),
        (b"\x01{}".to_vec(),    "MESSAGE_MALFORMED"),
        (bomb,                  "MESSAGE_TOO_LARGE"),
    ];
    for (bytes, code) in cases {
        let mut socket = connect(&house, &house.admin).await;
        socket.send(Message::Binary(bytes.into())).await.unwrap();
        assert_eq!(hear(&mut socket).await.unwrap()["problem"]["code"], code);
        assert_eq!(hear(&mut socket).await, Err(1002), "{code}");
    }
}

/// Somebody who reads nothing is sent no more than the window, and holds up nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_takes_nothing_holds_up_nobody_and_catches_up() {
    let house = House::new().await;
    let (mut slow, mut quick) =
        tokio::join!(connect(&house, &house.admin), connect(&house, &house.admin));
    for (socket, client) in [(&mut slow, "slow"), (&mut quick, "quick")] {
        let mut text = hello(client, None);
        text["hello"]["window"] = json!(2);
        say(socket, &text).await;
        assert!(hear(socket).await.unwrap()["welcome"].is_object());
    }
    let filler = "x".repeat(200_000);
    let mut seen = 0;
    for n in 1..=60 {
        house.pushed("phone", &[set(n, "t1", "/text", &json!(format!("{n} {filler}")))]).await;
        let last = format!("{n} ");
        loop {
            let told = hear(&mut quick).await.unwrap();
            let ack = json!({ "ack": { "view": 0, "cursor": told["cursor"] } });
            say(&mut quick, &ack).await;
            let text = &told["changes"][0]["set"]["/text"];
            let text = text.as_str().or_else(|| told["changes"][0]["record"]["text"].as_str());
            if text.is_some_and(|text| text.starts_with(&last)) {
                seen += 1;
                break;
            }
        }
    }
    assert_eq!(seen, 60);
    // What was missed comes as one change, not as sixty.
    let mut messages = 0;
    loop {
        let told = hear(&mut slow).await.unwrap();
        messages += 1;
        say(&mut slow, &json!({ "ack": { "view": 0, "cursor": told["cursor"] } })).await;
        if told.to_string().contains("60 xxx") {
            break;
        }
    }
    assert!(messages <= 6, "{messages} messages");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_anywhere_shows_every_change_once() {
    let house = House::new().await;
    let (mut pushed, mut seen) = (0_u64, Vec::<String>::new());
    let mut cursor: Option<String> = None;
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for cut in 0..=CUTS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut socket = connect(&house, &house.admin).await;
        say(&mut socket, &hello("tablet", cursor.as_deref())).await;
        for _ in 0..random % 3 {
            pushed += 1;
            let id = format!("t{pushed}");
            house.pushed("phone", &[set(pushed, &id, "/n", &json!(pushed))]).await;
        }
        let goal = if random.is_multiple_of(5) && cut < CUTS { 0 } else { pushed };
        while (seen.len() as u64) < goal {
            let message = hear(&mut socket).await.unwrap();
            if let Some(changes) = message["changes"].as_array() {
                seen.extend(changes.iter().map(|change| change["id"].as_str().unwrap().to_owned()));
                cursor = Some(message["cursor"].as_str().unwrap().to_owned());
            }
        }
        // Dropped without a word.
    }
    let expected: Vec<String> = (1..=pushed).map(|n| format!("t{n}")).collect();
    assert_eq!(seen, expected, "no gap, no duplicate, in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_may_opens_a_connection() {
    let house = House::with(|settings| settings.origins = vec!["https://app.example".into()]).await;
    let token = format!("Bearer {}", house.admin);
    let protocol = ("sec-websocket-protocol", "syncline.v1");
    let bearer = ("authorization", &*token);
    let refused = async |path: &str, headers: &[(&'static str, &str)]| {
        open(&house, path, headers).await.map_err(status).err()
    };
    assert_eq!(refused("/v1/live", &[protocol]).await, Some(401));
    assert_eq!(refused("/v1/live", &[bearer]).await, Some(426));
    assert_eq!(refused("/v1/live", &[bearer, ("sec-websocket-protocol", "v2")]).await, Some(426));
    for origin in ["null", "https://evil.example", "https://app.example.evil.example"] {
        assert_eq!(refused("/v1/live", &[bearer, protocol, ("origin", origin)]).await, Some(403));
    }
    let own = [bearer, protocol, ("origin", "https://app.example")];
    assert_eq!(refused("/v1/live", &own).await, None);
    let ticket = house.post("/v1/tickets", &json!({})).await.is(201).json();
    let path = format!("/v1/live?ticket={}", ticket["ticket"].as_str().unwrap());
    assert_eq!(refused(&path, &[protocol]).await, None);
    assert_eq!(refused(&path, &[protocol]).await, Some(401), "a ticket is good once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_held_to_what_its_token_says() {
    let house = House::new().await;
    let phone = house.token("phone client phone-7").await;
    let mut socket = connect(&house, &phone).await;
    say(&mut socket, &hello("phone-8", None)).await;
    assert_eq!(hear(&mut socket).await.unwrap()["problem"]["code"], "PERMISSION_DENIED");
    assert_eq!(hear(&mut socket).await, Err(1008));
    let reviewer = house.token("mara reviewer").await;
    let mut socket = connect(&house, &reviewer).await;
    say(&mut socket, &hello("mara", None)).await;
    hear(&mut socket).await.unwrap();
    say(&mut socket, &json!({ "push": [set(1, "t1", "/a", &json!(1))] })).await;
    let mut last = hear(&mut socket).await;
    while last.is_ok() {
        last = hear(&mut socket).await;
    }
    assert_eq!(last, Err(1008));
    let mut socket = connect(&house, &phone).await;
    say(&mut socket, &hello("phone-7", None)).await;
    hear(&mut socket).await.unwrap();
    let listed = house.get("/v1/tokens").await.json();
    let listed = listed["tokens"].as_array().unwrap();
    let id = listed.iter().find(|one| one["name"] == "phone").unwrap()["id"].as_str().unwrap();
    house.ask("DELETE", &format!("/v1/tokens/{id}")).token(&house.admin).send().await.is(204);
    let mut last = hear(&mut socket).await;
    while last.is_ok() {
        last = hear(&mut socket).await;
    }
    assert_eq!(last, Err(1008), "revoked at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_told_once_what_it_pushed_is_backed_up_and_nobody_else_is() {
    let house = House::with(|settings| {
        settings.backup_to = Some(settings.data.with_file_name("backup"));
    })
    .await;
    let mut phone = connect(&house, &house.admin).await;
    let mut tablet = connect(&house, &house.admin).await;
    for (socket, client) in [(&mut phone, "phone"), (&mut tablet, "tablet")] {
        say(socket, &hello(client, None)).await;
        let welcome = hear(socket).await.unwrap()["welcome"].clone();
        assert!(welcome["backed_up"].is_u64() && welcome.get("floor").is_none(), "{welcome}");
        hear(socket).await.unwrap();
    }
    say(&mut phone, &json!({ "push": [set(1, "t1", "/title", &json!("Call"))] })).await;
    let results = hear(&mut phone).await.unwrap();
    let position = results["position"].as_u64().unwrap();
    let told = loop {
        let told = hear(&mut phone).await.unwrap();
        if told.get("changes").is_none() {
            break told;
        }
    };
    assert!(told["backed_up"].as_u64().unwrap() >= position, "{told}");
    let push = json!({ "client": "desk", "ops": [set(1, "t2", "/title", &json!("Write"))] });
    let answer = house.post("/v1/push", &push).await.is(200).json();
    assert!(answer["backed_up"].as_u64().unwrap() >= position, "{answer}");
    // Who pushed nothing hears only of changes.
    for _ in 0..2 {
        assert!(hear(&mut tablet).await.unwrap()["changes"].is_array());
    }
    let house = House::new().await;
    let answer = house.post("/v1/push", &push).await.is(200).json();
    assert!(answer.get("backed_up").is_none(), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_told_what_its_records_add_up_to_and_what_it_found_is_counted() {
    let house = House::new().await;
    house.pushed("desk", &[set(1, "t1", "/title", &json!("Call"))]).await;
    house.pushed("desk", &[set(2, "t2", "/title", &json!("Write"))]).await;
    let mut phone = connect(&house, &house.admin).await;
    say(&mut phone, &hello("phone", None)).await;
    hear(&mut phone).await.unwrap();
    let records = hear(&mut phone).await.unwrap();
    assert_eq!(records["changes"].as_array().unwrap().len(), 2, "{records}");
    let mut expected = Checksum::default();
    for (id, title) in [("t1", "\"Call\""), ("t2", "\"Write\"")] {
        let fields = vec![(Path::parse("/title").unwrap(), Leaf::parse(title).unwrap())];
        let (entity, id) = (EntityName::new("tasks").unwrap(), RecordId::new(id).unwrap());
        expected.add(&entity, &id, &fields);
    }
    say(&mut phone, &json!({ "check": { "view": 0 } })).await;
    let told = hear(&mut phone).await.unwrap();
    assert_eq!(told["checksum"]["sum"], expected.to_string(), "{told}");
    assert_eq!(told["checksum"]["cursor"], records["cursor"], "{told}");
    say(&mut phone, &json!({ "checked": { "view": 0, "equal": true } })).await;
    say(&mut phone, &json!({ "checked": { "view": 0, "equal": false } })).await;
    let counted = |text: &str| {
        ["equal", "different"].iter().all(|result| {
            text.contains(&format!("syncline_views_checked_total{{result=\"{result}\"}} 1"))
        })
    };
    for _ in 0..500 {
        if counted(&house.get("/metrics").await.is(200).text()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it was never counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_socket_takes_a_place_among_the_connections() {
    let house = House::with(|settings| settings.connections = 1).await;
    let socket = connect(&house, &house.admin).await;
    let mut asking = pin!(house.get("/livez"));
    let early = timeout(Duration::from_millis(300), &mut asking).await;
    assert!(early.is_err(), "there is no room for another");
    drop(socket);
    asking.await.is(200);
}
