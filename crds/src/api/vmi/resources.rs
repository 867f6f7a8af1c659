//! Processor time and memory that the pod asks for.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::kubernetes::Quantity;

/// Requests and limits, as of a container.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ResourceRequirements {
    pub requests: Option<BTreeMap<String, Quantity>>,
    pub limits: Option<BTreeMap<String, Quantity>>,
    pub overcommit_guest_overhead: Option<bool>,
}

impl ResourceRequirements {
    /// What is requested of a resource.
    pub fn request(&self, resource: &str) -> Option<&Quantity> {
        self.requests.as_ref()?.get(resource)
    }

    /// The limit of a resource.
    pub fn limit(&self, resource: &str) -> Option<&Quantity> {
        self.limits.as_ref()?.get(resource)
    }
}
