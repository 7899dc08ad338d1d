//! Messages of a live connection, and the bodies of requests.

use syncline_model::id::{ClientId, EntityName, Position};
use syncline_model::json::Object;

use crate::change::Change;
use crate::checksum::Checksum;
use crate::cursor::StreamCursor;
use crate::holdings::{Holdings, Same};
use crate::operation::Operation;
use crate::outcome::Outcome;
use crate::problem::Problem;

/// What a client says on a live connection.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientMessage {
    /// Who it is and what it follows; the first message.
    Hello(Hello),
    /// Operations, in order.
    Push(Vec<Sent>),
    /// Changes of a view up to here are durable.
    Ack {
        /// Which view of the `hello`, from 0.
        view: u32,
        /// The cursor that came with them.
        cursor: StreamCursor,
    },
    /// Say what the records of a view add up to, once all of it is told.
    Check {
        /// Which view of the `hello`, from 0.
        view: u32,
    },
    /// What the client holds of a view was compared with what the hub said last that it is.
    Checked {
        /// Which view of the `hello`, from 0.
        view: u32,
        /// Whether both are the same.
        is_equal: bool,
    },
    /// What the client holds of a view, as it was asked.
    Holds {
        /// Which view of the `hello`, from 0.
        view: u32,
        /// What it holds.
        holdings: Holdings,
    },
}

/// Who a client is and what it follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Hello {
    /// The version of the protocol.
    pub protocol: u32,
    /// The client's name.
    pub client: ClientId,
    /// What it follows.
    pub views: Vec<Follow>,
    /// Codings that it can read.
    pub accept: Vec<Coding>,
    /// Messages with changes that may be unacknowledged.
    pub window: u32,
}

/// What a client follows, and from where.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Follow {
    /// The types of record; none for all that the client may see.
    pub entities: Vec<EntityName>,
    /// A view that the hub knows by name, instead of entities.
    pub view: Option<Box<NamedView>>,
    /// Where to go on; `None` begins with all records.
    pub cursor: Option<StreamCursor>,
    /// Whether the client can say what it holds: it is asked before the view begins anew.
    pub holds: bool,
}

/// A view that a hub was configured with, and what a client asks of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NamedView {
    /// Its name, at most [`VIEW_NAME_BYTES_MAX`] bytes.
    ///
    /// [`VIEW_NAME_BYTES_MAX`]: crate::limits::VIEW_NAME_BYTES_MAX
    pub name: Box<str>,
    /// Its parameters; the hub checks them.
    pub params: Object,
}

impl Follow {
    /// Follows entities from the beginning; none for all that the client may see.
    pub fn entities(entities: Vec<EntityName>) -> Self {
        Self { entities, ..Self::default() }
    }

    /// Follows a view from the beginning.
    pub fn view(name: &str, params: Object) -> Self {
        Self { view: Some(Box::new(NamedView { name: name.into(), params })), ..Self::default() }
    }

    /// Returns the same with another place to go on.
    #[must_use]
    pub fn at(self, cursor: Option<StreamCursor>) -> Self {
        Self { cursor, ..self }
    }
}

/// How the body of a binary message is compressed, or a value in any message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Zstandard.
    Zstd,
    /// Zstandard with the protocol's dictionary.
    ZstdDict,
    /// LZ4, block format after the length in four bytes, little end first.
    Lz4,
    /// DEFLATE, raw (RFC 1951).
    Deflate,
    /// Values told by what [differs](crate::delta) from what the reader holds; no coding of messages.
    Delta,
}

impl Coding {
    /// All codings of messages, by the byte that names them, less one.
    pub const ALL: [Self; 4] = [Self::Zstd, Self::ZstdDict, Self::Lz4, Self::Deflate];

    /// All that this crate reads.
    pub const READ: [Self; 5] = [Self::Zstd, Self::ZstdDict, Self::Lz4, Self::Deflate, Self::Delta];

    /// Returns the coding's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::ZstdDict => "zstd-dict",
            Self::Lz4 => "lz4",
            Self::Deflate => "deflate",
            Self::Delta => "delta",
        }
    }
}

/// What a hub says on a live connection.
#[derive(Clone, Debug, PartialEq)]
pub enum HubMessage {
    /// The answer to `hello`.
    Welcome(Welcome),
    /// What became of the operations of the oldest unanswered push.
    Results(PushAnswer),
    /// Records that changed.
    Changes {
        /// Which view of the `hello`, from 0.
        view: u32,
        /// The changes and where they end.
        page: Page,
    },
    /// The backup of the hub has come so far.
    BackedUp(Position),
    /// What the records of a view add up to, once everything up to the cursor is stored.
    Checksum {
        /// Which view of the `hello`, from 0.
        view: u32,
        /// As of where that is.
        cursor: StreamCursor,
        /// What they add up to.
        checksum: Checksum,
    },
    /// A view begins anew: what does the client hold of it?
    Anew {
        /// Which view of the `hello`, from 0.
        view: u32,
    },
    /// Something was wrong.
    Problem(Problem),
}

/// How a hub begins a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The version of the protocol.
    pub protocol: u32,
    /// The hub's incarnation, 32 hexadecimal digits.
    pub incarnation: Box<str>,
    /// How often it sends a ping, in milliseconds.
    pub heartbeat_ms: u64,
    /// Messages with changes that may be unacknowledged.
    pub window: u32,
    /// Codings that the hub can read.
    pub accept: Vec<Coding>,
    /// Most operations in one push.
    pub push_operations_max: usize,
    /// Longest message, in bytes.
    pub message_bytes_max: usize,
    /// What the hub keeps.
    pub keeping: Keeping,
}

/// What a hub keeps beyond its own disk, and of a client's operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keeping {
    /// Up to where in the log a backup has everything; `None` without one. What is behind it is lost
    /// with the hub's disk: the client keeps its operations until they are before it.
    pub backed_up: Option<Position>,
    /// The highest counter of the client of which the hub has no result any more: whatever was
    /// acknowledged up to it is part of the hub's records. 0 if there is none.
    pub floor: u64,
}

/// The body of a push.
#[derive(Clone, Debug, PartialEq)]
pub struct Push {
    /// Whose operations they are.
    pub client: ClientId,
    /// The operations, in order.
    pub operations: Vec<Sent>,
}

/// An operation of a push, or why it cannot be read: then it is answered alone, and its neighbours
/// are applied.
pub type Sent = Result<Operation, Unreadable>;

/// An operation that cannot be read. It is answered with [`Status::Rejected`].
///
/// [`Status::Rejected`]: crate::outcome::Status::Rejected
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Which of the client's operations.
    pub counter: u64,
    /// What is wrong with it.
    pub problem: Box<Problem>,
}

/// The answer to a push: one outcome for each operation, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct PushAnswer {
    /// What became of each.
    pub outcomes: Vec<Outcome>,
    /// Where the log ended when the last was answered.
    pub position: Position,
}

/// A page of changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The changes, in the order of the log; those of a snapshot in the order of entity and id.
    pub changes: Vec<Change>,
    /// Where to go on.
    pub cursor: StreamCursor,
    /// Whether there is more at once.
    pub more: bool,
    /// Whether the page is part of a snapshot.
    pub is_snapshot: bool,
    /// Whether the snapshot begins with it, be it that the client has a part of an earlier one.
    pub begins: bool,
    /// What the client holds of the view as the hub does, and was not told again; only in a snapshot.
    pub same: Option<Same>,
}
