//! Reading events as others have made them.
//!
//! Both modes become one document: the attributes by their names, and `data`. Beside them it has what spec 004's
//! bodies have, `timestamp`, `resourceType` and `resourceId`, so that whoever looks for these finds them.

use std::borrow::Cow;

use syncline_model::json::{Json, Object};
use thiserror::Error;

/// The version that is read.
const VERSION: &str = "1.0";
/// What the names of headers of binary mode begin with.
const OF_HEADERS: &str = "ce-";
/// Attributes that every event has.
const NEEDED: [&str; 3] = ["id", "source", "type"];
/// Most attributes in headers. Servers take no more headers than about as many.
const ATTRIBUTES_MAX: usize = 100;

/// Why something is no event of CloudEvents. It says nothing of what the event holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CloudEventError {
    /// It is of another version, or says none.
    #[error("`specversion` is not 1.0")]
    Version,
    /// An attribute is lacking that every event has.
    #[error("the attribute `{name}` is lacking, or is no text")]
    Lacking {
        /// Which one.
        name: &'static str,
    },
    /// A header is there twice, is no text, or there are too many.
    #[error(
        "a header that begins with ce- is there twice or is no text, or there are more than 100"
    )]
    Header,
}

impl CloudEventError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        "WEBHOOK_CLOUD_EVENT_INVALID"
    }
}

/// Returns whether a body says itself that it is an event of CloudEvents.
pub fn is_structured(body: &Json) -> bool {
    let version = body.as_object().and_then(|body| body.get("specversion"));
    version.and_then(Json::as_str) == Some(VERSION)
}

/// Reads the body of structured mode.
///
/// # Errors
///
/// [`CloudEventError`] if it is none.
pub fn read_structured(body: &Json) -> Result<Object, CloudEventError> {
    let document = body.as_object().cloned().ok_or(CloudEventError::Version)?;
    completed(document)
}

/// Reads an event of binary mode.
///
/// - `headers`: all headers of the request, with names in small letters.
/// - `data`: what its body is.
///
/// # Errors
///
/// [`CloudEventError`] if it is none.
pub fn read_binary<'h>(
    headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
    data: Json,
) -> Result<Object, CloudEventError> {
    let mut document = Object::new();
    for (name, value) in headers {
        let Some(name) = name.strip_prefix(OF_HEADERS) else { continue };
        let value = decoded(value).ok_or(CloudEventError::Header)?;
        let is_there = document.insert(name, value).is_some();
        if is_there || document.len() > ATTRIBUTES_MAX {
            return Err(CloudEventError::Header);
        }
    }
    // The hubs that it came through may stand in what our own bodies say.
    if let Some(hops) = data.as_object().and_then(|data| data.get("hops"))
        && !document.contains_key("hops")
    {
        document.insert("hops", hops.clone());
    }
    document.insert("data", data);
    completed(document)
}

/// Adds what spec 004's bodies have: the time, and the record by what the event is about.
///
/// The subject is `<resource>/<id>`. One without a slash is the id alone, and the type up to its last dot is then the
/// kind of record.
fn completed(mut document: Object) -> Result<Object, CloudEventError> {
    let text = |name: &str| document.get(name).and_then(Json::as_str);
    if text("specversion") != Some(VERSION) {
        return Err(CloudEventError::Version);
    }
    let is_lacking = |name: &&str| text(name).is_none_or(str::is_empty);
    if let Some(name) = NEEDED.into_iter().find(|name| is_lacking(name)) {
        return Err(CloudEventError::Lacking { name });
    }
    let mut more = Vec::new();
    if let Some(time) = text("time") {
        more.push(("timestamp", time.to_owned()));
    }
    if let Some(subject) = text("subject") {
        let kind = text("type").unwrap_or_default();
        let of_kind = kind.rsplit_once('.').map_or(kind, |(before, _)| before);
        let (resource, id) = subject.split_once('/').unwrap_or((of_kind, subject));
        more.push(("resourceType", resource.to_owned()));
        more.push(("resourceId", id.to_owned()));
    }
    for (name, value) in more {
        if !document.contains_key(name) {
            document.insert(name, value);
        }
    }
    Ok(document)
}

