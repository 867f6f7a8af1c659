//! Schemas as the API server wants them: structural, without references.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The structural schema of a type.
pub fn structural_schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    simplify(&mut schema);
    not_required(&mut schema, "metadata");
    schema
}

/// As [`structural_schema`], made once for each type.
pub(crate) fn shared_schema<T: JsonSchema + 'static>() -> Arc<Value> {
    static SCHEMAS: Mutex<BTreeMap<TypeId, Arc<Value>>> = Mutex::new(BTreeMap::new());
    let mut schemas = SCHEMAS.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(schemas.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(structural_schema::<T>())))
}

/// The API server wants metadata by itself, and says so itself.
fn not_required(schema: &mut Value, field: &str) {
    let Some(schema) = schema.as_object_mut() else { return };
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.retain(|name| name != field);
        if required.is_empty() {
            schema.remove("required");
        }
    }
}

/// Removes what a structural schema may not have or need not say, from `schema` and everything below.
fn simplify(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    unwrap_optional(schema);
    for annotation in ["$schema", "title", "description"] {
        schema.remove(annotation);
    }
    fix_number_format(schema);
    if schema.get("type") == Some(&json!("array")) {
        // What the API server takes it for: told, so that server-side apply merges the same everywhere.
        schema.entry("x-kubernetes-list-type").or_insert_with(|| json!("atomic"));
    }
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(simplify);
    }
    for below in ["items", "additionalProperties"] {
        if let Some(below) = schema.get_mut(below) {
            simplify(below);
        }
    }
}

/// `Option<T>` has the schema of `T`: nothing but absence means none.
fn unwrap_optional(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    let is_null = |alternative: &Value| alternative == &json!({ "type": "null" });
    let Some(Value::Array(alternatives)) = schema.get("anyOf") else { return };
    if !alternatives.iter().any(is_null) {
        return;
    }
    if let Some(Value::Object(inner)) = alternatives.iter().find(|alternative| !is_null(alternative)).cloned() {
        schema.remove("anyOf");
        for (key, value) in inner {
            schema.entry(key).or_insert(value);
        }
    }
}

/// The API server knows the formats of signed numbers only.
fn fix_number_format(schema: &mut Map<String, Value>) {
    let format = match schema.get("format").and_then(Value::as_str) {
        Some("uint32") => Some("int32"),
        Some("uint64") => Some("int64"),
        Some("uint8" | "double") => None,
        _ => return,
    };
    if schema.get("minimum") == Some(&json!(0)) {
        schema.remove("minimum");
    }
    if schema.get("maximum") == Some(&json!(u8::MAX)) {
        schema.remove("maximum");
    }
    match format {
        Some(format) => schema.insert("format".to_owned(), json!(format)),
        None => schema.remove("format"),
    };
}
