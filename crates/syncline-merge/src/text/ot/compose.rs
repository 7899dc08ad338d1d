//! Two operations in a row as one.

use super::cursor::{Cursor, Step};
use super::operation::{Builder, OperationError, TextOperation};

impl TextOperation {
    /// Returns the operation that does `self` and then `then`.
    ///
    /// # Errors
    ///
    /// [`OperationError::LengthMismatch`] if `then` was not made for the result of `self`;
    /// [`OperationError::TooManyComponents`] if the whole has too many components.
    pub fn compose(&self, then: &Self) -> Result<Self, OperationError> {
        if self.target_len() != then.base_len() {
            return Err(OperationError::LengthMismatch {
                expected: then.base_len(),
                found: self.target_len(),
            });
        }
        let (mut first, mut second) = (Cursor::new(self), Cursor::new(then));
        let mut builder = Builder::default();
        loop {
            match (first.peek(), second.peek()) {
                (None, None) => {
                    let composed = builder.finish();
                    return Ok(match self.made_for() {
                        Some(digest) => composed.made_for_text(digest),
                        None => composed,
                    });
                }
                (Some(Step::Delete(len)), _) => {
                    first.take(len);
                    builder.delete(len)?;
                }
                (_, Some(Step::Insert(text, len))) => {
                    second.take(len);
                    builder.insert(text)?;
                }
                (Some(a), Some(b)) => {
                    let len = a.len().min(b.len());
                    match (first.take(len), second.take(len)) {
                        (Some(Step::Insert(text, _)), Some(Step::Retain(_))) => {
                            builder.insert(text)?;
                        }
                        (Some(Step::Retain(_)), Some(Step::Retain(_))) => builder.retain(len)?,
                        (Some(Step::Retain(_)), Some(Step::Delete(_))) => builder.delete(len)?,
                        _ => {} // Inserted and deleted again: nothing is left of it.
                    }
                }
                (Some(_), None) | (None, Some(_)) => {
                    unreachable!("invariant: the lengths were compared above")
                }
            }
        }
    }
}
