//! What upstream's mutating webhook makes of a machine.

use serde_json::Value;

use super::{Operation, Request, matcher, verdict, virtual_machine};
use crate::admission::read::{decode, read};
use crate::admission::{Refusal, Stage};
use crate::api::instancetype::VirtualMachinePreferenceSpec;
use crate::api::vm::{DataVolumeTemplateSpec, VirtualMachine};
use crate::config::ClusterConfig;
use crate::defaults::{set_architecture, set_machine_type, set_pci_topology, with_canonical_quantities};
use crate::instancetype::prefer;

/// What the caller draws, because a pure function cannot.
#[derive(Clone, Copy, Debug)]
pub struct NewMachine<'a> {
    /// A random UUID for a machine that brings none.
    pub uuid: &'a str,
    /// A random serial number for a machine that brings none.
    pub serial: &'a str,
}

/// Reads a machine and sets its defaults, with the preference that it names. A machine that is being deleted stays.
///
/// # Errors
///
/// The refusal.
pub fn set_defaults(
    request: &Request<'_>,
    config: &ClusterConfig,
    preference: Option<&VirtualMachinePreferenceSpec>,
    drawn: NewMachine<'_>,
) -> Result<VirtualMachine, Refusal> {
    request.expects("virtualmachines", "virtualmachines")?;
    let document = with_canonical_quantities(request.object.clone(), &virtual_machine::SCHEMA);
    let mut vm: VirtualMachine = read(&document, &virtual_machine::SCHEMA, Stage::Mutate)?;
    if vm.metadata.deletion_timestamp.is_some() {
        return Ok(vm);
    }
    let old = request.old.filter(|_| request.operation == Operation::Update);
    let old = old.map(|old: &Value| decode::<VirtualMachine>(old, Stage::Mutate)).transpose()?;
    verdict(matcher::validate(&vm.spec, old.as_ref().map(|old| &old.spec)))?;
    let is_new = request.operation == Operation::Create;
    if let Some(preference) = preference {
        vm.spec.data_volume_templates.iter_mut().flatten().for_each(|template| storage_class(preference, template));
    }
    let Some(template) = &mut vm.spec.template else { return Ok(vm) };
    let spec = template.spec.get_or_insert_default();
    if let Some(preference) = preference {
        prefer(&mut spec.architecture, &preference.preferred_architecture);
        let board = preference.machine.as_ref().and_then(|machine| machine.preferred_machine_type.clone());
        if board.is_some() {
            prefer(&mut spec.domain.machine.get_or_insert_default().r#type, &board);
        }
    }
    if is_new {
        let firmware = spec.domain.firmware.get_or_insert_default();
        prefer(&mut firmware.uuid, &Some(drawn.uuid.to_owned()));
        prefer(&mut firmware.serial, &Some(drawn.serial.to_owned()));
    }
    set_architecture(spec, config);
    set_machine_type(spec, config);
    if is_new {
        set_pci_topology(spec, template.metadata.get_or_insert_default());
    }
    Ok(vm)
}

fn storage_class(preference: &VirtualMachinePreferenceSpec, template: &mut DataVolumeTemplateSpec) {
    let class = preference.volumes.as_ref().and_then(|volumes| volumes.preferred_storage_class_name.as_ref());
    let Some(class) = class.filter(|class| !class.is_empty()) else { return };
    for own in [
        template.spec.pvc.as_mut().map(|claim| &mut claim.storage_class_name),
        template.spec.storage.as_mut().map(|storage| &mut storage.storage_class_name),
    ] {
        own.map(|own| own.get_or_insert_with(|| class.clone()));
    }
}
