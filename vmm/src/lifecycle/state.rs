//! The states of a machine.
//!
//! ```text
//!            start            pause
//!  Built ───────────► Running ◄────► Paused      reset: Running -> Running, Paused -> Paused, with fresh KVM
//!    │                   │   resume    │         objects from the same configuration and open descriptors
//!    │ stop              │ stop,       │ stop
//!    │                   │ guest ends  │
//!    └───────────────────┴────► Stopped ◄┘       (final: threads joined, descriptors closed)
//! ```

use serde::{Deserialize, Serialize};

/// Where a machine is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VmState {
    /// Everything is allocated; no vCPU has run.
    Built,
    /// The vCPUs run.
    Running,
    /// The vCPUs stand still, the queues are drained, state may be read.
    Paused,
    /// The end.
    Stopped,
}
