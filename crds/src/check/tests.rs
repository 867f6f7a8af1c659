use serde_json::json;

use super::*;

/// The answers to files that are called `0`, `1`, and so on.
fn answers(files: &[&str]) -> Vec<Checked> {
    let names: Vec<String> = (0..files.len()).map(|place| place.to_string()).collect();
    let files: Vec<File<'_>> =
        names.iter().zip(files).map(|(name, text)| File { name, content: Ok(text.as_bytes()) }).collect();
    let unsupported = |machine: &Machine| {
        let field = format!("{}.domain", machine.path);
        vec![Unsupported { field, message: "m".into(), remedy: "r".into() }]
    };
    check(&files, Caller { draw: &mut || "drawn".to_owned(), unsupported: &unsupported })
}

fn answer(text: &str) -> Checked {
    let mut all = answers(&[text]);
    assert_eq!(all.len(), 1, "{all:?}");
    all.pop().unwrap()
}

fn messages(checked: &Checked) -> Vec<&str> {
    checked.causes.iter().map(|cause| cause.message.as_str()).collect()
}

const VMI: &str = "\
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata:
  name: a
  labels: {size: small}
spec:
  domain:
    devices: {}
    memory: {guest: 1Gi}
";

/// A machine that names an instance type and a preference, written in flow style.
fn vm(instancetype: &str, preference: &str) -> String {
    format!(
        "\
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {{name: v, namespace: ns}}
spec:
  instancetype: {instancetype}
  preference: {preference}
  runStrategy: Halted
  template: {{spec: {{domain: {{devices: {{}}}}}}}}
"
    )
}

#[test]
fn a_good_object_is_allowed_and_stored_with_its_defaults() {
    let checked = answer(VMI);
    assert_eq!((checked.outcome, checked.allowed, checked.code), (Outcome::Allowed, true, None));
    assert_eq!((checked.kind.as_str(), checked.name.as_str(), checked.line), ("VirtualMachineInstance", "a", 1));
    let stored = checked.stored.unwrap();
    assert_eq!(stored["spec"]["domain"]["firmware"]["uuid"], "drawn");
    assert_eq!((&stored["kind"], &stored["apiVersion"]), (&json!("VirtualMachineInstance"), &json!("kubevirt.io/v1")));
}

#[test]
fn each_cause_has_its_place_also_those_that_are_not_told() {
    let volumes: String = (0..12).map(|place| format!("  - name: v{place}\n    emptyDisk: {{}}\n")).collect();
    let checked = answer(&format!("{VMI}  volumes:\n{volumes}"));
    assert_eq!((checked.outcome, checked.code, checked.causes.len()), (Outcome::Refused, Some(422), 10));
    let lines: Vec<usize> = checked.found.iter().map(|(position, _)| position.line).collect();
    assert_eq!(lines, (0..12).map(|place| 12 + 2 * place).collect::<Vec<_>>());
    assert_eq!(checked.causes[0].field, "spec.volumes.emptyDisk.capacity");
}

#[test]
fn what_cannot_be_decoded_has_its_place_too() {
    let checked = answer(&VMI.replace("1Gi", "lots"));
    assert_eq!((checked.code, checked.found[0].0.line), (Some(400), 9));
    assert_eq!(checked.causes[0].field, "spec.domain.memory.guest");
    let checked = answer(&VMI.replace("{size: small}", "{size: 1}"));
    assert_eq!((checked.code, checked.found[0].0), (Some(400), Position { line: 5, column: 12 }));
}

#[test]
fn who_is_surprised_by_yaml_is_told() {
    let checked = answer(&VMI.replace("name: a", "name: y"));
    assert_eq!((checked.code, checked.causes[0].field.as_str()), (Some(400), "metadata.name"));
    assert!(checked.notes[0].starts_with("YAML reads y, n, yes"), "{:?}", checked.notes);
    assert_eq!(answer(&VMI.replace("name: a", "name: 'y'")).notes, [] as [&str; 0]);
}

