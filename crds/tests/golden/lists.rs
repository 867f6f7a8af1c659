//! The cases that are not decided by what is recorded, and those that differ: two reviewed files.

use std::collections::BTreeMap;
use std::fs;

use crds::api::backup::VirtualMachineBackup;
use crds::api::instancetype::VirtualMachinePreferenceSpec;
use crds::api::kubernetes::Pod;
use crds::api::migration::VirtualMachineInstanceMigration;
use crds::api::snapshot::{VirtualMachineRestore, VirtualMachineSnapshot, VirtualMachineSnapshotContent};
use crds::api::vm::VirtualMachine;
use crds::api::vmi::VirtualMachineInstance;
use serde::Deserialize;
use serde_json::Value;

use crate::reference::reference;

/// What an answer depends on and the recording does not have.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Fact {
    pub missing: String,
    pub config: Option<Value>,
    pub preference: Option<VirtualMachinePreferenceSpec>,
    pub running: Option<VirtualMachineInstance>,
    /// The node that the user's token is bound to.
    pub node: Option<String>,
    pub migrations: Vec<VirtualMachineInstanceMigration>,
    pub snapshot: Option<VirtualMachineSnapshot>,
    pub content: Option<VirtualMachineSnapshotContent>,
    pub target: Option<VirtualMachine>,
    pub restores: Vec<VirtualMachineRestore>,
    pub pod: Option<Pod>,
    pub owner: Option<Pod>,
    pub backups: Vec<VirtualMachineBackup>,
    /// Why the API server could not tell whether there is such an instance.
    pub instance_error: Option<String>,
    /// Why it could not write that the instance shall leave its node.
    pub mark_error: Option<String>,
    /// Whether the release has retired the gates of upstream's checks too.
    pub retired_gates: bool,
}

impl Fact {
    pub fn is_supplied(&self) -> bool {
        *self != Self { missing: self.missing.clone(), ..Self::default() }
    }
}

/// What the recording does not have, by case.
pub fn not_recorded() -> BTreeMap<String, Fact> {
    serde_saphyr::from_str(include_str!("not-recorded.yaml")).unwrap()
}

/// Answers that differ, by case, with the reason.
pub fn differences() -> BTreeMap<String, String> {
    serde_saphyr::from_str(include_str!("differences.yaml")).unwrap()
}

#[test]
fn each_recorded_case_is_in_one_list_at_most_and_each_listed_one_was_recorded() {
    let Some(reference) = reference() else { return };
    let mut cases = BTreeMap::new();
    for file in ["vmi-create.jsonl", "other-kinds.jsonl"] {
        for line in fs::read_to_string(reference.join("golden").join(file)).unwrap().lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let name = case["name"].as_str().unwrap().to_owned();
            assert_eq!(cases.insert(name.clone(), file), None, "{name} is there twice");
        }
    }
    let (facts, differences) = (not_recorded(), differences());
    for (name, fact) in &facts {
        assert_eq!(cases.get(name), Some(&"other-kinds.jsonl"), "{name}");
        assert!(fact.is_supplied() && !fact.missing.is_empty(), "{name}: what is missing, and what was it?");
        assert!(!differences.contains_key(name), "{name} is in both lists");
    }
    for (name, reason) in &differences {
        assert!(cases.contains_key(name) && !reason.is_empty(), "{name}");
    }
    assert!(differences.len() <= 15, "{} differences", differences.len());
}
