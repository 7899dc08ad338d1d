//! Which addresses and ports may be reached.

use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

use super::address::AddressKind;
use super::subnet::{Subnet, SubnetError};
use super::target::{Host, Target};
use crate::limits::APP_PORTS;

/// What may be reached: the internet, on the usual ports, encrypted; more only if it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// Whether a URL may begin with `http://` wherever it leads.
    pub is_plain_allowed: bool,
    /// Whether this machine may be reached, on any port. Then it may be reached without encryption as well.
    pub is_loopback_allowed: bool,
    /// The ports that may be reached.
    pub ports: Vec<u16>,
    /// Networks that may be reached although they are not public; without encryption as well.
    pub networks: Vec<Network>,
}

/// A network that somebody has named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its addresses.
    pub subnet: Subnet,
    /// A port that may be reached there beside the usual ones.
    pub port: Option<u16>,
}

/// Why something may not be reached. It says what would have to be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The URL begins with `http://`.
    #[error(
        "plain http reaches only networks that are named: `serve --deliver-to loopback` or `--deliver-to NETWORK`; use https"
    )]
    Plain,
    /// The port is none of those that are allowed.
    #[error(
        "the port {port} is none of 80, 443, 8080 and 8443; another one is reached in networks that are named with it: `serve --deliver-to NETWORK:{port}`"
    )]
    Port {
        /// The port.
        port: u16,
    },
    /// The host has an address that is not public.
    #[error(
        "the host has an address that is {}; such addresses are reached only in networks that are named: `serve --deliver-to loopback` or `--deliver-to NETWORK`",
        kind.as_str()
    )]
    Address {
        /// What the address is for.
        kind: AddressKind,
    },
}

impl Refusal {
    /// Returns the stable code of the refusal.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Plain | Self::Port { .. } | Self::Address { .. } => "DELIVERY_ADDRESS_REFUSED",
        }
    }
}

impl FromStr for Network {
    type Err = SubnetError;

    /// Reads a subnet, or a subnet and a port: `10.0.0.0/8:3000`, `10.0.0.7:3000`, `fd00::/8:3000`, `[fd00::7]:3000`.
    fn from_str(text: &str) -> Result<Self, SubnetError> {
        if let Ok(subnet) = text.parse() {
            return Ok(Self { subnet, port: None });
        }
        let (subnet, port) = text.rsplit_once(':').ok_or(SubnetError)?;
        let bare = subnet.strip_prefix('[').and_then(|subnet| subnet.strip_suffix(']'));
        let port = Some(port).filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
        let port = port.and_then(|port| port.parse().ok()).filter(|port| *port > 0);
        let subnet = bare.unwrap_or(subnet).parse()?;
        Ok(Self { subnet, port: Some(port.ok_or(SubnetError)?) })
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            is_plain_allowed: false,
            is_loopback_allowed: false,
            ports: APP_PORTS.to_vec(),
            networks: Vec::new(),
        }
    }
}

impl Guard {
    /// Looks at what a URL says itself: for whoever sets it up. The addresses of a name are looked at when they
    /// are known, at every new connection.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: what is not allowed, wherever a name leads.
    pub fn check_target(&self, target: &Target) -> Result<(), Refusal> {
        let port = target.port();
        let name = match target.host() {
            Host::Address(address) => return self.check(*address, port, target.is_encrypted()),
            Host::Name(name) => &**name,
        };
        let is_here = name == "localhost" || name.ends_with(".localhost");
        if is_here && self.is_loopback_allowed {
            return Ok(());
        }
        // It may lead into a network that is named.
        if !target.is_encrypted() && !self.is_plain_allowed && self.networks.is_empty() {
            return Err(Refusal::Plain);
        }
        let is_named = self.networks.iter().any(|network| network.port == Some(port));
        (is_named || self.ports.contains(&port)).then_some(()).ok_or(Refusal::Port { port })
    }

