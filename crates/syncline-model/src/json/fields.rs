//! A record as fields: pairs of a path and a leaf.
//!
//! Objects are descended into. Scalars, arrays and *empty* objects are leaves; an array is one
//! value and a key that looks like a number is a key. An empty record has no fields.
//!
//! # Example
//!
//! ```
//! use syncline_model::json::fields;
//!
//! let record = br#"{"name": {"first": "Ada"}, "tags": ["x"], "extra": {}}"#;
//! let flat = fields::flatten(record)?;
//! let paths: Vec<&str> = flat.iter().map(|(path, _)| path.as_str()).collect();
//! assert_eq!(paths, ["/extra", "/name/first", "/tags"]);
//! let again = fields::unflatten(flat.iter().map(|(path, leaf)| (path, leaf)))?;
//! assert_eq!(syncline_model::json::parse(record)?, again.into());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use thiserror::Error;

use super::error::JsonError;
use super::leaf::Leaf;
use super::raw;
use super::scan::Scanner;
use super::value::{Json, Object};
use crate::limits::{DEPTH_MAX, PATH_BYTES_MAX};
use crate::path::{Path, push_segment};

/// Why fields do not make a record.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FieldsError {
    /// The root was given as a field; it is the record itself.
    #[error("the root is not a field")]
    RootPath,
    /// Two fields have the same path, or one is inside the other.
    #[error("the fields `{outer}` and `{inner}` cannot both have a value")]
    Overlap {
        /// The field that is above the other, or the same.
        outer: Path,
        /// The field that is below the other, or the same.
        inner: Path,
    },
    /// The record would have more levels than a JSON text may have.
    #[error("the field `{path}` would be nested deeper than {DEPTH_MAX} levels")]
    TooDeep {
        /// The field.
        path: Path,
    },
}

impl FieldsError {
    /// Returns the stable code; codes are never renamed or used again.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RootPath => "FIELDS_ROOT_PATH",
            Self::Overlap { .. } => "FIELDS_OVERLAP",
            Self::TooDeep { .. } => "FIELDS_TOO_DEEP",
        }
    }

    /// Returns what the caller can do; trying again unchanged never helps.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::RootPath => "give the fields of the record one by one",
            Self::Overlap { .. } => "keep either the outer field or the inner one",
            Self::TooDeep { .. } => "nest the value less deeply",
        }
    }
}

/// Returns the fields of the object in `object_bytes`, sorted by path; paths are unique and none
/// is inside another.
///
/// # Errors
///
/// [`JsonError::NotAnObject`] if the text holds another value, [`JsonError::PathTooLong`] if keys
/// make a path beyond the limit, else as [`parse`](super::parse).
pub fn flatten(object_bytes: &[u8]) -> Result<Vec<(Path, Leaf)>, JsonError> {
    raw::validate(object_bytes)?;
    let mut fields = Vec::new();
    let mut scanner = Scanner::strict(object_bytes)?;
    flatten_members(&mut scanner, &mut String::new(), &mut fields)?;
    fields.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    Ok(fields)
}

/// Reads the object that begins here, whose path is `prefix`; tells whether it has members.
fn flatten_members(
    scanner: &mut Scanner<'_>,
    prefix: &mut String,
    fields: &mut Vec<(Path, Leaf)>,
) -> Result<bool, JsonError> {
    let has_members = scanner.open_object()?;
    let mut more = has_members;
    while more {
        let token = scanner.key()?;
        let offset = token.span.start;
        let prefix_bytes = prefix.len();
        push_segment(prefix, &scanner.string_text(token)?);
        let is_leaf = scanner.peek()? != b'{';
        if is_leaf {
            let leaf = Leaf::read(scanner)?;
            fields.push((field_path(prefix, offset)?, leaf));
        } else if !flatten_members(scanner, prefix, fields)? {
            fields.push((field_path(prefix, offset)?, Leaf::empty_object()));
        }
        prefix.truncate(prefix_bytes);
        more = scanner.next_member()?;
    }
    Ok(has_members)
}

/// Returns where the key of the first value begins to which too long a path leads; nothing if there is
/// none, or if the text is no object.
///
/// Tells beforehand, for less, whether [`flatten`] would fail with [`JsonError::PathTooLong`].
pub fn overlong_path(object_bytes: &[u8]) -> Option<usize> {
    // A byte of a key takes two at most in a path.
    if object_bytes.len() <= PATH_BYTES_MAX / 2 {
        return None;
    }
    let mut scanner = Scanner::strict(object_bytes).ok()?;
    match measure_members(&mut scanner, 0) {
        Err(JsonError::PathTooLong { offset }) => Some(offset),
        _ => None,
    }
}

