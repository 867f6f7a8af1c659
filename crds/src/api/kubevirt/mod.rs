//! `KubeVirt`: the installation and the cluster's configuration.

mod architecture;
mod client;
mod configuration;
mod developer;
mod host_devices;
mod migrations;
mod network;
mod security;
mod spec;
mod status;

pub use architecture::*;
pub use client::*;
pub use configuration::*;
pub use developer::*;
pub use host_devices::*;
pub use migrations::*;
pub use network::*;
pub use security::*;
pub use spec::*;
pub use status::*;
