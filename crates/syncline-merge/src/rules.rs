//! How the fields of an entity merge: the shape of their state, the rule of their display.

use std::fmt;
use std::sync::Arc;

use syncline_model::id::Writer;
use syncline_model::json::{Leaf, Number};
use syncline_model::path::{Path, Pattern};

/// What the state of a field is. Part of the schema: changing it is a migration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// The concurrent values; only causality removes one.
    #[default]
    Register,
    /// A number to which concurrent additions add up.
    Sum {
        /// The least value allowed; crossing it is a conflict.
        minimum: Option<Number>,
    },
    /// An array of distinct values; concurrent additions and removals are all kept.
    Union,
    /// An array of objects told apart by the member `key`, whose members merge as fields.
    Keyed {
        /// Name of the member that identifies an object within the array.
        key: Arc<str>,
    },
    /// An array that only grows at its end, of which the `keep` latest elements stay.
    Append {
        /// Number of elements kept.
        keep: u32,
    },
    /// A text in which concurrent edits are interwoven.
    Text,
}

/// A [`Shape`] without its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShapeKind {
    /// [`Shape::Register`].
    Register,
    /// [`Shape::Sum`].
    Sum,
    /// [`Shape::Union`].
    Union,
    /// [`Shape::Keyed`].
    Keyed,
    /// [`Shape::Append`].
    Append,
    /// [`Shape::Text`].
    Text,
}

impl Shape {
    /// Returns the word for it, as in a configuration.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Sum { .. } => "sum",
            Self::Union => "union",
            Self::Keyed { .. } => "keyed",
            Self::Append { .. } => "append",
            Self::Text => "text",
        }
    }

    /// Returns the shape without its parameters.
    pub const fn kind(&self) -> ShapeKind {
        match self {
            Self::Register => ShapeKind::Register,
            Self::Sum { .. } => ShapeKind::Sum,
            Self::Union => ShapeKind::Union,
            Self::Keyed { .. } => ShapeKind::Keyed,
            Self::Append { .. } => ShapeKind::Append,
            Self::Text => ShapeKind::Text,
        }
    }
}

/// Which of a register's concurrent values is shown. It never touches the state.
#[derive(Clone, Debug, Default)]
pub enum Rule {
    /// The greatest edit time, then stamp; as [`Rule::Review`] while a time cannot be trusted.
    #[default]
    Latest,
    /// The greatest value.
    Max,
    /// The least value.
    Min,
    /// The value of the writer named first; writers not named come last.
    Priority(Arc<[Writer]>),
    /// The values of the writers in the first group that has any; the rule decides among these. Writers
    /// not named come last.
    Ranked {
        /// Groups of writers, the preferred one first.
        ranks: Arc<[Arc<[Writer]>]>,
        /// What decides within a group.
        rest: Arc<Rule>,
    },
    /// All values as one text, in order of edit time.
    Concat {
        /// What stands between two values.
        separator: Arc<str>,
    },
    /// A computed value; an error means [`Rule::Review`].
    Custom(CustomRule),
    /// A person decides; until then every writer keeps seeing its own value.
    Review,
    /// A person decides who may; until then everybody sees the same value, and every writer replaces
    /// only its own.
    Approval {
        /// What is shown until then.
        provisional: Arc<Rule>,
        /// Who may decide.
        approvers: Arc<[Approver]>,
    },
}

impl Rule {
    /// Returns the word for it, as in a configuration; of an approval the one for what is shown.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Max => "max",
            Self::Min => "min",
            Self::Priority(_) => "priority",
            Self::Ranked { rest, .. } => rest.as_str(),
            Self::Concat { .. } => "concat",
            Self::Custom(_) => "custom",
            Self::Review => "review",
            Self::Approval { provisional, .. } => provisional.as_str(),
        }
    }

    /// Returns whether different values that nothing else decides about wait for a person.
    pub fn is_review(&self) -> bool {
        match self {
            Self::Review | Self::Approval { .. } => true,
            Self::Ranked { rest, .. } => rest.is_review(),
            _ => false,
        }
    }

    /// Returns who alone may decide; nothing where everybody may who may write.
    pub fn approvers(&self) -> Option<&[Approver]> {
        match self {
            Self::Approval { approvers, .. } => Some(approvers),
            Self::Ranked { rest, .. } => rest.approvers(),
            _ => None,
        }
    }
}

