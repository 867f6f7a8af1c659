//! VIRTIO 1.2, modern only: one device trait over transports, one checked gate for descriptor chains.

pub mod chain;
mod config_space;
pub mod core;
mod device;
mod memory;
mod parked;
mod queue;
mod queue_config;
mod queue_use;
mod status;
#[cfg(test)]
pub(crate) mod testing;

pub mod balloon;
pub mod block;
pub mod console;
pub mod net;
pub mod rng;
pub mod scsi;
pub mod transport;
pub mod vsock;

pub use device::{ActivateError, Activation, QueueHandler, QueueWorkers, Returned, VirtioDevice, VirtioInterrupt};
pub use memory::DeviceMemory;
pub use queue::{LendError, LentQueue, VirtQueue};
pub use queue_config::{QueueConfig, QueueConfigError};
pub use queue_use::{QueueStatistics, QueueUse, QueueUses};
