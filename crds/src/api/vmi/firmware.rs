//! Firmware, kernels and ACPI tables.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// How the machine starts and what it is called.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Firmware {
    pub uuid: Option<String>,
    pub bootloader: Option<Bootloader>,
    pub serial: Option<String>,
    pub kernel_boot: Option<KernelBoot>,
    pub acpi: Option<AcpiTables>,
}

/// The firmware: BIOS or EFI.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Bootloader {
    pub bios: Option<Bios>,
    pub efi: Option<Efi>,
}

/// Legacy firmware.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Bios {
    pub use_serial: Option<bool>,
}

/// UEFI firmware.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Efi {
    pub secure_boot: Option<bool>,
    pub persistent: Option<bool>,
}

/// Starting a kernel without firmware.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct KernelBoot {
    pub kernel_args: Option<String>,
    pub container: Option<KernelBootContainer>,
}

/// The image that holds kernel and initrd.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct KernelBootContainer {
    pub image: String,
    pub image_pull_secret: Option<String>,
    pub image_pull_policy: Option<String>,
    pub kernel_path: Option<String>,
    pub initrd_path: Option<String>,
}

/// ACPI tables from secrets.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct AcpiTables {
    pub slic_name_ref: Option<String>,
    pub msdm_name_ref: Option<String>,
}
