//! Settings for those who develop.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::kubernetes::Quantity;

/// Feature gates, overcommit and logs.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DeveloperConfiguration {
    pub feature_gates: Option<Vec<String>>,
    pub disabled_feature_gates: Option<Vec<String>>,
    pub pvc_tolerate_less_space_up_to_percent: Option<i64>,
    #[serde(rename = "minimumReservePVCBytes")]
    pub minimum_reserve_pvc_bytes: Option<u64>,
    #[schemars(range(min = 10))]
    pub memory_overcommit: Option<i64>,
    pub node_selectors: Option<BTreeMap<String, String>>,
    pub use_emulation: Option<bool>,
    pub cpu_allocation_ratio: Option<i64>,
    #[serde(rename = "minimumClusterTSCFrequency")]
    pub minimum_cluster_tsc_frequency: Option<i64>,
    pub disk_verification: Option<DiskVerification>,
    pub log_verbosity: Option<LogVerbosity>,
    pub cluster_profiler: Option<bool>,
}

/// Looking into disk images.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DiskVerification {
    #[schemars(required)]
    pub memory_limit: Option<Quantity>,
}

/// How much each component logs.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct LogVerbosity {
    #[serde(rename = "virtAPI")]
    pub virt_api: Option<u64>,
    pub virt_controller: Option<u64>,
    pub virt_handler: Option<u64>,
    pub virt_launcher: Option<u64>,
    pub virt_operator: Option<u64>,
    pub virt_synchronization_controller: Option<u64>,
    pub node_verbosity: Option<BTreeMap<String, u64>>,
}