/// Somebody who may decide what waits for approval. Merge itself asks nobody: whoever takes decisions
/// does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Approver {
    /// One user.
    User(Arc<str>),
    /// Whoever has this role.
    Role(Arc<str>),
}

impl Approver {
    /// Returns the name of the user or the role.
    pub fn name(&self) -> &str {
        match self {
            Self::User(name) | Self::Role(name) => name,
        }
    }

    /// Returns whether a user is meant who has these roles.
    pub fn is_meant(&self, user: Option<&str>, roles: &[String]) -> bool {
        match self {
            Self::User(name) => user == Some(name),
            Self::Role(name) => roles.iter().any(|role| **role == **name),
        }
    }
}

/// Computes what is shown of concurrent values, given in order of (edit time, stamp).
///
/// Must depend on nothing but its argument: hubs compare what they show.
#[derive(Clone)]
pub struct CustomRule {
    name: Arc<str>,
    compute: Arc<ComputeFn>,
}

type ComputeFn = dyn Fn(&[&Leaf]) -> Option<Leaf> + Send + Sync;

impl CustomRule {
    /// Builds a rule from its name and its function; `None` means that it cannot decide.
    pub fn new(
        name: &str,
        compute: impl Fn(&[&Leaf]) -> Option<Leaf> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), compute: Arc::new(compute) }
    }

    /// Returns what to show, or `None` where the rule cannot decide.
    pub fn compute(&self, values: &[&Leaf]) -> Option<Leaf> {
        (self.compute)(values)
    }
}

impl fmt::Debug for CustomRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CustomRule({:?})", self.name)
    }
}

/// Who wins when one side deletes a record and the other edits it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deletion {
    /// The record stays, with the edit.
    #[default]
    EditWins,
    /// The record goes.
    DeleteWins,
    /// The record stays until a person decides.
    Review,
}

/// The rules of one entity: the first entry whose pattern matches a path decides.
///
/// A path that nothing matches is a register shown by `rule_default`.
#[derive(Clone, Debug, Default)]
pub struct EntityRules {
    /// Entries in order of precedence.
    pub fields: Vec<FieldRules>,
    /// The rule of registers that no entry names.
    pub rule_default: Rule,
    /// What a deletion against an edit comes to.
    pub deletion: Deletion,
}

/// The shape and the rule of the fields that a pattern matches.
#[derive(Clone, Debug)]
pub struct FieldRules {
    /// Which fields.
    pub pattern: Pattern,
    /// What their state is.
    pub shape: Shape,
    /// What is shown of a register.
    pub rule: Rule,
}

/// A path as the state sees it: the field that holds it, and what is inside that field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Path of the field whose shape is not a plain register, or of the leaf itself.
    pub root: Path,
    /// The shape at `root`.
    pub shape: Shape,
}

impl EntityRules {
    /// Returns the shape of the field at exactly `path`.
    pub fn shape(&self, path: &Path) -> &Shape {
        const REGISTER: &Shape = &Shape::Register;
        self.entry(path).map_or(REGISTER, |entry| &entry.shape)
    }

    /// Returns the rule by which the register at `path` is shown.
    pub fn rule(&self, path: &Path) -> &Rule {
        self.entry(path).map_or(&self.rule_default, |entry| &entry.rule)
    }

    fn entry(&self, path: &Path) -> Option<&FieldRules> {
        self.fields.iter().find(|entry| entry.pattern.matches(path))
    }
}
