//! Whether a label selector chooses what a template makes.

use std::collections::BTreeMap;
use std::slice;

use crate::admission::names::{label_value, qualified_name};
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
    let is_chosen = |selector| matches(selector, template.and_then(|metadata| metadata.labels.as_ref()));
    if let Some(fault) = selector.and_then(fault) {
        causes.invalid(path.at("selector"), fault);
    } else if !selector.is_some_and(is_chosen) {
        causes.invalid(path.at("selector"), "selector does not match labels.");
    }
}

/// Why a selector is none, as upstream's libraries tell it: the first of its requirements that makes no sense.
pub(crate) fn fault(selector: &LabelSelector) -> Option<String> {
    let exact = selector.match_labels.iter().flatten();
    let exact = exact.map(|(key, value)| requirement_fault(key, None, slice::from_ref(value)));
    let others = list(&selector.match_expressions).iter();
    let others = others.map(|requirement| {
        let operator = requirement.operator.as_str();
        requirement_fault(&requirement.key, Some(operator), list(&requirement.values))
    });
    exact.chain(others).find_map(|fault| fault)
}

/// Key and values can be those of a label, and there are as many values as the operator takes.
fn requirement_fault(key: &str, operator: Option<&str>, values: &[String]) -> Option<String> {
    let mut faults = Vec::new();
    let mut invalid =
        |field: &str, value: String, why: &str| faults.push(format!("{field}: Invalid value: {value}: {why}"));
    let is_known = matches!(operator, None | Some("In" | "NotIn" | "Exists" | "DoesNotExist"));
    if !is_known {
        return Some(format!("{:?} is not a valid label selector operator", operator.unwrap_or_default()));
    }
    let why = qualified_name(key);
    if !why.is_empty() {
        invalid("key", format!("{key:?}"), &why.join("; "));
    }
    match operator {
        Some("In" | "NotIn") if values.is_empty() => {
            let why = "for 'in', 'notin' operators, values set can't be empty";
            invalid("values", "[]string(nil)".to_owned(), why);
        }
        Some("Exists" | "DoesNotExist") if !values.is_empty() => {
            let told: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
            let why = "values set must be empty for exists and does not exist";
            invalid("values", format!("[]string{{{}}}", told.join(", ")), why);
        }
        _ => {}
    }
    for (place, value) in values.iter().enumerate() {
        let why = label_value(value);
        if !why.is_empty() {
            invalid(&format!("values[{place}][{key}]"), format!("{value:?}"), &why.join("; "));
        }
    }
    match faults.as_slice() {
        [] => None,
        [fault] => Some(fault.clone()),
        faults => Some(format!("[{}]", faults.join(", "))),
    }
}

/// Whether a selector chooses an object with these labels.
pub(crate) fn matches(selector: &LabelSelector, labels: Option<&BTreeMap<String, String>>) -> bool {
    let none = BTreeMap::new();
    let labels = labels.unwrap_or(&none);
    let equal = selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    equal && list(&selector.match_expressions).iter().all(|requirement| holds(requirement, labels))
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn told(selector: Value) -> String {
        let selector = serde_json::from_value(selector).unwrap();
        let template = serde_json::from_value(json!({ "labels": { "a": "b" } })).unwrap();
        let mut causes = Causes::default();
        chooses(&Path::new("spec"), Some(&selector), Some(&template), &mut causes);
        causes.into_vec().pop().map(|cause| cause.message).unwrap_or_default()
    }

    #[test]
    fn a_selector_chooses_by_equality_and_by_requirements() {
        let requirement = |operator: &str, values: Value| {
            told(json!({ "matchExpressions": [{ "key": "a", "operator": operator, "values": values }] }))
        };
        let other = "selector does not match labels.";
        assert_eq!(told(json!({})), "");
        assert_eq!(told(json!({ "matchLabels": { "a": "b" } })), "");
        assert_eq!(told(json!({ "matchLabels": { "a": "c" } })), other);
        for (operator, values, message) in [
            ("In", json!(["b"]), ""),
            ("In", json!(["c"]), other),
            ("NotIn", json!(["b"]), other),
            ("NotIn", json!(["c"]), ""),
            ("Exists", json!(null), ""),
            ("DoesNotExist", json!(null), other),
        ] {
            assert_eq!(requirement(operator, values), message, "{operator}");
        }
    }

    #[test]
    fn a_selector_that_is_none_is_told() {
        let one = |key: &str, operator: &str, values: Value| {
            told(json!({ "matchExpressions": [{ "key": key, "operator": operator, "values": values }] }))
        };
        assert_eq!(one("a", "Like", json!(["b"])), "\"Like\" is not a valid label selector operator");
        let empty = "values: Invalid value: []string(nil): for 'in', 'notin' operators, values set can't be empty";
        assert_eq!(one("a", "In", json!([])), empty);
        let full = "values: Invalid value: []string{\"b\"}: values set must be empty for exists and does not exist";
        assert_eq!(one("a", "Exists", json!(["b"])), full);
        assert!(one("a b", "Exists", json!(null)).starts_with("key: Invalid value: \"a b\": name part must"));
        assert!(one("a", "In", json!(["!"])).starts_with("values[0][a]: Invalid value: \"!\": a valid label must"));
    }
}
