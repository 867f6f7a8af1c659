//! The chip's state in its saved form.

use super::{Flash, Mode, Status};
use crate::state::{DeviceState, StateError};
use serde::{Deserialize, Serialize};
use vm_memory::{Bytes, MemoryRegionAddress};

/// Registers, and the contents of a chip that the guest can write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlashState {
    pub(super) mode: Mode,
    pub(super) status: u8,
    /// The host was not told of all changes.
    pub(super) changed: bool,
    pub(super) contents: Option<Vec<u8>>,
}

impl DeviceState for FlashState {
    const KIND: &'static str = "flash";
    const VERSION: u16 = 1;
}

impl FlashState {
    /// # Errors
    /// The array cannot be read.
    pub(super) fn of<A: Bytes<MemoryRegionAddress> + Send + Sync>(flash: &Flash<A>) -> Result<Self, StateError> {
        let unreadable = || StateError::Invalid { device: flash.id.clone(), reason: "its array cannot be read".into() };
        let contents = flash.writable.then(|| flash.contents().ok_or_else(unreadable)).transpose()?;
        Ok(Self { mode: flash.mode, status: flash.status.bits(), changed: flash.changed, contents })
    }

    /// # Errors
    /// The state is that of another chip.
    pub(super) fn restore<A: Bytes<MemoryRegionAddress> + Send + Sync>(
        self,
        flash: &mut Flash<A>,
    ) -> Result<(), StateError> {
        let Self { mode, status, changed, contents } = self;
        let device = flash.id.clone();
        let invalid = |reason| StateError::Invalid { device, reason };
        let Some(status) = Status::from_bits(status) else {
            return Err(invalid(format!("its status {status:#04x} has bits that are never set")));
        };
        if contents.is_some() != flash.writable || changed && !flash.writable {
            return Err(invalid(
                "it is that of a chip which can be written where this one cannot, or the reverse".into(),
            ));
        }
        if let Some(contents) = contents {
            let (saved, size) = (contents.len() as u64, flash.size);
            if saved != size {
                return Err(invalid(format!("it has {saved} bytes instead of {size}")));
            }
            let written = flash.array.write_slice(&contents, MemoryRegionAddress(0));
            written.map_err(|_| invalid("its contents cannot be written to the array".into()))?;
        }
        (flash.mode, flash.status, flash.changed) = (mode, status, changed);
        Ok(())
    }
}
