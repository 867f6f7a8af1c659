//! The registers of virtio over MMIO (VIRTIO 1.2 4.2.2, table 4.1).

/// What QueueNotify's neighbours in the first 256 bytes are. What follows them is the configuration space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Register {
    MagicValue,
    Version,
    DeviceId,
    VendorId,
    DeviceFeatures,
    DeviceFeaturesSel,
    DriverFeatures,
    DriverFeaturesSel,
    QueueSel,
    QueueNumMax,
    QueueNum,
    QueueReady,
    QueueNotify,
    InterruptStatus,
    InterruptAck,
    Status,
    QueueDescLow,
    QueueDescHigh,
    QueueDriverLow,
    QueueDriverHigh,
    QueueDeviceLow,
    QueueDeviceHigh,
    ShmLenLow,
    ShmLenHigh,
    ShmBaseLow,
    ShmBaseHigh,
    QueueReset,
    ConfigGeneration,
}

impl Register {
    /// The register at `offset`; `None`: reserved, or one of a feature that is not offered (SHMSel, QueueReset).
    pub(super) fn at(offset: u64) -> Option<Self> {
        Some(match offset {
            0x00 => Self::MagicValue,
            0x04 => Self::Version,
            0x08 => Self::DeviceId,
            0x0c => Self::VendorId,
            0x10 => Self::DeviceFeatures,
            0x14 => Self::DeviceFeaturesSel,
            0x20 => Self::DriverFeatures,
            0x24 => Self::DriverFeaturesSel,
            0x30 => Self::QueueSel,
            0x34 => Self::QueueNumMax,
            0x38 => Self::QueueNum,
            0x44 => Self::QueueReady,
            super::QUEUE_NOTIFY => Self::QueueNotify,
            0x60 => Self::InterruptStatus,
            0x64 => Self::InterruptAck,
            0x70 => Self::Status,
            0x80 => Self::QueueDescLow,
            0x84 => Self::QueueDescHigh,
            0x90 => Self::QueueDriverLow,
            0x94 => Self::QueueDriverHigh,
            0xa0 => Self::QueueDeviceLow,
            0xa4 => Self::QueueDeviceHigh,
            0xb0 => Self::ShmLenLow,
            0xb4 => Self::ShmLenHigh,
            0xb8 => Self::ShmBaseLow,
            0xbc => Self::ShmBaseHigh,
            0xc0 => Self::QueueReset,
            0xfc => Self::ConfigGeneration,
            _ => return None,
        })
    }
}
