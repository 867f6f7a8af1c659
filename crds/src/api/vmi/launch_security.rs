//! Memory that the host cannot read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::Empty;

/// Which technology encrypts the guest.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct LaunchSecurity {
    pub sev: Option<Sev>,
    pub snp: Option<Empty>,
    pub tdx: Option<Empty>,
}

/// AMD SEV and SEV-ES.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Sev {
    pub policy: Option<SevPolicy>,
    pub attestation: Option<Empty>,
    pub session: Option<String>,
    pub dh_cert: Option<String>,
}

/// What the firmware enforces.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SevPolicy {
    pub encrypted_state: Option<bool>,
}
