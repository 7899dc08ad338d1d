//! Clients as an operator looks at them: those that wait for a word, and what is known of their copies.

use axum::http::StatusCode;
use syncline_model::id::{ClientId, EntityName};
use syncline_model::json::{Json, Object};
use syncline_policy::Hold;
use syncline_protocol::time::format_time;

use super::answer::{Answer, json};
use super::books::page;
use super::conflicts::actor;
use crate::access::now_ms;
use crate::asked::Asked;
use crate::document::object;
use crate::problem::Refusal;
use crate::replicas::Consistency;

/// Lists who is held.
pub(super) async fn list(asked: Asked) -> Answer {
    let served = asked.desk.served.clone();
    let held = asked.blocking(move || served.held()).await??;
    page("held", held.iter().map(described).collect(), None)
}

/// Lists the copies that clients hold, and how many of them are known to be what the hub shows.
pub(super) async fn replicas(asked: Asked) -> Answer {
    let (replicas, now_ms) = (&asked.desk.replicas, now_ms());
    let Consistency { equal, different, unknown, age_ms } = replicas.count(now_ms);
    let list = replicas.list().into_iter().map(|(replica, known)| {
        let mut document = Object::new();
        document.insert("client", replica.client.as_str());
        document.insert("follows", &*replica.follows);
        document.insert("state", known.word(now_ms));
        document.insert("seen", format_time(known.seen_ms));
        if let Some((_, at_ms)) = known.checked {
            document.insert("compared", format_time(at_ms));
        }
        document.into()
    });
    let mut document = Object::new();
    document.insert("equal", equal);
    document.insert("different", different);
    document.insert("unknown", unknown);
    if let Some(age_ms) = age_ms {
        document.insert("oldestSeconds", age_ms / 1_000);
    }
    document.insert("replicas", list.collect::<Vec<Json>>());
    json(StatusCode::OK, &document.into())
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
    let released = asked.blocking(release).await??;
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
