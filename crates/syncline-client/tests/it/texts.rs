//! Two people type into one text.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use syncline_client::{Client, Network};

use crate::hub::{TestHub, eventually};
use crate::live::settle;

/// Edits of each client, as many as the order asks for.
const EDITS: usize = 1_000;

fn text(client: &Client) -> String {
    client.get("tasks", "t1").unwrap().unwrap().text("/notes").unwrap()
}

/// Types one word that was never typed before, or removes a few characters, at a random place.
/// Returns what was removed.
fn type_at_random(client: &Client, who: char, turn: usize, place: u32, removes: bool) -> String {
    let mut gone = String::new();
    client
        .edit("tasks", "t1", |r| {
            let shown = r.get("/notes").and_then(|text| text.as_str().map(str::to_owned));
            let shown = shown.unwrap_or_default();
            let count = shown.chars().count();
            let place = usize::try_from(place).unwrap() % (count + 1);
            if removes && count > 20 {
                let place = place.min(count - 3);
                gone = shown.chars().skip(place).take(3).collect();
                return r.splice_text("/notes", place, 3, "");
            }
            r.splice_text("/notes", place, 0, &format!("<{who}{turn}>"))
        })
        .unwrap();
    gone
}

fn count(text: &str, wanted: char) -> usize {
    text.chars().filter(|c| *c == wanted).count()
}

fn random(edits: usize) -> Vec<(u32, bool)> {
    let strategy = prop::collection::vec((any::<u32>(), prop::bool::weighted(0.2)), edits);
    strategy.new_tree(&mut TestRunner::default()).unwrap().current()
}

/// Begins a text that both show.
fn begun() -> (TestHub, tempfile::TempDir, Client, Client) {
    let (hub, folder) = (TestHub::start(), tempfile::tempdir().unwrap());
    let (a, b) = (hub.client(&folder, "a"), hub.client(&folder, "b"));
    let line = "It was a dark and stormy night.";
    a.edit("tasks", "t1", |r| r.text("/notes", line)).unwrap();
    settle(&a, &b);
    (hub, folder, a, b)
}

#[test]
fn what_two_clients_typed_offline_is_all_there() {
    let (_hub, _folder, a, b) = begun();
    for client in [&a, &b] {
        client.go_offline();
        eventually("offline", || client.status().network == Network::Offline);
    }
    let mut removed = String::new();
    let mut typed = 0;
    for (client, who) in [(&a, 'a'), (&b, 'b')] {
        for (turn, (place, removes)) in random(EDITS).into_iter().enumerate() {
            let gone = type_at_random(client, who, turn, place, removes);
            typed += usize::from(gone.is_empty());
            removed += &gone;
        }
    }
    a.go_online();
    b.go_online();
    settle(&a, &b);
    let text = text(&a);
    // Each could remove the ends of its own words only, so every end is there or was removed.
    assert_eq!(count(&text, '>') + count(&removed, '>'), typed);
    assert_eq!(count(&text, '<') + count(&removed, '<'), typed);
    assert!(a.quarantine().unwrap().is_empty() && b.quarantine().unwrap().is_empty());
}

#[test]
fn what_two_clients_type_at_the_same_time_is_all_there() {
    let (_hub, _folder, a, b) = begun();
    let type_all = |client: &Client, who: char| {
        let (mut removed, mut typed) = (String::new(), 0);
        for (turn, (place, removes)) in random(300).into_iter().enumerate() {
            let gone = type_at_random(client, who, turn, place, removes);
            typed += usize::from(gone.is_empty());
            removed += &gone;
            match turn % 100 {
                50 => client.go_offline(),
                70 => client.go_online(),
                _ => {}
            }
        }
        (removed, typed)
    };
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| type_all(&a, 'a'));
        let other = scope.spawn(|| type_all(&b, 'b'));
        (one.join().unwrap(), other.join().unwrap())
    });
    settle(&a, &b);
    let (text, removed) = (text(&a), one.0 + &other.0);
    // Both may have removed the same character: then it is counted twice, but never too little.
    assert!(count(&text, '>') + count(&removed, '>') >= one.1 + other.1);
    assert!(count(&text, '>') <= one.1 + other.1, "nothing was typed twice");
    assert!(a.quarantine().unwrap().is_empty() && b.quarantine().unwrap().is_empty());
}
