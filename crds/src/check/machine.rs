//! Machines: instances, and what makes them.

use serde::Deserialize;
use serde_json::Value;

use super::answer::{Answered, Draw, Machine, changed, request};
use super::item::namespace;
use super::matcher::{INSTANCETYPE, Named, PREFERENCE};
use super::references;
use super::world::World;
use crate::admission::kinds::{NewMachine, Related, Requester, Verdict, admit_virtual_machine, set_machine_defaults};
use crate::admission::{Path, create_vmi_with};
use crate::api::instancetype::{VirtualMachineInstancetypeSpec, VirtualMachinePreferenceSpec};
use crate::api::vmi::{VirtualMachineInstanceSpec, VirtualMachineInstanceTemplateSpec};
use crate::config::ClusterConfig;
use crate::defaults::{NewInstance, set_spec_defaults};
use crate::instancetype::apply;

/// The answer to a `VirtualMachineInstance`.
pub(super) fn instance(document: &Value, world: &World, draw: &mut Draw<'_>) -> Answered {
    let namespace = namespace(document);
    let uuid = draw();
    let drawn = NewInstance { uuid: &uuid, requester: Requester::default() };
    let answer = create_vmi_with(world.presets(namespace), document, &world.config, drawn);
    let machine = answer.stored.as_ref().and_then(|stored| machine_of(&stored["spec"], "spec"));
    let stored = answer.stored.map(|stored| named(stored, document));
    let mut answered = Answered { refusal: answer.refusal, warnings: answer.warnings, stored, ..Answered::default() };
    answered.take(namespace, machine, world);
    answered
}

/// The answer to a `VirtualMachine`.
pub(super) fn machine(document: &Value, world: &World, draw: &mut Draw<'_>) -> Answered {
    let namespace = namespace(document);
    let (uuid, serial) = (draw(), draw());
    let drawn = NewMachine { uuid: &uuid, serial: &serial };
    let [instancetype, preference] = [INSTANCETYPE, PREFERENCE].map(|matcher| matcher.of(document));
    let given = instancetype.name().and_then(|(scope, name)| world.instancetype(scope.of(namespace), name));
    let liked = preference.name().and_then(|(scope, name)| world.preference(scope.of(namespace), name));
    let vm = match set_machine_defaults(&request(document), &world.config, liked, drawn) {
        Ok(vm) => vm,
        Err(refusal) => return Answered { refusal: Some(refusal), ..Answered::default() },
    };
    if let Some(note) = [&instancetype, &preference].into_iter().find_map(Named::obstacle) {
        return Answered { notes: vec![note], ..changed(&vm, |_| Ok(Vec::new())) };
    }
    let missing = instancetype.missing(given.is_some()).or_else(|| preference.missing(liked.is_some()));
    let related = Related { instancetype: given, preference: liked, running: None };
    let mut answered = changed(&vm, |request| match missing {
        Some(refusal) => Err(refusal),
        None => admit_virtual_machine(request, &world.config, related),
    });
    let machine = vm.spec.template.and_then(|template| effective(template, given, liked, &world.config));
    answered.take(namespace, machine, world);
    answered
}

/// The answer to what makes instances from a template that stands at `pointer`.
pub(super) fn template(
    verdict: Verdict,
    document: &Value,
    pointer: &str,
    path: &'static str,
    config: &ClusterConfig,
) -> Answered {
    let mut answered = Answered::from(verdict);
    if answered.refusal.is_none() {
        let machine = document.pointer(pointer).and_then(|spec| machine_of(spec, path));
        answered.machines.extend(machine.and_then(|mut machine| {
            set_spec_defaults(&mut machine.spec, config).ok()?;
            Some(machine)
        }));
    }
    answered
}

impl Answered {
    /// Takes over a machine, and notes what it refers to and is not there.
    fn take(&mut self, namespace: &str, machine: Option<Machine>, world: &World) {
        let Some(machine) = machine else { return };
        if self.refusal.is_none() {
            self.notes.extend(references::notes(namespace, &machine.spec, world));
        }
        self.machines.push(machine);
    }
}

/// What is stored, with what every object has and the webhooks do not look at.
fn named(mut stored: Value, document: &Value) -> Value {
    for field in ["apiVersion", "kind"] {
        stored[field] = document[field].clone();
    }
    stored
}

fn machine_of(spec: &Value, path: &'static str) -> Option<Machine> {
    VirtualMachineInstanceSpec::deserialize(spec).ok().map(|spec| Machine { path, spec })
}

/// The machine that a template makes with its instance type and preference.
fn effective(
    template: VirtualMachineInstanceTemplateSpec,
    given: Option<&VirtualMachineInstancetypeSpec>,
    liked: Option<&VirtualMachinePreferenceSpec>,
    config: &ClusterConfig,
) -> Option<Machine> {
    let (mut spec, mut metadata) = (template.spec?, template.metadata.unwrap_or_default());
    let path = "spec.template.spec";
    apply(&Path::new(path), given, liked, &mut spec, &mut metadata).ok()?;
    set_spec_defaults(&mut spec, config).ok()?;
    Some(Machine { path, spec })
}
