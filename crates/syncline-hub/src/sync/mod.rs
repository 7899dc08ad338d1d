//! Synchronising two file domains: read, plan, commit, write, confirm.
//!
//! What is planned is what is run. Entity by entity: read, plan, judge, stage the new files, while
//! the store already writes the rows of those before, seen by nobody. Then for all of them: commit
//! the rows together with what is about to be written, put the files in place, confirm. A crash at
//! any step is mended by [`Hub::recover`](crate::Hub::recover), which opening a hub calls.

mod beside;
mod clean;
mod held_back;
mod input;
mod moved;
mod named;
mod narrowed;
mod planned;
mod prepare;
mod publish;
mod record;
mod recover;
mod report;
mod run;
mod stage;
mod stopped;
mod unite;

pub(crate) use input::SideInput;
pub(crate) use prepare::planner;
pub(crate) use publish::{audit_details, put_report};
pub use report::timestamp;
pub(crate) use run::hex;
pub(crate) use stage::undo_path;
