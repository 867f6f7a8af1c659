//! Where the pod may run, by the rules of Kubernetes.

use super::list;
use super::selectors::{forbidden, invalid, label_name, label_selector, required};
use crate::admission::names::{dns_label, dns_subdomain};
use crate::admission::{Causes, Path};
use crate::api::kubernetes::{
    NodeAffinity, NodeSelectorRequirement, NodeSelectorTerm, PodAffinityTerm, TopologySpreadConstraint,
    WeightedPodAffinityTerm,
};
use crate::api::vmi::VirtualMachineInstanceSpec;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// Affinities are such as a pod may have.
pub(super) fn affinity(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let Some(affinity) = &spec.affinity else { return };
    if let Some(nodes) = &affinity.node_affinity {
        node_affinity(&path.at("nodeAffinity"), nodes, causes);
    }
    let near = affinity.pod_affinity.as_ref().map(|pods| {
        (
            "podAffinity",
            &pods.required_during_scheduling_ignored_during_execution,
            &pods.preferred_during_scheduling_ignored_during_execution,
        )
    });
    let far = affinity.pod_anti_affinity.as_ref().map(|pods| {
        (
            "podAntiAffinity",
            &pods.required_during_scheduling_ignored_during_execution,
            &pods.preferred_during_scheduling_ignored_during_execution,
        )
    });
    for (name, hard, soft) in near.into_iter().chain(far) {
        let field = path.at(name);
        for (place, term) in list(hard).iter().enumerate() {
            pod_term(&field.at(REQUIRED).index(place), term, causes);
        }
        for (place, term) in list(soft).iter().enumerate() {
            weighted_pod_term(&field.at(PREFERRED).index(place), term, causes);
        }
    }
}

fn node_affinity(field: &Path, nodes: &NodeAffinity, causes: &mut Causes) {
    if let Some(selector) = &nodes.required_during_scheduling_ignored_during_execution {
        let field = field.at(REQUIRED).at("nodeSelectorTerms");
        if selector.node_selector_terms.is_empty() {
            required(&field, "must have at least one node selector term", causes);
        }
        for (place, term) in selector.node_selector_terms.iter().enumerate() {
            node_term(&field.index(place), term, causes);
        }
    }
    for (place, term) in list(&nodes.preferred_during_scheduling_ignored_during_execution).iter().enumerate() {
        let field = field.at(PREFERRED).index(place);
        weight(&field, term.weight, causes);
        node_term(&field.at("preference"), &term.preference, causes);
    }
}

fn weight(field: &Path, weight: i32, causes: &mut Causes) {
    if !(1..=100).contains(&weight) {
        let field = field.at("weight");
        causes.invalid(&field, format!("{field}: Invalid value: {weight}: must be in the range 1-100"));
    }
}

fn node_term(field: &Path, term: &NodeSelectorTerm, causes: &mut Causes) {
    for (place, requirement) in list(&term.match_expressions).iter().enumerate() {
        node_label(&field.at("matchExpressions").index(place), requirement, causes);
    }
    for (place, requirement) in list(&term.match_fields).iter().enumerate() {
        node_field(&field.at("matchFields").index(place), requirement, causes);
    }
}

fn node_label(field: &Path, requirement: &NodeSelectorRequirement, causes: &mut Causes) {
    let (values, count) = (field.at("values"), list(&requirement.values).len());
    match requirement.operator.as_str() {
        "In" | "NotIn" if count == 0 => {
            required(&values, "must be specified when `operator` is 'In' or 'NotIn'", causes);
        }
        "Exists" | "DoesNotExist" if count > 0 => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            forbidden(&values, detail, causes);
        }
        "Gt" | "Lt" if count != 1 => {
            required(&values, "must be specified single value when `operator` is 'Lt' or 'Gt'", causes);
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => invalid(&field.at("operator"), other, "not a valid selector operator", causes),
    }
    label_name(&field.at("key"), &requirement.key, causes);
}

fn node_field(field: &Path, requirement: &NodeSelectorRequirement, causes: &mut Causes) {
    let values = list(&requirement.values);
    match requirement.operator.as_str() {
        "In" | "NotIn" if values.len() == 1 => {}
        "In" | "NotIn" => {
            let detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
            required(&field.at("values"), detail, causes);
        }
        other => invalid(&field.at("operator"), other, "not a valid selector operator", causes),
    }
    if requirement.key != "metadata.name" {
        return invalid(&field.at("key"), &requirement.key, "not a valid field selector key", causes);
    }
    for (place, value) in values.iter().enumerate() {
        for fault in dns_subdomain(value) {
            invalid(&field.at("values").index(place), value, &fault, causes);
        }
    }
}

fn weighted_pod_term(field: &Path, term: &WeightedPodAffinityTerm, causes: &mut Causes) {
    weight(field, term.weight, causes);
    pod_term(&field.at("podAffinityTerm"), &term.pod_affinity_term, causes);
}

fn pod_term(field: &Path, term: &PodAffinityTerm, causes: &mut Causes) {
    label_selector(&field.at("labelSelector"), term.label_selector.as_ref(), causes);
    label_selector(&field.at("namespaceSelector"), term.namespace_selector.as_ref(), causes);
    for namespace in list(&term.namespaces) {
        for fault in dns_label(namespace) {
            invalid(&field.at("namespace"), namespace, &fault, causes);
        }
    }
    let key = field.at("topologyKey");
    if term.topology_key.is_empty() {
        required(&key, "can not be empty", causes);
    }
    label_name(&key, &term.topology_key, causes);
}

/// Spread constraints are such as a pod may have, and no two are alike.
pub(super) fn spread_constraints(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let path = path.at("topologySpreadConstraints");
    let constraints = list(&spec.topology_spread_constraints);
    for (place, constraint) in constraints.iter().enumerate() {
        let field = path.index(place);
        spread_constraint(&field, constraint, causes);
        label_selector(&path.at("labelSelector"), constraint.label_selector.as_ref(), causes);
        let (key, action) = (&constraint.topology_key, &constraint.when_unsatisfiable);
        let is_same =
            |other: &TopologySpreadConstraint| other.topology_key == *key && other.when_unsatisfiable == *action;
        if constraints.iter().skip(place + 1).any(is_same) {
            let field = field.at("{topologyKey, whenUnsatisfiable}");
            let pair = format!("{{{key}, {action}}}");
            causes.invalid(&field, format!("{field}: Duplicate value: {pair:?}"));
        }
    }
}

fn spread_constraint(field: &Path, constraint: &TopologySpreadConstraint, causes: &mut Causes) {
    if constraint.max_skew <= 0 {
        let (field, skew) = (field.at("maxSkew"), constraint.max_skew);
        causes.invalid(&field, format!("{field}: Invalid value: {skew}: must be greater than zero"));
    }
    let key = field.at("topologyKey");
    if constraint.topology_key.is_empty() {
        required(&key, "can not be empty", causes);
    } else {
        label_name(&key, &constraint.topology_key, causes);
    }
    let action = &constraint.when_unsatisfiable;
    if !["DoNotSchedule", "ScheduleAnyway"].contains(&action.as_str()) {
        let field = field.at("whenUnsatisfiable");
        let message =
            format!("{field}: Unsupported value: {action:?}: supported values: \"DoNotSchedule\", \"ScheduleAnyway\"");
        causes.invalid(&field, message);
    }
}
