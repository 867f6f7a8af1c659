//! Presets: parts of a domain that instances with matching labels are given, where they have none of their own.
//!
//! A part is taken whole or not at all. Presets that contradict each other refuse the instance; an instance that
//! contradicts a preset keeps its own.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::admission::kinds::{matches, selector_fault};
use crate::api::preset::VirtualMachineInstancePreset;
use crate::api::vmi::{Clock, DomainSpec, VirtualMachineInstance};
use crate::semantic::same;

/// Instances with this annotation are given nothing.
const EXCLUDED: &str = "virtualmachineinstancepresets.admission.kubevirt.io/exclude";

/// Why presets cannot be applied.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum PresetError {
    /// Two of them say different things.
    #[error("VirtualMachinePresets cannot be applied due to conflicts: {0}")]
    Conflicts(String),
    /// A selector is none.
    #[error("{0}")]
    Selector(String),
}

/// Gives an instance what the presets of its namespace say that choose it, and annotates it with their names.
///
/// # Errors
///
/// [`PresetError`]; the instance is unchanged then.
pub fn apply_presets(
    vmi: &mut VirtualMachineInstance,
    presets: &[VirtualMachineInstancePreset],
) -> Result<(), PresetError> {
    if vmi.metadata.annotation(EXCLUDED) == Some("true") {
        return Ok(());
    }
    let chosen = chosen(vmi, presets)?;
    agree(&chosen)?;
    for (name, domain) in chosen {
        if give(domain, &mut vmi.spec.domain) {
            let annotations = vmi.metadata.annotations.get_or_insert_default();
            annotations.insert(format!("virtualmachinepreset.kubevirt.io/{name}"), "kubevirt.io/v1".to_owned());
        }
    }
    Ok(())
}

/// A preset's name and domain.
type Named<'a> = (&'a str, &'a DomainSpec);

fn chosen<'a>(
    vmi: &VirtualMachineInstance,
    presets: &'a [VirtualMachineInstancePreset],
) -> Result<Vec<Named<'a>>, PresetError> {
    let mut chosen = Vec::new();
    for preset in presets {
        let Some(spec) = &preset.spec else { continue };
        if let Some(fault) = selector_fault(&spec.selector) {
            return Err(PresetError::Selector(fault));
        }
        if let Some(domain) = &spec.domain
            && matches(&spec.selector, vmi.metadata.labels.as_ref())
        {
            chosen.push((preset.metadata.name.as_deref().unwrap_or_default(), domain));
        }
    }
    Ok(chosen)
}

