//! Migrations as JSON: how they are written in a configuration, sent and stored.
//!
//! ```json
//! {"from": 1, "to": 2, "steps": [
//!   {"rename":  {"from": "/mail", "to": "/email"}},
//!   {"add":     {"path": "/active", "default": true}},
//!   {"remove":  {"path": "/fax"}},
//!   {"wrap":    {"field": "/city", "object": "/address"}},
//!   {"hoist":   {"field": "/name/full"}},
//!   {"map":     {"path": "/state", "pairs": [["open", "todo"]], "otherwise": "keep"}},
//!   {"convert": {"path": "/size", "conversion": "string-to-number"}}]}
//! ```
//!
//! `default` may be absent; everything else is required, and anything more is refused.

use thiserror::Error;

use crate::json::{Json, Leaf, Object};
use crate::path::Path;

use super::identity::SchemaVersion;
use super::migration::{DefineError, Migration};
use super::step::{Conversion, Otherwise, Step};

/// The version of the JSON form that this module writes.
pub const FORMAT_VERSION: u8 = 1;

/// Why a JSON value is no migration: its author mends it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FormError {
    /// Something is not of the kind that it must be, or is missing.
    #[error("{place}: expected {expected}")]
    Expected {
        /// Where: the names of the members, and `steps[<index>]`.
        place: String,
        /// What should be there.
        expected: &'static str,
    },
    /// A member that no migration has.
    #[error("{place}: unknown member")]
    UnknownMember {
        /// Where, without the member's name.
        place: String,
    },
    /// The form is right, the migration is not.
    #[error("the migration is not acceptable: {0}")]
    Define(#[from] DefineError),
}

impl FormError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Expected { .. } | Self::UnknownMember { .. } => "SCHEMA_MIGRATION_MALFORMED",
            Self::Define(source) => source.code(),
        }
    }
}

impl Migration {
    /// Reads a migration from its JSON form.
    ///
    /// # Errors
    ///
    /// [`FormError`], with the place in words.
    pub fn from_json(json: &Json) -> Result<Self, FormError> {
        let members = Members::of("migration".to_owned(), json, &["from", "to", "steps"])?;
        let (from, to) = (members.version("from")?, members.version("to")?);
        let steps = members.array("steps")?.iter().enumerate();
        let steps =
            steps.map(|(index, step)| read_step(index, step)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::new(from, to, steps)?)
    }

    /// Returns the JSON form.
    pub fn to_json(&self) -> Json {
        let steps: Vec<Json> = self.steps().iter().map(write_step).collect();
        object([
            ("from", Json::from(u64::from(self.from().0))),
            ("to", Json::from(u64::from(self.to().0))),
            ("steps", Json::Array(steps)),
        ])
    }
}

fn read_step(index: usize, json: &Json) -> Result<Step, FormError> {
    let place = format!("steps[{index}]");
    let expected = "an object with one member: rename, add, remove, wrap, hoist, map or convert";
    let malformed = || FormError::Expected { place: place.clone(), expected };
    let step = json.as_object().filter(|step| step.len() == 1).ok_or_else(malformed)?;
    let (kind, json) = step.iter().next().ok_or_else(malformed)?;
    let members = |names| Members::of(format!("{place}.{kind}"), json, names);
    Ok(match kind {
        "rename" => {
            let members = members(&["from", "to"])?;
            Step::Rename { from: members.path("from")?, to: members.path("to")? }
        }
        "add" => {
            let members = members(&["path", "default"])?;
            Step::Add { path: members.path("path")?, default: members.default()? }
        }
        "remove" => {
            let members = members(&["path", "default"])?;
            Step::Remove { path: members.path("path")?, default: members.default()? }
        }
        "wrap" => {
            let members = members(&["field", "object"])?;
            Step::Wrap { field: members.path("field")?, object: members.path("object")? }
        }
        "hoist" => Step::Hoist { field: members(&["field"])?.path("field")? },
        "map" => {
            let members = members(&["path", "pairs", "otherwise"])?;
            let path = members.path("path")?;
            let otherwise = members.word("otherwise", OTHERWISE, "keep or refuse")?;
            Step::Map { path, pairs: members.pairs()?, otherwise }
        }
        "convert" => {
            let members = members(&["path", "conversion"])?;
            let expected = "string-to-number, number-to-string, string-to-bool or bool-to-string";
            let conversion = members.word("conversion", CONVERSIONS, expected)?;
            Step::Convert { path: members.path("path")?, conversion }
        }
        _ => return Err(malformed()),
    })
}

