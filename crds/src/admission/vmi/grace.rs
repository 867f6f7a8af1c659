//! Graphics processors of NVIDIA Grace, which are behind a gate and need a machine that fits.

use crate::admission::{Causes, Path};
use crate::api::kubernetes::ObjectMeta;
use crate::api::vmi::VirtualMachineInstanceSpec;
use crate::config::{ClusterConfig, FeatureGate};

use super::{list, text};

/// NVIDIA's vendor id, and the device ids of Grace's graphics processors.
const VENDOR: &str = "10DE";
const DEVICES: [&str; 3] = ["2342", "2348", "2941"];

const GATE: FeatureGate = FeatureGate::GraceIoVirtualization;

/// A device that a machine asks for: the field, and the resource's name.
struct Asked<'a> {
    field: Path,
    resource: &'a str,
}

/// The machine is one that such a device works in.
pub(super) fn validate(path: &Path, spec: &VirtualMachineInstanceSpec, config: &ClusterConfig, causes: &mut Causes) {
    let (grace, ambiguous) = asked(path, spec, config);
    if !config.is_enabled(GATE) {
        for Asked { field, resource } in grace {
            let name = GATE.name();
            let message =
                format!("{name} feature gate must be enabled for NVIDIA Grace GPU passthrough resource {resource:?}");
            causes.invalid(field, message);
        }
        return;
    }
    for Asked { field, resource } in ambiguous {
        let message = format!(
            "GraceIOVirtualization requires an exact pciVendorSelector for NVIDIA PCI host device resource {resource:?}"
        );
        causes.invalid(field, message);
    }
    if !grace.is_empty() {
        fits(path, spec, config, causes);
    }
}

