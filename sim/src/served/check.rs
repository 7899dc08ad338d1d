//! What must hold of served hubs and their clients: while it goes on, and at the end.

use std::collections::{BTreeMap, BTreeSet};

use syncline_client::{Json, Network, Notice, Query, Record};
use syncline_hub::served::Limits;
use syncline_merge::display::Fields;
use syncline_model::id::Writer;
use syncline_policy::view::Sight;
use syncline_protocol::change::Content;

use super::copies::Claim;
use super::device::{Own, User, shown, sum_of};
use super::house::House;
use super::ledger::words_of;
use super::play::Street;
use super::rights::{Note, NotesFollowed, shows};
use crate::history::RecordKey;
use crate::schema::field;

/// A requirement and what was found.
pub(super) type Finding = (&'static str, String);

/// Looks at a client while it goes on.
///
/// - I18: it shows nothing of another hub.
/// - I7: it shows what its user has written, and what was once shown of sums and sets that only grow.
/// - I2: nothing is refused.
pub(super) fn look(street: &mut Street, index: usize, marks: &[char]) -> Vec<Finding> {
    let mark = street.mark;
    let was_restored = street.was_restored;
    let forgets = street.rates.forget > 0;
    let user = &mut street.users[index];
    let Some(device) = &user.device else { return Vec::new() };
    let client = device.client();
    let mut findings = Vec::new();
    for notice in client.notices() {
        if let Notice::Refused { refusal, entity, id, .. } = notice {
            let is_allowed =
                |code: &str| ["WRITE_DENIED", "OPERATION_AFTER_REFUSED", "REBASE"].contains(&code);
            if entity.as_str() == "notes" && is_allowed(&refusal.code) {
                continue;
            }
            // What was deleted and forgotten is gone for good, for who has not seen that.
            let is_gone = ["REBASE", "OPERATION_AFTER_REFUSED"].contains(&&*refusal.code);
            if is_gone
                && forgets
                && ["own-", "mix-"].iter().any(|kind| id.as_str().starts_with(kind))
            {
                user.free.insert(id.as_str().to_owned());
                continue;
            }
            // An edit of a text counts on characters that a restored hub lacks.
            let counts = ["REBASE", "TEXT_EDIT_INVALID", "OPERATION_AFTER_REFUSED"];
            let counts = id.as_str().starts_with("text-") && counts.contains(&&*refusal.code);
            if was_restored && counts {
                continue;
            }
            findings.push(("I2", format!("{}: {id} is refused: {}", user.name, refusal.code)));
        }
    }
    user.is_shown_all |= user.is_wide && client.status().network == Network::UpToDate;
    let records = ["tasks", "contacts"].map(|entity| client.query(&Query::new(entity)));
    let records: Vec<Record> = records.into_iter().flatten().flatten().collect();
    for record in &records {
        let text = record.to_json().to_compact_string();
        let foreign = |other: &&char| **other != mark && text.contains(&format!("\"{other}-"));
        if marks.iter().find(foreign).is_some() {
            let finding = format!("{} shows {} of another hub", user.name, record.id());
            findings.push(("I18", finding));
        }
    }
    findings.extend(own(user, &records));
    for ((entity, id, field), value) in
        street.shared.fields.iter().filter(|(key, _)| key.2 == format!("/by-{}", user.name))
    {
        let is_followed = *entity == "tasks" || (user.is_wide && user.is_shown_all);
        let record = records.iter().find(|record| record.id().as_str() == id);
        let found = record.and_then(|record| record.text(field));
        if is_followed && found.as_ref() != Some(value) {
            let finding = format!("{} wrote {id}{field} and is shown {found:?}", user.name);
            findings.push((if *entity == "contacts" { "I17" } else { "I7" }, finding));
        }
    }
    street.shared.words.note_refused(client);
    if !was_restored {
        findings.extend(street.shared.words.own(&user.name, &records));
        findings.extend(grown(user, &records));
    }
    findings.extend(hidden(user, &notes_of(user), &street.house));
    findings
}

fn notes_of(user: &User) -> Vec<Record> {
    let client = user.device.as_ref().map(|device| device.client());
    client.and_then(|client| client.query(&Query::new("notes")).ok()).unwrap_or_default()
}

/// I18: a client shows nothing of notes but what its user has written, and what a token of its was ever
/// allowed to see.
fn hidden(user: &User, notes: &[Record], house: &House) -> Vec<Finding> {
    let classes: Vec<_> = user.classes.iter().copied().collect();
    let mut findings = Vec::new();
    for note in notes {
        let text = format!("\"{}\":{}", note.id(), note.to_json().to_compact_string());
        let mut words = words_of(&text);
        let leak = |word: &&str| house.ledger.leak(word, &classes, &user.written).is_some();
        if let Some(word) = words.find(leak) {
            findings.push(("I18", format!("{} shows {word}, which it may not see", user.name)));
        }
    }
    findings
}

/// I16: the log leads to the notes that the hub shows.
fn logged(street: &Street) -> Vec<Finding> {
    let viewer = Writer::new("nobody").expect("invariant: a word is a name");
    let shows = noted(street, &viewer);
    let logged = &street.house.ledger.notes;
    let ids: BTreeSet<&String> = shows.keys().chain(logged.keys()).collect();
    let differs = ids.into_iter().filter(|id| shows.get(*id) != logged.get(*id));
    differs
        .map(|id| {
            let (hub, log) = (shows.get(id), logged.get(id));
            ("I16", format!("{id} is {hub:?} and the log leads to {log:?}"))
        })
        .collect()
}

/// Returns the notes as the hub shows them to a viewer from whom nothing is kept.
fn noted(street: &Street, viewer: &Writer) -> BTreeMap<String, Note> {
    let shows = hub_shows(street, viewer, &["notes"]).into_iter();
    shows.map(|((_, id), fields)| (id.as_str().to_owned(), as_note(&fields))).collect()
}

fn as_note(fields: &Fields) -> Note {
    let fields = fields.iter();
    fields.map(|(path, leaf)| (path.as_str().to_owned(), leaf.as_str().to_owned())).collect()
}

/// I1 and I18: the notes that a client shows are those that the log leads to, as far as it follows and its
/// user may see them.
fn notes(street: &Street, user: &User) -> Vec<Finding> {
    let class = street.house.rules.class(user.rights);
    let is_there = |note: &Note| class.0.sees(note) && user.notes.takes(note);
    let expected = street.house.ledger.notes.iter().filter(|(_, note)| is_there(note));
    // Whose clock is not to be trusted goes on seeing its own title.
    let viewer = user.device.as_ref().map(|device| Writer::from(&device.client().id()));
    let hub = viewer.map(|viewer| noted(street, &viewer)).unwrap_or_default();
    let title = |id: &String| hub.get(id).and_then(|note| note.get(field::TITLE));
    let expected: BTreeMap<String, Note> = expected
        .map(|(id, note)| {
            let fields = note.iter().filter(|(path, _)| shows(class, path));
            let mut fields: Note =
                fields.map(|(path, value)| (path.clone(), value.clone())).collect();
            fields.extend(title(id).map(|title| (field::TITLE.to_owned(), title.clone())));
            (id.clone(), fields)
        })
        .collect();
    let held = notes_of(user);
    let held: BTreeMap<String, Note> =
        held.iter().map(|note| (note.id().as_str().to_owned(), as_note(note.fields()))).collect();
    let mut findings = Vec::new();
    let ids: BTreeSet<&String> = expected.keys().chain(held.keys()).collect();
    for id in ids {
        let (there, here) = (expected.get(id), held.get(id));
        if there != here {
            let nothing = Note::new();
            let (is, may) = (here.unwrap_or(&nothing), there.unwrap_or(&nothing));
            let is_more = is.iter().any(|(path, _)| !may.contains_key(path));
            let rule = if is_more { "I18" } else { "I1" };
            let finding =
                format!("{} of {class:?} shows {id} as {here:?}, not {there:?}", user.name);
            findings.push((rule, finding));
        }
    }
    findings
}

/// Compares the records of one writer with what they must show.
fn own(user: &User, records: &[Record]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (id, expected) in user.own.iter().filter(|(id, _)| !user.free.contains(*id)) {
        let record = records.iter().find(|record| record.id().as_str() == id);
        let found = record.map(shown);
        if found != *expected {
            let number =
                |own: &Option<Own>| own.as_ref().and_then(|own| own.get("/x/later").cloned());
            let rule = if without_number(&found) == without_number(expected)
                && number(&found).is_some()
                && number(expected).is_some()
            {
                "I15"
            } else {
                "I7"
            };
            let finding = format!("{} shows {id} as {found:?}, wrote {expected:?}", user.name);
            findings.push((rule, finding));
        }
    }
    findings
}

fn without_number(own: &Option<Own>) -> Option<Own> {
    let mut own = own.clone()?;
    own.remove("/x/later");
    Some(own)
}

/// Checks that what only grows is not shown smaller than before.
fn grown(user: &mut User, records: &[Record]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let sums: BTreeMap<String, Own> = records
        .iter()
        .filter(|record| record.id().as_str().starts_with("sum-"))
        .map(|record| (record.id().as_str().to_owned(), shown(record)))
        .collect();
    let known: Vec<String> = user.shown.keys().chain(sums.keys()).cloned().collect();
    for id in known {
        let (sum, tags) = user.shown.entry(id.clone()).or_default();
        let now = sums.get(&id).cloned().unwrap_or_default();
        let now_sum = match now.get("/views") {
            Some(super::device::OwnValue::Sum(sum)) => *sum,
            _ => 0,
        };
        let now_tags = match now.get("/tags") {
            Some(super::device::OwnValue::Tags(tags)) => tags.clone(),
            _ => Default::default(),
        };
        if now_sum < *sum || !now_tags.is_superset(tags) {
            let finding =
                format!("{} was shown {id} with {sum} and then with {now_sum}", user.name);
            findings.push(("I7", finding));
        }
        (*sum, *tags) = (now_sum, now_tags);
    }
    findings
}

/// I24: who says that it holds what the hub shows does, as long as both stand where they stood; and nobody
/// comes to hold something else.
pub(super) fn unfounded(street: &Street, (user, is_equal, position): Claim) -> Option<Finding> {
    let user = &street.users[user];
    if !is_equal {
        return Some(("I24", format!("{} holds something else as of {}", user.name, position.0)));
    }
    let status = user.device.as_ref()?.client().status();
    let end = street.house.served()?.position();
    let is_as_then = end == position && status.pending == 0 && user.line.is_some();
    let differs = if is_as_then { converged(street, user) } else { Vec::new() };
    differs
        .into_iter()
        .next()
        .map(|(_, finding)| ("I24", format!("said to be the same: {finding}")))
}

/// I24: in the end each copy was compared, unless its client follows views and cannot.
fn compared(street: &Street) -> Option<Finding> {
    let copies = street.house.copies.as_ref()?;
    let whole = street.users.iter().filter(|user| user.notes == NotesFollowed::All);
    let clients = whole.filter_map(|user| Some(user.device.as_ref()?.client().id()));
    let mut unknown = clients.filter(|client| !copies.is_same(client));
    unknown.next().map(|client| ("I24", format!("nothing is known of the copy of {client}")))
}

/// Checks everything once nothing goes wrong any more and time has passed.
pub(super) fn at_the_end(street: &mut Street, marks: &[char]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for index in 0..street.users.len() {
        findings.extend(look(street, index, marks));
    }
    findings.extend(street.users.iter().filter_map(still_waits));
    findings.extend(compared(street));
    if !findings.is_empty() {
        return findings;
    }
    findings.extend(sums(street));
    findings.extend(logged(street));
    for user in &street.users {
        findings.extend(converged(street, user));
        findings.extend(notes(street, user));
    }
    findings
}

/// I21: every operation is answered.
fn still_waits(user: &User) -> Option<Finding> {
    let Some(device) = &user.device else {
        return Some(("I21", format!("{} does not start", user.name)));
    };
    let status = device.client().status();
    let waiting = device.client().pending(1).unwrap_or_default();
    let first = waiting.first().map(|waiting| format!("{}/{}", waiting.entity, waiting.id));
    let (name, count, network) = (&user.name, status.pending, status.network);
    let finding = format!("{name} still waits for {count} answer(s), {network:?}, first {first:?}");
    (count > 0).then_some(("I21", finding))
}

/// Returns what the hub shows a viewer from whom nothing is kept.
fn hub_shows(street: &Street, viewer: &Writer, entities: &[&str]) -> BTreeMap<RecordKey, Fields> {
    let mut all = BTreeMap::new();
    let wanted = street.schema.all().into_iter().chain([street.schema.notes.clone()]);
    let wanted: Vec<_> = wanted.filter(|entity| entities.contains(&entity.as_str())).collect();
    let Some(served) = street.house.served() else { return all };
    let audience = served.audience(Sight::everything(&wanted));
    let mut cursor = None;
    loop {
        let page = street.house.page(&audience, cursor.as_ref(), None, viewer, Limits::default());
        let Ok(page) = page else { return all };
        for change in page.changes {
            let key = (change.entity, change.id);
            match change.content {
                Content::Record(fields) => drop(all.insert(key, fields)),
                _ => drop(all.remove(&key)),
            }
        }
        cursor = Some(page.cursor);
        if !page.more {
            return all;
        }
    }
}

/// I2 and I6: sums, sets and fields of one writer are exactly what was written; I17: also where
/// somebody followed a record for a while only.
fn sums(street: &Street) -> Vec<Finding> {
    let mut findings = Vec::new();
    let viewer = Writer::new("nobody").expect("invariant: a word is a name");
    let shows = hub_shows(street, &viewer, &["tasks", "contacts"]);
    let by_name: BTreeMap<(String, String), &Fields> = shows
        .iter()
        .map(|((entity, id), fields)| {
            ((entity.as_str().to_owned(), id.as_str().to_owned()), fields)
        })
        .collect();
    let value = |entity: &str, id: &str, field: &str| {
        let fields = by_name.get(&(entity.to_owned(), id.to_owned()))?;
        let (_, leaf) = fields.iter().find(|(path, _)| path.as_str() == field)?;
        Some(leaf.to_json())
    };
    for ((entity, id, field), written) in &street.shared.fields {
        let found = value(entity, id, field);
        if found.as_ref().and_then(Json::as_str) != Some(written) {
            let rule = if *entity == "contacts" { "I17" } else { "I2" };
            let finding = format!("{id}{field} is {found:?} and {written} was written last");
            findings.push((rule, finding));
        }
    }
    for (id, expected) in &street.shared.sums {
        let found = match value("tasks", id, "/views") {
            Some(Json::Number(number)) => sum_of(&number),
            _ => 0,
        };
        if found != *expected {
            let rule = if found > *expected { "I6" } else { "I2" };
            findings.push((rule, format!("{id} has {found} and {expected} was added")));
        }
    }
    for (id, expected) in &street.shared.tags {
        let found = match value("tasks", id, "/tags") {
            Some(Json::Array(tags)) => {
                tags.iter().filter_map(|tag| tag.as_str().map(str::to_owned)).collect()
            }
            _ => BTreeSet::new(),
        };
        if found != *expected {
            findings.push(("I2", format!("{id} has {} of {} tags", found.len(), expected.len())));
        }
    }
    findings.extend(street.shared.words.at_the_end(|id, field| value("tasks", id, field)));
    findings
}

/// I1: a client shows what its hub shows it.
fn converged(street: &Street, user: &User) -> Vec<Finding> {
    let Some(device) = &user.device else { return Vec::new() };
    let client = device.client();
    let entities: &[&str] = if user.is_wide { &["tasks", "contacts"] } else { &["tasks"] };
    let viewer = Writer::from(&client.id());
    let hub = hub_shows(street, &viewer, entities);
    let records = entities.iter().flat_map(|entity| client.query(&Query::new(entity)));
    let held: BTreeMap<RecordKey, Fields> = records
        .flatten()
        .map(|record| ((record.entity().clone(), record.id().clone()), record.fields().clone()))
        .collect();
    let keys: BTreeSet<&RecordKey> = hub.keys().chain(held.keys()).collect();
    let differs = keys.into_iter().filter(|key| hub.get(*key) != held.get(*key));
    differs
        .map(|key| {
            let (here, there) = (held.get(key), hub.get(key));
            let finding = format!("{} of {} is {here:?}, at the hub {there:?}", key.1, user.name);
            ("I1", finding)
        })
        .collect()
}
