//! vCPUs and their topology.

use super::CpuPlacement;
use serde::{Deserialize, Serialize};

/// How many vCPUs there are, and how the guest sees them arranged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CpusConfig {
    /// vCPUs present at the start.
    pub boot: u32,
    /// vCPUs that may be present later (hotplug); at least `boot`. Absent: `boot`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// Absent: `max` sockets of one core with one thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topology: Option<CpuTopology>,
    /// Which CPUs of the host they run on. Absent: those on which the program that builds the machine runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<CpuPlacement>,
}

impl Default for CpusConfig {
    fn default() -> Self {
        Self { boot: 1, max: None, topology: None, placement: None }
    }
}

/// Sockets x cores per socket x threads per core. The product is the number of vCPUs there may be (`max`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CpuTopology {
    /// Sockets (packages).
    pub sockets: u32,
    /// Cores per socket.
    pub cores: u32,
    /// Threads per core.
    pub threads: u32,
}
