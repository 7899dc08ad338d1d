//! A receiver: whose signatures it takes, and where in a body stands what it needs.

use std::collections::BTreeMap;

use syncline_engine::deliver::{Filter, FilterError};
use syncline_model::id::{DomainName, EntityName};
use syncline_model::json::{Json, Object};
use syncline_model::path::Path;
use syncline_protocol::time::format_time;
use syncline_protocol::webhook::secret::{Secret, SecretError};
use syncline_protocol::webhook::verify::{Accept, Verifier};

use super::Preset;
use crate::application::{SecretText, hard_secret_of, secret_of};
use crate::document::texts;
use crate::limits::{
    RECEIVER_ENTITIES_MAX, RECEIVER_NAME_BYTES_MAX, RECEIVER_SECRETS_MAX, RECEIVER_WORDS_MAX,
};

/// What may be said of a receiver.
const MEMBERS: [&str; 14] = [
    "name",
    "preset",
    "secrets",
    "accept",
    "types",
    "entities",
    "deletes",
    "event",
    "type",
    "resource",
    "id",
    "data",
    "version",
    "cloudEventHeaders",
];

/// Under which name the receivers of spec 004 remember what they took. They share their secrets, so what one of
/// them took is known to the others.
const MEMORY_OF_SPEC_004: &str = "sync";
/// Under which name a receiver does that somebody has called so. No other one has such a sign in its name.
const MEMORY_OF_ONE_CALLED_SO: &str = "made_sync";

/// Who takes in what an application tells.
#[derive(Clone)]
pub(crate) struct Receiver {
    /// The last part of its path.
    pub(crate) name: DomainName,
    /// The receiver of spec 004 that it is, if it is one.
    pub(crate) preset: Option<Preset>,
    secrets: Vec<Box<str>>,
    accept: Option<Accept>,
    takes_plain: bool,
    /// Under which name it remembers what it took.
    pub(crate) memory: DomainName,
    /// Whether attributes of CloudEvents are read from headers, which no signature covers.
    pub(crate) has_cloud_event_headers: bool,
    /// Which types of events it takes.
    pub(crate) types: Filter,
    /// Which records they are of, by what the body calls them; by the same name if none is named.
    pub(crate) entities: BTreeMap<Box<str>, EntityName>,
    /// The last words of types that say that a record is gone.
    pub(crate) deletes: Vec<Box<str>>,
    pub(crate) places: Places,
}

/// Where in a body stands what a receiver needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    /// What names the event. Without it the signed `webhook-id` does, or the body itself.
    pub(crate) event: Option<Path>,
    /// Its type.
    pub(crate) kind: Path,
    /// What kind of thing it happened to; the type up to its last word, if that stands nowhere.
    pub(crate) resource: Option<Path>,
    /// What it happened to.
    pub(crate) id: Path,
    /// The fields of the record.
    pub(crate) data: Path,
    /// How far the sender was: a time, or a number that rises.
    pub(crate) version: Option<Path>,
}

/// Why something is no receiver.
#[derive(Debug)]
pub(crate) enum Invalid {
    /// It is not understood.
    Malformed(String),
    /// It is understood, and cannot be meant.
    Unfit(String),
    /// A secret is none.
    Secret(SecretError),
    /// The types of events are none.
    Types(FilterError),
}

impl Invalid {
    /// Returns the stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "BODY_INVALID",
            Self::Unfit(_) => "RECEIVER_INVALID",
            Self::Secret(error) => error.code(),
            Self::Types(error) => error.code(),
        }
    }

    /// Says what is wrong.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Malformed(text) | Self::Unfit(text) => text.clone(),
            Self::Secret(error) => error.to_string(),
            Self::Types(error) => error.to_string(),
        }
    }
}

fn malformed(text: impl Into<String>) -> Invalid {
    Invalid::Malformed(text.into())
}

fn unfit(text: impl Into<String>) -> Invalid {
    Invalid::Unfit(text.into())
}

