//! Whole messages and bodies in the long form.

use syncline_model::id::{ClientId, Position};

use crate::checksum::Checksum;
use crate::cursor::StreamCursor;
use crate::error::{MessageError, Unwritable};
use crate::holdings::{Holdings, Run, Same, Stretch};
use crate::limits::{
    ANSWER_BYTES_MAX, COUNTER_MAX, MESSAGE_BYTES_MAX, PULL_CHANGES_MAX, PUSH_OPERATIONS_MAX,
    STRETCHES_MAX, VIEWS_MAX,
};
use crate::long::answer::{change_of, outcome_of, push_change, push_outcome};
use crate::long::hello::{
    backed_up_of, cursor_of, hello_of, problem_of, push_hello, push_problem, push_welcome,
    welcome_of,
};
use crate::long::operation::{push_operation, sent_of};
use crate::message::{ClientMessage, HubMessage, Page, Push, PushAnswer, Sent};
use crate::outcome::Outcome;
use crate::part::{Members, Part};
use crate::text::JsonText;

/// Reads the body of a push.
///
/// # Errors
///
/// [`MessageError`] if it cannot be split into operations or one does not say which it is. An
/// operation that is malformed otherwise is part of the answer, and its neighbours are read.
pub fn read_push(bytes: &[u8]) -> Result<Push, MessageError> {
    let members = Part::whole(bytes, MESSAGE_BYTES_MAX)?.members("a push")?;
    members.only(&["client", "ops"])?;
    let client = members.need("client")?;
    Ok(Push {
        client: ClientId::new(&client.string("client")?).map_err(client.id_error())?,
        operations: operations_of(&members.need("ops")?)?,
    })
}

/// Writes the body of a push.
///
/// # Errors
///
/// [`Unwritable`] if an operation has no such form.
pub fn write_push(push: &Push) -> Result<String, Unwritable> {
    let mut text = JsonText::default();
    text.open('{').key("client").string(push.client.as_str()).key("ops");
    push_operations(&mut text, &push.operations)?;
    text.close('}');
    Ok(text.into_string())
}

/// Reads the answer to a push, the cursor behind its results, and up to where the hub is backed up.
///
/// # Errors
///
/// [`MessageError`]: what became of the operations is not known; they are sent again.
pub fn read_push_answer(
    bytes: &[u8],
) -> Result<(PushAnswer, StreamCursor, Option<Position>), MessageError> {
    let members = Part::whole(bytes, ANSWER_BYTES_MAX)?.members("an answer")?;
    let cursor = cursor_of(&members.need("cursor")?)?;
    let position = cursor.position();
    let backed_up = members.get("backed_up").map(|part| backed_up_of(&part)).transpose()?;
    Ok((PushAnswer { outcomes: outcomes_of(&members)?, position }, cursor, backed_up))
}

/// Writes the answer of a hub to a push.
///
/// - `cursor`: stands at the answer's position.
/// - `backed_up`: up to where in the log a backup has everything; `None` without one.
pub fn write_push_answer(
    answer: &PushAnswer,
    cursor: &StreamCursor,
    backed_up: Option<Position>,
) -> String {
    let mut text = JsonText::default();
    text.open('{');
    push_outcomes(&mut text, &answer.outcomes);
    text.key("cursor").string(&cursor.to_string());
    if let Some(Position(position)) = backed_up {
        text.key("backed_up").raw(position);
    }
    text.close('}');
    text.into_string()
}

/// Reads a page of changes.
///
/// # Errors
///
/// [`MessageError`]: the client asks for the page again.
pub fn read_page(bytes: &[u8]) -> Result<Page, MessageError> {
    page_of(&Part::whole(bytes, ANSWER_BYTES_MAX)?.members("a page")?)
}

/// Writes a page of changes.
pub fn write_page(page: &Page) -> String {
    let mut text = JsonText::default();
    text.open('{');
    push_page(&mut text, page);
    text.close('}');
    text.into_string()
}

fn operations_of(part: &Part<'_>) -> Result<Vec<Sent>, MessageError> {
    part.elements("operations of a push", PUSH_OPERATIONS_MAX)?.iter().map(sent_of).collect()
}

fn push_operations(text: &mut JsonText, operations: &[Sent]) -> Result<(), Unwritable> {
    text.open('[');
    for operation in operations {
        push_operation(text, operation.as_ref().map_err(|_| Unwritable::Unread)?)?;
    }
    text.close(']');
    Ok(())
}

fn outcomes_of(members: &Members<'_>) -> Result<Vec<Outcome>, MessageError> {
    let parts = members.need("results")?.elements("results", PUSH_OPERATIONS_MAX)?;
    parts.iter().map(outcome_of).collect()
}

fn push_outcomes(text: &mut JsonText, outcomes: &[Outcome]) {
    text.key("results").open('[');
    for outcome in outcomes {
        push_outcome(text, outcome);
    }
    text.close(']');
}

