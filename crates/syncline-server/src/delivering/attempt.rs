//! One attempt: what is sent, and what came of it.

use std::sync::Arc;
use std::time::Duration;

use syncline_domains::app::{Failure as Unsent, Request, Route};
use syncline_engine::deliver::{BodyForm, Failure, Outcome, Report};
use syncline_hub::served::deliver::{Content, Parcel};
use syncline_protocol::webhook::body::{BodyForm as SentForm, BodyOptions, body};
use syncline_protocol::webhook::delivery::{Attempt, headers};
use syncline_protocol::webhook::event::Event;
use syncline_protocol::webhook::trace::TraceParent;

use super::random;
use super::way::Way;
use crate::access::now_ms;
use crate::transforming::transformed;

/// Makes an attempt.
pub(super) async fn attempt(parcel: &Parcel, way: &Way, source: &str) -> Report {
    let content = match content(parcel, way).await {
        Ok(content) => content,
        Err((failure, why)) => {
            return report(parcel, Outcome::Failed(failure), Duration::ZERO, why.into());
        }
    };
    let (route, request) = match request(parcel, &content, way, source) {
        Ok(made) => made,
        Err(failure) => return report(parcel, Outcome::Failed(failure), Duration::ZERO, "".into()),
    };
    let sent = route.send(request).await;
    let outcome = match sent.answer {
        Ok(status) => Outcome::Answered { status, retry_after_ms: sent.retry_after_ms },
        Err(failure) => Outcome::Failed(failure_of(failure)),
    };
    report(parcel, outcome, sent.duration, sent.excerpt)
}

/// Returns what is said of the event at this endpoint, or why nothing can be and what more there is to that.
async fn content(parcel: &Parcel, way: &Way) -> Result<Arc<Content>, (Failure, String)> {
    let content = parcel.content.as_ref().map_err(|failure| (*failure, String::new()))?;
    let failed = |why: String| (Failure::TransformationFailed, why);
    match &way.transformation {
        None => Ok(Arc::clone(content)),
        Some(Err(error)) => Err(failed(error.to_string())),
        Some(Ok(transformation)) => {
            let made = transformed(transformation, &parcel.sending.event, content).await;
            made.map(Arc::new).map_err(|why| failed(why.to_string()))
        }
    }
}

pub(super) fn report(
    parcel: &Parcel,
    outcome: Outcome,
    duration: Duration,
    excerpt: Box<str>,
) -> Report {
    Report {
        endpoint: parcel.sending.endpoint.clone(),
        position: parcel.sending.event.position,
        attempt: parcel.sending.attempt,
        outcome,
        duration_ms: u32::try_from(duration.as_millis()).unwrap_or(u32::MAX),
        excerpt,
    }
}

/// Makes what is sent; otherwise says why it cannot be.
fn request<'w>(
    parcel: &Parcel,
    content: &Content,
    way: &'w Way,
    source: &str,
) -> Result<(&'w Route, Request), Failure> {
    let signer = way.signer.as_ref().map_err(|failure| *failure)?;
    let route = way.route.as_ref().map_err(|failure| *failure)?;
    let (told, settings) = (&parcel.sending.event, &way.row.settings);
    let position = told.position.0;
    let event = Event {
        id: &told.event,
        event_type: &told.event_type,
        time_ms: told.created_ms,
        data: &content.data,
        resource_type: told.entity.as_str(),
        resource_id: told.id.as_str(),
        sequence: position,
        origin: content.origin.as_str(),
        hops: &content.hops,
    };
    let form = match settings.body {
        BodyForm::Standard => SentForm::Standard,
        BodyForm::Anywheredoor => SentForm::AnywhereDoor,
        BodyForm::CloudEvent => SentForm::CloudEvents,
    };
    let endpoint = parcel.sending.endpoint.as_str();
    let of_hub = source.trim_end_matches('/');
    let data_ref = format!("{of_hub}/v1/endpoints/{endpoint}/deliveries/{position}/data");
    let thin_above_bytes = settings.thin_above_bytes as usize;
    let options = BodyOptions { form, thin_above_bytes, data_ref: &data_ref, source };
    let body = body(&event, &options);
    let attempt = Attempt {
        timestamp_s: now_ms() / 1_000,
        number: parcel.sending.attempt,
        endpoint,
        position,
        is_replay: parcel.sending.is_replay,
        // Each attempt is a part of its own of the trace.
        traceparent: content
            .trace
            .as_deref()
            .and_then(TraceParent::parse)
            .map(|trace| trace.child(random())),
        source,
        data_ref: &data_ref,
    };
    let headers = headers(&event, (&body, form), &attempt, signer);
    let timeout = Duration::from_millis(settings.timeout_ms);
    Ok((route, Request { headers, body: body.bytes.into(), timeout }))
}

/// Returns what a failure of the sender is called in attempts.
const fn failure_of(failure: Unsent) -> Failure {
    match failure {
        Unsent::Refused(_) => Failure::AddressRefused,
        Unsent::Unknown => Failure::Resolve,
        Unsent::Unreachable => Failure::Connect,
        Unsent::NotTrusted => Failure::Tls,
        Unsent::TimedOut { .. } => Failure::Timeout,
        Unsent::TooLarge { .. } => Failure::BodyInvalid,
        // Lost, or no HTTP.
        _ => Failure::Broken,
    }
}
