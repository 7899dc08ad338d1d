//! The routes: one table, from which the router, the description of the interface and the tests of
//! who may do what are made.
//!
//! | You want | Read |
//! |---|---|
//! | all routes, and who may use them | [`TABLE`] |
//! | what is said of a route | [`Route`] |
//! | health, metrics, pages of problems | `health.rs` |
//! | access tokens, tickets, hubs | `tokens.rs`, `hubs.rs` |

mod answer;
mod health;
mod hubs;
mod route;
mod table;
mod tokens;

pub(crate) use answer::Answer;
pub(crate) use route::Pace;
pub use route::{Access, Method, Route, Scope};
pub use table::TABLE;
