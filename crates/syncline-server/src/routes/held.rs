//! Clients that delete or change so much that they wait for an operator's word.

use syncline_model::id::{ClientId, EntityName};
use syncline_model::json::Json;
use syncline_policy::Hold;
use syncline_protocol::time::format_time;

use super::answer::Answer;
use super::books::page;
use super::conflicts::actor;
use crate::asked::Asked;
use crate::document::object;
use crate::problem::Refusal;

/// Lists who is held.
pub(super) async fn list(asked: Asked) -> Answer {
    let served = asked.desk.served.clone();
    let held = asked.state.blocking(move || served.held()).await??;
    page("held", held.iter().map(described).collect(), None)
}

/// Lets a client go on.
pub(super) async fn release(mut asked: Asked) -> Answer {
    let body = asked.object().await?;
    let refused = |text: &str| Refusal::BodyInvalid.because(text);
    if body.keys().any(|key| !["client", "entity"].contains(&key)) {
        return Err(refused("a release has client and entity"));
    }
    let client = body.get("client").and_then(Json::as_str);
    let client = client.and_then(|client| ClientId::new(client).ok());
    let client = client.ok_or_else(|| refused("client is the name of a client"))?;
    let entity = match body.get("entity") {
        None => None,
        Some(entity) => {
            let entity = entity.as_str().and_then(|entity| EntityName::new(entity).ok());
            Some(entity.ok_or_else(|| refused("entity is a type of record"))?)
        }
    };
    let (served, actor) = (asked.desk.served.clone(), actor(&asked)?);
    let release = move || served.release(&client, entity.as_ref(), actor);
    let released = asked.state.blocking(release).await??;
    page("held", released.iter().map(described).collect(), None)
}

fn described(hold: &Hold) -> Json {
    object([
        ("client", hold.client.as_str().into()),
        ("entity", hold.entity.as_str().into()),
        ("deed", hold.deed.as_str().into()),
        ("records", hold.records.into()),
        ("allowed", hold.allowed.into()),
        ("since", format_time(hold.since_ms).into()),
    ])
}
