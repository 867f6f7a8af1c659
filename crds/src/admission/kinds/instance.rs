//! `VirtualMachineInstance`, when it is changed.

use serde_json::Value;

use super::{Request, Verdict, hotplug_storage, utility_volumes, verdict};
use crate::admission::create::WEBHOOK_SCHEMA;
use crate::admission::read::{decode, read};
use crate::admission::vmi::{reserved_labels, text, warnings};
use crate::admission::{Causes, Refusal, Stage};
use crate::api::vmi::VirtualMachineInstance;
use crate::config::{ClusterConfig, FeatureGate};
use crate::semantic::same;

/// Only KubeVirt's components change an instance's spec and reserved labels, and a node's component only the instances
/// of its node.
///
/// # Errors
///
/// The refusal.
pub fn admit_update(request: &Request<'_>, config: &ClusterConfig) -> Verdict {
    request.expects("virtualmachineinstances", "virtualmachineinstances")?;
    let requester = request.requester;
    let new: VirtualMachineInstance = read(request.object, &WEBHOOK_SCHEMA, Stage::Admit)?;
    let old: VirtualMachineInstance = decode(request.old.unwrap_or(&Value::Null), Stage::Admit)?;
    if requester.is_handler() && config.is_enabled(FeatureGate::NodeRestriction) {
        let mut causes = Causes::default();
        node(requester.node, &new, &old, &mut causes);
        verdict(causes)?;
    }
    let mut causes = Causes::default();
    let is_changed = !same(&new.spec, &old.spec);
    if requester.is_component() {
        if is_changed {
            hotplug(&new, &old, config, &mut causes);
        }
    } else if is_changed {
        causes.not_supported("", "update of VMI object is restricted");
    } else if !reserved_labels(&new.metadata).eq(reserved_labels(&old.metadata)) {
        let message = "modification of the following reserved kubevirt.io/ labels on a VMI object is prohibited";
        causes.not_supported("", message);
    }
    verdict(causes)?;
    Ok(warnings(&new.spec, config))
}

/// The instance as it is stored: a status that another than KubeVirt's components wrote stays as it was.
///
/// # Errors
///
/// The refusal.
pub fn set_update_defaults(request: &Request<'_>) -> Result<VirtualMachineInstance, Refusal> {
    request.expects("virtualmachineinstances", "virtualmachineinstances")?;
    let mut new: VirtualMachineInstance = read(request.object, &WEBHOOK_SCHEMA, Stage::Mutate)?;
    let old: VirtualMachineInstance = decode(request.old.unwrap_or(&Value::Null), Stage::Mutate)?;
    if !request.requester.is_component() {
        new.status = old.status;
    }
    Ok(new)
}

/// The component of a node changes instances that run there or move there, and sends none away.
fn node(node: Option<&str>, new: &VirtualMachineInstance, old: &VirtualMachineInstance, causes: &mut Causes) {
    let Some(node) = node else {
        let message = "Node restriction failed, virt-handler service account is missing node name";
        return causes.invalid("", message);
    };
    let source = old.status.as_ref().map(|status| text(&status.node_name)).unwrap_or_default();
    let target = target_node(old);
    if node != source && (target.is_empty() || node != target) {
        causes.invalid("", "Node restriction, virt-handler is only allowed to modify VMIs it owns");
    } else if target.is_empty() && !target_node(new).is_empty() {
        causes.invalid("", "Node restriction, virt-handler is not allowed to set target node");
    }
}

/// Where an instance moves; empty where it does not.
fn target_node(vmi: &VirtualMachineInstance) -> &str {
    let state = vmi.status.as_ref().and_then(|status| status.migration_state.as_ref());
    state.map(|state| text(&state.target_node)).unwrap_or_default()
}