/// As [`flatten_members`], of which only the length of the paths counts.
///
/// - `prefix_bytes`: the length of the path of the object that begins here.
fn measure_members(scanner: &mut Scanner<'_>, prefix_bytes: usize) -> Result<bool, JsonError> {
    let has_members = scanner.open_object()?;
    let mut more = has_members;
    while more {
        let token = scanner.key()?;
        let offset = token.span.start;
        let mut segment = String::new();
        push_segment(&mut segment, &scanner.string_text(token)?);
        let bytes = prefix_bytes + segment.len();
        let is_leaf = scanner.peek()? != b'{';
        if is_leaf {
            scanner.skip_value()?;
        }
        let is_field = is_leaf || !measure_members(scanner, bytes)?;
        if is_field && bytes > PATH_BYTES_MAX {
            return Err(JsonError::PathTooLong { offset });
        }
        more = scanner.next_member()?;
    }
    Ok(has_members)
}

/// Returns the fields of an object, as [`flatten`] does for its text.
///
/// # Errors
///
/// [`JsonError::PathTooLong`] and [`JsonError::TooDeep`]; the latter never for an object that was
/// read from a text. Their offset is 0.
pub fn flatten_json(object: &Object) -> Result<Vec<(Path, Leaf)>, JsonError> {
    let mut fields = Vec::new();
    flatten_object(object, 1, &mut String::new(), &mut fields)?;
    fields.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    Ok(fields)
}

fn flatten_object(
    object: &Object,
    level: usize,
    prefix: &mut String,
    fields: &mut Vec<(Path, Leaf)>,
) -> Result<(), JsonError> {
    let too_deep = JsonError::TooDeep { offset: 0 };
    if level > DEPTH_MAX {
        return Err(too_deep);
    }
    for (key, value) in object.iter() {
        let prefix_bytes = prefix.len();
        push_segment(prefix, key);
        match value {
            Json::Object(inner) if !inner.is_empty() => {
                flatten_object(inner, level + 1, prefix, fields)?;
            }
            value => {
                let leaf = Leaf::from_json(value).map_err(|_| too_deep)?;
                if level + leaf.levels() > DEPTH_MAX {
                    return Err(too_deep);
                }
                fields.push((field_path(prefix, 0)?, leaf));
            }
        }
        prefix.truncate(prefix_bytes);
    }
    Ok(())
}

/// Makes the path of a field. Its text was made by [`push_segment`] and its levels were counted.
fn field_path(pointer: &str, offset: usize) -> Result<Path, JsonError> {
    if pointer.len() > PATH_BYTES_MAX {
        return Err(JsonError::PathTooLong { offset });
    }
    Ok(Path::from_checked(pointer))
}

/// Returns the object that has these fields; its members are in the order in which they come.
///
/// `unflatten(flatten(x))` is `x`.
///
/// # Errors
///
/// [`FieldsError::RootPath`], [`FieldsError::Overlap`] if a path is given twice or is inside
/// another, [`FieldsError::TooDeep`] if the object could not be read back from its text.
pub fn unflatten<'f>(
    fields: impl IntoIterator<Item = (&'f Path, &'f Leaf)>,
) -> Result<Object, FieldsError> {
    let fields: Vec<(&Path, &Leaf)> = fields.into_iter().collect();
    check_paths(&fields)?;
    let mut object = Object::new();
    for (path, leaf) in fields {
        let mut inner = &mut object;
        let mut segments = path.segments().peekable();
        while let Some(key) = segments.next() {
            if segments.peek().is_none() {
                inner.insert(key, leaf.to_json());
                break;
            }
            inner = inner.object_at(&key);
        }
    }
    Ok(object)
}

/// Checks that the fields can stand in one object.
fn check_paths(fields: &[(&Path, &Leaf)]) -> Result<(), FieldsError> {
    for &(path, leaf) in fields {
        if path.is_root() {
            return Err(FieldsError::RootPath);
        }
        if path.depth() + leaf.levels() > DEPTH_MAX {
            return Err(FieldsError::TooDeep { path: path.clone() });
        }
    }
    let mut paths: Vec<&Path> = fields.iter().map(|(path, _)| *path).collect();
    paths.sort_unstable();
    // What is inside a path follows it directly in their order.
    let mut neighbours = paths.iter().zip(paths.iter().skip(1));
    match neighbours.find(|(outer, inner)| outer.is_prefix_of(inner)) {
        Some((&outer, &inner)) => {
            Err(FieldsError::Overlap { outer: outer.clone(), inner: inner.clone() })
        }
        None => Ok(()),
    }
}
