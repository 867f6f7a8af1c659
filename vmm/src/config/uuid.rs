//! The UUID of a machine.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A UUID (RFC 9562), written as 32 hexadecimal digits in five groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MachineUuid([u8; 16]);

/// The text is no UUID.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{0:?} is no UUID: write 32 hexadecimal digits as 8-4-4-4-12, for example 5d307ca9-b3ef-428c-8861-06e72d69f223"
)]
pub struct MachineUuidError(String);

impl MachineUuid {
    /// The bytes in the order in which they are written.
    pub fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl FromStr for MachineUuid {
    type Err = MachineUuidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || MachineUuidError(text.to_owned());
        let groups: Vec<&str> = text.split('-').collect();
        let digits = groups.concat();
        let lengths = groups.iter().map(|group| group.len());
        if !lengths.eq([8, 4, 4, 4, 12]) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(error());
        }
        u128::from_str_radix(&digits, 16).map(|number| Self(number.to_be_bytes())).map_err(|_| error())
    }
}

impl fmt::Display for MachineUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let dash = if matches!(index, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{dash}{byte:02x}")?;
        }
        Ok(())
    }
}

impl TryFrom<String> for MachineUuid {
    type Error = MachineUuidError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<MachineUuid> for String {
    fn from(uuid: MachineUuid) -> Self {
        uuid.to_string()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_uuid_is_refused() {
        for text in [
            "",
            "5d307ca9b3ef428c886106e72d69f223",
            "5d307ca9-b3ef-428c-8861-06e72d69f22",
            "5d307ca9-b3ef-428c-8861-06e72d69f22g",
            "+d307ca9-b3ef-428c-8861-06e72d69f223",
            "5d307ca9-b3ef-428c-886106e72d69f223-",
        ] {
            assert_eq!(text.parse::<MachineUuid>(), Err(MachineUuidError(text.into())));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bytes: [u8; 16]) {
            let uuid = MachineUuid(bytes);
            prop_assert_eq!(uuid.to_string().parse::<MachineUuid>().unwrap(), uuid);
            prop_assert_eq!(uuid.to_string().to_uppercase().parse::<MachineUuid>().unwrap().bytes(), bytes);
        }

        #[test]
        fn any_text_is_one_or_refused(text in "[0-9a-f-]{30,38}|.{0,40}") {
            if let Ok(uuid) = text.parse::<MachineUuid>() {
                prop_assert_eq!(uuid.to_string(), text.to_lowercase());
            }
        }
    }
}
