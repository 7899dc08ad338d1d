//! Sending what is told over HTTP.

use std::time::Duration;

use syncline_domains::app::{Guard, Request, Route, Sender, Target};
use syncline_engine::alert::Alarm;
use syncline_protocol::webhook::headers::Headers;
use syncline_protocol::webhook::sign::Signer;

use super::mail;
use super::message;
use super::receiver::{Channel, Dsn, secret_of};
use crate::access::{now_ms, random_id};
use crate::application::SecretText;
use crate::limits::ALERT_SEND_TIME_MAX;

/// How telling somebody went wrong. It names no address and no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unsent {
    /// Why, in words.
    pub(super) why: String,
    /// Whether it may go well later.
    pub(super) is_passing: bool,
}

impl Unsent {
    pub(super) fn for_good(why: impl Into<String>) -> Self {
        Self { why: why.into(), is_passing: false }
    }

    pub(super) fn passing(why: impl Into<String>) -> Self {
        Self { why: why.into(), is_passing: true }
    }
}

/// Tells of an alarm, in one try.
pub(super) async fn send(
    (sender, guard): (&Sender, &Guard),
    channel: &Channel,
    alarm: &Alarm,
) -> Result<(), Unsent> {
    match channel {
        Channel::Mail(settings) => {
            let (subject, text) = message::mail(alarm);
            mail::send(settings, guard, &subject, text, &message::id(alarm)).await
        }
        Channel::Webhook { url, secret } => {
            let body = message::webhook(alarm);
            let headers = signed(secret, &message::id(alarm), &body)?;
            post(sender, url.expose(), headers, body).await
        }
        Channel::Slack { url } => {
            post(sender, url.expose(), json_headers(), message::slack(alarm)).await
        }
        Channel::PagerDuty { url, key } => {
            let event = message::pager_duty(alarm, key.expose());
            post(sender, url.expose(), json_headers(), event).await
        }
        Channel::Sentry { dsn } => {
            let dsn =
                Dsn::parse(dsn.expose()).ok_or_else(|| Unsent::for_good("the DSN is none"))?;
            let event = random_id().ok_or_else(|| Unsent::passing("no random numbers"))?;
            let mut headers = Headers::default();
            headers.push("content-type", "application/x-sentry-envelope");
            let version = env!("CARGO_PKG_VERSION");
            let auth = format!(
                "Sentry sentry_version=7, sentry_client=syncline/{version}, sentry_key={}",
                dsn.key
            );
            headers.push("x-sentry-auth", &auth);
            post(sender, &dsn.url, headers, message::sentry(alarm, &event)).await
        }
    }
}

fn json_headers() -> Headers {
    let mut headers = Headers::default();
    headers.push("content-type", "application/json");
    headers
}

/// Returns the headers of a webhook, with its signature.
fn signed(secret: &SecretText, id: &str, body: &str) -> Result<Headers, Unsent> {
    let refused = |_| Unsent::for_good("the secret cannot be signed with");
    let secret = secret_of(secret).map_err(refused)?;
    let signer = Signer::new([&secret]).map_err(refused)?;
    let now_s = now_ms() / 1_000;
    let mut headers = json_headers();
    headers.push("webhook-id", id);
    headers.push("webhook-timestamp", &now_s.to_string());
    if signer.is_standard() {
        headers.push("webhook-signature", &signer.signature(id, now_s, body.as_bytes()));
    }
    if let Some(signature) = signer.plain_signature(body.as_bytes()) {
        headers.push("x-webhook-signature", &signature);
    }
    Ok(headers)
}

async fn post(sender: &Sender, url: &str, headers: Headers, body: String) -> Result<(), Unsent> {
    let target = Target::parse(url).map_err(|error| Unsent::for_good(error.to_string()))?;
    let route: Route =
        sender.route(&target).map_err(|refusal| Unsent::for_good(refusal.to_string()))?;
    let timeout: Duration = ALERT_SEND_TIME_MAX;
    let sent = route.send(Request { headers, body: body.into(), timeout }).await;
    match sent.answer {
        Ok(200..=299) => Ok(()),
        Ok(status @ (408 | 425 | 429 | 500..=599)) => {
            Err(Unsent::passing(format!("answered {status}")))
        }
        Ok(status) => Err(Unsent::for_good(format!("answered {status}"))),
        Err(failure) if failure.code() == "DELIVERY_ADDRESS_REFUSED" => {
            Err(Unsent::for_good(failure.to_string()))
        }
        Err(failure) => Err(Unsent::passing(failure.to_string())),
    }
}
