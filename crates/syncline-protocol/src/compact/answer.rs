//! Outcomes and changes in the compact form.

use syncline_model::cursor::Incarnation;
use syncline_model::id::{PartitionId, Position, Writer};

use crate::change::{Change, Content, Gone, OpenConflict};
use crate::compact::names::{KnownNames, NamedText, Names, UsedNames};
use crate::compact::row::Row;
use crate::cursor::StreamCursor;
use crate::error::MessageError;
use crate::holdings::Same;
use crate::limits::COUNTER_MAX;
use crate::long::{open_conflicts, push_outcome_rest, push_runs, read_outcome_rest, runs_of};
use crate::message::Page;
use crate::outcome::{Outcome, Seen, Shown, Status};
use crate::part::{Part, sorted};
use crate::text::JsonText;

/// A page of changes as text, made once for all views of all connections that are told it.
#[derive(Clone, Debug)]
pub struct EncodedPage {
    /// What follows the number of the view.
    text: Box<str>,
    names: UsedNames,
}

impl EncodedPage {
    /// Encodes a page of a hub of that incarnation.
    pub fn new(page: &Page, names: &mut Names, incarnation: Incarnation) -> Self {
        let Page { changes, cursor, more, is_snapshot, begins, same } = page;
        let mut out = NamedText::new(names);
        out.text.open('[');
        for change in changes {
            push_change(&mut out, change);
        }
        out.text.close(']');
        push_cursor(&mut out.text, cursor, Some(incarnation));
        match u8::from(*more) + 2 * u8::from(*is_snapshot) + 4 * u8::from(*begins) {
            0 if same.is_none() => {}
            flags => {
                out.text.raw(flags);
            }
        }
        if let Some(Same { position, stretches }) = same {
            out.text.open('[').raw(position.0);
            push_runs(&mut out.text, stretches);
            out.text.close(']');
        }
        let (text, names) = out.finish();
        Self { text: text.into(), names }
    }

    /// Returns the length of the message, in bytes, but for the number of the view.
    pub fn bytes(&self) -> usize {
        self.text.len() + "[\"c\",,]".len()
    }

    pub(super) const fn names(&self) -> &UsedNames {
        &self.names
    }

    /// Returns the message for a view of that number, without the names that it needs.
    pub fn message(&self, view: u32) -> String {
        format!("[\"c\",{view},{}]", self.text)
    }
}

/// Writes a cursor, as a number if it is one of that incarnation at a place of the log.
pub(super) fn push_cursor(
    text: &mut JsonText,
    cursor: &StreamCursor,
    incarnation: Option<Incarnation>,
) {
    let StreamCursor { log, snapshot, scope } = cursor;
    let is_plain = snapshot.is_none()
        && scope.is_none()
        && Some(log.incarnation()) == incarnation
        && log.positions().all(|(partition, _)| partition == PartitionId(0));
    if is_plain {
        text.raw(cursor.position().0);
    } else {
        text.string(&cursor.to_string());
    }
}

pub(super) fn cursor_of(
    part: &Part<'_>,
    incarnation: Option<Incarnation>,
) -> Result<StreamCursor, MessageError> {
    if part.begins(b'"') {
        return Ok(part.string("cursor")?.parse()?);
    }
    let position = Position(part.natural("cursor", COUNTER_MAX)?);
    let incarnation = incarnation.ok_or_else(|| part.form("cursor", "a text before `welcome`"))?;
    Ok(StreamCursor::at_position(incarnation, position))
}

/// Reads which stretches a client holds as the hub does: a position, and which of them.
pub(super) fn same_of(part: &Part<'_>) -> Result<Same, MessageError> {
    let row = Row::read(part, "same", 2)?;
    let position = Position(row.need(0)?.natural("position", COUNTER_MAX)?);
    Ok(Same { position, stretches: runs_of(&row.need(1)?)? })
}

pub(super) fn outcome_of(part: &Part<'_>) -> Result<Outcome, MessageError> {
    let row = Row::read(part, "a result", usize::MAX)?;
    let status = row.need(1)?;
    let index = status.count("status", Status::ALL.len())?;
    let mut outcome = Outcome {
        counter: row.need(0)?.counter()?,
        status: Status::ALL.get(index).copied().ok_or_else(|| status.form("status", "a status"))?,
        seen: seen_of(&row, 2)?,
        shown: Shown::AsPredicted,
        conflicts: Vec::new(),
        open: Vec::new(),
        problem: None,
    };
    if let Some(rest) = row.rest(4)? {
        read_outcome_rest(&rest, &mut outcome)?;
    }
    Ok(outcome)
}

/// Reads a version and a position; both are 0 for none.
fn seen_of(row: &Row<'_>, at: usize) -> Result<Option<Seen>, MessageError> {
    let (version, position) = (row.need(at)?, row.need(at + 1)?);
    if !version.begins(b'"') {
        version.natural("version", 0)?;
        position.natural("position", 0)?;
        return Ok(None);
    }
    let position = Position(position.natural("position", COUNTER_MAX)?);
    Ok(Some(Seen { position, version: version.token("version")? }))
}

