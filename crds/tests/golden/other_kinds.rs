//! The other kinds: what upstream's webhooks answered while its own checks ran, and what we answer.

use std::collections::BTreeSet;
use std::fs;

use crds::admission::Refusal;
use crds::admission::kinds::{
    NewMachine, Operation, Related, RelatedToEviction, RelatedToMigration, RelatedToRestore, Request, Requester,
    Resource, Verdict, admit_backup, admit_backup_tracker, admit_clone, admit_eviction, admit_export,
    admit_instance_update, admit_instancetype, admit_migration, admit_migration_policy, admit_migration_update,
    admit_pool, admit_preset, admit_replica_set, admit_restore, admit_snapshot, admit_virtual_machine,
    set_clone_defaults, set_machine_defaults, set_migration_defaults,
};
use crds::api::kubevirt::KubeVirtConfiguration;
use crds::api::vm::VirtualMachine;
use crds::config::{ClusterConfig, Fate, RetiredGate};
use serde_json::{Value, json};

use crate::lists::{Fact, differences as differences_of_all, not_recorded};
use crate::reference::reference;

/// Gates that exist in upstream's checks only.
const RETIRED: [RetiredGate; 2] = [
    RetiredGate { name: "test-deprecated", fate: Fate::Deprecated, told: None, is_used: Some(|_| true) },
    RetiredGate {
        name: "test-discontinued",
        fate: Fate::Discontinued,
        told: Some("FG is discontinued"),
        is_used: Some(|_| true),
    },
];

fn config(case: &Value, fact: &Fact) -> ClusterConfig {
    let config = ClusterConfig::new(match fact.config.as_ref().unwrap_or(&case["config"]) {
        Value::Null => KubeVirtConfiguration::default(),
        configuration => serde_json::from_value(configuration.clone()).unwrap(),
    });
    if fact.retired_gates { config.with_retired(&RETIRED) } else { config }
}

fn request<'a>(case: &'a Value, fact: &'a Fact) -> Request<'a> {
    Request {
        object: &case["object"],
        old: case.get("oldObject"),
        operation: match case["operation"].as_str() {
            Some("CREATE") => Operation::Create,
            Some("UPDATE") => Operation::Update,
            Some("DELETE") => Operation::Delete,
            _ => Operation::Unnamed,
        },
        resource: Some(Resource {
            group: case["resource"]["group"].as_str().unwrap(),
            version: case["resource"]["version"].as_str().unwrap(),
            name: case["resource"]["resource"].as_str().unwrap(),
        }),
        namespace: "",
        requester: Requester {
            user: case["user"].as_str().unwrap_or_default(),
            node: fact.node.as_deref(),
            home: "kubevirt",
        },
    }
}

/// Our answer, where the webhook is written.
fn answer(case: &Value, fact: &Fact) -> Option<Verdict> {
    let (config, request) = (config(case, fact), request(case, fact));
    Some(match case["call"].as_str().unwrap() {
        "VMsAdmitter.Admit" => {
            let related = Related { running: fact.running.as_ref(), ..Related::default() };
            admit_virtual_machine(&request, &config, related)
        }
        "MigrationCreateAdmitter.Admit" => {
            let related = RelatedToMigration { instance: fact.running.as_ref(), migrations: &fact.migrations };
            admit_migration(&request, &config, related)
        }
        "VMIUpdateAdmitter.Admit" => admit_instance_update(&request, &config),
        "VMIRSAdmitter.Admit" => admit_replica_set(&request, &config),
        "VMPoolAdmitter.Admit" => admit_pool(&request, &config),
        "VMIPresetAdmitter.Admit" => admit_preset(&request),
        "InstancetypeAdmitter.Admit" | "ClusterInstancetypeAdmitter.Admit" => admit_instancetype(&request),
        "MigrationPolicyAdmitter.Admit" => admit_migration_policy(&request, &config),
        "VMExportAdmitter.Admit" => admit_export(&request, &config),
        "VMBackupAdmitter.Admit" => admit_backup(&request, &config, &fact.backups),
        "VMBackupTrackerAdmitter.Admit" => admit_backup_tracker(&request, &config),
        "PodEvictionAdmitter.Admit" => {
            let (pod, owner, instance) = (fact.pod.as_ref(), fact.owner.as_ref(), fact.running.as_ref());
            let instance_error = fact.instance_error.as_deref();
            let related = RelatedToEviction { pod, owner, instance, instance_error, owner_error: None };
            let answer = admit_eviction(&request, &config, related);
            match (answer.mark, &fact.mark_error) {
                (Some(mark), Some(error)) => Err(mark.failed(error)),
                _ => answer.verdict,
            }
        }
        "VMRestoreAdmitter.Admit" => {
            let (snapshot, content) = (fact.snapshot.as_ref(), fact.content.as_ref());
            let (target, restores) = (fact.target.as_ref(), &fact.restores);
            admit_restore(&request, &config, RelatedToRestore { snapshot, content, target, restores })
        }
        "VMSnapshotAdmitter.Admit" => admit_snapshot(&request, &config),
        "VirtualMachineCloneAdmitter.Admit" => admit_clone(&request, &config),
        "VMsMutator.Mutate" => machine_defaults(case, fact).map(|_| Vec::new()),
        "MigrationUpdateAdmitter.Admit" => admit_migration_update(&request),
        _ => return None,
    })
}

