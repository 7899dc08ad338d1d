//! Why an operation was not applied.

use syncline_model::path::Path;
use thiserror::Error;

/// Why a hub did not apply an operation. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The writer had seen changes that have not arrived here.
    #[error("the operation builds on changes that have not arrived here")]
    Behind,
    /// The writer's base was forgotten here: it must read the record again.
    #[error("the operation builds on a state that was forgotten; read the record again")]
    Rebase,
    /// The values that a settlement replaces are not the ones in conflict any more.
    #[error("the conflict has changed since it was shown")]
    Stale,
    /// The field's shape does not allow the operation.
    #[error("field {path} does not allow this operation by its shape")]
    Shape {
        /// The field.
        path: Path,
    },
    /// A sum has left the range of exact numbers.
    #[error("field {path}: the sum has too many digits")]
    SumOverflow {
        /// The field.
        path: Path,
    },
    /// A text edit does not fit the text.
    #[error("field {path}: the edit does not fit the text")]
    TextEdit {
        /// The field.
        path: Path,
    },
    /// The hub's clock has reached its end.
    #[error("the hybrid clock has reached its end")]
    ClockExhausted,
}

impl Refusal {
    /// Returns the stable code of the refusal.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Behind => "BEHIND",
            Self::Rebase => "REBASE",
            Self::Stale => "CONFLICT_STALE",
            Self::Shape { .. } => "SHAPE_MISMATCH",
            Self::SumOverflow { .. } => "SUM_OVERFLOW",
            Self::TextEdit { .. } => "TEXT_EDIT_INVALID",
            Self::ClockExhausted => "CLOCK_EXHAUSTED",
        }
    }

    /// Returns what the writer should do.
    pub const fn advice(&self) -> Advice {
        match self {
            Self::Behind => Advice::Retry,
            Self::Rebase | Self::Stale | Self::TextEdit { .. } => Advice::ReadAgain,
            Self::Shape { .. } | Self::SumOverflow { .. } | Self::ClockExhausted => Advice::GiveUp,
        }
    }
}

/// What to do after a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Try the same operation again, at the same site.
    Retry,
    /// Read the record again, then decide anew.
    ReadAgain,
    /// Do not try again.
    GiveUp,
}
