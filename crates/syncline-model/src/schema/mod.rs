//! Versions of an entity's schema, and migrations between them as data.
//!
//! Clients and hubs of different versions write at once (requirement I15). A [`Migration`] is a list
//! of [`Step`]s, each of which works both ways, so a record is read at any version that the
//! registry of [`Migrations`] connects to its own, and a change written at one version is applied
//! at another.
//!
//! # Where to look
//!
//! | You want | Read |
//! |---|---|
//! | the number and the hash of a schema | [`SchemaVersion`], [`SchemaId`] |
//! | what a migration may do | [`Step`] |
//! | how a record or a change gets from one version to another | [`Migrations::chain`], [`Chain`] |
//! | whether a change may be applied now | [`Migrations::readiness`] |
//! | how records are brought to the latest version, whichever they are of | [`Forward`] |
//! | whether two versions agree | [`compare`], [`Finding`] |
//! | how migrations are written in JSON | [`Migration::from_json`] |
//!
//! # What this module promises
//!
//! - **Nothing is lost.** A migration only moves fields, exchanges values one for one, and adds
//!   defaults. Fields that it does not name, and those that it removes, stay in the record
//!   untouched; up and then down again gives every field back as it was, and so does down and up
//!   through an older replica.
//! - **Nothing collides.** A rename *exchanges* two places: if a record holds a stray field at the
//!   new name, that goes to the old name and comes back on the way down. So a step is a permutation
//!   of paths, which can also be applied to the merge state of a record, path by path.
//! - **Nothing is guessed.** A value that cannot go over and come back is refused by a
//!   [`MigrateError`]; a change of a version without a chain waits.
//!
//! # Not built
//!
//! Splitting and joining texts (not invertible: `"A B"` + `"C"`), mapping two values to one,
//! renaming inside the elements of arrays.
//!
//! # Example
//!
//! ```
//! use syncline_model::json::{Json, Leaf, fields, parse};
//! use syncline_model::path::Path;
//! use syncline_model::schema::{Migration, Migrations, Readiness, SchemaId, SchemaVersion, Step};
//!
//! let (old, new) = (SchemaVersion(1), SchemaVersion(2));
//! let mut migrations = Migrations::new();
//! migrations.declare(old, SchemaId::of(&Json::from("schema 1")))?;
//! migrations.declare(new, SchemaId::of(&Json::from("schema 2")))?;
//! let steps = vec![Step::Rename { from: Path::parse("/mail")?, to: Path::parse("/email")? }];
//! migrations.register(Migration::new(old, new, steps)?)?;
//!
//! let chain = migrations.chain(old, new)?;
//! let record = fields::flatten(br#"{"mail": "ada@example.org", "note": "kept"}"#)?;
//! let migrated = chain.fields(record)?;
//! assert_eq!(migrated[0], (Path::parse("/email")?, Leaf::parse("\"ada@example.org\"")?));
//! assert!(matches!(migrations.readiness(new, SchemaVersion(9)), Readiness::StoreAndWait));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod agreement;
mod form;
mod forward;
mod identity;
mod migration;
mod operation;
mod registry;
mod step;
mod value;

#[cfg(test)]
mod tests;

pub use agreement::{Breaks, Finding, SchemaError, check_schema, compare};
pub use form::{FORMAT_VERSION, FormError};
pub use forward::{Forward, LeftAlone, NotRepeatable};
pub use identity::{SchemaId, SchemaVersion};
pub use migration::{DefineError, MigrateError, Migration};
pub use registry::{Chain, ChainError, Migrations, Readiness, RegisterError, drop_filled_objects};
pub use step::{Conversion, Otherwise, Step, StepError};
