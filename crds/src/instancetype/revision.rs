//! Copies of instance types and preferences that machines keep, so that they stay as they were started.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::api::instancetype::{
    VirtualMachineClusterInstancetype, VirtualMachineClusterPreference, VirtualMachineInstancetype,
    VirtualMachineInstancetypeSpec, VirtualMachinePreference, VirtualMachinePreferenceSpec,
};
use crate::api::kubernetes::{ObjectMeta, OwnerReference};
use crate::api::vm::{ControllerRevisionRef, InstancetypeMatcher, InstancetypeStatusRef, VirtualMachine};
use crate::semantic::same;

/// The version in which objects are kept.
const VERSION: &str = "v1beta1";

/// A `ControllerRevision` of `apps/v1` that holds an instance type or a preference.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ControllerRevision {
    /// Its name, labels and owner.
    pub metadata: ObjectMeta,
    /// What it holds.
    pub data: Held,
    /// Always 0: names tell revisions apart.
    #[serde(default)]
    pub revision: i64,
}

/// What a revision holds.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind")]
pub enum Held {
    /// An instance type.
    VirtualMachineInstancetype(VirtualMachineInstancetype),
    /// An instance type for all namespaces.
    VirtualMachineClusterInstancetype(VirtualMachineClusterInstancetype),
    /// A preference.
    VirtualMachinePreference(VirtualMachinePreference),
    /// A preference for all namespaces.
    VirtualMachineClusterPreference(VirtualMachineClusterPreference),
}

impl Held {
    fn kind(&self) -> &'static str {
        match self {
            Self::VirtualMachineInstancetype(_) => "VirtualMachineInstancetype",
            Self::VirtualMachineClusterInstancetype(_) => "VirtualMachineClusterInstancetype",
            Self::VirtualMachinePreference(_) => "VirtualMachinePreference",
            Self::VirtualMachineClusterPreference(_) => "VirtualMachineClusterPreference",
        }
    }

    fn parts(&mut self) -> (&mut Option<String>, &mut Option<String>, &mut ObjectMeta) {
        match self {
            Self::VirtualMachineInstancetype(held) => (&mut held.api_version, &mut held.kind, &mut held.metadata),
            Self::VirtualMachineClusterInstancetype(held) => {
                (&mut held.api_version, &mut held.kind, &mut held.metadata)
            }
            Self::VirtualMachinePreference(held) => (&mut held.api_version, &mut held.kind, &mut held.metadata),
            Self::VirtualMachineClusterPreference(held) => (&mut held.api_version, &mut held.kind, &mut held.metadata),
        }
    }

    /// The instance type, if it is one.
    pub fn instancetype(&self) -> Option<&VirtualMachineInstancetypeSpec> {
        match self {
            Self::VirtualMachineInstancetype(held) => Some(&held.spec),
            Self::VirtualMachineClusterInstancetype(held) => Some(&held.spec),
            _ => None,
        }
    }

    /// The preference, if it is one.
    pub fn preference(&self) -> Option<&VirtualMachinePreferenceSpec> {
        match self {
            Self::VirtualMachinePreference(held) => Some(&held.spec),
            Self::VirtualMachineClusterPreference(held) => Some(&held.spec),
            _ => None,
        }
    }
}

impl ControllerRevision {
    /// The revision in which a machine keeps an object.
    pub fn new(vm: &VirtualMachine, mut held: Held) -> Self {
        let kind = held.kind();
        let (api_version, own_kind, metadata) = held.parts();
        *api_version = Some(format!("instancetype.kubevirt.io/{VERSION}"));
        // It stands beside the object's fields.
        *own_kind = None;
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let (name, uid, generation) = (text(&metadata.name), text(&metadata.uid), metadata.generation.unwrap_or(0));
        metadata.labels = None;
        metadata.annotations = None;
        metadata.finalizers = None;
        metadata.owner_references = None;
        metadata.managed_fields = None;
        let machine = text(&vm.metadata.name);
        let labels = [
            ("generation", generation.to_string()),
            ("kind", kind.to_owned()),
            ("name", name.clone()),
            ("uid", uid.clone()),
            ("version", VERSION.to_owned()),
        ];
        let labels = labels.map(|(label, value)| (format!("instancetype.kubevirt.io/object-{label}"), value));
        let owner = OwnerReference {
            api_version: "kubevirt.io/v1".to_owned(),
            kind: "VirtualMachine".to_owned(),
            name: machine.clone(),
            uid: text(&vm.metadata.uid),
            controller: Some(true),
            block_owner_deletion: Some(true),
        };
        let metadata = ObjectMeta {
            name: Some(format!("{machine}-{name}-{VERSION}-{uid}-{generation}")),
            namespace: vm.metadata.namespace.clone(),
            labels: Some(BTreeMap::from(labels)),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        };
        Self { metadata, data: held, revision: 0 }
    }

