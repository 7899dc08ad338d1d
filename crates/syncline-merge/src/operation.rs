//! What a writer asks for: operations on the fields of one record.

use syncline_model::clock::Clock;
use syncline_model::id::Writer;
use syncline_model::json::{Leaf, Number};
use syncline_model::path::Path;

use crate::state::ElementId;
use crate::text::ot::TextOperation;

/// What one operation does to a record, as a whole or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// The effect.
    pub effect: Effect,
    /// Who writes.
    pub writer: Writer,
    /// When, as the writer claims; cut to the hub's clock plus the drift, never refused.
    pub edited: Clock,
    /// Whether that time can be trusted to decide between concurrent values; where it cannot,
    /// [`Rule::Latest`](crate::rules::Rule::Latest) leaves the decision to a person.
    pub timed: bool,
}

/// The effect of an operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Writes fields; creates the record where the writer saw none.
    Write(Vec<FieldOperation>),
    /// Deletes the record.
    Delete,
}

/// What an operation does to one field. Inside a member of a keyed array, paths are relative.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldOperation {
    /// Gives a register a value.
    Set {
        /// The field.
        path: Path,
        /// Its new value.
        value: Leaf,
    },
    /// Removes the field, whatever its shape.
    Unset {
        /// The field.
        path: Path,
    },
    /// Adds to a sum.
    Increment {
        /// The field.
        path: Path,
        /// What to add; may be negative.
        by: Number,
    },
    /// States the value of a sum without having seen it before.
    Floor {
        /// The field.
        path: Path,
        /// The value, less what is known to have been added.
        value: Number,
    },
    /// Takes away all that the writer had seen of a sum.
    Reset {
        /// The field.
        path: Path,
    },
    /// Adds an element to a union.
    Add {
        /// The field.
        path: Path,
        /// The element.
        element: Leaf,
    },
    /// Removes an element from a union.
    Remove {
        /// The field.
        path: Path,
        /// The element.
        element: Leaf,
    },
    /// Writes fields of a member of a keyed array.
    PutMember {
        /// The field.
        path: Path,
        /// The member's key, as text.
        key: Box<str>,
        /// Whether the writer saw no such member: what it had seen of an older one is dropped.
        create: bool,
        /// What to write into it.
        fields: Vec<FieldOperation>,
    },
    /// Removes a member of a keyed array.
    RemoveMember {
        /// The field.
        path: Path,
        /// The member's key, as text.
        key: Box<str>,
    },
    /// Appends to an append list.
    Append {
        /// The field.
        path: Path,
        /// What to append.
        value: Leaf,
        /// Its name, where somebody else may have appended it too; `None` names it by the operation's
        /// stamp and its index in the operation.
        id: Option<ElementId>,
    },
    /// Begins a text anew.
    BeginText {
        /// The field.
        path: Path,
        /// The whole text.
        text: String,
    },
    /// Edits the text that the writer had seen.
    EditText {
        /// The field.
        path: Path,
        /// The edit, whose base is the text that the writer had seen.
        edit: TextOperation,
    },
}

impl FieldOperation {
    /// Returns the field that is written.
    pub const fn path(&self) -> &Path {
        match self {
            Self::Set { path, .. }
            | Self::Unset { path }
            | Self::Increment { path, .. }
            | Self::Floor { path, .. }
            | Self::Reset { path }
            | Self::Add { path, .. }
            | Self::Remove { path, .. }
            | Self::PutMember { path, .. }
            | Self::RemoveMember { path, .. }
            | Self::Append { path, .. }
            | Self::BeginText { path, .. }
            | Self::EditText { path, .. } => path,
        }
    }
}
