//! The enhanced configuration access mechanism (PCI Express 4.0 7.2.2): configuration space as memory.

use super::{PciAddress, PciBus, Slot};
use crate::bus::{BusDevice, Width};
use std::sync::Weak;

/// Configuration space of all functions, 4096 bytes each, from bus 0 on; where it is, the host bridge decides.
pub(super) struct Ecam {
    /// The bus has the host bridge, which has this.
    bus: Weak<PciBus>,
}

impl Ecam {
    /// Bytes of one function.
    pub(super) const FUNCTION_SIZE: u16 = 0x1000;

    pub(super) fn new(bus: Weak<PciBus>) -> Self {
        Self { bus }
    }
}

/// The function and the offset in its space that are at `offset`; `None` beyond bus 255.
fn target(offset: u64) -> Option<(PciAddress, u16)> {
    let [low, high, slot, bus, 0, 0, 0, 0] = (offset << 4).to_le_bytes() else { return None };
    let address = PciAddress { bus, slot: Slot::from_number(slot) };
    Some((address, u16::from_le_bytes([low, high]) >> 4))
}

impl BusDevice for Ecam {
    fn read(&self, offset: u64, width: Width) -> u64 {
        match (self.bus.upgrade(), target(offset)) {
            (Some(bus), Some((address, offset))) => bus.read(address, offset, width),
            _ => width.ones(),
        }
    }

    fn write(&self, offset: u64, width: Width, value: u64) {
        if let (Some(bus), Some((address, offset))) = (self.bus.upgrade(), target(offset)) {
            bus.write(address, offset, width, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_names_bus_device_function_and_register() {
        let address = PciAddress { bus: 0x12, slot: Slot::new(0x1f, 7) };
        assert_eq!(target(0x12 << 20 | 0x1f << 15 | 7 << 12 | 0xabc), Some((address, 0xabc)));
        assert_eq!(target(1 << 28), None);
    }
}
