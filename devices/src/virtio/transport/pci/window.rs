//! The window through which drivers reach the BARs by configuration accesses alone (VIRTIO 1.2 4.1.4.9): BIOS code uses
//! it before BARs are mapped.

use super::STRUCTURES_BAR;
use crate::bus::Width;
use crate::pci::PciConfiguration;
use std::ops::Range;

/// Offsets in the capability: bar, offset, length, pci_cfg_data.
const BAR: u16 = 4;
const OFFSET: u16 = 8;
const LENGTH: u16 = 12;
const DATA: u16 = 16;

/// Where the capability is, and what it reaches.
pub(super) struct Window {
    capability: u16,
    /// Bytes of the BAR with the structures, the only one that it reaches: MSI-X is none of them.
    size: u64,
}

/// One access to BAR 0 that the driver asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) offset: u64,
    pub(super) width: Width,
}

impl Window {
    /// The window of the capability at `capability`, whose fields the driver may write.
    pub(super) fn new(space: &mut PciConfiguration, capability: u16, size: u64) -> Self {
        space.make_writable(capability + BAR, Width::Byte, u32::MAX);
        for field in [OFFSET, LENGTH, DATA] {
            space.make_writable(capability + field, Width::Dword, u32::MAX);
        }
        Self { capability, size }
    }

    /// The access that reading or writing `width` bytes at `offset` of the configuration space asks for: if it touches
    /// pci_cfg_data, and bar, offset and length are possible.
    pub(super) fn target(&self, space: &PciConfiguration, offset: u16, width: Width) -> Option<Target> {
        let data = self.data();
        if u32::from(offset) >= data.end || u32::from(offset) + bytes(width) <= data.start {
            return None;
        }
        let field = |field, width| space.read(self.capability + field, width);
        let target = Target {
            offset: field(OFFSET, Width::Dword).into(),
            width: usize::try_from(field(LENGTH, Width::Dword)).ok().and_then(Width::from_bytes)?,
        };
        let count = u64::from(bytes(target.width));
        let possible = field(BAR, Width::Byte) == u32::from(STRUCTURES_BAR)
            && target.width != Width::Qword
            && target.offset.is_multiple_of(count)
            && target.offset + count <= self.size;
        possible.then_some(target)
    }

    /// What the driver wrote to pci_cfg_data.
    pub(super) fn value(&self, space: &PciConfiguration, width: Width) -> u32 {
        space.read(self.capability + DATA, width)
    }

    /// Lets the driver read `value` in pci_cfg_data.
    pub(super) fn set_value(&self, space: &mut PciConfiguration, width: Width, value: u32) {
        space.set(self.capability + DATA, width, value);
    }

    fn data(&self) -> Range<u32> {
        let start = u32::from(self.capability + DATA);
        start..start + 4
    }
}

/// Bytes of a width that configuration accesses have.
const fn bytes(width: Width) -> u32 {
    match width {
        Width::Byte => 1,
        Width::Word => 2,
        Width::Dword => 4,
        Width::Qword => 8,
    }
}
