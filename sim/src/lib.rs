//! The simulation: one seed is one world of hubs, clients and folders in which everything fails.
//!
//! This crate owns a disk, a store, a network and a heap of events in virtual time, and the checks
//! of what must never happen. It drives the product's own merge, engine, gates, file journal and
//! hub. It never reads a clock or the environment, starts no thread, and draws whatever is random
//! from the seed.
//!
//! # Where to look
//!
//! | You want | Read |
//! |---|---|
//! | how a world goes, and why it is judged this way | `docs/design/0004-simulation.md` |
//! | run a seed, twice | [`replay`] |
//! | the loop of events | [`world`] |
//! | one hub and its writer | [`ingest`] |
//! | served hubs and whole clients | [`served`] |
//! | what goes wrong, and how often | [`swarm`], [`disk`], [`network`] |
//! | what happened, as seen from outside | [`history`], [`lineage`] |
//! | defects planted to see that the checks see | [`fault`] |
//!
//! # Example
//!
//! ```
//! let verdict = syncline_sim::replay::run_twice(7, None);
//! assert!(verdict.is_clean());
//! ```

mod check;
pub mod disk;
pub mod fault;
pub mod history;
pub mod ingest;
pub mod lineage;
pub mod network;
pub mod random;
pub mod replay;
pub mod schema;
pub mod served;
pub mod server;
pub mod store;
pub mod swarm;
pub mod trace;
pub mod world;
