//! Upstream's example manifests and common instance types are read and written without a change.

use std::fs;

use crds::crd::KINDS;
use crds::instancetype::{COMMON_INSTANCETYPES, COMMON_PREFERENCES};
use crds::schema::check;

use crate::reference::{documents, reference, yaml_files};

#[test]
fn upstream_s_examples_have_no_fault_and_are_written_as_they_were_read() {
    let Some(reference) = reference() else { return };
    let mut ours = 0;
    for directory in ["examples", "common-instancetypes"] {
        for file in yaml_files(&reference.join(directory)) {
            for document in documents(&fs::read_to_string(&file).unwrap()) {
                let Some(kind) = KINDS.iter().find(|kind| document["kind"] == kind.kind) else { continue };
                let (group, version) = document["apiVersion"].as_str().unwrap().split_once('/').unwrap();
                assert_eq!(group, kind.group, "{}", file.display());
                assert!(kind.version(version).is_some(), "{}: version {version}", file.display());
                assert_eq!(check(&document, &(kind.schema)()), [], "{}", file.display());
                assert_eq!((kind.rewrite)(document.clone()).unwrap(), document, "{}", file.display());
                ours += 1;
            }
        }
    }
    assert!(ours > 150, "only {ours} documents of our kinds found");
}

#[test]
fn the_bundled_instance_types_and_preferences_are_upstream_s() {
    let Some(reference) = reference() else { return };
    let mut compared = 0;
    for file in yaml_files(&reference.join("common-instancetypes")) {
        for document in documents(&fs::read_to_string(&file).unwrap()) {
            let name = document["metadata"]["name"].as_str().unwrap();
            let ours = match document["kind"].as_str().unwrap() {
                "VirtualMachineClusterInstancetype" => serde_json::to_value(&COMMON_INSTANCETYPES[name]),
                _ => serde_json::to_value(&COMMON_PREFERENCES[name]),
            };
            assert_eq!(ours.unwrap(), document["spec"], "{name}");
            compared += 1;
        }
    }
    assert_eq!(compared, COMMON_INSTANCETYPES.len() + COMMON_PREFERENCES.len());
}
