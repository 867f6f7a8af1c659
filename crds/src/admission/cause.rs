//! Why an object is refused.

use std::fmt::Display;

use serde::Serialize;

/// One thing that is wrong with an object.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Cause {
    /// What kind of wrong; absent where upstream's schema validator found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// For the user.
    pub message: String,
    /// The field; empty where upstream names none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// The field's path with places in lists, where `field` leaves them out as upstream does.
    #[serde(skip)]
    pub place: Option<String>,
}

impl Cause {
    /// A cause whose field says where it is.
    pub fn new(reason: Option<Reason>, field: String, message: String) -> Self {
        Self { reason, message, field, place: None }
    }

    /// Where it is: the most exact path that is known.
    pub fn place(&self) -> &str {
        self.place.as_deref().unwrap_or(&self.field)
    }
}

/// Kinds of causes, by the names that the API has for them.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub enum Reason {
    /// The value makes no sense.
    #[serde(rename = "FieldValueInvalid")]
    Invalid,
    /// There is no value.
    #[serde(rename = "FieldValueRequired")]
    Required,
    /// The value is none of those that are known.
    #[serde(rename = "FieldValueNotSupported")]
    NotSupported,
    /// The value is there already.
    #[serde(rename = "FieldValueDuplicate")]
    Duplicate,
    /// What the value names is not there.
    #[serde(rename = "FieldValueNotFound")]
    NotFound,
    /// There must be no value.
    #[serde(rename = "FieldValueForbidden")]
    Forbidden,
    /// What the rules needed to know was not there.
    UnexpectedServerResponse,
}

/// The causes that rules found, in their order.
#[derive(Debug, Default)]
pub struct Causes(Vec<Cause>);

impl Causes {
    /// Adds a cause.
    pub fn add(&mut self, reason: Reason, field: impl Display, message: impl Into<String>) {
        self.0.push(Cause::new(Some(reason), field.to_string(), message.into()));
    }

    /// Adds a value that makes no sense.
    pub fn invalid(&mut self, field: impl Display, message: impl Into<String>) {
        self.add(Reason::Invalid, field, message);
    }

    /// Adds a value that is missing.
    pub fn required(&mut self, field: impl Display, message: impl Into<String>) {
        self.add(Reason::Required, field, message);
    }

    /// Adds a value that is not known.
    pub fn not_supported(&mut self, field: impl Display, message: impl Into<String>) {
        self.add(Reason::NotSupported, field, message);
    }

    /// Adds a value that is there already.
    pub fn duplicate(&mut self, field: impl Display, message: impl Into<String>) {
        self.add(Reason::Duplicate, field, message);
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The causes.
    pub fn into_vec(self) -> Vec<Cause> {
        self.0
    }
}
