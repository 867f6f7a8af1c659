//! What an entropy device remembers besides its queue: nothing.

use crate::state::DeviceState;
use serde::{Deserialize, Serialize};

/// An entropy device's own state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RngState {}

impl DeviceState for RngState {
    const KIND: &'static str = "virtio-rng";
    const VERSION: u16 = 1;
}
