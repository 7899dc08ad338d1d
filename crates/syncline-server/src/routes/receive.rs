//! Webhooks that come in. No token opens these routes: who asks is known by the signature.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use syncline_model::json::{Json, Object, parse};
use syncline_protocol::webhook::cloud_events::{
    CloudEventError, STRUCTURED_TYPE, is_structured, read_binary, read_structured,
};
use syncline_protocol::webhook::digest::verify_content_digest;
use syncline_protocol::webhook::verify::{Received, VerifyError};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::answer::{Answer, json};
use crate::access::now_ms;
use crate::asked::Asked;
use crate::document::enveloped;
use crate::limits::{RECEIVED_BYTES_MAX, RECEIVED_TIME_MAX};
use crate::problem::{Problem, Refusal};
use crate::receiving::{self, Came, Fate, Receiver, Said, Unfit, is_test, tell};

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const PLAIN_SIGNATURE: HeaderName = HeaderName::from_static("x-webhook-signature");
const DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// Takes in what an application tells. What is answered with 200 is on disk.
pub(super) async fn receive(asked: Asked) -> Answer {
    let place = Arc::clone(&asked.state.receptions);
    let place = place.try_acquire_owned().map_err(|_| Refusal::ServerBusy)?;
    let receiver = asked.desk.receivers.find(asked.param("receiver"));
    let receiver = receiver.ok_or(Refusal::ReceiverUnknown)?;
    if !receiver.has_secrets() {
        return Err(Refusal::ReceiverNoSecret.into());
    }
    let (desk, name) = (Arc::clone(&asked.desk), receiver.name.clone());
    let bytes = read(&asked).await?;
    // Up to here it may come from anybody, and says nothing of the sender. Refused signatures are counted.
    let signed_s = verify(&asked, &receiver, &bytes)?;
    let taken = take(asked, place, receiver, (bytes, signed_s)).await;
    // What is to be sent again says nothing of the webhook.
    let refused = taken.as_ref().err();
    if refused.is_none_or(|problem| problem.is_of_the_asker()) {
        desk.receivers.note(&name, refused.map(Problem::code), now_ms());
    }
    taken
}

/// Takes in what somebody has signed who has a secret.
async fn take(
    asked: Asked,
    place: OwnedSemaphorePermit,
    receiver: Arc<Receiver>,
    (bytes, signed_s): (Vec<u8>, Option<u64>),
) -> Answer {
    count(&asked, &receiver)?;
    let told = {
        let headers = &asked.parts.headers;
        let signed = headers.get(&ID).map(HeaderValue::as_bytes).zip(signed_s);
        let said = said(headers, &receiver, &bytes)?;
        if is_test(&said) {
            return answered(None);
        }
        tell(&receiver, &Came { said, signed, bytes: &bytes })?
    };
    told.require_clock(now_ms())?;
    // It is small from here on.
    drop((place, bytes));
    let place = asked.state.requests.enter(asked.desk.label()).await;
    answered(Some(receiving::receive(asked.desk.clone(), receiver, told, place).await?))
}

/// Says what became of it; nothing becomes of a test.
fn answered(fate: Option<Fate>) -> Answer {
    let is = |one| fate == Some(one);
    let mut document = Object::new();
    document.insert("success", true);
    document.insert("applied", is(Fate::Applied));
    document.insert("duplicate", is(Fate::Duplicate));
    document.insert("stale", is(Fate::Stale));
    document.insert("own", is(Fate::Own));
    document.insert("test", fate.is_none());
    json(StatusCode::OK, &enveloped(Json::Object(document)))
}

/// Reads what the body says. What is in it was signed; headers are only read where the receiver is set so.
fn said(headers: &HeaderMap, receiver: &Receiver, bytes: &[u8]) -> Result<Said, Problem> {
    let invalid =
        |error: syncline_model::json::JsonError| Refusal::BodyInvalid.because(error.to_string());
    let body = parse(bytes).map_err(invalid)?;
    // No signature covers the type of the body: an event that says itself that it is one of CloudEvents must not be
    // another event under another type.
    let is_structured = is_structured(&body) || is_of_type(headers, STRUCTURED_TYPE);
    if is_structured {
        return Ok(Said::Structured(Json::Object(read_structured(&body)?)));
    }
    if !receiver.has_cloud_event_headers {
        return Ok(Said::Body(body));
    }
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    Ok(Said::Binary(Json::Object(read_binary(headers, body)?)))
}

