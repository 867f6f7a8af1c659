//! A document without what no type has.

use serde_json::Value;

/// `document` without the fields that the structural `schema` does not know. An object of which it says nothing stays.
#[must_use]
pub fn known_only(document: Value, schema: &Value) -> Value {
    match document {
        Value::Object(fields) => {
            let is_open = schema["x-kubernetes-preserve-unknown-fields"] == true;
            let properties = schema["properties"].as_object();
            let known = fields.into_iter().filter_map(|(name, value)| {
                let below = schema.get("additionalProperties").or_else(|| properties?.get(&name));
                match below {
                    Some(below) => Some((name, known_only(value, below))),
                    None => (is_open || properties.is_none()).then_some((name, value)),
                }
            });
            Value::Object(known.collect())
        }
        Value::Array(items) => items.into_iter().map(|item| known_only(item, &schema["items"])).collect(),
        scalar => scalar,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_that_no_type_has_go() {
        let inner = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
        let schema = json!({ "type": "object", "properties": {
            "inner": inner,
            "list": { "type": "array", "items": inner },
            "map": { "type": "object", "additionalProperties": inner },
            "open": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
            "metadata": { "type": "object" },
        } });
        let fields = json!({ "a": "b", "c": "d" });
        let document = json!({
            "inner": fields, "list": [fields], "map": { "x": fields }, "open": fields, "metadata": fields, "e": 1,
        });
        let known = json!({ "a": "b" });
        let expected =
            json!({ "inner": known, "list": [known], "map": { "x": known }, "open": fields, "metadata": fields });
        assert_eq!(known_only(document, &schema), expected);
    }
}
