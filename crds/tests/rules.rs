//! The rules of a new `VirtualMachineInstance`, each broken once by a manifest of its own.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "rules/kinds.rs"]
mod kinds;
#[path = "rules/manifest.rs"]
mod manifest;

use std::collections::BTreeMap;

use crds::admission::{Stage, create_vmi};
use crds::config::ClusterConfig;
use crds::defaults::NewInstance;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::manifest::{change, compare, told};

/// A machine with nothing special, changed by a JSON merge patch (RFC 7386).
fn machine(patch: &Value) -> Value {
    let mut vmi = json!({
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": { "name": "a", "namespace": "default" },
        "spec": {
            "domain": {
                "memory": { "guest": "1Gi" },
                "devices": {
                    "disks": [{ "name": "root", "disk": { "bus": "virtio" } }],
                    "interfaces": [{ "name": "net", "masquerade": {} }],
                },
            },
            "networks": [{ "name": "net", "pod": {} }],
            "volumes": [{ "name": "root", "emptyDisk": { "capacity": "1Gi" } }],
        },
    });
    merge(&mut vmi["spec"], patch);
    vmi
}

fn merge(target: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else { return *target = patch.clone() };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in fields {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(name);
        } else {
            merge(&mut target[name], value);
        }
    }
}

fn causes(vmi: &Value, config: Value) -> Vec<(String, String)> {
    let config = ClusterConfig::new(serde_json::from_value(config).unwrap());
    let Some(refusal) = create_vmi(vmi, &config, NewInstance { uuid: "b", ..NewInstance::default() }).refusal else {
        return Vec::new();
    };
    assert_eq!(refusal.stage, Stage::Admit, "{}", refusal.message);
    refusal.causes.into_iter().map(|cause| (cause.field, cause.message)).collect()
}

#[test]
fn a_plain_machine_breaks_no_rule() {
    assert_eq!(causes(&machine(&json!({})), json!({})), []);
}

#[derive(Debug, Default, Deserialize)]
struct Broken {
    #[serde(default)]
    gates: Vec<String>,
    config: Option<Value>,
    #[serde(flatten)]
    set: BTreeMap<String, Value>,
}

#[test]
fn each_rule_is_told_where_a_manifest_breaks_it() {
    let manifests: BTreeMap<String, Broken> = serde_saphyr::from_str(include_str!("rules/instances.yaml")).unwrap();
    let answers = manifests.iter().map(|(rule, broken)| {
        let mut vmi = machine(&json!({}));
        change(&mut vmi, &broken.set, "spec");
        let gates = json!({ "developerConfiguration": { "featureGates": broken.gates } });
        let config = broken.config.clone().unwrap_or(gates);
        let config = ClusterConfig::new(serde_json::from_value(config).unwrap());
        let answer = create_vmi(&vmi, &config, NewInstance { uuid: "b", ..NewInstance::default() });
        (rule.as_str(), answer.refusal.as_ref().map_or_else(|| vec!["nothing".to_owned()], told))
    });
    let reviewed = include_str!("rules/instances.txt");
    compare("instances.txt", reviewed, answers);
    assert!(!reviewed.contains("\n  nothing\n"), "a manifest breaks nothing");
}

#[test]
fn a_gate_opens_what_it_guards() {
    let gated = [
        (json!({ "domain": { "devices": { "autoattachVSOCK": true } } }), "VSOCK"),
        (json!({ "domain": { "memory": { "reservedOverhead": {} } } }), "ReservedOverheadMemlock"),
        (json!({ "volumes": [{ "name": "root", "hostDisk": { "path": "/a", "type": "Disk" } }] }), "HostDisk"),
        (json!({ "domain": { "devices": { "downwardMetrics": {} } } }), "DownwardMetrics"),
    ];
    for (patch, gate) in gated {
        let vmi = machine(&patch);
        assert_ne!(causes(&vmi, json!({})), [], "{gate}");
        let config = json!({ "developerConfiguration": { "featureGates": [gate] } });
        assert_eq!(causes(&vmi, config), [], "{gate}");
    }
}

#[test]
fn a_rule_for_networks_and_disks_is_told_twice_as_upstream_tells_it() {
    let found = causes(&machine(&json!({ "networks": [] })), json!({}));
    let missing = "spec.domain.devices.interfaces[0].name 'net' not found.";
    assert_eq!(found.iter().filter(|(_, message)| message == missing).count(), 2);
}

#[test]
fn inline_data_has_a_limit() {
    let told = |length: usize| {
        let source = json!({ "userData": "a".repeat(length), "networkData": "b" });
        let volumes = json!([{ "name": "root", "cloudInitNoCloud": source }]);
        causes(&machine(&json!({ "volumes": volumes })), json!({}))
    };
    assert_eq!(told(2048), []);
    let message = "spec.volumes[0].cloudInitNoCloud userdata exceeds 2048 byte limit. Should use UserDataSecretRef for \
                   larger data.";
    assert_eq!(told(2049), [("spec.volumes[0].cloudInitNoCloud".to_owned(), message.to_owned())]);
}

#[test]
fn more_than_ten_causes_are_counted() {
    let disks: Vec<Value> = (0..8).map(|number| json!({ "name": format!("Disk{number}") })).collect();
    let vmi = machine(&json!({ "domain": { "devices": { "disks": disks } } }));
    let answer = create_vmi(&vmi, &ClusterConfig::default(), NewInstance { uuid: "b", ..NewInstance::default() });
    let refusal = answer.refusal.unwrap();
    assert_eq!(refusal.causes.len(), 10);
    assert!(refusal.message.ends_with("more validation errors"), "{}", refusal.message);
}

#[test]
fn what_cannot_be_read_is_refused_before_any_rule() {
    let refusal = |patch: Value| {
        let answer = create_vmi(
            &machine(&patch),
            &ClusterConfig::default(),
            NewInstance { uuid: "b", ..NewInstance::default() },
        );
        answer.refusal.map(|refusal| (refusal.stage, refusal.code))
    };
    assert_eq!(refusal(json!({ "unknown": 1 })), Some((Stage::Mutate, 422)));
    assert_eq!(refusal(json!({ "domain": { "cpu": { "cores": -1 } } })), Some((Stage::Mutate, 400)));
    assert_eq!(refusal(json!({ "domain": { "memory": { "guest": "lots" } } })), Some((Stage::Mutate, 400)));
}
