//! What a new `VirtualMachineInstance` is given.

#![allow(clippy::unwrap_used)]

use crds::admission::create_vmi;
use crds::config::ClusterConfig;
use crds::defaults::NewInstance;
use serde_json::{Value, json};

fn stored(spec: Value, config: Value) -> Value {
    let vmi = json!({ "metadata": { "name": "a" }, "spec": spec });
    let config = ClusterConfig::new(serde_json::from_value(config).unwrap());
    let answer = create_vmi(&vmi, &config, NewInstance { uuid: "uuid", ..NewInstance::default() });
    answer.stored.unwrap_or_else(|| panic!("{:?}", answer.refusal))
}

#[test]
fn an_almost_empty_machine_is_completed() {
    let stored = stored(json!({ "domain": { "devices": {}, "memory": { "guest": "2048Mi" } } }), json!({}));
    let expected = json!({
        "metadata": {
            "name": "a",
            "annotations": { "kubevirt.io/pci-topology-version": "v3" },
            "finalizers": ["kubevirt.io/foregroundDeleteVirtualMachine"],
        },
        "spec": {
            "architecture": "amd64",
            "evictionStrategy": "None",
            "domain": {
                "cpu": { "sockets": 1, "cores": 1, "threads": 1, "maxSockets": 4, "model": "host-model" },
                "memory": { "guest": "2Gi", "maxGuest": "8Gi" },
                "machine": { "type": "q35" },
                "firmware": { "uuid": "uuid" },
                "features": { "acpi": { "enabled": true } },
                "devices": { "interfaces": [{ "name": "default", "bridge": {} }] },
            },
            "networks": [{ "name": "default", "pod": {} }],
        },
    });
    assert_eq!(stored, expected);
}

#[test]
fn each_part_is_completed_where_it_is_silent() {
    let table = [
        (
            json!({ "devices": { "disks": [{ "name": "a" }, { "name": "b", "cdrom": {} }] } }),
            "/spec/domain/devices/disks",
            json!([
                { "name": "a", "disk": { "bus": "sata" } },
                { "name": "b", "cdrom": { "bus": "sata", "readonly": true, "tray": "closed" } },
            ]),
        ),
        (
            json!({ "devices": { "watchdog": { "name": "w" } } }),
            "/spec/domain/devices/watchdog/i6300esb/action",
            json!("reset"),
        ),
        (
            json!({ "devices": { "inputs": [{ "name": "t", "type": "" }] } }),
            "/spec/domain/devices/inputs/0",
            json!({ "name": "t", "type": "tablet", "bus": "usb" }),
        ),
        (json!({ "devices": {}, "resources": { "limits": { "cpu": "1500m" } } }), "/spec/domain/cpu/sockets", json!(2)),
        (
            json!({ "devices": {}, "resources": { "limits": { "cpu": "1500m" } } }),
            "/spec/domain/resources/requests/cpu",
            json!("1500m"),
        ),
        (
            json!({ "devices": {}, "resources": { "requests": { "memory": "64Mi" } } }),
            "/spec/domain/memory/guest",
            json!("64Mi"),
        ),
        (
            json!({ "devices": {}, "features": { "hyperv": { "synictimer": {} } } }),
            "/spec/domain/features/hyperv",
            json!({
                "synic": { "enabled": true },
                "synictimer": { "enabled": true },
                "vpindex": { "enabled": true },
            }),
        ),
        (
            json!({ "devices": {}, "features": { "hyperv": { "evmcs": {} } } }),
            "/spec/domain/cpu/features",
            json!([{ "name": "vmx", "policy": "require" }]),
        ),
        (
            json!({ "devices": {}, "cpu": { "cores": 64, "sockets": 4, "threads": 1 } }),
            "/spec/domain/cpu/maxSockets",
            json!(8),
        ),
    ];
    for (domain, pointer, value) in table {
        let stored = stored(json!({ "domain": domain }), json!({}));
        assert_eq!(stored.pointer(pointer), Some(&value), "{domain}");
    }
}

#[test]
fn other_architectures_have_other_defaults() {
    let domain = json!({ "devices": { "disks": [{ "name": "a" }] } });
    let arm = stored(json!({ "architecture": "arm64", "domain": domain }), json!({}));
    assert_eq!(arm["spec"]["domain"]["machine"]["type"], "virt");
    assert_eq!(arm["spec"]["domain"]["cpu"]["model"], "host-passthrough");
    assert_eq!(arm["spec"]["domain"]["devices"]["disks"][0]["disk"]["bus"], "virtio");
    assert_eq!(arm["spec"]["domain"]["firmware"]["bootloader"]["efi"]["secureBoot"], false);
    let s390x = stored(json!({ "architecture": "s390x", "domain": domain }), json!({}));
    assert_eq!(s390x["spec"]["domain"]["features"]["acpi"]["enabled"], false);
    assert!(s390x["metadata"].get("annotations").is_none());
}

#[test]
fn the_cluster_s_configuration_decides_what_is_left_open() {
    let spec = json!({ "domain": { "devices": {} } });
    let stored = stored(
        spec,
        json!({
            "network": { "defaultNetworkInterface": "masquerade" },
            "cpuModel": "Haswell",
            "cpuRequest": "200m",
            "machineType": "pc-q35-9.2",
            "evictionStrategy": "LiveMigrate",
            "vmRolloutStrategy": "Stage",
        }),
    );
    let domain = &stored["spec"]["domain"];
    assert_eq!(domain["devices"]["interfaces"][0], json!({ "name": "default", "masquerade": {} }));
    assert_eq!(domain["cpu"]["model"], "Haswell");
    assert_eq!(domain["cpu"].get("maxSockets"), None);
    assert_eq!(domain["resources"]["requests"]["cpu"], "200m");
    assert_eq!(domain["machine"]["type"], "pc-q35-9.2");
    assert_eq!(stored["spec"]["evictionStrategy"], "LiveMigrate");
}
