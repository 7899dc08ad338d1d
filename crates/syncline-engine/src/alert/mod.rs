//! When somebody is told that a hub does badly, and that it does well again.
//!
//! Measures come in from time to time; what is to be told comes out. Nothing is sent here.
//!
//! | You want | Read |
//! |---|---|
//! | what is measured of a hub | [`Measures`] |
//! | what it is held against | [`Rule`], [`Rules`] |
//! | what is told, and when | [`Alerts`], [`Alarm`] |
//! | what is too bad now | [`Lit`] |

mod machine;
mod measures;
mod rules;

pub use machine::{Alarm, Alerts, Fired, Lit, State};
pub use measures::{Known, Measures};
pub use rules::{Kind, Rule, Rules, Severity};

#[cfg(test)]
mod tests;
