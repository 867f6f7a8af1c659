//! Why a device cannot be put on PCI.

use crate::interrupt::InterruptError;
use crate::pci::{FunctionError, LayoutError};
use crate::state::StateError;
use thiserror::Error;

/// Why a device cannot be put on PCI.
#[derive(Debug, Error)]
pub enum PciTransportError {
    /// The configuration space, or the saved state, is impossible.
    #[error(transparent)]
    Function(#[from] FunctionError),
    /// Its interrupts cannot be had.
    #[error(transparent)]
    Interrupt(#[from] InterruptError),
}

impl From<LayoutError> for PciTransportError {
    fn from(error: LayoutError) -> Self {
        Self::Function(error.into())
    }
}

impl From<StateError> for PciTransportError {
    fn from(error: StateError) -> Self {
        Self::Function(error.into())
    }
}
