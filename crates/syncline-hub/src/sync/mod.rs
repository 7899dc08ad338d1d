//! Synchronising two file domains: read, plan, commit, write, confirm.
//!
//! What is planned is what is run. The order is: stage the new files, commit the hub's rows
//! together with what is about to be written, put the files in place, confirm. A crash at any step
//! is mended by [`Hub::recover`](crate::Hub::recover), which opening a hub calls.

mod input;
mod prepare;
mod publish;
mod recover;
mod report;
mod run;

pub(crate) use publish::{audit_details, put_report};
pub(crate) use report::timestamp;
pub(crate) use run::hex;
