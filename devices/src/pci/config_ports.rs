//! Configuration space through ports 0xCF8 to 0xCFF (PCI 3.0 3.2.2.3.2): an address register, and a window of four
//! bytes on the register it names.
//!
//! The address register takes 4-byte accesses only; a byte at 0xCF9 is the reset control register, which is another
//! device's.

use super::{PciAddress, PciBus, Slot};
use crate::bus::{BusDevice, Width};
use crate::id::DeviceId;
use crate::state::{DeviceState, Section, StateError};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

const ADDRESS: u64 = 0;
const RESET_CONTROL: u64 = 1;
const DATA: u64 = 4;
const LAST_DATA: u64 = 7;

/// In the address register: data accesses go to configuration space.
const ENABLE: u32 = 1 << 31;
/// Enable bit, bus, device, function and register.
const ADDRESS_MASK: u32 = 0x80ff_fffc;

/// The address register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigPortsState {
    address: u32,
}

impl DeviceState for ConfigPortsState {
    const KIND: &'static str = "pci-config-ports";
    const VERSION: u16 = 1;
}

/// Ports 0xCF8 to 0xCFF.
pub struct ConfigPorts {
    id: DeviceId,
    /// The bus maps functions onto the buses of the machine, on one of which these ports are.
    bus: Weak<PciBus>,
    reset_control: Arc<dyn BusDevice>,
    /// One for all vCPUs, as in hardware: guests take a lock.
    address: AtomicU32,
}

impl ConfigPorts {
    /// Ports in `state`, or with the address register at zero; they answer while `bus` lives. Bytes at 0xCF9 go to
    /// offset 0 of `reset_control`.
    ///
    /// # Errors
    /// The state has bits that the address register has not.
    pub fn new(
        id: DeviceId,
        bus: &Arc<PciBus>,
        reset_control: Arc<dyn BusDevice>,
        state: Option<ConfigPortsState>,
    ) -> Result<Self, StateError> {
        let address = state.map_or(0, |state| state.address);
        if address & !ADDRESS_MASK != 0 {
            let reason = format!("its address register {address:#010x} has bits that are never set");
            return Err(StateError::Invalid { device: id, reason });
        }
        Ok(Self { id, bus: Arc::downgrade(bus), reset_control, address: AtomicU32::new(address) })
    }

    /// The address register.
    ///
    /// # Errors
    /// It cannot be serialised.
    pub fn save(&self) -> Result<Section, StateError> {
        Section::encode(&self.id, &ConfigPortsState { address: self.address.load(Ordering::Relaxed) })
    }

    /// What a data access at `offset` goes to.
    fn target(&self, offset: u64) -> Option<(Arc<PciBus>, PciAddress, u16)> {
        let register = self.address.load(Ordering::Relaxed);
        let [low, slot, bus, _] = register.to_le_bytes();
        let byte = u16::try_from(offset - DATA).ok()?;
        let address = PciAddress { bus, slot: Slot::from_number(slot) };
        let target = self.bus.upgrade()?;
        (register & ENABLE != 0).then_some((target, address, u16::from(low) + byte))
    }
}

impl BusDevice for ConfigPorts {
    fn read(&self, offset: u64, width: Width) -> u64 {
        match (offset, width) {
            (ADDRESS, Width::Dword) => self.address.load(Ordering::Relaxed).into(),
            (RESET_CONTROL, Width::Byte) => self.reset_control.read(0, width),
            (DATA..=LAST_DATA, _) => match self.target(offset) {
                Some((bus, address, register)) => bus.read(address, register, width),
                None => width.ones(),
            },
            _ => width.ones(),
        }
    }

    fn write(&self, offset: u64, width: Width, value: u64) {
        match (offset, width) {
            (ADDRESS, Width::Dword) => {
                let [a, b, c, d, ..] = value.to_le_bytes();
                self.address.store(u32::from_le_bytes([a, b, c, d]) & ADDRESS_MASK, Ordering::Relaxed);
            }
            (RESET_CONTROL, Width::Byte) => self.reset_control.write(0, width, value),
            (DATA..=LAST_DATA, _) => {
                if let Some((bus, address, register)) = self.target(offset) {
                    bus.write(address, register, width, value);
                }
            }
            _ => {}
        }
    }
}
