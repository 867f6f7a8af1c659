//! The answer to an object, by its kind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::item::namespace;
use super::machine;
use super::world::World;
use crate::admission::kinds::{
    RelatedToKubeVirt, RelatedToMigration, RelatedToRestore, Request, Verdict, admit_backup, admit_backup_tracker,
    admit_clone, admit_export, admit_instancetype, admit_kubevirt, admit_migration, admit_migration_policy, admit_pool,
    admit_preference, admit_preset, admit_replica_set, admit_restore, admit_snapshot, set_clone_defaults,
    set_migration_defaults,
};
use crate::admission::{Cause, Refusal, Stage};
use crate::api::migration::VirtualMachineInstanceMigration;
use crate::api::vmi::{VirtualMachineInstance, VirtualMachineInstanceSpec};
use crate::crd::{KINDS, Kind, Version};
use crate::schema::{Fault, Problem, check, known_only};

/// A source of random UUIDs, for what upstream draws.
pub(super) type Draw<'a> = dyn FnMut() -> String + 'a;

/// The most items that a list may have.
const ITEMS: usize = 10_000;

/// The schemas of the definitions, by kind: each is made once.
static SCHEMAS: LazyLock<BTreeMap<&str, OnceLock<Value>>> =
    LazyLock::new(|| KINDS.iter().map(|kind| (kind.kind, OnceLock::new())).collect());

/// A machine that an object describes.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// The path to its spec.
    pub path: &'static str,
    /// What it is, with its defaults.
    pub spec: VirtualMachineInstanceSpec,
}

/// What is answered to an object.
#[derive(Debug, Default)]
pub(super) struct Answered {
    pub(super) refusal: Option<Refusal>,
    pub(super) warnings: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) stored: Option<Value>,
    pub(super) machines: Vec<Machine>,
}

impl From<Verdict> for Answered {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Ok(warnings) => Self { warnings, ..Self::default() },
            Err(refusal) => Self { refusal: Some(refusal), ..Self::default() },
        }
    }
}

/// What is answered to the creation of an object: what the webhooks say, after what the API server reads strictly.
pub(super) fn answer(kind: &Kind, version: &Version, document: &Value, world: &World, draw: &mut Draw<'_>) -> Answered {
    let faults = faults(kind, document);
    if let Some(refusal) = too_long(document, &faults) {
        return Answered { refusal: Some(refusal), ..Answered::default() };
    }
    let mut answered = webhooks(kind, document, world, draw);
    if answered.refusal.is_none() {
        definition(kind, document, &faults, &mut answered);
    }
    if let Some(refusal) = &mut answered.refusal {
        let unknown: Vec<Fault> = faults.into_iter().filter(is_unknown).collect();
        if !unknown.is_empty() {
            let again = webhooks(kind, &known_only(document.clone(), schema(kind)), world, draw);
            add_untold(refusal, unknown.into_iter().map(cause).chain(again.refusal.into_iter().flat_map(all_causes)));
            answered.machines = again.machines;
        }
    }
    if let Some(deprecation) = version.deprecation {
        answered.warnings.insert(0, deprecation.to_owned());
    }
    if answered.refusal.is_none() {
        answered.stored.get_or_insert_with(|| document.clone());
    }
    answered
}

/// Lists that are too long are refused before any rule sees them: by the definition, as the API server does, or
/// because no machine has such a list, and rules compare each item with each.
fn too_long(document: &Value, faults: &[Fault]) -> Option<Refusal> {
    let is_long = |fault: &&Fault| matches!(&fault.problem, Problem::Limit { rule } if rule.ends_with("items"));
    let long: Vec<Fault> = faults.iter().filter(is_long).cloned().collect();
    if !long.is_empty() {
        return Some(refusal(long));
    }
    let message = format!("A list has more than {ITEMS} items: the object was not looked at");
    (longest(document) > ITEMS).then(|| Refusal::impossible(Stage::Mutate, message))
}

/// How many items the longest list has.
fn longest(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(longest).max().unwrap_or_default().max(items.len()),
        Value::Object(fields) => fields.values().map(longest).max().unwrap_or_default(),
        _ => 0,
    }
}

fn webhooks(kind: &Kind, document: &Value, world: &World, draw: &mut Draw<'_>) -> Answered {
    let config = &world.config;
    let request = request(document);
    match kind.kind {
        "VirtualMachineInstance" => machine::instance(document, world, draw),
        "VirtualMachine" => machine::machine(document, world, draw),
        "VirtualMachineInstanceReplicaSet" => {
            let verdict = admit_replica_set(&request, config);
            machine::template(verdict, document, "/spec/template/spec", "spec.template.spec", config)
        }
        "VirtualMachinePool" => {
            let path = "spec.virtualMachineTemplate.spec.template.spec";
            let pointer = "/spec/virtualMachineTemplate/spec/template/spec";
            machine::template(admit_pool(&request, config), document, pointer, path, config)
        }
        "VirtualMachineInstanceMigration" => migration(document, world),
        "VirtualMachineInstancePreset" => admit_preset(&request).into(),
        "VirtualMachineSnapshot" => admit_snapshot(&request, config).into(),
        "VirtualMachineRestore" => admit_restore(&request, config, RelatedToRestore::default()).into(),
        "VirtualMachineClone" => match set_clone_defaults(&request, &suffix(draw)) {
            Ok(clone) => changed(&clone, |request| admit_clone(request, config)),
            Err(refusal) => Err(refusal).into(),
        },
        "VirtualMachineExport" => admit_export(&request, config).into(),
        "VirtualMachineBackup" => admit_backup(&request, config, &[]).into(),
        "VirtualMachineBackupTracker" => admit_backup_tracker(&request, config).into(),
        "VirtualMachineInstancetype" | "VirtualMachineClusterInstancetype" => admit_instancetype(&request).into(),
        "VirtualMachinePreference" | "VirtualMachineClusterPreference" => admit_preference(&request).into(),
        "MigrationPolicy" => admit_migration_policy(&request, config).into(),
        "KubeVirt" => {
            let installations = usize::from(!world.is_installation(document));
            admit_kubevirt(&request, RelatedToKubeVirt { installations, ..RelatedToKubeVirt::default() }).into()
        }
        _ => only_definition(kind, document).into(),
    }
}

