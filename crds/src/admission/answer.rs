//! The answer to a request.

use serde::Serialize;
use serde_json::Value;

use super::Cause;

/// More causes than these upstream does not tell.
const TOLD: usize = 10;

/// What is answered to the creation of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The object as it is stored, when its defaults could be set.
    pub stored: Option<Value>,
    /// Why it is refused, when it is.
    pub refusal: Option<Refusal>,
    /// What the client is told although the object is good.
    pub warnings: Vec<String>,
}

/// Why an object is refused.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Refusal {
    /// Who refused.
    pub stage: Stage,
    /// The HTTP status.
    pub code: u16,
    /// For the user: all messages.
    pub message: String,
    /// The causes; none where the object could not be read.
    pub causes: Vec<Cause>,
    /// Causes that upstream found too and does not tell.
    #[serde(skip)]
    pub untold: Vec<Cause>,
    /// What could not be read, where there are no causes and it is known.
    #[serde(skip)]
    pub place: Option<String>,
}

/// Which webhook refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The one that sets defaults.
    Mutate,
    /// The one that applies the rules.
    Admit,
}

impl Refusal {
    /// The object was understood, and something is wrong with it.
    pub fn of(stage: Stage, mut causes: Vec<Cause>) -> Self {
        let untold = causes.split_off(causes.len().min(TOLD));
        let mut message = causes.iter().map(|cause| cause.message.as_str()).collect::<Vec<_>>().join(", ");
        if !untold.is_empty() {
            message.push_str(&format!(", and {} more validation errors", untold.len()));
        }
        Self { causes, untold, ..Self::with(stage, 422, message) }
    }

    /// It cannot be done, for a reason that is no field's.
    pub fn impossible(stage: Stage, message: String) -> Self {
        Self::with(stage, 422, message)
    }

    /// The object was not understood.
    pub fn unreadable(stage: Stage, message: String) -> Self {
        Self::with(stage, 400, message)
    }

    /// What of it was not understood.
    #[must_use]
    pub fn at(self, place: &str) -> Self {
        Self { place: Some(place.to_owned()), ..self }
    }

    /// It cannot be done now; the client shall ask again.
    pub fn for_now(stage: Stage, message: String) -> Self {
        Self::with(stage, 429, message)
    }

    fn with(stage: Stage, code: u16, message: String) -> Self {
        Self { stage, code, message, causes: Vec::new(), untold: Vec::new(), place: None }
    }
}
