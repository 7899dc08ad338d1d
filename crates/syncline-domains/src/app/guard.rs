//! Which addresses and ports may be reached.

use std::net::IpAddr;

use thiserror::Error;

use super::address::AddressKind;
use super::subnet::Subnet;
use super::target::{Host, Target};
use crate::limits::APP_PORTS;

/// What may be reached: the internet, on the usual ports, encrypted; more only if it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// Whether a URL may begin with `http://`.
    pub is_plain_allowed: bool,
    /// Whether this machine may be reached, on any port. Then it may be reached without encryption as well.
    pub is_loopback_allowed: bool,
    /// The ports that may be reached.
    pub ports: Vec<u16>,
    /// Addresses that may be reached although they are not public.
    pub subnets: Vec<Subnet>,
}

/// Why something may not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The URL begins with `http://`.
    #[error("only https is allowed")]
    Plain,
    /// The port is none of those that are allowed.
    #[error("the port {port} is not allowed")]
    Port {
        /// The port.
        port: u16,
    },
    /// The host has an address that is not public.
    #[error("the host has an address that is {}", kind.as_str())]
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

impl Default for Guard {
    fn default() -> Self {
        Self {
            is_plain_allowed: false,
            is_loopback_allowed: false,
            ports: APP_PORTS.to_vec(),
            subnets: Vec::new(),
        }
    }
}

impl Guard {
    /// Looks at what a URL says itself: for whoever sets it up. The addresses of a name are looked at when they
    /// are known, at every new connection.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: what is not allowed.
    pub fn check_target(&self, target: &Target) -> Result<(), Refusal> {
        let is_here = match target.host() {
            Host::Name(name) => &**name == "localhost" || name.ends_with(".localhost"),
            Host::Address(address) => AddressKind::of(*address) == AddressKind::Loopback,
        };
        if !(is_here && self.is_loopback_allowed) {
            if !target.is_encrypted() && !self.is_plain_allowed {
                return Err(Refusal::Plain);
            }
            let port = target.port();
            if !self.ports.contains(&port) {
                return Err(Refusal::Port { port });
            }
        }
        match target.host() {
            Host::Name(_) => Ok(()),
            Host::Address(address) => self.check(*address),
        }
    }

    /// Looks at one address.
    ///
    /// # Errors
    ///
    /// [`Refusal::Address`]: what it is for.
    pub fn check(&self, address: IpAddr) -> Result<(), Refusal> {
        let address = address.to_canonical();
        let kind = AddressKind::of(address);
        let is_allowed = match kind {
            AddressKind::Public => true,
            AddressKind::Loopback if self.is_loopback_allowed => true,
            _ => self.subnets.iter().any(|subnet| subnet.contains(address)),
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
            assert_eq!(guard.check(address), expected, "{text}");
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
            subnets: vec!["10.1.0.0/16".parse().unwrap(), "fd00:1::/32".parse().unwrap()],
            ..Guard::default()
        };
        #[rustfmt::skip]
        let cases = [
            ("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("10.2.0.1", false), ("fd00:1::7", true),
            ("fd00:2::7", false), ("127.0.0.1", false), ("169.254.169.254", false), ("8.8.8.8", true),
        ];
        for (text, expected) in cases {
            assert_eq!(guard.check(text.parse().unwrap()).is_ok(), expected, "{text}");
        }
        let here = Guard { is_loopback_allowed: true, ..Guard::default() };
        #[rustfmt::skip]
        let cases = [
            ("127.0.0.1", true), ("127.8.8.8", true), ("::1", true), ("::ffff:127.0.0.1", true),
            ("0.0.0.0", false), ("10.0.0.1", false), ("169.254.169.254", false), ("::127.0.0.1", false),
        ];
        for (text, expected) in cases {
            assert_eq!(here.check(text.parse().unwrap()).is_ok(), expected, "{text}");
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
}