fn write_step(step: &Step) -> Json {
    let text = |path: &Path| Json::from(path.as_str());
    let with_default = |path: &Path, default: &Option<Leaf>| {
        let mut members = Object::new();
        members.insert("path", text(path));
        if let Some(default) = default {
            members.insert("default", default.to_json());
        }
        Json::Object(members)
    };
    let (kind, json) = match step {
        Step::Rename { from, to } => ("rename", object([("from", text(from)), ("to", text(to))])),
        Step::Add { path, default } => ("add", with_default(path, default)),
        Step::Remove { path, default } => ("remove", with_default(path, default)),
        Step::Wrap { field, object: outer } => {
            ("wrap", object([("field", text(field)), ("object", text(outer))]))
        }
        Step::Hoist { field } => ("hoist", object([("field", text(field))])),
        Step::Map { path, pairs, otherwise } => {
            let pair = |(old, new): &(Leaf, Leaf)| Json::Array(vec![old.to_json(), new.to_json()]);
            let pairs = Json::Array(pairs.iter().map(pair).collect());
            let otherwise = Json::from(name_of(OTHERWISE, *otherwise));
            ("map", object([("path", text(path)), ("pairs", pairs), ("otherwise", otherwise)]))
        }
        Step::Convert { path, conversion } => {
            let conversion = Json::from(name_of(CONVERSIONS, *conversion));
            ("convert", object([("path", text(path)), ("conversion", conversion)]))
        }
    };
    object([(kind, json)])
}

const OTHERWISE: &[(&str, Otherwise)] = &[("keep", Otherwise::Keep), ("refuse", Otherwise::Refuse)];

const CONVERSIONS: &[(&str, Conversion)] = &[
    ("string-to-number", Conversion::StringToNumber),
    ("number-to-string", Conversion::NumberToString),
    ("string-to-bool", Conversion::StringToBool),
    ("bool-to-string", Conversion::BoolToString),
];

fn name_of<T: PartialEq>(names: &[(&'static str, T)], value: T) -> &'static str {
    let found = names.iter().find(|(_, named)| *named == value);
    found.expect("invariant: every value has a name").0
}

fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(members.into_iter().collect())
}

/// An object whose members are among those expected.
struct Members<'a> {
    place: String,
    object: &'a Object,
}

impl<'a> Members<'a> {
    fn of(place: String, json: &'a Json, names: &[&str]) -> Result<Self, FormError> {
        let Some(object) = json.as_object() else {
            return Err(FormError::Expected { place, expected: "an object" });
        };
        if object.keys().any(|key| !names.contains(&key)) {
            return Err(FormError::UnknownMember { place });
        }
        Ok(Self { place, object })
    }

    fn expected(&self, name: &str, expected: &'static str) -> FormError {
        FormError::Expected { place: format!("{}.{name}", self.place), expected }
    }

    fn version(&self, name: &str) -> Result<SchemaVersion, FormError> {
        let number = self.object.get(name).and_then(Json::as_number);
        number
            .and_then(|number| u32::try_from(number.to_i64()?).ok())
            .map(SchemaVersion)
            .ok_or_else(|| self.expected(name, "a version: an integer of 32 bits, 0 or more"))
    }

    fn array(&self, name: &str) -> Result<&'a [Json], FormError> {
        let array = self.object.get(name).and_then(Json::as_array);
        array.ok_or_else(|| self.expected(name, "an array"))
    }

    fn path(&self, name: &str) -> Result<Path, FormError> {
        let text = self.object.get(name).and_then(Json::as_str);
        text.and_then(|text| Path::parse_field(text).ok())
            .ok_or_else(|| self.expected(name, "a path of a field, as `/name/first`"))
    }

    fn default(&self) -> Result<Option<Leaf>, FormError> {
        let too_deep = |_| self.expected("default", "a value that is not nested so deeply");
        self.object.get("default").map(Leaf::from_json).transpose().map_err(too_deep)
    }

    fn pairs(&self) -> Result<Vec<(Leaf, Leaf)>, FormError> {
        let pair = |json: &Json| match json.as_array()? {
            [old, new] => Some((Leaf::from_json(old).ok()?, Leaf::from_json(new).ok()?)),
            _ => None,
        };
        let pairs: Option<Vec<_>> = self.array("pairs")?.iter().map(pair).collect();
        pairs.ok_or_else(|| self.expected("pairs", "pairs of an older and a newer value"))
    }

    fn word<T: Copy>(
        &self,
        name: &str,
        names: &[(&'static str, T)],
        expected: &'static str,
    ) -> Result<T, FormError> {
        let text = self.object.get(name).and_then(Json::as_str);
        let found = names.iter().find(|(known, _)| Some(*known) == text);
        found.map(|(_, value)| *value).ok_or_else(|| self.expected(name, expected))
    }
}
