//! The cookie of a session.

use axum::http::{HeaderMap, header};

/// What every one is called, before the hub's name.
const NAME: &str = "syncline_session";
/// Before the name of one that only encrypted connections carry, and no other host can have set.
const HOST: &str = "__Host-";
/// Most bytes of cookies that are looked through: browsers send a few kilobytes.
const COOKIES_BYTES_MAX: usize = 16 << 10;

/// The cookie of the sessions of one hub: each hub has a name of its own for it, so that one may be signed in to
/// several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cookie {
    name: String,
    is_encrypted: bool,
}

impl Cookie {
    /// Returns the one of a hub.
    ///
    /// - `hub`: `None` for the default one.
    pub(crate) fn of(hub: Option<&str>, is_encrypted: bool) -> Self {
        let host = if is_encrypted { HOST } else { "" };
        let name = match hub {
            None => format!("{host}{NAME}"),
            Some(hub) => format!("{host}{NAME}.{hub}"),
        };
        Self { name, is_encrypted }
    }

    /// Returns what has a browser keep a value for so long; none for no time.
    pub(crate) fn set(&self, value: &str, seconds: u64) -> String {
        let secure = if self.is_encrypted { "; Secure" } else { "" };
        let name = &self.name;
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}")
    }

    /// Returns the value that was sent for a hub: of two, the one that only encrypted connections carry.
    pub(crate) fn sent<'h>(headers: &'h HeaderMap, hub: Option<&str>) -> Option<&'h str> {
        let sent = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut left = COOKIES_BYTES_MAX;
        let lines: Vec<&str> = sent
            .take_while(|line| {
                let fits = line.len() <= left;
                left = left.saturating_sub(line.len());
                fits
            })
            .collect();
        let value = |name: &str| {
            let pairs = lines.iter().flat_map(|line| line.split(';'));
            let mut pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
            pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
        };
        let named = |is_encrypted| value(&Self::of(hub, is_encrypted).name);
        named(true).or_else(|| named(false)).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn each_hub_has_its_own_and_the_encrypted_one_comes_first() {
        let mut headers = HeaderMap::new();
        let line = "a=b; syncline_session=plain; syncline_session.shop=shop";
        headers.append(header::COOKIE, HeaderValue::from_static(line));
        assert_eq!(Cookie::sent(&headers, None), Some("plain"));
        assert_eq!(Cookie::sent(&headers, Some("shop")), Some("shop"));
        assert_eq!(Cookie::sent(&headers, Some("other")), None);
        let line = "__Host-syncline_session=safe; __Host-syncline_session.shop=";
        headers.append(header::COOKIE, HeaderValue::from_static(line));
        assert_eq!(Cookie::sent(&headers, None), Some("safe"));
        let long = format!("x={}", "y".repeat(COOKIES_BYTES_MAX));
        headers.insert(header::COOKIE, HeaderValue::from_str(&long).unwrap());
        headers.append(header::COOKIE, HeaderValue::from_static("syncline_session=late"));
        assert_eq!(Cookie::sent(&headers, None), None);
    }

    #[test]
    fn a_browser_sends_it_to_nobody_else_and_shows_it_to_no_script() {
        let set = Cookie::of(None, true).set("abc", 60);
        let expected =
            "__Host-syncline_session=abc; Path=/; HttpOnly; SameSite=Strict; Max-Age=60; Secure";
        assert_eq!(set, expected);
        let set = Cookie::of(Some("shop"), false).set("", 0);
        assert_eq!(set, "syncline_session.shop=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    }
}
