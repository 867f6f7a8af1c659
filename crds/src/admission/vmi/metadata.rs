//! Labels and annotations; features that are no more.

use crate::admission::kinds::Requester;
use crate::admission::{Causes, Path};
use crate::api::kubernetes::ObjectMeta;
use crate::api::vmi::VirtualMachineInstanceSpec;
use crate::config::{ClusterConfig, Fate, FeatureGate};

/// Labels that only the controllers set.
const RESERVED: [&str; 6] = [
    "kubevirt.io/created-by",
    "kubevirt.io/migrationJobUID",
    "kubevirt.io/nodeName",
    "kubevirt.io/migrationTargetNodeName",
    "kubevirt.io/schedulable",
    "kubevirt.io/install-strategy",
];

/// Annotations that are behind a gate, and how messages call it.
const GATED: [(&str, FeatureGate, &str); 2] = [
    ("kubevirt.io/ignitiondata", FeatureGate::ExperimentalIgnitionSupport, "ExperimentalIgnitionSupport"),
    ("hooks.kubevirt.io/hookSidecars", FeatureGate::Sidecar, "sidecar"),
];

/// The labels of an object that only the controllers set, with their values.
pub(in super::super) fn reserved_labels(metadata: &ObjectMeta) -> impl Iterator<Item = (&str, &str)> {
    RESERVED.iter().filter_map(|label| Some((*label, metadata.label(label)?)))
}

/// Labels and annotations are such as the requester may set.
pub(in super::super) fn validate(
    path: &Path,
    metadata: &ObjectMeta,
    config: &ClusterConfig,
    requester: Requester<'_>,
    causes: &mut Causes,
) {
    if !requester.is_component() && reserved_labels(metadata).next().is_some() {
        let message = "creation of the following reserved kubevirt.io/ labels on a VMI object is prohibited";
        causes.not_supported(path.at("labels"), message);
    }
    for (annotation, gate, name) in GATED {
        let is_set = metadata.annotation(annotation).is_some_and(|value| !value.is_empty());
        if is_set && !config.is_enabled(gate) {
            let field = path.at("annotations");
            let message = format!(
                "{name} feature gate is not enabled in kubevirt-config, invalid entry {}",
                field.at(annotation)
            );
            causes.invalid(field, message);
        }
    }
}

/// A cluster that still names the gate of a feature that is gone refuses its use.
pub(in super::super) fn removed_features(
    spec: &VirtualMachineInstanceSpec,
    config: &ClusterConfig,
    causes: &mut Causes,
) {
    used_features(spec, config, Fate::Discontinued).for_each(|message| causes.not_supported("", message));
}

/// What a client is told of a good spec: that it uses features which will go.
pub(in super::super) fn warnings(spec: &VirtualMachineInstanceSpec, config: &ClusterConfig) -> Vec<String> {
    used_features(spec, config, Fate::Deprecated).collect()
}

/// What is told of the features of a fate that a machine uses.
fn used_features(
    spec: &VirtualMachineInstanceSpec,
    config: &ClusterConfig,
    fate: Fate,
) -> impl Iterator<Item = String> {
    let gates = config.named_retired_gates().filter(move |gate| gate.fate == fate);
    gates.filter(|gate| gate.is_used.is_some_and(|is_used| is_used(spec))).map(|gate| gate.message())
}
