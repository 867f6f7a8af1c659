//! Hyper-V features.

use super::{list, text};
use crate::admission::Causes;
use crate::api::vmi::VirtualMachineInstanceSpec;
use crate::defaults::{HYPERV_REQUIREMENTS, wants_enlightened_vmcs};

const FIELD: &str = "spec.domain.features.hyperv";

/// Features have what they need, and are not named beside the pass-through of all.
pub(super) fn validate(spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let Some(features) = &spec.domain.features else { return };
    let Some(hyperv) = &features.hyperv else { return };
    // The rules' path goes through the features twice.
    let path = format!("{FIELD}.domain.features.hyperv");
    for requirement in HYPERV_REQUIREMENTS.iter().filter(|requirement| !requirement.is_met(hyperv)) {
        let (field, needs) = (requirement.feature, requirement.needs);
        let message = format!("'{path}.{field}' requires '{path}.{needs}', which was disabled.");
        causes.invalid(format!("{path}.{field}"), message);
    }
    if wants_enlightened_vmcs(spec) {
        has_vmx(spec, causes);
    }
    if features.hyperv_passthrough.is_some() {
        let message = "Cannot explicitly set hyperV features if HypervPassthrough is being used. Please use either \
                       HyperV or HypervPassthrough.";
        causes.invalid(FIELD, message);
    }
}

fn has_vmx(spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let features = spec.domain.cpu.as_ref().map(|cpu| list(&cpu.features)).unwrap_or_default();
    if features.is_empty() {
        return causes.required("spec.domain.cpu.features", "vmx cpu feature is required when evmcs is set");
    }
    for (place, feature) in features.iter().enumerate() {
        if feature.name == "vmx" && text(&feature.policy) != "require" {
            let field = format!("spec.domain.cpu.features[{place}].policy");
            causes.invalid(field, "vmx cpu feature has to be set to require policy");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_virtualisation_needs_its_processor_feature() {
        let told = |features: serde_json::Value| {
            let hyperv = json!({ "evmcs": {}, "vapic": { "enabled": true } });
            let domain = json!({ "devices": {}, "features": { "hyperv": hyperv }, "cpu": { "features": features } });
            let mut causes = Causes::default();
            validate(&serde_json::from_value(json!({ "domain": domain })).unwrap(), &mut causes);
            causes.into_vec().into_iter().map(|cause| cause.message).collect::<Vec<_>>()
        };
        assert_eq!(told(json!([{ "name": "vmx", "policy": "require" }])), Vec::<String>::new());
        assert_eq!(told(json!([])), ["vmx cpu feature is required when evmcs is set"]);
        let forbidden = json!([{ "name": "vmx", "policy": "forbid" }]);
        assert_eq!(told(forbidden), ["vmx cpu feature has to be set to require policy"]);
    }
}
