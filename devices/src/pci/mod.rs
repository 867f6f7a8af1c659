//! PCI and PCI Express: functions, their configuration space, and the buses they sit on (PCI 3.0, PCI-to-PCI bridge
//! architecture 1.2, PCI Express 4.0).
//!
//! A function is a [`PciFunction`]; it keeps its registers in a [`PciConfiguration`]. A [`Topology`] says where each sits.
//! The [`PciBus`] finds a function by its number and tells the machine, through a [`BarMapper`], which ranges of the
//! address spaces are whose at any time. The guest reaches it through [`ConfigPorts`] and through the window in memory
//! that the [`HostBridge`] places. For a kernel that no firmware starts, [`PciBus::assign`] does firmware's part.

mod assignment;
mod bus;
mod config_ports;
mod configuration;
mod ecam;
mod function;
pub mod header;
mod host_bridge;
mod msi;
mod msix;
pub(crate) mod rom;
mod root_port;
mod shadow;
mod slot;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod testing;
mod topology;

pub use assignment::{AssignmentError, Windows};
pub use bus::PciBus;
pub use config_ports::{ConfigPorts, ConfigPortsState};
pub use configuration::{
    BarKind, ExpressKind, FunctionError, Identity, LayoutError, PciConfiguration, PciConfigurationState, Pin,
};
pub use function::{BarMapper, DecodedBar, Doorbell, Forwarding, Mapping, PciFunction, ROM_BAR, Space};
pub use header::Command;
pub use host_bridge::{HostBridge, HostBridgeState};
pub use msi::Msi;
pub use msix::{Msix, MsixState};
pub use rom::{ExpansionRom, MAX_ROM_SIZE, RomError};
pub use root_port::{RootPort, RootPortState};
pub use shadow::{ShadowAccess, ShadowMapper, ShadowRegion};
pub use slot::{PciAddress, Slot};
pub use topology::{Topology, TopologyError};
