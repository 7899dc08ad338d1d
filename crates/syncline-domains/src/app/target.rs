//! A URL that may be sent to, read strictly: what two programs could understand in two ways is refused.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

use crate::limits::APP_URL_BYTES_MAX;

/// Longest name of a host, in bytes. Source: RFC 1035 §2.3.4, without the last full stop.
const HOST_BYTES_MAX: usize = 253;
/// Longest label of it, in bytes.
const LABEL_BYTES_MAX: usize = 63;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    is_encrypted: bool,
    host: Host,
    port: u16,
    /// Path and query, beginning with a slash.
    path: Box<str>,
}

/// The host of a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Host {
    /// A name that has to be looked up, in small letters.
    Name(Box<str>),
    /// An address that was written out.
    Address(IpAddr),
}

/// Why a text is no URL that may be sent to. Nothing of the text is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TargetError {
    /// It is longer than any URL that may be sent to.
    #[error("a URL has at most {APP_URL_BYTES_MAX} bytes")]
    TooLong,
    /// It is neither `https://` nor `http://`.
    #[error("a URL begins with `https://` or `http://`")]
    Scheme,
    /// It holds a character that no URL holds, such as a blank, a backslash or one beyond ASCII.
    #[error(
        "a URL holds the visible characters of ASCII only, and no backslash, quotes or brackets of other kinds"
    )]
    Character,
    /// It holds a user or a password.
    #[error("a URL holds no user and no password")]
    UserInfo,
    /// It has a part behind `#`, which is never sent.
    #[error("a URL that is sent to has no part behind `#`")]
    Fragment,
    /// The host is no name and no address.
    #[error("the host is neither a name nor an address")]
    Host,
    /// The host is an address in a form that not everybody reads alike, such as `0x7f.1` or `2130706433`.
    #[error(
        "an address is written as four numbers from 0 to 255 without leading zeros, or in brackets"
    )]
    OddAddress,
    /// The port is none.
    #[error("a port is a number from 1 to 65535")]
    Port,
}

impl TargetError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong
            | Self::Scheme
            | Self::Character
            | Self::UserInfo
            | Self::Fragment
            | Self::Host
            | Self::OddAddress
            | Self::Port => "ENDPOINT_URL_INVALID",
        }
    }
}

