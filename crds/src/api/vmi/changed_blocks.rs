//! Tracking of changed blocks, and backups that use it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::kubernetes::Time;

/// Whether changed blocks are tracked.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ChangedBlockTrackingStatus {
    pub state: String,
    #[schemars(extend("nullable" = true))]
    pub backup_status: Option<BackupProgress>,
}

/// The last or current backup.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct BackupProgress {
    pub backup_name: Option<String>,
    pub start_timestamp: Option<Time>,
    pub end_timestamp: Option<Time>,
    pub completed: Option<bool>,
    pub failed: Option<bool>,
    pub backup_msg: Option<String>,
    pub checkpoint_name: Option<String>,
    pub volumes: Option<Vec<BackedUpVolume>>,
    pub quiesce_status: Option<String>,
}

/// A volume of the backup.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct BackedUpVolume {
    pub volume_name: String,
}
