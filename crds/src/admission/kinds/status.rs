//! The status subresource of all kinds.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::request::Resource;
use super::{Request, Verdict, in_progress, verdict, volume_request};
use crate::admission::read::{check_shape, decode};
use crate::admission::{Cause, Causes, Refusal, Stage, webhook_schema};
use crate::api::vm::VirtualMachine;
use crate::api::vmi::VirtualMachineInstance;
use crate::config::ClusterConfig;
use crate::crd::KINDS;

/// The status of the kinds that the OpenAPI document describes.
static SCHEMAS: LazyLock<BTreeMap<&str, Value>> = LazyLock::new(|| {
    let kinds = KINDS.iter().filter(|kind| kind.group == "kubevirt.io");
    kinds.map(|kind| (kind.kind, webhook_schema::of_status(&(kind.schema)()))).collect()
});

/// A status has the shape of its kind's; a machine's asks for nothing that cannot be. `running` is its instance.
///
/// # Errors
///
/// The refusal.
pub fn admit(request: &Request<'_>, config: &ClusterConfig, running: Option<&VirtualMachineInstance>) -> Verdict {
    let kind = request.object["kind"].as_str().unwrap_or_default();
    if kind.is_empty() {
        let message = "could not determine object kind".to_owned();
        let cause = Cause::new(None, String::new(), message);
        return Err(Refusal::of(Stage::Admit, vec![cause]));
    }
    if let Some(schema) = SCHEMAS.get(kind) {
        check_shape(request.object, schema, Stage::Admit)?;
    }
    let is_machine = |resource: Resource<'_>| (resource.group, resource.name) == ("kubevirt.io", "virtualmachines");
    if !request.resource.map_or(kind == "VirtualMachine", is_machine) {
        return Ok(Vec::new());
    }
    let vm: VirtualMachine = decode(request.object, Stage::Admit)?;
    let mut causes = Causes::default();
    volume_request::validate(&vm, running, config, &mut causes);
    verdict(causes)?;
    verdict(in_progress::validate(request, &vm))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(object: Value) -> String {
        let answer = admit(&Request::update(&object, &object), &ClusterConfig::default(), None);
        answer.err().map(|refusal| refusal.message).unwrap_or_default()
    }

    #[test]
    fn a_status_has_the_shape_of_its_kind_and_may_have_more() {
        assert_eq!(message(json!({ "status": {} })), "could not determine object kind");
        assert_eq!(message(json!({ "kind": "VirtualMachineInstance", "status": { "unknown": 1 } })), "");
        let wrong = message(json!({ "kind": "VirtualMachineInstance", "status": { "phase": 1 } }));
        assert_eq!(wrong, "status.phase must be of type string, not number");
        assert_eq!(message(json!({ "kind": "Pod", "status": { "phase": 1 } })), "");
    }

    #[test]
    fn a_machine_asks_for_nothing_that_cannot_be() {
        let machine = |requests: Value| {
            let template = json!({ "spec": { "domain": { "devices": {} } } });
            json!({ "kind": "VirtualMachine", "spec": { "template": template }, "status": { "volumeRequests": requests } })
        };
        assert_eq!(message(machine(json!([]))), "");
        let nothing = message(machine(json!([{}])));
        assert!(nothing.starts_with("VolumeRequests require one of either addVolumeOptions"), "{nothing}");
    }
}
