//! One request: what the driver asks, and what it is answered (VIRTIO 1.2 5.2.6). No I/O happens here.

use super::config::{OnError, SERIAL_LENGTH};
use crate::id::DeviceId;
use crate::log_limit::LogLimit;
use crate::virtio::chain::Chain;
use std::io;
use std::ops::Deref;
use std::sync::Arc;
use thiserror::Error;
use virtio_bindings::virtio_blk::{
    VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_OK, VIRTIO_BLK_S_UNSUPP, VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_GET_ID, VIRTIO_BLK_T_IN,
    VIRTIO_BLK_T_OUT,
};
use vm_memory::GuestMemory;

/// The unit of the driver's addresses, whatever the disk's blocks are.
pub(super) const SECTOR: u64 = 512;
/// `struct virtio_blk_req` up to its data: le32 type, le32 reserved, le64 sector.
pub(super) const HEADER_LENGTH: u32 = 16;

/// What a queue must know of its disk.
pub(super) struct Disk {
    pub(super) id: DeviceId,
    /// In bytes: a multiple of [`SECTOR`].
    pub(super) capacity: u64,
    pub(super) readonly: bool,
    pub(super) serial: [u8; SERIAL_LENGTH],
    /// A completed write must be stable without a flush.
    pub(super) write_through: bool,
    pub(super) on_error: OnError,
    pub(super) log: Arc<LogLimit>,
}

/// The last byte of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    IoError,
    Unsupported,
}

impl Status {
    pub(super) fn byte(self) -> u8 {
        let value = match self {
            Self::Ok => VIRTIO_BLK_S_OK,
            Self::IoError => VIRTIO_BLK_S_IOERR,
            Self::Unsupported => VIRTIO_BLK_S_UNSUPP,
        };
        value.to_le_bytes()[0]
    }
}

/// What the driver asks for. Offsets and lengths in bytes, inside the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Read { offset: u64, length: u32 },
    Write { offset: u64, length: u32 },
    Flush,
    GetId,
}

/// The driver left no room for the status byte, so it cannot be answered: the queue is broken.
#[derive(Debug, Error)]
#[error("A block request has no room for its status")]
pub(super) struct NoStatus;

impl Request {
    /// Reads the request in `chain`, or says what its status must be.
    pub(super) fn parse<T>(chain: &Chain<T>, disk: &Disk) -> Result<Self, Status>
    where
        T: Clone + Deref<Target: GuestMemory> + Send + 'static,
    {
        let mut header = [0; HEADER_LENGTH as usize];
        chain.readable.read(0, &mut header).map_err(|_| Status::IoError)?;
        let [a, b, c, d, _, _, _, _, sector @ ..] = header;
        let sector = u64::from_le_bytes(sector);
        let data_out = chain.readable.len().saturating_sub(HEADER_LENGTH);
        let data_in = chain.writable.len().saturating_sub(1);
        match u32::from_le_bytes([a, b, c, d]) {
            VIRTIO_BLK_T_IN if data_out == 0 => {
                Ok(Self::Read { offset: disk.check(sector, data_in)?, length: data_in })
            }
            // 5.2.6.2: a write to a read-only disk is an error, and nothing is written.
            VIRTIO_BLK_T_OUT if data_in == 0 && !disk.readonly => {
                Ok(Self::Write { offset: disk.check(sector, data_out)?, length: data_out })
            }
            VIRTIO_BLK_T_FLUSH => Ok(Self::Flush),
            VIRTIO_BLK_T_GET_ID if data_in as usize == SERIAL_LENGTH => Ok(Self::GetId),
            VIRTIO_BLK_T_IN | VIRTIO_BLK_T_OUT | VIRTIO_BLK_T_GET_ID => Err(Status::IoError),
            _ => Err(Status::Unsupported),
        }
    }
}

impl Disk {
    /// The byte that `sector` starts at, if `length` bytes from there are whole sectors of the disk.
    fn check(&self, sector: u64, length: u32) -> Result<u64, Status> {
        let offset = sector.checked_mul(SECTOR).ok_or(Status::IoError)?;
        let end = offset.checked_add(length.into()).ok_or(Status::IoError)?;
        let whole = u64::from(length).is_multiple_of(SECTOR);
        if whole && end <= self.capacity { Ok(offset) } else { Err(Status::IoError) }
    }
}

/// What to do with a request that the host failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The driver gets this status. (Parking the request until the machine is resumed will stand beside it.)
    Complete(Status),
}

impl OnError {
    /// Decides about a request that failed with `error`.
    pub(super) fn verdict(self, _error: &io::Error) -> Verdict {
        match self {
            Self::Report => Verdict::Complete(Status::IoError),
        }
    }
}
