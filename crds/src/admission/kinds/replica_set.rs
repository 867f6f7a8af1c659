//! `VirtualMachineInstanceReplicaSet`.

use std::sync::LazyLock;

use serde_json::Value;

use super::{Operation, Request, Verdict, selector, verdict};
use crate::admission::read::read;
use crate::admission::vmi::{grace_annotations, removed_features, validate_spec, warnings};
use crate::admission::{Causes, Path, Stage, webhook_schema};
use crate::api::replica_set::VirtualMachineInstanceReplicaSet;
use crate::config::ClusterConfig;

static SCHEMA: LazyLock<Value> = LazyLock::new(webhook_schema::of_type::<VirtualMachineInstanceReplicaSet>);

/// The template is good, and the selector chooses what it makes.
///
/// # Errors
///
/// The refusal.
pub fn admit(request: &Request<'_>, config: &ClusterConfig) -> Verdict {
    request.expects("virtualmachineinstancereplicasets", "virtualmachineinstancereplicasets")?;
    let set: VirtualMachineInstanceReplicaSet = read(request.object, &SCHEMA, Stage::Admit)?;
    let (path, mut causes) = (Path::new("spec"), Causes::default());
    let Some(template) = &set.spec.template else {
        causes.required(path.at("template"), "missing virtual machine template.");
        return verdict(causes);
    };
    let spec = template.spec.clone().unwrap_or_default();
    let metadata = template.metadata.clone().unwrap_or_default();
    grace_annotations(&path.at("template.metadata"), &spec, &metadata, config, &mut causes);
    validate_spec(&path.at("template.spec"), &spec, config, &mut causes);
    selector::chooses(&path, set.spec.selector.as_ref(), template.metadata.as_ref(), &mut causes);
    if request.operation == Operation::Create {
        removed_features(&spec, config, &mut causes);
    }
    verdict(causes)?;
    Ok(warnings(&spec, config))
}
