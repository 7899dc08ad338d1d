//! The list of conflicts: rows computed from the states, and what became of them.

use syncline_merge::conflict::{Conflict, ConflictKind, Side};
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{EntityName, RecordId, RunId, SiteId, Writer};
use syncline_model::json::{Json, Leaf, Object, parse};
use syncline_model::path::Path;
use thiserror::Error;

/// What became of a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// A person is to decide.
    Open,
    /// A rule has settled what is shown; every value is kept.
    Settled,
    /// A person has decided.
    Resolved,
    /// A later change has replaced the values in conflict.
    Closed,
}

impl Status {
    const ALL: [Self; 4] = [Self::Open, Self::Settled, Self::Resolved, Self::Closed];

    /// Returns the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Settled => "settled",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
        }
    }
}

/// One conflict as it is listed.
#[derive(Clone, Debug, PartialEq)]
pub struct ConflictRow {
    /// The type of record.
    pub entity: EntityName,
    /// Which record.
    pub id: RecordId,
    /// What is in conflict.
    pub conflict: Conflict,
    /// What became of it.
    pub status: Status,
    /// What the sides had before, where that is known.
    pub base: Option<Leaf>,
    /// The run that found it.
    pub found: Option<RunId>,
    /// Who decided and what, once a person has.
    pub decision: Option<Decided>,
}

/// What a person decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// Who.
    pub by: Writer,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The change that says so.
    pub stamp: Stamp,
}

/// A stored conflict could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a stored conflict is damaged at `{member}`")]
pub struct RowError {
    /// The member that is missing or not acceptable.
    pub member: &'static str,
}

impl RowError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        "ROW_DAMAGED"
    }
}

/// Returns the text of a stamp: clock and site, each as 16 hexadecimal digits.
pub fn stamp_text(stamp: Stamp) -> String {
    format!("{:016x}@{}", stamp.clock.0, stamp.site)
}

/// Reads the text of a stamp.
pub fn parse_stamp(text: &str) -> Option<Stamp> {
    let (clock, site) = text.split_once('@')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    Some(Stamp::new(Clock(number(clock)?), SiteId(number(site)?)))
}

const fn kind_word(kind: ConflictKind) -> &'static str {
    match kind {
        ConflictKind::Values => "values",
        ConflictKind::Texts => "texts",
        ConflictKind::Deletion => "deletion",
        ConflictKind::Minimum => "minimum",
        _ => "other",
    }
}

fn kind_of(word: &str) -> Option<ConflictKind> {
    let kinds =
        [ConflictKind::Values, ConflictKind::Texts, ConflictKind::Deletion, ConflictKind::Minimum];
    kinds.into_iter().find(|kind| kind_word(*kind) == word)
}

impl ConflictRow {
    /// Returns the id of the conflict, 32 hexadecimal digits.
    pub fn conflict_id(&self) -> String {
        self.conflict.id(&self.entity, &self.id)
    }

    /// Returns the row as a JSON object; the form in which it is stored and exported.
    pub fn to_json(&self) -> Object {
        let mut row = Object::new();
        row.insert("conflict", self.conflict_id().as_str());
        row.insert("entity", self.entity.as_str());
        row.insert("id", self.id.as_str());
        row.insert("path", self.conflict.path.as_str());
        row.insert("kind", kind_word(self.conflict.kind));
        row.insert("status", self.status.as_str());
        let stamps = self.conflict.stamps.iter().map(|stamp| Json::from(stamp_text(*stamp)));
        row.insert("stamps", Json::Array(stamps.collect()));
        if let Some(shown) = self.conflict.shown {
            row.insert("shown", stamp_text(shown));
        }
        if let Some(base) = &self.base {
            row.insert("base", base.to_json());
        }
        row.insert("sides", Json::Array(self.conflict.sides.iter().map(side_json).collect()));
        if let Some(found) = &self.found {
            row.insert("foundBy", found.as_str());
        }
        if let Some(decided) = &self.decision {
            let mut decision = Object::new();
            decision.insert("by", decided.by.as_str());
            decision.insert("atMs", number(decided.at_ms));
            decision.insert("stamp", stamp_text(decided.stamp));
            row.insert("decision", decision);
        }
        row
    }

