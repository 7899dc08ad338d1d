//! The commands, one module each. A command loads, asks the hub, prints, and answers an exit code.

pub mod audit;
pub mod backup;
pub mod check;
pub mod conflicts;
mod decisions;
pub mod describe;
pub mod diff;
pub mod doctor;
pub mod events;
pub mod hooks;
pub mod init;
pub mod log;
pub mod plan;
pub mod report;
pub mod serve;
pub mod status;
pub mod sync;
pub mod twins;
pub mod typescript;
pub mod undo;
pub mod watch;
