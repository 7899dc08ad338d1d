//! What a hub did, hour by hour: counts, and how long things took. A report of a day or a week sums it up.
//!
//! Numbers only: no name, no id and no value of a record is in it.
//!
//! | You want | Read |
//! |---|---|
//! | what is counted | [`Count`], [`Took`] |
//! | the hours | [`Tally`] |
//! | many of them as one | [`Sum`] |
//! | how long it took for 95 of 100 | [`Spread`] |
//! | how it is kept over a restart | `stored.rs` |

mod hours;
mod spread;
mod stored;

pub use hours::{Count, HOURS_KEPT, Sum, Tally, Took};
pub use spread::Spread;
pub use stored::DamagedTally;

#[cfg(test)]
mod tests;
