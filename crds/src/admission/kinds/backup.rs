//! `VirtualMachineBackup`. That its spec never changes, and what must be in it, the definition's own rules say.

use super::{Operation, Request, Verdict, lengths, verdict};
use crate::admission::read::decode;
use crate::admission::vmi::{list, text};
use crate::admission::{Causes, Refusal, Stage};
use crate::api::backup::VirtualMachineBackup;
use crate::config::{ClusterConfig, FeatureGate};
use crate::semantic::same;

/// Backups are behind a gate, and a source is backed up once at a time. `backups` are those of the namespace.
///
/// # Errors
///
/// The refusal.
pub fn admit(request: &Request<'_>, config: &ClusterConfig, backups: &[VirtualMachineBackup]) -> Verdict {
    request.accepts("backup.kubevirt.io", "virtualmachinebackups")?;
    if request.operation != Operation::Create {
        return Ok(Vec::new());
    }
    gate(config)?;
    let backup: VirtualMachineBackup = decode(request.object, Stage::Admit)?;
    lengths([backup.spec.ttl_duration.as_ref()])?;
    let mut causes = Causes::default();
    for other in backups {
        let name = text(&other.metadata.name);
        if name == text(&backup.metadata.name) {
            causes.invalid("metadata.name", format!("VirtualMachineBackup \"{name}\" already exists"));
            break;
        }
        if same(&other.spec.source, &backup.spec.source) && !is_over(other) {
            let message = format!("VirtualMachineBackup \"{name}\" in progress for source");
            causes.invalid("spec.source", message);
            break;
        }
    }
    verdict(causes)
}

/// A new object is refused while the gate is closed.
pub(super) fn gate(config: &ClusterConfig) -> Result<(), Refusal> {
    let is_open = config.is_enabled(FeatureGate::IncrementalBackup);
    let message = "IncrementalBackup feature gate not enabled";
    if is_open { Ok(()) } else { Err(Refusal::unreadable(Stage::Admit, message.to_owned())) }
}

fn is_over(backup: &VirtualMachineBackup) -> bool {
    let conditions = backup.status.as_ref().map(|status| list(&status.conditions)).unwrap_or_default();
    let is_end = |kind: &str| matches!(kind, "Complete" | "Failed");
    conditions.iter().any(|condition| is_end(&condition.r#type) && condition.status == "True")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn backup(name: &str, machine: &str, over: &str) -> Value {
        json!({
            "metadata": { "name": name },
            "spec": { "source": { "apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": machine } },
            "status": { "conditions": [{ "type": "Complete", "status": over }] },
        })
    }

    fn message(config: Value, other: Value) -> String {
        let object = backup("b", "vm", "False");
        let request = Request::create(&object);
        let config = ClusterConfig::new(serde_json::from_value(config).unwrap());
        let answer = admit(&request, &config, &[serde_json::from_value(other).unwrap()]);
        answer.err().map(|refusal| refusal.message).unwrap_or_default()
    }

    #[test]
    fn a_machine_is_backed_up_once_at_a_time() {
        let open = json!({ "developerConfiguration": { "featureGates": ["IncrementalBackup"] } });
        let message = |other| message(open.clone(), other);
        assert_eq!(message(backup("o", "vm", "True")), "");
        assert_eq!(message(backup("o", "other", "False")), "");
        assert_eq!(message(backup("o", "vm", "False")), "VirtualMachineBackup \"o\" in progress for source");
        assert_eq!(message(backup("b", "other", "True")), "VirtualMachineBackup \"b\" already exists");
    }

    #[test]
    fn backups_are_behind_a_gate() {
        assert_eq!(message(json!({}), backup("o", "other", "True")), "IncrementalBackup feature gate not enabled");
    }
}
