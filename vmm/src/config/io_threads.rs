//! Which threads serve the devices' queues.

use serde::{Deserialize, Serialize};

/// The worker threads of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IoThreadsConfig {
    /// How they are shared.
    #[serde(default)]
    pub policy: IoThreadsPolicy,
    /// Threads of a `pool`: 1 to 64; other policies have none to count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u16>,
    /// Disks are read and written through io_uring where the host allows it; else by system calls.
    #[serde(default = "yes")]
    pub io_uring: bool,
}

/// Who serves the queues of disks and networks. Everything slow shares one more thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IoThreadsPolicy {
    /// The thread that everything else has, too.
    Shared,
    /// A thread for each device.
    #[default]
    Auto,
    /// So many threads, over which the queues are spread.
    Pool,
}

impl Default for IoThreadsConfig {
    fn default() -> Self {
        Self { policy: IoThreadsPolicy::default(), count: None, io_uring: true }
    }
}

fn yes() -> bool {
    true
}
