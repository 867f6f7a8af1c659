//! Labels and annotations; features that are no more.

use super::list;
use crate::admission::{Causes, Path};
use crate::api::kubernetes::ObjectMeta;
use crate::api::vmi::{Interface, VirtualMachineInstanceSpec};
use crate::config::{ClusterConfig, FeatureGate};

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

/// Labels and annotations are such as a user may set.
pub(in super::super) fn validate(path: &Path, metadata: &ObjectMeta, config: &ClusterConfig, causes: &mut Causes) {
    if reserved_labels(metadata).next().is_some() {
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

/// Gates of bindings that are no more: a cluster that still names one refuses what it was for.
pub(in super::super) fn removed_features(
    spec: &VirtualMachineInstanceSpec,
    config: &ClusterConfig,
    causes: &mut Causes,
) {
    for gate in config.named_gates() {
        let (name, is_used): (_, fn(&Interface) -> bool) = match gate.as_str() {
            "Passt" => ("Passt", |interface| interface.passt.is_some()),
            "Macvtap" => ("Macvtap", |interface| interface.macvtap.is_some()),
            _ => continue,
        };
        if list(&spec.domain.devices.interfaces).iter().any(is_used) {
            let message = format!(
                "{name} network binding is discontinued since v1.3. Please refer to Kubevirt user guide for alternatives."
            );
            causes.not_supported("", message);
        }
    }
}
