//! Hubs of their own on one server.

use axum::http::StatusCode;
use syncline_model::json::Json;

use super::answer::{Answer, json};
use super::conflicts::actor;
use crate::asked::Asked;
use crate::document::{object, texts};
use crate::hubs::{HubName, OpenError};
use crate::problem::{Problem, Refusal};

/// Makes a hub; its first admin token is told once.
pub(super) async fn make(mut asked: Asked) -> Answer {
    let body = asked.object().await?;
    let name = body.get("name").and_then(Json::as_str).filter(|_| body.len() == 1);
    let name = name.and_then(HubName::new).ok_or_else(|| {
        Refusal::HubNameInvalid.because("a hub has a name of small letters, digits and hyphens")
    })?;
    let (state, hub_name, actor) = (asked.state.clone(), name.clone(), actor(&asked)?);
    let made = asked.blocking(move || state.hubs.make(&hub_name, &actor)).await?;
    let token = made.map_err(|error| match error {
        OpenError::Exists => Refusal::HubExists.into(),
        OpenError::Full => Problem::new(error.code(), StatusCode::CONFLICT, error.to_string()),
        error => Problem::new(error.code(), StatusCode::INTERNAL_SERVER_ERROR, ""),
    })?;
    let document = object([
        ("name", name.as_str().into()),
        ("path", format!("/h/{}/v1", name.as_str()).into()),
        ("token", token.into()),
    ]);
    json(StatusCode::CREATED, &document)
}

/// Lists the hubs but the default one.
pub(super) async fn list(asked: Asked) -> Answer {
    let hubs = asked.state.hubs.all();
    let names = hubs.iter().filter_map(|desk| desk.name.as_ref()).map(HubName::as_str);
    json(StatusCode::OK, &object([("hubs", texts(names))]))
}