impl From<SecretError> for Invalid {
    fn from(error: SecretError) -> Self {
        Self::Secret(error)
    }
}

impl Places {
    /// Returns where spec 004 has them.
    fn of_spec_004() -> Self {
        let path = |text| Path::parse(text).expect("invariant: it begins with a slash");
        Self {
            event: Some(path("/id")),
            kind: path("/type"),
            resource: Some(path("/resourceType")),
            id: path("/resourceId"),
            data: path("/data"),
            version: Some(path("/timestamp")),
        }
    }
}

impl Receiver {
    /// Returns the receiver of spec 004 with secrets.
    pub(crate) fn of_spec_004(preset: Preset, secrets: &[SecretText]) -> Option<Self> {
        let mut body = Object::new();
        body.insert("preset", preset.name());
        let receiver = Self::read(&body).ok()?;
        let secrets = secrets.iter().map(|secret| secret.expose().into()).collect();
        let memory = DomainName::new(MEMORY_OF_SPEC_004).ok()?;
        let mut receiver = Self { secrets, memory, ..receiver };
        receiver.takes_plain = receiver.verifier().is_ok_and(|verifier| verifier.takes_plain());
        Some(receiver)
    }

    /// Reads what is said of a receiver. One without secrets takes nothing until it has some.
    pub(crate) fn read(body: &Object) -> Result<Self, Invalid> {
        if body.keys().any(|name| !MEMBERS.contains(&name)) {
            let text = format!("a receiver has the members {}", MEMBERS.join(", "));
            return Err(malformed(text));
        }
        let preset = match body.get("preset").map(|preset| text(preset, "preset")).transpose()? {
            None => None,
            Some(name) => Some(Preset::from_name(name).ok_or_else(|| {
                let names: Vec<&str> = Preset::ALL.into_iter().map(Preset::name).collect();
                malformed(format!("preset is one of {}", names.join(", ")))
            })?),
        };
        let name = body.get("name").map(|name| text(name, "name")).transpose()?;
        let name = name.or(preset.map(Preset::name)).ok_or_else(|| malformed("name is missing"))?;
        let usual = Places::of_spec_004();
        let places = Places {
            event: place(body, "event", usual.event)?,
            kind: place(body, "type", Some(usual.kind))?.ok_or_else(|| unfit("type is needed"))?,
            resource: place(body, "resource", usual.resource)?,
            id: place(body, "id", Some(usual.id))?.ok_or_else(|| unfit("id is needed"))?,
            data: place(body, "data", Some(usual.data))?.ok_or_else(|| unfit("data is needed"))?,
            version: place(body, "version", usual.version)?,
        };
        let types = match body.get("types") {
            None => preset.map_or(&["*"][..], Preset::types).to_vec(),
            Some(types) => words(types, "types")?,
        };
        let types = Filter::new(types).map_err(Invalid::Types)?;
        let deletes = match body.get("deletes") {
            None => vec!["deleted"],
            Some(deletes) => words(deletes, "deletes")?,
        };
        let accept = match body.get("accept").map(|accept| text(accept, "accept")).transpose()? {
            None => None,
            Some("standard") => Some(Accept::Standard),
            Some("plain") => Some(Accept::Plain),
            Some("both") => Some(Accept::Both),
            Some(_) => return Err(malformed("accept is standard, plain or both")),
        };
        let secrets = body.get("secrets").map(|secrets| words(secrets, "secrets")).transpose()?;
        if secrets.as_ref().is_some_and(Vec::is_empty) {
            return Err(malformed("there is at least one secret"));
        }
        let has_cloud_event_headers = match body.get("cloudEventHeaders") {
            None => false,
            Some(Json::Bool(has)) => *has,
            Some(_) => return Err(malformed("cloudEventHeaders is true or false")),
        };
        let name = receiver_name(name)?;
        let mut receiver = Self {
            memory: memory_of(&name),
            name,
            preset,
            secrets: secrets.unwrap_or_default().into_iter().map(Box::from).collect(),
            accept,
            takes_plain: false,
            has_cloud_event_headers,
            types,
            entities: entities(body, preset)?,
            deletes: deletes.into_iter().map(Box::from).collect(),
            places,
        };
        if !receiver.secrets.is_empty() {
            receiver.takes_plain = receiver.verifier()?.takes_plain();
        }
        Ok(receiver)
    }

