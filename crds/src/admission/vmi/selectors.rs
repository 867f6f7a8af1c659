//! Label selectors and label names inside affinities, with the messages of Kubernetes' own validation.

use super::list;
use crate::admission::names::{label_value, qualified_name};
use crate::admission::{Causes, Path};
use crate::api::kubernetes::LabelSelector;

/// A label selector is one that the API server would take.
pub(super) fn label_selector(field: &Path, selector: Option<&LabelSelector>, causes: &mut Causes) {
    let Some(selector) = selector else { return };
    for (key, value) in selector.match_labels.iter().flatten() {
        let field = field.at("matchLabels");
        label_name(&field, key, causes);
        for fault in label_value(value) {
            invalid(&field, value, &fault, causes);
        }
    }
    for (place, requirement) in list(&selector.match_expressions).iter().enumerate() {
        let field = field.at("matchExpressions").index(place);
        let values = list(&requirement.values);
        operator(&field, &requirement.operator, values.len(), causes);
        label_name(&field.at("key"), &requirement.key, causes);
        for (place, value) in values.iter().enumerate() {
            for fault in label_value(value) {
                invalid(&field.at("values").index(place), value, &fault, causes);
            }
        }
    }
}

/// An operator has as many values as it needs.
fn operator(field: &Path, operator: &str, values: usize, causes: &mut Causes) {
    match operator {
        "In" | "NotIn" if values == 0 => {
            required(&field.at("values"), "must be specified when `operator` is 'In' or 'NotIn'", causes);
        }
        "Exists" | "DoesNotExist" if values > 0 => {
            forbidden(&field.at("values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'", causes)
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => invalid(&field.at("operator"), other, "not a valid selector operator", causes),
    }
}

/// A label's name is one.
pub(super) fn label_name(field: &Path, name: &str, causes: &mut Causes) {
    for fault in qualified_name(name) {
        invalid(field, name, &fault, causes);
    }
}

/// Adds a value that Kubernetes calls invalid.
pub(super) fn invalid(field: &Path, value: &str, detail: &str, causes: &mut Causes) {
    causes.invalid(field, format!("{field}: Invalid value: {value:?}: {detail}"));
}

/// Adds a value that Kubernetes calls required.
pub(super) fn required(field: &Path, detail: &str, causes: &mut Causes) {
    causes.invalid(field, format!("{field}: Required value: {detail}"));
}

/// Adds a value that Kubernetes calls forbidden.
pub(super) fn forbidden(field: &Path, detail: &str, causes: &mut Causes) {
    causes.invalid(field, format!("{field}: Forbidden: {detail}"));
}
