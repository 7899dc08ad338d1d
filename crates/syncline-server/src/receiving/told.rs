//! What a body says of which record. Nothing here is applied.

use std::collections::BTreeSet;

use syncline_engine::received::ReceivedId;
use syncline_model::clock::Clock;
use syncline_model::id::{EntityName, EventType, RecordId, SiteId};
use syncline_model::json::{Json, Object, parse};
use syncline_model::limits::{DRIFT_MS_MAX, HOPS_MAX};
use syncline_model::path::Path;
use syncline_protocol::time::parse_time;
use syncline_protocol::webhook::event::hops_of;

use super::Receiver;
use crate::delivering::TEST_TYPE;
use crate::limits::{RECEIVED_AHEAD_MS_MAX, RECEIVED_TIMES_MAX};

/// What a person is called, and what belongs to one.
const PERSON: &str = "user";
const PROFILE: &str = "profile";
/// Fields of a person in data that does not tell apart what is the person's and what the profile's. Source: what
/// sign-ins by NextAuth keep of a user.
const OF_PERSON: [&str; 6] = ["id", "name", "email", "emailVerified", "image", "role"];

/// What an application tells.
#[derive(Debug, PartialEq)]
pub(crate) struct Told {
    /// What the event is known by.
    pub(crate) event: ReceivedId,
    /// The record that it is of.
    pub(crate) record: (EntityName, RecordId),
    /// What became of it.
    pub(crate) what: What,
    /// How far the sender was.
    pub(crate) version: Option<Version>,
    /// When what it tells was edited, where a hub says that.
    pub(crate) edited: Option<Edited>,
    /// The hubs that it came through.
    pub(crate) hops: Vec<SiteId>,
    /// When the message was signed, in seconds since the Unix epoch, where that was signed too.
    pub(crate) signed_s: Option<u64>,
    /// Whether no signature covers which record it is of.
    pub(crate) is_of_any_record: bool,
}

/// When fields were edited, by path; a record as a whole by that of the root.
pub(crate) type Edited = Vec<(Path, Clock)>;

/// What is told of one record.
pub(super) struct Part {
    pub(super) record: (EntityName, RecordId),
    /// What the event is known by, as far as it is of this record.
    pub(super) event: ReceivedId,
    /// How far the sender was.
    pub(super) order: Option<i64>,
    /// Whether nothing older of the record is to be taken from then on.
    pub(super) is_telling: bool,
    /// Its fields; `None` if it is gone.
    pub(super) data: Option<Object>,
    /// When what is told was edited, where a hub says that.
    pub(super) edited: Option<Edited>,
}

impl Told {
    /// Refuses times that are further ahead of the hub's clock than clocks differ.
    pub(crate) fn require_clock(&self, now_ms: u64) -> Result<(), Unfit> {
        let edited = self.edited.iter().flatten().map(|(_, clock)| clock.millis());
        // What the store would take for earlier than it is told.
        let ahead = edited.map(|ms| ms.saturating_sub(now_ms)).max();
        if let Some(ahead_ms) = ahead.filter(|ahead_ms| *ahead_ms > DRIFT_MS_MAX) {
            return Err(Unfit::Ahead { ahead_ms, most_ms: DRIFT_MS_MAX });
        }
        self.version.map_or(Ok(()), |version| version.require_clock(now_ms))
    }

    /// Returns the records that something is told of.
    pub(super) fn records(&self) -> Vec<&(EntityName, RecordId)> {
        let beside = match &self.what {
            What::WrittenBeside(_, beside, _) => Some(beside),
            What::Deleted | What::Written(_) => None,
        };
        beside.into_iter().chain([&self.record]).collect()
    }

    /// Returns what is told of each record, in the order in which it is to be written.
    pub(super) fn parts(self) -> Vec<Part> {
        // Where it is known when each field was edited, a record has no order of its own: what comes late may be the
        // latest of its fields.
        let order = self.version.map(Version::order).filter(|_| self.edited.is_none());
        let (event, edited) = (self.event, self.edited);
        let part = |record, data| Part {
            record,
            event,
            order,
            is_telling: true,
            data,
            edited: edited.clone(),
        };
        match self.what {
            What::Deleted => vec![part(self.record, None)],
            What::Written(data) => vec![part(self.record, Some(data))],
            What::WrittenBeside(data, beside, other) => {
                // The sender may call an event of the other record alone the same.
                let event = ReceivedId::of(&[event.as_bytes(), &b"beside"[..]].concat());
                // What says only which record it is says nothing of it that something older could undo.
                let is_telling = |(_, id): &(EntityName, RecordId), data: &Object| {
                    data.iter().any(|(_, value)| value.as_str() != Some(id.as_str()))
                };
                let (of_other, of_record) =
                    (is_telling(&beside, &other), is_telling(&self.record, &data));
                vec![
                    Part { event, is_telling: of_other, ..part(beside, Some(other)) },
                    Part { is_telling: of_record, ..part(self.record, Some(data)) },
                ]
            }
        }
    }
}

