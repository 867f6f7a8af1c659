//! Feature gates that are opened and closed.

use crate::admission::vmi::list;
use crate::admission::{Causes, Reason};
use crate::api::kubevirt::{DeveloperConfiguration, KubeVirtSpec};
use crate::config::ClusterConfig;

fn developer(spec: &KubeVirtSpec) -> Option<&DeveloperConfiguration> {
    spec.configuration.as_ref()?.developer_configuration.as_ref()
}

/// Whether other gates are named than before; not where none are named any more.
pub(super) fn are_changed(new: &KubeVirtSpec, old: &KubeVirtSpec) -> bool {
    match (developer(new), developer(old)) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(new), Some(old)) => {
            list(&new.feature_gates) != list(&old.feature_gates)
                || list(&new.disabled_feature_gates) != list(&old.disabled_feature_gates)
        }
    }
}

/// No gate is opened and closed at once.
pub(super) fn validate(spec: &KubeVirtSpec, causes: &mut Causes) {
    let Some(developer) = developer(spec) else { return };
    let closed = list(&developer.disabled_feature_gates);
    for gate in list(&developer.feature_gates).iter().filter(|gate| closed.contains(gate)) {
        let message = format!("feature gate \"{gate}\" exists on both \"FeatureGates\" and \"DisabledFeatureGates\"");
        causes.add(Reason::Forbidden, "spec.configuration.developerConfiguration.featureGates", message);
    }
}

/// What became of the gates that guard nothing any more. Upstream also warns of every other known gate, with an empty
/// text, which we leave out.
pub(super) fn warnings(spec: &KubeVirtSpec) -> Vec<String> {
    let config = ClusterConfig::new(spec.configuration.clone().unwrap_or_default());
    config.named_retired_gates().map(|gate| gate.message()).collect()
}
