//! PCI and PCI Express: functions, their configuration space, and the buses they sit on (PCI 3.0, PCI-to-PCI bridge
//! architecture 1.2, PCI Express 4.0).
//!
//! A function is a [`PciFunction`]; the bus finds it by its number and tells the machine, through a [`BarMapper`], which
//! ranges of the address spaces it answers in at any time.

mod configuration;
mod function;
pub mod header;
mod slot;

pub use configuration::{BarKind, Identity, LayoutError, PciConfiguration, PciConfigurationState, Pin};
pub use function::{BarMapper, DecodedBar, Doorbell, Forwarding, Mapping, PciFunction, ROM_BAR, Space};
pub use slot::{PciAddress, Slot};
