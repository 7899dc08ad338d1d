//! Receivers: who takes in what applications tell, with which signatures.

use axum::http::StatusCode;
use syncline_model::json::{Json, Object};
use syncline_protocol::webhook::secret::Secret;

use super::answer::{Answer, json, nothing};
use super::books::page;
use super::conflicts::actor;
use crate::asked::Asked;
use crate::document::texts;
use crate::problem::{Problem, Refusal};
use crate::receiving::{Invalid, Made, Receiver, ReceiversError};

/// Lists all receivers; those of spec 004 too, if the environment of the server has a secret for them.
pub(super) async fn list(asked: Asked) -> Answer {
    let receivers = &asked.desk.receivers;
    let made = receivers.list();
    let made = made.iter().map(|made| described(&asked, &made.receiver, Some(made.created_ms)));
    let usual = receivers.usual();
    let usual = usual.iter().map(|receiver| described(&asked, receiver, None));
    page("receivers", made.chain(usual).map(Json::Object).collect(), None)
}

/// Shows one.
pub(super) async fn get(asked: Asked) -> Answer {
    let name = asked.param("receiver");
    let receivers = &asked.desk.receivers;
    let document = match receivers.made(name) {
        Some(made) => described(&asked, &made.receiver, Some(made.created_ms)),
        None => {
            let usual = receivers.find(name).filter(|receiver| receiver.has_secrets());
            described(&asked, &*usual.ok_or(Refusal::ReceiverUnknown)?, None)
        }
    };
    json(StatusCode::OK, &Json::Object(document))
}

/// Makes one. A secret that it was not given is made, shown in the answer, and never again.
pub(super) async fn make(mut asked: Asked) -> Answer {
    let body = asked.object().await?;
    let mut receiver = Receiver::read(&body)?;
    let mut shown = None;
    if !receiver.has_secrets() {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|_| Refusal::ServerFault)?;
        let secret = Secret::symmetric(random).expose();
        receiver = receiver.with_secret(&secret);
        shown = Some(secret);
    }
    receiver.require_hard_secrets()?;
    receiver.require_memory()?;
    let (desk, actor) = (asked.desk.clone(), actor(&asked)?);
    let make = move || desk.receivers.make(receiver, &actor);
    let Made { receiver, created_ms } = asked.blocking(make).await??;
    let mut document = described(&asked, &receiver, Some(created_ms));
    if let Some(secret) = shown {
        document.insert("secrets", texts([secret.as_str()]));
    }
    json(StatusCode::CREATED, &Json::Object(document))
}

/// Removes one.
pub(super) async fn remove(asked: Asked) -> Answer {
    let (desk, actor) = (asked.desk.clone(), actor(&asked)?);
    let name = asked.param("receiver").to_owned();
    let remove = move || desk.receivers.remove(&name, &actor);
    asked.blocking(remove).await??;
    nothing()
}

fn described(asked: &Asked, receiver: &Receiver, created_ms: Option<u64>) -> Object {
    let of_hub = asked.desk.name.as_ref().map(|name| format!("/h/{}", name.as_str()));
    let path = format!("{}/api/webhooks/{}", of_hub.unwrap_or_default(), receiver.name);
    receiver.described_at(&path, created_ms)
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        let status = match invalid {
            Invalid::Malformed(_) => StatusCode::BAD_REQUEST,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(invalid.code(), status, invalid.text())
    }
}

impl From<ReceiversError> for Problem {
    fn from(error: ReceiversError) -> Self {
        match error {
            ReceiversError::Exists => Refusal::ReceiverExists.into(),
            ReceiversError::SecretShared => Refusal::ReceiverSecretShared.into(),
            ReceiversError::Full => Refusal::ReceiversFull.into(),
            ReceiversError::Unknown => Refusal::ReceiverUnknown.into(),
            ReceiversError::Serve(error) => error.into(),
        }
    }
}
