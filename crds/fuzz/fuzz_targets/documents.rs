//! Any JSON as an object of any kind: it is checked against the kind's schema, read, and written.

#![no_main]

use std::sync::LazyLock;

use crds::crd::{KINDS, Kind};
use crds::schema::check;
use crds_fuzz::mutate_text;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use serde_json::{Value, json};

/// The schemas of the kinds, with a kind that can change.
static SCHEMAS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let kinds: Vec<&str> = KINDS.iter().map(|kind| kind.kind).collect();
    let schema = |kind: &Kind| {
        let mut schema = (kind.schema)();
        schema["properties"]["kind"] = json!({ "type": "string", "enum": kinds });
        schema
    };
    KINDS.iter().map(schema).collect()
});

fn place(document: &Value) -> usize {
    KINDS.iter().position(|kind| document["kind"] == kind.kind).unwrap_or_default()
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate_text(data, size, max_size, |document| &SCHEMAS[place(document)], seed)
        .unwrap_or_else(|| fuzzer_mutate(data, size, max_size))
});

fuzz_target!(|data: &[u8]| {
    let Ok(document) = serde_json::from_slice::<Value>(data) else { return };
    let place = place(&document);
    for fault in check(&document, &SCHEMAS[place]) {
        assert!(!fault.to_string().is_empty());
    }
    if let Ok(written) = (KINDS[place].rewrite)(document) {
        assert_eq!((KINDS[place].rewrite)(written.clone()).unwrap(), written);
    }
});
