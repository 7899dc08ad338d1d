//! What a record of each entity looks like.

use super::words::{
    CHANNELS, CITIES, CONTACT_CATEGORIES, CONTACT_TAGS, EVENT_KINDS, FAMILY_NAMES, FILE_KINDS,
    FOLDERS, GIVEN_NAMES, MAIL_DOMAINS, OTHER_NAMES, ROOMS, STREETS, TASK_PRIORITIES,
    TASK_STATUSES, TASK_TAGS, THINGS, VERBS,
};
use super::{Dice, Json};

/// The five entities of spec 001.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entity {
    /// People.
    Contacts,
    /// Events and appointments.
    Calendar,
    /// Things to do.
    Tasks,
    /// Metadata of files.
    Documents,
    /// Metadata of mails, calls and messages.
    Communications,
}

impl Entity {
    /// All of them, in the order in which spec 001 names them.
    pub const ALL: [Self; 5] =
        [Self::Contacts, Self::Calendar, Self::Tasks, Self::Documents, Self::Communications];

    /// Returns the entity's name: its file's stem and the member that holds its records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Calendar => "calendar",
            Self::Tasks => "tasks",
            Self::Documents => "documents",
            Self::Communications => "communications",
        }
    }

    /// Returns the two text fields that edits change; the first has many possible values.
    pub const fn edited_fields(self) -> [&'static str; 2] {
        match self {
            Self::Contacts => ["phone", "category"],
            Self::Calendar => ["location", "title"],
            Self::Tasks => ["title", "status"],
            Self::Documents => ["path", "owner"],
            Self::Communications => ["subject", "channel"],
        }
    }

    /// Returns the id of the record with this number, counted from 1.
    pub fn id(self, number: u64) -> String {
        let prefix = match self {
            Self::Contacts => "contact",
            Self::Calendar => "event",
            Self::Tasks => "task",
            Self::Documents => "document",
            Self::Communications => "message",
        };
        format!("{prefix}-{number:03}")
    }
}

/// Returns a record: the same for the same arguments, always.
///
/// - `number`: counted from 1; part of the id.
/// - `revision`: 0 is the record as first written. Any other revision differs from revision 0 in
///   exactly two fields, one of [`Entity::edited_fields`] and `lastModified`.
pub fn record(entity: Entity, seed: u64, number: u64, revision: u64) -> Json {
    let mut dice = Dice::new(&[seed, entity as u64, number]);
    let mut members = vec![("id", Json::text(entity.id(number)))];
    members.extend(match entity {
        Entity::Contacts => contact(&mut dice),
        Entity::Calendar => event(&mut dice),
        Entity::Tasks => task(&mut dice),
        Entity::Documents => document(&mut dice),
        Entity::Communications => message(&mut dice),
    });
    members.push(("lastModified", Json::text(moment(&mut dice, 2025))));
    if revision > 0 {
        let mut dice = Dice::new(&[seed, entity as u64, number, revision]);
        revise(entity, &mut members, &mut dice);
    }
    Json::Object(members)
}

