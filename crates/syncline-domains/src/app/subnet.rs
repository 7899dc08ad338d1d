//! A part of the addresses there are: `10.1.0.0/16`, `fd00::/8`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

/// All addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subnet {
    address: IpAddr,
    bits: u8,
}

/// A text is no subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "a subnet is an address and a number of bits, such as 10.1.0.0/16, with nothing behind these bits"
)]
pub struct SubnetError;

impl SubnetError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        "SUBNET_INVALID"
    }
}

impl Subnet {
    /// Makes a subnet of its first address and the number of its bits, for tables.
    pub(super) const fn new(address: IpAddr, bits: u8) -> Self {
        Self { address, bits }
    }

    /// Returns whether an address lies in the subnet.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let differ = u32::from(ours) ^ u32::from(theirs);
                differ.checked_shr(32 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let differ = u128::from(ours) ^ u128::from(theirs);
                differ.checked_shr(128 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Subnet {
    type Err = SubnetError;

    /// Reads `<address>/<bits>`, or an address alone.
    fn from_str(text: &str) -> Result<Self, SubnetError> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().map_err(|_| SubnetError)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => {
                bits.parse().map_err(|_| SubnetError)?
            }
            Some(_) => return Err(SubnetError),
        };
        let is_bare = match address {
            IpAddr::V4(address) => {
                u32::from(address).checked_shl(u32::from(bits)).unwrap_or(0) == 0
            }
            IpAddr::V6(address) => {
                u128::from(address).checked_shl(u32::from(bits)).unwrap_or(0) == 0
            }
        };
        (bits <= most && is_bare).then_some(Self { address, bits }).ok_or(SubnetError)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_holds_what_begins_with_its_bits() {
        #[rustfmt::skip]
        let cases = [
            ("10.0.0.0/8",      "10.255.255.255",   true),
            ("10.0.0.0/8",      "11.0.0.0",         false),
            ("172.16.0.0/12",   "172.31.255.255",   true),
            ("172.16.0.0/12",   "172.32.0.0",       false),
            ("0.0.0.0/0",       "255.255.255.255",  true),
            ("0.0.0.0/0",       "::1",              false),
            ("192.0.2.7",       "192.0.2.7",        true),
            ("192.0.2.7",       "192.0.2.6",        false),
            ("fd00::/8",        "fdff::1",          true),
            ("fd00::/8",        "fe00::1",          false),
            ("::/0",            "ffff::",           true),
            ("::1",             "::1",              true),
            ("::1/128",         "::2",              false),
        ];
        for (subnet, address, expected) in cases {
            let parsed: Subnet = subnet.parse().unwrap();
            assert_eq!(parsed.contains(address.parse().unwrap()), expected, "{subnet} {address}");
            assert_eq!(parsed.to_string().parse(), Ok(parsed));
        }
        for odd in
            ["", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "::/129", "10.0.0.0/+8", "10/8", "a/8"]
        {
            assert_eq!(odd.parse::<Subnet>(), Err(SubnetError), "{odd}");
        }
    }
}
