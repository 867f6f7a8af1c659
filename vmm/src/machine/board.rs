//! The boards, and what they are made from.

use super::firmware::FirmwareParts;
use super::microvm::Microvm;
use super::q35::Q35;
use super::signals::Signals;
use super::{Blueprint, MachineError};
use crate::config::BoardConfig;
use crate::kvm::KvmVm;
use crate::memory::{Memory, RamRegion};
use crate::snapshot::SavedMachine;
use crate::vcpu::Buses;
use crate::worker::Workers;
use devices::id::DeviceId;
use devices::interrupt::InterruptManager;
use devices::state::Section;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::Sender;

/// What the board's devices are made from.
pub(super) struct Parts<'a> {
    pub(super) blueprint: &'a Blueprint,
    pub(super) vm: &'a Arc<KvmVm>,
    pub(super) memory: &'a Memory,
    /// The same RAM, for the balloon.
    pub(super) ram: &'a [Arc<RamRegion>],
    pub(super) buses: &'a Buses,
    pub(super) interrupts: &'a dyn InterruptManager,
    pub(super) workers: &'a Arc<Workers>,
    pub(super) signals: &'a Arc<Signals>,
    /// `None`: a kernel is started directly.
    pub(super) firmware: Option<&'a FirmwareParts>,
}

/// All devices of a machine. Dropping it ends the virtio devices' queues.
pub(super) enum Board {
    Microvm(Microvm),
    Q35(Q35),
}

impl Board {
    /// Makes all devices, as `saved` has them or new, and puts them on the buses.
    pub(super) fn new(parts: &Parts<'_>, saved: &mut SavedMachine) -> Result<Self, MachineError> {
        match parts.blueprint.config.board {
            BoardConfig::Microvm { acpi } => Ok(Self::Microvm(Microvm::new(parts, acpi, saved)?)),
            BoardConfig::Q35 {} => Ok(Self::Q35(Q35::new(parts, saved)?)),
        }
    }

    /// Brings all queues home; each device whose queues are home sends its id. Returns whom to wait for.
    pub(super) fn park(&self, done: &Sender<DeviceId>) -> BTreeSet<DeviceId> {
        match self {
            Self::Microvm(board) => board.park(done),
            Self::Q35(board) => board.park(done),
        }
    }

    /// Lets queues and consoles go on, and raises again what was pending.
    pub(super) fn unpark(&self) {
        match self {
            Self::Microvm(board) => board.unpark(),
            Self::Q35(board) => board.unpark(),
        }
    }

    /// Presses the power button; `false`: there is none.
    pub(super) fn press_power_button(&self) -> bool {
        match self {
            Self::Microvm(board) => board.press_power_button(),
            Self::Q35(board) => {
                board.press_power_button();
                true
            }
        }
    }

    /// The state of every device, in a fixed order; all queues are parked.
    pub(super) fn save(&self) -> Result<Vec<Section>, MachineError> {
        match self {
            Self::Microvm(board) => board.save(),
            Self::Q35(board) => board.save(),
        }
    }
}
