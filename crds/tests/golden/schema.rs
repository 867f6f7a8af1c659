//! Upstream's schemas and ours say the same of every field, but for what `schema-differences.yaml` lists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crds::crd::{KINDS, definition};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::reference::{documents, reference, yaml_files};

/// A difference that is meant: of any field, because none changes what is accepted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    keyword: String,
    upstream: Value,
    ours: Value,
    #[expect(dead_code, reason = "for readers")]
    reason: String,
}

type Facts = BTreeMap<String, Map<String, Value>>;

/// What a schema says of each path, without upstream's prose.
fn facts(schema: &Value, path: &str, found: &mut Facts) {
    let mut said = schema.as_object().unwrap().clone();
    for below in ["properties", "items", "description"] {
        said.remove(below);
    }
    for unordered in ["required", "enum"] {
        if let Some(Value::Array(names)) = said.get_mut(unordered) {
            names.sort_by_key(ToString::to_string);
        }
    }
    if said.get("additionalProperties").is_some_and(Value::is_object) {
        said.remove("additionalProperties");
        facts(&schema["additionalProperties"], &format!("{path}{{}}"), found);
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        facts(schema, &format!("{path}.{name}"), found);
    }
    if schema.get("items").is_some() {
        facts(&schema["items"], &format!("{path}[]"), found);
    }
    found.insert(path.to_owned(), said);
}

/// The definition without its schemas and upstream's prose, and the facts of each version.
fn take_apart(mut definition: Value) -> (Value, BTreeMap<String, Facts>) {
    let mut versions = BTreeMap::new();
    for version in definition["spec"]["versions"].as_array_mut().unwrap() {
        let schema = version.as_object_mut().unwrap().remove("schema").unwrap();
        let mut found = Facts::new();
        facts(&schema["openAPIV3Schema"], "", &mut found);
        versions.insert(version["name"].as_str().unwrap().to_owned(), found);
        for column in version["additionalPrinterColumns"].as_array_mut().into_iter().flatten() {
            column.as_object_mut().unwrap().remove("description");
        }
        version.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    }
    // Set by the API server, and what it takes for granted.
    definition.as_object_mut().unwrap().remove("status");
    definition["spec"].as_object_mut().unwrap().remove("conversion");
    (definition, versions)
}

#[test]
fn our_definitions_are_upstream_s() {
    let Some(reference) = reference() else { return };
    let listed: Vec<Difference> = serde_saphyr::from_str(include_str!("schema-differences.yaml")).unwrap();
    let mut used = BTreeSet::new();
    let mut unexplained = Vec::new();
    let mut compared = 0;
    let names: BTreeSet<String> = KINDS.iter().map(|kind| format!("{}.yaml", kind.definition_name())).collect();
    let files = yaml_files(&reference.join("crds"));
    let files = files.iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names, files, "a kind is missing");
    for kind in &KINDS {
        let file = reference.join("crds").join(format!("{}.yaml", kind.definition_name()));
        let upstream = documents(&fs::read_to_string(&file).unwrap()).remove(0);
        let (upstream, upstream_versions) = take_apart(upstream);
        let (ours, our_versions) = take_apart(definition(kind));
        assert_eq!(ours, upstream, "{}", kind.kind);
        for (version, upstream) in &upstream_versions {
            let ours = &our_versions[version];
            assert_eq!(
                ours.keys().collect::<Vec<_>>(),
                upstream.keys().collect::<Vec<_>>(),
                "the fields of {} {version}",
                kind.kind
            );
            for (path, upstream) in upstream {
                let ours = &ours[path];
                compared += 1;
                for keyword in upstream.keys().chain(ours.keys()).collect::<BTreeSet<_>>() {
                    let (upstream, ours) = (&upstream.get(keyword), &ours.get(keyword));
                    if upstream == ours {
                        continue;
                    }
                    let (upstream, ours) = (upstream.unwrap_or(&Value::Null), ours.unwrap_or(&Value::Null));
                    let place = listed.iter().position(|difference| {
                        difference.keyword == *keyword && difference.upstream == *upstream && difference.ours == *ours
                    });
                    match place {
                        Some(place) => drop(used.insert(place)),
                        None => unexplained.push(format!("{}{path}: {keyword}: {upstream} is {ours} here", kind.kind)),
                    }
                }
            }
        }
    }
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
    assert_eq!(used.len(), listed.len(), "a listed difference is none any more");
    assert!(compared > 11_000, "only {compared} fields compared");
}