#[test]
fn the_configuration_is_the_kubevirt_object_s_wherever_it_stands() {
    let disk = format!("{VMI}  volumes:\n  - name: h\n    hostDisk: {{path: /a, type: Disk}}\n");
    assert_eq!(messages(&answer(&disk)), ["HostDisk feature gate is not enabled"]);
    let kubevirt = "\
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {name: kubevirt}
spec: {configuration: {developerConfiguration: {featureGates: [HostDisk]}}}
";
    let all = answers(&[&disk, kubevirt]);
    assert!(all.iter().all(|checked| checked.allowed), "{all:?}");
    let second = kubevirt.replace("name: kubevirt", "name: other").replace("HostDisk", "Root");
    let all = answers(&[kubevirt, &second, &disk]);
    let allowed: Vec<bool> = all.iter().map(|checked| checked.allowed).collect();
    assert_eq!((allowed, messages(&all[1])), (vec![true, false, true], vec!["Kubevirt is already created"]));
}

#[test]
fn instance_types_and_preferences_are_bundled_or_among_the_files() {
    let checked = answer(&vm("{name: u1.medium}", "{name: fedora}"));
    assert!(checked.allowed, "{:?}", checked.causes);
    let own = "\
apiVersion: instancetype.kubevirt.io/v1beta1
kind: VirtualMachineInstancetype
metadata: {name: own, namespace: ns}
spec: {cpu: {guest: 1}, memory: {guest: 1Gi}}
---
apiVersion: instancetype.kubevirt.io/v1beta1
kind: VirtualMachineClusterPreference
metadata: {name: asks}
spec: {requirements: {cpu: {guest: 4}}}
";
    let named = |kind: &str| vm(&format!("{{name: own, kind: {kind}}}"), "{name: asks}");
    let all = answers(&[&named("VirtualMachineInstancetype"), own]);
    let message = "failure checking preference requirements: insufficient CPU resources of 1 vCPU provided by \
                   instance type, preference requires 4 vCPU";
    assert_eq!(messages(&all[0]), [message]);
    let all = answers(&[&named("virtualmachineclusterinstancetype"), own]);
    let message = "Failure to find instancetype: \
                   virtualmachineclusterinstancetypes.instancetype.kubevirt.io \"own\" not found";
    assert_eq!(messages(&all[0]), [message]);
    assert_eq!(all[0].found[0].0.line, 5);
    let all = answers(&[&named("Pod"), own]);
    let message = "Failure to find instancetype: got unexpected kind in InstancetypeMatcher: Pod";
    assert_eq!(messages(&all[0]), [message]);
}

#[test]
fn what_only_the_cluster_can_find_is_a_note() {
    let checked = answer(&vm("{inferFromVolume: root}", "{name: fedora}"));
    let note = "spec.instancetype is inferred from a volume by the cluster: \
                the rules that depend on it were not applied";
    assert_eq!((checked.allowed, checked.notes), (true, vec![note.to_owned()]));
    let migration = "\
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstanceMigration
metadata: {name: m}
spec: {vmiName: a}
";
    let checked = answer(migration);
    assert!(checked.allowed && checked.notes[0].starts_with("VirtualMachineInstance default/a is in none"));
    assert_eq!(checked.stored.unwrap()["metadata"]["labels"]["kubevirt.io/vmi-name"], "a");
    assert_eq!(answers(&[migration, VMI])[0].notes, [] as [&str; 0]);
}

