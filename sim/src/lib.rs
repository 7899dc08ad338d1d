//! Under construction.

mod check;
pub mod disk;
pub mod fault;
pub mod history;
pub mod lineage;
pub mod network;
pub mod random;
pub mod replay;
pub mod schema;
pub mod server;
pub mod store;
pub mod swarm;
pub mod trace;
pub mod world;
