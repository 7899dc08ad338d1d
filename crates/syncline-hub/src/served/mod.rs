//! A hub that many threads use at once: operations of clients, pages of changes, reads.
//!
//! Whatever changes the hub goes through its one [`Writer`](crate::Writer). Whatever only reads does
//! so beside it, each read as of one moment at which all that it shows is on disk.
//!
//! | You want | Read |
//! |---|---|
//! | start, stop, wait for changes | [`Served`], [`Serving`] |
//! | who deletes or changes too much | [`Served::held`], [`Served::release`] |
//! | send operations | [`Served::push`], [`Pushed`] |
//! | deliver them | [`deliver`] |
//! | take in what applications tell | [`Served::receive`], [`Receiving`], [`Reception`] |
//! | emit events | [`Served::emit`], [`Emission`] |
//! | which events there are | [`Served::catalogue`] |
//! | follow changes | [`Served::page`], [`Paged`], [`ToldTokens`], [`Deltas`] |
//! | what readers are told who are not told everything | [`Audience`] |
//! | look at records, and at what they were | [`Served::record`], [`Served::history`] |
//! | look at conflicts and decide them | [`Served::conflicts`], [`Served::offers`], [`Together`] |
//! | how many wait, and for how long | [`Waiting`] |
//! | log, audit, runs, what was refused, schemas | [`Served::log`], [`DeadLetter`] |
//! | bring records to the latest version of their schema | [`Served::forwarding`] |
//! | what can go wrong | [`ServeError`] |

mod audience;
mod books;
mod catalogue;
mod checks;
mod conflicts;
pub mod deliver;
mod deltas;
mod desk;
mod emit;
mod error;
mod forward;
mod history;
mod holders;
mod messages;
mod page;
mod push;
mod read;
mod receive;
mod requests;
mod serving;
mod stretch;
mod tokens;
mod waiting;
mod watch;

pub use audience::Audience;
pub use books::{DeadLetter, Listed};
pub use conflicts::ConflictList;
pub use deltas::Deltas;
pub use desk::{Foreseen, Together};
pub use emit::{Emission, EmissionFate, EmitDone, Emitted};
pub use error::ServeError;
pub use forward::{Forwarding, Left};
pub use history::{History, PastChange};
pub use messages::{Known as KnownMessage, Message};
pub use page::{Limits, Paged};
pub use push::{Done, Pushed};
pub use read::{RecordList, RecordNow};
pub use receive::{Heard, LatestEdit, ReceiveDone, Receiving, Reception};
pub use requests::{ForgottenRequests, KeptRequest};
pub use serving::{Served, Serving};
pub use stretch::LogStretch;
pub use tokens::ToldTokens;
pub use waiting::Waiting;
pub(crate) use watch::LogEnd;
pub use watch::Watch;
