//! What a change *is*: names, time, versions, JSON values and paths, records and schemas.
//!
//! This crate owns the words that all others speak. It never reads a clock, a file, a socket, the
//! environment or a source of randomness: time and random numbers come in as arguments.
//!
//! # Where to look
//!
//! | You want | Read |
//! |---|---|
//! | what a record, a domain, a hub, a run is called | [`id`] |
//! | the stamp put on every change | [`clock`] |
//! | what a hub or a record has seen | [`version`] |
//! | versions of a schema and the ways between them, once entities have one | [`schema`] |
//! | where a reader of the log stands, once a hub is served | [`cursor`] |
//! | the alphabet of every stored form | [`codec`] |
//! | the envelope for values at rest | [`envelope`] |
//! | JSON values, numbers, leaves and their canonical form | [`json`] |
//! | where a field is in a record | [`path`] |
//! | every bound, with its reason | [`limits`] |
//!
//! # Example
//!
//! ```
//! use syncline_model::clock::{Clock, Stamp};
//! use syncline_model::id::SiteId;
//! use syncline_model::version::Version;
//!
//! let site = SiteId(7);
//! let first = Stamp::new(Clock::default().tick(1_000)?, site);
//! let second = Stamp::new(first.clock.tick(1_000)?, site);
//! let mut seen = Version::new();
//! seen.observe(first);
//! assert!(seen.covers(first) && !seen.covers(second));
//! # Ok::<(), syncline_model::clock::ClockError>(())
//! ```

pub mod base64url;
pub mod clock;
pub mod codec;
pub mod cursor;
pub mod envelope;
pub mod id;
pub mod json;
pub mod limits;
pub mod path;
pub mod schema;
pub mod version;
