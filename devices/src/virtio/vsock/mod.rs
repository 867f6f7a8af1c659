//! The virtio socket device (VIRTIO 1.2 5.10): streams between the guest and the host's Unix sockets.
//!
//! ```text
//!  guest ── tx ──► Connections ──► streams of the host, each with what it has not taken yet
//!  guest ◄── rx ──     │     ◄──── their bytes, as far as the guest has buffers and credit
//!                      └ one epoll set of all streams: rx's completion
//! ```

mod config;
mod connection;
mod connections;
mod credit;
mod device;
mod event;
mod greeting;
mod packet;
mod rx;
mod state;
#[cfg(test)]
mod tests;
mod token;
mod tx;

pub use config::VsockConfig;
pub use device::VirtioVsock;
pub use state::VsockState;
