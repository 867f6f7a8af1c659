//! Sense data: why a command ended with CHECK CONDITION (SPC-4 4.5).

use serde::{Deserialize, Serialize};

/// Sense key, additional sense code and its qualifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sense {
    /// What sort of thing it is.
    pub(crate) key: u8,
    code: u8,
    qualifier: u8,
}

/// Sense key of what an initiator is told once, before its next command is carried out.
const KEY_UNIT_ATTENTION: u8 = 6;

/// Bytes of the two formats.
pub(crate) const FIXED_LENGTH: usize = 18;
const DESCRIPTOR_LENGTH: usize = 8;

const fn sense(key: u8, code: u8, qualifier: u8) -> Sense {
    Sense { key, code, qualifier }
}

impl Sense {
    pub(crate) const NONE: Self = sense(0, 0, 0);
    pub(super) const NO_MEDIUM: Self = sense(2, 0x3a, 0x01);
    pub(super) const NO_MEDIUM_TRAY_OPEN: Self = sense(2, 0x3a, 0x02);
    pub(super) const READ_ERROR: Self = sense(3, 0x11, 0x00);
    pub(super) const WRITE_ERROR: Self = sense(3, 0x0c, 0x00);
    pub(crate) const TARGET_FAILURE: Self = sense(4, 0x44, 0x00);
    pub(super) const PARAMETER_LIST_LENGTH: Self = sense(5, 0x1a, 0x00);
    pub(crate) const UNKNOWN_COMMAND: Self = sense(5, 0x20, 0x00);
    pub(super) const OUT_OF_RANGE: Self = sense(5, 0x21, 0x00);
    pub(super) const BAD_FIELD: Self = sense(5, 0x24, 0x00);
    pub(crate) const NO_SUCH_UNIT: Self = sense(5, 0x25, 0x00);
    pub(super) const BAD_PARAMETER: Self = sense(5, 0x26, 0x00);
    pub(super) const NOTHING_SAVED: Self = sense(5, 0x39, 0x00);
    pub(super) const REMOVAL_PREVENTED: Self = sense(5, 0x53, 0x02);
    pub(super) const MEDIUM_CHANGED: Self = sense(KEY_UNIT_ATTENTION, 0x28, 0x00);
    pub(super) const POWER_ON: Self = sense(KEY_UNIT_ATTENTION, 0x29, 0x00);
    pub(super) const CAPACITY_CHANGED: Self = sense(KEY_UNIT_ATTENTION, 0x2a, 0x09);
    pub(super) const WRITE_PROTECTED: Self = sense(7, 0x27, 0x00);
    /// The host has no room for what the guest writes.
    pub(super) const NO_SPACE: Self = sense(7, 0x27, 0x07);

    /// The fixed format, of a current error.
    pub(crate) fn fixed(self) -> [u8; FIXED_LENGTH] {
        let mut bytes = [0; FIXED_LENGTH];
        let Self { key, code, qualifier } = self;
        for (at, value) in [(0, 0x70), (2, key), (7, 10), (12, code), (13, qualifier)] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        bytes
    }

    /// The descriptor format, of a current error and without descriptors.
    pub(super) const fn descriptor(self) -> [u8; DESCRIPTOR_LENGTH] {
        [0x72, self.key, self.code, self.qualifier, 0, 0, 0, 0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_have_key_code_and_qualifier_in_their_places() {
        let fixed = Sense::NO_MEDIUM_TRAY_OPEN.fixed();
        assert_eq!((fixed[0], fixed[2], fixed[7], fixed[12], fixed[13]), (0x70, 2, 10, 0x3a, 2));
        assert_eq!(Sense::CAPACITY_CHANGED.descriptor(), [0x72, 6, 0x2a, 9, 0, 0, 0, 0]);
    }
}
