//! What may not change while a snapshot or a restore of a machine is under way.

use super::{Operation, Request};
use crate::admission::vmi::list;
use crate::admission::{Causes, Reason};
use crate::api::vm::{VirtualMachine, VirtualMachineSpec};
use crate::api::vmi::Volume;
use crate::semantic::same;

/// Volumes and whether it runs stay while there is a snapshot of a machine, its strategy while it is restored. The
/// first thing that is wrong ends it.
pub(super) fn validate(request: &Request<'_>, vm: &VirtualMachine) -> Causes {
    let mut causes = Causes::default();
    let Some(status) = vm.status.as_ref().filter(|_| request.operation == Operation::Update) else { return causes };
    let (snapshot, restore) = (&status.snapshot_in_progress, &status.restore_in_progress);
    if snapshot.is_none() && restore.is_none() {
        return causes;
    }
    let Some(old) = request.old_as::<VirtualMachine>() else {
        causes.add(Reason::UnexpectedServerResponse, "", "Could not fetch old vm");
        return causes;
    };
    let message = snapshot
        .as_ref()
        .and_then(|name| {
            snapshot_fault(&old.spec, &vm.spec).map(|fault| format!("{fault} until snapshot {name:?} completes"))
        })
        .or_else(|| {
            let name = restore.as_ref().filter(|_| strategy(&old.spec) != strategy(&vm.spec))?;
            Some(format!("Cannot update VM runStrategy until restore {name:?} completes"))
        });
    message.into_iter().for_each(|message| causes.not_supported("spec", message));
    causes
}

fn snapshot_fault(old: &VirtualMachineSpec, new: &VirtualMachineSpec) -> Option<&'static str> {
    let (before, after) = (volumes(old), volumes(new));
    if before.len() != after.len() || before.iter().zip(after).any(|(old, new)| !same(old, new)) {
        return Some("Cannot update vm disks or volumes");
    }
    let stays = match (old.running, new.running) {
        (Some(old), Some(new)) => old == new,
        _ => old.run_strategy.is_some() && old.run_strategy == new.run_strategy,
    };
    (!stays).then_some("Cannot update vm running state")
}

fn volumes(spec: &VirtualMachineSpec) -> &[Volume] {
    let template = spec.template.as_ref().and_then(|template| template.spec.as_ref());
    template.map(|machine| list(&machine.volumes)).unwrap_or_default()
}

/// When the machine runs; nothing where that is said twice.
fn strategy(spec: &VirtualMachineSpec) -> Option<&str> {
    match (spec.running, spec.run_strategy.as_deref()) {
        (Some(_), Some(_)) => None,
        (Some(true), None) => Some("Always"),
        (None, Some(strategy)) => Some(strategy),
        _ => Some("Halted"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn machine(strategy: &str, capacity: &str, status: Value) -> Value {
        let volumes = json!([{ "name": "a", "emptyDisk": { "capacity": capacity } }]);
        let template = json!({ "spec": { "domain": { "devices": {} }, "volumes": volumes } });
        json!({ "spec": { "runStrategy": strategy, "template": template }, "status": status })
    }

    fn message(old: &Value, new: &Value) -> String {
        let vm = serde_json::from_value(new.clone()).unwrap();
        let causes = validate(&Request::update(new, old), &vm).into_vec();
        causes.into_iter().map(|cause| cause.message).collect()
    }

    #[test]
    fn a_snapshot_holds_volumes_and_running_state() {
        let old = machine("Always", "1Gi", json!({}));
        let taken = json!({ "snapshotInProgress": "s" });
        assert_eq!(message(&old, &machine("Always", "1024Mi", taken.clone())), "");
        let volumes = "Cannot update vm disks or volumes until snapshot \"s\" completes";
        assert_eq!(message(&old, &machine("Always", "2Gi", taken.clone())), volumes);
        let state = "Cannot update vm running state until snapshot \"s\" completes";
        assert_eq!(message(&old, &machine("Halted", "1Gi", taken)), state);
        assert_eq!(message(&old, &machine("Halted", "2Gi", json!({}))), "");
    }

    #[test]
    fn a_restore_holds_the_strategy() {
        let old = machine("Halted", "1Gi", json!({}));
        let restored = json!({ "restoreInProgress": "r" });
        assert_eq!(message(&old, &machine("Halted", "2Gi", restored.clone())), "");
        let strategy = "Cannot update VM runStrategy until restore \"r\" completes";
        assert_eq!(message(&old, &machine("Always", "1Gi", restored.clone())), strategy);
        let mut older = old;
        older["spec"]["runStrategy"] = json!(null);
        older["spec"]["running"] = json!(false);
        assert_eq!(message(&older, &machine("Halted", "1Gi", restored)), "");
    }

    #[test]
    fn what_was_there_before_must_be_known() {
        let new = machine("Halted", "1Gi", json!({ "restoreInProgress": "r" }));
        assert_eq!(message(&json!([]), &new), "Could not fetch old vm");
    }
}
