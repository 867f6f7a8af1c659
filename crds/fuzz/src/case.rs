//! A request to one of the webhooks, in the form in which upstream's answers are recorded.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crds::admission::kinds::{
    NewMachine, Operation, Related, RelatedToEviction, RelatedToMigration, RelatedToRestore, Request, Requester,
    Verdict, admit_backup, admit_backup_tracker, admit_clone, admit_eviction, admit_export, admit_instance_update,
    admit_instancetype, admit_migration, admit_migration_policy, admit_migration_update, admit_pool, admit_preference,
    admit_preset, admit_replica_set, admit_restore, admit_snapshot, admit_virtual_machine, set_clone_defaults,
    set_machine_defaults, set_migration_defaults,
};
use crds::config::ClusterConfig;
use crds::crd::KINDS;
use crds::schema::check;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Who calls, and the kind that is sent.
const CALLS: [(&str, &str); 23] = [
    ("VMsAdmitter.Admit", "VirtualMachine"),
    ("VMsMutator.Mutate", "VirtualMachine"),
    ("MigrationCreateAdmitter.Admit", "VirtualMachineInstanceMigration"),
    ("MigrationUpdateAdmitter.Admit", "VirtualMachineInstanceMigration"),
    ("MigrationCreateMutator.Mutate", "VirtualMachineInstanceMigration"),
    ("VMIUpdateAdmitter.Admit", "VirtualMachineInstance"),
    ("VMIRSAdmitter.Admit", "VirtualMachineInstanceReplicaSet"),
    ("VMPoolAdmitter.Admit", "VirtualMachinePool"),
    ("VMIPresetAdmitter.Admit", "VirtualMachineInstancePreset"),
    ("InstancetypeAdmitter.Admit", "VirtualMachineInstancetype"),
    ("ClusterInstancetypeAdmitter.Admit", "VirtualMachineClusterInstancetype"),
    ("PreferenceAdmitter.Admit", "VirtualMachinePreference"),
    ("ClusterPreferenceAdmitter.Admit", "VirtualMachineClusterPreference"),
    ("MigrationPolicyAdmitter.Admit", "MigrationPolicy"),
    ("VMExportAdmitter.Admit", "VirtualMachineExport"),
    ("VMBackupAdmitter.Admit", "VirtualMachineBackup"),
    ("VMBackupTrackerAdmitter.Admit", "VirtualMachineBackupTracker"),
    ("PodEvictionAdmitter.Admit", ""),
    ("VMRestoreAdmitter.Admit", "VirtualMachineRestore"),
    ("VMSnapshotAdmitter.Admit", "VirtualMachineSnapshot"),
    ("VirtualMachineCloneAdmitter.Admit", "VirtualMachineClone"),
    ("CloneCreateMutator.Mutate", "VirtualMachineClone"),
    ("", ""),
];

/// A request, and the other objects that its answer depends on.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Case {
    call: String,
    operation: String,
    object: Value,
    old_object: Option<Value>,
    user: String,
    config: Value,
    related: Value,
}

impl Case {
    /// Asks; nothing when nobody is called.
    pub fn ask(&self) -> Option<Verdict> {
        let config = configuration(&self.config);
        let operation = match self.operation.as_str() {
            "CREATE" => Operation::Create,
            "UPDATE" => Operation::Update,
            "DELETE" => Operation::Delete,
            _ => Operation::Unnamed,
        };
        let requester = Requester { user: &self.user, node: Some("node"), home: "kubevirt" };
        let request = Request { old: self.old_object.as_ref(), operation, ..Request::create(&self.object) };
        let request = request.by(requester);
        let related = |name: &str| &self.related[name];
        let instance = optional(related("instance"));
        Some(match self.call.as_str() {
            "VMsAdmitter.Admit" => {
                let related = Related { running: instance.as_ref(), ..Related::default() };
                admit_virtual_machine(&request, &config, related)
            }
            "VMsMutator.Mutate" => {
                let drawn = NewMachine { uuid: "u", serial: "s" };
                let preference = optional(related("preference"));
                set_machine_defaults(&request, &config, preference.as_ref(), drawn).map(|_| Vec::new())
            }
            "MigrationCreateAdmitter.Admit" => {
                let migrations: Vec<_> = part(related("migrations"));
                let related = RelatedToMigration { instance: instance.as_ref(), migrations: &migrations };
                admit_migration(&request, &config, related)
            }
            "MigrationUpdateAdmitter.Admit" => admit_migration_update(&request),
            "MigrationCreateMutator.Mutate" => {
                set_migration_defaults(&mut serde_json::from_value(self.object.clone()).ok()?);
                Ok(Vec::new())
            }
            "VMIUpdateAdmitter.Admit" => admit_instance_update(&request, &config),
            "VMIRSAdmitter.Admit" => admit_replica_set(&request, &config),
            "VMPoolAdmitter.Admit" => admit_pool(&request, &config),
            "VMIPresetAdmitter.Admit" => admit_preset(&request),
            "InstancetypeAdmitter.Admit" | "ClusterInstancetypeAdmitter.Admit" => admit_instancetype(&request),
            "PreferenceAdmitter.Admit" | "ClusterPreferenceAdmitter.Admit" => admit_preference(&request),
            "MigrationPolicyAdmitter.Admit" => admit_migration_policy(&request, &config),
            "VMExportAdmitter.Admit" => admit_export(&request, &config),
            "VMBackupAdmitter.Admit" => {
                let backups: Vec<_> = part(related("backups"));
                admit_backup(&request, &config, &backups)
            }
            "VMBackupTrackerAdmitter.Admit" => admit_backup_tracker(&request, &config),
            "PodEvictionAdmitter.Admit" => {
                let (pod, owner) = (optional(related("pod")), optional(related("owner")));
                let (pod, owner, instance) = (pod.as_ref(), owner.as_ref(), instance.as_ref());
                admit_eviction(&request, &config, RelatedToEviction { pod, owner, instance, ..RelatedToEviction::default() }).verdict
            }
            "VMRestoreAdmitter.Admit" => {
                let (snapshot, content) = (optional(related("snapshot")), optional(related("content")));
                let (target, restores): (_, Vec<_>) = (optional(related("target")), part(related("restores")));
                let (snapshot, content, target) = (snapshot.as_ref(), content.as_ref(), target.as_ref());
                admit_restore(&request, &config, RelatedToRestore { snapshot, content, target, restores: &restores })
            }
            "VMSnapshotAdmitter.Admit" => admit_snapshot(&request, &config),
            "VirtualMachineCloneAdmitter.Admit" => admit_clone(&request, &config),
            "CloneCreateMutator.Mutate" => {
                drop(set_clone_defaults(&request, "12345"));
                Ok(Vec::new())
            }
            _ => return None,
        })
    }
}

