//! `VirtualMachineInstanceMigration`.

use std::sync::LazyLock;

use serde_json::Value;

use super::{Request, Verdict, verdict};
use crate::admission::read::{decode, read};
use crate::admission::vmi::{list, text};
use crate::admission::{Causes, Reason, Refusal, Stage, webhook_schema};
use crate::api::kubernetes::ObjectMeta;
use crate::api::migration::{VirtualMachineInstanceMigration, VirtualMachineInstanceMigrationSpec};
use crate::api::vmi::VirtualMachineInstance;
use crate::config::{ClusterConfig, FeatureGate};
use crate::semantic::same;

static SCHEMA: LazyLock<Value> = LazyLock::new(webhook_schema::of_type::<VirtualMachineInstanceMigration>);

/// The resource, and how refusals of another call it.
const RESOURCE: &str = "virtualmachineinstancemigrations";
const TOLD: &str = "{kubevirt.io v1 virtualmachineinstancemigrations}";

/// The label by which a migration is found, and what keeps it until it has been cleaned up.
const LABEL: &str = "kubevirt.io/vmi-name";
const FINALIZER: &str = "kubevirt.io/migrationJobFinalize";

/// Labels a new migration with the name of its instance, and keeps it until it has been cleaned up.
pub fn set_defaults(migration: &mut VirtualMachineInstanceMigration) {
    let name = migration.spec.vmi_name.clone().unwrap_or_default();
    migration.metadata.labels.get_or_insert_default().insert(LABEL.to_owned(), name);
    migration.metadata.finalizers.get_or_insert_default().push(FINALIZER.to_owned());
}

/// Other objects that the answer to a new migration depends on.
#[derive(Clone, Copy, Debug, Default)]
pub struct RelatedToMigration<'a> {
    /// The instance that shall migrate.
    pub instance: Option<&'a VirtualMachineInstance>,
    /// The migrations of the namespace.
    pub migrations: &'a [VirtualMachineInstanceMigration],
}

/// An instance that can migrate does so once at a time, and KubeVirt alone says which migration is urgent.
///
/// # Errors
///
/// The refusal.
pub fn admit_create(request: &Request<'_>, config: &ClusterConfig, related: RelatedToMigration<'_>) -> Verdict {
    request.expects(RESOURCE, TOLD)?;
    // Decoded before its shape is looked at: what is said first is told.
    decode::<VirtualMachineInstanceMigration>(request.object, Stage::Admit)?;
    let migration: VirtualMachineInstanceMigration = read(request.object, &SCHEMA, Stage::Admit)?;
    let spec = &migration.spec;
    let mut causes = Causes::default();
    if text(&spec.vmi_name).is_empty() {
        causes.required("spec.vmiName", "vmiName is missing");
    } else if spec.priority.is_some() && !request.requester.is_controller() {
        let message = "Migration priority queue, only virt-controller is allowed to set priority field";
        causes.add(Reason::Forbidden, "spec.migrationPriority", message);
    }
    verdict(causes)?;
    if let Some(obstacle) = obstacle(&migration, related) {
        return Err(Refusal::unreadable(Stage::Admit, obstacle));
    }
    let mut causes = Causes::default();
    between_clusters(spec, config, &mut causes);
    verdict(causes)
}

/// Why an instance cannot migrate now.
fn obstacle(migration: &VirtualMachineInstanceMigration, related: RelatedToMigration<'_>) -> Option<String> {
    let name = text(&migration.spec.vmi_name);
    let Some(vmi) = related.instance else {
        return Some(format!("the VMI \"{}/{name}\" does not exist", text(&migration.metadata.namespace)));
    };
    if let Some(status) = &vmi.status {
        if matches!(text(&status.phase), "Failed" | "Succeeded") {
            return Some("Cannot migrate VMI in finalized state.".to_owned());
        }
        // Disks are no obstacle where the other side brings its own.
        let brings_disks = migration.spec.send_to.is_some() != migration.spec.receive.is_some();
        let fault = list(&status.conditions).iter().find(|condition| {
            condition.r#type == "LiveMigratable"
                && condition.status == "False"
                && !(brings_disks && text(&condition.reason) == "DisksNotLiveMigratable")
        });
        if let Some(fault) = fault {
            let (reason, message) = (text(&fault.reason), text(&fault.message));
            return Some(format!("Cannot migrate VMI, Reason: {reason}, Message: {message}"));
        }
    }
    let other =
        related.migrations.iter().find(|other| other.metadata.label(LABEL) == Some(name) && !is_final(other))?;
    let (uid, name) = (text(&other.metadata.uid), text(&other.spec.vmi_name));
    Some(format!(
        "in-flight migration detected. Active migration job ({uid}) is currently already in progress for VMI {name}."
    ))
}

