//! A store that a process lends to another one: the borrower works with it as with its own.
//!
//! The lender keeps the file, the lock and every promise of durability; the borrower has the store to
//! itself until it gives it back. Both are programs of one user on one machine, of the same version:
//! the messages are no format that outlives them (design note 0009).
//!
//! | You want | Read |
//! |---|---|
//! | ask for a store, and work with it | [`Lent`] |
//! | hear who asks, and lend | [`Asked`], [`lend`] |
//! | where the two meet | [`Door`] |
//! | the messages | `message.rs` |

mod borrower;
mod door;
mod lender;
mod message;

pub use borrower::{Lent, LoanError};
pub use door::Door;
pub use lender::{Asked, lend};
