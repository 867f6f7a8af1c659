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
/// The window that ends at the very last address is one unit short of it.
fn memory_window(configuration: &PciConfiguration, offset: u16, [base_upper, limit_upper]: [u32; 2]) -> Range<u64> {
    let address = |offset, upper: u32| {
        let low = u64::from(configuration.read(offset, Width::Word) & 0xfff0) << 16;
        u64::from(upper) << 32 | low
    };
    address(offset, base_upper)..address(offset + 2, limit_upper).saturating_add(0x10_0000)
}
