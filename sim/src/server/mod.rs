//! The served half of a hub: operations of clients, settlements, and exchange with peer hubs.
//!
//! It loads rows, lets `syncline-merge` decide, and saves everything in one batch, through the
//! engine's own transaction, log, conflict rows and audit. It holds no state that it could not load
//! again, but for the identity of the site, its clock and the ends of its log and audit.
//!
//! | You want | Read |
//! |---|---|
//! | how a server starts and saves | `process` |
//! | operations and settlements | `operations` |
//! | whole states from peers | `exchange` |

mod exchange;
mod operations;
mod process;

pub use exchange::{Pull, Received, Reply, StateSent};
pub use operations::{Answer, Effects, Request, Settlement};
pub use process::{Fail, Server, ServerOptions, record_key};
