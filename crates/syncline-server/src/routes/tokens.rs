//! Making, listing and revoking access tokens, which the audit tells of; tickets.

use std::sync::Arc;

use axum::http::StatusCode;
use syncline_model::id::ClientId;
use syncline_model::json::{Json, Object};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::answer::{Answer, json, nothing};
use super::conflicts::actor;
use crate::access::{NewToken, Role, TokenRow, TokensError, now_ms};
use crate::asked::Asked;
use crate::document::object;
use crate::limits::{CLAIMS_BYTES_MAX, NOTED_BEFORE_MAX, TICKET_TIME, TOKEN_NAME_BYTES_MAX};
use crate::problem::{Problem, Refusal};

/// Makes a token.
pub(super) async fn make(mut asked: Asked) -> Answer {
    let new = new_token(&asked.object().await?)?;
    let desk = asked.desk.clone();
    let made = asked.blocking(move || desk.tokens.add(new)).await?;
    let (row, text) = made.map_err(problem)?;
    if let Err(problem) = note(&asked, "TOKEN_CREATED", &row).await {
        // One that nobody could be called to account for is worth nothing.
        let (desk, id) = (asked.desk.clone(), row.id.clone());
        let _ = asked.blocking(move || desk.tokens.revoke(&id)).await?;
        return Err(problem);
    }
    let mut document = Object::new();
    document.insert("token", text);
    describe(&row, &mut document);
    json(StatusCode::CREATED, &document.into())
}

/// Writes into the audit what was done to a token: its id and what it may do, never its text.
async fn note(asked: &Asked, action: &'static str, token: &TokenRow) -> Result<(), Problem> {
    let (served, actor, details) = (asked.desk.served.clone(), actor(asked)?, token.details());
    Ok(asked.blocking(move || served.note_access(action, &actor, details)).await??)
}

/// Reads what a token is to be. Nothing that is not known is passed over.
fn new_token(body: &Object) -> Result<NewToken, Problem> {
    let refused = |text: &str| Refusal::BodyInvalid.because(text);
    let known = ["name", "role", "client", "expires_in_s", "claims"];
    if body.keys().any(|key| !known.contains(&key)) {
        return Err(refused("a token has name, role, client, expires_in_s and claims"));
    }
    let name = body.get("name").and_then(Json::as_str).unwrap_or_default();
    let fits = !name.is_empty() && name.len() <= TOKEN_NAME_BYTES_MAX;
    if !fits || name.chars().any(char::is_control) {
        return Err(refused("name is a text of 1 to 128 bytes"));
    }
    let role = body.get("role").and_then(Json::as_str).and_then(Role::from_word);
    let role =
        role.ok_or_else(|| refused("role is client, reviewer, editor, operator or admin"))?;
    let client = match body.get("client") {
        None | Some(Json::Null) => None,
        Some(client) => {
            let client = client.as_str().and_then(|client| ClientId::new(client).ok());
            Some(client.ok_or_else(|| refused("client is the name of a client"))?)
        }
    };
    let expires_ms = match body.get("expires_in_s") {
        None | Some(Json::Null) => None,
        Some(seconds) => {
            let seconds = seconds.as_number().and_then(|number| number.to_i64());
            let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
            let seconds = seconds.ok_or_else(|| refused("expires_in_s is a number of seconds"))?;
            let latest = i64::MAX.unsigned_abs();
            Some(now_ms().saturating_add(seconds.saturating_mul(1_000)).min(latest))
        }
    };
    let claims = match body.get("claims") {
        None | Some(Json::Null) => Object::new(),
        Some(Json::Object(claims)) => claims.clone(),
        Some(_) => return Err(refused("claims is an object")),
    };
    if Json::Object(claims.clone()).to_compact_string().len() > CLAIMS_BYTES_MAX {
        return Err(refused("claims take at most 4096 bytes"));
    }
    Ok(NewToken { name: name.into(), role, client, expires_ms, claims })
}

fn describe(row: &TokenRow, document: &mut Object) {
    document.insert("id", &*row.id);
    document.insert("name", &*row.name);
    document.insert("role", row.role.as_str());
    if let Some(client) = &row.client {
        document.insert("client", client.as_str());
    }
    document.insert("created_ms", row.created_ms);
    if let Some(expires_ms) = row.expires_ms {
        document.insert("expires_ms", expires_ms);
    }
    if !row.claims.is_empty() {
        document.insert("claims", row.claims.clone());
    }
}

/// Lists the tokens.
pub(super) async fn list(asked: Asked) -> Answer {
    let rows = asked.desk.tokens.list();
    let rows = rows.iter().map(|row| {
        let mut document = Object::new();
        describe(row, &mut document);
        Json::Object(document)
    });
    json(StatusCode::OK, &object([("tokens", Json::Array(rows.collect()))]))
}

/// Revokes a token: it is worth nothing from then on, whatever disk and store do. Then the audit says so, before the
/// disk: of what a crash cuts off there it knows more than was done, which asking again brings to its end, and never
/// less.
pub(super) async fn revoke(asked: Asked) -> Answer {
    let desk = &asked.desk;
    let known = desk.tokens.end(asked.param("token")).ok_or(Refusal::TokenUnknown)?;
    // It is taken off the disk, also where nothing can be noted, or not soon.
    let _ = timeout(NOTED_BEFORE_MAX, note(&asked, "TOKEN_REVOKED", &known)).await;
    // It waits for no room: where reads hang, they take all that the hub has. One at a time takes a thread.
    let _turn = desk.revoking.lock().await;
    let held = Arc::clone(desk);
    let settled = spawn_blocking(move || held.tokens.settle()).await;
    settled.map_err(|_| Refusal::ServerFault)?.map_err(problem)?;
    let held = Arc::clone(desk);
    // The store is handed the same once it goes on, or with the next start.
    let _ = timeout(NOTED_BEFORE_MAX, spawn_blocking(move || held.tokens.keep())).await;
    nothing()
}

/// Makes a ticket.
pub(super) async fn ticket(asked: Asked) -> Answer {
    let ticket = asked.desk.tickets.make(asked.caller()?.clone()).ok_or(Refusal::ServerBusy)?;
    let seconds = TICKET_TIME.as_secs();
    let document = object([("ticket", ticket.into()), ("expires_in_s", seconds.into())]);
    json(StatusCode::CREATED, &document)
}

fn problem(error: TokensError) -> Problem {
    match error {
        TokensError::Full => Refusal::TokensFull.because(error.to_string()),
        // What the system said names folders of the server.
        _ => Problem::new("STORAGE_ERROR", StatusCode::INTERNAL_SERVER_ERROR, ""),
    }
}
