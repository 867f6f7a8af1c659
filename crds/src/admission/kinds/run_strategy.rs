//! When a machine runs.

use crate::admission::{Causes, Path};
use crate::api::vm::VirtualMachineSpec;
use crate::config::{ClusterConfig, FeatureGate};

/// Either the strategy or the older switch is set, and the strategy is a known one.
pub(super) fn validate(path: &Path, spec: &VirtualMachineSpec, config: &ClusterConfig, causes: &mut Causes) {
    let running = path.at("running");
    match (spec.running, &spec.run_strategy) {
        (Some(_), Some(_)) => {
            let message = "Running and RunStrategy are mutually exclusive. Note that Running is deprecated, please \
                           use RunStrategy instead";
            causes.invalid(&running, message);
        }
        (None, None) => causes.invalid(&running, "RunStrategy must be specified"),
        _ => {}
    }
    let Some(strategy) = &spec.run_strategy else { return };
    let gate = FeatureGate::DecentralizedLiveMigration;
    let message = match strategy.as_str() {
        "Halted" | "Manual" | "Always" | "RerunOnFailure" | "Once" => return,
        "WaitAsReceiver" if config.is_enabled(gate) => return,
        "WaitAsReceiver" => format!(
            "Invalid RunStrategy ({strategy}), {} feature gate is not enabled in kubevirt resource",
            gate.name()
        ),
        _ => format!("Invalid RunStrategy ({strategy})"),
    };
    causes.invalid(path.at("runStrategy"), message);
}
