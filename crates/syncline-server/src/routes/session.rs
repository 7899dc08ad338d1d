//! Signing in to the dashboard and out of it, and who one is.

use axum::http::{HeaderValue, StatusCode, header};
use syncline_model::json::Object;
use syncline_protocol::time::format_time;

use super::answer::{Answer, json, nothing};
use super::conflicts::actor;
use crate::access::{Cookie, now_ms};
use crate::asked::Asked;
use crate::hubs::HubName;
use crate::origin::Page;
use crate::problem::{Problem, Refusal};

/// Makes a session of a token, and has the browser keep it where no script can read it.
pub(super) async fn make(asked: Asked) -> Answer {
    let caller = asked.caller()?;
    // A session that made another one would never end.
    if caller.signed_in.is_some() {
        return Err(Refusal::TokenMissing.because("a session is made with an access token"));
    }
    // Nobody is signed in as somebody else without knowing it.
    if Page::of(&asked.parts) == Page::Other {
        return Err(Refusal::OriginForbidden.into());
    }
    let now_ms = now_ms();
    let made = asked.desk.sessions.make(&caller.token, now_ms);
    let (secret, signed_in) = made.ok_or(Refusal::SessionsFull)?;
    // A session that made room for it is over, also on open connections.
    asked.desk.tokens.look_again();
    note(&asked, "SIGNED_IN").await?;
    let ends_ms = signed_in.session.ends_ms;
    let mut document = described(&asked);
    document.insert("csrf", signed_in.csrf);
    document.insert("ends", format_time(ends_ms));
    let mut response = json(StatusCode::CREATED, &document.into())?;
    let seconds = ends_ms.saturating_sub(now_ms) / 1_000;
    let cookie = cookie(&asked).set(&secret, seconds);
    response.headers_mut().insert(header::SET_COOKIE, value(&cookie)?);
    Ok(response)
}

/// Tells who asks.
pub(super) async fn get(asked: Asked) -> Answer {
    let mut document = described(&asked);
    if let Some(signed_in) = &asked.caller()?.signed_in {
        document.insert("csrf", &*signed_in.csrf);
        document.insert("ends", format_time(signed_in.session.ends_ms));
    }
    json(StatusCode::OK, &document.into())
}

/// Ends the session that asks, also on open connections. Of a token that asks there is none.
pub(super) async fn end(asked: Asked) -> Answer {
    let mut response = nothing()?;
    if let Some(signed_in) = &asked.caller()?.signed_in {
        asked.desk.sessions.end(&signed_in.session);
        asked.desk.tokens.look_again();
        note(&asked, "SIGNED_OUT").await?;
        let cookie = cookie(&asked).set("", 0);
        response.headers_mut().insert(header::SET_COOKIE, value(&cookie)?);
    }
    Ok(response)
}

/// Writes into the audit who has signed in or out. Where nothing can be written an operator is let in to see why, and
/// out in any case.
async fn note(asked: &Asked, action: &'static str) -> Result<(), Problem> {
    let (served, actor) = (asked.desk.served.clone(), actor(asked)?);
    let _ = asked.blocking(move || served.note_access(action, &actor, Object::new())).await?;
    Ok(())
}

fn described(asked: &Asked) -> Object {
    let mut document = Object::new();
    if let Some(caller) = &asked.caller {
        document.insert("name", &*caller.token.name);
        document.insert("token", &*caller.token.id);
        document.insert("role", caller.token.role.as_str());
        if let Some(client) = &caller.token.client {
            document.insert("client", client.as_str());
        }
    }
    document.insert("hub", asked.desk.name.as_ref().map_or("default", HubName::as_str));
    document
}

fn cookie(asked: &Asked) -> Cookie {
    let hub = asked.desk.name.as_ref().map(HubName::as_str);
    Cookie::of(hub, asked.state.is_encrypted || Page::is_encrypted(&asked.parts))
}

fn value(cookie: &str) -> Result<HeaderValue, Refusal> {
    HeaderValue::from_str(cookie).map_err(|_| Refusal::ServerFault)
}
