//! One thing that a host has or lacks.

use serde::Serialize;
use serde_json::Value;

/// How good it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// It is there.
    Ok,
    /// It is there, but limits what machines can do.
    Warning,
    /// It is not there.
    Lacking,
}

/// One item of the report. The names of its fields are the JSON form's and stay.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Finding {
    /// Its name in the report; stays the same from version to version.
    #[serde(skip)]
    pub(super) id: &'static str,
    pub(super) status: Status,
    /// Whether no machine runs without it.
    pub(super) required: bool,
    /// What was found, for programs; null when nothing was.
    pub(super) value: Value,
    /// What was found, for people.
    pub(super) found: String,
    /// What its lack means; null when nothing lacks.
    pub(super) means: Option<String>,
    /// What can be done about it; null when nothing can, or need be.
    pub(super) remedy: Option<String>,
}

impl Finding {
    /// It is there.
    pub(super) fn ok(id: &'static str, found: impl Into<String>) -> Self {
        let found = found.into();
        Self { id, status: Status::Ok, required: false, value: Value::Null, found, means: None, remedy: None }
    }

    /// It is there, with limits.
    pub(super) fn warning(id: &'static str, found: impl Into<String>, means: impl Into<String>) -> Self {
        Self { status: Status::Warning, means: Some(means.into()), ..Self::ok(id, found) }
    }

    /// It is not there.
    pub(super) fn lacking(id: &'static str, found: impl Into<String>, means: impl Into<String>) -> Self {
        Self { status: Status::Lacking, means: Some(means.into()), ..Self::ok(id, found) }
    }

    /// Without it no machine runs.
    pub(super) fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// The value for programs.
    pub(super) fn value(self, value: impl Into<Value>) -> Self {
        Self { value: value.into(), ..self }
    }

    /// What to do.
    pub(super) fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// Whether no machine can run because of it.
    pub(super) fn is_fatal(&self) -> bool {
        self.required && self.status == Status::Lacking
    }
}
