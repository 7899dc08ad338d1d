//! The rules of the repository that no compiler knows, each as a function from the files to what
//! is wrong with them.
//!
//! | Rule | Read |
//! |---|---|
//! | which crate may depend on which | [`edges`] |
//! | pure crates stay pure | [`fences`], proved by [`fences_fire`] |
//! | crate docs, thin `lib.rs`, names, folders | [`layout`] |
//! | every file is compiled | [`dead_files`] |
//! | every error code has a page | [`error_pages`] |
//! | every requirement names its test | [`requirements`] |
//! | links, paths, words | [`prose`] |
//! | what is downloaded, and under which licence | [`supply`] |

mod check;
mod dead_files;
mod edges;
mod error_pages;
mod fences;
mod fences_fire;
mod finding;
mod layout;
mod licence;
mod prose;
mod requirements;
mod sizes;
mod supply;

pub(crate) use check::run;
pub(crate) use finding::Finding;