    /// Whether another revision of the same name may stand for this one.
    pub fn holds_the_same(&self, other: &Self) -> bool {
        match (self.data.instancetype(), other.data.instancetype(), self.data.preference(), other.data.preference()) {
            (Some(one), Some(other), ..) => same(one, other),
            (.., Some(one), Some(other)) => same(one, other),
            _ => false,
        }
    }
}

/// What a machine's status says of its instance type or preference, after its spec. Without a revision in it, one has to
/// be made.
pub fn followed(matcher: &InstancetypeMatcher, status: Option<&InstancetypeStatusRef>) -> InstancetypeStatusRef {
    let mut status = status.cloned().unwrap_or_default();
    let mut is_changed = false;
    for (asked, kept) in [
        (&matcher.name, &mut status.name),
        (&matcher.kind, &mut status.kind),
        (&matcher.infer_from_volume, &mut status.infer_from_volume),
    ] {
        if asked.as_ref().is_some_and(|asked| !asked.is_empty()) && asked != kept {
            kept.clone_from(asked);
            is_changed = true;
        }
    }
    if is_changed {
        status.controller_revision_ref = None;
    }
    if matcher.infer_from_volume_failure_policy.is_some() {
        status.infer_from_volume_failure_policy.clone_from(&matcher.infer_from_volume_failure_policy);
    }
    if let Some(name) = matcher.revision_name.as_ref().filter(|name| !name.is_empty()) {
        status.controller_revision_ref = Some(ControllerRevisionRef { name: Some(name.clone()) });
    }
    status
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn held(guest: &str) -> Held {
        serde_json::from_value(json!({
            "kind": "VirtualMachineClusterInstancetype",
            "metadata": { "name": "small", "uid": "u", "generation": 3, "labels": { "a": "b" }, "finalizers": ["c"] },
            "spec": { "cpu": { "guest": 1 }, "memory": { "guest": guest } },
        }))
        .unwrap()
    }

    fn vm() -> VirtualMachine {
        serde_json::from_value(json!({ "metadata": { "name": "vm", "namespace": "ns", "uid": "v" } })).unwrap()
    }

    #[test]
    fn a_revision_is_named_after_machine_and_object_and_holds_the_object() {
        let revision = ControllerRevision::new(&vm(), held("1Gi"));
        let written = serde_json::to_value(&revision).unwrap();
        let label = |name: &str| format!("instancetype.kubevirt.io/object-{name}");
        assert_eq!(
            written,
            json!({
                "metadata": {
                    "name": "vm-small-v1beta1-u-3",
                    "namespace": "ns",
                    "labels": {
                        label("generation"): "3",
                        label("kind"): "VirtualMachineClusterInstancetype",
                        label("name"): "small",
                        label("uid"): "u",
                        label("version"): "v1beta1",
                    },
                    "ownerReferences": [{
                        "apiVersion": "kubevirt.io/v1",
                        "kind": "VirtualMachine",
                        "name": "vm",
                        "uid": "v",
                        "controller": true,
                        "blockOwnerDeletion": true,
                    }],
                },
                "data": {
                    "apiVersion": "instancetype.kubevirt.io/v1beta1",
                    "kind": "VirtualMachineClusterInstancetype",
                    "metadata": { "name": "small", "uid": "u", "generation": 3 },
                    "spec": { "cpu": { "guest": 1 }, "memory": { "guest": "1Gi" } },
                },
                "revision": 0,
            })
        );
        let read: ControllerRevision = serde_json::from_value(written).unwrap();
        assert_eq!(read, revision);
        assert!(read.data.instancetype().is_some() && read.data.preference().is_none());
    }

    #[test]
    fn a_revision_that_is_there_already_may_be_written_otherwise() {
        let revision = |guest| ControllerRevision::new(&vm(), held(guest));
        assert!(revision("1Gi").holds_the_same(&revision("1024Mi")));
        assert!(!revision("1Gi").holds_the_same(&revision("2Gi")));
        let preference: Held = serde_json::from_value(json!({ "kind": "VirtualMachinePreference" })).unwrap();
        assert!(!revision("1Gi").holds_the_same(&ControllerRevision::new(&vm(), preference)));
    }

    #[test]
    fn the_status_follows_the_spec_and_forgets_the_revision_of_another() {
        let follow = |matcher: Value, status: Value| {
            let (matcher, status) = (serde_json::from_value(matcher).unwrap(), serde_json::from_value(status).unwrap());
            serde_json::to_value(followed(&matcher, Some(&status))).unwrap()
        };
        let kept = json!({ "name": "a", "kind": "k", "controllerRevisionRef": { "name": "r" } });
        assert_eq!(follow(json!({ "name": "a" }), kept.clone()), kept);
        assert_eq!(follow(json!({ "name": "b" }), kept.clone()), json!({ "name": "b", "kind": "k" }));
        let asked = follow(json!({ "name": "b", "revisionName": "s" }), kept);
        assert_eq!(asked["controllerRevisionRef"], json!({ "name": "s" }));
        let inferred = json!({ "inferFromVolume": "v", "inferFromVolumeFailurePolicy": "Ignore" });
        assert_eq!(follow(inferred.clone(), json!({})), inferred);
    }
}
