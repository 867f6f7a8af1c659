//! The virtio entropy device (VIRTIO 1.2 5.4).

mod device;
mod state;

pub use device::VirtioRng;
pub use state::RngState;
