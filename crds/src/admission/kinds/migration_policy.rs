//! `MigrationPolicy`.

use super::{Request, Verdict, verdict};
use crate::admission::read::decode;
use crate::admission::{Causes, Path, Stage};
use crate::api::kubernetes::Quantity;
use crate::api::kubevirt::StallDetectorOptions;
use crate::api::migration_policy::{MigrationPolicy, MigrationPolicySpec};
use crate::config::{ClusterConfig, FeatureGate};

const DOWNTIME: FeatureGate = FeatureGate::MigrationDowntimeTuning;
const STALLS: FeatureGate = FeatureGate::MigrationStallDetection;

/// Limits are possible, and what is behind a gate is changed only where it is open.
///
/// # Errors
///
/// The refusal.
pub fn admit(request: &Request<'_>, config: &ClusterConfig) -> Verdict {
    request.accepts("migrations.kubevirt.io", "migrationpolicies")?;
    let spec = decode::<MigrationPolicy>(request.object, Stage::Admit)?.spec;
    // Upstream takes an old policy that it cannot read for none.
    let old = request.old.and_then(|old| decode::<MigrationPolicy>(old, Stage::Admit).ok()).map(|old| old.spec);
    let (path, mut causes) = (Path::new("spec"), Causes::default());
    if spec.completion_timeout_per_gib.is_some_and(|seconds| seconds < 0) {
        causes.invalid(path.at("completionTimeoutPerGiB"), "must not be negative");
    }
    downtime(&path, &spec, old.as_ref(), config, &mut causes);
    experimental(&path.at("experimental"), &spec, old.as_ref(), config, &mut causes);
    if spec.bandwidth_per_migration.as_ref().is_some_and(Quantity::is_negative) {
        causes.invalid(path.at("bandwidthPerMigration"), "must not be negative");
    }
    verdict(causes)
}

fn downtime(
    path: &Path,
    spec: &MigrationPolicySpec,
    old: Option<&MigrationPolicySpec>,
    config: &ClusterConfig,
    causes: &mut Causes,
) {
    let is_open = config.is_enabled(STALLS) || config.is_enabled(DOWNTIME);
    let is_changed = old.and_then(|old| old.max_downtime_ms) != spec.max_downtime_ms;
    if spec.max_downtime_ms.is_some() && is_changed && !is_open {
        let message = format!(
            "maxDowntimeMs cannot be modified without enabling the {} or {} feature gate",
            STALLS.name(),
            DOWNTIME.name()
        );
        causes.invalid(path.at("maxDowntimeMs"), message);
    }
}

fn experimental(
    path: &Path,
    spec: &MigrationPolicySpec,
    old: Option<&MigrationPolicySpec>,
    config: &ClusterConfig,
    causes: &mut Causes,
) {
    let Some(options) = &spec.experimental else { return };
    let old = old.and_then(|old| old.experimental.as_ref());
    let guarded = |name: &str, gate: FeatureGate, is_changed: bool, causes: &mut Causes| {
        if is_changed && !config.is_enabled(gate) {
            let message =
                format!("experimental.{name} cannot be modified without enabling the {} feature gate", gate.name());
            causes.invalid(path.at(name), message);
        }
    };
    if options.downtime_tuning.is_some() {
        let is_changed = old.and_then(|old| old.downtime_tuning.as_ref()) != options.downtime_tuning.as_ref();
        guarded("downtimeTuning", DOWNTIME, is_changed, causes);
    }
    if options.downtime_tuning.is_some() && options.stall_detector.is_some() {
        let message = "experimental.stallDetector and experimental.downtimeTuning are mutually exclusive; the stall \
                       detection path manages its own downtime schedule";
        causes.invalid(path, message);
    }
    if let Some(detector) = &options.stall_detector {
        let is_changed = old.and_then(|old| old.stall_detector.as_ref()) != Some(detector);
        guarded("stallDetector", STALLS, is_changed, causes);
        stall_detector(&path.at("stallDetector"), detector, causes);
    }
}

fn stall_detector(path: &Path, detector: &StallDetectorOptions, causes: &mut Causes) {
    factor(&path.at("ewmaAlpha"), detector.ewma_alpha.as_ref(), (0, true), Some(1), causes);
    factor(&path.at("precopyPossibleFactor"), detector.precopy_possible_factor.as_ref(), (1, false), None, causes);
    let decay = detector.patience_window_decay_factor.as_ref();
    factor(&path.at("patienceWindowDecayFactor"), decay, (0, false), Some(1), causes);
    factor(&path.at("completionTimeoutFactor"), detector.completion_timeout_factor.as_ref(), (1, false), None, causes);
}

/// A factor has at most three decimal places and is in range; `(least, true)` means more than `least`.
fn factor(
    field: &Path,
    value: Option<&Quantity>,
    (least, is_exclusive): (i64, bool),
    most: Option<i64>,
    causes: &mut Causes,
) {
    let Some(value) = value else { return };
    let told = value.canonical().text();
    let bound = Quantity::from_integer(least);
    let message = if value.is_negative() {
        format!("invalid scalar {told:?}: must not be negative")
    } else if !value.has_thousandths() {
        format!("invalid scalar {told:?}: must have at most 3 decimal places")
    } else if is_exclusive && value.compare(&bound).is_le() {
        format!("must be greater than {least}")
    } else if value.compare(&bound).is_lt() {
        format!("must be greater than or equal to {least}")
    } else if let Some(most) = most.filter(|most| value.compare(&Quantity::from_integer(*most)).is_gt()) {
        format!("must be less than or equal to {most}")
    } else {
        return;
    };
    causes.invalid(field, message);
}
