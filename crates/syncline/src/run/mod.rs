//! What commands share: the context, the request to the hub, waiting, retrying, telling somebody.
//!
//! | You want | Read |
//! |---|---|
//! | options, configuration, who acts, the open hub | [`Context`] |
//! | from arguments and configuration to a request | [`each_link`], [`prepare`], [`Prepared`], [`may_write`] |
//! | the rules of an entity, for who looks at its conflicts | [`configured`] |
//! | working through the process that serves the hub | `loan.rs` |
//! | who may look at what is stored | [`reading`] |
//! | another try after a passing failure | `retry.rs` |
//! | telling somebody | [`notice`], `post.rs`, `secret.rs` |
//! | how a long run stands, for systemd | [`Supervisor`] |
//! | plans as files | [`plan_file`] |

mod actor;
mod context;
mod interrupt;
mod loan;
pub mod notice;
mod only;
pub mod plan_file;
pub(crate) mod post;
pub mod reading;
mod request;
mod retry;
mod rules;
pub(crate) mod secret;
mod supervisor;

pub(crate) use actor::random;
pub use context::{Context, LATEST};
pub use interrupt::watch_for_interrupts;
pub use request::{Prepared, each_link, may_write, prepare};
pub use retry::retrying;
pub use rules::configured;
pub use supervisor::Supervisor;
