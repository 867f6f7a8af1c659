//! Devices of nodes that guests may have.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// What may be passed through.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct PermittedHostDevices {
    pub pci_host_devices: Option<Vec<PciHostDevice>>,
    pub mediated_devices: Option<Vec<MediatedHostDevice>>,
    pub usb: Option<Vec<UsbHostDevice>>,
}

/// PCI devices, by vendor and product.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct PciHostDevice {
    pub pci_vendor_selector: String,
    pub resource_name: String,
    pub external_resource_provider: Option<bool>,
}

/// Mediated devices, by type.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct MediatedHostDevice {
    pub mdev_name_selector: String,
    pub resource_name: String,
    pub external_resource_provider: Option<bool>,
}

/// USB devices.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct UsbHostDevice {
    pub resource_name: String,
    pub selectors: Option<Vec<UsbSelector>>,
    pub external_resource_provider: Option<bool>,
}

/// A USB device by vendor and product.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct UsbSelector {
    pub vendor: String,
    pub product: String,
}

/// Which mediated devices nodes make.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct MediatedDevicesConfiguration {
    pub mediated_devices_types: Option<Vec<String>>,
    pub mediated_device_types: Option<Vec<String>>,
    pub node_mediated_device_types: Option<Vec<NodeMediatedDeviceTypes>>,
    pub enabled: Option<bool>,
}

/// Which mediated devices some nodes make.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct NodeMediatedDeviceTypes {
    pub node_selector: BTreeMap<String, String>,
    pub mediated_devices_types: Option<Vec<String>>,
    pub mediated_device_types: Option<Vec<String>>,
}
