//! What must never happen: the requirements, checked on the history and on what the hubs hold.
//!
//! | Requirement | Where |
//! |---|---|
//! | I1 convergence, I5 redelivery, I9 order of winners, I10 conflicts kept, I21 liveness | [`agreement`] |
//! | I2 nothing lost, I3 nothing resurrected, I6 once, I8 intentions, I15 unknown fields | [`model`] |
//! | I4 causality, I11 audit, I14 clocks, I16 cursors and positions | [`hub`] |
//! | I2, I3, I17 with files | [`files`] |
//! | I1, I17, I19, I22 with files | `world::sync` |
//! | I20 undo | `world::undo` |
//! | I5 redelivery, while it goes on | `world::site`, `world::client` |

mod agreement;
mod end;
mod files;
mod hub;
mod model;

pub(crate) use agreement::{records, unlisted};
pub(crate) use end::at_the_end;
pub(crate) use hub::{Held, after_start, causality, drift, log, log_and_audit};
pub(crate) use model::{compare, ended, ended_by};
