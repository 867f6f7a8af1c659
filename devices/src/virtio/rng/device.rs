//! The device: features, activation, state.

use super::RngState;
use crate::id::DeviceId;
use crate::state::StateError;

/// An entropy device, ready for any transport.
pub struct VirtioRng {
    id: DeviceId,
}

impl VirtioRng {
    /// An entropy device; with `state`, as it was when that was saved.
    ///
    /// # Errors
    /// None today: the device has no state of its own.
    pub fn new(id: DeviceId, state: Option<RngState>) -> Result<Self, StateError> {
        let _ = state;
        Ok(Self { id })
    }
}
