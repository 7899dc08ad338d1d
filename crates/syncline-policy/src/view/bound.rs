//! A filter with claims and parameters in place: a question to one record.

use std::cmp::Ordering;

use syncline_model::json::{Json, Kind, Leaf, Number};
use syncline_model::path::Path;

use super::filter::Field;
use super::filter::{Comparison, Node, Operand, Place};

/// A filter that asks about nothing but the record.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundFilter {
    pub(super) tree: Node,
}

/// What a change of a record is to a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Movement {
    /// The record was not in the view and is not.
    Outside,
    /// It comes into the view.
    In,
    /// It leaves the view.
    Out,
    /// It was in the view and is.
    Within,
}

impl BoundFilter {
    /// Returns whether a record passes.
    ///
    /// What cannot be answered is no: comparing a text with a number, or a field that the record
    /// does not have. `a || b` is yes if one of them is, and `a && b` no if one of them is, whatever
    /// the other.
    ///
    /// - `fields`: sorted by path.
    ///
    /// # Source
    ///
    /// The Common Expression Language, "Logical operators": errors are absorbed by the side that
    /// decides.
    pub fn matches(&self, fields: &[Field]) -> bool {
        ask(&self.tree, fields) == Some(true)
    }

    /// Returns whether every record passes, as far as can be told without looking at one.
    pub(super) fn is_all(&self) -> bool {
        match &self.tree {
            Node::All(nodes) => nodes.is_empty(),
            Node::Truth(Operand::Literal(leaf)) => leaf.as_bool() == Some(true),
            _ => false,
        }
    }

    /// Returns what a change is to the view, by the record before and after it.
    pub fn movement(&self, before: Option<&[Field]>, after: Option<&[Field]>) -> Movement {
        let is_in = |fields: Option<&[Field]>| fields.is_some_and(|fields| self.matches(fields));
        match (is_in(before), is_in(after)) {
            (false, false) => Movement::Outside,
            (false, true) => Movement::In,
            (true, false) => Movement::Out,
            (true, true) => Movement::Within,
        }
    }

    /// Returns what every record has that passes: the field, and the values one of which it has. Of
    /// several such conditions that with the fewest values.
    pub(super) fn required(&self) -> Option<Required> {
        let mut all = Vec::new();
        required_by(&self.tree, &mut all);
        all.into_iter().min_by_key(|required| required.values.len())
    }
}

/// A field of which every record in a view has one of some values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Required {
    pub(super) path: Path,
    /// Whether the field is an array that has the value as an element.
    pub(super) within_array: bool,
    pub(super) values: Vec<Leaf>,
}

fn required_by(node: &Node, all: &mut Vec<Required>) {
    let mut add = |path: &Path, within_array, values| {
        all.push(Required { path: path.clone(), within_array, values });
    };
    match node {
        Node::All(nodes) => nodes.iter().for_each(|node| required_by(node, all)),
        Node::Compare(Comparison::Equal, Operand::Field(path), Operand::Literal(value))
        | Node::Compare(Comparison::Equal, Operand::Literal(value), Operand::Field(path)) => {
            add(path, false, vec![value.clone()]);
        }
        Node::In(Operand::Field(path), Operand::Literal(list)) => {
            add(path, false, elements(list).unwrap_or_default());
        }
        Node::In(Operand::Literal(value), Operand::Field(path)) => {
            add(path, true, vec![value.clone()]);
        }
        Node::Truth(Operand::Field(path)) => {
            let yes = Leaf::from_json(&Json::Bool(true));
            add(path, false, yes.into_iter().collect());
        }
        _ => {}
    }
}

/// Answers a condition; `None` where it has no answer.
fn ask(node: &Node, fields: &[Field]) -> Option<bool> {
    match node {
        Node::All(nodes) => absorbed(nodes, fields, false),
        Node::Any(nodes) => absorbed(nodes, fields, true),
        Node::Not(node) => ask(node, fields).map(|answer| !answer),
        Node::Compare(comparison, a, b) => {
            compare(*comparison, &value(a, fields)?, &value(b, fields)?)
        }
        Node::In(a, b) => {
            let wanted = value(a, fields)?;
            Some(elements(&value(b, fields)?)?.contains(&wanted))
        }
        Node::Has(path) => Some(has(fields, path)),
        Node::Text(place, a, b) => {
            let (text, part) = (value(a, fields)?, value(b, fields)?);
            let (text, part) = (text.as_string()?, part.as_string()?);
            Some(match place {
                Place::Start => text.starts_with(&*part),
                Place::End => text.ends_with(&*part),
                Place::Anywhere => text.contains(&*part),
            })
        }
        Node::Truth(operand) => value(operand, fields)?.as_bool(),
    }
}

/// Answers several conditions of which one that answers `decides` decides.
fn absorbed(nodes: &[Node], fields: &[Field], decides: bool) -> Option<bool> {
    let mut unknown = false;
    for node in nodes {
        match ask(node, fields) {
            Some(answer) if answer == decides => return Some(decides),
            Some(_) => {}
            None => unknown = true,
        }
    }
    (!unknown).then_some(!decides)
}

fn value(operand: &Operand, fields: &[Field]) -> Option<Leaf> {
    match operand {
        Operand::Literal(leaf) => Some(leaf.clone()),
        Operand::Field(path) => {
            let at = fields.binary_search_by(|(field, _)| field.cmp(path)).ok()?;
            fields.get(at).map(|(_, leaf)| leaf.clone())
        }
        Operand::Size(of) => {
            let leaf = value(of, fields)?;
            let size = match leaf.as_string() {
                Some(text) => text.chars().count(),
                None => elements(&leaf)?.len(),
            };
            let size = i64::try_from(size).ok()?;
            Leaf::from_json(&Json::Number(Number::from(size))).ok()
        }
        // Bound before a record is asked about.
        Operand::Claim(_) | Operand::Param(_) => None,
    }
}

fn compare(comparison: Comparison, a: &Leaf, b: &Leaf) -> Option<bool> {
    match comparison {
        Comparison::Equal => return Some(a == b),
        Comparison::NotEqual => return Some(a != b),
        _ => {}
    }
    let order = match (a.as_number(), b.as_number()) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.as_string()?.cmp(&b.as_string()?),
    };
    Some(match comparison {
        Comparison::Less => order == Ordering::Less,
        Comparison::LessOrEqual => order != Ordering::Greater,
        Comparison::Greater => order == Ordering::Greater,
        _ => order != Ordering::Less,
    })
}

fn has(fields: &[Field], path: &Path) -> bool {
    let from = fields.partition_point(|(field, _)| field < path);
    fields.get(from).is_some_and(|(field, _)| path.is_prefix_of(field))
}

/// Returns the elements of an array.
pub(super) fn elements(leaf: &Leaf) -> Option<Vec<Leaf>> {
    if leaf.kind() != Kind::Array {
        return None;
    }
    let Json::Array(items) = leaf.to_json() else {
        return None;
    };
    items.iter().map(|item| Leaf::from_json(item).ok()).collect()
}
