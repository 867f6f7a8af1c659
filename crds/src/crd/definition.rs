//! A kind's CustomResourceDefinition.

use serde_json::{Map, Value, json};

use super::{Column, Kind, Scope, Version};

/// The CustomResourceDefinition of a kind.
pub fn definition(kind: &Kind) -> Value {
    let label = if kind.kind == "KubeVirt" { "operator.kubevirt.io" } else { "kubevirt.io" };
    let schema = (kind.schema)();
    let versions: Vec<Value> = kind.versions.iter().map(|version| self::version(kind, version, &schema)).collect();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": kind.definition_name(), "labels": { label: "" } },
        "spec": {
            "group": kind.group,
            "names": names(kind),
            "scope": match kind.scope {
                Scope::Namespaced => "Namespaced",
                Scope::Cluster => "Cluster",
            },
            "versions": versions,
        },
    })
}

fn names(kind: &Kind) -> Value {
    let mut names = json!({ "kind": kind.kind, "plural": kind.plural, "singular": kind.singular() });
    if !kind.short_names.is_empty() {
        names["shortNames"] = json!(kind.short_names);
    }
    if kind.scope == Scope::Namespaced {
        names["categories"] = json!(["all"]);
    }
    names
}

fn version(kind: &Kind, version: &Version, schema: &Value) -> Value {
    let mut entry = json!({
        "name": version.name,
        "served": true,
        "storage": version.storage,
        "schema": { "openAPIV3Schema": schema },
    });
    if let Some(warning) = version.deprecation {
        entry["deprecated"] = json!(true);
        entry["deprecationWarning"] = json!(warning);
    }
    if !kind.columns.is_empty() {
        entry["additionalPrinterColumns"] = kind.columns.iter().map(column).collect();
    }
    let mut subresources = Map::new();
    if kind.status {
        subresources.insert("status".to_owned(), json!({}));
    }
    if kind.scale {
        let scale = json!({
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.labelSelector",
        });
        subresources.insert("scale".to_owned(), scale);
    }
    if !subresources.is_empty() {
        entry["subresources"] = Value::Object(subresources);
    }
    entry
}

fn column(column: &Column) -> Value {
    let mut entry = json!({ "name": column.name, "type": column.type_, "jsonPath": column.path });
    if column.wide {
        entry["priority"] = json!(1);
    }
    entry
}

/// A document as YAML, with the fields of an object in alphabetical order.
///
/// # Errors
///
/// When the encoder fails, which no JSON value makes it do.
pub fn to_yaml(document: &Value) -> Result<String, serde_saphyr::ser::Error> {
    serde_saphyr::to_string(document)
}
