//! How a conversation begins, and problems, in the long form.

use syncline_model::id::{ClientId, Position};
use syncline_model::json::{Json, Object, parse};

use crate::cursor::StreamCursor;
use crate::error::MessageError;
use crate::limits::{
    COUNTER_MAX, MESSAGE_BYTES_MAX, PROBLEM_TEXT_BYTES_MAX, PROTOCOL_VERSION, VIEW_ENTITIES_MAX,
    VIEW_NAME_BYTES_MAX, VIEW_PARAMS_BYTES_MAX, VIEWS_MAX, WINDOW_DEFAULT, WINDOW_MAX,
};
use crate::message::{Coding, Follow, Hello, Keeping, NamedView, Welcome};
use crate::part::{Members, Part, at_most};
use crate::problem::Problem;
use crate::text::JsonText;

/// Most codings that one side names; those that nobody knows here are left out.
const CODINGS_MAX: usize = 32;

pub(crate) fn hello_of(part: &Part<'_>) -> Result<Hello, MessageError> {
    let members = part.members("hello")?;
    let protocol = members.need("protocol")?.small("protocol", u32::MAX)?;
    // What a later client says beside the rest is for later hubs.
    let is_later = protocol > PROTOCOL_VERSION;
    if !is_later {
        members.only(&["protocol", "client", "views", "accept", "window"])?;
    }
    let client = members.need("client")?;
    let window = members.get("window");
    Ok(Hello {
        protocol,
        client: ClientId::new(&client.string("client")?).map_err(client.id_error())?,
        views: match members.get("views") {
            None => Vec::new(),
            Some(views) => {
                let views = views.elements("views", VIEWS_MAX)?;
                views.iter().map(follow_of).collect::<Result<_, _>>()?
            }
        },
        accept: accept_of(&members)?,
        window: match window {
            None => WINDOW_DEFAULT,
            Some(window) => match window.small("window", WINDOW_MAX)? {
                0 => return Err(window.form("window", "at least 1")),
                window => window,
            },
        },
    })
}

fn follow_of(part: &Part<'_>) -> Result<Follow, MessageError> {
    let members = part.members("a view")?;
    members.only(&["entities", "view", "params", "cursor", "holds"])?;
    let entities = match members.get("entities") {
        None => Vec::new(),
        Some(entities) => entities.elements("entities", VIEW_ENTITIES_MAX)?,
    };
    let view = named_view_of(&members)?;
    if view.is_some() && !entities.is_empty() {
        return Err(part.form("a view", "entities or the name of a view, not both"));
    }
    Ok(Follow {
        entities: entities.iter().map(Part::entity).collect::<Result<_, _>>()?,
        view: view.map(Box::new),
        cursor: members
            .get("cursor")
            .map(|cursor| usable_cursor_of(&cursor))
            .transpose()?
            .flatten(),
        holds: members.get("holds").map_or(Ok(false), |part| part.bool("holds"))?,
    })
}

/// Returns the cursor of a view; nothing for what is none: the view begins anew.
fn usable_cursor_of(part: &Part<'_>) -> Result<Option<StreamCursor>, MessageError> {
    Ok(part.string("cursor")?.parse().ok())
}

fn named_view_of(members: &Members<'_>) -> Result<Option<NamedView>, MessageError> {
    let (view, params) = (members.get("view"), members.get("params"));
    let Some(view) = view else {
        return match params {
            Some(params) => Err(params.form("params", "the name of a view beside it")),
            None => Ok(None),
        };
    };
    let name = view.string("view")?;
    at_most("bytes of the name of a view", name.len(), VIEW_NAME_BYTES_MAX)?;
    let params = match params {
        None => Object::new(),
        Some(params) => params_of(&params)?,
    };
    Ok(Some(NamedView { name: name.into(), params }))
}

fn params_of(part: &Part<'_>) -> Result<Object, MessageError> {
    at_most("bytes of parameters", part.bytes.len(), VIEW_PARAMS_BYTES_MAX)?;
    match parse(part.bytes).map_err(part.json_error("params"))? {
        Json::Object(params) => Ok(params),
        _ => Err(part.form("params", "an object")),
    }
}

/// Reads the parameters of a view, as they stand in an address.
///
/// # Errors
///
/// [`MessageError`] if they are no object, or too long.
pub fn read_params(bytes: &[u8]) -> Result<Object, MessageError> {
    params_of(&Part::whole(bytes, VIEW_PARAMS_BYTES_MAX)?)
}

pub(super) fn cursor_of(part: &Part<'_>) -> Result<StreamCursor, MessageError> {
    Ok(part.string("cursor")?.parse()?)
}

fn accept_of(members: &Members<'_>) -> Result<Vec<Coding>, MessageError> {
    let Some(accept) = members.get("accept") else {
        return Ok(Vec::new());
    };
    let mut codings = Vec::new();
    for part in accept.elements("accept", CODINGS_MAX)? {
        let name = part.string("accept")?;
        codings.extend(Coding::READ.into_iter().find(|coding| coding.as_str() == name));
    }
    Ok(codings)
}

