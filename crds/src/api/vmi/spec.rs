//! `VirtualMachineInstance` and its spec.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{AccessCredential, DomainSpec, Network, Probe, UtilityVolume, VirtualMachineInstanceStatus, Volume};
use crate::api::kubernetes::{Affinity, ObjectMeta, PodDnsConfig, Toleration, TopologySpreadConstraint};

/// One running, or soon running, virtual machine.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineInstance {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub metadata: ObjectMeta,
    pub spec: VirtualMachineInstanceSpec,
    pub status: Option<VirtualMachineInstanceStatus>,
}

/// What the machine is made of and where it may run.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineInstanceSpec {
    pub priority_class_name: Option<String>,
    pub domain: DomainSpec,
    pub node_selector: Option<BTreeMap<String, String>>,
    pub affinity: Option<Affinity>,
    pub scheduler_name: Option<String>,
    pub service_account_name: Option<String>,
    pub tolerations: Option<Vec<Toleration>>,
    #[schemars(extend("x-kubernetes-list-type" = "map"), extend("x-kubernetes-list-map-keys" = ["topologyKey", "whenUnsatisfiable"]))]
    pub topology_spread_constraints: Option<Vec<TopologySpreadConstraint>>,
    pub eviction_strategy: Option<String>,
    pub start_strategy: Option<String>,
    pub termination_grace_period_seconds: Option<i64>,
    #[schemars(length(max = 256))]
    pub volumes: Option<Vec<Volume>>,
    pub liveness_probe: Option<Probe>,
    pub readiness_probe: Option<Probe>,
    pub hostname: Option<String>,
    pub subdomain: Option<String>,
    #[schemars(length(max = 256))]
    pub networks: Option<Vec<Network>>,
    pub dns_policy: Option<String>,
    pub dns_config: Option<PodDnsConfig>,
    #[schemars(length(max = 256))]
    pub access_credentials: Option<Vec<AccessCredential>>,
    pub architecture: Option<String>,
    #[schemars(extend("x-kubernetes-list-type" = "map"), extend("x-kubernetes-list-map-keys" = ["name"]))]
    pub resource_claims: Option<Vec<ResourceClaim>>,
    #[schemars(length(max = 256), extend("x-kubernetes-list-type" = "map"), extend("x-kubernetes-list-map-keys" = ["name"]))]
    pub utility_volumes: Option<Vec<UtilityVolume>>,
}

/// What instances are made from: metadata and spec.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VirtualMachineInstanceTemplateSpec {
    #[schemars(extend("nullable" = true), extend("x-kubernetes-preserve-unknown-fields" = true))]
    pub metadata: Option<ObjectMeta>,
    pub spec: Option<VirtualMachineInstanceSpec>,
}

/// A claim of dynamic resources, by name or by template.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ResourceClaim {
    pub name: String,
    pub resource_claim_name: Option<String>,
    pub resource_claim_template_name: Option<String>,
}