    /// Refuses secrets that could be guessed. Asked of a receiver that is made, not of one that is there.
    pub(crate) fn require_hard_secrets(&self) -> Result<(), Invalid> {
        Ok(self.secrets.iter().try_for_each(|text| hard_secret_of(text).map(drop))?)
    }

    /// Refuses what would take again what it took long ago. Asked of a receiver that is made, not of one that is
    /// there: it goes on as it is.
    pub(crate) fn require_memory(&self) -> Result<(), Invalid> {
        if self.takes_plain && self.places.version.is_none() {
            return Err(unfit(
                "x-webhook-signature holds no time, so that whoever has seen a webhook could send it again: say where a version stands, or take only Standard Webhooks",
            ));
        }
        if self.takes_plain && self.has_cloud_event_headers {
            return Err(unfit(
                "with cloudEventHeaders only Standard Webhooks are taken: x-webhook-signature covers no id",
            ));
        }
        Ok(())
    }

    /// Returns what [`Receiver::read`] reads, its secrets included.
    pub(crate) fn write(&self) -> Object {
        let mut body = self.described();
        body.insert("secrets", texts(&self.secrets));
        body.remove("secretCount");
        body
    }

    /// Returns what is told of it.
    fn described(&self) -> Object {
        let mut body = Object::new();
        body.insert("name", self.name.as_str());
        if let Some(preset) = self.preset {
            body.insert("preset", preset.name());
        }
        body.insert("secretCount", self.secrets.len() as u64);
        let accept = self.accept.map(|accept| match accept {
            Accept::Standard => "standard",
            Accept::Plain => "plain",
            Accept::Both => "both",
        });
        accept.into_iter().for_each(|accept| drop(body.insert("accept", accept)));
        body.insert("types", texts(self.types.patterns()));
        let mut entities = Object::new();
        for (resource, entity) in &self.entities {
            entities.insert(resource.clone(), entity.as_str());
        }
        body.insert("entities", entities);
        body.insert("deletes", texts(&self.deletes));
        let places = &self.places;
        let or_null =
            |path: &Option<Path>| path.as_ref().map_or(Json::Null, |path| path.as_str().into());
        body.insert("event", or_null(&places.event));
        body.insert("type", places.kind.as_str());
        body.insert("resource", or_null(&places.resource));
        body.insert("id", places.id.as_str());
        body.insert("data", places.data.as_str());
        body.insert("version", or_null(&places.version));
        body.insert("cloudEventHeaders", self.has_cloud_event_headers);
        body
    }

    /// As [`Receiver::described`], with where it is and when it was made.
    pub(crate) fn described_at(&self, path: &str, created_ms: Option<u64>) -> Object {
        let mut document = self.described();
        document.insert("path", path);
        if let Some(created_ms) = created_ms {
            document.insert("created", format_time(created_ms));
        }
        document
    }

    /// Returns whether it takes spec 004's signature.
    pub(crate) const fn takes_plain(&self) -> bool {
        self.takes_plain
    }

    /// Returns whether what is signed for one of the two can be sent to the other.
    pub(crate) fn shares_secret_with(&self, other: &Self) -> bool {
        let same = |one: &str, other: &str| {
            one == other
                || secret_of(one).ok().zip(secret_of(other).ok()).is_some_and(|(one, other)| {
                    *one.expose() == *other.expose()
                        || one.public_key().is_some_and(|key| other.public_key() == Some(key))
                })
        };
        self.secrets.iter().any(|one| other.secrets.iter().any(|other| same(one, other)))
    }

