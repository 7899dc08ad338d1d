//! A store on the simulated disk: a file of checksummed batches, read whole when it is opened.
//!
//! It keeps every promise of [`syncline_store::Store`] by means that can be seen at a glance, so
//! that the simulation tests what stands on the store:
//!
//! - A commit is one frame appended and one sync. After an error that leaves its outcome unknown
//!   the handle stops for good.
//! - Opening copies the sound frames into a new file, syncs it and gives it the old name: what was
//!   read from the page cache may never have reached the platter.
//! - The copy starts a new epoch; a handle that finds another file under its name is fenced.
//!
//! Each promise can be broken on purpose, by [`StoreFault`].

mod frame;
mod log;

pub use log::{SimStore, StoreFault};