/// Migration to another cluster is behind a gate, and both its sides have one name for it.
fn between_clusters(spec: &VirtualMachineInstanceMigrationSpec, config: &ClusterConfig, causes: &mut Causes) {
    let gate = FeatureGate::DecentralizedLiveMigration;
    if (spec.send_to.is_some() || spec.receive.is_some()) && !config.is_enabled(gate) {
        return causes.not_supported("", format!("{} feature gate is not enabled in kubevirt resource", gate.name()));
    }
    if let (Some(source), Some(target)) = (&spec.send_to, &spec.receive)
        && source.migration_id != target.migration_id
    {
        let (source, target) = (&source.migration_id, &target.migration_id);
        causes.invalid("", format!("sendTo migrationID {source} does not match receive migrationID {target}"));
    }
}

/// A migration's spec never changes, and its label not while it is under way.
///
/// # Errors
///
/// The refusal.
pub fn admit_update(request: &Request<'_>) -> Verdict {
    request.expects(RESOURCE, TOLD)?;
    let new: VirtualMachineInstanceMigration = decode(request.object, Stage::Admit)?;
    let old: VirtualMachineInstanceMigration = decode(request.old.unwrap_or(&Value::Null), Stage::Admit)?;
    read::<VirtualMachineInstanceMigration>(request.object, &SCHEMA, Stage::Admit)?;
    let mut causes = Causes::default();
    if !same(&new.spec, &old.spec) {
        causes.not_supported("", "update of Migration object's spec is restricted");
    } else if let Some(label) = old.metadata.label(LABEL).filter(|_| !is_final(&new)) {
        let ObjectMeta { labels, .. } = &new.metadata;
        if labels.is_none() {
            causes.not_supported("", "selector label can't be removed from an in-flight migration");
        } else if new.metadata.label(LABEL) != Some(label) {
            causes.not_supported("", "selector label can't be modified on an in-flight migration");
        }
    }
    verdict(causes)
}

fn is_final(migration: &VirtualMachineInstanceMigration) -> bool {
    let phase = migration.status.as_ref().map(|status| text(&status.phase)).unwrap_or_default();
    matches!(phase, "Succeeded" | "Failed")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is said of a migration of an instance, where there is the other migration.
    fn message(spec: Value, instance: Option<Value>, other: Value) -> String {
        let instance: Option<VirtualMachineInstance> = instance.map(|vmi| serde_json::from_value(vmi).unwrap());
        let migrations = [serde_json::from_value(other).unwrap()];
        let object = json!({ "metadata": { "name": "m", "namespace": "ns" }, "spec": spec });
        let request = Request::create(&object);
        let related = RelatedToMigration { instance: instance.as_ref(), migrations: &migrations };
        let answer = admit_create(&request, &ClusterConfig::default(), related);
        answer.err().map(|refusal| refusal.message).unwrap_or_default()
    }

    fn migration(instance: &str, phase: &str) -> Value {
        json!({
            "metadata": { "uid": "u", "labels": { LABEL: instance } },
            "spec": { "vmiName": instance },
            "status": { "phase": phase },
        })
    }

    #[test]
    fn an_instance_migrates_once_at_a_time() {
        let message = |other| message(json!({ "vmiName": "a" }), Some(json!({})), other);
        assert_eq!(message(migration("a", "Failed")), "");
        assert_eq!(message(migration("b", "Running")), "");
        let found =
            "in-flight migration detected. Active migration job (u) is currently already in progress for VMI a.";
        assert_eq!(message(migration("a", "Running")), found);
    }

    #[test]
    fn only_what_runs_and_can_migrate_does() {
        let message = |spec, instance| message(spec, instance, json!({}));
        let spec = json!({ "vmiName": "a" });
        assert_eq!(message(spec.clone(), None), "the VMI \"ns/a\" does not exist");
        let ended = json!({ "status": { "phase": "Succeeded" } });
        assert_eq!(message(spec.clone(), Some(ended)), "Cannot migrate VMI in finalized state.");
        let disks = json!({ "status": { "conditions": [
            { "type": "LiveMigratable", "status": "False", "reason": "DisksNotLiveMigratable", "message": "local" },
        ] } });
        let refused = "Cannot migrate VMI, Reason: DisksNotLiveMigratable, Message: local";
        assert_eq!(message(spec, Some(disks.clone())), refused);
        let sent = json!({ "vmiName": "a", "sendTo": { "migrationID": "i", "connectURL": "u" } });
        assert_eq!(message(sent, Some(disks)), "");
    }
}
