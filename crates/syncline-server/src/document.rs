//! Building JSON documents.

use syncline_model::json::{Json, Object};
use syncline_protocol::time::format_time;

use crate::access::now_ms;

/// Returns an object with these members, in this order.
pub(crate) fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    let mut object = Object::new();
    for (key, value) in members {
        object.insert(key, value);
    }
    Json::Object(object)
}

/// Returns an array of texts.
pub(crate) fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Json {
    Json::Array(texts.into_iter().map(|text| Json::from(text.as_ref())).collect())
}

/// Returns a document as spec 004's routes answer it: with the time of the answer.
pub(crate) fn enveloped(data: Json) -> Json {
    let metadata = object([("timestamp", format_time(now_ms()).into()), ("version", "1.0".into())]);
    object([("data", data), ("metadata", metadata)])
}
