//! Applications: what is sent to them over HTTP.
//!
//! A URL comes from whoever sets up an endpoint, who may be anybody. So a request goes where its URL says and
//! nowhere else: the name of a host is looked up once, every address that it has is looked at, and the
//! connection is made to one of these very addresses. Nothing leads on: a redirect is an answer like
//! any other.
//!
//! | You want | Read |
//! |---|---|
//! | a URL that may be sent to | [`Target`] |
//! | which addresses and ports may be reached | [`Guard`], [`Subnet`] |
//! | to send a request | [`Sender`], [`Route`] |
//! | what became of it | [`Outcome`], [`Failure`] |
//! | names of hosts looked up in another way | [`Resolve`] |
//!
//! # What this kind promises
//!
//! - **One slow host costs only itself.** Connections to one host are bounded, and those of all together; who waits
//!   for one waits for its own host. Idle connections make room.
//! - **Everything ends.** Looking up, connecting, encrypting, sending and reading have one deadline, and an
//!   answer that is long or slow is read as far as it matters. Waiting for other requests to the same host is not
//!   counted: these have their own deadlines, and the receiver was not asked yet.
//! - **One request is one attempt**, but for a connection that was kept and turns out to be closed: there the same
//!   request, with the same id, is sent again at once on a new one.
//! - **What a receiver says is kept short and harmless**: no control characters, nothing that looks like a secret.

mod address;
mod connection;
mod excerpt;
mod guard;
mod host;
mod outcome;
mod resolve;
mod sender;
mod stream;
mod subnet;
mod target;

pub use address::AddressKind;
pub use guard::{Guard, Network, Refusal};
pub use outcome::{Failure, Outcome, Phase};
pub use resolve::{Resolve, Resolved, SystemResolver};
pub use sender::{Request, Route, Sender, SenderSettings, Trust};
pub use subnet::Subnet;
pub use target::{Target, TargetError};
