//! MSI-X (PCI 3.0 6.8.2): table, pending bits, function mask.

use super::bar::bars;
use super::config::{read16, read32, write16};
use super::function::Function;
use crate::cpu::{read_physical, write_physical};
use crate::platform::platform;

/// The capability's id.
pub const CAPABILITY: u8 = 0x11;
const ENABLE: u16 = 1 << 15;
const FUNCTION_MASK: u16 = 1 << 14;
const VECTOR_MASK: u32 = 1;

/// A function's MSI-X capability.
#[derive(Clone, Copy, Debug)]
pub struct Msix {
    function: Function,
    capability: u16,
}

impl Msix {
    /// The capability of `function`, if it has one.
    pub fn of(function: Function) -> Option<Self> {
        function.capability(CAPABILITY).map(|capability| Self { function, capability })
    }

    /// How many vectors there are.
    pub fn size(&self) -> u16 {
        (read16(self.function.at, self.capability + 2) & 0x7ff) + 1
    }

    /// The BARs with the table and the pending bits, and where in them.
    pub fn places(&self) -> [(u8, u64); 2] {
        [4, 8].map(|offset| {
            let value = read32(self.function.at, self.capability + offset);
            ((value & 7) as u8, u64::from(value & !7))
        })
    }

    /// The address of one of [`Self::places`], as the BAR is now; 0 where the BAR is missing.
    fn address(&self, (index, offset): (u8, u64)) -> u64 {
        // Read without sizing, which would switch decoding off.
        let register = 0x10 + 4 * u16::from(index);
        let low = read32(self.function.at, register);
        let high = if low & 6 == 4 { read32(self.function.at, register + 4) } else { 0 };
        (u64::from(high) << 32 | u64::from(low & !0xf)) + offset
    }

    /// The table's address now.
    pub fn table(&self) -> u64 {
        self.address(self.places()[0])
    }

    /// Switches MSI-X on or off, and INTx with it.
    pub fn enable(&self, on: bool) {
        self.control(if on { ENABLE } else { 0 }, if on { 0 } else { ENABLE });
    }

    /// Masks or unmasks all vectors at once.
    pub fn mask_function(&self, on: bool) {
        self.control(if on { FUNCTION_MASK } else { 0 }, if on { 0 } else { FUNCTION_MASK });
    }

    /// The control register.
    pub fn control_register(&self) -> u16 {
        read16(self.function.at, self.capability + 2)
    }

    fn control(&self, on: u16, off: u16) {
        write16(self.function.at, self.capability + 2, (self.control_register() | on) & !off);
    }

    /// Vector `index` becomes vector `vector` of CPU `cpu`; it stays masked or not, as it is.
    pub fn set(&self, index: u16, vector: u8, cpu: usize) {
        let entry = self.table() + 16 * u64::from(index);
        let id = platform().apic_ids.get(cpu).copied().unwrap_or(0);
        // SAFETY: the capability says that the table is there, and BARs are mapped.
        unsafe {
            write_physical(entry, 0xfee0_0000 | (id & 0xff) << 12);
            write_physical(entry + 4, 0u32);
            write_physical(entry + 8, u32::from(vector));
        }
    }

    /// Masks or unmasks vector `index`.
    pub fn mask(&self, index: u16, on: bool) {
        let entry = self.table() + 16 * u64::from(index);
        // SAFETY: as in `set`.
        unsafe { write_physical(entry + 12, if on { VECTOR_MASK } else { 0 }) };
    }

    /// Whether vector `index` waits for being unmasked.
    pub fn is_pending(&self, index: u16) -> bool {
        let word = self.address(self.places()[1]) + u64::from(index / 64) * 8;
        // SAFETY: as in `set`.
        unsafe { read_physical::<u64>(word) >> (index % 64) & 1 != 0 }
    }

    /// Whether the table and the pending bits lie inside their BARs.
    pub fn fits(&self) -> bool {
        let [table, pending] = self.places();
        let bars = bars(self.function);
        let inside = |(index, offset): (u8, u64), size: u64| {
            bars.iter().any(|bar| bar.index == index && offset + size <= bar.size)
        };
        inside(table, 16 * u64::from(self.size())) && inside(pending, u64::from(self.size()).div_ceil(64) * 8)
    }
}
