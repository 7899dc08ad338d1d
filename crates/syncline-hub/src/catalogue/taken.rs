//! Which events are taken.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use jsonschema::{PatternOptions, Validator};
use syncline_engine::facts;
use syncline_engine::rows::{Key, Scan};
use syncline_model::id::EventType;
use syncline_model::json::Json;
use syncline_store::Read;
use thiserror::Error;

use super::row::{EventTypeRow, NAME_START};
use crate::error::HubError;
use crate::limits::{PATTERN_DFA_BYTES_MAX, PATTERN_PROGRAM_BYTES_MAX};

/// Why an event is not taken. It says nothing of the data but where it does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unfit {
    /// The data fits no version of the schema.
    #[error(
        "the data of `{event_type}` does not fit version {version} of its schema: `{keyword}` at `{at}`"
    )]
    Data {
        /// The type of the event.
        event_type: EventType,
        /// Of which version it is told: the latest.
        version: u32,
        /// Where in the data, as a JSON pointer.
        at: String,
        /// The keyword of the schema that is not satisfied.
        keyword: String,
    },
    /// Only catalogued types are taken, and this is none.
    #[error("`{event_type}` is not in the catalogue, and this hub takes only what is")]
    NotCatalogued {
        /// The type of the event.
        event_type: EventType,
    },
    /// The type was retired.
    #[error("`{event_type}` was retired: such events are emitted no more")]
    Retired {
        /// The type of the event.
        event_type: EventType,
    },
}

impl Unfit {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Data { .. } => "EVENT_DATA_INVALID",
            Self::NotCatalogued { .. } => "EVENT_TYPE_NOT_CATALOGUED",
            Self::Retired { .. } => "EVENT_TYPE_RETIRED",
        }
    }
}

/// The schema of one version, compiled.
#[derive(Clone)]
pub(super) struct Compiled(Arc<Validator>);

impl Compiled {
    /// Compiles a schema that is understood; `None` if a pattern in it is none.
    pub(super) fn of(schema: &Json) -> Option<Self> {
        // Patterns of a person are matched in linear time, and are bounded.
        let patterns = PatternOptions::regex()
            .size_limit(PATTERN_PROGRAM_BYTES_MAX)
            .dfa_size_limit(PATTERN_DFA_BYTES_MAX);
        let schema = serde_json::from_str(&schema.to_compact_string()).ok()?;
        let validator = jsonschema::options().with_pattern_options(patterns).build(&schema);
        validator.ok().map(|validator| Self(Arc::new(validator)))
    }

    /// Returns where data does not fit first, and the keyword that says so.
    pub(super) fn fault(&self, data: &Json) -> Option<(String, String)> {
        let Ok(data) = serde_json::from_str(&data.to_compact_string()) else {
            return Some((String::new(), "type".to_owned()));
        };
        self.fault_of(&data)
    }

    fn fault_of(&self, data: &serde_json::Value) -> Option<(String, String)> {
        let error = self.0.iter_errors(data).next()?;
        let place = error.schema_path().to_string();
        let keyword = place.rsplit('/').next().unwrap_or_default();
        Some((error.instance_path().to_string(), keyword.to_owned()))
    }
}

struct Known {
    row: EventTypeRow,
    /// Of each version, the latest first.
    compiled: Vec<Compiled>,
}

/// The types of events that a hub knows.
#[derive(Default)]
pub struct Catalogue {
    types: BTreeMap<EventType, Arc<Known>>,
    is_strict: bool,
}

impl Catalogue {
    /// Reads what the store holds.
    pub(crate) fn read(rows: &dyn Read) -> Result<Self, HubError> {
        let (mut catalogue, mut is_damaged) = (Self::default(), false);
        rows.scan(&Scan::Meta, None, usize::MAX, &mut |key, bytes| {
            let Key::Meta(name) = key else { return ControlFlow::Continue(()) };
            if *name == facts::EVENT_TYPES_STRICT {
                catalogue.is_strict = bytes == [1];
            } else if name.as_str().starts_with(NAME_START) {
                match EventTypeRow::decode(bytes) {
                    Some(row) => is_damaged |= catalogue.keep(row).is_none(),
                    None => is_damaged = true,
                }
            }
            ControlFlow::Continue(())
        })?;
        if is_damaged { Err(HubError::Row { table: "meta" }) } else { Ok(catalogue) }
    }

    fn keep(&mut self, row: EventTypeRow) -> Option<()> {
        let compiled = row.versions.iter().rev().map(|version| Compiled::of(&version.schema));
        let compiled = compiled.collect::<Option<_>>()?;
        let known = Arc::new(Known { row, compiled });
        self.types.insert(known.row.event_type.clone(), known);
        Some(())
    }

    /// Returns the catalogue with a type in the place of what it was.
    pub(super) fn with(&self, row: EventTypeRow) -> Option<Self> {
        let mut catalogue = Self { types: self.types.clone(), is_strict: self.is_strict };
        catalogue.keep(row).map(|()| catalogue)
    }

    pub(super) fn with_strictness(&self, is_strict: bool) -> Self {
        Self { types: self.types.clone(), is_strict }
    }

    /// Returns whether only catalogued types are taken.
    pub const fn is_strict(&self) -> bool {
        self.is_strict
    }

    /// Returns all types, by name.
    pub fn types(&self) -> impl ExactSizeIterator<Item = &EventTypeRow> {
        self.types.values().map(|known| &known.row)
    }

    /// Returns a type.
    pub fn get(&self, event_type: &EventType) -> Option<&EventTypeRow> {
        self.types.get(event_type).map(|known| &known.row)
    }

    /// Checks an event before it is emitted.
    ///
    /// - `data`: what it says; asked for only if that matters.
    ///
    /// # Errors
    ///
    /// [`Unfit`]; emitting it again unchanged does not help.
    pub fn check(
        &self,
        event_type: &EventType,
        data: impl FnOnce() -> Option<Json>,
    ) -> Result<(), Unfit> {
        let event_type = event_type.clone();
        let Some(known) = self.types.get(&event_type) else {
            return if self.is_strict { Err(Unfit::NotCatalogued { event_type }) } else { Ok(()) };
        };
        if known.row.is_retired {
            return Err(Unfit::Retired { event_type });
        }
        let data = data().unwrap_or(Json::Null);
        let mut latest = None;
        let parsed = serde_json::from_str(&data.to_compact_string());
        for compiled in &known.compiled {
            let fault = match &parsed {
                Ok(data) => compiled.fault_of(data),
                Err(_) => compiled.fault(&data),
            };
            match fault {
                None => return Ok(()),
                Some(fault) => drop(latest.get_or_insert(fault)),
            }
        }
        let (at, keyword) = latest.unwrap_or_default();
        let version = known.row.versions.last().map_or(0, |version| version.version);
        Err(Unfit::Data { event_type, version, at, keyword })
    }
}
