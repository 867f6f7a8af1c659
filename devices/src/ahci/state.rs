//! The saved form of the controller.

use super::port::Port;
use crate::pci::PciConfigurationState;
use crate::scsi::UnitState;
use crate::state::DeviceState;
use serde::{Deserialize, Serialize};

/// Everything that its driver wrote, and what its devices remember.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AhciState {
    pub(super) interrupts: bool,
    pub(super) is: u32,
    pub(super) ports: Vec<Port>,
    /// By port.
    pub(super) devices: Vec<PortState>,
    pub(super) configuration: PciConfigurationState,
}

/// What a port's device remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum PortState {
    /// There is none.
    Nothing,
    /// A disk: its size in sectors, whether it can be written, and its write cache.
    Disk { sectors: u64, readonly: bool, write_cache: bool },
    /// A drive.
    Drive(UnitState),
}

impl DeviceState for AhciState {
    const KIND: &'static str = "ahci";
    const VERSION: u16 = 2;
}
