//! Two operations on one text, made to follow each other.

use super::cursor::{Cursor, Step};
use super::operation::{Builder, OperationError, TextOperation};

/// Whose insertion stands first where both sides insert at the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The first argument's (`a`, local).
    Left,
    /// The second argument's (`b`, remote).
    Right,
}

impl Side {
    /// Returns the other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// Returns `(a', b')` such that `a` then `b'` gives the same text as `b` then `a'` (TP1).
///
/// Every inserted character is in the result, and a character of the base is dropped exactly if `a`
/// or `b` drops it. `tie` says whose insertion stands first at the same place; two peers converge if
/// they name the same author, whichever argument that is for each.
///
/// # Errors
///
/// [`OperationError::LengthMismatch`] if the two were made for texts of different lengths;
/// [`OperationError::TooLong`] or [`OperationError::TooManyComponents`] if a result is beyond the
/// bounds.
pub fn transform(
    a: &TextOperation,
    b: &TextOperation,
    tie: Side,
) -> Result<(TextOperation, TextOperation), OperationError> {
    if a.base_len() != b.base_len() {
        return Err(OperationError::LengthMismatch { expected: a.base_len(), found: b.base_len() });
    }
    let (mut left, mut right) = (Cursor::new(a), Cursor::new(b));
    let (mut a_after, mut b_after) = (Builder::default(), Builder::default());
    loop {
        let insert = match tie {
            Side::Left => {
                insert_of(&mut left, Side::Left).or_else(|| insert_of(&mut right, Side::Right))
            }
            Side::Right => {
                insert_of(&mut right, Side::Right).or_else(|| insert_of(&mut left, Side::Left))
            }
        };
        match insert {
            Some((Side::Left, text, len)) => {
                a_after.insert(text)?;
                b_after.retain(len)?;
                continue;
            }
            Some((Side::Right, text, len)) => {
                b_after.insert(text)?;
                a_after.retain(len)?;
                continue;
            }
            None => {}
        }
        let (Some(next_left), Some(next_right)) = (left.peek(), right.peek()) else {
            return Ok((a_after.finish(), b_after.finish()));
        };
        let len = next_left.len().min(next_right.len());
        match (left.take(len), right.take(len)) {
            (Some(Step::Retain(_)), Some(Step::Retain(_))) => {
                a_after.retain(len)?;
                b_after.retain(len)?;
            }
            (Some(Step::Delete(_)), Some(Step::Retain(_))) => a_after.delete(len)?,
            (Some(Step::Retain(_)), Some(Step::Delete(_))) => b_after.delete(len)?,
            _ => {} // Both dropped it: nothing is left to do for either.
        }
    }
}

fn insert_of<'a>(cursor: &mut Cursor<'a>, side: Side) -> Option<(Side, &'a str, usize)> {
    cursor.take_insert().map(|(text, len)| (side, text, len))
}
