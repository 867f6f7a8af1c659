//! Reading a document: its shape, then its type.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Cause, Refusal, Stage};
use crate::crd::shared_schema;
use crate::schema::{Fault, Problem, check};

/// The document as the kind's type, when it has the shape that the webhooks' schema asks for.
pub(super) fn read<T: DeserializeOwned>(document: &Value, schema: &Value, stage: Stage) -> Result<T, Refusal> {
    check_shape(document, schema, stage)?;
    deserialize(document, stage)
}

/// Whether the document has the shape that a schema asks for.
pub(super) fn check_shape(document: &Value, schema: &Value, stage: Stage) -> Result<(), Refusal> {
    let faults = check(document, schema);
    // Upstream's schema knows no pattern of a quantity: its decoder does.
    let (quantities, faults): (Vec<Fault>, Vec<Fault>) = faults.into_iter().partition(is_quantity_syntax);
    if !faults.is_empty() {
        return Err(Refusal::of(stage, faults.iter().map(cause).collect()));
    }
    if let Some(quantity) = quantities.first() {
        return Err(Refusal::unreadable(stage, quantity.to_string()).at(&quantity.path));
    }
    Ok(())
}

/// The document as the kind's type where no schema is asked first: unknown fields are passed over.
pub(super) fn decode<T: DeserializeOwned + JsonSchema + 'static>(document: &Value, stage: Stage) -> Result<T, Refusal> {
    let value = deserialize(document, stage)?;
    match check(document, &shared_schema::<T>()).iter().find(|fault| is_undecodable(fault)) {
        Some(fault) => Err(Refusal::unreadable(stage, fault.to_string()).at(&fault.path)),
        None => Ok(value),
    }
}

/// The document as a type, as far as serde tells.
pub(super) fn deserialize<T: DeserializeOwned>(document: &Value, stage: Stage) -> Result<T, Refusal> {
    serde_path_to_error::deserialize(document).map_err(|error| {
        let fault = Fault { path: error.path().to_string(), problem: Problem::Required };
        let message = format!("{}: {}", fault.field(), error.inner());
        Refusal::unreadable(stage, message).at(&fault.path)
    })
}

/// What upstream's decoder refuses and serde does not: a list for an object, a quantity that is none.
fn is_undecodable(fault: &Fault) -> bool {
    let is_list = matches!(&fault.problem, Problem::Type { expected, found: "array" } if expected == "object");
    is_list || is_quantity_syntax(fault)
}

fn is_quantity_syntax(fault: &Fault) -> bool {
    matches!(&fault.problem, Problem::Limit { rule } if rule.contains("quantity"))
}

/// Upstream gives the field in its text only; ours is another.
fn cause(fault: &Fault) -> Cause {
    Cause { place: Some(fault.path.clone()), ..Cause::new(None, fault.field(), fault.to_string()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::migration_policy::MigrationPolicy;

    #[test]
    fn what_upstream_s_decoder_refuses_is_unreadable() {
        let code =
            |document: Value| decode::<MigrationPolicy>(&document, Stage::Admit).err().map(|refusal| refusal.code);
        assert_eq!(code(json!({ "spec": { "selectors": {}, "unknown": 1 } })), None);
        for spec in [json!([]), json!({ "selectors": [] }), json!({ "bandwidthPerMigration": "lots" }), json!("a")] {
            assert_eq!(code(json!({ "spec": spec })), Some(400), "{spec}");
        }
    }
}
