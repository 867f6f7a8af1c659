//! VIRTIO 1.2, modern only: one device trait over transports, one checked gate for descriptor chains.

mod device;

pub use device::{ActivateError, Activation, QueueHandler, QueueWorkers, Returned, VirtioDevice, VirtioInterrupt};

pub mod block;
pub mod rng;
pub mod transport;
