//! Why a payload cannot be started.

use thiserror::Error;

/// Why a payload cannot be started.
#[derive(Debug, Error)]
pub(crate) enum BootError {
    /// Neither ELF nor bzImage.
    #[error("The kernel is neither an ELF file nor a bzImage")]
    Unknown,
}
