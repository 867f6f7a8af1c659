//! The virtio network device (VIRTIO 1.2 5.1): pairs of queues, offloads as far as the network has them, a control
//! queue.
//!
//! ```text
//!  driver ── receiveq N  ◄── Receiver N    ◄── queue N of the network (a TAP's: the kernel spreads flows over them)
//!         ── transmitq N ──► Transmitter N ──►
//!         ── controlq    ──► Control: pairs in use, offloads of frames to the guest, address, announcements
//! ```
//!
//! Both ways a frame is copied through one buffer of its queue, so that neither the guest nor the network can make
//! more memory or time be spent on it; what does not fit is dropped and counted, as on a wire. Its header is the one
//! that the host's kernel reads and writes: checked here, obeyed there.
//!
//! Where the host has vhost-net for it ([`crate::backend::net::KernelRings`]), its kernel takes the place of Receiver and
//! Transmitter; all else is the same, saved state included.
//!
//! There is no receive filter (VIRTIO_NET_F_CTRL_RX): whatever the network sends to this port reaches the guest, as on
//! a cable.

mod config;
mod control;
mod device;
mod frame;
mod header;
mod kernel;
mod mac;
mod port;
mod rx;
mod session;
mod state;
mod statistics;
#[cfg(test)]
mod tests;
mod tx;

pub use config::NetConfig;
pub use device::VirtioNet;
pub use mac::{MacAddress, MacAddressError};
pub use port::NetPort;
pub use session::DriverChoices;
pub use state::NetState;
pub use statistics::{NetStatistics, PairStatistics, Traffic};
