//! Reading and writing a document changes nothing: absent, empty, zero and false stay apart.

#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use crds::crd::KINDS;
use crds::schema::check;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Makes a document from a schema; the bytes decide what is in it, and when they are used up the rest is as small as
/// the schema allows.
struct Maker<'a> {
    bytes: std::slice::Iter<'a, u8>,
}

impl Maker<'_> {
    fn choose(&mut self, among: usize) -> usize {
        usize::from(*self.bytes.next().unwrap_or(&0)) % among
    }

    fn pick(&mut self, among: &[Value]) -> Value {
        let place = self.choose(among.len());
        among[place].clone()
    }

    fn value(&mut self, schema: &Value) -> Value {
        if schema["x-kubernetes-int-or-string"] == true {
            return self.pick(&[json!(0), json!("0"), json!("1024Mi"), json!(7), json!("1Gi"), json!("100m")]);
        }
        if let Some(choices) = schema["enum"].as_array() {
            return self.pick(choices);
        }
        match schema["type"].as_str().unwrap() {
            "object" => self.object(schema),
            "array" => {
                let most = schema["maxItems"].as_u64().map_or(2, |most| usize::try_from(most.min(2)).unwrap());
                (0..self.choose(most + 1)).map(|_| self.value(&schema["items"])).collect()
            }
            "string" if schema["format"] == "date-time" => json!("2026-11-21T17:00:00Z"),
            "string" => self.pick(&[json!("a"), json!("null"), json!("0"), json!("\u{e9} \"x\"\n"), json!("~")]),
            "boolean" => self.pick(&[json!(false), json!(true)]),
            "integer" => {
                let least = schema["minimum"].as_i64().unwrap_or(0);
                json!(least + i64::try_from(self.choose(3)).unwrap())
            }
            "number" => self.pick(&[json!(1.5), json!(0.1)]),
            other => panic!("the maker knows no {other}"),
        }
    }

    fn object(&mut self, schema: &Value) -> Value {
        if let Some(values) = schema.get("additionalProperties") {
            return (0..self.choose(3)).map(|number| (format!("key{number}"), self.value(values))).collect();
        }
        let Some(properties) = schema["properties"].as_object() else { return json!({}) };
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let mut fields = Map::new();
        for (name, schema) in properties {
            if required.contains(&json!(name)) || self.choose(4) == 1 {
                fields.insert(name.clone(), self.value(schema));
            }
        }
        Value::Object(fields)
    }
}

static SCHEMAS: LazyLock<Vec<Value>> = LazyLock::new(|| KINDS.iter().map(|kind| (kind.schema)()).collect());

proptest! {
    #[test]
    fn a_document_that_the_schema_allows_is_written_as_it_was_read(
        kind in 0..KINDS.len(),
        bytes in proptest::collection::vec(any::<u8>(), 0..120),
    ) {
        let mut document = Maker { bytes: bytes.iter() }.value(&SCHEMAS[kind]);
        document["metadata"] = json!({ "name": "a", "labels": {}, "finalizers": [], "generation": 0 });
        prop_assert_eq!(check(&document, &SCHEMAS[kind]), []);
        prop_assert_eq!((KINDS[kind].rewrite)(document.clone()).unwrap(), document);
    }
}

#[test]
fn what_a_required_field_lacks_is_read_as_its_zero_value() {
    let kind = KINDS.iter().find(|kind| kind.kind == "VirtualMachineInstance").unwrap();
    let written = (kind.rewrite)(json!({ "spec": { "volumes": [{}], "hostname": null } })).unwrap();
    assert_eq!(
        written,
        json!({ "metadata": {}, "spec": { "domain": { "devices": {} }, "volumes": [{ "name": "" }] } })
    );
}

#[test]
fn only_upstream_s_open_fields_are_open() {
    fn open(schema: &Value, path: &str, found: &mut Vec<String>) {
        if schema["x-kubernetes-preserve-unknown-fields"] == true {
            found.push(path.to_owned());
        }
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            open(schema, &format!("{path}.{name}"), found);
        }
        for below in ["items", "additionalProperties"] {
            if schema.get(below).is_some() {
                open(&schema[below], path, found);
            }
        }
    }
    let mut found = Vec::new();
    for (kind, schema) in KINDS.iter().zip(SCHEMAS.iter()) {
        open(schema, "", &mut found);
        for path in found.drain(..) {
            let allowed = ["clock", "template.metadata", "virtualMachineTemplate.metadata", "virtualMachine.metadata"];
            let allowed = allowed.into_iter().chain(["dataVolumeTemplates.metadata", "persistentVolumeClaim.metadata"]);
            let is_allowed = allowed.into_iter().any(|end| path.ends_with(&format!(".{end}")));
            assert!(is_allowed, "{}{path} takes any field", kind.kind);
        }
    }
}
