//! Configuration space by memory (ECAM, where the MCFG table or a test says) and by the ports 0xCF8 and 0xCFC.

use core::sync::atomic::{AtomicU64, Ordering};

use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

use super::Address;
use crate::cpu::{in8, in16, in32, out8, out16, out32, read_physical, write_physical};
use crate::platform::platform;
use crate::sync::SpinLock;

const ADDRESS: u16 = 0xcf8;
const DATA: u16 = 0xcfc;

/// Between a write of the address port and the access of the data port nobody else may come.
static PORTS: SpinLock<()> = SpinLock::new(());
/// Where a test has moved ECAM; 0: where the MCFG table says.
static MOVED: AtomicU64 = AtomicU64::new(0);

/// From now on ECAM is at `base`.
pub fn move_ecam(base: u64) {
    MOVED.store(base, Ordering::SeqCst);
}

/// Where ECAM is now.
pub fn ecam_base() -> Option<u64> {
    match MOVED.load(Ordering::SeqCst) {
        0 => platform().ecam.map(|ecam| ecam.base),
        moved => Some(moved),
    }
}

/// Whether the board has configuration space at all.
pub fn exists() -> bool {
    platform().ecam.is_some()
}

/// Where ECAM has a register, from its start.
pub fn ecam_offset(at: Address, register: u16) -> u64 {
    u64::from(at.bus) << 20 | u64::from(at.device) << 15 | u64::from(at.function) << 12 | u64::from(register)
}

fn select(at: Address, register: u16) -> u16 {
    let function = u32::from(at.bus) << 16 | u32::from(at.device) << 11 | u32::from(at.function) << 8;
    out32(ADDRESS, 1 << 31 | function | u32::from(register & 0xfc));
    DATA + (register & 3)
}

macro_rules! accesses {
    ($read:ident, $write:ident, $ports_read:ident, $ports_write:ident, $in:ident, $out:ident, $type:ty) => {
        /// Reads a register by ECAM; all ones where there is none.
        pub fn $read(at: Address, register: u16) -> $type {
            // SAFETY: ECAM lies below 4 GiB, where everything is mapped, and is not memory.
            ecam_base().map_or(!0, |base| unsafe { read_physical(base + ecam_offset(at, register)) })
        }
        /// Writes a register by ECAM.
        pub fn $write(at: Address, register: u16, value: $type) {
            let Some(base) = ecam_base() else { return };
            // SAFETY: as above.
            unsafe { write_physical(base + ecam_offset(at, register), value) }
        }
        /// Reads a register below 256 by the ports.
        pub fn $ports_read(at: Address, register: u16) -> $type {
            let _guard = PORTS.lock();
            $in(select(at, register))
        }
        /// Writes a register below 256 by the ports.
        #[allow(dead_code, reason = "not every width is written")]
        pub fn $ports_write(at: Address, register: u16, value: $type) {
            let _guard = PORTS.lock();
            $out(select(at, register), value)
        }
    };
}
accesses!(read8, write8, ports_read8, ports_write8, in8, out8, u8);
accesses!(read16, write16, ports_read16, ports_write16, in16, out16, u16);
accesses!(read32, write32, ports_read32, ports_write32, in32, out32, u32);

/// ECAM, for the `virtio-drivers` crate.
pub struct Ecam;

impl From<DeviceFunction> for Address {
    fn from(from: DeviceFunction) -> Self {
        Self { bus: from.bus, device: from.device, function: from.function }
    }
}

impl ConfigurationAccess for Ecam {
    fn read_word(&self, at: DeviceFunction, register: u8) -> u32 {
        read32(at.into(), register.into())
    }

    fn write_word(&mut self, at: DeviceFunction, register: u8, data: u32) {
        write32(at.into(), register.into(), data);
    }

    unsafe fn unsafe_clone(&self) -> Self {
        Self
    }
}
