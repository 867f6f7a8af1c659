//! VIRTIO 1.2, modern only: one device trait over transports, one checked gate for descriptor chains.

mod device;
mod memory;

pub use device::{ActivateError, Activation, QueueHandler, QueueWorkers, Returned, VirtioDevice, VirtioInterrupt};
pub use memory::DeviceMemory;

pub mod block;
pub mod rng;
pub mod transport;
