//! Bodies and results of the subresource calls have the fields that upstream's OpenAPI document gives them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crds::api::backup::BackupCheckpoint;
use crds::api::subresource::{
    BackupOptions, EvacuateCancelOptions, FileSystemList, FreezeUnfreezeTimeout, GuestAgentInfo, GuestUserList,
    MigrateOptions, ObjectGraphNode, ObjectGraphOptions, PauseOptions, RestartOptions, SevMeasurementInfo,
    SevPlatformInfo, SevSecretOptions, SevSessionOptions, StartOptions, StopOptions, UnpauseOptions,
};
use crds::api::vm::{AddVolumeOptions, MemoryDumpRequest, RemoveVolumeOptions};
use crds::crd::structural_schema;
use serde_json::Value;

use crate::reference::reference;

/// A type's name in upstream's document, and its schema here.
type Named = (&'static str, fn() -> Value);

const TYPES: [Named; 22] = [
    ("v1.AddVolumeOptions", structural_schema::<AddVolumeOptions>),
    ("v1.EvacuateCancelOptions", structural_schema::<EvacuateCancelOptions>),
    ("v1.FreezeUnfreezeTimeout", structural_schema::<FreezeUnfreezeTimeout>),
    ("v1.MigrateOptions", structural_schema::<MigrateOptions>),
    ("v1.ObjectGraphNode", structural_schema::<ObjectGraphNode>),
    ("v1.ObjectGraphOptions", structural_schema::<ObjectGraphOptions>),
    ("v1.PauseOptions", structural_schema::<PauseOptions>),
    ("v1.RemoveVolumeOptions", structural_schema::<RemoveVolumeOptions>),
    ("v1.RestartOptions", structural_schema::<RestartOptions>),
    ("v1.SEVMeasurementInfo", structural_schema::<SevMeasurementInfo>),
    ("v1.SEVPlatformInfo", structural_schema::<SevPlatformInfo>),
    ("v1.SEVSecretOptions", structural_schema::<SevSecretOptions>),
    ("v1.SEVSessionOptions", structural_schema::<SevSessionOptions>),
    ("v1.StartOptions", structural_schema::<StartOptions>),
    ("v1.StopOptions", structural_schema::<StopOptions>),
    ("v1.UnpauseOptions", structural_schema::<UnpauseOptions>),
    ("v1.VirtualMachineInstanceFileSystemList", structural_schema::<FileSystemList>),
    ("v1.VirtualMachineInstanceGuestAgentInfo", structural_schema::<GuestAgentInfo>),
    ("v1.VirtualMachineInstanceGuestOSUserList", structural_schema::<GuestUserList>),
    ("v1.VirtualMachineMemoryDumpRequest", structural_schema::<MemoryDumpRequest>),
    ("v1alpha1.BackupCheckpoint", structural_schema::<BackupCheckpoint>),
    ("v1alpha1.BackupOptions", structural_schema::<BackupOptions>),
];

/// What a schema says of each path: its type, and `!` where it must be there.
type Facts = BTreeMap<String, String>;

fn facts<'a>(schema: &'a Value, definitions: &'a Value, path: &str, open: &mut Vec<&'a str>, found: &mut Facts) {
    let name = schema["$ref"].as_str().map(|name| name.trim_start_matches("#/definitions/"));
    // A node of a graph has nodes below it: the second one is said to be an object, and no more.
    if name.is_some_and(|name| open.contains(&name)) {
        found.insert(path.to_owned(), "object".to_owned());
        return;
    }
    let schema = name.map_or(schema, |name| &definitions[name]);
    open.extend(name);
    let kind = match schema["type"].as_str() {
        _ if schema["x-kubernetes-int-or-string"] == true => "string",
        Some("object") | None => "object",
        Some(other) => other,
    };
    found.insert(path.to_owned(), kind.to_owned());
    let required: BTreeSet<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let mark = if required.contains(name.as_str()) { "!" } else { "" };
        facts(schema, definitions, &format!("{path}.{name}{mark}"), open, found);
    }
    for (below, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[below].is_object() {
            facts(&schema[below], definitions, &format!("{path}{mark}"), open, found);
        }
    }
    if name.is_some() {
        open.pop();
    }
}

/// The types that subresource calls take and give.
fn used(swagger: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (path, calls) in swagger["paths"].as_object().unwrap() {
        if !path.starts_with("/apis/subresources.kubevirt.io/") {
            continue;
        }
        for call in calls.as_object().unwrap().values().filter(|call| call.is_object()) {
            let bodies = call["parameters"].as_array().into_iter().flatten().map(|parameter| &parameter["schema"]);
            let results = call["responses"].as_object().into_iter().flatten().map(|(_, result)| &result["schema"]);
            let names = bodies.chain(results).filter_map(|schema| schema["$ref"].as_str());
            let names = names.map(|name| name.trim_start_matches("#/definitions/"));
            // What the API server's own library serves is not ours.
            found.extend(names.filter(|name| !name.starts_with("k8s.io.")).map(str::to_owned));
        }
    }
    found
}

#[test]
fn bodies_and_results_of_subresource_calls_are_upstream_s() {
    let Some(reference) = reference() else { return };
    let swagger: Value = serde_json::from_str(&fs::read_to_string(reference.join("swagger.json")).unwrap()).unwrap();
    let definitions = &swagger["definitions"];
    assert_eq!(used(&swagger), TYPES.iter().map(|(name, _)| (*name).to_owned()).collect());
    for (name, schema) in TYPES {
        let (mut ours, mut upstream) = (Facts::new(), Facts::new());
        let schema = schema();
        facts(&schema, definitions, name, &mut Vec::new(), &mut ours);
        facts(&definitions[name], definitions, name, &mut vec![name], &mut upstream);
        assert_eq!(ours, upstream, "{name}");
    }
}
