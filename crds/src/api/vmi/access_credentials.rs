//! Keys and passwords put into the guest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::Empty;

/// A key or a password; exactly one is set.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct AccessCredential {
    pub ssh_public_key: Option<SshPublicKey>,
    pub user_password: Option<UserPassword>,
}

/// The Secret that holds it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct AccessCredentialSecretSource {
    pub secret_name: String,
}

/// Public keys for SSH.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SshPublicKey {
    pub source: SshPublicKeySource,
    pub propagation_method: SshPublicKeyPropagation,
}

/// Where the keys are.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SshPublicKeySource {
    pub secret: Option<AccessCredentialSecretSource>,
}

/// How the keys get into the guest; exactly one is set.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SshPublicKeyPropagation {
    pub config_drive: Option<Empty>,
    pub no_cloud: Option<Empty>,
    pub qemu_guest_agent: Option<GuestAgentSshPublicKeys>,
}

/// Through the guest agent, for these users.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct GuestAgentSshPublicKeys {
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub users: Vec<String>,
}

/// Passwords of users.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct UserPassword {
    pub source: UserPasswordSource,
    pub propagation_method: UserPasswordPropagation,
}

/// Where the passwords are.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct UserPasswordSource {
    pub secret: Option<AccessCredentialSecretSource>,
}

/// How the passwords get into the guest.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct UserPasswordPropagation {
    pub qemu_guest_agent: Option<Empty>,
}
