//! Telling somebody that a hub does badly, and that it does well again.
//!
//! What is too bad is decided by `syncline_engine::alert`; here hubs are looked at, and what is to be told is sent. Each
//! receiver has a queue of its own, so that one that is away holds up no other.
//!
//! | You want | Read |
//! |---|---|
//! | who is told, and of what | `receiver.rs` |
//! | what is said | `message.rs` |
//! | how it is sent over HTTP, and as an e-mail | `channel.rs`, `mail.rs` |
//! | who looks, and when | `watch.rs` |
//! | reports of a day or a week | `reports.rs` |
//! | what is remembered over a restart | `memory.rs` |

mod channel;
mod mail;
mod memory;
mod message;
mod receiver;
mod reports;
mod watch;

pub use mail::{MailSettings, MailTls};
pub use memory::NotedAlert;
pub(crate) use memory::Told;
pub(crate) use message::{number, page, what};
pub use receiver::{AlertReceiver, AlertSettings, Channel, ReceiverError};
pub(crate) use watch::Alerting;
