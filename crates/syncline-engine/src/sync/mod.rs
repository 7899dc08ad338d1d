//! Synchronising two domains through the hub: pure planning, record by record.
//!
//! The plan is the run: what is planned here is what is committed and written, and a dry run only
//! holds the writes back.

mod gate;
mod names;
mod naming;
mod order;
mod overruled;
mod private;
mod record;
mod report;
mod since;
mod time;
mod transaction;
mod withdrawn;

pub use gate::Gate;
pub use names::{Naming, PLAIN, Rename, displacing};
pub use naming::{Named, NamingFacts, rewritten};
pub use record::{Change, Held, Known, Party, Planner, RecordPlan, Write};
pub use report::{EntityReport, FileChange, Problem, RunReport, RunStatus, SYNC_RECORD_SCHEMA};
pub use since::Recency;
pub use time::rfc3339_ms;
pub use transaction::{
    LoggedChange, Recording, RunFacts, Transaction, base_key, base_of, changed, commitment_of,
};
pub use withdrawn::Bystander;
