//! What a view is, and how a client's claims and parameters are put into its filter.

use std::collections::BTreeMap;

use syncline_model::id::EntityName;
use syncline_model::json::{Json, Kind, Leaf, Object};
use syncline_model::path::{Path, Pattern};
use thiserror::Error;

use super::bound::{BoundFilter, elements};
use super::filter::Field;
use super::filter::{Filter, Node, Operand};
use crate::limits::{FILTER_LIST_MAX, FILTER_VALUE_BYTES_MAX};

/// A part of the records of one entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The type of record.
    pub entity: EntityName,
    /// Which records.
    pub filter: Filter,
    /// Which fields, with all that is inside them; `None` for all.
    pub fields: Option<Vec<Pattern>>,
    /// What a client may ask for, by name. What is not declared is refused.
    pub params: BTreeMap<Box<str>, Parameter>,
}

/// What kind of value a parameter has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// A text.
    Text,
    /// A number.
    Number,
    /// A truth value.
    Bool,
    /// An array of texts, numbers or truth values.
    List,
}

/// Why a view cannot be followed with these claims and parameters.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BindError {
    /// The client's token does not say what the filter asks.
    #[error("the token has no claim `{path}`, which the view's filter asks for")]
    ClaimMissing {
        /// The claim.
        path: Path,
    },
    /// A declared parameter was not given.
    #[error("the parameter `{name}` is missing")]
    ParamMissing {
        /// Its name.
        name: Box<str>,
    },
    /// A parameter was given that the view does not declare.
    #[error("the view has no parameter `{name}`")]
    ParamUnknown {
        /// Its name.
        name: Box<str>,
    },
    /// A parameter has another kind of value, or too large a one.
    #[error("the parameter `{name}` is not of the kind that the view declares, or too large")]
    ParamUnfit {
        /// Its name.
        name: Box<str>,
    },
}

impl BindError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ClaimMissing { .. } => "VIEW_CLAIM_MISSING",
            Self::ParamMissing { .. } | Self::ParamUnknown { .. } | Self::ParamUnfit { .. } => {
                "VIEW_PARAMETER_INVALID"
            }
        }
    }
}

impl View {
    /// Returns the view of all records of an entity, with all of their fields.
    pub const fn everything(entity: EntityName, filter: Filter) -> Self {
        Self { entity, filter, fields: None, params: BTreeMap::new() }
    }

    /// Returns the filter for one client.
    ///
    /// A claim that is missing refuses the view: nothing is followed by accident.
    ///
    /// # Errors
    ///
    /// [`BindError`].
    pub fn bind(&self, claims: &Object, params: &Object) -> Result<BoundFilter, BindError> {
        for name in params.keys() {
            if !self.params.contains_key(name) {
                return Err(BindError::ParamUnknown { name: name.into() });
            }
        }
        for (name, kind) in &self.params {
            let value = params.get(name);
            let value = value.ok_or_else(|| BindError::ParamMissing { name: name.clone() })?;
            if !kind.fits(value) {
                return Err(BindError::ParamUnfit { name: name.clone() });
            }
        }
        self.filter.bind(claims, params)
    }

    /// Returns whether a field belongs to the view.
    pub fn shows(&self, path: &Path) -> bool {
        self.fields.as_ref().is_none_or(|some| some.iter().any(|pattern| pattern.covers(path)))
    }

    /// Returns the part of a record that belongs to the view.
    pub fn part_of(&self, fields: &[Field]) -> Vec<Field> {
        fields.iter().filter(|(path, _)| self.shows(path)).cloned().collect()
    }
}

impl Parameter {
    fn fits(self, value: &Json) -> bool {
        let Ok(leaf) = Leaf::from_json(value) else {
            return false;
        };
        if leaf.as_str().len() > FILTER_VALUE_BYTES_MAX {
            return false;
        }
        let is_scalar =
            |leaf: &Leaf| matches!(leaf.kind(), Kind::String | Kind::Number | Kind::Bool);
        match self {
            Self::Text => leaf.kind() == Kind::String,
            Self::Number => leaf.kind() == Kind::Number,
            Self::Bool => leaf.kind() == Kind::Bool,
            Self::List => elements(&leaf)
                .is_some_and(|items| items.len() <= FILTER_LIST_MAX && items.iter().all(is_scalar)),
        }
    }
}

impl Filter {
    /// Puts claims and checked parameters in place.
    pub(super) fn bind(&self, claims: &Object, params: &Object) -> Result<BoundFilter, BindError> {
        let tree = bind_node(&self.tree, &Given { claims, params })?;
        Ok(BoundFilter { tree })
    }
}

/// What a client brings.
struct Given<'a> {
    claims: &'a Object,
    params: &'a Object,
}

fn bind_node(node: &Node, given: &Given<'_>) -> Result<Node, BindError> {
    let all = |nodes: &[Node]| -> Result<Vec<Node>, BindError> {
        nodes.iter().map(|node| bind_node(node, given)).collect()
    };
    let operand = |operand: &Operand| bind_operand(operand, given);
    Ok(match node {
        Node::All(nodes) => Node::All(all(nodes)?),
        Node::Any(nodes) => Node::Any(all(nodes)?),
        Node::Not(node) => Node::Not(Box::new(bind_node(node, given)?)),
        Node::Compare(comparison, a, b) => Node::Compare(*comparison, operand(a)?, operand(b)?),
        Node::In(a, b) => Node::In(operand(a)?, operand(b)?),
        Node::Has(path) => Node::Has(path.clone()),
        Node::Text(place, a, b) => Node::Text(*place, operand(a)?, operand(b)?),
        Node::Truth(of) => Node::Truth(operand(of)?),
    })
}

fn bind_operand(operand: &Operand, given: &Given<'_>) -> Result<Operand, BindError> {
    let literal = |value: Option<&Json>| {
        let leaf = value.and_then(|value| Leaf::from_json(value).ok());
        leaf.filter(|leaf| leaf.as_str().len() <= FILTER_VALUE_BYTES_MAX).map(Operand::Literal)
    };
    match operand {
        Operand::Claim(path) => {
            let mut value: Option<&Json> = None;
            for (depth, key) in path.segments().enumerate() {
                let within =
                    if depth == 0 { Some(given.claims) } else { value.and_then(as_object) };
                value = within.and_then(|object| object.get(&key));
            }
            literal(value).ok_or_else(|| BindError::ClaimMissing { path: path.clone() })
        }
        Operand::Param(name) => literal(given.params.get(name))
            .ok_or_else(|| BindError::ParamMissing { name: name.clone() }),
        Operand::Size(of) => Ok(Operand::Size(Box::new(bind_operand(of, given)?))),
        Operand::Field(_) | Operand::Literal(_) => Ok(operand.clone()),
    }
}

const fn as_object(json: &Json) -> Option<&Object> {
    match json {
        Json::Object(object) => Some(object),
        _ => None,
    }
}
