//! `VirtualMachinePool`.

use std::num::IntErrorKind;
use std::sync::LazyLock;

use serde_json::Value;

use super::request::refused;
use super::{Operation, Request, Verdict, lengths, selector, verdict, virtual_machine};
use crate::admission::read::{decode, read};
use crate::admission::vmi::{removed_features, warnings};
use crate::admission::{Causes, Path, Refusal, Stage, webhook_schema};
use crate::api::kubernetes::IntOrString;
use crate::api::pool::{VirtualMachinePool, VirtualMachinePoolSpec};
use crate::config::ClusterConfig;
use crate::semantic::same;

static SCHEMA: LazyLock<Value> = LazyLock::new(webhook_schema::outline);

/// The template is good, the selector chooses what it makes and stays, and each strategy is one.
///
/// # Errors
///
/// The refusal.
pub fn admit(request: &Request<'_>, config: &ClusterConfig) -> Verdict {
    resource(request)?;
    let pool: VirtualMachinePool = read(request.object, &SCHEMA, Stage::Admit)?;
    let autohealing = pool.spec.autohealing.as_ref();
    lengths([autohealing.and_then(|policy| policy.min_failing_to_start_duration.as_ref())])?;
    let (path, mut causes) = (Path::new("spec"), Causes::default());
    let spec = &pool.spec;
    let Some(template) = &spec.virtual_machine_template else {
        causes.required(path.at("template"), "missing virtual machine template.");
        return verdict(causes);
    };
    let machine = template.spec.clone().unwrap_or_default();
    virtual_machine::validate(
        &path.at("virtualMachineTemplate.spec"),
        &machine,
        config,
        request.requester,
        &mut causes,
    );
    selector::chooses(&path, spec.selector.as_ref(), template.metadata.as_ref(), &mut causes);
    if let Some(most) = &spec.max_unavailable {
        max_unavailable(&path.at("maxUnavailable"), most, &mut causes);
    }
    strategies(&path, spec, &mut causes);
    if let (Operation::Update, Some(old)) = (request.operation, request.old) {
        let old: VirtualMachinePool = decode(old, Stage::Admit)?;
        let is_same = match (&old.spec.selector, &spec.selector) {
            (Some(old), Some(new)) => same(old, new),
            (old, new) => old.is_none() && new.is_none(),
        };
        if !is_same {
            causes.invalid(path.at("selector"), "selector is immutable after creation.");
        }
    }
    let instance = machine.template.and_then(|template| template.spec).unwrap_or_default();
    if request.operation == Operation::Create {
        removed_features(&instance, config, &mut causes);
    }
    verdict(causes)?;
    Ok(warnings(&instance, config))
}

/// As upstream, which tells what was expected for what it got.
fn resource(request: &Request<'_>) -> Result<(), Refusal> {
    let Some(found) = request.resource else { return Ok(()) };
    for (what, found, expected) in [
        ("resource", found.name, "virtualmachinepools"),
        ("resource group", found.group, "pool.kubevirt.io"),
        ("resource version", found.version, "v1beta1"),
    ] {
        if found != expected {
            return Err(refused(format!("expect {what} [{found}], but got [{expected}]")));
        }
    }
    Ok(())
}

fn max_unavailable(field: &Path, most: &IntOrString, causes: &mut Causes) {
    let text = match most {
        IntOrString::Int(number) if *number <= 0 => {
            return causes.invalid(field, "maxUnavailable must be greater than 0");
        }
        IntOrString::Int(_) => return,
        IntOrString::String(text) => text,
    };
    let Some(percentage) = text.strip_suffix('%') else {
        return causes.invalid(field, "maxUnavailable percentage must end with %");
    };
    match percentage.parse::<i64>() {
        Ok(1..=100) => {}
        Ok(number) => {
            let message = format!("maxUnavailable percentage value {number} must be between 1 and 100");
            causes.invalid(field, message);
        }
        Err(error) => {
            let fault = match error.kind() {
                IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
                _ => "invalid syntax",
            };
            let message = format!(
                "maxUnavailable percentage value {percentage:?} is invalid: strconv.Atoi: parsing {percentage:?}: {fault}"
            );
            causes.invalid(field, message);
        }
    }
}

fn strategies(path: &Path, spec: &VirtualMachinePoolSpec, causes: &mut Causes) {
    let update = spec
        .update_strategy
        .as_ref()
        .map(|strategy| [strategy.unmanaged.is_some(), strategy.opportunistic.is_some(), strategy.proactive.is_some()]);
    let scale_in = spec
        .scale_in_strategy
        .as_ref()
        .map(|strategy| [strategy.unmanaged.is_some(), strategy.opportunistic.is_some(), strategy.proactive.is_some()]);
    for (field, set) in [("updateStrategy", update), ("scaleInStrategy", scale_in)] {
        let names = ["unmanaged", "opportunistic", "proactive"].into_iter().zip(set.into_iter().flatten());
        let set: Vec<&str> = names.filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect();
        if set.len() > 1 {
            let message =
                format!("only one strategy can be configured at a time: but found {} strategies", set.join(", "));
            causes.invalid(path.at(field), message);
        }
    }
}