/// What became of a record.
#[derive(Debug, PartialEq)]
pub(crate) enum What {
    /// It is gone.
    Deleted,
    /// It has these fields.
    Written(Object),
    /// It has these fields, and so has another one.
    WrittenBeside(Object, (EntityName, RecordId), Object),
}

/// How far a sender was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// When: milliseconds since the Unix epoch.
    Time(u64),
    /// A number that rises.
    Number(i64),
}

impl Version {
    /// Refuses a time that is further ahead of the hub's clock than clocks differ.
    fn require_clock(self, now_ms: u64) -> Result<(), Unfit> {
        match self {
            Self::Time(ms) if ms.saturating_sub(now_ms) > RECEIVED_AHEAD_MS_MAX => {
                Err(Unfit::Ahead { ahead_ms: ms - now_ms, most_ms: RECEIVED_AHEAD_MS_MAX })
            }
            _ => Ok(()),
        }
    }

    /// Returns when it was written, as far as the hub is concerned: nothing is written after it came.
    pub(crate) fn written_ms(self, now_ms: u64) -> u64 {
        match self {
            Self::Time(ms) => ms.min(now_ms),
            Self::Number(_) => now_ms,
        }
    }

    /// Returns what two versions of one sender are compared by: what it says itself, whatever time it is here. Else
    /// what it said before would pass for as new as what it said later, where its clock is ahead.
    pub(crate) fn order(self) -> i64 {
        match self {
            Self::Time(ms) => i64::try_from(ms).unwrap_or(i64::MAX),
            Self::Number(number) => number,
        }
    }
}

/// Why a receiver cannot take what a body says. It holds names and places of the receiver, and nothing that the
/// body says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// The receiver takes no such events, or none of such records.
    Unknown(&'static str),
    /// Something stands not where it is looked for, or is of another kind.
    Lacking { what: &'static str, place: String, expected: &'static str },
    /// What says how far the sender was is neither time nor number.
    Version { place: String },
    /// It says a time that has not come yet.
    Ahead { ahead_ms: u64, most_ms: u64 },
    /// It came through too many hubs.
    TooManyHops,
    /// Its fields were edited at too many times.
    TooManyTimes,
}

impl Unfit {
    /// Returns the stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "WEBHOOK_TYPE_UNKNOWN",
            Self::Lacking { .. } => "WEBHOOK_MEMBER_MISSING",
            Self::Version { .. } => "WEBHOOK_VERSION_INVALID",
            Self::Ahead { .. } => "WEBHOOK_VERSION_AHEAD",
            Self::TooManyHops => "WEBHOOK_TOO_MANY_HOPS",
            Self::TooManyTimes => "WEBHOOK_VERSION_INVALID",
        }
    }

    /// Says what is wrong.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Unknown(what) => format!("this receiver takes no such {what}"),
            Self::Lacking { what, place, expected } => {
                format!("{what} is looked for at `{place}`, and is {expected}")
            }
            Self::Version { place } => {
                format!(
                    "what stands at `{place}` is no time such as 2026-11-20T10:00:00.000Z and no whole number"
                )
            }
            Self::Ahead { ahead_ms, most_ms } => format!(
                "its time is {} s ahead of the hub's clock, and at most {} s are taken: one of the two clocks is wrong",
                ahead_ms / 1_000,
                most_ms / 1_000
            ),
            Self::TooManyTimes => {
                format!("its fields were edited at more than {RECEIVED_TIMES_MAX} different times")
            }
            Self::TooManyHops => format!("it came through more than {HOPS_MAX} hubs"),
        }
    }
}

/// What came to a receiver. Its signature holds.
pub(crate) struct Came<'a> {
    /// What it says.
    pub(crate) said: Said,
    /// The id of the message and its time in seconds since the Unix epoch, where they were signed.
    pub(crate) signed: Option<(&'a [u8], u64)>,
    /// The body as it came.
    pub(crate) bytes: &'a [u8],
}

/// What it says, by how it says it.
pub(crate) enum Said {
    /// A document of the sender's own.
    Body(Json),
    /// An event of CloudEvents, all of it in the body.
    Structured(Json),
    /// An event of CloudEvents with attributes in headers, which no signature covers.
    Binary(Json),
}

