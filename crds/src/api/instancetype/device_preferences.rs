//! Preferences for devices.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::Empty;
use crate::api::vmi::{BlockSize, TpmDevice, VirtualGpuOptions};

/// Buses, models and devices that come by themselves.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct DevicePreferences {
    pub preferred_autoattach_graphics_device: Option<bool>,
    pub preferred_autoattach_mem_balloon: Option<bool>,
    pub preferred_autoattach_pod_interface: Option<bool>,
    pub preferred_autoattach_serial_console: Option<bool>,
    pub preferred_autoattach_input_device: Option<bool>,
    pub preferred_disable_hotplug: Option<bool>,
    #[serde(rename = "preferredVirtualGPUOptions")]
    pub preferred_virtual_gpu_options: Option<VirtualGpuOptions>,
    pub preferred_sound_model: Option<String>,
    pub preferred_use_virtio_transitional: Option<bool>,
    pub preferred_input_bus: Option<String>,
    pub preferred_input_type: Option<String>,
    pub preferred_disk_bus: Option<String>,
    pub preferred_lun_bus: Option<String>,
    pub preferred_cdrom_bus: Option<String>,
    pub preferred_disk_dedicated_io_thread: Option<bool>,
    pub preferred_disk_cache: Option<String>,
    #[serde(rename = "preferredDiskIO")]
    pub preferred_disk_io: Option<String>,
    pub preferred_disk_block_size: Option<BlockSize>,
    pub preferred_interface_model: Option<String>,
    pub preferred_rng: Option<Empty>,
    pub preferred_block_multi_queue: Option<bool>,
    pub preferred_network_interface_multi_queue: Option<bool>,
    #[serde(rename = "preferredTPM")]
    pub preferred_tpm: Option<TpmDevice>,
    pub preferred_interface_masquerade: Option<Empty>,
    pub preferred_panic_device_model: Option<String>,
    pub preferred_video_type: Option<String>,
}
