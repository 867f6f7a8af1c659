//! Each rule broken once.

use serde_json::json;

use super::*;

fn installation(spec: Value) -> Value {
    json!({ "metadata": { "name": "kubevirt" }, "spec": spec })
}

fn told(old: Value, new: Value, related: RelatedToKubeVirt<'_>) -> Vec<String> {
    let (old, new) = (installation(old), installation(new));
    match admit_update(&Request::update(&new, &old), related) {
        Ok(warnings) => warnings,
        Err(refusal) if refusal.causes.is_empty() => vec![refusal.message],
        Err(refusal) => refusal.causes.into_iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect(),
    }
}

#[test]
fn each_rule_is_told_where_it_is_broken() {
    let config = |part: Value| json!({ "configuration": part });
    let certificates = |part: Value| json!({ "certificateRotateStrategy": { "selfSigned": part } });
    let profile = |part: Value| config(json!({ "seccompConfiguration": { "virtualMachineInstanceProfile": part } }));
    let tls = |part: Value| config(json!({ "tlsConfiguration": part }));
    let custom = "spec.configuration.seccompConfiguration.virtualMachineInstanceProfile.customProfile";
    let table = [
        (json!({}), vec![]),
        (
            json!({ "customizeComponents": { "patches": [
                { "resourceName": "a", "resourceType": "b", "patch": "{", "type": "json" },
            ] } }),
            vec![": patch \"{\" is not valid JSON".to_owned()],
        ),
        (
            certificates(json!({ "caRotateInterval": "24h", "server": {} })),
            vec![
                ": caRotateInterval, certRotateInterval and caOverlapInterval are deprecated and conflict with \
                 CertConfig defined rotation parameters"
                    .to_owned(),
            ],
        ),
        (
            certificates(json!({ "ca": { "duration": "48h", "renewBefore": "49h" } })),
            vec![
                ": CA RenewBefore cannot exceed Duration (spec.certificateRotationStrategy.selfSigned.ca.duration < \
                 spec.certificateRotationStrategy.selfSigned.ca.renewBefore)"
                    .to_owned(),
            ],
        ),
        (
            certificates(json!({ "server": { "duration": "200h", "renewBefore": "201h" } })),
            vec![
                ": Cert RenewBefore cannot exceed Duration (spec.certificateRotationStrategy.selfSigned.server.\
                 duration < spec.certificateRotationStrategy.selfSigned.server.renewBefore)"
                    .to_owned(),
                ": Certificate duration cannot exceed CA (spec.certificateRotationStrategy.selfSigned.server.duration \
                 > spec.certificateRotationStrategy.selfSigned.ca.duration)"
                    .to_owned(),
            ],
        ),
        (
            certificates(json!({ "ca": { "duration": "2d" } })),
            vec!["time: unknown unit \"d\" in duration \"2d\"".to_owned()],
        ),
        (
            config(json!({ "additionalGuestMemoryOverheadRatio": "much" })),
            vec![
                ": ratio provided, much, cannot be parsed into float: strconv.ParseFloat: parsing \"much\": invalid syntax"
                    .to_owned(),
            ],
        ),
        (
            config(json!({ "additionalGuestMemoryOverheadRatio": "0.5" })),
            vec![": ratio provided, 0.5, cannot be smaller than 1.0".to_owned()],
        ),
        (
            config(json!({
                "virtTemplateDeployment": { "enabled": true },
                "roleAggregationStrategy": "Manual",
                "developerConfiguration": { "disabledFeatureGates": ["Template", "OptOutRoleAggregation"] },
            })),
            vec![
                "spec.configuration.virtTemplateDeployment.enabled: VirtTemplateDeployment cannot be enabled without \
                 enabling the Template feature gate"
                    .to_owned(),
                "spec.configuration.roleAggregationStrategy: RoleAggregationStrategy cannot be set to Manual without \
                 enabling the OptOutRoleAggregation feature gate"
                    .to_owned(),
            ],
        ),
        (
            config(json!({ "migrations": { "maxDowntimeMs": 1 } })),
            vec![
                "spec.configuration.migrationConfiguration.maxDowntimeMs: maxDowntimeMs cannot be modified without \
                 enabling the MigrationStallDetection or MigrationDowntimeTuning feature gate"
                    .to_owned(),
            ],
        ),
        (
            tls(json!({ "ciphers": ["TLS_AES_128_GCM_SHA256"] })),
            vec![
                "spec.configuration.tlsConfiguration.ciphers: You cannot specify ciphers when \
                 spec.configuration.tlsConfiguration.minTLSVersion is empty or VersionTLS13"
                    .to_owned(),
            ],
        ),
        (
            tls(json!({ "minTLSVersion": "VersionTLS12", "ciphers": ["TLS_RSA_WITH_RC4_128_SHA", "NOT_A_CIPHER"] })),
            vec!["spec.configuration.tlsConfiguration.ciphers#1: NOT_A_CIPHER is not a valid cipher".to_owned()],
        ),
        (profile(json!({})), vec![format!("{custom}: {custom} needs to be set")]),
        (
            profile(json!({ "customProfile": { "localhostProfile": "a", "runtimeDefaultProfile": true } })),
            vec![
                format!("{custom}.localhostProfile: {custom}.localhostProfile cannot be set when {custom}.runtimeDefaultProfile is set"),
                format!("{custom}.runtimeDefaultProfile: {custom}.runtimeDefaultProfile cannot be set when {custom}.localhostProfile is set"),
            ],
        ),
        (json!({ "infra": { "replicas": 0 } }), vec![": infra replica count can't be 0".to_owned()]),
        (
            config(json!({ "developerConfiguration": { "featureGates": ["A"], "disabledFeatureGates": ["A"] } })),
            vec![
                "spec.configuration.developerConfiguration.featureGates: feature gate \"A\" exists on both \
                 \"FeatureGates\" and \"DisabledFeatureGates\""
                    .to_owned(),
            ],
        ),
    ];
    for (spec, expected) in table {
        assert_eq!(told(json!({}), spec.clone(), RelatedToKubeVirt::default()), expected, "{spec}");
    }
}

