//! An event as CloudEvents has it: headers beside any body, or a body of its own.
//!
//! # Source
//!
//! CloudEvents 1.0.2, HTTP protocol binding §3.1 (binary) and §3.2 (structured), JSON event format; the
//! documented extensions `partitionkey`, `sequence` and `dataref`; `hops` and `edited` are ours.

mod read;

use syncline_model::json::write_string;

pub use read::{CloudEventError, is_structured, read_binary, read_structured};

use super::event::{Event, hops_text};
use super::headers::Headers;
use crate::time::format_time;

/// The type of a body in structured mode.
pub const STRUCTURED_TYPE: &str = "application/cloudevents+json";

/// Adds the headers of binary mode. Its `datacontenttype` is `Content-Type` itself.
///
/// - `source`: who tells of the event: a URL or a path.
/// - `data_ref`: where the data is, if the body does not hold it.
pub fn add_headers(event: &Event<'_>, source: &str, data_ref: Option<&str>, headers: &mut Headers) {
    headers.push("ce-specversion", "1.0");
    headers.push("ce-id", event.id.as_str());
    headers.push("ce-source", source);
    headers.push("ce-type", event.event_type.as_str());
    headers.push("ce-time", &format_time(event.time_ms));
    headers.push_parts("ce-subject", &[event.resource_type, "/", event.resource_id]);
    headers.push_parts("ce-partitionkey", &[event.resource_type, "/", event.resource_id]);
    headers.push("ce-sequence", &event.sequence.to_string());
    if let Some(data_ref) = data_ref {
        headers.push("ce-dataref", data_ref);
    }
}

/// Appends the body of structured mode.
pub(super) fn write_structured(
    event: &Event<'_>,
    source: &str,
    data_ref: Option<&str>,
    text: &mut String,
) {
    let subject = [event.resource_type, "/", event.resource_id].concat();
    let time = format_time(event.time_ms);
    let sequence = event.sequence.to_string();
    let members = [
        ("{\"specversion\":", "1.0"),
        (",\"id\":", event.id.as_str()),
        (",\"source\":", source),
        (",\"type\":", event.event_type.as_str()),
        (",\"time\":", &time),
        (",\"subject\":", &subject),
        (",\"datacontenttype\":", "application/json"),
        (",\"partitionkey\":", &subject),
        (",\"sequence\":", &sequence),
    ];
    for (name, value) in members {
        text.push_str(name);
        write_string(value, text);
    }
    if !event.hops.is_empty() {
        text.push_str(",\"hops\":");
        write_string(&hops_text(event.hops), text);
    }
    match data_ref {
        Some(data_ref) => {
            text.push_str(",\"dataref\":");
            write_string(data_ref, text);
        }
        None => {
            text.push_str(",\"data\":");
            text.push_str(event.data);
            // An attribute is no object.
            if let Some(edited) = event.edited {
                text.push_str(",\"edited\":");
                write_string(edited, text);
            }
        }
    }
    text.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::body::tests::{DATA, with_event};

    #[test]
    fn binary_mode_has_every_attribute_and_no_type_of_data() {
        let mut headers = Headers::default();
        with_event(DATA, |event| {
            let odd = Event { resource_id: "a \"b\" 50%\r\nx: é", ..*event };
            add_headers(&odd, "/hubs/main", Some("/data"), &mut headers);
        });
        let found: Vec<_> = headers.iter().collect();
        let subject = "enrollment/a%20%22b%22%2050%25%0D%0Ax:%20%C3%A9";
        #[rustfmt::skip]
        let expected = [
            ("ce-specversion",  "1.0"),
            ("ce-id",           "019a-7-41"),
            ("ce-source",       "/hubs/main"),
            ("ce-type",         "enrollment.created"),
            ("ce-time",         "2024-01-31T12:00:00.000Z"),
            ("ce-subject",      subject),
            ("ce-partitionkey", subject),
            ("ce-sequence",     "41"),
            ("ce-dataref",      "/data"),
        ];
        assert_eq!(found, expected);
    }
}
