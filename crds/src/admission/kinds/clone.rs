//! `VirtualMachineClone`.

use std::sync::LazyLock;

use serde_json::Value;

use super::request::refused;
use super::{Operation, Request, Verdict, verdict};
use crate::admission::read::{decode, read};
use crate::admission::vmi::{is_mac_address, list, text};
use crate::admission::{Causes, Path, Refusal, Stage, webhook_schema};
use crate::api::clone::{VirtualMachineClone, VirtualMachineCloneSpec};
use crate::api::kubernetes::TypedLocalObjectReference;
use crate::config::{ClusterConfig, FeatureGate};

static SCHEMA: LazyLock<Value> = LazyLock::new(webhook_schema::outline);

const GROUP: &str = "clone.kubevirt.io";
const RESOURCE: &str = "virtualmachineclones";
const MACHINE: &str = "VirtualMachine";
const SNAPSHOT: &str = "VirtualMachineSnapshot";

/// Names the copy of a new clone that names none: after its source, with a random `suffix`.
///
/// # Errors
///
/// The refusal of a document that is none.
pub fn set_defaults(request: &Request<'_>, suffix: &str) -> Result<VirtualMachineClone, Refusal> {
    if request.resource.is_some_and(|resource| (resource.group, resource.name) != (GROUP, RESOURCE)) {
        return Err(refused(format!("expect resource to be '{RESOURCE}'")));
    }
    let mut clone: VirtualMachineClone = read(request.object, &SCHEMA, Stage::Mutate)?;
    let source = clone.spec.source.as_ref().map(|source| source.name.clone()).unwrap_or_default();
    let target = clone.spec.target.get_or_insert_with(|| TypedLocalObjectReference {
        api_group: Some("kubevirt.io".to_owned()),
        kind: MACHINE.to_owned(),
        ..TypedLocalObjectReference::default()
    });
    if target.name.is_empty() {
        target.name = format!("clone-{source}-{suffix}");
    }
    Ok(clone)
}

/// Source and target are machines or snapshots that are not the same, and filters, addresses and patches are such.
///
/// # Errors
///
/// The refusal.
pub fn admit(request: &Request<'_>, config: &ClusterConfig) -> Verdict {
    resource(request)?;
    if request.operation == Operation::Create && !config.is_enabled(FeatureGate::Snapshot) {
        return Err(refused("snapshot feature gate is not enabled".to_owned()));
    }
    let spec = decode::<VirtualMachineClone>(request.object, Stage::Admit)?.spec;
    let mut causes = Causes::default();
    let template = spec.template.clone().unwrap_or_default();
    filters("spec.annotations", list(&spec.annotation_filters), &mut causes);
    filters("spec.labels", list(&spec.label_filters), &mut causes);
    filters("spec.template.annotations", list(&template.annotation_filters), &mut causes);
    filters("spec.template.labels", list(&template.label_filters), &mut causes);
    source_and_target(&spec, &mut causes);
    for (interface, address) in spec.new_mac_addresses.iter().flatten() {
        if !address.is_empty() && !is_mac_address(address) {
            let message = format!("interface {interface} has malformed MAC address ({address}).");
            causes.invalid(Path::new("spec.newMacAddresses").at(interface), message);
        }
    }
    for (place, patch) in list(&spec.patches).iter().enumerate() {
        if serde_json::from_str::<Value>(patch).is_err() {
            let field = Path::new("spec.patches").index(place);
            causes.invalid(field, format!("patch is not valid JSON ({patch})"));
        }
    }
    verdict(causes)
}

fn resource(request: &Request<'_>) -> Result<(), Refusal> {
    match request.resource {
        Some(other) if other.group != GROUP => {
            Err(refused(format!("unexpected group: {}. Expected group: {GROUP}", other.group)))
        }
        Some(other) if other.name != RESOURCE => {
            Err(refused(format!("unexpected resource: {}. Expected resource: {RESOURCE}", other.name)))
        }
        _ => Ok(()),
    }
}

/// `!` may stand at a filter's beginning only, `*` at its end.
fn filters(field: &str, filters: &[String], causes: &mut Causes) {
    for filter in filters {
        if filter == "!" {
            causes.invalid(field, "a negation character is not a valid filter");
        }
        if filter.chars().count() < 2 {
            continue;
        }
        if filter.chars().skip(1).any(|c| c == '!') {
            let message = format!(
                "{field} filter {filter} is invalid: cannot contain a negation character (!); FilterRules: NegationChar can be only used at the beginning of the filter"
            );
            causes.invalid(field, message);
        }
        if filter.strip_suffix('*').unwrap_or(filter).contains('*') {
            let message = format!(
                "{field} filter {filter} is invalid: cannot contain a wildcard character (*); FilterRules: WildcardChar can be only at the end of the filter"
            );
            causes.invalid(field, message);
        }
    }
}

fn source_and_target(spec: &VirtualMachineCloneSpec, causes: &mut Causes) {
    let none = TypedLocalObjectReference::default();
    let source = spec.source.as_ref().unwrap_or(&none);
    if ![MACHINE, SNAPSHOT].contains(&source.kind.as_str()) {
        causes.invalid("spec.Source.Kind", "Source kind is not supported");
    }
    if spec.target.as_ref().is_some_and(|target| target.kind != MACHINE) {
        causes.invalid("spec.Target.Kind", "Target kind is not supported");
    }
    if spec.source.is_none() {
        causes.invalid("spec.Source", "Source cannot be nil");
    } else {
        for (value, field, message) in [
            (text(&source.api_group), "spec.Source.APIGroup", "Source's APIGroup cannot be empty"),
            (source.kind.as_str(), "spec.Source", "Source's Kind cannot be empty"),
            (source.name.as_str(), "spec.Source.Name", "Source's name cannot be empty"),
        ] {
            if value.is_empty() {
                causes.invalid(field, message);
            }
        }
    }
    let is_same = |target: &TypedLocalObjectReference| {
        source.kind == MACHINE && target.kind == MACHINE && target.name == source.name
    };
    if spec.target.as_ref().is_some_and(is_same) {
        let message = "Target name cannot be equal to source name when both are VirtualMachines";
        causes.invalid("spec.target.name", message);
    }
}