impl Said {
    const fn document(&self) -> &Json {
        match self {
            Self::Body(document) | Self::Structured(document) | Self::Binary(document) => document,
        }
    }
}

/// Returns whether it is what a hub sends to see whether it can reach an endpoint: it is of no record, and every
/// receiver takes it.
pub(crate) fn is_test(said: &Said) -> bool {
    let kind = said.document().as_object().and_then(|body| body.get("type"));
    kind.and_then(Json::as_str) == Some(TEST_TYPE)
}

/// Reads what came.
pub(crate) fn tell(receiver: &Receiver, came: &Came<'_>) -> Result<Told, Unfit> {
    let (places, body) = (&receiver.places, came.said.document());
    let kind = text_at(body, &places.kind, "the type of the event")?;
    let known = EventType::new(kind).ok().filter(|kind| receiver.types.matches(kind));
    known.ok_or(Unfit::Unknown("type of event"))?;
    let (before, word) = kind.rsplit_once('.').unwrap_or((kind, kind));
    let resource = match &places.resource {
        Some(place) => text_at(body, place, "the kind of the record")?,
        None => before,
    };
    let id = id_at(body, &places.id)?;
    let event = known_by(receiver, came)?;
    let version = places.version.as_ref().map(|place| version_at(body, place)).transpose()?;
    let hops = hops_of(body.as_object().and_then(|body| body.get("hops")));
    if hops.len() > HOPS_MAX {
        return Err(Unfit::TooManyHops);
    }
    let signed_s = came.signed.map(|(_, at_s)| at_s);
    let is_of_any_record = matches!(came.said, Said::Binary(_));
    let edited = edited_of(body, &hops);
    let is_of_a_hub = edited.is_some();
    let times: BTreeSet<Clock> = edited.iter().flatten().map(|(_, clock)| *clock).collect();
    if times.len() > RECEIVED_TIMES_MAX {
        return Err(Unfit::TooManyTimes);
    }
    let told = |record, what| {
        Ok(Told { event, record, what, version, edited, hops, signed_s, is_of_any_record })
    };
    let of = |resource: &str| entity_of(receiver, resource);
    if receiver.deletes.iter().any(|delete| **delete == *word) {
        return told((of(resource)?, id), What::Deleted);
    }
    let data = body.at(&places.data).and_then(Json::as_object);
    let data = data.ok_or_else(|| lacking("the data", &places.data, "an object"))?.clone();
    let has_persons = receiver.preset.is_some_and(super::Preset::has_persons);
    // A hub tells of one record at a time.
    if is_of_a_hub || !has_persons || !matches!(resource, PERSON | PROFILE) {
        return told((of(resource)?, id), What::Written(data));
    }
    let (person, profile) = parted(resource, before, data);
    match (person, profile) {
        (Some(person), None) => told((of(PERSON)?, id), What::Written(person)),
        (None, Some(profile)) => told((of(PROFILE)?, id), What::Written(profile)),
        (person, profile) => {
            let beside = (of(PROFILE)?, id.clone());
            let named = |record: Option<Object>, name: &str| {
                let mut id_alone = Object::new();
                id_alone.insert(name, id.as_str());
                with(record.unwrap_or_default(), Some(id_alone))
            };
            // Both are there afterwards, whatever was told of each.
            let (person, profile) = (named(person, "id"), named(profile, "userId"));
            told((of(PERSON)?, id), What::WrittenBeside(person, beside, profile))
        }
    }
}

/// Returns when what a hub tells was edited. Where something else is said, or no hub has said it, nothing is: other
/// senders may mean something else by it.
fn edited_of(body: &Json, hops: &[SiteId]) -> Option<Edited> {
    let said = body.as_object()?.get("edited").filter(|_| !hops.is_empty())?;
    let read;
    let said = match said {
        // As CloudEvents have it.
        Json::String(text) => {
            read = parse(text.as_bytes()).ok()?;
            &read
        }
        said => said,
    };
    let field = |(path, clock): (&str, &Json)| {
        Some((Path::parse(path).ok()?, clock.as_str()?.parse::<Clock>().ok()?))
    };
    said.as_object()?.iter().map(field).collect()
}

