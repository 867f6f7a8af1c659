//! The virtio network device (VIRTIO 1.2 5.1).

mod mac;

pub use mac::{MacAddress, MacAddressError};
