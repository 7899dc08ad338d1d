//! The body that is sent of an event.

use syncline_model::json::write_string;

use super::cloud_events;
use super::digest::content_digest;
use super::event::{Event, hops_text};
use crate::time::format_time;

/// How a body is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyForm {
    /// Standard Webhooks' `type`, `timestamp` and `data`, with what spec 004 has beside them.
    #[default]
    Standard,
    /// As [`Standard`](Self::Standard), with spec 004's `retryCount` and `status`, which stay `0` and
    /// `"pending"` at every attempt: what was signed must not change.
    AnywhereDoor,
    /// CloudEvents in structured mode.
    CloudEvents,
}

/// A body as it is sent: of equal events equal bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Value of `Content-Type`.
    pub content_type: &'static str,
    /// Value of `Content-Digest`.
    pub digest: String,
    /// Whether it says where the data is, instead of holding it.
    pub is_thin: bool,
}

/// What a body says beside its event.
#[derive(Clone, Copy, Debug)]
pub struct BodyOptions<'a> {
    /// How it is laid out.
    pub form: BodyForm,
    /// Longest body that holds its data, in bytes. A longer one says where the data is instead.
    pub thin_above_bytes: usize,
    /// Where the data is, as a URL or a path.
    pub data_ref: &'a str,
    /// Who tells of the event, as CloudEvents wants it: a URL or a path.
    pub source: &'a str,
}

/// Makes the body of an event.
///
/// One that would be longer than `thin_above_bytes` has no member `data` but a member `dataref`.
pub fn body(event: &Event<'_>, options: &BodyOptions<'_>) -> Body {
    let is_thin = event.data.len() > options.thin_above_bytes;
    let mut text = text(event, options, is_thin);
    let is_long = !is_thin && text.len() > options.thin_above_bytes;
    if is_long {
        text = self::text(event, options, true);
    }
    let digest = content_digest(text.as_bytes());
    let content_type = match options.form {
        BodyForm::Standard | BodyForm::AnywhereDoor => "application/json",
        BodyForm::CloudEvents => cloud_events::STRUCTURED_TYPE,
    };
    Body { bytes: text.into_bytes(), content_type, digest, is_thin: is_thin || is_long }
}