impl Target {
    /// Reads `https://host[:port][/path][?query]` or `http://…`.
    ///
    /// Whether it may be reached is for a [`Guard`](super::Guard) to say.
    ///
    /// # Errors
    ///
    /// [`TargetError`]: what would have been right.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        if text.len() > APP_URL_BYTES_MAX {
            return Err(TargetError::TooLong);
        }
        let (is_encrypted, rest) = match text.strip_prefix("https://") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("http://").ok_or(TargetError::Scheme)?),
        };
        let is_odd = |c: char| !c.is_ascii_graphic() || "\"<>\\^`{|}".contains(c);
        if rest.contains(is_odd) {
            return Err(TargetError::Character);
        }
        if rest.contains('#') {
            return Err(TargetError::Fragment);
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(TargetError::UserInfo);
        }
        let (host, port) = parted(authority)?;
        let usual = if is_encrypted { 443 } else { 80 };
        let port = port.map_or(Ok(usual), port_of)?;
        let path = if path.starts_with('/') { path.into() } else { format!("/{path}").into() };
        Ok(Self { is_encrypted, host: host_of(host)?, port, path })
    }

    /// Returns whether requests are encrypted.
    pub const fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// Returns the port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns the host as it stands in the header `Host`, with its port unless it is the usual one.
    pub fn authority(&self) -> String {
        match (self.is_encrypted, self.port) {
            (true, 443) | (false, 80) => self.host.to_string(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }

    pub(super) const fn host(&self) -> &Host {
        &self.host
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Parts host and port; brackets stay with the host.
fn parted(authority: &str) -> Result<(&str, Option<&str>), TargetError> {
    if let Some(end) = authority.find(']') {
        let (host, rest) = authority.split_at(end + 1);
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(TargetError::Host),
        };
    }
    if authority.starts_with('[') {
        return Err(TargetError::Host);
    }
    match authority.split_once(':') {
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}

fn port_of(text: &str) -> Result<u16, TargetError> {
    let is_number = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = is_number.then(|| text.parse().ok()).flatten();
    port.filter(|port| *port > 0).ok_or(TargetError::Port)
}

fn host_of(text: &str) -> Result<Host, TargetError> {
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or(TargetError::Host)?;
        let address: Ipv6Addr = inner.parse().map_err(|_| TargetError::Host)?;
        return Ok(Host::Address(IpAddr::V6(address)));
    }
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_label =
        |label: &str| (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.bytes().all(is_letter);
    if text.len() > HOST_BYTES_MAX || !text.split('.').all(is_label) {
        return Err(TargetError::Host);
    }
    // Whatever ends in a number is an address, in one of the forms of the C library: `127.1`, `0x7f000001`,
    // `017700000001`. Only the one form that everybody reads alike is taken.
    let last = text.rsplit('.').next().unwrap_or_default();
    let is_hex = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let in_hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    if last.bytes().all(|byte| byte.is_ascii_digit()) || in_hex.is_some_and(is_hex) {
        let address: Ipv4Addr = text.parse().map_err(|_| TargetError::OddAddress)?;
        return Ok(Host::Address(IpAddr::V4(address)));
    }
    Ok(Host::Name(text.to_ascii_lowercase().into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is refused, and why.
    #[rustfmt::skip]
    const REFUSED: &[(&str, TargetError)] = &[
        ("ftp://example.com",                   TargetError::Scheme),
        ("HTTPS://example.com",                 TargetError::Scheme),
        ("//example.com",                       TargetError::Scheme),
        ("https:/example.com",                  TargetError::Scheme),
        (" https://example.com",                TargetError::Scheme),
        ("https://example.com /",               TargetError::Character),
        ("https://example.com\t/",              TargetError::Character),
        ("https://a/\r\nHost: b",               TargetError::Character),
        ("https://example.com\\@evil.com/",     TargetError::Character),
        ("https://exämple.com",                 TargetError::Character),
        ("https://ｅxample.com",                 TargetError::Character),
        ("https://127。0。0。1",                   TargetError::Character),
        ("https://example.com/#a",              TargetError::Fragment),
        ("https://example.com#@evil.com/",      TargetError::Fragment),
        ("https://user@example.com",            TargetError::UserInfo),
        ("https://user:word@example.com",       TargetError::UserInfo),
        ("https://@example.com",                TargetError::UserInfo),
        ("https://",                            TargetError::Host),
        ("https:///a",                          TargetError::Host),
        ("https://:443/",                       TargetError::Host),
        ("https://example..com",                TargetError::Host),
        ("https://example.com./",               TargetError::Host),
        ("https://exa%6dple.com",               TargetError::Host),
        ("https://[::1",                        TargetError::Host),
        ("https://::1/",                        TargetError::Port),
        ("https://[::1]x/",                     TargetError::Host),
        ("https://[fe80::1%25eth0]/",           TargetError::Host),
        ("https://[127.0.0.1]/",                TargetError::Host),
        ("http://2130706433",                   TargetError::OddAddress),
        ("http://0x7f000001",                   TargetError::OddAddress),
        ("http://0X7F000001",                   TargetError::OddAddress),
        ("http://017700000001",                 TargetError::OddAddress),
        ("http://127.1",                        TargetError::OddAddress),
        ("http://0x7f.0.0.1",                   TargetError::OddAddress),
        ("http://127.0.0.0x1",                  TargetError::OddAddress),
        ("http://127.0.0.0x",                   TargetError::OddAddress),
        ("http://0177.0.0.1",                   TargetError::OddAddress),
        ("http://127.0.0.01",                   TargetError::OddAddress),
        ("http://127.0.0.256",                  TargetError::OddAddress),
        ("http://evil.com.1",                   TargetError::OddAddress),
        ("https://example.com:",                TargetError::Port),
        ("https://example.com:0",               TargetError::Port),
        ("https://example.com:65536",           TargetError::Port),
        ("https://example.com:+80",             TargetError::Port),
        ("https://example.com:80:80",           TargetError::Port),
        ("https://example.com:000080",          TargetError::Port),
    ];

    #[test]
    fn a_url_is_read_in_the_one_way_that_everybody_reads_it_or_refused() {
        let told = |text: &str| {
            let target = Target::parse(text)?;
            Ok(format!("{} {} {}", target.authority(), target.port(), target.path()))
        };
        let long = format!("https://a/{}", "x".repeat(2_048));
        let host = format!("https://{}", ["x"; 127].join("."));
        let (label, long_label) =
            (format!("https://{}", "x".repeat(63)), format!("https://{}", "x".repeat(64)));
        let label_told = format!("{} 443 /", "x".repeat(63));
        let host_told = format!("{} 443 /", ["x"; 127].join("."));
        let host_long = format!("{host}.y");
        let is = |text: &str| Ok(text.to_owned());
        #[rustfmt::skip]
        let cases = [
            ("https://example.com",                 is("example.com 443 /")),
            ("https://Example.COM/Hook?a=%20",      is("example.com 443 /Hook?a=%20")),
            ("https://example.com:443/a",           is("example.com 443 /a")),
            ("https://example.com:8443?x",          is("example.com:8443 8443 /?x")),
            ("http://example.com:443",              is("example.com:443 443 /")),
            ("http://127.0.0.1:8080/a@b",           is("127.0.0.1:8080 8080 /a@b")),
            ("http://[::1]",                        is("[::1] 80 /")),
            ("https://[2001:DB8::1]:8443/",         is("[2001:db8::1]:8443 8443 /")),
            ("https://[::ffff:127.0.0.1]/",         is("[::ffff:127.0.0.1] 443 /")),
            ("https://a_b.example-c.com",           is("a_b.example-c.com 443 /")),
            ("https://1password.com",               is("1password.com 443 /")),
            (label.as_str(),                        Ok(label_told)),
            (host.as_str(),                         Ok(host_told)),
            (host_long.as_str(),                    Err(TargetError::Host)),
            (long_label.as_str(),                   Err(TargetError::Host)),
            (long.as_str(),                         Err(TargetError::TooLong)),
        ];
        for (text, expected) in cases {
            assert_eq!(told(text), expected, "case: {text}");
        }
        for (text, reason) in REFUSED {
            assert_eq!(told(text), Err(*reason), "case: {text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "https?://[a-z0-9.:@/\\[\\]%#?x-]{0,30}") {
            if let Ok(target) = Target::parse(&text) {
                let scheme = if target.is_encrypted() { "https" } else { "http" };
                let again = format!("{scheme}://{}{}", target.authority(), target.path());
                prop_assert_eq!(Target::parse(&again), Ok(target));
            }
        }
    }
}