/// Decodes a value as the HTTP binding says, §3.1.3.2: quotes are taken off, then `%` and two digits are a byte.
fn decoded(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let text: Cow<'_, str> = match quoted {
        None => text.into(),
        Some(quoted) => unescaped(quoted).into(),
    };
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let coded = after.split_first_chunk::<2>().filter(|_| *first == b'%');
        let byte = coded.and_then(|(digits, after)| Some((byte_of(*digits)?, after)));
        let (byte, after) = byte.unwrap_or((*first, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

/// Takes off the backslashes of a quoted text.
fn unescaped(text: &str) -> String {
    let (mut out, mut characters) = (String::with_capacity(text.len()), text.chars());
    while let Some(character) = characters.next() {
        let character = if character == '\\' { characters.next() } else { Some(character) };
        out.extend(character);
    }
    out
}

fn byte_of([high, low]: [u8; 2]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use syncline_model::json::parse;

    use super::*;
    use crate::webhook::body::tests::{DATA, options, with_event};
    use crate::webhook::body::{BodyForm, body};
    use crate::webhook::cloud_events::add_headers;
    use crate::webhook::event::Event;
    use crate::webhook::headers::Headers;

    fn members(document: &Object) -> Vec<(&str, &str)> {
        let of =
            |name: &'static str| (name, document.get(name).and_then(Json::as_str).unwrap_or("-"));
        ["id", "source", "type", "timestamp", "resourceType", "resourceId"].map(of).to_vec()
    }

    #[test]
    fn what_is_sent_in_either_mode_is_read_as_it_was_meant() {
        let made = with_event(DATA, |event| body(event, &options(BodyForm::CloudEvents)));
        let structured = read_structured(&parse(&made.bytes).unwrap()).unwrap();
        let mut headers = Headers::default();
        with_event(DATA, |event| add_headers(event, "/hubs/main", None, &mut headers));
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name, value.as_bytes())).collect();
        let binary = read_binary(headers, parse(DATA.as_bytes()).unwrap()).unwrap();
        let expected = [
            ("id", "019a-7-41"),
            ("source", "/hubs/main"),
            ("type", "enrollment.created"),
            ("timestamp", "2024-01-31T12:00:00.000Z"),
            ("resourceType", "enrollment"),
            ("resourceId", "enrollment-123"),
        ];
        assert_eq!(members(&structured), expected);
        assert_eq!(members(&binary), expected);
        let data = parse(DATA.as_bytes()).unwrap();
        assert_eq!((structured.get("data"), binary.get("data")), (Some(&data), Some(&data)));
    }

    #[test]
    fn what_is_no_event_is_refused() {
        let read = |text: &str| read_structured(&parse(text.as_bytes()).unwrap());
        let lacking = |name| Err(CloudEventError::Lacking { name });
        let said = |result: Result<Object, CloudEventError>| result.map(drop);
        #[rustfmt::skip]
        let cases = [
            (r#"[]"#,                                                     Err(CloudEventError::Version)),
            (r#"{}"#,                                                     Err(CloudEventError::Version)),
            (r#"{"specversion":"0.3","id":"a","source":"b","type":"c"}"#, Err(CloudEventError::Version)),
            (r#"{"specversion":"1.0","source":"b","type":"c"}"#,          lacking("id")),
            (r#"{"specversion":"1.0","id":7,"source":"b","type":"c"}"#,   lacking("id")),
            (r#"{"specversion":"1.0","id":"a","source":"","type":"c"}"#,  lacking("source")),
            (r#"{"specversion":"1.0","id":"a","source":"b"}"#,            lacking("type")),
            (r#"{"specversion":"1.0","id":"a","source":"b","type":"c"}"#, Ok(())),
        ];
        for (text, expected) in cases {
            assert_eq!(said(read(text)), expected, "{text}");
        }
        let twice = [("ce-id", &b"a"[..]), ("ce-id", b"b")];
        assert_eq!(said(read_binary(twice, Json::Null)), Err(CloudEventError::Header));
        let odd = [("ce-id", &b"%FF"[..])];
        assert_eq!(said(read_binary(odd, Json::Null)), Err(CloudEventError::Header));
    }

    #[test]
    fn a_subject_without_a_slash_is_an_id_and_its_kind_is_that_of_the_type() {
        let text = r#"{"specversion":"1.0","id":"a","source":"b","type":"com.example.order.paid","subject":"17"}"#;
        let document = read_structured(&parse(text.as_bytes()).unwrap()).unwrap();
        let found = members(&document);
        assert_eq!(found[4..], [("resourceType", "com.example.order"), ("resourceId", "17")]);
    }

    #[test]
    fn values_of_headers_are_read_as_the_binding_says() {
        let cases = [
            ("plain", "plain"),
            ("a%20b%25", "a b%"),
            ("Euro%20%E2%82%AC", "Euro \u{20ac}"),
            (r#""quoted \"text\"""#, "quoted \"text\""),
            ("50%", "50%"),
            ("%zz", "%zz"),
        ];
        for (value, expected) in cases {
            assert_eq!(decoded(value.as_bytes()).as_deref(), Some(expected), "{value}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_record_is_called_is_read_again_from_headers(id in ".{1,40}") {
            let mut headers = Headers::default();
            with_event(DATA, |event| {
                add_headers(&Event { resource_id: &id, ..*event }, "/hubs/main", None, &mut headers);
            });
            let headers = headers.iter().map(|(name, value)| (name, value.as_bytes()));
            let document = read_binary(headers, Json::Null).unwrap();
            prop_assert_eq!(document.get("resourceId").and_then(Json::as_str), Some(&*id));
        }
    }
}
