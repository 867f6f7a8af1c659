//! Where a virtio function has its structures (VIRTIO 1.2 4.1.4).

use alloc::vec::Vec;

use crate::pci::Function;
use crate::pci::config::{read8, read32};

const VENDOR_SPECIFIC: u8 = 9;

/// One `virtio_pci_cap`.
#[derive(Clone, Copy, Debug)]
pub struct Structure {
    /// Where the capability stands.
    pub capability: u16,
    /// 1 common, 2 notify, 3 ISR, 4 device, 5 the window in configuration space.
    pub kind: u8,
    /// In which BAR.
    pub bar: u8,
    /// Where in it.
    pub offset: u32,
    /// How large.
    pub length: u32,
}

/// All structures of a function.
pub fn structures(function: Function) -> Vec<Structure> {
    let capabilities = function.capabilities().into_iter().filter(|(id, _)| *id == VENDOR_SPECIFIC);
    let structure = |(_, capability)| Structure {
        capability,
        kind: read8(function.at, capability + 3),
        bar: read8(function.at, capability + 4),
        offset: read32(function.at, capability + 8),
        length: read32(function.at, capability + 12),
    };
    capabilities.map(structure).collect()
}

impl Structure {
    /// The common configuration structure.
    pub const COMMON: u8 = 1;
    /// The notification structure.
    pub const NOTIFY: u8 = 2;
    /// The device's own configuration space.
    pub const DEVICE: u8 = 4;
    /// The window through which BARs are reached without their being mapped.
    pub const WINDOW: u8 = 5;

    /// Its address, as its BAR is now.
    pub fn address(&self, function: Function) -> u64 {
        let register = 0x10 + 4 * u16::from(self.bar);
        let low = read32(function.at, register);
        let high = if low & 6 == 4 { read32(function.at, register + 4) } else { 0 };
        (u64::from(high) << 32 | u64::from(low & !0xf)) + u64::from(self.offset)
    }
}
