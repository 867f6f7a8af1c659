//! `VirtualMachineExport`.

use super::request::refused;
use super::{Operation, Request, Verdict, lengths, spec_stays, verdict};
use crate::admission::read::decode;
use crate::admission::vmi::text;
use crate::admission::{Causes, Path, Stage};
use crate::api::export::VirtualMachineExport;
use crate::api::kubernetes::TypedLocalObjectReference;
use crate::config::{ClusterConfig, FeatureGate};

/// What can be exported: its kind, its name in messages about names and about groups, and its API group.
const SOURCES: [(&str, &str, &str, &str); 5] = [
    ("PersistentVolumeClaim", "PVC", "PVC", ""),
    ("VirtualMachineSnapshot", "VMSnapshot", "VMSnapshot", "snapshot.kubevirt.io"),
    ("VirtualMachine", "Virtual Machine", "VM", "kubevirt.io"),
    ("VirtualMachineBackup", "VirtualMachineBackup", "VirtualMachineBackup", "backup.kubevirt.io"),
    ("VirtualMachineTemplate", "VirtualMachineTemplate", "VirtualMachineTemplate", "template.kubevirt.io"),
];

/// The source is of a kind that can be exported, and is named; the spec never changes.
///
/// # Errors
///
/// The refusal.
pub fn admit(request: &Request<'_>, config: &ClusterConfig) -> Verdict {
    request.accepts("export.kubevirt.io", "virtualmachineexports")?;
    let export: VirtualMachineExport = decode(request.object, Stage::Admit)?;
    lengths([export.spec.ttl_duration.as_ref()])?;
    let mut causes = Causes::default();
    match request.operation {
        Operation::Create => source(&export.spec.source, config, &mut causes),
        Operation::Update => {
            let old: Option<VirtualMachineExport> = request.old.map(|old| decode(old, Stage::Admit)).transpose()?;
            spec_stays(&export.spec, old.as_ref().map(|old| &old.spec), &mut causes);
        }
        other => return Err(refused(format!("unexpected operation {other}"))),
    }
    verdict(causes)
}

fn source(source: &TypedLocalObjectReference, config: &ClusterConfig, causes: &mut Causes) {
    let path = Path::new("spec.source");
    let Some((kind, name, short, group)) = SOURCES.iter().find(|(kind, ..)| *kind == source.kind) else {
        return causes.invalid(path.at("kind"), "invalid kind");
    };
    let has_templates = config.is_enabled(FeatureGate::OciExport) && config.deploys_templates();
    if *kind == "VirtualMachineTemplate" && !has_templates {
        let message = "VirtualMachineTemplate source requires the OCIExport feature gate and virt-template deployment to be enabled";
        return causes.invalid(path.at("kind"), message);
    }
    if source.name.is_empty() {
        causes.invalid(path.at("name"), format!("{name} name must not be empty"));
    }
    if text(&source.api_group) != *group {
        let message = match *group {
            "" => format!("{short} API group must be missing or blank"),
            group => format!("{short} API group must be {group}"),
        };
        causes.invalid(path.at("APIGroup"), message);
    }
}