pub(super) fn push_outcome(text: &mut JsonText, outcome: &Outcome) {
    let status = Status::ALL.iter().position(|status| *status == outcome.status);
    text.open('[').raw(outcome.counter).raw(status.unwrap_or_default());
    match &outcome.seen {
        Some(Seen { position, version }) => text.string(version.as_str()).raw(position.0),
        None => text.raw(0).raw(0),
    };
    let is_more = outcome.shown != Shown::AsPredicted
        || !outcome.conflicts.is_empty()
        || !outcome.open.is_empty()
        || outcome.problem.is_some();
    if is_more {
        text.open('{');
        push_outcome_rest(text, outcome);
        text.close('}');
    }
    text.close(']');
}

pub(super) fn change_of(part: &Part<'_>, names: &KnownNames) -> Result<Change, MessageError> {
    let row = Row::read(part, "a change", usize::MAX)?;
    let entity = row.need(0)?;
    let rest = row.rest(5)?;
    let writer = |part: Part<'_>| Writer::new(&names.name(&part, "by")?).map_err(part.id_error());
    Ok(Change {
        entity: names.entity(&entity)?,
        id: row.need(1)?.record_id()?,
        seen: seen_of(&row, 2)?.ok_or_else(|| part.form("a change", "a version"))?,
        content: content_of(&row.need(4)?, names)?,
        by: rest.as_ref().and_then(|rest| rest.get("by")).map(writer).transpose()?,
        conflicts: match &rest {
            None => Vec::new(),
            Some(rest) => {
                let path = |part: &Part<'_>| part.path_or_root(&names.name(part, "path")?);
                open_conflicts(rest.get("conflicts").as_ref(), path)?
            }
        },
    })
}

fn content_of(part: &Part<'_>, names: &KnownNames) -> Result<Content, MessageError> {
    if part.begins(b'{') {
        return part.record("record").map(Content::Record);
    }
    if !part.begins(b'[') {
        return match part.natural("content", 2)? {
            1 => Ok(Content::Gone(Gone::Deleted)),
            2 => Ok(Content::Gone(Gone::Unscoped)),
            _ => Err(part.form("content", "why the record is gone")),
        };
    }
    let (mut set, mut unset, mut text) = (Vec::new(), Vec::new(), Vec::new());
    let mut deltas = Vec::new();
    for part in part.elements("content", usize::MAX)? {
        let row = Row::read(&part, "content", usize::MAX)?;
        let path = names.path(&row.need(1)?)?;
        match &*row.need(0)?.string("content")? {
            "=" => row.need(2)?.value_at(&path, &mut set)?,
            "-" => unset.push(path),
            "t" => text.push((path, row.need(2)?.edit()?)),
            "z" => deltas.push((path, row.need(2)?.delta()?)),
            _ => return Err(part.form("content", "a value, none, an edit or a delta")),
        }
    }
    Ok(Content::Fields { set: sorted(set)?, unset, text, deltas })
}

fn push_change(out: &mut NamedText<'_>, change: &Change) {
    let Change { entity, id, seen: Seen { position, version }, content, by, conflicts } = change;
    out.text.open('[');
    out.name(entity.as_str()).text.string(id.as_str()).string(version.as_str()).raw(position.0);
    match content {
        Content::Record(record) => {
            out.text.record(record);
        }
        Content::Gone(Gone::Deleted) => {
            out.text.raw(1);
        }
        Content::Gone(Gone::Unscoped) => {
            out.text.raw(2);
        }
        Content::Fields { set, unset, text, deltas } => {
            out.text.open('[');
            for path in unset {
                out.text.open('[').string("-");
                out.name(path.as_str()).text.close(']');
            }
            for (path, value) in set {
                out.text.open('[').string("=");
                out.name(path.as_str()).text.raw(value).close(']');
            }
            for (path, edit) in text {
                out.text.open('[').string("t");
                out.name(path.as_str()).text.edit(edit).close(']');
            }
            for (path, delta) in deltas {
                out.text.open('[').string("z");
                out.name(path.as_str()).text.delta(delta).close(']');
            }
            out.text.close(']');
        }
    }
    if by.is_some() || !conflicts.is_empty() {
        push_rest(out, by.as_ref(), conflicts);
    }
    out.text.close(']');
}

fn push_rest(out: &mut NamedText<'_>, by: Option<&Writer>, conflicts: &[OpenConflict]) {
    out.text.open('{');
    if let Some(by) = by {
        out.text.key("by");
        out.name(by.as_str());
    }
    if !conflicts.is_empty() {
        out.text.key("conflicts").open('[');
        for OpenConflict { id, path } in conflicts {
            out.text.open('{').key("id").string(id).key("path");
            out.name(path.as_str()).text.close('}');
        }
        out.text.close(']');
    }
    out.text.close('}');
}
