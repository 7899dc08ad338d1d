//! Deliveries: rows are read and written for the [machine](syncline_engine::deliver) that decides which
//! event goes where and when; what it wants to be sent is answered with what is to be said.
//!
//! Nothing is sent here. Whoever holds [`Deliveries`] gives it a turn when an attempt has ended, when the log
//! has moved on, when somebody has asked for something, or when it is [due](Deliveries::due); makes the
//! attempts that it answers; and tells what came of them in a later turn.
//!
//! | You want | Read |
//! |---|---|
//! | a turn | [`Deliveries::turn`], [`Turn`], [`Parcel`] |
//! | make, change and remove endpoints | `endpoints.rs`, `removing.rs` |
//! | how much is under way at once | `under_way.rs` |
//! | what is to be made again, how much that is, and how far | `choosing.rs`, `replays.rs` |
//! | single deliveries, and those that were given up | `dead.rs` |
//! | what became of one event, and what fails | `looking.rs` |
//! | what is not kept any more | `retention.rs` |
//! | events for whoever asks for them | `told.rs` |
//! | what became of deliveries, and what their events say | [`Served::deliveries`](super::Served::deliveries), `content.rs` |
//! | what an operator should know | [`Noticed`] |

mod beginning;
mod choosing;
mod content;
mod damage;
mod dead;
mod endpoints;
mod lists;
mod looking;
mod notices;
mod removing;
mod replays;
mod retention;
mod sought;
mod start;
mod told;
mod turn;
mod under_way;

pub use choosing::{Counted, Stretch};
pub use content::Content;
pub(super) use content::deleted;
pub use dead::DeadDelivery;
pub use endpoints::{DeliveryError, EndpointNow};
pub use looking::{Became, EventDeliveries, Failures};
pub use notices::Noticed;
pub use replays::{ReplayPart, ReplayRow, ReplayState};
pub use retention::DeliveryRetention;
pub use sought::{DeliveryPage, Sought};
pub use told::Told;
pub use turn::{Deliveries, Parcel, Turn};