    /// Returns whether it can take anything.
    pub(crate) const fn has_secrets(&self) -> bool {
        !self.secrets.is_empty()
    }

    /// Adds a secret.
    pub(crate) fn with_secret(mut self, secret: &str) -> Self {
        self.secrets.push(secret.into());
        self
    }

    /// Returns what verifies signatures.
    ///
    /// # Errors
    ///
    /// [`SecretError`] if a secret is none.
    pub(crate) fn verifier(&self) -> Result<Verifier, SecretError> {
        let secrets = self.secrets.iter().map(|text| secret_of(text));
        let secrets: Vec<Secret> = secrets.collect::<Result<_, _>>()?;
        let verifier = Verifier::new(&secrets)?;
        Ok(match self.accept {
            Some(accept) => verifier.accepting(accept),
            None => verifier,
        })
    }
}

/// Checks the name of a receiver: a word of small letters, digits and hyphens, as it stands in a path.
fn receiver_name(text: &str) -> Result<DomainName, Invalid> {
    let is_in_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let fits = text.len() <= RECEIVER_NAME_BYTES_MAX && text.bytes().all(is_in_word);
    let name = DomainName::new(text).ok().filter(|_| fits && !text.starts_with('-'));
    name.ok_or_else(|| {
        unfit(format!(
            "a name is 1 to {RECEIVER_NAME_BYTES_MAX} of a-z, 0-9 and -, and begins with no -"
        ))
    })
}

/// Returns under which name a receiver remembers what it took: its own, but not that of those of spec 004.
fn memory_of(name: &DomainName) -> DomainName {
    match name.as_str() {
        MEMORY_OF_SPEC_004 => DomainName::new(MEMORY_OF_ONE_CALLED_SO).ok(),
        _ => None,
    }
    .unwrap_or_else(|| name.clone())
}

fn text<'j>(value: &'j Json, name: &str) -> Result<&'j str, Invalid> {
    value.as_str().ok_or_else(|| malformed(format!("{name} is a text")))
}

fn words<'j>(value: &'j Json, name: &str) -> Result<Vec<&'j str>, Invalid> {
    let texts = value.as_array().ok_or_else(|| malformed(format!("{name} is a list of texts")))?;
    let max = if name == "secrets" { RECEIVER_SECRETS_MAX } else { RECEIVER_WORDS_MAX };
    if texts.len() > max {
        return Err(unfit(format!("{name} has at most {max} members")));
    }
    texts.iter().map(|one| text(one, name)).collect()
}

/// Reads where something stands; `null` says nowhere.
fn place(body: &Object, name: &str, usual: Option<Path>) -> Result<Option<Path>, Invalid> {
    match body.get(name) {
        None => Ok(usual),
        Some(Json::Null) => Ok(None),
        Some(place) => {
            let path = Path::parse(text(place, name)?);
            path.map(Some).map_err(|error| unfit(format!("{name}: {error}")))
        }
    }
}

fn entities(
    body: &Object,
    preset: Option<Preset>,
) -> Result<BTreeMap<Box<str>, EntityName>, Invalid> {
    let entity = |text: &str| EntityName::new(text).map_err(|error| unfit(error.to_string()));
    let Some(given) = body.get("entities") else {
        let resources = preset.map_or(&[][..], Preset::resources).iter();
        return resources.map(|name| Ok(((*name).into(), entity(name)?))).collect();
    };
    let given = given.as_object();
    let given = given.ok_or_else(|| malformed("entities is an object of texts"))?;
    if given.len() > RECEIVER_ENTITIES_MAX {
        return Err(unfit(format!("entities has at most {RECEIVER_ENTITIES_MAX} members")));
    }
    let named = given.iter();
    named.map(|(name, of)| Ok((name.into(), entity(text(of, "an entity")?)?))).collect()
}
