//! Settings of migrations.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::kubernetes::Quantity;

/// Limits and timeouts of migrations.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct MigrationConfiguration {
    pub node_drain_taint_key: Option<String>,
    pub parallel_outbound_migrations_per_node: Option<u32>,
    pub parallel_migrations_per_cluster: Option<u32>,
    pub allow_auto_converge: Option<bool>,
    pub bandwidth_per_migration: Option<Quantity>,
    #[serde(rename = "completionTimeoutPerGiB")]
    pub completion_timeout_per_gib: Option<i64>,
    #[schemars(range(min = 1, max = 2_000_000))]
    pub max_downtime_ms: Option<u64>,
    pub progress_timeout: Option<i64>,
    pub utility_volumes_timeout: Option<i64>,
    pub unsafe_migration_override: Option<bool>,
    pub allow_post_copy: Option<bool>,
    pub allow_workload_disruption: Option<bool>,
    #[serde(rename = "disableTLS")]
    pub disable_tls: Option<bool>,
    pub network: Option<String>,
    #[serde(rename = "matchSELinuxLevelOnMigration")]
    pub match_se_linux_level_on_migration: Option<bool>,
}

/// What is not settled yet.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ExperimentalMigrationOptions {
    pub stall_detector: Option<StallDetectorOptions>,
    pub downtime_tuning: Option<DowntimeTuningOptions>,
    #[schemars(extend("enum" = ["none", "zstd"]))]
    pub compression: Option<String>,
}

/// When a migration counts as stalled.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct StallDetectorOptions {
    #[schemars(range(min = 0, max = 100))]
    pub stall_margin: Option<i64>,
    pub ewma_alpha: Option<Quantity>,
    #[schemars(range(min = 0))]
    pub stall_progress_timeout: Option<i64>,
    #[schemars(range(min = 0))]
    pub switchover_timeout: Option<i64>,
    pub precopy_possible_factor: Option<Quantity>,
    pub patience_window_decay_factor: Option<Quantity>,
    pub search_local_minima: Option<bool>,
    pub completion_timeout_factor: Option<Quantity>,
}

/// How the allowed downtime grows.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DowntimeTuningOptions {
    #[schemars(range(min = 1))]
    pub initial_ms: Option<i64>,
    #[schemars(range(min = 1))]
    pub steps: Option<i32>,
    #[schemars(range(min = 1))]
    pub start_after_iteration: Option<i64>,
    #[schemars(range(min = 1))]
    pub cooldown_seconds: Option<i32>,
}

/// The settings that one migration used.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct MigrationConfigurationUsed {
    #[serde(flatten)]
    pub configuration: MigrationConfiguration,
    pub experimental: Option<ExperimentalMigrationOptions>,
}