/// Returns what the event is known by, so that it is applied once.
fn known_by(receiver: &Receiver, came: &Came<'_>) -> Result<ReceivedId, Unfit> {
    let body = came.said.document();
    let signed_id = came.signed.map(|(id, _)| id);
    let place = receiver.places.event.as_ref();
    let named = place.map(|place| label_at(body, place, "the id of the event")).transpose()?;
    Ok(match (&came.said, named) {
        // Whoever can change a header could send the event once more under another id.
        (Said::Binary(_), _) => ReceivedId::of(signed_id.unwrap_or(came.bytes)),
        // The ids of two sources have nothing to do with each other.
        (Said::Structured(_), Some(id)) => {
            let source = body.as_object().and_then(|body| body.get("source"));
            let source = source.and_then(Json::as_str).unwrap_or_default();
            ReceivedId::of(format!("{}:{source}{id}", source.len()).as_bytes())
        }
        (Said::Body(_), Some(id)) => ReceivedId::of(id.as_bytes()),
        // Spec 004's signature covers no id: without that of the standard the same body would be another event.
        (_, None) if receiver.takes_plain() => ReceivedId::of(came.bytes),
        (_, None) => ReceivedId::of(signed_id.unwrap_or(came.bytes)),
    })
}

/// Parts what is told of a person from what is told of its profile.
///
/// What stands below `user` and `profile` is said of these. Else an event of a record is of that record; only
/// `profile.…` of a `user` is of both, with the fields of a sign-in the person's.
fn parted(resource: &str, of: &str, mut data: Object) -> (Option<Object>, Option<Object>) {
    let mut below = |name: &str| match data.get(name) {
        Some(Json::Object(below)) => {
            let below = below.clone();
            data.remove(name);
            Some(below)
        }
        _ => None,
    };
    let (person, profile) = (below(PERSON), below(PROFILE));
    let rest = Some(data).filter(|data| !data.is_empty());
    match (resource, person, profile) {
        (PROFILE, person, None) => (person, Some(rest.unwrap_or_default())),
        (PROFILE, person, Some(profile)) => (person, Some(with(profile, rest))),
        (_, Some(person), None) => (Some(person), rest),
        (_, Some(person), Some(profile)) => (Some(with(person, rest)), Some(profile)),
        (_, None, Some(profile)) => (Some(rest.unwrap_or_default()), Some(profile)),
        (_, None, None) if of == PROFILE => {
            let (mut person, mut profile) = (Object::new(), Object::new());
            for (name, value) in rest.unwrap_or_default().iter() {
                let of = if OF_PERSON.contains(&name) { &mut person } else { &mut profile };
                of.insert(name, value.clone());
            }
            (Some(person), Some(profile))
        }
        (_, None, None) => (Some(rest.unwrap_or_default()), None),
    }
}

/// Adds what is not there yet.
fn with(mut object: Object, more: Option<Object>) -> Object {
    for (name, value) in more.unwrap_or_default().iter() {
        if !object.contains_key(name) {
            object.insert(name, value.clone());
        }
    }
    object
}

fn entity_of(receiver: &Receiver, resource: &str) -> Result<EntityName, Unfit> {
    let unknown = || Unfit::Unknown("kind of record");
    match receiver.entities.is_empty() {
        true => EntityName::new(resource).map_err(|_| unknown()),
        false => receiver.entities.get(resource).cloned().ok_or_else(unknown),
    }
}

fn lacking(what: &'static str, place: &Path, expected: &'static str) -> Unfit {
    Unfit::Lacking { what, place: place.to_string(), expected }
}

fn text_at<'j>(body: &'j Json, place: &Path, what: &'static str) -> Result<&'j str, Unfit> {
    let text = body.at(place).and_then(Json::as_str).filter(|text| !text.is_empty());
    text.ok_or_else(|| lacking(what, place, "a text"))
}

/// Reads a text, or a whole number as one.
fn label_at(body: &Json, place: &Path, what: &'static str) -> Result<String, Unfit> {
    match body.at(place) {
        Some(Json::Number(number)) if number.is_integer() => Ok(number.canonical()),
        _ => text_at(body, place, what).map(str::to_owned),
    }
}

fn id_at(body: &Json, place: &Path) -> Result<RecordId, Unfit> {
    let what = "the id of the record";
    let id = RecordId::new(&label_at(body, place, what)?);
    id.map_err(|_| lacking(what, place, "a text of at most 512 bytes"))
}

fn version_at(body: &Json, place: &Path) -> Result<Version, Unfit> {
    let invalid = || Unfit::Version { place: place.to_string() };
    match body.at(place) {
        None | Some(Json::Null) => Err(lacking("the version", place, "a time or a whole number")),
        Some(Json::String(text)) => parse_time(text).map(Version::Time).ok_or_else(invalid),
        Some(Json::Number(number)) => number.to_i64().map(Version::Number).ok_or_else(invalid),
        Some(_) => Err(invalid()),
    }
}
