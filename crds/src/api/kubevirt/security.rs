//! Security settings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// Versions and ciphers of TLS.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct TlsConfiguration {
    #[schemars(extend("enum" = ["VersionTLS10", "VersionTLS11", "VersionTLS12", "VersionTLS13"]))]
    #[serde(rename = "minTLSVersion")]
    pub min_tls_version: Option<String>,
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub ciphers: Option<Vec<String>>,
}

/// Seccomp profiles.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SeccompConfiguration {
    pub virtual_machine_instance_profile: Option<InstanceProfile>,
}

/// The launcher's profile.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct InstanceProfile {
    pub custom_profile: Option<CustomProfile>,
}

/// A profile of the node's, or the runtime's default.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CustomProfile {
    pub localhost_profile: Option<String>,
    pub runtime_default_profile: Option<bool>,
}

/// Confidential computing.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ConfidentialComputeConfiguration {
    #[schemars(extend("nullable" = true))]
    pub tdx: Option<TdxConfiguration>,
}

/// Intel TDX.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct TdxConfiguration {
    pub attestation: Option<TdxAttestation>,
}

/// How TDX guests are attested.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct TdxAttestation {
    #[schemars(extend("default" = false))]
    pub enforced: Option<bool>,
    #[schemars(extend("default" = "/var/run/tdx-qgs/qgs.socket"))]
    pub qgs_socket_path: Option<String>,
}
