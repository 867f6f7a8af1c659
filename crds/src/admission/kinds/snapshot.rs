//! `VirtualMachineSnapshot`.

use super::request::refused;
use super::{Operation, Request, Verdict, lengths, spec_stays, verdict};
use crate::admission::read::decode;
use crate::admission::{Causes, Path, Reason, Stage};
use crate::api::snapshot::VirtualMachineSnapshot;
use crate::config::{ClusterConfig, FeatureGate};

/// The source is a machine; the spec never changes.
///
/// # Errors
///
/// The refusal.
pub fn admit(request: &Request<'_>, config: &ClusterConfig) -> Verdict {
    request.accepts("snapshot.kubevirt.io", "virtualmachinesnapshots")?;
    if request.operation == Operation::Create && !config.is_enabled(FeatureGate::Snapshot) {
        return Err(refused("snapshot feature gate not enabled".to_owned()));
    }
    let snapshot: VirtualMachineSnapshot = decode(request.object, Stage::Admit)?;
    lengths([snapshot.spec.failure_deadline.as_ref()])?;
    let (path, mut causes) = (Path::new("spec.source"), Causes::default());
    match request.operation {
        Operation::Create => match snapshot.spec.source.api_group.as_deref() {
            None => causes.add(Reason::NotFound, path.at("apiGroup"), "missing apiGroup"),
            Some("kubevirt.io") if snapshot.spec.source.kind == "VirtualMachine" => {}
            Some("kubevirt.io") => causes.invalid(path.at("kind"), "invalid kind"),
            Some(_) => causes.invalid(path.at("apiGroup"), "invalid apiGroup"),
        },
        Operation::Update => {
            let old: Option<VirtualMachineSnapshot> = request.old.map(|old| decode(old, Stage::Admit)).transpose()?;
            spec_stays(&snapshot.spec, old.as_ref().map(|old| &old.spec), &mut causes);
        }
        other => return Err(refused(format!("unexpected operation {other}"))),
    }
    verdict(causes)
}
