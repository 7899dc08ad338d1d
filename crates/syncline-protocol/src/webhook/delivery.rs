//! The headers of one attempt to deliver an event.

use super::body::{Body, BodyForm};
use super::cloud_events;
use super::event::Event;
use super::headers::Headers;
use super::sign::Signer;
use super::trace::TraceParent;

/// What one attempt says beside event and body.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// When it is made, in seconds since the Unix epoch. It is signed: a retry has a signature of its own.
    pub timestamp_s: u64,
    /// Which attempt of the delivery it is, from 1.
    pub number: u32,
    /// Where it goes to.
    pub endpoint: &'a str,
    /// The position that names the delivery within its endpoint.
    pub position: u64,
    /// Whether the event is sent again because somebody asked for that.
    pub is_replay: bool,
    /// The trace that it belongs to, if its event belongs to one.
    pub traceparent: Option<TraceParent>,
    /// Who tells of the event, as CloudEvents wants it: a URL or a path.
    pub source: &'a str,
    /// Where the data is, if the body is thin.
    pub data_ref: &'a str,
}

/// Returns the headers of an attempt.
///
/// | Header | Value |
/// |---|---|
/// | `content-type`, `content-digest` | of the body |
/// | `webhook-id` | the event's id: the same at every attempt and replay |
/// | `webhook-timestamp` | of this attempt |
/// | `webhook-signature` | of every active secret of Standard Webhooks |
/// | `x-webhook-signature` | where there is a secret of spec 004 |
/// | `ce-*` | the event for CloudEvents, unless the body is one already |
/// | `traceparent` | the trace |
/// | `webhook-attempt` | which attempt it is, from 1 |
/// | `syncline-delivery` | `<endpoint>/<position>` |
/// | `webhook-replay` | `true` on replays |
pub fn headers(
    event: &Event<'_>,
    (body, form): (&Body, BodyForm),
    attempt: &Attempt<'_>,
    signer: &Signer,
) -> Headers {
    let mut headers = Headers::default();
    headers.push("content-type", body.content_type);
    headers.push_with("content-digest", |value| value.push_str(&body.digest));
    headers.push("webhook-id", event.id.as_str());
    headers.push("webhook-timestamp", &attempt.timestamp_s.to_string());
    if signer.is_standard() {
        headers.push_with("webhook-signature", |value| {
            signer.write_signature(event.id.as_str(), attempt.timestamp_s, &body.bytes, value);
        });
    }
    if signer.is_plain() {
        headers.push_with("x-webhook-signature", |value| {
            signer.write_plain_signature(&body.bytes, value);
        });
    }
    if form != BodyForm::CloudEvents {
        let data_ref = body.is_thin.then_some(attempt.data_ref);
        cloud_events::add_headers(event, attempt.source, data_ref, &mut headers);
    }
    if let Some(trace) = attempt.traceparent {
        headers.push("traceparent", &trace.header());
    }
    headers.push("webhook-attempt", &attempt.number.to_string());
    let position = attempt.position.to_string();
    headers.push_parts("syncline-delivery", &[attempt.endpoint, "/", &position]);
    if attempt.is_replay {
        headers.push("webhook-replay", "true");
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::body::body;
    use crate::webhook::body::tests::{DATA, options, with_event};
    use crate::webhook::secret::Secret;
    use crate::webhook::verify::{Received, Verifier};

    const NOW_S: u64 = 1_706_702_401;

    fn attempt(number: u32) -> Attempt<'static> {
        Attempt {
            timestamp_s: NOW_S,
            number,
            endpoint: "admin",
            position: 41,
            is_replay: false,
            traceparent: TraceParent::parse(
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            ),
            source: "/hubs/main",
            data_ref: "/v1/events/019a-7-41/data",
        }
    }

    fn names(headers: &Headers) -> String {
        headers.iter().map(|(name, _)| name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_sent_is_verified_by_a_receiver_with_either_secret_or_both() {
        let secrets = [
            Secret::symmetric([1; 32]),
            Secret::signing([2; 32]),
            Secret::plain("your-webhook-secret-here").unwrap(),
        ];
        let signer = Signer::new(&secrets).unwrap();
        let knows: [&[&Secret]; 5] = [
            &[&secrets[0]],
            &[&secrets[1].verifying().unwrap()],
            &[&secrets[2]],
            &[&secrets[0], &secrets[2]],
            &[&secrets[0], &secrets[1], &secrets[2]],
        ];
        for form in [BodyForm::Standard, BodyForm::AnywhereDoor, BodyForm::CloudEvents] {
            with_event(DATA, |event| {
                let body = body(event, &options(form));
                let headers = headers(event, (&body, form), &attempt(1), &signer);
                let value = |name| headers.get(name).map(str::as_bytes);
                let received = Received {
                    id: value("webhook-id"),
                    timestamp: value("webhook-timestamp"),
                    signature: value("webhook-signature"),
                    plain_signature: value("x-webhook-signature"),
                    body: &body.bytes,
                };
                for known in knows {
                    let verifier = Verifier::new(known.iter().copied()).unwrap();
                    assert!(verifier.verify(&received, NOW_S).is_ok(), "{form:?}");
                }
            });
        }
    }

    #[test]
    fn an_attempt_has_the_headers_that_belong_to_it() {
        let secret = Secret::symmetric([1; 32]);
        let signer = Signer::new([&secret]).unwrap();
        let plain = Signer::new([&Secret::plain("x").unwrap()]).unwrap();
        with_event(DATA, |event| {
            let standard = body(event, &options(BodyForm::Standard));
            let of = |attempt: &Attempt<'_>, signer: &Signer| {
                headers(event, (&standard, BodyForm::Standard), attempt, signer)
            };
            let found = of(&attempt(3), &signer);
            assert_eq!(
                names(&found),
                "content-type content-digest webhook-id webhook-timestamp webhook-signature ce-specversion \
                 ce-id ce-source ce-type ce-time ce-subject ce-partitionkey ce-sequence traceparent \
                 webhook-attempt syncline-delivery"
            );
            assert_eq!(found.get("webhook-attempt"), Some("3"));
            assert_eq!(found.get("syncline-delivery"), Some("admin/41"));
            assert_eq!(found.get("webhook-replay"), None);
            let replay = Attempt { is_replay: true, traceparent: None, ..attempt(1) };
            let found = of(&replay, &plain);
            assert_eq!(found.get("webhook-replay"), Some("true"));
            assert_eq!(found.get("webhook-id"), Some("019a-7-41"));
            for absent in ["webhook-signature", "traceparent", "ce-dataref"] {
                assert_eq!(found.get(absent), None);
            }
            assert!(found.get("x-webhook-signature").is_some());
            let form = BodyForm::CloudEvents;
            let structured = body(event, &options(form));
            let found = headers(event, (&structured, form), &attempt(1), &signer);
            assert!(!names(&found).contains("ce-"));
            let long = format!("\"{}\"", "x".repeat(1_000));
            let thin = with_event(&long, |event| body(event, &options(BodyForm::Standard)));
            let found = headers(event, (&thin, BodyForm::Standard), &attempt(1), &signer);
            assert_eq!(found.get("ce-dataref"), Some("/v1/events/019a-7-41/data"));
        });
    }
}
