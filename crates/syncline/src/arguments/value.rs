//! Values as people write them: `100MB`, `5m`, `contacts:category=business`.

use std::time::{SystemTime, UNIX_EPOCH};

use syncline_engine::sync::rfc3339_ms;
use syncline_hub::timestamp;
use syncline_model::id::RecordId;
use syncline_model::json::Leaf;
use syncline_model::path::Path;

use crate::config::units;

/// Reads a size such as `100MB`, `8GB` or `64KiB`.
///
/// # Errors
///
/// A sentence that says what a size looks like.
pub fn bytes(text: &str) -> Result<u64, String> {
    units::bytes(text).ok_or_else(|| "a size looks like 100MB, 8GB or 64KiB".to_owned())
}

/// Reads a duration such as `30s`, `5m` or `250ms`, in milliseconds.
///
/// # Errors
///
/// A sentence that says what a duration looks like.
pub fn millis(text: &str) -> Result<u64, String> {
    units::millis(text).ok_or_else(|| "a time looks like 30s, 5m or 250ms".to_owned())
}

/// Reads a time that may be days, in milliseconds.
///
/// # Errors
///
/// A sentence that says what such a time looks like.
pub fn long_millis(text: &str) -> Result<u64, String> {
    units::long_millis(text).ok_or_else(|| "a time looks like 30d, 12h or 5m".to_owned())
}

/// Reads the id of a record.
///
/// # Errors
///
/// A sentence that says what an id looks like.
pub fn id(text: &str) -> Result<RecordId, String> {
    RecordId::new(text).map_err(|error| error.to_string())
}

/// A time from which on records were edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since {
    /// The time, in milliseconds since 1970.
    pub ms: u64,
    /// The time as RFC 3339.
    pub text: String,
}

impl Since {
    /// Reads an RFC 3339 time with its zone, or a duration before now such as `2d` or `12h`.
    ///
    /// # Errors
    ///
    /// A sentence that says what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::before(text, u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
    }

    /// Reads a time, or a duration before `now_ms`, in milliseconds since 1970.
    fn before(text: &str, now_ms: u64) -> Result<Self, String> {
        if let Some(ms) = rfc3339_ms(text) {
            return Ok(Self { ms, text: text.to_owned() });
        }
        let back_ms = units::long_millis(text).ok_or_else(|| {
            "a time looks like 2026-01-12T10:00:00Z, or like 2d, 12h or 30m before now".to_owned()
        })?;
        // To the second, as its text is, so that a saved plan means the same.
        let ms = now_ms.saturating_sub(back_ms) / 1_000 * 1_000;
        Ok(Self { ms, text: timestamp(ms) })
    }
}

/// Records that are asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Only {
    /// The record of this id.
    Id(RecordId),
    /// The records of an entity whose field has a value.
    Field {
        /// The entity.
        entity: String,
        /// The field.
        path: Path,
        /// The value, as text or as JSON.
        values: Vec<Leaf>,
    },
}

impl Only {
    /// Reads an id, or `entity:field=value`. A field is a JSON Pointer, or a plain name.
    ///
    /// # Errors
    ///
    /// A sentence that says what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let condition = text.split_once('=').and_then(|(left, value)| {
            left.split_once(':').map(|(entity, field)| (entity, field, value))
        });
        let Some((entity, field, value)) = condition else {
            return RecordId::new(text).map(Self::Id).map_err(|error| error.to_string());
        };
        let pointer = match field.starts_with('/') {
            true => field.to_owned(),
            false => format!("/{}", field.replace('.', "/")),
        };
        let path = Path::parse_field(&pointer).map_err(|error| error.to_string())?;
        let mut values = vec![Leaf::string(value)];
        values.extend(Leaf::parse(value).ok());
        Ok(Self::Field { entity: entity.to_owned(), path, values })
    }

    /// Returns the text that [`Only::parse`] reads as this.
    pub fn to_text(&self) -> String {
        match self {
            Self::Id(id) => id.to_string(),
            Self::Field { entity, path, values } => {
                let value = values.first().and_then(Leaf::as_string).unwrap_or_default();
                format!("{entity}:{path}={value}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_time_or_a_duration_before_now() {
        let now_ms = 1_768_212_330_999;
        #[rustfmt::skip]
        let cases = [
            ("2026-01-12T10:05:30Z",      Some((1_768_212_330_000, "2026-01-12T10:05:30Z"))),
            ("2026-01-12T11:05:30+01:00", Some((1_768_212_330_000, "2026-01-12T11:05:30+01:00"))),
            ("30s",                       Some((1_768_212_300_000, "2026-01-12T10:05:00Z"))),
            ("2d",                        Some((1_768_039_530_000, "2026-01-10T10:05:30Z"))),
            ("1w",                        Some((1_767_607_530_000, "2026-01-05T10:05:30Z"))),
            ("99999w",                    Some((0, "1970-01-01T00:00:00Z"))),
            ("2026-01-12", None), ("2026-01-12T10:05:30", None), ("yesterday", None), ("5", None),
        ];
        for (text, expected) in cases {
            let found = Since::before(text, now_ms).ok();
            let found = found.as_ref().map(|since| (since.ms, since.text.as_str()));
            assert_eq!(found, expected, "case: {text}");
        }
    }

    #[test]
    fn only_takes_an_id_or_a_field_with_a_value() {
        let id = |text: &str| Only::Id(RecordId::new(text).unwrap());
        let field = |entity: &str, path: &str, values: Vec<Leaf>| Only::Field {
            entity: entity.to_owned(),
            path: Path::parse(path).unwrap(),
            values,
        };
        let cases = [
            ("contact-001", id("contact-001")),
            ("a:b", id("a:b")),
            ("a=b", id("a=b")),
            (
                "contacts:category=business",
                field("contacts", "/category", vec![Leaf::string("business")]),
            ),
            (
                "tasks:/place/floor=3",
                field("tasks", "/place/floor", vec![Leaf::string("3"), Leaf::parse("3").unwrap()]),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(Only::parse(text).unwrap(), expected, "case: {text}");
        }
        assert!(Only::parse("").is_err());
    }
}
