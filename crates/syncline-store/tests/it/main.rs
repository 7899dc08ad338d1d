//! What every store promises, and what the store on disk survives.
//!
//! [`contract`] runs one suite over every store; [`laws`] compares them with a map; [`pipeline`] is about a batch under way;
//! [`lent`] about one that another process has open; [`files`] is
//! about opening: locks, epochs, formats, permissions; [`durability`] traces, cuts, kills and
//! starves real files. The programs that are killed there are this test binary itself, started
//! again: see [`child`]. [`backup`] plays histories against a backup in a [`bucket`] that fails, and
//! [`backup_kills`] kills a program that ships to a folder.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod backup;
mod backup_kills;
mod bucket;
mod child;
mod contract;
mod durability;
mod files;
mod fixture;
mod laws;
mod lent;
mod pipeline;
