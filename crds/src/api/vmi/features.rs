//! Switches of the hypervisor.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// What the hypervisor offers beside hardware.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Features {
    pub acpi: Option<FeatureState>,
    pub apic: Option<FeatureApic>,
    pub hyperv_passthrough: Option<HypervPassthrough>,
    pub hyperv: Option<FeatureHyperv>,
    pub smm: Option<FeatureState>,
    pub kvm: Option<FeatureKvm>,
    pub pvspinlock: Option<FeatureState>,
}

/// On unless `enabled` is false.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct FeatureState {
    pub enabled: Option<bool>,
}

/// The local interrupt controller.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct FeatureApic {
    pub enabled: Option<bool>,
    pub end_of_interrupt: Option<bool>,
}

/// How KVM shows itself.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct FeatureKvm {
    pub hidden: Option<bool>,
}

/// Hyper-V's paravirtual interfaces.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct FeatureHyperv {
    pub relaxed: Option<FeatureState>,
    pub vapic: Option<FeatureState>,
    pub spinlocks: Option<FeatureSpinlocks>,
    pub vpindex: Option<FeatureState>,
    pub runtime: Option<FeatureState>,
    pub synic: Option<FeatureState>,
    pub synictimer: Option<SynicTimer>,
    pub reset: Option<FeatureState>,
    pub vendorid: Option<FeatureVendorId>,
    pub frequencies: Option<FeatureState>,
    pub reenlightenment: Option<FeatureState>,
    pub tlbflush: Option<TlbFlush>,
    pub ipi: Option<FeatureState>,
    pub evmcs: Option<FeatureState>,
}

/// Retries before a spinning processor tells the hypervisor.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct FeatureSpinlocks {
    pub enabled: Option<bool>,
    pub spinlocks: Option<u32>,
}

/// The hypervisor's name in CPUID.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct FeatureVendorId {
    pub enabled: Option<bool>,
    pub vendorid: Option<String>,
}

/// Timers of the synthetic interrupt controller.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SynicTimer {
    pub enabled: Option<bool>,
    pub direct: Option<FeatureState>,
}

/// Flushing other processors' TLBs by hypercall.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct TlbFlush {
    pub enabled: Option<bool>,
    pub direct: Option<FeatureState>,
    pub extended: Option<FeatureState>,
}

/// Everything of Hyper-V's that the host has.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct HypervPassthrough {
    pub enabled: Option<bool>,
}
