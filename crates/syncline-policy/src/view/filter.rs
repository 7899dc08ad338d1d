//! A filter as it is written, and the tree that it is compiled to.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use syncline_model::json::Leaf;
use syncline_model::path::Path;
use thiserror::Error;

use super::compile;
use crate::limits::{FILTER_BYTES_MAX, FILTER_LIST_MAX, FILTER_PARTS_MAX};

/// A field of a record and its value; a record is a list of them, sorted by path.
pub type Field = (Path, Leaf);

/// A filter, compiled: a condition in CEL over `record`, `claims` and `params`.
///
/// There is comparing (`==`, `!=`, `<`, `<=`, `>`, `>=`), `in`, `&&`, `||`, `!`, `has(record.x)`,
/// `size(…)`, `startsWith`, `endsWith`, `contains`, members (`record.address.city`,
/// `record["full-name"]`) and lists of literals. There is no arithmetic and no loop: what a filter
/// costs is known from its length.
///
/// Equal to another one if the text is the same.
#[derive(Clone)]
pub struct Filter {
    text: Arc<str>,
    pub(super) tree: Arc<Node>,
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// All of them.
    All(Vec<Node>),
    /// One of them.
    Any(Vec<Node>),
    /// Not that.
    Not(Box<Node>),
    /// Two values compared.
    Compare(Comparison, Operand, Operand),
    /// The first is an element of the second.
    In(Operand, Operand),
    /// The record has a field there, or fields below it.
    Has(Path),
    /// The first text has the second at some place.
    Text(Place, Operand, Operand),
    /// A value that is a truth value itself.
    Truth(Operand),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Where a text is looked for in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Start,
    End,
    Anywhere,
}

/// A value of a condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    /// A field of the record.
    Field(Path),
    /// What the client's token says.
    Claim(Path),
    /// What the client asks for.
    Param(Box<str>),
    /// A value that is written in the filter, or was bound.
    Literal(Leaf),
    /// The number of characters of a text, or of elements of an array.
    Size(Box<Operand>),
}

impl Filter {
    /// Compiles a text.
    ///
    /// # Errors
    ///
    /// [`FilterError`] if it is no condition of the language, or uses what is left out.
    pub fn compile(text: &str) -> Result<Self, FilterError> {
        let tree = compile::compile(text)?;
        Ok(Self { text: text.into(), tree: Arc::new(tree) })
    }

    /// Returns the filter that every record passes.
    pub fn everything() -> Self {
        Self { text: "true".into(), tree: Arc::new(Node::All(Vec::new())) }
    }

    /// Returns the names of the parameters that it asks for.
    pub fn params(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        self.tree.params(&mut names);
        names
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Node {
    fn params<'n>(&'n self, names: &mut BTreeSet<&'n str>) {
        match self {
            Self::All(nodes) | Self::Any(nodes) => {
                nodes.iter().for_each(|node| node.params(names));
            }
            Self::Not(node) => node.params(names),
            Self::Compare(_, a, b) | Self::In(a, b) | Self::Text(_, a, b) => {
                a.params(names);
                b.params(names);
            }
            Self::Truth(of) => of.params(names),
            Self::Has(_) => {}
        }
    }
}

impl Operand {
    fn params<'n>(&'n self, names: &mut BTreeSet<&'n str>) {
        match self {
            Self::Param(name) => drop(names.insert(name)),
            Self::Size(of) => of.params(names),
            Self::Field(_) | Self::Claim(_) | Self::Literal(_) => {}
        }
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Filter {}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.text).finish()
    }
}

/// Why a text cannot be used as a filter.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FilterError {
    /// The text is too long.
    #[error("has {bytes} bytes; at most {FILTER_BYTES_MAX} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The text is not CEL, or nested too deeply.
    #[error("is no expression at line {line}, column {column} of it")]
    Syntax {
        /// The line within the text, from one.
        line: isize,
        /// The column within the line, from one.
        column: isize,
    },
    /// The filter has too many parts.
    #[error("has more than {FILTER_PARTS_MAX} parts")]
    TooManyParts,
    /// A list has too many elements.
    #[error("has a list of more than {FILTER_LIST_MAX} elements")]
    ListTooLong,
    /// The filter uses a part of the language that is left out.
    #[error("uses {part}, which is not available in a filter")]
    Unsupported {
        /// What it uses.
        part: &'static str,
    },
    /// The filter calls something that is not available.
    #[error("calls `{name}`, which is not available in a filter")]
    UnknownFunction {
        /// The name of the function.
        name: String,
    },
    /// The filter uses a name that nothing defines.
    #[error("uses the name `{name}`; there are `record`, `claims` and `params`")]
    UnknownName {
        /// The name.
        name: String,
    },
    /// A member's name makes a path that is too long or too deep.
    #[error("names a member that no record can have")]
    Path,
}

impl FilterError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        "VIEW_FILTER_INVALID"
    }
}
