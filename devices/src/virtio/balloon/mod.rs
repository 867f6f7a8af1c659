//! The virtio balloon device (VIRTIO 1.2 5.5): memory that the guest does without goes back to the host.
//!
//! ```text
//!  host ── BalloonPort: target, statistics wanted ──► configuration space, statsq
//!  guest ── inflateq, reporting_vq: pages ──► GuestPages::discard ──► the host
//!  guest ── deflateq: pages ──► nothing to do: a page that is touched again is there, full of zeros
//! ```

mod config;
mod device;
mod discard;
mod free_page_hint;
mod pages;
mod port;
mod reporting;
mod state;
mod statistics;
#[cfg(test)]
mod tests;

pub use config::BalloonConfig;
pub use device::VirtioBalloon;
pub use discard::{DiscardError, GuestPages};
pub use port::{BalloonPort, BalloonStatus};
pub use state::BalloonState;
pub use statistics::GuestStatistics;
