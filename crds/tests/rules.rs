//! The rules of a new `VirtualMachineInstance`, each broken once by a manifest of its own.

#![allow(clippy::unwrap_used)]

use crds::admission::{Stage, create_vmi};
use crds::config::ClusterConfig;
use crds::defaults::NewInstance;
use serde_json::{Value, json};

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

#[test]
fn each_rule_names_the_field_that_breaks_it() {
    let disk = |disk: Value| json!({ "domain": { "devices": { "disks": [disk] } } });
    let interface = |interface: Value| json!({ "domain": { "devices": { "interfaces": [interface] } } });
    let volume = |source: Value| {
        let mut volume = json!({ "name": "root" });
        merge(&mut volume, &source);
        json!({ "volumes": [volume] })
    };
    let table = [
        // identity
        (json!({ "hostname": "A" }), "spec.hostname"),
        (json!({ "subdomain": "a..b" }), "spec.subdomain"),
        (json!({ "serviceAccountName": "A" }), "spec.serviceAccountName"),
        (json!({ "architecture": "ppc64" }), "spec.architecture"),
        // memory and processors
        (
            json!({ "domain": { "resources": { "requests": { "memory": "-1" } } } }),
            "spec.domain.resources.requests.memory",
        ),
        (
            json!({ "domain": { "resources": { "requests": { "memory": "1k" } } } }),
            "spec.domain.resources.requests.memory",
        ),
        (
            json!({ "domain": { "memory": { "hugepages": { "pageSize": "x" } } } }),
            "spec.domain.memory.hugepages.pageSize",
        ),
        (
            json!({ "domain": { "memory": { "hugepages": { "pageSize": "2Gi" } } } }),
            "spec.domain.resources.requests.memory",
        ),
        (json!({ "domain": { "memory": { "reservedOverhead": {} } } }), "spec.domain.memory.reservedOverhead"),
        (json!({ "domain": { "resources": { "requests": { "cpu": "-1" } } } }), "spec.domain.resources.requests.cpu"),
        (json!({ "domain": { "cpu": { "sockets": 8, "maxSockets": 4 } } }), "spec.domain.cpu.sockets"),
        (json!({ "domain": { "cpu": { "isolateEmulatorThread": true } } }), "spec.domain.cpu.isolateEmulatorThread"),
        (
            json!({ "domain": { "cpu": { "features": [{ "name": "a", "policy": "x" }] } } }),
            "spec.domain.cpu.features[0].policy",
        ),
        (
            json!({ "domain": { "cpu": { "cores": 1, "threads": 4, "sockets": 1, "dedicatedCpuPlacement": true } } }),
            "spec.domain.cpu.dedicatedCpuPlacement",
        ),
        // board and firmware
        (json!({ "domain": { "machine": { "type": "i440fx" } } }), "spec.domain.machine.type"),
        (json!({ "domain": { "firmware": { "acpi": {} } } }), "spec.acpi"),
        (json!({ "domain": { "firmware": { "acpi": { "slicNameRef": "root" } } } }), "spec.acpi.slicNameRef"),
        (json!({ "domain": { "firmware": { "bootloader": { "efi": {} } } } }), "spec.domain"),
        (
            json!({ "domain": { "firmware": { "bootloader": { "bios": {}, "efi": { "secureBoot": false } } } } }),
            "spec.domain.firmware.bootloader",
        ),
        (
            json!({ "domain": { "firmware": { "kernelBoot": { "kernelArgs": "a" } } } }),
            "spec.domain.firmware.kernelBoot.kernelArgs",
        ),
        // policies and probes
        (json!({ "startStrategy": "Late" }), "spec.startStrategy"),
        (json!({ "evictionStrategy": "Sometimes" }), "spec.evictionStrategy"),
        (json!({ "domain": { "ioThreadsPolicy": "many" } }), "spec.domain.ioThreadsPolicy"),
        (json!({ "domain": { "ioThreadsPolicy": "supplementalPool" } }), "spec.domain.ioThreads.count"),
        (json!({ "livenessProbe": {} }), "spec.livenessProbe"),
        (json!({ "dnsPolicy": "None" }), "spec.dnsConfig"),
        // devices
        (
            json!({ "domain": { "devices": { "inputs": [{ "name": "a", "type": "mouse" }] } } }),
            "spec.domain.devices.inputs[0].type",
        ),
        (json!({ "domain": { "devices": { "sound": { "name": "" } } } }), "spec.Sound"),
        (json!({ "domain": { "devices": { "video": { "type": "x" } } } }), "spec.domain.devices.video.type"),
        (json!({ "domain": { "devices": { "autoattachVSOCK": true } } }), "spec.domain.devices.autoattachVSOCK"),
        (
            json!({ "domain": { "devices": { "hostDevices": [{ "name": "a", "deviceName": "b" }] } } }),
            "spec.HostDevices",
        ),
        (json!({ "domain": { "devices": { "gpus": [{ "name": "a" }] } } }), "spec.domain.devices.gpus"),
        (
            json!({ "domain": { "devices": { "panicDevices": [{ "model": "x" }] } } }),
            "spec.domain.devices.panicDevices[0].model",
        ),
        (json!({ "domain": { "launchSecurity": {} } }), "spec.launchSecurity"),
        // disks
        (disk(json!({ "name": "other", "disk": {} })), "spec.domain.devices.disks[0].name"),
        (disk(json!({ "name": "root", "disk": { "bus": "ide" } })), "spec.domain.devices.disks[0].disk.bus"),
        (disk(json!({ "name": "root", "cdrom": { "bus": "virtio" } })), "spec.domain.devices.disks[0].cdrom.bus"),
        (
            disk(json!({ "name": "root", "disk": { "bus": "sata", "readonly": true } })),
            "spec.domain.devices.disks[0].disk.bus",
        ),
        (disk(json!({ "name": "root", "bootOrder": 0 })), "spec.domain.devices.disks[0].bootOrder"),
        (disk(json!({ "name": "root", "serial": "a b" })), "spec.domain.devices.disks[0].serial"),
        (disk(json!({ "name": "root", "cache": "x" })), "spec.domain.devices.disks[0].cache"),
        (disk(json!({ "name": "root", "errorPolicy": "x" })), "spec.domain.devices.disks[0].errorPolicy"),
        (disk(json!({ "name": "root", "lun": {} })), "spec.domain.devices.disks[0].lun"),
        (
            disk(
                json!({ "name": "root", "disk": { "bus": "virtio" }, "blockSize": { "custom": { "logical": 3, "physical": 512 } } }),
            ),
            "spec.domain.devices.disks[0].blockSize.custom.logical",
        ),
        // volumes
        (volume(json!({ "emptyDisk": { "capacity": "1" }, "secret": { "secretName": "a" } })), "spec.volumes[0]"),
        (volume(json!({ "secret": {} })), "spec.volumes[0].secret.secretName"),
        (volume(json!({ "dataVolume": { "name": "" } })), "spec.volumes[0].name"),
        (volume(json!({ "hostDisk": { "path": "/a", "type": "Disk" } })), "spec.volumes[0]"),
        (volume(json!({ "cloudInitNoCloud": {} })), "spec.volumes[0].cloudInitNoCloud"),
        (
            volume(json!({ "cloudInitNoCloud": { "userDataBase64": "?" } })),
            "spec.volumes[0].cloudInitNoCloud.userDataBase64",
        ),
        (volume(json!({ "containerDisk": { "image": "a", "path": "../b" } })), "spec.volumes[0].containerDisk"),
        (json!({ "accessCredentials": [{}] }), "spec.accessCredentials[0]"),
        (json!({ "utilityVolumes": [{ "name": "a", "claimName": "b" }] }), "spec.utilityVolumes"),
        // networks
        (json!({ "networks": [{ "name": "net" }] }), "spec.networks[0]"),
        (json!({ "networks": [{ "name": "net", "multus": { "networkName": "" } }] }), "spec.networks[0]"),
        (interface(json!({ "name": "net" })), "spec.domain.devices.interfaces[0]"),
        (interface(json!({ "name": "net", "slirp": {} })), "spec.domain.devices.interfaces[0].slirp"),
        (
            interface(json!({ "name": "net", "masquerade": {}, "model": "x" })),
            "spec.domain.devices.interfaces[0].model",
        ),
        (
            interface(json!({ "name": "net", "masquerade": {}, "macAddress": "x" })),
            "spec.domain.devices.interfaces[0].macAddress",
        ),
        (
            interface(json!({ "name": "net", "masquerade": {}, "state": "x" })),
            "spec.domain.devices.interfaces[0].state",
        ),
        (
            interface(json!({ "name": "net", "masquerade": {}, "ports": [{ "port": 65536 }] })),
            "spec.domain.devices.interfaces[0].ports[0].port",
        ),
        (
            interface(json!({ "name": "net", "masquerade": {}, "dhcpOptions": { "ntpServers": ["x"] } })),
            "spec.domain.devices.interfaces[0].dhcpOptions.ntpServers[0]",
        ),
        // scheduling
        (
            json!({ "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [] } } } }),
            "spec.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms",
        ),
        (
            json!({ "topologySpreadConstraints": [{ "maxSkew": 0, "topologyKey": "a", "whenUnsatisfiable": "DoNotSchedule" }] }),
            "spec.topologySpreadConstraints[0].maxSkew",
        ),
        (json!({ "resourceClaims": [{ "name": "a" }] }), "spec.resourceClaims[0]"),
    ];
    for (patch, field) in table {
        let found = causes(&machine(&patch), json!({}));
        assert!(found.iter().any(|(found, _)| found == field), "{patch}: {found:?}");
    }
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
