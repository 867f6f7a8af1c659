//! The virtio block device (VIRTIO 1.2 5.2).

mod config;
mod device;
mod state;

pub use config::{BlockConfig, OnError};
pub use device::VirtioBlock;
pub use state::BlockState;