/// Each preset agrees with those before it.
fn agree(presets: &[Named<'_>]) -> Result<(), PresetError> {
    let mut all = Vec::new();
    for (place, (name, domain)) in presets.iter().enumerate() {
        for (other, before) in presets.iter().take(place) {
            let found = conflicts(domain, before);
            if !found.is_empty() {
                all.push(format!("presets '{name}' and '{other}' conflict: {}", together(&found)));
            }
        }
    }
    if all.is_empty() { Ok(()) } else { Err(PresetError::Conflicts(together(&all))) }
}

/// Several messages as one, as upstream writes them.
fn together(messages: &[String]) -> String {
    match messages {
        [only] => only.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

/// The parts that both domains have and that differ.
fn conflicts(domain: &DomainSpec, other: &DomainSpec) -> Vec<String> {
    let mut found = Vec::new();
    let requests = |domain: &DomainSpec| domain.resources.clone().and_then(|resources| resources.requests);
    if let (Some(ours), Some(theirs)) = (requests(domain), requests(other)) {
        for (name, ours) in &ours {
            compare(format_args!("spec.resources.requests[{name}]"), Some(ours), theirs.get(name), &mut found);
        }
    }
    compare("spec.cpu", domain.cpu.as_ref(), other.cpu.as_ref(), &mut found);
    compare("spec.firmware", domain.firmware.as_ref(), other.firmware.as_ref(), &mut found);
    if let (Some(ours), Some(theirs)) = (&domain.clock, &other.clock) {
        compare("spec.clock.clockoffset", Some(&offset(ours)), Some(&offset(theirs)), &mut found);
        compare("spec.clock.timer", ours.timer.as_ref(), theirs.timer.as_ref(), &mut found);
    }
    compare("spec.features", domain.features.as_ref(), other.features.as_ref(), &mut found);
    let watchdogs = (domain.devices.watchdog.as_ref(), other.devices.watchdog.as_ref());
    compare("spec.devices.watchdog", watchdogs.0, watchdogs.1, &mut found);
    let policies = (domain.io_threads_policy.as_ref(), other.io_threads_policy.as_ref());
    compare("spec.ioThreadsPolicy", policies.0, policies.1, &mut found);
    found
}

fn compare<T>(field: impl fmt::Display, ours: Option<&T>, theirs: Option<&T>, found: &mut Vec<String>)
where
    T: DeserializeOwned + JsonSchema + PartialEq + Serialize,
{
    if let (Some(ours), Some(theirs)) = (ours, theirs)
        && !same(ours, theirs)
    {
        let told = |value: &T| serde_json::to_string(value).unwrap_or_default();
        found.push(format!("{field}: {} != {}", told(ours), told(theirs)));
    }
}

/// A clock without its timers.
fn offset(clock: &Clock) -> Clock {
    Clock { timer: None, ..clock.clone() }
}

/// Whether something of the preset is now what the machine has.
fn give(preset: &DomainSpec, domain: &mut DomainSpec) -> bool {
    let requests = preset.resources.as_ref().and_then(|resources| resources.requests.clone());
    let mut is_given = match requests.filter(|requests| !requests.is_empty()) {
        Some(requests) => part(&Some(requests), &mut domain.resources.get_or_insert_default().requests),
        None => false,
    };
    is_given |= part(&preset.cpu, &mut domain.cpu);
    is_given |= part(&preset.firmware, &mut domain.firmware);
    if let Some(clock) = &preset.clock {
        is_given |= give_clock(clock, domain.clock.get_or_insert_with(|| offset(clock)));
    }
    is_given |= part(&preset.features, &mut domain.features);
    is_given |= part(&preset.devices.watchdog, &mut domain.devices.watchdog);
    is_given |= part(&preset.io_threads_policy, &mut domain.io_threads_policy);
    is_given
}

fn give_clock(preset: &Clock, clock: &mut Clock) -> bool {
    let is_equal = same(clock, preset);
    part(&preset.timer, &mut clock.timer) || is_equal
}

/// Gives a part to a machine that has none; whether the machine has the preset's now.
fn part<T>(preset: &Option<T>, own: &mut Option<T>) -> bool
where
    T: Clone + DeserializeOwned + JsonSchema + PartialEq + Serialize,
{
    if own.is_none() {
        own.clone_from(preset);
    }
    preset.as_ref().zip(own.as_ref()).is_some_and(|(preset, own)| same(preset, own))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn preset(name: &str, domain: Value) -> VirtualMachineInstancePreset {
        let selector = json!({ "matchLabels": { "size": "small" } });
        let preset = json!({ "metadata": { "name": name }, "spec": { "selector": selector, "domain": domain } });
        serde_json::from_value(preset).unwrap()
    }

    fn vmi(labels: Value, domain: Value) -> VirtualMachineInstance {
        let mut domain = domain;
        domain["devices"] = json!({});
        let vmi = json!({ "metadata": { "name": "a", "labels": labels }, "spec": { "domain": domain } });
        serde_json::from_value(vmi).unwrap()
    }

    fn small(domain: Value, presets: &[VirtualMachineInstancePreset]) -> (Value, Vec<String>) {
        let mut vmi = vmi(json!({ "size": "small" }), domain);
        apply_presets(&mut vmi, presets).unwrap();
        let names = vmi.metadata.annotations.unwrap_or_default().into_keys().collect();
        let mut domain = serde_json::to_value(vmi.spec.domain).unwrap();
        domain.as_object_mut().unwrap().remove("devices");
        (domain, names)
    }

    #[test]
    fn an_instance_gets_the_parts_that_it_lacks() {
        let cpu = json!({ "cpu": { "cores": 2 }, "ioThreadsPolicy": "auto" });
        let clock = json!({ "clock": { "timezone": "a", "timer": { "hpet": { "present": false } } } });
        let (domain, names) = small(json!({}), &[preset("p", cpu.clone()), preset("q", clock.clone())]);
        let annotations = ["virtualmachinepreset.kubevirt.io/p", "virtualmachinepreset.kubevirt.io/q"];
        assert_eq!(names, annotations);
        assert_eq!((&domain["cpu"], &domain["ioThreadsPolicy"]), (&cpu["cpu"], &cpu["ioThreadsPolicy"]));
        assert_eq!(domain["clock"], clock["clock"]);
    }

    #[test]
    fn an_instance_keeps_what_it_has() {
        let own = json!({ "cpu": { "cores": 4 }, "resources": { "requests": { "memory": "1Gi" } } });
        let liked = json!({ "cpu": { "cores": 2 }, "resources": { "requests": { "memory": "2Gi", "cpu": "1" } } });
        assert_eq!(small(own.clone(), &[preset("p", liked)]), (own.clone(), Vec::new()));
        // What is equal counts as given.
        let same = json!({ "resources": { "requests": { "memory": "1024Mi" } } });
        assert_eq!(small(own, &[preset("p", same)]).1.len(), 1);
    }

    #[test]
    fn presets_choose_by_labels_and_can_be_kept_away() {
        let presets = [preset("p", json!({ "cpu": { "cores": 2 } }))];
        let mut other = vmi(json!({ "size": "large" }), json!({}));
        apply_presets(&mut other, &presets).unwrap();
        assert_eq!(other.spec.domain.cpu, None);
        let mut excluded = vmi(json!({ "size": "small" }), json!({}));
        excluded.metadata.annotations = Some([(EXCLUDED.to_owned(), "true".to_owned())].into());
        apply_presets(&mut excluded, &presets).unwrap();
        assert_eq!(excluded.spec.domain.cpu, None);
    }

    #[test]
    fn presets_that_contradict_each_other_are_refused() {
        let presets = [preset("p", json!({ "cpu": { "cores": 2 } })), preset("q", json!({ "cpu": { "cores": 3 } }))];
        let error = apply_presets(&mut vmi(json!({ "size": "small" }), json!({})), &presets).unwrap_err();
        assert_eq!(
            error.to_string(),
            "VirtualMachinePresets cannot be applied due to conflicts: presets 'q' and 'p' conflict: \
             spec.cpu: {\"cores\":3} != {\"cores\":2}"
        );
        let mut odd = preset("p", json!({}));
        let requirement = json!([{ "key": "a", "operator": "Like" }]);
        odd.spec.as_mut().unwrap().selector.match_expressions = serde_json::from_value(requirement).unwrap();
        let error = apply_presets(&mut vmi(json!({}), json!({})), &[odd]).unwrap_err();
        assert_eq!(error.to_string(), "\"Like\" is not a valid label selector operator");
    }
}
