//! What is plugged into the machine.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{Disk, Gpu, HostDevice, Interface};
use crate::api::Empty;

/// The devices, and those that come by themselves.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Devices {
    pub use_virtio_transitional: Option<bool>,
    pub disable_hotplug: Option<bool>,
    #[schemars(length(max = 256))]
    pub disks: Option<Vec<Disk>>,
    pub watchdog: Option<Watchdog>,
    #[schemars(length(max = 256))]
    pub interfaces: Option<Vec<Interface>>,
    pub inputs: Option<Vec<Input>>,
    pub autoattach_pod_interface: Option<bool>,
    pub autoattach_graphics_device: Option<bool>,
    pub autoattach_serial_console: Option<bool>,
    pub log_serial_console: Option<bool>,
    pub autoattach_mem_balloon: Option<bool>,
    pub autoattach_input_device: Option<bool>,
    #[serde(rename = "autoattachVSOCK")]
    pub autoattach_vsock: Option<bool>,
    pub rng: Option<Empty>,
    pub block_multi_queue: Option<bool>,
    pub network_interface_multiqueue: Option<bool>,
    pub gpus: Option<Vec<Gpu>>,
    pub downward_metrics: Option<Empty>,
    pub panic_devices: Option<Vec<PanicDevice>>,
    pub filesystems: Option<Vec<Filesystem>>,
    pub host_devices: Option<Vec<HostDevice>>,
    pub client_passthrough: Option<Empty>,
    pub sound: Option<SoundDevice>,
    pub tpm: Option<TpmDevice>,
    pub video: Option<VideoDevice>,
}

/// A pointing device.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Input {
    pub bus: Option<String>,
    pub r#type: String,
    pub name: String,
}

/// A watchdog of one of the known models.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Watchdog {
    pub name: String,
    pub i6300esb: Option<I6300EsbWatchdog>,
    pub diag288: Option<Diag288Watchdog>,
}

/// Intel's PCI watchdog.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct I6300EsbWatchdog {
    pub action: Option<String>,
}

/// The watchdog of s390x.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Diag288Watchdog {
    pub action: Option<String>,
}

/// A sound card.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SoundDevice {
    pub name: String,
    pub model: Option<String>,
}

/// A trusted platform module.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct TpmDevice {
    pub enabled: Option<bool>,
    pub persistent: Option<bool>,
}

/// The graphics adapter.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct VideoDevice {
    pub r#type: Option<String>,
}

/// Where a guest reports that it crashed.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct PanicDevice {
    pub model: Option<String>,
}

/// A directory shared by virtiofs.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Filesystem {
    pub name: String,
    #[schemars(required)]
    pub virtiofs: Option<Empty>,
}
