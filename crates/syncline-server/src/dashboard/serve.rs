//! How the files of the dashboard are answered.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};

use super::files::{File, Files, Found};
use crate::problem::{Problem, Refusal};
use crate::router::refused;
use crate::state::State;

/// Where it is.
const PATH: &str = "/dashboard/";
/// What it is called in figures.
const NAME: &str = "dashboard";
/// What a page of it may do: load what stands beside it, ask the server that it is of, and nothing else. No script and
/// no style within the page, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; font-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";
/// Headers that every answer has.
const HEADERS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::VARY, "accept-encoding"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];
/// For a file whose name says what is in it.
const FOR_GOOD: &str = "public, max-age=31536000, immutable";
/// For all others: asked for each time, and answered with nothing if it is the same.
const EACH_TIME: &str = "no-cache";

/// Returns the paths of the dashboard, and the way to it from the server's own address.
pub(crate) fn routes(state: &Arc<State>) -> Router {
    let answered = |state: &Arc<State>| {
        let state = Arc::clone(state);
        move |path: Option<Path<String>>, request: Request| {
            let path = path.map(|Path(path)| path).unwrap_or_default();
            std::future::ready(answer(&state, &path, request.headers()))
        }
    };
    let moved = || async { (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, PATH)]) };
    let only_shown = |shown: MethodRouter| {
        let state = Arc::clone(state);
        shown.fallback(move || {
            let problem = Problem::from(Refusal::MethodNotAllowed);
            let problem = problem.with_header(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            std::future::ready(refused(&state, NAME, problem))
        })
    };
    Router::new()
        .route("/", only_shown(get(moved)))
        .route("/dashboard", only_shown(get(moved)))
        .route(PATH, only_shown(get(answered(state))))
        .route("/dashboard/{*path}", only_shown(get(answered(state))))
}

fn answer(state: &State, path: &str, asked: &HeaderMap) -> Response<Body> {
    let started = Instant::now();
    let mut response = match Files::of_binary().find(path) {
        None => refused(state, NAME, Refusal::RouteUnknown.into()),
        Some(found) => {
            let response = shown(&found, asked);
            state.metrics.answered(NAME, response.status().as_u16(), started.elapsed());
            response
        }
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn shown(Found { file, is_for_good }: &Found, asked: &HeaderMap) -> Response<Body> {
    let tag = file.tag();
    let known = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known.flat_map(|value| value.split(',')).any(|known| known.trim() == tag);
    let mut response = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => encoded(file, asked),
    };
    let headers = response.headers_mut();
    headers.extend(HeaderValue::try_from(tag).ok().map(|tag| (header::ETAG, tag)));
    let caching = if *is_for_good { FOR_GOOD } else { EACH_TIME };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    response
}

/// Answers a file in the shortest form that is read by who asks.
fn encoded(file: &File, asked: &HeaderMap) -> Response<Body> {
    let forms = [("br", file.brotli), ("gzip", file.gzip)];
    let forms = forms.into_iter().filter_map(|(coding, bytes)| Some((coding, bytes?)));
    let form = forms.into_iter().find(|(coding, _)| accepts(asked, coding));
    let mut response = Response::new(Body::from(form.map_or(file.bytes, |(_, bytes)| bytes)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.media_type()));
    if let Some((coding, _)) = form {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}

/// Returns whether who asks reads a coding (RFC 9110, 12.5.3): it is named, and not with the weight 0.
fn accepts(asked: &HeaderMap, coding: &str) -> bool {
    let named = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|one| one.to_str().ok());
    named.flat_map(|named| named.split(',')).any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        let weight = weight.trim().strip_prefix("q=").map_or("1", str::trim);
        name.trim().eq_ignore_ascii_case(coding) && weight.parse().is_ok_and(|q: f32| q > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    static FILE: File = File {
        name: "assets/index-abc.js",
        bytes: b"plain",
        brotli: Some(b"brotli"),
        gzip: Some(b"gzip"),
    };

    fn asked(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_shortest_form_that_is_read_is_sent() {
        let cases = [
            ("gzip, deflate, br, zstd", Some("br")),
            ("gzip", Some("gzip")),
            ("br;q=0, GZIP;q=0.5", Some("gzip")),
            ("brotli", None),
            ("gzip;q=nonsense", None),
            ("", None),
        ];
        for (value, expected) in cases {
            let found = Found { file: &FILE, is_for_good: true };
            let response = shown(&found, &asked(header::ACCEPT_ENCODING, value));
            let coding = response.headers().get(header::CONTENT_ENCODING);
            assert_eq!(coding.map(|coding| coding.to_str().unwrap()), expected, "{value}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
            assert_eq!(response.headers()[header::CACHE_CONTROL], FOR_GOOD);
        }
    }

    #[test]
    fn what_is_known_already_is_not_sent_again() {
        let found = Found { file: &FILE, is_for_good: false };
        let first = shown(&found, &HeaderMap::new());
        assert_eq!(
            (first.status(), &first.headers()[header::CACHE_CONTROL]),
            (StatusCode::OK, &HeaderValue::from_static(EACH_TIME))
        );
        let tag = first.headers()[header::ETAG].clone();
        let again = shown(&found, &HeaderMap::from_iter([(header::IF_NONE_MATCH, tag.clone())]));
        assert_eq!(
            (again.status(), &again.headers()[header::ETAG]),
            (StatusCode::NOT_MODIFIED, &tag)
        );
        let other = shown(&found, &asked(header::IF_NONE_MATCH, "W/\"other\""));
        assert_eq!(other.status(), StatusCode::OK);
    }
}
