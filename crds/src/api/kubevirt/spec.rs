//! `KubeVirt` and its spec.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{KubeVirtConfiguration, KubeVirtStatus};
use crate::api::kubernetes::{Affinity, Duration, LocalObjectReference, ObjectMeta, Toleration};

/// The installation.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct KubeVirt {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub metadata: ObjectMeta,
    pub spec: KubeVirtSpec,
    pub status: Option<KubeVirtStatus>,
}

/// What is installed, and its configuration.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct KubeVirtSpec {
    pub image_tag: Option<String>,
    pub image_registry: Option<String>,
    pub image_pull_policy: Option<String>,
    pub image_pull_secrets: Option<Vec<LocalObjectReference>>,
    pub monitor_namespace: Option<String>,
    pub service_monitor_namespace: Option<String>,
    pub monitor_account: Option<String>,
    pub workload_update_strategy: Option<WorkloadUpdateStrategy>,
    pub uninstall_strategy: Option<String>,
    pub certificate_rotate_strategy: Option<CertificateRotateStrategy>,
    pub product_version: Option<String>,
    pub product_name: Option<String>,
    pub product_component: Option<String>,
    pub synchronization_port: Option<String>,
    pub configuration: Option<KubeVirtConfiguration>,
    pub infra: Option<ComponentConfig>,
    pub workloads: Option<ComponentConfig>,
    pub customize_components: Option<CustomizeComponents>,
}

/// How running machines follow an update.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct WorkloadUpdateStrategy {
    pub workload_update_methods: Option<Vec<String>>,
    pub batch_eviction_size: Option<i64>,
    pub batch_eviction_interval: Option<Duration>,
}

/// How certificates are renewed.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CertificateRotateStrategy {
    pub self_signed: Option<SelfSignConfiguration>,
}

/// Certificates signed by the installation.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SelfSignConfiguration {
    pub ca_rotate_interval: Option<Duration>,
    pub cert_rotate_interval: Option<Duration>,
    pub ca_overlap_interval: Option<Duration>,
    pub ca: Option<CertificateConfiguration>,
    pub server: Option<CertificateConfiguration>,
}

/// How long a certificate lives and when it is renewed.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CertificateConfiguration {
    pub duration: Option<Duration>,
    pub renew_before: Option<Duration>,
}

/// Changes to what is installed.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CustomizeComponents {
    pub patches: Option<Vec<CustomizeComponentsPatch>>,
    pub flags: Option<Flags>,
}

/// A patch of one installed object.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CustomizeComponentsPatch {
    #[schemars(length(min = 1))]
    pub resource_name: String,
    #[schemars(length(min = 1))]
    pub resource_type: String,
    pub patch: String,
    pub r#type: String,
}

/// Command line flags of the components.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Flags {
    pub api: Option<BTreeMap<String, String>>,
    pub controller: Option<BTreeMap<String, String>>,
    pub handler: Option<BTreeMap<String, String>>,
}

/// Where components run.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ComponentConfig {
    pub node_placement: Option<NodePlacement>,
    pub replicas: Option<u8>,
}

/// Node selection for components.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct NodePlacement {
    pub node_selector: Option<BTreeMap<String, String>>,
    pub affinity: Option<Affinity>,
    pub tolerations: Option<Vec<Toleration>>,
}
