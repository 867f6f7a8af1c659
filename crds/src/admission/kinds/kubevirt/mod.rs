//! `KubeVirt`: the installation and its configuration.

mod certificates;
mod configuration;
mod gates;
mod security;

use std::sync::LazyLock;

use serde_json::Value;

use super::request::refused;
use super::{Operation, Request, Verdict, lengths, verdict};
use crate::admission::read::{check_shape, decode};
use crate::admission::vmi::list;
use crate::admission::{Causes, Stage, webhook_schema};
use crate::api::kubevirt::{ComponentConfig, KubeVirt, KubeVirtSpec};
use crate::semantic::same;

static SCHEMA: LazyLock<Value> = LazyLock::new(webhook_schema::of_type::<KubeVirt>);

/// What else the answers depend on.
#[derive(Clone, Copy, Debug, Default)]
pub struct RelatedToKubeVirt<'a> {
    /// How many other installations there are.
    pub installations: usize,
    /// Whether there are instances, machines and sets of instances.
    pub workloads: [bool; 3],
    /// Why the API server would not place a component of the infrastructure as it is asked for, when it would not.
    pub infra_fault: Option<&'a str>,
    /// The same of the component of the nodes.
    pub workloads_fault: Option<&'a str>,
}

/// There is one installation in a cluster.
///
/// # Errors
///
/// The refusal.
pub fn admit_create(request: &Request<'_>, related: RelatedToKubeVirt<'_>) -> Verdict {
    check_shape(request.object, &SCHEMA, Stage::Admit)?;
    if related.installations == 0 { Ok(Vec::new()) } else { Err(refused("Kubevirt is already created".to_owned())) }
}

/// What is configured makes sense, and gates are neither opened and closed at once nor missing for what they guard.
///
/// # Errors
///
/// The refusal.
pub fn admit_update(request: &Request<'_>, related: RelatedToKubeVirt<'_>) -> Verdict {
    request.expects("kubevirts", "{kubevirt.io v1 kubevirts}")?;
    let new = read(request.object)?;
    let old = match request.operation {
        Operation::Update => read(request.old.unwrap_or(&Value::Null))?,
        _ => KubeVirtSpec::default(),
    };
    check_shape(request.object, &SCHEMA, Stage::Admit)?;
    let mut causes = Causes::default();
    patches(&new, &mut causes);
    certificates::validate(&new, &mut causes);
    configuration::validate(&new, &old, &mut causes);
    security::tls(&new, &old, &mut causes);
    placement(new.infra.as_ref(), old.infra.as_ref(), related.infra_fault, &mut causes);
    placement(new.workloads.as_ref(), old.workloads.as_ref(), related.workloads_fault, &mut causes);
    security::seccomp(&new, &old, &mut causes);
    if new.infra.as_ref().is_some_and(|infra| infra.replicas == Some(0)) {
        causes.invalid("", "infra replica count can't be 0");
    }
    let are_gates_changed = gates::are_changed(&new, &old);
    if are_gates_changed {
        gates::validate(&new, &mut causes);
    }
    verdict(causes)?;
    let mut warnings = if are_gates_changed { gates::warnings(&new) } else { Vec::new() };
    warnings.extend(configuration::warnings(&new));
    Ok(warnings)
}

/// Where workloads hold the installation it stays as long as there are some.
///
/// # Errors
///
/// The refusal.
pub fn admit_delete(installation: Option<&KubeVirt>, related: RelatedToKubeVirt<'_>) -> Verdict {
    let Some(installation) = installation else { return Ok(Vec::new()) };
    let strategy = installation.spec.uninstall_strategy.as_deref().unwrap_or_default();
    let phase = installation.status.as_ref().and_then(|status| status.phase.as_deref());
    if matches!(strategy, "" | "RemoveWorkloads") || phase != Some("Deployed") {
        return Ok(Vec::new());
    }
    let kinds = ["Virtual Machine Instances", "Virtual Machines", "Virtual Machine Instance Replica Sets"].into_iter();
    match kinds.zip(related.workloads).find(|(_, is_there)| *is_there) {
        None => Ok(Vec::new()),
        Some((kind, _)) => Err(refused(format!(
            "Rejecting the uninstall request, since there are still {kind} present. Either delete all KubeVirt \
             related workloads or change the uninstall strategy before uninstalling KubeVirt."
        ))),
    }
}

fn read(document: &Value) -> Result<KubeVirtSpec, crate::admission::Refusal> {
    let spec = decode::<KubeVirt>(document, Stage::Admit)?.spec;
    let update = spec.workload_update_strategy.as_ref();
    lengths([update.and_then(|strategy| strategy.batch_eviction_interval.as_ref())])?;
    lengths(certificates::lengths(&spec))?;
    Ok(spec)
}

/// Patches of what is installed are JSON.
fn patches(spec: &KubeVirtSpec, causes: &mut Causes) {
    let customized = spec.customize_components.as_ref().map(|customized| list(&customized.patches));
    for patch in customized.unwrap_or_default() {
        if serde_json::from_str::<Value>(&patch.patch).is_err() {
            causes.not_supported("", format!("patch {:?} is not valid JSON", patch.patch));
        }
    }
}

/// Components are placed where the API server can place them; `fault` is what it says of the new place.
fn placement(new: Option<&ComponentConfig>, old: Option<&ComponentConfig>, fault: Option<&str>, causes: &mut Causes) {
    let is_same = |new: &ComponentConfig| old.is_some_and(|old| same(new, old));
    let is_placed = new.is_some_and(|new| new.node_placement.is_some() && !is_same(new));
    if let Some(fault) = fault.filter(|_| is_placed) {
        causes.invalid("", fault);
    }
}

#[cfg(test)]
mod tests;
