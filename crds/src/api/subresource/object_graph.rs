//! What a machine depends on.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::kubernetes::TypedObjectReference;

/// An object and what it needs.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ObjectGraphNode {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub object_reference: TypedObjectReference,
    pub labels: Option<BTreeMap<String, String>>,
    pub optional: Option<bool>,
    pub children: Option<Vec<ObjectGraphNode>>,
}
