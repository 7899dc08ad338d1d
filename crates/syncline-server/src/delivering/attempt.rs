//! One attempt: what is sent, and what came of it.

use std::sync::Arc;
use std::time::Duration;

use syncline_domains::app::{Failure as Lost, Refusal, Request, Route};
use syncline_engine::deliver::{BodyForm, Failure, Outcome, Report};
use syncline_hub::served::deliver::{Content, Parcel};
use syncline_protocol::webhook::body::{BodyForm as SentForm, BodyOptions, body};
use syncline_protocol::webhook::delivery::{Attempt, headers};
use syncline_protocol::webhook::event::Event;
use syncline_protocol::webhook::trace::TraceParent;

use super::random;
use super::way::Way;
use crate::access::now_ms;
use crate::transforming::{chosen, transformed};

/// Why nothing is sent of an event.
pub(crate) enum Unsent {
    /// The endpoint's filter leaves it out.
    LeftOut,
    /// It cannot be, and what more there is to say of that.
    Failed(Failure, String),
}

impl From<Failure> for Unsent {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure, String::new())
    }
}

/// Makes an attempt.
pub(super) async fn attempt(parcel: &Parcel, way: &Way, source: &str) -> Report {
    let made = match content(parcel, way, source).await {
        Ok(content) => request(parcel, &content, way, source).map_err(Unsent::from),
        Err(unsent) => Err(unsent),
    };
    let (route, request) = match made {
        Ok(made) => made,
        Err(Unsent::LeftOut) => {
            return report(parcel, Outcome::LeftOut, Duration::ZERO, "".into());
        }
        Err(Unsent::Failed(failure, why)) => {
            return report(parcel, Outcome::Failed(failure), Duration::ZERO, why.into());
        }
    };
    let sent = route.send(request).await;
    let outcome = match sent.answer {
        Ok(status) => Outcome::Answered { status, retry_after_ms: sent.retry_after_ms },
        Err(failure) => Outcome::Failed(failure_of(failure)),
    };
    report(parcel, outcome, sent.duration, sent.excerpt)
}

/// Returns what is said of the event at this endpoint, if anything is.
async fn content(parcel: &Parcel, way: &Way, source: &str) -> Result<Arc<Content>, Unsent> {
    let content = parcel.content.as_ref().map_err(|failure| Unsent::from(*failure))?;
    let event = &parcel.sending.event;
    match &way.filter {
        None => {}
        Some(Err(error)) => return Err(Unsent::Failed(Failure::FilterFailed, error.to_string())),
        Some(Ok(filter)) => match chosen(source, filter, event, content).await {
            Ok(true) => {}
            Ok(false) => return Err(Unsent::LeftOut),
            Err(why) => return Err(Unsent::Failed(Failure::FilterFailed, why.to_string())),
        },
    }
    let failed = |why: String| Unsent::Failed(Failure::TransformationFailed, why);
    match &way.transformation {
        None => Ok(Arc::clone(content)),
        Some(Err(error)) => Err(failed(error.to_string())),
        Some(Ok(transformation)) => {
            let made = transformed(source, transformation, event, content).await;
            made.map(Arc::new).map_err(|why| failed(why.to_string()))
        }
    }
}

/// Returns what would be sent now; otherwise why nothing is.
pub(super) async fn preview(parcel: &Parcel, way: &Way, source: &str) -> Result<Request, Unsent> {
    let content = content(parcel, way, source).await?;
    let made = request(parcel, &content, way, source);
    Ok(made.map(|(_, request)| request)?)
}

pub(super) fn report(
    parcel: &Parcel,
    outcome: Outcome,
    duration: Duration,
    excerpt: Box<str>,
) -> Report {
    Report {
        endpoint: parcel.sending.endpoint.clone(),
        made: parcel.sending.made,
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
        edited: content.edited.as_deref(),
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

/// Returns what it is called in attempts that something must not be sent to.
pub(super) const fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Plain => Failure::PlainRefused,
        Refusal::Port { .. } => Failure::PortRefused,
        // Whatever else the guard looks at is of the address.
        _ => Failure::AddressRefused,
    }
}

/// Returns what a failure of the sender is called in attempts.
const fn failure_of(failure: Lost) -> Failure {
    match failure {
        Lost::Refused(refusal) => refused(refusal),
        Lost::Unknown => Failure::Resolve,
        Lost::Unreachable => Failure::Connect,
        Lost::NotTrusted => Failure::Tls,
        Lost::TimedOut { .. } => Failure::Timeout,
        Lost::TooLarge { .. } => Failure::BodyInvalid,
        // Lost, or no HTTP.
        _ => Failure::Broken,
    }
}
