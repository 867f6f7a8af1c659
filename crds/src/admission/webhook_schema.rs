//! The schema that upstream's webhooks check: an OpenAPI document of its own, which asks for less than the definitions.

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use crate::crd::structural_schema;

/// Choices that the OpenAPI document knows, by field.
const CHOICES: [(&str, &[&str]); 2] = [
    ("dnsPolicy", &["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]),
    ("imagePullPolicy", &["Always", "IfNotPresent", "Never"]),
];

/// What a definition's schema asks, without limits and choices, and without texts, numbers and switches that must be
/// there: in the OpenAPI document they have defaults.
pub(super) fn of(mut schema: Value) -> Value {
    relax(&mut schema);
    if let Some(status) = schema.pointer_mut("/properties/status") {
        open(status);
    }
    schema
}

/// The same of a group that the OpenAPI document does not describe: which fields an object has.
pub(super) fn outline() -> Value {
    let fields = ["apiVersion", "kind", "metadata", "spec", "status"].map(|field| (field.to_owned(), json!({})));
    json!({ "type": "object", "required": ["spec"], "properties": Map::from_iter(fields) })
}

/// The same of a type's status alone.
pub(super) fn of_status(schema: &Value) -> Value {
    let mut status = schema["properties"]["status"].clone();
    relax(&mut status);
    open(&mut status);
    let open = "x-kubernetes-preserve-unknown-fields";
    json!({ "type": "object", open: true, "properties": { "status": status } })
}

/// A status may have fields that its type has not.
fn open(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    if fields.get("type").is_some_and(|kind| kind == "object") && !fields.contains_key("additionalProperties") {
        fields.insert("x-kubernetes-preserve-unknown-fields".to_owned(), true.into());
    }
    fields
        .get_mut("properties")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flatten()
        .for_each(|(_, below)| open(below));
    for below in ["items", "additionalProperties"] {
        fields.get_mut(below).into_iter().for_each(open);
    }
}

/// The same of a type.
pub(super) fn of_type<T: JsonSchema>() -> Value {
    of(structural_schema::<T>())
}

fn relax(schema: &mut Value) {
    let is_scalar = |property: &Value| {
        matches!(property["type"].as_str(), Some("string" | "integer" | "number" | "boolean"))
            && property["format"] != "date-time"
    };
    let properties = schema["properties"].clone();
    let Some(fields) = schema.as_object_mut() else { return };
    if let Some(Value::Array(required)) = fields.get_mut("required") {
        required.retain(|name| !name.as_str().is_some_and(|name| is_scalar(&properties[name])));
    }
    for limit in ["enum", "minimum", "maximum", "maxItems", "minLength", "maxLength"] {
        fields.remove(limit);
    }
    for (name, property) in fields.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        relax(property);
        if let Some((_, choices)) = CHOICES.iter().find(|(field, _)| field == name) {
            property["enum"] = json!(choices);
        }
    }
    for below in ["items", "additionalProperties"] {
        if let Some(below) = fields.get_mut(below) {
            relax(below);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_open_below_too_and_a_spec_is_not() {
        let object = |fields: Value| json!({ "type": "object", "properties": fields });
        let schema = object(json!({ "spec": object(json!({})), "status": object(json!({ "a": object(json!({})) })) }));
        let relaxed = of(schema);
        let is_open = |pointer: &str| relaxed.pointer(pointer).unwrap()["x-kubernetes-preserve-unknown-fields"] == true;
        assert!(is_open("/properties/status") && is_open("/properties/status/properties/a"));
        assert!(!is_open("/properties/spec"));
    }

    #[test]
    fn objects_stay_required_and_scalars_do_not() {
        let schema = json!({
            "type": "object",
            "required": ["name", "source"],
            "properties": { "name": { "type": "string", "enum": ["a"] }, "source": { "type": "object" } },
        });
        let relaxed = of(schema);
        assert_eq!(relaxed["required"], json!(["source"]));
        assert_eq!(relaxed["properties"]["name"], json!({ "type": "string" }));
    }
}
