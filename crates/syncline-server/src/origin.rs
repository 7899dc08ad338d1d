//! From where a request comes, as its browser says. A program that is no browser can say what it likes: what it is
//! asked for is its token.

use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderName, HeaderValue, header};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whose page asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// One of this server.
    Own,
    /// One of another server, or of another port.
    Other,
    /// Nothing is said of it: no page asks, or an old browser reads.
    Unknown,
}

impl Page {
    /// Returns whose page asks. What the browser says of itself in `Sec-Fetch-Site` counts; where it is silent,
    /// which it is without encryption, `Origin` is compared with the server that was asked.
    pub(crate) fn of(parts: &Parts) -> Self {
        let mut sites = parts.headers.get_all(FETCH_SITE).iter();
        match (sites.next().map(HeaderValue::as_bytes), sites.next()) {
            (Some(b"same-origin"), None) => return Self::Own,
            // An address that somebody has typed.
            (Some(b"none"), None) => return Self::Unknown,
            (Some(_), _) => return Self::Other,
            (None, _) => {}
        }
        let mut origins = parts.headers.get_all(header::ORIGIN).iter();
        let origin = match (origins.next(), origins.next()) {
            (None, _) => return Self::Unknown,
            (Some(origin), None) => origin.to_str().unwrap_or_default(),
            _ => return Self::Other,
        };
        let host = origin.split_once("://").map(|(_, host)| host);
        let asked = parts.uri.authority().map(Authority::as_str);
        let asked = asked.or_else(|| parts.headers.get(header::HOST)?.to_str().ok());
        match host.zip(asked) {
            Some((host, asked)) if host.eq_ignore_ascii_case(asked) => Self::Own,
            _ => Self::Other,
        }
    }

    /// Returns whether the page that asks has come over an encrypted connection, as its browser says: something
    /// in front of this server may encrypt.
    pub(crate) fn is_encrypted(parts: &Parts) -> bool {
        let origin = parts.headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
        origin.is_some_and(|origin| origin.starts_with(b"https://"))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[test]
    fn only_a_page_of_the_server_itself_is_its_own() {
        let cases: [(&[(&str, &str)], Page); 14] = [
            (&[], Page::Unknown),
            (&[("sec-fetch-site", "same-origin")], Page::Own),
            (&[("sec-fetch-site", "same-origin"), ("origin", "https://front.example")], Page::Own),
            (&[("sec-fetch-site", "none")], Page::Unknown),
            (&[("sec-fetch-site", "same-site")], Page::Other),
            (&[("sec-fetch-site", "cross-site"), ("origin", "http://hub:8787")], Page::Other),
            (&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none")], Page::Other),
            (&[("origin", "http://hub:8787")], Page::Own),
            (&[("origin", "https://HUB:8787")], Page::Own),
            (&[("origin", "http://hub:8788")], Page::Other),
            (&[("origin", "http://hub")], Page::Other),
            (&[("origin", "http://evil.example?hub:8787")], Page::Other),
            (&[("origin", "null")], Page::Other),
            (&[("origin", "http://hub:8787"), ("origin", "http://evil")], Page::Other),
        ];
        for (headers, expected) in cases {
            let mut request = Request::builder().uri("/v1/session").header("host", "hub:8787");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(Page::of(&parts), expected, "{headers:?}");
        }
        let request = Request::builder().uri("https://hub/v1").header("origin", "https://hub");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(Page::of(&parts), Page::Own, "HTTP/2 has no header Host");
    }
}
