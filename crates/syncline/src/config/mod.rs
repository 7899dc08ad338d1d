//! The configuration: `syncline.toml`, the two files of spec 001, or nothing at all.
//!
//! # Where to look
//!
//! | You want | Read |
//! |---|---|
//! | the configuration of a folder | [`Config::load`], [`Loaded`] |
//! | a configuration of the user, by name | [`Profile`] |
//! | what a run uses | [`Config`] and the types beside it |
//! | why a file was refused | [`ConfigError`] |
//! | whether somebody has changed it | [`Snapshot`] |
//! | what is unsafe, slow or forgotten in it | [`check`] |
//! | the published JSON Schema | [`SCHEMA`] |
//!
//! # What this module promises
//!
//! - **Nothing is guessed.** A member, word or name that is not known is refused with its line.
//! - **No name leads out of a folder.** Domains and entities have names of `[A-Za-z0-9_-]{1,64}`,
//!   and the file of an entity is one plain file name.
//! - **Silent.** Errors and findings name members, never the values of secrets or records.

pub mod check;
mod cross_domain;
mod document;
mod error;
mod limits;
mod load;
mod locate;
mod names;
mod preference;
mod profile;
mod program;
mod resolve;
mod schema;
mod settings;
mod snapshot;
pub(crate) mod units;
mod words;

pub use error::{ConfigError, Invalid, Position};
pub use load::{CROSS_DOMAIN_FILE, FILE, Loaded, MAPPINGS_FILE};
pub use profile::Profile;
pub(crate) use program::{COMMAND, words};
pub use schema::SCHEMA;
pub use settings::{
    AlertChannel, AlertReceiver, Alerts, CONFLICT_ID, Config, Deletion, Direction, Domain,
    DomainKind, Entity, FieldRule, Filter, Issuer, Link, Notify, OnConflict, Rename, Rule, Shape,
};
pub use snapshot::Snapshot;

#[cfg(test)]
mod tests;
