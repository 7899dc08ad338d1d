//! The head of a log: how many leaves, under which root.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::audit::hash::{Hash, HashTextError};
use crate::audit::limits::TREE_LEAVES_MAX;

/// Size and root of a tree, as one value: a root alone does not fix the size, so proofs are checked
/// against both.
///
/// Text form: `sha256:<hex>@<size>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of leaves.
    pub size: u64,
    /// Root over these leaves.
    pub root: Hash,
}

impl fmt::Display for Head {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "sha256:{}@{}", self.root, self.size)
    }
}

impl FromStr for Head {
    type Err = HeadTextError;

    fn from_str(text: &str) -> Result<Self, HeadTextError> {
        let (root, digits) = text
            .strip_prefix("sha256:")
            .and_then(|rest| rest.split_once('@'))
            .ok_or(HeadTextError::NotAHead)?;
        let size: u64 = digits.parse().map_err(|_| HeadTextError::BadSize)?;
        // One text per head: neither `+9` nor `09`.
        if size > TREE_LEAVES_MAX || size.to_string() != digits {
            return Err(HeadTextError::BadSize);
        }
        Ok(Self { size, root: root.parse()? })
    }
}

/// Why a text is not a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeadTextError {
    /// The text does not look like `sha256:<hex>@<size>`.
    #[error("a head is written `sha256:<hex>@<size>`")]
    NotAHead,
    /// The size is no plain decimal number, or is larger than any tree.
    #[error("the size of a head is a plain decimal number of at most {TREE_LEAVES_MAX}")]
    BadSize,
    /// The root is not a hash.
    #[error(transparent)]
    BadRoot(#[from] HashTextError),
}

impl HeadTextError {
    /// Returns the stable code of this error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAHead => "AUDIT_NOT_A_HEAD",
            Self::BadSize => "AUDIT_HEAD_SIZE",
            Self::BadRoot(cause) => cause.code(),
        }
    }
}