fn page_of(members: &Members<'_>) -> Result<Page, MessageError> {
    let flag = |name| members.get(name).map_or(Ok(false), |part| part.bool(name));
    let changes = members.need("changes")?.elements("changes", PULL_CHANGES_MAX)?;
    Ok(Page {
        changes: changes.iter().map(change_of).collect::<Result<_, _>>()?,
        cursor: cursor_of(&members.need("cursor")?)?,
        more: flag("more")?,
        is_snapshot: flag("snapshot")?,
        begins: flag("begins")?,
        same: members.get("same").map(|same| same_of(&same)).transpose()?,
    })
}

/// Reads which stretches a client holds as the hub does.
fn same_of(part: &Part<'_>) -> Result<Same, MessageError> {
    let members = part.members("same")?;
    let position = Position(members.need("position")?.natural("position", COUNTER_MAX)?);
    Ok(Same { position, stretches: runs_of(&members.need("stretches")?)? })
}

/// Reads pairs of the first stretch and how many.
pub(crate) fn runs_of(part: &Part<'_>) -> Result<Vec<Run>, MessageError> {
    let runs = part.elements("stretches", STRETCHES_MAX)?;
    let run = |part: &Part<'_>| match part.elements("stretches", 2)?.as_slice() {
        [first, count] => {
            let most = u32::try_from(STRETCHES_MAX).unwrap_or(u32::MAX);
            let (first, count) = (first.small("first", most)?, count.small("count", most)?);
            Ok(Run { first, count })
        }
        _ => Err(part.form("stretches", "the first and how many")),
    };
    runs.iter().map(run).collect()
}

pub(crate) fn push_runs(text: &mut JsonText, runs: &[Run]) {
    text.open('[');
    for Run { first, count } in runs {
        text.open('[').raw(first).raw(count).close(']');
    }
    text.close(']');
}

/// Reads what a client holds: entity and id of the last record of each stretch, and its sum.
pub(crate) fn holdings_of(part: &Part<'_>) -> Result<Holdings, MessageError> {
    let stretch = |part: &Part<'_>| match part.elements("a stretch", 3)?.as_slice() {
        [entity, id, sum] => {
            let last = (entity.entity()?, id.record_id()?);
            Ok(Stretch { last, checksum: checksum_of(sum)? })
        }
        _ => Err(part.form("a stretch", "entity, id and sum")),
    };
    let stretches = part.elements("stretches", STRETCHES_MAX)?;
    let stretches = stretches.iter().map(stretch).collect::<Result<_, _>>()?;
    Holdings::new(stretches).ok_or_else(|| part.form("stretches", "each to end behind the former"))
}

pub(crate) fn push_holdings(text: &mut JsonText, holdings: &Holdings) {
    text.open('[');
    for Stretch { last: (entity, id), checksum } in holdings.stretches() {
        text.open('[').string(entity.as_str()).string(id.as_str());
        text.string(&checksum.to_string()).close(']');
    }
    text.close(']');
}

fn push_page(text: &mut JsonText, page: &Page) {
    let Page { changes, cursor, more, is_snapshot, begins, same } = page;
    text.key("changes").open('[');
    for change in changes {
        push_change(text, change);
    }
    text.close(']').key("cursor").string(&cursor.to_string()).key("more").raw(more);
    if *is_snapshot {
        text.key("snapshot").raw("true");
    }
    if *begins {
        text.key("begins").raw("true");
    }
    if let Some(Same { position, stretches }) = same {
        text.key("same").open('{').key("position").raw(position.0);
        push_runs(text.key("stretches"), stretches);
        text.close('}');
    }
}

/// Reads what a client says on a live connection.
///
/// # Errors
///
/// As [`read_push`].
pub fn read_client_message(bytes: &[u8]) -> Result<ClientMessage, MessageError> {
    let part = Part::whole(bytes, MESSAGE_BYTES_MAX)?;
    let members = part.members("a message")?;
    if members.len() != 1 {
        return Err(part.form("a message", "one member that says what it is"));
    }
    if let Some(hello) = members.get("hello") {
        return hello_of(&hello).map(ClientMessage::Hello);
    }
    if let Some(operations) = members.get("push") {
        return operations_of(&operations).map(ClientMessage::Push);
    }
    if let Some(check) = members.get("check") {
        let check = check.members("check")?;
        check.only(&["view"])?;
        return Ok(ClientMessage::Check { view: view_of(&check.need("view")?)? });
    }
    if let Some(checked) = members.get("checked") {
        let checked = checked.members("checked")?;
        checked.only(&["view", "equal"])?;
        let is_equal = checked.need("equal")?.bool("equal")?;
        return Ok(ClientMessage::Checked { view: view_of(&checked.need("view")?)?, is_equal });
    }
    if let Some(holds) = members.get("holds") {
        let holds = holds.members("holds")?;
        holds.only(&["view", "stretches"])?;
        let holdings = holdings_of(&holds.need("stretches")?)?;
        return Ok(ClientMessage::Holds { view: view_of(&holds.need("view")?)?, holdings });
    }
    let ack = members.need("ack")?.members("ack")?;
    ack.only(&["view", "cursor"])?;
    Ok(ClientMessage::Ack {
        view: view_of(&ack.need("view")?)?,
        cursor: cursor_of(&ack.need("cursor")?)?,
    })
}

