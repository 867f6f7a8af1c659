//! The virtio console device (VIRTIO 1.2 5.3): one console port, and named ports.
//!
//! ```text
//!  receiveq, transmitq of each port ──┐
//!                                     ├── ConsolePorts: host ends, and what the driver knows of them
//!  control receiveq, transmitq ───────┘
//! ```
//!
//! Port 0 is the console (Linux: hvc0); what the guest writes there while nobody is connected is lost, as on a terminal
//! line. The others have names, and tell the guest whether somebody is there. While somebody is, nothing is lost: what
//! the host does not take stays in the guest's buffers.

mod config;
mod control;
mod control_rx;
mod control_tx;
mod device;
mod port;
mod ports;
mod rx;
mod state;
#[cfg(test)]
mod tests;
mod tx;

pub use config::ConsoleConfig;
pub use device::VirtioConsole;
pub use ports::{ConsolePorts, NamedPort};
pub use state::{ConsoleState, PortState};
