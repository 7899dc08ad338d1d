//! Receiving: what applications tell of their records by webhooks.
//!
//! | You want | Read |
//! |---|---|
//! | what a receiver is, and how it is made | [`receiver`] |
//! | the receivers of spec 004 | [`preset`] |
//! | what a body says of which record | [`told`] |
//! | what a record becomes by it | [`effect`] |
//! | the receivers of a hub, and what they share | [`Receivers`] |
//! | what is received, applied once | [`reception`] |

mod effect;
mod kept;
mod preset;
mod receiver;
mod reception;
mod told;

pub(crate) use kept::{Made, Receivers, ReceiversError, Reception};
pub(crate) use preset::Preset;
pub(crate) use receiver::{Invalid, Receiver};
pub(crate) use reception::{Fate, receive};
pub(crate) use told::{Came, Said, Unfit, is_test, tell};
