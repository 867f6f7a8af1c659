//! An ATAPI drive: takes SCSI commands as packets.

use super::{Port, SLOT_DATA, Task};
use crate::scsi::{Carrier, Failure};

/// A drive on a port.
pub struct Drive {
    pub port: Port,
}

impl Drive {
    fn packet(&mut self, cdb: &[u8], length: usize) -> Result<(), (u8, u8)> {
        // By DMA.
        self.port.put(0, Task { command: 0xa0, lba: 0, count: 0, features: 1, length }, cdb);
        self.port.issue(1, false)
    }
}

impl Carrier for Drive {
    fn execute(&mut self, cdb: &[u8], out: &[u8], room: &mut [u8]) -> Result<usize, Failure> {
        self.port.set_data(0, out);
        let length = out.len().max(room.len()).min(SLOT_DATA);
        if self.packet(cdb, length).is_ok() {
            let data = self.port.data(0, room.len());
            room[..data.len()].copy_from_slice(&data);
            return Ok(data.len());
        }
        self.port.start().map_err(Failure::Carrier)?;
        let asked = self.packet(&[0x03, 0, 0, 0, 18, 0], 18);
        asked.map_err(|(status, error)| Failure::Carrier(alloc::format!("status {status:#x} error {error:#x}")))?;
        let sense = self.port.data(0, 18);
        Err(Failure::Sense(sense[2] & 0xf, sense[12], sense[13]))
    }

    fn interrupts(&self) -> u64 {
        self.port.interrupts()
    }

    fn most(&self) -> usize {
        SLOT_DATA
    }
}
