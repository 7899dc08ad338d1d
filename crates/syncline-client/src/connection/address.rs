//! Where a hub is.

use crate::error::ClientError;

/// Returns the address of a hub's live connection, given the hub's own.
///
/// # Errors
///
/// [`ClientError::Address`] if it is none.
pub(super) fn live_address(url: &str) -> Result<String, ClientError> {
    let (scheme, rest) = url.split_once("://").ok_or(ClientError::Address)?;
    let scheme = match scheme {
        "http" => "ws",
        "https" => "wss",
        _ => return Err(ClientError::Address),
    };
    let rest = rest.trim_end_matches('/');
    let host = rest.split('/').next().unwrap_or_default();
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '@');
    if host.is_empty() || rest.chars().any(is_odd) {
        return Err(ClientError::Address);
    }
    Ok(format!("{scheme}://{rest}/v1/live"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_live_connection_is_below_the_address_of_the_hub() {
        let cases = [
            ("http://127.0.0.1:8787", Some("ws://127.0.0.1:8787/v1/live")),
            ("http://127.0.0.1:8787/", Some("ws://127.0.0.1:8787/v1/live")),
            ("https://sync.example/h/shop", Some("wss://sync.example/h/shop/v1/live")),
            ("ftp://sync.example", None),
            ("sync.example", None),
            ("https://", None),
            ("https://user@sync.example", None),
            ("https://sync.example/?token=1", None),
        ];
        for (url, expected) in cases {
            assert_eq!(live_address(url).ok().as_deref(), expected, "case: {url}");
        }
    }
}
