//! The saved form: what the guest has selected and written, and what was built for it.

use super::FwCfg;
use super::items::key;
use crate::state::{DeviceState, StateError};
use crate::virtio::DeviceMemory;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Registers and changeable items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FwCfgState {
    selected: u16,
    offset: u32,
    dma_high: u32,
    /// By key.
    contents: BTreeMap<u16, Vec<u8>>,
}

impl DeviceState for FwCfgState {
    const KIND: &'static str = "fw-cfg";
    const VERSION: u16 = 1;
}

impl FwCfgState {
    pub(super) fn of<M: DeviceMemory>(device: &FwCfg<M>) -> Self {
        Self {
            selected: device.selected,
            offset: u32::try_from(device.offset).unwrap_or(u32::MAX), // items are bounded
            dma_high: device.dma_high,
            contents: device.catalogue.changeable(),
        }
    }

    /// # Errors
    /// The state names items that this device does not have, or an offset beyond the selected one.
    pub(super) fn restore<M: DeviceMemory>(self, device: &mut FwCfg<M>) -> Result<(), StateError> {
        let Self { selected, offset, dma_high, contents } = self;
        let invalid = |device: &FwCfg<M>, reason| StateError::Invalid { device: device.id.clone(), reason };
        for (key, bytes) in contents {
            let size = bytes.len();
            if !device.catalogue.replace(key, bytes) {
                return Err(invalid(device, format!("it has no item {key:#x} of {size} bytes that changes")));
            }
        }
        if selected & key::WRITE != 0 {
            return Err(invalid(device, format!("its selector {selected:#x} has a bit that is never kept")));
        }
        let end = device.catalogue.bytes(selected).len();
        device.offset = usize::try_from(offset).ok().filter(|offset| *offset <= end).ok_or_else(|| {
            invalid(device, format!("it reads at {offset:#x} of item {selected:#x}, which has {end:#x} bytes"))
        })?;
        device.selected = selected;
        device.dma_high = dma_high;
        Ok(())
    }
}
