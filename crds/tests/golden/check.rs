//! Manifests checked as the command checks them: the same answers, out of text.

use std::fs;

use crds::check::{Caller, Checked, File, check};
use crds::crd::to_yaml;
use serde_json::{Value, json};

use crate::reference::{reference, yaml_files};
use crate::vmi_create;

fn checked(files: &[(&str, &str)]) -> Vec<Checked> {
    let files: Vec<File<'_>> = files.iter().map(|(name, text)| File { name, content: Ok(text.as_bytes()) }).collect();
    check(&files, Caller { draw: &mut || "<random>".to_owned(), unsupported: &|_| Vec::new() })
}

/// The object of a case with what a manifest has, and the cluster's configuration.
fn manifests(case: &Value) -> [Value; 2] {
    let mut object = case["object"].clone();
    object["apiVersion"] = json!("kubevirt.io/v1");
    object["kind"] = json!("VirtualMachineInstance");
    let configuration = case.get("config").cloned().unwrap_or_else(|| json!({}));
    let spec = json!({ "configuration": configuration });
    [object, json!({ "apiVersion": "kubevirt.io/v1", "kind": "KubeVirt", "metadata": { "name": "k" }, "spec": spec })]
}

#[test]
fn instances_are_answered_out_of_yaml_and_json_as_they_are_as_objects() {
    let Some(reference) = reference() else { return };
    let text = fs::read_to_string(reference.join("golden/vmi-create.jsonl")).unwrap();
    let mut compared = 0;
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        if case.get("instancetype").or(case.get("preference")).is_some() {
            continue;
        }
        let [object, kubevirt] = manifests(&case);
        let ours = vmi_create::answer(&json!({ "object": object, "config": kubevirt["spec"]["configuration"] }));
        let json = object.to_string();
        for text in [to_yaml(&object).unwrap(), json] {
            let found = checked(&[("vmi", &text), ("kubevirt", &to_yaml(&kubevirt).unwrap())]).remove(0);
            let refusal = ours.refusal.as_ref();
            assert_eq!(found.allowed, refusal.is_none(), "{}: {:?}", case["name"], found.causes);
            assert_eq!(found.code, refusal.map(|refusal| refusal.code), "{}", case["name"]);
            if let Some(refusal) = refusal.filter(|refusal| !refusal.causes.is_empty()) {
                assert_eq!(found.causes, refusal.causes, "{}", case["name"]);
            }
            assert_eq!(found.warnings, ours.warnings, "{}", case["name"]);
            let spec = |stored: &Option<Value>| stored.as_ref().map(|stored| stored["spec"].clone());
            assert_eq!(spec(&found.stored), spec(&ours.stored), "{}", case["name"]);
            compared += 1;
        }
    }
    assert!(compared > 2000, "{compared}");
}

#[test]
fn upstream_s_examples_together_are_allowed_but_for_gates_and_conflicts() {
    let Some(reference) = reference() else { return };
    let files = yaml_files(&reference.join("examples"));
    let texts: Vec<(String, String)> =
        files.iter().map(|file| (file.display().to_string(), fs::read_to_string(file).unwrap())).collect();
    let texts: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let checked = checked(&texts);
    for refused in checked.iter().filter(|checked| !checked.allowed) {
        for cause in &refused.causes {
            // Some examples set the memory that their instance type decides.
            let known = ["feature gate", "conflicts with selected instance type"];
            let is_known = known.iter().any(|known| cause.message.contains(known));
            assert!(is_known, "{}: {}", refused.file, cause.message);
        }
    }
    assert!(checked.iter().filter(|checked| checked.allowed).count() > 30);
}
