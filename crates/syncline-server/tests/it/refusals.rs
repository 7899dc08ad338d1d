//! What is refused, and how that is said.

use std::time::Duration;

use serde_json::json;
use syncline_server::Rate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::house::House;

/// Whoever connects and asks nothing keeps no place.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_on_which_nothing_is_asked_ends() {
    let house = House::new().await;
    for begun in ["", "PRI * HT", "GET /livez HTTP/1.1\r\nhost"] {
        let mut socket = TcpStream::connect(house.server.address()).await.unwrap();
        socket.write_all(begun.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        let ended = timeout(Duration::from_secs(60), socket.read_to_end(&mut heard)).await;
        assert!(ended.is_ok(), "{begun:?} keeps the connection open");
    }
}

/// Whoever is refused before its body is read is told that the connection ends with the answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_body_is_not_read_is_said_to_end() {
    let house = House::new().await;
    let token = house.token("phone client").await;
    for (more, status, ends) in [("Content-Length: 2\r\n", "403", true), ("", "403", false)] {
        let mut socket = TcpStream::connect(house.server.address()).await.unwrap();
        let head =
            format!("POST /v1/hubs HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n");
        socket.write_all(format!("{head}{more}\r\n").as_bytes()).await.unwrap();
        let mut heard = vec![0; 8_192];
        let count = timeout(Duration::from_secs(60), socket.read(&mut heard)).await.unwrap();
        let answer = String::from_utf8_lossy(&heard[..count.unwrap()]).to_lowercase();
        assert!(answer.starts_with(&format!("http/1.1 {status}")), "{answer}");
        assert_eq!(answer.contains("connection: close"), ends, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_refused_is_a_problem_with_a_page() {
    let house = House::new().await;
    let token = || house.admin.as_str();
    house.get("/nowhere").await.is(404).says("ROUTE_UNKNOWN");
    house.get("/v1/").await.is(404).says("ROUTE_UNKNOWN");
    let wrong = house.ask("DELETE", "/v1/tokens").token(token()).send().await;
    assert_eq!(wrong.header("allow"), "GET, POST");
    wrong.is(405).says("METHOD_NOT_ALLOWED");
    house.get("/v1/tokens?page=2").await.is(400).says("QUERY_INVALID");
    let plain = house.ask("POST", "/v1/tokens").token(token()).bytes(b"{}".to_vec());
    plain.send().await.is(415).says("MEDIA_TYPE_UNSUPPORTED");
    let form = house.ask("POST", "/v1/tokens").token(token());
    let form = form.header("content-type", "text/plain").bytes(b"{}".to_vec());
    form.send().await.is(415).says("MEDIA_TYPE_UNSUPPORTED");
    let coded = house.ask("POST", "/v1/tokens").token(token()).header("content-encoding", "rot13");
    coded.json(&json!({})).send().await.is(415).says("CODING_UNSUPPORTED");
    let long = house.ask("POST", "/v1/tokens").token(token());
    let long = long.header("content-type", "application/json").bytes(vec![b' '; (8 << 20) + 1]);
    long.send().await.is(413).says("BODY_TOO_LARGE");
    let bodies = [
        "",
        "{",
        "[]",
        r#"{"name":"a","name":"b","role":"client"}"#,
        r#"{"name":"a"}"#,
        r#"{"name":"","role":"client"}"#,
        r#"{"name":"a","role":"root"}"#,
        r#"{"name":"a","role":"client","more":1}"#,
        r#"{"name":"a","role":"client","expires_in_s":-1}"#,
        "\u{feff}{}",
    ];
    for body in bodies {
        let asked = house.ask("POST", "/v1/tokens").token(token());
        let asked = asked.header("content-type", "application/json").bytes(body.into());
        asked.send().await.is(400).says("BODY_INVALID");
    }
    let page = house.ask("GET", "/problems/ROUTE_UNKNOWN").send().await.is(200);
    assert!(page.text().contains("## What to do"));
    house.ask("GET", "/problems/..%2F..%2FCargo").send().await.is(404).says("PAGE_UNKNOWN");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_has_so_many_requests_and_is_told() {
    let rate = Rate { requests: 3, window: Duration::from_secs(600) };
    let house = House::with(|settings| settings.rate = rate).await;
    for left in [2, 1, 0] {
        let reply = house.get("/v1/tokens").await.is(200);
        assert_eq!(reply.header("ratelimit-policy"), "\"default\";q=3;w=600");
        let field = reply.header("ratelimit").to_owned();
        assert!(field.starts_with(&format!("\"default\";r={left};t=")), "{field}");
    }
    let reply = house.get("/v1/tokens").await.is(429).says("RATE_LIMITED");
    let seconds: u64 = reply.header("retry-after").parse().unwrap();
    assert!((590..=600).contains(&seconds), "{seconds}");
    house.ask("GET", "/livez").send().await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_may_ask_only_if_it_is_on_the_list() {
    let house = House::with(|settings| settings.origins = vec!["https://app.example".into()]).await;
    let asked = async |origin: &str| {
        let ask = house.ask("OPTIONS", "/v1/tokens").header("origin", origin);
        let reply = ask.header("access-control-request-method", "POST").send().await;
        reply.header("access-control-allow-origin").to_owned()
    };
    assert_eq!(asked("https://app.example").await, "https://app.example");
    let others = [
        "null",
        "https://evil.example",
        "https://app.example.evil.example",
        "https://evilapp.example",
        "http://app.example",
        "https://app.example:8443",
        "https://APP.example",
    ];
    for origin in others {
        assert_eq!(asked(origin).await, "", "{origin}");
    }
}

/// What a client in a page sends and reads, each of which a browser asks the hub about.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_on_the_list_sends_and_reads_all_that_a_client_needs() {
    let house = House::with(|settings| settings.origins = vec!["https://app.example".into()]).await;
    let asks = [
        ("POST", "/v1/push", "authorization,content-type,content-encoding"),
        ("GET", "/v1/pull", "authorization"),
        ("GET", "/v1/events", "authorization,last-event-id"),
        ("POST", "/v1/tickets", "authorization"),
        ("PUT", "/v1/entities/tasks/records/t1", "authorization,content-type,if-match"),
        ("POST", "/v1/conflicts/c1/resolve", "authorization,content-type,idempotency-key"),
        ("DELETE", "/v1/entities/tasks/records/t1", "authorization,if-match"),
    ];
    for (method, path, headers) in asks {
        let ask = house.ask("OPTIONS", path).header("origin", "https://app.example");
        let ask = ask.header("access-control-request-method", method);
        let reply = ask.header("access-control-request-headers", headers).send().await.is(200);
        let allowed = reply.header("access-control-allow-headers");
        let is_allowed = |name| allowed.split(',').any(|one| one.trim() == name);
        assert!(headers.split(',').all(is_allowed), "{path}: {allowed}");
        assert!(reply.header("access-control-allow-methods").contains(method), "{path}");
        assert_eq!(reply.header("access-control-max-age"), "600", "{path}");
    }
    // A refusal is read, too: its page tells its person to sign in again.
    let refused = house.ask("GET", "/v1/pull").header("origin", "https://app.example").send().await;
    let refused = refused.is(401);
    assert_eq!(refused.header("access-control-allow-origin"), "https://app.example");
    for name in ["etag", "retry-after"] {
        assert!(refused.header("access-control-expose-headers").contains(name), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_how_the_hub_does_and_metrics_what_was_asked() {
    let house = House::new().await;
    for path in ["/livez", "/readyz"] {
        assert_eq!(house.ask("GET", path).send().await.is(200).text(), "ok\n");
    }
    let health = house.ask("GET", "/healthz").send().await.is(200);
    assert_eq!(health.header("content-type"), "application/health+json");
    assert_eq!(health.json()["status"], "pass");
    let metrics = house.get("/metrics").await.is(200).text();
    assert!(
        metrics.contains("syncline_http_requests_total{route=\"livez\",status=\"200\"} 1"),
        "{metrics}"
    );
    assert!(metrics.ends_with("# EOF\n"));
    let document = house.ask("GET", "/openapi.json").header("accept-encoding", "br").send().await;
    assert_eq!(document.header("content-encoding"), "br");
    house.server.served().stop().unwrap();
    let health = house.ask("GET", "/healthz").send().await.is(503);
    assert_eq!(health.json()["status"], "fail");
}
