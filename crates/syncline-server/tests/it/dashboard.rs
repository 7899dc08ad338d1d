//! The files of the dashboard, whether it was built or not.

use serde_json::json;

use crate::house::{House, Reply};

/// What a page may load, and from where.
const POLICY: [&str; 9] = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "form-action 'self'",
];

#[track_caller]
fn expect_fenced(reply: &Reply) {
    let policy: Vec<&str> = reply.header("content-security-policy").split("; ").collect();
    assert_eq!(policy, POLICY);
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert_eq!(reply.header("referrer-policy"), "no-referrer");
    assert_eq!(reply.header("cross-origin-opener-policy"), "same-origin");
    assert_eq!(reply.header("cross-origin-resource-policy"), "same-origin");
    assert_eq!(reply.header("x-frame-options"), "DENY");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_is_a_page_at_its_paths_that_loads_nothing_of_elsewhere() {
    let house = House::new().await;
    let page = house.ask("GET", "/dashboard/").send().await.is(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "no-cache");
    expect_fenced(&page);
    let text = page.text();
    assert!(text.starts_with("<!doctype html>"), "{text}");
    for inline in [" style=", "<style", "<script>", " onclick=", " onload=", "http://", "https://"]
    {
        assert!(!text.contains(inline), "{inline}: {text}");
    }
    for path in ["/dashboard/conflicts/3f?entity=tasks", "/dashboard/records/tasks/a.b"] {
        let reply = house.ask("GET", path).send().await.is(200);
        assert_eq!(reply.text(), text, "{path}");
        expect_fenced(&reply);
    }
    let tag = page.header("etag");
    let again = house.ask("GET", "/dashboard/").header("if-none-match", tag).send().await.is(304);
    assert!(again.body.is_empty());
    expect_fenced(&again);
    for path in ["/", "/dashboard"] {
        let moved = house.ask("GET", path).send().await.is(307);
        assert_eq!(moved.header("location"), "/dashboard/", "{path}");
    }
    let head = house.ask("HEAD", "/dashboard/").send().await.is(200);
    assert!(head.body.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_shows_no_file_of_the_machine_and_is_nowhere_else() {
    let house = House::new().await;
    let page = house.ask("GET", "/dashboard/").send().await.is(200).text();
    let odd = [
        "/dashboard/../admin.token",
        "/dashboard/..%2F..%2Fadmin.token",
        "/dashboard/%2e%2e/%2e%2e/admin.token",
        "/dashboard//etc/passwd",
        "/dashboard/..%5C..%5Cadmin.token",
        "/dashboard/%00",
    ];
    for path in odd {
        let reply = house.ask("GET", path).send().await;
        assert!(!reply.text().contains(&house.admin), "{path}");
        assert!(reply.status == 404 || reply.text() == page, "{path}: {}", reply.text());
    }
    let missing = house.ask("GET", "/dashboard/assets/none-123.js").send().await;
    expect_fenced(&missing);
    missing.is(404).says("ROUTE_UNKNOWN");
    for path in ["/dashboards", "/h/shop/dashboard/", "/v1/dashboard/", "/index.html"] {
        house.ask("GET", path).send().await.is(404).says("ROUTE_UNKNOWN");
    }
    house.ask("POST", "/dashboard/").json(&json!({})).send().await.is(405);
}
