//! Creating and changing the other kinds.

mod backup;
mod backup_tracker;
mod clone;
mod data_volume_template;
mod eviction;
mod export;
mod hotplug_disk;
mod hotplug_storage;
mod in_progress;
mod instance;
mod instancetype;
mod kubevirt;
mod matcher;
mod migration;
mod migration_policy;
mod pool;
mod preference;
mod preset;
mod replica_set;
mod request;
mod requester;
mod restore;
mod run_strategy;
mod selector;
mod snapshot;
mod status;
mod utility_volumes;
mod virtual_machine;
mod vm_defaults;
mod volume_request;

pub use backup::admit as admit_backup;
pub use backup_tracker::admit as admit_backup_tracker;
pub use clone::{admit as admit_clone, set_defaults as set_clone_defaults};
pub use eviction::{EvictionAnswer, EvictionMark, RelatedToEviction, admit as admit_eviction};
pub use export::admit as admit_export;
pub use instance::{admit_update as admit_instance_update, set_update_defaults as set_instance_update_defaults};
pub use instancetype::admit as admit_instancetype;
pub use kubevirt::{
    RelatedToKubeVirt, admit_create as admit_kubevirt, admit_delete as admit_kubevirt_removal,
    admit_update as admit_kubevirt_update,
};
pub use migration::{
    RelatedToMigration, admit_create as admit_migration, admit_update as admit_migration_update,
    set_defaults as set_migration_defaults,
};
pub use migration_policy::admit as admit_migration_policy;
pub use pool::admit as admit_pool;
pub use preference::admit as admit_preference;
pub use preset::admit as admit_preset;
pub use replica_set::admit as admit_replica_set;
pub use request::{Operation, Request, Resource};
pub use requester::Requester;
pub use restore::{RelatedToRestore, admit as admit_restore};
pub(crate) use selector::{fault as selector_fault, matches};
pub use snapshot::admit as admit_snapshot;
pub use status::admit as admit_status;
pub use virtual_machine::{Related, admit as admit_virtual_machine};
pub use vm_defaults::{NewMachine, set_defaults as set_machine_defaults};

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Causes, Refusal, Stage};
use crate::api::kubernetes::Duration;
use crate::semantic::same;

/// Nothing is wrong, and these are the warnings; or why it is refused.
pub type Verdict = Result<Vec<String>, Refusal>;

/// A spec that never changes.
fn spec_stays<T>(spec: &T, old: Option<&T>, causes: &mut Causes)
where
    T: DeserializeOwned + JsonSchema + PartialEq + Serialize,
{
    if !old.is_some_and(|old| same(spec, old)) {
        causes.invalid("spec", "spec in immutable after creation");
    }
}

/// Lengths of time are such; upstream's decoder refuses others.
fn lengths<'a>(lengths: impl IntoIterator<Item = Option<&'a Duration>>) -> Result<(), Refusal> {
    match lengths.into_iter().flatten().find_map(|length| length.nanoseconds().err()) {
        Some(error) => Err(request::refused(error.to_string())),
        None => Ok(()),
    }
}

/// The verdict of rules that warn of nothing.
fn verdict(causes: Causes) -> Verdict {
    let causes = causes.into_vec();
    if causes.is_empty() { Ok(Vec::new()) } else { Err(Refusal::of(Stage::Admit, causes)) }
}