    /// Looks at one address, and how it is to be reached.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: what is not allowed.
    pub fn check(&self, address: IpAddr, port: u16, is_encrypted: bool) -> Result<(), Refusal> {
        self.check_address(address)?;
        let address = address.to_canonical();
        if AddressKind::of(address) == AddressKind::Loopback && self.is_loopback_allowed {
            return Ok(());
        }
        let mut named = self.networks.iter().filter(|one| one.subnet.contains(address)).peekable();
        let is_named = named.peek().is_some();
        if !is_named && !is_encrypted && !self.is_plain_allowed {
            return Err(Refusal::Plain);
        }
        let has_port = self.ports.contains(&port) || named.any(|one| one.port == Some(port));
        has_port.then_some(()).ok_or(Refusal::Port { port })
    }

    /// Looks at one address, however it is to be reached.
    ///
    /// # Errors
    ///
    /// [`Refusal::Address`]: what it is for.
    pub fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        let address = address.to_canonical();
        let kind = AddressKind::of(address);
        let is_allowed = match kind {
            AddressKind::Public => true,
            AddressKind::Loopback if self.is_loopback_allowed => true,
            _ => self.networks.iter().any(|network| network.subnet.contains(address)),
        };
        is_allowed.then_some(()).ok_or(Refusal::Address { kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(guard: &Guard, url: &str) -> Result<(), Refusal> {
        guard.check_target(&Target::parse(url).unwrap())
    }

    /// Every address that is not for the world, by the first and the last of its range, and their neighbours.
    #[test]
    fn no_address_is_reached_that_is_not_public() {
        use AddressKind::*;
        #[rustfmt::skip]
        let cases = [
            ("0.0.0.0", Unspecified), ("0.255.255.255", Unspecified), ("1.0.0.0", Public),
            ("9.255.255.255", Public), ("10.0.0.0", Private), ("10.255.255.255", Private), ("11.0.0.0", Public),
            ("100.63.255.255", Public), ("100.64.0.0", Private), ("100.100.100.200", Private),
            ("100.127.255.255", Private), ("100.128.0.0", Public),
            ("126.255.255.255", Public), ("127.0.0.0", Loopback), ("127.0.0.1", Loopback),
            ("127.255.255.255", Loopback), ("128.0.0.0", Public),
            ("168.63.129.15", Public), ("168.63.129.16", Metadata), ("168.63.129.17", Public),
            ("169.253.255.255", Public), ("169.254.0.0", LinkLocal), ("169.254.169.254", LinkLocal),
            ("169.254.170.2", LinkLocal), ("169.254.255.255", LinkLocal), ("169.255.0.0", Public),
            ("172.15.255.255", Public), ("172.16.0.0", Private), ("172.31.255.255", Private), ("172.32.0.0", Public),
            ("191.255.255.255", Public), ("192.0.0.0", Reserved), ("192.0.0.192", Reserved), ("192.0.1.0", Public),
            ("192.0.2.0", Reserved), ("192.0.3.0", Public), ("192.31.196.1", Reserved), ("192.52.193.1", Reserved),
            ("192.88.99.1", Embedded), ("192.167.255.255", Public), ("192.168.0.0", Private),
            ("192.168.255.255", Private), ("192.169.0.0", Public), ("192.175.48.1", Reserved),
            ("198.17.255.255", Public), ("198.18.0.0", Reserved), ("198.19.255.255", Reserved), ("198.20.0.0", Public),
            ("198.51.100.1", Reserved), ("203.0.113.1", Reserved), ("223.255.255.255", Public),
            ("224.0.0.0", Multicast), ("239.255.255.255", Multicast), ("240.0.0.0", Reserved),
            ("255.255.255.255", Reserved), ("8.8.8.8", Public),
            ("::", Unspecified), ("::1", Loopback), ("::2", Embedded), ("::7f00:1", Embedded), ("::127.0.0.1", Embedded),
            ("::ffff:127.0.0.1", Loopback), ("::ffff:10.0.0.1", Private), ("::ffff:a9fe:a9fe", LinkLocal),
            ("::ffff:8.8.8.8", Public), ("::ffff:0:127.0.0.1", Embedded),
            ("64:ff9b::7f00:1", Embedded), ("64:ff9b::8.8.8.8", Embedded), ("64:ff9b:1::a00:1", Embedded),
            ("100::1", Reserved), ("2001::1", Embedded), ("2001:2::1", Embedded), ("2001:20::1", Embedded),
            ("2001:1ff:ffff::1", Embedded), ("2001:200::1", Public), ("2001:db8::1", Reserved),
            ("2001:4860:4860::8888", Public), ("2002:7f00:1::", Embedded), ("2002:a00:1::1", Embedded),
            ("2003::1", Public), ("3ffe::1", Public), ("3fff::1", Reserved), ("3fff:fff::1", Reserved),
            ("3fff:1000::1", Public), ("4000::1", Reserved), ("5f00::1", Reserved), ("fbff::1", Reserved),
            ("fc00::1", Private), ("fd00:ec2::254", Private), ("fd20:ce::254", Private), ("fdff::1", Private),
            ("fe80::1", LinkLocal), ("febf::1", LinkLocal), ("fec0::1", Private), ("feff::1", Private),
            ("ff00::1", Multicast), ("ff02::1", Multicast),
        ];
        let guard = Guard::default();
        for (text, kind) in cases {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(AddressKind::of(address), kind, "{text}");
            let expected = if kind == Public { Ok(()) } else { Err(Refusal::Address { kind }) };
            assert_eq!(guard.check(address, 443, true), expected, "{text}");
            let url = if address.is_ipv4() {
                format!("https://{text}/")
            } else {
                format!("https://[{text}]/")
            };
            assert_eq!(checked(&guard, &url), expected, "{url}");
        }
    }

    #[test]
    fn what_is_allowed_is_reached_and_nothing_beside_it() {
        let guard = Guard {
            networks: vec!["10.1.0.0/16".parse().unwrap(), "fd00:1::/32".parse().unwrap()],
            ..Guard::default()
        };
        #[rustfmt::skip]
        let cases = [
            ("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("10.2.0.1", false), ("fd00:1::7", true),
            ("fd00:2::7", false), ("127.0.0.1", false), ("169.254.169.254", false), ("8.8.8.8", true),
        ];
        for (text, expected) in cases {
            assert_eq!(guard.check(text.parse().unwrap(), 443, true).is_ok(), expected, "{text}");
        }
        let here = Guard { is_loopback_allowed: true, ..Guard::default() };
        #[rustfmt::skip]
        let cases = [
            ("127.0.0.1", true), ("127.8.8.8", true), ("::1", true), ("::ffff:127.0.0.1", true),
            ("0.0.0.0", false), ("10.0.0.1", false), ("169.254.169.254", false), ("::127.0.0.1", false),
        ];
        for (text, expected) in cases {
            assert_eq!(here.check(text.parse().unwrap(), 443, true).is_ok(), expected, "{text}");
        }
    }

    #[test]
    fn only_the_usual_ports_are_reached_and_only_encrypted() {
        let usual = Guard::default();
        let plain = Guard { is_plain_allowed: true, ports: vec![80, 9_000], ..Guard::default() };
        let here = Guard { is_loopback_allowed: true, ..Guard::default() };
        let port = |port| Err(Refusal::Port { port });
        let loopback = Err(Refusal::Address { kind: AddressKind::Loopback });
        #[rustfmt::skip]
        let cases = [
            (&usual, "https://example.com",         Ok(())),
            (&usual, "https://example.com:8443",    Ok(())),
            (&usual, "https://example.com:8080",    Ok(())),
            (&usual, "https://example.com:80",      Ok(())),
            (&usual, "https://example.com:22",      port(22)),
            (&usual, "https://example.com:6379",    port(6_379)),
            (&usual, "http://example.com",          Err(Refusal::Plain)),
            (&usual, "https://127.0.0.1",           loopback),
            (&plain, "http://example.com",          Ok(())),
            (&plain, "http://example.com:9000",     Ok(())),
            (&plain, "http://example.com:443",      port(443)),
            (&plain, "http://127.0.0.1",            loopback),
            (&here,  "http://127.0.0.1:31337",      Ok(())),
            (&here,  "http://[::1]:31337",          Ok(())),
            (&here,  "http://localhost:31337",      Ok(())),
            (&here,  "http://notlocalhost:80",      Err(Refusal::Plain)),
            (&here,  "https://example.com:31337",   port(31_337)),
        ];
        for (guard, url, expected) in cases {
            assert_eq!(checked(guard, url), expected, "{url}");
        }
    }
    #[test]
    fn a_network_that_is_named_is_reached_in_plain_and_on_its_port_and_nothing_else_is() {
        let named = |texts: &[&str]| {
            let networks = texts.iter().map(|text| text.parse().unwrap()).collect();
            Guard { networks, ..Guard::default() }
        };
        let (bare, with_port) = (named(&["10.0.0.0/8"]), named(&["10.1.0.0/16:3000", "fd00::/8"]));
        let (port, private) = (
            |port| Err(Refusal::Port { port }),
            Err(Refusal::Address { kind: AddressKind::Private }),
        );
        #[rustfmt::skip]
        let cases = [
            (&bare,      "http://10.0.0.7",            Ok(())),
            (&bare,      "http://10.0.0.7:8080",       Ok(())),
            (&bare,      "https://10.0.0.7",           Ok(())),
            (&bare,      "http://10.0.0.7:3000",       port(3_000)),
            (&bare,      "http://192.168.0.7",         private),
            (&bare,      "http://8.8.8.8",             Err(Refusal::Plain)),
            (&bare,      "https://8.8.8.8:3000",       port(3_000)),
            (&bare,      "http://app",                 Ok(())),
            (&bare,      "http://app:3000",            port(3_000)),
            (&with_port, "http://10.1.0.7:3000",       Ok(())),
            (&with_port, "https://10.1.0.7:3000",      Ok(())),
            (&with_port, "http://10.2.0.7:3000",       private),
            (&with_port, "http://[fd00::7]:3000",      port(3_000)),
            (&with_port, "http://[fd00::7]",           Ok(())),
            (&with_port, "http://app:3000",            Ok(())),
            (&with_port, "http://app:6379",            port(6_379)),
        ];
        for (guard, url, expected) in cases {
            assert_eq!(checked(guard, url), expected, "{url}");
        }
        // Where a name leads is judged with the port and the scheme of its URL.
        let check = |text: &str, port| with_port.check(text.parse().unwrap(), port, false);
        assert_eq!(check("8.8.8.8", 3_000), Err(Refusal::Plain));
        assert_eq!(check("fd00::7", 3_000), port(3_000));
        assert_eq!(check("10.1.0.7", 3_000), Ok(()));
    }

    #[test]
    fn a_network_is_read_with_and_without_a_port() {
        #[rustfmt::skip]
        let cases = [
            ("10.0.0.0/8",       Some(("10.0.0.0/8", None))),
            ("10.0.0.0/8:3000",  Some(("10.0.0.0/8", Some(3_000)))),
            ("10.0.0.7:3000",    Some(("10.0.0.7/32", Some(3_000)))),
            ("fd00::/8:3000",    Some(("fd00::/8", Some(3_000)))),
            ("[fd00::7]:3000",   Some(("fd00::7/128", Some(3_000)))),
            ("fd00::7:3000",     Some(("fd00::7:3000/128", None))),
            ("10.0.0.0/8:0",     None),
            ("10.0.0.0/8:65536", None),
            ("10.0.0.0/8:+80",   None),
            ("10.0.0.0/8:",      None),
            ("app:3000",         None),
            (":3000",            None),
        ];
        for (text, expected) in cases {
            let read = text.parse().ok().map(|read: Network| (read.subnet.to_string(), read.port));
            let expected = expected.map(|(subnet, port)| (subnet.to_owned(), port));
            assert_eq!(read, expected, "{text}");
        }
    }
}
