//! What happens at start, reboot and eviction, and who does the I/O.

use crate::admission::{Causes, Path};
use crate::api::vmi::VirtualMachineInstanceSpec;
use crate::config::{ClusterConfig, FeatureGate};

/// A machine may start paused, but not with a liveness probe.
pub(super) fn start_strategy(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let Some(strategy) = &spec.start_strategy else { return };
    let field = path.at("startStrategy");
    if strategy != "Paused" {
        causes.invalid(&field, format!("{field} is set with an unrecognized option: {strategy}"));
    } else if spec.liveness_probe.is_some() {
        let probe = path.at("livenessProbe");
        let message =
            format!("either {field} or {probe} should be provided.Pausing VMI with LivenessProbe is not supported");
        causes.invalid(&field, message);
    }
}

/// The eviction strategy is a known one.
pub(super) fn eviction_strategy(
    path: &Path,
    spec: &VirtualMachineInstanceSpec,
    config: &ClusterConfig,
    causes: &mut Causes,
) {
    let strategy = spec.eviction_strategy.as_deref().unwrap_or(config.eviction_strategy());
    if !["LiveMigrate", "LiveMigrateIfPossible", "None", "External"].contains(&strategy) {
        let field = path.at("evictionStrategy");
        causes.invalid(&field, format!("{field} is set with an unrecognized option: {strategy}"));
    }
}

/// The policy of I/O threads is a known one, and a pool has threads.
pub(super) fn io_threads(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let Some(policy) = &spec.domain.io_threads_policy else { return };
    if !["shared", "auto", "supplementalPool"].contains(&policy.as_str()) {
        causes.invalid(path.at("domain.ioThreadsPolicy"), format!("Invalid IOThreadsPolicy ({policy})"));
    }
    let threads = spec.domain.io_threads.as_ref().and_then(|threads| threads.supplemental_pool_thread_count);
    if policy == "supplementalPool" && threads.unwrap_or(0) < 1 {
        let message = "the number of iothreads needs to be set and positive for the dedicated policy";
        causes.invalid(path.at("domain.ioThreads.count"), message);
    }
}

/// What a reboot does is behind a gate.
pub(super) fn reboot(path: &Path, spec: &VirtualMachineInstanceSpec, config: &ClusterConfig, causes: &mut Causes) {
    if spec.domain.reboot_policy.is_some() && !config.is_enabled(FeatureGate::RebootPolicy) {
        let message = "RebootPolicy is specified but the RebootPolicy feature gate is not enabled";
        causes.invalid(path.at("domain.rebootPolicy"), message);
    }
}
