//! Making, replacing and retiring types of events. Each change is in the audit, in its transaction.

use std::sync::{Arc, PoisonError, RwLock};

use syncline_engine::facts;
use syncline_engine::rows::{Batch, Key};
use syncline_engine::sync::Transaction;
use syncline_model::id::EventType;
use syncline_model::json::{Json, Object};
use syncline_model::schema::{Finding, SchemaId, compare};
use thiserror::Error;

use super::row::{EventTypeRow, EventVersion};
use super::taken::{Catalogue, Compiled};
use crate::error::HubError;
use crate::hub::Hub;
use crate::limits::{
    EVENT_DESCRIPTION_BYTES_MAX, EVENT_EXAMPLES_MAX, EVENT_TYPES_MAX, EVENT_VERSIONS_MAX,
    SCHEMA_BYTES_MAX,
};
use crate::request::Actor;
use crate::schemas::differences;

/// What the audit calls a change of the catalogue.
const CATEGORY: &str = "CATALOGUE";

/// What is said of a type of event.
#[derive(Clone, Debug, PartialEq)]
pub struct EventTypeDraft {
    /// What such an event tells.
    pub description: String,
    /// The schema of its data.
    pub schema: Json,
    /// Data that fits it.
    pub examples: Vec<Json>,
}

/// What is done with a schema that breaks somebody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Breaking {
    /// It is refused.
    #[default]
    Refuse,
    /// It is a new version; the ones before stay.
    NewVersion,
    /// It takes the place of the latest version all the same.
    Force,
}

/// What became of a type that was handed in.
#[derive(Clone, Debug, PartialEq)]
pub enum Kept {
    /// It was not there.
    New(EventTypeRow),
    /// It is another now.
    Changed(EventTypeRow),
    /// It was so already.
    Same(EventTypeRow),
}

/// Why the catalogue is not changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// The schema lets through what receivers do not expect, or refuses what emitters send.
    #[error("in {} place(s) the schema breaks emitters or receivers of the type", findings.len())]
    Incompatible {
        /// Where, and whom.
        findings: Vec<Finding>,
    },
    /// An example does not fit the schema.
    #[error("example {index} does not fit the schema: `{keyword}` at `{at}`")]
    Example {
        /// Which one, counted from 0.
        index: usize,
        /// Where in it, as a JSON pointer.
        at: String,
        /// The keyword of the schema that is not satisfied.
        keyword: String,
    },
    /// There is no such type.
    #[error("there is no such type of event in the catalogue")]
    Unknown,
    /// There is too much of something.
    #[error("there are at most {most} {what}")]
    Full {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// The schema is not understood, or the store fails.
    #[error(transparent)]
    Hub(#[from] HubError),
}

impl CatalogueError {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Incompatible { .. } => "EVENT_TYPE_INCOMPATIBLE",
            Self::Example { .. } => "EVENT_EXAMPLE_INVALID",
            Self::Unknown => "EVENT_TYPE_UNKNOWN",
            Self::Full { .. } => "EVENT_TYPES_FULL",
            Self::Hub(error) => error.code(),
        }
    }
}

/// Checks what is said of a type by itself.
fn check(draft: &EventTypeDraft) -> Result<(), CatalogueError> {
    differences(None, &draft.schema)?;
    let compiled = Compiled::of(&draft.schema).ok_or_else(|| HubError::SchemaMalformed {
        at: String::new(),
        reason: "a `pattern` in it is no regular expression, or too large a one",
    })?;
    let lengths = [
        ("examples of a type", draft.examples.len(), EVENT_EXAMPLES_MAX),
        ("bytes in a description", draft.description.len(), EVENT_DESCRIPTION_BYTES_MAX),
    ];
    for (what, found, most) in lengths {
        if found > most {
            return Err(CatalogueError::Full { what, most });
        }
    }
    for (index, example) in draft.examples.iter().enumerate() {
        if example.to_compact_string().len() > SCHEMA_BYTES_MAX {
            return Err(CatalogueError::Full {
                what: "bytes in an example",
                most: SCHEMA_BYTES_MAX,
            });
        }
        if let Some((at, keyword)) = compiled.fault(example) {
            return Err(CatalogueError::Example { index, at, keyword });
        }
    }
    Ok(())
}

