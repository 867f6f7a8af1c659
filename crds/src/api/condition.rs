//! The condition type that KubeVirt's kinds share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::kubernetes::Time;

/// One observation about an object, and since when it holds.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Condition {
    pub r#type: String,
    pub status: String,
    #[schemars(extend("nullable" = true))]
    pub last_probe_time: Option<Time>,
    #[schemars(extend("nullable" = true))]
    pub last_transition_time: Option<Time>,
    pub reason: Option<String>,
    pub message: Option<String>,
}
