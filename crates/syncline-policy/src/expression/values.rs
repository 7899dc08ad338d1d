//! Field values as the language sees them, and its answers as field values.

use std::sync::Arc;

use cel::Value;
use syncline_model::json::{Json, Leaf, Number};

use crate::limits::{EXPRESSION_INPUT_SIZE_MAX, EXPRESSION_LIST_MAX, EXPRESSION_VALUES_MAX};

/// Returns the values as one list; `None` if they are too many, too large, or cannot be said
/// exactly.
///
/// Numbers are whole numbers of 64 bits where all of them are whole, else all of them are doubles:
/// so that `10` and `10.5` can be added. A number that a double does not hold exactly has no place
/// here, nor has an object: its members would be visited in no particular order.
pub(super) fn from_leaves(leaves: &[&Leaf]) -> Option<Value> {
    if leaves.len() > EXPRESSION_VALUES_MAX {
        return None;
    }
    let size: usize = leaves.iter().map(|leaf| leaf.as_str().len()).sum();
    if size > EXPRESSION_INPUT_SIZE_MAX {
        return None;
    }
    let values: Vec<Json> = leaves.iter().map(|leaf| leaf.to_json()).collect();
    let whole = values.iter().all(is_whole);
    let values = values.iter().map(|value| from_json(value, whole));
    Some(Value::List(Arc::new(values.collect::<Option<Vec<_>>>()?)))
}

fn is_whole(value: &Json) -> bool {
    match value {
        Json::Number(number) => number.to_i64().is_some(),
        Json::Array(items) => items.iter().all(is_whole),
        _ => true,
    }
}

fn from_json(value: &Json, whole: bool) -> Option<Value> {
    Some(match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) if whole => Value::Int(number.to_i64()?),
        Json::Number(number) => Value::Float(double(number)?),
        Json::String(text) => Value::String(Arc::new(text.to_string())),
        Json::Array(items) if items.len() <= EXPRESSION_LIST_MAX => {
            let items = items.iter().map(|item| from_json(item, whole));
            Value::List(Arc::new(items.collect::<Option<Vec<_>>>()?))
        }
        Json::Array(_) | Json::Object(_) => return None,
    })
}

/// Returns the double that is written as this number, if there is one.
pub(super) fn double(number: &Number) -> Option<f64> {
    let double: f64 = number.as_str().parse().ok()?;
    (from_double(double)? == *number).then_some(double)
}

/// Returns the shortest number that is read back as this double; `None` for what is no number.
fn from_double(double: f64) -> Option<Number> {
    double.is_finite().then(|| Number::parse(&double.to_string()).ok())?
}

/// Returns an answer as a field value, if it is one.
pub(super) fn to_leaf(value: &Value) -> Option<Leaf> {
    Leaf::from_json(&to_json(value)?).ok()
}

pub(super) fn to_json(value: &Value) -> Option<Json> {
    Some(match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(number) => Json::Number(Number::from(*number)),
        Value::UInt(number) => Json::Number(Number::from(*number)),
        Value::Float(number) => Json::Number(from_double(*number)?),
        Value::String(text) => Json::String(text.as_str().into()),
        Value::List(items) => Json::Array(items.iter().map(to_json).collect::<Option<Vec<_>>>()?),
        _ => return None,
    })
}
