//! How processors are arranged in sockets, cores and threads.

use crate::api::instancetype::{VirtualMachineInstancetypeSpec, VirtualMachinePreferenceSpec};

/// Sockets, cores of each, threads of each.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Topology {
    pub(super) sockets: u32,
    pub(super) cores: u32,
    pub(super) threads: u32,
}

/// What a preference likes best.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Liked {
    Sockets,
    Cores,
    Threads,
    /// Any of them: sockets are taken.
    Any,
    /// Over several of them.
    Spread,
    /// A name that nobody knows: one processor.
    Unknown,
}

/// Over what processors are spread.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Across {
    SocketsCores,
    CoresThreads,
    SocketsCoresThreads,
    /// A name that nobody knows.
    Unknown,
}

impl Across {
    /// The name in the API.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SocketsCores => "SocketsCores",
            Self::CoresThreads => "CoresThreads",
            Self::SocketsCoresThreads => "SocketsCoresThreads",
            Self::Unknown => "",
        }
    }
}

/// What is liked; the older names have a prefix.
pub(super) fn liked(preference: Option<&VirtualMachinePreferenceSpec>) -> Liked {
    let cpu = preference.and_then(|preference| preference.cpu.as_ref());
    match cpu.and_then(|cpu| cpu.preferred_cpu_topology.as_deref()).unwrap_or("sockets") {
        "cores" | "preferCores" => Liked::Cores,
        "sockets" | "preferSockets" => Liked::Sockets,
        "threads" | "preferThreads" => Liked::Threads,
        "any" | "preferAny" => Liked::Any,
        "spread" | "preferSpread" => Liked::Spread,
        _ => Liked::Unknown,
    }
}

/// Over what processors are spread, and how many of the inner ones each outer one has.
pub(super) fn spread(preference: Option<&VirtualMachinePreferenceSpec>) -> (Across, u32) {
    let old = preference.and_then(|preference| preference.prefer_spread_socket_to_core_ratio);
    let options = preference.and_then(|preference| preference.cpu.as_ref()?.spread_options.as_ref());
    let ratio = options.and_then(|options| options.ratio).or(old.filter(|ratio| *ratio != 0)).unwrap_or(2);
    let across = match options.and_then(|options| options.across.as_deref()).unwrap_or("SocketsCores") {
        "SocketsCores" => Across::SocketsCores,
        "CoresThreads" => Across::CoresThreads,
        "SocketsCoresThreads" => Across::SocketsCoresThreads,
        _ => Across::Unknown,
    };
    (across, ratio)
}

/// Why the processors of an instance type cannot be spread as it is liked: they are not a multiple.
pub(crate) fn spread_fault(
    instancetype: &VirtualMachineInstancetypeSpec,
    preference: Option<&VirtualMachinePreferenceSpec>,
) -> Option<String> {
    if liked(preference) != Liked::Spread {
        return None;
    }
    let ((across, ratio), processors) = (spread(preference), instancetype.cpu.guest);
    let is_multiple = |of: u32, by: u32| of.checked_rem(by).is_none_or(|rest| rest == 0);
    let (is_possible, by) = match across {
        Across::SocketsCores => (
            is_multiple(processors, ratio),
            format!(
                "the Spec.PreferSpreadSocketToCoreRatio or Spec.CPU.PreferSpreadOptions.Ratio of {ratio} provided by the preference"
            ),
        ),
        Across::CoresThreads => (is_multiple(processors, ratio), format!("the number of threads per core {ratio}")),
        Across::SocketsCoresThreads => (
            is_multiple(processors, 2) && is_multiple(processors / 2, ratio),
            format!(
                "the number of threads per core 2 and Spec.PreferSpreadSocketToCoreRatio or Spec.CPU.PreferSpreadOptions.Ratio of {ratio}"
            ),
        ),
        Across::Unknown => return None,
    };
    (!is_possible).then(|| format!("{processors} vCPUs provided by the instance type are not divisible by {by}"))
}

/// Arranges a number of processors as it is liked.
pub(super) fn arrange(processors: u32, preference: Option<&VirtualMachinePreferenceSpec>) -> Topology {
    const ONE: Topology = Topology { sockets: 1, cores: 1, threads: 1 };
    if processors == 1 {
        return ONE;
    }
    match liked(preference) {
        Liked::Cores => Topology { cores: processors, ..ONE },
        Liked::Sockets | Liked::Any => Topology { sockets: processors, ..ONE },
        Liked::Threads => Topology { threads: processors, ..ONE },
        Liked::Unknown => ONE,
        Liked::Spread => {
            let (across, ratio) = spread(preference);
            let rest = |by: u32| processors.checked_div(by).unwrap_or(0);
            match across {
                Across::SocketsCores => Topology { sockets: rest(ratio), cores: ratio, ..ONE },
                Across::CoresThreads => Topology { cores: rest(ratio), threads: ratio, ..ONE },
                Across::SocketsCoresThreads => {
                    Topology { sockets: rest(2).checked_div(ratio).unwrap_or(0), cores: ratio, threads: 2 }
                }
                Across::Unknown => ONE,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn processors_are_arranged_as_they_are_liked() {
        for (cpu, processors, sockets, cores, threads) in [
            (json!({}), 4, 4, 1, 1),
            (json!({ "preferredCPUTopology": "cores" }), 4, 1, 4, 1),
            (json!({ "preferredCPUTopology": "preferThreads" }), 4, 1, 1, 4),
            (json!({ "preferredCPUTopology": "spread" }), 8, 4, 2, 1),
            (json!({ "preferredCPUTopology": "spread", "spreadOptions": { "ratio": 4 } }), 8, 2, 4, 1),
            (json!({ "preferredCPUTopology": "spread", "spreadOptions": { "across": "CoresThreads" } }), 8, 1, 4, 2),
            (
                json!({ "preferredCPUTopology": "spread", "spreadOptions": { "across": "SocketsCoresThreads", "ratio": 4 } }),
                16,
                2,
                4,
                2,
            ),
            (json!({ "preferredCPUTopology": "spread", "spreadOptions": { "ratio": 0 } }), 8, 0, 0, 1),
            (json!({ "preferredCPUTopology": "spread" }), 1, 1, 1, 1),
        ] {
            let preference = serde_json::from_value(json!({ "cpu": cpu })).unwrap();
            assert_eq!(arrange(processors, Some(&preference)), Topology { sockets, cores, threads }, "{cpu}");
        }
    }

    #[test]
    fn processors_are_spread_in_equal_parts() {
        let fault = |processors: u32, options: serde_json::Value| {
            let preference = json!({ "cpu": { "preferredCPUTopology": "spread", "spreadOptions": options } });
            let preference = serde_json::from_value(preference).unwrap();
            let instancetype = json!({ "cpu": { "guest": processors }, "memory": { "guest": "1Gi" } });
            spread_fault(&serde_json::from_value(instancetype).unwrap(), Some(&preference)).unwrap_or_default()
        };
        assert_eq!(fault(4, json!({})), "");
        assert!(fault(3, json!({})).ends_with("Spec.CPU.PreferSpreadOptions.Ratio of 2 provided by the preference"));
        let threads = "3 vCPUs provided by the instance type are not divisible by the number of threads per core 2";
        assert_eq!(fault(3, json!({ "across": "CoresThreads" })), threads);
        assert_eq!(fault(8, json!({ "across": "SocketsCoresThreads", "ratio": 4 })), "");
        assert!(fault(6, json!({ "across": "SocketsCoresThreads", "ratio": 4 })).ends_with("Ratio of 4"));
    }
}
