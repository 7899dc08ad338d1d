//! Where a hub keeps its rows: one trait, a store in memory and a store in SQLite.
//!
//! This crate owns durability. When [`Store::commit`] answers `Ok`, the whole batch is on disk;
//! when it answers an error, nothing of it is there, or the error says that nobody knows and the
//! handle stops for good. The crate never looks into a value: rows are the engine's.
//!
//! # Where to look
//!
//! | You want | Read |
//! |---|---|
//! | what every store promises | [`Read`] and [`Store`] |
//! | the store for tests and simulations | [`memory`] |
//! | the store on disk: files, tables, lock, syncs | [`sqlite`] |
//! | how a batch is committed while the next is decided | [`Pipeline`] and [`Overlay`] |
//! | what is committed, shipped to a folder and restored from there | [`backup`] |
//! | a store that another process has open | [`lent`] |
//! | what can go wrong and what to do then | [`StoreError`] |
//! | every bound, with its reason | [`limits`] |
//!
//! # Example
//!
//! ```
//! use syncline_engine::rows::{Batch, Key, MetaName};
//! use syncline_store::memory::{MemoryDisk, MemoryStore};
//! use syncline_store::{Read, Store};
//!
//! let disk = MemoryDisk::new();
//! let mut store = MemoryStore::open(&disk);
//! let clock = Key::Meta(MetaName::literal("clock"));
//! store.commit(Batch::new().put(clock.clone(), b"41".to_vec()))?;
//!
//! // A reader keeps seeing what was there when it was made.
//! let reader = store.reader()?;
//! store.commit(Batch::new().delete(clock.clone()))?;
//! assert_eq!(reader.get(&clock)?, Some(b"41".to_vec()));
//! assert_eq!(store.get(&clock)?, None);
//! # Ok::<(), syncline_store::StoreError>(())
//! ```

pub mod backup;
mod error;
pub mod lent;
pub mod limits;
pub mod memory;
mod overlay;
mod pipeline;
pub mod sqlite;
mod store;

pub use error::{Advice, StoreError};
pub use overlay::Overlay;
pub use pipeline::Pipeline;
pub use store::{Begun, Epoch, Piece, Read, Snapshots, Store, Wake, check};
