//! Values of the configuration, and what a gate must be open for.

use crate::admission::{Causes, Path};
use crate::api::kubevirt::{KubeVirtConfiguration, KubeVirtSpec, MediatedDevicesConfiguration};
use crate::config::{ClusterConfig, FeatureGate};

/// The share of memory that is added makes sense; templates, roles and downtimes are changed behind gates.
pub(super) fn validate(new: &KubeVirtSpec, old: &KubeVirtSpec, causes: &mut Causes) {
    let none = KubeVirtConfiguration::default();
    let (new, old) = (new.configuration.as_ref().unwrap_or(&none), old.configuration.as_ref().unwrap_or(&none));
    let gates = ClusterConfig::new(KubeVirtConfiguration {
        developer_configuration: new.developer_configuration.clone(),
        ..KubeVirtConfiguration::default()
    });
    overhead(new, causes);
    templates(new, &gates, causes);
    roles(new, &gates, causes);
    downtime(new, old, &gates, causes);
}

fn overhead(config: &KubeVirtConfiguration, causes: &mut Causes) {
    let Some(text) = &config.additional_guest_memory_overhead_ratio else { return };
    let fault = match text.parse::<f64>() {
        Err(_) => format!("cannot be parsed into float: strconv.ParseFloat: parsing {text:?}: invalid syntax"),
        Ok(ratio) if ratio < 1.0 => "cannot be smaller than 1.0".to_owned(),
        Ok(_) => return,
    };
    causes.not_supported("", format!("ratio provided, {text}, {fault}"));
}

fn templates(config: &KubeVirtConfiguration, gates: &ClusterConfig, causes: &mut Causes) {
    let is_wanted = config.virt_template_deployment.as_ref().is_some_and(|wanted| wanted.enabled == Some(true));
    let gate = FeatureGate::Template;
    if is_wanted && !gates.is_enabled(gate) {
        let message =
            format!("VirtTemplateDeployment cannot be enabled without enabling the {} feature gate", gate.name());
        causes.invalid("spec.configuration.virtTemplateDeployment.enabled", message);
    }
}

fn roles(config: &KubeVirtConfiguration, gates: &ClusterConfig, causes: &mut Causes) {
    let is_own = config.role_aggregation_strategy.as_deref().is_some_and(|strategy| strategy != "AggregateToDefault");
    let gate = FeatureGate::OptOutRoleAggregation;
    if is_own && !gates.is_enabled(gate) {
        let message = format!(
            "RoleAggregationStrategy cannot be set to Manual without enabling the {} feature gate",
            gate.name()
        );
        causes.invalid("spec.configuration.roleAggregationStrategy", message);
    }
}

fn downtime(new: &KubeVirtConfiguration, old: &KubeVirtConfiguration, gates: &ClusterConfig, causes: &mut Causes) {
    let most = |config: &KubeVirtConfiguration| config.migrations.as_ref().and_then(|options| options.max_downtime_ms);
    let (stalls, tuning) = (FeatureGate::MigrationStallDetection, FeatureGate::MigrationDowntimeTuning);
    let is_open = gates.is_enabled(stalls) || gates.is_enabled(tuning);
    if most(new).is_some() && most(new) != most(old) && !is_open {
        let message = format!(
            "maxDowntimeMs cannot be modified without enabling the {} or {} feature gate",
            stalls.name(),
            tuning.name()
        );
        causes.invalid("spec.configuration.migrationConfiguration.maxDowntimeMs", message);
    }
}

/// Names of mediated devices that are written as they were once, and an architecture that is no more.
pub(super) fn warnings(spec: &KubeVirtSpec) -> Vec<String> {
    let Some(config) = &spec.configuration else { return Vec::new() };
    let mut found = config.mediated_devices_configuration.as_ref().map(older_names).unwrap_or_default();
    if config.architecture_configuration.as_ref().is_some_and(|architectures| architectures.ppc64le.is_some()) {
        let warning = "spec.configuration.architectureConfiguration.ppc64le is deprecated and no longer supported.";
        found.push(warning.to_owned());
    }
    found
}

fn older_names(devices: &MediatedDevicesConfiguration) -> Vec<String> {
    let path = Path::new("spec.configuration.mediatedDevicesConfiguration");
    let mut fields = Vec::new();
    if devices.mediated_devices_types.is_some() {
        fields.push(path.at("mediatedDevicesTypes"));
    }
    for (place, types) in devices.node_mediated_device_types.iter().flatten().enumerate() {
        if types.mediated_devices_types.is_some() {
            fields.push(path.at("nodeMediatedDeviceTypes").index(place).at("mediatedDevicesTypes"));
        }
    }
    fields.into_iter().map(|field| format!("{field} is deprecated, use mediatedDeviceTypes")).collect()
}