/// What can change while a machine runs. The first thing that is wrong ends it.
fn hotplug(new: &VirtualMachineInstance, old: &VirtualMachineInstance, config: &ClusterConfig, causes: &mut Causes) {
    let max_sockets =
        |vmi: &VirtualMachineInstance| vmi.spec.domain.cpu.as_ref().and_then(|cpu| cpu.max_sockets).unwrap_or(0);
    if max_sockets(new) != max_sockets(old) {
        return causes.invalid("", "CPU topology maxSockets changed");
    }
    let [new_most, old_most] =
        [new, old].map(|vmi| vmi.spec.domain.memory.as_ref().and_then(|memory| memory.max_guest.as_ref()));
    if new_most.zip(old_most).is_some_and(|(new, old)| new.compare(old).is_ne()) {
        return causes.invalid("", "Memory maxGuest changed");
    }
    let before = causes.len();
    utility_volumes::validate(new, old, config, causes);
    if causes.len() == before {
        hotplug_storage::validate(new, old, config, causes);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::admission::kinds::Requester;

    const CONTROLLER: Requester<'_> =
        Requester { user: "system:serviceaccount:kubevirt:kubevirt-controller", node: None, home: "kubevirt" };
    const HANDLER: Requester<'_> =
        Requester { user: "system:serviceaccount:kubevirt:kubevirt-handler", node: None, home: "kubevirt" };

    /// An instance with the disk it was started with, and one that was plugged in.
    fn vmi() -> Value {
        json!({
            "metadata": { "name": "a" },
            "spec": {
                "domain": { "devices": { "disks": [
                    { "name": "root", "disk": { "bus": "virtio" } },
                    { "name": "data", "disk": { "bus": "scsi" } },
                ] } },
                "volumes": [
                    { "name": "root", "emptyDisk": { "capacity": "1Gi" } },
                    { "name": "data", "persistentVolumeClaim": { "claimName": "data" } },
                ],
            },
            "status": {
                "nodeName": "here",
                "volumeStatus": [
                    { "name": "root", "target": "vda" },
                    { "name": "data", "target": "sda", "hotplugVolume": {} },
                ],
            },
        })
    }

    fn message(requester: Requester<'_>, change: impl Fn(&mut Value)) -> String {
        let (old, mut new) = (vmi(), vmi());
        change(&mut new);
        let config = json!({ "developerConfiguration": { "featureGates": ["UtilityVolumes"] } });
        let config = ClusterConfig::new(serde_json::from_value(config).unwrap());
        let request = Request::update(&new, &old).by(requester);
        admit_update(&request, &config).err().map(|refusal| refusal.message).unwrap_or_default()
    }

    #[test]
    fn a_user_changes_labels_that_are_not_reserved_and_nothing_else() {
        let user = Requester { user: "a", node: None, home: "kubevirt" };
        assert_eq!(message(user, |vmi| vmi["metadata"]["labels"] = json!({ "a": "b" })), "");
        let reserved = message(user, |vmi| vmi["metadata"]["labels"] = json!({ "kubevirt.io/nodeName": "b" }));
        assert!(reserved.starts_with("modification of the following reserved"), "{reserved}");
        assert_eq!(message(user, |vmi| vmi["spec"]["hostname"] = json!("b")), "update of VMI object is restricted");
    }

    #[test]
    fn a_status_is_written_by_components() {
        let (old, mut new) = (vmi(), vmi());
        new["status"]["nodeName"] = json!("there");
        let node = |requester| {
            let stored = set_update_defaults(&Request::update(&new, &old).by(requester)).unwrap();
            stored.status.and_then(|status| status.node_name).unwrap()
        };
        assert_eq!(node(CONTROLLER), "there");
        assert_eq!(node(Requester { user: "a", node: None, home: "kubevirt" }), "here");
    }

    #[test]
    fn a_handler_changes_the_instances_of_its_node() {
        let from = |node| Requester { node, ..HANDLER };
        let owned = "Node restriction, virt-handler is only allowed to modify VMIs it owns";
        let nameless = "Node restriction failed, virt-handler service account is missing node name";
        assert_eq!(message(from(Some("here")), |_| {}), "");
        assert_eq!(message(from(Some("there")), |_| {}), owned);
        assert_eq!(message(from(None), |_| {}), nameless);
        let sent =
            message(from(Some("here")), |vmi| vmi["status"]["migrationState"] = json!({ "targetNode": "there" }));
        assert_eq!(sent, "Node restriction, virt-handler is not allowed to set target node");
    }

    #[test]
    fn what_a_machine_was_started_with_stays() {
        let change = |pointer: &'static str, value: Value| {
            message(CONTROLLER, move |vmi| *vmi.pointer_mut(pointer).unwrap() = value.clone())
        };
        assert_eq!(change("/spec/volumes/0/emptyDisk/capacity", json!("2Gi")), "permanent volume root, changed");
        assert_eq!(change("/spec/domain/devices/disks/0/disk/bus", json!("sata")), "permanent disk root, changed");
        assert_eq!(
            change("/spec/volumes/1/persistentVolumeClaim/claimName", json!("b")),
            "hotplug volume data, changed"
        );
        assert_eq!(change("/spec/domain/devices/disks/1/disk/bus", json!("virtio")), "hotplug disk data, changed");
        assert_eq!(change("/spec/volumes", json!([])), "mismatch between volumes declared (0) and required (2)");
    }

    #[test]
    fn what_is_plugged_in_is_a_claim_with_a_disk_for_it() {
        let plug = |volume: Value, disk: Value| {
            message(CONTROLLER, |vmi| {
                vmi["spec"]["volumes"].as_array_mut().unwrap().push(volume.clone());
                vmi["spec"]["domain"]["devices"]["disks"].as_array_mut().unwrap().push(disk.clone());
            })
        };
        let claim = json!({ "name": "b", "persistentVolumeClaim": { "claimName": "b" } });
        let disk = |name: &str, bus: &str| json!({ "name": name, "disk": { "bus": bus } });
        assert_eq!(plug(claim.clone(), disk("b", "scsi")), "");
        assert_eq!(plug(claim.clone(), disk("c", "scsi")), "disk b does not exist");
        let empty = json!({ "name": "b", "emptyDisk": { "capacity": "1Gi" } });
        assert_eq!(plug(empty, disk("b", "scsi")), "volume b is not a PVC or DataVolume");
        let message =
            "Hotplug configuration for disk [b] requires bus to be 'scsi' or 'virtio'. [usb] is not permitted.";
        assert_eq!(plug(claim, disk("b", "usb")), message);
    }

    #[test]
    fn volumes_of_the_launcher_are_named_and_are_not_the_guests() {
        let add = |volume: Value| message(CONTROLLER, |vmi| vmi["spec"]["utilityVolumes"] = json!([volume.clone()]));
        assert_eq!(add(json!({ "name": "b", "claimName": "b" })), "");
        assert_eq!(add(json!({ "name": "b", "claimName": "" })), "UtilityVolume PVC 'claimName' must be set");
        let clash = add(json!({ "name": "root", "claimName": "b" }));
        assert!(clash.starts_with("spec.utilityVolumes[0] conflicts with spec.volumes[0]."), "{clash}");
    }
}
