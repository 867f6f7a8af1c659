//! Whether a label selector chooses what a template makes.

use std::collections::BTreeMap;

use crate::admission::vmi::list;
use crate::admission::{Causes, Path};
use crate::api::kubernetes::{LabelSelector, LabelSelectorRequirement, ObjectMeta};

/// The selector chooses objects with the template's labels. No selector chooses nothing.
pub(super) fn chooses(
    path: &Path,
    selector: Option<&LabelSelector>,
    template: Option<&ObjectMeta>,
    causes: &mut Causes,
) {
    let none = BTreeMap::new();
    let labels = template.and_then(|metadata| metadata.labels.as_ref()).unwrap_or(&none);
    let is_chosen = selector.is_some_and(|selector| {
        let equal = selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
        equal && list(&selector.match_expressions).iter().all(|requirement| holds(requirement, labels))
    });
    if !is_chosen {
        causes.invalid(path.at("selector"), "selector does not match labels.");
    }
}

fn holds(requirement: &LabelSelectorRequirement, labels: &BTreeMap<String, String>) -> bool {
    let value = labels.get(&requirement.key);
    let is_listed = value.is_some_and(|value| list(&requirement.values).contains(value));
    match requirement.operator.as_str() {
        "In" => is_listed,
        "NotIn" => !is_listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        _ => false,
    }
}
