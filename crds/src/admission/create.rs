//! The creation of an object: read, set defaults, store, apply the rules.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::read::read;
use super::{Answer, Refusal, Stage, vmi, webhook_schema};
use crate::api::preset::VirtualMachineInstancePreset;
use crate::api::vmi::VirtualMachineInstance;
use crate::config::ClusterConfig;
use crate::crd::structural_schema;
use crate::defaults::{NewInstance, apply_presets, as_stored, set_defaults};

static SCHEMA: LazyLock<Value> = LazyLock::new(structural_schema::<VirtualMachineInstance>);
pub(super) static WEBHOOK_SCHEMA: LazyLock<Value> = LazyLock::new(|| webhook_schema::of(SCHEMA.clone()));

/// What upstream answers to the creation of a `VirtualMachineInstance`.
pub fn create_vmi(document: &Value, config: &ClusterConfig, drawn: NewInstance<'_>) -> Answer {
    create_vmi_with(&[], document, config, drawn)
}

/// The same in a namespace that has presets.
pub fn create_vmi_with(
    presets: &[VirtualMachineInstancePreset],
    document: &Value,
    config: &ClusterConfig,
    drawn: NewInstance<'_>,
) -> Answer {
    let refused = |refusal| Answer { stored: None, refusal: Some(refusal), warnings: Vec::new() };
    let mut instance: VirtualMachineInstance = match read(document, &WEBHOOK_SCHEMA, Stage::Mutate) {
        Ok(instance) => instance,
        Err(refusal) => return refused(refusal),
    };
    if let Err(error) = apply_presets(&mut instance, presets) {
        return refused(Refusal::impossible(Stage::Mutate, error.to_string()));
    }
    if let Err(error) = set_defaults(&mut instance, config, drawn) {
        return refused(Refusal::unreadable(Stage::Mutate, error.to_string()));
    }
    let (stored, instance) = match store(&instance) {
        Ok(stored) => stored,
        Err(error) => return refused(Refusal::unreadable(Stage::Mutate, error.to_string())),
    };
    let causes = vmi::validate_new(&instance, config, drawn.requester);
    let refusal = (!causes.is_empty()).then(|| Refusal::of(Stage::Admit, causes));
    let warnings = if refusal.is_none() { vmi::warnings(&instance.spec, config) } else { Vec::new() };
    Answer { stored: Some(stored), refusal, warnings }
}

/// The instance as it is stored, and as it is read again.
fn store(instance: &VirtualMachineInstance) -> serde_json::Result<(Value, VirtualMachineInstance)> {
    let mut document = serde_json::to_value(instance)?;
    let spec = take(&mut document, "spec");
    let mut stored = Map::new();
    stored.insert("spec".to_owned(), spec);
    let mut stored = as_stored(Value::Object(stored), &SCHEMA);
    let metadata = take(&mut document, "metadata");
    stored["metadata"] = metadata;
    let instance = serde_json::from_value(stored.clone())?;
    Ok((stored, instance))
}

fn take(document: &mut Value, field: &str) -> Value {
    document.get_mut(field).map(Value::take).unwrap_or_default()
}
