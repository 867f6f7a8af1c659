//! New `VirtualMachineInstance`s: what upstream's webhooks answered, and what we answer.

use std::collections::BTreeMap;
use std::fs;

use crds::admission::{Answer, Path, Stage, create_vmi};
use crds::api::vmi::VirtualMachineInstance;
use crds::config::ClusterConfig;
use crds::crd::structural_schema;
use crds::defaults::{NewInstance, as_stored};
use crds::instancetype::{Conflicts, apply};
use serde_json::{Value, json};

use crate::lists;
use crate::reference::reference;

/// Objects that upstream's encoder writes although they are empty.
const WRITTEN_EMPTY: [&str; 3] = ["/spec/domain/resources", "/spec/domain/devices", "/spec/domain/features/acpi"];

pub fn answer(case: &Value) -> Answer {
    let configuration = case.get("config").cloned().unwrap_or_else(|| json!({}));
    let config = ClusterConfig::new(serde_json::from_value(configuration).unwrap());
    let object = applied(case).unwrap().unwrap_or_else(|| case["object"].clone());
    create_vmi(&object, &config, NewInstance { uuid: "<random>", ..NewInstance::default() })
}

/// The object with its instance type and preference, if it has any.
fn applied(case: &Value) -> Result<Option<Value>, Conflicts> {
    if case.get("instancetype").is_none() && case.get("preference").is_none() {
        return Ok(None);
    }
    let read = |name| case.get(name).cloned();
    let instancetype = read("instancetype").map(|given| serde_json::from_value(given).unwrap());
    let preference = read("preference").map(|liked| serde_json::from_value(liked).unwrap());
    let mut vmi: VirtualMachineInstance = serde_json::from_value(case["object"].clone()).unwrap();
    let path = Path::new("spec.template.spec");
    apply(&path, instancetype.as_ref(), preference.as_ref(), &mut vmi.spec, &mut vmi.metadata)?;
    Ok(Some(serde_json::to_value(vmi).unwrap()))
}

/// A document without the objects that are written although they are empty.
fn without_empty(mut document: Value) -> Value {
    for pointer in WRITTEN_EMPTY {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let Some(Value::Object(parent)) = document.pointer_mut(parent) else { continue };
        if parent.get(field) == Some(&json!({})) {
            parent.remove(field);
        }
    }
    document
}

/// The field that a text of upstream's schema validator or decoder is about.
fn field_of(message: &str) -> &str {
    if let Some((_, rest)) = message.split_once("Go struct field VirtualMachineInstance.") {
        return rest.split(' ').next().unwrap();
    }
    message.split(' ').next().unwrap().trim_start_matches('.')
}

/// What of our answer is not upstream's.
fn differences(case: &Value, ours: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, ours: Value, upstream: Value| {
        if ours != upstream {
            found.push(format!("{what}: ours {ours}, upstream's {upstream}"));
        }
    };
    let refusal = ours.refusal.as_ref();
    compare("allowed", json!(refusal.is_none()), case["allowed"].clone());
    if let Some(defaulted) = case.get("defaulted") {
        let stored = ours.stored.clone().unwrap_or_default();
        for part in ["metadata", "spec"] {
            let one = |document: &Value| without_empty(json!({ part: document[part] }));
            compare(part, one(&stored), one(defaulted));
        }
    }
    compare("warnings", json!(ours.warnings), case.get("warnings").cloned().unwrap_or_else(|| json!([])));
    let Some(refusal) = refusal else { return found };
    let result = &case["result"];
    compare("stage", json!(refusal.stage), case["stage"].clone());
    compare("code", json!(refusal.code), result["code"].clone());
    let empty = Vec::new();
    let upstream = result.pointer("/details/causes").and_then(Value::as_array).unwrap_or(&empty);
    if refusal.stage == Stage::Admit {
        compare("causes", json!(refusal.causes), json!(upstream));
        compare("message", json!(refusal.message), result["message"].clone());
    } else if refusal.causes.is_empty() {
        let upstream = result["message"].as_str().unwrap();
        if upstream.starts_with("json:") {
            let ours = refusal.message.split(':').next().unwrap();
            compare("field", json!(ours), json!(field_of(upstream)));
        } else if !upstream.starts_with("quantities must match") {
            compare("message", json!(refusal.message), json!(upstream));
        }
    } else {
        let fields = |messages: Vec<&str>| {
            let mut fields: Vec<String> = messages.into_iter().map(|message| field_of(message).to_owned()).collect();
            fields.sort();
            json!(fields)
        };
        let ours = refusal.causes.iter().map(|cause| cause.field.as_str()).collect();
        let upstream = upstream.iter().map(|cause| cause["message"].as_str().unwrap()).collect();
        compare("fields", fields(ours), fields(upstream));
    }
    found
}

fn conflict_differences(case: &Value, ours: &Conflicts) -> Vec<String> {
    let ours = json!(ours.iter().map(ToString::to_string).collect::<Vec<_>>());
    let upstream = case.get("conflicts").cloned().unwrap_or_default();
    if ours == upstream { Vec::new() } else { vec![format!("conflicts: ours {ours}, upstream's {upstream}")] }
}

/// What instance type and preference made of the object, and is not upstream's.
fn applied_differences(case: &Value, ours: Value) -> Vec<String> {
    let schema = structural_schema::<VirtualMachineInstance>();
    let stored = as_stored(json!({ "spec": ours["spec"] }), &schema);
    let parts = [("spec", &stored["spec"]), ("metadata", &ours["metadata"])];
    let parts = parts.map(|(part, ours)| {
        let one = |part_of: &Value| without_empty(json!({ part: part_of }));
        (part, one(ours), one(&case["applied"][part]))
    });
    let different = parts.into_iter().filter(|(_, ours, upstream)| ours != upstream);
    different.map(|(part, ours, upstream)| format!("applied {part}: ours {ours}, upstream's {upstream}")).collect()
}

#[test]
fn new_instances_are_answered_as_upstream_answers_them() {
    let Some(reference) = reference() else { return };
    let text = fs::read_to_string(reference.join("golden/vmi-create.jsonl")).unwrap();
    let mut equal = 0;
    let mut different = BTreeMap::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let found = match applied(&case) {
            Err(conflicts) => conflict_differences(&case, &conflicts),
            Ok(applied) => {
                let mut found = applied.map_or_else(Vec::new, |applied| applied_differences(&case, applied));
                found.extend(differences(&case, &answer(&case)));
                found
            }
        };
        if found.is_empty() {
            equal += 1;
        } else {
            different.insert(case["name"].as_str().unwrap().to_owned(), found);
        }
    }
    let listed = lists::differences();
    let unexplained = different.iter().filter(|(name, _)| !listed.contains_key(*name));
    let report: Vec<String> = unexplained.map(|(name, found)| format!("{name}\n  {}", found.join("\n  "))).collect();
    assert!(report.is_empty(), "{equal} equal, {} not:\n{}", report.len(), report.join("\n"));
    let is_equal = |case: &str| listed.contains_key(case) && !different.contains_key(case);
    let cases = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["name"].to_string());
    let gone: Vec<String> = cases.filter(|name| is_equal(name.trim_matches('"'))).collect();
    assert!(gone.is_empty(), "listed, and equal: {gone:?}");
    eprintln!("new instances: {equal} equal, {} listed", different.len());
}
