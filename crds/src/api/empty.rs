//! An object whose presence is all it says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An object without fields, such as `bridge: {}`.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Empty {}
