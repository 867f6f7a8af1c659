//! The form in which upstream stores a spec: its encoder leaves out what is empty, and writes quantities canonically.

use serde_json::{Map, Value};

use crate::api::kubernetes::Quantity;

/// Fields that are written although they are empty, zero or false: upstream has a pointer there, or no `omitempty`.
const KEPT: [&str; 62] = [
    "autoattachGraphicsDevice",
    "autoattachInputDevice",
    "autoattachMemBalloon",
    "autoattachPodInterface",
    "autoattachSerialConsole",
    "autoattachVSOCK",
    "blockMultiQueue",
    "bootOrder",
    "changedBlockTracking",
    "claimName",
    "dedicatedIOThread",
    "discardGranularity",
    "enabled",
    "encryptedState",
    "end",
    "errorPolicy",
    "evictionStrategy",
    "fieldPath",
    "image",
    "ioThreadsPolicy",
    "key",
    "logSerialConsole",
    "maxSkew",
    "memLock",
    "minDomains",
    "mode",
    "name",
    "networkInterfaceMultiqueue",
    "networkName",
    "nodeAffinityPolicy",
    "nodeSelectorTerms",
    "nodeTaintsPolicy",
    "offsetSeconds",
    "operator",
    "option",
    "optional",
    "path",
    "persistent",
    "port",
    "present",
    "protocol",
    "rebootPolicy",
    "resource",
    "resourceClaimName",
    "resourceClaimTemplateName",
    "secretName",
    "secureBoot",
    "shareable",
    "shared",
    "spinlocks",
    "start",
    "startStrategy",
    "supplementalPoolThreadCount",
    "terminationGracePeriodSeconds",
    "timezone",
    "tolerationSeconds",
    "topologyKey",
    "type",
    "useSerial",
    "useVirtioTransitional",
    "users",
    "weight",
];

/// Fields of the same name below certain parents that are not, the last part first.
const LEFT_OUT: [(&str, &str); 18] = [
    ("claimName", "gpus"),
    ("claimName", "hostDevices"),
    ("claimName", "resourceClaim"),
    ("key", "tolerations"),
    ("name", "configMap"),
    ("name", "networkDataSecretRef"),
    ("name", "options"),
    ("name", "ports"),
    ("name", "secret"),
    ("name", "secretRef"),
    ("operator", "tolerations"),
    ("path", "containerDisk"),
    ("path", "httpGet"),
    ("port", "tcpSocket"),
    ("port", "httpGet"),
    ("protocol", "ports"),
    ("secretName", "volumes.secret"),
    ("type", "video"),
];

/// Fields that are kept below certain parents only.
const KEPT_BELOW: [(&str, &str); 6] = [
    ("model", "panicDevices"),
    ("readOnly", "containerPath"),
    ("readonly", "cdrom"),
    ("value", "dhcpOptions.privateOptions"),
    ("value", "httpHeaders"),
    ("whenUnsatisfiable", "topologySpreadConstraints"),
];

/// `value` as upstream's encoder writes it; `schema` tells what is a quantity.
#[must_use]
pub fn as_stored(value: Value, schema: &Value) -> Value {
    without_empty(with_canonical_quantities(value, schema), schema, &mut Vec::new())
}

/// `value` with its quantities as upstream writes them; `schema` tells what is a quantity.
#[must_use]
pub fn with_canonical_quantities(value: Value, schema: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let values = schema.get("additionalProperties");
            let field = |(name, value)| {
                let schema = values.unwrap_or(&schema["properties"][&name]);
                let value = with_canonical_quantities(value, schema);
                (name, value)
            };
            Value::Object(fields.into_iter().map(field).collect())
        }
        Value::Array(items) => {
            items.into_iter().map(|item| with_canonical_quantities(item, &schema["items"])).collect()
        }
        Value::String(_) | Value::Number(_) if is_quantity(schema) => {
            let canonical = serde_json::from_value::<Quantity>(value.clone()).map(|quantity| quantity.canonical());
            canonical.map_or(value, |quantity| Value::String(quantity.text()))
        }
        other => other,
    }
}

fn is_quantity(schema: &Value) -> bool {
    schema["x-kubernetes-int-or-string"] == true && schema["pattern"].is_string()
}

fn without_empty(value: Value, schema: &Value, path: &mut Vec<String>) -> Value {
    match value {
        Value::Object(fields) => {
            let values = schema.get("additionalProperties");
            let mut kept = Map::new();
            for (name, value) in fields {
                let schema = values.unwrap_or(&schema["properties"][&name]);
                path.push(name.clone());
                let value = without_empty(value, schema, path);
                if values.is_some() || !is_left_out(&value, schema, path) {
                    kept.insert(name, value);
                }
                path.pop();
            }
            Value::Object(kept)
        }
        Value::Array(items) => items.into_iter().map(|item| without_empty(item, &schema["items"], path)).collect(),
        other => other,
    }
}

/// Whether a field is empty and upstream does not write it then.
fn is_left_out(value: &Value, schema: &Value, path: &[String]) -> bool {
    let is_empty = match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        // An object without fields is there by being named; a map without entries is not.
        Value::Object(entries) => entries.is_empty() && schema.get("additionalProperties").is_some(),
    };
    if !is_empty || schema["x-kubernetes-int-or-string"] == true {
        return is_empty && value.is_null();
    }
    let Some((name, above)) = path.split_last() else { return false };
    let is_below = |parents: &str| parents.rsplit('.').zip(above.iter().rev()).all(|(wanted, found)| wanted == found);
    let listed = |list: &[(&str, &str)]| list.iter().any(|(field, parents)| field == name && is_below(parents));
    let kept = KEPT.contains(&name.as_str()) && !listed(&LEFT_OUT);
    !kept && !listed(&KEPT_BELOW)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::vmi::VirtualMachineInstance;
    use crate::crd::structural_schema;

    fn spec(spec: Value) -> Value {
        let schema = structural_schema::<VirtualMachineInstance>();
        as_stored(json!({ "spec": spec }), &schema)["spec"].clone()
    }

    #[test]
    fn what_is_empty_goes_where_upstream_has_a_value_and_stays_where_it_has_a_pointer() {
        let written = spec(json!({
            "hostname": "",
            "tolerations": [],
            "nodeSelector": {},
            "evictionStrategy": "",
            "domain": {
                "cpu": { "cores": 0, "dedicatedCpuPlacement": false },
                "devices": {
                    "rng": {},
                    "autoattachPodInterface": false,
                    "disks": [{ "name": "", "cdrom": { "readonly": false }, "disk": { "readonly": false } }],
                },
            },
        }));
        assert_eq!(
            written,
            json!({
                "evictionStrategy": "",
                "domain": {
                    "cpu": {},
                    "devices": {
                        "rng": {},
                        "autoattachPodInterface": false,
                        "disks": [{ "name": "", "cdrom": { "readonly": false }, "disk": {} }],
                    },
                },
            })
        );
    }

    #[test]
    fn quantities_are_written_canonically() {
        let written = spec(json!({ "domain": {
            "memory": { "guest": "1024Mi" },
            "resources": { "requests": { "cpu": 1, "memory": "0" } },
        } }));
        let domain = json!({
            "memory": { "guest": "1Gi" },
            "resources": { "requests": { "cpu": "1", "memory": "0" } },
        });
        assert_eq!(written["domain"], domain);
    }
}
