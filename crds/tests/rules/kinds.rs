//! The rules of the other kinds, each broken once by a manifest of its own.

use std::collections::BTreeMap;

use crds::admission::kinds::{
    NewMachine, Related, RelatedToMigration, RelatedToRestore, Request, Requester, Verdict, admit_backup, admit_clone,
    admit_export, admit_instance_update, admit_instancetype, admit_migration, admit_migration_policy,
    admit_migration_update, admit_pool, admit_preference, admit_preset, admit_replica_set, admit_restore,
    admit_snapshot, admit_virtual_machine, set_machine_defaults,
};
use crds::api::instancetype::{VirtualMachineInstancetypeSpec, VirtualMachinePreferenceSpec};
use crds::api::vmi::VirtualMachineInstance;
use crds::config::ClusterConfig;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::manifest::{change, compare, told};

#[derive(Debug, Deserialize)]
struct Manifests {
    plain: BTreeMap<String, Value>,
    rules: BTreeMap<String, Broken>,
}

/// A request that breaks a rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Broken {
    kind: String,
    /// `defaults` for the webhook that sets them.
    #[serde(default)]
    call: String,
    #[serde(default)]
    set: BTreeMap<String, Value>,
    was: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    user: String,
    #[serde(default)]
    gates: Vec<String>,
    config: Option<Value>,
    instancetype: Option<VirtualMachineInstancetypeSpec>,
    preference: Option<VirtualMachinePreferenceSpec>,
    running: Option<VirtualMachineInstance>,
}

fn answer(broken: &Broken, plain: &Value) -> Verdict {
    let (mut object, mut old) = (plain.clone(), plain.clone());
    change(&mut object, &broken.set, "");
    let request = match &broken.was {
        Some(was) => {
            change(&mut old, was, "");
            Request::update(&object, &old)
        }
        None => Request::create(&object),
    };
    let request = request.by(Requester { user: &broken.user, node: None, home: "kubevirt" });
    let gates = json!({ "developerConfiguration": { "featureGates": broken.gates } });
    let config = broken.config.clone().unwrap_or(gates);
    let config = ClusterConfig::new(serde_json::from_value(config).unwrap());
    let (instancetype, preference) = (broken.instancetype.as_ref(), broken.preference.as_ref());
    let running = broken.running.as_ref();
    match broken.kind.as_str() {
        "VirtualMachine" if broken.call == "defaults" => {
            let drawn = NewMachine { uuid: "u", serial: "s" };
            set_machine_defaults(&request, &config, preference, drawn).map(|_| Vec::new())
        }
        "VirtualMachine" => admit_virtual_machine(&request, &config, Related { instancetype, preference, running }),
        "VirtualMachineInstance" => admit_instance_update(&request, &config),
        "VirtualMachineInstanceReplicaSet" => admit_replica_set(&request, &config),
        "VirtualMachinePool" => admit_pool(&request, &config),
        "VirtualMachineInstancePreset" => admit_preset(&request),
        "VirtualMachineInstanceMigration" if broken.was.is_some() => admit_migration_update(&request),
        "VirtualMachineInstanceMigration" => {
            let related = RelatedToMigration { instance: running, ..RelatedToMigration::default() };
            admit_migration(&request, &config, related)
        }
        "MigrationPolicy" => admit_migration_policy(&request, &config),
        "VirtualMachineInstancetype" => admit_instancetype(&request),
        "VirtualMachinePreference" => admit_preference(&request),
        "VirtualMachineExport" => admit_export(&request, &config),
        "VirtualMachineSnapshot" => admit_snapshot(&request, &config),
        "VirtualMachineRestore" => admit_restore(&request, &config, RelatedToRestore::default()),
        "VirtualMachineClone" => admit_clone(&request, &config),
        "VirtualMachineBackup" => admit_backup(&request, &config, &[]),
        other => panic!("{other} has no webhook here"),
    }
}

#[test]
fn each_rule_of_the_other_kinds_is_told_where_it_is_broken() {
    let manifests: Manifests = serde_saphyr::from_str(include_str!("kinds.yaml")).unwrap();
    let answers = manifests.rules.iter().map(|(rule, broken)| {
        let lines = match answer(broken, &manifests.plain[&broken.kind]) {
            Ok(warnings) => warnings.iter().map(|warning| format!("warning: {warning}")).collect(),
            Err(refusal) => told(&refusal),
        };
        (rule.as_str(), lines)
    });
    compare("kinds.txt", include_str!("kinds.txt"), answers);
}
