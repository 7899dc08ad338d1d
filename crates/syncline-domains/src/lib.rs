//! The places that hold records: one module per kind of domain.
//!
//! Every kind has two halves. *Decoders* are pure: bytes or rows in, items out, and back. *Readers
//! and writers* do input and output, behind a small trait that a simulation can stand in for.
//! Nothing here merges, judges or remembers; that is the work of the hub.
//!
//! # Where to look
//!
//! | You want | Read |
//! |---|---|
//! | folders of JSON files, `<dir>/<entity>.json` | [`files`] |
//! | applications that are sent webhooks | [`app`] |
//! | what to do about an error | [`Advice`] |
//! | every bound, with its reason | [`limits`] |
//!
//! # How a kind is added
//!
//! 1. A folder `src/<kind>/` with its decoder and its reader and writer, each in a module of its
//!    own, and a line below.
//! 2. A cargo feature of the same name that switches the module on and brings in what it needs. A
//!    feature is declared only once there is code behind it.
//! 3. Its bounds in [`limits`], its error codes in `docs/errors/`.
//! 4. Odd inputs, each with what is expected of it, in `fixtures/<kind>/`.

mod advice;
#[cfg(feature = "app")]
pub mod app;
#[cfg(feature = "files")]
pub mod files;
pub mod limits;

pub use advice::Advice;
