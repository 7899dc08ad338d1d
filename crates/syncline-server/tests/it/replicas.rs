//! What is known of the copies that clients hold: measured by sums, unknown where there are none.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use syncline_model::id::{EntityName, RecordId};
use syncline_model::json::fields::flatten;
use syncline_model::path::Pattern;
use syncline_policy::view::{Access, AccessRule, Filter, View};
use syncline_protocol::checksum::Checksum;

use crate::house::House;

/// Clients see what is their own, without its price; all see everything else.
fn access() -> Access {
    let rule = |role: &str, read: &str| AccessRule {
        roles: vec![role.into()],
        entities: None,
        read: Some(Filter::compile(read).unwrap()),
        read_fields: None,
        write: Some(Filter::compile("true").unwrap()),
        write_fields: None,
        create: true,
        delete: true,
    };
    let titles = View {
        entity: EntityName::new("tasks").unwrap(),
        filter: Filter::compile("true").unwrap(),
        fields: Some(vec![Pattern::parse("/title").unwrap()]),
        params: BTreeMap::new(),
    };
    Access {
        views: BTreeMap::from([("titles".into(), titles)]),
        rules: vec![rule("client", "record.owner == claims.sub"), rule("admin", "true")],
    }
}

fn sum(records: &[(&str, Value)]) -> Checksum {
    let mut sum = Checksum::default();
    for (id, record) in records {
        let fields = flatten(record.to_string().as_bytes()).unwrap();
        sum.add(&EntityName::new("tasks").unwrap(), &RecordId::new(id).unwrap(), &fields);
    }
    sum
}

async fn figures(house: &House) -> Vec<String> {
    let text = house.get("/metrics").await.is(200).text();
    let wanted = |line: &&str| {
        line.starts_with("syncline_replicas{") || line.starts_with("syncline_consistency_ratio{")
    };
    let figure = |line: &str| line.replace("hub=\"default\",", "").replace("syncline_", "");
    let mut figures: Vec<String> = text.lines().filter(wanted).map(figure).collect();
    figures.sort();
    figures
}

fn expected(ratio: &str, different: u64, equal: u64, unknown: u64) -> Vec<String> {
    vec![
        format!("consistency_ratio{{hub=\"default\"}} {ratio}"),
        format!("replicas{{state=\"different\"}} {different}"),
        format!("replicas{{state=\"equal\"}} {equal}"),
        format!("replicas{{state=\"unknown\"}} {unknown}"),
    ]
}

#[tokio::test]
async fn a_copy_that_differs_lowers_the_ratio_and_one_that_says_nothing_is_unknown() {
    let house = House::with(|settings| settings.access = access()).await;
    assert_eq!(figures(&house).await, expected("NaN", 0, 0, 0));
    let mine = json!({"owner": "ann", "title": "Call"});
    let other = json!({"owner": "bob", "title": "Write"});
    for (id, record) in [("t1", &mine), ("t2", &other)] {
        let path = format!("/v1/entities/tasks/records/{id}");
        house.ask("PUT", &path).token(&house.admin).json(record).send().await.is(201);
    }
    let mut tokens = Vec::new();
    for client in ["phone", "desk", "watch"] {
        let body =
            json!({"name": client, "role": "client", "client": client, "claims": {"sub": "ann"}});
        let made = house.post("/v1/tokens", &body).await.is(201).json();
        tokens.push(made["token"].as_str().unwrap().to_owned());
    }
    let mut pages = Vec::new();
    for (token, follows) in tokens.iter().zip(["entities=tasks", "view=titles", "entities=tasks"]) {
        let path = format!("/v1/pull?{follows}");
        let page = house.ask("GET", &path).token(token).send().await.is(200).json();
        assert_eq!(page["changes"].as_array().unwrap().len(), 1, "{page}");
        pages.push(format!("{path}&cursor={}", page["cursor"].as_str().unwrap()));
    }
    assert_eq!(figures(&house).await, expected("NaN", 0, 0, 3));

    // Each compares what it sees: all of its own, of a view its fields; and one holds something else.
    let ask = |at: usize, sum: Checksum| {
        let path = format!("{}&sum={sum}", pages[at]);
        house.ask("GET", &path).token(&tokens[at]).send()
    };
    // A hub that has no time says nothing.
    let compare = async |at: usize, sum: Checksum| {
        for _ in 0..1_000 {
            let answer = ask(at, sum).await.is(200).json();
            if let Some(is_equal) = answer["equal"].as_bool() {
                return is_equal;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the hub never has time");
    };
    let whole = sum(&[("t1", mine.clone())]);
    assert!(compare(0, whole).await);
    let titles = sum(&[("t1", json!({"title": "Call"}))]);
    assert!(compare(1, titles).await);
    assert_eq!(figures(&house).await, expected("1.0", 0, 2, 1));
    let rotten = sum(&[("t1", json!({"owner": "ann", "title": "Rotten"}))]);
    assert!(!compare(2, rotten).await);
    assert!(!compare(1, whole).await, "a view shows less");
    assert!(compare(1, titles).await);
    let third = figures(&house).await;
    assert!(third[0].starts_with("consistency_ratio{hub=\"default\"} 0.666"), "{third:?}");
    assert_eq!(third[1..], expected("", 1, 2, 0)[1..]);

    // What came since is taken in first.
    let path = "/v1/entities/tasks/records/t1";
    house.ask("PUT", path).token(&house.admin).json(&json!({"owner": "ann"})).send().await.is(200);
    let news = ask(0, whole).await.is(200).json();
    assert_eq!((news.get("equal"), news["changes"].as_array().unwrap().len()), (None, 1), "{news}");
    house.ask("GET", "/v1/pull?sum=x").token(&tokens[0]).send().await.is(400).says("QUERY_INVALID");

    let list = house.get("/v1/replicas").await.is(200).json();
    assert_eq!(
        (&list["equal"], &list["different"], &list["unknown"]),
        (&json!(2), &json!(1), &json!(0))
    );
    assert_eq!(list["replicas"][2]["client"], "watch", "{list}");
    assert_eq!(list["replicas"][2]["state"], "different", "{list}");
    house.ask("GET", "/v1/replicas").token(&tokens[0]).send().await.is(403);

    // After a restart nothing is known, and nobody is forgotten.
    let House { server, folder, admin } = house;
    server.stop().await.unwrap();
    let mut settings = House::settings(&crate::house::state(folder.path()));
    settings.access = access();
    let hub = crate::house::open_hub(&settings);
    let server = syncline_server::Server::start(&settings, hub).await.unwrap();
    let house = House { server, folder, admin };
    assert_eq!(figures(&house).await, expected("NaN", 0, 0, 3));
}
