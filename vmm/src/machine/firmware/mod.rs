//! What a machine has that firmware starts: its files, its memory, and its devices.

mod boot_order;
mod boot_watch;
mod devices;
mod files;
mod memory;

pub(super) use boot_order::BootOrder;
pub(super) use boot_watch::BootWatch;
pub(super) use devices::FirmwareDevices;
pub(crate) use files::{FirmwareError, FirmwareFiles};
pub(super) use memory::{FirmwareMemory, FlashUnit};

use super::MachineError;
use crate::config::FirmwareInterface;
use crate::firmware::Cpu;
use crate::memory::{AddressSpace, CommitError, RamRegion};
use crate::statistics::Statistics;
use files::VariablesChip;
use std::sync::Arc;

/// What the board's devices for the firmware are made from.
pub(super) struct FirmwareParts {
    pub(super) interface: FirmwareInterface,
    /// The firmware's debug console goes to the log.
    pub(super) log: bool,
    pub(super) memory: Arc<FirmwareMemory>,
    /// Where the code goes.
    pub(super) code: Arc<RamRegion>,
    pub(super) variables: Option<VariablesChip>,
    /// Present and possible processors.
    pub(super) cpus: Vec<Cpu>,
}

impl FirmwareParts {
    /// Maps RAM and the firmware's memory. `failed` is told when the guest lacks memory later.
    ///
    /// # Errors
    /// The host has no memory, or the hypervisor refused it.
    pub(super) fn new(
        (interface, log): (FirmwareInterface, bool),
        files: &FirmwareFiles,
        cpus: Vec<Cpu>,
        address_space: &Arc<AddressSpace>,
        ram: &[Arc<RamRegion>],
        statistics: Arc<Statistics>,
        failed: Box<dyn Fn(CommitError) + Send + Sync>,
    ) -> Result<Self, MachineError> {
        let code = files.code_region()?;
        let variables = files.variables_chip()?;
        let chip = variables.as_ref().map(|chip| Arc::clone(&chip.region));
        let space = Arc::clone(address_space);
        let memory = FirmwareMemory::new(space, ram.to_vec(), Arc::clone(&code), chip, statistics, failed)?;
        Ok(Self { interface, log, memory: Arc::new(memory), code, variables, cpus })
    }
}
