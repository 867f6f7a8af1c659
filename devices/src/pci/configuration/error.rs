//! Why a function cannot be made.

use crate::state::StateError;
use thiserror::Error;

/// Why a function cannot be laid out as asked.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum LayoutError {
    /// The size does not fit the kind of BAR.
    #[error("BAR {bar} cannot have {size:#x} bytes: a power of two from {least:#x} to {most:#x} is needed")]
    Size {
        /// The BAR.
        bar: u8,
        /// The size asked for.
        size: u64,
        /// The least possible size of the kind.
        least: u64,
        /// The largest.
        most: u64,
    },
    /// The header has no such BAR, or it is taken.
    #[error("BAR {0} does not exist in this header or is in use")]
    Bar(u8),
    /// The list of capabilities is full.
    #[error("Capability {id:#04x} of {size} bytes does not fit into the configuration space")]
    Capability {
        /// The capability.
        id: u16,
        /// Its bytes, with its header.
        size: usize,
    },
    /// MSI-X has 1 to 2048 vectors.
    #[error("MSI-X cannot have {0} vectors: 1 to 2048 are possible")]
    Vectors(u16),
}

/// Why a function cannot be made.
#[derive(Debug, Error)]
pub enum FunctionError {
    /// Its layout is impossible.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// Its state is unusable.
    #[error(transparent)]
    State(#[from] StateError),
}
