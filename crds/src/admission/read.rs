//! Reading a document: its shape, then its type.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Cause, Refusal, Stage};
use crate::schema::{Fault, Problem, check};

/// The document as the kind's type, when it has the shape that the webhooks' schema asks for.
pub(super) fn read<T: DeserializeOwned>(document: &Value, schema: &Value, stage: Stage) -> Result<T, Refusal> {
    let faults = check(document, schema);
    // Upstream's schema knows no pattern of a quantity: its decoder does.
    let (quantities, faults): (Vec<Fault>, Vec<Fault>) = faults.into_iter().partition(is_quantity_syntax);
    if !faults.is_empty() {
        return Err(Refusal::of(stage, faults.iter().map(cause).collect()));
    }
    if let Some(quantity) = quantities.first() {
        return Err(Refusal::unreadable(stage, quantity.to_string()));
    }
    decode(document, stage)
}

/// The document as the kind's type, whatever its shape is.
pub(super) fn decode<T: DeserializeOwned>(document: &Value, stage: Stage) -> Result<T, Refusal> {
    serde_path_to_error::deserialize(document).map_err(|error| {
        let fault = Fault { path: error.path().to_string(), problem: Problem::Required };
        let message = format!("{}: {}", fault.field(), error.inner());
        Refusal::unreadable(stage, message)
    })
}

fn is_quantity_syntax(fault: &Fault) -> bool {
    matches!(&fault.problem, Problem::Limit { rule } if rule.contains("quantity"))
}

/// Upstream gives the field in its text only; ours is another.
fn cause(fault: &Fault) -> Cause {
    Cause { reason: None, message: fault.to_string(), field: fault.field() }
}