fn revise(entity: Entity, members: &mut [(&'static str, Json)], dice: &mut Dice) {
    let edited = dice.pick(&entity.edited_fields());
    for (name, value) in members {
        if *name == edited {
            let before = value.clone();
            while *value == before {
                *value = Json::Text(fresh_value(edited, dice));
            }
        } else if *name == "lastModified" {
            *value = Json::Text(moment(dice, 2026));
        }
    }
}

/// Returns a new value for a field named by [`Entity::edited_fields`], or for `lastModified`.
pub fn fresh_value(field: &str, dice: &mut Dice) -> String {
    match field {
        "phone" => phone(dice),
        "category" => dice.pick(CONTACT_CATEGORIES).to_owned(),
        "location" => location(dice),
        "title" => format!("{} (no. {})", task_title(dice), 1 + dice.below(9_000)),
        "status" => dice.pick(TASK_STATUSES).to_owned(),
        "path" => path(dice, "pdf"),
        "owner" => person(dice),
        "subject" => subject(dice),
        "channel" => dice.pick(CHANNELS).to_owned(),
        _ => moment(dice, 2026),
    }
}

fn contact(dice: &mut Dice) -> Vec<(&'static str, Json)> {
    let name = person(dice);
    let email = mail_address(&name, dice);
    let street = format!("{} {}", dice.pick(STREETS), 1 + dice.below(180));
    let (city, country) = dice.pick(CITIES);
    let address = Json::Object(vec![
        ("street", Json::text(street)),
        ("city", Json::text(city)),
        ("country", Json::text(country)),
    ]);
    vec![
        ("name", Json::text(name)),
        ("email", Json::text(email)),
        ("phone", Json::text(phone(dice))),
        ("category", Json::text(dice.pick(CONTACT_CATEGORIES))),
        ("address", address),
        ("tags", tags(dice, CONTACT_TAGS)),
    ]
}

fn event(dice: &mut Dice) -> Vec<(&'static str, Json)> {
    let title = format!("{} {}", dice.pick(EVENT_KINDS), dice.pick(GIVEN_NAMES));
    let day = day(dice, 2026);
    let hour = 8 + dice.below(10);
    let guests: Vec<String> =
        (0..dice.below(3)).map(|_| Entity::Contacts.id(1 + dice.below(150))).collect();
    vec![
        ("title", Json::text(title)),
        ("start", Json::text(format!("{day}T{hour:02}:00:00Z"))),
        ("end", Json::text(format!("{day}T{hour:02}:{}:00Z", dice.pick(&["25", "45", "50"])))),
        ("location", Json::text(location(dice))),
        ("attendees", Json::texts(guests.iter().map(String::as_str))),
        (
            "reminder",
            Json::Object(vec![("minutesBefore", Json::Number(dice.pick(&[5, 10, 30, 60])))]),
        ),
        ("allDay", Json::Bool(false)),
    ]
}

fn task(dice: &mut Dice) -> Vec<(&'static str, Json)> {
    let total = 1 + dice.below(8);
    let done = dice.below(total + 1);
    let progress = Json::Object(vec![
        ("done", Json::Number(done as i64)),
        ("total", Json::Number(total as i64)),
    ]);
    vec![
        ("title", Json::text(task_title(dice))),
        ("status", Json::text(dice.pick(TASK_STATUSES))),
        ("priority", Json::text(dice.pick(TASK_PRIORITIES))),
        ("due", Json::text(day(dice, 2026))),
        ("progress", progress),
        ("tags", tags(dice, TASK_TAGS)),
    ]
}

fn document(dice: &mut Dice) -> Vec<(&'static str, Json)> {
    let (extension, media_type) = dice.pick(FILE_KINDS);
    let version = Json::Object(vec![
        ("major", Json::Number(1 + dice.below(4) as i64)),
        ("minor", Json::Number(dice.below(10) as i64)),
    ]);
    vec![
        ("title", Json::text(task_title(dice))),
        ("path", Json::text(path(dice, extension))),
        ("mediaType", Json::text(media_type)),
        ("sizeBytes", Json::Number(900 + dice.below(4_000_000) as i64)),
        ("owner", Json::text(person(dice))),
        ("version", version),
    ]
}

fn message(dice: &mut Dice) -> Vec<(&'static str, Json)> {
    let sender = person(dice);
    let from = mail_address(&sender, dice);
    let recipient = person(dice);
    let to = mail_address(&recipient, dice);
    vec![
        ("channel", Json::text(dice.pick(CHANNELS))),
        ("from", Json::text(from)),
        ("to", Json::texts([to.as_str()])),
        ("subject", Json::text(subject(dice))),
        ("sentAt", Json::text(moment(dice, 2025))),
        ("read", Json::Bool(dice.below(4) > 0)),
        ("attachmentCount", Json::Number(dice.below(4) as i64)),
    ]
}

/// Returns a name; about one in twelve is not in the Latin script.
fn person(dice: &mut Dice) -> String {
    if dice.below(12) == 0 {
        return dice.pick(OTHER_NAMES).to_owned();
    }
    format!("{} {}", dice.pick(GIVEN_NAMES), dice.pick(FAMILY_NAMES))
}

/// Returns an address made of the name's plain letters, or of a number where it has none.
fn mail_address(name: &str, dice: &mut Dice) -> String {
    let letters: String = name
        .chars()
        .filter_map(|character| match character {
            ' ' => Some('.'),
            letter if letter.is_ascii_alphabetic() => Some(letter.to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    let letters = letters.trim_matches('.');
    let number = 10 + dice.below(90);
    let domain = dice.pick(MAIL_DOMAINS);
    if letters.is_empty() {
        format!("post{number}@{domain}")
    } else {
        format!("{letters}{number}@{domain}")
    }
}

/// Returns a number from a range reserved for drama.
fn phone(dice: &mut Dice) -> String {
    match dice.below(4) {
        0 => format!("+44 20 7946 0{:03}", dice.below(1_000)),
        1 => format!("+49 30 23125 {:03}", dice.below(1_000)),
        2 => format!("+33 1 99 00 {:02} {:02}", dice.below(100), dice.below(100)),
        _ => format!("+1-{}-555-01{:02}", 201 + dice.below(780), dice.below(100)),
    }
}

fn location(dice: &mut Dice) -> String {
    format!("{} {}, {}", dice.pick(ROOMS), 1 + dice.below(400), dice.pick(CITIES).0)
}

fn task_title(dice: &mut Dice) -> String {
    format!("{} {}", dice.pick(VERBS), dice.pick(THINGS))
}

fn subject(dice: &mut Dice) -> String {
    let prefix = dice.pick(&["Re: ", "Fwd: ", "", "AW: "]);
    format!("{prefix}{} – no. {}", dice.pick(THINGS), 1_000 + dice.below(9_000))
}

fn path(dice: &mut Dice, extension: &str) -> String {
    let thing = dice.pick(THINGS).replace(' ', "-").to_lowercase();
    format!(
        "/{}/{}/{thing}-{}.{extension}",
        dice.pick(FOLDERS),
        2018 + dice.below(8),
        dice.below(1_000)
    )
}

/// Returns one or two different tags.
fn tags(dice: &mut Dice, choices: &[&str]) -> Json {
    let first = dice.pick(choices);
    let second = dice.pick(choices);
    if first == second { Json::texts([first]) } else { Json::texts([first, second]) }
}

fn day(dice: &mut Dice, year: u64) -> String {
    format!("{year}-{:02}-{:02}", 1 + dice.below(12), 1 + dice.below(28))
}

fn moment(dice: &mut Dice, year: u64) -> String {
    let day = day(dice, year);
    format!("{day}T{:02}:{:02}:{:02}Z", dice.below(24), dice.below(60), dice.below(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(value: Json) -> Vec<(&'static str, Json)> {
        match value {
            Json::Object(members) => members,
            other => panic!("a record is an object, not {other:?}"),
        }
    }

    #[test]
    fn a_revision_changes_one_field_and_the_time() {
        for entity in Entity::ALL {
            for number in 1..200 {
                let before = members(record(entity, 3, number, 0));
                let after = members(record(entity, 3, number, 1));
                let changed: Vec<&str> = before
                    .iter()
                    .zip(&after)
                    .filter(|(old, new)| old != new)
                    .map(|(old, _)| old.0)
                    .collect();
                let [field, "lastModified"] = changed[..] else {
                    panic!("{entity:?} {number}: {changed:?}");
                };
                assert!(entity.edited_fields().contains(&field));
            }
        }
    }

    #[test]
    fn a_record_takes_about_three_hundred_bytes_in_its_file() {
        for entity in Entity::ALL {
            let mut out = Vec::new();
            for number in 1..=1_000 {
                record(entity, 3, number, 0).write(2, &mut out).unwrap();
            }
            let mean = out.len() / 1_000;
            assert!((250..=400).contains(&mean), "{entity:?}: {mean} bytes");
        }
    }
}
