//! Comparing a real state with what the oracle expects, item by item.

use std::collections::BTreeMap;

use syncline_merge::display::sum_value;
use syncline_merge::dots::Dots;
use syncline_merge::state::{Body, ElementId, Entry, Record};
use syncline_model::clock::Stamp;
use syncline_model::json::Number;

use super::{Item, Known, Oracle, Slot};

/// What stands in a state, as text by place.
pub(crate) type Contents = BTreeMap<String, String>;

/// Returns what a real state holds.
pub(crate) fn contents(record: &Record) -> Contents {
    let mut found = Contents::new();
    put(&mut found, "Live", &record.live);
    put(&mut found, "Deletes", &record.deletes);
    in_body(&record.body, "", &mut found);
    found
}

fn put(found: &mut Contents, place: &str, dots: &Dots) {
    for stamp in dots.as_slice() {
        found.insert(format!("{place} {stamp:?}"), String::new());
    }
}

fn entry(entry: &Entry) -> String {
    let Entry { value, edited, timed, writer } = entry;
    format!("{value:?} {edited:?} {timed} {writer}")
}

fn element(path: &str, id: ElementId) -> String {
    format!("Appended {path} {id:?}")
}

fn in_body(body: &Body, within: &str, found: &mut Contents) {
    for (path, register) in &body.registers {
        for (stamp, value) in register {
            found.insert(format!("Register {within}{path} {stamp:?}"), entry(value));
        }
    }
    for (path, sum) in &body.sums {
        for (stamp, floor) in &sum.floors {
            found.insert(format!("Floor {within}{path} {stamp:?}"), floor.canonical());
        }
        let floor = sum.floors.values().max().cloned().unwrap_or_else(|| Number::from(0_i64));
        let added = sum_value(sum).expect("small numbers").checked_sub(&floor).unwrap();
        if !added.is_zero() {
            found.insert(format!("Added {within}{path}"), added.canonical());
        }
    }
    for (path, elements) in &body.unions {
        for (leaf, dots) in elements {
            put(found, &format!("Element {within}{path} {leaf}"), dots);
        }
    }
    for (path, members) in &body.keyed {
        for (key, member) in members {
            let inside = format!("{within}{path}/{key}");
            put(found, &format!("Member {inside}"), &member.live);
            in_body(&member.body, &inside, found);
        }
    }
    for (path, elements) in &body.appends {
        for (id, item) in elements {
            let place = element(&format!("{within}{path}"), *id);
            for (stamp, index) in &item.dots {
                found.insert(format!("{place} {stamp:?}"), index.to_string());
            }
            found.insert(place, item.value.to_string());
        }
    }
    for (path, texts) in &body.texts {
        for (birth, text) in texts {
            put(found, &format!("Text {within}{path} {birth:?}"), &text.live);
        }
    }
}

/// Returns what the oracle expects of a site that knows `known` of a record.
pub(crate) fn expected(oracle: &Oracle, record: usize, known: &Known) -> Contents {
    let mut found = Contents::new();
    for slot in oracle.slots(record, &known.seen) {
        let items = oracle.items(record, known, slot);
        if let Slot::Addition(path) = slot {
            let mut total = Number::from(0_i64);
            for (_, item) in &items {
                if let Item::Number(number) = item {
                    total = total.checked_add(number).unwrap();
                }
            }
            if !total.is_zero() {
                found.insert(format!("Added {path}"), total.canonical());
            }
            continue;
        }
        for (change, item) in items {
            expect_item(oracle.changes[change].stamp, slot, item, &mut found);
        }
    }
    found
}

fn expect_item(stamp: Stamp, slot: Slot, item: &Item, found: &mut Contents) {
    match (slot, item) {
        (Slot::Live, _) => found.insert(format!("Live {stamp:?}"), String::new()),
        (Slot::Deletes, _) => found.insert(format!("Deletes {stamp:?}"), String::new()),
        (Slot::Register(path), Item::Value { value, edited, timed, writer }) => {
            let (value, edited, writer) = (value.clone(), *edited, writer.clone());
            let said = entry(&Entry { value, edited, timed: *timed, writer });
            found.insert(format!("Register {path} {stamp:?}"), said)
        }
        (Slot::Floor(path), Item::Number(value)) => {
            found.insert(format!("Floor {path} {stamp:?}"), value.canonical())
        }
        (Slot::Element(path, leaf), _) => {
            found.insert(format!("Element {path} {leaf} {stamp:?}"), String::new())
        }
        (Slot::Member(path), _) => found.insert(format!("Member {path} {stamp:?}"), String::new()),
        (Slot::Appended(path, id), Item::Appended(value, index)) => {
            let place = element(path, id);
            found.insert(format!("{place} {stamp:?}"), index.to_string());
            found.insert(place, value.to_string())
        }
        (Slot::Text(path, birth), _) => {
            found.insert(format!("Text {path} {birth:?} {stamp:?}"), String::new())
        }
        (slot, item) => unreachable!("{item:?} in {slot:?}"),
    };
}

/// Returns letters that somebody typed, that nobody who saw them removed, and that are not there.
pub(crate) fn lost_letters(oracle: &Oracle, record: usize, known: &Known, real: &Record) -> String {
    let mut lost = String::new();
    for slot in oracle.slots(record, &known.seen) {
        let Slot::Text(path, birth) = slot else {
            continue;
        };
        let texts = real.body.texts.iter().find(|(own, _)| own.as_str() == path);
        let text = texts.and_then(|(_, texts)| texts.get(&birth));
        let text = text.map(|text| text.state.text()).unwrap_or_default();
        for (_, item) in oracle.items(record, known, slot) {
            if let Item::Typed(typed) = item {
                lost.extend(typed.chars().filter(|letter| !text.contains(*letter)));
            }
        }
    }
    lost
}

/// Says where a real state and the expected one differ; empty if they agree.
pub(crate) fn difference(real: &Contents, expected: &Contents) -> String {
    let mut said = String::new();
    for (place, value) in real {
        if expected.get(place) != Some(value) {
            said += &format!("  has    {place}: {value}\n");
        }
    }
    for (place, value) in expected {
        if real.get(place) != Some(value) {
            said += &format!("  should {place}: {value}\n");
        }
    }
    said
}
