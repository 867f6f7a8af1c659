//! The virtio network device (VIRTIO 1.2 5.1): one pair of queues, no offloads, no control queue.
//!
//! Both ways a frame is copied through one buffer of its queue, so that neither the guest nor the network can make
//! more memory or time be spent on it; what does not fit is dropped and counted, as on a wire.

mod config;
mod device;
mod frame;
mod mac;
mod port;
mod rx;
mod state;
#[cfg(test)]
mod tests;
mod tx;

pub use config::NetConfig;
pub use device::VirtioNet;
pub use mac::{MacAddress, MacAddressError};
pub use port::{NetPort, NetStatistics};
pub use state::NetState;
