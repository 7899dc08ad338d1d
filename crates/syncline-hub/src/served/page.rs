//! Pages of changes.

use syncline_model::id::Writer;
use syncline_protocol::limits::{PULL_BYTES, PULL_CHANGES_DEFAULT};
use syncline_protocol::message::{Follow, Page};

use super::{ServeError, Served};

/// How large a page may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most changes.
    pub changes: usize,
    /// Most bytes, about; one change is told whatever its size.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { changes: PULL_CHANGES_DEFAULT, bytes: PULL_BYTES }
    }
}

/// A page, and for whom it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Paged {
    /// The page.
    pub page: Page,
    /// Whether every viewer who asks for the same is told the same.
    pub is_for_all: bool,
}

impl Served {
    /// Returns the changes that follow a cursor, or all records where there is none.
    ///
    /// # Errors
    ///
    /// - [`ServeError::Cursor`], [`ServeError::CursorAhead`] or [`ServeError::CursorExpired`]: the
    ///   client begins without a cursor.
    /// - [`ServeError::Hub`] if the store cannot be read.
    pub fn page(
        &self,
        _follow: &Follow,
        _viewer: &Writer,
        _limits: Limits,
    ) -> Result<Paged, ServeError> {
        Err(ServeError::Busy)
    }
}