#[test]
fn presets_of_the_namespace_are_applied() {
    let preset = |namespace: &str, cores: u32| {
        format!(
            "\
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstancePreset
metadata: {{name: p{cores}, namespace: {namespace}}}
spec: {{selector: {{matchLabels: {{size: small}}}}, domain: {{devices: {{}}, cpu: {{cores: {cores}}}}}}}
"
        )
    };
    let cores = |preset: &str| {
        let all = answers(&[VMI, preset]);
        all[0].stored.as_ref().unwrap()["spec"]["domain"]["cpu"]["cores"].clone()
    };
    assert_eq!((cores(&preset("default", 3)), cores(&preset("other", 3))), (json!(3), json!(1)));
    let all = answers(&[VMI, &preset("default", 2), &preset("default", 3)]);
    assert_eq!((all[0].code, all[0].causes.len()), (Some(422), 1));
    assert!(messages(&all[0])[0].starts_with("VirtualMachinePresets cannot be applied due to conflicts"));
    assert!(all[1].warnings[0].contains("deprecated"), "{:?}", all[1].warnings);
}

#[test]
fn secrets_and_config_maps_are_looked_for() {
    let volume = "  volumes: [{name: c, cloudInitNoCloud: {secretRef: {name: s}}}]\n";
    let vmi = format!("{VMI}{volume}");
    let missing = "Secret default/s is in none of the files: the machine does not start without it";
    assert_eq!(answer(&vmi).notes, [missing]);
    let secret = |key: &str| format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{{key}: a}}\n");
    assert_eq!(
        answers(&[&vmi, &secret("other")])[0].notes,
        ["Secret default/s has none of the keys userdata, userData"]
    );
    let all = answers(&[&vmi, &secret("userdata")]);
    assert!(all.iter().all(|checked| checked.allowed && checked.notes.is_empty()), "{all:?}");
}

#[test]
fn other_kinds_get_a_note_and_kinds_that_are_not_there_are_refused() {
    let checked = answer("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n");
    assert_eq!(checked.notes, ["apps/v1 Deployment is none of KubeVirt's kinds: it was not looked at"]);
    for (text, line, message) in [
        ("kind: Pod\n", 1, "Object 'apiVersion' is missing"),
        ("apiVersion: v1\n", 1, "Object 'Kind' is missing"),
        ("- a\n", 1, "This is no object: it has no fields"),
        (
            "apiVersion: kubevirt.io/v1\nkind: VirtualMachin\n",
            2,
            "no matches for kind \"VirtualMachin\" in version \"kubevirt.io/v1\": did you mean \"VirtualMachine\"?",
        ),
        (
            "kind: VirtualMachine\napiVersion: kubevirt.io/v2\n",
            2,
            "no matches for kind \"VirtualMachine\" in version \"kubevirt.io/v2\": \
             there is kubevirt.io/v1 and kubevirt.io/v1alpha3",
        ),
    ] {
        let checked = answer(text);
        assert_eq!((checked.code, messages(&checked), checked.found[0].0.line), (Some(400), vec![message], line));
    }
}

#[test]
fn unknown_fields_are_refused_for_every_kind() {
    let instancetype = "\
apiVersion: instancetype.kubevirt.io/v1beta1
kind: VirtualMachineClusterInstancetype
metadata: {name: i}
spec: {cpu: {guest: 1, maxSocket: 2}, memory: {guest: 1Gi}}
";
    let checked = answer(instancetype);
    assert_eq!(messages(&checked), ["spec.cpu.maxSocket is not a known field: did you mean \"maxSockets\"?"]);
    assert_eq!(checked.found[0].0, Position { line: 4, column: 24 });
    assert!(answer(&instancetype.replace("maxSocket:", "maxSockets:")).allowed);
}

#[test]
fn what_is_wrong_besides_unknown_fields_is_found_too_and_not_told_as_upstream_s() {
    let checked = answer(&format!("{VMI}  hostnam: b\n  startStrategy: Late\n"));
    assert_eq!(messages(&checked), ["spec.hostnam is not a known field: did you mean \"hostname\"?"]);
    let found: Vec<(usize, &str)> =
        checked.found.iter().map(|(position, cause)| (position.line, cause.field.as_str())).collect();
    assert_eq!(found, [(10, "spec.hostnam"), (11, "spec.startStrategy")]);
    assert_eq!(checked.unsupported.len(), 1);
}

