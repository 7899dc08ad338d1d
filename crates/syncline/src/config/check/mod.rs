//! The validator behind `syncline check`: what is unsafe, slow or forgotten in a configuration.
//!
//! It reads the configuration, and of the folders it names only what a directory listing shows:
//! no record is opened and nothing is written. Every finding has a code with a page in
//! `docs/errors/`, says where, what and why, and how to mend it.
//!
//! | You want | Read |
//! |---|---|
//! | all findings | [`check`] |
//! | what a run refuses before it reads anything | [`refusal`] |
//! | what may be found | [`Fault`] |
//! | findings about folders, files, state | `places.rs` |
//! | findings about rules and policies | `rules.rs` |
//! | what crosses between domains that no link joins | `leaks.rs`, `strictness.rs` |
//! | findings about links, users, limits, notices | `links.rs`, `safety.rs` |

mod finding;
mod leaks;
mod links;
mod places;
mod rules;
mod run;
mod safety;
mod shadow;
mod strictness;

pub use finding::{Fault, Finding, Severity};
pub use run::{check, refusal};

#[cfg(test)]
mod tests;
