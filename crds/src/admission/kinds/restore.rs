//! `VirtualMachineRestore`.

use super::request::refused;
use super::{Operation, Request, Verdict, spec_stays, verdict};
use crate::admission::read::decode;
use crate::admission::vmi::{list, text};
use crate::admission::{Causes, Path, Reason, Refusal, Stage};
use crate::api::snapshot::{
    VirtualMachineRestore, VirtualMachineRestoreSpec, VirtualMachineSnapshot, VirtualMachineSnapshotContent,
};
use crate::api::vm::{VirtualMachine, VirtualMachineSpec};
use crate::config::{ClusterConfig, FeatureGate};
use crate::semantic::same;

/// Other objects that the answer to a new restore depends on.
#[derive(Clone, Copy, Debug, Default)]
pub struct RelatedToRestore<'a> {
    /// The snapshot that the restore names.
    pub snapshot: Option<&'a VirtualMachineSnapshot>,
    /// The content that the snapshot names.
    pub content: Option<&'a VirtualMachineSnapshotContent>,
    /// The machine that the restore names.
    pub target: Option<&'a VirtualMachine>,
    /// The restores of the namespace.
    pub restores: &'a [VirtualMachineRestore],
}

/// The target is a machine that is not being restored already, and can be; the spec never changes.
///
/// # Errors
///
/// The refusal.
pub fn admit(request: &Request<'_>, config: &ClusterConfig, related: RelatedToRestore<'_>) -> Verdict {
    request.accepts("snapshot.kubevirt.io", "virtualmachinerestores")?;
    if request.operation == Operation::Create && !config.is_enabled(FeatureGate::Snapshot) {
        return Err(refused("Snapshot/Restore feature gate not enabled".to_owned()));
    }
    let restore: VirtualMachineRestore = decode(request.object, Stage::Admit)?;
    let mut causes = Causes::default();
    match request.operation {
        Operation::Create => {
            target(&restore.spec, related, &mut causes)?;
            in_progress(&restore.spec, related.restores, &mut causes);
        }
        Operation::Update => {
            let old: Option<VirtualMachineRestore> = request.old.map(|old| decode(old, Stage::Admit)).transpose()?;
            spec_stays(&restore.spec, old.as_ref().map(|old| &old.spec), &mut causes);
        }
        other => return Err(refused(format!("unexpected operation {other}"))),
    }
    verdict(causes)
}

fn target(spec: &VirtualMachineRestoreSpec, related: RelatedToRestore<'_>, causes: &mut Causes) -> Result<(), Refusal> {
    let path = Path::new("spec.target");
    match spec.target.api_group.as_deref() {
        None => causes.add(Reason::NotFound, path.at("apiGroup"), "missing apiGroup"),
        Some("kubevirt.io") if spec.target.kind == "VirtualMachine" => {
            // Nothing can be said of patches as long as there is no snapshot.
            if let Some(snapshot) = related.snapshot {
                patches(list(&spec.patches), causes);
                state_stays(snapshot, related, causes)?;
            }
            overrides(spec, causes);
            policies(spec, causes);
        }
        Some("kubevirt.io") => causes.invalid(path.at("kind"), "invalid kind"),
        Some(_) => causes.invalid(path.at("apiGroup"), "invalid apiGroup"),
    }
    Ok(())
}

/// Patches change labels, annotations and what is below the spec. As upstream, which does not parse them: a colon or
/// comma within a value ends it.
fn patches(patches: &[String], causes: &mut Causes) {
    let path = "spec.patches";
    for pair in patches.iter().flat_map(|patch| patch.trim_matches(['{', '}']).split(',')) {
        let Some((key, value)) = pair.split_once(':').filter(|(_, value)| !value.contains(':')) else {
            let fault = "patch format is not valid - one \":\" expected in a single key-value json patch";
            causes.invalid(path, format!("{fault}: {pair}"));
            continue;
        };
        let may_change = ["\"/metadata/labels/", "\"/metadata/annotations/", "\"/spec/"];
        if key.trim() == "\"path\"" && !may_change.iter().any(|start| value.trim().starts_with(start)) {
            causes.invalid(path, format!("patching is valid only for elements under /spec/ only: {pair}"));
        }
    }
}

/// State that outlives the machine's runs goes back to the same machine only.
fn state_stays(
    snapshot: &VirtualMachineSnapshot,
    related: RelatedToRestore<'_>,
    causes: &mut Causes,
) -> Result<(), Refusal> {
    let status = snapshot.status.as_ref();
    let source = status.and_then(|status| status.source_uid.as_deref());
    let is_source = |target: &VirtualMachine| source.is_none_or(|source| text(&target.metadata.uid) == source);
    if related.target.is_some_and(is_source) {
        return Ok(());
    }
    let name = status
        .and_then(|status| status.virtual_machine_snapshot_content_name.as_deref())
        .ok_or_else(|| refused("snapshot content name is nil in vmSnapshot status".to_owned()))?;
    let content = related
        .content
        .ok_or_else(|| refused(format!("virtualmachinesnapshotcontents.snapshot.kubevirt.io \"{name}\" not found")))?;
    let machine = content.spec.source.virtual_machine.as_ref();
    let machine = machine.ok_or_else(|| refused("unexpected snapshot source".to_owned()))?;
    if machine.spec.as_ref().is_some_and(has_state) {
        let message = "Restore to a different VM is not supported when snapshotted VM has backend storage (persistent TPM or EFI)";
        causes.invalid("spec", message);
    }
    Ok(())
}

