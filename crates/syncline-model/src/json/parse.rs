//! From text to tree.

use super::error::JsonError;
use super::number::Number;
use super::raw;
use super::scan::Scanner;
use super::value::{Json, Object};

/// Reads one JSON value, strictly.
///
/// # Errors
///
/// A [`JsonError`] with the offset of the first fault, for anything that is not UTF-8 text of one
/// RFC 8259 value, for duplicate keys, lone surrogates, a byte order mark, too many levels and
/// numbers beyond the limits. What is not UTF-8 is reported before anything else, and a duplicate
/// key where its object ends. All are final.
pub fn parse(bytes: &[u8]) -> Result<Json, JsonError> {
    // The check comes first and is the one of `raw`, so that both refuse the same texts.
    raw::validate(bytes)?;
    read_value(&mut Scanner::strict(bytes)?)
}

/// Reads one value of a text that was validated.
pub(super) fn read_value(scanner: &mut Scanner<'_>) -> Result<Json, JsonError> {
    Ok(match scanner.peek()? {
        b'"' => {
            let token = scanner.string()?;
            Json::String(scanner.string_text(token)?.into_owned())
        }
        b'{' => Json::Object(read_object(scanner)?),
        b'[' => {
            let mut elements = Vec::new();
            let mut more = scanner.open_array()?;
            while more {
                elements.push(read_value(scanner)?);
                more = scanner.next_element()?;
            }
            Json::Array(elements)
        }
        b't' => {
            scanner.literal("true")?;
            Json::Bool(true)
        }
        b'f' => {
            scanner.literal("false")?;
            Json::Bool(false)
        }
        b'n' => {
            scanner.literal("null")?;
            Json::Null
        }
        _ => {
            let span = scanner.number()?;
            Json::Number(Number::from_checked(scanner.text(span)?))
        }
    })
}

fn read_object(scanner: &mut Scanner<'_>) -> Result<Object, JsonError> {
    let mut object = Object::new();
    let mut more = scanner.open_object()?;
    while more {
        let token = scanner.key()?;
        let key = scanner.string_text(token)?;
        object.insert(key, read_value(scanner)?);
        more = scanner.next_member()?;
    }
    Ok(object)
}