fn fits(path: &Path, spec: &VirtualMachineInstanceSpec, config: &ClusterConfig, causes: &mut Causes) {
    let given = |text: &str| if text.is_empty() { None } else { Some(text.to_owned()) };
    let architecture = given(text(&spec.architecture)).unwrap_or_else(|| config.default_architecture().to_owned());
    if architecture != "arm64" {
        causes.invalid(path.at("architecture"), "GraceIOVirtualization requires arm64 architecture");
    }
    let board = spec.domain.machine.as_ref().and_then(|machine| given(text(&machine.r#type)));
    if !board.unwrap_or_else(|| config.machine_type(&architecture).to_owned()).starts_with("virt") {
        causes.invalid(path.at("domain.machine.type"), "GraceIOVirtualization requires \"virt\" machine type");
    }
    if spec.domain.cpu.as_ref().is_none_or(|cpu| cpu.dedicated_cpu_placement != Some(true)) {
        let message = "GraceIOVirtualization requires dedicated CPU placement";
        causes.required(path.at("domain.cpu.dedicatedCpuPlacement"), message);
    }
    for gate in [FeatureGate::PciNumaAwareTopology, FeatureGate::Iommufd] {
        if !config.is_enabled(gate) {
            let message = format!("{} feature gate must be enabled when GraceIOVirtualization is used", gate.name());
            causes.invalid(path.at("domain.devices"), message);
        }
    }
}

/// No annotation takes away the PCI layout that such a device needs.
pub(in super::super) fn annotations(
    path: &Path,
    spec: &VirtualMachineInstanceSpec,
    metadata: &ObjectMeta,
    config: &ClusterConfig,
    causes: &mut Causes,
) {
    let (grace, _) = asked(&Path::new("spec"), spec, config);
    if grace.is_empty() {
        return;
    }
    for (annotation, message) in [
        (
            "kubevirt.io/placePCIDevicesOnRootComplex",
            "GraceIOVirtualization is not compatible with placing PCI devices on the root complex",
        ),
        ("kubevirt.io/disablePCIHole64", "GraceIOVirtualization requires the 64-bit PCI hole"),
    ] {
        if metadata.annotation(annotation) == Some("true") {
            causes.invalid(format!("{path}.annotations[{annotation}]"), message);
        }
    }
}

/// The devices of the node that a machine asks for and the cluster permits: Grace's, and those that may be.
fn asked<'a>(
    path: &Path,
    spec: &'a VirtualMachineInstanceSpec,
    config: &ClusterConfig,
) -> (Vec<Asked<'a>>, Vec<Asked<'a>>) {
    let devices = &spec.domain.devices;
    let gpus = list(&devices.gpus).iter().map(|gpu| text(&gpu.device_name)).enumerate();
    let others = list(&devices.host_devices).iter().map(|device| text(&device.device_name)).enumerate();
    let gpus = gpus.map(|(place, resource)| ("domain.devices.gpus", place, resource));
    let others = others.map(|(place, resource)| ("domain.devices.hostDevices", place, resource));
    let (mut grace, mut ambiguous) = (Vec::new(), Vec::new());
    for (field, place, resource) in gpus.chain(others).filter(|(_, _, resource)| !resource.is_empty()) {
        let named = |name: &str, selector: &str| name == resource && !selector.is_empty();
        let permitted = config.permitted_pci_devices().iter();
        let selector = permitted
            .rev()
            .find(|device| named(&device.resource_name, &device.pci_vendor_selector))
            .and_then(|device| device_of_nvidia(&device.pci_vendor_selector));
        let asked = Asked { field: path.at(field).index(place).at("deviceName"), resource };
        match selector.as_deref() {
            Some("*") => ambiguous.push(asked),
            Some(device) if DEVICES.contains(&device) => grace.push(asked),
            _ => {}
        }
    }
    (grace, ambiguous)
}

/// The device id, or `*`, of a selector such as `10DE:2342`, when the vendor is NVIDIA.
fn device_of_nvidia(selector: &str) -> Option<String> {
    let normal = |id: &str| id.trim().to_uppercase().trim_start_matches("0X").to_owned();
    let (vendor, device) = selector.split_once(':')?;
    let (vendor, device) = (normal(vendor), normal(device));
    let is_id = device.len() == 4 && device.chars().all(|c| c.is_ascii_hexdigit());
    (vendor == VENDOR && (device == "*" || is_id)).then_some(device)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn told(spec: Value, metadata: Value, gates: &[&str], selector: &str) -> Vec<String> {
        let config = json!({
            "developerConfiguration": { "featureGates": gates },
            "permittedHostDevices": { "pciHostDevices": [{ "pciVendorSelector": selector, "resourceName": "n/grace" }] },
        });
        let config = ClusterConfig::new(serde_json::from_value(config).unwrap());
        let (spec, metadata) = (serde_json::from_value(spec).unwrap(), serde_json::from_value(metadata).unwrap());
        let mut causes = Causes::default();
        validate(&Path::new("spec"), &spec, &config, &mut causes);
        annotations(&Path::new("metadata"), &spec, &metadata, &config, &mut causes);
        causes.into_vec().into_iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect()
    }

    fn machine(domain: Value) -> Value {
        let mut domain = domain;
        domain["devices"] = json!({ "gpus": [{ "name": "a", "deviceName": "n/grace" }] });
        json!({ "architecture": "arm64", "domain": domain })
    }

    const OPEN: [&str; 3] = ["GraceIOVirtualization", "PCINUMAAwareTopology", "IOMMUFD"];

    #[test]
    fn the_device_is_behind_a_gate() {
        let found = told(machine(json!({})), json!({}), &[], "10de:2342");
        let message = "spec.domain.devices.gpus[0].deviceName: GraceIOVirtualization feature gate must be enabled for \
                       NVIDIA Grace GPU passthrough resource \"n/grace\"";
        assert_eq!(found, [message]);
        for other in ["10DE:1234", "8086:2342", "10DE:*", "10DE", "10DE:23:42", ""] {
            assert_eq!(told(machine(json!({})), json!({}), &[], other), Vec::<String>::new(), "{other}");
        }
    }

    #[test]
    fn the_machine_fits_the_device() {
        let good = machine(json!({ "cpu": { "dedicatedCpuPlacement": true }, "machine": { "type": "virt" } }));
        assert_eq!(told(good.clone(), json!({}), &OPEN, "10DE:2941"), Vec::<String>::new());
        let mut bad = machine(json!({ "machine": { "type": "q35" } }));
        bad["architecture"] = json!("amd64");
        let found = told(bad, json!({}), &OPEN[..1], "10DE:2941");
        let fields: Vec<&str> = found.iter().filter_map(|told| told.split(':').next()).collect();
        let wanted = ["architecture", "domain.machine.type", "domain.cpu.dedicatedCpuPlacement"];
        let wanted = wanted.into_iter().chain(["domain.devices", "domain.devices"]);
        assert_eq!(fields, wanted.map(|field| format!("spec.{field}")).collect::<Vec<_>>());
        let metadata = json!({ "annotations": { "kubevirt.io/disablePCIHole64": "true" } });
        let found = told(good.clone(), metadata, &OPEN, "10DE:2941");
        let message = "GraceIOVirtualization requires the 64-bit PCI hole";
        assert_eq!(found, [format!("metadata.annotations[kubevirt.io/disablePCIHole64]: {message}")]);
        assert_eq!(told(good, json!({}), &OPEN, "10DE:*").len(), 1);
    }
}
