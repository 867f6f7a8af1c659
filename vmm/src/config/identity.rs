//! What a machine is called, as SMBIOS tells it (SMBIOS 3.6, 7.2 to 7.4).

use super::MachineUuid;
use serde::{Deserialize, Serialize};

/// Names and numbers of the machine, its board and its chassis. What is absent has this program's value, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityConfig {
    /// Absent: not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<MachineUuid>,
    /// Absent: `Podvisor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<String>,
    /// Absent: `Virtual Machine`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Absent: the board's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Of board and chassis. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset_tag: Option<String>,
}

impl IdentityConfig {
    /// The texts there are, by their names.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let Self { uuid: _, manufacturer, product, version, serial, sku, family, asset_tag } = self;
        let texts = [
            ("manufacturer", manufacturer),
            ("product", product),
            ("version", version),
            ("serial", serial),
            ("sku", sku),
            ("family", family),
            ("asset_tag", asset_tag),
        ];
        texts.into_iter().filter_map(|(name, text)| Some((name, text.as_deref()?)))
    }
}
