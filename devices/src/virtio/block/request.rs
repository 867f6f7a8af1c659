//! One request: what the driver asks, and what it is answered (VIRTIO 1.2 5.2.6). No I/O happens here.

use super::config::{MAX_DISCARD_SECTORS, MAX_WRITE_ZEROES_SECTORS, SERIAL_LENGTH};
use crate::virtio::chain::Chain;
use std::ops::Deref;
use thiserror::Error;
use virtio_bindings::virtio_blk::{
    VIRTIO_BLK_F_DISCARD, VIRTIO_BLK_F_WRITE_ZEROES, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_OK, VIRTIO_BLK_S_UNSUPP,
    VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_GET_ID, VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT,
    VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP,
};
use vm_memory::GuestMemory;

/// The unit of the driver's addresses, whatever the disk's blocks are.
pub(super) const SECTOR: u64 = 512;
/// `struct virtio_blk_req` up to its data: le32 type, le32 reserved, le64 sector.
pub(super) const HEADER_LENGTH: u32 = 16;
/// `struct virtio_blk_discard_write_zeroes`: le64 sector, le32 sectors, le32 flags.
const RANGE_LENGTH: usize = 16;

/// What a request is checked against.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// In bytes: a multiple of [`SECTOR`].
    pub(super) capacity: u64,
    pub(super) readonly: bool,
    /// The negotiated feature bits.
    pub(super) features: u64,
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
    Discard { offset: u64, length: u64 },
    WriteZeroes { offset: u64, length: u64, unmap: bool },
    GetId,
}

/// The driver left no room for the status byte, so it cannot be answered: the queue is broken.
#[derive(Debug, Error)]
#[error("A block request has no room for its status")]
pub(super) struct NoStatus;

impl Request {
    /// Reads the request in `chain`, or says what its status must be.
    pub(super) fn parse<T>(chain: &Chain<T>, limits: &Limits) -> Result<Self, Status>
    where
        T: Clone + Deref<Target: GuestMemory> + Send + 'static,
    {
        let mut header = [0; HEADER_LENGTH as usize];
        chain.readable.read(0, &mut header).map_err(|_| Status::IoError)?;
        let [a, b, c, d, _, _, _, _, sector @ ..] = header;
        let sector = u64::from_le_bytes(sector);
        let data_out = chain.readable.len().saturating_sub(HEADER_LENGTH);
        let data_in = chain.writable.len().saturating_sub(1);
        let negotiated = |feature: u32| limits.features & 1 << feature != 0;
        match u32::from_le_bytes([a, b, c, d]) {
            VIRTIO_BLK_T_IN if data_out == 0 => {
                Ok(Self::Read { offset: limits.check(sector, data_in.into())?, length: data_in })
            }
            // 5.2.6.2: a write to a read-only disk is an error, and nothing is written.
            VIRTIO_BLK_T_OUT if data_in == 0 && !limits.readonly => {
                Ok(Self::Write { offset: limits.check(sector, data_out.into())?, length: data_out })
            }
            VIRTIO_BLK_T_FLUSH => Ok(Self::Flush),
            VIRTIO_BLK_T_GET_ID if data_in as usize == SERIAL_LENGTH => Ok(Self::GetId),
            VIRTIO_BLK_T_DISCARD if negotiated(VIRTIO_BLK_F_DISCARD) => {
                let (offset, length, flags) = range(chain, limits, MAX_DISCARD_SECTORS)?;
                // 5.2.6.2: there is nothing to unmap besides.
                if flags == 0 { Ok(Self::Discard { offset, length }) } else { Err(Status::Unsupported) }
            }
            VIRTIO_BLK_T_WRITE_ZEROES if negotiated(VIRTIO_BLK_F_WRITE_ZEROES) => {
                let (offset, length, flags) = range(chain, limits, MAX_WRITE_ZEROES_SECTORS)?;
                match flags {
                    0 => Ok(Self::WriteZeroes { offset, length, unmap: false }),
                    VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP => Ok(Self::WriteZeroes { offset, length, unmap: true }),
                    _ => Err(Status::Unsupported),
                }
            }
            VIRTIO_BLK_T_IN | VIRTIO_BLK_T_OUT | VIRTIO_BLK_T_GET_ID => Err(Status::IoError),
            _ => Err(Status::Unsupported),
        }
    }
}

/// The one range of a discard or a zeroing write, in bytes, and its flags.
fn range<T>(chain: &Chain<T>, limits: &Limits, max_sectors: u32) -> Result<(u64, u64, u32), Status>
where
    T: Clone + Deref<Target: GuestMemory> + Send + 'static,
{
    let exactly_one =
        chain.readable.len() as usize == HEADER_LENGTH as usize + RANGE_LENGTH && chain.writable.len() == 1;
    if limits.readonly || !exactly_one {
        return Err(Status::IoError);
    }
    let mut bytes = [0; RANGE_LENGTH];
    chain.readable.read(HEADER_LENGTH, &mut bytes).map_err(|_| Status::IoError)?;
    let [start @ .., a, b, c, d, e, f, g, h] = bytes;
    let (sectors, flags) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
    if sectors > max_sectors {
        return Err(Status::IoError);
    }
    let length = u64::from(sectors).saturating_mul(SECTOR);
    Ok((limits.check(u64::from_le_bytes(start), length)?, length, flags))
}

impl Limits {
    /// The byte that `sector` starts at, if `length` bytes from there are whole sectors of the disk.
    fn check(&self, sector: u64, length: u64) -> Result<u64, Status> {
        let offset = sector.checked_mul(SECTOR).ok_or(Status::IoError)?;
        let end = offset.checked_add(length).ok_or(Status::IoError)?;
        if length.is_multiple_of(SECTOR) && end <= self.capacity { Ok(offset) } else { Err(Status::IoError) }
    }
}
