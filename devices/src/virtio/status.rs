//! The device status field (VIRTIO 1.2 2.1) and what a driver's write makes of it.
//!
//! ```text
//!  0 ── FEATURES_OK ── DRIVER_OK      needs the one before it
//!  ▲     (only if the features are acceptable)
//!  └── writing 0, from anywhere; no other write clears a bit. ACKNOWLEDGE, DRIVER and FAILED may come at any time.
//!      DEVICE_NEEDS_RESET is the device's: the driver cannot write it.
//! ```
//!
//! A driver is to set ACKNOWLEDGE and DRIVER before the others (VIRTIO 1.2 3.1.1), but iPXE leaves them out when it opens
//! a device for the second time.

use bitflags::bitflags;

bitflags! {
    /// Bits of the device status field.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Status: u8 {
        /// The guest has noticed the device.
        const ACKNOWLEDGE = 1;
        /// The guest knows how to drive it.
        const DRIVER = 2;
        /// The driver is ready: the device runs.
        const DRIVER_OK = 4;
        /// Features are negotiated.
        const FEATURES_OK = 8;
        /// The device met an error that only a reset repairs, or is still busy with a reset.
        const NEEDS_RESET = 0x40;
        /// The guest has given up.
        const FAILED = 0x80;
    }
}

/// What the device only takes note of.
const NOTES: Status = Status::ACKNOWLEDGE.union(Status::DRIVER).union(Status::FAILED);

impl Status {
    /// The status after a driver wrote `written`, which is not 0, over `self`.
    pub(super) fn after(self, written: Self, features_acceptable: bool) -> Self {
        let mut status = self | (written & NOTES);
        if features_acceptable {
            status |= written & Self::FEATURES_OK;
        }
        if status.contains(Self::FEATURES_OK) {
            status |= written & Self::DRIVER_OK;
        }
        status
    }

    /// No device runs whose features are not negotiated.
    pub(super) fn is_legal(self) -> bool {
        !self.contains(Self::DRIVER_OK) || self.contains(Self::FEATURES_OK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Status = Status::ACKNOWLEDGE.union(Status::DRIVER).union(Status::FEATURES_OK).union(Status::DRIVER_OK);

    #[test]
    fn a_driver_goes_through_the_steps_one_by_one_or_in_one_write() {
        let mut status = Status::empty();
        for bits in [1, 3, 11, 15] {
            let written = Status::from_bits_truncate(bits);
            status = status.after(written, true);
            assert_eq!(status, written);
        }
        assert_eq!(Status::empty().after(ALL, true), ALL);
    }

    #[test]
    fn features_ok_stays_off_when_the_features_are_not_acceptable_and_so_does_driver_ok() {
        assert_eq!(Status::empty().after(ALL, false), Status::ACKNOWLEDGE | Status::DRIVER);
    }

    #[test]
    fn features_ok_once_set_does_not_depend_on_later_features() {
        let negotiated = Status::from_bits_truncate(11);
        assert_eq!(negotiated.after(ALL, false), ALL);
    }

    #[test]
    fn every_status_and_write_keep_the_bits_and_the_order() {
        for old in (0..=255).map(Status::from_bits_truncate).filter(|status| status.is_legal()) {
            for written in (1..=255).map(Status::from_bits_retain) {
                for acceptable in [false, true] {
                    let new = old.after(written, acceptable);
                    assert!(new.contains(old) && new.is_legal(), "{old:?} {written:?} {new:?}");
                    assert!((old | written).contains(new));
                    assert_eq!(new.contains(Status::NEEDS_RESET), old.contains(Status::NEEDS_RESET));
                    assert_eq!(new.contains(Status::FAILED), (old | written).contains(Status::FAILED));
                    assert_eq!(Status::from_bits(new.bits()), Some(new), "reserved bits stay off");
                }
            }
        }
    }

    #[test]
    fn ipxe_opens_a_device_again_without_the_first_steps() {
        let opened = Status::empty().after(Status::FEATURES_OK, true);
        assert_eq!(opened, Status::FEATURES_OK);
        assert_eq!(opened.after(opened | Status::DRIVER_OK, true), Status::FEATURES_OK | Status::DRIVER_OK);
    }

    #[test]
    fn a_device_that_runs_without_negotiated_features_is_not_legal() {
        for (bits, legal) in
            [(0, true), (2, true), (8, true), (4, false), (7, false), (12, true), (15, true), (0xcf, true)]
        {
            assert_eq!(Status::from_bits_truncate(bits).is_legal(), legal, "{bits:#x}");
        }
    }
}
