//! A PCI Express root port: a bridge from the root bus to a bus of its own with one device.
//!
//! Its slot takes no hot plug: the device is there from the start. It has no interrupt of its own; the pins of the device
//! behind it are swizzled ([`super::Pin::swizzled`]). ISA and VGA forwarding and the secondary bus reset are not there:
//! their bits read zero.

use super::{
    Command, DecodedBar, ExpressKind, Forwarding, FunctionError, Identity, PciConfiguration, PciConfigurationState,
    PciFunction, Space, header,
};
use crate::bus::{BusDevice, Width};
use crate::id::DeviceId;
use crate::state::{DeviceState, Section, StateError};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The port that guests of QEMU's machines know.
const IDENTITY: Identity = Identity {
    vendor: 0x1b36,
    device: 0x000c,
    revision: 0,
    class: [0x06, 0x04, 0x00],
    subsystem_vendor: 0,
    subsystem: 0,
};

/// What the guest wrote to the port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootPortState {
    configuration: PciConfigurationState,
}

impl DeviceState for RootPortState {
    const KIND: &'static str = "pci-root-port";
    const VERSION: u16 = 1;
}

/// A root port.
pub struct RootPort {
    id: DeviceId,
    configuration: Mutex<PciConfiguration>,
}

impl RootPort {
    /// A port in `state`, or with its buses and windows unassigned. `number` (1 to 255) is the port's, and of its
    /// physical slot; no two ports have the same.
    ///
    /// # Errors
    /// The state is that of another function.
    pub fn new(id: DeviceId, number: u8, state: Option<RootPortState>) -> Result<Self, FunctionError> {
        let mut configuration = PciConfiguration::new_bridge(IDENTITY);
        configuration.add_express(ExpressKind::RootPort { number })?;
        if let Some(state) = state {
            configuration.restore(&id, &state.configuration)?;
        }
        Ok(Self { id, configuration: Mutex::new(configuration) })
    }

    /// What the guest wrote.
    ///
    /// # Errors
    /// It cannot be serialised.
    pub fn save(&self) -> Result<Section, StateError> {
        let configuration = self.configuration().save();
        Section::encode(&self.id, &RootPortState { configuration })
    }

