//! Whether two values mean the same to upstream.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::crd::structural_schema;
use crate::defaults::as_stored;

/// Whether nothing was changed: `1Gi` is `1024Mi`, `1h` is `60m`, and a list, a map, a text or a number that is empty is
/// as good as none where upstream does not tell them apart.
pub(crate) fn same<T>(one: &T, other: &T) -> bool
where
    T: DeserializeOwned + JsonSchema + PartialEq + Serialize,
{
    if one == other {
        return true;
    }
    let schema = structural_schema::<T>();
    let stored = |value: &T| {
        let document = serde_json::to_value(value).ok()?;
        serde_json::from_value::<T>(as_stored(document, &schema)).ok()
    };
    let (one, other) = (stored(one), stored(other));
    one.is_some() && one == other
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::vmi::VirtualMachineInstanceSpec;

    fn same_spec(one: Value, other: Value) -> bool {
        let spec = |part: Value| -> VirtualMachineInstanceSpec { serde_json::from_value(part).unwrap() };
        same(&spec(one), &spec(other))
    }

    #[test]
    fn what_is_written_otherwise_is_the_same() {
        for (one, other) in [
            (json!({}), json!({ "volumes": [], "nodeSelector": {}, "hostname": "" })),
            (
                json!({ "domain": { "memory": { "guest": "1Gi" }, "devices": {} } }),
                json!({ "domain": { "memory": { "guest": "1024Mi" }, "cpu": null, "devices": { "disks": [] } } }),
            ),
            (
                json!({ "domain": { "resources": { "limits": { "cpu": 1 } }, "devices": {} } }),
                json!({ "domain": { "resources": { "limits": { "cpu": "1000m" } }, "devices": {} } }),
            ),
        ] {
            assert!(same_spec(one.clone(), other.clone()), "{one} {other}");
        }
    }

    #[test]
    fn what_upstream_tells_apart_is_not() {
        for (one, other) in [
            (json!({}), json!({ "terminationGracePeriodSeconds": 0 })),
            (json!({}), json!({ "evictionStrategy": "" })),
            (json!({}), json!({ "livenessProbe": {} })),
            (json!({ "hostname": "a" }), json!({ "hostname": "b" })),
            (
                json!({ "volumes": [{ "name": "a" }, { "name": "b" }] }),
                json!({ "volumes": [{ "name": "b" }, { "name": "a" }] }),
            ),
            (
                json!({ "domain": { "memory": { "guest": "1G" }, "devices": {} } }),
                json!({ "domain": { "memory": { "guest": "1Gi" }, "devices": {} } }),
            ),
        ] {
            assert!(!same_spec(one.clone(), other.clone()), "{one} {other}");
        }
    }
}
