//! `MigrationPolicy`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::Empty;
use crate::api::kubernetes::{ObjectMeta, Quantity};
use crate::api::kubevirt::ExperimentalMigrationOptions;

/// Migration settings for some machines.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct MigrationPolicy {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub metadata: ObjectMeta,
    pub spec: MigrationPolicySpec,
    #[schemars(extend("nullable" = true))]
    pub status: Option<Empty>,
}

/// The settings and the machines.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct MigrationPolicySpec {
    #[schemars(required)]
    pub selectors: Option<Selectors>,
    pub allow_auto_converge: Option<bool>,
    pub bandwidth_per_migration: Option<Quantity>,
    #[serde(rename = "completionTimeoutPerGiB")]
    pub completion_timeout_per_gib: Option<i64>,
    #[schemars(range(min = 1, max = 2_000_000))]
    pub max_downtime_ms: Option<u64>,
    pub allow_post_copy: Option<bool>,
    pub allow_workload_disruption: Option<bool>,
    pub experimental: Option<ExperimentalMigrationOptions>,
}

/// Machines by their labels and those of their namespaces.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Selectors {
    pub namespace_selector: Option<BTreeMap<String, String>>,
    pub virtual_machine_instance_selector: Option<BTreeMap<String, String>>,
}
