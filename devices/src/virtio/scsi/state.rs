//! What a SCSI device remembers besides its queues.

use crate::scsi::UnitState;
use crate::state::DeviceState;
use serde::{Deserialize, Serialize};

/// What its driver set, and its units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScsiState {
    /// Bytes of sense data in each answer.
    pub sense_size: u32,
    /// Bytes of a command.
    pub cdb_size: u32,
    /// By target.
    pub units: Vec<UnitState>,
    /// By queue, the heads of the commands that wait for the end of a pause.
    pub parked: Vec<(u16, Vec<u16>)>,
}

impl DeviceState for ScsiState {
    const KIND: &'static str = "virtio-scsi";
    const VERSION: u16 = 2;
}
