//! The virtio entropy device (VIRTIO 1.2 5.4).

mod config;
mod device;
mod queue;
mod request;
mod state;
#[cfg(test)]
mod tests;

pub use config::RngConfig;
pub use device::VirtioRng;
pub use state::RngState;
