//! Finding out why a webhook that was received does not verify.

use axum::http::StatusCode;
use syncline_engine::deliver::{SecretKind, StoredSecret};
use syncline_model::json::{Json, Object};
use syncline_protocol::time::format_time;

use super::answer::{Answer, json};
use super::endpoints::{id_of, now};
use crate::access::now_ms;
use crate::asked::Asked;
use crate::document::{object, texts};
use crate::problem::{Problem, Refusal};
use crate::signatures::{Finding, Webhook, counts, find_out};

/// Verifies a webhook as a receiver of an endpoint would, and says what is probably wrong. Nothing is kept of it.
pub(super) async fn verify(mut asked: Asked) -> Answer {
    let id = id_of(&asked)?;
    let webhook = webhook(&asked.object().await?)?;
    let endpoint = now(&asked, id).await?;
    let (now_ms, row) = (now_ms(), endpoint.row.clone());
    let look = move || find_out(&webhook, &row.secrets, now_ms);
    let findings = asked.blocking(look).await?;
    // As a receiver judges: what came has to verify, and something has to have come.
    let came = |finding: &&Finding| {
        finding.verdict.map_err(|error| error.code()) != Err("WEBHOOK_UNSIGNED")
    };
    let mut came = findings.iter().filter(came).peekable();
    let is_verified = came.peek().is_some() && came.all(|finding| finding.verdict.is_ok());
    let schemes = findings.iter().map(|finding| described(finding, &endpoint.row.secrets, now_ms));
    let document =
        object([("verified", is_verified.into()), ("schemes", Json::Array(schemes.collect()))]);
    json(StatusCode::OK, &document)
}

fn webhook(body: &Object) -> Result<Webhook, Problem> {
    let refused = || {
        let text = "{\"headers\":{name:value},\"body\":text}, as they were received";
        Refusal::BodyInvalid.because(text)
    };
    let headers = body.get("headers").and_then(Json::as_object).ok_or_else(refused)?;
    let text = body.get("body").and_then(Json::as_str).ok_or_else(refused)?;
    if body.len() != 2 {
        return Err(refused());
    }
    let mut webhook = Webhook { body: text.to_owned(), ..Webhook::default() };
    for (name, value) in headers.iter() {
        let value = value.as_str().ok_or_else(refused)?.trim().to_owned();
        let place = match name.trim().to_ascii_lowercase().as_str() {
            "webhook-id" => &mut webhook.id,
            "webhook-timestamp" => &mut webhook.timestamp,
            "webhook-signature" => &mut webhook.signature,
            "x-webhook-signature" => &mut webhook.plain_signature,
            _ => continue,
        };
        *place = Some(value);
    }
    Ok(webhook)
}

fn described(finding: &Finding, secrets: &[StoredSecret], now_ms: u64) -> Json {
    let mut document = Object::new();
    document.insert("scheme", finding.scheme.as_str());
    document.insert("verified", finding.verdict.is_ok());
    if let Err(error) = finding.verdict {
        document.insert("code", error.code());
        document.insert("text", error.to_string());
    }
    let secret = finding.signed_by.and_then(|at| Some((at, secrets.get(at)?)));
    if let Some((at, secret)) = secret {
        let mut described = signs(secret, now_ms);
        described.insert("number", at as u64 + 1);
        document.insert("secret", described);
    }
    document.insert("hints", texts(finding.hints.iter().map(|hint| hint.text())));
    document.into()
}

/// Describes a secret, and tells nothing of it.
pub(super) fn signs(secret: &StoredSecret, now_ms: u64) -> Object {
    let mut document = Object::new();
    let kind = match secret.kind {
        SecretKind::Hmac => "hmac",
        SecretKind::Ed25519 => "ed25519",
        SecretKind::Plain => "plain",
    };
    document.insert("kind", kind);
    if secret.since_ms > 0 {
        document.insert("since", format_time(secret.since_ms));
    }
    if let Some(until_ms) = secret.until_ms {
        document.insert("until", format_time(until_ms));
    }
    document.insert("counts", counts(secret, now_ms));
    document
}
