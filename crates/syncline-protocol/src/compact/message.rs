//! Whole messages in the compact form.

use syncline_merge::display::Fields;
use syncline_model::cursor::Incarnation;
use syncline_model::id::{EntityName, Position, RecordId};

use crate::compact::answer::{
    EncodedPage, change_of, cursor_of, outcome_of, push_cursor, push_outcome, same_of,
};
use crate::compact::names::{KnownNames, NamedText, Names, Told};
use crate::compact::operation::{push_operation, sent_of};
use crate::compact::row::Row;
use crate::error::{MessageError, Unwritable};
use crate::limits::{
    ANSWER_BYTES_MAX, COUNTER_MAX, MESSAGE_BYTES_MAX, NAMES_MAX, PULL_CHANGES_MAX,
    PUSH_OPERATIONS_MAX,
};
use crate::long::{
    backed_up_of, checksum_of, hello_of, holdings_of, problem_of, push_hello, push_holdings,
    push_problem, push_welcome, view_of, welcome_of,
};
use crate::message::{ClientMessage, Coding, HubMessage, Page, PushAnswer, Welcome};
use crate::operation::{Operation, shorten};
use crate::part::Part;
use crate::text::JsonText;

/// Messages to send, in their order: names that the other side does not know, then what was to be
/// said.
pub type Messages = Vec<String>;

/// Most elements of a message: pairs of an index and one name, in a message that tells names.
const ELEMENTS_MAX: usize = 1 + 2 * NAMES_MAX;

/// Writes what a client says on one connection.
#[derive(Debug, Default)]
pub struct ClientWriter {
    names: Names,
    told: Told,
    incarnation: Option<Incarnation>,
    /// The highest counter that was written. What is written once more has its base and its values in full.
    written: u64,
    /// Whether the hub reads deltas.
    may_differ: bool,
}

impl ClientWriter {
    /// Begins a connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of the hub's incarnation, once its `welcome` was read: cursors are short then.
    pub fn welcomed(&mut self, welcome: &Welcome) {
        self.incarnation = incarnation_of(welcome);
        self.may_differ = welcome.accept.contains(&Coding::Delta);
    }

    /// Has large texts of operations that were not written yet told by what differs, if the hub reads that.
    ///
    /// - `held`: what the hub has confirmed of a record.
    pub fn shorten(
        &self,
        message: &mut ClientMessage,
        held: impl FnMut(&(EntityName, RecordId)) -> Option<Fields>,
    ) {
        if let ClientMessage::Push(sent) = message
            && self.may_differ
        {
            let is_new = |operation: &Operation| operation.counter > self.written;
            shorten(sent.iter_mut().flatten(), is_new, held);
        }
    }

    /// Writes a message.
    ///
    /// # Errors
    ///
    /// [`Unwritable`] if an operation has no such form; nothing is to be sent.
    pub fn write(&mut self, message: &ClientMessage) -> Result<Messages, Unwritable> {
        let mut out = NamedText::new(&mut self.names);
        out.text.open('[');
        match message {
            ClientMessage::Hello(hello) => push_hello(out.text.string("h"), hello),
            ClientMessage::Push(operations) => {
                out.text.string("p").open('[');
                for operation in operations {
                    let operation = operation.as_ref().map_err(|_| Unwritable::Unread)?;
                    push_operation(&mut out, operation, operation.counter > self.written)?;
                    self.written = self.written.max(operation.counter);
                }
                out.text.close(']');
            }
            ClientMessage::Ack { view, cursor } => {
                out.text.string("a").raw(view);
                push_cursor(&mut out.text, cursor, self.incarnation);
            }
            ClientMessage::Check { view } => {
                out.text.string("k").raw(view);
            }
            ClientMessage::Checked { view, is_equal } => {
                out.text.string("q").raw(view).raw(u8::from(*is_equal));
            }
            ClientMessage::Holds { view, holdings } => {
                push_holdings(out.text.string("y").raw(view), holdings);
            }
        }
        out.text.close(']');
        let (text, used) = out.finish();
        Ok(self.told.introduce(&used).into_iter().chain([text]).collect())
    }
}

/// Writes what a hub says on one connection.
#[derive(Debug)]
pub struct HubWriter {
    told: Told,
    incarnation: Incarnation,
}

impl HubWriter {
    /// Begins a connection of a hub of that incarnation.
    pub fn new(incarnation: Incarnation) -> Self {
        Self { told: Told::default(), incarnation }
    }

    /// Writes a message. All changes of one connection are written with the same table of names.
    pub fn write(&mut self, message: &HubMessage, names: &mut Names) -> Messages {
        let mut text = JsonText::default();
        text.open('[');
        match message {
            HubMessage::Welcome(welcome) => push_welcome(text.string("w"), welcome),
            HubMessage::Problem(problem) => push_problem(text.string("e"), problem),
            HubMessage::Results(PushAnswer { outcomes, position }) => {
                text.string("r").open('[');
                for outcome in outcomes {
                    push_outcome(&mut text, outcome);
                }
                text.close(']').raw(position.0);
            }
            HubMessage::BackedUp(Position(position)) => {
                text.string("b").raw(position);
            }
            HubMessage::Checksum { view, cursor, checksum } => {
                text.string("k").raw(view);
                push_cursor(&mut text, cursor, Some(self.incarnation));
                text.string(&checksum.to_string());
            }
            HubMessage::Anew { view } => {
                text.string("y").raw(view);
            }
            HubMessage::Changes { view, page } => {
                return self.write_page(*view, &EncodedPage::new(page, names, self.incarnation));
            }
        }
        text.close(']');
        vec![text.into_string()]
    }