    fn configuration(&self) -> MutexGuard<'_, PciConfiguration> {
        self.configuration.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PciFunction for RootPort {
    fn id(&self) -> &DeviceId {
        &self.id
    }

    fn read_config(&self, offset: u16, width: Width) -> u32 {
        self.configuration().read(offset, width)
    }

    fn write_config(&self, offset: u16, width: Width, value: u32) {
        self.configuration().write(offset, width, value);
    }

    /// The port itself has no BARs.
    fn decoded(&self) -> Vec<DecodedBar> {
        Vec::new()
    }

    fn bar_device(&self, _bar: u8) -> Option<Arc<dyn BusDevice>> {
        None
    }

    fn forwarding(&self) -> Option<Forwarding> {
        let configuration = self.configuration();
        let bus = |offset| u8::try_from(configuration.read(offset, Width::Byte)).unwrap_or(0);
        let buses = bus(header::SECONDARY_BUS)..=bus(header::SUBORDINATE_BUS);
        let command = configuration.command();
        let mut windows = Vec::new();
        if command.contains(Command::IO) {
            windows.push((Space::Io, io_window(&configuration)));
        }
        if command.contains(Command::MEMORY) {
            windows.push((Space::Memory, memory_window(&configuration, header::MEMORY_WINDOW, [0, 0])));
            let upper = [header::PREFETCH_UPPER, header::PREFETCH_UPPER + 4]
                .map(|offset| configuration.read(offset, Width::Dword));
            windows.push((Space::Memory, memory_window(&configuration, header::PREFETCH_WINDOW, upper)));
        }
        windows.retain(|(_, window)| !window.is_empty());
        Some(Forwarding { buses, windows })
    }
}

/// Base and limit have the address bits 12 to 15, and the limit is a unit's first byte: 4 KiB (bridge architecture 1.2,
/// 3.2.5.6).
fn io_window(configuration: &PciConfiguration) -> Range<u64> {
    let [base, limit] = [header::IO_WINDOW, header::IO_WINDOW + 1]
        .map(|offset| u64::from(configuration.read(offset, Width::Byte) & 0xf0) << 8);
    base..limit + 0x1000
}

/// Base and limit have the address bits 20 to 31, and perhaps upper halves (bridge architecture 1.2, 3.2.5.8 to 10).
/// A window never has the very last address of all.
fn memory_window(configuration: &PciConfiguration, offset: u16, [base_upper, limit_upper]: [u32; 2]) -> Range<u64> {
    let address = |offset, upper: u32| {
        let low = u64::from(configuration.read(offset, Width::Word) & 0xfff0) << 16;
        u64::from(upper) << 32 | low
    };
    address(offset, base_upper)..address(offset + 2, limit_upper).saturating_add(0x10_0000)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::pci::testing::root_port;
    use proptest::prelude::*;

    #[test]
    fn it_is_a_bridge_with_an_express_slot_that_has_its_device() {
        let port = root_port("port1", 3);
        let read = |offset| port.read_config(offset, Width::Dword);
        assert_eq!([read(0), read(8), read(0x0c), read(0x3c)], [0x000c_1b36, 0x0604_0000, 0x0001_0000, 0]);
        assert_eq!([read(0x34), read(0x40)], [0x40, 0x0142_0010], "version 2, root port, with a slot");
        assert_eq!(
            [read(0x4c), read(0x50), read(0x54), read(0x58)],
            [0x0300_0011, 0x0011_0000, 0x0018_0000, 0x0040_0000]
        );
    }

    #[test]
    fn windows_are_open_while_the_port_decodes_and_they_do_not_end_before_they_start() {
        let port = root_port("port1", 1);
        port.write_config(header::PRIMARY_BUS, Width::Dword, 0xff05_0400);
        assert_eq!(port.forwarding(), Some(Forwarding { buses: 4..=5, windows: vec![] }));
        port.write_config(header::IO_WINDOW, Width::Word, 0xe0d0);
        port.write_config(header::MEMORY_WINDOW, Width::Dword, 0xc01f_c00f);
        port.write_config(header::PREFETCH_WINDOW, Width::Dword, 0xffff_0000);
        port.write_config(header::PREFETCH_UPPER, Width::Dword, 8);
        port.write_config(header::PREFETCH_UPPER + 4, Width::Dword, u32::MAX);
        let io = (Space::Io, 0xd000..0xf000);
        let memory = [(Space::Memory, 0xc000_0000..0xc020_0000), (Space::Memory, 0x8_0000_0000..u64::MAX)];
        port.write_config(header::COMMAND, Width::Word, 1);
        assert_eq!(port.forwarding().unwrap().windows, std::slice::from_ref(&io));
        port.write_config(header::COMMAND, Width::Word, 3);
        let [memory32, prefetch] = memory;
        assert_eq!(port.forwarding().unwrap().windows, [io, memory32.clone(), prefetch]);
        port.write_config(header::IO_WINDOW, Width::Word, 0xd0e0);
        port.write_config(header::PREFETCH_UPPER + 4, Width::Dword, 7);
        assert_eq!(port.forwarding().unwrap().windows, [memory32]);
    }

    #[test]
    fn buses_and_windows_survive_a_save() {
        let port = root_port("port1", 1);
        for offset in (0..0x100).step_by(4) {
            port.write_config(offset, Width::Dword, 0xa5a5_a5a5);
        }
        let saved = port.save().unwrap();
        let copy = RootPort::new("port1".into(), 1, Some(saved.decode().unwrap())).unwrap();
        assert_eq!((copy.forwarding(), copy.save().unwrap()), (port.forwarding(), saved));
    }

    proptest! {
        #[test]
        fn any_writes_leave_windows_in_whole_units_that_can_be_restored(
            writes in prop::collection::vec((0u16..0x100, 0usize..3, any::<u32>()), 0..32)
        ) {
            let port = root_port("port1", 1);
            for (offset, width, value) in writes {
                let width = [Width::Byte, Width::Word, Width::Dword][width];
                port.write_config(offset & !u16::try_from(width.bytes() - 1).unwrap(), width, value);
                let windows = port.forwarding().unwrap().windows;
                prop_assert!(windows.len() <= 3);
                for (space, window) in windows {
                    let (unit, end) = if space == Space::Io { (0x1000, 0x1_0000) } else { (0x10_0000, u64::MAX) };
                    prop_assert!(!window.is_empty() && window.start.is_multiple_of(unit) && window.end <= end);
                    prop_assert!(window.end.is_multiple_of(unit) || window.end == u64::MAX);
                }
            }
            prop_assert_eq!(port.read_config(0, Width::Dword), 0x000c_1b36);
            let saved = port.save().unwrap();
            let copy = RootPort::new("port1".into(), 1, Some(saved.decode().unwrap())).unwrap();
            prop_assert_eq!((copy.forwarding(), copy.save().unwrap()), (port.forwarding(), saved));
        }
    }
}
