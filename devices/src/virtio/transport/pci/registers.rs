//! The registers of the common configuration structure (VIRTIO 1.2 4.1.4.3).

use crate::bus::Width;
use std::ops::Range;

/// Bytes of the structure, up to the field that VIRTIO_F_RING_RESET adds.
pub(super) const LENGTH: u32 = 0x3c;

/// One register; the fields of 64 bits are two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Register {
    DeviceFeatureSelect,
    DeviceFeature,
    DriverFeatureSelect,
    DriverFeature,
    ConfigMsixVector,
    NumQueues,
    DeviceStatus,
    ConfigGeneration,
    QueueSelect,
    QueueSize,
    QueueMsixVector,
    QueueEnable,
    QueueNotifyOff,
    QueueDescLow,
    QueueDescHigh,
    QueueDriverLow,
    QueueDriverHigh,
    QueueDeviceLow,
    QueueDeviceHigh,
    QueueNotifyData,
    QueueReset,
}

impl Register {
    /// Where the addresses of a queue are, three fields of 64 bits.
    pub(super) const ADDRESSES: Range<u64> = 0x20..0x38;

    /// The register whose lowest bytes a read of `width` at `offset` is for: drivers are to use a field's own width, but
    /// older iPXE (that of Debian 12) reads the lower half of some fields, and asks for no more than is in it.
    pub(super) fn read_at(offset: u64, width: Width) -> Option<Self> {
        let mut widths = [Width::Byte, Width::Word, Width::Dword].into_iter().filter(|field| *field >= width);
        widths.find_map(|field| Self::at(offset, field))
    }

    /// The register that an access of `width` at `offset` is for; `None`: there is none of that width there.
    pub(super) fn at(offset: u64, width: Width) -> Option<Self> {
        Some(match (offset, width) {
            (0x00, Width::Dword) => Self::DeviceFeatureSelect,
            (0x04, Width::Dword) => Self::DeviceFeature,
            (0x08, Width::Dword) => Self::DriverFeatureSelect,
            (0x0c, Width::Dword) => Self::DriverFeature,
            (0x10, Width::Word) => Self::ConfigMsixVector,
            (0x12, Width::Word) => Self::NumQueues,
            (0x14, Width::Byte) => Self::DeviceStatus,
            (0x15, Width::Byte) => Self::ConfigGeneration,
            (0x16, Width::Word) => Self::QueueSelect,
            (0x18, Width::Word) => Self::QueueSize,
            (0x1a, Width::Word) => Self::QueueMsixVector,
            (0x1c, Width::Word) => Self::QueueEnable,
            (0x1e, Width::Word) => Self::QueueNotifyOff,
            (0x20, Width::Dword) => Self::QueueDescLow,
            (0x24, Width::Dword) => Self::QueueDescHigh,
            (0x28, Width::Dword) => Self::QueueDriverLow,
            (0x2c, Width::Dword) => Self::QueueDriverHigh,
            (0x30, Width::Dword) => Self::QueueDeviceLow,
            (0x34, Width::Dword) => Self::QueueDeviceHigh,
            (0x38, Width::Word) => Self::QueueNotifyData,
            (0x3a, Width::Word) => Self::QueueReset,
            _ => return None,
        })
    }
}
