//! What is wrong with a document's shape.

use std::fmt;

/// Something that the schema does not allow.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// Where, such as `spec.volumes[0].emptyDisk.capacity`; empty for the document itself.
    pub path: String,
    /// What.
    pub problem: Problem,
}

/// What the schema does not allow.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Problem {
    /// The field is not there.
    Required,
    /// No field has this name.
    Unknown {
        /// The name that was probably meant.
        nearest: Option<String>,
    },
    /// Another type of value is wanted.
    Type {
        /// What is wanted.
        expected: String,
        /// What is there.
        found: &'static str,
    },
    /// The text is none of those that are allowed.
    Choice {
        /// Those that are.
        allowed: Vec<String>,
    },
    /// The value is too small, too large, too short or too long, or does not look as it must.
    Limit {
        /// What it must be.
        rule: String,
    },
}

impl Fault {
    /// The path without the places in lists, as upstream's schema validator names fields.
    pub fn field(&self) -> String {
        let mut field = String::with_capacity(self.path.len());
        let mut inside = false;
        for character in self.path.chars() {
            match character {
                '[' => inside = true,
                ']' => inside = false,
                _ if !inside => field.push(character),
                _ => {}
            }
        }
        field
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the document" } else { &self.path };
        match &self.problem {
            Problem::Required => write!(formatter, "{path} is required"),
            Problem::Unknown { nearest: None } => write!(formatter, "{path} is not a known field"),
            Problem::Unknown { nearest: Some(nearest) } => {
                write!(formatter, "{path} is not a known field: did you mean {nearest:?}?")
            }
            Problem::Type { expected, found } => write!(formatter, "{path} must be of type {expected}, not {found}"),
            Problem::Choice { allowed } => write!(formatter, "{path} must be one of {}", allowed.join(", ")),
            Problem::Limit { rule } => write!(formatter, "{path} must {rule}"),
        }
    }
}