#[test]
fn what_was_so_before_is_not_looked_at_again() {
    let same = [
        json!({ "configuration": { "tlsConfiguration": { "ciphers": ["a"] } } }),
        json!({ "configuration": { "seccompConfiguration": { "virtualMachineInstanceProfile": {} } } }),
        json!({ "configuration": { "migrations": { "maxDowntimeMs": 1 } } }),
        json!({ "configuration": { "developerConfiguration": { "featureGates": ["NUMA"] } } }),
    ];
    for spec in same {
        assert_eq!(told(spec.clone(), spec.clone(), RelatedToKubeVirt::default()), Vec::<String>::new(), "{spec}");
    }
}

#[test]
fn an_administrator_is_warned_of_what_will_go() {
    let new = json!({ "configuration": {
        "developerConfiguration": { "featureGates": ["MultiArchitecture", "HostDisk"] },
        "mediatedDevicesConfiguration": {
            "mediatedDevicesTypes": ["a"],
            "nodeMediatedDeviceTypes": [{ "nodeSelector": {} }, { "nodeSelector": {}, "mediatedDevicesTypes": [] }],
        },
        "architectureConfiguration": { "ppc64le": {} },
    } });
    let devices = "spec.configuration.mediatedDevicesConfiguration";
    let expected = [
        "MultiArchitecture has been deprecated since v1.8.0".to_owned(),
        format!("{devices}.mediatedDevicesTypes is deprecated, use mediatedDeviceTypes"),
        format!("{devices}.nodeMediatedDeviceTypes[1].mediatedDevicesTypes is deprecated, use mediatedDeviceTypes"),
        "spec.configuration.architectureConfiguration.ppc64le is deprecated and no longer supported.".to_owned(),
    ];
    assert_eq!(told(json!({}), new, RelatedToKubeVirt::default()), expected);
}

#[test]
fn components_are_placed_where_the_api_server_can_place_them() {
    let related =
        RelatedToKubeVirt { infra_fault: Some("no"), workloads_fault: Some("never"), ..RelatedToKubeVirt::default() };
    let placed = json!({ "nodePlacement": { "nodeSelector": { "a": "b" } } });
    let new = json!({ "infra": placed, "workloads": placed });
    assert_eq!(told(json!({}), new.clone(), related), [": no", ": never"]);
    assert_eq!(told(new.clone(), new, related), Vec::<String>::new());
    assert_eq!(told(json!({}), json!({ "infra": { "replicas": 1 } }), related), Vec::<String>::new());
}

#[test]
fn there_is_one_installation_and_workloads_may_hold_it() {
    let new = installation(json!({}));
    let related = |installations| RelatedToKubeVirt { installations, ..RelatedToKubeVirt::default() };
    assert_eq!(admit_create(&Request::create(&new), related(0)), Ok(Vec::new()));
    let message = admit_create(&Request::create(&new), related(1)).unwrap_err().message;
    assert_eq!(message, "Kubevirt is already created");
    let goes = |strategy: &str, phase: &str, workloads: [bool; 3]| {
        let installation: KubeVirt = serde_json::from_value(json!({
            "spec": { "uninstallStrategy": strategy },
            "status": { "phase": phase },
        }))
        .unwrap();
        let related = RelatedToKubeVirt { workloads, ..RelatedToKubeVirt::default() };
        admit_delete(Some(&installation), related).err().map(|refusal| refusal.message).unwrap_or_default()
    };
    let held = "BlockUninstallIfWorkloadsExist";
    assert_eq!(goes("RemoveWorkloads", "Deployed", [true; 3]), "");
    assert_eq!(goes(held, "Deploying", [true; 3]), "");
    assert_eq!(goes(held, "Deployed", [false; 3]), "");
    assert!(goes(held, "Deployed", [false, true, true]).contains("still Virtual Machines present"));
}
