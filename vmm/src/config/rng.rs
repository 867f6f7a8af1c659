//! The virtio entropy device, which every machine has.

use devices::rate_limit::Rate;
use serde::{Deserialize, Serialize};

/// The virtio entropy device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RngConfig {
    /// How many bytes of entropy the guest gets; `None`: as many as it asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Rate>,
}
