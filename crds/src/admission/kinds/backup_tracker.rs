//! `VirtualMachineBackupTracker`. What must be in its spec, the definition's own rules say.

use super::{Operation, Request, Verdict, backup};
use crate::config::ClusterConfig;

/// Chains of backups are behind a gate.
///
/// # Errors
///
/// The refusal.
pub fn admit(request: &Request<'_>, config: &ClusterConfig) -> Verdict {
    request.accepts("backup.kubevirt.io", "virtualmachinebackuptrackers")?;
    if request.operation == Operation::Create {
        backup::gate(config)?;
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::admission::kinds::Resource;

    fn code(request: &Request<'_>, config: serde_json::Value) -> Option<(u16, String)> {
        let config = ClusterConfig::new(serde_json::from_value(config).unwrap());
        admit(request, &config).err().map(|refusal| (refusal.code, refusal.message))
    }

    #[test]
    fn new_chains_are_behind_a_gate_and_old_ones_are_not() {
        let object = json!({ "metadata": { "name": "a" }, "spec": {} });
        let closed = Some((400, "IncrementalBackup feature gate not enabled".to_owned()));
        let open = json!({ "developerConfiguration": { "featureGates": ["IncrementalBackup"] } });
        assert_eq!(code(&Request::create(&object), json!({})), closed);
        assert_eq!(code(&Request::create(&object), open), None);
        assert_eq!(code(&Request::update(&object, &object), json!({})), None);
    }

    #[test]
    fn another_resource_is_refused_by_its_name() {
        let object = json!({});
        let resource = Resource { group: "backup.kubevirt.io", version: "v1alpha1", name: "virtualmachinebackups" };
        let request = Request { resource: Some(resource), ..Request::create(&object) };
        let message = "unexpected resource {Group:backup.kubevirt.io Version:v1alpha1 Resource:virtualmachinebackups}";
        assert_eq!(code(&request, json!({})), Some((400, message.to_owned())));
    }
}
