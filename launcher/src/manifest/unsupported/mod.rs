//! What a machine's manifest asks for and Podvisor cannot do yet (KubeVirt can: its answer is another matter).
//!
//! A table: a line goes when its feature comes. Nothing that a manifest asks for is dropped silently.

mod field;
mod table;

use crds::check::{Machine, Unsupported};
use field::fields;
use table::TABLE;

/// Everything of a machine that Podvisor cannot do, in the order of the table.
pub(super) fn unsupported(machine: &Machine) -> Vec<Unsupported> {
    // A value of our own types: there is nothing that JSON could not have.
    let spec = serde_json::to_value(&machine.spec).unwrap_or_default();
    let mut found = Vec::new();
    for limit in TABLE {
        for (field, value) in fields(limit.field, &spec) {
            if limit.asked.is_met_by(value) {
                let message = limit.message.replace("{}", &field::told(value));
                let field = format!("{}.{field}", machine.path);
                found.push(Unsupported { field, message, remedy: limit.remedy.to_owned() });
            }
        }
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn found(spec: Value) -> Vec<(String, String)> {
        let machine = Machine { path: "spec", spec: serde_json::from_value(spec).unwrap() };
        unsupported(&machine).into_iter().map(|one| (one.field, one.message)).collect()
    }

    #[test]
    fn a_machine_that_asks_for_nothing_special_is_supported() {
        let spec = json!({
            "architecture": "amd64",
            "domain": {
                "cpu": { "cores": 2, "model": "host-model" },
                "memory": { "guest": "1Gi" },
                "machine": { "type": "q35" },
                "firmware": { "uuid": "a", "bootloader": { "efi": { "secureBoot": false } } },
                "features": { "acpi": { "enabled": true }, "smm": { "enabled": false } },
                "devices": { "rng": {}, "autoattachVSOCK": false },
            },
        });
        assert_eq!(found(spec), []);
    }

    #[test]
    fn each_limit_is_told_with_its_field() {
        let spec = json!({
            "domain": {
                "machine": { "type": "s390-ccw-virtio" },
                "firmware": { "bootloader": { "efi": {} } },
                "devices": {
                    "disks": [{ "name": "a", "disk": { "bus": "virtio" } }, { "name": "b", "disk": { "bus": "usb" } }],
                    "interfaces": [{ "name": "n", "model": "e1000", "masquerade": {} }],
                    "tpm": {},
                },
            },
            "volumes": [{ "name": "a", "containerDisk": { "image": "i" } }],
        });
        let fields: Vec<String> = found(spec).into_iter().map(|(field, _)| field).collect();
        for expected in [
            "spec.domain.machine.type",
            "spec.domain.firmware.bootloader.efi",
            "spec.domain.devices.disks[1].disk.bus",
            "spec.domain.devices.interfaces[0].model",
            "spec.domain.devices.interfaces[0].masquerade",
            "spec.domain.devices.tpm",
            "spec.volumes[0].containerDisk",
        ] {
            assert!(fields.contains(&expected.to_owned()), "{expected}: {fields:?}");
        }
        assert!(!fields.contains(&"spec.domain.devices.disks[0].disk.bus".to_owned()));
    }

    #[test]
    fn every_line_of_the_table_names_a_field_of_the_api() {
        let kind = crds::crd::KINDS.iter().find(|kind| kind.kind == "VirtualMachineInstance").unwrap();
        let schema = (kind.schema)();
        for limit in TABLE {
            let mut schema = &schema["properties"]["spec"];
            for part in limit.field.split('.') {
                let (name, is_list) = part.strip_suffix("[]").map_or((part, false), |name| (name, true));
                schema = &schema["properties"][name];
                if is_list {
                    schema = &schema["items"];
                }
            }
            assert!(schema.is_object(), "{}", limit.field);
            assert!(!limit.remedy.is_empty() && !limit.message.ends_with('.'), "{}", limit.field);
        }
    }
}
