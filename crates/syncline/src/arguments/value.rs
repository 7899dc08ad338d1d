//! Values as people write them: `100MB`, `5m`, `contacts:category=business`.

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

/// Reads the id of a record.
///
/// # Errors
///
/// A sentence that says what an id looks like.
pub fn id(text: &str) -> Result<RecordId, String> {
    RecordId::new(text).map_err(|error| error.to_string())
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