/// A cluster's configuration; upstream takes none that its schema does not allow.
pub fn configuration(document: &Value) -> ClusterConfig {
    ClusterConfig::new(if check(document, &CONFIGURATION).is_empty() { part(document) } else { Default::default() })
}

fn part<T: DeserializeOwned + Default>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_default()
}

fn optional<T: DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_value(value.clone()).ok()
}

static CONFIGURATION: LazyLock<Value> =
    LazyLock::new(|| schema_of("KubeVirt")["properties"]["spec"]["properties"]["configuration"].clone());

static CASES: LazyLock<BTreeMap<&str, Value>> =
    LazyLock::new(|| CALLS.iter().map(|(_, kind)| (*kind, schema_with(schema_of(kind)))).collect());

fn schema_of(kind: &str) -> Value {
    KINDS.iter().find(|known| known.kind == kind).map_or_else(|| json!({}), |kind| (kind.schema)())
}

/// The schema of a case with its object's kind.
pub fn schema_of_case(case: &Value) -> &'static Value {
    let kind = CALLS.iter().find(|(call, _)| case["call"] == *call).map_or("", |(_, kind)| *kind);
    &CASES[kind]
}

fn schema_with(object: Value) -> Value {
    let calls: Vec<&str> = CALLS.iter().map(|(call, _)| *call).filter(|call| !call.is_empty()).collect();
    let list = |kind| json!({ "type": "array", "items": schema_of(kind) });
    let pod = json!({
        "type": "object",
        "properties": {
            "metadata": { "type": "object", "additionalProperties": { "type": "string" } },
            "spec": { "type": "object", "properties": { "nodeName": { "type": "string" } } },
            "status": { "type": "object", "properties": { "phase": { "type": "string" } } },
        },
    });
    json!({
        "type": "object",
        "properties": {
            "call": { "type": "string", "enum": calls },
            "operation": { "type": "string", "enum": ["CREATE", "UPDATE", "DELETE"] },
            "object": object,
            "oldObject": object,
            "user": { "type": "string", "enum": [
                "system:serviceaccount:kubevirt:kubevirt-controller", "system:serviceaccount:kubevirt:kubevirt-handler",
                "somebody",
            ] },
            "config": *CONFIGURATION,
            "related": {
                "type": "object",
                "properties": {
                    "instance": schema_of("VirtualMachineInstance"),
                    "preference": schema_of("VirtualMachinePreference")["properties"]["spec"],
                    "migrations": list("VirtualMachineInstanceMigration"),
                    "backups": list("VirtualMachineBackup"),
                    "pod": pod,
                    "owner": pod,
                    "snapshot": schema_of("VirtualMachineSnapshot"),
                    "content": schema_of("VirtualMachineSnapshotContent"),
                    "target": schema_of("VirtualMachine"),
                    "restores": list("VirtualMachineRestore"),
                },
            },
        },
    })
}

/// The schema of a case that creates an instance.
pub fn schema_of_instance_case() -> Value {
    json!({
        "type": "object",
        "properties": {
            "object": schema_of("VirtualMachineInstance"),
            "config": *CONFIGURATION,
            "instancetype": schema_of("VirtualMachineInstancetype")["properties"]["spec"],
            "preference": schema_of("VirtualMachinePreference")["properties"]["spec"],
        },
    })
}
