//! A machine that needs its instance type and its preference no more.

use thiserror::Error;

use super::apply;
use crate::admission::Path;
use crate::api::instancetype::{VirtualMachineInstancetypeSpec, VirtualMachinePreferenceSpec};
use crate::api::vm::VirtualMachine;
use crate::config::ClusterConfig;
use crate::defaults::{DefaultsError, add_disks_of_volumes, set_default_interface, set_spec_defaults};

/// Why a machine cannot be expanded.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ExpandError {
    /// It sets what its instance type decides.
    #[error("VM field(s) {0} conflicts with selected instance type")]
    Conflicts(String),
    /// It can have no defaults.
    #[error(transparent)]
    Defaults(#[from] DefaultsError),
}

/// The machine with what its instance type, its preference and the defaults give its template, and without naming them.
/// One that names neither stays as it is.
///
/// # Errors
///
/// [`ExpandError`] when it contradicts its instance type, or the configuration's own defaults are not allowed.
pub fn expand(
    vm: &VirtualMachine,
    instancetype: Option<&VirtualMachineInstancetypeSpec>,
    preference: Option<&VirtualMachinePreferenceSpec>,
    config: &ClusterConfig,
) -> Result<VirtualMachine, ExpandError> {
    let mut vm = vm.clone();
    if vm.spec.instancetype.is_none() && vm.spec.preference.is_none() {
        return Ok(vm);
    }
    let template = vm.spec.template.get_or_insert_default();
    let (spec, metadata) = (template.spec.get_or_insert_default(), template.metadata.get_or_insert_default());
    // Preferences of disks and interfaces are for those too that a machine has by default.
    add_disks_of_volumes(spec);
    set_default_interface(spec, config)?;
    apply(&Path::new("spec.template.spec"), instancetype, preference, spec, metadata).map_err(|conflicts| {
        let fields: Vec<String> = conflicts.iter().map(ToString::to_string).collect();
        ExpandError::Conflicts(fields.join(", "))
    })?;
    set_spec_defaults(spec, config)?;
    vm.spec.instancetype = None;
    vm.spec.preference = None;
    if let Some(status) = &mut vm.status {
        status.instancetype_ref = None;
        status.preference_ref = None;
    }
    Ok(vm)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn expanded(template: Value) -> Result<Value, ExpandError> {
        let vm = json!({
            "spec": { "instancetype": { "name": "a" }, "preference": { "name": "b" }, "template": { "spec": template } },
            "status": { "instancetypeRef": { "name": "a" }, "preferenceRef": { "name": "b" } },
        });
        let instancetype = json!({ "cpu": { "guest": 2 }, "memory": { "guest": "1Gi" } });
        let preference = json!({ "devices": { "preferredDiskBus": "virtio", "preferredInterfaceModel": "e1000" } });
        let (vm, instancetype) = (serde_json::from_value(vm).unwrap(), serde_json::from_value(instancetype).unwrap());
        let preference = serde_json::from_value(preference).unwrap();
        let vm = expand(&vm, Some(&instancetype), Some(&preference), &ClusterConfig::default())?;
        Ok(serde_json::to_value(vm).unwrap())
    }

    #[test]
    fn a_machine_gets_what_it_named_and_names_it_no_more() {
        let volumes = json!([{ "name": "root", "emptyDisk": { "capacity": "1Gi" } }]);
        let vm = expanded(json!({ "domain": { "devices": {} }, "volumes": volumes })).unwrap();
        assert!(vm["spec"].get("instancetype").is_none() && vm["spec"].get("preference").is_none());
        assert_eq!(vm["status"], json!({}));
        let domain = &vm["spec"]["template"]["spec"]["domain"];
        assert_eq!(domain["cpu"], json!({ "sockets": 2, "cores": 1, "threads": 1 }));
        assert_eq!(domain["memory"]["guest"], "1Gi");
        assert_eq!(domain["devices"]["disks"], json!([{ "name": "root", "disk": { "bus": "virtio" } }]));
        assert_eq!(domain["devices"]["interfaces"][0]["model"], "e1000");
        assert_eq!(domain["machine"]["type"], "q35");
    }

    #[test]
    fn what_a_machine_sets_itself_is_a_conflict() {
        let error = expanded(json!({ "domain": { "devices": {}, "cpu": { "cores": 1 } } })).unwrap_err();
        let message = "VM field(s) spec.template.spec.domain.cpu.cores conflicts with selected instance type";
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn a_machine_that_names_nothing_stays() {
        let vm: VirtualMachine = serde_json::from_value(json!({ "spec": {} })).unwrap();
        assert_eq!(expand(&vm, None, None, &ClusterConfig::default()), Ok(vm));
    }
}
