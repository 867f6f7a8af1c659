//! What a SCSI device is made from, and what its driver reads and writes of it.

use crate::id::DeviceId;
use crate::scsi::UnitConfig;

/// Configuration of a SCSI device.
pub struct ScsiConfig {
    /// The machine's name for it.
    pub id: DeviceId,
    /// Request queues: at least one.
    pub queues: u16,
    /// The unit of each target, by target number: at most 256.
    pub units: Vec<UnitConfig>,
}

/// The last target, unit and channel number that could be.
const MAX_TARGET: u16 = 255;
const MAX_UNIT: u32 = 0;
/// Sectors of one command, and commands of one unit at a time.
const MAX_SECTORS: u32 = 0xffff;
const COMMANDS_A_UNIT: u32 = 128;
/// `struct virtio_scsi_event`.
pub(super) const EVENT_LENGTH: u32 = 16;

/// Bytes of `struct virtio_scsi_config` (VIRTIO 1.2 5.6.4).
const LENGTH: usize = 36;
/// Where the two fields are that a driver writes.
const SENSE_SIZE: u64 = 20;
const CDB_SIZE: u64 = 24;

/// Sizes of the variable parts of a request, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) sense: u32,
    pub(super) cdb: u32,
}

impl Sizes {
    /// What they are after a reset.
    pub(super) const RESET: Self = Self { sense: 96, cdb: 32 };
    /// As much as sense data, or a command, can ever have (SPC-4 4.2.2, 4.5.1).
    const MOST: u32 = 260;

    /// They are none that could not have been written.
    pub(super) fn possible(self) -> bool {
        self.sense <= Self::MOST && self.cdb <= Self::MOST
    }

    /// The driver writes: only whole fields, and only what can be.
    pub(super) fn write(&mut self, offset: u64, data: &[u8]) {
        let Ok(value) = <[u8; 4]>::try_from(data).map(u32::from_le_bytes) else { return };
        match offset {
            SENSE_SIZE if value <= Self::MOST => self.sense = value,
            CDB_SIZE if value <= Self::MOST => self.cdb = value,
            _ => {}
        }
    }
}

/// The configuration space of a device with `queues` request queues, each request of which has `segments` of data.
pub(super) fn config_space(queues: u16, segments: u32, sizes: Sizes) -> [u8; LENGTH] {
    let mut space = [0; LENGTH];
    let words = [queues.into(), segments, MAX_SECTORS, COMMANDS_A_UNIT, EVENT_LENGTH, sizes.sense, sizes.cdb];
    let mut fields = words.map(u32::to_le_bytes).concat();
    fields.extend_from_slice(&0u16.to_le_bytes()); // max_channel
    fields.extend_from_slice(&MAX_TARGET.to_le_bytes());
    fields.extend_from_slice(&MAX_UNIT.to_le_bytes());
    for (to, from) in space.iter_mut().zip(fields) {
        *to = from;
    }
    space
}