/// Whether a machine has a TPM or firmware variables that outlive its runs.
fn has_state(spec: &VirtualMachineSpec) -> bool {
    let spec = spec.template.as_ref().and_then(|template| template.spec.as_ref());
    let Some(domain) = spec.map(|spec| &spec.domain) else { return false };
    let tpm = domain.devices.tpm.as_ref();
    let efi = domain.firmware.as_ref().and_then(|firmware| firmware.bootloader.as_ref()?.efi.as_ref());
    tpm.is_some_and(|tpm| tpm.enabled != Some(false) && tpm.persistent == Some(true))
        || efi.is_some_and(|efi| efi.persistent == Some(true))
}

fn overrides(spec: &VirtualMachineRestoreSpec, causes: &mut Causes) {
    let path = Path::new("spec.volumeRestoreOverrides");
    for (place, volume) in list(&spec.volume_restore_overrides).iter().enumerate() {
        let field = path.index(place);
        if text(&volume.volume_name).is_empty() {
            causes.required(field.at("volumeName"), "must provide a volume name");
        }
        if text(&volume.restore_name).is_empty() && volume.annotations.is_none() && volume.labels.is_none() {
            causes.required(field, "must provide at least one overriden field");
        }
    }
}

fn policies(spec: &VirtualMachineRestoreSpec, causes: &mut Causes) {
    let restore: &[&str] = &["InPlace", "RandomizeNames", "PrefixTargetName"];
    let ownership: &[&str] = &["Vm", "None"];
    for (field, what, policy, known) in [
        ("volumeRestorePolicy", "restore", &spec.volume_restore_policy, restore),
        ("volumeOwnershipPolicy", "ownership", &spec.volume_ownership_policy, ownership),
    ] {
        if let Some(policy) = policy.as_deref().filter(|policy| !known.contains(policy)) {
            let message = format!("volume {what} policy \"{policy}\" doesn't exist");
            causes.invalid(Path::new("spec").at(field), message);
        }
    }
}

fn in_progress(spec: &VirtualMachineRestoreSpec, restores: &[VirtualMachineRestore], causes: &mut Causes) {
    let is_complete =
        |other: &VirtualMachineRestore| other.status.as_ref().is_some_and(|status| status.complete == Some(true));
    for other in restores.iter().filter(|other| same(&other.spec.target, &spec.target) && !is_complete(other)) {
        let name = text(&other.metadata.name);
        causes.invalid("spec.target", format!("VirtualMachineRestore \"{name}\" in progress"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What is said of a restore of a snapshot of the machine with the UID `a`.
    fn messages(spec: Value, target_uid: &str, persistent: bool, other: Value) -> Vec<String> {
        let mut object = json!({ "metadata": { "name": "r" }, "spec": {
            "target": { "apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "vm" },
            "virtualMachineSnapshotName": "s",
        } });
        object["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let snapshot = json!({ "status": { "sourceUID": "a", "virtualMachineSnapshotContentName": "c" } });
        let snapshot: VirtualMachineSnapshot = serde_json::from_value(snapshot).unwrap();
        let machine = json!({ "spec": { "template": { "spec": {
            "domain": { "devices": { "tpm": { "persistent": persistent } } },
        } } } });
        let content = json!({ "spec": { "source": { "virtualMachine": machine } } });
        let content: VirtualMachineSnapshotContent = serde_json::from_value(content).unwrap();
        let target = json!({ "metadata": { "uid": target_uid } });
        let target: VirtualMachine = serde_json::from_value(target).unwrap();
        let restores = [serde_json::from_value(other).unwrap()];
        let request = Request::create(&object);
        let (snapshot, content, target) = (Some(&snapshot), Some(&content), Some(&target));
        let related = RelatedToRestore { snapshot, content, target, restores: &restores };
        let refusal = admit(&request, &ClusterConfig::default(), related).err();
        refusal.into_iter().flat_map(|refusal| refusal.causes).map(|cause| cause.message).collect()
    }

    #[test]
    fn state_goes_back_to_the_same_machine_only() {
        let messages = |uid, persistent| messages(json!({}), uid, persistent, json!({}));
        assert_eq!(messages("a", true), Vec::<String>::new());
        assert_eq!(messages("b", false), Vec::<String>::new());
        assert!(messages("b", true)[0].starts_with("Restore to a different VM is not supported"));
    }

    #[test]
    fn patches_change_labels_annotations_and_the_spec() {
        let messages = |patch: &str| messages(json!({ "patches": [patch] }), "a", false, json!({}));
        for good in ["/spec/running", "/metadata/labels/a", "/metadata/annotations/a"] {
            assert_eq!(messages(&format!(r#"{{"op": "remove", "path": "{good}"}}"#)), Vec::<String>::new());
        }
        let status = "patching is valid only for elements under /spec/ only:  \"path\": \"/status\"";
        assert_eq!(messages(r#"{"op": "remove", "path": "/status"}"#), [status]);
        assert!(messages(r#"{"op"}"#)[0].starts_with("patch format is not valid"));
    }

    #[test]
    fn a_machine_is_restored_once_at_a_time() {
        let other = |complete: bool| {
            json!({
                "metadata": { "name": "o" },
                "spec": { "target": { "apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "vm" } },
                "status": { "complete": complete },
            })
        };
        assert_eq!(messages(json!({}), "a", false, other(true)), Vec::<String>::new());
        assert_eq!(messages(json!({}), "a", false, other(false)), ["VirtualMachineRestore \"o\" in progress"]);
    }
}