    /// Writes changes that were encoded with the table of names of this connection.
    pub fn write_page(&mut self, view: u32, page: &EncodedPage) -> Messages {
        self.write_names(page).into_iter().chain([page.message(view)]).collect()
    }

    /// Writes the names that such changes need and that this connection was not told. The changes themselves
    /// are the same for all connections: [`EncodedPage::message`].
    pub fn write_names(&mut self, page: &EncodedPage) -> Option<String> {
        self.told.introduce(page.names())
    }
}

/// Reads what the other side of one connection says.
#[derive(Debug, Default)]
pub struct Reader {
    names: KnownNames,
    incarnation: Option<Incarnation>,
}

impl Reader {
    /// Begins a connection, on the client's side.
    pub fn of_client() -> Self {
        Self::default()
    }

    /// Begins a connection, on the side of a hub of that incarnation.
    pub fn of_hub(incarnation: Incarnation) -> Self {
        Self { names: KnownNames::default(), incarnation: Some(incarnation) }
    }

    /// Reads what a client says; nothing if it only told names.
    ///
    /// # Errors
    ///
    /// [`MessageError`] if it cannot be split into operations, one does not say which it is, or
    /// something of the connection was lost; the connection ends. An operation that is malformed
    /// otherwise is part of the answer, and its neighbours are read.
    pub fn read_client_message(
        &mut self,
        bytes: &[u8],
    ) -> Result<Option<ClientMessage>, MessageError> {
        let part = Part::whole(bytes, MESSAGE_BYTES_MAX)?;
        let row = Row::read(&part, "a message", ELEMENTS_MAX)?;
        let tag = row.need(0)?;
        let message = match &*tag.string("a message")? {
            "n" => return self.names.learn(&row).map(|()| None),
            "h" => ClientMessage::Hello(hello_of(&row.need(1)?)?),
            "p" => {
                let parts = row.need(1)?.elements("operations of a push", PUSH_OPERATIONS_MAX)?;
                let sent = parts.iter().map(|part| sent_of(part, &self.names));
                ClientMessage::Push(sent.collect::<Result<_, _>>()?)
            }
            "a" => {
                row.only(3)?;
                let cursor = cursor_of(&row.need(2)?, self.incarnation)?;
                return Ok(Some(ClientMessage::Ack { view: view_of(&row.need(1)?)?, cursor }));
            }
            "k" => ClientMessage::Check { view: view_of(&row.need(1)?)? },
            "q" => {
                row.only(3)?;
                let is_equal = row.need(2)?.natural("equal", 1)? == 1;
                return Ok(Some(ClientMessage::Checked {
                    view: view_of(&row.need(1)?)?,
                    is_equal,
                }));
            }
            "y" => {
                row.only(3)?;
                let holdings = holdings_of(&row.need(2)?)?;
                return Ok(Some(ClientMessage::Holds { view: view_of(&row.need(1)?)?, holdings }));
            }
            _ => return Err(tag.form("a message", "what a client says")),
        };
        row.only(2)?;
        Ok(Some(message))
    }

    /// Reads what a hub says; nothing if it only told names.
    ///
    /// # Errors
    ///
    /// [`MessageError`]: what the hub says is not known; the client connects again.
    pub fn read_hub_message(&mut self, bytes: &[u8]) -> Result<Option<HubMessage>, MessageError> {
        let part = Part::whole(bytes, ANSWER_BYTES_MAX)?;
        let row = Row::read(&part, "a message", ELEMENTS_MAX)?;
        let tag = row.need(0)?;
        Ok(Some(match &*tag.string("a message")? {
            "n" => return self.names.learn(&row).map(|()| None),
            "w" => {
                let welcome = welcome_of(&row.need(1)?)?;
                self.incarnation = incarnation_of(&welcome);
                HubMessage::Welcome(welcome)
            }
            "e" => HubMessage::Problem(problem_of(&row.need(1)?)?),
            "r" => {
                let parts = row.need(1)?.elements("results", PUSH_OPERATIONS_MAX)?;
                let outcomes = parts.iter().map(outcome_of).collect::<Result<_, _>>()?;
                let position = Position(row.need(2)?.natural("position", COUNTER_MAX)?);
                HubMessage::Results(PushAnswer { outcomes, position })
            }
            "c" => HubMessage::Changes { view: view_of(&row.need(1)?)?, page: self.page(&row)? },
            "b" => HubMessage::BackedUp(backed_up_of(&row.need(1)?)?),
            "k" => HubMessage::Checksum {
                view: view_of(&row.need(1)?)?,
                cursor: cursor_of(&row.need(2)?, self.incarnation)?,
                checksum: checksum_of(&row.need(3)?)?,
            },
            "y" => HubMessage::Anew { view: view_of(&row.need(1)?)? },
            _ => return Err(tag.form("a message", "what a hub says")),
        }))
    }

    fn page(&self, row: &Row<'_>) -> Result<Page, MessageError> {
        let parts = row.need(2)?.elements("changes", PULL_CHANGES_MAX)?;
        let changes = parts.iter().map(|part| change_of(part, &self.names));
        let flags = row.get(4).map_or(Ok(0), |flags| flags.natural("flags", 7))?;
        Ok(Page {
            changes: changes.collect::<Result<_, _>>()?,
            cursor: cursor_of(&row.need(3)?, self.incarnation)?,
            more: flags & 1 != 0,
            is_snapshot: flags & 2 != 0,
            begins: flags & 4 != 0,
            same: row.get(5).map(|same| same_of(&same)).transpose()?,
        })
    }
}

fn incarnation_of(welcome: &Welcome) -> Option<Incarnation> {
    u128::from_str_radix(&welcome.incarnation, 16).ok().map(Incarnation)
}
