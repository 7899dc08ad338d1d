//! Worlds of one hub and its writer: groups of operations, commits that fail, and crashes between a
//! commit and its answer.
//!
//! The hub and its writer are the product's own. The writer has a thread; the world holds it up while
//! it fills the queue, so that a seed always makes the same groups.
//!
//! | You want | Read |
//! |---|---|
//! | bursts of operations, crashes, and what is answered | `play` |
//! | what clients send | `client` |
//! | starting and ending the hub and its writer | `desk` |
//! | what must hold | `check` |
//! | defects planted to see that the checks see | [`IngestFault`] |

mod check;
mod client;
pub(crate) mod desk;
mod fault;
mod play;

pub use fault::IngestFault;
pub use play::run;