fn is_of_type(headers: &HeaderMap, media_type: &str) -> bool {
    let said = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = said.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(media_type)
}

/// Reads the body as it was signed, within its bounds.
async fn read(asked: &Asked) -> Result<Vec<u8>, Problem> {
    let headers = &asked.parts.headers;
    if !is_of_type(headers, "application/json") && !is_of_type(headers, STRUCTURED_TYPE) {
        let text = format!("send application/json or {STRUCTURED_TYPE}, one event at a time");
        return Err(Refusal::MediaTypeUnsupported.because(text));
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        let text = "a webhook is signed as it is sent, and so it comes without a coding";
        return Err(Refusal::CodingUnsupported.because(text));
    }
    let body = std::mem::take(&mut *asked.body.lock().unwrap_or_else(PoisonError::into_inner));
    let collected = timeout(RECEIVED_TIME_MAX, Limited::new(body, RECEIVED_BYTES_MAX).collect());
    match collected.await {
        Ok(Ok(collected)) => Ok(collected.to_bytes().into()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Refusal::BodyTooLarge.because(format!("at most {RECEIVED_BYTES_MAX} bytes")))
        }
        Ok(Err(_)) => Err(Refusal::BodyInvalid.because("the body did not come whole")),
        Err(_) => Err(Refusal::RequestTimeout.into()),
    }
}

/// Verifies who has signed; answers when, in seconds since the Unix epoch, where that was signed too, and with it the
/// id of the message.
fn verify(asked: &Asked, receiver: &Receiver, bytes: &[u8]) -> Result<Option<u64>, Problem> {
    let headers = &asked.parts.headers;
    for name in [ID, TIMESTAMP, SIGNATURE, PLAIN_SIGNATURE] {
        // Of two it is not known which one others have looked at.
        crate::asked::only(headers, &name)?;
    }
    let value = |name: &HeaderName| headers.get(name).map(HeaderValue::as_bytes);
    let received = Received {
        id: value(&ID),
        timestamp: value(&TIMESTAMP),
        signature: value(&SIGNATURE),
        plain_signature: value(&PLAIN_SIGNATURE),
        body: bytes,
    };
    let verifier = receiver.verifier().map_err(|_| Refusal::ReceiverNoSecret)?;
    let verified = verifier.verify(&received, now_ms() / 1_000);
    let verified = verified.map_err(|error| unverified(asked, error))?;
    if let Some(digest) = value(&DIGEST) {
        let known = verify_content_digest(digest, bytes);
        known.map_err(|error| {
            Problem::new(error.code(), StatusCode::BAD_REQUEST, error.to_string())
        })?;
    }
    let at_s = value(&TIMESTAMP).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    Ok(at_s.filter(|_| verified.is_standard))
}

fn unverified(asked: &Asked, error: VerifyError) -> Problem {
    asked.state.metrics.unverified(error.code());
    let problem = Problem::new(error.code(), StatusCode::UNAUTHORIZED, error.to_string());
    problem.with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Signature"))
}

/// Counts a webhook with those of its receiver, as requests are counted with those of their token. Only who has a
/// secret is counted, so that nobody else uses up what is left to it.
fn count(asked: &Asked, receiver: &Receiver) -> Result<(), Problem> {
    let hub = asked.desk.name.as_ref().map_or("", |name| name.as_str());
    let key = format!("{hub}/hook-{}", receiver.name);
    let quota = asked.state.rates.count(&key, Instant::now());
    match quota.is_exceeded {
        true => Err(Problem::from(Refusal::RateLimited).with_retry(quota.reset_s.max(1))),
        false => Ok(()),
    }
}

impl From<Unfit> for Problem {
    fn from(unfit: Unfit) -> Self {
        Self::new(unfit.code(), StatusCode::UNPROCESSABLE_ENTITY, unfit.text())
    }
}

impl From<CloudEventError> for Problem {
    fn from(error: CloudEventError) -> Self {
        Self::new(error.code(), StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
    }
}
