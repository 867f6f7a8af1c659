//! Where a function sits.

use std::fmt;

/// A device's number on its bus and a function's number in its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u8);

impl Slot {
    /// Function `function` (0 to 7) of device `device` (0 to 31); bits above are dropped, as in a configuration address.
    pub const fn new(device: u8, function: u8) -> Self {
        Self(device << 3 | function & 0x7)
    }

    /// The slot with this number: the device in bits 3 to 7, the function in bits 0 to 2.
    pub const fn from_number(number: u8) -> Self {
        Self(number)
    }

    /// The device's number, 0 to 31.
    pub const fn device(self) -> u8 {
        self.0 >> 3
    }

    /// The function's number, 0 to 7.
    pub const fn function(self) -> u8 {
        self.0 & 0x7
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}.{}", self.device(), self.function())
    }
}

/// A function's place as the guest names it: bus numbers are what the guest gave to the bridges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PciAddress {
    /// The bus; 0 is the root bus.
    pub bus: u8,
    /// The place on the bus.
    pub slot: Slot,
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}:{}", self.bus, self.slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_device_and_function() {
        let lpc = Slot::new(0x1f, 2);
        assert_eq!((lpc.device(), lpc.function(), lpc), (0x1f, 2, Slot::from_number(0xfa)));
        assert_eq!(PciAddress { bus: 0x10, slot: lpc }.to_string(), "10:1f.2");
        assert_eq!(Slot::new(0x21, 9), Slot::new(1, 1));
    }
}
