//! `VirtualMachine`.

use std::sync::LazyLock;

use serde_json::Value;

use super::{Operation, Request, Requester, Verdict, data_volume_template, in_progress, run_strategy, volume_request};
use crate::admission::read::read;
use crate::admission::vmi::{
    grace_annotations, list, removed_bindings, removed_features, validate_metadata, validate_spec, warnings,
};
use crate::admission::{Cause, Causes, Path, Reason, Refusal, Stage, webhook_schema};
use crate::api::instancetype::{VirtualMachineInstancetypeSpec, VirtualMachinePreferenceSpec};
use crate::api::vm::{VirtualMachine, VirtualMachineSpec};
use crate::api::vmi::VirtualMachineInstance;
use crate::config::ClusterConfig;
use crate::defaults::{memory_obstacle, set_spec_defaults};
use crate::instancetype::{apply, check_requirements, spread_fault};
use crate::semantic::same;

pub(super) static SCHEMA: LazyLock<Value> = LazyLock::new(webhook_schema::of_type::<VirtualMachine>);

/// Other objects that the answer depends on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Related<'a> {
    /// The instance type that the machine names.
    pub instancetype: Option<&'a VirtualMachineInstancetypeSpec>,
    /// The preference that the machine names.
    pub preference: Option<&'a VirtualMachinePreferenceSpec>,
    /// The machine's instance, when it is ready.
    pub running: Option<&'a VirtualMachineInstance>,
}

/// What upstream's rules say of a machine.
///
/// # Errors
///
/// The refusal.
pub fn admit(request: &Request<'_>, config: &ClusterConfig, related: Related<'_>) -> Verdict {
    request.expects("virtualmachines", "virtualmachines")?;
    let vm: VirtualMachine = read(request.object, &SCHEMA, Stage::Admit)?;
    if vm.metadata.deletion_timestamp.is_some() {
        return Ok(Vec::new());
    }
    let spec = with_defaults(&vm.spec, request.operation, config, related)?;
    let mut causes = Causes::default();
    validate(&Path::new("spec"), &spec, config, request.requester, &mut causes);
    super::verdict(causes)?;
    super::verdict(namespaces(request, &vm))?;
    super::verdict(in_progress::validate(request, &vm))?;
    let mut causes = Causes::default();
    volume_request::validate(&vm, related.running, config, &mut causes);
    super::verdict(causes)?;
    let is_old_switch = vm.spec.running.is_some();
    let warning = "spec.running is deprecated, please use spec.runStrategy instead.";
    let machine = vm.spec.template.and_then(|template| template.spec).unwrap_or_default();
    Ok(warnings(&machine, config).into_iter().chain(is_old_switch.then(|| warning.to_owned())).collect())
}

/// The spec with what its instance type, its preference and the defaults give it, as far as the rules see it.
fn with_defaults(
    spec: &VirtualMachineSpec,
    operation: Operation,
    config: &ClusterConfig,
    related: Related<'_>,
) -> Result<VirtualMachineSpec, Refusal> {
    let mut vm_spec = spec.clone();
    let refused = |cause: Cause| Refusal::of(Stage::Admit, vec![cause]);
    let path = Path::new("spec");
    if let Some(template) = &mut vm_spec.template {
        let spec = template.spec.get_or_insert_default();
        let metadata = template.metadata.get_or_insert_default();
        if let Some(fault) = related.instancetype.and_then(|given| spread_fault(given, related.preference)) {
            let mut causes = Causes::default();
            causes.invalid("instancetype.spec.cpu.guest", fault);
            super::verdict(causes)?;
        }
        apply(&path.at("template.spec"), related.instancetype, related.preference, spec, metadata)
            .map_err(|conflicts| Refusal::of(Stage::Admit, conflicts.iter().map(conflict).collect()))?;
        set_spec_defaults(spec, config).map_err(|error| Refusal::unreadable(Stage::Admit, error.to_string()))?;
        if let Some(preference) = related.preference {
            check_requirements(related.instancetype, preference, spec).map_err(|unmet| {
                let fields: Vec<String> = unmet.fields.iter().map(ToString::to_string).collect();
                let message = format!("failure checking preference requirements: {}", unmet.message);
                refused(Cause::new(Some(Reason::NotFound), fields.join(", "), message))
            })?;
        }
        if operation == Operation::Create {
            // One after the other: the first that finds something ends it.
            let mut causes = Causes::default();
            removed_features(spec, config, &mut causes);
            super::verdict(causes)?;
            let mut causes = Causes::default();
            removed_bindings(&path, spec, &mut causes);
            super::verdict(causes)?;
        }
    }
    Ok(vm_spec)
}

/// The rules for a machine's spec, which hold for templates too.
pub(super) fn validate(
    path: &Path,
    spec: &VirtualMachineSpec,
    config: &ClusterConfig,
    requester: Requester<'_>,
    causes: &mut Causes,
) {
    let Some(template) = &spec.template else {
        return causes.required(path.at("template"), "missing virtual machine template.");
    };
    let machine = template.spec.clone().unwrap_or_default();
    let metadata = template.metadata.clone().unwrap_or_default();
    let field = path.at("template.metadata");
    validate_metadata(&field, &metadata, config, requester, causes);
    grace_annotations(&field, &machine, &metadata, config, causes);
    validate_spec(&path.at("template.spec"), &machine, config, causes);
    data_volume_template::validate(path, spec, causes);
    run_strategy::validate(path, spec, config, causes);
    if !config.is_live_update() {
        return;
    }
    let domain = path.at("template.spec.domain");
    let counts = machine.domain.cpu.as_ref().map(|cpu| (cpu.sockets.unwrap_or(0), cpu.max_sockets.unwrap_or(0)));
    if counts.is_some_and(|(sockets, most)| most != 0 && sockets > most) {
        let message = "Number of sockets in CPU topology is greater than the maximum sockets allowed";
        causes.invalid(domain.at("cpu.sockets"), message);
    }
    let max_guest = machine.domain.memory.as_ref().and_then(|memory| memory.max_guest.as_ref());
    if let Some(obstacle) = max_guest.and_then(|max_guest| memory_obstacle(&machine, max_guest)) {
        causes.invalid(domain.at("memory.guest"), obstacle);
    }
}

fn conflict(field: &Path) -> Cause {
    let message = format!("VM field(s) {field} conflicts with selected instance type");
    Cause::new(Some(Reason::Invalid), field.to_string(), message)
}

/// Templates of DataVolumes that are new or changed stay in the machine's namespace.
fn namespaces(request: &Request<'_>, vm: &VirtualMachine) -> Causes {
    let mut causes = Causes::default();
    let templates = list(&vm.spec.data_volume_templates);
    if matches!(request.operation, Operation::Update | Operation::Delete) {
        let Some(old) = request.old_as::<VirtualMachine>() else {
            causes.add(Reason::UnexpectedServerResponse, "", "Could not fetch old VM");
            return causes;
        };
        let old = list(&old.spec.data_volume_templates);
        if old.len() == templates.len() && old.iter().zip(templates).all(|(old, new)| same(old, new)) {
            return causes;
        }
    }
    let own = vm.metadata.namespace.as_deref().filter(|namespace| !namespace.is_empty());
    data_volume_template::namespaces(templates, own.unwrap_or(request.namespace), &mut causes);
    causes
}
