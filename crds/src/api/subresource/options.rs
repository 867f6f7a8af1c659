//! Bodies of the subresource calls.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::kubernetes::{Duration, LabelSelector, Time};

/// `start`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct StartOptions {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub paused: Option<bool>,
    pub dry_run: Option<Vec<String>>,
}

/// `stop`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct StopOptions {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub grace_period: Option<i64>,
    pub dry_run: Option<Vec<String>>,
}

/// `restart`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct RestartOptions {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub grace_period_seconds: Option<i64>,
    pub dry_run: Option<Vec<String>>,
}

/// `pause`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct PauseOptions {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub dry_run: Option<Vec<String>>,
}

/// `unpause`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct UnpauseOptions {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub dry_run: Option<Vec<String>>,
}

/// `migrate`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct MigrateOptions {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub dry_run: Option<Vec<String>>,
    pub added_node_selector: Option<BTreeMap<String, String>>,
}

/// `evacuate/cancel`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct EvacuateCancelOptions {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub dry_run: Option<Vec<String>>,
    pub evacuation_node_name: String,
}

/// `freeze`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct FreezeUnfreezeTimeout {
    #[schemars(required)]
    pub unfreeze_timeout: Option<Duration>,
}

/// `objectgraph`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ObjectGraphOptions {
    pub include_optional_nodes: Option<bool>,
    pub label_selector: Option<LabelSelector>,
}

/// `backup`.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct BackupOptions {
    pub backup_name: Option<String>,
    pub cmd: Option<String>,
    pub mode: Option<String>,
    pub backup_start_time: Option<Time>,
    pub incremental: Option<String>,
    pub target_path: Option<String>,
    pub skip_quiesce: Option<bool>,
    pub export_server_addr: Option<String>,
    pub export_server_name: Option<String>,
    pub backup_key: Option<String>,
    pub backup_cert: Option<String>,
    pub ca_cert: Option<String>,
}