pub(crate) fn push_hello(text: &mut JsonText, hello: &Hello) {
    let Hello { protocol, client, views, accept, window } = hello;
    text.open('{').key("protocol").raw(protocol).key("client").string(client.as_str());
    text.key("views").open('[');
    for Follow { entities, view, cursor, holds } in views {
        text.open('{');
        if let Some(view) = view {
            text.key("view").string(&view.name);
            if !view.params.is_empty() {
                let params = Json::Object(view.params.clone());
                text.key("params").raw(params.to_compact_string());
            }
        }
        if !entities.is_empty() {
            text.key("entities").strings(entities.iter().map(|entity| entity.as_str()));
        }
        if let Some(cursor) = cursor {
            text.key("cursor").string(&cursor.to_string());
        }
        if *holds {
            text.key("holds").raw("true");
        }
        text.close('}');
    }
    text.close(']');
    text.key("accept").strings(accept.iter().map(|coding| coding.as_str()));
    text.key("window").raw(window).close('}');
}

pub(crate) fn welcome_of(part: &Part<'_>) -> Result<Welcome, MessageError> {
    let members = part.members("welcome")?;
    let limits = members.need("limits")?.members("limits")?;
    let incarnation = members.need("incarnation")?;
    let incarnation_text = incarnation.string("incarnation")?;
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if incarnation_text.len() != 32 || !incarnation_text.bytes().all(is_hex) {
        return Err(incarnation.form("incarnation", "32 hexadecimal digits"));
    }
    Ok(Welcome {
        protocol: members.need("protocol")?.small("protocol", u32::MAX)?,
        incarnation: incarnation_text.into(),
        heartbeat_ms: members.need("heartbeat_ms")?.natural("heartbeat_ms", u64::MAX)?,
        window: members.need("window")?.small("window", u32::MAX)?,
        accept: accept_of(&members)?,
        push_operations_max: limits.need("push_operations")?.count("a limit", usize::MAX)?,
        message_bytes_max: limits.need("message_bytes")?.count("a limit", usize::MAX)?,
        keeping: keeping_of(&members)?,
    })
}

/// Reads what a hub keeps.
pub(super) fn keeping_of(members: &Members<'_>) -> Result<Keeping, MessageError> {
    let backed_up = members.get("backed_up");
    let floor = members.get("floor");
    Ok(Keeping {
        backed_up: backed_up.map(|part| backed_up_of(&part)).transpose()?,
        floor: floor.map_or(Ok(0), |part| part.natural("floor", COUNTER_MAX))?,
    })
}

pub(crate) fn backed_up_of(part: &Part<'_>) -> Result<Position, MessageError> {
    Ok(Position(part.natural("backed_up", COUNTER_MAX)?))
}

/// Writes what a hub keeps.
pub(super) fn push_keeping(text: &mut JsonText, keeping: Keeping) {
    let Keeping { backed_up, floor } = keeping;
    if let Some(Position(position)) = backed_up {
        text.key("backed_up").raw(position);
    }
    if floor > 0 {
        text.key("floor").raw(floor);
    }
}

pub(crate) fn push_welcome(text: &mut JsonText, welcome: &Welcome) {
    let Welcome { protocol, incarnation, heartbeat_ms, window, accept, .. } = welcome;
    text.open('{').key("protocol").raw(protocol).key("incarnation").string(incarnation);
    text.key("heartbeat_ms").raw(heartbeat_ms).key("window").raw(window);
    text.key("limits").open('{');
    text.key("push_operations").raw(welcome.push_operations_max);
    text.key("message_bytes").raw(welcome.message_bytes_max).close('}');
    text.key("accept").strings(accept.iter().map(|coding| coding.as_str()));
    push_keeping(text, welcome.keeping);
    text.close('}');
}

/// Reads a problem; the members that a server adds for people are ignored.
///
/// # Errors
///
/// [`MessageError`]: what the answer says is not known.
pub fn read_problem(bytes: &[u8]) -> Result<Problem, MessageError> {
    problem_of(&Part::whole(bytes, MESSAGE_BYTES_MAX)?)
}

/// Writes a problem as it stands in messages, without the members that are for people.
pub fn write_problem(problem: &Problem) -> String {
    let mut text = JsonText::default();
    push_problem(&mut text, problem);
    text.into_string()
}

pub(crate) fn problem_of(part: &Part<'_>) -> Result<Problem, MessageError> {
    let members = part.members("problem")?;
    let text = |name| -> Result<Box<str>, MessageError> {
        let part = members.need(name)?;
        at_most("bytes of a problem", part.bytes.len(), PROBLEM_TEXT_BYTES_MAX)?;
        Ok(part.string(name)?.into())
    };
    let is_retryable = members.get("retryable").map_or(Ok(false), |part| part.bool("retryable"))?;
    Ok(Problem { code: text("code")?, detail: text("detail")?, is_retryable })
}

pub(crate) fn push_problem(text: &mut JsonText, problem: &Problem) {
    let Problem { code, detail, is_retryable } = problem;
    text.open('{').key("code").string(code).key("detail").string(detail);
    text.key("retryable").raw(is_retryable).close('}');
}