pub(super) fn request(object: &Value) -> Request<'_> {
    Request { namespace: namespace(object), ..Request::create(object) }
}

/// The answer to an object that a webhook has changed.
pub(super) fn changed(object: &impl Serialize, admit: impl FnOnce(&Request<'_>) -> Verdict) -> Answered {
    match serde_json::to_value(object) {
        Ok(stored) => {
            let answered = Answered::from(admit(&request(&stored)));
            Answered { stored: Some(stored), ..answered }
        }
        Err(error) => Err(Refusal::unreadable(Stage::Mutate, error.to_string())).into(),
    }
}

/// A short random text for a name.
fn suffix(draw: &mut Draw<'_>) -> String {
    draw().chars().filter(char::is_ascii_alphanumeric).take(5).collect()
}

/// Whether the instance runs and can migrate only its cluster knows: an instance that is not among the documents is
/// taken for one that can.
fn migration(document: &Value, world: &World) -> Answered {
    let mut migration = VirtualMachineInstanceMigration::deserialize(document).unwrap_or_default();
    let namespace = migration.metadata.namespace.clone().unwrap_or_else(|| "default".to_owned());
    let name = migration.spec.vmi_name.clone().unwrap_or_default();
    let stand_in = VirtualMachineInstance::default();
    let instance = world.instance(&namespace, &name);
    let related = RelatedToMigration { instance: instance.or(Some(&stand_in)), migrations: &[] };
    let verdict = admit_migration(&request(document), &world.config, related);
    let mut answered = Answered::from(verdict);
    if answered.refusal.is_none() {
        set_migration_defaults(&mut migration);
        answered.stored = serde_json::to_value(&migration).ok();
        if instance.is_none() {
            let note = "is in none of the files: whether it runs and can migrate was not looked at";
            answered.notes.push(format!("VirtualMachineInstance {namespace}/{name} {note}"));
        }
    }
    answered
}

/// What the kind's definition says of an object that the webhooks allow. Fields that it does not know are refused, as
/// the API server does for `kubectl`; what else it would refuse is a note, because this answer is the webhooks'.
fn definition(kind: &Kind, document: &Value, faults: &[Fault], answered: &mut Answered) {
    let unknown: Vec<Fault> = faults.iter().filter(|fault| is_unknown(fault)).cloned().collect();
    if !unknown.is_empty() {
        answered.refusal = Some(refusal(unknown));
        return;
    }
    let stored = answered.stored.as_ref().unwrap_or(document);
    let still = if faults.is_empty() { Vec::new() } else { self::faults(kind, stored) };
    let note = |fault: &Fault| format!("the installed definition of the kind refuses this: {fault}");
    answered.notes.extend(still.iter().map(note));
}

fn is_unknown(fault: &Fault) -> bool {
    matches!(fault.problem, Problem::Unknown { .. })
}

/// Adds what is wrong besides, which whoever mends the object wants to know at once: upstream tells what its rules say
/// only when there are no unknown fields.
fn add_untold(refusal: &mut Refusal, causes: impl Iterator<Item = Cause>) {
    let mut known: BTreeSet<(String, String)> = refusal
        .causes
        .iter()
        .chain(&refusal.untold)
        .map(|cause| (cause.field.clone(), cause.message.clone()))
        .collect();
    refusal.untold.extend(causes.filter(|cause| known.insert((cause.field.clone(), cause.message.clone()))));
}

fn all_causes(refusal: Refusal) -> impl Iterator<Item = Cause> {
    refusal.causes.into_iter().chain(refusal.untold)
}

/// The answer to a kind that has no webhook.
fn only_definition(kind: &Kind, document: &Value) -> Verdict {
    let faults = faults(kind, document);
    if faults.is_empty() { Ok(Vec::new()) } else { Err(refusal(faults)) }
}

fn faults(kind: &Kind, document: &Value) -> Vec<Fault> {
    check(document, schema(kind))
}

/// The schema of a kind; `null`, which allows everything, for one that is none of ours.
fn schema(kind: &Kind) -> &'static Value {
    SCHEMAS.get(kind.kind).map_or(&Value::Null, |schema| schema.get_or_init(kind.schema))
}

fn refusal(faults: Vec<Fault>) -> Refusal {
    Refusal::of(Stage::Admit, faults.into_iter().map(cause).collect())
}

fn cause(fault: Fault) -> Cause {
    Cause { place: Some(fault.path.clone()), ..Cause::new(None, fault.field(), fault.to_string()) }
}
