//! Addresses of logical units (VIRTIO 1.2 5.6.6.1).

/// Bytes of an address.
pub(super) const LENGTH: usize = 8;
/// The first byte of an address of a target's unit.
const SINGLE_LEVEL: u8 = 1;
/// The addressing method of a unit number of one byte, and of two.
const PERIPHERAL: u8 = 0x00;
const FLAT: u8 = 0x40;

/// Who a command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// The unit of a target.
    Unit(usize),
    /// Another unit of a target that exists: it has unit 0 only.
    NoUnit,
    /// Nobody.
    NoTarget,
}

impl Address {
    /// Understands `bytes`, where there are `targets` targets.
    pub(super) fn parse(bytes: [u8; LENGTH], targets: usize) -> Self {
        let [method, target, high, low, rest @ ..] = bytes;
        let target = usize::from(target);
        if method != SINGLE_LEVEL || target >= targets || rest != [0; 4] {
            return Self::NoTarget;
        }
        match (high, low) {
            (PERIPHERAL | FLAT, 0) => Self::Unit(target),
            _ => Self::NoUnit,
        }
    }

    /// The address of the unit of `target`, as events have it: with the unit's number as REPORT LUNS tells it, because
    /// that is what Linux looks for.
    pub(super) fn of_unit(target: usize) -> [u8; LENGTH] {
        [SINGLE_LEVEL, u8::try_from(target).unwrap_or(u8::MAX), PERIPHERAL, 0, 0, 0, 0, 0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_has_one_unit_by_either_method() {
        for (bytes, expected) in [
            ([1, 0, 0x40, 0, 0, 0, 0, 0], Address::Unit(0)),
            ([1, 2, 0x00, 0, 0, 0, 0, 0], Address::Unit(2)),
            ([1, 2, 0x40, 1, 0, 0, 0, 0], Address::NoUnit),
            ([1, 2, 0x41, 0, 0, 0, 0, 0], Address::NoUnit),
            ([1, 3, 0x40, 0, 0, 0, 0, 0], Address::NoTarget),
            ([0, 0, 0x40, 0, 0, 0, 0, 0], Address::NoTarget),
            ([0xc1, 1, 0, 0, 0, 0, 0, 0], Address::NoTarget),
            ([1, 0, 0x40, 0, 0, 0, 0, 1], Address::NoTarget),
        ] {
            assert_eq!(Address::parse(bytes, 3), expected, "{bytes:x?}");
        }
        assert_eq!(Address::parse(Address::of_unit(1), 3), Address::Unit(1));
    }
}