#[test]
fn what_the_definition_alone_refuses_is_a_note_where_there_is_a_webhook() {
    let policy = "apiVersion: migrations.kubevirt.io/v1alpha1\nkind: MigrationPolicy\nmetadata: {name: p}\nspec: {}\n";
    let note = "the installed definition of the kind refuses this: spec.selectors is required";
    assert_eq!(answer(policy).notes, [note]);
}

#[test]
fn lists_that_are_too_long_are_refused_before_rules_compare_their_items() {
    let disks = |count: usize| "{name: d},".repeat(count);
    let checked = answer(&VMI.replace("devices: {}", &format!("devices: {{disks: [{}]}}", disks(100_000))));
    assert_eq!(messages(&checked), ["spec.domain.devices.disks must have at most 256 items"]);
    let checked = answer(&VMI.replace("devices: {}", &format!("devices: {{gpus: [{}]}}", disks(100_000))));
    assert_eq!(messages(&checked), ["A list has more than 10000 items: the object was not looked at"]);
}

#[test]
fn the_objects_of_a_list_are_answered_one_by_one() {
    let list = "\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
- apiVersion: kubevirt.io/v1
  kind: VirtualMachineInstance
  metadata: {name: a}
  spec: {domain: {devices: {}}, hostnam: b}
- {apiVersion: kubevirt.io/v1, kind: VirtualMachineInstance, metadata: {name: c}, spec: {domain: {devices: {}}}}
";
    let all = answers(&[list]);
    assert_eq!(all.iter().map(|checked| checked.line).collect::<Vec<_>>(), [4, 6, 10]);
    // What has no field stands at the object's beginning, not at the list's.
    assert_eq!((all[2].found[0].1.field.as_str(), all[2].found[0].0), ("", Position { line: 10, column: 3 }));
    assert_eq!(all[1].found[0].0, Position { line: 9, column: 33 });
}

#[test]
fn what_the_caller_cannot_do_changes_no_answer() {
    let checked = answer(VMI);
    assert_eq!((checked.allowed, checked.unsupported.len()), (true, 1));
    assert_eq!(checked.unsupported_at, [Position { line: 7, column: 3 }]);
    let machine = vm("{name: u1.medium}", "{name: fedora}");
    assert_eq!(answer(&machine).unsupported[0].field, "spec.template.spec.domain");
}

#[test]
fn a_file_or_document_that_cannot_be_read_does_not_hide_the_others() {
    let good = File { name: "good", content: Ok(VMI.as_bytes()) };
    let files = [File { name: "gone", content: Err("gone") }, File { name: "bad", content: Ok(b"a: b: c") }, good];
    let all = check(&files, Caller { draw: &mut String::new, unsupported: &|_| Vec::new() });
    let outcomes: Vec<Outcome> = all.iter().map(|checked| checked.outcome).collect();
    assert_eq!(outcomes, [Outcome::Unreadable, Outcome::Unreadable, Outcome::Allowed]);
    assert_eq!((messages(&all[0]), all[1].found[0].0), (vec!["gone"], Position { line: 1, column: 5 }));
}

#[test]
fn the_json_form_has_the_promised_fields() {
    let checked =
        answer("apiVersion: kubevirt.io/v1\nkind: VirtualMachineInstance\nmetadata: {name: a}\nspec: {a: b}\n");
    let form = serde_json::to_value(checked).unwrap();
    assert_eq!(
        form,
        json!({
            "file": "0",
            "line": 1,
            "kind": "VirtualMachineInstance",
            "name": "a",
            "allowed": false,
            "code": 422,
            "causes": [
                { "message": "spec.domain is required", "field": "spec.domain" },
                { "message": "spec.a is not a known field", "field": "spec.a" },
            ],
            "warnings": [],
            "notes": [],
            "unsupported": [],
        })
    );
}