    /// Encodes the row.
    pub fn encode(&self) -> Vec<u8> {
        Json::Object(self.to_json()).to_compact_string().into_bytes()
    }

    /// Decodes a row. The bytes may come from anywhere.
    ///
    /// # Errors
    ///
    /// [`RowError`] names the first member that is not acceptable.
    pub fn decode(bytes: &[u8]) -> Result<Self, RowError> {
        let damaged = |member| RowError { member };
        let Ok(Json::Object(row)) = parse(bytes) else {
            return Err(damaged("row"));
        };
        let text = |member| row.get(member).and_then(Json::as_str);
        let shown = match text("shown") {
            Some(shown) => Some(parse_stamp(shown).ok_or(damaged("shown"))?),
            None => None,
        };
        let stamps = array(&row, "stamps").iter().map(|stamp| stamp.as_str().and_then(parse_stamp));
        let sides = array(&row, "sides").iter().map(read_side);
        let status =
            text("status").and_then(|word| Status::ALL.into_iter().find(|s| s.as_str() == word));
        let status = status.ok_or(damaged("status"))?;
        let conflict = Conflict {
            path: text("path").and_then(|p| Path::parse(p).ok()).ok_or(damaged("path"))?,
            kind: text("kind").and_then(kind_of).ok_or(damaged("kind"))?,
            stamps: stamps.collect::<Option<_>>().ok_or(damaged("stamps"))?,
            sides: sides.collect::<Option<_>>().ok_or(damaged("sides"))?,
            shown,
            open: status == Status::Open,
        };
        Ok(Self {
            entity: text("entity")
                .and_then(|n| EntityName::new(n).ok())
                .ok_or(damaged("entity"))?,
            id: text("id").and_then(|id| RecordId::new(id).ok()).ok_or(damaged("id"))?,
            conflict,
            status,
            base: row.get("base").and_then(|base| Leaf::from_json(base).ok()),
            found: text("foundBy").and_then(|run| RunId::new(run).ok()),
            decision: row.get("decision").and_then(read_decision),
        })
    }
}

fn number(value: u64) -> Json {
    Json::Number(value.into())
}

fn array<'a>(row: &'a Object, member: &str) -> &'a [Json] {
    row.get(member).and_then(Json::as_array).unwrap_or_default()
}

fn side_json(side: &Side) -> Json {
    let mut object = Object::new();
    object.insert("stamp", stamp_text(side.stamp));
    if let Some(writer) = &side.writer {
        object.insert("writer", writer.as_str());
    }
    object.insert("editedMs", number(side.edited.millis()));
    object.insert("edited", format!("{:x}", side.edited.0));
    if let Some(value) = &side.value {
        object.insert("value", value.to_json());
    }
    Json::Object(object)
}

fn read_side(json: &Json) -> Option<Side> {
    let Json::Object(object) = json else {
        return None;
    };
    let text = |member| object.get(member).and_then(Json::as_str);
    let writer = match text("writer") {
        Some(writer) => Some(Writer::new(writer).ok()?),
        None => None,
    };
    Some(Side {
        stamp: parse_stamp(text("stamp")?)?,
        value: match object.get("value") {
            Some(value) => Some(Leaf::from_json(value).ok()?),
            None => None,
        },
        edited: Clock(u64::from_str_radix(text("edited")?, 16).ok()?),
        writer,
    })
}

fn read_decision(json: &Json) -> Option<Decided> {
    let Json::Object(object) = json else {
        return None;
    };
    let at_ms = match object.get("atMs")? {
        Json::Number(number) => u64::try_from(number.to_i64()?).ok()?,
        _ => return None,
    };
    Some(Decided {
        by: Writer::new(object.get("by")?.as_str()?).ok()?,
        at_ms,
        stamp: parse_stamp(object.get("stamp")?.as_str()?)?,
    })
}
