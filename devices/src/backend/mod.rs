//! What devices are connected to on the host.

pub mod block;
pub mod net;
pub mod port;
pub mod vsock;
