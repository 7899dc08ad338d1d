//! The hub's end of a live connection.
//!
//! [`Session`] knows one connection: what its client follows and how far it was told, which pushes
//! are unanswered, and how much the client may still be sent. It holds no changes but a page and a
//! few ready-made messages per view; what a slow client misses is read from the log later.
//!
//! # How a shell drives it
//!
//! 1. Messages of the client go to [`Session::handle_message`], pings and pongs to
//!    [`Session::handle_traffic`]. While [`Session::can_read`] is false it leaves them in the socket.
//! 2. It carries out what [`Session::poll_push`] answers, one push after the other, and hands the
//!    answers in, in the same order, with [`Session::handle_results`].
//! 3. It reads what [`Session::poll_page`] asks for, on whatever thread, and hands it in with
//!    [`Session::handle_page`] or [`Session::handle_page_failed`]; before that, if it was asked for and
//!    there is time, with [`Session::handle_checksum`] what the records add up to.
//! 4. It tells where the log ends once a `hello` came or before, and how it moves, in either way or both:
//!    - [`Session::handle_advanced`]: it stands there now. Then pages are read;
//!    - [`Session::handle_live`]: here are the changes of a view in a stretch of the log, made once for
//!      all who follow the same. Whoever stands at its beginning, or within and before all of
//!      them, gets them as they are; others read a page. A stretch that had nothing for the view needs no call of its
//!      own: the next one may begin where the last one with changes ended. One call without changes,
//!      now and then, keeps the cursors of quiet views near the end of the log.
//! 5. When the socket can take a message it asks [`Session::poll_message`], and behind that
//!    [`Session::poll_page`] again: a page of which nothing had to be sent makes way for the next. It sends a ping if
//!    [`Session::poll_ping`] says so, and ends the connection as [`Session::poll_close`] says.
//! 6. It sleeps until [`Session::poll_deadline`] and calls [`Session::handle_time`].
//!
//! # What a page and ready-made changes must be
//!
//! A change of a page or a stretch leads from the record as of any position in the stretch to the
//! record as told: it names the present values of all fields that changed within. An edit of a text
//! is told only of a record that changed once in the stretch. Then a client that a result has told
//! more can take what follows.

mod machine;
mod told;
mod view;

use std::sync::Arc;

use syncline_model::id::Position;
use thiserror::Error;

pub use machine::Session;

use crate::holdings::Holdings;
use crate::limits::{
    PROTOCOL_VERSION, PUSH_OPERATIONS_MAX, PUSHES_UNANSWERED_MAX, VIEW_ENTITIES_MAX, VIEWS_MAX,
};
use crate::message::{Coding, Follow, HubMessage, Keeping, Page};
use crate::problem::Problem;

/// Ready-made messages that one view holds while the client may not be sent more, or waits for
/// results: a short halt needs no page.
pub const LIVE_HELD_MAX: usize = 16;

/// Records of which a connection remembers what results have told.
pub const TOLD_MAX: usize = 4_096;

/// Positions that a client's cursor may fall behind because nothing in them was for it. What is
/// beyond it would read again after a lost connection.
pub const CURSOR_LAG_MAX: u64 = 1_000;

/// Pings that may be unanswered before a connection counts as dead.
pub const PINGS_UNANSWERED_MAX: u32 = 2;

/// What a hub says of itself to each client.
#[derive(Clone, Debug)]
pub struct Greeting {
    /// Its incarnation, 32 hexadecimal digits.
    pub incarnation: Box<str>,
    /// Codings that it can read.
    pub accept: Vec<Coding>,
    /// What it keeps: to be known before the `hello` is handed in, see [`Session::handle_keeping`].
    pub keeping: Keeping,
}

/// The changes of a view in a stretch of the log, made once for all who follow the same.
#[derive(Debug)]
pub struct Live<E = ()> {
    /// The stretch begins behind this position and ends at the page's cursor.
    pub after: Position,
    /// The changes, in the order of the log. Nothing of the stretch that concerns the view is missing.
    pub page: Page,
    /// What the shell keeps with it, for instance the message as bytes.
    pub encoded: E,
}

/// A message for the client.
#[derive(Debug)]
pub enum Outgoing<E = ()> {
    /// A message of this connection alone.
    Message(HubMessage),
    /// Ready-made changes, as they are.
    Live {
        /// Which view of this connection.
        view: u32,
        /// The changes.
        live: Arc<Live<E>>,
    },
}

/// A page that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct PageRequest {
    /// For which view.
    pub view: u32,
    /// What the view follows, and where the page begins.
    pub follow: Follow,
    /// Whether the client wants to know what the records of the view add up to: as of the moment at which
    /// the page is read, if nothing is behind it.
    pub is_checked: bool,
    /// What the client holds of a view that begins anew: what is the same need not be told. A shell that takes
    /// no notice tells all.
    pub anew: Option<Anew>,
}

/// How a view begins anew of which the client holds something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anew {
    /// Where the log goes on behind the snapshot.
    pub from: Position,
    /// What the client holds.
    pub holdings: Arc<Holdings>,
}

/// Why there is no page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageFailure {
    /// The cursor is of another incarnation, damaged, or behind the end of what is kept.
    CursorUnusable(Problem),
    /// Something else.
    Failed(Problem),
}

/// How the hub ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// The client has ended it, or is not there any more.
    Done,
    /// The hub stops: come back at once.
    Stopping,
    /// The client said what must not be said.
    Violation,
    /// The client is not permitted any more.
    Denied,
    /// The hub cannot go on with it now: come back later.
    Later,
}

impl Close {
    /// Returns the code of the WebSocket.
    pub const fn code(self) -> u16 {
        match self {
            Self::Done => 1000,
            Self::Stopping => 1001,
            Self::Violation => 1002,
            Self::Denied => 1008,
            Self::Later => 1013,
        }
    }
}

/// What a client must not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// Its first message was another one, or none came in time, or a second one came.
    #[error("a connection begins with one `hello`, within ten seconds")]
    HelloExpected,
    /// It speaks no version of the protocol.
    #[error("the hub speaks versions 1 to {PROTOCOL_VERSION} of the protocol, not {found}")]
    ProtocolUnknown {
        /// What it speaks.
        found: u32,
    },
    /// It follows too much on one connection.
    #[error("a connection follows at most {VIEWS_MAX} views of {VIEW_ENTITIES_MAX} entities each")]
    ViewsTooMany,
    /// It pushes too much at once.
    #[error(
        "a push has 1 to {PUSH_OPERATIONS_MAX} operations, and at most {PUSHES_UNANSWERED_MAX} are unanswered"
    )]
    PushBeyondBounds,
    /// It says what it holds without being asked.
    #[error("nobody asked what is held of view {view}")]
    HoldsUnasked {
        /// The view.
        view: u32,
    },
    /// It acknowledges what it was not told.
    #[error("view {view} was never told so much")]
    AckUnknown {
        /// The view.
        view: u32,
    },
}

impl SessionError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::HelloExpected => "HELLO_EXPECTED",
            Self::ProtocolUnknown { .. } => "PROTOCOL_UNKNOWN",
            Self::ViewsTooMany => "VIEWS_TOO_MANY",
            Self::PushBeyondBounds => "PUSH_BEYOND_BOUNDS",
            Self::HoldsUnasked { .. } => "HOLDS_UNASKED",
            Self::AckUnknown { .. } => "ACK_UNKNOWN",
        }
    }

    /// Returns the problem that the client is told.
    pub fn problem(&self) -> Problem {
        Problem { code: self.code().into(), detail: self.to_string().into(), is_retryable: false }
    }
}
