//! Data sets and measuring for the benchmarks.
//!
//! The binaries beside this library ask one question each and print the answer as a table. What
//! they share lives here: data that is the same on every machine, and the measuring of programs.
//!
//! # Where to look
//!
//! | You want | Read |
//! |---|---|
//! | believable records, from a seed | [`records`] |
//! | edits on files of such records | [`edits`] |
//! | the committed data sets of spec 001 | [`spec001`] |
//! | the cost of running a program | [`measure`] |
//! | how quiet the machine is | [`machine`] |
//! | what programs take with all that they start | [`family`] |
//! | a hub that is started and served | [`served`] |
//! | requests to it, and how long they wait | [`http`], [`waits`] |
//! | what the disk itself takes | [`disk`] |
//! | programs of others, from npm | [`peers`] |
//! | what is printed | [`report`] |
//! | the comparison of two programs, round by round | [`duel`] |
//!
//! # Example
//!
//! ```
//! use syncline_benches::records::{Entity, Plan, Side};
//!
//! let plan = Plan { entity: Entity::Contacts, source: 3, target: 2, shared: 1, differing: 0, seed: 7 };
//! let mut bytes = Vec::new();
//! plan.write_side(Side::Source, &mut bytes)?;
//! assert!(bytes.starts_with(b"{\n  \"contacts\": [\n    {\n      \"id\": \"contact-"));
//! # Ok::<(), std::io::Error>(())
//! ```

pub mod binary;
pub mod disk;
pub mod duel;
pub mod edits;
pub mod family;
pub mod http;
pub mod machine;
pub mod measure;
pub mod peers;
pub mod records;
pub mod report;
pub mod served;
pub mod spec001;
pub mod waits;
