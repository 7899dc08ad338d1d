//! A type of event as it is stored: one row, with all versions of its schema.

use syncline_engine::rows::{Key, MetaName};
use syncline_model::id::EventType;
use syncline_model::json::{Json, Object, parse};

/// What the names of the rows begin with.
pub(super) const NAME_START: &str = "event_type.";

/// One version of what events of a type hold.
#[derive(Clone, Debug, PartialEq)]
pub struct EventVersion {
    /// Which version; the first is 1.
    pub version: u32,
    /// The schema of the data.
    pub schema: Json,
    /// Data that fits it, for people to look at.
    pub examples: Vec<Json>,
    /// Who has changed it last.
    pub by: String,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// A type of event of the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub struct EventTypeRow {
    /// Its name.
    pub event_type: EventType,
    /// What such an event tells.
    pub description: String,
    /// Whether it is emitted no more.
    pub is_retired: bool,
    /// Its versions, the first one first: at least one.
    pub versions: Vec<EventVersion>,
}

impl EventTypeRow {
    /// Returns the key of the row.
    pub(super) fn key(event_type: &EventType) -> Key {
        Key::Meta(Self::name(event_type))
    }

    /// Returns the name of the row. That of a type may be longer than one of a fact.
    pub(super) fn name(event_type: &EventType) -> MetaName {
        let digest = blake3::hash(event_type.as_str().as_bytes()).to_hex();
        let name = format!("{NAME_START}{}", digest.get(..32).unwrap_or_default());
        MetaName::new(&name).expect("invariant: a short word and hexadecimal digits")
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut row = Object::new();
        row.insert("type", self.event_type.as_str());
        row.insert("description", self.description.as_str());
        row.insert("retired", self.is_retired);
        let versions = self.versions.iter().map(|version| {
            let mut members = Object::new();
            members.insert("version", u64::from(version.version));
            members.insert("schema", version.schema.clone());
            members.insert("examples", version.examples.clone());
            members.insert("by", version.by.as_str());
            members.insert("atMs", version.at_ms);
            Json::Object(members)
        });
        row.insert("versions", versions.collect::<Vec<Json>>());
        Json::Object(row).to_compact_string().into_bytes()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let row = parse(bytes).ok()?;
        let row = row.as_object()?;
        let versions = row.get("versions")?.as_array()?.iter().map(version_of);
        let versions: Vec<EventVersion> = versions.collect::<Option<_>>()?;
        Some(Self {
            event_type: EventType::new(row.get("type")?.as_str()?).ok()?,
            description: row.get("description")?.as_str()?.to_owned(),
            is_retired: row.get("retired")? == &Json::Bool(true),
            versions: Some(versions).filter(|versions| !versions.is_empty())?,
        })
    }
}

fn version_of(json: &Json) -> Option<EventVersion> {
    let members = json.as_object()?;
    let number = |name: &str| members.get(name)?.as_number()?.to_i64();
    Some(EventVersion {
        version: u32::try_from(number("version")?).ok()?,
        schema: members.get("schema")?.clone(),
        examples: members.get("examples")?.as_array()?.to_vec(),
        by: members.get("by")?.as_str()?.to_owned(),
        at_ms: u64::try_from(number("atMs")?).ok()?,
    })
}
