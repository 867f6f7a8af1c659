//! Memory.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::kubernetes::Quantity;

/// How much memory, how much at most, and what backs it.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Memory {
    pub hugepages: Option<Hugepages>,
    pub guest: Option<Quantity>,
    pub max_guest: Option<Quantity>,
    pub reserved_overhead: Option<ReservedOverhead>,
}

/// Pages of a fixed size as backing.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Hugepages {
    pub page_size: Option<String>,
}

/// Memory of the pod beyond the guest's.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ReservedOverhead {
    pub added_overhead: Option<Quantity>,
    #[schemars(extend("enum" = ["NotRequired", "Required"]))]
    pub mem_lock: Option<String>,
}
