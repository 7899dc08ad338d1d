//! Which events are taken.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use jsonschema::{PatternOptions, Validator};
use syncline_engine::facts;
use syncline_engine::rows::{Key, MetaName, Scan};
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
    /// What is stored of the type cannot be read.
    #[error("what is stored of `{event_type}` cannot be read; put the type anew")]
    Damaged {
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
            Self::Damaged { .. } => "EVENT_TYPE_DAMAGED",
            Self::Retired { .. } => "EVENT_TYPE_RETIRED",
        }
    }

    /// Returns whether the same event may be taken later: it is not the event that is at fault.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Damaged { .. })
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
    /// The rows that cannot be read. Their names are made of those of their types.
    damaged: BTreeSet<MetaName>,
    is_strict: bool,
}

impl Catalogue {
    /// Reads what the store holds. A type of which the row cannot be read is not emitted; all others are.
    pub(crate) fn read(rows: &dyn Read) -> Result<Self, HubError> {
        let mut catalogue = Self::default();
        rows.scan(&Scan::Meta, None, usize::MAX, &mut |key, bytes| {
            let Key::Meta(name) = key else { return ControlFlow::Continue(()) };
            if *name == facts::EVENT_TYPES_STRICT {
                catalogue.is_strict = bytes == [1];
            } else if name.as_str().starts_with(NAME_START) {
                // One that lies under the name of another type is not known to be of either.
                let row = EventTypeRow::decode(bytes);
                let row = row.filter(|row| EventTypeRow::name(&row.event_type) == *name);
                if row.and_then(|row| catalogue.keep(row)).is_none() {
                    catalogue.damaged.insert(name.clone());
                }
            }
            ControlFlow::Continue(())
        })?;
        Ok(catalogue)
    }

    fn keep(&mut self, row: EventTypeRow) -> Option<()> {
        let compiled = row.versions.iter().rev().map(|version| Compiled::of(&version.schema));
        let compiled = compiled.collect::<Option<_>>()?;
        let known = Arc::new(Known { row, compiled });
        self.damaged.remove(&EventTypeRow::name(&known.row.event_type));
        self.types.insert(known.row.event_type.clone(), known);
        Some(())
    }

    /// Returns the catalogue with a type in the place of what it was.
    pub(super) fn with(&self, row: EventTypeRow) -> Option<Self> {
        let mut catalogue = self.with_strictness(self.is_strict);
        catalogue.keep(row).map(|()| catalogue)
    }

    pub(super) fn with_strictness(&self, is_strict: bool) -> Self {
        Self { types: self.types.clone(), damaged: self.damaged.clone(), is_strict }
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

    /// Returns the names of the rows that cannot be read.
    pub fn damaged(&self) -> impl ExactSizeIterator<Item = &str> {
        self.damaged.iter().map(MetaName::as_str)
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
            if !self.damaged.is_empty() && self.damaged.contains(&EventTypeRow::name(&event_type)) {
                return Err(Unfit::Damaged { event_type });
            }
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
