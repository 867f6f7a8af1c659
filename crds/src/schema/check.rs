//! Comparing a document with a schema.

use serde_json::{Map, Value};

use super::{Fault, Problem, nearest};
use crate::api::kubernetes::Quantity;

/// For so many faults the nearest name is looked for, which takes longer than finding them.
const HELPED: usize = 100;

/// What of `document` the structural `schema` does not allow, in the order of the schema's fields. A `null` counts as
/// absent.
pub fn check(document: &Value, schema: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    check_value(document, schema, "", &mut faults);
    faults
}

fn check_value(value: &Value, schema: &Value, path: &str, faults: &mut Vec<Fault>) {
    let mut fault = |problem| faults.push(Fault { path: path.to_owned(), problem });
    if schema["x-kubernetes-int-or-string"] == true {
        match value {
            Value::Number(_) | Value::String(_) => {}
            _ => return fault(wrong_type("string or number", value)),
        }
        if schema["pattern"].is_string() && value.as_str().is_some_and(|text| Quantity::from(text).check().is_err()) {
            fault(Problem::Limit { rule: "be a quantity such as 512Mi".to_owned() });
        }
        return;
    }
    match (schema["type"].as_str(), value) {
        (Some("object"), Value::Object(fields)) => check_object(fields, schema, path, faults),
        (Some("array"), Value::Array(items)) => check_array(items, schema, path, faults),
        (Some("string"), Value::String(text)) => check_text(text, schema).into_iter().for_each(fault),
        (Some("integer" | "number"), Value::Number(_)) => check_number(value, schema).into_iter().for_each(fault),
        (Some("boolean"), Value::Bool(_)) | (None, _) => {}
        (Some(expected), _) => fault(wrong_type(expected, value)),
    }
}

fn check_object(fields: &Map<String, Value>, schema: &Value, path: &str, faults: &mut Vec<Fault>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let is_there = |name: &str| fields.get(name).is_some_and(|value| !value.is_null());
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !is_there(name) {
            faults.push(Fault { path: below(name), problem: Problem::Required });
        }
    }
    if let Some(values) = schema.get("additionalProperties") {
        for (name, value) in fields {
            check_value(value, values, &below(name), faults);
        }
        return;
    }
    let none = Map::new();
    // An object of which the schema says nothing, metadata, is for others to check.
    let known = schema["properties"].as_object().unwrap_or(&none);
    let open = schema["x-kubernetes-preserve-unknown-fields"] == true || path == "metadata";
    for (name, value) in fields {
        match known.get(name) {
            Some(_) if value.is_null() => {}
            Some(schema) => check_value(value, schema, &below(name), faults),
            None if open => {}
            None => {
                let nearest = if faults.len() < HELPED { nearest(name, known.keys()) } else { None };
                let nearest = nearest.map(str::to_owned);
                faults.push(Fault { path: below(name), problem: Problem::Unknown { nearest } });
            }
        }
    }
}

fn check_array(items: &[Value], schema: &Value, path: &str, faults: &mut Vec<Fault>) {
    if let Some(most) = schema["maxItems"].as_u64()
        && items.len() as u64 > most
    {
        let problem = Problem::Limit { rule: format!("have at most {most} items") };
        faults.push(Fault { path: path.to_owned(), problem });
    }
    for (place, item) in items.iter().enumerate() {
        check_value(item, &schema["items"], &format!("{path}[{place}]"), faults);
    }
}

fn check_text(text: &str, schema: &Value) -> Option<Problem> {
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.iter().any(|choice| choice == text)
    {
        let allowed = allowed.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        return Some(Problem::Choice { allowed });
    }
    let length = text.chars().count() as u64;
    if let Some(least) = schema["minLength"].as_u64().filter(|least| length < *least) {
        return Some(Problem::Limit { rule: format!("have at least {least} characters") });
    }
    let most = schema["maxLength"].as_u64().filter(|most| length > *most)?;
    Some(Problem::Limit { rule: format!("have at most {most} characters") })
}

fn check_number(value: &Value, schema: &Value) -> Option<Problem> {
    if schema["type"] == "integer" && !(value.is_i64() || value.is_u64()) {
        return Some(wrong_type("integer", value));
    }
    let number = value.as_f64()?;
    if let Some(least) = schema["minimum"].as_f64().filter(|least| number < *least) {
        return Some(Problem::Limit { rule: format!("be at least {least}") });
    }
    let most = schema["maximum"].as_f64().filter(|most| number > *most)?;
    Some(Problem::Limit { rule: format!("be at most {most}") })
}

fn wrong_type(expected: &str, found: &Value) -> Problem {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    Problem::Type { expected: expected.to_owned(), found }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::vmi::VirtualMachineInstance;
    use crate::crd::structural_schema;

    fn faults(document: &Value) -> Vec<String> {
        check(document, &structural_schema::<VirtualMachineInstance>()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_good_document_has_no_fault() {
        let document = json!({
            "metadata": { "name": "a", "anything": 1 },
            "spec": { "domain": { "devices": {}, "memory": { "guest": 1 }, "cpu": null } },
        });
        assert_eq!(faults(&document), Vec::<String>::new());
    }

    #[test]
    fn each_fault_is_told_with_its_path() {
        let document = json!({
            "spec": {
                "domain": {
                    "cpu": { "cores": "two", "sokets": 1 },
                    "memory": { "guest": "lots", "hugepages": [] },
                    "rebootPolicy": "Never",
                },
                "volumes": [{ "name": "a", "emptyDisk": {} }],
            },
        });
        assert_eq!(
            faults(&document),
            [
                "spec.domain.devices is required",
                "spec.domain.cpu.cores must be of type integer, not string",
                "spec.domain.cpu.sokets is not a known field: did you mean \"sockets\"?",
                "spec.domain.memory.guest must be a quantity such as 512Mi",
                "spec.domain.memory.hugepages must be of type object, not array",
                "spec.domain.rebootPolicy must be one of Reboot, Terminate",
                "spec.volumes[0].emptyDisk.capacity is required",
            ]
        );
    }

    #[test]
    fn limits_of_lists_texts_and_numbers_are_kept() {
        let schema = json!({
            "type": "object",
            "properties": {
                "list": { "type": "array", "maxItems": 1, "items": { "type": "string", "minLength": 1, "maxLength": 2 } },
                "number": { "type": "integer", "minimum": 1, "maximum": 3 },
            },
        });
        let told = |document: Value| check(&document, &schema).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(told(json!({ "list": ["ab"], "number": 3 })), Vec::<String>::new());
        assert_eq!(told(json!({ "number": 4 })), ["number must be at most 3"]);
        assert_eq!(told(json!({ "number": 0 })), ["number must be at least 1"]);
        assert_eq!(told(json!({ "number": 1.5 })), ["number must be of type integer, not number"]);
        assert_eq!(
            told(json!({ "list": ["", "abc"] })),
            [
                "list must have at most 1 items",
                "list[0] must have at least 1 characters",
                "list[1] must have at most 2 characters",
            ]
        );
    }

    #[test]
    fn the_field_is_the_path_without_places() {
        let fault = Fault { path: "spec.volumes[12].emptyDisk.capacity".to_owned(), problem: Problem::Required };
        assert_eq!(fault.field(), "spec.volumes.emptyDisk.capacity");
    }
}
