//! Contents at rest: as they are, or sealed with the app's key.

use crate::error::{ClientError, StoreError};

/// How contents are kept.
#[derive(Clone, Debug, Default)]
pub(crate) enum Seal {
    /// As they are.
    #[default]
    Plain,
}

impl Seal {
    /// Returns what the file keeps to know the key by.
    pub(super) fn check(&self) -> Result<String, ClientError> {
        match self {
            Self::Plain => Ok("none".to_owned()),
        }
    }

    /// Returns whether a file with this note was made with this key.
    pub(super) fn is_key_of(&self, check: &str) -> bool {
        match self {
            Self::Plain => check == "none",
        }
    }

    /// Returns a text as it is kept.
    pub(super) fn close(&self, text: String) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::Plain => Ok(text.into_bytes()),
        }
    }

    /// Returns the text that was kept in `table`.
    pub(super) fn open(&self, table: &'static str, bytes: Vec<u8>) -> Result<String, StoreError> {
        match self {
            Self::Plain => String::from_utf8(bytes).map_err(|_| StoreError::Damaged { table }),
        }
    }
}
