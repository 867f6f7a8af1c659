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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::pci::testing::{FakeFunction, Machine};
    use proptest::prelude::*;
    use std::sync::Mutex;

    const WIDTHS: [Width; 4] = [Width::Byte, Width::Word, Width::Dword, Width::Qword];

    /// The reset control register: remembers what was written.
    #[derive(Default)]
    struct ResetControl(Mutex<Vec<u64>>);

    impl BusDevice for ResetControl {
        fn read(&self, offset: u64, width: Width) -> u64 {
            assert_eq!((offset, width), (0, Width::Byte));
            6
        }

        fn write(&self, offset: u64, width: Width, value: u64) {
            assert_eq!((offset, width), (0, Width::Byte));
            self.0.lock().unwrap().push(value);
        }
    }

    fn ports() -> (ConfigPorts, Machine, Arc<ResetControl>) {
        let (machine, reset) =
            (Machine::new(&[(&[Slot::new(1, 0)], FakeFunction::new("a"))]), Arc::<ResetControl>::default());
        (ConfigPorts::new("pci".into(), &machine.bus, reset.clone(), None).unwrap(), machine, reset)
    }

    #[test]
    fn the_address_register_names_what_the_data_ports_show() {
        let (ports, _machine, _) = ports();
        assert_eq!(ports.read(4, Width::Dword), 0xffff_ffff, "not enabled");
        ports.write(0, Width::Dword, 0x8000_0800);
        assert_eq!(ports.read(0, Width::Dword), 0x8000_0800);
        assert_eq!(ports.read(4, Width::Dword), 0x1044_1af4);
        assert_eq!((ports.read(6, Width::Word), ports.read(5, Width::Byte)), (0x1044, 0x1a));
        assert_eq!(ports.read(5, Width::Word), 0x441a);
        ports.write(0, Width::Dword, 0x8000_083c);
        ports.write(4, Width::Byte, 0x0b);
        assert_eq!(ports.read(4, Width::Dword), 0x0b);
        ports.write(0, Width::Dword, 0x0000_083c);
        ports.write(4, Width::Byte, 0x0c);
        ports.write(0, Width::Dword, 0x8000_083c);
        assert_eq!(ports.read(4, Width::Byte), 0x0b, "a write while not enabled goes nowhere");
        ports.write(0, Width::Dword, 0x8000_1000);
        assert_eq!(ports.read(4, Width::Word), 0xffff, "no function is there");
    }

    #[test]
    fn the_address_register_takes_whole_writes_and_has_no_reserved_bits() {
        let (ports, _machine, _) = ports();
        for (offset, width) in
            [(0, Width::Byte), (0, Width::Word), (0, Width::Qword), (2, Width::Word), (3, Width::Byte)]
        {
            ports.write(offset, width, u64::MAX);
            assert_eq!(ports.read(offset, width), width.ones());
        }
        assert_eq!(ports.read(0, Width::Dword), 0);
        ports.write(0, Width::Dword, u64::MAX);
        assert_eq!(ports.read(0, Width::Dword), 0x80ff_fffc);
    }

    #[test]
    fn a_byte_at_0xcf9_is_the_reset_control_register() {
        let (ports, _machine, reset) = ports();
        ports.write(1, Width::Byte, 0x0e);
        ports.write(1, Width::Word, 0x0e);
        assert_eq!((ports.read(1, Width::Byte), ports.read(1, Width::Word)), (6, 0xffff));
        assert_eq!(*reset.0.lock().unwrap(), [0x0e]);
    }

    #[test]
    fn the_address_register_survives_a_save_and_cannot_be_restored_with_reserved_bits() {
        let (ports, machine, reset) = ports();
        ports.write(0, Width::Dword, 0x8000_0804);
        let saved = ports.save().unwrap();
        let restored = |state| ConfigPorts::new("pci".into(), &machine.bus, reset.clone(), Some(state));
        let copy = restored(saved.decode().unwrap()).unwrap();
        assert_eq!((copy.read(0, Width::Dword), copy.save().unwrap()), (0x8000_0804, saved));
        let refused = restored(ConfigPortsState { address: 1 });
        assert!(matches!(refused.map(|_| ()), Err(StateError::Invalid { .. })));
    }

    #[test]
    fn nothing_answers_when_the_bus_is_gone() {
        let (ports, machine, _) = ports();
        drop(machine);
        ports.write(0, Width::Dword, 0x8000_0000);
        ports.write(4, Width::Dword, 0);
        assert_eq!(ports.read(4, Width::Dword), 0xffff_ffff);
    }

    proptest! {
        #[test]
        fn no_access_panics(
            accesses in prop::collection::vec((any::<bool>(), 0u64..8, 0usize..4, any::<u64>()), 0..32)
        ) {
            let (ports, _machine, _) = ports();
            for (is_write, offset, width, value) in accesses {
                if is_write {
                    ports.write(offset, WIDTHS[width], value);
                } else {
                    prop_assert_eq!(ports.read(offset, WIDTHS[width]) & !WIDTHS[width].ones(), 0);
                }
            }
            prop_assert_eq!(ports.read(0, Width::Dword) & !u64::from(ADDRESS_MASK), 0);
        }
    }
}
