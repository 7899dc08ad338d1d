//! Building answers.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use syncline_model::json::Json;

use crate::problem::Problem;

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// What a route answers.
pub(crate) type Answer = Result<Response<Body>, Problem>;

/// Answers a JSON document.
pub(crate) fn json(status: StatusCode, document: &Json) -> Answer {
    json_text(status, document.to_compact_string())
}

/// Answers a text that is JSON.
pub(crate) fn json_text(status: StatusCode, document: String) -> Answer {
    let mut response = text(status, "application/json", document)?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Answers a text.
pub(super) fn text(status: StatusCode, media_type: &'static str, text: impl Into<Body>) -> Answer {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    Ok(response)
}

/// Answers nothing.
pub(super) fn nothing() -> Answer {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// Says that a request was carried out before.
pub(super) fn replayed(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
