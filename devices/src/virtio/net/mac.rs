//! The address of a network interface (IEEE 802, EUI-48).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The address of one interface: neither a group's nor all zeros. As text `52:54:00:12:34:56`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress([u8; 6]);

/// Why a text or six bytes are no address of an interface.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MacAddressError {
    /// It cannot be read.
    #[error("{0:?} is no MAC address: give six bytes in hexadecimal with colons, for example 52:54:00:12:34:56")]
    Malformed(String),
    /// Bit 0 of the first byte is set.
    #[error("{0} is the MAC address of a group: give one whose first byte is even, for example 52:54:00:12:34:56")]
    Multicast(String),
    /// All zeros.
    #[error("00:00:00:00:00:00 is nobody's MAC address: give another, for example 52:54:00:12:34:56")]
    Zero,
}

impl MacAddress {
    /// The address of these bytes.
    ///
    /// # Errors
    /// It is a group's, or all zeros.
    pub fn new(bytes: [u8; 6]) -> Result<Self, MacAddressError> {
        let address = Self(bytes);
        if bytes == [0; 6] {
            return Err(MacAddressError::Zero);
        }
        let [first, ..] = bytes;
        if first & 1 != 0 { Err(MacAddressError::Multicast(address.to_string())) } else { Ok(address) }
    }

    /// Its bytes, as they are sent.
    pub fn bytes(self) -> [u8; 6] {
        self.0
    }
}

impl FromStr for MacAddress {
    type Err = MacAddressError;

    fn from_str(text: &str) -> Result<Self, MacAddressError> {
        let malformed = || MacAddressError::Malformed(text.to_owned());
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().ok_or_else(malformed)?;
            let digits = part.len() == 2 && part.bytes().all(|digit| digit.is_ascii_hexdigit());
            *byte = u8::from_str_radix(part, 16).ok().filter(|_| digits).ok_or_else(malformed)?;
        }
        if parts.next().is_some() {
            return Err(malformed());
        }
        Self::new(bytes)
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl TryFrom<String> for MacAddress {
    type Error = MacAddressError;

    fn try_from(text: String) -> Result<Self, MacAddressError> {
        text.parse()
    }
}

impl From<MacAddress> for String {
    fn from(address: MacAddress) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_is_six_bytes_in_hexadecimal() {
        assert_eq!("52:54:00:Ab:cD:ef".parse::<MacAddress>().unwrap().bytes(), [0x52, 0x54, 0, 0xab, 0xcd, 0xef]);
        for text in [
            "",
            "52",
            "52:54:00:12:34",
            "52:54:00:12:34:56:78",
            "52-54-00-12-34-56",
            "52:54:00:12:34:5",
            "+2:54:00:12:34:56",
            "52:54:00:12:34:056",
            "52:54:00:12:34:5g",
            " 52:54:00:12:34:56",
            "52:54:00:12:34:56:",
        ] {
            assert_eq!(text.parse::<MacAddress>(), Err(MacAddressError::Malformed(text.into())));
        }
    }

    #[test]
    fn groups_and_zeros_are_nobodys_address() {
        for text in ["01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "53:54:00:12:34:56"] {
            assert_eq!(text.parse::<MacAddress>(), Err(MacAddressError::Multicast(text.into())));
        }
        assert_eq!("00:00:00:00:00:00".parse::<MacAddress>(), Err(MacAddressError::Zero));
        assert!(MacAddress::new([0, 0, 0, 0, 0, 1]).is_ok());
    }

    proptest! {
        #[test]
        fn every_address_survives_its_text(bytes in any::<[u8; 6]>()) {
            if let Ok(address) = MacAddress::new(bytes) {
                prop_assert_eq!(address.to_string().parse(), Ok(address));
                prop_assert_eq!(MacAddress::try_from(String::from(address)), Ok(address));
                prop_assert_eq!(address.bytes(), bytes);
            } else {
                prop_assert!(bytes == [0; 6] || bytes[0] % 2 == 1);
            }
        }
    }
}
