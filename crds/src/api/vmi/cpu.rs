//! Processors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::Empty;

/// Topology, model and placement of processors.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Cpu {
    pub cores: Option<u32>,
    pub sockets: Option<u32>,
    pub max_sockets: Option<u32>,
    pub threads: Option<u32>,
    pub model: Option<String>,
    pub features: Option<Vec<CpuFeature>>,
    pub dedicated_cpu_placement: Option<bool>,
    pub numa: Option<Numa>,
    pub isolate_emulator_thread: Option<bool>,
    pub realtime: Option<Realtime>,
}

/// A feature flag of the processor model, and what to do about it.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct CpuFeature {
    pub name: String,
    pub policy: Option<String>,
}

/// The guest's NUMA topology.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Numa {
    pub guest_mapping_passthrough: Option<Empty>,
}

/// Scheduling for guests that must answer in time.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Realtime {
    pub mask: Option<String>,
}
