//! What a block device is made from, and what its driver reads of it.

use crate::backend::block::CacheMode;
use crate::id::DeviceId;

/// The longest serial number (VIRTIO 1.2 5.2.6, VIRTIO_BLK_T_GET_ID).
pub(super) const SERIAL_LENGTH: usize = 20;
/// Most bytes of one segment, which the driver keeps to by itself: what a chain holds is bounded anyway.
pub(super) const SIZE_MAX: u32 = 1 << 20;
/// Most sectors of one discard: 2 GiB.
pub(super) const MAX_DISCARD_SECTORS: u32 = 1 << 22;
/// Most sectors of one zeroing write: 16 MiB, which a host that cannot do better writes in one go.
pub(super) const MAX_WRITE_ZEROES_SECTORS: u32 = 1 << 15;
/// Bytes of `struct virtio_blk_config` up to the fields of secure erase, which is not offered.
pub(super) const CONFIG_LENGTH: usize = 60;
/// Where `writeback` stands, the one field that a driver may write.
pub(super) const WRITEBACK: u64 = 32;

/// Configuration of a block device. Size and writability are the backend's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockConfig {
    /// The machine's name for it.
    pub id: DeviceId,
    /// What GET_ID answers: at most 20 bytes of ASCII; `None` answers nothing but zeros.
    pub serial: Option<String>,
    /// How many queues it has: at least one.
    pub queues: u16,
    /// What completed writes promise.
    pub cache: CacheMode,
    /// The driver is told that it may discard and zero ranges.
    pub discard: bool,
    /// The sizes of blocks that the driver is told.
    pub blocks: BlockSizes,
}

/// Block sizes in bytes: powers of two of at least 512, the logical one the smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockSizes {
    /// What the driver reads and writes in.
    pub logical: u32,
    /// What the host does best with.
    pub physical: u32,
    /// How much the host best moves at once; zero: it does not matter.
    pub optimal: u32,
}

impl Default for BlockSizes {
    fn default() -> Self {
        Self { logical: 512, physical: 4096, optimal: 0 }
    }
}

impl BlockConfig {
    /// The serial number as GET_ID gives it, padded with zeros; `None`: it is too long or not ASCII.
    pub(super) fn serial_bytes(&self) -> Option<[u8; SERIAL_LENGTH]> {
        let serial = self.serial.as_deref().unwrap_or_default();
        let mut bytes = [0; SERIAL_LENGTH];
        bytes.get_mut(..serial.len()).filter(|_| serial.is_ascii())?.copy_from_slice(serial.as_bytes());
        Some(bytes)
    }

    /// `struct virtio_blk_config` (VIRTIO 1.2 5.2.4) of a disk of `sectors`, with requests of at most `segments`.
    pub(super) fn space(&self, sectors: u64, segments: u32, writeback: bool) -> [u8; CONFIG_LENGTH] {
        let BlockSizes { logical, physical, optimal } = self.blocks;
        let logical = logical.max(1);
        let exponent = (physical / logical).max(1).ilog2();
        let smallest = u16::try_from(physical / logical).unwrap_or(u16::MAX);
        let mut space = [0; CONFIG_LENGTH];
        let mut rest = space.as_mut_slice();
        let mut put = |bytes: &[u8]| {
            if let Some((field, after)) = std::mem::take(&mut rest).split_at_mut_checked(bytes.len()) {
                field.copy_from_slice(bytes);
                rest = after;
            }
        };
        put(&sectors.to_le_bytes());
        put(&SIZE_MAX.to_le_bytes());
        put(&segments.to_le_bytes());
        put(&[0; 4]); // geometry: not offered
        put(&logical.to_le_bytes());
        // physical_block_exp, alignment_offset, min_io_size, opt_io_size, all but the first in logical blocks
        put(&[u8::try_from(exponent).unwrap_or(0), 0]);
        put(&smallest.to_le_bytes());
        put(&(optimal / logical).to_le_bytes());
        put(&[u8::from(writeback), 0]);
        put(&self.queues.to_le_bytes());
        // One range a request. Aligned to what the host frees.
        put(&MAX_DISCARD_SECTORS.to_le_bytes());
        put(&1u32.to_le_bytes());
        put(&(physical / 512).to_le_bytes());
        put(&MAX_WRITE_ZEROES_SECTORS.to_le_bytes());
        put(&1u32.to_le_bytes());
        put(&[1, 0, 0, 0]); // write_zeroes_may_unmap
        space
    }
}
