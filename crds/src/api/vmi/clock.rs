//! Time in the guest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// The offset of the real-time clock and the timers.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Clock {
    pub utc: Option<ClockOffsetUtc>,
    pub timezone: Option<String>,
    pub timer: Option<Timer>,
}

/// An offset of the real-time clock.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ClockOffset {
    pub utc: Option<ClockOffsetUtc>,
    pub timezone: Option<String>,
}

/// A real-time clock that counts UTC.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ClockOffsetUtc {
    pub offset_seconds: Option<i64>,
}

/// Which timers the guest has.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct Timer {
    pub hpet: Option<HpetTimer>,
    pub kvm: Option<KvmTimer>,
    pub pit: Option<PitTimer>,
    pub rtc: Option<RtcTimer>,
    pub hyperv: Option<HypervTimer>,
}

/// The CMOS clock.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct RtcTimer {
    pub tick_policy: Option<String>,
    pub present: Option<bool>,
    pub track: Option<String>,
}

/// The high precision event timer.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct HpetTimer {
    pub tick_policy: Option<String>,
    pub present: Option<bool>,
}

/// The 8254.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct PitTimer {
    pub tick_policy: Option<String>,
    pub present: Option<bool>,
}

/// KVM's paravirtual clock.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct KvmTimer {
    pub present: Option<bool>,
}

/// Hyper-V's reference time.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct HypervTimer {
    pub present: Option<bool>,
}
