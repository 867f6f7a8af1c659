//! fw_cfg: what the machine tells its firmware, as items that are read by key (QEMU's "Firmware Configuration Device").
//!
//! | port | bytes | register |
//! |---|---|---|
//! | 0x510 | 2 | selector, write-only: the item that is read from its beginning on |
//! | 0x511 | 1 | data, read-only: the selected item's next byte; zero beyond its end and where there is no item |
//! | 0x514 | 4 | DMA: high half of a request's address, big-endian; reads `QEMU` |
//! | 0x518 | 4 | DMA: low half; writing it carries the request out. Reads ` CFG` |
//!
//! Files are items from key 0x20 on with a name in the directory, which is sorted by name. Some are built when one of
//! them is first selected, from what the firmware has made of the machine by then ([`LateFiles`]); until a reset they
//! stay what they were.

mod dma;
mod items;
mod state;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use items::{FwCfgError, FwCfgItems, LateFiles, key};
pub use state::FwCfgState;

use crate::bus::{BusDeviceMut, Width, read_bytes};
use crate::id::DeviceId;
use crate::log_limit::LogLimit;
use crate::state::{Section, StateError};
use crate::virtio::DeviceMemory;
use items::Catalogue;

/// The first port.
pub const FW_CFG_PORT: u64 = 0x510;
/// How many ports there are.
pub const FW_CFG_PORTS: u64 = 12;

const SELECTOR: u64 = 0;
const DATA: u64 = 1;
const DMA: u64 = 4;
const DMA_LOW: u64 = 8;
/// What the DMA registers read.
const DMA_SIGNATURE: &[u8; 8] = b"QEMU CFG";

/// The device. It reads and writes guest memory `M`.
pub struct FwCfg<M> {
    id: DeviceId,
    memory: M,
    catalogue: Catalogue,
    /// Key of the selected item.
    selected: u16,
    /// Where the next byte is read; at most the length of the item.
    offset: usize,
    /// High half of the next request's address.
    dma_high: u32,
    limit: LogLimit,
}

impl<M: DeviceMemory> FwCfg<M> {
    /// A device in `state`, or as after power-on, with these items.
    ///
    /// # Errors
    /// The state is that of other items.
    pub fn new(id: DeviceId, memory: M, items: FwCfgItems, state: Option<FwCfgState>) -> Result<Self, StateError> {
        let mut device = Self {
            id,
            memory,
            catalogue: Catalogue::new(items),
            selected: key::SIGNATURE,
            offset: 0,
            dma_high: 0,
            limit: LogLimit::default(),
        };
        if let Some(state) = state {
            state.restore(&mut device)?;
        }
        Ok(device)
    }

    /// Registers, what the guest wrote, and what was built when it was selected.
    ///
    /// # Errors
    /// It cannot be serialised.
    pub fn save(&self) -> Result<Section, StateError> {
        Section::encode(&self.id, &FwCfgState::of(self))
    }

    fn select(&mut self, key: u16) {
        self.selected = key & !key::WRITE;
        self.offset = 0;
        if let Err(error) = self.catalogue.complete(self.selected) {
            tracing::error!(device = %self.id, "{error}");
        }
    }

    fn next_byte(&mut self) -> u8 {
        let byte = self.catalogue.bytes(self.selected).get(self.offset).copied();
        self.offset += usize::from(byte.is_some());
        byte.unwrap_or(0)
    }
}

impl<M: DeviceMemory> BusDeviceMut for FwCfg<M> {
    fn read(&mut self, offset: u64, width: Width) -> u64 {
        match (offset, width) {
            (DATA, Width::Byte) => self.next_byte().into(),
            (DMA.., _) => read_bytes(width, |position| {
                let index = usize::try_from(offset - DMA + position).ok();
                index.and_then(|index| DMA_SIGNATURE.get(index)).copied().unwrap_or(0xff)
            }),
            _ => width.ones(),
        }
    }

    fn write(&mut self, offset: u64, width: Width, value: u64) {
        let [a, b, c, d, ..] = value.to_le_bytes();
        match (offset, width) {
            (SELECTOR, Width::Word) => self.select(u16::from_le_bytes([a, b])),
            (DMA, Width::Dword) => self.dma_high = u32::from_be_bytes([a, b, c, d]),
            (DMA_LOW, Width::Dword) => {
                let low = u32::from_be_bytes([a, b, c, d]);
                let address = u64::from(std::mem::take(&mut self.dma_high)) << 32 | u64::from(low);
                self.carry_out(address);
            }
            _ => {}
        }
    }
}
