//! Prices that are shown at once, and wait for those who approve them.

use serde_json::{Value, json};

use crate::desk::Desk;

fn prices(price: f64, unit: &str) -> Value {
    json!({ "product_prices": [{ "id": "tea", "price": price, "unit": unit }] })
}

/// Two price lists that changed a price of 10 to 12.5 and 11, and a unit that waits for anybody.
fn desk(link: &str) -> Desk {
    let desk = Desk::new();
    let text = "[roles]\nmanager = [\"mara\", \"jo\"]\n\
        [entities.product_prices]\ntime = \"none\"\n[entities.product_prices.fields]\n\
        \"/price\" = { rule = \"max\", approval = [\"manager\", \"carol\"] }\n\"/unit\" = \"review\"\n\
        [links.all]\nsource = \"personal\"\ntarget = \"business\"\n";
    desk.put("syncline.toml", (text.to_owned() + link).as_bytes());
    for domain in ["personal", "business"] {
        desk.write(domain, "product_prices", &prices(10.0, "kg"));
    }
    desk.run("sync").exits(0);
    desk.write("personal", "product_prices", &prices(12.5, "g"));
    desk.write("business", "product_prices", &prices(11.0, "lb"));
    desk
}

fn shown(desk: &Desk) -> [Value; 2] {
    let price = |domain| desk.read_entity(domain, "product_prices")["tea"]["price"].clone();
    ["personal", "business"].map(price)
}

/// Returns what is listed of the price.
fn listed(desk: &Desk) -> Value {
    let open = desk.run("conflicts list --path /price --json").exits(0).json();
    assert_eq!(open["conflicts"].as_array().unwrap().len(), 1);
    open["conflicts"][0].clone()
}

const WAITS: &str = "waits for approval by manager, carol";

#[test]
fn a_price_is_shown_to_both_and_everybody_is_told_for_whom_it_waits() {
    let desk = desk("");
    desk.run("sync").exits(5).says(WAITS).says("provisionally 12.5, the greatest value");
    assert_eq!(shown(&desk), [json!(12.5), json!(12.5)]);
    let found = listed(&desk);
    assert_eq!(found["approval"], json!(["manager", "carol"]));
    let says = format!("provisionally 12.5, the greatest value; {WAITS}");
    desk.run("conflicts list").exits(0).says(&says);
    let id = found["conflict"].as_str().unwrap();
    desk.run(&format!("conflicts show {id}")).exits(0).says("provisionally 12.5").says(WAITS);
    desk.run("sync").exits(5);
    assert_eq!(shown(&desk), [json!(12.5), json!(12.5)]);
}

#[test]
fn nobody_else_settles_it_not_in_bulk_not_by_a_file_not_by_writing_the_lower_value_back() {
    let desk = desk("");
    desk.run("sync").exits(5);
    let found = listed(&desk);
    let id = found["conflict"].as_str().unwrap();
    desk.run("conflicts export -o f.json").exits(0);
    let mut file: Value = serde_json::from_slice(&desk.bytes("f.json")).unwrap();
    for one in file["conflicts"].as_array_mut().unwrap() {
        one["decide"] = json!({ "take": "business" });
    }
    desk.put("f.json", file.to_string().as_bytes());
    let commands = [
        format!("conflicts resolve {id} --take business"),
        "conflicts resolve --record tea --take business".to_owned(),
        "conflicts import f.json".to_owned(),
    ];
    for user in ["bob", "manager"] {
        for command in &commands {
            let answer = desk.run(&format!("{command} --user {user}")).exits(3);
            answer.says("APPROVAL_NEEDED").says(WAITS);
        }
    }
    let open = desk.run("conflicts list --json").exits(0).json();
    assert_eq!(open["conflicts"].as_array().unwrap().len(), 2, "none was decided");
    let entries = desk.run("audit export").exits(0).stdout;
    let refused = |line: &&str| line.contains("REFUSED") && line.contains("APPROVAL_NEEDED");
    assert_eq!(entries.lines().filter(refused).count(), 6);
    assert!(!entries.contains("12.5"), "the audit holds no values");
    desk.write("business", "product_prices", &prices(11.0, "lb"));
    desk.run("sync --user bob").exits(5);
    assert_eq!(shown(&desk), [json!(12.5), json!(12.5)]);
    listed(&desk);
}

#[test]
fn whoever_approves_is_told_of_a_new_conflict_by_an_id_and_a_link() {
    let desk = desk("[notify]\nlink = \"https://desk.example/c/{id}\"\n");
    desk.run_words(&["sync", "--notify", "tee notice.json"]).exits(5);
    let text = String::from_utf8(desk.bytes("notice.json")).unwrap();
    let notice: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(notice["newConflicts"], 2);
    let id = listed(&desk)["conflict"].as_str().unwrap().to_owned();
    let named = notice["conflicts"].as_array().unwrap();
    let named = named.iter().find(|named| named["conflict"] == id.as_str()).unwrap();
    assert_eq!(named["link"], format!("https://desk.example/c/{id}"));
    assert_eq!(named["look"], format!("syncline conflicts show {}", &id[..10]));
    assert_eq!(named["approval"], json!(["manager", "carol"]));
    for value in ["12.5", "\"lb\"", "tea"] {
        assert!(!text.contains(value), "{value}: {text}");
    }
    // They still wait, but nobody is told of them twice.
    desk.run_words(&["sync", "--notify", "tee notice.json"]).exits(5);
    let notice: Value = serde_json::from_slice(&desk.bytes("notice.json")).unwrap();
    assert_eq!((notice.get("newConflicts"), notice.get("conflicts")), (None, None));
}

#[test]
fn whoever_is_named_or_has_the_role_decides_it_for_both() {
    for (user, choice, price) in [
        ("mara", "--take business", json!(11.0)),
        ("carol", "--take personal", json!(12.5)),
        ("jo", "--value 12", json!(12)),
    ] {
        let desk = desk("");
        desk.run("sync").exits(5);
        desk.run(&format!("conflicts resolve --path /price {choice} --user {user}")).exits(0);
        desk.run("sync").exits(5);
        assert_eq!(shown(&desk), [price.clone(), price.clone()], "{user}");
        let left = desk.run("conflicts list --json").exits(0).json();
        assert_eq!(left["conflicts"].as_array().unwrap().len(), 1, "{user}: the unit waits");
        let show =
            desk.run("conflicts list --path /price --status resolved --json").exits(0).json();
        assert_eq!(show["conflicts"][0]["decision"]["by"], user);
        assert_eq!(show["conflicts"][0].get("approval"), None, "it waits no more");
    }
}

#[test]
fn a_preference_chooses_what_is_shown_and_settles_nothing() {
    let cases = [
        ("", "sync --on-conflict target", 11.0, "the preferred side"),
        ("", "sync --on-conflict newer", 11.0, "the value edited last"),
        ("", "sync --on-conflict both", 12.5, "the greatest value"),
        ("", "sync --on-conflict ask", 12.5, "the greatest value"),
        ("on_conflict = \"target\"\n", "sync", 11.0, "the preferred side"),
        ("on_conflict = \"review\"\n", "sync", 12.5, "the greatest value"),
    ];
    for (link, command, price, reason) in cases {
        let desk = desk(link);
        // The later edit is the one of business.
        std::thread::sleep(std::time::Duration::from_millis(20));
        desk.write("business", "product_prices", &prices(11.0, "lb"));
        desk.run(command).exits(5).says(reason).says(WAITS);
        assert_eq!(shown(&desk), [json!(price), json!(price)], "{link}{command}");
        listed(&desk);
    }
}