/// Returns what a type becomes.
fn replaced(
    known: Option<&EventTypeRow>,
    event_type: &EventType,
    draft: EventTypeDraft,
    breaking: Breaking,
    (by, at_ms): (String, u64),
) -> Result<Kept, CatalogueError> {
    let EventTypeDraft { description, schema, examples } = draft;
    let version = |version| EventVersion {
        version,
        schema: schema.clone(),
        examples: examples.clone(),
        by: by.clone(),
        at_ms,
    };
    let Some(known) = known else {
        let (event_type, versions) = (event_type.clone(), vec![version(1)]);
        let row = EventTypeRow { event_type, description, is_retired: false, versions };
        return Ok(Kept::New(row));
    };
    let mut row = EventTypeRow { description, is_retired: false, ..known.clone() };
    let Some(latest) = row.versions.last_mut() else { return Err(CatalogueError::Unknown) };
    let is_same_schema = SchemaId::of(&latest.schema) == SchemaId::of(&schema);
    if is_same_schema && latest.examples == examples {
        let is_same = row == *known;
        return Ok(if is_same { Kept::Same(row) } else { Kept::Changed(row) });
    }
    let findings = compare(&latest.schema, &schema);
    if findings.is_empty() || breaking == Breaking::Force {
        *latest = version(latest.version);
    } else if breaking == Breaking::NewVersion {
        let next = latest.version.saturating_add(1);
        row.versions.push(version(next));
        if row.versions.len() > EVENT_VERSIONS_MAX {
            let most = EVENT_VERSIONS_MAX;
            return Err(CatalogueError::Full { what: "versions of a type", most });
        }
    } else {
        return Err(CatalogueError::Incompatible { findings });
    }
    Ok(Kept::Changed(row))
}

/// The catalogue as it is now, for those who emit and for the one who changes it.
pub(crate) type Current = Arc<RwLock<Arc<Catalogue>>>;

/// Returns the catalogue as it is now.
pub(crate) fn now(current: &Current) -> Arc<Catalogue> {
    Arc::clone(&current.read().unwrap_or_else(PoisonError::into_inner))
}

fn replace(current: &Current, catalogue: Catalogue) {
    *current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalogue);
}

impl Hub {
    /// Makes a type of event, or replaces what is said of it; one that was retired comes back.
    ///
    /// # Errors
    ///
    /// [`CatalogueError`]; nothing is changed.
    pub(crate) fn keep_event_type(
        &mut self,
        current: &Current,
        event_type: &EventType,
        draft: EventTypeDraft,
        breaking: Breaking,
        actor: &Actor,
    ) -> Result<Kept, CatalogueError> {
        check(&draft)?;
        let catalogue = now(current);
        let run = self.begin_run()?;
        let by = actor.user.clone().unwrap_or_else(|| "admin".to_owned());
        let known = catalogue.get(event_type);
        if known.is_none() && catalogue.types().len() >= EVENT_TYPES_MAX {
            return Err(CatalogueError::Full { what: "types of events", most: EVENT_TYPES_MAX });
        }
        let kept = replaced(known, event_type, draft, breaking, (by, run.at_ms))?;
        let (Kept::New(row) | Kept::Changed(row)) = &kept else { return Ok(kept) };
        let after = catalogue.with(row.clone()).ok_or(HubError::Row { table: "meta" })?;
        self.note_event_type(row, "EVENT_TYPE_KEPT", actor)?;
        replace(current, after);
        Ok(kept)
    }

    /// Retires a type of event: such events are not taken any more.
    ///
    /// # Errors
    ///
    /// [`CatalogueError`]; nothing is changed.
    pub(crate) fn retire_event_type(
        &mut self,
        current: &Current,
        event_type: &EventType,
        actor: &Actor,
    ) -> Result<(), CatalogueError> {
        let catalogue = now(current);
        let known = catalogue.get(event_type).ok_or(CatalogueError::Unknown)?;
        if known.is_retired {
            return Ok(());
        }
        let row = EventTypeRow { is_retired: true, ..known.clone() };
        let after = catalogue.with(row.clone()).ok_or(HubError::Row { table: "meta" })?;
        self.note_event_type(&row, "EVENT_TYPE_RETIRED", actor)?;
        replace(current, after);
        Ok(())
    }

    fn note_event_type(
        &mut self,
        row: &EventTypeRow,
        action: &'static str,
        actor: &Actor,
    ) -> Result<(), HubError> {
        let mut batch = Batch::new();
        batch.put(EventTypeRow::key(&row.event_type), row.encode());
        let mut details = Object::new();
        details.insert("type", row.event_type.as_str());
        details.insert("versions", row.versions.len() as u64);
        self.note_catalogue(batch, action, details, actor)
    }

    /// Says whether only catalogued types of events are taken.
    ///
    /// # Errors
    ///
    /// [`CatalogueError::Hub`] if the store fails; nothing is changed.
    pub(crate) fn set_strict_events(
        &mut self,
        current: &Current,
        is_strict: bool,
        actor: &Actor,
    ) -> Result<(), CatalogueError> {
        let mut batch = Batch::new();
        batch.put(Key::Meta(facts::EVENT_TYPES_STRICT), vec![u8::from(is_strict)]);
        let mut details = Object::new();
        details.insert("strict", is_strict);
        self.note_catalogue(batch, "EVENT_TYPES_STRICTNESS", details, actor)?;
        replace(current, now(current).with_strictness(is_strict));
        Ok(())
    }

    fn note_catalogue(
        &mut self,
        batch: Batch,
        action: &'static str,
        details: Object,
        actor: &Actor,
    ) -> Result<(), HubError> {
        let run = self.begin_run()?;
        let mut transaction = Transaction::new(run, self.position);
        transaction.batch = batch;
        let clock = self.clock;
        self.commit_noted(transaction, clock, CATEGORY, action, actor, details)
    }
}
