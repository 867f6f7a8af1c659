//! `VirtualMachineInstanceMigration`.

use std::sync::LazyLock;

use serde_json::Value;

use super::{Request, Verdict, verdict};
use crate::admission::read::{decode, read};
use crate::admission::{Causes, Stage, webhook_schema};
use crate::api::kubernetes::ObjectMeta;
use crate::api::migration::VirtualMachineInstanceMigration;

static SCHEMA: LazyLock<Value> = LazyLock::new(webhook_schema::of_type::<VirtualMachineInstanceMigration>);

/// The label by which a migration is found, and what keeps it until it has been cleaned up.
const LABEL: &str = "kubevirt.io/vmi-name";
const FINALIZER: &str = "kubevirt.io/migrationJobFinalize";

/// Labels a new migration with the name of its instance, and keeps it until it has been cleaned up.
pub fn set_defaults(migration: &mut VirtualMachineInstanceMigration) {
    let name = migration.spec.vmi_name.clone().unwrap_or_default();
    migration.metadata.labels.get_or_insert_default().insert(LABEL.to_owned(), name);
    migration.metadata.finalizers.get_or_insert_default().push(FINALIZER.to_owned());
}

/// A migration's spec never changes, and its label not while it is under way.
///
/// # Errors
///
/// The refusal.
pub fn admit_update(request: &Request<'_>) -> Verdict {
    let new: VirtualMachineInstanceMigration = decode(request.object, Stage::Admit)?;
    let old: VirtualMachineInstanceMigration = decode(request.old.unwrap_or(&Value::Null), Stage::Admit)?;
    read::<VirtualMachineInstanceMigration>(request.object, &SCHEMA, Stage::Admit)?;
    let mut causes = Causes::default();
    let is_final = matches!(phase(&new), "Succeeded" | "Failed");
    if new.spec != old.spec {
        causes.not_supported("", "update of Migration object's spec is restricted");
    } else if let Some(label) = old.metadata.label(LABEL).filter(|_| !is_final) {
        let ObjectMeta { labels, .. } = &new.metadata;
        if labels.is_none() {
            causes.not_supported("", "selector label can't be removed from an in-flight migration");
        } else if new.metadata.label(LABEL) != Some(label) {
            causes.not_supported("", "selector label can't be modified on an in-flight migration");
        }
    }
    verdict(causes)
}

fn phase(migration: &VirtualMachineInstanceMigration) -> &str {
    migration.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}
