//! The virtio block device (VIRTIO 1.2 5.2).

mod config;
mod device;
mod queue;
mod request;
mod shared;
mod state;
#[cfg(test)]
mod tests;

pub use config::{BlockConfig, BlockSizes};
pub use device::{BlockError, VirtioBlock};
pub use state::BlockState;
