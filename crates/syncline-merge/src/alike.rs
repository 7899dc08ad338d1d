//! What several plain writers append alike to the same list is there once.
//!
//! Who edits a file in two places, or feeds the same events to two, appends the same to both. What
//! a writer appends is therefore compared with what others have appended to the same list and it had
//! not seen: as far as both begin alike they are one thing. An element that is equal but stands
//! elsewhere may be another event, and is kept beside it.
//!
//! A shared element is not left out: the writer's change keeps it up too. It stays when the other
//! writer's change is taken back or forgotten, and a join needs to know nothing of this.

use std::collections::BTreeMap;

use syncline_model::clock::Stamp;
use syncline_model::json::Leaf;
use syncline_model::path::Path;

use crate::display::element_order;
use crate::dots::Dots;
use crate::operation::FieldOperation;
use crate::state::{Body, Element, ElementId, Record};
use crate::token::Context;

/// Elements in the order in which somebody appended them.
type Run<'a> = Vec<(ElementId, &'a Leaf)>;

/// Lets appended elements that others have appended alike name theirs.
///
/// - `operations`: what a writer does to `record`, of which it had seen `context`.
pub(crate) fn share_elements(
    operations: &mut [FieldOperation],
    record: &Record,
    context: &Context,
) {
    share_in(operations, &record.body, &record.live, (&Path::root(), context));
}

/// As [`share_elements`], of a record or a member.
///
/// - `live`: the writes that keep it.
/// - `within`: where it is.
fn share_in(
    operations: &mut [FieldOperation],
    body: &Body,
    live: &Dots,
    (within, context): (&Path, &Context),
) {
    if !may_hold_lists(body) {
        return;
    }
    for group in operations.chunk_by_mut(is_same_list) {
        match group {
            [FieldOperation::Append { path, .. }, ..] => {
                let full = within.join(path);
                let elements = body.appends.get(path);
                let runs = elements.map(|all| runs_of_others(all, live, (&full, context)));
                share_run(group, &runs.unwrap_or_default());
            }
            [FieldOperation::PutMember { path, key, fields, .. }] => {
                let member = body.keyed.get(path).and_then(|members| members.get(key));
                if let Some(member) = member.filter(|member| may_hold_lists(&member.body)) {
                    let full = within.join(path).within_key(key);
                    share_in(fields, &member.body, &member.live, (&full, context));
                }
            }
            _ => {}
        }
    }
}

fn may_hold_lists(body: &Body) -> bool {
    !(body.appends.is_empty() && body.keyed.is_empty())
}

fn is_same_list(a: &FieldOperation, b: &FieldOperation) -> bool {
    let appends = |operation: &FieldOperation| matches!(operation, FieldOperation::Append { .. });
    appends(a) && appends(b) && a.path() == b.path()
}

/// Names the elements of the run that begins alike for the longest.
fn share_run(appends: &mut [FieldOperation], runs: &[Run<'_>]) {
    let appended = appends.iter().map_while(|append| match append {
        FieldOperation::Append { value, id: None, .. } => Some(value),
        _ => None,
    });
    let appended: Vec<&Leaf> = appended.collect();
    let alike = |run: &Run<'_>| {
        run.iter().zip(&appended).take_while(|((_, other), value)| other == *value).count()
    };
    let longest = runs.iter().map(|run| (alike(run), run)).rev().max_by_key(|(count, _)| *count);
    let Some((count, run)) = longest else { return };
    for (append, (element, _)) in appends.iter_mut().zip(run).take(count) {
        if let FieldOperation::Append { id, .. } = append {
            *id = Some(*element);
        }
    }
}

/// Returns what others have appended, each run from the end of what the writer had seen on: all of
/// it in the order shown, then change by change.
///
/// Nothing where the writer has appended something itself since it was last written to, and nobody
/// has gone on from that: others begin elsewhere then. A change that comes after one which somebody
/// has gone on from may go on from it too: where its writer began is not known.
fn runs_of_others<'a>(
    elements: &'a BTreeMap<ElementId, Element>,
    live: &Dots,
    (full, context): (&Path, &Context),
) -> Vec<Run<'a>> {
    let goes_own_way = |element: &Element| {
        let mut dots = element.dots.keys();
        dots.all(|dot| context.has_made_since(full, *dot))
            && element.dots.keys().any(|dot| live.contains(*dot))
    };
    if elements.values().any(goes_own_way) {
        return Vec::new();
    }
    let mut shown = Run::new();
    let mut changes: BTreeMap<Stamp, Vec<(u32, ElementId, &Leaf)>> = BTreeMap::new();
    for id in element_order(elements) {
        let Some(element) = elements.get(&id) else { continue };
        if element.dots.keys().any(|dot| context.covers(full, *dot)) {
            continue;
        }
        shown.push((id, &element.value));
        for (stamp, index) in element.dots.iter() {
            changes.entry(*stamp).or_default().push((*index, id, &element.value));
        }
    }
    let mut runs = vec![shown];
    for (stamp, mut run) in changes {
        run.sort_unstable_by_key(|(index, id, _)| (*index, *id));
        runs.push(run.into_iter().map(|(_, id, value)| (id, value)).collect());
        if !live.contains(stamp) {
            break;
        }
    }
    runs
}
