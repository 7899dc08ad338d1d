//! The client's end of a live connection.
//!
//! [`Session`] holds what is under way; the queue of operations and the records are the shell's, on
//! disk. It never gives an operation up: what it holds leaves it with an answer only.
//!
//! # How a shell drives it
//!
//! 1. It builds a [`Session`] with the cursors that it has stored, and hands in the operations of its
//!    queue, oldest first, with [`Session::handle_operation`], as long as there is
//!    [`Session::room`]. What is set aside it does not hand in.
//! 2. [`Session::poll_connection`] says when to connect and when to close; the shell tells what came
//!    of it with [`Session::handle_connected`] and [`Session::handle_disconnected`].
//! 3. What arrives goes to [`Session::handle_message`], a ping or a pong to
//!    [`Session::handle_traffic`]; what [`Session::poll_message`] answers is sent.
//! 4. [`Session::poll_store`] answers what to make durable, in this order: a result with its operation
//!    leaving the queue, in one transaction, and if it is a refusal with all that is set aside by it; a
//!    page with its cursor, in one transaction, and then [`Session::handle_stored`]. Until then the page is not acknowledged, and
//!    no new connection is made.
//! 5. It sleeps until [`Session::poll_deadline`] and calls [`Session::handle_time`].
//!
//! After a restart nobody knows what was sent. So operations that are handed in before the first
//! `welcome` count as sent: changes are held back until they are answered.

mod machine;
mod queue;
mod size;
mod view;

pub use machine::Session;
pub use queue::dependants;

use crate::checksum::Checksum;
use crate::cursor::StreamCursor;
use crate::message::Page;
use crate::operation::Operation;
use crate::outcome::Outcome;

/// Operations that one session holds at most: as many as fill its unanswered pushes.
pub const OPERATIONS_HELD_MAX: usize =
    crate::limits::PUSHES_UNANSWERED * crate::limits::PUSH_OPERATIONS_MAX;

/// Operations that do not wait and find room beside those.
pub const OPERATIONS_URGENT_MAX: usize = crate::limits::PUSH_OPERATIONS_MAX;

/// About how large a push grows, in bytes; one operation is sent whatever its size. Half of the longest
/// message is for what the estimate does not see.
pub const PUSH_BYTES: usize = crate::limits::MESSAGE_BYTES_MAX / 2;

/// How long stored changes may wait for others before they are acknowledged, in milliseconds.
pub const ACK_WAIT_MS_MAX: u64 = 500;

/// Of how many messages that the hub may send one acknowledgement covers a part, so that none waits for it.
pub const ACK_PARTS: u32 = 8;

/// How long a connection may take to be made, in milliseconds.
pub const CONNECT_MS_MAX: u64 = 30_000;

/// How long a connection must have lasted for the next wait to be short again, in milliseconds.
pub const LASTED_MS: u64 = 10_000;

/// Longest wait that a hub can ask for, in milliseconds.
pub const LATER_MS_MAX: u64 = 3_600_000;

/// Whether an operation waits for company while a push is unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// It waits a little.
    Normal,
    /// It goes at once, with whatever it comes after.
    Urgent,
}

/// What a session says of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Make one.
    Connect {
        /// Whether the access token was refused: fetch a new one first.
        new_access_token: bool,
    },
    /// End it, and tell with [`Lost::Broken`] that it has ended.
    Close {
        /// The code of the WebSocket.
        code: u16,
    },
}

/// How a connection ended, or came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// It broke, or could not be made.
    Broken,
    /// The hub stops (1001): it comes back at once.
    Restarting,
    /// The hub asks to come back later (503, 429, 1013).
    Later {
        /// After how long, in milliseconds.
        after_ms: u64,
    },
    /// The access token was refused (401, 1008).
    Unauthorised,
}

/// What a shell is to make durable.
#[derive(Clone, Debug, PartialEq)]
pub enum Store {
    /// An operation was answered for good: applied, rejected or to be made anew.
    ///
    /// If it was not applied its lane stands until the shell settles that: from now on the shell hands
    /// in nothing that comes after it. In the same transaction
    /// the shell sets aside all of its queue that comes after it, see [`dependants`], but for `asked`.
    Outcome {
        /// The operation.
        operation: Operation,
        /// What became of it.
        outcome: Outcome,
        /// Counters of operations that come after it and that the hub may have applied all the same:
        /// they stay in the queue, marked with this operation's counter, and are answered or
        /// [set aside](Store::SetAside) one by one; after a restart they are handed in with
        /// [`Session::handle_asked`]. No new operation names one of them in its `after`.
        asked: Vec<u64>,
    },
    /// An operation that was `asked` for has turned out not to be applied: now it is set aside as well.
    SetAside {
        /// The operation.
        operation: Operation,
        /// The counter of the one that was refused.
        because: u64,
    },
    /// Changes of a view.
    Page {
        /// Which view.
        view: u32,
        /// The changes and their cursor.
        page: Page,
        /// Whether a snapshot begins with it: from here on the shell notes what is shown, and drops
        /// what was not once a page of the snapshot has a cursor of the log.
        begins: bool,
    },
    /// What the records of a view add up to, once all pages before are stored: nothing is to be stored, the
    /// shell compares. It says what came of it with [`Session::handle_checked`], and begins the view anew
    /// with [`Session::handle_views`] where it differs.
    Checksum {
        /// Which view.
        view: u32,
        /// Up to where everything has to be stored, and nothing beyond: otherwise nothing can be said.
        cursor: StreamCursor,
        /// What the hub says.
        checksum: Checksum,
    },
    /// A view begins anew: nothing is to be stored, the shell says with [`Session::handle_holdings`] what it
    /// holds of it, all results and pages before being stored. Pages of the snapshot name stretches of that
    /// which need not be told.
    Anew {
        /// Which view.
        view: u32,
    },
}