/// The object as our webhook changes it, where it is one that changes objects.
fn changed(case: &Value, fact: &Fact) -> Option<Value> {
    if !case["allowed"].as_bool().unwrap() {
        return None;
    }
    match case["call"].as_str().unwrap() {
        // The suffix that upstream's check draws.
        "CloneCreateMutator.Mutate" => {
            Some(serde_json::to_value(set_clone_defaults(&request(case, fact), "12345").unwrap()).unwrap())
        }
        "MigrationCreateMutator.Mutate" => {
            let mut migration = serde_json::from_value(case["object"].clone()).unwrap();
            set_migration_defaults(&mut migration);
            Some(serde_json::to_value(migration).unwrap())
        }
        "VMsMutator.Mutate" => {
            let vm = machine_defaults(case, fact).unwrap();
            // Upstream always writes a template's metadata.
            let mut vm = serde_json::to_value(vm).unwrap();
            if let Some(Value::Object(template)) = vm.pointer_mut("/spec/template") {
                template.entry("metadata").or_insert_with(|| json!({}));
            }
            Some(vm)
        }
        _ => None,
    }
}

fn machine_defaults(case: &Value, fact: &Fact) -> Result<VirtualMachine, Refusal> {
    let (config, request) = (config(case, fact), request(case, fact));
    // What upstream drew: we are given the same.
    let drawn = |field: &str| {
        let pointer = format!("/spec/template/spec/domain/firmware/{field}");
        patched(case).pointer(&pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    set_machine_defaults(
        &request,
        &config,
        fact.preference.as_ref(),
        NewMachine { uuid: &drawn("uuid"), serial: &drawn("serial") },
    )
}

/// The object as upstream's patch, which replaces whole fields, changes it.
fn patched(case: &Value) -> Value {
    let mut object = case["object"].clone();
    for operation in case.get("patch").and_then(Value::as_array).into_iter().flatten() {
        assert_eq!(operation["op"], "replace");
        *object.pointer_mut(operation["path"].as_str().unwrap()).unwrap() = operation["value"].clone();
    }
    object
}

/// What of our answer is not upstream's.
fn differences(case: &Value, ours: &Verdict) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, ours: Value, upstream: Value| {
        if ours != upstream {
            found.push(format!("{what}: ours {ours}, upstream's {upstream}"));
        }
    };
    let list = |value: &Value| if value.is_null() { json!([]) } else { value.clone() };
    compare("allowed", json!(ours.is_ok()), case["allowed"].clone());
    match ours {
        Ok(warnings) => compare("warnings", json!(warnings), list(&case["warnings"])),
        Err(refusal) => {
            compare("code", json!(refusal.code), case["result"]["code"].clone());
            let upstream = list(case["result"].pointer("/details/causes").unwrap_or(&Value::Null));
            if upstream == json!([]) {
                compare("message", json!(refusal.message), case["result"]["message"].clone());
            }
            let is_schema = |cause: &Value| cause.get("reason").is_none();
            if upstream.as_array().unwrap().iter().any(is_schema) {
                let field = |cause: &Value| {
                    let message = cause["message"].as_str().unwrap();
                    message.split(' ').next().unwrap().trim_start_matches('.').to_owned()
                };
                let upstream: BTreeSet<String> = upstream.as_array().unwrap().iter().map(field).collect();
                let ours: BTreeSet<String> = refusal.causes.iter().map(|cause| cause.field.clone()).collect();
                compare("fields", json!(ours), json!(upstream));
            } else {
                compare("causes", json!(refusal.causes), upstream);
            }
        }
    }
    found
}

#[test]
fn the_other_kinds_are_answered_as_upstream_answers_them() {
    let Some(reference) = reference() else { return };
    let (facts, listed) = (not_recorded(), differences_of_all());
    let text = fs::read_to_string(reference.join("golden/other-kinds.jsonl")).unwrap();
    let (mut equal, mut different) = (0, 0);
    let mut unexplained = Vec::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let (name, call) = (case["name"].as_str().unwrap(), case["call"].as_str().unwrap());
        let fact = facts.get(name).cloned().unwrap_or_default();
        let found = match changed(&case, &fact) {
            Some(ours) if ours == patched(&case) => Vec::new(),
            Some(ours) => vec![format!("ours {ours}, upstream's {}", patched(&case))],
            None => differences(&case, &answer(&case, &fact).expect(call)),
        };
        match (found.is_empty(), listed.contains_key(name)) {
            (true, false) => equal += 1,
            (false, true) => different += 1,
            (true, true) => unexplained.push(format!("{name} is listed, and equal")),
            (false, false) => unexplained.push(format!("{name}\n  {}", found.join("\n  "))),
        }
    }
    assert!(unexplained.is_empty(), "{equal} equal, {} not:\n{}", unexplained.len(), unexplained.join("\n"));
    assert_eq!(equal + different, text.lines().count());
    eprintln!("other kinds: {equal} equal, {} of them with a supplied fact; {different} listed", facts.len());
}
