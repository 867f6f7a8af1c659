//! MSI (PCI 3.0 6.8.1): one vector of functions that have no MSI-X.

use super::config::{read16, write16, write32};
use super::function::Function;
use crate::platform::platform;

/// The capability's id.
const CAPABILITY: u8 = 0x05;
const ENABLE: u16 = 1;
/// The address has 64 bits, so that the data comes behind its upper half.
const ADDRESS_64: u16 = 1 << 7;

/// A function's MSI capability.
#[derive(Clone, Copy, Debug)]
pub struct Msi {
    function: Function,
    capability: u16,
}

impl Msi {
    /// The capability of `function`, if it has one.
    pub fn of(function: Function) -> Option<Self> {
        function.capability(CAPABILITY).map(|capability| Self { function, capability })
    }

    /// Vector `vector` of CPU `cpu`, from now on.
    pub fn enable(&self, vector: u8, cpu: usize) {
        let (at, capability) = (self.function.at, self.capability);
        let control = read16(at, capability + 2);
        let id = platform().apic_ids.get(cpu).copied().unwrap_or(0);
        write32(at, capability + 4, 0xfee0_0000 | (id & 0xff) << 12);
        let mut data = capability + 8;
        if control & ADDRESS_64 != 0 {
            write32(at, data, 0);
            data += 4;
        }
        write16(at, data, u16::from(vector));
        write16(at, capability + 2, control | ENABLE);
    }
}