/// Writes what a client says on a live connection.
///
/// # Errors
///
/// [`Unwritable`] if an operation has no such form.
pub fn write_client_message(message: &ClientMessage) -> Result<String, Unwritable> {
    let mut text = JsonText::default();
    text.open('{');
    match message {
        ClientMessage::Hello(hello) => push_hello(text.key("hello"), hello),
        ClientMessage::Push(operations) => push_operations(text.key("push"), operations)?,
        ClientMessage::Ack { view, cursor } => {
            text.key("ack").open('{').key("view").raw(view);
            text.key("cursor").string(&cursor.to_string()).close('}');
        }
        ClientMessage::Check { view } => {
            text.key("check").open('{').key("view").raw(view).close('}');
        }
        ClientMessage::Checked { view, is_equal } => {
            text.key("checked").open('{').key("view").raw(view);
            text.key("equal").raw(is_equal).close('}');
        }
        ClientMessage::Holds { view, holdings } => {
            text.key("holds").open('{').key("view").raw(view);
            push_holdings(text.key("stretches"), holdings);
            text.close('}');
        }
    }
    text.close('}');
    Ok(text.into_string())
}

/// Reads what a hub says on a live connection.
///
/// # Errors
///
/// [`MessageError`]: what the hub says is not known; the client connects again.
pub fn read_hub_message(bytes: &[u8]) -> Result<HubMessage, MessageError> {
    let members = Part::whole(bytes, ANSWER_BYTES_MAX)?.members("a message")?;
    if let Some(welcome) = members.get("welcome") {
        return welcome_of(&welcome).map(HubMessage::Welcome);
    }
    if let Some(problem) = members.get("problem") {
        return problem_of(&problem).map(HubMessage::Problem);
    }
    if let Some(backed_up) = members.get("backed_up") {
        return backed_up_of(&backed_up).map(HubMessage::BackedUp);
    }
    if let Some(checksum) = members.get("checksum") {
        let checksum = checksum.members("checksum")?;
        return Ok(HubMessage::Checksum {
            view: view_of(&checksum.need("view")?)?,
            cursor: cursor_of(&checksum.need("cursor")?)?,
            checksum: checksum_of(&checksum.need("sum")?)?,
        });
    }
    if let Some(anew) = members.get("anew") {
        let view = view_of(&anew.members("anew")?.need("view")?)?;
        return Ok(HubMessage::Anew { view });
    }
    if members.get("results").is_some() {
        let position = members.need("position")?.natural("position", COUNTER_MAX)?;
        let position = Position(position);
        return Ok(HubMessage::Results(PushAnswer { outcomes: outcomes_of(&members)?, position }));
    }
    let page = page_of(&members)?;
    Ok(HubMessage::Changes { view: view_of(&members.need("view")?)?, page })
}

pub(crate) fn checksum_of(part: &Part<'_>) -> Result<Checksum, MessageError> {
    part.string("sum")?.parse().map_err(|()| part.form("sum", "32 hexadecimal digits"))
}

pub(crate) fn view_of(part: &Part<'_>) -> Result<u32, MessageError> {
    let last = u32::try_from(VIEWS_MAX - 1).unwrap_or(u32::MAX);
    part.small("view", last)
}

/// Writes what a hub says on a live connection.
pub fn write_hub_message(message: &HubMessage) -> String {
    let mut text = JsonText::default();
    text.open('{');
    match message {
        HubMessage::Welcome(welcome) => push_welcome(text.key("welcome"), welcome),
        HubMessage::Problem(problem) => push_problem(text.key("problem"), problem),
        HubMessage::Results(PushAnswer { outcomes, position }) => {
            push_outcomes(&mut text, outcomes);
            text.key("position").raw(position.0);
        }
        HubMessage::Changes { view, page } => {
            text.key("view").raw(view);
            push_page(&mut text, page);
        }
        HubMessage::BackedUp(Position(position)) => {
            text.key("backed_up").raw(position);
        }
        HubMessage::Checksum { view, cursor, checksum } => {
            text.key("checksum").open('{').key("view").raw(view);
            text.key("cursor").string(&cursor.to_string());
            text.key("sum").string(&checksum.to_string()).close('}');
        }
        HubMessage::Anew { view } => {
            text.key("anew").open('{').key("view").raw(view).close('}');
        }
    }
    text.close('}');
    text.into_string()
}