fn text(event: &Event<'_>, options: &BodyOptions<'_>, is_thin: bool) -> String {
    let data = if is_thin { options.data_ref } else { event.data };
    let mut text = String::with_capacity(data.len() + 512);
    if options.form == BodyForm::CloudEvents {
        let data_ref = is_thin.then_some(options.data_ref);
        cloud_events::write_structured(event, options.source, data_ref, &mut text);
        return text;
    }
    let member = |text: &mut String, name: &str, value: &str| {
        text.push_str(name);
        write_string(value, text);
    };
    member(&mut text, "{\"id\":", event.id.as_str());
    member(&mut text, ",\"type\":", event.event_type.as_str());
    member(&mut text, ",\"timestamp\":", &format_time(event.time_ms));
    if is_thin {
        member(&mut text, ",\"dataref\":", options.data_ref);
    } else {
        text.push_str(",\"data\":");
        text.push_str(event.data);
        if let Some(edited) = event.edited {
            text.push_str(",\"edited\":");
            text.push_str(edited);
        }
    }
    member(&mut text, ",\"resourceType\":", event.resource_type);
    member(&mut text, ",\"resourceId\":", event.resource_id);
    text.push_str(",\"sequence\":");
    text.push_str(&event.sequence.to_string());
    member(&mut text, ",\"origin\":", event.origin);
    if !event.hops.is_empty() {
        member(&mut text, ",\"hops\":", &hops_text(event.hops));
    }
    if options.form == BodyForm::AnywhereDoor {
        text.push_str(",\"retryCount\":0,\"status\":\"pending\"");
    }
    text.push('}');
    text
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use syncline_model::json::{Json, parse};

    use super::*;
    use syncline_model::id::SiteId;
    use syncline_model::limits::HOPS_MAX;

    use crate::webhook::event::{EventId, EventType, hops_of};

    pub(in super::super) const DATA: &str = r#"{"status":"active"}"#;

    /// Gives an event of a test to a test.
    pub(in super::super) fn with_event<T>(data: &str, test: impl FnOnce(&Event<'_>) -> T) -> T {
        let id = EventId::new("019a-7-41").unwrap();
        let event_type = EventType::new("enrollment.created").unwrap();
        test(&Event {
            id: &id,
            event_type: &event_type,
            time_ms: 1_706_702_400_000,
            data,
            edited: None,
            resource_type: "enrollment",
            resource_id: "enrollment-123",
            sequence: 41,
            origin: "app \"one\"",
            hops: &[],
        })
    }

    pub(in super::super) fn options(form: BodyForm) -> BodyOptions<'static> {
        BodyOptions {
            form,
            thin_above_bytes: 400,
            data_ref: "/v1/events/019a-7-41/data",
            source: "/hubs/main",
        }
    }

    #[test]
    fn each_form_has_its_bytes() {
        let standard = concat!(
            r#"{"id":"019a-7-41","type":"enrollment.created","timestamp":"2024-01-31T12:00:00.000Z","#,
            r#""data":{"status":"active"},"resourceType":"enrollment","resourceId":"enrollment-123","#,
            r#""sequence":41,"origin":"app \"one\"""#
        );
        let structured = concat!(
            r#"{"specversion":"1.0","id":"019a-7-41","source":"/hubs/main","type":"enrollment.created","#,
            r#""time":"2024-01-31T12:00:00.000Z","subject":"enrollment/enrollment-123","#,
            r#""datacontenttype":"application/json","partitionkey":"enrollment/enrollment-123","#,
            r#""sequence":"41","data":{"status":"active"}}"#
        );
        #[rustfmt::skip]
        let cases = [
            (BodyForm::Standard,     "application/json", format!("{standard}}}")),
            (BodyForm::AnywhereDoor, "application/json", format!(r#"{standard},"retryCount":0,"status":"pending"}}"#)),
            (BodyForm::CloudEvents,  "application/cloudevents+json", structured.to_owned()),
        ];
        for (form, content_type, expected) in cases {
            let made = with_event(DATA, |event| body(event, &options(form)));
            assert_eq!(String::from_utf8(made.bytes.clone()).unwrap(), expected);
            assert_eq!((made.content_type, made.is_thin), (content_type, false));
            assert_eq!(made.digest, content_digest(expected.as_bytes()));
        }
    }

    #[test]
    fn each_form_says_which_hubs_an_event_came_through() {
        let hops = [SiteId(0xa1), SiteId(u64::MAX)];
        for form in [BodyForm::Standard, BodyForm::AnywhereDoor, BodyForm::CloudEvents] {
            let made =
                with_event(DATA, |event| body(&Event { hops: &hops, ..*event }, &options(form)));
            let Ok(Json::Object(found)) = parse(&made.bytes) else { panic!("{form:?}") };
            let said = found.get("hops").and_then(Json::as_str);
            assert_eq!(said, Some("00000000000000a1,ffffffffffffffff"), "{form:?}");
            assert_eq!(hops_of(found.get("hops")), hops, "{form:?}");
        }
    }

    #[test]
    fn each_form_says_when_what_it_tells_was_edited_unless_it_tells_nothing() {
        let edited = r#"{"/status":"1706702400000.0"}"#;
        for form in [BodyForm::Standard, BodyForm::AnywhereDoor, BodyForm::CloudEvents] {
            for (data, is_told) in
                [(DATA.to_owned(), true), (format!("\"{}\"", "x".repeat(400)), false)]
            {
                let made = with_event(&data, |event| {
                    body(&Event { edited: Some(edited), ..*event }, &options(form))
                });
                let Ok(Json::Object(found)) = parse(&made.bytes) else { panic!("{form:?}") };
                let said = found.get("edited").map(|said| match said.as_str() {
                    // An attribute of CloudEvents is a text.
                    Some(text) => text.to_owned(),
                    None => said.to_compact_string(),
                });
                assert_eq!(said.as_deref(), is_told.then_some(edited), "{form:?}");
            }
        }
    }

    #[test]
    fn what_is_no_list_of_hubs_is_none() {
        for other in [
            "",
            "a1",
            "00000000000000a1,",
            "00000000000000a1, 0000000000000002",
            "+0000000000000a1",
        ] {
            assert_eq!(hops_of(Some(&Json::from(other))), [], "{other}");
        }
        assert_eq!(hops_of(None), []);
        assert_eq!(hops_of(Some(&Json::from(7))), []);
        let many = vec!["00000000000000a1"; 100].join(",");
        assert_eq!(hops_of(Some(&Json::from(many.as_str()))).len(), HOPS_MAX + 1);
    }

    #[test]
    fn a_long_body_says_where_its_data_is_and_one_byte_less_holds_it() {
        for form in [BodyForm::Standard, BodyForm::AnywhereDoor, BodyForm::CloudEvents] {
            let around = with_event("", |event| body(event, &options(form))).bytes.len();
            for (more, is_thin) in [(0, false), (1, true), (10_000, true)] {
                let data = format!("\"{}\"", "x".repeat(400 - around - 2 + more));
                let made = with_event(&data, |event| body(event, &options(form)));
                assert_eq!(made.is_thin, is_thin, "{form:?} and {more} bytes");
                let Ok(Json::Object(found)) = parse(&made.bytes) else { panic!("{form:?}") };
                assert_eq!(found.contains_key("data"), !is_thin);
                let data_ref = found.get("dataref").and_then(Json::as_str);
                assert_eq!(data_ref, is_thin.then_some("/v1/events/019a-7-41/data"));
                assert!(made.bytes.len() <= 400);
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_the_names_are_the_body_is_json_and_says_them(
            resource_type in "\\PC{0,20}",
            resource_id in ".{0,20}",
            origin in ".{0,20}",
        ) {
            for form in [BodyForm::Standard, BodyForm::AnywhereDoor, BodyForm::CloudEvents] {
                let made = with_event(DATA, |event| {
                    let names = Event {
                        resource_type: &resource_type,
                        resource_id: &resource_id,
                        origin: &origin,
                        ..*event
                    };
                    body(&names, &BodyOptions { thin_above_bytes: 10_000, ..options(form) })
                });
                let Ok(Json::Object(found)) = parse(&made.bytes) else { panic!("no JSON") };
                prop_assert_eq!(found.get("data").unwrap().to_compact_string(), DATA);
                if form != BodyForm::CloudEvents {
                    for (name, expected) in [
                        ("resourceType", &resource_type),
                        ("resourceId", &resource_id),
                        ("origin", &origin),
                    ] {
                        prop_assert_eq!(found.get(name).and_then(Json::as_str), Some(expected.as_str()));
                    }
                }
            }
        }
    }
}
