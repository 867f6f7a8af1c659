//! The virtio SCSI host device (VIRTIO 1.2 5.6): a bus of targets, each with one logical unit.
//!
//! ```text
//!  request queues ── RequestQueue ── LogicalUnit (crate::scsi) ── steps ── the unit's disk
//!  control queue  ── ControlQueue ── Tasks: which queues have tasks that must end first
//!  event queue    ◄─ EventQueue   ◄─ Events: changes of units
//! ```
//!
//! The queues are served by workers that may be different threads; they share the units, whose locks commands that move
//! data do not take.

mod address;
mod config;
mod constants;
mod control;
mod device;
mod events;
mod queue;
mod request;
mod state;
mod tasks;
#[cfg(test)]
mod tests;

pub use config::ScsiConfig;
pub use device::{ScsiError, VirtioScsi};
pub use state::ScsiState;
