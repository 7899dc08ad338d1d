//! What an address is for: the world, or something that nobody from outside should reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::subnet::Subnet;

/// What an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressKind {
    /// Anybody's: the internet.
    Public,
    /// This machine.
    Loopback,
    /// No address of a machine: none, every one, or a group of them.
    Unspecified,
    /// A network behind a router: private, of a provider, or unique to a site.
    Private,
    /// This link, where clouds answer with the secrets of a machine.
    LinkLocal,
    /// A service that a cloud gives its machines.
    Metadata,
    /// Several machines at once.
    Multicast,
    /// Set aside: for examples, measurements, or later.
    Reserved,
    /// Another address in disguise: of the fourth version within the sixth, or a tunnel.
    Embedded,
}

impl AddressKind {
    /// Returns the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Loopback => "loopback",
            Self::Unspecified => "unspecified",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Metadata => "metadata",
            Self::Multicast => "multicast",
            Self::Reserved => "reserved",
            Self::Embedded => "embedded",
        }
    }

    /// Returns what an address is for. One of the fourth version that is written in the sixth is what it is.
    pub fn of(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let table = if address.is_ipv4() { V4 } else { V6 };
        let found = table.iter().find(|(subnet, _)| subnet.contains(address));
        match (found, address) {
            (Some((_, kind)), _) => *kind,
            (None, IpAddr::V4(_)) => Self::Public,
            // Of the sixth version nothing else was given to anybody yet.
            (None, IpAddr::V6(_)) => Self::Reserved,
        }
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> Subnet {
    Subnet::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), bits)
}

const fn v6(start: [u16; 4], bits: u8) -> Subnet {
    let [a, b, c, d] = start;
    Subnet::new(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)), bits)
}

/// What is not public of the fourth version.
///
/// # Source
///
/// The IANA IPv4 Special-Purpose Address Registry, RFC 5771 (multicast); 168.63.129.16 is Azure's own service,
/// 100.100.100.200 Alibaba's lies in the shared addresses.
#[rustfmt::skip]
const V4: &[(Subnet, AddressKind)] = &[
    (v4(0, 0, 0, 0, 8),          AddressKind::Unspecified),
    (v4(10, 0, 0, 0, 8),         AddressKind::Private),
    (v4(100, 64, 0, 0, 10),      AddressKind::Private),
    (v4(127, 0, 0, 0, 8),        AddressKind::Loopback),
    (v4(168, 63, 129, 16, 32),   AddressKind::Metadata),
    (v4(169, 254, 0, 0, 16),     AddressKind::LinkLocal),
    (v4(172, 16, 0, 0, 12),      AddressKind::Private),
    (v4(192, 0, 0, 0, 24),       AddressKind::Reserved),
    (v4(192, 0, 2, 0, 24),       AddressKind::Reserved),
    (v4(192, 31, 196, 0, 24),    AddressKind::Reserved),
    (v4(192, 52, 193, 0, 24),    AddressKind::Reserved),
    (v4(192, 88, 99, 0, 24),     AddressKind::Embedded),
    (v4(192, 168, 0, 0, 16),     AddressKind::Private),
    (v4(192, 175, 48, 0, 24),    AddressKind::Reserved),
    (v4(198, 18, 0, 0, 15),      AddressKind::Reserved),
    (v4(198, 51, 100, 0, 24),    AddressKind::Reserved),
    (v4(203, 0, 113, 0, 24),     AddressKind::Reserved),
    (v4(224, 0, 0, 0, 4),        AddressKind::Multicast),
    (v4(240, 0, 0, 0, 4),        AddressKind::Reserved),
];

/// What is public of the sixth version and what is not; the first that holds an address says it.
///
/// # Source
///
/// The IANA IPv6 Special-Purpose Address Registry; RFC 6052 (NAT64), RFC 3056 (6to4), RFC 4380 (Teredo).
#[rustfmt::skip]
const V6: &[(Subnet, AddressKind)] = &[
    (Subnet::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 128), AddressKind::Unspecified),
    (Subnet::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 128),   AddressKind::Loopback),
    // Among them NAT64, 64:ff9b::/96 and 64:ff9b:1::/48.
    (v6([0, 0, 0, 0], 8),                AddressKind::Embedded),
    (v6([0x2001, 0, 0, 0], 23),          AddressKind::Embedded),
    (v6([0x2001, 0xdb8, 0, 0], 32),      AddressKind::Reserved),
    (v6([0x2002, 0, 0, 0], 16),          AddressKind::Embedded),
    (v6([0x3fff, 0, 0, 0], 20),          AddressKind::Reserved),
    (v6([0x2000, 0, 0, 0], 3),           AddressKind::Public),
    (v6([0xfc00, 0, 0, 0], 7),           AddressKind::Private),
    (v6([0xfe80, 0, 0, 0], 10),          AddressKind::LinkLocal),
    (v6([0xfec0, 0, 0, 0], 10),          AddressKind::Private),
    (v6([0xff00, 0, 0, 0], 8),           AddressKind::Multicast),
];
